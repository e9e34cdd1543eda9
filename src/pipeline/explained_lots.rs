//! The lots of an explained pool, also as splits left them, and those that came from other pools.

use std::collections::BTreeMap;

use crate::engine::reference::{match_pool_with_splits, match_signed_pool};
use crate::engine::{
    EntryKey, Leg, LotDirection, MoneyError, MovedPool, OrderId, Size, Split, StoredAllocation,
    Timestamp, Trade,
};

/// The trades of a pool and the lots that came, by id, leg and origin, and the lots that splits
/// made of them.
pub(super) struct Lots<'t> {
    buys: BTreeMap<EntryKey<'t>, &'t Trade>,
    splits: &'t [Split],
    /// The lots of each trade after each of its splits, in order.
    changed: BTreeMap<EntryKey<'t>, Vec<&'t Trade>>,
    /// When lots came, by deposit.
    arrived_at: BTreeMap<&'t OrderId, Timestamp>,
    /// Units that left, in order, with the time.
    moved_out: Vec<(Timestamp, &'t Trade, Size)>,
}

/// The lot of a row.
pub(super) struct LotOfRow<'t> {
    /// The buy; of a lot that came from another pool the lot as it came.
    pub(super) arrived: &'t Trade,
    /// The splits between it and the sell, with the lots that they left.
    pub(super) splits: Vec<(Split, Trade)>,
}

/// Units of a lot that left the pool.
pub(super) struct MovedUnits<'t> {
    sent_at: Timestamp,
    pub(super) lot: &'t Trade,
    /// The number of splits that had changed the lot.
    pub(super) splits: usize,
    pub(super) size: Size,
}

impl MovedUnits<'_> {
    /// Tells whether the units left before a sell. At one instant sells come first. What a network
    /// took comes last.
    pub(super) fn is_before(&self, row: &StoredAllocation) -> bool {
        let is_network = row.sell_leg == Leg::Network;
        self.sent_at < row.sell_time || (self.sent_at == row.sell_time && is_network)
    }
}

/// The lots that splits made in a pool without transfers. Errors: the splits can't be applied.
pub(super) fn changed_lots(
    trades: &[Trade],
    (splits, shorts): (&[Split], bool),
) -> Result<Vec<Trade>, MoneyError> {
    if splits.is_empty() {
        return Ok(Vec::new());
    }
    let matching = match shorts {
        true => match_signed_pool(trades, splits),
        false => match_pool_with_splits(trades, splits),
    };
    Ok(matching.map_err(|_| MoneyError::OutOfRange)?.changed)
}

impl<'t> Lots<'t> {
    /// `changed`: the lots that splits made.
    pub(super) fn of(trades: &'t [Trade], splits: &'t [Split], changed: &'t [Trade]) -> Self {
        let mut by_key: BTreeMap<EntryKey<'t>, Vec<&Trade>> = BTreeMap::new();
        for lot in changed {
            by_key.entry(lot.entry_key()).or_default().push(lot);
        }
        let buys = trades.iter().map(|trade| (trade.entry_key(), trade));
        Self {
            buys: buys.collect(),
            splits,
            changed: by_key,
            arrived_at: BTreeMap::new(),
            moved_out: Vec::new(),
        }
    }

    /// The lots of a pool that transfers tie to others.
    pub(super) fn of_moved(moved: &MovedPool<'t>, splits: &'t [Split]) -> Self {
        let expected = moved.expected;
        let mut lots = Self::of(&expected.trades, splits, &expected.matching.changed);
        let transfers = moved.transfers.iter();
        let arrivals = transfers.map(|it| (&it.deposit, it.arrives_at()));
        lots.arrived_at = arrivals.collect();
        let moves = expected.moves.iter().filter_map(|it| {
            let sent_at = moved.transfers.get(it.transfer)?.sent_at;
            Some((sent_at, expected.trades.get(it.lot)?, it.size))
        });
        lots.moved_out = moves.collect();
        lots
    }

    /// Returns the units that left the pool, in order.
    pub(super) fn moved_out(&self) -> impl Iterator<Item = MovedUnits<'t>> {
        self.moved_out.iter().map(|&(sent_at, lot, size)| {
            let splits = self.between((self.opened_at(lot), sent_at), lot.entry_key());
            MovedUnits {
                sent_at,
                lot,
                splits: splits.len(),
                size,
            }
        })
    }

    /// Returns when a lot came into the pool.
    fn opened_at(&self, lot: &Trade) -> Timestamp {
        let moved = lot.entry.moved.as_ref();
        let arrived_at = moved.and_then(|moved| self.arrived_at.get(&moved.movement));
        arrived_at.copied().unwrap_or(lot.order_time)
    }

    /// Returns the lot of a row.
    pub(super) fn of_row(&self, row: &StoredAllocation) -> Option<LotOfRow<'t>> {
        let id = row.buy_order_id.as_ref()?.as_str();
        let key = (id, row.buy_leg, row.moved.as_deref());
        let arrived = *self.buys.get(&key)?;
        let opened_at = self.opened_at(arrived);
        let splits = self.between((opened_at, row.sell_time), arrived.entry_key());
        Some(LotOfRow { arrived, splits })
    }

    /// Returns the splits between the sell of a short row and its buy, with the lots that they
    /// left.
    pub(super) fn short_of_row(&self, row: &StoredAllocation) -> Vec<(Split, Trade)> {
        let key = (row.sell_order_id.as_str(), row.sell_leg, None);
        match (row.direction, row.buy_time) {
            (LotDirection::Short, Some(closed)) => self.between((row.sell_time, closed), key),
            _ => Vec::new(),
        }
    }

    fn between(
        &self,
        (opened, closed): (Timestamp, Timestamp),
        key: EntryKey<'_>,
    ) -> Vec<(Split, Trade)> {
        let is_between = |split: &&Split| opened < split.happened_at && split.happened_at <= closed;
        let between = self.splits.iter().filter(is_between).copied();
        let changed = self.changed.get(&key).into_iter().flatten();
        between.zip(changed.map(|lot| (*lot).clone())).collect()
    }
}
