//! The result of matching: allocations, open lots, totals.

#[cfg(test)]
mod tests;

use super::canonical::{AllocationRow, Notes};
use super::direction::LotDirection;
use super::hash::RowsHash;
use super::ids::Pool;
use super::leg::Leg;
use super::lots::{EarlierLot, OpenLot, SeenBefore};
use super::money::{self, MoneyError, Units, Width};
use super::moves::MovedOut;
use super::number::{Price, Size, Usd, UsdPerUnit};
use super::origin::MovedFrom;
use super::parts::SellParts;
use super::place::PlaceInPool;
use super::self_check::{Conserved, SelfCheckError};
use super::side::Side;
use super::symbols::{BySymbol, SymbolTotals, followed_by};
use super::time::Timestamp;
use super::totals::{PoolTotals, count};
use super::trade::InvalidTrade;
use super::trade::TradeRef;
use super::trades::Trades;
use super::wide::I256;

/// A pool, matched.
///
/// A matching stores the trades, the open lots and the sums. Each walk over the rows computes the
/// allocations again. That costs less than to store a hundred bytes for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// The matched pool.
    pub pool: Pool,
    /// The matched trades, in the pool's total order.
    pub trades: Trades,
    /// The open lots, oldest first.
    pub open_lots: Vec<OpenLot>,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Counts and sums by symbol, in the order of the symbols.
    pub symbols: Vec<SymbolTotals>,
    /// The transfers out of the pool.
    pub moved_out: MovedOut,
    /// Number of decimals at which all sizes are integers.
    scale: u8,
    /// The width of those integers.
    width: Width,
    /// Trades of earlier matchings whose lots were still open, by place. Only the counts and sums
    /// of open lots include them.
    earlier: Vec<EarlierLot>,
    /// Sells beyond the lots opened short lots.
    shorts: bool,
    /// Matchings of the trades before it, which splits cut off. The counts and sums include them.
    before: Vec<Matching>,
    /// Number of rows without those of the matchings before it.
    own_rows: u64,
    conserved: Result<(), SelfCheckError>,
}

/// Changes that a matching makes to a pool's inventory. All lots that are not listed stay as they
/// are.
#[derive(Debug, Clone, Default)]
pub struct LotChanges<'a> {
    /// Earlier lots that have less left, with their buys, oldest first.
    pub used: Vec<(TradeRef<'a>, &'a OpenLot)>,
    /// Buys of earlier lots whose rows go: nothing is left, or they are among `added`.
    pub gone: Vec<TradeRef<'a>>,
    /// New lots after all others, with their buys, oldest first.
    pub added: Vec<(TradeRef<'a>, &'a OpenLot)>,
}

/// The state before a matching, and whether it may go short.
#[derive(Debug)]
pub(super) struct MatchStart<'a> {
    /// Trades that opened lots, by place.
    pub(super) earlier: Vec<EarlierLot>,
    /// The last earlier trade.
    pub(super) last: Option<&'a PlaceInPool>,
    /// Sells beyond the lots open short lots.
    pub(super) shorts: bool,
}

impl Matching {
    /// Matches sorted trades on top of open lots. Their sizes have to fit `N` at the scale. The new
    /// trades come after the last earlier one.
    ///
    /// Errors: an amount or a total is beyond the limits of `policy.rs`.
    pub(super) fn try_new<N: Units>(
        pool: Pool,
        trades: Trades,
        before: MatchStart<'_>,
        scale: u8,
    ) -> Result<Self, InvalidTrade> {
        let (earlier, last, shorts) = (before.earlier, before.last, before.shorts);
        let mut totals = PoolTotals::of_trades(&trades, &earlier, last).map_err(beyond_pool)?;
        let mut seen = SeenBefore::of(&trades, &earlier);
        let (mut sell_before, mut buy_before) = (None, None);
        let (mut matched, mut unmatched) = (N::ZERO, N::ZERO);
        let mut conserved = Conserved::<N>::new(&trades, &earlier, (scale, shorts));
        let mut symbols = BySymbol::<N>::of(&pool, &trades, &earlier);
        let mut parts = SellParts::<N>::new(&trades, &earlier, (scale, shorts));
        while let Some((sell, part)) = parts.try_next()? {
            let sum = match part.lot {
                Some(_) => &mut matched,
                None => &mut unmatched,
            };
            let added = totals.add_part(&part).and_then(|()| {
                *sum = sum.add(part.size).ok_or(MoneyError::OutOfRange)?;
                Ok(())
            });
            added.map_err(|error| match trade_at(&trades, sell) {
                Some(sell) => InvalidTrade::does_not_fit(sell.order_id, error),
                None => beyond_pool(error),
            })?;
            // Sells come in order, and so do the buys that they use. So a place that differs from
            // the last one is a new trade.
            if let Some((buy, _)) = part.lot {
                if sell_before.replace(sell) != Some(sell) && seen.is_first_of_sell(sell) {
                    count(&mut totals.sells_matched);
                }
                if buy_before.replace(buy) != Some(buy) && seen.is_first_of_buy(buy) {
                    count(&mut totals.buys_used);
                }
            }
            conserved.add_part(sell, &part);
            symbols.add_part(sell, &part);
        }
        totals.matched_size = matched.to_size(scale).map_err(beyond_pool)?;
        totals.unmatched_size = unmatched.to_size(scale).map_err(beyond_pool)?;
        let open_lots = parts.open_lots().map_err(|error| {
            InvalidTrade::of(String::new(), "size", format!("of the open lots: {error}"))
        })?;
        for lot in &open_lots {
            let side = trade_at(&trades, lot.buy).map_or(Side::Buy, |trade| trade.side);
            totals.add_open_lot(lot, side).map_err(beyond_pool)?;
            conserved.add_open_lot(lot, side);
        }
        let (symbols, conserved) = match (symbols.end(&totals, scale), conserved.end()) {
            (Ok(symbols), conserved) => (symbols, conserved),
            (Err(error), conserved) => (Vec::new(), conserved.and(Err(error.into()))),
        };
        Ok(Self {
            pool,
            trades,
            open_lots,
            own_rows: rows_of(&totals),
            totals,
            symbols,
            moved_out: MovedOut::default(),
            scale,
            width: N::WIDTH,
            earlier,
            shorts,
            before: Vec::new(),
            conserved,
        })
    }

    /// Returns the matching of later trades with this one before it.
    ///
    /// Errors: a sum beyond the limits of `policy.rs`.
    pub(super) fn then(mut self, mut later: Box<Self>) -> Result<Box<Self>, MoneyError> {
        later.totals = self.totals.followed_by(&later.totals)?;
        later.symbols = followed_by(&self.symbols, &later.symbols)?;
        later.before = std::mem::take(&mut self.before);
        later.before.push(self);
        Ok(later)
    }

    /// Returns the matching of a whole pool: all its lots are new.
    pub(super) fn of_whole_pool(mut self: Box<Self>) -> Box<Self> {
        self.earlier = Vec::new();
        self
    }

    /// Returns the last trade in the pool's total order.
    pub fn last_trade(&self) -> Option<TradeRef<'_>> {
        let own = std::iter::once(self);
        let lasts = self
            .before
            .iter()
            .chain(own)
            .filter_map(|it| it.trades.last_own());
        lasts.max_by_key(TradeRef::place)
    }

    /// Tells whether sizes and amounts are conserved. Every sell's parts give its size and its net
    /// proceeds. Every buy's parts and its open rest give its size and its cost.
    ///
    /// Errors: the first law broken, which is a bug of the engine.
    pub fn self_check(&self) -> Result<(), SelfCheckError> {
        self.conserved.clone()
    }

    /// Returns the number of rows, unmatched parts included.
    pub fn rows_count(&self) -> u64 {
        rows_of(&self.totals)
    }

    /// Calls `see` with each allocation as a row, in canonical order, until `see` fails.
    ///
    /// This is the fast way over all rows: it reuses one row and writes only the columns that
    /// change. [`rows`](Self::rows) makes a new row each time. Errors: the error of `see`; the walk
    /// ended before the last row, which is a bug of the engine.
    pub fn try_each_row<'a, E: From<SelfCheckError>>(
        &'a self,
        mut see: impl FnMut(&AllocationRow<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        for matching in self.before.iter().chain(std::iter::once(self)) {
            match matching.width {
                Width::Word => matching.try_each_row_at::<i64, E>(&mut see)?,
                Width::Narrow => matching.try_each_row_at::<i128, E>(&mut see)?,
                Width::Wide => matching.try_each_row_at::<I256, E>(&mut see)?,
            }
        }
        Ok(())
    }

    fn try_each_row_at<'a, N: Units, E: From<SelfCheckError>>(
        &'a self,
        see: &mut impl FnMut(&AllocationRow<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut shown = 0_u64;
        let (mut last_sell, mut last_buy) = (None, None);
        let mut row = self.no_row();
        let at = (self.scale, self.shorts);
        let mut parts = SellParts::<N>::new(&self.trades, &self.earlier, at);
        // A second walk has no error if the first had none.
        while let Ok(Some((sell, part))) = parts.try_next() {
            let (Ok(size), Ok(pnl)) = (part.size.to_size(self.scale), part.pnl()) else {
                break;
            };
            if last_sell.replace(sell) != Some(sell) {
                let Some(trade) = trade_at(&self.trades, sell) else {
                    break;
                };
                let Some(side) = RowSide::of(&trade) else {
                    break;
                };
                row.symbol = self.pool.symbol_of(trade.symbol);
                side.sell_into(&mut row);
            }
            match part.lot {
                Some((buy, cost)) => {
                    if last_buy.replace(buy) != Some(buy) {
                        let Some(side) =
                            trade_at(&self.trades, buy).and_then(|it| RowSide::of(&it))
                        else {
                            break;
                        };
                        side.buy_into(&mut row);
                    }
                    row.cost_basis_usd = Some(cost);
                    // Only in a pool that may go short does a buy come after its sell.
                    row.direction = match buy > sell {
                        true => LotDirection::Short,
                        false => LotDirection::Long,
                    };
                }
                None => {
                    last_buy = None;
                    no_buy_into(&mut row);
                }
            }
            row.allocated_size = size;
            row.proceeds_usd = part.proceeds;
            row.net_proceeds_usd = part.net_proceeds;
            row.pnl_usd = pnl;
            see(&row)?;
            shown = shown.saturating_add(1);
        }
        Ok(self.check_ended("the walk over the rows", shown, self.own_rows)?)
    }

    /// Checks that a walk over rows or lots ended after the last one.
    fn check_ended(
        &self,
        what: &'static str,
        found: u64,
        expected: u64,
    ) -> Result<(), SelfCheckError> {
        match found == expected {
            true => Ok(()),
            false => Err(SelfCheckError::Ended {
                what,
                pool: self.pool.clone(),
                found,
                expected,
            }),
        }
    }

    /// Calls `see` with each allocation as a row, in canonical order.
    ///
    /// Errors: the walk ended before the last row, which is a bug of the engine.
    pub fn each_row<'a>(
        &'a self,
        mut see: impl FnMut(&AllocationRow<'a>),
    ) -> Result<(), SelfCheckError> {
        self.try_each_row(|row| {
            see(row);
            Ok(())
        })
    }

    /// Returns a row of the pool with all other columns empty.
    fn no_row(&self) -> AllocationRow<'_> {
        AllocationRow {
            account: self.pool.account.as_str(),
            symbol: "",
            sell_order_id: "",
            buy_order_id: None,
            allocated_size: Size::ZERO,
            buy_price: None,
            sell_price: None,
            buy_fees_per_unit: None,
            sell_fees_per_unit: None,
            cost_basis_usd: None,
            proceeds_usd: Usd::ZERO,
            net_proceeds_usd: Usd::ZERO,
            pnl_usd: None,
            buy_time: None,
            sell_time: Timestamp::EPOCH,
            notes: Notes::default(),
            asset: self.pool.asset.as_str(),
            sell_leg: Leg::Base,
            buy_leg: Leg::Base,
            direction: LotDirection::Long,
            moved: None,
        }
    }

    /// Returns the allocations as rows, in canonical order: of one sell, oldest lot first, its
    /// unmatched part last. Errors: as of [`each_row`](Self::each_row).
    pub fn rows(&self) -> Result<Vec<AllocationRow<'_>>, SelfCheckError> {
        let mut rows = Vec::new();
        self.each_row(|row| rows.push(*row))?;
        Ok(rows)
    }

    /// Returns the open lots with their buys, oldest first.
    ///
    /// Errors, of one lot: its buy is not among the trades, which is a bug of the engine.
    pub fn open_lots_with_buys(
        &self,
    ) -> impl Iterator<Item = Result<(TradeRef<'_>, &OpenLot), SelfCheckError>> {
        let lots = self.open_lots.iter();
        lots.map(|lot| Ok((self.buy_at(lot.buy)?, lot)))
    }

    fn buy_at(&self, place: u32) -> Result<TradeRef<'_>, SelfCheckError> {
        let opens = |trade: &TradeRef<'_>| trade.side == Side::Buy || self.shorts;
        let buy = trade_at(&self.trades, place).filter(opens);
        buy.ok_or_else(|| SelfCheckError::Pointer(format!("number {place} of {}", self.pool)))
    }

    /// Returns the changes of open lots that earlier trades left, and the new ones.
    ///
    /// Errors: the buy of a lot is not among the trades, or is smaller than the used part of its
    /// lot; both are bugs of the engine.
    pub fn lot_changes(&self) -> Result<LotChanges<'_>, SelfCheckError> {
        let mut changes = LotChanges::default();
        let mut earlier = self.earlier.iter().peekable();
        for lot in self.open_lots_with_buys() {
            let (buy, lot) = lot?;
            while let Some(used_up) = earlier.next_if(|earlier| earlier.buy < lot.buy) {
                changes.gone.push(self.buy_at(used_up.buy)?);
            }
            let Some(before) = earlier.next_if(|earlier| earlier.buy == lot.buy) else {
                changes.added.push((buy, lot));
                continue;
            };
            if !changes.added.is_empty() {
                // The lot comes after a new lot. It gets a new number, so that the numbers give the
                // order.
                changes.gone.push(buy);
                changes.added.push((buy, lot));
                continue;
            }
            let pointer = || SelfCheckError::Pointer(buy.order_id.to_owned());
            let size = buy.size.to_size().map_err(|_| pointer())?;
            if money::sub_sizes(size, before.used)? != lot.remaining_size {
                changes.used.push((buy, lot));
            }
        }
        for used_up in earlier {
            changes.gone.push(self.buy_at(used_up.buy)?);
        }
        Ok(changes)
    }

    /// Returns the hash of the canonical rows. Errors: as of [`each_row`](Self::each_row).
    pub fn allocations_hash(&self) -> Result<RowsHash, SelfCheckError> {
        let (mut hash, mut line) = (RowsHash::EMPTY, Vec::new());
        self.each_row(|row| {
            line.clear();
            row.write_line(&mut line);
            hash.add_row(&line);
        })?;
        Ok(hash)
    }
}

/// The columns that all rows of one trade share.
#[derive(Debug, Clone, Copy)]
struct RowSide<'a> {
    order_id: &'a str,
    leg: Leg,
    price: Option<Price>,
    fee_known: bool,
    fees_per_unit: Option<UsdPerUnit>,
    time: Timestamp,
    moved: Option<&'a MovedFrom>,
}

impl<'a> RowSide<'a> {
    #[inline(always)]
    fn of(trade: &TradeRef<'a>) -> Option<Self> {
        Some(Self {
            order_id: trade.order_id,
            leg: trade.leg,
            price: match trade.value {
                Some(value) => money::value_per_unit(value, trade.size),
                None => Some(trade.price.to_price().ok()?),
            },
            fee_known: trade.fee.is_some(),
            fees_per_unit: trade
                .fee
                .and_then(|fee| money::fees_per_unit(fee, trade.size)),
            time: trade.order_time,
            moved: trade.moved.map(|moved| &**moved),
        })
    }

    fn omits_fee(&self) -> bool {
        self.fee_known && self.fees_per_unit.is_none()
    }

    fn sell_into(&self, row: &mut AllocationRow<'a>) {
        row.sell_order_id = self.order_id;
        row.sell_leg = self.leg;
        row.sell_price = self.price;
        row.sell_fees_per_unit = self.fees_per_unit;
        row.sell_time = self.time;
        row.notes.sell_fee_unknown = !self.fee_known;
        row.notes.sell_fee_per_unit_omitted = self.omits_fee();
        row.notes.sell_price_omitted = self.price.is_none();
    }

    fn buy_into(&self, row: &mut AllocationRow<'a>) {
        row.buy_order_id = Some(self.order_id);
        row.buy_leg = self.leg;
        row.buy_price = self.price;
        row.buy_fees_per_unit = self.fees_per_unit;
        row.buy_time = Some(self.time);
        row.moved = self.moved;
        row.notes.unmatched = false;
        row.notes.buy_fee_unknown = !self.fee_known;
        row.notes.buy_fee_per_unit_omitted = self.omits_fee();
        row.notes.buy_price_omitted = self.price.is_none();
    }
}

/// Clears the columns of the buy in a row: no lot was left.
fn no_buy_into(row: &mut AllocationRow<'_>) {
    row.buy_order_id = None;
    row.buy_leg = Leg::Base;
    row.buy_price = None;
    row.buy_fees_per_unit = None;
    row.cost_basis_usd = None;
    row.buy_time = None;
    row.moved = None;
    row.notes.unmatched = true;
    row.notes.buy_fee_unknown = false;
    row.notes.buy_fee_per_unit_omitted = false;
    row.notes.buy_price_omitted = false;
}

/// Returns the number of rows that totals count, unmatched parts included.
fn rows_of(totals: &PoolTotals) -> u64 {
    totals.allocations.saturating_add(totals.sells_unmatched)
}

#[inline]
fn trade_at(trades: &Trades, index: u32) -> Option<TradeRef<'_>> {
    trades.get(usize::try_from(index).ok()?)
}

fn beyond_pool(error: MoneyError) -> InvalidTrade {
    InvalidTrade::of(String::new(), "size", format!("of the pool: {error}"))
}
