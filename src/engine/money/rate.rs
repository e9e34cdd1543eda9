//! Rates: numbers multiplied and divided, rounded once.

use super::{divide_half_even_wide, wide_power};
use crate::engine::fact::Fact;
use crate::engine::policy::{FACT_DECIMALS_MAX, RATE_DIGITS};
use crate::engine::wide::{self, I512};

/// Returns `left / right` of two numbers above zero.
///
/// Rounding: [`RATE_DIGITS`] significant digits, at most 28 decimals, half to even, once.
/// `None`: not above zero, or beyond the limits of a fact.
pub(in crate::engine) fn ratio(left: Fact, right: Fact) -> Option<Fact> {
    let is_short = |fact: Fact| fact.units() > 0 && fact.units().ilog10() < RATE_DIGITS;
    match right == Fact::of_parts(1, 0) && is_short(left) {
        true => Some(left),
        false => ratio_of_products(&[left], &[right]),
    }
}

/// Returns a product divided by another. Each has at most two factors, above zero.
///
/// Rounding: as of [`ratio`]; the products are exact.
pub(in crate::engine) fn ratio_of_products(above: &[Fact], below: &[Fact]) -> Option<Fact> {
    let ((left, left_scale), (right, right_scale)) = (product_of(above)?, product_of(below)?);
    let digits = |units: I512| units.checked_ilog10().map(i64::from);
    // With this exponent, the quotient of the units has one digit too many, or none.
    let exponent = i64::from(RATE_DIGITS)
        .checked_sub(digits(left)?)?
        .checked_add(digits(right)?)?;
    let scales = left_scale.checked_sub(right_scale)?;
    let terms = |exponent: i64| {
        let up = u32::try_from(exponent.max(0)).ok()?;
        let down = u32::try_from(exponent.min(0).unsigned_abs()).ok()?;
        let numerator = left.checked_mul(wide_power(up)?)?;
        let denominator = right.checked_mul(wide_power(down)?)?;
        Some((numerator, denominator))
    };
    let (numerator, denominator) = terms(exponent)?;
    let is_too_long = numerator.checked_div(denominator)? >= wide_power(RATE_DIGITS)?;
    let exponent = exponent.checked_sub(is_too_long.into())?;
    let excess = exponent
        .checked_add(scales)?
        .checked_sub(FACT_DECIMALS_MAX.into())?;
    let exponent = exponent.checked_sub(excess.max(0))?;
    let (numerator, denominator) = terms(exponent)?;
    let units = divide_half_even_wide(numerator, denominator)?;
    let scale = exponent.checked_add(scales)?;
    let fact = match u8::try_from(scale) {
        Ok(scale) => Fact::try_new(units, scale),
        Err(_) => {
            let zeros = u32::try_from(scale.unsigned_abs()).ok()?;
            Fact::try_new(units.checked_mul(super::power(zeros)?)?, 0)
        }
    };
    fact.ok().filter(|fact| fact.units() > 0)
}

/// Returns the units and the decimals of a product. `None`: a factor is not above zero.
fn product_of(factors: &[Fact]) -> Option<(I512, i64)> {
    let one = (wide::from_i128_to_512(1), 0_i64);
    factors.iter().try_fold(one, |(units, scale), factor| {
        let is_above_zero = factor.units() > 0;
        let units = units.checked_mul(wide::from_i128_to_512(factor.units()))?;
        let scale = scale.checked_add(factor.scale().into())?;
        is_above_zero.then_some((units, scale))
    })
}

/// Tells whether two numbers above zero differ by more than a percentage of the smaller one. Exact.
pub(in crate::engine) fn differ_by_more(left: Fact, right: Fact, percent: u32) -> bool {
    let scale = left.scale().max(right.scale());
    let at = |fact: Fact| {
        let missing = u32::from(scale).checked_sub(fact.scale().into())?;
        wide::from_i128_to_512(fact.units()).checked_mul(wide_power(missing)?)
    };
    let differs = || {
        let (left, right) = (at(left)?, at(right)?);
        let (low, high) = (left.min(right), left.max(right));
        let factor = |number: u32| wide::from_i128_to_512(number.into());
        let difference = high.checked_sub(low)?.checked_mul(factor(100))?;
        Some(difference > low.checked_mul(factor(percent))?)
    };
    // 512 bits hold every product of two facts.
    differs().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;

    fn fact(text: &str) -> Fact {
        text.parse::<crate::engine::Price>()
            .map(Fact::of_price)
            .unwrap()
    }

    fn divided(left: &str, right: &str) -> Option<String> {
        ratio(fact(left), fact(right)).map(|rate| rate.to_price().unwrap().to_string())
    }

    /// Expected values: long division by hand, or a decimal library of 60 digits.
    #[test]
    fn a_ratio_has_eighteen_digits() {
        let cases = [
            ("1", "1", "1"),
            ("2", "3", "0.666666666666666667"),
            ("1", "3", "0.333333333333333333"),
            ("10", "3", "3.33333333333333333"),
            ("1.0857", "0.8328", "1.30367435158501441"),
            ("1", "147.21", "0.00679301677875144352"),
            ("200000000000000000000", "3", "66666666666666666700"),
            // Half of the last place: to the even neighbour, down and up.
            ("1.000000000000000005", "1", "1"),
            ("1.000000000000000015", "1", "1.00000000000000002"),
            ("1.000000000000000005000000001", "1", "1.00000000000000001"),
            // Rounding up makes a digit more.
            ("9.999999999999999999", "1", "10"),
            // At most 28 decimals.
            ("1", "3000000000000000", "0.0000000000000003333333333333"),
            (
                "0.0000000000000000000000000001",
                "1",
                "0.0000000000000000000000000001",
            ),
        ];
        for (left, right, expected) in cases {
            assert_eq!(
                divided(left, right).as_deref(),
                Some(expected),
                "{left} / {right}"
            );
        }
    }

    /// Expected values: a decimal library of 200 digits.
    #[test]
    fn products_are_exact_until_their_one_rounding() {
        let of = |above: &[&str], below: &[&str]| {
            let facts = |texts: &[&str]| texts.iter().map(|text| fact(text)).collect::<Vec<_>>();
            let rate = ratio_of_products(&facts(above), &facts(below));
            rate.map(|rate| rate.to_price().unwrap().to_string())
        };
        let long = "1234567890123456789.012345678";
        for (above, below, expected) in [
            (&["83450.1", "1.0857"][..], &[][..], "90601.77357"),
            (&["1.0857"], &["400.25"], "0.00271255465334166146"),
            (&[], &["0.92", "400.25"], "0.00271569399560057573"),
            (&["1.00000000000000001", "0.5"], &[], "0.500000000000000005"),
            (&["3", "0.333333333333333333"], &[], "0.999999999999999999"),
            // At most 28 decimals.
            (&[long], &[long, long], "0.0000000000000000008100000073"),
        ] {
            let expected = Some(expected.to_owned());
            assert_eq!(of(above, below), expected, "{above:?} / {below:?}");
        }
        // Beyond the digits of a fact, or not above zero.
        assert_eq!(of(&[long, long], &[]), None);
        assert_eq!(of(&["1", "0"], &[]), None);
    }

    #[test]
    fn a_distance_is_compared_exactly() {
        let differ = |left, right, percent| differ_by_more(fact(left), fact(right), percent);
        assert!(!differ("1", "1.01", 1) && !differ("1.01", "1", 1));
        assert!(differ("1", "1.010000000000000000000000001", 1));
        assert!(!differ("3", "3", 0) && differ("3", "3.1", 0));
        let (large, small) = (
            "1000000000000000000000000000",
            "0.0000000000000000000000000001",
        );
        assert!(differ(large, small, 100));
    }

    #[test]
    fn a_rate_beyond_the_limits_is_none() {
        let smallest = "0.0000000000000000000000000001";
        assert_eq!(divided("0", "1"), None);
        assert_eq!(divided("1", "0"), None);
        assert_eq!(divided(smallest, "3"), None);
        assert_eq!(divided("1000", smallest), None);
        let largest = divided("0.1", smallest);
        assert_eq!(largest, Some("1".to_owned() + &"0".repeat(27)));
    }

    /// |rate - left / right| is at most half of the last place: checked by products.
    #[test]
    fn a_ratio_is_as_close_as_its_digits_allow() {
        let mut seed = 12_345_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i128::from(seed >> 8)
        };
        for round in 0..2_000_i128 {
            let (left, right) = (
                1 + next() % 10_i128.pow(1 + (round % 16) as u32),
                1 + next(),
            );
            let rate = ratio(Fact::of_parts(left, 0), Fact::of_parts(right, 0)).unwrap();
            let mut scale = u32::from(rate.scale());
            let mut units = rate.units();
            while units < 10_i128.pow(17) && scale < 28 {
                (units, scale) = (units * 10, scale + 1);
            }
            let ten = |exponent| BigInt::from(10).pow(exponent);
            let off: BigInt = BigInt::from(left) * ten(scale) - BigInt::from(units) * right;
            let off = off.magnitude() * 2_u32;
            assert!(&off <= BigInt::from(right).magnitude(), "{left} / {right}");
        }
    }
}
