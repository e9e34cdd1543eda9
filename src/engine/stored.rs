//! A version's stored rows, open lots, summary and questions of a pool, as the tables have them.

use std::collections::BTreeSet;

use super::canonical::{AllocationRow, Notes};
use super::direction::LotDirection;
use super::hash::RowsHash;
use super::ids::{Account, Asset, IdError, OrderId, Pool, Symbol};
use super::leg::Leg;
use super::number::{Fee, Price, Size, Usd, UsdPerUnit};
use super::origin::MovedFrom;
use super::time::Timestamp;
use super::totals::PoolTotals;
use super::trade::Trade;

/// A row of `fifo_allocations` as it is stored.
///
/// Units: sizes in base units, prices and fees per unit in USD a unit, amounts in USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAllocation {
    /// The row's number, in canonical order.
    pub id: i64,
    /// Account of the lots.
    pub account: Account,
    /// Symbol of the sell.
    pub symbol: Symbol,
    /// The sell.
    pub sell_order_id: OrderId,
    /// The buy; `None` if no lot was left.
    pub buy_order_id: Option<OrderId>,
    /// Units that the sell took from the lot; without a lot, the unmatched units of the sell.
    pub allocated_size: Size,
    /// The buy's price, or its value a unit at 18 decimals; `None` if that does not fit.
    pub buy_price: Option<Price>,
    /// The sell's price, or its value a unit at 18 decimals; `None` if that does not fit.
    pub sell_price: Option<Price>,
    /// The buy's fee divided by its size, for reading only.
    pub buy_fees_per_unit: Option<UsdPerUnit>,
    /// The sell's fee divided by its size, for reading only.
    pub sell_fees_per_unit: Option<UsdPerUnit>,
    /// The slice's share of the buy's price and fee.
    pub cost_basis_usd: Option<Usd>,
    /// The slice's share of the sell's price, before fees.
    pub proceeds_usd: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds_usd: Usd,
    /// Net proceeds less cost basis.
    pub pnl_usd: Option<Usd>,
    /// When the buy was executed.
    pub buy_time: Option<Timestamp>,
    /// When the sell was executed.
    pub sell_time: Timestamp,
    /// Note codes.
    pub notes: Notes,
    /// Asset of the lots.
    pub asset: Asset,
    /// The leg of the sell.
    pub sell_leg: Leg,
    /// The leg of the buy; the base without a lot.
    pub buy_leg: Leg,
    /// Short, if the sell opened the lot.
    pub direction: LotDirection,
    /// The origin of the lot. `None`: it was bought in this account and stayed.
    pub moved: Option<Box<MovedFrom>>,
}

impl StoredAllocation {
    /// Returns the pool of the lots.
    pub fn pool(&self) -> Pool {
        Pool::new(self.account.clone(), self.asset.clone())
    }

    /// Returns when its gain was made: at the sell, or at the buy that closed a short lot.
    pub fn closed_at(&self) -> Timestamp {
        match (self.direction, self.buy_time) {
            (LotDirection::Short, Some(buy)) => buy,
            _ => self.sell_time,
        }
    }

    /// Makes the stored form of a row. Errors: an account, symbol or order id is not valid.
    pub fn try_from_row(id: i64, row: &AllocationRow<'_>) -> Result<Self, IdError> {
        Ok(Self {
            id,
            account: row.account.parse()?,
            symbol: row.symbol.parse()?,
            sell_order_id: row.sell_order_id.parse()?,
            buy_order_id: row.buy_order_id.map(str::parse).transpose()?,
            allocated_size: row.allocated_size,
            buy_price: row.buy_price,
            sell_price: row.sell_price,
            buy_fees_per_unit: row.buy_fees_per_unit,
            sell_fees_per_unit: row.sell_fees_per_unit,
            cost_basis_usd: row.cost_basis_usd,
            proceeds_usd: row.proceeds_usd,
            net_proceeds_usd: row.net_proceeds_usd,
            pnl_usd: row.pnl_usd,
            buy_time: row.buy_time,
            sell_time: row.sell_time,
            notes: row.notes,
            asset: row.asset.parse()?,
            sell_leg: row.sell_leg,
            buy_leg: row.buy_leg,
            direction: row.direction,
            moved: row.moved.map(|moved| Box::new(moved.clone())),
        })
    }

    /// Returns the columns that are exported and hashed.
    pub fn row(&self) -> AllocationRow<'_> {
        AllocationRow {
            account: self.account.as_str(),
            symbol: self.symbol.as_str(),
            sell_order_id: self.sell_order_id.as_str(),
            buy_order_id: self.buy_order_id.as_ref().map(OrderId::as_str),
            allocated_size: self.allocated_size,
            buy_price: self.buy_price,
            sell_price: self.sell_price,
            buy_fees_per_unit: self.buy_fees_per_unit,
            sell_fees_per_unit: self.sell_fees_per_unit,
            cost_basis_usd: self.cost_basis_usd,
            proceeds_usd: self.proceeds_usd,
            net_proceeds_usd: self.net_proceeds_usd,
            pnl_usd: self.pnl_usd,
            buy_time: self.buy_time,
            sell_time: self.sell_time,
            notes: self.notes,
            asset: self.asset.as_str(),
            sell_leg: self.sell_leg,
            buy_leg: self.buy_leg,
            direction: self.direction,
            moved: self.moved.as_deref(),
        }
    }
}

/// A lot of a version's last `fifo_inventory_snapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLot {
    /// The buy; of a short lot the sell.
    pub buy_order_id: OrderId,
    /// The leg of that trade.
    pub buy_leg: Leg,
    /// Symbol of that trade.
    pub symbol: Symbol,
    /// Units: base units.
    pub remaining_size: Size,
    /// Units: USD. Of a short lot its net proceeds.
    pub remaining_cost_usd: Usd,
    /// Long, or short if a sell opened it.
    pub direction: LotDirection,
    /// The origin of the lot. `None`: it was bought in this account and stayed.
    pub moved: Option<Box<MovedFrom>>,
    /// The whole lot, if its value is known as a whole; `None`: price x size is the value.
    pub whole: Option<Box<WholeLot>>,
}

impl StoredLot {
    /// Returns the account that bought the lot: another one, if the lot moved.
    pub fn bought_in<'a>(&'a self, pool: &'a Pool) -> &'a Account {
        let moved = self.moved.as_ref();
        let account = moved.and_then(|moved| moved.account.as_ref());
        account.unwrap_or(&pool.account)
    }
}

/// A lot whose units share a value that is known as a whole: a leg, or a trade with a rate. The
/// next incremental run makes the buy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeLot {
    /// Units: base units.
    pub size: Size,
    /// Value without fees. Units: USD.
    pub value: Usd,
    /// Units: USD; `None` is unknown.
    pub fee: Option<Fee>,
}

impl WholeLot {
    /// Returns the whole lot of a buy. `None`: price x size is its value.
    pub fn of(buy: &Trade) -> Option<Self> {
        let (size, fee) = (buy.size, buy.fee);
        buy.entry.value.map(|value| Self { size, value, fee })
    }
}

/// The outcome of a pool, as its summary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStatus {
    /// The pool has allocations.
    Matched,
    /// The pool has the allocations of an earlier run. A row added since then is not a valid trade.
    Stale,
    /// The pool has no allocations: only a person can settle something in it.
    Rejected,
    /// The pool has no allocations: a person took it out of matching.
    Excluded,
}

/// A pool's row of `fifo_pool_summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSummary {
    /// The outcome of the pool.
    pub status: PoolStatus,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Hash of the facts that the version was made from.
    pub ledger_hash: RowsHash,
    /// Hash of the version's rows.
    pub allocations_hash: RowsHash,
}

/// The pool's `unmatched_sell` items in the review queue, by order id and leg.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnmatchedItems {
    /// Orders and legs that have an item of any status.
    pub any: BTreeSet<(String, Leg)>,
    /// Orders and legs whose item is open.
    pub open: BTreeSet<(String, Leg)>,
}
