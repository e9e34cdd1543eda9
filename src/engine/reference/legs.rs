//! The legs of a trade by a second way: the entries that its pools must have.
//!
//! A trade gives something and receives something. What is not money has a leg. The given asset
//! bears the fee; if money was given, the received asset bears it. A fee in an asset comes off what
//! was received, or leaves as a leg of its own.
//!
//! This file shares no code with `legs.rs` and `money.rs`. It looks rates up in the same book, but
//! has its own divisions. `checks/legs.rs` compares. Source: docs/SPEC-matching.md, "Legs".

use rust_decimal::Decimal;

use super::Exact;
use super::rates::rate_of;
use crate::engine::assets::{AssetRules, Instrument, PoolsBy};
use crate::engine::class::AssetClass;
use crate::engine::facts::OtherFee;
use crate::engine::ids::{Asset, Pool};
use crate::engine::leg::Leg;
use crate::engine::number::{Fee, Worth};
use crate::engine::policy::{FACT_DECIMALS_MAX, FACT_DIGITS_MAX, TRADE_USD_LIMIT, USD, USD_SCALE};
use crate::engine::rates::{RateBook, WantedRate};
use crate::engine::side::Side;
use crate::engine::trade::Trade;
use crate::engine::traded::PendingTrade;

/// A leg of a trade, as its pool must have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct ReferenceLeg {
    /// The asset of the pool.
    pub(in crate::engine) asset: Asset,
    pub(in crate::engine) leg: Leg,
    side: Side,
    /// Units: 10^-28 units of the asset.
    size: Exact,
    /// Units: 10^-12 USD.
    value: Exact,
    /// `None`: unknown. Units: 10^-28 USD.
    fee: Option<Exact>,
}

impl ReferenceLeg {
    /// Reads the entry of a pool.
    pub(in crate::engine) fn of_entry(asset: &Asset, entry: &Trade) -> Self {
        Self {
            asset: asset.clone(),
            leg: entry.entry.leg,
            side: entry.side,
            size: Exact::of_size(entry.size),
            value: entry.entry.value.map_or(Exact::ZERO, Exact::of_usd),
            fee: entry.fee.map(of_fee),
        }
    }

    /// Returns a sentence about the leg.
    pub(in crate::engine) fn told(&self) -> String {
        let fee = self.fee.as_ref();
        let fee = fee.map_or("unknown".to_owned(), Exact::size_text);
        let (side, size, value) = (self.side, self.size.size_text(), self.value.usd_text());
        format!("{} {side} {size} for {value} fee {fee}", self.leg)
    }

    fn is_within_limits(&self) -> bool {
        let limit = usd_limit();
        let is_below = |amount: &Exact| *amount < limit && Exact::ZERO.minus(amount) < limit;
        let is_fee_within = |fee: &Exact| has_digits_of_a_fact(fee) && is_below(&units_to_usd(fee));
        self.size > Exact::ZERO
            && has_digits_of_a_fact(&self.size)
            && is_below(&self.value)
            && self.fee.as_ref().is_none_or(is_fee_within)
    }
}

/// Returns the legs of a trade, the base first. `None`: a rate is missing, or no pool can take it.
pub(in crate::engine) fn legs_of(
    pending: &PendingTrade,
    rules: &AssetRules,
    book: &RateBook,
) -> Option<Vec<ReferenceLeg>> {
    let instrument = pending.of.instrument.as_ref().ok()?;
    let trade = &pending.trade;
    let contract = trade.more.as_ref().and_then(|more| more.contract_size);
    if contract.is_some_and(|size| Exact::of_size(size) != one_unit()) {
        return None;
    }
    let way = SecondWay {
        pending,
        instrument,
        rules,
        book,
    };
    let legs = way.legs()?;
    legs.iter()
        .all(ReferenceLeg::is_within_limits)
        .then_some(legs)
}

/// Lists the pools in which a trade has legs, once it has a value.
pub(in crate::engine) fn pools_of(pending: &PendingTrade, rules: &AssetRules) -> Vec<Pool> {
    let account = &pending.of.account;
    let mut pools = vec![Pool::new(account.clone(), pending.of.asset.clone())];
    let quote = pending.of.instrument.as_ref().ok();
    let stated = pending
        .trade
        .more
        .as_ref()
        .and_then(|more| more.quote_value);
    let is_paid = match stated {
        Some(value) => !value.as_decimal().is_zero(),
        None => !pending.trade.price.as_decimal().is_zero(),
    };
    let quote = quote.filter(|_| is_paid);
    let quote = quote.map(|instrument| instrument.quote.clone());
    if rules.pools == PoolsBy::Symbol {
        return pools;
    }
    let fee = other_fee(&pending.trade).filter(|fee| !fee.amount.as_decimal().is_zero());
    let fee = fee.map(|fee| rules.asset_named(fee.currency.as_str()));
    for asset in quote.into_iter().chain(fee) {
        let pool = Pool::new(account.clone(), asset);
        if !is_money(rules, &pool.asset) && !pools.contains(&pool) {
            pools.push(pool);
        }
    }
    pools
}

struct SecondWay<'a> {
    pending: &'a PendingTrade,
    instrument: &'a Instrument,
    rules: &'a AssetRules,
    book: &'a RateBook,
}

/// One side of a trade: an asset that was given or received.
struct Moved {
    leg: Leg,
    asset: Asset,
    units: Exact,
    value: Exact,
}

impl SecondWay<'_> {
    fn legs(&self) -> Option<Vec<ReferenceLeg>> {
        if self.pending.trade.entry.leg != Leg::Base {
            return Some(vec![self.of_movement()?]);
        }
        let value = self.value()?;
        let (given, received) = self.moved(&value)?;
        self.with_fee(given, received)
    }

    /// Makes the leg of a network's fee, or of income: units that left or came for nothing, at
    /// their value.
    fn of_movement(&self) -> Option<ReferenceLeg> {
        let units = Exact::of_size(self.pending.trade.size);
        let value = match self.pending.trade.entry.value {
            Some(stated) => Exact::of_usd(stated),
            None => self.at_rate(&self.pending.of.asset, &units)?,
        };
        Some(ReferenceLeg {
            asset: self.pending.of.asset.clone(),
            leg: self.pending.trade.entry.leg,
            side: match self.pending.trade.entry.leg {
                Leg::Income => Side::Buy,
                _ => Side::Sell,
            },
            value,
            size: units,
            fee: Some(Exact::ZERO),
        })
    }

    /// Returns the given and the received asset; `None` in either place is money.
    fn moved(&self, value: &Exact) -> Option<(Option<Moved>, Option<Moved>)> {
        let moved = |leg, asset: &Asset, units| Moved {
            leg,
            asset: asset.clone(),
            units,
            value: value.clone(),
        };
        let (of, trade) = (self.instrument, &self.pending.trade);
        let size = Exact::of_size(trade.size);
        let base = moved(Leg::Base, &of.base, size);
        let quote = match of.is_usd || is_money(self.rules, &of.quote) {
            true => None,
            false => Some(self.quote_units()?)
                .filter(|units| *units != Exact::ZERO)
                .map(|units| moved(Leg::Quote, &of.quote, units)),
        };
        Some(match trade.side {
            Side::Buy => (quote, Some(base)),
            Side::Sell => (Some(base), quote),
        })
    }

    fn with_fee(
        &self,
        given: Option<Moved>,
        mut received: Option<Moved>,
    ) -> Option<Vec<ReferenceLeg>> {
        let trade = &self.pending.trade;
        let mut borne = trade.fee.map(of_fee);
        let mut own_leg = None;
        if let Some(fee) = other_fee(trade) {
            let asset = self.rules.asset_named(fee.currency.as_str());
            let units = of_fee(fee.amount);
            let is_asset = !is_money(self.rules, &asset);
            let from = received.as_mut();
            let is_of_pool = is_asset || given.is_none();
            let from = from.filter(|it| is_of_pool && units > Exact::ZERO && it.asset == asset);
            match from {
                Some(received) if given.is_none() => {
                    received.units = received.units.minus(&units);
                    borne = Some(Exact::ZERO);
                }
                Some(received) => {
                    let value = self.fee_value(fee, &asset)?;
                    received.units = received.units.minus(&units);
                    received.value = received.value.minus(&value);
                    if received.value < Exact::ZERO {
                        return None;
                    }
                    borne = Some(usd_to_units(&value));
                }
                None if self.rules.is_usd(&asset) && fee.usd_value.is_none() => {
                    borne = Some(units);
                }
                // A pool by symbol has no units of the fee to give.
                None if is_asset && units != Exact::ZERO && self.rules.pools == PoolsBy::Symbol => {
                    return None;
                }
                None => {
                    let value = self.fee_value(fee, &asset)?;
                    borne = Some(usd_to_units(&value));
                    own_leg = (is_asset && units != Exact::ZERO).then_some((asset, units, value));
                }
            }
        }
        let is_borne_by_given = given.is_some();
        let nothing = Some(Exact::ZERO);
        let fee_of_given = borne.clone();
        let fee_of_received = if is_borne_by_given { nothing } else { borne };
        let given = given.map(|it| self.leg(it, Side::Sell, fee_of_given));
        let received = received.map(|it| self.leg(it, Side::Buy, fee_of_received));
        let mut legs: Vec<ReferenceLeg> = given.into_iter().chain(received).collect();
        legs.extend(own_leg.map(|(asset, units, value)| fee_leg(asset, units, value)));
        legs.sort_by_key(|leg| leg.leg);
        Some(legs)
    }

    fn leg(&self, moved: Moved, side: Side, fee: Option<Exact>) -> ReferenceLeg {
        // The pool of the base may have another name than its asset.
        let asset = match moved.leg {
            Leg::Base => self.pending.of.asset.clone(),
            _ => moved.asset,
        };
        ReferenceLeg {
            asset,
            leg: moved.leg,
            side,
            size: moved.units,
            value: moved.value,
            fee,
        }
    }

    /// Returns price x size, or what the row states instead. `None`: too many digits.
    ///
    /// Units: 10^-28 of the quote.
    fn quote_units(&self) -> Option<Exact> {
        let trade = &self.pending.trade;
        if let Some(stated) = trade.more.as_ref().and_then(|more| more.quote_value) {
            return Some(of_worth(stated));
        }
        let price = trade.price.as_decimal();
        let product = Exact::of_mantissa(price).times(&Exact::of_size(trade.size));
        let down = Exact::power(price.scale());
        let units = product.divided_half_even(&down);
        let is_exact = units.times(&down) == product;
        (is_exact && has_digits_of_a_fact(&units)).then_some(units)
    }

    /// Returns the value without fees. Units: 10^-12 USD.
    fn value(&self) -> Option<Exact> {
        let (of, trade) = (self.instrument, &self.pending.trade);
        let more = trade.more.as_ref();
        if let Some(stated) = more.and_then(|more| more.usd_value) {
            let stated = units_to_usd(&of_worth(stated));
            let is_paid = of.is_usd || is_money(self.rules, &of.quote);
            // Nothing was paid, so the value is 0.
            let is_free = !is_paid && self.quote_units()? == Exact::ZERO;
            return (!is_free || stated == Exact::ZERO).then_some(stated);
        }
        if of.is_usd {
            if let Some(stated) = more.and_then(|more| more.quote_value) {
                return Some(units_to_usd(&of_worth(stated)));
            }
            let price = trade.price.as_decimal();
            let product = Exact::of_mantissa(price).times(&Exact::of_size(trade.size));
            let decimals = price.scale().saturating_add(FACT_DECIMALS_MAX.into());
            let down = Exact::power(decimals.saturating_sub(USD_SCALE.into()));
            return Some(product.divided_half_even(&down));
        }
        let units = self.quote_units()?;
        if units == Exact::ZERO {
            return Some(Exact::ZERO);
        }
        if let Some(value) = self.at_rate(&of.quote, &units) {
            return Some(value);
        }
        let base = || self.at_rate(&of.base, &Exact::of_size(trade.size));
        (!is_money(self.rules, &of.quote)).then(base).flatten()
    }

    /// Returns the value of a fee, with its sign. Units: 10^-12 USD.
    fn fee_value(&self, fee: &OtherFee, asset: &Asset) -> Option<Exact> {
        let units = of_fee(fee.amount);
        let Some(stated) = fee.usd_value else {
            return match units == Exact::ZERO {
                true => Some(Exact::ZERO),
                false => self.at_rate(asset, &units),
            };
        };
        let stated = of_fee(stated);
        let is_below = |amount: &Exact| *amount < Exact::ZERO;
        // Nobody knows what a cost with the value of a rebate is.
        let is_other_sign = stated != Exact::ZERO && is_below(&stated) != is_below(&units);
        (!is_other_sign).then(|| units_to_usd(&stated))
    }

    /// Returns the value of units at the rate of their asset. Units: 10^-12 USD.
    fn at_rate(&self, asset: &Asset, units: &Exact) -> Option<Exact> {
        let trade = &self.pending.trade;
        let dollar: Asset = USD.parse().ok()?;
        let class = match is_money(self.rules, asset) {
            true => AssetClass::Fx,
            false => AssetClass::Crypto,
        };
        let found = self.book.look_up(&WantedRate {
            asset,
            currency: &dollar,
            at: trade.order_time,
            class,
            own: Some((&self.pending.of.account, &trade.order_id)),
        })?;
        let rate = rate_of(&found, asset)?;
        let usd = Exact::power(USD_SCALE.into());
        let down = Exact::power(FACT_DECIMALS_MAX.into()).times(&rate.denominator);
        let value = units.times(&rate.numerator).times(&usd);
        Some(value.divided_half_even(&down))
    }
}

/// A fee in an asset that was not received in the trade, or a rebate in any asset.
fn fee_leg(asset: Asset, units: Exact, value: Exact) -> ReferenceLeg {
    let (side, size, value) = match units < Exact::ZERO {
        true => {
            let minus = |amount: &Exact| Exact::ZERO.minus(amount);
            (Side::Buy, minus(&units), minus(&value))
        }
        false => (Side::Sell, units, value),
    };
    ReferenceLeg {
        asset,
        leg: Leg::Fee,
        side,
        size,
        value,
        fee: Some(Exact::ZERO),
    }
}

/// Tells whether an asset has no pool: dollars, and the money of states.
fn is_money(rules: &AssetRules, asset: &Asset) -> bool {
    rules.is_usd(asset) || rules.is_currency(asset)
}

fn other_fee(trade: &Trade) -> Option<&OtherFee> {
    let more = trade.more.as_ref().filter(|_| trade.fee.is_none());
    more.and_then(|more| more.fee.as_ref())
}

fn one_unit() -> Exact {
    Exact::power(FACT_DECIMALS_MAX.into())
}

fn usd_limit() -> Exact {
    Exact::of_short(TRADE_USD_LIMIT).times(&Exact::power(USD_SCALE.into()))
}

/// Units: 10^-28 of its currency.
fn of_fee(fee: Fee) -> Exact {
    of_decimal(fee.as_decimal())
}

/// Units: 10^-28 of its currency.
fn of_worth(worth: Worth) -> Exact {
    of_decimal(worth.as_decimal())
}

fn of_decimal(value: Decimal) -> Exact {
    let missing = u32::from(FACT_DECIMALS_MAX).saturating_sub(value.scale());
    Exact::of_mantissa(value).times(&Exact::power(missing))
}

/// Rounds an amount of dollars at 28 decimals to one at 12, half to even.
fn units_to_usd(units: &Exact) -> Exact {
    units.divided_half_even(&decimals_less())
}

fn usd_to_units(usd: &Exact) -> Exact {
    usd.times(&decimals_less())
}

fn decimals_less() -> Exact {
    Exact::power(FACT_DECIMALS_MAX.saturating_sub(USD_SCALE).into())
}

/// Tells whether a number has at most 28 digits, without the zeros at the end of its fraction.
fn has_digits_of_a_fact(units: &Exact) -> bool {
    let digits = units.size_text();
    let digits = digits.trim_start_matches('-').replace('.', "");
    digits.trim_start_matches('0').len() <= FACT_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_fact_have_28_digits() {
        let is_one = |text: &str| {
            let size = crate::engine::Size::try_from_wide_text(text).unwrap();
            has_digits_of_a_fact(&Exact::of_size(size))
        };
        assert!(is_one("9999999999999999999999999999") && is_one("0.0000000000000000000000000001"));
        assert!(is_one("1.000000000000000000000000001") && is_one("10.1"));
        assert!(!is_one("1.0000000000000000000000000001"));
        assert!(!is_one("10000000000000000000000000000"));
    }
}
