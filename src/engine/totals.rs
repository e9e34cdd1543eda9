//! Counts and sums of a pool.

use super::direction::LotDirection;
use super::kernel::SellPart;
use super::leg::Leg;
use super::lots::{EarlierLot, OpenLot};
use super::money::{self, MoneyError, Units};
use super::number::{Size, Usd};
use super::place::PlaceInPool;
use super::side::Side;
use super::ties::Ties;
use super::time::Timestamp;
use super::trade::TradeRef;
use super::trades::Trades;

/// Counts and sums of one pool. Unmatched parts have sums of their own and are in no other sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTotals {
    /// Trades matched: entries of base legs.
    pub trades: u64,
    /// Entries of other legs.
    pub legs: u64,
    /// Buys among them.
    pub buys: u64,
    /// Sells among them.
    pub sells: u64,
    /// Number of (sell, buy) pairs.
    pub allocations: u64,
    /// Sells with at least one pair.
    pub sells_matched: u64,
    /// Sells with a part that found no lot.
    pub sells_unmatched: u64,
    /// Buys with at least one pair.
    pub buys_used: u64,
    /// Trades whose fee is unknown and counts zero.
    pub fees_unknown: u64,
    /// Buys that only their id puts after another one: time and sequence tie.
    pub buys_by_id: u64,
    /// Sells that only their id puts after another one.
    pub sells_by_id: u64,
    /// Trades whose fee is negative.
    pub rebates: u64,
    /// Sum of the rebates, above zero, USD.
    pub rebates_usd: Usd,
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
    /// Size of the unmatched parts, base units.
    pub unmatched_size: Size,
    /// Proceeds of the unmatched parts before the fee, USD.
    pub unmatched_proceeds: Usd,
    /// Proceeds of the unmatched parts after the fee, USD.
    pub unmatched_net_proceeds: Usd,
    /// Lots with something left.
    pub open_lots: u64,
    /// Size left in the open lots, base units.
    pub open_size: Size,
    /// Cost of what is left in the open lots; of short lots their net proceeds, USD.
    pub open_cost: Usd,
    /// The direction of the open lots; long without any.
    pub open_direction: LotDirection,
    /// Execution time of the first sell.
    pub first_sell: Option<Timestamp>,
    /// Execution time of the last sell.
    pub last_sell: Option<Timestamp>,
}

impl Default for PoolTotals {
    fn default() -> Self {
        Self {
            trades: 0,
            legs: 0,
            buys: 0,
            sells: 0,
            allocations: 0,
            sells_matched: 0,
            sells_unmatched: 0,
            buys_used: 0,
            fees_unknown: 0,
            buys_by_id: 0,
            sells_by_id: 0,
            rebates: 0,
            rebates_usd: Usd::ZERO,
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
            open_direction: LotDirection::Long,
            first_sell: None,
            last_sell: None,
        }
    }
}

impl PoolTotals {
    /// Counts sorted trades, except those that an earlier matching counted.
    pub(super) fn of_trades(
        trades: &Trades,
        earlier: &[EarlierLot],
        last: Option<&PlaceInPool>,
    ) -> Result<Self, MoneyError> {
        let ties = Ties::of(trades, earlier, last);
        let mut totals = Self {
            buys_by_id: ties.buys,
            sells_by_id: ties.sells,
            ..Self::default()
        };
        let mut before = earlier.iter().peekable();
        for (index, trade) in (0..).zip(trades.iter()) {
            if before.next_if(|earlier| earlier.buy == index).is_none() {
                totals.add_trade(&trade)?;
            }
        }
        Ok(totals)
    }

    fn add_trade(&mut self, trade: &TradeRef<'_>) -> Result<(), MoneyError> {
        match trade.leg {
            Leg::Base => count(&mut self.trades),
            Leg::Quote | Leg::Fee | Leg::Network | Leg::Income => count(&mut self.legs),
        }
        match trade.fee {
            None => count(&mut self.fees_unknown),
            Some(fee) => {
                if let Some(rebate) = money::rebate_of(fee)? {
                    count(&mut self.rebates);
                    self.rebates_usd = money::add_to_pool_total(self.rebates_usd, rebate)?;
                }
            }
        }
        match trade.side {
            Side::Buy => count(&mut self.buys),
            Side::Sell => {
                count(&mut self.sells);
                self.first_sell.get_or_insert(trade.order_time);
                self.last_sell = Some(trade.order_time);
            }
        }
        Ok(())
    }

    pub(super) fn add_part<N: Units>(&mut self, part: &SellPart<N>) -> Result<(), MoneyError> {
        let add = |total: &mut Usd, amount| {
            money::add_to_pool_total(*total, amount).map(|sum| *total = sum)
        };
        if let (Some((_, cost)), Some(pnl)) = (part.lot, part.pnl()?) {
            count(&mut self.allocations);
            add(&mut self.cost_basis, cost)?;
            add(&mut self.proceeds, part.proceeds)?;
            add(&mut self.net_proceeds, part.net_proceeds)?;
            add(&mut self.pnl, pnl)
        } else {
            count(&mut self.sells_unmatched);
            add(&mut self.unmatched_proceeds, part.proceeds)?;
            add(&mut self.unmatched_net_proceeds, part.net_proceeds)
        }
    }

    /// Adds up a matching's totals and those of a later matching on top of its open lots.
    ///
    /// Errors: a sum beyond the limits of `policy.rs`.
    pub fn followed_by(&self, later: &Self) -> Result<Self, MoneyError> {
        let counts = |of: fn(&Self) -> u64| of(self).saturating_add(of(later));
        let usd = |of: fn(&Self) -> Usd| money::add_to_pool_total(of(self), of(later));
        let size = |of: fn(&Self) -> Size| money::add_sizes(of(self), of(later));
        Ok(Self {
            trades: counts(|it| it.trades),
            legs: counts(|it| it.legs),
            buys: counts(|it| it.buys),
            sells: counts(|it| it.sells),
            allocations: counts(|it| it.allocations),
            sells_matched: counts(|it| it.sells_matched),
            sells_unmatched: counts(|it| it.sells_unmatched),
            buys_used: counts(|it| it.buys_used),
            fees_unknown: counts(|it| it.fees_unknown),
            buys_by_id: counts(|it| it.buys_by_id),
            sells_by_id: counts(|it| it.sells_by_id),
            rebates: counts(|it| it.rebates),
            rebates_usd: usd(|it| it.rebates_usd)?,
            matched_size: size(|it| it.matched_size)?,
            cost_basis: usd(|it| it.cost_basis)?,
            proceeds: usd(|it| it.proceeds)?,
            net_proceeds: usd(|it| it.net_proceeds)?,
            pnl: usd(|it| it.pnl)?,
            unmatched_size: size(|it| it.unmatched_size)?,
            unmatched_proceeds: usd(|it| it.unmatched_proceeds)?,
            unmatched_net_proceeds: usd(|it| it.unmatched_net_proceeds)?,
            open_lots: later.open_lots,
            open_size: later.open_size,
            open_cost: later.open_cost,
            open_direction: later.open_direction,
            first_sell: self.first_sell.or(later.first_sell),
            last_sell: later.last_sell.or(self.last_sell),
        })
    }

    /// Adds an open lot, which a trade of the side opened.
    pub(super) fn add_open_lot(&mut self, lot: &OpenLot, side: Side) -> Result<(), MoneyError> {
        self.open_direction = side.opens();
        count(&mut self.open_lots);
        self.open_size = money::add_sizes(self.open_size, lot.remaining_size)?;
        self.open_cost = money::add_to_pool_total(self.open_cost, lot.remaining_cost)?;
        Ok(())
    }
}

pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
