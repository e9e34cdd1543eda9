//! The open lots that an incremental run reads: the oldest ones, as many as its new sells can
//! reach.
//!
//! A pool's lots are numbered in the order in which they are used, so a run reads the oldest first.
//! Of the others it reads only the sums. So it notices a snapshot that was changed or lost a row,
//! even if it needs no lot of it.

use std::collections::BTreeMap;

use crate::engine::{InventoryLot, LotPicker, LotSums, OrderId, Pool, Size, Trade, Usd};

/// How far new sells can reach into the open lots of some pools; `None`: all lots are needed.
pub type Reach = BTreeMap<Pool, Option<Size>>;

/// A pool's open lots, as far as they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLots {
    /// The oldest ones, in order; those whose buy the ledger does not have are left out.
    pub oldest: Vec<InventoryLot>,
    /// The sums of the others.
    pub rest: LotSums,
}

/// A row of a snapshot that is needed.
#[derive(Debug)]
pub(super) struct PickedLot {
    pub(super) order_id: OrderId,
    size: Size,
    cost: Usd,
}

impl PickedLot {
    pub(super) fn with(&self, buy: Trade) -> InventoryLot {
        InventoryLot {
            buy,
            remaining_size: self.size,
            remaining_cost: self.cost,
        }
    }
}

/// Takes a pool's rows, oldest first, and keeps those that are needed.
#[derive(Debug)]
pub(super) struct PickedLots {
    picker: LotPicker,
    pub(super) needed: Vec<PickedLot>,
}

impl PickedLots {
    pub(super) const fn new(reach: Option<Size>) -> Self {
        Self {
            picker: LotPicker::new(reach),
            needed: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, order_id: OrderId, size: Size, cost: Usd) {
        if self.picker.needs(size, cost) {
            self.needed.push(PickedLot {
                order_id,
                size,
                cost,
            });
        }
    }

    /// Puts the lots beside their buys, as `buy_of` knows them.
    pub(super) fn with_buys(&self, mut buy_of: impl FnMut(&OrderId) -> Option<Trade>) -> OpenLots {
        let lots = self.needed.iter();
        let oldest = lots.filter_map(|lot| buy_of(&lot.order_id).map(|buy| lot.with(buy)));
        OpenLots {
            oldest: oldest.collect(),
            rest: self.picker.rest(),
        }
    }
}
