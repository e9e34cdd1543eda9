//! Enters trades into their pools once the rates are known.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::assets::AssetRules;
use super::canonical::write_income_line;
use super::facts::MoreRef;
use super::ids::{Asset, Pool, PoolNames};
use super::leg::Leg;
use super::legs::{NoLegs, UnlikeValue, legs_of};
use super::pending::Pending;
use super::pool::{LineRoom, PoolLedger};
use super::rates::{MissingRate, RateBook, RatesUsed};
use super::trade::{InvalidTrade, Trade, TradeRef};
use super::traded::{PendingTrade, pools_of};

/// The rates of trades that entered their pools, and those that others lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entered {
    /// The rates that were used.
    pub used: RatesUsed,
    /// The rates that are missing.
    pub missing: BTreeSet<MissingRate>,
    /// Stated values that rates give otherwise.
    pub unlike: BTreeSet<UnlikeValue>,
}

/// Enters the legs of trades that waited for rates.
///
/// A trade without a rate, or with a fact at fault, is refused in every pool in which it has a leg.
/// `wanted` tells which pools to enter. A rate is returned if any pool of its trade is wanted, so
/// two parts of a ledger may return it twice. A value that it gives otherwise is returned with the
/// base pool only.
pub fn enter(
    pending: Pending,
    rules: &AssetRules,
    book: &RateBook,
    wanted: &dyn Fn(&Pool) -> bool,
    pools: &mut BTreeMap<Pool, PoolLedger>,
) -> Entered {
    let (mut entered, mut room) = (Entered::default(), LineRoom::default());
    // Most trades use one rate. Memory that is reserved and never written costs nothing.
    entered.used.reserve(pending.len(), pending.id_bytes());
    make_room(&pending, pools);
    for pending in pending.drain() {
        let base = pending.of.pool();
        let account = &base.account;
        match legs_of(&pending, rules, book) {
            Ok(legs) => {
                if wanted(&base) {
                    entered.unlike.extend(legs.unlike);
                }
                let mut is_wanted = false;
                for (asset, entry) in legs.entries {
                    let pool = Pool::new(account.clone(), asset);
                    if wanted(&pool) {
                        is_wanted = true;
                        let ledger = ledger(pools, pool, &pending, rules);
                        ledger.enter(&entry, &pending.trade, &mut room);
                    }
                }
                if is_wanted {
                    entered.used.extend(legs.rates);
                }
            }
            Err(error) => {
                if let NoLegs::Rates(missing) = &error {
                    entered.missing.extend(missing.iter().cloned());
                }
                let mut row = error.of_row(pending.trade.order_id.as_str());
                row.symbol = Some(Box::new(pending.of.symbol.clone()));
                row.leg = pending.trade.entry.leg;
                for pool in pools_with_legs(&pending, rules) {
                    if !wanted(&pool) {
                        continue;
                    }
                    // Which other leg it is does not matter: the pool is rejected.
                    let leg = match pool == base {
                        true => pending.trade.entry.leg,
                        false => Leg::Quote,
                    };
                    let ledger = ledger(pools, pool, &pending, rules);
                    ledger.refuse(row.clone(), leg, &pending.trade, &mut room);
                }
            }
        }
    }
    entered
}

/// Returns the pools in which a trade has legs, once it has a value. A fee of zero, and a quote of
/// zero units, have none.
fn pools_with_legs(pending: &PendingTrade, rules: &AssetRules) -> Vec<Pool> {
    let (trade, more) = (&pending.trade, pending.trade.more.as_ref());
    let fee = more.and_then(|more| more.fee.as_ref());
    let fee = fee.filter(|fee| !fee.amount.as_decimal().is_zero());
    let fee = fee.map(|fee| fee.currency.as_str());
    let mut pools = pools_of(rules, &pending.of, fee);
    let is_without_quote = match more.and_then(|more| more.quote_value) {
        Some(value) => value.as_decimal().is_zero(),
        None => trade.price.as_decimal().is_zero(),
    };
    if is_without_quote && let Ok(instrument) = &pending.of.instrument {
        let fee = fee.map(|fee| rules.asset_named(fee));
        let base = pending.of.pool();
        let has_leg = |pool: &Pool| {
            let is_fee = fee.as_ref() == Some(&pool.asset);
            *pool == base || is_fee || pool.asset != instrument.quote
        };
        pools.retain(has_leg);
    }
    pools
}

/// Makes room for the legs of trades in the pools that are there: none then grows by copies.
fn make_room(pending: &Pending, pools: &mut BTreeMap<Pool, PoolLedger>) {
    let mut legs: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (of, trade) in pending.views() {
        let quote = of.instrument.as_ref().ok().filter(|of| !of.is_usd);
        let fee = trade.more.and_then(MoreRef::fee_currency);
        let assets = [
            Some(of.asset.as_str()),
            quote.map(|of| of.quote.as_str()),
            fee.map(Asset::as_str),
        ];
        for asset in assets.into_iter().flatten() {
            let (trades, bytes) = legs.entry((of.account.as_str(), asset)).or_default();
            *trades = trades.saturating_add(1);
            *bytes = bytes.saturating_add(trade.order_id.len());
        }
    }
    for (names, (trades, id_bytes)) in legs {
        if let Some(pool) = pools.get_mut(&names as &dyn PoolNames) {
            pool.trades.reserve(trades, id_bytes);
        }
    }
}

impl PoolLedger {
    /// Adds a leg. Its trade is counted and hashed with its facts in the pool of its base leg only.
    pub(super) fn enter(&mut self, entry: &Trade, facts: &Trade, room: &mut LineRoom) {
        let pushed = TradeRef::try_of(entry)
            .map_err(|error| error.to_string())
            .and_then(|entry| {
                entry.check().map_err(|error| error.reason)?;
                self.trades.push(&entry).map_err(|error| error.to_string())
            });
        match pushed {
            Ok(()) => {
                self.add_income(facts, room);
                self.count_leg(entry.entry.leg, facts, room);
            }
            Err(reason) => {
                let invalid = InvalidTrade::of(entry.order_id.as_str(), "size", reason);
                self.refuse(invalid, entry.entry.leg, facts, room);
            }
        }
    }

    /// Adds a leg whose trade has no value.
    pub(super) fn refuse(
        &mut self,
        invalid: InvalidTrade,
        leg: Leg,
        facts: &Trade,
        room: &mut LineRoom,
    ) {
        self.invalid.push(invalid);
        self.add_income(facts, room);
        self.count_leg(leg, facts, room);
    }

    /// Adds a leg of a row that is not a valid trade. Another pool has the row itself.
    pub(super) fn refuse_leg(&mut self, invalid: InvalidTrade) {
        self.invalid.push(invalid);
        self.legs = self.legs.saturating_add(1);
    }

    /// Adds the facts of income to the hash of the rows: no other row tells of it.
    fn add_income(&mut self, facts: &Trade, room: &mut LineRoom) {
        if facts.entry.leg != Leg::Income {
            return;
        }
        room.0.clear();
        write_income_line(&self.pool, facts, &mut room.0);
        self.ledger_hash.add_row(&room.0);
    }

    fn count_leg(&mut self, leg: Leg, facts: &Trade, room: &mut LineRoom) {
        if leg != Leg::Base {
            self.legs = self.legs.saturating_add(1);
            return;
        }
        let mut beside = None;
        if facts.more.is_some() {
            self.add_facts(beside.insert(facts.clone()));
        }
        let facts = beside.as_ref().unwrap_or(facts);
        // The size of a ledger's trade has the digits of a fact: it was read as one.
        if let Ok(facts) = TradeRef::try_of(facts) {
            self.add_line(&facts, room);
        }
    }

    /// Adds the symbols and the class of another slice of the pool.
    pub fn add_names(&mut self, slice: &Self) {
        for symbol in &slice.symbols {
            self.add_symbol_of_leg(symbol);
        }
        if let Some(class) = slice.class {
            self.add_class(class);
        }
        self.is_mixed |= slice.is_mixed;
    }
}

fn ledger<'p>(
    pools: &'p mut BTreeMap<Pool, PoolLedger>,
    pool: Pool,
    pending: &PendingTrade,
    rules: &AssetRules,
) -> &'p mut PoolLedger {
    let is_base = pool == pending.of.pool() && pending.trade.entry.leg == Leg::Base;
    let ledger = match pools.entry(pool) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let empty = PoolLedger::of_rules(place.key().clone(), rules);
            place.insert(empty)
        }
    };
    match is_base {
        true => ledger.add_symbol(&pending.of),
        false => {
            ledger.add_symbol_of_leg(&pending.of.symbol);
            let class = rules.class_of_leg(&ledger.pool.account, &ledger.pool.asset);
            ledger.add_class(class);
        }
    }
    ledger
}
