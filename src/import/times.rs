//! Times: RFC 3339 with an offset, or local ones in a zone that the caller names.
//!
//! The form of a text is checked here first, because parsers repair times. They read a second 60 as
//! 59, and missing seconds as zero. They let a zone name in brackets contradict the offset before
//! it. A wrong order of trades gives a wrong cost basis, so the import repairs nothing. Accepted
//! beside the `T`: `t` or one blank; offsets `Z`, `+01:00`, `+0100` and `+01` (the way PostgreSQL
//! writes them).

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::rejected::{Fault, Hint};
use super::server_time::is_unstated;
use crate::engine::{TimeError, Timestamp};

/// The form of a text that may be a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    /// With an offset from UTC.
    Instant,
    /// Date and time of day.
    Local,
    /// A day.
    DateOnly,
    /// Hours and minutes without seconds.
    NoSeconds,
    /// Seconds or milliseconds since 1970.
    Unix,
    /// Anything else.
    Other,
}

/// Fewest digits of a number that counts as Unix time. With nine digits, seconds begin in 1973.
const UNIX_DIGITS_MIN: usize = 9;

const EXPECTED: &str = "expected a time like 2025-01-02T03:04:05Z";
const MICROS: &str = "expected at most six decimals, since times are kept in microseconds";

/// Reads the time of an execution, never later than now.
pub(super) fn read_order_time(
    text: &str,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Result<Timestamp, Fault> {
    let (form, fraction) = form_of(text);
    if fraction.is_some_and(is_finer_than_micros) {
        return Err(Fault::new(MICROS));
    }
    let time = match (form, zone) {
        (TimeForm::Instant, _) => check_second(text).and_then(|()| read_instant(text)),
        (TimeForm::Local, Some(zone)) => check_second(text).and_then(|()| read_local(text, zone)),
        (TimeForm::Local, None) => {
            Err(Fault::new("expected a time with an offset from UTC").with_hint(Hint::ZoneOfTimes))
        }
        (TimeForm::DateOnly, _) => {
            Err(Fault::new("expected a time of day too").with_hint(Hint::TimeOfDay))
        }
        (TimeForm::NoSeconds, _) => {
            let fault = Fault::new("expected seconds too, like 03:04:05");
            Err(fault.with_hint(Hint::SpreadsheetTime))
        }
        (TimeForm::Unix, _) => Err(Fault::new(EXPECTED).with_hint(Hint::UnixTime)),
        (TimeForm::Other, _) if is_of_spreadsheet(text) => {
            Err(Fault::new(EXPECTED).with_hint(Hint::SpreadsheetTime))
        }
        (TimeForm::Other, _) => Err(Fault::new(EXPECTED)),
    }?;
    if time > now {
        return Err(Fault::new(format!(
            "which is in the future, expected at most {now}"
        )));
    }
    Ok(time)
}

/// Microseconds of 1990-01-01T00:00:00Z.
const FIRST_EXPORT_MICROS: i64 = 631_152_000_000_000;

/// Reads a time of an export.
pub(super) fn read_time_of_export(
    text: &str,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Result<Timestamp, Fault> {
    let at = read_order_time(text, zone, now)?;
    check_age(at).map(|()| at)
}

/// Checks that a time of an export is not before all exports: an absent time is often written as
/// the year 1 or 1970.
pub(super) fn check_age(at: Timestamp) -> Result<(), Fault> {
    match at.as_micros() < FIRST_EXPORT_MICROS {
        true => Err(Fault::new(
            "expected a time from 1990 on: no export is older",
        )),
        false => Ok(()),
    }
}

/// Returns whether a text has the form of a time of our own format.
pub(super) fn is_time(text: &str) -> bool {
    matches!(form_of(text).0, TimeForm::Instant | TimeForm::Local)
}

/// Tells whether a text begins with a day as spreadsheets write it: `8/24/2024` or `24.08.24`.
fn is_of_spreadsheet(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    let mark = day.chars().find(|of| matches!(of, '/' | '.'));
    let parts: Vec<&str> = mark.map_or_else(Vec::new, |mark| day.split(mark).collect());
    let is_number = |of: &&&str| of.bytes().all(|byte| byte.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().filter(is_number).map(|of| of.len()).collect();
    matches!(lengths.as_slice(), [1..=2, 1..=2, 2 | 4])
}

/// Returns the form of a text, and the digits after the second.
fn form_of(text: &str) -> (TimeForm, Option<&str>) {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() >= UNIX_DIGITS_MIN && is_digits(whole) && is_digits(decimals) {
        return (TimeForm::Unix, None);
    }
    let Some(rest) = strip_form(text, "0000-00-00") else {
        return (TimeForm::Other, None);
    };
    if rest.is_empty() {
        return (TimeForm::DateOnly, None);
    }
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
        return (TimeForm::Other, None);
    };
    let Some(rest) = strip_form(rest, "00:00:00") else {
        let minutes = strip_form(rest, "00:00").is_some_and(|rest| offset_form(rest).is_some());
        let form = if minutes {
            TimeForm::NoSeconds
        } else {
            TimeForm::Other
        };
        return (form, None);
    };
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => (None, rest),
        Some(digits) => {
            let rest = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let fraction = digits.strip_suffix(rest).unwrap_or_default();
            if fraction.is_empty() {
                return (TimeForm::Other, None);
            }
            (Some(fraction), rest)
        }
    };
    (offset_form(rest).unwrap_or(TimeForm::Other), fraction)
}

/// Returns the rest after a text of a form; 0 stands for any digit.
fn strip_form<'a>(text: &'a str, form: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(form.len())?;
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte == wanted,
    };
    head.bytes().zip(form.bytes()).all(fits).then_some(rest)
}

fn offset_form(text: &str) -> Option<TimeForm> {
    match text {
        "" => Some(TimeForm::Local),
        "Z" | "z" => Some(TimeForm::Instant),
        _ => {
            let offset = text.strip_prefix(['+', '-'])?;
            let forms = ["00:00", "0000", "00"];
            let fits = |form| strip_form(offset, form) == Some("");
            forms.into_iter().any(fits).then_some(TimeForm::Instant)
        }
    }
}

fn is_finer_than_micros(fraction: &str) -> bool {
    fraction.bytes().skip(6).any(|digit| digit != b'0')
}

/// Checks that a text of a known form has no second 60.
fn check_second(text: &str) -> Result<(), Fault> {
    match text.get(17..19) {
        Some("60") => {
            Err(Fault::new("expected a second from 00 to 59").with_hint(Hint::LeapSecond))
        }
        _ => Ok(()),
    }
}

fn read_instant(text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|error| time_fault(&error))
}

fn time_fault(error: &TimeError) -> Fault {
    Fault::new(match error {
        TimeError::Unreadable(_) => "expected a day, time and offset that exist",
        TimeError::NoOffset => "expected a time with an offset from UTC",
        TimeError::TooFine => MICROS,
        TimeError::OutOfRange => "expected a year from 0001 to 9999",
    })
}

/// Returns the instant of a local time. Errors: the local time does not exist, or exists twice.
fn read_local(text: &str, zone: &TimeZone) -> Result<Timestamp, Fault> {
    // The parser reads at most nine digits of a second. The digits after the sixth are zeros here.
    let text = text.get(..29).unwrap_or(text);
    let local: DateTime = text
        .parse()
        .map_err(|_| Fault::new("expected a day and time that exist"))?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let name = zone.iana_name().unwrap_or("the zone");
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } if is_unstated(offset) => {
            let why = "expected a time from the first day of the account's stored clock on";
            Err(Fault::new(why).with_hint(Hint::EarlierClock))
        }
        AmbiguousOffset::Unambiguous { .. } => ambiguous
            .unambiguous()
            .map_err(|_| TimeError::OutOfRange)
            .and_then(Timestamp::try_from)
            .map_err(|error| time_fault(&error)),
        AmbiguousOffset::Gap { .. } => Err(Fault::new(format!(
            "a time that {name} skipped, expected one that was on its clocks"
        ))
        .with_hint(Hint::SkippedTime)),
        AmbiguousOffset::Fold { before, after } => Err(Fault::new(format!(
            "a time that {name} had twice, expected an offset that tells which"
        ))
        .with_hint(Hint::Offset)
        .with_write(both_spellings(local, before, after))),
    }
}

/// Returns both spellings, with offsets, of a local time that exists twice.
fn both_spellings(local: DateTime, before: Offset, after: Offset) -> String {
    let spelled = |offset: Offset| {
        let time = offset.to_timestamp(local).ok()?;
        Some(DateTimePrinter::new().timestamp_with_offset_to_string(&time, offset))
    };
    match (spelled(before), spelled(after)) {
        (Some(first), Some(second)) => format!("{first} or {second}"),
        _ => "the time with its offset from UTC".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::parse_timezone;
    use crate::import::test_options::options;

    fn zone_of(zone: Option<&str>) -> Option<TimeZone> {
        zone.map(|zone| parse_timezone(zone).unwrap())
    }

    /// Returns the time; or the reason, the hint, and the text to write.
    fn read(
        text: &str,
        zone: Option<&str>,
    ) -> Result<String, (String, Option<Hint>, Option<String>)> {
        read_order_time(text, zone_of(zone).as_ref(), options().now)
            .map(|time| time.to_string())
            .map_err(|fault| (fault.reason, fault.hint, fault.write))
    }

    #[test]
    fn instants_are_read_to_the_microsecond() {
        let cases = [
            ("2025-01-02T03:04:05Z", "2025-01-02T03:04:05.000000Z"),
            ("2025-01-02t03:04:05.000006z", "2025-01-02T03:04:05.000006Z"),
            ("2025-01-02 03:04:05.1+01:00", "2025-01-02T02:04:05.100000Z"),
            ("2025-01-02 03:04:05.12-0530", "2025-01-02T08:34:05.120000Z"),
            ("2025-01-02 03:04:05+00", "2025-01-02T03:04:05.000000Z"),
            ("2025-01-02T03:04:05-00:00", "2025-01-02T03:04:05.000000Z"),
            (
                "2025-01-02T03:04:05.000006000000000Z",
                "2025-01-02T03:04:05.000006Z",
            ),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00.000000Z"),
            ("2025-01-02T03:04:05+23:59", "2025-01-01T03:05:05.000000Z"),
            ("2025-01-02T03:04:05-23:59", "2025-01-03T03:03:05.000000Z"),
            ("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, None).as_deref(), Ok(expected), "{text}");
            assert_eq!(
                read(text, Some("Asia/Tokyo")).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn local_times_are_resolved_in_their_zone() {
        let cases = [
            (
                "2025-01-02T03:04:05",
                "Europe/Berlin",
                "2025-01-02T02:04:05.000000Z",
            ),
            (
                "2025-07-02 03:04:05.25",
                "europe/berlin",
                "2025-07-02T01:04:05.250000Z",
            ),
            ("2025-07-02 03:04:05", "UTC", "2025-07-02T03:04:05.000000Z"),
            (
                "2025-03-30 01:59:59",
                "Europe/Berlin",
                "2025-03-30T00:59:59.000000Z",
            ),
            (
                "2025-03-30 03:00:00",
                "Europe/Berlin",
                "2025-03-30T01:00:00.000000Z",
            ),
            (
                "2025-11-02 00:59:59",
                "America/New_York",
                "2025-11-02T04:59:59.000000Z",
            ),
            (
                "2025-11-02 02:00:00",
                "America/New_York",
                "2025-11-02T07:00:00.000000Z",
            ),
            (
                "2025-01-02 03:04:05.000006000000000",
                "UTC",
                "2025-01-02T03:04:05.000006Z",
            ),
        ];
        for (text, zone, expected) in cases {
            assert_eq!(
                read(text, Some(zone)).as_deref(),
                Ok(expected),
                "{text} {zone}"
            );
        }
    }

    #[test]
    fn bad_times_are_refused_by_reason() {
        let exist = "expected a day, time and offset that exist";
        let second = "expected a second from 00 to 59";
        let offset = "expected a time with an offset from UTC";
        let future = "which is in the future, expected at most 2026-01-01T00:00:00.000000Z";
        let year = "expected a year from 0001 to 9999";
        let cases = [
            ("", EXPECTED, None),
            ("yesterday", EXPECTED, None),
            ("20250102T030405Z", EXPECTED, None),
            ("2025-01-02T03:04:05 UTC", EXPECTED, None),
            ("2025-01-02T03:04:05Z[Asia/Tokyo]", EXPECTED, None),
            ("2025-01-02T03:04:05.Z", EXPECTED, None),
            ("2025-01-02T03:04:05,5Z", EXPECTED, None),
            ("2025-01-02T03:04:05+1:00", EXPECTED, None),
            ("2025-01-02X03:04:05Z", EXPECTED, None),
            ("é025-01-02T03:04:05Z", EXPECTED, None),
            ("infinity", EXPECTED, None),
            ("1735787045", EXPECTED, Some(Hint::UnixTime)),
            ("1735787045123", EXPECTED, Some(Hint::UnixTime)),
            ("1735787045.123", EXPECTED, Some(Hint::UnixTime)),
            (
                "2025-01-02",
                "expected a time of day too",
                Some(Hint::TimeOfDay),
            ),
            (
                "2025-01-02T03:04Z",
                "expected seconds too, like 03:04:05",
                Some(Hint::SpreadsheetTime),
            ),
            (
                "2025-01-02 03:04",
                "expected seconds too, like 03:04:05",
                Some(Hint::SpreadsheetTime),
            ),
            ("2025-01-02T03:04:05", offset, Some(Hint::ZoneOfTimes)),
            ("2025-01-02 03:04:05.5", offset, Some(Hint::ZoneOfTimes)),
            ("2025-02-30T00:00:00Z", exist, None),
            ("2025-01-02T24:00:00Z", exist, None),
            ("2025-01-02T03:04:05+99:00", exist, None),
            ("2025-01-02T03:04:05+24:00", exist, None),
            ("2025-01-02T03:04:05-24:00", exist, None),
            ("2025-01-02T03:04:05+2559", exist, None),
            ("2025-01-02T03:04:05-25", exist, None),
            ("2025-01-02T03:04:05+01:60", exist, None),
            ("2025-01-02T03:04:05+01:00:30", EXPECTED, None),
            ("2025-01-02T03:60:05Z", exist, None),
            ("2025-01-02T03:04:61Z", exist, None),
            ("2025-13-02T03:04:05Z", exist, None),
            ("2025-00-02T03:04:05Z", exist, None),
            ("0001-01-01T00:00:00+00:01", year, None),
            ("9999-12-31T00:00:00Z", exist, None),
            ("2016-12-31T23:59:60Z", second, Some(Hint::LeapSecond)),
            ("0000-01-01T00:00:00Z", year, None),
            ("2025-01-02T03:04:05.0000001Z", MICROS, None),
            ("2025-01-02T03:04:05.0000000000001Z", MICROS, None),
            ("2025-01-02T03:04:05.0000001", MICROS, None),
            ("2026-01-01T00:00:00.000001Z", future, None),
            ("2026-01-01T00:00:00-00:01", future, None),
        ];
        for (text, reason, hint) in cases {
            assert_eq!(
                read(text, None),
                Err((reason.to_owned(), hint, None)),
                "{text}"
            );
        }
    }

    #[test]
    fn times_as_spreadsheets_write_them_are_told() {
        for (text, hint) in [
            ("01/02/2025 03:04:05", Some(Hint::SpreadsheetTime)),
            ("8/24/24 22:40", Some(Hint::SpreadsheetTime)),
            ("24.08.2024 22:40", Some(Hint::SpreadsheetTime)),
            ("24.08 22:40", None),
            ("1.2.3.4", None),
        ] {
            assert_eq!(read(text, None), Err((EXPECTED.to_owned(), hint, None)));
        }
    }

    #[test]
    fn local_times_that_do_not_exist_once_are_refused() {
        let cases = [
            (
                "2025-03-30T02:30:00",
                "Europe/Berlin",
                "a time that Europe/Berlin skipped, expected one that was on its clocks",
                Some(Hint::SkippedTime),
                None,
            ),
            (
                "2025-10-26 02:30:00.5",
                "Europe/Berlin",
                "a time that Europe/Berlin had twice, expected an offset that tells which",
                Some(Hint::Offset),
                Some("2025-10-26T02:30:00.5+02:00 or 2025-10-26T02:30:00.5+01:00"),
            ),
            (
                "2025-11-02 01:00:00",
                "America/New_York",
                "a time that America/New_York had twice, expected an offset that tells which",
                Some(Hint::Offset),
                Some("2025-11-02T01:00:00-04:00 or 2025-11-02T01:00:00-05:00"),
            ),
            (
                "2025-02-30T00:00:00",
                "UTC",
                "expected a day and time that exist",
                None,
                None,
            ),
            (
                "2016-12-31 23:59:60",
                "UTC",
                "expected a second from 00 to 59",
                Some(Hint::LeapSecond),
                None,
            ),
            (
                "0000-12-31 00:00:00",
                "UTC",
                "expected a year from 0001 to 9999",
                None,
                None,
            ),
        ];
        for (text, zone, reason, hint, write) in cases {
            let expected = (reason.to_owned(), hint, write.map(str::to_owned));
            assert_eq!(read(text, Some(zone)), Err(expected), "{text} {zone}");
        }
    }
}

#[cfg(test)]
#[path = "times_property_tests.rs"]
mod property_tests;
