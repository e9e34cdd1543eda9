//! The check of legs and values: I17.
//!
//! A trade that needs a rate, or moves more than one asset, enters its pools by its legs. A second
//! way makes the legs again, and each pool is compared with them. The second matcher then matches
//! what the pools took in.

use std::collections::{BTreeMap, BTreeSet};

use super::super::assets::AssetRules;
use super::super::ids::{Pool, Symbol};
use super::super::leg::Leg;
use super::super::pool::PoolLedger;
use super::super::rates::RateBook;
use super::super::reference::legs::{ReferenceLeg, legs_of, pools_of};
use super::super::time::Timestamp;
use super::super::trade::Trade;
use super::super::traded::PendingTrade;
use super::{Invariant, Violation};

/// The entries that pools must have of trades that waited for rates.
#[derive(Debug, Default)]
pub struct ExpectedLegs {
    pools: BTreeMap<Pool, ExpectedPool>,
}

#[derive(Debug, Default)]
struct ExpectedPool {
    /// The entries by order and leg.
    legs: BTreeMap<(String, Leg), Brought>,
    /// Orders that have no legs: they reject the pool.
    refused: BTreeSet<String>,
}

/// A leg, and the facts of its trade that decide its place.
#[derive(Debug, PartialEq, Eq)]
struct Brought {
    leg: ReferenceLeg,
    order_time: Timestamp,
    trade_seq: Option<i64>,
    symbol: Option<Symbol>,
}

impl Brought {
    fn told(&self) -> String {
        let symbol = self.symbol.as_ref().map_or("no symbol", Symbol::as_str);
        let place = match self.trade_seq {
            Some(sequence) => format!("{} and trade_seq {sequence}", self.order_time),
            None => self.order_time.to_string(),
        };
        format!("{} of {symbol} at {place}", self.leg.told())
    }
}

impl ExpectedLegs {
    /// Makes the legs of trades by the second way, for the pools that `wanted` accepts.
    pub fn of(
        pending: impl IntoIterator<Item = PendingTrade>,
        rules: &AssetRules,
        book: &RateBook,
        wanted: &dyn Fn(&Pool) -> bool,
    ) -> Self {
        let mut pools: BTreeMap<Pool, ExpectedPool> = BTreeMap::new();
        for pending in pending {
            let trade = &pending.trade;
            let id = || trade.order_id.as_str().to_owned();
            match legs_of(&pending, rules, book) {
                Some(legs) => {
                    for leg in legs {
                        let pool = Pool::new(pending.of.account.clone(), leg.asset.clone());
                        if wanted(&pool) {
                            let symbol = Some(pending.of.symbol.clone());
                            let brought = brought(leg, trade, symbol);
                            let legs = &mut pools.entry(pool).or_default().legs;
                            legs.insert((id(), brought.leg.leg), brought);
                        }
                    }
                }
                None => {
                    let all = pools_of(&pending, rules).into_iter();
                    for pool in all.filter(|pool| wanted(pool)) {
                        pools.entry(pool).or_default().refused.insert(id());
                    }
                }
            }
        }
        Self { pools }
    }

    /// Compares the pools with the expected entries. Returns the violations by pool.
    ///
    /// Order: by pool, then by order id and leg.
    pub fn check(self, pools: &BTreeMap<Pool, PoolLedger>) -> BTreeMap<Pool, Vec<Violation>> {
        let mut expected = self.pools;
        let mut found = BTreeMap::new();
        for (pool, ledger) in pools {
            let expected = expected.remove(pool).unwrap_or_default();
            let violations = expected.check(ledger);
            if !violations.is_empty() {
                found.insert(pool.clone(), violations);
            }
        }
        for (pool, expected) in expected {
            let violations = expected.check(&PoolLedger::new(pool.clone()));
            found.insert(pool, violations);
        }
        found
    }
}

impl ExpectedPool {
    fn check(mut self, ledger: &PoolLedger) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut add = |order_id: &str, found: String, expected: String| {
            violations.push(Violation {
                invariant: Invariant::I17,
                pool: Some(ledger.pool.clone()),
                order_id: order_id.to_owned(),
                message: format!("the pool took in {found}, expected {expected}"),
            });
        };
        let nothing = || "nothing".to_owned();
        let entered = ledger.trades.iter();
        for row in entered.filter(|row| row.leg != Leg::Base || row.value.is_some()) {
            let expected = self.legs.remove(&(row.order_id.to_owned(), row.leg));
            let told = |brought: &Brought| brought.told();
            // A packed trade always has the digits of a trade.
            let Ok(entry) = row.to_trade() else { continue };
            let symbol = entry.entry.symbol.clone();
            let leg = ReferenceLeg::of_entry(&ledger.pool.asset, &entry);
            let entered = brought(leg, &entry, symbol);
            if expected.as_ref() != Some(&entered) {
                let expected = expected.as_ref().map_or_else(nothing, told);
                add(row.order_id, told(&entered), expected);
            }
        }
        for ((order_id, _), expected) in &self.legs {
            add(order_id, nothing(), expected.told());
        }
        let refused = || ledger.invalid.iter().map(|row| row.order_id.as_str());
        let refused: BTreeSet<&str> = refused().collect();
        for order_id in self.refused {
            if !refused.contains(order_id.as_str()) {
                add(&order_id, "the trade".to_owned(), "its refusal".to_owned());
            }
        }
        violations
    }
}

fn brought(leg: ReferenceLeg, trade: &Trade, symbol: Option<Symbol>) -> Brought {
    Brought {
        leg,
        order_time: trade.order_time,
        trade_seq: trade.trade_seq,
        symbol,
    }
}
