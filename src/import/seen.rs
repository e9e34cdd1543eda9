//! Facts of all rows of a file together: the accounts that they name, and how their times are read.

use std::collections::BTreeSet;

use csv::StringRecord;

/// Most names of accounts that are kept.
const ACCOUNTS_MAX: usize = 20;

/// Names of other zones than UTC have a slash before the city.
const CITY: char = '/';

/// The zone in which the times of a file are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTimes {
    /// The name of the zone: `UTC+2`, `Europe/Berlin`, or the city of a zone that is assumed.
    pub zone: String,
    /// The place that the zone comes from.
    pub from: ZoneSource,
    /// A person named a zone, and another one counts.
    pub is_other_named: bool,
}

/// The place that the zone of a file's times comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneSource {
    /// Each time has its offset.
    Rows,
    /// The name of the file.
    FileName,
    /// The header.
    Header,
    /// A line before the header.
    Before,
    /// The source writes all times so.
    Source,
    /// The format takes it for granted.
    Assumed,
    /// A person's table of the format.
    Table,
    /// A person's table of the format names none, so times are in UTC.
    TableWithout,
    /// A person named it.
    Person,
    /// The stored clock of the account.
    Clock,
}

impl ZoneSource {
    /// Returns the name, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::FileName => "file_name",
            Self::Header => "header",
            Self::Before => "before_header",
            Self::Source => "source",
            Self::Assumed => "assumed",
            Self::Table | Self::TableWithout => "table",
            Self::Person => "timezone",
            Self::Clock => "clock",
        }
    }
}

/// Returns the city of a zone's name: `New York` of `America/New_York`.
pub(super) fn city_of(zone: &str) -> String {
    let (_, city) = zone.rsplit_once(CITY).unwrap_or(("", zone));
    city.replace('_', " ")
}

/// The columns that are looked at in each row.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenPlaces {
    /// Columns that name an account.
    pub accounts: Vec<usize>,
    /// Columns of times.
    pub times: Vec<usize>,
}

/// Facts of all rows together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenRows {
    /// The accounts that the rows name, up to twenty. Order: by name.
    pub accounts: BTreeSet<String>,
    /// A time has an offset.
    has_offset: bool,
    /// A time has none.
    has_local: bool,
}

impl SeenRows {
    /// Adds the facts of other rows.
    pub fn merge(&mut self, other: Self) {
        self.has_offset |= other.has_offset;
        self.has_local |= other.has_local;
        for name in other.accounts {
            self.add_account(&name);
        }
    }

    pub(super) fn look_at(&mut self, cells: &StringRecord, places: &SeenPlaces) {
        let text = |place: &usize| cells.get(*place).unwrap_or_default().trim();
        for name in places.accounts.iter().map(text) {
            self.add_account(name);
        }
        let mut times = places.times.iter().map(text);
        if let Some(time) = times.find(|time| !time.is_empty()) {
            match has_offset(time) {
                true => self.has_offset = true,
                false => self.has_local = true,
            }
        }
    }

    fn add_account(&mut self, name: &str) {
        let is_new = !name.is_empty() && !self.accounts.contains(name);
        if is_new && self.accounts.len() < ACCOUNTS_MAX {
            self.accounts.insert(name.to_owned());
        }
    }

    /// Tells whether no time needs a zone. `None`: there is no time.
    pub(super) fn all_have_offsets(&self) -> Option<bool> {
        (self.has_offset || self.has_local).then_some(!self.has_local)
    }
}

/// Tells whether a time ends with its offset: `Z`, ` UTC`, `+02:00`, ` -0700`.
fn has_offset(time: &str) -> bool {
    let lower = time.to_ascii_lowercase();
    if lower.ends_with('z') || lower.ends_with(" utc") || lower.ends_with(" gmt") {
        return true;
    }
    let Some((before, offset)) = time.rsplit_once(['+', '-']) else {
        return false;
    };
    let digits = offset.bytes().filter(u8::is_ascii_digit).count();
    let is_digit = |of: char| of.is_ascii_digit() || of == ':';
    // `14:35 2024-11-16` ends with a day.
    before.contains(':') && digits == 4 && offset.chars().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_from_days() {
        for time in [
            "2025-01-02T03:04:05Z",
            "2025-01-02 03:04:05 UTC",
            "2019-09-28T15:35:02.000+00:00",
            "2017-05-04 13:14:15 -0700",
        ] {
            assert!(has_offset(time), "{time}");
        }
        for time in [
            "2025-01-02",
            "14:35 2024-11-16",
            "2025-01-02 03:04:05.1234",
            "04/17/2023 as of 04/15/2023",
            "20250102;030405",
            "",
        ] {
            assert!(!has_offset(time), "{time}");
        }
        assert_eq!(city_of("America/New_York"), "New York");
        assert_eq!(city_of("UTC"), "UTC");
    }

    #[test]
    fn a_file_with_many_accounts_keeps_some_names() {
        let mut seen = SeenRows::default();
        let places = SeenPlaces {
            accounts: vec![1, 0],
            times: vec![],
        };
        for nth in 0..100 {
            let cells = [format!("a{nth}"), String::new()];
            seen.look_at(&cells.iter().collect(), &places);
        }
        assert_eq!(seen.accounts.len(), ACCOUNTS_MAX);
        assert_eq!(seen.all_have_offsets(), None);
    }
}
