//! Checks ignored columns that name a currency: a file in another currency is refused.
//!
//! Prices and fees are read as US dollars. If the name of an ignored column says that it names a
//! currency, each row must say dollars. Otherwise the import refuses the file.

use std::collections::BTreeMap;

use csv::StringRecord;

use super::ImportOptions;
use super::error::FileError;
use super::rows::RowReader;
use crate::engine::policy::USD;
use crate::engine::{CodeKind, kind_of_code, may_name_currency};

/// Letters of the code of a currency.
const CODE_LETTERS: usize = 3;

/// A column that may name a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CurrencyColumn {
    place: usize,
    /// The name, as the header has it.
    name: String,
    /// The name does not say "currency", so a number in the column names none.
    is_unit: bool,
}

impl CurrencyColumn {
    /// Tells whether the column has this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

/// Finds the ignored columns that may name a currency.
pub(super) fn currency_columns<'n>(
    names: impl IntoIterator<Item = &'n String>,
    is_unread: impl Fn(&str) -> bool,
) -> Vec<CurrencyColumn> {
    let mut columns = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let folded = name.trim().to_lowercase();
        let names_currency = folded.contains("currency") || folded.contains("ccy");
        let may_name = may_name_currency(&folded);
        // Not the unit in "community".
        let is_unit = folded.replace("unity", "").contains("unit");
        if is_unread(&folded) && (may_name || is_unit) {
            columns.push(CurrencyColumn {
                place,
                name: name.trim().to_owned(),
                is_unit: !names_currency,
            });
        }
    }
    columns
}

/// Checks that a row is in dollars. Errors: a column names something else.
pub(super) fn check_currency<'r>(
    columns: &[CurrencyColumn],
    cell: impl Fn(usize) -> &'r str,
    line: u64,
    options: &ImportOptions,
) -> Result<(), FileError> {
    for column in columns {
        if options.columns.is_ignored(&column.name) {
            continue;
        }
        let found = cell(column.place).trim();
        let is_number = |text: &str| text.bytes().all(|byte| b"0123456789.,".contains(&byte));
        let found_code = found.to_ascii_uppercase();
        let is_dollar = found_code == USD || options.assets.usd_quotes.contains(&found_code);
        let is_count = column.is_unit && is_number(found);
        if !(found.is_empty() || is_dollar || is_count) {
            return Err(FileError::OtherCurrency {
                line,
                column: column.name.clone(),
                found: found.to_owned(),
            });
        }
    }
    Ok(())
}

/// Finds an unused column in which each cell is the code of a currency, and not all are dollars.
/// Returns line, place and text of the first other one.
pub(super) fn unread_currency(
    rows: &mut RowReader<'_>,
    places: &[usize],
    header_line: u64,
) -> Result<Option<(u64, usize, String)>, FileError> {
    // Of each column, the first cell with another currency.
    let mut open: BTreeMap<usize, Option<(u64, String)>> =
        places.iter().map(|place| (*place, None)).collect();
    let mut cells = StringRecord::new();
    while !open.is_empty()
        && let Some(row) = rows.read(&mut cells)?
    {
        if row.fault.is_some() || row.line <= header_line {
            continue;
        }
        open.retain(|place, other| {
            let cell = cells.get(*place).unwrap_or_default().trim();
            let is_code = cell.len() == CODE_LETTERS
                && kind_of_code(&cell.to_ascii_uppercase()) == Some(CodeKind::Currency);
            if is_code && other.is_none() && !cell.eq_ignore_ascii_case(USD) {
                *other = Some((row.line, cell.to_owned()));
            }
            cell.is_empty() || is_code
        });
    }
    let mut found = open.into_iter();
    Ok(found.find_map(|(place, other)| other.map(|(line, found)| (line, place, found))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_which_columns_count() {
        let names = [
            "Fee Currency",
            "price_ccy",
            "size unit",
            "Units",
            "community",
            "opportunity",
            "note",
            "CurrencyPrimary",
            "read_currency",
            "quote_asset",
            "feeCoin",
        ];
        let names = names.map(str::to_owned);
        let found = currency_columns(&names, |name| name != "read_currency");
        let found: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
        let expected = [
            "Fee Currency",
            "price_ccy",
            "size unit",
            "Units",
            "CurrencyPrimary",
            "quote_asset",
            "feeCoin",
        ];
        assert_eq!(found, expected);
    }
}
