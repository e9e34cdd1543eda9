//! Durations and instants as they are typed: `90s`, `15m`, `7d`; `10 minutes ago`, `2025-11-20`.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::engine::Timestamp;
use crate::pipeline::Wait;

/// How many characters `2025-11-20` has.
const DAY_LEN: usize = 10;

/// Reads a duration. A day has 24 hours.
///
/// Errors: another form; months and years, which have no fixed length; a negative duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration like 90s, 15m, 2h or 7d";
    let span: Span = text.parse().map_err(|_| expected.to_owned())?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let duration: SignedDuration = span
        .to_duration(relative)
        .map_err(|_| expected.to_owned())?;
    Duration::try_from(duration).map_err(|_| expected.to_owned())
}

/// Reads an instant: how long ago, a day (its first instant in UTC), or a time with its offset.
///
/// Errors: another form; an instant in the future.
pub fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected = "expected \"10 minutes ago\", 2025-11-20 or 2025-11-20T08:00:00Z";
    let wrong = || expected.to_owned();
    let micros = if let Some(long) = text.trim().strip_suffix(" ago") {
        let ago = parse_duration(long).map_err(|_| wrong())?;
        let ago = i64::try_from(ago.as_micros()).map_err(|_| wrong())?;
        now.as_micros().checked_sub(ago).ok_or_else(wrong)?
    } else if let Ok(at) = text.parse::<jiff::Timestamp>() {
        at.as_microsecond()
    } else {
        // `Date` would also read a time without an offset, and drop the time.
        let day = text.trim();
        let day: Date = match day.len() {
            DAY_LEN => day.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let begun = day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
        begun.timestamp().as_microsecond()
    };
    match Timestamp::try_from_micros(micros) {
        Ok(since) if since <= now => Ok(since),
        Ok(_) => Err(format!("{expected}: that is in the future")),
        Err(_) => Err(wrong()),
    }
}

/// The value of a bare `--wait`.
pub const WAIT_FOREVER: &str = "forever";

/// Reads the value of `--wait`: a duration, or `forever`.
///
/// Errors: another form; a duration of zero, as that would mean not to wait.
pub fn parse_wait(text: &str) -> Result<Wait, String> {
    if text == WAIT_FOREVER {
        return Ok(Wait::Forever);
    }
    match parse_duration(text)? {
        Duration::ZERO => Err("expected more than no time, or no --wait".to_owned()),
        long => Ok(Wait::UpTo(long)),
    }
}

/// Writes a duration in its two largest units, for reading: `3 d 4 h`, `15 m`, `0 s`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts
        .iter()
        .position(|(number, _)| *number > 0)
        .unwrap_or(3);
    let shown = parts.iter().skip(first).take(2);
    let texts: Vec<String> = shown
        .enumerate()
        .filter(|(place, (number, _))| *place == 0 || *number > 0)
        .map(|(_, (number, unit))| format!("{number} {unit}"))
        .collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_they_are_typed() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs());
        for (text, expected) in [
            ("90s", 90),
            ("15m", 900),
            ("2h", 7_200),
            ("7d", 604_800),
            ("1h 30m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "15", "-5m", "soon", "3 months", "1y", "5m trades.csv"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_wait(WAIT_FOREVER), Ok(Wait::Forever));
        for bad in ["", "0s"] {
            assert!(parse_wait(bad).is_err(), "{bad:?}");
        }
        let five = Wait::UpTo(Duration::from_secs(300));
        assert_eq!(parse_wait("5m"), Ok(five));
    }

    #[test]
    fn instants_as_they_are_typed() {
        let micros = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = micros("2025-11-21T08:00:00Z");
        for (text, expected) in [
            ("10 minutes ago", "2025-11-21T07:50:00Z"),
            ("2h ago", "2025-11-21T06:00:00Z"),
            ("2025-11-20", "2025-11-20T00:00:00Z"),
            ("2025-11-20T10:00:00+02:00", "2025-11-20T08:00:00Z"),
        ] {
            assert_eq!(parse_since(text, now), Ok(micros(expected)), "{text}");
        }
        for bad in [
            "",
            "ago",
            "yesterday",
            "10",
            "2025-13-01",
            "2025-11-20T10:00:00",
            "2026-01-01",
        ] {
            assert!(parse_since(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_for_people() {
        let text = |seconds| duration_text(Duration::from_secs(seconds));
        assert_eq!(text(0), "0 s");
        assert_eq!(text(61), "1 m 1 s");
        assert_eq!(text(900), "15 m");
        assert_eq!(text(3 * 86_400 + 4 * 3_600 + 59), "3 d 4 h");
        assert_eq!(text(86_400 + 59), "1 d");
    }
}
