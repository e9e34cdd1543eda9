//! Sizes of lots after a split.

use super::{MoneyError, divide_half_even_wide, wide_power};
use crate::engine::number::Size;
use crate::engine::wide;

/// Returns the units that a split makes of a size: `new` for each `old`.
///
/// Units: base units. Rounding: half to even, once, at `decimals`, which are at least those of the
/// size. Errors: beyond 128 bits. Source: docs/SPEC-matching.md, "Splits".
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
        divide_half_even_wide(units, wide::from_i128_to_512(old.into()))
    };
    let units = units().ok_or(MoneyError::OutOfRange)?;
    Size::try_from_units(wide::from_i128(units), decimals).map_err(|_| MoneyError::OutOfRange)
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
        ];
        for (size, ratio, decimals, expected) in cases {
            let found = split_size(size.parse().unwrap(), ratio, decimals).unwrap();
            assert_eq!(found.to_string(), expected, "{size} by {ratio:?}");
        }
        let large = "9999999999999999999999999999".parse().unwrap();
        let found = split_size(large, (1, 7), 18);
        assert_eq!(found, Err(MoneyError::OutOfRange));
    }
}
