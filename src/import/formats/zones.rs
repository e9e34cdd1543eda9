//! The zone of a file's times: as its format says, or as header, preamble or file name say.

use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use super::HeaderRow;
use crate::import::seen::{ZoneSource, city_of};
use crate::import::{ImportOptions, server_time};

/// The value of `zone` for a zone that no file says: a person names it.
const ASKED: &str = "asked";

/// Seconds of an hour, and of a minute.
const HOUR: i32 = 3_600;
const MINUTE: i32 = 60;

/// Names of the time of Greenwich.
const NAMES: [&str; 2] = ["utc", "gmt"];

/// The label of a zone in a row before the header.
const LABEL: &str = "time zone:";

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

/// The zone of a file's times without an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileZone {
    /// `None`: only a person knows it.
    zone: Option<TimeZone>,
    /// The place that states it.
    stated: Option<ZoneFrom>,
    /// The file or its source states it. Otherwise it is taken for granted, and a person may name
    /// another.
    is_stated: bool,
}

/// The words of a place about the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Offset(Offset),
    /// Nobody can read them, so a person has to name the zone.
    Unclear,
}

/// Checks the name of a zone. Errors: there is no such zone.
pub(super) fn check(zone: &str) -> Result<(), String> {
    match zone == ASKED || TimeZone::get(zone).is_ok() {
        true => Ok(()),
        false => Err(format!("{zone:?} is no time zone")),
    }
}

/// Returns the zone of a file's times.
pub(super) fn zone_of(
    zone: Option<&str>,
    from: Option<ZoneFrom>,
    header: &HeaderRow<'_>,
) -> FileZone {
    let (said, place) = match from {
        None => (Said::Nothing, None),
        Some(ZoneFrom::Header) => (in_header(header), from),
        Some(ZoneFrom::Before) => {
            let said = header.before.iter().flatten().map(in_label);
            (of_all(said), from)
        }
        Some(ZoneFrom::FileName) => match (in_name(header.file_name), in_header(header)) {
            (Said::Nothing, column) => (column, Some(ZoneFrom::Header)),
            // The two may contradict each other.
            (name, column) => (of_all([name, column].into_iter()), from),
        },
    };
    match said {
        Said::Offset(offset) => FileZone {
            zone: Some(TimeZone::fixed(offset)),
            stated: place,
            is_stated: true,
        },
        Said::Unclear => FileZone {
            zone: None,
            stated: None,
            is_stated: false,
        },
        Said::Nothing => FileZone {
            zone: match zone {
                None => Some(TimeZone::UTC),
                Some(ASKED) => None,
                Some(name) => TimeZone::get(name).ok(),
            },
            stated: None,
            is_stated: zone.is_none() && from.is_none(),
        },
    }
}

impl FileZone {
    /// Returns the zone of times without an offset. A person's zone counts, unless the file states
    /// one.
    pub(super) fn of<'z>(&'z self, options: &'z ImportOptions) -> Option<&'z TimeZone> {
        let named = options.timezone.as_ref();
        match self.is_stated {
            true => self.zone.as_ref(),
            false => named.or(self.zone.as_ref()),
        }
    }

    /// Returns the zone of times without an offset by its name, and the place that it comes from.
    /// `None`: only a person knows it.
    pub(super) fn said(&self, options: &ImportOptions) -> Option<(String, ZoneSource)> {
        let zone = self.of(options)?;
        Some(match self.stated {
            Some(ZoneFrom::FileName) => (name_of(zone), ZoneSource::FileName),
            Some(ZoneFrom::Header) => (name_of(zone), ZoneSource::Header),
            Some(ZoneFrom::Before) => (name_of(zone), ZoneSource::Before),
            None if self.is_stated => (name_of(zone), ZoneSource::Source),
            None if options.timezone.is_some() => said_by_person(zone),
            None => (city_of(&name_of(zone)), ZoneSource::Assumed),
        })
    }
}

/// Returns the zone that a person named, or that of the stored clock.
pub(in crate::import) fn said_by_person(zone: &TimeZone) -> (String, ZoneSource) {
    let from = match zone.iana_name() {
        Some(server_time::NAME) => ZoneSource::Clock,
        _ => ZoneSource::Person,
    };
    (name_of(zone), from)
}

/// Returns the name of a zone: `Europe/Berlin`, `UTC+5:30`.
fn name_of(zone: &TimeZone) -> String {
    let Ok(offset) = zone.to_fixed_offset() else {
        return zone.iana_name().unwrap_or("the zone").to_owned();
    };
    let seconds = offset.seconds();
    let (sign, seconds) = if seconds < 0 {
        ("-", -seconds)
    } else {
        ("+", seconds)
    };
    match (seconds / HOUR, seconds % HOUR / MINUTE) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

/// Looks at the columns of times: `Filled Time(UTC+02:00)`, `Date(UTC)`, `UTC_Time`.
fn in_header(header: &HeaderRow<'_>) -> Said {
    of_all(header.cells.iter().map(|cell| {
        let cell = cell.trim().trim_start_matches('\u{feff}').to_lowercase();
        if cell == "utc_time" {
            return Said::Offset(Offset::UTC);
        }
        match cell.split_once('(') {
            Some((name, zone)) if name.contains("time") || name.contains("date") => {
                offset_of(zone.trim_end_matches(')')).map_or(Said::Unclear, Said::Offset)
            }
            _ => Said::Nothing,
        }
    }))
}

/// Looks at a cell before the header: `Time Zone:UTC+8`.
fn in_label(cell: &str) -> Said {
    let cell = cell.to_lowercase();
    match cell.split_once(LABEL) {
        Some((_, zone)) => offset_of(zone.trim()).map_or(Said::Unclear, Said::Offset),
        None => Said::Nothing,
    }
}

/// Looks for a zone in a file's name: `(UTC+3)` or `_UTC+8_`.
fn in_name(name: &str) -> Said {
    let name = name.to_lowercase();
    let is_end = |of: char| matches!(of, '(' | ')' | '_' | ',' | '[' | ']' | ' ') || of == '.';
    let found = NAMES.iter().flat_map(|zone| name.match_indices(zone));
    let words = found.filter_map(|(at, _)| {
        let (before, word) = name.split_at_checked(at)?;
        // Not the end of another word.
        let is_word = !before.ends_with(|of: char| of.is_alphanumeric());
        let word = match before.ends_with('(') {
            true => word.split(')').next()?,
            false => word.split(is_end).next()?,
        };
        is_word.then_some(word)
    });
    of_all(words.map(|word| offset_of(word).map_or(Said::Unclear, Said::Offset)))
}

/// Joins the words of several texts.
fn of_all(texts: impl Iterator<Item = Said>) -> Said {
    texts.fold(Said::Nothing, |all, one| match (all, one) {
        (Said::Nothing, said) | (said, Said::Nothing) => said,
        (all, one) if all == one => all,
        _ => Said::Unclear,
    })
}

/// Reads an offset: `utc`, `utc+8`, `gmt+02:00`, `utc+0530`, and `utc--6` of file names. `None`: it
/// is another text.
fn offset_of(text: &str) -> Option<Offset> {
    let behind = NAMES.iter().find_map(|name| text.strip_prefix(name))?;
    let (sign, digits) = match behind.strip_prefix("--").or(behind.strip_prefix('-')) {
        Some(digits) => (-1, digits),
        None if behind.is_empty() => return Some(Offset::UTC),
        None => (1, behind.strip_prefix('+').or(behind.strip_prefix("%2b"))?),
    };
    let (hours, minutes) = match digits.split_once([':', '_']) {
        Some((hours, minutes)) => (hours, minutes),
        None => digits
            .split_at_checked(2)
            .filter(|_| digits.len() == 4)
            .unwrap_or((digits, "00")),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 {
        return None;
    }
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let hours = hours.parse::<i32>().ok()?.checked_mul(HOUR)?;
    let minutes = minutes.parse::<i32>().ok()?.checked_mul(MINUTE)?;
    Offset::from_seconds(sign * hours.checked_add(minutes)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(said: Said) -> Option<i32> {
        match said {
            Said::Offset(offset) => Some(offset.seconds()),
            _ => None,
        }
    }

    #[test]
    fn offsets_are_read_whole_or_not_at_all() {
        for (text, hours, minutes) in [
            ("utc", 0, 0),
            ("utc+02:00", 2, 0),
            ("gmt+8", 8, 0),
            ("utc-05:30", -5, -30),
            ("utc--6", -6, 0),
            ("utc+0530", 5, 30),
            ("utc%2b3", 3, 0),
            ("utc+5_30", 5, 30),
        ] {
            let found = offset_of(text).map(Offset::seconds);
            assert_eq!(found, Some(hours * HOUR + minutes * MINUTE), "{text}");
        }
        for text in [
            "utc 2",
            "utc2",
            "utc+x",
            "utc-12-31",
            "cet",
            "",
            "europe/berlin",
            "utc+200",
            "utc+8x",
        ] {
            assert_eq!(offset_of(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_files_have_a_zone_as_a_word() {
        for (name, hours) in [
            (
                "Binance-Transaction-History-202608242240(UTC+3)-part1-of1.csv",
                3,
            ),
            ("Binance-202608242240(UTC--6)-part1-of1.csv", -6),
            ("trades_UTC+8_2025.csv", 8),
            ("trades(utc+3).csv", 3),
            ("trades (GMT%2B3).csv", 3),
            ("trades-UTC.csv", 0),
        ] {
            assert_eq!(seconds(in_name(name)), Some(hours * HOUR), "{name}");
        }
        for name in [
            "B(UTC 2).csv",
            "trades_UTC-12-31.csv",
            "a(UTC+2)b(UTC+3).csv",
        ] {
            assert_eq!(in_name(name), Said::Unclear, "{name}");
        }
        for name in ["trades.csv", "computch.csv", "2025.csv"] {
            assert_eq!(in_name(name), Said::Nothing, "{name}");
        }
    }

    #[test]
    fn a_line_before_the_header_has_a_label() {
        assert_eq!(seconds(in_label("Time Zone:UTC+8")), Some(8 * HOUR));
        assert_eq!(in_label("Time Zone:CST"), Said::Unclear);
        assert_eq!(in_label("Account Type:Main"), Said::Nothing);
    }
}
