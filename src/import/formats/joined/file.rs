//! A file whose rows make trades together, by its header.

use super::collecting::{JoinedOutcome, JoinedRows};
use super::{JoinedFormat, JoinedSource};
use crate::import::ImportOptions;
use crate::import::error::FileError;
use crate::import::formats::account_columns::account_places;
use crate::import::formats::differences::Differences;
use crate::import::formats::layout::Generation;
use crate::import::formats::template::{fold, is_named};
use crate::import::formats::zones::{FileZone, zone_of};
use crate::import::formats::{FormatHeader, HeaderRow, JOINED, Record, RowFormat, RowOutcome};
use crate::import::reading::Reading;
use crate::import::seen::{SeenPlaces, ZoneSource};

/// A file of such a format, with the columns of its header.
#[derive(Debug)]
pub(in crate::import) struct JoinedFile {
    pub(super) format: &'static dyn JoinedFormat,
    /// The header, as it is spelled.
    pub(super) names: Vec<String>,
    /// The names as they are compared.
    pub(super) folded: Vec<String>,
    pub(super) zone: FileZone,
}

/// Returns the formats that have the row as a header.
pub(in crate::import::formats) fn recognise(header: &HeaderRow<'_>) -> Vec<JoinedFile> {
    if header.row.fault.is_some() {
        return Vec::new();
    }
    let is_header = |source: &'static JoinedSource| {
        let mut generations = generations(source);
        generations.any(|it| Differences::of(&it, header).are_none())
    };
    let all = JOINED.iter().filter(|it| is_chosen(**it, header));
    let found = all.filter(|format| is_header(format.source()));
    // Some files have a byte order mark in each cell.
    let spelled = |name: &str| name.trim_start_matches('\u{feff}').to_owned();
    let names: Vec<String> = header.cells.iter().map(spelled).collect();
    found
        .map(|format| JoinedFile {
            format: *format,
            folded: names.iter().map(|name| fold(name)).collect(),
            names: names.clone(),
            zone: zone_of(format.source().zone, format.source().zone_from, header),
        })
        .collect()
}

/// Returns the differences of a row from each header of these formats, with their names.
pub(in crate::import::formats) fn differences(
    header: &HeaderRow<'_>,
) -> impl Iterator<Item = (&'static str, Differences)> {
    let all = JOINED.iter().filter(|it| is_chosen(**it, header));
    all.flat_map(move |format| {
        let source = format.source();
        generations(source).map(move |it| (source.name, Differences::of(&it, header)))
    })
}

/// Returns the names of these formats.
pub(in crate::import::formats) fn named() -> impl Iterator<Item = &'static str> {
    JOINED.iter().map(|format| format.source().name)
}

fn is_chosen(format: &dyn JoinedFormat, header: &HeaderRow<'_>) -> bool {
    header
        .format
        .is_none_or(|name| name == format.source().name)
}

fn generations(source: &'static JoinedSource) -> impl Iterator<Item = Generation> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let headers = source.headers.iter();
    headers.map(move |(columns, optional)| Generation {
        columns: owned(columns),
        optional: owned(optional),
    })
}

impl FormatHeader for JoinedFile {
    fn zone_said(&self, options: &ImportOptions) -> Option<(String, ZoneSource)> {
        self.zone.said(options)
    }

    fn seen_places(&self, _options: &ImportOptions) -> SeenPlaces {
        let time = fold(self.format.source().time);
        let names = self.folded.iter().enumerate();
        let times = names.filter(|(_, name)| is_named(&time, name));
        SeenPlaces {
            accounts: account_places(self.name(), &self.folded),
            times: times.map(|(place, _)| place).collect(),
        }
    }

    fn width(&self) -> usize {
        self.names.len()
    }

    /// A source does not say which of its columns it reads: those that each file has are meant.
    fn reads_column(&self, name: &str) -> bool {
        let name = fold(name);
        let headers = self.format.source().headers.iter();
        let mut needed = headers.flat_map(|(columns, _)| columns.iter());
        needed.any(|column| is_named(&fold(column), &name))
    }
}

impl RowFormat for JoinedFile {
    fn name(&self) -> &'static str {
        self.format.source().name
    }

    fn assumes(&self) -> &'static str {
        self.format.source().assumes
    }

    fn makes_ids(&self) -> bool {
        self.format.source().ids.is_some()
    }

    fn joined(&self) -> Option<&JoinedFile> {
        Some(self)
    }

    /// Any column but that of the time may have numbers.
    fn number_places(&self) -> Vec<usize> {
        let time = fold(self.format.source().time);
        let names = self.folded.iter().enumerate();
        let others = names.filter(|(_, name)| !is_named(&time, name));
        others.map(|(place, _)| place).collect()
    }

    fn column_at(&self, place: usize) -> String {
        let name = self.names.get(place).map_or("", |name| name.trim());
        name.to_owned()
    }

    /// Reads a row as if it were a whole file.
    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError> {
        let mut rows = JoinedRows::new(self);
        rows.push(record, reading, None);
        let done = rows.finish(reading);
        let outcomes = done.outcomes.into_iter();
        outcomes.for_each(|JoinedOutcome { outcome, .. }| each(outcome));
        Ok(())
    }
}
