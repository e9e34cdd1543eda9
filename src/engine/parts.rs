//! The parts of all sells of a pool, one after the other: the kernel over sorted trades.

use super::kernel::{Kernel, Lot, LotSource, SellPart, Selling};
use super::lots::{EarlierLot, OpenLot, earlier_by_side};
use super::money::{MoneyError, Units};
use super::side::Side;
use super::trade::InvalidTrade;
use super::trades::Trades;

/// The buys of a sorted pool that come before a sell. Their lots are taken in this order. In a pool
/// that may go short a sell waits for later buys, so these are all buys.
#[derive(Debug, Clone)]
struct BuysBefore<'a> {
    trades: &'a Trades,
    next: usize,
    sell: usize,
    /// Buys whose lots an earlier matching left open, by place.
    earlier: &'a [EarlierLot],
}

impl LotSource for BuysBefore<'_> {
    #[inline(always)]
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>> {
        while self.next < self.sell {
            let index = self.next;
            self.next = index.saturating_add(1);
            if self.trades.side(index)? == Side::Buy {
                let handle = u32::try_from(index).ok()?;
                let lot = Lot::new(handle, self.trades.terms(index, scale)?);
                return match self.earlier.split_first() {
                    Some((first, rest)) if first.buy == handle => {
                        self.earlier = rest;
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
/// Each part is returned once and not stored. A caller that needs the parts again matches again:
/// that costs less than the memory for all parts.
#[derive(Debug, Clone)]
pub(super) struct SellParts<'a, N> {
    trades: &'a Trades,
    kernel: Kernel<N>,
    lots: BuysBefore<'a>,
    /// The next trade.
    next: usize,
    /// The sell that is matched at present, and its place.
    selling: Option<(u32, Selling<N>)>,
    /// Sells that opened short lots in an earlier matching, by place.
    earlier_sells: &'a [EarlierLot],
    /// The pool may go short.
    shorts: bool,
}

impl<'a, N: Units> SellParts<'a, N> {
    /// `trades` are sorted, and their sizes fit `N` at the scale. `earlier` are the trades that
    /// opened lots in an earlier matching, all of one side.
    ///
    /// With `shorts`, the n-th unit sold meets the n-th unit bought, in whichever order they came.
    /// So one walk closes long lots and short lots.
    pub(super) fn new(
        trades: &'a Trades,
        earlier: &'a [EarlierLot],
        (scale, shorts): (u8, bool),
    ) -> Self {
        let (earlier, earlier_sells) = earlier_by_side(trades, earlier);
        Self {
            trades,
            kernel: Kernel::new(scale),
            lots: BuysBefore {
                trades,
                next: 0,
                sell: if shorts { usize::MAX } else { 0 },
                earlier,
            },
            next: 0,
            selling: None,
            earlier_sells,
            shorts,
        }
    }

    /// Matches the next part: the sell's place and the part. Errors: an amount does not fit.
    #[inline(always)]
    pub(super) fn try_next(&mut self) -> Result<Option<(u32, SellPart<N>)>, InvalidTrade> {
        if self.selling.is_none() && !self.next_sell()? {
            return Ok(None);
        }
        if self.shorts && !self.kernel.has_lot(&mut self.lots) {
            // No buy is left: the sell, and all later ones, stay open.
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
        if !self.shorts {
            self.lots.sell = place;
        }
        // More trades than 32 bits count have more than 4 GiB of ids, which a pool can't hold.
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let Some(sell) = self.trades.terms(place, self.kernel.scale) else {
            return Err(self.does_not_fit(index, MoneyError::OutOfRange));
        };
        let mut selling = Selling::new(sell);
        if let Some((first, rest)) = self.earlier_sells.split_first()
            && first.buy == index
        {
            self.earlier_sells = rest;
            let used = selling.used_before(first.used, self.kernel.scale);
            selling = used.ok_or_else(|| self.does_not_fit(index, MoneyError::OutOfRange))?;
        }
        self.selling = Some((index, selling));
        Ok(true)
    }

    fn does_not_fit(&self, sell: u32, error: MoneyError) -> InvalidTrade {
        let trade = usize::try_from(sell)
            .ok()
            .and_then(|sell| self.trades.get(sell));
        InvalidTrade::does_not_fit(trade.map_or("", |trade| trade.order_id), error)
    }

    /// Returns the open lots after the last part, oldest first.
    pub(super) fn open_lots(mut self) -> Result<Vec<OpenLot>, MoneyError> {
        self.lots.sell = self.trades.len();
        let mut open = self.kernel.open_lots(&mut self.lots)?;
        let scale = self.kernel.scale;
        while self.shorts {
            if let Some((index, selling)) = self.selling.take() {
                open.push(selling.open(index, scale)?);
            }
            if !self.next_sell().map_err(|_| MoneyError::OutOfRange)? {
                break;
            }
        }
        Ok(open)
    }
}
