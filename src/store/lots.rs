//! The open lots that an incremental run reads: the oldest ones, as many as its new sells can
//! reach.
//!
//! A pool's lots are numbered in the order in which they are used, so a run reads the oldest first.
//! Of the others it reads only the sums. So it notices a snapshot that was changed or lost a row,
//! even if it needs no lot of it.

use std::collections::BTreeMap;

use crate::engine::{InventoryLot, LotPicker, LotSums, OrderId, Pool, Size, StoredLot, Trade, Usd};

/// The size that each pool's new sells need of its open lots; `None`: perhaps all lots.
pub type Reach = BTreeMap<Pool, Option<Size>>;

/// A pool's open lots: those that new sells need one by one, and the sums of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLots {
    /// The oldest lots, in order. A lot whose buy is not in the ledger is left out.
    pub oldest: Vec<InventoryLot>,
    /// The sums of the other lots.
    pub rest: LotSums,
}

/// Takes a pool's stored lots, oldest first, and keeps those that its new sells need.
#[derive(Debug)]
pub(super) struct PickedLots {
    picker: LotPicker,
    pub(super) needed: Vec<StoredLot>,
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
            self.needed.push(StoredLot {
                buy_order_id: order_id,
                remaining_size: size,
                remaining_cost_usd: cost,
            });
        }
    }

    /// Joins each lot with its buy, which `buy_of` looks up.
    pub(super) fn with_buys(&self, mut buy_of: impl FnMut(&OrderId) -> Option<Trade>) -> OpenLots {
        let lots = self.needed.iter();
        let with_buy = |lot: &StoredLot| {
            Some(InventoryLot {
                buy: buy_of(&lot.buy_order_id)?,
                remaining_size: lot.remaining_size,
                remaining_cost: lot.remaining_cost_usd,
            })
        };
        let oldest = lots.filter_map(with_buy);
        OpenLots {
            oldest: oldest.collect(),
            rest: self.picker.rest(),
        }
    }
}
