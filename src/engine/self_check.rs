//! The engine's own check of a pool before any row is written. It finds rows that would break a
//! constraint of the database, and pools that break a law of conservation.
//!
//! This guards against our own bugs during a run. The full check is `checks.rs`, which shares no
//! matching and no money code with the engine.

use super::fact::Fact;
use super::ids::Pool;
use super::kernel::SellPart;
use super::lots::{EarlierLot, OpenLot};
use super::money::{self, MoneyError, Units};
use super::number::Usd;
use super::policy::USD_SCALE;
use super::side::Side;
use super::trade::{InvalidTrade, TradeRef};
use super::trades::Trades;

/// A law that a matching breaks: a bug of the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelfCheckError {
    /// A sell's parts don't add up to its size or its proceeds.
    #[error("parts of order \"{0}\" don't add up to the whole")]
    Parts(String),
    /// An allocation names a trade that does not exist, or that has the wrong side or time.
    #[error("an allocation of order \"{0}\" points to a wrong trade")]
    Pointer(String),
    /// A walk over the rows, or the lots, ended before the last one.
    #[error("{what} of pool {pool} ended after {found}, expected {expected}")]
    Ended {
        /// The kind of thing walked over.
        what: &'static str,
        /// The pool.
        pool: Pool,
        /// How many the walk returned.
        found: u64,
        /// How many there are.
        expected: u64,
    },
    /// A trade that was accepted can't be read again.
    #[error(transparent)]
    Trade(#[from] InvalidTrade),
    /// An amount left its range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Checks the laws of conservation while the parts of the sells are computed.
///
/// Sells come in order and take the lots in order. So the check keeps only the sums of one sell and
/// of one lot. When the next begins, the last one must add up.
pub(super) struct Conserved<'a, N> {
    trades: &'a Trades,
    /// Trades whose lots earlier trades used in part, by place, and that no part has named yet. All
    /// have one side.
    earlier: &'a [EarlierLot],
    scale: u8,
    /// A sell may come before its buy.
    shorts: bool,
    sell: TradeSums<N>,
    buy: TradeSums<N>,
    broken: Option<SelfCheckError>,
}

/// Sums of the parts of a trade that were checked up to now.
#[derive(Clone, Copy)]
struct TradeSums<N> {
    /// The trade's place; `None` before the first trade.
    trade: Option<u32>,
    size: N,
    amount: Usd,
}

impl<N: Units> TradeSums<N> {
    const NOTHING: Self = Self {
        trade: None,
        size: N::ZERO,
        amount: Usd::ZERO,
    };

    fn add(&mut self, size: N, amount: Usd) -> Result<(), MoneyError> {
        self.size = self.size.add(size).ok_or(MoneyError::OutOfRange)?;
        self.amount = self.amount.checked_add(amount)?;
        Ok(())
    }
}

impl<'a, N: Units> Conserved<'a, N> {
    pub(super) fn new(
        trades: &'a Trades,
        earlier: &'a [EarlierLot],
        (scale, shorts): (u8, bool),
    ) -> Self {
        Self {
            trades,
            earlier,
            scale,
            shorts,
            sell: TradeSums::NOTHING,
            buy: TradeSums::NOTHING,
            broken: None,
        }
    }

    /// Checks the next part of a sell.
    pub(super) fn add_part(&mut self, sell: u32, part: &SellPart<N>) {
        let added = self.try_add_part(sell, part);
        self.note(added);
    }

    /// Checks the next lot that is still open, after all parts.
    pub(super) fn add_open_lot(&mut self, lot: &OpenLot, side: Side) {
        let added = self.try_add_open_lot(lot, side);
        self.note(added);
    }

    /// Returns the first law broken.
    pub(super) fn end(mut self) -> Result<(), SelfCheckError> {
        let past = u32::try_from(self.trades.len()).unwrap_or(u32::MAX);
        let ended = self.begin_sell(past).and_then(|()| self.begin_buy(past));
        self.note(ended);
        // Each lot of an earlier matching is used or still open, so a call above has removed it.
        if let Some(lot) = self.earlier.first() {
            let missing = SelfCheckError::Pointer(self.name(lot.buy));
            self.note(Err(missing));
        }
        self.broken.map_or(Ok(()), Err)
    }

    fn note(&mut self, result: Result<(), SelfCheckError>) {
        if let (None, Err(error)) = (&self.broken, result) {
            self.broken = Some(error);
        }
    }

    fn try_add_part(&mut self, sell: u32, part: &SellPart<N>) -> Result<(), SelfCheckError> {
        if self.sell.trade != Some(sell) {
            self.begin_sell(sell)?;
        }
        self.sell.add(part.size, part.net_proceeds)?;
        let Some((buy, cost)) = part.lot else {
            return Ok(());
        };
        if self.buy.trade != Some(buy) {
            self.begin_buy(buy)?;
        }
        // Trades are sorted, and at one time buys come before sells. So a buy at a later place is a
        // later buy.
        if buy >= sell && !self.shorts {
            return Err(SelfCheckError::Pointer(self.name(sell)));
        }
        Ok(self.buy.add(part.size, cost)?)
    }

    fn try_add_open_lot(&mut self, lot: &OpenLot, side: Side) -> Result<(), SelfCheckError> {
        let left = N::try_from_size(lot.remaining_size, self.scale);
        let left = left.ok_or(MoneyError::OutOfRange)?;
        if side == Side::Sell {
            if self.sell.trade != Some(lot.buy) {
                self.begin_sell(lot.buy)?;
            }
            return Ok(self.sell.add(left, lot.remaining_cost)?);
        }
        if self.buy.trade != Some(lot.buy) {
            self.begin_buy(lot.buy)?;
        }
        Ok(self.buy.add(left, lot.remaining_cost)?)
    }

    fn begin_sell(&mut self, next: u32) -> Result<(), SelfCheckError> {
        let last = std::mem::replace(
            &mut self.sell,
            TradeSums {
                trade: Some(next),
                ..TradeSums::NOTHING
            },
        );
        self.check_between(&last, next, Side::Sell)?;
        self.take_earlier(next, Side::Sell)
    }

    fn begin_buy(&mut self, next: u32) -> Result<(), SelfCheckError> {
        let last = std::mem::replace(
            &mut self.buy,
            TradeSums {
                trade: Some(next),
                ..TradeSums::NOTHING
            },
        );
        self.check_between(&last, next, Side::Buy)?;
        self.take_earlier(next, Side::Buy)
    }

    /// Adds the part of a trade that earlier trades used, if it has just begun and is of the side.
    fn take_earlier(&mut self, next: u32, side: Side) -> Result<(), SelfCheckError> {
        if let Some((first, rest)) = self.earlier.split_first()
            && first.buy == next
            && (side == Side::Buy || self.side(next) == Some(Side::Sell))
        {
            self.earlier = rest;
            self.add_used_before(first, side)?;
        }
        Ok(())
    }

    fn add_used_before(&mut self, earlier: &EarlierLot, side: Side) -> Result<(), SelfCheckError> {
        let Some(trade) = self.trade(earlier.buy) else {
            return Err(SelfCheckError::Pointer(self.name(earlier.buy)));
        };
        let used = N::try_from_size(earlier.used, self.scale).ok_or(MoneyError::OutOfRange)?;
        let size = N::try_from_fact(trade.size, self.scale).ok_or(MoneyError::OutOfRange)?;
        if used > N::ZERO {
            let fee = money::fee_share(trade.fee, used, size)?;
            let gross = self.gross(&trade, used, size)?;
            match side {
                Side::Buy => self.buy.add(used, gross.checked_add(fee)?)?,
                Side::Sell => self.sell.add(used, gross.checked_sub(fee)?)?,
            }
        }
        Ok(())
    }

    /// Checks that the parts of the last trade add up, and that no trade of its side lies before
    /// `next`: that trade would have no parts.
    fn check_between(
        &self,
        last: &TradeSums<N>,
        next: u32,
        side: Side,
    ) -> Result<(), SelfCheckError> {
        let from = match last.trade {
            Some(trade) => {
                self.check_whole(trade, last, side)?;
                trade.checked_add(1)
            }
            None => Some(0),
        };
        let skipped = from.filter(|from| *from <= next).map(|from| from..next);
        let mut skipped = skipped.ok_or_else(|| SelfCheckError::Pointer(self.name(next)))?;
        match skipped.find(|index| self.side(*index) == Some(side)) {
            Some(index) => Err(SelfCheckError::Parts(self.name(index))),
            None => Ok(()),
        }
    }

    fn check_whole(
        &self,
        trade: u32,
        sums: &TradeSums<N>,
        side: Side,
    ) -> Result<(), SelfCheckError> {
        let whole = self.trade(trade).filter(|whole| whole.side == side);
        let whole = whole.ok_or_else(|| SelfCheckError::Pointer(self.name(trade)))?;
        let size = N::try_from_fact(whole.size, self.scale).ok_or(MoneyError::OutOfRange)?;
        let gross = self.gross(&whole, size, size)?;
        let fee = money::fee_share(whole.fee, size, size)?;
        let amount = match side {
            Side::Buy => gross.checked_add(fee)?,
            Side::Sell => gross.checked_sub(fee)?,
        };
        if (sums.size, sums.amount) != (size, amount) {
            return Err(SelfCheckError::Parts(whole.order_id.to_owned()));
        }
        Ok(())
    }

    /// Returns the gross value of the first `used` units of a trade of `size` units.
    fn gross(&self, trade: &TradeRef<'_>, used: N, size: N) -> Result<Usd, MoneyError> {
        match trade.value {
            Some(value) => {
                let value = Fact::of_parts(value.units(), USD_SCALE);
                money::fee_share(Some(value), used, size)
            }
            None => money::gross(trade.price, used, self.scale),
        }
    }

    fn trade(&self, index: u32) -> Option<TradeRef<'a>> {
        self.trades.get(usize::try_from(index).ok()?)
    }

    fn side(&self, index: u32) -> Option<Side> {
        self.trades.side(usize::try_from(index).ok()?)
    }

    fn name(&self, index: u32) -> String {
        let id = self.trade(index).map(|trade| trade.order_id.to_owned());
        id.unwrap_or_else(|| index.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::leg::Entry;
    use super::super::number::Size;
    use super::super::time::Timestamp;
    use super::super::trade::Trade;
    use super::*;

    /// Two buys of 2 at 10 USD and a sell of 3 at 12 USD; the parts and lots as they should be.
    fn judge(
        change: impl Fn(&mut Vec<(u32, SellPart<i128>)>, &mut Vec<OpenLot>),
    ) -> Result<(), String> {
        let trade = |id: &str, side, size: &str, price: &str, micros| Trade {
            order_id: id.parse().unwrap(),
            side,
            size: size.parse().unwrap(),
            price: price.parse().unwrap(),
            fee: None,
            order_time: Timestamp::try_from_micros(micros).unwrap(),
            trade_seq: None,
            more: None,
            entry: Entry::default(),
        };
        let trades = Trades::try_of(&[
            trade("b1", Side::Buy, "2", "10", 1),
            trade("b2", Side::Buy, "2", "10", 2),
            trade("s1", Side::Sell, "3", "12", 3),
        ])
        .unwrap();
        let usd = |dollars| Usd::try_from_dollars(dollars).unwrap();
        let part = |lot, size, cost, net| SellPart {
            lot: Some((lot, usd(cost))),
            size,
            proceeds: usd(net),
            net_proceeds: usd(net),
        };
        let mut parts = vec![(2, part(0, 2, 20, 24)), (2, part(1, 1, 10, 12))];
        let mut lots = vec![OpenLot {
            buy: 1,
            remaining_size: "1".parse::<Size>().unwrap(),
            remaining_cost: usd(10),
        }];
        change(&mut parts, &mut lots);
        let mut conserved = Conserved::<i128>::new(&trades, &[], (0, false));
        parts
            .iter()
            .for_each(|(sell, part)| conserved.add_part(*sell, part));
        lots.iter()
            .for_each(|lot| conserved.add_open_lot(lot, Side::Buy));
        conserved.end().map_err(|error| error.to_string())
    }

    #[test]
    fn each_law_is_held() {
        assert_eq!(judge(|_, _| ()), Ok(()));
        let parts = |order: &str| {
            Err(format!(
                "parts of order \"{order}\" don't add up to the whole"
            ))
        };
        let pointer = |order: &str| {
            Err(format!(
                "an allocation of order \"{order}\" points to a wrong trade"
            ))
        };
        assert_eq!(judge(|parts, _| parts.truncate(1)), parts("s1"));
        assert_eq!(judge(|parts, _| parts.clear()), parts("b1"));
        assert_eq!(judge(|_, lots| lots.clear()), parts("b2"));
        assert_eq!(
            judge(|parts, _| parts[0].1.net_proceeds = Usd::ZERO),
            parts("s1")
        );
        assert_eq!(
            judge(|parts, _| parts[0].1.lot = Some((0, Usd::ZERO))),
            parts("b1")
        );
        assert_eq!(
            judge(|_, lots| lots[0].remaining_cost = Usd::ZERO),
            parts("b2")
        );
        assert_eq!(judge(|parts, _| parts[0].0 = 1), pointer("b2"));
        assert_eq!(judge(|parts, _| parts[1].1.lot = None), parts("b2"));
        assert_eq!(judge(|parts, _| parts.swap(0, 1)), parts("b1"));
    }
}
