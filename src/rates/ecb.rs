//! `eurofxref-hist.csv` of the European Central Bank: units of each currency for one euro.

use jiff::civil::Date;

use super::RateFileError;
use super::collected::{Collected, RateCell};
use crate::engine::{Asset, RateSource, Timestamp, published_at};
use crate::import::{Table, TableRow};

/// The base of all rates.
const BASE: &str = "EUR";

/// Reads the file. Errors: a currency stands in two columns; the table is of another base.
pub(super) fn read(table: &mut Table<'_>, out: &mut Collected<'_>) -> Result<(), RateFileError> {
    let mut columns: Vec<(String, Asset)> = Vec::new();
    let header = table.header.clone();
    let base = Asset::unreadable(BASE);
    // The lines end with a comma: the last column has no name.
    let names = header.cells.iter().skip(1).filter(|name| !name.is_empty());
    for name in names {
        columns.push((name.clone(), out.column(&header, name, &columns)?));
    }
    if columns.iter().any(|(_, asset)| out.is_one(asset, &base)) {
        return Err(RateFileError::NotEcb);
    }
    while let Some(row) = out.next_row(table)? {
        let Some((begins, at)) = day_of(&row, RateSource::Ecb, out) else {
            continue;
        };
        for (place, (column, currency)) in (1..).zip(&columns) {
            out.add(&RateCell {
                row: &row,
                column,
                text: row.cell(place),
                pair: (&base, currency),
                begins,
                at,
            });
        }
    }
    Ok(())
}

/// Returns the begin of a row's day (UTC) and the instant of its publication; or rejects the row.
pub(super) fn day_of(
    row: &TableRow,
    source: RateSource,
    out: &mut Collected<'_>,
) -> Option<(Timestamp, Timestamp)> {
    let text = row.cell(0);
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let instants = day.and_then(|day| {
        let begins = format!("{day}T00:00:00Z").parse().ok()?;
        Some((begins, published_at(source, day)?))
    });
    if instants.is_none() {
        out.reject(row, "date", text, "expected a day like 2024-05-31");
    }
    instants
}
