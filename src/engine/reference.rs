//! A second matcher, slow and simple, which checks the first one by another method.
//!
//! Lay all bought units of a pool end to end on one line, in the pool's order; each buy owns the
//! stretch it brought. A sell takes the next free units of the line, but only units bought before
//! the sell. The rest of the sell is unmatched. If the stretch of a sell meets the stretch of a
//! buy, that is an allocation.
//!
//! `reference/legs.rs` has the second way from trades to what pools take in. `reference/splits.rs`
//! has one for pools with splits, whose line has no fixed measure. `reference/shorts.rs` has one
//! for pools that may go short.
//!
//! This file shares no matching or money code with the engine, and never imports `matching.rs`,
//! `money.rs` or `wide.rs`. `checks.rs` and `tests/pure/engine_properties.rs` compare its results.

mod amounts;
mod exact;
pub(super) mod legs;
mod rates;
mod shorts;
mod splits;
mod transfers;

use std::cmp::Ordering;

use super::canonical::{AllocationRow, Notes};
use super::direction::LotDirection;
use super::ids::{Pool, Symbol};
use super::leg::Leg;
use super::number::{Size, Usd, UsdPerUnit};
use super::side::Side;
use super::trade::Trade;
pub(super) use amounts::TradeAmounts;
use amounts::price_of;
pub(super) use exact::Exact;
pub use shorts::match_signed_pool;
pub(super) use shorts::order_in_signed_pool;
pub use splits::match_pool_with_splits;
pub(super) use splits::stretch;
pub use transfers::{AccountHistory, AccountMatching, Happened, ReferenceMove, match_group};

/// An allocation of the second matcher. An index into the matcher's input names each trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceAllocation {
    /// The sell.
    pub sell: usize,
    /// The buy; `None` if no lot was left.
    pub buy: Option<usize>,
    /// Short, if the sell opened the lot.
    pub direction: LotDirection,
    /// Place of the lot in `ReferenceMatching::changed`. `None`: no split changed it.
    pub changed: Option<usize>,
    /// Units: base units.
    pub allocated_size: Size,
    /// The buy's fee divided by its size; `None` if unknown, or if it does not fit.
    pub buy_fees_per_unit: Option<UsdPerUnit>,
    /// The sell's fee divided by its size; `None` if unknown, or if it does not fit.
    pub sell_fees_per_unit: Option<UsdPerUnit>,
    /// The slice's share of the buy's price and fee; `None` if no lot was left.
    pub cost_basis_usd: Option<Usd>,
    /// The slice's share of the sell's price, before fees.
    pub proceeds_usd: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds_usd: Usd,
    /// Net proceeds less cost basis; `None` if no lot was left.
    pub pnl_usd: Option<Usd>,
}

impl ReferenceAllocation {
    /// Returns the row that has to be stored. `changed` are the lots that splits changed.
    ///
    /// `None`: a list lacks the sell or the buy.
    pub fn row<'a>(
        &self,
        pool: &'a Pool,
        trades: &'a [Trade],
        changed: &'a [Trade],
    ) -> Option<AllocationRow<'a>> {
        let is_short = self.direction.is_short();
        let sell = match self.changed.filter(|_| is_short) {
            Some(lot) => changed.get(lot)?,
            None => trades.get(self.sell)?,
        };
        let buy = match (self.changed.filter(|_| !is_short), self.buy) {
            (Some(lot), _) => Some(changed.get(lot)?),
            (None, Some(buy)) => Some(trades.get(buy)?),
            (None, None) => None,
        };
        let omitted = |trade: &Trade, shown: Option<UsdPerUnit>| match trade.fee {
            Some(_) => shown.is_none(),
            None => false,
        };
        Some(AllocationRow {
            account: pool.account.as_str(),
            symbol: pool.symbol_of(sell.entry.symbol.as_ref().map(Symbol::as_str)),
            sell_order_id: sell.order_id.as_str(),
            buy_order_id: buy.map(|buy| buy.order_id.as_str()),
            allocated_size: self.allocated_size,
            buy_price: buy.and_then(price_of),
            sell_price: price_of(sell),
            buy_fees_per_unit: self.buy_fees_per_unit,
            sell_fees_per_unit: self.sell_fees_per_unit,
            cost_basis_usd: self.cost_basis_usd,
            proceeds_usd: self.proceeds_usd,
            net_proceeds_usd: self.net_proceeds_usd,
            pnl_usd: self.pnl_usd,
            buy_time: buy.map(|buy| buy.order_time),
            sell_time: sell.order_time,
            notes: Notes {
                unmatched: self.buy.is_none(),
                buy_fee_unknown: buy.is_some_and(|buy| buy.fee.is_none()),
                sell_fee_unknown: sell.fee.is_none(),
                buy_fee_per_unit_omitted: buy
                    .is_some_and(|buy| omitted(buy, self.buy_fees_per_unit)),
                sell_fee_per_unit_omitted: omitted(sell, self.sell_fees_per_unit),
                buy_price_omitted: buy.is_some_and(|buy| price_of(buy).is_none()),
                sell_price_omitted: price_of(sell).is_none(),
            },
            asset: pool.asset.as_str(),
            sell_leg: sell.entry.leg,
            buy_leg: buy.map_or(Leg::Base, |buy| buy.entry.leg),
            direction: self.direction,
            moved: buy.and_then(|buy| buy.entry.moved.as_deref()),
        })
    }
}

/// A lot with something left, as the second matcher computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceLot {
    /// The trade that opened it: its place in the matcher's input.
    pub buy: usize,
    /// Units: base units.
    pub remaining_size: Size,
    /// Units: USD. Of a short lot its net proceeds.
    pub remaining_cost_usd: Usd,
    /// Place of the lot in `ReferenceMatching::changed`. `None`: no split changed it.
    pub changed: Option<usize>,
}

/// The second matcher's result for a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceMatching {
    /// The places of the trades in the pool's total order.
    pub order: Vec<usize>,
    /// In the order of sells. Within a sell, oldest lot first, the unmatched part last.
    pub allocations: Vec<ReferenceAllocation>,
    /// The open lots, oldest first.
    pub open_lots: Vec<ReferenceLot>,
    /// Lots as splits left them: the buy with the new size, and with the cost as its value.
    pub changed: Vec<Trade>,
}

/// Why the second matcher has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// An amount is too large for its column. Trades within the limits of `policy.rs` have no such
    /// amount.
    #[error("an amount of order \"{0}\" is beyond 128 bits")]
    Beyond(String),
    /// A split has no usual ratio, or makes a size that no lot can have.
    #[error("a split of the lot of order \"{0}\" can't be computed")]
    Split(String),
}

impl ReferenceError {
    /// Returns the id of the trade in question.
    pub fn order_id(&self) -> &str {
        let (Self::Beyond(order_id) | Self::Split(order_id)) = self;
        order_id
    }
}

/// Matches the trades of one pool, which may come in any order.
///
/// Time and memory grow with trades and allocations; the sort takes more.
/// Errors: an amount beyond 128 bits. Source: docs/SPEC-matching.md.
pub fn match_pool(trades: &[Trade]) -> Result<ReferenceMatching, ReferenceError> {
    let order = order_in_pool(trades);
    let line = Line::lay(trades, &order);
    let mut crossing = Crossing {
        trades,
        lots: line.lots.iter(),
        lot: None,
        lot_end: Exact::ZERO,
        allocations: Vec::with_capacity(trades.len()),
    };
    let mut from = Exact::ZERO;
    for sell in &line.sells {
        crossing.meet(sell, &from)?;
        from = sell.at.clone();
    }
    let open_lots = crossing.open_lots()?;
    let allocations = crossing.allocations;
    Ok(ReferenceMatching {
        order,
        allocations,
        open_lots,
        changed: Vec::new(),
    })
}

/// Returns the places of the trades in the pool's total order.
pub(super) fn order_in_pool(trades: &[Trade]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trades.len()).collect();
    order.sort_by(
        |left, right| match (trades.get(*left), trades.get(*right)) {
            (Some(left), Some(right)) => compare_places(left, right),
            _ => Ordering::Equal,
        },
    );
    order
}

/// The total order: time, buys first, sequence with none last, id, leg.
fn compare_places(left: &Trade, right: &Trade) -> Ordering {
    let facts = |trade: &Trade| {
        let sequence = match trade.trade_seq {
            Some(sequence) => (false, sequence),
            None => (true, 0),
        };
        (
            trade.order_time.as_micros(),
            trade.side == Side::Sell,
            sequence,
        )
    };
    let ids = || compare_ids(left.order_id.as_str(), right.order_id.as_str());
    let leg = |trade: &Trade| match trade.entry.leg {
        Leg::Base => 0,
        Leg::Quote => 1,
        Leg::Fee => 2,
        Leg::Network => 3,
        Leg::Income => 4,
    };
    let legs = || leg(left).cmp(&leg(right));
    let network = |trade: &Trade| leg(trade) == 3;
    facts(left)
        .cmp(&facts(right))
        .then_with(|| network(left).cmp(&network(right)))
        .then_with(ids)
        .then_with(legs)
}

/// Whole numbers come first, the smaller one first; then other ids as bytes. A correction comes
/// right after its original.
fn compare_ids(left: &str, right: &str) -> Ordering {
    let (left, left_form) = original_and_form(left.as_bytes());
    let (right, right_form) = original_and_form(right.as_bytes());
    let is_number = |id: &[u8]| id.iter().all(u8::is_ascii_digit);
    let originals = match (is_number(left), is_number(right)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
        (true, true) => compare_digits(left, right).then_with(|| left.cmp(right)),
    };
    originals.then_with(|| compare_digits(left_form, right_form))
}

/// Compares whole numbers of any length by their digits, as on paper: zeros fill up the shorter
/// one.
fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let width = left.len().max(right.len());
    let filled = |digits: &[u8]| {
        let zeros = width.saturating_sub(digits.len());
        let mut filled = vec![b'0'; zeros];
        filled.extend_from_slice(digits);
        filled
    };
    filled(left).cmp(&filled(right))
}

/// Splits off a correction's number: two or more after the last `~`, within 32 bits.
fn original_and_form(id: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = id.rsplitn(2, |byte| *byte == b'~');
    let (Some(form), Some(original)) = (parts.next(), parts.next()) else {
        return (id, &[]);
    };
    let is_number = form.iter().all(u8::is_ascii_digit) && form.first() != Some(&b'0');
    let is_in_range = compare_digits(form, b"1").is_gt()
        && compare_digits(form, u32::MAX.to_string().as_bytes()).is_le();
    match is_number && is_in_range && !original.is_empty() {
        true => (original, form),
        false => (id, &[]),
    }
}

/// End of a trade's stretch; the stretch begins at the end of the one before.
struct End {
    trade: usize,
    at: Exact,
}

/// The ends of all lots and sells of a pool on the line.
struct Line {
    lots: Vec<End>,
    sells: Vec<End>,
}

impl Line {
    fn lay(trades: &[Trade], order: &[usize]) -> Self {
        let (mut bought, mut taken) = (Exact::ZERO, Exact::ZERO);
        let (mut lots, mut sells) = (Vec::new(), Vec::new());
        for (index, trade) in order.iter().filter_map(|at| Some((*at, trades.get(*at)?))) {
            let size = Exact::of_size(trade.size);
            match trade.side {
                Side::Buy => {
                    bought = bought.plus(&size);
                    lots.push(End {
                        trade: index,
                        at: bought.clone(),
                    });
                }
                Side::Sell => {
                    taken = taken.plus(&size).min(bought.clone());
                    sells.push(End {
                        trade: index,
                        at: taken.clone(),
                    });
                }
            }
        }
        Self { lots, sells }
    }
}

/// The walk along the line that finds where sells and lots meet.
struct Crossing<'a> {
    trades: &'a [Trade],
    /// Lots not reached yet.
    lots: std::slice::Iter<'a, End>,
    /// The lot that the walk has reached; `lot_end` is its end on the line.
    lot: Option<Share<'a>>,
    lot_end: Exact,
    allocations: Vec<ReferenceAllocation>,
}

impl<'a> Crossing<'a> {
    /// Cuts the stretch of a sell where lots end. The rest of its size is unmatched.
    fn meet(&mut self, sell: &End, from: &Exact) -> Result<(), ReferenceError> {
        let Some(mut share) = Share::of(self.trades, sell.trade) else {
            return Ok(());
        };
        let mut at = from.clone();
        while at < sell.at && self.reach(&at) {
            let to = sell.at.clone().min(self.lot_end.clone());
            let units = to.minus(&at);
            self.allocate(&mut share, &units)?;
            at = to;
        }
        let unmatched = share.left();
        if unmatched > Exact::ZERO {
            let allocation = share.allocate(None, &unmatched)?;
            self.allocations.push(allocation);
        }
        Ok(())
    }

    /// Goes on to the lot after `at`. Returns false if no lot is left.
    fn reach(&mut self, at: &Exact) -> bool {
        while self.lot.is_none() || self.lot_end <= *at {
            let Some(lot) = self.lots.next() else {
                return false;
            };
            self.lot_end = lot.at.clone();
            self.lot = Share::of(self.trades, lot.trade);
        }
        true
    }

    fn allocate(&mut self, sell: &mut Share<'_>, units: &Exact) -> Result<(), ReferenceError> {
        let allocation = sell.allocate(self.lot.as_mut(), units)?;
        self.allocations.push(allocation);
        Ok(())
    }

    fn open_lots(&mut self) -> Result<Vec<ReferenceLot>, ReferenceError> {
        let trades = self.trades;
        let first = self.lot.take();
        let others = self
            .lots
            .by_ref()
            .filter_map(|lot| Share::of(trades, lot.trade));
        let mut open = Vec::new();
        for mut lot in first.into_iter().chain(others) {
            let left = lot.left();
            if left > Exact::ZERO {
                let (gross, fees) = lot.take(&left);
                open.push(ReferenceLot {
                    buy: lot.index,
                    remaining_size: lot.size_of(&left)?,
                    remaining_cost_usd: lot.usd(&gross.plus(&fees))?,
                    changed: None,
                });
            }
        }
        Ok(open)
    }
}

/// A trade whose units go into allocations, piece by piece.
struct Share<'a> {
    index: usize,
    trade: &'a Trade,
    amounts: TradeAmounts,
    fees_per_unit: Option<UsdPerUnit>,
    /// Units allocated up to now; the next two fields are their gross value and fees.
    used: Exact,
    gross_used: Exact,
    fees_used: Exact,
}

impl<'a> Share<'a> {
    fn of(trades: &'a [Trade], index: usize) -> Option<Self> {
        let trade = trades.get(index)?;
        let amounts = TradeAmounts::of(trade, Exact::of_size(trade.size));
        Some(Self {
            index,
            trade,
            fees_per_unit: amounts.fees_per_unit(),
            amounts,
            used: Exact::ZERO,
            gross_used: Exact::ZERO,
            fees_used: Exact::ZERO,
        })
    }

    fn left(&self) -> Exact {
        self.amounts.size.minus(&self.used)
    }

    /// Allocates the next units. Returns their gross value and their share of the fee.
    fn take(&mut self, units: &Exact) -> (Exact, Exact) {
        self.used = self.used.plus(units);
        let gross = self.amounts.gross_of_first(&self.used);
        let fees = self.amounts.fees_of_first(&self.used);
        let slice = (gross.minus(&self.gross_used), fees.minus(&self.fees_used));
        (self.gross_used, self.fees_used) = (gross, fees);
        slice
    }

    /// Makes an allocation of the next units of this sell and the next units of a lot.
    fn allocate(
        &mut self,
        lot: Option<&mut Share<'_>>,
        units: &Exact,
    ) -> Result<ReferenceAllocation, ReferenceError> {
        let (proceeds, sell_fees) = self.take(units);
        let net_proceeds = proceeds.minus(&sell_fees);
        let mut allocation = ReferenceAllocation {
            sell: self.index,
            buy: None,
            direction: LotDirection::Long,
            changed: None,
            allocated_size: self.size_of(units)?,
            buy_fees_per_unit: None,
            sell_fees_per_unit: self.fees_per_unit,
            cost_basis_usd: None,
            proceeds_usd: self.usd(&proceeds)?,
            net_proceeds_usd: self.usd(&net_proceeds)?,
            pnl_usd: None,
        };
        if let Some(lot) = lot {
            let (gross, buy_fees) = lot.take(units);
            let cost = gross.plus(&buy_fees);
            allocation.buy = Some(lot.index);
            allocation.buy_fees_per_unit = lot.fees_per_unit;
            allocation.cost_basis_usd = Some(lot.usd(&cost)?);
            allocation.pnl_usd = Some(self.usd(&net_proceeds.minus(&cost))?);
        }
        Ok(allocation)
    }

    fn usd(&self, amount: &Exact) -> Result<Usd, ReferenceError> {
        amount
            .to_i128()
            .map(Usd::from_units)
            .ok_or_else(|| self.beyond())
    }

    fn size_of(&self, units: &Exact) -> Result<Size, ReferenceError> {
        if *units == self.amounts.size {
            return Ok(self.trade.size);
        }
        Size::try_from_wide_text(&units.size_text()).map_err(|_| self.beyond())
    }

    fn beyond(&self) -> ReferenceError {
        ReferenceError::Beyond(self.trade.order_id.to_string())
    }
}

#[cfg(test)]
mod tests;
