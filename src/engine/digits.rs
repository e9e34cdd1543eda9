//! Reads and writes decimal text, which has digits, a sign and a point, for every kind of number.
//!
//! Canonical text has no exponent, no superfluous zero, no `+` and no `-0`.

use std::fmt;

use super::policy::{FACT_DECIMALS_MAX, FACT_DIGITS_MAX};

/// Why a text or a number can't be a size, price, fee or amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// Not a decimal number.
    #[error("is not a number")]
    NotANumber,
    /// The text has a comma, which may be a thousands separator or a decimal comma.
    #[error("has a comma in it")]
    Comma,
    /// More significant digits than a fact may have.
    #[error("has {0} significant digits, more than the {FACT_DIGITS_MAX} allowed")]
    TooManyDigits(usize),
    /// More decimals than a fact may have.
    #[error("has {0} decimals, more than the {FACT_DECIMALS_MAX} allowed")]
    TooManyDecimals(usize),
    /// The number is below zero, which has no meaning here.
    #[error("is negative")]
    Negative,
}

/// The largest exponent that is read. It is far beyond every limit of a fact, and small enough for
/// arithmetic.
const EXPONENT_MAX: i32 = 1_000;

/// A text as sign, digits without superfluous zeros, and decimals.
pub(super) struct Digits {
    pub(super) negative: bool,
    pub(super) digits: String,
    pub(super) decimals: usize,
}

/// Splits a decimal text exactly. Takes `1.5`, `.5`, `5.`, `+5`, `1e-8`; no spaces or separators.
pub(super) fn split_digits(text: &str) -> Result<Digits, NumberError> {
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent
                .parse::<i32>()
                .map_err(|_| NumberError::NotANumber)?,
        ),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        let comma = !all.is_empty() && all.bytes().all(|b| b.is_ascii_digit() || b == b',');
        return Err(if comma {
            NumberError::Comma
        } else {
            NumberError::NotANumber
        });
    }
    if exponent > EXPONENT_MAX {
        return Err(NumberError::TooManyDigits(exponent.unsigned_abs() as usize));
    }
    if exponent < -EXPONENT_MAX {
        return Err(NumberError::TooManyDecimals(
            exponent.unsigned_abs() as usize
        ));
    }
    let without_tail = all.trim_end_matches('0');
    let zeros = all.len().saturating_sub(without_tail.len());
    let digits = without_tail.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(Digits {
            negative: false,
            digits: "0".into(),
            decimals: 0,
        });
    }
    // Decimals may be negative here: 1e3 is "1" with -3 decimals.
    let decimals = (fraction.len() as i64)
        .saturating_sub(zeros as i64)
        .saturating_sub(i64::from(exponent));
    let (digits, decimals) = match usize::try_from(decimals) {
        Ok(decimals) => (digits.to_owned(), decimals),
        Err(_) => (
            format!("{digits}{}", "0".repeat(decimals.unsigned_abs() as usize)),
            0,
        ),
    };
    Ok(Digits {
        negative,
        digits,
        decimals,
    })
}

/// The text of a number, built without the heap, as a run writes millions of numbers.
struct Text {
    bytes: [u8; Self::BYTES_MAX],
    length: usize,
}

impl Text {
    /// A sign, 77 digits of 256 bits, leading zeros of a scale below 256, and a point.
    const BYTES_MAX: usize = 352;

    const EMPTY: Self = Self {
        bytes: [0; Self::BYTES_MAX],
        length: 0,
    };

    fn push(&mut self, text: &[u8]) {
        let end = self.length.saturating_add(text.len());
        if let Some(free) = self.bytes.get_mut(self.length..end) {
            free.copy_from_slice(text);
            self.length = end;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Writes `digits` x 10^-`scale` with a point and without superfluous zeros.
pub(super) fn write_decimal(
    f: &mut fmt::Formatter<'_>,
    is_negative: bool,
    digits: &str,
    scale: u8,
) -> fmt::Result {
    let (mut text, digits) = (Text::EMPTY, digits.as_bytes());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale.into()));
    let zeros = usize::from(scale).saturating_sub(fraction.len());
    let kept = fraction
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last.saturating_add(1));
    if is_negative {
        text.push(b"-");
    }
    text.push(if whole.is_empty() { b"0" } else { whole });
    if let Some(kept) = fraction.get(..kept).filter(|kept| !kept.is_empty()) {
        text.push(b".");
        (0..zeros).for_each(|_| text.push(b"0"));
        text.push(kept);
    }
    f.pad(std::str::from_utf8(text.as_bytes()).unwrap_or_default())
}

/// Writes `units` x 10^-`scale`, with its sign.
pub(super) fn write_units(f: &mut fmt::Formatter<'_>, units: i128, scale: u8) -> fmt::Result {
    let mut buffer = itoa::Buffer::new();
    let digits = digits_of(&mut buffer, units.unsigned_abs());
    write_decimal(f, units < 0, digits, scale)
}

/// Returns the digits of a number.
pub(super) fn digits_of(buffer: &mut itoa::Buffer, units: u128) -> &str {
    match u64::try_from(units) {
        // 64 bits are four times as fast as 128, and nearly every amount fits.
        Ok(narrow) => buffer.format(narrow),
        Err(_) => buffer.format(units),
    }
}

/// Appends `units` x 10^-`scale` with a point and without superfluous zeros.
pub(super) fn push_decimal(out: &mut Vec<u8>, units: i128, scale: u8) {
    let mut buffer = itoa::Buffer::new();
    let digits = digits_of(&mut buffer, units.unsigned_abs()).as_bytes();
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale.into()));
    let last = fraction.iter().rposition(|digit| *digit != b'0');
    if units < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if let Some(last) = last {
        out.push(b'.');
        let zeros = usize::from(scale).saturating_sub(fraction.len());
        out.resize(out.len().saturating_add(zeros), b'0');
        out.extend_from_slice(fraction.get(..=last).unwrap_or_default());
    }
}
