//! Lots: the units that one buy brought in. Their open rest, the part that earlier sells used, and
//! how many lots sells can reach.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::slice::Iter;

use super::money::{self, MoneyError, add_sizes};
use super::number::{Size, Usd};
use super::side::Side;
use super::trade::{EntryKey, InvalidTrade, Trade};
use super::trades::Trades;

/// A lot with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLot {
    /// Index in `Matching::trades` of the trade that opened the lot: a buy, or the sell of a short
    /// lot.
    pub buy: u32,
    /// Units: base units.
    pub remaining_size: Size,
    /// Cost of the rest; of a short lot its net proceeds. Those of the used part and the rest add
    /// up to those of the whole. Units: USD.
    pub remaining_cost: Usd,
}

/// An open lot, as a version's inventory snapshot has it, and its buy, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryLot {
    /// The whole buy; of a short lot the sell.
    pub buy: Trade,
    /// Size left in the lot. Units: base units.
    pub remaining_size: Size,
    /// Cost of what is left; of a short lot its net proceeds. Units: USD.
    pub remaining_cost: Usd,
    /// A sell used a part of the lot before a split changed it.
    pub was_used: bool,
    /// All units that are used went to other accounts; no row names the lot.
    pub only_moved: bool,
}

impl InventoryLot {
    /// Makes a lot before its first use.
    pub(super) const fn whole(buy: Trade, remaining_size: Size, remaining_cost: Usd) -> Self {
        Self {
            buy,
            remaining_size,
            remaining_cost,
            was_used: false,
            only_moved: false,
        }
    }

    /// Tells the lot from all others of its pool.
    pub(super) fn key(&self) -> EntryKey<'_> {
        self.buy.entry_key()
    }

    /// Returns the cost of the first units of the lot; of a short lot their net proceeds.
    pub(super) fn cost_of_first(&self, used: Size) -> Result<Usd, MoneyError> {
        let fee = money::fee_share_of_size(self.buy.fee, used, self.buy.size)?;
        let gross = self.buy.gross_of_first(used)?;
        match self.buy.side {
            Side::Buy => gross.checked_add(fee),
            Side::Sell => gross.checked_sub(fee),
        }
    }
}

/// A trade of an earlier matching that left its lot open, and how much of the lot was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EarlierLot {
    /// The trade's place among the sorted trades.
    pub(super) buy: u32,
    /// Units: base units.
    pub(super) used: Size,
    /// A sell used a part of the lot before a split changed it.
    pub(super) was_used: bool,
    /// All units that are used went to other accounts.
    pub(super) only_moved: bool,
}

/// Finds the buys of the lots among the sorted trades, and how much of each was used.
pub(super) fn used_before(
    trades: &Trades,
    lots: &[InventoryLot],
    shorts: bool,
) -> Result<Vec<EarlierLot>, InvalidTrade> {
    let mut earlier = Vec::with_capacity(lots.len());
    if lots.is_empty() {
        return Ok(earlier);
    }
    let by_id = lots_by_id(lots);
    for (place, trade) in (0..).zip(trades.iter()) {
        let Some(lot) = by_id.get(&trade.entry_key()) else {
            continue;
        };
        let invalid = |reason: &dyn std::fmt::Display| {
            InvalidTrade::of(
                trade.order_id,
                "size",
                format!("of the lot that is left: {reason}"),
            )
        };
        let used = money::sub_sizes(lot.buy.size, lot.remaining_size);
        let used = used.map_err(|error| invalid(&error))?;
        if trade.side == Side::Sell && !shorts || lot.remaining_size.is_zero() {
            return Err(invalid(&"nothing was left"));
        }
        earlier.push(EarlierLot {
            buy: place,
            used,
            was_used: lot.was_used,
            only_moved: lot.only_moved,
        });
    }
    Ok(earlier)
}

/// Tells the buys of earlier lots from the sells; one of the two is empty.
pub(super) fn earlier_by_side<'a>(
    trades: &Trades,
    earlier: &'a [EarlierLot],
) -> (&'a [EarlierLot], &'a [EarlierLot]) {
    let first = earlier.first().and_then(|it| usize::try_from(it.buy).ok());
    match first.and_then(|first| trades.side(first)) {
        Some(Side::Sell) => (&[], earlier),
        _ => (earlier, &[]),
    }
}

/// Finds the trades of earlier lots that earlier rows have named. Places come in order.
pub(super) struct SeenBefore<'a> {
    buys: Peekable<Iter<'a, EarlierLot>>,
    sells: Peekable<Iter<'a, EarlierLot>>,
}

impl<'a> SeenBefore<'a> {
    pub(super) fn of(trades: &Trades, earlier: &'a [EarlierLot]) -> Self {
        let (buys, sells) = earlier_by_side(trades, earlier);
        Self {
            buys: buys.iter().peekable(),
            sells: sells.iter().peekable(),
        }
    }

    pub(super) fn is_first_of_buy(&mut self, buy: u32) -> bool {
        Self::is_first(&mut self.buys, buy)
    }

    pub(super) fn is_first_of_sell(&mut self, sell: u32) -> bool {
        Self::is_first(&mut self.sells, sell)
    }

    fn is_first(lots: &mut Peekable<Iter<'a, EarlierLot>>, place: u32) -> bool {
        while lots.next_if(|earlier| earlier.buy < place).is_some() {}
        let earlier = lots.next_if(|earlier| earlier.buy == place);
        let is_new = |earlier: &EarlierLot| earlier.used.is_zero() || earlier.only_moved;
        earlier.is_none_or(|earlier| is_new(earlier) && !earlier.was_used)
    }
}

/// Sums of open lots, for callers that need no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotSums {
    /// Number of lots.
    pub lots: u64,
    /// Size left in these lots. Units: base units.
    pub size: Size,
    /// Cost of what is left in these lots. Units: USD.
    pub cost: Usd,
}

impl LotSums {
    /// No lot.
    pub const NONE: Self = Self {
        lots: 0,
        size: Size::ZERO,
        cost: Usd::ZERO,
    };

    /// Adds a lot. Errors: the sum is too large for an amount; nothing was added.
    pub fn try_add(&mut self, size: Size, cost: Usd) -> Result<(), MoneyError> {
        let (size, cost) = (add_sizes(self.size, size)?, self.cost.checked_add(cost)?);
        *self = Self {
            lots: self.lots.saturating_add(1),
            size,
            cost,
        };
        Ok(())
    }
}

/// Picks the oldest open lots, those that new sells can use, and sums up all others.
#[derive(Debug, Clone)]
pub struct LotPicker {
    reach: Option<Size>,
    picked: Size,
    rest: LotSums,
}

impl LotPicker {
    /// `reach` is the most that the new sells may use; `None`: all lots are picked.
    pub const fn new(reach: Option<Size>) -> Self {
        Self {
            reach,
            picked: Size::ZERO,
            rest: LotSums::NONE,
        }
    }

    /// Tells whether new trades need a lot. The caller gives the lots oldest first. The first one
    /// is always needed.
    pub fn needs(&mut self, size: Size, cost: Usd) -> bool {
        let is_reached = self.picked.is_zero() || self.reach.is_none_or(|it| self.picked < it);
        if is_reached && self.rest.lots == 0 {
            match add_sizes(self.picked, size) {
                Ok(sum) => self.picked = sum,
                // The sum is too large to compare, so all later lots are picked.
                Err(_) => self.reach = None,
            }
            return true;
        }
        self.rest.try_add(size, cost).is_err()
    }

    /// Returns the sums of the lots that are not needed.
    pub const fn rest(&self) -> LotSums {
        self.rest
    }
}

/// Lots by their keys, to find them among a pool's sorted trades.
pub(super) fn lots_by_id(lots: &[InventoryLot]) -> BTreeMap<EntryKey<'_>, &InventoryLot> {
    lots.iter().map(|lot| (lot.key(), lot)).collect()
}
