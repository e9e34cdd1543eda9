//! Names of time zones, and clocks that never change.

use jiff::tz::{Offset, TimeZone};

use super::rejected::quoted;

/// A name that is not the name of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "time zone is {}, expected a name like \"Europe/Berlin\" or \"UTC\"",
    quoted(name)
)]
pub struct ZoneError {
    /// The name as given.
    pub name: String,
    /// A zone whose last part is that name.
    pub similar: Option<String>,
}

/// Returns a time zone of the IANA database. Letter case is free.
///
/// Errors: no such zone; an offset, as a zone's offset can change during the year.
pub fn parse_timezone(name: &str) -> Result<TimeZone, ZoneError> {
    match TimeZone::get(name) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err(ZoneError {
            name: name.to_owned(),
            similar: similar_zone(name),
        }),
    }
}

/// Returns a zone by its name, or the clock of an offset like `+02:00`, which never changes.
///
/// Errors: no such zone, and no offset.
pub fn parse_clock(name: &str) -> Result<TimeZone, ZoneError> {
    let digits = name.strip_prefix(['+', '-']);
    let offset = digits.and_then(|digits| {
        let number = |text: &str, below: i32| {
            let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<i32>().ok().filter(|_| is_number)?;
            (number < below).then_some(number)
        };
        let (hours, minutes) = digits.split_once(':')?;
        let seconds = number(hours, 16)? * 3_600 + number(minutes, 60)? * 60;
        let sign = if name.starts_with('-') { -1 } else { 1 };
        Offset::from_seconds(sign * seconds).ok()
    });
    match offset {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => parse_timezone(name),
    }
}

fn similar_zone(name: &str) -> Option<String> {
    let wanted = name.trim().replace(' ', "_");
    let similar = jiff::tz::db().available().find(|zone| {
        let city = zone.as_str().rsplit('/').next();
        city.is_some_and(|city| city.eq_ignore_ascii_case(&wanted))
    });
    similar.map(|zone| zone.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Timestamp;
    use crate::import::times::read_order_time;

    #[test]
    fn an_offset_is_a_clock_that_never_changes() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = parse_clock("+02:30").unwrap();
        for (local, utc) in [
            ("2025-01-15 12:00:00", "2025-01-15T09:30:00.000000Z"),
            ("2025-07-15 12:00:00", "2025-07-15T09:30:00.000000Z"),
        ] {
            let read = read_order_time(local, Some(&clock), now).unwrap();
            assert_eq!(read.to_string(), utc, "{local}");
        }
        assert!(parse_clock("-11:00").is_ok() && parse_clock("Asia/Tokyo").is_ok());
        for name in ["+2", "+02:60", "+16:00", "02:00", "+2:00", "+02:00:00", ""] {
            assert!(parse_clock(name).is_err(), "{name}");
        }
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert!(parse_timezone("UTC").is_ok());
        let cases = [
            ("berlin", Some("Europe/Berlin")),
            ("new york", Some("America/New_York")),
            ("+02:00", None),
            ("Etc/Unknown", None),
            ("", None),
        ];
        for (name, similar) in cases {
            let error = parse_timezone(name).unwrap_err();
            let message = format!(
                "time zone is \"{name}\", expected a name like \"Europe/Berlin\" or \"UTC\""
            );
            assert_eq!(
                (error.to_string(), error.similar.as_deref()),
                (message, similar)
            );
        }
    }
}
