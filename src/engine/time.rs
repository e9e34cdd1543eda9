//! Instants: UTC microseconds, one canonical spelling. Reading the clock is not done here.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::temporal::DateTimeParser;

/// An instant in UTC, in microseconds since 1970.
///
/// Units: microseconds. PostgreSQL stores no finer time. So a finer time is refused, and never cut.
///
/// ```
/// use fifo_pnl::engine::Timestamp;
/// let time: Timestamp = "2025-01-02T04:04:05.000006+01:00".parse()?;
/// assert_eq!(time.to_string(), "2025-01-02T03:04:05.000006Z");
/// # Ok::<(), fifo_pnl::engine::TimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or a number is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339 at all, or a day that does not exist.
    #[error("is not a time like 2025-01-02T03:04:05Z: {0}")]
    Unreadable(String),
    /// A local time: without an offset it is not an instant.
    #[error("has no offset from UTC")]
    NoOffset,
    /// Digits past the microsecond that are not zero.
    #[error("is finer than a microsecond")]
    TooFine,
    /// Outside the years 1 to 9999.
    #[error("is outside the years 0001 to 9999")]
    OutOfRange,
}

static PARSER: DateTimeParser = DateTimeParser::new();

impl Timestamp {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(0);

    /// The first instant of year 1, before which no database holds a time.
    pub const MIN: Self = Self(-62_135_596_800_000_000);

    /// Makes an instant of microseconds since 1970.
    ///
    /// Errors: outside the years 1 to 9999.
    pub fn try_from_micros(micros: i64) -> Result<Self, TimeError> {
        let time = jiff::Timestamp::from_microsecond(micros).map_err(|_| TimeError::OutOfRange)?;
        Self::try_from(time)
    }

    /// Returns microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0
    }
}

/// The calendar repeats after 400 years. Units: microseconds.
const CYCLE_MICROS: i64 = 146_097 * 86_400_000_000;

/// Shows microseconds since 1970 that are beyond a [`Timestamp`]. The year has six digits and a
/// sign, as ISO 8601 writes years outside 0000 to 9999.
pub(super) fn show_far_time(micros: i64) -> String {
    let within = jiff::Timestamp::from_microsecond(micros.rem_euclid(CYCLE_MICROS));
    let cycles = micros.div_euclid(CYCLE_MICROS);
    let Ok(within) = within else {
        return micros.to_string();
    };
    let within = within.to_zoned(jiff::tz::TimeZone::UTC);
    let year = cycles
        .saturating_mul(400)
        .saturating_add(i64::from(within.year()));
    format!("{year:+07}-{}", within.strftime("%m-%dT%H:%M:%S%.fZ"))
}

impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = TimeError;

    fn try_from(time: jiff::Timestamp) -> Result<Self, TimeError> {
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        if year < 1 {
            return Err(TimeError::OutOfRange);
        }
        if time.subsec_nanosecond() % 1000 != 0 {
            return Err(TimeError::TooFine);
        }
        Ok(Self(time.as_microsecond()))
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if !is_complete(text) {
            return Err(TimeError::Unreadable(
                "expected date, time and seconds".into(),
            ));
        }
        let text = without_excess_zeros(text)?;
        match PARSER.parse_timestamp(text.as_ref()) {
            Ok(time) => Self::try_from(time),
            Err(_) if PARSER.parse_datetime(text.as_ref()).is_ok() => Err(TimeError::NoOffset),
            Err(error) => Err(TimeError::Unreadable(error.to_string())),
        }
    }
}

/// Tells whether a text has the form `2025-01-02T03:04:05...`, and no second that does not exist.
///
/// Without this check, the parser would fill in missing parts, and turn a leap second into the
/// second before it.
fn is_complete(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00?00:00:00";
    let fits = |(byte, wanted): (u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'?' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == *wanted,
    };
    let Some((head, rest)) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    head.bytes().zip(FORM).all(fits)
        && head.get(17..19) != Some("60")
        && is_fraction_and_offset(rest)
}

/// Tells whether only a fraction and an offset, each optional, follow the seconds.
///
/// Without this check, the parser would accept an offset of 25 hours, or one with seconds, which
/// RFC 3339 does not have.
fn is_fraction_and_offset(text: &str) -> bool {
    let offset = match text.strip_prefix('.') {
        None => text,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if offset.len() == fraction.len() {
                return false;
            }
            offset
        }
    };
    match offset.as_bytes() {
        b"" | b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, minutes @ ..] => {
            let (m1, m2) = match minutes {
                [] => (b'0', b'0'),
                [b':', m1, m2] | [m1, m2] => (*m1, *m2),
                _ => return false,
            };
            let digits = [*h1, *h2, m1, m2];
            digits.iter().all(u8::is_ascii_digit) && [*h1, *h2] <= *b"23" && [m1, m2] <= *b"59"
        }
        _ => false,
    }
}

/// Drops zeros past the ninth fraction digit, which the parser would refuse.
pub(crate) fn without_excess_zeros(text: &str) -> Result<std::borrow::Cow<'_, str>, TimeError> {
    let Some((head, tail)) = text.split_once('.') else {
        return Ok(text.into());
    };
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= 9 {
        return Ok(text.into());
    }
    let (fraction, rest) = tail.split_at(digits);
    match fraction.split_at_checked(9) {
        Some((kept, dropped)) if dropped.bytes().all(|b| b == b'0') => {
            Ok(format!("{head}.{kept}{rest}").into())
        }
        _ => Err(TimeError::TooFine),
    }
}

impl fmt::Display for Timestamp {
    /// Always six decimals and `Z`, so that text order is time order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match canonical_text(*self) {
            Some(text) => f.pad(std::str::from_utf8(&text).unwrap_or_default()),
            None => f.pad(OUT_OF_RANGE),
        }
    }
}

/// The text of a time that no calendar has.
const OUT_OF_RANGE: &str = "out of range";

/// Appends the canonical text.
pub(super) fn push_time(out: &mut Vec<u8>, time: Timestamp) {
    match canonical_text(time) {
        Some(text) => out.extend_from_slice(&text),
        None => out.extend_from_slice(OUT_OF_RANGE.as_bytes()),
    }
}

/// Returns the canonical text, without a formatter: a run writes millions of times.
fn canonical_text(time: Timestamp) -> Option<[u8; 27]> {
    let instant = jiff::Timestamp::from_microsecond(time.0).ok()?;
    let civil = jiff::tz::Offset::UTC.to_datetime(instant);
    let micros = civil.subsec_nanosecond() / 1000;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |place: std::ops::Range<usize>, value: i32| {
        let mut rest = value.unsigned_abs();
        for digit in text.get_mut(place).unwrap_or_default().iter_mut().rev() {
            *digit = b'0'.wrapping_add((rest % 10) as u8);
            rest /= 10;
        }
    };
    put(0..4, civil.year().into());
    put(5..7, civil.month().into());
    put(8..10, civil.day().into());
    put(11..13, civil.hour().into());
    put(14..16, civil.minute().into());
    put(17..19, civil.second().into());
    put(20..26, micros);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_has_six_decimals() {
        let time: Timestamp = "2025-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(time.to_string(), "2025-01-02T03:04:05.000000Z");
        assert_eq!(time.as_micros(), 1_735_787_045_000_000);
        let old: Timestamp = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(
            (old.as_micros(), old.to_string().as_str()),
            (-1, "1969-12-31T23:59:59.999999Z")
        );
    }

    #[test]
    fn bad_times_are_refused_by_reason() {
        assert_eq!(
            "2025-01-02T03:04:05".parse::<Timestamp>(),
            Err(TimeError::NoOffset)
        );
        assert_eq!(
            "2025-01-02 03:04:05".parse::<Timestamp>(),
            Err(TimeError::NoOffset)
        );
        for fine in [
            "2025-01-02T03:04:05.0000001Z",
            "2025-01-02T03:04:05.0000000000001Z",
        ] {
            assert_eq!(fine.parse::<Timestamp>(), Err(TimeError::TooFine));
        }
        assert!(
            "2025-01-02T03:04:05.00000600000000Z"
                .parse::<Timestamp>()
                .is_ok()
        );
        for bad in [
            "2024-02-30T00:00:00Z",
            "yesterday",
            "",
            "infinity",
            "1735787045",
            "2016-12-31T23:59:60Z",
            "2025-01-02T03:04Z",
            "2025-01-02T03:04:05+05:00[Europe/Berlin]",
            "20250102T030405Z",
            "2025-01-02T03:04:05.Z",
            "2025-01-02T03:04:05,5Z",
            "2025-01-02T03:04:05+24:00",
            "2025-01-02T03:04:05-2559",
            "2025-01-02T03:04:05+24",
            "2025-01-02T03:04:05+01:60",
            "2025-01-02T03:04:05+01:00:30",
            "2025-01-02T03:04:05+1:00",
            "2025-01-02T24:00:00Z",
            "2025-01-02T03:04:05 Z",
            "2025-01-02T03:04:05Z ",
        ] {
            let result = bad.parse::<Timestamp>();
            assert!(
                matches!(result, Err(TimeError::Unreadable(_))),
                "{bad}: {result:?}"
            );
        }
        assert!(Timestamp::try_from_micros(i64::MAX).is_err());
    }
}
