//! The lots of an explained pool, also as splits left them.

use std::collections::BTreeMap;

use crate::engine::reference::{match_pool_with_splits, match_signed_pool};
use crate::engine::{
    Leg, LotDirection, MoneyError, OrderId, Split, StoredAllocation, Timestamp, Trade,
};

/// The trades of a pool by id and leg, and the lots that splits made of them.
pub(super) struct Lots<'t> {
    buys: BTreeMap<(&'t OrderId, Leg), &'t Trade>,
    splits: &'t [Split],
    /// The lots of each trade after each of its splits, in order.
    changed: BTreeMap<(OrderId, Leg), Vec<Trade>>,
}

impl<'t> Lots<'t> {
    /// Errors: the splits of the pool can't be applied.
    pub(super) fn of(
        trades: &'t [Trade],
        (splits, shorts): (&'t [Split], bool),
    ) -> Result<Self, MoneyError> {
        let mut changed: BTreeMap<(OrderId, Leg), Vec<Trade>> = BTreeMap::new();
        if !splits.is_empty() {
            let matching = match shorts {
                true => match_signed_pool(trades, splits),
                false => match_pool_with_splits(trades, splits),
            };
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
        let splits = self.between((buy.order_time, row.sell_time), (id, row.buy_leg));
        Some((buy, splits))
    }

    /// Returns the splits between the sell of a short row and its buy, with the lots that they
    /// left.
    pub(super) fn short_of_row(&self, row: &StoredAllocation) -> Vec<(Split, Trade)> {
        match (row.direction, row.buy_time) {
            (LotDirection::Short, Some(closed)) => {
                self.between((row.sell_time, closed), (&row.sell_order_id, row.sell_leg))
            }
            _ => Vec::new(),
        }
    }

    fn between(
        &self,
        (opened, closed): (Timestamp, Timestamp),
        (id, leg): (&OrderId, Leg),
    ) -> Vec<(Split, Trade)> {
        let is_between = |split: &&Split| opened < split.happened_at && split.happened_at <= closed;
        let between = self.splits.iter().filter(is_between).copied();
        let changed = self.changed.get(&(id.clone(), leg));
        let changed = changed.into_iter().flatten().cloned();
        between.zip(changed).collect()
    }
}
