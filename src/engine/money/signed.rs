//! Signed amounts of an asset, added exactly: the parts of a trade, and balances.

use std::fmt;
use std::str::FromStr;

use super::rate::ratio;
use super::{MoneyError, add_sizes, mul_sizes, sub_sizes};
use crate::engine::fact::Fact;
use crate::engine::number::{NumberError, Price, Size};
use crate::engine::wide;

/// An exact amount of an asset, below zero for what goes out. Units: those of the asset.
///
/// Balances can have more digits than a trade's size, so this holds up to 76.
///
/// ```
/// use fifo_pnl::engine::SignedAmount;
/// let paid: SignedAmount = "-0.30".parse()?;
/// let sum = paid.checked_add("0.1".parse()?).unwrap();
/// assert_eq!(sum.to_string(), "-0.2");
/// # Ok::<(), fifo_pnl::engine::NumberError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignedAmount {
    /// Zero is not negative.
    is_negative: bool,
    size: Size,
}

impl SignedAmount {
    /// Nothing.
    pub const ZERO: Self = Self {
        is_negative: false,
        size: Size::ZERO,
    };

    fn of(is_negative: bool, size: Size) -> Self {
        Self {
            is_negative: is_negative && !size.is_zero(),
            size,
        }
    }

    /// Makes an amount that comes in.
    pub fn of_size(size: Size) -> Self {
        Self::of(false, size)
    }

    /// Returns the amount without its sign.
    pub fn size(self) -> Size {
        self.size
    }

    /// Tells whether there is nothing.
    pub fn is_zero(self) -> bool {
        self.size.is_zero()
    }

    /// Tells whether the amount is below zero.
    pub fn is_negative(self) -> bool {
        self.is_negative
    }

    /// Returns the amount with the other sign.
    pub fn negated(self) -> Self {
        Self::of(!self.is_negative, self.size)
    }

    /// Adds exactly. Errors: beyond 256 bits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.is_negative == other.is_negative {
            return Ok(Self::of(
                self.is_negative,
                add_sizes(self.size, other.size)?,
            ));
        }
        match self.size >= other.size {
            true => Ok(Self::of(
                self.is_negative,
                sub_sizes(self.size, other.size)?,
            )),
            false => Ok(Self::of(
                other.is_negative,
                sub_sizes(other.size, self.size)?,
            )),
        }
    }

    /// Multiplies exactly. Errors: beyond 256 bits.
    pub fn checked_mul(self, other: Self) -> Result<Self, MoneyError> {
        let is_negative = self.is_negative != other.is_negative;
        Ok(Self::of(is_negative, mul_sizes(self.size, other.size)?))
    }

    /// Subtracts exactly. Errors: beyond 256 bits.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated())
    }
}

impl FromStr for SignedAmount {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        match text.strip_prefix('-') {
            Some(rest) if !rest.starts_with(['-', '+']) => {
                Ok(Self::of(true, Size::try_from_wide_text(rest)?))
            }
            _ => Ok(Self::of(false, Size::try_from_wide_text(text)?)),
        }
    }
}

impl fmt::Display for SignedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        write!(f, "{sign}{}", self.size)
    }
}

/// Returns the price of one unit, and whether price times size is the value exactly.
///
/// Units: those of the value. Rounding: 18 significant digits, half to even. `None`: value or size
/// is zero, or has more digits than a fact.
pub fn price_of_value(value: Size, size: Size) -> Option<(Price, bool)> {
    let fact = |size: Size| {
        let (units, scale) = size.to_units()?;
        Fact::try_new(units, scale).ok()
    };
    let price = ratio(fact(value)?, fact(size)?)?;
    let product = wide::from_i128(price.units()).checked_mul(size.units())?;
    let scale = price.scale().checked_add(size.scale())?;
    let is_exact = Size::try_from_units(product, scale).ok()? == value;
    Some((price.to_price().ok()?, is_exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> SignedAmount {
        text.parse().unwrap()
    }

    #[test]
    fn signs_add_up() {
        for (left, right, sum) in [
            ("1.5", "-0.5", "1"),
            ("0.5", "-1.5", "-1"),
            ("-0.1", "-0.20", "-0.3"),
            ("-2", "2", "0"),
            ("0", "-0.00000000000000000001", "-0.00000000000000000001"),
            (
                "123456789.00000000000000000001",
                "1",
                "123456790.00000000000000000001",
            ),
        ] {
            let found = amount(left).checked_add(amount(right)).unwrap();
            assert_eq!(found.to_string(), sum);
            assert_eq!(found, amount(right).checked_add(amount(left)).unwrap());
            assert_eq!(found.checked_sub(amount(right)).unwrap(), amount(left));
        }
        assert!(!amount("-0.0").is_negative());
        for text in ["", "-", "--1", "-+1", "1,5", "x"] {
            assert!(text.parse::<SignedAmount>().is_err(), "{text}");
        }
    }

    #[test]
    fn products_are_exact() {
        for (left, right, product) in [
            ("1.5", "-0.5", "-0.75"),
            ("-0.00000001", "-0.00000003", "0.0000000000000003"),
            ("-2", "0", "0"),
        ] {
            let found = amount(left).checked_mul(amount(right)).unwrap();
            assert_eq!(found.to_string(), product);
        }
        let long = amount("9999999999999999999999999999");
        let squared = long.checked_mul(long).unwrap();
        assert!(squared.checked_mul(long).is_err());
    }

    #[test]
    fn a_price_says_whether_it_is_exact() {
        let price = |value: &str, size: &str| {
            let (price, is_exact) =
                price_of_value(value.parse().unwrap(), size.parse().unwrap()).unwrap();
            (price.to_string(), is_exact)
        };
        assert_eq!(price("20000", "0.5"), ("40000".into(), true));
        assert_eq!(price("10", "3"), ("3.33333333333333333".into(), false));
        assert_eq!(price_of_value(Size::ZERO, amount("1").size()), None);
        assert_eq!(price_of_value(amount("1").size(), Size::ZERO), None);
    }
}
