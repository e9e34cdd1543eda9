//! The only place that calculates. An operation is exact, or named for its rounding, or fails.
//!
//! | operation | gives | rounding | fails when |
//! |---|---|---|---|
//! | [`gross`] | price x units used so far, USD | 12 decimals, half to even | 10^22 USD or more |
//! | [`fee_share`] | fee x units used so far / size, USD | 12 decimals, half to even | 10^22 USD or more |
//! | [`fees_per_unit`] | fee / size, USD a unit | 18 decimals, half to even | beyond 128 bits: `None` |
//! | `Usd::checked_add`, `checked_sub` | sum, difference | exact | beyond 128 bits |
//! | [`Usd::to_cents`] | cents for a printed row | half away from zero | never |
//! | [`Units`] add, sub | sizes at a pool's common scale | exact | beyond the width, or below zero |
//!
//! `gross` and `fee_share` take the units used *so far*; a slice's amount is the difference of two
//! of them. So the slices of a whole add up to the whole to the last digit, whatever the rounding
//! does to each. Products that leave 128 bits are made in 512, where every product of two facts
//! fits.

use super::wide::{self, I256, I512};
use rust_decimal::Decimal;

use super::number::{Fee, Price, Size, Usd, UsdPerUnit};
use super::policy::{FEES_PER_UNIT_SCALE, POOL_USD_LIMIT, TRADE_USD_LIMIT, USD_SCALE};

/// Why an amount could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// One trade's gross value or fee is beyond the limit.
    #[error("the amount is 10^22 USD or more")]
    TradeTooLarge,
    /// A pool's total is beyond the limit.
    #[error("the pool's total is 10^24 USD or more")]
    PoolTooLarge,
    /// Sizes that need more digits than there are, or an amount below zero: our own bug.
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
const POOL_UNITS_LIMIT: i128 = POOL_USD_LIMIT * POWERS[USD_SCALE as usize];

/// An integer that counts base units at a pool's common scale: 128 bits, or 256 where needed.
pub trait Units: Copy + Ord + std::fmt::Debug + Send + Sync {
    /// Nothing.
    const ZERO: Self;
    /// Converts a size to the scale, exactly. `None`: it does not fit.
    fn try_from_size(size: Size, scale: u8) -> Option<Self>;
    /// Converts back.
    fn to_size(self, scale: u8) -> Result<Size, MoneyError>;
    /// Exact sum; `None` beyond the width.
    fn add(self, other: Self) -> Option<Self>;
    /// Exact difference; `None` below zero.
    fn sub(self, other: Self) -> Option<Self>;
    /// As 128 bits, if it fits.
    fn narrow(self) -> Option<i128>;
    /// As 512 bits.
    fn wide(self) -> I512;
}

impl Units for i128 {
    const ZERO: Self = 0;

    fn try_from_size(size: Size, scale: u8) -> Option<Self> {
        let units = i128::try_from(size.units()).ok()?;
        units.checked_mul(power(scale.checked_sub(size.scale())?.into())?)
    }

    fn to_size(self, scale: u8) -> Result<Size, MoneyError> {
        Size::try_from_units(wide::from_i128(self), scale).map_err(|_| MoneyError::OutOfRange)
    }

    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.checked_sub(other).filter(|left| *left >= 0)
    }

    fn narrow(self) -> Option<i128> {
        Some(self)
    }

    fn wide(self) -> I512 {
        wide::from_i128_to_512(self)
    }
}

impl Units for I256 {
    const ZERO: Self = wide::ZERO;

    fn try_from_size(size: Size, scale: u8) -> Option<Self> {
        size.units_at(scale)
    }

    fn to_size(self, scale: u8) -> Result<Size, MoneyError> {
        Size::try_from_units(self, scale).map_err(|_| MoneyError::OutOfRange)
    }

    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.checked_sub(other).filter(|left| *left >= wide::ZERO)
    }

    fn narrow(self) -> Option<i128> {
        i128::try_from(self).ok()
    }

    fn wide(self) -> I512 {
        wide::to_512(self)
    }
}

/// Returns 10^exponent if it fits 128 bits.
fn power(exponent: u32) -> Option<i128> {
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

/// Divides, rounding half to even.
fn divide_half_even(numerator: i128, denominator: i128) -> Option<i128> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?.unsigned_abs();
    let rest = denominator.unsigned_abs().checked_sub(remainder)?;
    if remainder < rest || (remainder == rest && quotient & 1 == 0) {
        return Some(quotient);
    }
    let away = if (numerator < 0) == (denominator < 0) {
        1
    } else {
        -1
    };
    quotient.checked_add(away)
}

/// The same in 512 bits.
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
        let product = left.checked_mul(right.narrow()?)?;
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
fn share<N: Units>(value: Decimal, part: N, whole: N, target: u32) -> Option<i128> {
    let (up, down) = (
        target.checked_sub(value.scale()),
        value.scale().checked_sub(target),
    );
    let narrow = || {
        let numerator = value.mantissa().checked_mul(power(up.unwrap_or(0))?)?;
        let denominator = whole.narrow()?.checked_mul(power(down.unwrap_or(0))?)?;
        divide_half_even(numerator.checked_mul(part.narrow()?)?, denominator)
    };
    narrow().or_else(|| {
        let numerator =
            wide::from_i128_to_512(value.mantissa()).checked_mul(wide_power(up.unwrap_or(0))?)?;
        let denominator = whole.wide().checked_mul(wide_power(down.unwrap_or(0))?)?;
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
pub fn gross<N: Units>(price: Price, used: N, scale: u8) -> Result<Usd, MoneyError> {
    let price = price.as_decimal();
    let decimals = price.scale().saturating_add(scale.into());
    within_trade_limit(product(price.mantissa(), used, decimals, USD_SCALE.into()))
}

/// Returns the share of a trade's fee that the first `used` of its `size` units bear.
///
/// An unknown fee counts zero here; that it is unknown is counted and shown elsewhere.
/// Units: USD; `used` and `size` at one scale. Rounding: 12 decimals, half to even, once.
/// Errors: 10^22 USD or more. Source: docs/SPEC-matching.md, "Money".
pub fn fee_share<N: Units>(fee: Option<Fee>, used: N, size: N) -> Result<Usd, MoneyError> {
    match fee {
        None => Ok(Usd::ZERO),
        Some(fee) => within_trade_limit(share(fee.as_decimal(), used, size, USD_SCALE.into())),
    }
}

/// Returns a trade's fee divided by its size, for reading only.
///
/// Units: USD a base unit. Rounding: 18 decimals, half to even. `None`: it does not fit.
pub fn fees_per_unit(fee: Fee, size: Size) -> Option<UsdPerUnit> {
    let whole = I256::try_from_size(size, size.scale())?;
    let one = wide::TEN.checked_pow(size.scale().into())?;
    share(fee.as_decimal(), one, whole, FEES_PER_UNIT_SCALE.into()).map(UsdPerUnit::from_units)
}

/// Returns `gross` of a size, for showing how an amount was made.
///
/// Units: USD. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub fn gross_of_size(price: Price, used: Size) -> Result<Usd, MoneyError> {
    gross(price, used.units(), used.scale())
}

/// Returns `fee_share` of a size, for showing how an amount was made.
///
/// Units: USD. Rounding: 12 decimals, half to even. Errors: 10^22 USD or more.
pub fn fee_share_of_size(fee: Option<Fee>, used: Size, whole: Size) -> Result<Usd, MoneyError> {
    let scale = used.scale().max(whole.scale());
    let at = |size: Size| size.units_at(scale).ok_or(MoneyError::OutOfRange);
    fee_share(fee, at(used)?, at(whole)?)
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

/// Subtracts sizes exactly. Errors: below zero, or beyond 256 bits.
pub fn sub_sizes(left: Size, right: Size) -> Result<Size, MoneyError> {
    let scale = left.scale().max(right.scale());
    let difference = || Units::sub(left.units_at(scale)?, right.units_at(scale)?);
    difference().ok_or(MoneyError::OutOfRange)?.to_size(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn gross_rounds_once_half_to_even() {
        let cases = [
            ("0.0000000000005", "1", "0"),
            ("0.0000000000015", "1", "0.000000000002"),
            ("0.0000000000025", "1", "0.000000000002"),
            ("0.00000000000250000001", "1", "0.000000000003"),
            ("30000", "0.5", "15000"),
            (
                "0.1234567890123456789012345678",
                "0.1234567890123456789012345678",
                "0.015241578753",
            ),
        ];
        for (price, size, expected) in cases {
            let (price, size): (Price, Size) = (price.parse().unwrap(), size.parse().unwrap());
            let narrow = i128::try_from_size(size, size.scale())
                .map(|units| gross(price, units, size.scale()).unwrap());
            let wide = I256::try_from_size(size, 28).unwrap();
            assert_eq!(
                gross(price, wide, 28),
                Ok(usd(expected)),
                "{price} x {size}"
            );
            assert_eq!(narrow, Some(usd(expected)), "{price} x {size}");
        }
    }

    #[test]
    fn fee_shares_of_a_rebate_round_like_a_fee() {
        let share = |fee: &str, part: i128, whole: i128| {
            fee_share(Some(fee.parse().unwrap()), part, whole)
                .unwrap()
                .to_string()
        };
        assert_eq!(share("0.10", 1, 3), "0.033333333333");
        assert_eq!(share("0.10", 2, 3), "0.066666666667");
        assert_eq!(share("-0.10", 2, 3), "-0.066666666667");
        assert_eq!(share("0.000000000001", 1, 2), "0");
        assert_eq!(share("0.000000000003", 1, 2), "0.000000000002");
        assert_eq!(share("-0.000000000003", 1, 2), "-0.000000000002");
        assert_eq!(fee_share(None, 1, 2), Ok(Usd::ZERO));
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        let price: Price = "1e20".parse().unwrap();
        assert_eq!(gross(price, 100_i128, 0), Err(MoneyError::TradeTooLarge));
        assert!(gross(price, 99_i128, 0).is_ok());
        let huge = Usd::try_from_dollars(POOL_USD_LIMIT - 1).unwrap();
        assert_eq!(
            add_to_pool_total(huge, usd("1")),
            Err(MoneyError::PoolTooLarge)
        );
    }

    #[test]
    fn per_unit_fee_that_does_not_fit_is_none() {
        let (fee, size): (Fee, Size) = ("0.1".parse().unwrap(), "3".parse().unwrap());
        assert_eq!(
            fees_per_unit(fee, size).unwrap().to_string(),
            "0.033333333333333333"
        );
        let (fee, size): (Fee, Size) = ("1000".parse().unwrap(), "1e-28".parse().unwrap());
        assert_eq!(fees_per_unit(fee, size), None);
    }

    #[test]
    fn cents_round_half_away_from_zero() {
        let cases = [
            ("0.005", 1),
            ("0.0049999", 0),
            ("-0.005", -1),
            ("-0.0049", 0),
            ("12.345", 1235),
        ];
        for (text, cents) in cases {
            assert_eq!(usd(text).to_cents(), cents, "{text}");
        }
    }

    #[test]
    fn sizes_beyond_both_trades_digits_are_exact() {
        let (large, small): (Size, Size) = ("1e27".parse().unwrap(), "1e-28".parse().unwrap());
        let rest = sub_sizes(large, small).unwrap();
        assert_eq!(
            rest.to_string(),
            "999999999999999999999999999.9999999999999999999999999999"
        );
        assert_eq!(add_sizes(rest, small), Ok(large));
        assert_eq!(sub_sizes(small, large), Err(MoneyError::OutOfRange));
    }
}
