//! Matches a pool slice by slice, oldest slice first, if the pool is too large for memory.
//!
//! Between two slices the pool keeps its sums and its open lots. A slice takes only as many of the
//! oldest lots as its sells can reach. So a large inventory costs memory but no time.

use std::collections::VecDeque;

use super::action::Split;
use super::changes::{Change, Moment, changes_of, stretches};
use super::ids::Pool;
use super::lots::{InventoryLot, LotPicker, LotSums};
use super::money::{MoneyError, add_sizes, sub_sizes};
use super::moves::{MovedOut, PoolMoves};
use super::number::Size;
use super::outcome::Matching;
use super::place::PlaceInPool;
use super::pool::{PoolLedger, Rejection};
use super::resume::{Continued, PoolState, continue_pool, reach_of, rejection_of};
use super::self_check::SelfCheckError;
use super::splits::split_lots;
use super::symbols::{SymbolTotals, followed_by};
use super::totals::PoolTotals;
use super::trade::TradeRef;

/// A pool whose trades are matched in slices, oldest slice first.
///
/// ```
/// use fifo_pnl::engine::{Pool, PoolLedger, PoolStream, TradeText};
/// let pool = Pool::new("main".parse()?, "BTC-USD".parse()?);
/// let mut stream = PoolStream::default();
/// for (order_id, side, second) in [("b1", "buy", 1), ("s1", "sell", 2)] {
///     let mut slice = PoolLedger::new(pool.clone());
///     slice.push_text(&TradeText {
///         order_id,
///         side,
///         size: "2",
///         price: "10",
///         fee: None,
///         order_time_micros: Some(second),
///         trade_seq: None,
///         more: None,
///     });
///     stream.add(slice).expect("a slice of trades");
/// }
/// assert_eq!(stream.totals().allocations, 1);
/// assert_eq!(stream.open_lots().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct PoolStream {
    pub(super) totals: PoolTotals,
    symbols: Vec<SymbolTotals>,
    last: Option<PlaceInPool>,
    /// Oldest first.
    pub(super) lots: VecDeque<InventoryLot>,
    /// Number of changes of its lots that have happened.
    changes_applied: usize,
    /// The newest place of a lot that came from another account.
    pub(super) newest_arrival: Option<PlaceInPool>,
    pub(super) moved_out: MovedOut,
    /// The pool may go short.
    shorts: bool,
}

impl PoolStream {
    /// Matches the next slice. The returned matching has only this slice's trades and the lots that
    /// its sells can use.
    ///
    /// Errors: a row that is not a valid trade; an amount beyond the limits; a trade that comes
    /// before one of an earlier slice.
    pub fn add(&mut self, mut slice: PoolLedger) -> Result<Box<Matching>, Rejection> {
        self.shorts = slice.shorts;
        if slice.splits.is_empty() && slice.moves.is_none() {
            return self.add_stretch(slice);
        }
        if let Some(rejection) = rejection_of(&mut slice) {
            return Err(rejection);
        }
        let (splits, moves) = (std::mem::take(&mut slice.splits), slice.moves.take());
        let changes = changes_of(&splits, moves.as_deref());
        let later = changes.get(self.changes_applied..).unwrap_or_default();
        let places: Vec<Moment> = later.iter().map(Change::place).collect();
        let cut = stretches(&slice.trades, &places).map_err(|error| failed(&error))?;
        let last = cut.iter().rposition(|trades| !trades.is_empty());
        let mut later = later.iter();
        let mut done: Option<Box<Matching>> = None;
        for (nth, trades) in cut.into_iter().enumerate() {
            if nth > last.unwrap_or(0) {
                break;
            }
            if nth > 0 {
                later
                    .next()
                    .map_or(Ok(()), |it| self.apply(&slice.pool, it))?;
            }
            if trades.is_empty() && nth > 0 {
                continue;
            }
            let mut next = slice.without_trades();
            next.trades = trades;
            let next = self.add_stretch(next)?;
            done = Some(match done {
                None => next,
                Some(done) => done.then(next).map_err(|error| failed(&error))?,
            });
        }
        done.ok_or_else(|| failed(&"a slice without a stretch"))
    }

    /// Applies the changes after the last trade. Errors: a change can't be applied.
    pub fn end(
        &mut self,
        pool: &Pool,
        (splits, moves): (&[Split], Option<&PoolMoves>),
    ) -> Result<(), Rejection> {
        let changes = changes_of(splits, moves);
        let later = changes.get(self.changes_applied..).unwrap_or_default();
        later.iter().try_for_each(|change| self.apply(pool, change))
    }

    /// Returns the matching of a pool that was added as one slice, with all lots that it leaves.
    pub(super) fn into_whole(self, slice: Box<Matching>) -> Result<Box<Matching>, Rejection> {
        let state = PoolState {
            totals: self.totals,
            last: self.last,
            lots: self.lots.into(),
            rest: LotSums::NONE,
        };
        let nothing = PoolLedger {
            shorts: self.shorts,
            ..PoolLedger::new(slice.pool.clone())
        };
        match continue_pool(nothing, &state) {
            Continued::Matched(lots, _) => {
                let whole = slice.then(lots).map_err(|error| failed(&error))?;
                let mut whole = whole.of_whole_pool();
                whole.moved_out = self.moved_out;
                Ok(whole)
            }
            Continued::Rejected(rejection) => Err(rejection),
            Continued::HistoryChanged { order_id } => Err(failed(&order_id)),
            Continued::Damaged(reason) => Err(failed(&reason)),
        }
    }

    /// Applies the next change of the lots.
    fn apply(&mut self, pool: &Pool, change: &Change<'_>) -> Result<(), Rejection> {
        self.changes_applied = self.changes_applied.saturating_add(1);
        match change {
            Change::Split(split) => self.split(split),
            Change::Move(change) => {
                let applied = self.apply_move(pool, change);
                applied.map_err(|error| failed(&error))
            }
        }
    }

    /// Gives all lots the sizes that they have after a split.
    pub(super) fn split(&mut self, split: &Split) -> Result<(), Rejection> {
        let lots = self.lots.make_contiguous();
        split_lots(split, lots).map_err(|error| Rejection::of_split(&error))?;
        let mut sizes = lots.iter().map(|lot| lot.remaining_size);
        let held = sizes.try_fold(Size::ZERO, add_sizes);
        self.totals.open_size = held.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Matches trades between which no split lies.
    pub(super) fn add_stretch(&mut self, slice: PoolLedger) -> Result<Box<Matching>, Rejection> {
        let state = self.state(&slice).map_err(|error| failed(&error))?;
        match continue_pool(slice, &state) {
            Continued::Matched(matching, totals) => {
                let taken_over = self.take_over(&matching, *totals, state.lots);
                taken_over.map_err(|error| failed(&error))?;
                Ok(matching)
            }
            Continued::Rejected(rejection) => Err(rejection),
            Continued::HistoryChanged { order_id } => Err(failed(&format!(
                "the trade \"{order_id}\" comes before those of an earlier slice"
            ))),
            Continued::Damaged(reason) => Err(failed(&reason)),
        }
    }

    /// Counts and sums of all slices.
    pub const fn totals(&self) -> &PoolTotals {
        &self.totals
    }

    /// Counts and sums of all slices by symbol.
    pub fn symbols(&self) -> &[SymbolTotals] {
        &self.symbols
    }

    /// The transfers out of the pool.
    pub const fn moved_out(&self) -> &MovedOut {
        &self.moved_out
    }

    /// The lots that are open now, oldest first.
    pub fn open_lots(&self) -> impl Iterator<Item = &InventoryLot> {
        self.lots.iter()
    }

    /// Takes the open lots that the slice's sells can use out of the pool.
    fn state(&mut self, slice: &PoolLedger) -> Result<PoolState, MoneyError> {
        // A trade may come before a lot that arrived, at the instant at which that was bought.
        let last = self.last.as_ref().max(self.newest_arrival.as_ref());
        let mut picker = LotPicker::new(reach_of(slice, last));
        let needed = |lot: &&InventoryLot| picker.needs(lot.remaining_size, lot.remaining_cost);
        let count = self.lots.iter().take_while(needed).count();
        let lots: Vec<InventoryLot> = self.lots.drain(..count).collect();
        Ok(PoolState {
            totals: self.totals,
            last: self.last.clone(),
            rest: self.rest(&lots)?,
            lots,
        })
    }

    /// Returns the sums of the open lots without some lots. It subtracts them from the totals, as
    /// adding up all other lots may take longer than the slice. Errors: the lots are more than the
    /// totals.
    fn rest(&self, without: &[InventoryLot]) -> Result<LotSums, MoneyError> {
        let mut rest = LotSums {
            lots: self.lots.len() as u64,
            size: self.totals.open_size,
            cost: self.totals.open_cost,
        };
        for lot in without {
            rest.size = sub_sizes(rest.size, lot.remaining_size)?;
            rest.cost = rest.cost.checked_sub(lot.remaining_cost)?;
        }
        Ok(rest)
    }

    /// Puts a lot at its place among the lots.
    pub(super) fn insert(&mut self, lot: InventoryLot) {
        let is_before = |it: &InventoryLot| {
            let places = it.buy.place().cmp(&lot.buy.place());
            places.then_with(|| it.key().cmp(&lot.key())).is_lt()
        };
        match self.lots.back().is_none_or(is_before) {
            true => self.lots.push_back(lot),
            false => {
                let place = self.lots.partition_point(is_before);
                self.lots.insert(place, lot);
            }
        }
    }

    /// Updates the pool from a slice's matching. Errors: the matching changes a lot that is not in
    /// `taken`.
    fn take_over(
        &mut self,
        matching: &Matching,
        totals: PoolTotals,
        taken: Vec<InventoryLot>,
    ) -> Result<(), SelfCheckError> {
        let newest = matching.trades.last_own();
        let newest = newest.map(|trade| trade.place().owned());
        self.last = newest.max(self.last.take());
        self.totals = totals;
        self.symbols = followed_by(&self.symbols, &matching.symbols)?;
        let changes = matching.lot_changes()?;
        let mut gone = changes.gone.iter().map(TradeRef::entry_key).peekable();
        let mut used = changes.used.iter().peekable();
        let (mut left, mut taken_off): (Vec<_>, Vec<InventoryLot>) = (Vec::new(), Vec::new());
        for mut lot in taken {
            // Both lists have the order of the lots.
            if gone.next_if(|gone| *gone == lot.key()).is_some() {
                taken_off.push(lot);
                continue;
            }
            if let Some((_, now)) = used.next_if(|(buy, _)| buy.entry_key() == lot.key()) {
                lot.remaining_size = now.remaining_size;
                lot.remaining_cost = now.remaining_cost;
                lot.only_moved = false;
            }
            left.push(lot);
        }
        // A change that is left over belongs to no lot that was taken.
        let lost = gone.next().or(used.next().map(|(buy, _)| buy.entry_key()));
        if let Some((lost, ..)) = lost {
            return Err(SelfCheckError::Pointer(lost.to_owned()));
        }
        for lot in left.into_iter().rev() {
            self.lots.push_front(lot);
        }
        let mut added = Vec::with_capacity(changes.added.len());
        for (buy, now) in changes.added.iter().rev() {
            // A lot after a new one was taken off, and comes in again. All such lots
            // are the last ones that were taken off.
            let lot = match taken_off.pop_if(|lot| lot.key() == buy.entry_key()) {
                Some(mut lot) => {
                    lot.only_moved &= lot.remaining_size == now.remaining_size;
                    lot.remaining_size = now.remaining_size;
                    lot.remaining_cost = now.remaining_cost;
                    lot
                }
                None => {
                    let pointer = |_| SelfCheckError::Pointer(buy.order_id.to_owned());
                    let buy = buy.to_trade().map_err(pointer)?;
                    InventoryLot::whole(buy, now.remaining_size, now.remaining_cost)
                }
            };
            added.push(lot);
        }
        added.into_iter().rev().for_each(|lot| self.insert(lot));
        let lots = u64::try_from(self.lots.len()).unwrap_or(u64::MAX);
        match lots == totals.open_lots {
            true => Ok(()),
            false => Err(SelfCheckError::Ended {
                what: "the list of open lots",
                pool: matching.pool.clone(),
                found: lots,
                expected: totals.open_lots,
            }),
        }
    }
}

fn failed(reason: &dyn std::fmt::Display) -> Rejection {
    Rejection::of_check(reason)
}

#[cfg(test)]
mod tests {
    use super::super::trade::TradeText;
    use super::*;

    fn slice(trades: &[(&str, &str, &str, i64)]) -> PoolLedger {
        let pool = Pool::new("main".parse().unwrap(), "BTC-USD".parse().unwrap());
        let mut slice = PoolLedger::new(pool);
        for (order_id, side, size, second) in trades {
            slice.push_text(&TradeText {
                order_id,
                side,
                size,
                price: "10",
                fee: None,
                order_time_micros: Some(*second),
                trade_seq: None,
                more: None,
            });
        }
        slice
    }

    fn begun() -> PoolStream {
        let mut stream = PoolStream::default();
        let buys = slice(&[
            ("b1", "buy", "2", 1),
            ("b2", "buy", "2", 2),
            ("b3", "buy", "2", 3),
        ]);
        stream.add(buys).unwrap();
        stream
    }

    fn reason(stream: &mut PoolStream, sell: &str) -> String {
        stream
            .add(slice(&[("s1", "sell", sell, 9)]))
            .unwrap_err()
            .reason
    }

    #[test]
    fn a_lot_that_is_lost_between_two_slices_is_an_error() {
        assert!(begun().add(slice(&[("s1", "sell", "3", 9)])).is_ok());
        let mut lost = begun();
        lost.lots.pop_back();
        assert!(
            reason(&mut lost, "1").contains("open lots"),
            "found by the count"
        );
        let mut lost = begun();
        lost.lots.pop_front();
        assert!(lost.add(slice(&[("s1", "sell", "5", 9)])).is_err());
        // Sums that are less than the lots they are of.
        let mut less = begun();
        less.totals.open_size = "1".parse().unwrap();
        assert!(!reason(&mut less, "1").is_empty());
        let mut less = begun();
        less.totals.open_lots = 4;
        assert!(!reason(&mut less, "1").is_empty());
    }

    #[test]
    fn a_change_of_a_lot_that_is_not_there_is_an_error() {
        let mut stream = begun();
        let mut other = begun();
        let matching = other.add(slice(&[("s1", "sell", "3", 9)])).unwrap();
        let totals = *other.totals();
        let error = stream.take_over(&matching, totals, Vec::new()).unwrap_err();
        assert_eq!(error, SelfCheckError::Pointer("b1".into()));
        // All changes are there, and one lot more than the sums say.
        let mut stream = begun();
        let taken: Vec<InventoryLot> = stream.lots.drain(..2).collect();
        stream.lots.push_back(taken[0].clone());
        let error = stream.take_over(&matching, totals, taken).unwrap_err();
        assert!(
            matches!(
                error,
                SelfCheckError::Ended {
                    found: 3,
                    expected: 2,
                    ..
                }
            ),
            "{error}"
        );
    }
}
