//! The ledger's own trades as rates: what an account paid in dollars for an asset.

use std::collections::BTreeMap;

use super::assets::AssetRules;
use super::ids::{OrderId, Pool, Symbol};
use super::leg::Leg;
use super::money;
use super::number::Usd;
use super::policy::{OWN_RATE_FROM_USD, USD};
use super::pool::PoolLedger;
use super::rates::{OwnRate, RateValue};
use super::time::Timestamp;
use super::trade::TradeRef;

/// Finds the prices that are the nearest before each needed instant, among trades in any order.
///
/// A trade counts if its quote is the dollar itself, and its value is at least
/// [`OWN_RATE_FROM_USD`].
/// Source: docs/SPEC-matching.md, "Rates".
#[derive(Debug)]
pub struct OwnTrades {
    pool: Pool,
    /// Needed instants, ascending.
    times: Vec<Timestamp>,
    /// For each needed instant, the last trade at or before it and after the one before.
    found: Vec<Option<OwnRate>>,
}

impl OwnTrades {
    /// `times`: when prices of the pool's asset are needed, in order.
    pub fn new(pool: &Pool, times: Vec<Timestamp>) -> Self {
        let found = vec![None; times.len()];
        Self {
            pool: pool.clone(),
            times,
            found,
        }
    }

    /// Looks at the trades of the pool.
    pub fn add(&mut self, ledger: &PoolLedger, rules: &AssetRules) {
        let mut in_dollars: BTreeMap<String, bool> = BTreeMap::new();
        for trade in ledger.trades.iter() {
            let place = self.times.partition_point(|time| *time < trade.order_time);
            let Some(found) = self.found.get_mut(place) else {
                continue;
            };
            let symbol = self.pool.symbol_of(trade.symbol);
            let is_dollar = match in_dollars.get(symbol) {
                Some(known) => *known,
                None => {
                    let is_dollar = is_priced_in_dollars(&self.pool, symbol, rules);
                    in_dollars.insert(symbol.to_owned(), is_dollar);
                    is_dollar
                }
            };
            if !is_dollar || !is_large(&trade) {
                continue;
            }
            let Some(value) = trade.price.to_price().ok().and_then(RateValue::of_price) else {
                continue;
            };
            let is_later = |last: &OwnRate| {
                let last = (last.at, last.order_id.as_str());
                last < (trade.order_time, trade.order_id)
            };
            if found.as_ref().is_none_or(is_later) {
                *found = Some(OwnRate {
                    account: self.pool.account.clone(),
                    order_id: OrderId::unreadable(trade.order_id),
                    asset: self.pool.asset.clone(),
                    at: trade.order_time,
                    value,
                });
            }
        }
    }

    /// Returns the prices that were found.
    pub fn rates(self) -> impl Iterator<Item = OwnRate> {
        self.found.into_iter().flatten()
    }
}

fn is_priced_in_dollars(pool: &Pool, symbol: &str, rules: &AssetRules) -> bool {
    let symbol = Symbol::unreadable(symbol);
    let found = rules.instrument(&pool.account, &symbol, None, None, None);
    found.is_ok_and(|of| of.quote.as_str() == USD && of.base == pool.asset)
}

fn is_large(trade: &TradeRef<'_>) -> bool {
    let least = Usd::try_from_dollars(OWN_RATE_FROM_USD);
    let worth = money::gross(trade.price, trade.size.units(), trade.size.scale());
    trade.leg == Leg::Base
        && trade.value.is_none()
        && matches!((worth, least), (Ok(worth), Ok(least)) if worth >= least)
}
