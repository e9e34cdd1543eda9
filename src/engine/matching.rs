//! First in, first out: each sell takes from the oldest lot with something left.
//!
//! One kernel does the work on integers; two doors lead to it. [`match_pool`] takes a whole pool
//! and picks the narrowest integers that hold it. [`Matcher`] takes trades one by one, for a
//! program that follows a market. Both give the same amounts. The second opinion, which shares no
//! code with this file, is `reference.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::wide::I256;

use super::ids::Pool;
use super::money::{self, MoneyError, Units};
use super::number::{Fee, Price, Size, Usd};
use super::outcome::{Allocation, Amounts, Matching, OpenLot};
use super::policy::FACT_DECIMALS_MAX;
use super::trade::{InvalidTrade, Side, Trade};

/// An open lot in the kernel.
#[derive(Debug, Clone)]
struct Lot<N> {
    /// The caller's name for the buy.
    handle: u32,
    price: Price,
    fee: Option<Fee>,
    size: N,
    used: N,
    /// Cost of the units used so far: what the next slice's cost is the difference to.
    cost_used: Usd,
}

impl<N: Units> Lot<N> {
    fn cost_of_first(&self, used: N, scale: u8) -> Result<Usd, MoneyError> {
        let fee = money::fee_share(self.fee, used, self.size)?;
        money::gross(self.price, used, scale)?.checked_add(fee)
    }
}

/// A part of a sell, as the kernel gives it: from which lot (none: unmatched), and the amounts.
struct Slice<N> {
    lot: Option<u32>,
    size: N,
    cost_basis: Option<Usd>,
    proceeds: Usd,
    net_proceeds: Usd,
}

impl<N: Units> Slice<N> {
    fn amounts(&self, scale: u8) -> Result<Amounts, MoneyError> {
        let cost_basis = self.cost_basis;
        let pnl = cost_basis
            .map(|cost| self.net_proceeds.checked_sub(cost))
            .transpose()?;
        Ok(Amounts {
            size: self.size.to_size(scale)?,
            cost_basis,
            proceeds: self.proceeds,
            net_proceeds: self.net_proceeds,
            pnl,
        })
    }
}

/// The state of matching: the open lots, oldest first, at one scale.
#[derive(Debug, Clone)]
struct Kernel<N> {
    scale: u8,
    lots: VecDeque<Lot<N>>,
}

impl<N: Units> Kernel<N> {
    fn new(scale: u8) -> Self {
        Self {
            scale,
            lots: VecDeque::new(),
        }
    }

    fn units(&self, size: Size) -> Result<N, MoneyError> {
        N::try_from_size(size, self.scale).ok_or(MoneyError::OutOfRange)
    }

    fn buy(&mut self, handle: u32, trade: &Trade) -> Result<(), MoneyError> {
        self.lots.push_back(Lot {
            handle,
            price: trade.price,
            fee: trade.fee,
            size: self.units(trade.size)?,
            used: N::ZERO,
            cost_used: Usd::ZERO,
        });
        Ok(())
    }

    /// Matches one sell, oldest lot first, and gives each slice to `take`.
    fn sell(
        &mut self,
        trade: &Trade,
        take: &mut impl FnMut(Slice<N>) -> Result<(), MoneyError>,
    ) -> Result<(), MoneyError> {
        let size = self.units(trade.size)?;
        let (mut sold, mut gross_sold, mut fee_sold) = (N::ZERO, Usd::ZERO, Usd::ZERO);
        while sold < size {
            let wanted = size.sub(sold).ok_or(MoneyError::OutOfRange)?;
            let slice_of_lot = self.take_from_oldest(wanted)?;
            let slice_size = slice_of_lot.as_ref().map_or(wanted, |(_, size, _)| *size);
            sold = sold.add(slice_size).ok_or(MoneyError::OutOfRange)?;
            let gross = money::gross(trade.price, sold, self.scale)?;
            let fee = money::fee_share(trade.fee, sold, size)?;
            let proceeds = gross.checked_sub(gross_sold)?;
            let net_proceeds = proceeds.checked_sub(fee.checked_sub(fee_sold)?)?;
            (gross_sold, fee_sold) = (gross, fee);
            take(Slice {
                lot: slice_of_lot.as_ref().map(|(handle, ..)| *handle),
                size: slice_size,
                cost_basis: slice_of_lot.map(|(.., cost)| cost),
                proceeds,
                net_proceeds,
            })?;
        }
        Ok(())
    }

    /// Takes up to `wanted` units from the oldest lot: its handle, the units, their cost.
    fn take_from_oldest(&mut self, wanted: N) -> Result<Option<(u32, N, Usd)>, MoneyError> {
        let scale = self.scale;
        let Some(lot) = self.lots.front_mut() else {
            return Ok(None);
        };
        let left = lot.size.sub(lot.used).ok_or(MoneyError::OutOfRange)?;
        let taken = left.min(wanted);
        lot.used = lot.used.add(taken).ok_or(MoneyError::OutOfRange)?;
        let cost = lot.cost_of_first(lot.used, scale)?;
        let slice_cost = cost.checked_sub(lot.cost_used)?;
        lot.cost_used = cost;
        let slice = (lot.handle, taken, slice_cost);
        if taken == left {
            self.lots.pop_front();
        }
        Ok(Some(slice))
    }

    fn open_lots(&self) -> Result<Vec<OpenLot>, MoneyError> {
        let open = |lot: &Lot<N>| {
            let remaining = lot.size.sub(lot.used).ok_or(MoneyError::OutOfRange)?;
            let cost = lot
                .cost_of_first(lot.size, self.scale)?
                .checked_sub(lot.cost_used)?;
            Ok(OpenLot {
                buy: lot.handle,
                remaining_size: remaining.to_size(self.scale)?,
                remaining_cost: cost,
            })
        };
        self.lots.iter().map(open).collect()
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
pub fn match_pool(pool: Pool, mut trades: Vec<Trade>) -> Result<Matching, InvalidTrade> {
    // The ledger is nearly in time order: the stable sort finds the runs and is near to linear.
    trades.sort_by(Trade::cmp_in_pool);
    for trade in &trades {
        trade.check()?;
    }
    check_unique(&trades)?;
    let scale = trades
        .iter()
        .map(|trade| trade.size.scale())
        .max()
        .unwrap_or(0);
    let (allocations, open_lots) = if fits_narrow(&trades, scale) {
        match_sorted::<i128>(&trades, scale)?
    } else {
        match_sorted::<I256>(&trades, scale)?
    };
    Matching::try_new(pool, trades, allocations, open_lots)
}

fn check_unique(trades: &[Trade]) -> Result<(), InvalidTrade> {
    let mut ids: Vec<_> = trades.iter().map(|trade| &trade.order_id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([id, ..]) => Err(InvalidTrade {
            order_id: id.as_str().to_owned(),
            column: "order_id",
            reason: "is the id of two trades of the pool".into(),
        }),
        _ => Ok(()),
    }
}

/// Tells whether every size, and the sum of all, fits 128 bits at the scale.
fn fits_narrow(trades: &[Trade], scale: u8) -> bool {
    let mut sizes = trades
        .iter()
        .map(|trade| i128::try_from_size(trade.size, scale));
    sizes
        .try_fold(0_i128, |sum, size| sum.checked_add(size?))
        .is_some()
}

fn match_sorted<N: Units>(
    trades: &[Trade],
    scale: u8,
) -> Result<(Vec<Allocation>, Vec<OpenLot>), InvalidTrade> {
    let mut kernel = Kernel::<N>::new(scale);
    let mut allocations = Vec::with_capacity(trades.len());
    for (index, trade) in (0_u32..).zip(trades) {
        let matched = match trade.side {
            Side::Buy => kernel.buy(index, trade),
            Side::Sell => kernel.sell(trade, &mut |slice| {
                let amounts = slice.amounts(scale)?;
                allocations.push(Allocation {
                    sell: index,
                    buy: slice.lot,
                    amounts,
                });
                Ok(())
            }),
        };
        matched.map_err(|error| InvalidTrade::does_not_fit(trade, error))?;
    }
    let open_lots = kernel.open_lots().map_err(|error| InvalidTrade {
        order_id: String::new(),
        column: "size",
        reason: format!("of the open lots: {error}"),
    })?;
    Ok((allocations, open_lots))
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
    /// The buys of the kernel's lots, in the same order.
    buys: VecDeque<(u32, Arc<Trade>)>,
    handle_next: u32,
    last: Option<Arc<Trade>>,
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
            buys: VecDeque::new(),
            handle_next: 0,
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
                self.open(&trade)?;
                Vec::new()
            }
            Side::Sell => self.sell(&trade)?,
        };
        self.last = Some(trade);
        Ok(slices)
    }

    fn open(&mut self, trade: &Arc<Trade>) -> Result<(), InvalidTrade> {
        let handle = self.handle_next;
        self.kernel
            .buy(handle, trade)
            .map_err(|error| InvalidTrade::does_not_fit(trade, error))?;
        self.buys.push_back((handle, Arc::clone(trade)));
        self.handle_next = handle.wrapping_add(1);
        Ok(())
    }

    fn sell(&mut self, trade: &Arc<Trade>) -> Result<Vec<MatchedSlice>, InvalidTrade> {
        let mut matched = Vec::new();
        let scale = self.kernel.scale;
        let sold = self.kernel.sell(trade, &mut |slice| {
            matched.push((slice.lot, slice.amounts(scale)?));
            Ok(())
        });
        // Amounts were checked when the trades came in: only a bug can fail here.
        sold.map_err(|error| InvalidTrade::does_not_fit(trade, error))?;
        // A sell takes from the oldest lot on: its n-th slice is of the n-th lot that was open.
        let slices = matched
            .into_iter()
            .enumerate()
            .map(|(nth, (lot, amounts))| MatchedSlice {
                buy: lot
                    .and_then(|_| self.buys.get(nth))
                    .map(|(_, buy)| Arc::clone(buy)),
                amounts,
            })
            .collect();
        let oldest = self.kernel.lots.front().map(|lot| lot.handle);
        while self
            .buys
            .front()
            .is_some_and(|(handle, _)| Some(*handle) != oldest)
        {
            self.buys.pop_front();
        }
        Ok(slices)
    }

    /// Returns the open lots, oldest first: the buy, what is left of it, and what that cost.
    pub fn open_lots(&self) -> Result<Vec<(Arc<Trade>, Size, Usd)>, MoneyError> {
        let lots = self.kernel.open_lots()?;
        let with_buy = lots.into_iter().zip(&self.buys);
        Ok(with_buy
            .map(|(lot, (_, buy))| (Arc::clone(buy), lot.remaining_size, lot.remaining_cost))
            .collect())
    }
}
