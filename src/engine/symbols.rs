//! Counts and sums of a pool by the symbol of its trades: one asset may be traded under several.

use std::collections::BTreeMap;

use super::ids::{Pool, Symbol};
use super::kernel::SellPart;
use super::leg::Leg;
use super::lots::EarlierLot;
use super::money::{self, MoneyError, Units};
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

    fn add_part<N: Units>(
        &mut self,
        matched: &mut N,
        part: &SellPart<N>,
    ) -> Result<(), MoneyError> {
        if let Some(pnl) = part.pnl()? {
            count(&mut self.allocations);
            *matched = matched.add(part.size).ok_or(MoneyError::OutOfRange)?;
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
pub(super) struct BySymbol<'a, N> {
    pool: &'a Pool,
    trades: &'a Trades,
    totals: Vec<(SymbolTotals, N)>,
    /// The place of each symbol in the totals. `None`: all trades have one symbol.
    places: Option<BTreeMap<&'a str, usize>>,
    /// The sell of the last part, and the place of its symbol.
    last: Option<(u32, usize)>,
    broken: Option<MoneyError>,
}

impl<'a, N: Units> BySymbol<'a, N> {
    /// Counts trades, except those that an earlier matching counted. The parts of sells follow.
    pub(super) fn of(pool: &'a Pool, trades: &'a Trades, earlier: &[EarlierLot]) -> Self {
        let has_one = trades.only_symbol().is_some();
        let mut by_symbol = Self {
            pool,
            trades,
            totals: Vec::new(),
            places: (!has_one).then(BTreeMap::new),
            last: None,
            broken: None,
        };
        let mut before = earlier.iter().peekable();
        for (index, trade) in (0..).zip(trades.iter()) {
            if has_one || before.next_if(|earlier| earlier.buy == index).is_some() {
                continue;
            }
            let place = by_symbol.place(pool.symbol_of(trade.symbol));
            if let Some((totals, _)) = place.and_then(|place| by_symbol.totals.get_mut(place)) {
                totals.add_trade(&trade);
            }
        }
        by_symbol
    }

    /// Adds the next part of a sell.
    pub(super) fn add_part(&mut self, sell: u32, part: &SellPart<N>) {
        if self.places.is_none() || part.lot.is_none() {
            return;
        }
        let place = match self.last {
            Some((last, place)) if last == sell => Some(place),
            _ => {
                let trade = usize::try_from(sell).ok();
                let trade = trade.and_then(|sell| self.trades.get(sell));
                trade.and_then(|trade| self.place(self.pool.symbol_of(trade.symbol)))
            }
        };
        self.last = place.map(|place| (sell, place));
        let added = match place.and_then(|place| self.totals.get_mut(place)) {
            Some((totals, matched)) => totals.add_part(matched, part),
            None => return,
        };
        self.broken = self.broken.or(added.err());
    }

    /// Returns the totals in the order of the symbols. `whole` are those of the pool.
    ///
    /// Errors: a sum beyond the limits of `policy.rs`.
    pub(super) fn end(
        self,
        whole: &PoolTotals,
        scale: u8,
    ) -> Result<Vec<SymbolTotals>, MoneyError> {
        if let Some(only) = self.trades.only_symbol() {
            let symbol = Symbol::unreadable(self.pool.symbol_of(only));
            return Ok(vec![SymbolTotals::of_whole(symbol, whole)]);
        }
        if let Some(error) = self.broken {
            return Err(error);
        }
        let with_size = |(totals, matched): (SymbolTotals, N)| {
            let matched_size = matched.to_size(scale)?;
            Ok(SymbolTotals {
                matched_size,
                ..totals
            })
        };
        let totals = self.totals.into_iter().map(with_size);
        let mut totals = totals.collect::<Result<Vec<SymbolTotals>, MoneyError>>()?;
        totals.sort_by(|left, right| left.symbol.cmp(&right.symbol));
        Ok(totals)
    }

    /// Returns the place of a symbol; its first trade makes one. `None`: all have one symbol.
    fn place(&mut self, symbol: &'a str) -> Option<usize> {
        let Self { totals, places, .. } = self;
        let place = *places.as_mut()?.entry(symbol).or_insert_with(|| {
            let symbol = Symbol::unreadable(symbol);
            totals.push((SymbolTotals::none_of(symbol), N::ZERO));
            totals.len().saturating_sub(1)
        });
        Some(place)
    }
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
