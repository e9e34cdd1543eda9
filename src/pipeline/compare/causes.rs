//! Why the sells of two versions differ: changed trades, changed rates, other settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::error::PipelineResult;
use super::super::job::Context;
use super::rates::ChangedRates;
use super::{ComparedVersion, Sides, notes};
use crate::engine::{
    Pool, PoolLedger, PoolStatus, Timestamp, TradeRef, split_correction, thousands,
};
use crate::store::Store;
use crate::store::model::{PoolSummary, Scope};

/// Changes of a pool's trades between two versions.
#[derive(Default)]
struct Changes {
    oldest: Option<(Timestamp, String)>,
    /// Causes by order id.
    own: BTreeMap<String, String>,
}

/// Known causes of differences.
pub(super) struct Causes {
    changes: BTreeMap<Pool, Changes>,
    /// The cause for each pool if no changed trade explains a sell.
    general: BTreeMap<Pool, String>,
    rates: ChangedRates,
}

impl Causes {
    pub(super) async fn find(
        store: &dyn Store,
        context: &Context,
        left: &ComparedVersion,
        right: &ComparedVersion,
        pools: &[&Pool],
    ) -> PipelineResult<Self> {
        let mut general = BTreeMap::new();
        let mut to_read = BTreeSet::new();
        for pool in pools.iter().copied() {
            let (of_left, of_right) = (left.pools.get(pool), right.pools.get(pool));
            let hash = |it: Option<&PoolSummary>| it.map(|it| it.ledger_hash);
            if hash(of_left) != hash(of_right) {
                to_read.insert(pool.clone());
            }
            general.insert(pool.clone(), in_general(left, right, pool));
        }
        let rates = ChangedRates::find(store, &left.info, &right.info).await?;
        let mut changes = BTreeMap::new();
        if !to_read.is_empty() {
            let scope = Scope {
                part: Some(Arc::new(to_read.clone())),
                ..Scope::default()
            };
            let then = &left.info.watermark;
            let before = context.read_ledger(store, &scope, Some(then)).await?;
            let now = &right.info.watermark;
            let after = context.read_ledger(store, &scope, Some(now)).await?;
            for pool in to_read {
                let (before, after) = (before.pools.get(&pool), after.pools.get(&pool));
                let of_rates = |id: &str| rates.of(&pool.account, std::iter::once(id));
                let changed = changes_of(before, after, &of_rates);
                changes.insert(pool, changed);
            }
        }
        Ok(Self {
            changes,
            general,
            rates,
        })
    }

    /// Says how many trades have other rates. `None`: all have the same.
    pub(super) fn note(&self) -> Option<String> {
        match self.rates.len() {
            0 => None,
            1 => Some("1 trade has a value by other rates".into()),
            trades => {
                let trades = thousands(trades);
                Some(format!("{trades} trades have a value by other rates"))
            }
        }
    }

    /// Says why a sell differs: its own change, else the pool's oldest change if that is not later.
    /// With the same lots, the rates of the sell and its lots come before an older change.
    pub(super) fn why(&self, pool: &Pool, sell: (&str, Timestamp), sides: Sides<'_>) -> String {
        let (sell, time) = sell;
        let changes = self.changes.get(pool);
        let own = changes.and_then(|changes| changes.own.get(sell));
        let oldest = changes.and_then(|changes| changes.oldest.as_ref());
        let earlier = oldest.filter(|(at, _)| *at <= time).map(|(_, what)| what);
        let lots = sides.map(|side| side.map_or(&[][..], |side| side.lots.as_slice()));
        let [left, right] = lots;
        let bought = left.iter().chain(right).map(|(buy, _)| buy.as_str());
        let trades = std::iter::once(sell).chain(bought);
        let rates = self.rates.of(&pool.account, trades);
        let (rates_first, rates_last) = match left == right {
            true => (rates, None),
            false => (None, rates),
        };
        own.cloned()
            .or(rates_first)
            .or(earlier.cloned())
            .or(rates_last)
            .unwrap_or_else(|| self.general.get(pool).cloned().unwrap_or_default())
    }
}

/// Says why a pool differs if no trade is known to be the cause.
fn in_general(left: &ComparedVersion, right: &ComparedVersion, pool: &Pool) -> String {
    for side in [left, right] {
        let version = side.info.version;
        match side.pools.get(pool) {
            None => return format!("version {version} does not have the pool"),
            Some(it) if it.status != PoolStatus::Matched => {
                let (status, error) = (it.status.as_str(), it.error.as_deref().unwrap_or(""));
                return format!("{status} in version {version}: {error}");
            }
            Some(_) => {}
        }
    }
    let hash = |side: &ComparedVersion| side.pools.get(pool).map(|it| it.ledger_hash);
    if hash(left) != hash(right) {
        return "the ledger was changed, and what it was is gone".into();
    }
    match notes(&left.info, &right.info).first() {
        Some(note) => note.clone(),
        None => "not known: the same trades, policy and program".into(),
    }
}

fn by_id(ledger: Option<&PoolLedger>) -> BTreeMap<&str, TradeRef<'_>> {
    let trades = ledger.into_iter().flat_map(|ledger| ledger.trades.iter());
    trades.map(|trade| (trade.order_id, trade)).collect()
}

/// Lists which trades of a pool were added, removed, corrected or changed. `of_rates`: which rates
/// gave a trade another value; no fact of the trade itself changed then.
fn changes_of(
    before: Option<&PoolLedger>,
    after: Option<&PoolLedger>,
    of_rates: &dyn Fn(&str) -> Option<String>,
) -> Changes {
    let (before, after) = (by_id(before), by_id(after));
    let mut changes = Vec::new();
    for (id, trade) in &after {
        let what = match before.get(id) {
            Some(old) if old == trade => continue,
            Some(_) => of_rates(id).unwrap_or_else(|| format!("\"{id}\" was changed")),
            None => match split_correction(id) {
                Some((of, _)) if before.contains_key(of) || after.contains_key(of) => {
                    format!("correction of \"{of}\"")
                }
                _ => format!("new {} \"{id}\"", trade.side),
            },
        };
        changes.push((id, trade.order_time, what));
    }
    let corrected = after.keys().filter_map(|id| Some(split_correction(id)?.0));
    let corrected: BTreeSet<&str> = corrected.collect();
    for (id, trade) in &before {
        if !after.contains_key(id) {
            let what = match corrected.contains(id) {
                true => format!("correction of \"{id}\""),
                false => format!("\"{id}\" was voided, or is gone"),
            };
            changes.push((id, trade.order_time, what));
        }
    }
    let oldest = changes.iter().min_by_key(|(id, at, _)| (*at, *id));
    Changes {
        oldest: oldest.map(|(_, at, what)| (*at, what.clone())),
        own: changes
            .into_iter()
            .map(|(id, _, what)| ((*id).to_owned(), what))
            .collect(),
    }
}
