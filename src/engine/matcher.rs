//! Matches trades one by one, for a program that follows a market.

use std::collections::VecDeque;
use std::sync::Arc;

use super::kernel::{Kernel, Lot, LotSource, SellPart, Selling};
use super::money::{MoneyError, Units};
use super::number::{Size, Usd};
use super::plain;
use super::policy::FACT_DECIMALS_MAX;
use super::side::Side;
use super::trade::{InvalidTrade, Trade, TradeRef};
use super::wide::I256;

/// A part of a sell that a [`Matcher`] has just matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedSlice {
    /// The buy whose lot was used; `None` if no lot was left.
    pub buy: Option<Arc<Trade>>,
    /// Units that the sell took from the lot, or its units without a lot. Units: base units.
    pub size: Size,
    /// The slice's share of the buy's price and fee. Units: USD; `None` if no lot was left.
    pub cost_basis: Option<Usd>,
    /// The slice's share of the sell's price, before fees. Units: USD.
    pub proceeds: Usd,
    /// Proceeds less the slice's share of the sell's fee. Units: USD.
    pub net_proceeds: Usd,
    /// Net proceeds less cost basis. Units: USD; `None` if no lot was left.
    pub pnl: Option<Usd>,
}

impl MatchedSlice {
    /// Errors: an amount is beyond its type.
    fn try_of(part: &SellPart<I256>, scale: u8) -> Result<Self, MoneyError> {
        Ok(Self {
            buy: None,
            size: part.size.to_size(scale)?,
            cost_basis: part.lot.map(|(_, cost)| cost),
            proceeds: part.proceeds,
            net_proceeds: part.net_proceeds,
            pnl: part.pnl()?,
        })
    }
}

/// Why a trade can't follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The trade comes before one that was already matched. The caller has to match the whole pool
    /// again.
    #[error("order \"{order_id}\" comes before \"{last}\", which was already matched")]
    OutOfOrder {
        /// Id of the late trade.
        order_id: String,
        /// The last trade matched.
        last: String,
    },
    /// The trade breaks a rule for trades, or one of its amounts is too large.
    #[error(transparent)]
    Invalid(#[from] InvalidTrade),
}

/// Matches a pool's trades one by one, in the pool's order.
///
/// A matcher stores only the open lots, so its memory does not grow with the number of trades.
///
/// ```
/// use fifo_pnl::engine::{Matcher, Side, Trade};
/// # let trade = |id: &str, side, size: &str, price: &str, micros| Trade {
/// #     order_id: id.parse().unwrap(), side, size: size.parse().unwrap(),
/// #     price: price.parse().unwrap(), fee: None,
/// #     order_time: fifo_pnl::engine::Timestamp::try_from_micros(micros).unwrap(),
/// #     trade_seq: None,
/// #     more: None,
/// #     entry: Default::default(),
/// # };
/// let mut matcher = Matcher::new();
/// assert!(matcher.push(trade("b", Side::Buy, "2", "10", 1))?.is_empty());
/// let slices = matcher.push(trade("s", Side::Sell, "3", "12", 2))?;
/// assert_eq!(slices[0].pnl.unwrap().to_string(), "4");
/// assert_eq!(slices[1].pnl, None); // nothing was left for the third unit
/// # Ok::<(), fifo_pnl::engine::MatcherError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The lots, at the finest scale that a trade can have: later trades are not known yet.
    kernel: Kernel<I256>,
    /// The buy of the kernel's oldest lot.
    oldest: Option<Arc<Trade>>,
    /// The buys of the later lots, oldest first.
    waiting: VecDeque<Arc<Trade>>,
    last: Option<Arc<Trade>>,
}

/// Takes lots out of a matcher's queue. `begun`: the buys of the lots that a sell took from for the
/// first time, oldest first.
struct Waiting<'a> {
    waiting: &'a mut VecDeque<Arc<Trade>>,
    begun: Vec<Arc<Trade>>,
}

impl LotSource for Waiting<'_> {
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>> {
        self.begun.push(self.waiting.pop_front()?);
        // Every pushed trade is valid. The order of `begun` identifies the lots, so each has the
        // number 0.
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
        plain::alone_plain(&trade)?;
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
        let mut slices = Vec::new();
        // Amounts were checked when the trades came in: only a bug can fail here.
        let terms = sell.terms(scale);
        let mut selling = Selling::new(terms.ok_or_else(|| does_not_fit(MoneyError::OutOfRange))?);
        while !selling.is_done() {
            let part = selling.next_part(&mut self.kernel, &mut lots);
            let slice = part.and_then(|part| MatchedSlice::try_of(&part, scale));
            slices.push(slice.map_err(does_not_fit)?);
        }
        // A sell takes from the oldest lot on, so its n-th slice is of the n-th lot that it took
        // from.
        let begun = lots.begun;
        if self.kernel.oldest.is_some() {
            self.oldest = begun.last().cloned();
        }
        for (slice, buy) in slices.iter_mut().zip(begun) {
            slice.buy = slice.cost_basis.map(|_| buy);
        }
        Ok(slices)
    }

    /// Returns the open lots, oldest first: the buy, its rest, and the cost of the rest.
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
