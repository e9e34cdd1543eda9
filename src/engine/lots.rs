//! Lots: the units that one buy brought in. Their open rest, the part that earlier sells used, and
//! how many lots sells can reach.

use std::collections::BTreeMap;

use super::leg::Leg;
use super::money::{self, MoneyError, add_sizes};
use super::number::{Size, Usd};
use super::place::PlaceInPool;
use super::side::Side;
use super::trade::{InvalidTrade, Trade};
use super::trades::Trades;

/// A lot with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLot {
    /// Index of the lot's buy in `Matching::trades`.
    pub buy: u32,
    /// Units: base units.
    pub remaining_size: Size,
    /// Cost of the rest. The costs of the used part and the rest add up to the cost of the whole.
    /// Units: USD.
    pub remaining_cost: Usd,
}

/// An open lot, as a version's inventory snapshot has it, and its buy, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryLot {
    /// The whole buy.
    pub buy: Trade,
    /// Size left in the lot. Units: base units.
    pub remaining_size: Size,
    /// Cost of what is left. Units: USD.
    pub remaining_cost: Usd,
    /// A sell used a part of the lot before a split changed it.
    pub was_used: bool,
}

/// A buy of an earlier matching that left its lot open, and how much of the lot was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EarlierLot {
    /// The buy's place among the sorted trades.
    pub(super) buy: u32,
    /// Units: base units.
    pub(super) used: Size,
    /// A sell used a part of the lot before a split changed it.
    pub(super) was_used: bool,
}

/// Finds the buys of the lots among the sorted trades, and how much of each was used.
pub(super) fn used_before(
    trades: &Trades,
    lots: &[InventoryLot],
) -> Result<Vec<EarlierLot>, InvalidTrade> {
    let mut earlier = Vec::with_capacity(lots.len());
    if lots.is_empty() {
        return Ok(earlier);
    }
    let by_id = lots_by_id(lots);
    for (place, trade) in (0..).zip(trades.iter()) {
        let Some(lot) = by_id.get(&(trade.order_id, trade.leg)) else {
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
        if trade.side == Side::Sell || lot.remaining_size.is_zero() {
            return Err(invalid(&"nothing was left"));
        }
        let was_used = lot.was_used;
        earlier.push(EarlierLot {
            buy: place,
            used,
            was_used,
        });
    }
    Ok(earlier)
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

/// Returns how many units of a pool's open lots new sells can use. `None`: unknown, for example
/// because a new trade comes before the pool's last one.
pub fn reach_of(new: &Trades, last: Option<&PlaceInPool>) -> Option<Size> {
    let last = last?.borrowed();
    let mut reach = Size::ZERO;
    for trade in new.iter() {
        if trade.place() <= last {
            return None;
        }
        if trade.side == Side::Sell {
            reach = add_sizes(reach, trade.size.to_size().ok()?).ok()?;
        }
    }
    Some(reach)
}

/// Lots by the id and leg of their buy, to find them among a pool's sorted trades.
pub(super) fn lots_by_id(lots: &[InventoryLot]) -> BTreeMap<(&str, Leg), &InventoryLot> {
    lots.iter()
        .map(|lot| ((lot.buy.order_id.as_str(), lot.buy.entry.leg), lot))
        .collect()
}
