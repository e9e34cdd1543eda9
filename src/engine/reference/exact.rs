//! Integers of any length for the second matcher, and their one rounding.
//!
//! This file shares nothing with the engine's numbers, like all code that checks the engine.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::LazyLock;

use num_bigint::{BigInt, Sign};
use rust_decimal::Decimal;

use super::super::number::{Size, Usd};
use super::super::policy::{FACT_DECIMALS_MAX, USD_SCALE};

/// The powers of ten from 10^0 up to the largest that trades within the limits need.
static POWERS: LazyLock<Vec<Exact>> = LazyLock::new(|| {
    let ten = BigInt::from(10_u8);
    (0..=64).map(|n| Exact::of_long(ten.pow(n))).collect()
});

/// An integer of any length.
///
/// Units: of a size, 10^-28 base units, so that every possible size is a whole number; of an
/// amount, 10^-12 USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Exact(Integer);

/// A number that fits 128 bits is always stored as `Short`, so equal numbers are stored alike.
/// Nearly all fit: they take half the memory, and need no allocation. Other numbers have any
/// length.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Integer {
    /// The bytes of an `i128`. An `i128` itself is aligned to 16, and would make this type half as
    /// large again.
    Short([u8; 16]),
    Long(BigInt),
}

const _: () = assert!(size_of::<Exact>() == 32);

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.to_i128(), other.to_i128()) {
            (Some(mine), Some(theirs)) => mine.cmp(&theirs),
            _ => self.to_long().cmp(&other.to_long()),
        }
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "integers of any length don't overflow, and no divisor here is zero: sizes are above"
)]
impl Exact {
    pub(in crate::engine) const ZERO: Self = Self(Integer::Short([0; 16]));

    pub(super) fn of_short(value: i128) -> Self {
        Self(Integer::Short(value.to_ne_bytes()))
    }

    pub(super) fn of_long(value: BigInt) -> Self {
        match i128::try_from(&value) {
            Ok(short) => Self::of_short(short),
            Err(_) => Self(Integer::Long(value)),
        }
    }

    pub(super) fn to_long(&self) -> Cow<'_, BigInt> {
        match &self.0 {
            Integer::Short(bytes) => Cow::Owned(BigInt::from(i128::from_ne_bytes(*bytes))),
            Integer::Long(value) => Cow::Borrowed(value),
        }
    }

    /// Returns the number if 128 bits hold it.
    pub(super) fn to_i128(&self) -> Option<i128> {
        match &self.0 {
            Integer::Short(bytes) => Some(i128::from_ne_bytes(*bytes)),
            Integer::Long(_) => None,
        }
    }

    /// Calculates in 128 bits if both numbers and the result fit, else at any length.
    pub(super) fn work(
        &self,
        other: &Self,
        short: impl Fn(i128, i128) -> Option<i128>,
        long: impl Fn(&BigInt, &BigInt) -> BigInt,
    ) -> Self {
        let both = self.to_i128().zip(other.to_i128());
        match both.and_then(|(mine, theirs)| short(mine, theirs)) {
            Some(result) => Self::of_short(result),
            None => Self::of_long(long(&self.to_long(), &other.to_long())),
        }
    }

    /// Reads a size from its canonical text.
    pub(in crate::engine) fn of_size(size: Size) -> Self {
        let text = size.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let missing = usize::from(FACT_DECIMALS_MAX).saturating_sub(fraction.len());
        let zeros = std::iter::repeat_n(b'0', missing);
        let (mut units, mut low, mut digits) = (Self::ZERO, 0_u64, 0_u32);
        let join = |units: Self, low: u64, digits: u32| {
            let high = units.times(&Self::of_short(10_i128.pow(digits)));
            high.plus(&Self::of_short(low.into()))
        };
        for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
            low = low * 10 + u64::from(digit.saturating_sub(b'0'));
            digits += 1;
            if digits == 18 {
                units = join(units, low, digits);
                (low, digits) = (0, 0);
            }
        }
        join(units, low, digits)
    }

    pub(super) fn of_mantissa(value: Decimal) -> Self {
        Self::of_short(value.mantissa())
    }

    pub(in crate::engine) fn of_usd(amount: Usd) -> Self {
        Self::of_short(amount.units())
    }

    pub(super) fn power(exponent: u32) -> Self {
        let index = usize::try_from(exponent).unwrap_or(usize::MAX);
        let known = POWERS.get(index).cloned();
        known.unwrap_or_else(|| Self::of_long(BigInt::from(10_u8).pow(exponent)))
    }

    pub(in crate::engine) fn plus(&self, other: &Self) -> Self {
        self.work(other, i128::checked_add, |mine, theirs| mine + theirs)
    }

    pub(in crate::engine) fn minus(&self, other: &Self) -> Self {
        self.work(other, i128::checked_sub, |mine, theirs| mine - theirs)
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        self.work(other, i128::checked_mul, |mine, theirs| mine * theirs)
    }

    /// Divides two numbers of 128 bits. `None`: the division leaves a remainder, or a number is
    /// larger.
    pub(super) fn exactly_divided(&self, divisor: &Self) -> Option<Self> {
        let (number, divisor) = (self.to_i128()?, divisor.to_i128()?);
        let quotient = number.checked_div(divisor)?;
        let is_exact = quotient.checked_mul(divisor)? == number;
        is_exact.then(|| Self::of_short(quotient))
    }

    /// Divides by a number above zero, rounding half to even.
    ///
    /// Adds one half and cuts. After that the remainder is zero only for a tie.
    pub(super) fn divided_half_even(&self, divisor: &Self) -> Self {
        if *divisor <= Self::ZERO {
            return Self::ZERO;
        }
        self.work(divisor, divided_short, |number, divisor| {
            let (sign, divisor) = (number.sign(), divisor.magnitude());
            let doubled_divisor = divisor * 2_u8;
            let doubled = number.magnitude() * 2_u8 + divisor;
            let mut rounded = &doubled / &doubled_divisor;
            if rounded.bit(0) && &rounded * &doubled_divisor == doubled {
                rounded -= 1_u8;
            }
            BigInt::from_biguint(sign, rounded)
        })
    }

    /// Writes a size as canonical text.
    pub(in crate::engine) fn size_text(&self) -> String {
        self.text(FACT_DECIMALS_MAX)
    }

    /// Writes an amount of USD as canonical text.
    pub(in crate::engine) fn usd_text(&self) -> String {
        self.text(USD_SCALE)
    }

    pub(super) fn text(&self, decimals: u8) -> String {
        let decimals = usize::from(decimals);
        let number = self.to_long();
        let sign = if number.sign() == Sign::Minus {
            "-"
        } else {
            ""
        };
        let digits = number.magnitude().to_string();
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let text = format!("{sign}{whole}.{fraction}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Divides like `divided_half_even`, in 128 bits. `None`: an intermediate number needs more.
fn divided_short(number: i128, divisor: i128) -> Option<i128> {
    let half_up = number.checked_abs()?.checked_mul(2)?.checked_add(divisor)?;
    let doubled_divisor = divisor.checked_mul(2)?;
    let cut = half_up.checked_div(doubled_divisor)?;
    let is_odd = cut & 1 == 1;
    let is_tie = is_odd && cut.checked_mul(doubled_divisor)? == half_up;
    let rounded = cut.checked_sub(i128::from(is_tie))?;
    rounded.checked_mul(number.signum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(units: i128) -> Exact {
        Exact::of_short(units)
    }

    #[test]
    fn words_and_long_integers_give_the_same() {
        let mut numbers = vec![BigInt::from(i128::MIN) - 7, BigInt::from(i128::MAX) * 9 + 4];
        let edges = [
            i128::MIN,
            i128::MIN / 2,
            i128::from(i64::MIN),
            -2,
            -1,
            0,
            1,
            3,
            10,
        ];
        let more = [
            1 << 63,
            (1 << 64) + 1,
            i128::MAX / 3,
            i128::MAX / 2,
            i128::MAX,
        ];
        numbers.extend(edges.into_iter().chain(more).map(BigInt::from));
        for left in &numbers {
            let mine = Exact::of_long(left.clone());
            assert_eq!(*mine.to_long(), *left);
            assert_eq!(mine.to_i128(), i128::try_from(left).ok());
            for right in &numbers {
                let theirs = Exact::of_long(right.clone());
                assert_eq!(mine.cmp(&theirs), left.cmp(right));
                for (found, expected) in [
                    (mine.plus(&theirs), left + right),
                    (mine.minus(&theirs), left - right),
                    (mine.times(&theirs), left * right),
                ] {
                    assert_eq!(found, Exact::of_long(expected), "{left} and {right}");
                }
                if right.sign() != Sign::Plus {
                    continue;
                }
                // The nearest is at most half a divisor away, also in the case of a tie.
                let quotient = mine.divided_half_even(&theirs);
                let rounded = quotient.to_long();
                let doubled_rest: BigInt = (left - &*rounded * right) * 2;
                let rest = doubled_rest.magnitude().cmp(right.magnitude());
                let is_right = match rest {
                    Ordering::Less => true,
                    Ordering::Equal => !rounded.bit(0),
                    Ordering::Greater => false,
                };
                assert!(is_right, "{left} / {right} = {rounded}");
            }
        }
    }

    #[test]
    fn sizes_and_amounts_are_read_and_written_exactly() {
        for text in [
            "0",
            "1",
            "0.5",
            "120",
            "0.0000000000000000000000000001",
            "1000000000000000000000000000",
            "999999999999999999999999999.9999999999999999999999999999",
        ] {
            let size = Size::try_from_wide_text(text).unwrap();
            assert_eq!(Exact::of_size(size).size_text(), text);
        }
        for text in ["0", "-0.000000000001", "15000", "-12.5"] {
            let amount: Usd = text.parse().unwrap();
            assert_eq!(Exact::of_usd(amount).usd_text(), text);
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour_on_both_sides_of_zero() {
        let cases = [
            (5, 10, 0),
            (15, 10, 2),
            (25, 10, 2),
            (26, 10, 3),
            (24, 10, 2),
            (1, 3, 0),
            (2, 3, 1),
            (3, 3, 1),
            (0, 7, 0),
            (35, 10, 4),
            (7, 2, 4),
            (5, 2, 2),
        ];
        for (numerator, divisor, rounded) in cases {
            for sign in [1, -1] {
                let quotient = exact(sign * numerator).divided_half_even(&exact(divisor));
                assert_eq!(
                    quotient,
                    exact(sign * rounded),
                    "{sign} {numerator}/{divisor}"
                );
            }
        }
    }
}
