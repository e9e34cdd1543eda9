//! Actions and transfers in an incremental run: it can't go on from lots that have other sizes now,
//! or that may have come in another order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::error::PipelineResult;
use crate::engine::{
    ActionKind, AssetAction, AssetRules, Pool, PoolOutcome, PoolStatus, Timestamp, Unapplied,
    actions_of, unapplied,
};
use crate::store::model::{Arrivals, PoolSummary, Watermark};
use crate::store::{AppliedMovements, TradeStore, actions_beside_movements};

/// Why an action calls for a run over everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionCause {
    /// The program does not apply it.
    Unapplied(Box<Unapplied>),
    /// The pool has other actions than those that the version was computed with.
    Changed,
    /// A pool with a split has a new trade. A stored lot does not tell whether it was sold in part
    /// before the split.
    Split {
        /// The split.
        split_at: Timestamp,
    },
    /// Other transfers move its lots, or it has other income, than when the version was computed.
    Transfers,
    /// It has transfers or income, and it has new rows, or can be matched now. They may change what
    /// moved.
    Tied,
}

impl fmt::Display for ActionCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unapplied(unapplied) => unapplied.fmt(f),
            Self::Changed => f.write_str("its splits or other actions have changed"),
            Self::Split { split_at } => {
                write!(f, "it has a split, at {split_at}, and new trades")
            }
            Self::Transfers => f.write_str("its transfers or its income have changed"),
            Self::Tied => f.write_str("it has transfers or income, and new trades"),
        }
    }
}

/// The pools of a version that actions concern.
#[derive(Debug, Clone, Default)]
pub(super) struct ActedSince {
    /// Matched pools from whose lots the run can't go on.
    pub(super) forced: BTreeMap<Pool, ActionCause>,
    /// Pools without matches whose actions have changed.
    pub(super) again: BTreeSet<Pool>,
}

/// Compares the actions of a version's pools with those that are stored now.
pub(super) async fn acted_since(
    store: &dyn TradeStore,
    (rules, base): (&AssetRules, &Watermark),
    (summaries, arrivals): (&BTreeMap<Pool, PoolSummary>, &Arrivals),
) -> PipelineResult<ActedSince> {
    let mut acted = ActedSince::default();
    let transfers = moved_since(store, (rules, base), (summaries, arrivals)).await?;
    if arrivals.watermark.cursors().action_seq == 0 {
        acted.forced = transfers;
        return Ok(acted);
    }
    let now = actions_beside_movements(store, rules, Some(&arrivals.watermark)).await?;
    let mut known: Vec<(&Watermark, Vec<AssetAction>)> = Vec::new();
    for summary in summaries.values() {
        let at = match summary.status {
            PoolStatus::Stale => &summary.watermark,
            _ => base,
        };
        let found = known.iter().position(|(known, _)| *known == at);
        let before = match found {
            Some(found) => found,
            None => {
                let actions = actions_beside_movements(store, rules, Some(at)).await?;
                known.push((at, actions));
                known.len() - 1
            }
        };
        let before = known.get(before).map_or(&[][..], |(_, actions)| actions);
        let new = arrivals.pools.get(&summary.pool).into_iter();
        let new = new.flat_map(|new| new.trades.iter().map(|trade| trade.order_time));
        let pool = &summary.pool;
        let is_matched = matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale);
        let last = summary.last.as_ref().map(|last| last.order_time);
        let last = new.clone().chain(last).max();
        let (before, after) = (
            actions_of(before, rules, pool),
            actions_of(&now, rules, pool),
        );
        if !is_matched {
            // An unguarded ledger is compared whole.
            if before != after && !base.is_unguarded() {
                acted.again.insert(pool.clone());
            }
            continue;
        }
        let splits = after.iter().filter(|it| it.kind == ActionKind::Split);
        let split_at = splits.map(|split| split.happened_at).max();
        let has_new = new.count() > 0;
        let cause = match unapplied(&now, rules, (pool, last)) {
            Some(unapplied) => Some(ActionCause::Unapplied(Box::new(unapplied))),
            None if before != after => Some(ActionCause::Changed),
            None => split_at
                .filter(|_| has_new)
                .map(|split_at| ActionCause::Split { split_at }),
        };
        if let Some(cause) = cause {
            acted.forced.insert(pool.clone(), cause);
        }
    }
    acted.forced.extend(transfers);
    Ok(acted)
}

/// Returns the pools of changed transfers, and those with new rows that transfers tie to others.
async fn moved_since(
    store: &dyn TradeStore,
    (rules, base): (&AssetRules, &Watermark),
    (summaries, arrivals): (&BTreeMap<Pool, PoolSummary>, &Arrivals),
) -> PipelineResult<BTreeMap<Pool, ActionCause>> {
    let before = AppliedMovements::as_of(store, rules, base).await?;
    let now = AppliedMovements::as_of(store, rules, &arrivals.watermark).await?;
    let beside = now.beside_unlike(&before);
    let (before, now) = (before.by_pool(), now.by_pool());
    let pools: BTreeSet<&Pool> = before.keys().chain(now.keys()).collect();
    let has_result = |pool: &Pool| {
        let status = summaries.get(pool).map(|it| it.status);
        matches!(status, Some(PoolStatus::Matched | PoolStatus::Stale))
    };
    let is_counted = |pool: &Pool| {
        // No lots move out of a pool without a result.
        !has_result(pool) && is_counted_only(summaries, arrivals, pool)
    };
    let is_new = |pool: &Pool| {
        let has_new = arrivals.pools.contains_key(pool) || arrivals.revised.contains_key(pool);
        has_new && !is_counted(pool)
    };
    let cause = |pool: &Pool| match before.get(pool) == now.get(pool) {
        false => Some(ActionCause::Transfers),
        true => is_new(pool).then_some(ActionCause::Tied),
    };
    let forced = pools
        .into_iter()
        .filter_map(|pool| Some((pool.clone(), cause(pool)?)));
    // No lot tells of it, and the file of a year's income has it.
    let beside = beside.iter().map(|it| (it.clone(), ActionCause::Transfers));
    Ok(forced.chain(beside).collect())
}

/// Tells whether a pool without allocations stays without them. Then its new rows are only counted.
pub(super) fn is_counted_only(
    summaries: &BTreeMap<Pool, PoolSummary>,
    arrivals: &Arrivals,
    pool: &Pool,
) -> bool {
    let has_result = summaries.contains_key(pool);
    let new = arrivals.pools.get(pool);
    has_result
        && !arrivals.revised.contains_key(pool)
        && new.is_some_and(|new| new.invalid.is_empty())
}

/// Tells whether a rejected pool that was read again stays what it was. `at` would be the time of
/// its rows: it has none.
pub(super) fn is_as_before(
    summary: Option<&PoolSummary>,
    outcome: &PoolOutcome,
    at: Timestamp,
) -> bool {
    summary.is_some_and(|summary| {
        let now = PoolSummary::of(outcome, &summary.watermark, at);
        summary.status == PoolStatus::Rejected && now == *summary
    })
}
