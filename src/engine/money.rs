//! The only place that calculates. An operation is exact, or named for its rounding, or fails.
//!
//! | operation | gives | rounding | fails when |
//! |---|---|---|---|
//! | [`gross`] | price x units used so far, USD | 12 decimals, half to even | 10^22 USD or more |
//! | [`fee_share`] | fee x units used so far / size, USD | 12 decimals, half to even | 10^22 USD or more |
//! | [`value_share_of_size`] | value x units used so far / size, USD | 12 decimals, half to even | 10^22 USD or more |
//! | [`value_per_unit`] | value / size, USD a unit | 18 decimals, half to even | too many digits: `None` |
//! | [`fees_per_unit`] | fee / size, USD a unit | 18 decimals, half to even | beyond 128 bits: `None` |
//! | `Usd::checked_add`, `checked_sub` | sum, difference | exact | beyond 128 bits |
//! | [`without_fee`] | value of a trade of the amount that was paid or received | exact | below zero, or too many digits: `None` |
//! | [`price_of_basis`] | price and fee of a lot of known basis | the price is cut at 12 decimals, the fee is the rest | below zero, or too many digits |
//! | `ratio`, `ratio_of_products` | one rate or number divided by another, or two by two | 18 significant digits, half to even | beyond a fact: `None` |
//! | [`SignedAmount`] add, sub | amounts of one asset with a sign | exact | beyond 256 bits |
//! | [`price_of_value`] | value / size, and whether that is exact | 18 significant digits, half to even | zero, or beyond a fact: `None` |
//! | `split_size` | size x new / old | 18 decimals or those of the size, half to even | beyond 128 bits |
//! | [`Usd::to_cents`] | cents for a printed row | half away from zero | never |
//! | [`Units`] add, sub | sizes at a pool's common scale | exact | beyond the width, or below zero |
//!
//! `gross` and `fee_share` take the units used *so far*; a slice's amount is the difference of two
//! of them. So the slices of a whole add up to the whole to the last digit, for any rounding of
//! each. Products that leave 128 bits are made in 512, where every product of two facts fits.

mod basis;
mod rate;
mod signed;
mod split;
mod terms;
mod units;

use super::fact::Fact;
use super::number::{Fee, Price, Size, Usd, UsdPerUnit, Worth};
use super::policy::{FEES_PER_UNIT_SCALE, POOL_USD_LIMIT, TRADE_USD_LIMIT, USD_SCALE};
use super::side::Side;
use super::wide::{self, I512};
pub use basis::price_of_basis;
pub(super) use rate::{differ_by_more, ratio, ratio_of_products};
pub use signed::{SignedAmount, price_of_value};
pub(super) use split::split_size;
pub(super) use terms::{Terms, Words};
pub use units::{Units, Width};

/// Why an amount could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// One trade's gross value or fee is beyond the limit.
    #[error("the amount is 10^22 USD or more")]
    TradeTooLarge,
    /// A pool's total is beyond the limit.
    #[error("the pool's total is 10^24 USD or more")]
    PoolTooLarge,
    /// A size or an amount is below zero, or has too many digits. In matching, only a bug of ours
    /// causes it.
    #[error("an amount left its range")]
    OutOfRange,
}

/// 10^0 to 10^38, all the powers of ten that fit 128 bits.
const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

const TRADE_UNITS_LIMIT: i128 = TRADE_USD_LIMIT * POWERS[USD_SCALE as usize];
/// Digits of the limit, less one.
const LIMIT_DIGITS: u32 = TRADE_USD_LIMIT.ilog10();
const POOL_UNITS_LIMIT: i128 = POOL_USD_LIMIT * POWERS[USD_SCALE as usize];

/// Returns 10^exponent if it fits 128 bits.
fn power(exponent: u32) -> Option<i128> {
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

/// Divides, rounding half to even.
fn divide_half_even(numerator: i128, denominator: i128) -> Option<i128> {
    let is_negative = (numerator < 0) != (denominator < 0);
    let magnitude = divide_magnitudes(numerator.unsigned_abs(), denominator.unsigned_abs())?;
    let magnitude = i128::try_from(magnitude).ok()?;
    Some(if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

/// Divides once and multiplies to get the remainder: a division of 128 bits costs twenty products.
fn divide_magnitudes(numerator: u128, denominator: u128) -> Option<u128> {
    let (quotient, rest) = match (u64::try_from(numerator), u64::try_from(denominator)) {
        (Ok(numerator), Ok(denominator)) => {
            let quotient = numerator.checked_div(denominator)?;
            let rest = numerator.wrapping_sub(quotient.wrapping_mul(denominator));
            (u128::from(quotient), u128::from(rest))
        }
        (_, Ok(denominator)) if numerator >> 96 == 0 && denominator >> 32 == 0 => {
            divide_by_half_word(numerator, denominator)?
        }
        _ => {
            let quotient = numerator.checked_div(denominator)?;
            let product = quotient.wrapping_mul(denominator);
            (quotient, numerator.wrapping_sub(product))
        }
    };
    let missing = denominator.wrapping_sub(rest);
    let is_up = (rest > missing) | ((rest == missing) & (quotient & 1 == 1));
    quotient.checked_add(is_up.into())
}

/// Divides 96 bits by 32, as by hand: two machine divisions. Returns quotient and remainder.
fn divide_by_half_word(numerator: u128, denominator: u64) -> Option<(u128, u128)> {
    let high = u64::try_from(numerator >> 32).ok()?;
    let low = numerator as u64 & u64::from(u32::MAX);
    let first = high.checked_div(denominator)?;
    let carried = high.wrapping_sub(first.wrapping_mul(denominator));
    let rest = (carried << 32) | low;
    let second = rest.checked_div(denominator)?;
    let remainder = rest.wrapping_sub(second.wrapping_mul(denominator));
    let quotient = (u128::from(first) << 32) | u128::from(second);
    Some((quotient, u128::from(remainder)))
}

/// Multiplies. The product of two machine words never overflows, so it is not checked.
fn multiply(left: i128, right: i128) -> Option<i128> {
    match (u64::try_from(left), u64::try_from(right)) {
        (Ok(left), Ok(right)) => {
            i128::try_from(u128::from(left).wrapping_mul(u128::from(right))).ok()
        }
        _ => left.checked_mul(right),
    }
}

/// Divides 512 bits, rounding half to even.
fn divide_half_even_wide(numerator: I512, denominator: I512) -> Option<i128> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?.unsigned_abs();
    let rest = denominator.unsigned_abs().checked_sub(remainder)?;
    let quotient = i128::try_from(quotient).ok()?;
    if remainder < rest || (remainder == rest && quotient & 1 == 0) {
        return Some(quotient);
    }
    let away = if numerator.is_negative() == denominator.is_negative() {
        1
    } else {
        -1
    };
    quotient.checked_add(away)
}

fn wide_power(exponent: u32) -> Option<I512> {
    wide::to_512(wide::TEN).checked_pow(exponent)
}

/// Returns `left x right x 10^-scale` as units of 10^-`target`, rounded half to even.
fn product<N: Units>(left: i128, right: N, scale: u32, target: u32) -> Option<i128> {
    let narrow = || {
        let product = multiply(left, right.narrow()?)?;
        match scale.checked_sub(target) {
            Some(excess) => divide_half_even(product, power(excess)?),
            None => product.checked_mul(power(target.checked_sub(scale)?)?),
        }
    };
    narrow().or_else(|| {
        let product = wide::from_i128_to_512(left).checked_mul(right.wide())?;
        match scale.checked_sub(target) {
            Some(excess) => divide_half_even_wide(product, wide_power(excess)?),
            None => {
                let missing = wide_power(target.checked_sub(scale)?)?;
                i128::try_from(product.checked_mul(missing)?).ok()
            }
        }
    })
}

/// Returns `value x part / whole` as units of 10^-`target`, rounded half to even.
fn share<N: Units>(value: Fact, part: N, whole: N, target: u8) -> Option<i128> {
    let up = target.saturating_sub(value.scale());
    let down = value.scale().saturating_sub(target);
    let narrow = || {
        let numerator = multiply(value.units(), power(up.into())?)?;
        let denominator = multiply(whole.narrow()?, power(down.into())?)?;
        divide_half_even(multiply(numerator, part.narrow()?)?, denominator)
    };
    narrow().or_else(|| {
        let numerator =
            wide::from_i128_to_512(value.units()).checked_mul(wide_power(up.into())?)?;
        let denominator = whole.wide().checked_mul(wide_power(down.into())?)?;
        divide_half_even_wide(numerator.checked_mul(part.wide())?, denominator)
    })
}

fn within_trade_limit(units: Option<i128>) -> Result<Usd, MoneyError> {
    units
        .filter(|units| units.unsigned_abs() < TRADE_UNITS_LIMIT.unsigned_abs())
        .map(Usd::from_units)
        .ok_or(MoneyError::TradeTooLarge)
}

/// Returns the value of the first `used` units of a trade.
///
/// Units: USD. Rounding: 12 decimals, half to even, once.
/// Errors: 10^22 USD or more. Source: docs/SPEC-matching.md, "Money".
pub fn gross<N: Units>(price: Fact, used: N, scale: u8) -> Result<Usd, MoneyError> {
    let decimals = u32::from(price.scale()).saturating_add(scale.into());
    within_trade_limit(product(price.units(), used, decimals, USD_SCALE.into()))
}

/// Returns the share of a trade's fee that the first `used` of its `size` units bear.
///
/// An unknown fee counts zero here. The row's notes and the totals say that it is unknown.
/// Units: USD; `used` and `size` at one scale. Rounding: 12 decimals, half to even, once.
/// Errors: 10^22 USD or more. Source: docs/SPEC-matching.md, "Money".
pub fn fee_share<N: Units>(fee: Option<Fact>, used: N, size: N) -> Result<Usd, MoneyError> {
    match fee {
        None => Ok(Usd::ZERO),
        // Half of all calls ask for the whole fee, which needs no division.
        Some(fee) if used == size && fee.scale() <= USD_SCALE => {
            let missing = power(USD_SCALE.saturating_sub(fee.scale()).into());
            within_trade_limit(missing.and_then(|missing| multiply(fee.units(), missing)))
        }
        Some(fee) => within_trade_limit(share(fee, used, size, USD_SCALE)),
    }
}

/// Returns a trade's fee divided by its size, for reading only.
///
/// Units: USD a base unit. Rounding: 18 decimals, half to even. `None`: it does not fit.
pub fn fees_per_unit(fee: Fact, size: Fact) -> Option<UsdPerUnit> {
    let exponent = u32::from(size.scale()).saturating_add(FEES_PER_UNIT_SCALE.into());
    // One word divides if the size is one word and the fee has no digit beyond the last decimal. A
    // row with all its columns took 82 ns a trade, and takes 76.
    let by_word = || {
        let up = power(exponent.checked_sub(fee.scale().into())?)?;
        let numerator = multiply(fee.units(), up)?;
        let units = terms::divide_by_word(numerator.unsigned_abs(), size.units().try_into().ok()?);
        let units = i128::try_from(units).ok()?;
        if numerator < 0 {
            units.checked_neg()
        } else {
            Some(units)
        }
    };
    let by_share = || {
        let whole = power(size.scale().into())?;
        share(fee, whole, size.units(), FEES_PER_UNIT_SCALE)
    };
    by_word().or_else(by_share).map(UsdPerUnit::from_units)
}

/// Returns an amount of dollars at the scale of amounts.
///
/// Units: USD. Rounding: 12 decimals, half to even, once. Errors: 10^22 USD or more.
pub(super) fn dollars(amount: Fact) -> Result<Usd, MoneyError> {
    value_at(amount, Fact::of_parts(1, 0))
}

/// Returns the value of an amount at a rate.
///
/// Units: USD. Rounding: 12 decimals, half to even, once. Errors: 10^22 USD or more.
/// Source: docs/SPEC-matching.md, "Values".
pub(super) fn value_at(amount: Fact, rate: Fact) -> Result<Usd, MoneyError> {
    let decimals = u32::from(amount.scale()).saturating_add(rate.scale().into());
    let value = product(amount.units(), rate.units(), decimals, USD_SCALE.into());
    within_trade_limit(value)
}

/// Returns the exact product of two facts. `None`: it has more digits than a fact may have.
pub(super) fn exact_product(left: Fact, right: Fact) -> Option<Fact> {
    let product =
        wide::from_i128_to_512(left.units()).checked_mul(wide::from_i128_to_512(right.units()))?;
    let mut scale = u32::from(left.scale()).saturating_add(right.scale().into());
    let mut units = product;
    let ten = wide::to_512(wide::TEN);
    while scale > 0 && units.checked_rem(ten)? == wide::from_i128_to_512(0) {
        units = units.checked_div(ten)?;
        scale = scale.saturating_sub(1);
    }
    Fact::try_new(i128::try_from(units).ok()?, u8::try_from(scale).ok()?).ok()
}

/// Returns the exact difference of two facts. `None`: it has more digits than a fact may have.
pub(super) fn exact_difference(left: Fact, right: Fact) -> Option<Fact> {
    let scale = left.scale().max(right.scale());
    let at = |fact: Fact| {
        let up = power(scale.saturating_sub(fact.scale()).into())?;
        fact.units().checked_mul(up)
    };
    Fact::try_new(at(left)?.checked_sub(at(right)?)?, scale).ok()
}

/// Returns the value of a trade whose amount was paid with the fee, or received without it.
///
/// Units: those of both. Exact. `None`: below zero, or too many digits.
pub fn without_fee(amount: Worth, fee: Fee, side: Side) -> Option<Worth> {
    let (amount, fee) = (Fact::of_worth(amount), Fact::of_fee(fee));
    let fee = match side {
        Side::Buy => fee,
        Side::Sell => exact_difference(Fact::ZERO, fee)?,
    };
    Worth::try_from(exact_difference(amount, fee)?.to_decimal()).ok()
}

/// Returns a value divided by a size, for reading only.
///
/// Units: USD a base unit. Rounding: 18 decimals, half to even. `None`: it does not fit.
pub fn value_per_unit(value: Usd, size: Fact) -> Option<Price> {
    let value = Fact::of_parts(value.units(), USD_SCALE);
    let units = fees_per_unit(value, size)?.units();
    Fact::try_new(units, FEES_PER_UNIT_SCALE)
        .ok()?
        .to_price()
        .ok()
}

/// Tells whether a trade's gross value and fee are below the limit, and its size above zero.
///
/// Errors: the gross value (`price`) or the fee (`total_fees_usd`) is 10^22 USD or more.
pub(super) fn check_limits(
    size: Fact,
    price: Fact,
    fee: Option<Fact>,
    value: Option<Usd>,
) -> Result<(), (&'static str, MoneyError)> {
    if let Some(value) = value {
        within_trade_limit(Some(value.units())).map_err(|error| ("quote_value", error))?;
    }
    let (size, scale) = (size.units(), size.scale());
    // Nearly every trade is so far below the limit that one comparison with a power of ten is
    // enough.
    let decimals = u32::from(price.scale()).saturating_add(scale.into());
    let small = power(decimals.saturating_add(LIMIT_DIGITS.saturating_sub(1)));
    let is_small = multiply(price.units(), size)
        .is_some_and(|product| small.is_none_or(|small| product < small));
    if !is_small {
        gross(price, wide::from_i128(size), scale).map_err(|error| ("price", error))?;
    }
    fee_share(fee, size, size).map_err(|error| ("total_fees_usd", error))?;
    Ok(())
}

/// Returns `gross` of a size, for showing how an amount was made.
///
/// Units: USD. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub fn gross_of_size(price: Price, used: Size) -> Result<Usd, MoneyError> {
    gross(Fact::of_price(price), used.units(), used.scale())
}

/// Returns `fee_share` of a size, for showing how an amount was made.
///
/// Units: USD. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub fn fee_share_of_size(fee: Option<Fee>, used: Size, whole: Size) -> Result<Usd, MoneyError> {
    let scale = used.scale().max(whole.scale());
    let at = |size: Size| size.units_at(scale).ok_or(MoneyError::OutOfRange);
    fee_share(fee.map(Fact::of_fee), at(used)?, at(whole)?)
}

/// Returns the share of a value that the first `used` of `whole` units have.
///
/// Units: USD. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub fn value_share_of_size(value: Usd, used: Size, whole: Size) -> Result<Usd, MoneyError> {
    let scale = used.scale().max(whole.scale());
    let at = |size: Size| size.units_at(scale).ok_or(MoneyError::OutOfRange);
    let value = Fact::of_parts(value.units(), USD_SCALE);
    fee_share(Some(value), at(used)?, at(whole)?)
}

impl Usd {
    /// Adds exactly.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        let units = self.units().checked_add(other.units());
        units.map(Self::from_units).ok_or(MoneyError::OutOfRange)
    }

    /// Subtracts exactly.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let units = self.units().checked_sub(other.units());
        units.map(Self::from_units).ok_or(MoneyError::OutOfRange)
    }

    /// Returns whole USD as an amount. Errors: beyond 128 bits.
    pub fn try_from_dollars(dollars: i128) -> Result<Self, MoneyError> {
        let units = dollars.checked_mul(POWERS[USD_SCALE as usize]);
        units.map(Self::from_units).ok_or(MoneyError::OutOfRange)
    }

    /// Returns the amount in cents, for a printed row.
    ///
    /// Rounding: half away from zero, as people round by hand.
    pub fn to_cents(self) -> i128 {
        const CENT: i128 = POWERS[USD_SCALE as usize - 2];
        let (cents, rest) = (self.units() / CENT, self.units() % CENT);
        if rest.unsigned_abs().saturating_mul(2) < CENT.unsigned_abs() {
            cents
        } else {
            cents.saturating_add(rest.signum())
        }
    }
}

/// Returns the gain of a negative fee; `None`: the fee is not negative.
///
/// Units: USD, zero or more. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub(super) fn rebate_of(fee: Fact) -> Result<Option<Usd>, MoneyError> {
    if fee.units() >= 0 {
        return Ok(None);
    }
    let whole = fee_share(Some(fee), 1_i128, 1_i128)?;
    Usd::ZERO.checked_sub(whole).map(Some)
}

/// Adds to a pool's total. Errors: 10^24 USD or more.
pub(crate) fn add_to_pool_total(total: Usd, amount: Usd) -> Result<Usd, MoneyError> {
    let sum = total.checked_add(amount)?;
    if sum.units().unsigned_abs() >= POOL_UNITS_LIMIT.unsigned_abs() {
        return Err(MoneyError::PoolTooLarge);
    }
    Ok(sum)
}

/// Adds sizes exactly. Errors: beyond 256 bits.
pub fn add_sizes(left: Size, right: Size) -> Result<Size, MoneyError> {
    let scale = left.scale().max(right.scale());
    let sum = || left.units_at(scale)?.checked_add(right.units_at(scale)?);
    sum().ok_or(MoneyError::OutOfRange)?.to_size(scale)
}

/// Multiplies sizes exactly. Errors: beyond 256 bits.
pub fn mul_sizes(left: Size, right: Size) -> Result<Size, MoneyError> {
    let product = left.units().checked_mul(right.units());
    let scale = left.scale().checked_add(right.scale());
    let (product, scale) = product.zip(scale).ok_or(MoneyError::OutOfRange)?;
    product.to_size(scale)
}

/// Subtracts sizes exactly. Errors: below zero, or beyond 256 bits.
pub fn sub_sizes(left: Size, right: Size) -> Result<Size, MoneyError> {
    let scale = left.scale().max(right.scale());
    let difference = || Units::sub(left.units_at(scale)?, right.units_at(scale)?);
    difference().ok_or(MoneyError::OutOfRange)?.to_size(scale)
}

#[cfg(test)]
mod tests;
