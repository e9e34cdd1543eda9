//! What matching gives: allocations, open lots, totals.

#[cfg(test)]
mod tests;

use super::canonical::{AllocationRow, Notes};
use super::hash::RowsHash;
use super::ids::Pool;
use super::matching::{Carried, Part, Parts};
use super::money::{self, MoneyError, Units, Width};
use super::number::{Price, Size, Usd, UsdPerUnit};
use super::resume::OrderKey;
use super::self_check::{Conserved, SelfCheckError};
use super::ties::Ties;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Side};
use super::trades::{TradeRef, Trades};
use super::wide::I256;

/// The amounts of one allocation. Units: base units and USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// How much of the lot went to the sell.
    pub size: Size,
    /// The slice's share of the buy's price and fee; `None` where no lot was left.
    pub cost_basis: Option<Usd>,
    /// The slice's share of the sell.
    pub proceeds: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds: Usd,
    /// Net proceeds less cost basis; `None` where no lot was left.
    pub pnl: Option<Usd>,
}

/// A slice of one lot given to one sell; both are indices into [`Matching::trades`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The sell.
    pub sell: u32,
    /// The buy; `None` where no lot was left.
    pub buy: Option<u32>,
    /// Size, cost basis, proceeds, pnl.
    pub amounts: Amounts,
}

/// A lot with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLot {
    /// The buy: an index into [`Matching::trades`].
    pub buy: u32,
    /// Units: base units.
    pub remaining_size: Size,
    /// Units: USD, the cost of what is left, so that used and left add up to the whole.
    pub remaining_cost: Usd,
}

/// Counts and sums of one pool. Unmatched parts stand apart and are in no other sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTotals {
    /// Trades matched.
    pub trades: u64,
    /// Buys among them.
    pub buys: u64,
    /// Sells among them.
    pub sells: u64,
    /// (sell, buy) pairs.
    pub allocations: u64,
    /// Sells with at least one pair.
    pub sells_matched: u64,
    /// Sells with a part that found no lot.
    pub sells_unmatched: u64,
    /// Buys with at least one pair.
    pub buys_used: u64,
    /// Trades whose fee is unknown and counts zero.
    pub fees_unknown: u64,
    /// Buys that stand behind another one by their id alone: time and sequence tie.
    pub buys_by_id: u64,
    /// Sells that stand behind another one by their id alone.
    pub sells_by_id: u64,
    /// Trades whose fee is negative.
    pub rebates: u64,
    /// What they brought, above zero, USD.
    pub rebates_usd: Usd,
    /// Sum over the pairs, base units.
    pub matched_size: Size,
    /// Sum over the pairs, USD.
    pub cost_basis: Usd,
    /// Sum over the pairs, USD.
    pub proceeds: Usd,
    /// Sum over the pairs, USD.
    pub net_proceeds: Usd,
    /// Sum over the pairs, USD.
    pub pnl: Usd,
    /// What found no lot, base units.
    pub unmatched_size: Size,
    /// What found no lot, USD before the fee.
    pub unmatched_proceeds: Usd,
    /// What found no lot, USD after the fee.
    pub unmatched_net_proceeds: Usd,
    /// Lots with something left.
    pub open_lots: u64,
    /// What is left in them, base units.
    pub open_size: Size,
    /// What that cost, USD.
    pub open_cost: Usd,
    /// Execution of the first sell.
    pub first_sell: Option<Timestamp>,
    /// Execution of the last sell.
    pub last_sell: Option<Timestamp>,
}

impl Default for PoolTotals {
    fn default() -> Self {
        Self {
            trades: 0,
            buys: 0,
            sells: 0,
            allocations: 0,
            sells_matched: 0,
            sells_unmatched: 0,
            buys_used: 0,
            fees_unknown: 0,
            buys_by_id: 0,
            sells_by_id: 0,
            rebates: 0,
            rebates_usd: Usd::ZERO,
            matched_size: Size::ZERO,
            cost_basis: Usd::ZERO,
            proceeds: Usd::ZERO,
            net_proceeds: Usd::ZERO,
            pnl: Usd::ZERO,
            unmatched_size: Size::ZERO,
            unmatched_proceeds: Usd::ZERO,
            unmatched_net_proceeds: Usd::ZERO,
            open_lots: 0,
            open_size: Size::ZERO,
            open_cost: Usd::ZERO,
            first_sell: None,
            last_sell: None,
        }
    }
}

impl PoolTotals {
    /// Counts sorted trades, but those that were counted before.
    fn of_trades(
        trades: &Trades,
        carried: &[Carried],
        last: Option<&OrderKey>,
    ) -> Result<Self, MoneyError> {
        let ties = Ties::of(trades, carried, last);
        let mut totals = Self {
            buys_by_id: ties.buys,
            sells_by_id: ties.sells,
            ..Self::default()
        };
        let mut before = carried.iter().peekable();
        for (index, trade) in (0..).zip(trades.iter()) {
            if before.next_if(|carried| carried.index == index).is_none() {
                totals.add_trade(&trade)?;
            }
        }
        Ok(totals)
    }

    fn add_trade(&mut self, trade: &TradeRef<'_>) -> Result<(), MoneyError> {
        count(&mut self.trades);
        match trade.fee {
            None => count(&mut self.fees_unknown),
            Some(fee) => {
                if let Some(rebate) = money::rebate_of(fee)? {
                    count(&mut self.rebates);
                    self.rebates_usd = money::add_to_pool_total(self.rebates_usd, rebate)?;
                }
            }
        }
        match trade.side {
            Side::Buy => count(&mut self.buys),
            Side::Sell => {
                count(&mut self.sells);
                self.first_sell.get_or_insert(trade.order_time);
                self.last_sell = Some(trade.order_time);
            }
        }
        Ok(())
    }

    fn add_part<N: Units>(&mut self, part: &Part<N>) -> Result<(), MoneyError> {
        let add = |total: &mut Usd, amount| {
            money::add_to_pool_total(*total, amount).map(|sum| *total = sum)
        };
        if let (Some((_, cost)), Some(pnl)) = (part.lot, part.pnl()?) {
            count(&mut self.allocations);
            add(&mut self.cost_basis, cost)?;
            add(&mut self.proceeds, part.proceeds)?;
            add(&mut self.net_proceeds, part.net_proceeds)?;
            add(&mut self.pnl, pnl)
        } else {
            count(&mut self.sells_unmatched);
            add(&mut self.unmatched_proceeds, part.proceeds)?;
            add(&mut self.unmatched_net_proceeds, part.net_proceeds)
        }
    }

    /// Returns the counts and sums of a matching and of a later one on top of its open lots.
    ///
    /// Errors: a sum beyond the limits of `policy.rs`.
    pub fn followed_by(&self, later: &Self) -> Result<Self, MoneyError> {
        let counts = |of: fn(&Self) -> u64| of(self).saturating_add(of(later));
        let usd = |of: fn(&Self) -> Usd| money::add_to_pool_total(of(self), of(later));
        let size = |of: fn(&Self) -> Size| money::add_sizes(of(self), of(later));
        Ok(Self {
            trades: counts(|it| it.trades),
            buys: counts(|it| it.buys),
            sells: counts(|it| it.sells),
            allocations: counts(|it| it.allocations),
            sells_matched: counts(|it| it.sells_matched),
            sells_unmatched: counts(|it| it.sells_unmatched),
            buys_used: counts(|it| it.buys_used),
            fees_unknown: counts(|it| it.fees_unknown),
            buys_by_id: counts(|it| it.buys_by_id),
            sells_by_id: counts(|it| it.sells_by_id),
            rebates: counts(|it| it.rebates),
            rebates_usd: usd(|it| it.rebates_usd)?,
            matched_size: size(|it| it.matched_size)?,
            cost_basis: usd(|it| it.cost_basis)?,
            proceeds: usd(|it| it.proceeds)?,
            net_proceeds: usd(|it| it.net_proceeds)?,
            pnl: usd(|it| it.pnl)?,
            unmatched_size: size(|it| it.unmatched_size)?,
            unmatched_proceeds: usd(|it| it.unmatched_proceeds)?,
            unmatched_net_proceeds: usd(|it| it.unmatched_net_proceeds)?,
            open_lots: later.open_lots,
            open_size: later.open_size,
            open_cost: later.open_cost,
            first_sell: self.first_sell.or(later.first_sell),
            last_sell: later.last_sell.or(self.last_sell),
        })
    }

    fn add_open_lot(&mut self, lot: &OpenLot) -> Result<(), MoneyError> {
        count(&mut self.open_lots);
        self.open_size = money::add_sizes(self.open_size, lot.remaining_size)?;
        self.open_cost = money::add_to_pool_total(self.open_cost, lot.remaining_cost)?;
        Ok(())
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// A pool, matched.
///
/// It keeps the trades, what is left, and the sums; allocations are made anew by each walk over
/// them, which costs less than to keep them: a hundred bytes each, for a moment's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Which pool.
    pub pool: Pool,
    /// In the pool's total order.
    pub trades: Trades,
    /// Oldest first.
    pub open_lots: Vec<OpenLot>,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Decimals at which all sizes are integers.
    scale: u8,
    /// What holds those integers.
    width: Width,
    /// Buys of lots that earlier trades left open, by place: in no count and no sum but those of
    /// the open lots.
    carried: Vec<Carried>,
    /// What the self-check found.
    conserved: Result<(), SelfCheckError>,
}

/// What a matching changes in a pool's inventory. The lots that are not named stay as they are.
#[derive(Debug, Clone, Default)]
pub struct LotChanges<'a> {
    /// Earlier lots that have less left, with their buys, oldest first.
    pub used: Vec<(TradeRef<'a>, &'a OpenLot)>,
    /// Buys of earlier lots whose rows go: nothing is left, or they are among `added`.
    pub gone: Vec<TradeRef<'a>>,
    /// Lots that come behind all others, with their buys, oldest first.
    pub added: Vec<(TradeRef<'a>, &'a OpenLot)>,
}

impl Matching {
    /// Matches sorted trades that fit `N` at the scale, on top of lots that were open and behind
    /// the last trade of before.
    ///
    /// Errors: an amount or a total is beyond the limits of `policy.rs`.
    pub(super) fn try_new<N: Units>(
        pool: Pool,
        trades: Trades,
        (carried, last): (Vec<Carried>, Option<&OrderKey>),
        scale: u8,
    ) -> Result<Self, InvalidTrade> {
        let mut totals = PoolTotals::of_trades(&trades, &carried, last).map_err(beyond_pool)?;
        let mut before = carried.iter().peekable();
        let (mut sell_before, mut buy_before) = (None, None);
        let (mut matched, mut unmatched) = (N::ZERO, N::ZERO);
        let mut conserved = Conserved::<N>::new(&trades, &carried, scale);
        let mut parts = Parts::<N>::new(&trades, &carried, scale);
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
            // Sells come in order, and so do the buys they use: a change is a new one.
            if let Some((buy, _)) = part.lot {
                if sell_before.replace(sell) != Some(sell) {
                    count(&mut totals.sells_matched);
                }
                if buy_before.replace(buy) != Some(buy) {
                    while before.next_if(|carried| carried.index < buy).is_some() {}
                    let carried = before.next_if(|carried| carried.index == buy);
                    if carried.is_none_or(|carried| carried.used.is_zero()) {
                        count(&mut totals.buys_used);
                    }
                }
            }
            conserved.add_part(sell, &part);
        }
        totals.matched_size = matched.to_size(scale).map_err(beyond_pool)?;
        totals.unmatched_size = unmatched.to_size(scale).map_err(beyond_pool)?;
        let open_lots = parts.open_lots().map_err(|error| InvalidTrade {
            order_id: String::new(),
            column: "size",
            reason: format!("of the open lots: {error}"),
        })?;
        for lot in &open_lots {
            totals.add_open_lot(lot).map_err(beyond_pool)?;
            conserved.add_open_lot(lot);
        }
        let conserved = conserved.end();
        Ok(Self {
            pool,
            trades,
            open_lots,
            totals,
            scale,
            width: N::WIDTH,
            carried,
            conserved,
        })
    }

    /// Tells whether sizes and amounts are conserved: every sell's parts give its size and its net
    /// proceeds; every buy's parts and its open rest give its size and its cost.
    ///
    /// Errors: the first law broken, which is a bug of the engine.
    pub fn self_check(&self) -> Result<(), SelfCheckError> {
        self.conserved.clone()
    }

    /// Returns the number of rows, unmatched parts included.
    pub fn rows_count(&self) -> u64 {
        self.totals
            .allocations
            .saturating_add(self.totals.sells_unmatched)
    }

    fn parts(&self) -> AnyParts<'_> {
        match self.width {
            Width::Word => AnyParts::Word(Parts::new(&self.trades, &self.carried, self.scale)),
            Width::Narrow => AnyParts::Narrow(Parts::new(&self.trades, &self.carried, self.scale)),
            Width::Wide => AnyParts::Wide(Parts::new(&self.trades, &self.carried, self.scale)),
        }
    }

    /// Returns the allocations with their trades as indices into [`trades`](Self::trades).
    ///
    /// In the order of sells; of one sell, oldest lot first, its unmatched part last.
    pub fn allocations(&self) -> impl Iterator<Item = Allocation> {
        let (mut parts, mut left) = (self.parts(), self.rows_count());
        std::iter::from_fn(move || {
            let next = parts.next(self.scale);
            debug_assert_eq!(next.is_some(), left > 0, "as many as were counted");
            left = left.saturating_sub(1);
            next
        })
    }

    /// Shows each allocation as a row, in canonical order, until one is refused.
    ///
    /// The fast way over all rows: there is one row, of which only what changes is written, while
    /// [`rows`](Self::rows) gives a new one each time. Errors: what `see` returned; the walk ended
    /// before the last row, which is a bug of the engine.
    pub fn try_each_row<'a, E: From<SelfCheckError>>(
        &'a self,
        see: impl FnMut(&AllocationRow<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.width {
            Width::Word => self.try_each_row_at::<i64, E>(see),
            Width::Narrow => self.try_each_row_at::<i128, E>(see),
            Width::Wide => self.try_each_row_at::<I256, E>(see),
        }
    }

    fn try_each_row_at<'a, N: Units, E: From<SelfCheckError>>(
        &'a self,
        mut see: impl FnMut(&AllocationRow<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut shown = 0_u64;
        let (mut last_sell, mut last_buy) = (None, None);
        let mut row = self.no_row();
        let mut parts = Parts::<N>::new(&self.trades, &self.carried, self.scale);
        // What was matched once without an error has none.
        while let Ok(Some((sell, part))) = parts.try_next() {
            let (Ok(size), Ok(pnl)) = (part.size.to_size(self.scale), part.pnl()) else {
                break;
            };
            if last_sell.replace(sell) != Some(sell) {
                let Some(side) = trade_at(&self.trades, sell).and_then(|it| RowSide::of(&it))
                else {
                    break;
                };
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
        Ok(self.check_ended("the walk over the rows", shown, self.rows_count())?)
    }

    /// Compares how many rows or lots came with how many there are.
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

    /// Shows each allocation as a row, in canonical order.
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

    /// Returns a row of the pool, in which nothing else is told yet.
    fn no_row(&self) -> AllocationRow<'_> {
        AllocationRow {
            account: self.pool.account.as_str(),
            symbol: self.pool.symbol.as_str(),
            sell_order_id: "",
            buy_order_id: None,
            allocated_size: Size::ZERO,
            buy_price: None,
            sell_price: Price::ZERO,
            buy_fees_per_unit: None,
            sell_fees_per_unit: None,
            cost_basis_usd: None,
            proceeds_usd: Usd::ZERO,
            net_proceeds_usd: Usd::ZERO,
            pnl_usd: None,
            buy_time: None,
            sell_time: Timestamp::EPOCH,
            notes: Notes::default(),
        }
    }

    /// Returns the allocations as rows, in canonical order.
    pub fn rows(&self) -> impl Iterator<Item = AllocationRow<'_>> {
        self.allocations().filter_map(|allocation| {
            let side = |index| {
                let side = RowSide::of(&trade_at(&self.trades, index)?);
                debug_assert!(side.is_some(), "what was matched can be shown");
                side
            };
            let mut row = self.no_row();
            side(allocation.sell)?.sell_into(&mut row);
            match allocation.buy {
                Some(buy) => side(buy)?.buy_into(&mut row),
                None => no_buy_into(&mut row),
            }
            row.allocated_size = allocation.amounts.size;
            row.cost_basis_usd = allocation.amounts.cost_basis;
            row.proceeds_usd = allocation.amounts.proceeds;
            row.net_proceeds_usd = allocation.amounts.net_proceeds;
            row.pnl_usd = allocation.amounts.pnl;
            Some(row)
        })
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
        let buy = trade_at(&self.trades, place).filter(|trade| trade.side == Side::Buy);
        buy.ok_or_else(|| SelfCheckError::Pointer(format!("number {place} of {}", self.pool)))
    }

    /// Tells what became of the open lots that earlier trades left, and which ones are new.
    ///
    /// Errors: the buy of a lot is not among the trades, or is smaller than what its lot used;
    /// both are bugs of the engine.
    pub fn lot_changes(&self) -> Result<LotChanges<'_>, SelfCheckError> {
        let mut changes = LotChanges::default();
        let mut carried = self.carried.iter().peekable();
        for lot in self.open_lots_with_buys() {
            let (buy, lot) = lot?;
            while let Some(used_up) = carried.next_if(|carried| carried.index < lot.buy) {
                changes.gone.push(self.buy_at(used_up.index)?);
            }
            let Some(before) = carried.next_if(|carried| carried.index == lot.buy) else {
                changes.added.push((buy, lot));
                continue;
            };
            if !changes.added.is_empty() {
                // Behind a new lot: it is numbered again, so that numbers tell the order.
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
        for used_up in carried {
            changes.gone.push(self.buy_at(used_up.index)?);
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

/// The parts of a pool at its width. What was matched once without an error has none.
enum AnyParts<'a> {
    Word(Parts<'a, i64>),
    Narrow(Parts<'a, i128>),
    Wide(Parts<'a, I256>),
}

impl AnyParts<'_> {
    fn next(&mut self, scale: u8) -> Option<Allocation> {
        fn allocation<N: Units>(sell: u32, part: &Part<N>, scale: u8) -> Option<Allocation> {
            Some(Allocation {
                sell,
                buy: part.lot.map(|(buy, _)| buy),
                amounts: part.amounts(scale).ok()?,
            })
        }
        match self {
            Self::Word(parts) => {
                let (sell, part) = parts.try_next().ok()??;
                allocation(sell, &part, scale)
            }
            Self::Narrow(parts) => {
                let (sell, part) = parts.try_next().ok()??;
                allocation(sell, &part, scale)
            }
            Self::Wide(parts) => {
                let (sell, part) = parts.try_next().ok()??;
                allocation(sell, &part, scale)
            }
        }
    }
}

/// What all rows of one trade say of it.
#[derive(Debug, Clone, Copy)]
struct RowSide<'a> {
    order_id: &'a str,
    price: Price,
    fee_known: bool,
    fees_per_unit: Option<UsdPerUnit>,
    time: Timestamp,
}

impl<'a> RowSide<'a> {
    #[inline(always)]
    fn of(trade: &TradeRef<'a>) -> Option<Self> {
        Some(Self {
            order_id: trade.order_id,
            price: trade.price.to_price().ok()?,
            fee_known: trade.fee.is_some(),
            fees_per_unit: trade
                .fee
                .and_then(|fee| money::fees_per_unit(fee, trade.size)),
            time: trade.order_time,
        })
    }

    fn omits_fee(&self) -> bool {
        self.fee_known && self.fees_per_unit.is_none()
    }

    fn sell_into(&self, row: &mut AllocationRow<'a>) {
        row.sell_order_id = self.order_id;
        row.sell_price = self.price;
        row.sell_fees_per_unit = self.fees_per_unit;
        row.sell_time = self.time;
        row.notes.sell_fee_unknown = !self.fee_known;
        row.notes.sell_fee_per_unit_omitted = self.omits_fee();
    }

    fn buy_into(&self, row: &mut AllocationRow<'a>) {
        row.buy_order_id = Some(self.order_id);
        row.buy_price = Some(self.price);
        row.buy_fees_per_unit = self.fees_per_unit;
        row.buy_time = Some(self.time);
        row.notes.unmatched = false;
        row.notes.buy_fee_unknown = !self.fee_known;
        row.notes.buy_fee_per_unit_omitted = self.omits_fee();
    }
}

/// Tells that no lot was left for a row.
fn no_buy_into(row: &mut AllocationRow<'_>) {
    row.buy_order_id = None;
    row.buy_price = None;
    row.buy_fees_per_unit = None;
    row.cost_basis_usd = None;
    row.buy_time = None;
    row.notes.unmatched = true;
    row.notes.buy_fee_unknown = false;
    row.notes.buy_fee_per_unit_omitted = false;
}

#[inline]
fn trade_at(trades: &Trades, index: u32) -> Option<TradeRef<'_>> {
    trades.get(usize::try_from(index).ok()?)
}

fn beyond_pool(error: MoneyError) -> InvalidTrade {
    InvalidTrade {
        order_id: String::new(),
        column: "size",
        reason: format!("of the pool: {error}"),
    }
}
