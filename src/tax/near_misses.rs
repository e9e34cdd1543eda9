//! Finds trades nearby that may explain an unmatched sell, for a person to look at.

use std::collections::{BTreeMap, BTreeSet};

use super::TaxResult;
use super::boxes::base_asset;
use super::review::{kept, sell_time, unmatched_size};
use crate::engine::{AssetRules, Pool, Side, Size, Timestamp, Trade};
use crate::store::TradeStore;
use crate::store::model::{QueuedItem, Scope};
use crate::store::values;

/// Seconds after a sell in which a buy may be the sold one, with a wrong time.
const LATE_BUY_S: i64 = 300;

/// The text between an order's id and the number of its fill.
const FILL_MARK: &str = "-FILL-";

/// Something that may explain why a sell found no lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearMiss {
    /// A buy of the same pool soon after the sell: stamped late?
    LateBuy(Trade),
    /// The next buy of the same pool, of the same size: did it close a short sale?
    Cover(Trade),
    /// A buy of the same asset and size in another pool: another account or spelling?
    Elsewhere(Pool, Trade),
    /// A fill whose number is missing between others of its order.
    MissingFill(String),
}

/// Looks for possible causes of an unmatched sell. They are only hints: no figure depends on them.
///
/// Errors: the store.
pub async fn near_misses(
    store: &dyn TradeStore,
    item: &QueuedItem,
    rules: &AssetRules,
) -> TaxResult<Vec<NearMiss>> {
    let Some(sold_at) = sell_time(item) else {
        return Ok(Vec::new());
    };
    let read = values::read(store, &Scope::default(), None).await?;
    let late_until = sold_at.as_micros().saturating_add(LATE_BUY_S * 1_000_000);
    let asset = base_asset(&item.pool, rules);
    let (mut sizes, mut misses) = (BTreeSet::new(), Vec::new());
    sizes.extend(unmatched_size(item));
    if let Some(of_pool) = read.pools.get(&item.pool) {
        let trades = kept(&of_pool.trades)?;
        let is_it = |t: &&Trade| (t.order_id.as_str(), t.entry.leg) == (&*item.order_id, item.leg);
        let sell = trades.iter().find(is_it);
        sizes.extend(sell.map(|sell| sell.size));
        let is_late = |trade: &&Trade| {
            let time = trade.order_time;
            trade.side == Side::Buy && time > sold_at && time.as_micros() <= late_until
        };
        let late = trades.iter().filter(is_late).cloned();
        misses.extend(late.map(NearMiss::LateBuy));
        misses.extend(cover_of(&trades, sold_at, &sizes).map(NearMiss::Cover));
        misses.extend(
            missing_fills(&trades)
                .into_iter()
                .map(NearMiss::MissingFill),
        );
    }
    for (pool, ledger) in &read.pools {
        if *pool == item.pool || base_asset(pool, rules) != asset {
            continue;
        }
        let fits = |trade: &Trade| {
            let in_time = trade.order_time.as_micros() <= late_until;
            trade.side == Side::Buy && in_time && sizes.contains(&trade.size)
        };
        let trades = kept(&ledger.trades)?.into_iter().filter(fits);
        misses.extend(trades.map(|trade| NearMiss::Elsewhere(pool.clone(), trade)));
    }
    Ok(misses)
}

/// Returns the first buy after a sell, if its size is one of `sizes`.
fn cover_of(trades: &[Trade], sold_at: Timestamp, sizes: &BTreeSet<Size>) -> Option<Trade> {
    let after = trades
        .iter()
        .filter(|trade| trade.side == Side::Buy && trade.order_time > sold_at);
    let next = after.min_by_key(|trade| (trade.order_time, trade.order_id.as_str()))?;
    sizes.contains(&next.size).then(|| next.clone())
}

/// Returns the ids of fills that are missing below the highest number of their order.
fn missing_fills(trades: &[Trade]) -> Vec<String> {
    let mut fills: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for trade in trades {
        let parts = trade.order_id.as_str().rsplit_once(FILL_MARK);
        if let Some((order, number)) = parts.and_then(|(o, n)| Some((o, n.parse().ok()?))) {
            fills.entry(order).or_default().insert(number);
        }
    }
    let mut missing = Vec::new();
    for (order, numbers) in fills {
        let highest = numbers.last().copied().unwrap_or(0);
        // An id that only looks like that of a fill may end in any number. So at most ten missing
        // numbers of an order are named.
        let gaps = (1..highest).filter(|number| !numbers.contains(number));
        missing.extend(
            gaps.take(10)
                .map(|number| format!("{order}{FILL_MARK}{number}")),
        );
    }
    missing
}
