//! Pools of an unguarded ledger that were changed after a version was computed from them.
//!
//! The ledger that the version was made from is gone, so nobody can say whether the version was
//! right. Its own rows can still be compared with each other. Nothing here is a fault of the
//! version.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{
    Invariant, LotDirection, Pool, PoolLedger, PoolStatus, RowsHash, StoredSummary, Violation,
};
use crate::store::StoredPool;
use crate::store::model::{LedgerRead, PoolSummary, VersionInfo};

/// A pool whose trades changed after a version was computed from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPool {
    /// The pool.
    pub pool: Pool,
    /// Number of trades that the version was computed from.
    pub trades_then: u64,
    /// Number of trades at present.
    pub trades_now: u64,
}

/// Lists the pools that changed since a version; a guarded ledger has none.
///
/// Removes pools that came after the version from `read`. Returns the number of their rows, too.
pub(super) fn changed_since<'s>(
    info: &VersionInfo,
    summaries: impl Iterator<Item = &'s PoolSummary>,
    read: &mut LedgerRead,
) -> (Vec<ChangedPool>, u64) {
    if !info.watermark.is_unguarded() {
        return (Vec::new(), 0);
    }
    let known: BTreeMap<&Pool, &PoolSummary> = summaries.map(|it| (&it.pool, it)).collect();
    let mut rows_later = 0;
    read.pools.retain(|pool, ledger| {
        let is_known = known.contains_key(pool);
        rows_later += if is_known { 0 } else { ledger.rows() };
        is_known
    });
    (differing(known.into_values(), read), rows_later)
}

/// Lists the pools whose trades differ from those that a version was computed from.
pub(super) fn differing<'s>(
    summaries: impl Iterator<Item = &'s PoolSummary>,
    read: &LedgerRead,
) -> Vec<ChangedPool> {
    let changed = summaries.filter_map(|summary| {
        let ledger = read.pools.get(&summary.pool);
        let hash = ledger.map_or(RowsHash::EMPTY, |ledger| ledger.facts_hash());
        // The hash of a pool covers the trades of its base legs. Other legs are counted.
        let has_rows = matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale);
        let legs = ledger.map_or(0, |ledger| ledger.legs);
        let is_changed = hash != summary.ledger_hash || has_rows && legs != summary.totals.legs;
        is_changed.then(|| ChangedPool {
            pool: summary.pool.clone(),
            trades_then: summary.totals.trades,
            trades_now: ledger.map_or(0, PoolLedger::rows),
        })
    });
    changed.collect()
}

/// Compares the rows of a version with each other and with its summary: I3, I4, I6 and I13.
pub(super) fn check_own_rows(
    pool: &Pool,
    stored: &StoredPool,
    summary: Option<&StoredSummary>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |invariant, order_id: &str, message: String| {
        violations.push(Violation {
            invariant,
            pool: Some(pool.clone()),
            order_id: order_id.to_owned(),
            message,
        });
    };
    let (mut pairs, mut hash) = (BTreeSet::new(), RowsHash::EMPTY);
    let mut line = Vec::new();
    for row in &stored.allocations {
        let sell = row.sell_order_id.as_str();
        let buy = row.buy_order_id.as_ref().map(|id| id.as_str());
        if !pairs.insert((sell, row.sell_leg, buy, row.buy_leg)) {
            let message = format!("the pair with \"{}\" is there twice", buy.unwrap_or("NULL"));
            add(Invariant::I3, sell, message);
        }
        if row.direction == LotDirection::Long
            && row.buy_time.is_some_and(|time| time > row.sell_time)
        {
            add(Invariant::I4, sell, "its buy is later than itself".into());
        }
        let cost = row.cost_basis_usd.map(|cost| cost.units());
        let expected = cost.map(|cost| row.net_proceeds_usd.units().checked_sub(cost));
        let is_right = expected == row.pnl_usd.map(|pnl| Some(pnl.units()));
        if !is_right {
            let pnl = row.pnl_usd.map_or("NULL".into(), |pnl| pnl.to_string());
            let message = format!("pnl_usd is \"{pnl}\", expected net proceeds less cost basis");
            add(Invariant::I6, sell, message);
        }
        line.clear();
        row.row().write_line(&mut line);
        hash.add_row(&line);
    }
    if let Some(summary) = summary.filter(|summary| summary.allocations_hash != hash) {
        let claimed = summary.allocations_hash;
        let message =
            format!("the summary's allocations_hash is \"{claimed}\", expected \"{hash}\"");
        add(Invariant::I13, "", message);
    }
    violations
}
