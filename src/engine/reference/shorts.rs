//! The second matcher for pools that may go short.
//!
//! It keeps one list of lots, all long or all short, as a broker's statement does. A trade against
//! the list closes the oldest lots. Its rest, or a trade with the list, opens a lot. A split makes
//! a new list. The first matcher has no such list: it pairs the units sold with the units bought.

use std::cmp::Ordering;

use super::super::action::Split;
use super::super::direction::LotDirection;
use super::super::number::{Fee, Price, Size};
use super::super::side::Side;
use super::super::trade::Trade;
use super::splits::share_after;
use super::{Exact, ReferenceError, ReferenceLot, ReferenceMatching, Share, compare_ids, stretch};

/// Matches the trades of one pool that may go short. They may come in any order; the splits are in
/// the order of time.
///
/// Time grows with trades and allocations, and with open lots for each split.
/// Errors: an amount beyond 128 bits; a split that can't be computed. Source:
/// docs/SPEC-matching.md, "Short sales".
pub fn match_signed_pool(
    trades: &[Trade],
    splits: &[Split],
) -> Result<ReferenceMatching, ReferenceError> {
    let order = order_in_signed_pool(trades);
    let mut list = LotList {
        trades,
        lots: Vec::new(),
        oldest: 0,
        matching: ReferenceMatching {
            order: order.clone(),
            allocations: Vec::new(),
            open_lots: Vec::new(),
            changed: Vec::new(),
        },
    };
    let mut later = splits.iter().peekable();
    for index in order {
        let Some(trade) = trades.get(index) else {
            continue;
        };
        while let Some(split) = later.next_if(|split| split.happened_at <= trade.order_time) {
            list.split(split)?;
        }
        list.trade(index, trade)?;
    }
    for split in later {
        list.split(split)?;
    }
    list.end()
}

/// Returns the places of the trades in the order of a pool that may go short: time, sequence with
/// none last, buys first, id, leg.
pub(in crate::engine) fn order_in_signed_pool(trades: &[Trade]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trades.len()).collect();
    order.sort_by(
        |left, right| match (trades.get(*left), trades.get(*right)) {
            (Some(left), Some(right)) => compare(left, right),
            _ => Ordering::Equal,
        },
    );
    order
}

fn compare(left: &Trade, right: &Trade) -> Ordering {
    let facts = |trade: &Trade| {
        (
            trade.order_time.as_micros(),
            trade.trade_seq.is_none(),
            trade.trade_seq,
            trade.side == Side::Sell,
        )
    };
    let ids = || compare_ids(left.order_id.as_str(), right.order_id.as_str());
    let legs = || left.entry.leg.cmp(&right.entry.leg);
    facts(left)
        .cmp(&facts(right))
        .then_with(ids)
        .then_with(legs)
}

/// A lot of the list: the trade that opened it, and how many of its units are used.
struct OpenTrade {
    opened_by: usize,
    side: Side,
    /// Place among the lots that splits changed. `None`: no split changed it.
    changed: Option<usize>,
    used: Exact,
    size: Exact,
}

impl OpenTrade {
    /// Returns the trade after the units that are used.
    fn share<'a>(
        &self,
        trades: &'a [Trade],
        changed: &'a [Trade],
    ) -> Result<Share<'a>, ReferenceError> {
        share_after(
            (trades, self.opened_by),
            (changed, self.changed),
            &self.used,
        )
    }
}

/// The list of lots, and what was matched. All lots before the oldest one are used up.
struct LotList<'a> {
    trades: &'a [Trade],
    lots: Vec<OpenTrade>,
    oldest: usize,
    matching: ReferenceMatching,
}

impl<'a> LotList<'a> {
    /// Closes lots of the other side with a trade, and opens a lot of its rest.
    fn trade(&mut self, index: usize, trade: &Trade) -> Result<(), ReferenceError> {
        let Some(mut closing) = Share::of(self.trades, index) else {
            return Ok(());
        };
        while closing.left() > Exact::ZERO {
            let Some(lot) = self.lots.get(self.oldest) else {
                break;
            };
            if lot.side == trade.side {
                break;
            }
            let units = closing.left().min(lot.size.minus(&lot.used));
            self.close(&mut closing, trade.side, &units)?;
        }
        if closing.left() > Exact::ZERO {
            self.lots.push(OpenTrade {
                opened_by: index,
                side: trade.side,
                changed: None,
                used: closing.used,
                size: Exact::of_size(trade.size),
            });
        }
        Ok(())
    }

    /// Closes units of the oldest lot.
    fn close(
        &mut self,
        closing: &mut Share<'_>,
        side: Side,
        units: &Exact,
    ) -> Result<(), ReferenceError> {
        let Some(lot) = self.lots.get_mut(self.oldest) else {
            return Ok(());
        };
        let mut opening = lot.share(self.trades, &self.matching.changed)?;
        let mut allocation = match side {
            Side::Sell => closing.allocate(Some(&mut opening), units)?,
            Side::Buy => opening.allocate(Some(closing), units)?,
        };
        match side {
            Side::Sell => allocation.buy = Some(lot.opened_by),
            Side::Buy => {
                allocation.sell = lot.opened_by;
                allocation.direction = LotDirection::Short;
            }
        }
        allocation.changed = lot.changed;
        self.matching.allocations.push(allocation);
        lot.used = lot.used.plus(units);
        if lot.used >= lot.size {
            self.oldest = self.oldest.saturating_add(1);
        }
        Ok(())
    }

    fn share(&self, at: usize) -> Result<Share<'_>, ReferenceError> {
        let lot = self.lots.get(at);
        let lot = lot.ok_or_else(|| ReferenceError::Split(at.to_string()))?;
        lot.share(self.trades, &self.matching.changed)
    }

    /// Returns the places of lots with something left.
    fn open(&self) -> Vec<usize> {
        let lots = self.lots.iter().enumerate().skip(self.oldest);
        let open = lots.filter(|(_, lot)| lot.used < lot.size);
        open.map(|(at, _)| at).collect()
    }

    /// Makes a new list, with the sizes after a split. A long lot keeps its cost, a short one its
    /// proceeds and its fee.
    fn split(&mut self, split: &Split) -> Result<(), ReferenceError> {
        let open = self.open();
        let mut rests = Vec::with_capacity(open.len());
        for at in &open {
            rests.push(self.share(*at)?.left());
        }
        let Some(first) = open.first() else {
            return Ok(());
        };
        let error = |share: &Share<'_>| ReferenceError::Split(share.trade.order_id.to_string());
        let Some(sizes) = stretch(split, &rests) else {
            return Err(error(&self.share(*first)?));
        };
        let mut after = Vec::with_capacity(open.len());
        for (at, size) in open.into_iter().zip(sizes) {
            let mut share = self.share(at)?;
            let (gross, fees) = share.take(&share.left());
            let mut trade = share.trade.clone();
            let is_buy = trade.side == Side::Buy;
            let (value, fee) = match is_buy {
                true => (gross.plus(&fees), Exact::ZERO),
                false => (gross, fees),
            };
            trade.size = Size::try_from_wide_text(&size.size_text()).map_err(|_| error(&share))?;
            if size == Exact::ZERO {
                return Err(error(&share));
            }
            let value = share.usd(&value)?;
            let fee: Fee = fee.usd_text().parse().map_err(|_| error(&share))?;
            (trade.price, trade.more) = (Price::ZERO, None);
            (trade.fee, trade.entry.value) = (trade.fee.map(|_| fee), Some(value));
            let opened_by = self.lots.get(at).map_or(0, |lot| lot.opened_by);
            after.push(OpenTrade {
                opened_by,
                side: trade.side,
                changed: Some(self.matching.changed.len()),
                used: Exact::ZERO,
                size,
            });
            self.matching.changed.push(trade);
        }
        (self.lots, self.oldest) = (after, 0);
        Ok(())
    }

    /// Returns the result, with the lots that are open.
    fn end(mut self) -> Result<ReferenceMatching, ReferenceError> {
        let mut open_lots = Vec::new();
        for at in self.open() {
            let mut share = self.share(at)?;
            let left = share.left();
            let (gross, fees) = share.take(&left);
            let (Some(lot), side) = (self.lots.get(at), share.trade.side) else {
                continue;
            };
            let worth = match side {
                Side::Buy => gross.plus(&fees),
                Side::Sell => gross.minus(&fees),
            };
            open_lots.push(ReferenceLot {
                buy: lot.opened_by,
                remaining_size: share.size_of(&left)?,
                remaining_cost_usd: share.usd(&worth)?,
                changed: lot.changed,
            });
        }
        self.matching.open_lots = open_lots;
        Ok(self.matching)
    }
}
