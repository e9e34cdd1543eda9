//! Compares a filed year with a version: the lines that differ, and their sums by box.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::amount::Amounts;
use super::boxes::FormBox;
use super::manifest::{MANIFEST_FORMAT, Sealing, rules_of};
use super::row::{RowMaker, TaxRow, TaxRules};
use super::{TaxError, TaxResult};
use crate::engine::{AssetClass, Leg, Pool, RowsHash, Timestamp};
use crate::store::model::{
    EventKind, LoggedEvent, PoolSummary, SourcedAllocation, TradeOrigin, Version,
};
use crate::store::proof::check_pool;
use crate::store::{HistoryStore, StoredPool, VersionStore, together};

/// A filed year, as the audit trail has it.
#[derive(Debug, Clone)]
pub struct FiledYear {
    /// The version that was filed and sealed.
    pub version: Version,
    /// The settings of the printed figures.
    pub rules: TaxRules,
    /// The zip's name.
    pub file: String,
    /// The zip's SHA-256.
    pub sha256: String,
    /// When the year was filed.
    pub at: Timestamp,
    /// How many times the year and account were filed before.
    pub earlier: u64,
}

/// Returns the filings, the newest of each year and account.
///
/// Errors: the audit trail can't be read.
pub async fn filed(
    store: &dyn HistoryStore,
    zone: &dyn Fn(&str) -> Option<jiff::tz::TimeZone>,
) -> TaxResult<Vec<FiledYear>> {
    let events = store.events_of(&[EventKind::TaxFiled]).await?;
    let mut newest = BTreeMap::new();
    for event in &events {
        if let Some(mut filed) = filed_of(event, zone)? {
            let key = (filed.rules.year, filed.rules.account.clone());
            let before = newest.get(&key).map(|of: &FiledYear| of.earlier + 1);
            filed.earlier = before.unwrap_or(0);
            newest.insert(key, filed);
        }
    }
    Ok(newest.into_values().collect())
}

fn filed_of(
    event: &LoggedEvent,
    zone: &dyn Fn(&str) -> Option<jiff::tz::TimeZone>,
) -> TaxResult<Option<FiledYear>> {
    let details = &event.details;
    let is_final = details.get("kind").and_then(Value::as_str) == Some(Sealing::Final.as_str());
    let known = details.get("manifest_format").and_then(Value::as_i64) == Some(MANIFEST_FORMAT);
    let (Some(version), true, true) = (event.version, is_final, known) else {
        return Ok(None);
    };
    let text = |name: &str| {
        details
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    Ok(Some(FiledYear {
        version,
        rules: rules_of(details, zone)?,
        file: text("file").to_owned(),
        sha256: text("sha256").to_owned(),
        at: event.at,
        earlier: 0,
    }))
}

/// A printed line of a tax file: its key and its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLine {
    /// Account of the sale.
    pub account: String,
    /// Symbol of the sale.
    pub symbol: String,
    /// Asset of the lots.
    pub asset: String,
    /// The sell.
    pub sell_order_id: String,
    /// The buy; `None` if no lot was left.
    pub buy_order_id: Option<String>,
    /// The legs of sell and buy.
    pub legs: (Leg, Leg),
    /// `0.25 BTC`.
    pub description: String,
    /// Dates of purchase and sale.
    pub dates: (Option<jiff::civil::Date>, jiff::civil::Date),
    /// `None` if no lot was left, or if the row is not on Form 8949.
    pub form_box: Option<FormBox>,
    /// As printed; proceeds alone if no lot was left.
    pub printed: Amounts,
}

impl PrintedLine {
    fn of(row: &TaxRow, rules: &TaxRules) -> Self {
        let stored = &row.from.row;
        let unmatched = Amounts {
            proceeds: rules.rounding.round(stored.net_proceeds_usd),
            cost: 0,
        };
        Self {
            account: stored.account.to_string(),
            symbol: stored.symbol.to_string(),
            asset: stored.asset.to_string(),
            sell_order_id: stored.sell_order_id.to_string(),
            buy_order_id: stored.buy_order_id.as_ref().map(ToString::to_string),
            legs: (stored.sell_leg, stored.buy_leg),
            description: row.description(),
            dates: (row.acquired, row.sold),
            form_box: row.form_box(),
            printed: row.matched.map_or(unmatched, |matched| matched.printed),
        }
    }

    /// The key of a line: two versions have at most one line of a pair of legs.
    fn key(&self) -> (String, String, String, String, (Leg, Leg)) {
        let buy = self.buy_order_id.clone().unwrap_or_default();
        let (account, asset) = (self.account.clone(), self.asset.clone());
        (account, asset, self.sell_order_id.clone(), buy, self.legs)
    }
}

/// A line that differs between the filing and the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    /// The filed line; `None`: the line is new.
    pub filed: Option<PrintedLine>,
    /// The line of the compared version; `None`: the line is gone.
    pub now: Option<PrintedLine>,
}

/// All differences of a year.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// The filed year.
    pub filed: FiledYear,
    /// The version that it is compared with.
    pub version: Version,
    /// Lines that differ, in the order of the filing, then new ones.
    pub lines: Vec<Amended>,
    /// For each box, the sums of the lines that differ, filed and today.
    pub boxes: BTreeMap<FormBox, (Amounts, Amounts)>,
}

impl Amendment {
    /// Returns the sums over all boxes, filed and today.
    pub fn total(&self) -> (Amounts, Amounts) {
        let mut total = (Amounts::default(), Amounts::default());
        for (filed, now) in self.boxes.values() {
            total.0.add(*filed);
            total.1.add(*now);
        }
        total
    }
}

/// Compares a filing with a version. `only`: the pools to compare. Pools with equal hashes, or
/// without sales in the year, are not read.
///
/// Errors: the filed version's rows are gone; a pool has several classes; the store.
pub async fn amend(
    store: &dyn VersionStore,
    filed: FiledYear,
    version: Version,
    only: Option<&BTreeSet<Pool>>,
) -> TaxResult<Amendment> {
    let old = store.pool_summaries(filed.version).await?;
    if old.is_empty() {
        return Err(TaxError::FiledRowsGone(filed.version));
    }
    let new = store.pool_summaries(version).await?;
    let mut pools = changed_pools(&old, &new);
    let sells: BTreeSet<&Pool> = old
        .iter()
        .chain(&new)
        .filter(|summary| filed.rules.may_have_sales_of(summary))
        .map(|summary| &summary.pool)
        .collect();
    let account = filed.rules.account.as_deref();
    pools.retain(|pool| {
        sells.contains(pool)
            && only.is_none_or(|only| only.contains(pool))
            && account.is_none_or(|account| pool.account.as_str() == account)
    });
    let rows: BTreeMap<&Pool, u64> = old
        .iter()
        .chain(&new)
        .map(|summary| (&summary.pool, summary.rows()))
        .collect();
    let rows = |pool: &Pool| rows.get(pool).copied().unwrap_or(0);
    let pools = together(pools.into_iter().map(|pool| {
        let rows = rows(&pool);
        (pool, rows)
    }));
    let mut of_version = Vec::new();
    for (number, summaries) in [(filed.version, &old), (version, &new)] {
        let lines = lines_of(store, (number, summaries), &pools, &filed.rules);
        of_version.push(lines.await?);
    }
    let now = of_version.pop().unwrap_or_default();
    let before = of_version.pop().unwrap_or_default();
    let lines = differences(before, now);
    let mut boxes: BTreeMap<FormBox, (Amounts, Amounts)> = BTreeMap::new();
    for Amended { filed, now } in &lines {
        for (line, is_filed) in [(filed, true), (now, false)] {
            let Some(line) = line else { continue };
            let Some(form_box) = line.form_box else {
                continue;
            };
            let sums = boxes.entry(form_box).or_default();
            let sum = if is_filed { &mut sums.0 } else { &mut sums.1 };
            sum.add(line.printed);
        }
    }
    Ok(Amendment {
        filed,
        version,
        lines,
        boxes,
    })
}

/// Returns the pools whose rows are not the same in two versions.
fn changed_pools(old: &[PoolSummary], new: &[PoolSummary]) -> BTreeSet<Pool> {
    // The class decides the box.
    type RowsAndClass = (RowsHash, Option<AssetClass>);
    let hashes = |summaries: &[PoolSummary]| -> BTreeMap<Pool, RowsAndClass> {
        let class = |of: &PoolSummary| of.class.and_then(|of| of.class);
        let filed = |of: &PoolSummary| (of.allocations_hash, class(of));
        let of = |summary: &PoolSummary| (summary.pool.clone(), filed(summary));
        summaries.iter().map(of).collect()
    };
    let (old, new) = (hashes(old), hashes(new));
    let pools: BTreeSet<&Pool> = old.keys().chain(new.keys()).collect();
    let differs = |pool: &&Pool| old.get(*pool) != new.get(*pool);
    pools.into_iter().filter(differs).cloned().collect()
}

/// Returns the year's lines of some pools, pool by pool.
async fn lines_of(
    store: &dyn VersionStore,
    (version, summaries): (Version, &[PoolSummary]),
    pools: &[Vec<Pool>],
    rules: &TaxRules,
) -> TaxResult<Vec<PrintedLine>> {
    let of_pool: BTreeMap<&Pool, &PoolSummary> = summaries
        .iter()
        .map(|summary| (&summary.pool, summary))
        .collect();
    let (mut maker, mut lines) = (RowMaker::try_new(rules, summaries)?, Vec::new());
    for pools in pools {
        let stored = store.stored_pools(version, pools).await?;
        for (pool, stored) in pools.iter().zip(stored) {
            check_pool(version, pool, of_pool.get(pool).copied(), &stored)?;
            add_lines(stored, (&mut maker, rules), &mut lines);
        }
    }
    Ok(lines)
}

/// Adds the year's lines of a pool.
fn add_lines(
    stored: StoredPool,
    (maker, rules): (&mut RowMaker, &TaxRules),
    lines: &mut Vec<PrintedLine>,
) {
    let in_year = stored.allocations.into_iter();
    let in_year = in_year.filter(|row| rules.is_in_year(row.closed_at()));
    lines.extend(in_year.map(|row| {
        // The origin of a trade changes no figure.
        let row = maker.row(SourcedAllocation {
            row,
            batch_id: Arc::from(""),
            sell: TradeOrigin::default(),
            buy: TradeOrigin::default(),
        });
        PrintedLine::of(&row, rules)
    }));
}

fn differences(before: Vec<PrintedLine>, now: Vec<PrintedLine>) -> Vec<Amended> {
    let mut by_key: BTreeMap<_, PrintedLine> =
        now.iter().map(|line| (line.key(), line.clone())).collect();
    let mut amended = Vec::new();
    for line in before {
        match by_key.remove(&line.key()) {
            Some(same) if same == line => {}
            other => amended.push(Amended {
                filed: Some(line),
                now: other,
            }),
        }
    }
    for line in now
        .into_iter()
        .filter(|line| by_key.contains_key(&line.key()))
    {
        amended.push(Amended {
            filed: None,
            now: Some(line),
        });
    }
    amended
}
