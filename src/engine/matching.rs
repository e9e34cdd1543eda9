//! First in, first out: each sell takes from the oldest lot with something left.
//!
//! One kernel does the work on integers; two doors lead to it. [`match_pool`] takes a whole pool
//! and picks the narrowest integers that hold it. [`Matcher`] takes trades one by one, for a
//! program that follows a market. Both give the same amounts. The second opinion, which shares no
//! code with this file, is `reference.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ids::Pool;
use super::money::{self, MoneyError, Terms, Units, Width};
use super::number::{Size, Usd};
use super::outcome::{Amounts, Matching, OpenLot};
use super::policy::FACT_DECIMALS_MAX;
use super::resume::{CarriedLot, OrderKey, lots_by_id};
use super::trade::{InvalidTrade, Side, Trade};
use super::trades::{TradeRef, Trades};
use super::wide::I256;

/// Where the kernel gets the next lot from, once the oldest is used up.
trait Lots {
    /// Takes the oldest lot that is not yet begun.
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>>;
}

/// The lot that sells take from.
#[derive(Debug, Clone)]
struct Lot<N> {
    handle: u32,
    terms: Terms,
    size: N,
    used: N,
    /// Cost of the units used so far: what the next slice's cost is the difference to.
    cost_used: Usd,
}

impl<N: Units> Lot<N> {
    /// `handle`: the caller's number of it.
    fn new(handle: u32, (size, terms): (N, Terms)) -> Self {
        Self {
            handle,
            terms,
            size,
            used: N::ZERO,
            cost_used: Usd::ZERO,
        }
    }

    /// Returns the lot after `used` of it went to earlier sells. `None`: it does not fit.
    fn used_before(mut self, used: Size, scale: u8) -> Option<Self> {
        self.used = N::try_from_size(used, scale)?;
        if self.used > N::ZERO {
            self.cost_used = self.cost_of_first(self.used, scale).ok()?;
        }
        Some(self)
    }

    fn left(&self) -> Result<N, MoneyError> {
        self.size.sub(self.used).ok_or(MoneyError::OutOfRange)
    }

    #[inline(always)]
    fn cost_of_first(&self, used: N, scale: u8) -> Result<Usd, MoneyError> {
        let (gross, fee) = self.terms.worth(used, self.size, scale)?;
        gross.checked_add(fee)
    }

    /// Uses up to `wanted` units: returns them, and their cost.
    #[inline(always)]
    fn take(&mut self, wanted: N, scale: u8) -> Result<(N, Usd), MoneyError> {
        let taken = self.left()?.min(wanted);
        debug_assert!(taken > N::ZERO, "an open lot has something left");
        self.used = self.used.add(taken).ok_or(MoneyError::OutOfRange)?;
        debug_assert!(self.used <= self.size, "no lot gives more than it has");
        let cost = self.cost_of_first(self.used, scale)?;
        let slice_cost = cost.checked_sub(self.cost_used)?;
        self.cost_used = cost;
        Ok((taken, slice_cost))
    }

    fn open(&self, scale: u8) -> Result<OpenLot, MoneyError> {
        let cost = self.cost_of_first(self.size, scale)?;
        Ok(OpenLot {
            buy: self.handle,
            remaining_size: self.left()?.to_size(scale)?,
            remaining_cost: cost.checked_sub(self.cost_used)?,
        })
    }
}

/// A part of a sell, as the kernel gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<N> {
    /// The lot it was taken from, and what it cost there; `None`: unmatched.
    pub(super) lot: Option<(u32, Usd)>,
    pub(super) size: N,
    pub(super) proceeds: Usd,
    pub(super) net_proceeds: Usd,
}

impl<N: Units> Part<N> {
    /// Returns the pnl. Errors: beyond 128 bits.
    pub(super) fn pnl(&self) -> Result<Option<Usd>, MoneyError> {
        let pnl = |(_, cost)| self.net_proceeds.checked_sub(cost);
        self.lot.map(pnl).transpose()
    }

    /// Returns the amounts. Errors: one is beyond its type.
    pub(super) fn amounts(&self, scale: u8) -> Result<Amounts, MoneyError> {
        Ok(Amounts {
            size: self.size.to_size(scale)?,
            cost_basis: self.lot.map(|(_, cost)| cost),
            proceeds: self.proceeds,
            net_proceeds: self.net_proceeds,
            pnl: self.pnl()?,
        })
    }
}

/// The state of matching, at one scale: the lot that sells take from. The lots behind it are
/// untouched, and stay where the caller has them.
#[derive(Debug, Clone)]
struct Kernel<N> {
    scale: u8,
    oldest: Option<Lot<N>>,
}

impl<N: Units> Kernel<N> {
    fn new(scale: u8) -> Self {
        Self {
            scale,
            oldest: None,
        }
    }

    /// Takes up to `wanted` units from the oldest lot: its handle, the units, their cost.
    #[inline(always)]
    fn take_from_oldest(
        &mut self,
        wanted: N,
        lots: &mut impl Lots,
    ) -> Result<Option<(u32, N, Usd)>, MoneyError> {
        let scale = self.scale;
        let lot = match &mut self.oldest {
            Some(lot) => lot,
            None => match lots.next_lot(scale) {
                Some(lot) => self.oldest.insert(lot),
                None => return Ok(None),
            },
        };
        let (taken, cost) = lot.take(wanted, scale)?;
        let handle = lot.handle;
        if lot.used == lot.size {
            self.oldest = None;
        }
        Ok(Some((handle, taken, cost)))
    }

    /// Returns the lots with something left, oldest first.
    fn open_lots(&self, lots: &mut impl Lots) -> Result<Vec<OpenLot>, MoneyError> {
        let mut open = Vec::new();
        if let Some(oldest) = &self.oldest {
            open.push(oldest.open(self.scale)?);
        }
        while let Some(lot) = lots.next_lot::<N>(self.scale) {
            open.push(lot.open(self.scale)?);
        }
        Ok(open)
    }
}

/// A sell on its way through the lots.
#[derive(Debug, Clone)]
struct Selling<N> {
    terms: Terms,
    size: N,
    sold: N,
    gross_sold: Usd,
    fee_sold: Usd,
}

impl<N: Units> Selling<N> {
    fn new((size, terms): (N, Terms)) -> Self {
        Self {
            terms,
            size,
            sold: N::ZERO,
            gross_sold: Usd::ZERO,
            fee_sold: Usd::ZERO,
        }
    }

    fn is_done(&self) -> bool {
        self.sold == self.size
    }

    /// Matches the next part, from the oldest lot.
    #[inline(always)]
    fn next_part(
        &mut self,
        kernel: &mut Kernel<N>,
        lots: &mut impl Lots,
    ) -> Result<Part<N>, MoneyError> {
        let wanted = self.size.sub(self.sold).ok_or(MoneyError::OutOfRange)?;
        let taken = kernel.take_from_oldest(wanted, lots)?;
        let size = taken.map_or(wanted, |(_, size, _)| size);
        debug_assert!(
            size > N::ZERO,
            "each part brings the sell nearer to its end"
        );
        self.sold = self.sold.add(size).ok_or(MoneyError::OutOfRange)?;
        debug_assert!(self.sold <= self.size, "no sell is matched beyond its size");
        let (gross, fee) = self.terms.worth(self.sold, self.size, kernel.scale)?;
        let proceeds = gross.checked_sub(self.gross_sold)?;
        let net_proceeds = proceeds.checked_sub(fee.checked_sub(self.fee_sold)?)?;
        (self.gross_sold, self.fee_sold) = (gross, fee);
        Ok(Part {
            lot: taken.map(|(handle, _, cost)| (handle, cost)),
            size,
            proceeds,
            net_proceeds,
        })
    }
}

/// Matches all trades of a pool.
///
/// Order: the trades may come in any order; the result is in the pool's total order.
/// Errors: an amount or a total beyond the limits of `policy.rs`, or two trades of one id.
/// Source: docs/SPEC-matching.md, "Matching".
///
/// ```
/// use fifo_pnl::engine::{Pool, Side, Trade, match_pool};
///
/// let trade = |id: &str, side, size: &str, price: &str, micros| Trade {
///     order_id: id.parse().unwrap(),
///     side,
///     size: size.parse().unwrap(),
///     price: price.parse().unwrap(),
///     fee: None,
///     order_time: fifo_pnl::engine::Timestamp::try_from_micros(micros).unwrap(),
///     trade_seq: None,
/// };
/// let pool = Pool::new("default".parse()?, "BTC-USD".parse()?);
/// let matching = match_pool(pool, vec![
///     trade("b1", Side::Buy, "0.5", "30000", 1),
///     trade("b2", Side::Buy, "0.3", "31000", 2),
///     trade("s1", Side::Sell, "0.7", "32000", 3),
/// ])?;
/// let pnl: Vec<String> =
///     matching.rows().map(|row| row.pnl_usd.unwrap().to_string()).collect();
/// assert_eq!(pnl, ["1000", "200"]);
/// assert_eq!(matching.open_lots[0].remaining_size.to_string(), "0.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn match_pool(pool: Pool, trades: Vec<Trade>) -> Result<Matching, InvalidTrade> {
    let packed = Trades::try_of(&trades)?;
    drop(trades);
    match_trades(pool, packed)
}

/// Matches all trades of a pool, packed. Otherwise like [`match_pool`].
pub fn match_trades(pool: Pool, trades: Trades) -> Result<Matching, InvalidTrade> {
    match_on(pool, &[], None, trades)
}

/// Matches trades on top of lots that earlier trades left open, of which one was the last. All
/// trades of the result come after those, but for the buys of the lots, which stand among them.
///
/// Errors: as of [`match_pool`]; or a lot has more left than its buy had, or at another cost.
pub(super) fn match_on(
    pool: Pool,
    lots: &[CarriedLot],
    last: Option<&OrderKey>,
    mut trades: Trades,
) -> Result<Matching, InvalidTrade> {
    for lot in lots {
        let invalid = |column, reason: &dyn std::fmt::Display| InvalidTrade {
            order_id: lot.buy.order_id.as_str().to_owned(),
            column,
            reason: reason.to_string(),
        };
        let buy = TradeRef::try_of(&lot.buy).map_err(|error| invalid("size", &error))?;
        let pushed = trades.push(&buy);
        pushed.map_err(|error| invalid("order_id", &error))?;
    }
    trades.sort();
    for trade in trades.iter() {
        trade.check()?;
    }
    if let Some(id) = trades.repeated_id() {
        return Err(InvalidTrade {
            order_id: id.to_owned(),
            column: "order_id",
            reason: "is the id of two trades of the pool".into(),
        });
    }
    let scales = trades.iter().map(|trade| trade.size.scale());
    let left = lots.iter().map(|lot| lot.remaining_size.scale());
    let scale = scales.chain(left).max().unwrap_or(0);
    let before = (carried(&trades, lots)?, last);
    match width(&trades, scale) {
        Width::Word => Matching::try_new::<i64>(pool, trades, before, scale),
        Width::Narrow => Matching::try_new::<i128>(pool, trades, before, scale),
        Width::Wide => Matching::try_new::<I256>(pool, trades, before, scale),
    }
}

/// A trade of an earlier matching, and how much of it was used there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried {
    /// Its place.
    pub(super) index: u32,
    /// Units: base units.
    pub(super) used: Size,
}

/// Finds the lots among the sorted trades.
fn carried(trades: &Trades, lots: &[CarriedLot]) -> Result<Vec<Carried>, InvalidTrade> {
    let mut carried = Vec::with_capacity(lots.len());
    if lots.is_empty() {
        return Ok(carried);
    }
    let by_id = lots_by_id(lots);
    for (index, trade) in (0..).zip(trades.iter()) {
        let Some(lot) = by_id.get(trade.order_id) else {
            continue;
        };
        let invalid = |reason: &dyn std::fmt::Display| InvalidTrade {
            order_id: trade.order_id.to_owned(),
            column: "size",
            reason: format!("of the lot that is left: {reason}"),
        };
        let used = money::sub_sizes(lot.buy.size, lot.remaining_size);
        let used = used.map_err(|error| invalid(&error))?;
        if trade.side == Side::Sell || lot.remaining_size.is_zero() {
            return Err(invalid(&"nothing was left"));
        }
        carried.push(Carried { index, used });
    }
    Ok(carried)
}

/// Returns the least width that holds every size, and the sum of all, at the scale.
fn width(trades: &Trades, scale: u8) -> Width {
    let mut sizes = trades
        .iter()
        .map(|trade| i128::try_from_fact(trade.size, scale));
    match sizes.try_fold(0_i128, |sum, size| sum.checked_add(size?)) {
        Some(sum) if i64::try_from(sum).is_ok() => Width::Word,
        Some(_) => Width::Narrow,
        None => Width::Wide,
    }
}

/// The buys of a sorted pool up to a sell: lots are taken in the order in which they stand.
#[derive(Debug, Clone)]
struct BuysBefore<'a> {
    trades: &'a Trades,
    next: usize,
    sell: usize,
    /// Those of them that were used before, by place.
    carried: &'a [Carried],
}

impl Lots for BuysBefore<'_> {
    #[inline(always)]
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>> {
        while self.next < self.sell {
            let index = self.next;
            self.next = index.saturating_add(1);
            if self.trades.side(index)? == Side::Buy {
                let handle = u32::try_from(index).ok()?;
                let lot = Lot::new(handle, self.trades.terms(index, scale)?);
                return match self.carried.split_first() {
                    Some((first, rest)) if first.index == handle => {
                        self.carried = rest;
                        lot.used_before(first.used, scale)
                    }
                    _ => Some(lot),
                };
            }
        }
        None
    }
}

/// The parts of all sells of a sorted pool, one after the other.
///
/// Nothing is kept of a part once it is given: who needs the parts again matches again, which
/// costs less than the memory to keep them.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a, N> {
    trades: &'a Trades,
    kernel: Kernel<N>,
    lots: BuysBefore<'a>,
    /// The next trade.
    next: usize,
    /// The sell at work, and its place.
    selling: Option<(u32, Selling<N>)>,
}

impl<'a, N: Units> Parts<'a, N> {
    /// `trades` are sorted, and fit `N` at the scale; `carried` are the buys of open lots.
    pub(super) fn new(trades: &'a Trades, carried: &'a [Carried], scale: u8) -> Self {
        Self {
            trades,
            kernel: Kernel::new(scale),
            lots: BuysBefore {
                trades,
                next: 0,
                sell: 0,
                carried,
            },
            next: 0,
            selling: None,
        }
    }

    /// Matches the next part: the sell's place and the part. Errors: an amount does not fit.
    #[inline(always)]
    pub(super) fn try_next(&mut self) -> Result<Option<(u32, Part<N>)>, InvalidTrade> {
        if self.selling.is_none() && !self.next_sell()? {
            return Ok(None);
        }
        let Some((index, selling)) = &mut self.selling else {
            return Ok(None);
        };
        let index = *index;
        match selling.next_part(&mut self.kernel, &mut self.lots) {
            Ok(part) => {
                if selling.is_done() {
                    self.selling = None;
                }
                Ok(Some((index, part)))
            }
            Err(error) => Err(self.does_not_fit(index, error)),
        }
    }

    #[inline(always)]
    fn next_sell(&mut self) -> Result<bool, InvalidTrade> {
        loop {
            let place = self.next;
            match self.trades.side(place) {
                None => return Ok(false),
                Some(Side::Buy) => self.next = place.saturating_add(1),
                Some(Side::Sell) => break,
            }
        }
        let place = self.next;
        self.next = place.saturating_add(1);
        self.lots.sell = place;
        // More trades than 32 bits count have more than 4 GiB of ids, which a pool can't hold.
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let Some(sell) = self.trades.terms(place, self.kernel.scale) else {
            return Err(self.does_not_fit(index, MoneyError::OutOfRange));
        };
        self.selling = Some((index, Selling::new(sell)));
        Ok(true)
    }

    fn does_not_fit(&self, sell: u32, error: MoneyError) -> InvalidTrade {
        let trade = usize::try_from(sell)
            .ok()
            .and_then(|sell| self.trades.get(sell));
        InvalidTrade::does_not_fit(trade.map_or("", |trade| trade.order_id), error)
    }

    /// Returns what is left after the last part, oldest lot first.
    pub(super) fn open_lots(mut self) -> Result<Vec<OpenLot>, MoneyError> {
        self.lots.sell = self.trades.len();
        self.kernel.open_lots(&mut self.lots)
    }
}

/// A part of a sell that a [`Matcher`] has just matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedSlice {
    /// The buy whose lot was used; `None` where no lot was left.
    pub buy: Option<Arc<Trade>>,
    /// Size, cost basis, proceeds, pnl.
    pub amounts: Amounts,
}

/// Why a trade can't follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// It comes before a trade that was already matched: match the whole pool again.
    #[error("order \"{order_id}\" comes before \"{last}\", which was already matched")]
    OutOfOrder {
        /// The trade that came late.
        order_id: String,
        /// The last trade matched.
        last: String,
    },
    /// It is not a trade, or does not fit.
    #[error(transparent)]
    Invalid(#[from] InvalidTrade),
}

/// Matches a pool's trades one by one, as they come.
///
/// Its state is the open lots; memory grows with them, not with history.
///
/// ```
/// use fifo_pnl::engine::{Matcher, Side, Trade};
/// # let trade = |id: &str, side, size: &str, price: &str, micros| Trade {
/// #     order_id: id.parse().unwrap(), side, size: size.parse().unwrap(),
/// #     price: price.parse().unwrap(), fee: None,
/// #     order_time: fifo_pnl::engine::Timestamp::try_from_micros(micros).unwrap(),
/// #     trade_seq: None,
/// # };
/// let mut matcher = Matcher::new();
/// assert!(matcher.push(trade("b", Side::Buy, "2", "10", 1))?.is_empty());
/// let slices = matcher.push(trade("s", Side::Sell, "3", "12", 2))?;
/// assert_eq!(slices[0].amounts.pnl.unwrap().to_string(), "4");
/// assert_eq!(slices[1].amounts.pnl, None); // nothing was left for the third unit
/// # Ok::<(), fifo_pnl::engine::MatcherError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Matcher {
    /// At the finest scale a trade can have, as later trades are not known yet.
    kernel: Kernel<I256>,
    /// The buy of the kernel's oldest lot.
    oldest: Option<Arc<Trade>>,
    /// The buys of the lots behind it, oldest first.
    waiting: VecDeque<Arc<Trade>>,
    last: Option<Arc<Trade>>,
}

/// Lots out of a matcher's queue; `begun` are those that a sell began, oldest first.
struct Waiting<'a> {
    waiting: &'a mut VecDeque<Arc<Trade>>,
    begun: Vec<Arc<Trade>>,
}

impl Lots for Waiting<'_> {
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>> {
        self.begun.push(self.waiting.pop_front()?);
        // What was pushed is valid; lots are told apart by their order, not by a number.
        let buy = TradeRef::try_of(self.begun.last()?).ok()?;
        Some(Lot::new(0, buy.terms(scale)?))
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Matcher {
    /// Makes a matcher without lots.
    pub fn new() -> Self {
        Self {
            kernel: Kernel::new(FACT_DECIMALS_MAX),
            oldest: None,
            waiting: VecDeque::new(),
            last: None,
        }
    }

    /// Takes the next trade. A buy opens a lot; a sell returns its slices, oldest lot first.
    ///
    /// Errors: the trade is invalid, or comes before the last one in the pool's total order. The
    /// matcher is then as it was before.
    pub fn push(&mut self, trade: Trade) -> Result<Vec<MatchedSlice>, MatcherError> {
        trade.check()?;
        if let Some(last) = &self.last
            && trade.cmp_in_pool(last).is_le()
        {
            return Err(MatcherError::OutOfOrder {
                order_id: trade.order_id.as_str().to_owned(),
                last: last.order_id.as_str().to_owned(),
            });
        }
        let trade = Arc::new(trade);
        let slices = match trade.side {
            Side::Buy => {
                self.waiting.push_back(Arc::clone(&trade));
                Vec::new()
            }
            Side::Sell => self.sell(&trade)?,
        };
        self.last = Some(trade);
        Ok(slices)
    }

    fn sell(&mut self, trade: &Arc<Trade>) -> Result<Vec<MatchedSlice>, InvalidTrade> {
        let scale = self.kernel.scale;
        let does_not_fit = |error| InvalidTrade::does_not_fit(trade.order_id.as_str(), error);
        let sell = TradeRef::try_of(trade).map_err(|_| does_not_fit(MoneyError::OutOfRange))?;
        let mut lots = Waiting {
            waiting: &mut self.waiting,
            begun: self.oldest.take().into_iter().collect(),
        };
        let mut amounts = Vec::new();
        // Amounts were checked when the trades came in: only a bug can fail here.
        let terms = sell.terms(scale);
        let mut selling = Selling::new(terms.ok_or_else(|| does_not_fit(MoneyError::OutOfRange))?);
        while !selling.is_done() {
            let part = selling.next_part(&mut self.kernel, &mut lots);
            let part = part.and_then(|part| part.amounts(scale));
            amounts.push(part.map_err(does_not_fit)?);
        }
        // A sell takes from the oldest lot on: its n-th slice is of the n-th lot that it began.
        let begun = lots.begun;
        if self.kernel.oldest.is_some() {
            self.oldest = begun.last().cloned();
        }
        let slices = amounts
            .into_iter()
            .enumerate()
            .map(|(nth, amounts)| MatchedSlice {
                buy: amounts.cost_basis.and_then(|_| begun.get(nth).cloned()),
                amounts,
            });
        Ok(slices.collect())
    }

    /// Returns the open lots, oldest first: the buy, what is left of it, and what that cost.
    pub fn open_lots(&self) -> Result<Vec<(Arc<Trade>, Size, Usd)>, MoneyError> {
        let mut waiting = self.waiting.clone();
        let mut lots = Waiting {
            waiting: &mut waiting,
            begun: self.oldest.clone().into_iter().collect(),
        };
        let open = self.kernel.open_lots(&mut lots)?;
        let with_buy = open.into_iter().zip(lots.begun);
        Ok(with_buy
            .map(|(lot, buy)| (buy, lot.remaining_size, lot.remaining_cost))
            .collect())
    }
}
