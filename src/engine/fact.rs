//! A size, price or fee as an integer and a scale. The hot loops use it; the types of `number.rs`
//! are for callers.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::digits::{NumberError, write_units};
use super::policy::{FACT_DECIMALS_MAX, FACT_DIGITS_MAX};

/// A number that a ledger can hold: `units` x 10^-`scale`, without trailing zeros.
///
/// At most 28 significant digits and 28 decimals, like every fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    units: i128,
    scale: u8,
}

/// The first number with one digit too many.
const UNITS_LIMIT: i128 = 10_i128.pow(FACT_DIGITS_MAX as u32);

impl Fact {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// Makes a fact. Errors: too many digits, or too many decimals.
    pub fn try_new(units: i128, scale: u8) -> Result<Self, NumberError> {
        let fact = without_trailing_zeros(units, scale);
        if fact.units.unsigned_abs() >= UNITS_LIMIT.unsigned_abs() {
            let digits = fact.units.unsigned_abs().to_string().len();
            return Err(NumberError::TooManyDigits(digits));
        }
        if fact.scale > FACT_DECIMALS_MAX {
            return Err(NumberError::TooManyDecimals(fact.scale.into()));
        }
        Ok(fact)
    }

    /// Reads plain decimal text: digits, at most one point, perhaps a sign before them.
    ///
    /// `None`: any other text. The caller then uses a slower reader, which names the fault.
    pub fn of_plain_text(text: &[u8]) -> Option<Self> {
        let (is_negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let point = digits.iter().position(|byte| *byte == b'.');
        let decimals = match point {
            Some(point) => digits.len().checked_sub(point)?.checked_sub(1)?,
            None => 0,
        };
        let count = digits.len().checked_sub(usize::from(point.is_some()))?;
        // A point at either end is not plain; 37 digits fit 128 bits, 19 a machine word.
        if point == Some(0) || (point.is_some() && decimals == 0) || !(1..=37).contains(&count) {
            return None;
        }
        let (mut word, mut units) = (0_u64, 0_i128);
        for (at, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                if Some(at) == point {
                    continue;
                }
                return None;
            }
            if count <= 19 {
                word = word.wrapping_mul(10).wrapping_add(digit.into());
            } else {
                units = units.wrapping_mul(10).wrapping_add(digit.into());
            }
        }
        let units = units.wrapping_add(word.into());
        let units = if is_negative {
            units.wrapping_neg()
        } else {
            units
        };
        Self::try_new(units, u8::try_from(decimals).ok()?).ok()
    }

    /// Makes a fact of the units and the scale of an earlier fact, without checks.
    pub(super) fn of_parts(units: i128, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Makes a fact of a number that was checked before.
    pub(super) fn of_decimal(value: Decimal) -> Self {
        let scale = u8::try_from(value.scale()).unwrap_or(u8::MAX);
        without_trailing_zeros(value.mantissa(), scale)
    }

    /// Returns the digits as an integer.
    pub fn units(self) -> i128 {
        self.units
    }

    /// Returns the number of decimals.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Returns the exact number.
    pub(super) fn to_decimal(self) -> Decimal {
        // 28 digits fit the 96 bits of a `Decimal` at any scale.
        Decimal::try_from_i128_with_scale(self.units, self.scale.into()).unwrap_or_default()
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.units, self.scale)
    }
}

/// A text that is not a number of plain digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a plain number")]
pub struct FactTextError;

impl FromStr for Fact {
    type Err = FactTextError;

    fn from_str(text: &str) -> Result<Self, FactTextError> {
        Self::of_plain_text(text.as_bytes()).ok_or(FactTextError)
    }
}

fn without_trailing_zeros(units: i128, scale: u8) -> Fact {
    if units == 0 {
        return Fact::ZERO;
    }
    let (mut units, mut scale) = (units, scale);
    // Most values fit a machine word, where a division by ten costs a tenth.
    if let Ok(mut narrow) = i64::try_from(units) {
        while scale > 0 && narrow % 10 == 0 {
            narrow /= 10;
            scale = scale.saturating_sub(1);
        }
        return Fact {
            units: narrow.into(),
            scale,
        };
    }
    while scale > 0 && units % 10 == 0 {
        units /= 10;
        scale = scale.saturating_sub(1);
    }
    Fact { units, scale }
}

#[cfg(test)]
mod tests {
    use super::super::number::{Fee, Price, Size};
    use super::*;

    #[test]
    fn facts_have_one_form_and_limits() {
        let fact = Fact::try_new(1_500, 3).unwrap();
        assert_eq!((fact.units(), fact.scale()), (15, 1));
        assert_eq!(Fact::try_new(0, 28), Ok(Fact::ZERO));
        assert_eq!(Fact::try_new(-20, 0).unwrap().units(), -20);
        let digits_28 = UNITS_LIMIT - 1;
        assert_eq!(Fact::try_new(digits_28, 28).unwrap().units(), digits_28);
        assert_eq!(
            Fact::try_new(UNITS_LIMIT + 1, 0),
            Err(NumberError::TooManyDigits(29))
        );
        assert_eq!(Fact::try_new(UNITS_LIMIT, 1).unwrap().scale(), 0);
        assert_eq!(Fact::try_new(1, 29), Err(NumberError::TooManyDecimals(29)));
    }

    #[test]
    fn plain_text_reads_like_any_other() {
        let texts = [
            "0",
            "0.0",
            "1",
            "-1",
            "00.10",
            "12.5",
            "1234567890123456789",
            "12345678901234567890",
            "0.1234567890123456789",
            "9999999999999999999999999999",
            "-0.0000000000000000000000000001",
            "123456789012345678901234567.8",
            "0.00",
            "-0",
            "1000",
            "18446744073709551615",
        ];
        for text in texts {
            let exact = Decimal::from_str_exact(text).unwrap();
            let read = Fact::of_plain_text(text.as_bytes());
            assert_eq!(
                read.map(Fact::to_decimal),
                Some(exact.normalize()),
                "{text}"
            );
        }
        let others = [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1e5",
            "1,5",
            " 1",
            "1 ",
            "1.2.3",
            "--1",
            "NaN",
            "1_0",
            "99999999999999999999999999999",
            "0.00000000000000000000000000001",
        ];
        for text in others {
            assert_eq!(Fact::of_plain_text(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn facts_are_the_numbers_they_came_from() {
        for text in [
            "0.1",
            "1000",
            "0.0000000000000000000000000001",
            "9999999999999999999999999999",
        ] {
            let size: Size = text.parse().unwrap();
            let price: Price = text.parse().unwrap();
            let fee: Fee = format!("-{text}").parse().unwrap();
            assert_eq!(Fact::try_of_size(size).unwrap().to_size(), Ok(size));
            assert_eq!(Fact::of_price(price).to_price(), Ok(price));
            assert_eq!(Fact::of_fee(fee).to_fee(), fee);
        }
    }
}
