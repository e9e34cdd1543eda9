//! Lots by decision: buys that a person said were there, each for a sell that found no lot.
//!
//! A missing buy may still arrive. Then it and the lot by decision both count, and only a person
//! can tell whether they are one. So the report names the new buy beside the decision. It undoes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::error::PipelineResult;
use crate::engine::{Pool, Side, Timestamp};
use crate::store::model::{
    NamedTrade, QueuedItem, Scope, TradeIds, Version, Watermark, decided_item, decision_prefix,
};
use crate::store::values;
use crate::store::{Store, StoreError, TradeStore, VersionStore};

/// A lot by decision that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedLot {
    /// The review item that the decision settled.
    pub item: i64,
    /// Account and asset.
    pub pool: Pool,
    /// Order id of the buy that the decision appended.
    pub order_id: String,
    /// Order id of the sell that had found no lot.
    pub sell_order_id: String,
    /// Execution time of that sell.
    pub sold_at: Option<Timestamp>,
}

/// Buys that arrived after a decision; one of them may be the missing buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateBuy {
    /// The lot by decision.
    pub lot: DecidedLot,
    /// Order id of the first of these buys.
    pub order_id: String,
    /// Number of further buys.
    pub more: u64,
}

/// Lists the lots by decision that count as of an instant; `None` is the present.
///
/// Errors: the watermark is of another kind of database, or of another cluster; the store fails.
pub async fn decided_lots(
    store: &dyn Store,
    as_of: Option<&Watermark>,
) -> PipelineResult<Vec<DecidedLot>> {
    let imports = store.imports().await?;
    let decided = imports
        .iter()
        .filter_map(|file| Some((decided_item(&file.name)?, file.rows)));
    let decided: Vec<(i64, i64)> = decided.collect();
    if decided.is_empty() {
        return Ok(Vec::new());
    }
    let rows_of = |item: &QueuedItem| {
        let of_item = decided.iter().filter(|(id, _)| *id == item.id);
        of_item.map(|(_, rows)| *rows).sum::<i64>()
    };
    let items = store.review_queue().await?;
    let mut asked: BTreeMap<(String, String), &QueuedItem> = BTreeMap::new();
    for item in &items {
        let prefix = decision_prefix(item.id);
        let account = item.pool.account.as_str();
        let id = |number| ((account.to_owned(), format!("{prefix}{number}")), item);
        asked.extend((1..=rows_of(item)).map(id));
    }
    let ids: TradeIds = asked.keys().cloned().collect();
    let trades = store.trades_named(&ids, as_of).await?;
    let lot = |trade: NamedTrade| {
        let key = (trade.pool.account.to_string(), trade.order_id.clone());
        let item = asked.get(&key).filter(|item| item.pool == trade.pool)?;
        (!trade.is_voided).then(|| DecidedLot {
            item: item.id,
            pool: trade.pool,
            order_id: trade.order_id,
            sell_order_id: item.order_id.clone(),
            sold_at: sold_at(item),
        })
    };
    Ok(trades.into_iter().filter_map(lot).collect())
}

/// Lists the lots by decision whose sell is out of matching: another sell may use them now.
///
/// Errors: as of [`decided_lots`].
pub async fn decided_without_sell(store: &dyn Store) -> PipelineResult<Vec<DecidedLot>> {
    let mut lots = decided_lots(store, None).await?;
    let key = |lot: &DecidedLot| (lot.pool.account.to_string(), lot.sell_order_id.clone());
    let ids: TradeIds = lots.iter().map(key).collect();
    let sells = store.trades_named(&ids, None).await?.into_iter();
    let sells = sells.filter(|sell| !sell.is_voided);
    let sells: TradeIds = sells
        .map(|sell| (sell.pool.account.to_string(), sell.order_id))
        .collect();
    lots.retain(|lot| !sells.contains(&key(lot)));
    Ok(lots)
}

/// Returns the execution time of the sell that a review item is about.
fn sold_at(item: &QueuedItem) -> Option<Timestamp> {
    let details: Value = serde_json::from_str(&item.details).ok()?;
    details.get("sell_time")?.as_str()?.parse().ok()
}

/// Returns the watermark of the current version; `None` if no version is current.
///
/// Errors: the store fails.
pub async fn current_watermark(store: &dyn VersionStore) -> PipelineResult<Option<Watermark>> {
    let current = store.current().await?.version;
    watermark_of(store, current).await
}

/// Returns the watermark of a version; `None` if no version has that number.
///
/// Errors: the store fails.
pub async fn watermark_of(
    store: &dyn VersionStore,
    version: Option<Version>,
) -> PipelineResult<Option<Watermark>> {
    let Some(version) = version else {
        return Ok(None);
    };
    let mut versions = store.versions().await?.into_iter();
    let info = versions.find(|info| info.version == version);
    Ok(info.map(|info| info.watermark))
}

/// Returns lots by decision with buys that arrived after a watermark, but were executed no later
/// than the lot's sell.
///
/// Errors: the store fails.
pub async fn late_buys(
    store: &dyn TradeStore,
    lots: &[DecidedLot],
    since: &Watermark,
) -> PipelineResult<Vec<LateBuy>> {
    let pools: BTreeSet<Pool> = lots.iter().map(|lot| lot.pool.clone()).collect();
    if pools.is_empty() {
        return Ok(Vec::new());
    }
    let scope = Scope {
        part: Some(Arc::new(pools)),
        ..Scope::default()
    };
    let arrived = match values::arrivals(store, &scope, since).await {
        Ok(arrived) => arrived,
        // The new rows can't be found. The next run then reads everything, and reports that.
        Err(StoreError::WatermarkElsewhere(_) | StoreError::MustReadWhole(_)) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let mut late = Vec::new();
    for lot in lots {
        let of_pool = arrived.pools.get(&lot.pool);
        let trades = of_pool.into_iter().flat_map(|ledger| ledger.trades.iter());
        let mut buys = trades.filter(|trade| {
            let is_decided = lots.iter().any(|of| *of.order_id == *trade.order_id);
            let in_time = lot
                .sold_at
                .is_some_and(|sold_at| trade.order_time <= sold_at);
            trade.side == Side::Buy && in_time && !is_decided
        });
        if let Some(first) = buys.next() {
            late.push(LateBuy {
                lot: lot.clone(),
                order_id: first.order_id.to_string(),
                more: buys.count() as u64,
            });
        }
    }
    Ok(late)
}
