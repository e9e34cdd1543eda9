//! The ledger's own trades as rates: what an account paid in dollars for an asset.

use std::collections::BTreeMap;

use super::assets::AssetRules;
use super::fact::Fact;
use super::facts::MoreRef;
use super::ids::{OrderId, Pool, Symbol};
use super::leg::Leg;
use super::money;
use super::number::{Size, Usd};
use super::policy::{OWN_RATE_FROM_USD, SOURCE_OPENING, SOURCE_REVIEW, USD};
use super::pool::PoolLedger;
use super::rates::{OwnRate, RateValue};
use super::time::Timestamp;
use super::trade::TradeRef;
use super::traded::Traded;

/// Finds the prices that are the nearest before each needed instant, among trades in any order.
///
/// A trade counts if its quote is the dollar itself, and its value is at least
/// [`OWN_RATE_FROM_USD`]. A lot that a person stated is no trade: its price is a cost.
/// Source: docs/SPEC-matching.md, "Rates".
#[derive(Debug)]
pub struct OwnTrades {
    pool: Pool,
    /// The pool may go short.
    shorts: bool,
    /// Needed instants, ascending.
    times: Vec<Timestamp>,
    /// For each needed instant, the last two trades at or before it and after the one before, the
    /// later one first: it may be the trade that needs the rate.
    found: Vec<Vec<OwnRate>>,
}

impl OwnTrades {
    /// `times`: when prices of the pool's asset are needed, in order.
    pub fn new(pool: &Pool, rules: &AssetRules, times: Vec<Timestamp>) -> Self {
        let found = vec![Vec::new(); times.len()];
        Self {
            pool: pool.clone(),
            shorts: rules.may_go_short(&pool.account),
            times,
            found,
        }
    }

    /// Returns the pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Looks at the trades of the pool that are in plain dollars.
    pub fn add(&mut self, ledger: &PoolLedger, rules: &AssetRules) {
        let mut in_dollars: BTreeMap<String, bool> = BTreeMap::new();
        for trade in ledger.trades.iter() {
            let symbol = self.pool.symbol_of(trade.symbol);
            let is_dollar = match in_dollars.get(symbol) {
                Some(known) => *known,
                None => {
                    let is_dollar = is_priced_in_dollars(&self.pool, symbol, rules);
                    in_dollars.insert(symbol.to_owned(), is_dollar);
                    is_dollar
                }
            };
            if is_dollar && trade.leg == Leg::Base && trade.value.is_none() {
                self.add_trade(&trade);
            }
        }
    }

    /// Looks at a trade of the pool that waits for rates: a price in dollars may have a fee in
    /// another currency.
    pub fn add_pending(&mut self, of: &Traded, trade: &TradeRef<'_>, rules: &AssetRules) {
        let quote = of.instrument.as_ref().map(|of| of.quote.as_str());
        let more = trade.more.and_then(MoreRef::others);
        let is_stated = more.is_some_and(|more| {
            let is_other = |value| !is_product(trade, Fact::of_worth(value));
            // A contract of several units has no price of one unit.
            let is_contract = |size: Size| size.to_units() != Some((1, 0));
            more.usd_value.is_some()
                || more.quote_value.is_some_and(is_other)
                || more.contract_size.is_some_and(is_contract)
        });
        // A column alone does not say it: a plain trade in a pool has lost its columns.
        let has_names =
            more.is_some_and(|more| more.base_asset.is_some() || more.quote_currency.is_some());
        let is_named = || !has_names || is_priced_in_dollars(&self.pool, of.symbol.as_str(), rules);
        if quote == Ok(USD) && !is_stated && is_named() {
            self.add_trade(trade);
        }
    }

    fn add_trade(&mut self, trade: &TradeRef<'_>) {
        let place = self.times.partition_point(|time| *time < trade.order_time);
        let Some(found) = self.found.get_mut(place) else {
            return;
        };
        let is_earlier = |last: &OwnRate| trade.order_time < last.at;
        if found.get(1).is_some_and(is_earlier) || !is_large(trade) || is_stated_lot(trade.order_id)
        {
            return;
        }
        let Some(value) = trade.price.to_price().ok().and_then(RateValue::of_price) else {
            return;
        };
        found.push(OwnRate {
            account: self.pool.account.clone(),
            order_id: OrderId::unreadable(trade.order_id),
            asset: self.pool.asset.clone(),
            at: trade.order_time,
            side: trade.side,
            trade_seq: trade.trade_seq,
            shorts: self.shorts,
            value,
        });
        found.sort_by(|left, right| right.cmp_in_pool(left));
        found.truncate(2);
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

/// Tells whether a stated value is price x size: then the price is what was paid.
fn is_product(trade: &TradeRef<'_>, value: Fact) -> bool {
    let product = money::exact_product(trade.price, trade.size);
    let rest = product.and_then(|product| money::exact_difference(product, value));
    rest.is_some_and(|rest| rest.units() == 0)
}

fn is_large(trade: &TradeRef<'_>) -> bool {
    let least = Usd::try_from_dollars(OWN_RATE_FROM_USD);
    let worth = money::gross(trade.price, trade.size.units(), trade.size.scale());
    matches!((worth, least), (Ok(worth), Ok(least)) if worth >= least)
}

/// Tells whether an id is that of an opening lot (`opening-` and 16 hexadecimal digits) or of a
/// decision about a review item (`review-7-1`), corrected or not (`~2`).
fn is_stated_lot(order_id: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (id, correction) = order_id.rsplit_once('~').unwrap_or((order_id, "1"));
    let after = |source: &str| id.strip_prefix(source)?.strip_prefix('-');
    let of_opening = after(SOURCE_OPENING)
        .is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let of_review = after(SOURCE_REVIEW)
        .and_then(|numbers| numbers.split_once('-'))
        .is_some_and(|(item, number)| digits(item) && digits(number));
    digits(correction) && (of_opening || of_review)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_lots_are_known_by_their_ids() {
        for (id, is_stated) in [
            ("opening-0123456789abcdef", true),
            ("opening-0123456789abcdef~2", true),
            ("opening-0123456789abcde", false),
            ("opening-0123456789abcdeg", false),
            ("review-7-1", true),
            ("review-7-12~3", true),
            ("review-7", false),
            ("review-7-", false),
            ("review-a-1", false),
            ("review-7-1~x", false),
            ("my-review-7-1", false),
            ("7-1", false),
        ] {
            assert_eq!(is_stated_lot(id), is_stated, "{id}");
        }
    }
}
