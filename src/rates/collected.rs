//! Collects the rates of a file, and its cells at fault.

use std::collections::BTreeMap;

use super::{RateFile, RateFileError, RateOptions};
use crate::engine::policy::{RATE_WAY, USD};
use crate::engine::{Asset, NumberError, Rate, RateError, RateSource, RateValue, Timestamp};
use crate::import::{ROW_COLUMN, RejectedRow, Table, TableRow};

/// Texts in place of a rate: the source has none for that day.
const NO_RATE: [&str; 4] = ["N/A", "ND", "null", ""];

/// The word for cells of a day that has begun, but whose rate is not final.
const NOT_FINAL: &str = "not final yet";
/// The word for empty cells.
const EMPTY: &str = "empty";

/// The rates of a file, so far.
pub(super) struct Collected<'o> {
    pub(super) options: &'o RateOptions,
    file: RateFile,
}

/// A cell with a rate, or without one.
#[derive(Clone, Copy)]
pub(super) struct RateCell<'c> {
    pub(super) row: &'c TableRow,
    /// Its column.
    pub(super) column: &'c str,
    pub(super) text: &'c str,
    /// Its asset and its currency, as the file spells them.
    pub(super) pair: (&'c Asset, &'c Asset),
    /// The instant that the day or interval begins at. Later than now, it is a fault.
    pub(super) begins: Timestamp,
    /// The instant of publication. Until then, the rate is not final.
    pub(super) at: Timestamp,
}

impl<'o> Collected<'o> {
    pub(super) fn new(kind: RateSource, options: &'o RateOptions) -> Self {
        Self {
            options,
            file: RateFile {
                kind,
                rates: Vec::new(),
                rejected: Vec::new(),
                duplicates: 0,
                skipped: BTreeMap::new(),
                rows: 0,
            },
        }
    }

    pub(super) fn kind(&self) -> RateSource {
        self.file.kind
    }

    /// Returns the next row without a fault; `None`: the file has ended.
    pub(super) fn next_row(
        &mut self,
        table: &mut Table<'_>,
    ) -> Result<Option<TableRow>, RateFileError> {
        while let Some(row) = table.next_row()? {
            self.file.rows += 1;
            match row.fault {
                None => return Ok(Some(row)),
                Some(fault) => self.reject(&row, ROW_COLUMN, fault, "expected rates"),
            }
        }
        Ok(None)
    }

    /// Counts the first row of a file without a header.
    pub(super) fn first_row(&mut self, row: TableRow) -> TableRow {
        self.file.rows += 1;
        row
    }

    /// Reads the spelling of an asset. The settings name it when the rate is used, as aliases may
    /// change after the import. Errors: the text is no name.
    pub(super) fn asset(&self, text: &str) -> Result<Asset, String> {
        text.parse().map_err(|error| format!("which {error}"))
    }

    /// Tells whether two spellings are of one asset.
    pub(super) fn is_one(&self, left: &Asset, right: &Asset) -> bool {
        let name = |asset: &Asset| self.options.rules.asset_named(asset.as_str());
        name(left) == name(right)
    }

    /// Tells whether a rate leads to dollars: one of its two is the dollar or the euro.
    pub(super) fn leads_to_dollars(&self, pair: [&Asset; 2]) -> bool {
        let name = |asset: &&Asset| self.options.rules.asset_named(asset.as_str());
        let mut names = pair.iter().map(name);
        names.any(|name| [USD, RATE_WAY].contains(&name.as_str()))
    }

    /// Reads the currency of a column. Errors: the text is no name, or a currency of an earlier
    /// column.
    pub(super) fn column(
        &self,
        header: &TableRow,
        text: &str,
        earlier: &[(String, Asset)],
    ) -> Result<Asset, RateFileError> {
        let unknown = |_| RateFileError::UnknownKind(header.text.clone());
        let asset = self.asset(text).map_err(unknown)?;
        match earlier.iter().find(|(_, other)| self.is_one(other, &asset)) {
            None => Ok(asset),
            Some((name, _)) => Err(RateFileError::TwoNames {
                line: header.line,
                asset: self.options.rules.asset_named(asset.as_str()),
                names: [name.clone(), text.to_owned()],
            }),
        }
    }

    /// Adds a cell: a rate, none, or a fault.
    pub(super) fn add(&mut self, cell: &RateCell<'_>) {
        let now = self.options.now;
        if cell.begins > now {
            let reason = format!("of a day in the future, expected at most {now}");
            return self.reject(cell.row, cell.column, cell.text, &reason);
        }
        let skipped = match NO_RATE.into_iter().find(|word| *word == cell.text) {
            Some("") => Some(EMPTY),
            Some(word) => Some(word),
            None => (cell.at > now).then_some(NOT_FINAL),
        };
        if let Some(word) = skipped {
            *self.file.skipped.entry(word).or_default() += 1;
            return;
        }
        match cell.text.parse::<RateValue>() {
            Ok(value) => self.file.rates.push(Rate {
                asset: cell.pair.0.clone(),
                currency: cell.pair.1.clone(),
                at: cell.at,
                value,
                source: self.file.kind,
                import_id: 0,
                import_line: cell.row.line,
            }),
            Err(error) => self.reject(cell.row, cell.column, cell.text, expected(&error)),
        }
    }

    /// Counts a column or row that has no rates.
    pub(super) fn skip(&mut self, word: &'static str) {
        *self.file.skipped.entry(word).or_default() += 1;
    }

    pub(super) fn reject(&mut self, row: &TableRow, column: &str, found: &str, reason: &str) {
        self.file.rejected.push(RejectedRow {
            line: row.line,
            order_id: String::new(),
            column: column.to_owned(),
            found: found.to_owned(),
            detail: None,
            reason: reason.to_owned(),
            hint: None,
            write: None,
            takes_back: false,
            text: row.text.clone(),
        });
    }

    /// Returns the file. It keeps the first of equal rates, and rejects the second of two that
    /// differ.
    pub(super) fn file(mut self) -> RateFile {
        let rules = &self.options.rules;
        let mut names: BTreeMap<Asset, Asset> = BTreeMap::new();
        for rate in &self.file.rates {
            for spelling in [&rate.asset, &rate.currency] {
                if !names.contains_key(spelling) {
                    names.insert(spelling.clone(), rules.asset_named(spelling.as_str()));
                }
            }
        }
        let name = |spelling: &Asset| names.get(spelling).cloned();
        let key = |rate: &Rate| (name(&rate.asset), name(&rate.currency), rate.at);
        // A stable sort: of equal keys, the first in the file stays the first.
        self.file.rates.sort_by_cached_key(key);
        let mut kept: Vec<Rate> = Vec::with_capacity(self.file.rates.len());
        for rate in std::mem::take(&mut self.file.rates) {
            match kept.last().filter(|last| key(last) == key(&rate)) {
                None => kept.push(rate),
                Some(last) if last.value == rate.value => self.file.duplicates += 1,
                Some(last) => {
                    let rejected = differs(last, &rate);
                    self.file.rejected.push(rejected);
                }
            }
        }
        self.file.rates = kept;
        self.file.rejected.sort_by_key(|row| row.line);
        self.file
    }
}

/// Rejects the second of two rates for one instant.
fn differs(first: &Rate, second: &Rate) -> RejectedRow {
    let (line, value) = (first.import_line, first.value);
    RejectedRow {
        line: second.import_line,
        order_id: String::new(),
        column: "rate".into(),
        found: second.value.to_string(),
        detail: Some(format!(
            "but line {line} has {value} for {} in {} at {}",
            second.asset, second.currency, second.at
        )),
        reason: "expected one rate for one instant".into(),
        hint: None,
        write: None,
        takes_back: false,
        text: String::new(),
    }
}

fn expected(error: &RateError) -> &'static str {
    match error {
        RateError::Zero => "expected a number above zero, or an empty cell for an unknown rate",
        RateError::Number(NumberError::Negative) => "expected a number above zero without a sign",
        RateError::Number(NumberError::Comma) => "expected a number without commas",
        RateError::Number(NumberError::TooManyDigits(_)) => {
            "expected at most 28 significant digits"
        }
        RateError::Number(NumberError::TooManyDecimals(_)) => "expected at most 28 decimals",
        RateError::Number(NumberError::NotANumber | NumberError::Empty) => "expected a number",
    }
}
