//! The header: the place of each column.

use std::collections::HashSet;

use csv::StringRecord;

use super::bounds::{COLUMNS_MAX, kept};
use super::columns::{COLUMNS, Column, REQUIRED_COLUMNS};
use super::currency::{CurrencyColumn, currency_columns};
use super::error::FileError;
use super::rows::Row;

/// A header that has all required columns, and no column twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The names as folded for comparison.
    names: Vec<String>,
    /// Place of each column, in the order of [`COLUMNS`].
    places: [Option<usize>; COLUMNS.len()],
    /// The file has a column of more facts.
    pub(super) has_more: bool,
    /// Names of the ignored columns, as the header spells them.
    pub(super) unknown: Vec<String>,
    /// The ignored columns that may name a currency.
    pub(super) currencies: Vec<CurrencyColumn>,
}

impl Header {
    /// Reads the header's cells.
    ///
    /// Errors: no header at all, a missing column, a column that comes twice.
    pub(super) fn try_new(record: &StringRecord, row: &Row<'_>) -> Result<Self, FileError> {
        let (line, found) = (row.line, record.len());
        if found > COLUMNS_MAX {
            return Err(FileError::TooManyColumns { line, found });
        }
        let names: Vec<String> = record.iter().map(fold).collect();
        if row.fault.is_some() {
            return Err(FileError::HeaderQuote { line });
        }
        check_is_header(&names, row)?;
        let mut places = [None; COLUMNS.len()];
        for (place, name) in places.iter_mut().zip(COLUMNS.map(|(_, name)| name)) {
            let mut found = (0..).zip(&names).filter(|(_, other)| *other == name);
            *place = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                let column = name.to_owned();
                return Err(FileError::DuplicateColumn { line, column });
            }
        }
        let has = |name: &str| names.iter().any(|other| other == name);
        // A fee has one of two forms.
        let fee = Column::TotalFeesUsd.as_str();
        let has_fee = has(Column::FeeAmount.as_str()) && has(Column::FeeCurrency.as_str());
        let missing: Vec<String> = REQUIRED_COLUMNS
            .into_iter()
            .filter(|name| !(has(name) || has_fee && *name == fee))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            let found = record.iter().map(|name| name.trim().to_owned()).collect();
            return Err(FileError::MissingColumns {
                line,
                missing,
                found,
            });
        }
        let mut unknown = unknown_columns(record, &names);
        let written: Vec<String> = record.iter().map(str::to_owned).collect();
        let currencies = currency_columns(&written, |name| !is_known(name));
        // A column that is checked for its currency is not listed as ignored.
        let is_checked = |name: &String| currencies.iter().any(|column| column.is_named(name));
        unknown.retain(|name| !is_checked(name));
        let is_there = |column: Column| places.get(column as usize).is_some_and(Option::is_some);
        Ok(Self {
            has_more: Column::more().any(is_there),
            names,
            places,
            unknown,
            currencies,
        })
    }

    /// Makes the header of all columns, in the order of [`COLUMNS`].
    pub(super) fn of_all() -> Self {
        let mut place = 0..;
        Self {
            names: COLUMNS.iter().map(|(_, name)| (*name).to_owned()).collect(),
            places: [(); COLUMNS.len()].map(|()| place.next()),
            has_more: true,
            unknown: Vec::new(),
            currencies: Vec::new(),
        }
    }

    /// Tells whether a name is that of one of our columns.
    pub(super) fn has(&self, name: &str) -> bool {
        is_known(&fold(name))
    }

    /// Returns the places of the ignored columns that have a name.
    pub(super) fn unknown_places(&self) -> Vec<usize> {
        let names = self.names.iter().enumerate();
        let is_unknown = |name: &String| self.unknown.iter().any(|it| fold(it) == *name);
        let unknown = names.filter(|(_, name)| !name.is_empty() && is_unknown(name));
        unknown.map(|(place, _)| place).collect()
    }

    /// Returns the number of cells that each row has.
    pub(super) fn cells(&self) -> usize {
        self.names.len()
    }

    /// Finds a row's first value after the last named column. Header and rows may end with commas;
    /// a value there was split off by a comma.
    pub(super) fn value_behind(&self, record: &StringRecord) -> Option<usize> {
        let last = self.names.iter().rposition(|name| !name.is_empty())?;
        let behind = record.iter().enumerate().skip(last + 1);
        let mut values = behind.filter(|(_, cell)| !cell.trim().is_empty());
        values.next().map(|(place, _)| place)
    }

    /// Returns where a column stands, if the file has it.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places.get(column as usize).copied().flatten()
    }

    /// Returns the name of the column at a place, in small letters.
    pub(super) fn name_at(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Returns how many of our columns the header has.
    pub(super) fn known(record: &StringRecord) -> usize {
        record.iter().filter(|name| is_known(&fold(name))).count()
    }

    /// Tells whether a row is the header once more, as in files that were joined.
    pub(super) fn is_repeated_by(&self, record: &StringRecord) -> bool {
        let same = |(cell, name): (&str, &String)| cell.trim().eq_ignore_ascii_case(name);
        record.len() == self.names.len() && record.iter().zip(&self.names).all(same)
    }
}

/// Folds a name for comparison. Some files have a byte order mark in each cell, before its quote.
fn fold(name: &str) -> String {
    let name = name.trim();
    let name = match name.strip_prefix('\u{feff}') {
        Some(marked) => marked.trim_matches('"').trim(),
        None => name,
    };
    name.to_ascii_lowercase()
}

fn is_known(name: &str) -> bool {
    COLUMNS.iter().any(|(_, known)| *known == name)
}

/// Returns the names that are not ours, each once; a column without a name by its place.
fn unknown_columns(record: &StringRecord, names: &[String]) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for ((at, written), name) in (1..).zip(record.iter()).zip(names) {
        let shown = match written.trim() {
            "" => format!("column {at}"),
            written => written.to_owned(),
        };
        if !is_known(name) && seen.insert(shown.clone()) {
            unknown.push(shown);
        }
    }
    unknown
}

/// Checks that the first row is not a trade: no name of ours in it, but a side, number or time.
fn check_is_header(names: &[String], row: &Row<'_>) -> Result<(), FileError> {
    let is_value = |name: &String| {
        matches!(name.as_str(), "buy" | "sell")
            || name.starts_with(|first: char| first.is_ascii_digit())
    };
    if names.iter().any(|name| is_known(name)) || !names.iter().any(is_value) {
        return Ok(());
    }
    Err(FileError::NoHeader {
        line: row.line,
        found: kept(row.text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::rows::RowReader;

    fn header_of(text: &str) -> Result<Header, FileError> {
        let mut record = StringRecord::new();
        let mut rows = RowReader::new(text, 1);
        let row = rows.read(&mut record).unwrap().unwrap();
        Header::try_new(&record, &row)
    }

    const ALL: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";

    #[test]
    fn every_column_knows_its_name() {
        for (at, (column, name)) in COLUMNS.into_iter().enumerate() {
            assert_eq!((column as usize, column.as_str()), (at, name));
        }
    }

    #[test]
    fn order_case_blanks_and_quotes_are_free() {
        let text =
            " Total_Fees_USD ,\"ORDER_ID\",note,symbol,side,size,price,order_time,,Note,note";
        let header = header_of(text).unwrap();
        assert_eq!(header.place(Column::TotalFeesUsd), Some(0));
        assert_eq!(header.place(Column::OrderId), Some(1));
        assert_eq!(header.place(Column::Account), None);
        assert_eq!(header.unknown, ["note", "column 9", "Note"]);
        assert_eq!(header.cells(), 11);
    }

    #[test]
    fn bad_headers_are_refused_by_reason() {
        let cases = [
            (
                "A-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0".into(),
                "1: the file begins with \"A-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0\", \
                 expected a header",
            ),
            (
                "\norder_id,pair,side,qty,price,order_time".into(),
                "2: the header lacks \"symbol\", \"size\", \"total_fees_usd\", it has \
                 \"order_id\", \"pair\", \"side\", \"qty\", \"price\", \"order_time\"",
            ),
            (
                format!("{ALL},Side"),
                "1: the header has the column \"side\" twice, expected it once",
            ),
            (
                format!("\"{ALL}\nA-1,BTC-USD"),
                "1: the header has a quote that is not closed, expected column names",
            ),
        ];
        for (text, expected) in cases {
            let error = header_of(&text).unwrap_err();
            let message = format!("{}: {error}", error.line().unwrap());
            assert_eq!(message, expected);
        }
    }
}
