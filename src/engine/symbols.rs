//! Counts and sums of a pool by the symbol of its trades: one asset may be traded under several.

use std::collections::BTreeMap;

use super::canonical::AllocationRow;
use super::ids::{Pool, Symbol};
use super::leg::Leg;
use super::money::{self, MoneyError};
use super::number::{Size, Usd};
use super::side::Side;
use super::time::Timestamp;
use super::totals::{PoolTotals, count};
use super::trade::TradeRef;
use super::trades::Trades;

/// Counts and sums of the entries of one symbol in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolTotals {
    /// The symbol.
    pub symbol: Symbol,
    /// Entries of base legs.
    pub trades: u64,
    /// Entries that came in.
    pub buys: u64,
    /// Entries that went out.
    pub sells: u64,
    /// Number of (sell, buy) pairs of its sells.
    pub allocations: u64,
    /// Sum over these pairs, base units.
    pub matched_size: Size,
    /// Sum over these pairs, USD.
    pub pnl: Usd,
    /// Execution time of the first sell.
    pub first_sell: Option<Timestamp>,
    /// Execution time of the last sell.
    pub last_sell: Option<Timestamp>,
}

impl SymbolTotals {
    /// Makes the totals of a symbol that all trades of a pool have.
    pub fn of_whole(symbol: Symbol, totals: &PoolTotals) -> Self {
        Self {
            symbol,
            trades: totals.trades,
            buys: totals.buys,
            sells: totals.sells,
            allocations: totals.allocations,
            matched_size: totals.matched_size,
            pnl: totals.pnl,
            first_sell: totals.first_sell,
            last_sell: totals.last_sell,
        }
    }

    /// Makes the totals of a symbol without trades.
    pub fn none_of(symbol: Symbol) -> Self {
        Self::of_whole(symbol, &PoolTotals::default())
    }

    fn add_trade(&mut self, trade: &TradeRef<'_>) {
        if trade.leg == Leg::Base {
            count(&mut self.trades);
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

    fn add_row(&mut self, row: &AllocationRow<'_>) -> Result<(), MoneyError> {
        if let Some(pnl) = row.pnl_usd {
            count(&mut self.allocations);
            self.matched_size = money::add_sizes(self.matched_size, row.allocated_size)?;
            self.pnl = money::add_to_pool_total(self.pnl, pnl)?;
        }
        Ok(())
    }

    fn followed_by(&self, later: &Self) -> Result<Self, MoneyError> {
        let counts = |of: fn(&Self) -> u64| of(self).saturating_add(of(later));
        Ok(Self {
            symbol: self.symbol.clone(),
            trades: counts(|it| it.trades),
            buys: counts(|it| it.buys),
            sells: counts(|it| it.sells),
            allocations: counts(|it| it.allocations),
            matched_size: money::add_sizes(self.matched_size, later.matched_size)?,
            pnl: money::add_to_pool_total(self.pnl, later.pnl)?,
            first_sell: self.first_sell.or(later.first_sell),
            last_sell: later.last_sell.or(self.last_sell),
        })
    }
}

/// The totals of a matching by the name of the symbol.
pub(super) struct BySymbol<'a> {
    found: BTreeMap<&'a str, SymbolTotals>,
}

impl<'a> BySymbol<'a> {
    /// Counts trades, except those that an earlier matching counted. The rows follow.
    pub(super) fn of(pool: &'a Pool, trades: &'a Trades, is_earlier: impl Fn(u32) -> bool) -> Self {
        let mut by_symbol = Self {
            found: BTreeMap::new(),
        };
        for (_, trade) in (0..)
            .zip(trades.iter())
            .filter(|(nth, _)| !is_earlier(*nth))
        {
            by_symbol
                .symbol(pool.symbol_of(trade.symbol))
                .add_trade(&trade);
        }
        by_symbol
    }

    /// Adds a row. Errors: a sum beyond the limits of `policy.rs`.
    pub(super) fn add_row(&mut self, row: &AllocationRow<'a>) -> Result<(), MoneyError> {
        self.symbol(row.symbol).add_row(row)
    }

    /// Returns the totals in the order of the symbols.
    pub(super) fn end(self) -> Vec<SymbolTotals> {
        self.found.into_values().collect()
    }

    fn symbol(&mut self, symbol: &'a str) -> &mut SymbolTotals {
        let none = || SymbolTotals::none_of(Symbol::unreadable(symbol));
        self.found.entry(symbol).or_insert_with(none)
    }
}

/// Returns the totals of a pool whose trades all have one symbol. `None`: they have several.
pub(super) fn of_one(pool: &Pool, trades: &Trades, totals: &PoolTotals) -> Option<SymbolTotals> {
    let symbol = Symbol::unreadable(pool.symbol_of(trades.only_symbol()?));
    Some(SymbolTotals::of_whole(symbol, totals))
}

/// Adds up the totals of a matching and those of a later one on top of its open lots.
///
/// Errors: a sum beyond the limits of `policy.rs`.
pub fn followed_by(
    earlier: &[SymbolTotals],
    later: &[SymbolTotals],
) -> Result<Vec<SymbolTotals>, MoneyError> {
    let mut sums = earlier.to_vec();
    for more in later {
        match sums.iter_mut().find(|it| it.symbol == more.symbol) {
            Some(sum) => *sum = sum.followed_by(more)?,
            None => sums.push(more.clone()),
        }
    }
    sums.sort_by(|left, right| left.symbol.cmp(&right.symbol));
    Ok(sums)
}
