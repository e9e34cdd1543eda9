//! What differs from what was filed: line by line, by box, with totals.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::Value;

use super::amount::Amounts;
use super::boxes::FormBox;
use super::manifest::{MANIFEST_FORMAT, Sealing, rules_of};
use super::row::{RowMaker, TaxRow, TaxRules};
use super::{TaxError, TaxResult};
use crate::engine::{Account, Pool};
use crate::store::model::{LoggedEvent, PoolSummary, SourcedAllocation, Version};
use crate::store::{SourcedSink, Store};

/// What was filed for a year, as the audit trail has it.
#[derive(Debug, Clone)]
pub struct FiledYear {
    /// The version that was sealed with it.
    pub version: Version,
    /// What was printed, and how.
    pub rules: TaxRules,
    /// The zip's name.
    pub file: String,
    /// The zip's SHA-256.
    pub sha256: String,
}

/// Kind of the events of filed exports.
pub const FILED_EVENT: &str = "tax_filed";

/// Returns what was filed, the newest of each year and account.
///
/// Errors: the audit trail can't be read.
pub async fn filed(
    store: &dyn Store,
    zone: &dyn Fn(&str) -> Option<jiff::tz::TimeZone>,
) -> TaxResult<Vec<FiledYear>> {
    let events = store.events_of(&[FILED_EVENT]).await?;
    let mut newest = BTreeMap::new();
    for event in &events {
        if let Some(filed) = filed_of(event, zone)? {
            let key = (filed.rules.year, filed.rules.account.clone());
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
    }))
}

/// A line that is printed: what identifies it and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLine {
    /// Whose.
    pub account: String,
    /// Of what.
    pub symbol: String,
    /// The sell.
    pub sell_order_id: String,
    /// The buy; `None` where no lot was left.
    pub buy_order_id: Option<String>,
    /// `0.25 BTC`.
    pub description: String,
    /// Dates of purchase and sale.
    pub dates: (Option<jiff::civil::Date>, jiff::civil::Date),
    /// `None` where no lot was left.
    pub form_box: Option<FormBox>,
    /// As printed; proceeds alone where no lot was left.
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
            sell_order_id: stored.sell_order_id.to_string(),
            buy_order_id: stored.buy_order_id.as_ref().map(ToString::to_string),
            description: row.description(),
            dates: (row.acquired, row.sold),
            form_box: row.matched.map(|matched| matched.form_box),
            printed: row.matched.map_or(unmatched, |matched| matched.printed),
        }
    }

    /// What a line is known by: two versions have at most one line of a pair.
    fn key(&self) -> (String, String, String) {
        let buy = self.buy_order_id.clone().unwrap_or_default();
        (self.account.clone(), self.sell_order_id.clone(), buy)
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    /// What was filed; `None`: the line is new.
    pub filed: Option<PrintedLine>,
    /// What it is; `None`: the line is gone.
    pub now: Option<PrintedLine>,
}

/// All differences of a year.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// What was filed.
    pub filed: FiledYear,
    /// The version that it is compared with.
    pub version: Version,
    /// Lines that differ, in the order of what was filed, then new ones.
    pub lines: Vec<Amended>,
    /// Of each box: what the lines that differ came to, filed and today.
    pub boxes: BTreeMap<FormBox, (Amounts, Amounts)>,
}

impl Amendment {
    /// Returns what all boxes came to, filed and today.
    pub fn total(&self) -> (Amounts, Amounts) {
        let mut total = (Amounts::default(), Amounts::default());
        for (filed, now) in self.boxes.values() {
            total.0.add(*filed);
            total.1.add(*now);
        }
        total
    }
}

/// Compares what was filed with a version. Pools of equal hashes are not read.
///
/// Errors: the filed version's rows are gone; the store.
pub async fn amend(store: &dyn Store, filed: FiledYear, version: Version) -> TaxResult<Amendment> {
    let summaries = store.pool_summaries(filed.version).await?;
    if summaries.is_empty() {
        return Err(TaxError::Refused {
            message: format!("version {} was filed and its rows are gone", filed.version),
            hint: "restore a backup that has them".into(),
        });
    }
    let changed = changed_pools(&summaries, &store.pool_summaries(version).await?);
    let account = match &filed.rules.account {
        Some(name) => name.parse::<Account>().ok(),
        None => None,
    };
    let mut of_version = Vec::new();
    for number in [filed.version, version] {
        let mut lines = Lines {
            maker: RowMaker::new(&filed.rules),
            rules: &filed.rules,
            pools: &changed,
            lines: Vec::new(),
        };
        if !changed.is_empty() {
            store
                .sourced_rows(number, account.as_ref(), &mut lines)
                .await?;
        }
        of_version.push(lines.lines);
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
    let hashes = |summaries: &[PoolSummary]| -> BTreeMap<Pool, crate::engine::RowsHash> {
        let of = |summary: &PoolSummary| (summary.pool.clone(), summary.allocations_hash);
        summaries.iter().map(of).collect()
    };
    let (old, new) = (hashes(old), hashes(new));
    let pools: BTreeSet<&Pool> = old.keys().chain(new.keys()).collect();
    let differs = |pool: &&Pool| old.get(*pool) != new.get(*pool);
    pools.into_iter().filter(differs).cloned().collect()
}

/// Keeps the year's lines of some pools.
struct Lines<'r> {
    maker: RowMaker<'r>,
    rules: &'r TaxRules,
    pools: &'r BTreeSet<Pool>,
    lines: Vec<PrintedLine>,
}

impl SourcedSink for Lines<'_> {
    fn take(&mut self, from: SourcedAllocation) -> io::Result<()> {
        let pool = Pool::new(from.row.account.clone(), from.row.symbol.clone());
        if self.pools.contains(&pool) && self.rules.is_in_year(from.row.sell_time) {
            let row = self.maker.row(from);
            self.lines.push(PrintedLine::of(&row, self.rules));
        }
        Ok(())
    }
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
