//! The lots of an explained pool, also as splits left them.

use std::collections::BTreeMap;

use crate::engine::reference::match_pool_with_splits;
use crate::engine::{Leg, MoneyError, OrderId, Split, StoredAllocation, Trade};

/// The buys of a pool by id and leg, and the lots that splits made of them.
pub(super) struct Lots<'t> {
    buys: BTreeMap<(&'t OrderId, Leg), &'t Trade>,
    splits: &'t [Split],
    /// The lots of each buy after each of its splits, in order.
    changed: BTreeMap<(OrderId, Leg), Vec<Trade>>,
}

impl<'t> Lots<'t> {
    /// Errors: the splits of the pool can't be applied.
    pub(super) fn of(trades: &'t [Trade], splits: &'t [Split]) -> Result<Self, MoneyError> {
        let mut changed: BTreeMap<(OrderId, Leg), Vec<Trade>> = BTreeMap::new();
        if !splits.is_empty() {
            let matching = match_pool_with_splits(trades, splits);
            let lots = matching.map_err(|_| MoneyError::OutOfRange)?.changed;
            for lot in lots {
                let key = (lot.order_id.clone(), lot.entry.leg);
                changed.entry(key).or_default().push(lot);
            }
        }
        let buys = trades.iter();
        let buys = buys.map(|trade| ((&trade.order_id, trade.entry.leg), trade));
        Ok(Self {
            buys: buys.collect(),
            splits,
            changed,
        })
    }

    /// Returns the buy of a row, and the splits between both with the lots that they left.
    pub(super) fn of_row(
        &self,
        row: &StoredAllocation,
    ) -> Option<(&'t Trade, Vec<(Split, Trade)>)> {
        let id = row.buy_order_id.as_ref()?;
        let buy = *self.buys.get(&(id, row.buy_leg))?;
        let (bought, sold) = (buy.order_time, row.sell_time);
        let is_between = |split: &&Split| bought < split.happened_at && split.happened_at <= sold;
        let between = self.splits.iter().filter(is_between).copied();
        let changed = self.changed.get(&(id.clone(), row.buy_leg));
        let changed = changed.into_iter().flatten().cloned();
        Some((buy, between.zip(changed).collect()))
    }
}
