//! What matching gives: allocations, open lots, totals.

use super::canonical::{AllocationRow, Notes};
use super::hash::RowsHash;
use super::ids::Pool;
use super::money::{self, MoneyError};
use super::number::{Size, Usd, UsdPerUnit};
use super::time::Timestamp;
use super::trade::{InvalidTrade, Side, Trade};

/// The amounts of one allocation. Units: base units and USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// How much of the lot went to the sell.
    pub size: Size,
    /// The slice's share of the buy's price and fee; `None` where no lot was left.
    pub cost_basis: Option<Usd>,
    /// The slice's share of the sell.
    pub proceeds: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds: Usd,
    /// Net proceeds less cost basis; `None` where no lot was left.
    pub pnl: Option<Usd>,
}

/// A slice of one lot given to one sell; both are indices into [`Matching::trades`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The sell.
    pub sell: u32,
    /// The buy; `None` where no lot was left.
    pub buy: Option<u32>,
    /// Size, cost basis, proceeds, pnl.
    pub amounts: Amounts,
}

/// A lot with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLot {
    /// The buy: an index into [`Matching::trades`].
    pub buy: u32,
    /// Units: base units.
    pub remaining_size: Size,
    /// Units: USD, the cost of what is left, so that used and left add up to the whole.
    pub remaining_cost: Usd,
}

/// Counts and sums of one pool. Unmatched parts stand apart and are in no other sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTotals {
    /// Trades matched.
    pub trades: u64,
    /// Buys among them.
    pub buys: u64,
    /// Sells among them.
    pub sells: u64,
    /// (sell, buy) pairs.
    pub allocations: u64,
    /// Sells with at least one pair.
    pub sells_matched: u64,
    /// Sells with a part that found no lot.
    pub sells_unmatched: u64,
    /// Buys with at least one pair.
    pub buys_used: u64,
    /// Trades whose fee is unknown and counts zero.
    pub fees_unknown: u64,
    /// Sum over the pairs, base units.
    pub matched_size: Size,
    /// Sum over the pairs, USD.
    pub cost_basis: Usd,
    /// Sum over the pairs, USD.
    pub proceeds: Usd,
    /// Sum over the pairs, USD.
    pub net_proceeds: Usd,
    /// Sum over the pairs, USD.
    pub pnl: Usd,
    /// What found no lot, base units.
    pub unmatched_size: Size,
    /// What found no lot, USD before the fee.
    pub unmatched_proceeds: Usd,
    /// What found no lot, USD after the fee.
    pub unmatched_net_proceeds: Usd,
    /// Lots with something left.
    pub open_lots: u64,
    /// What is left in them, base units.
    pub open_size: Size,
    /// What that cost, USD.
    pub open_cost: Usd,
    /// Execution of the first sell.
    pub first_sell: Option<Timestamp>,
    /// Execution of the last sell.
    pub last_sell: Option<Timestamp>,
}

impl Default for PoolTotals {
    fn default() -> Self {
        Self {
            trades: 0,
            buys: 0,
            sells: 0,
            allocations: 0,
            sells_matched: 0,
            sells_unmatched: 0,
            buys_used: 0,
            fees_unknown: 0,
            matched_size: Size::ZERO,
            cost_basis: Usd::ZERO,
            proceeds: Usd::ZERO,
            net_proceeds: Usd::ZERO,
            pnl: Usd::ZERO,
            unmatched_size: Size::ZERO,
            unmatched_proceeds: Usd::ZERO,
            unmatched_net_proceeds: Usd::ZERO,
            open_lots: 0,
            open_size: Size::ZERO,
            open_cost: Usd::ZERO,
            first_sell: None,
            last_sell: None,
        }
    }
}

impl PoolTotals {
    fn add_trade(&mut self, trade: &Trade) {
        count(&mut self.trades);
        if trade.fee.is_none() {
            count(&mut self.fees_unknown);
        }
        match trade.side {
            Side::Buy => count(&mut self.buys),
            Side::Sell => {
                count(&mut self.sells);
                self.first_sell.get_or_insert(trade.order_time);
                self.last_sell = Some(trade.order_time);
            }
        }
    }

    fn add_allocation(&mut self, amounts: &Amounts) -> Result<(), MoneyError> {
        let add = |total: &mut Usd, amount| {
            money::add_to_pool_total(*total, amount).map(|sum| *total = sum)
        };
        if let (Some(cost_basis), Some(pnl)) = (amounts.cost_basis, amounts.pnl) {
            count(&mut self.allocations);
            self.matched_size = money::add_sizes(self.matched_size, amounts.size)?;
            add(&mut self.cost_basis, cost_basis)?;
            add(&mut self.proceeds, amounts.proceeds)?;
            add(&mut self.net_proceeds, amounts.net_proceeds)?;
            add(&mut self.pnl, pnl)
        } else {
            count(&mut self.sells_unmatched);
            self.unmatched_size = money::add_sizes(self.unmatched_size, amounts.size)?;
            add(&mut self.unmatched_proceeds, amounts.proceeds)?;
            add(&mut self.unmatched_net_proceeds, amounts.net_proceeds)
        }
    }

    fn add_open_lot(&mut self, lot: &OpenLot) -> Result<(), MoneyError> {
        count(&mut self.open_lots);
        self.open_size = money::add_sizes(self.open_size, lot.remaining_size)?;
        self.open_cost = money::add_to_pool_total(self.open_cost, lot.remaining_cost)?;
        Ok(())
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// A pool, matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Which pool.
    pub pool: Pool,
    /// In the pool's total order.
    pub trades: Vec<Trade>,
    /// In the order of sells; of one sell, oldest lot first, its unmatched part last.
    pub allocations: Vec<Allocation>,
    /// Oldest first.
    pub open_lots: Vec<OpenLot>,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Of each trade; `None` where the fee is unknown or the quotient does not fit.
    fees_per_unit: Vec<Option<UsdPerUnit>>,
}

impl Matching {
    /// Adds up the totals. Errors: one is beyond the limits of `policy.rs`.
    pub(super) fn try_new(
        pool: Pool,
        trades: Vec<Trade>,
        allocations: Vec<Allocation>,
        open_lots: Vec<OpenLot>,
    ) -> Result<Self, InvalidTrade> {
        let mut totals = PoolTotals::default();
        trades.iter().for_each(|trade| totals.add_trade(trade));
        let mut sell_before = None;
        let mut buy_before = None;
        for allocation in &allocations {
            let added = totals.add_allocation(&allocation.amounts);
            added.map_err(|error| match trade_at(&trades, allocation.sell) {
                Some(sell) => InvalidTrade::does_not_fit(sell, error),
                None => beyond_pool(error),
            })?;
            // Sells come in order, and so do the buys they use: a change is a new one.
            if allocation.buy.is_some()
                && sell_before.replace(allocation.sell) != Some(allocation.sell)
            {
                count(&mut totals.sells_matched);
            }
            if let Some(buy) = allocation.buy
                && buy_before.replace(buy) != Some(buy)
            {
                count(&mut totals.buys_used);
            }
        }
        for lot in &open_lots {
            totals.add_open_lot(lot).map_err(beyond_pool)?;
        }
        let per_unit = |trade: &Trade| money::fees_per_unit(trade.fee?, trade.size);
        let fees_per_unit = trades.iter().map(per_unit).collect();
        Ok(Self {
            pool,
            trades,
            allocations,
            open_lots,
            totals,
            fees_per_unit,
        })
    }

    /// Returns the allocations as rows, in canonical order.
    pub fn rows(&self) -> impl Iterator<Item = AllocationRow<'_>> {
        self.allocations
            .iter()
            .filter_map(|allocation| self.row(allocation))
    }

    fn row(&self, allocation: &Allocation) -> Option<AllocationRow<'_>> {
        let sell = trade_at(&self.trades, allocation.sell)?;
        let buy = allocation.buy.and_then(|buy| trade_at(&self.trades, buy));
        let per_unit = |index: u32| {
            let index = usize::try_from(index).ok()?;
            self.fees_per_unit.get(index).copied().flatten()
        };
        let (buy_fees, sell_fees) = (allocation.buy.and_then(per_unit), per_unit(allocation.sell));
        let amounts = &allocation.amounts;
        Some(AllocationRow {
            account: self.pool.account.as_str(),
            symbol: self.pool.symbol.as_str(),
            sell_order_id: sell.order_id.as_str(),
            buy_order_id: buy.map(|buy| buy.order_id.as_str()),
            allocated_size: amounts.size,
            buy_price: buy.map(|buy| buy.price),
            sell_price: sell.price,
            buy_fees_per_unit: buy_fees,
            sell_fees_per_unit: sell_fees,
            cost_basis_usd: amounts.cost_basis,
            proceeds_usd: amounts.proceeds,
            net_proceeds_usd: amounts.net_proceeds,
            pnl_usd: amounts.pnl,
            buy_time: buy.map(|buy| buy.order_time),
            sell_time: sell.order_time,
            notes: Notes {
                unmatched: buy.is_none(),
                buy_fee_unknown: buy.is_some_and(|buy| buy.fee.is_none()),
                sell_fee_unknown: sell.fee.is_none(),
                buy_fee_per_unit_omitted: buy_fees.is_none()
                    && buy.is_some_and(|buy| buy.fee.is_some()),
                sell_fee_per_unit_omitted: sell_fees.is_none() && sell.fee.is_some(),
            },
        })
    }

    /// Returns the open lots with their buys, oldest first.
    pub fn open_lots_with_buys(&self) -> impl Iterator<Item = (&Trade, &OpenLot)> {
        self.open_lots
            .iter()
            .filter_map(|lot| Some((trade_at(&self.trades, lot.buy)?, lot)))
    }

    /// Returns the hash of the canonical rows.
    pub fn allocations_hash(&self) -> RowsHash {
        let (mut hash, mut line) = (RowsHash::EMPTY, Vec::new());
        for row in self.rows() {
            line.clear();
            row.write_line(&mut line);
            hash.add_row(&line);
        }
        hash
    }
}

fn trade_at(trades: &[Trade], index: u32) -> Option<&Trade> {
    trades.get(usize::try_from(index).ok()?)
}

fn beyond_pool(error: MoneyError) -> InvalidTrade {
    InvalidTrade {
        order_id: String::new(),
        column: "size",
        reason: format!("of the pool: {error}"),
    }
}
