//! The wide integers behind sizes and products, and the conversions that lose nothing.

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
    value.as_()
}

/// Widens to 512 bits.
pub(crate) fn to_512(value: I256) -> I512 {
    value.as_()
}

/// Widens to 512 bits.
pub(crate) fn from_i128_to_512(value: i128) -> I512 {
    value.as_()
}
