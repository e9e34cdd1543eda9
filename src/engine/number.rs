//! Exact numbers: size, price, fee, USD. The limits of each, and how it is read and written.
//!
//! Only `money.rs` calculates; this file has types, limits and text. Canonical text has no
//! exponent, no superfluous zero, no `+` and no `-0`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::digits::{Digits, digits_of, split_digits, write_decimal, write_units};
use super::fact::Fact;
use super::policy::{FACT_DECIMALS_MAX, FACT_DIGITS_MAX, FEES_PER_UNIT_SCALE, USD_SCALE};
use super::wide::{self, I256};

pub use super::digits::NumberError;

/// Reads a fact: at most 28 significant digits and 28 decimals.
fn parse_fact(text: &str) -> Result<Decimal, NumberError> {
    // Nearly every number is plain digits, read without the heap; the code below finds the fault of
    // others.
    if let Some(fact) = Fact::of_plain_text(text.as_bytes()) {
        return Ok(fact.to_decimal());
    }
    let Digits {
        negative,
        digits,
        decimals,
    } = split_digits(text)?;
    if digits.len() > FACT_DIGITS_MAX {
        return Err(NumberError::TooManyDigits(digits.len()));
    }
    let scale = u32::try_from(decimals).unwrap_or(u32::MAX);
    if scale > u32::from(FACT_DECIMALS_MAX) {
        return Err(NumberError::TooManyDecimals(decimals));
    }
    let units: i128 = digits.parse().map_err(|_| NumberError::NotANumber)?;
    let units = if negative {
        units.saturating_neg()
    } else {
        units
    };
    Decimal::try_from_i128_with_scale(units, scale).map_err(|_| NumberError::NotANumber)
}

/// Checks that a `Decimal` is within the limits of a fact, and drops its trailing zeros.
fn check_fact(value: Decimal) -> Result<Decimal, NumberError> {
    let value = value.normalize();
    let digits = value.mantissa().unsigned_abs().to_string().len();
    if digits > FACT_DIGITS_MAX {
        return Err(NumberError::TooManyDigits(digits));
    }
    Ok(value)
}

macro_rules! fact {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Decimal);

        impl $name {
            /// Returns the exact number.
            pub fn as_decimal(self) -> Decimal {
                self.0
            }

            /// Zero.
            pub const ZERO: Self = Self(Decimal::ZERO);
        }

        impl FromStr for $name {
            type Err = NumberError;
            fn from_str(text: &str) -> Result<Self, NumberError> {
                $check(parse_fact(text)?).map(Self)
            }
        }

        impl TryFrom<Decimal> for $name {
            type Error = NumberError;
            fn try_from(value: Decimal) -> Result<Self, NumberError> {
                $check(check_fact(value)?).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let scale = u8::try_from(self.0.scale()).unwrap_or(u8::MAX);
                write_units(f, self.0.mantissa(), scale)
            }
        }
    };
}

fn not_negative(value: Decimal) -> Result<Decimal, NumberError> {
    if value.is_sign_negative() && !value.is_zero() {
        return Err(NumberError::Negative);
    }
    Ok(value)
}

fact! {
    /// A price. Units: USD for one base unit, zero or more.
    ///
    /// ```
    /// use fifo_pnl::engine::Price;
    /// assert_eq!("4.237e-7".parse::<Price>()?.to_string(), "0.0000004237");
    /// # Ok::<(), fifo_pnl::engine::NumberError>(())
    /// ```
    Price, not_negative
}

fact! {
    /// The fee of a whole trade; negative is a rebate. Units: USD, or what it was paid in.
    Fee, Ok
}

fact! {
    /// The worth of a whole trade without fees, zero or more. Units: its quote currency, or USD.
    Worth, not_negative
}

/// A number of base units, zero or more.
///
/// A trade's size has at most 28 significant digits and 28 decimals. The rest of a lot can need
/// more digits than either trade had: 10^27 less 10^-28 has 55. So this holds 256 bits.
///
/// ```
/// use fifo_pnl::engine::Size;
/// assert_eq!("0.50".parse::<Size>()?.to_string(), "0.5");
/// # Ok::<(), fifo_pnl::engine::NumberError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Without trailing zeros, so that equal sizes are equal in bits.
    units: I256,
    scale: u8,
}

/// Most digits of any size: 28 before the point and 28 after it, and room for a pool's sums.
const SIZE_DIGITS_MAX: usize = 76;

impl Size {
    /// Nothing.
    pub const ZERO: Self = Self {
        units: wide::ZERO,
        scale: 0,
    };

    /// Makes a size of `units` x 10^-`scale`. Errors: below zero.
    pub(crate) fn try_from_units(units: I256, scale: u8) -> Result<Self, NumberError> {
        if units.is_negative() {
            return Err(NumberError::Negative);
        }
        let (mut units, mut scale) = (units, scale);
        // Most values fit a primitive, where a division by ten costs little.
        if let Some(mut narrow) = wide::to_i128(units) {
            while scale > 0 && narrow % 10 == 0 {
                narrow /= 10;
                scale = scale.saturating_sub(1);
            }
            return Ok(Self {
                units: wide::from_i128(narrow),
                scale,
            });
        }
        let ten = wide::TEN;
        while scale > 0 && units.checked_rem(ten) == Some(wide::ZERO) {
            units = units.checked_div(ten).unwrap_or(units);
            scale = scale.saturating_sub(1);
        }
        Ok(Self { units, scale })
    }

    /// Makes a size of `units` x 10^-`scale`. Errors: below zero.
    pub(crate) fn try_from_word(units: i64, scale: u8) -> Result<Self, NumberError> {
        if units < 0 {
            return Err(NumberError::Negative);
        }
        let (mut units, mut scale) = (units, scale);
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale = scale.saturating_sub(1);
        }
        Ok(Self {
            units: wide::from_i128(units.into()),
            scale,
        })
    }

    /// Returns the digits as an integer of 128 bits, and the number of decimals.
    ///
    /// `None`: it has more digits.
    pub fn to_units(self) -> Option<(i128, u8)> {
        Some((wide::to_i128(self.units)?, self.scale))
    }

    /// Returns the digits as an integer; the size is this x 10^-[`scale`](Self::scale).
    pub(crate) fn units(self) -> I256 {
        self.units
    }

    /// Returns the digits at a larger scale, exactly. `None`: beyond 256 bits.
    pub(crate) fn units_at(self, scale: u8) -> Option<I256> {
        let missing = scale.checked_sub(self.scale)?;
        wide::TEN
            .checked_pow(missing.into())?
            .checked_mul(self.units)
    }

    /// Returns the number of decimals.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Returns the exact number. `None`: it has more digits than a `Decimal`.
    pub fn to_decimal(self) -> Option<Decimal> {
        let units = wide::to_i128(self.units)?;
        Decimal::try_from_i128_with_scale(units, u32::from(self.scale)).ok()
    }

    /// Tells whether there is nothing.
    pub fn is_zero(self) -> bool {
        self.units == wide::ZERO
    }

    /// Reads a size of a result, which may have more digits than a trade's.
    ///
    /// Errors: not a number, negative, more than 76 digits.
    pub fn try_from_wide_text(text: &str) -> Result<Self, NumberError> {
        if let Some(fact) = Fact::of_plain_text(text.as_bytes()) {
            return fact.to_size();
        }
        let Digits {
            negative,
            digits,
            decimals,
        } = split_digits(text)?;
        if negative {
            return Err(NumberError::Negative);
        }
        if digits.len() > SIZE_DIGITS_MAX {
            return Err(NumberError::TooManyDigits(digits.len()));
        }
        let scale = u8::try_from(decimals)
            .ok()
            .filter(|scale| *scale <= FACT_DECIMALS_MAX)
            .ok_or(NumberError::TooManyDecimals(decimals))?;
        let units = I256::from_str_radix(&digits, 10).map_err(|_| NumberError::NotANumber)?;
        Ok(Self { units, scale })
    }
}

impl FromStr for Size {
    type Err = NumberError;

    /// Reads a trade's size: at most 28 significant digits and 28 decimals.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::try_from(parse_fact(text)?)
    }
}

impl TryFrom<Decimal> for Size {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Result<Self, NumberError> {
        let value = not_negative(check_fact(value)?)?;
        Self::try_from_units(
            wide::from_i128(value.mantissa()),
            u8::try_from(value.scale()).unwrap_or(u8::MAX),
        )
    }
}

impl Ord for Size {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let at = |size: &Self| size.units_at(scale);
        match (at(self), at(other)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // A number beyond 256 bits is larger than one that fits.
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        }
    }
}

impl PartialOrd for Size {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Size({self})")
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u128::try_from(self.units) {
            Ok(narrow) => {
                let mut buffer = itoa::Buffer::new();
                write_decimal(f, false, digits_of(&mut buffer, narrow), self.scale)
            }
            Err(_) => write_decimal(f, false, &self.units.to_string(), self.scale),
        }
    }
}

/// Facts as the types that callers have, and back.
impl Fact {
    /// Returns a trade's size as a fact. Errors: it has more digits than a trade's may.
    pub(super) fn try_of_size(size: Size) -> Result<Self, NumberError> {
        match wide::to_i128(size.units()) {
            Some(units) => Self::try_new(units, size.scale()),
            None => Err(NumberError::TooManyDigits(size.units().to_string().len())),
        }
    }

    /// Returns a price as a fact.
    pub(super) fn of_price(price: Price) -> Self {
        Self::of_decimal(price.as_decimal())
    }

    /// Returns a fee as a fact.
    pub(super) fn of_fee(fee: Fee) -> Self {
        Self::of_decimal(fee.as_decimal())
    }

    /// Returns a worth as a fact.
    pub(super) fn of_worth(worth: Worth) -> Self {
        Self::of_decimal(worth.as_decimal())
    }

    /// Returns the fact as a size. Errors: below zero.
    pub fn to_size(self) -> Result<Size, NumberError> {
        Size::try_from_units(wide::from_i128(self.units()), self.scale())
    }

    /// Returns the fact as a price. Errors: below zero.
    pub fn to_price(self) -> Result<Price, NumberError> {
        match self.units() {
            ..0 => Err(NumberError::Negative),
            _ => Ok(Price(self.to_decimal())),
        }
    }

    /// Returns the fact as a fee.
    pub fn to_fee(self) -> Fee {
        Fee(self.to_decimal())
    }
}

macro_rules! fixed_point {
    ($(#[$doc:meta])* $name:ident, $scale:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i128);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self::from_units(0);

            /// Makes an amount from a number of its smallest units.
            #[inline]
            pub const fn from_units(units: i128) -> Self {
                Self(units)
            }

            /// Returns the amount in its smallest units.
            #[inline]
            pub const fn units(self) -> i128 {
                self.0
            }

            /// Tells whether the amount is below zero.
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(f, self.units(), $scale)
            }
        }

        impl FromStr for $name {
            type Err = NumberError;

            /// Reads an exact amount. Errors: more decimals than the scale has, or too large.
            fn from_str(text: &str) -> Result<Self, NumberError> {
                if let Some(fact) = Fact::of_plain_text(text.as_bytes())
                    && let Some(missing) = u32::from($scale).checked_sub(fact.scale().into())
                    && let Some(units) = 10_i128.pow(missing).checked_mul(fact.units())
                {
                    return Ok(Self::from_units(units));
                }
                let Digits { negative, digits, decimals } = split_digits(text)?;
                let missing = usize::from($scale)
                    .checked_sub(decimals)
                    .ok_or(NumberError::TooManyDecimals(decimals))?;
                let sign = if negative { "-" } else { "" };
                format!("{sign}{digits}{}", "0".repeat(missing))
                    .parse()
                    .map(Self::from_units)
                    .map_err(|_| NumberError::TooManyDigits(digits.len()))
            }
        }
    };
}

fixed_point! {
    /// An amount of US dollars at 12 decimals.
    ///
    /// Units: 10^-12 USD. Rounding: done once, where the amount is made (`money.rs`).
    ///
    /// ```
    /// use fifo_pnl::engine::Usd;
    /// let amount: Usd = "-0.28220400".parse()?;
    /// assert_eq!(amount.to_string(), "-0.282204");
    /// # Ok::<(), fifo_pnl::engine::NumberError>(())
    /// ```
    Usd, USD_SCALE
}

fixed_point! {
    /// A fee divided by a size, for reading only. Units: 10^-18 USD for one base unit.
    UsdPerUnit, FEES_PER_UNIT_SCALE
}

#[cfg(test)]
mod tests;
