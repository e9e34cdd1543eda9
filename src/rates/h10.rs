//! Release H.10 of the Federal Reserve, as CSV with labels: six lines before the rates.
//!
//! A column is dollars for a unit of its currency, or units of the currency for a dollar. Two marks
//! tell which: the series' name begins with `RXI$US`, and the unit is `Currency:_Per_EUR`. If they
//! contradict each other, the file is refused.

use super::RateFileError;
use super::collected::{Collected, RateCell};
use super::ecb::day_of;
use crate::engine::{Asset, RateSource};
use crate::import::{Table, TableRow};

/// The first cell of the last line before the rates.
const LAST_HEADER: &str = "Time Period";
/// A unit of currencies, and what it begins with if it names one.
const UNIT: &str = "Currency";
const UNIT_OF: &str = "Currency:_Per_";
/// The series of dollars for a unit.
const IN_DOLLARS: &str = "RXI$US";
/// The word for columns of indexes, which are no rates.
const INDEX: &str = "index columns";
const DOLLAR: &str = "USD";

/// Reads the file. Errors: a column is of no currency that its header names; the cells of a line of
/// the header may stand in wrong columns.
pub(super) fn read(table: &mut Table<'_>, out: &mut Collected<'_>) -> Result<(), RateFileError> {
    let mut header = vec![table.header.clone()];
    while let Some(row) = table.next_row()? {
        if let Some(fault) = row.fault {
            let line = row.line;
            return Err(RateFileError::HeaderRow { line, fault });
        }
        let is_last = row.cell(0) == LAST_HEADER;
        header.push(row);
        if is_last {
            break;
        }
    }
    let columns = columns_of(&header, out)?;
    while let Some(row) = out.next_row(table)? {
        let Some((begins, at)) = day_of(&row, RateSource::H10, out) else {
            continue;
        };
        for column in &columns {
            out.add(&RateCell {
                row: &row,
                column: &column.name,
                text: row.cell(column.place),
                pair: (&column.asset, &column.currency),
                begins,
                at,
            });
        }
    }
    Ok(())
}

struct SeriesColumn {
    place: usize,
    name: String,
    asset: Asset,
    currency: Asset,
}

fn columns_of(
    header: &[TableRow],
    out: &mut Collected<'_>,
) -> Result<Vec<SeriesColumn>, RateFileError> {
    let line = |name: &str| {
        let mut rows = header.iter();
        rows.find(|row| row.cell(0).trim_end_matches([':', ' ']) == name)
    };
    let first = header.first();
    let text = first.map(|row| row.text.clone()).unwrap_or_default();
    let lines = line("Unit").zip(line("Currency")).zip(line(LAST_HEADER));
    let Some(((units, codes), names)) = lines else {
        return Err(RateFileError::UnknownKind(text));
    };
    let multipliers = line("Multiplier");
    let dollar = out
        .asset(DOLLAR)
        .unwrap_or_else(|_| Asset::unreadable(DOLLAR));
    let (mut columns, mut known): (Vec<SeriesColumn>, Vec<(String, Asset)>) = Default::default();
    for (place, name) in names.cells.iter().enumerate().skip(1) {
        let unit = units.cell(place);
        if !unit.starts_with(UNIT) {
            out.skip(INDEX);
            continue;
        }
        if let Some(row) = multipliers.filter(|row| row.cell(place) != "1") {
            return Err(RateFileError::Unit {
                line: row.line,
                column: name.clone(),
                unit: format!("multiplier {}", row.cell(place)),
            });
        }
        let is_in_dollars = name.starts_with(IN_DOLLARS);
        let of = unit.strip_prefix(UNIT_OF);
        let code = of
            .filter(|code| *code != DOLLAR)
            .unwrap_or(codes.cell(place));
        let contradicts = of.is_some_and(|code| (code != DOLLAR) != is_in_dollars);
        if contradicts || code == DOLLAR || code.is_empty() {
            return Err(RateFileError::Unit {
                line: units.line,
                column: name.clone(),
                unit: unit.to_owned(),
            });
        }
        let foreign = out.column(names, code, &known)?;
        known.push((code.to_owned(), foreign.clone()));
        let (asset, currency) = match is_in_dollars {
            true => (foreign, dollar.clone()),
            false => (dollar.clone(), foreign),
        };
        columns.push(SeriesColumn {
            place,
            name: code.to_owned(),
            asset,
            currency,
        });
    }
    Ok(columns)
}
