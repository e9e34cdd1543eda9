//! Matched pools whose lots an action changes: an incremental run can't go on from them.

use std::collections::BTreeMap;

use super::error::PipelineResult;
use crate::engine::{AssetRules, Pool, PoolStatus, Unapplied, unapplied};
use crate::store::TradeStore;
use crate::store::model::{Arrivals, PoolSummary};

/// Finds the matched pools of a version that have an action up to their last trade, new trades
/// included.
pub(super) async fn unapplied_since(
    store: &dyn TradeStore,
    rules: &AssetRules,
    (summaries, arrivals): (&BTreeMap<Pool, PoolSummary>, &Arrivals),
) -> PipelineResult<BTreeMap<Pool, Unapplied>> {
    let actions = store.actions(Some(&arrivals.watermark)).await?;
    if actions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = summaries.values().filter_map(|it| {
        let is_matched = matches!(it.status, PoolStatus::Matched | PoolStatus::Stale);
        let new = arrivals.pools.get(&it.pool).into_iter();
        let new = new.flat_map(|new| new.trades.iter().map(|trade| trade.order_time));
        let last = it.last.as_ref().map(|last| last.order_time);
        let last = new.chain(last).max().filter(|_| is_matched)?;
        let found = unapplied(&actions, rules, (&it.pool, last))?;
        Some((it.pool.clone(), found))
    });
    Ok(found.collect())
}
