//! Sizes of lots after a split.

use super::{MoneyError, wide_power};
use crate::engine::number::Size;
use crate::engine::wide::{self, I512};

/// Returns the units that a split makes of a size: `new` for each `old`.
///
/// Units: base units. Rounding: half to even, once, at `decimals`, which are at least those of the
/// size. Errors: beyond 256 bits. Source: docs/SPEC-matching.md, "Splits".
pub(in crate::engine) fn split_size(
    size: Size,
    (new, old): (u64, u64),
    decimals: u8,
) -> Result<Size, MoneyError> {
    let units = || {
        let missing = decimals.checked_sub(size.scale())?;
        let new = wide::from_i128_to_512(new.into());
        let units = wide::to_512(size.units()).checked_mul(new)?;
        let units = units.checked_mul(wide_power(missing.into())?)?;
        wide::to_256(divide_half_even(units, wide::from_i128_to_512(old.into()))?)
    };
    let units = units().ok_or(MoneyError::OutOfRange)?;
    Size::try_from_units(units, decimals).map_err(|_| MoneyError::OutOfRange)
}

/// Divides numbers that are zero or more, rounding half to even.
fn divide_half_even(number: I512, divisor: I512) -> Option<I512> {
    let (quotient, rest) = (number.checked_div(divisor)?, number.checked_rem(divisor)?);
    let missing = divisor.checked_sub(rest)?;
    let is_odd = quotient.checked_rem(wide::from_i128_to_512(2))? != wide::from_i128_to_512(0);
    match rest > missing || rest == missing && is_odd {
        true => quotient.checked_add(wide::from_i128_to_512(1)),
        false => Some(quotient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_exact_or_rounded_once() {
        let cases = [
            ("8", (2, 1), 18, "16"),
            ("20", (3, 2), 18, "30"),
            ("1", (3, 2), 18, "1.5"),
            ("10", (1, 3), 18, "3.333333333333333333"),
            ("20", (1, 3), 18, "6.666666666666666667"),
            ("0.000000000000000001", (1, 2), 18, "0"),
            ("0.000000000000000003", (1, 2), 18, "0.000000000000000002"),
            ("0.0000000000000000003", (1, 3), 19, "0.0000000000000000001"),
            ("1000000", (124_079, 1_000_000), 18, "124079"),
            ("100000000000000000000", (2, 1), 18, "200000000000000000000"),
            ("0.000000000000000001", (3, 2), 18, "0.000000000000000002"),
            ("0.000000000000000003", (5, 6), 18, "0.000000000000000002"),
        ];
        for (size, ratio, decimals, expected) in cases {
            let found = split_size(size.parse().unwrap(), ratio, decimals).unwrap();
            assert_eq!(found.to_string(), expected, "{size} by {ratio:?}");
        }
        let large = Size::try_from_wide_text(&"9".repeat(58)).unwrap();
        assert_eq!(split_size(large, (1, 7), 20), Err(MoneyError::OutOfRange));
    }
}
