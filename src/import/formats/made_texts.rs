//! Texts that a layout makes of cells: joined templates, and times.

use csv::StringRecord;
use jiff::civil::DateTime;

use super::layout::{Layout, TemplatePart, parts};

/// A part of a template with its place in the rows of a file.
#[derive(Debug)]
pub(super) enum PlacedPart {
    Text(String),
    Cell(usize),
}

/// No exchange is older.
const YEAR_MIN: i16 = 1970;

/// Returns the parts of a template with their places. `None`: the file lacks one of its columns.
pub(super) fn placed(
    template: &str,
    place: impl Fn(&str) -> Option<usize>,
) -> Option<Vec<PlacedPart>> {
    let parts = parts(template).unwrap_or_default();
    let placed = parts.into_iter().map(|part| match part {
        TemplatePart::Text(text) => Some(PlacedPart::Text(text)),
        TemplatePart::Cell(name) => place(&name).map(PlacedPart::Cell),
    });
    placed.collect()
}

pub(super) fn joined(parts: &[PlacedPart], cells: &StringRecord) -> String {
    let part = |part: &PlacedPart| match part {
        PlacedPart::Text(text) => text.clone(),
        PlacedPart::Cell(place) => cells
            .get(*place)
            .unwrap_or_default()
            .trim_ascii()
            .to_owned(),
    };
    parts.iter().map(part).collect()
}

/// Returns a time in the form that the native reader takes. A time without an offset is in UTC, as
/// all these files write it.
pub(super) fn time(text: &str, layout: &Layout) -> String {
    // A parser of patterns takes a second 60 for 59, and a year of two digits for one long ago. The
    // native reader refuses both.
    let has_leap = text.ends_with(":60") || text.contains(":60.");
    for pattern in layout.times.iter().filter(|_| !has_leap) {
        match DateTime::strptime(pattern, text) {
            Ok(time) if time.year() >= YEAR_MIN => return format!("{time}Z"),
            _ => {}
        }
    }
    if let Some(time) = text.strip_suffix(" UTC") {
        return format!("{time}Z");
    }
    let behind_date = text.get(10..).unwrap_or_default();
    match behind_date.contains(['Z', 'z', '+', '-']) || behind_date.is_empty() {
        true => text.to_owned(),
        false => format!("{text}Z"),
    }
}
