//! Names of time zones, and clocks that never change.

use jiff::tz::{Offset, TimeZone};

use super::rejected::quoted;

/// A name that is not the name of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "time zone is {}, expected a name like {}",
    quoted(name),
    if *takes_clocks { "Europe/Berlin, or a clock like +02:00" } else { "Europe/Berlin or UTC" }
)]
pub struct ZoneError {
    /// The name as given.
    pub name: String,
    /// A zone whose last part is that name, or the clock in its usual form.
    pub similar: Option<String>,
    /// A clock that never changes would have been right, too.
    pub takes_clocks: bool,
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
            takes_clocks: false,
        }),
    }
}

/// Returns a zone by its name, or the clock of an offset like `+02:00`, which never changes.
///
/// Errors: no such zone, and no offset; a zone like `Etc/GMT+2`, whose sign is the reverse of what
/// people mean: that clock is two hours behind UTC.
pub fn parse_clock(name: &str) -> Result<TimeZone, ZoneError> {
    if let Some(clock) = parse_clock_exactly(name) {
        return Ok(clock);
    }
    let is_reversed = name.len() > 7 && name.to_ascii_lowercase().starts_with("etc/gmt");
    let zone = parse_timezone(name).ok().filter(|_| !is_reversed);
    zone.ok_or_else(|| ZoneError {
        name: name.to_owned(),
        similar: similar_clock(name).or_else(|| similar_zone(name)),
        takes_clocks: true,
    })
}

/// Reads an offset like `+02:00`.
fn parse_clock_exactly(text: &str) -> Option<TimeZone> {
    let digits = text.strip_prefix(['+', '-'])?;
    let number = |text: &str, below: i32| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<i32>().ok().filter(|_| is_number)?;
        (number < below).then_some(number)
    };
    let (hours, minutes) = digits.split_once(':')?;
    let seconds = number(hours, 16)? * 3_600 + number(minutes, 60)? * 60;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(sign * seconds)
        .ok()
        .map(TimeZone::fixed)
}

/// Returns the clock that a name like `+2`, `UTC+2` or `GMT-0530` means, in its usual form.
fn similar_clock(name: &str) -> Option<String> {
    let name = name.trim().to_ascii_uppercase();
    let bare = ["UTC", "GMT"]
        .iter()
        .find_map(|zone| name.strip_prefix(zone));
    let text = bare.unwrap_or(&name).trim_start();
    let digits = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "00"),
    };
    let clock = format!("{}{hours:0>2}:{minutes:0>2}", &text[..1]);
    parse_clock_exactly(&clock).map(|_| clock)
}

fn similar_zone(name: &str) -> Option<String> {
    let wanted = name.trim().replace(' ', "_");
    // The signs of Etc/GMT+2 and its like are the reverse of what people mean.
    let mut zones = jiff::tz::db()
        .available()
        .filter(|zone| !zone.as_str().starts_with("Etc/"));
    let similar = zones.find(|zone| {
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
    fn a_clock_in_another_form_is_proposed_in_its_usual_one() {
        for (name, clock) in [
            ("+2", Some("+02:00")),
            ("UTC+2", Some("+02:00")),
            ("gmt -5", Some("-05:00")),
            ("+0530", Some("+05:30")),
            ("UTC+5:30", Some("+05:30")),
            ("+25", None),
            ("UTC", None),
            // A time zone behind UTC, although its name has a plus.
            ("Etc/GMT+2", None),
            ("etc/gmt-11", None),
            ("berlin", Some("Europe/Berlin")),
        ] {
            match parse_clock(name) {
                Ok(zone) => assert_eq!((name, zone), ("UTC", TimeZone::UTC)),
                Err(error) => assert_eq!(error.similar.as_deref(), clock, "{name}"),
            }
        }
        assert!(parse_clock("Etc/GMT").is_ok() && parse_timezone("Etc/GMT+2").is_ok());
        let error = parse_clock("+2").unwrap_err().to_string();
        let said =
            "time zone is \"+2\", expected a name like Europe/Berlin, or a clock like +02:00";
        assert_eq!(error, said);
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
            let message =
                format!("time zone is \"{name}\", expected a name like Europe/Berlin or UTC");
            assert_eq!(
                (error.to_string(), error.similar.as_deref()),
                (message, similar)
            );
        }
    }
}
