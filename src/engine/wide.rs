//! The wide integers of sizes and products, and the conversions that lose nothing.

pub(crate) use bnum::types::{I256, I512};

use bnum::cast::As;

/// Nothing, in 256 bits.
pub(crate) const ZERO: I256 = I256::from_bytes([0; 32]);

/// Ten, in 256 bits.
pub(crate) const TEN: I256 = {
    let mut bytes = [0; 32];
    bytes[0] = 10;
    I256::from_bytes(bytes)
};

/// Widens to 256 bits.
pub(crate) fn from_i128(value: i128) -> I256 {
    let sign = if value < 0 { 0xff } else { 0 };
    let mut bytes = [sign; 32];
    if let Some((low, _)) = bytes.split_first_chunk_mut::<16>() {
        *low = value.to_le_bytes();
    }
    I256::from_bytes(bytes)
}

/// Narrows to 128 bits. `None`: it does not fit.
///
/// Reads the bytes, as the library's conversion works digit by digit.
pub(crate) fn to_i128(value: I256) -> Option<i128> {
    let bytes = value.to_bytes();
    let (low, high) = bytes.split_first_chunk::<16>()?;
    let narrow = i128::from_le_bytes(*low);
    let sign = if narrow < 0 { 0xff } else { 0 };
    high.iter().all(|byte| *byte == sign).then_some(narrow)
}

/// Widens to 512 bits.
pub(crate) fn to_512(value: I256) -> I512 {
    value.as_()
}

/// Widens to 512 bits.
pub(crate) fn from_i128_to_512(value: i128) -> I512 {
    value.as_()
}

/// Narrows to 256 bits. `None`: it does not fit.
pub(crate) fn to_256(value: I512) -> Option<I256> {
    let narrow: I256 = value.as_();
    (to_512(narrow) == value).then_some(narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_takes_back_widening() {
        for value in [
            0,
            1,
            -1,
            255,
            -256,
            i128::MAX,
            i128::MIN,
            1 << 64,
            -(1 << 64),
        ] {
            let wide = from_i128(value);
            assert_eq!(wide, value.as_(), "{value}");
            assert_eq!(to_i128(wide), Some(value));
        }
        let beyond = from_i128(i128::MAX).checked_add(from_i128(1)).unwrap();
        assert_eq!(to_i128(beyond), None);
        let below = from_i128(i128::MIN).checked_sub(from_i128(1)).unwrap();
        assert_eq!(to_i128(below), None);
    }
}
