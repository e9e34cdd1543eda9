//! The zone of a file's times: as its format says, or as header, preamble or file name say.

use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use super::HeaderRow;

/// The value of `zone` for a zone that no file says: a person names it.
const ASKED: &str = "asked";

/// Seconds of an hour, and of a minute.
const HOUR: i32 = 3_600;
const MINUTE: i32 = 60;

/// A place that says the offset of a file's times from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ZoneFrom {
    /// The name of a column.
    Header,
    /// A row before the header.
    Before,
    /// The name of the file.
    FileName,
}

/// Checks the name of a zone. Errors: there is no such zone.
pub(super) fn check(zone: &str) -> Result<(), String> {
    match zone == ASKED || TimeZone::get(zone).is_ok() {
        true => Ok(()),
        false => Err(format!("{zone:?} is no time zone")),
    }
}

/// Returns the zone of a file's times. `None`: only a person knows it.
pub(super) fn zone_of(
    zone: Option<&str>,
    from: Option<ZoneFrom>,
    header: &HeaderRow<'_>,
) -> Option<TimeZone> {
    let offset = from.and_then(|from| match from {
        ZoneFrom::Header => header.cells.iter().find_map(offset_in),
        ZoneFrom::Before => header.before.iter().flatten().find_map(offset_in),
        ZoneFrom::FileName => offset_in(header.file_name),
    });
    if let Some(offset) = offset {
        return Some(TimeZone::fixed(offset));
    }
    match zone {
        None => Some(TimeZone::UTC),
        Some(ASKED) => None,
        Some(name) => TimeZone::get(name).ok(),
    }
}

/// Finds an offset: `UTC`, `UTC+8`, `UTC+02:00`, and `UTC--6` of file names.
fn offset_in(text: &str) -> Option<Offset> {
    let (_, behind) = text.split_once("UTC")?;
    let sign = match behind.as_bytes() {
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return Some(Offset::UTC),
    };
    let digits = behind.trim_start_matches(['+', '-']);
    let hours = digits.split(|of: char| !of.is_ascii_digit()).next()?;
    let minutes = digits
        .strip_prefix(hours)?
        .strip_prefix(':')
        .and_then(|rest| rest.get(..2));
    let minutes: i32 = minutes.map_or(Some(0), |text| text.parse().ok())?;
    let hours: i32 = hours.parse().ok()?;
    let seconds = hours
        .checked_mul(HOUR)?
        .checked_add(minutes.checked_mul(MINUTE)?)?;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_found_in_headers_preambles_and_file_names() {
        for (text, hours, minutes) in [
            ("Filled Time(UTC+02:00)", 2, 0),
            ("Time Zone:UTC+8", 8, 0),
            ("Time(UTC-05:30)", -5, -30),
            ("Binance-202608242240(UTC--6)-part1-of1.csv", -6, 0),
            ("Date(UTC)", 0, 0),
        ] {
            let seconds = hours * HOUR + minutes * MINUTE;
            let found = offset_in(text).map(Offset::seconds);
            assert_eq!(found, Some(seconds), "{text}");
        }
        assert_eq!(offset_in("Time"), None);
        assert_eq!(offset_in("UTC+x"), None);
    }
}
