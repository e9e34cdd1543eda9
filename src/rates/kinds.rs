//! Recognises the kind of a file by its header.

use super::plain::PLAIN_COLUMNS;
use super::{RateFileError, RateOptions};
use crate::engine::RateSource;
use crate::import::{Table, TableRow};

/// The first cell of a file of release H.10.
const H10_FIRST: &str = "Series Description";

/// Columns that a kind's header has.
const COLUMNS: [(RateSource, &[&str]); 3] = [
    (RateSource::CoinGecko, &["snapped_at", "price"]),
    (RateSource::Yahoo, &["date", "open", "high", "low", "close"]),
    (RateSource::Plain, &PLAIN_COLUMNS),
];

/// Cells of a row at Kraken: time, open, high, low, close, volume, trades.
const KRAKEN_CELLS: usize = 7;

/// Fewest digits of a time at Kraken, in seconds since 1970.
const UNIX_DIGITS_MIN: usize = 9;

/// Returns the kind of a file. Errors: none, or another one than the caller said.
pub(super) fn kind_of(
    table: &Table<'_>,
    options: &RateOptions,
) -> Result<RateSource, RateFileError> {
    let found = recognise(table);
    match (options.kind, found) {
        (Some(named), Some(found)) if named != found => {
            Err(RateFileError::OtherKind { named, found })
        }
        (_, Some(found)) => Ok(found),
        // A missing column is a better message than an unknown header.
        (Some(RateSource::Plain), None) => {
            let missing = PLAIN_COLUMNS
                .into_iter()
                .find(|name| table.place(name).is_none());
            Err(RateFileError::NoColumn(missing.unwrap_or_default()))
        }
        (_, None) => Err(RateFileError::UnknownKind(table.header.text.clone())),
    }
}

fn recognise(table: &Table<'_>) -> Option<RateSource> {
    let header = &table.header;
    let has_all = |(_, columns): &&(RateSource, &[&str])| {
        columns.iter().all(|name| table.place(name).is_some())
    };
    if header.cell(0).starts_with(H10_FIRST) {
        return Some(RateSource::H10);
    }
    if is_kraken(header) {
        return Some(RateSource::Kraken);
    }
    if let Some((kind, _)) = COLUMNS.iter().find(has_all) {
        return Some(*kind);
    }
    is_ecb(header).then_some(RateSource::Ecb)
}

fn is_kraken(row: &TableRow) -> bool {
    let is_number = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let time = row.cell(0);
    row.cells.len() == KRAKEN_CELLS
        && time.len() >= UNIX_DIGITS_MIN
        && row.cells.iter().all(|cell| is_number(cell))
}

/// Tells whether a header has `Date`, and codes of currencies after it.
fn is_ecb(header: &TableRow) -> bool {
    let is_code =
        |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut cells = header.cells.iter();
    let first = cells.next().is_some_and(|cell| cell == "Date");
    let codes: Vec<&String> = cells.filter(|cell| !cell.is_empty()).collect();
    first && !codes.is_empty() && codes.iter().all(|cell| is_code(cell))
}
