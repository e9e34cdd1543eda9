//! The open lots that an incremental run reads: the oldest ones, as many as its new sells can
//! reach.
//!
//! A pool's lots are numbered in the order in which they are used, so a run reads the oldest first.
//! Of the others it reads only the sums. So it notices a snapshot that was changed or lost a row,
//! even if it needs no lot of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{
    Account, Entry, InventoryLot, LotDirection, LotPicker, LotSums, OrderId, Pool, Price, Side,
    Size, StoredLot, Timestamp, Trade,
};

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

/// Returns a stored lot with its buy, made of a row of the ledger that has the same id.
fn with_buy(lot: &StoredLot, pool: &Pool, mut buy: Trade) -> InventoryLot {
    let is_named = lot.symbol.as_str() != pool.asset.as_str();
    buy.entry.symbol = is_named.then(|| lot.symbol.clone());
    buy.entry.leg = lot.buy_leg;
    buy.entry.moved = lot.moved.as_deref().cloned().map(Arc::new);
    // They were judged when the lot came in.
    buy.more = None;
    if let Some(whole) = lot.whole.as_deref() {
        // A leg may come in where the trade went out.
        let side = match lot.direction {
            LotDirection::Long => Side::Buy,
            LotDirection::Short => Side::Sell,
        };
        (buy.side, buy.size, buy.price) = (side, whole.size, Price::ZERO);
        (buy.fee, buy.entry.value) = (whole.fee, Some(whole.value));
    }
    InventoryLot {
        buy,
        remaining_size: lot.remaining_size,
        remaining_cost: lot.remaining_cost_usd,
        // A run goes on only in pools without splits.
        was_used: false,
        only_moved: false,
    }
}

/// Returns the buy of a lot of income, which is a movement and no row of the ledger. The snapshot
/// has its size and its value.
pub(super) fn income_buy(lot: &StoredLot, came_at: Timestamp) -> Trade {
    Trade {
        order_id: lot.buy_order_id.clone(),
        side: Side::Buy,
        size: lot.remaining_size,
        price: Price::ZERO,
        fee: None,
        order_time: came_at,
        trade_seq: None,
        more: None,
        entry: Entry::default(),
    }
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

    pub(super) fn take(&mut self, lot: StoredLot) {
        if self
            .picker
            .needs(lot.remaining_size, lot.remaining_cost_usd)
        {
            self.needed.push(lot);
        }
    }

    /// Joins each lot with its buy, which `buy_of` looks up by account and id.
    pub(super) fn with_buys(
        &self,
        pool: &Pool,
        mut buy_of: impl FnMut(&Account, &OrderId) -> Option<Trade>,
    ) -> OpenLots {
        let lots = self.needed.iter();
        let oldest = lots.filter_map(|lot| {
            let buy = buy_of(lot.bought_in(pool), &lot.buy_order_id)?;
            Some(with_buy(lot, pool, buy))
        });
        OpenLots {
            oldest: oldest.collect(),
            rest: self.picker.rest(),
        }
    }
}
