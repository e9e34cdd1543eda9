//! Columns beside a person's own table that say what money the prices are in.

use super::{Described, MadeOf};
use crate::import::columns::Column;
use crate::import::currency::{CurrencyColumn, check_currency, currency_columns};
use crate::import::error::FileError;
use crate::import::formats::Record;
use crate::import::formats::layout::{Layout, text_of_layout};
use crate::import::formats::made_texts::PlacedPart;
use crate::import::formats::template::fold;
use crate::import::reading::Reading;

impl Described {
    /// Checks that no column beside the table says that the prices are not in dollars.
    pub(super) fn check_currency(
        &self,
        record: &Record<'_, '_>,
        reading: &Reading<'_>,
    ) -> Result<(), FileError> {
        let cell = |place| record.cells.get(place).unwrap_or_default();
        let line = record.row.line;
        let checked = check_currency(&self.currencies, cell, line, reading.options);
        checked.map_err(|error| match error {
            FileError::OtherCurrency {
                line,
                column,
                found,
            } => FileError::CurrencyBesideTable {
                line,
                column,
                found,
                format: self.layout.name.clone(),
            },
            other => other,
        })
    }
}

/// Words in the name of a column about the fee alone.
const OF_FEES: [&str; 2] = ["fee", "comm"];

/// Returns the columns of a person's own table that may name a currency, and that it does not read
/// for the price. The tables of this program were made with files of their sources.
pub(super) fn currencies_beside(
    layout: &Layout,
    made: &[MadeOf],
    names: &[String],
) -> Vec<CurrencyColumn> {
    if text_of_layout(&layout.name).is_some() {
        return Vec::new();
    }
    let has_quote = made.iter().any(|it| it.column == Column::QuoteCurrency);
    let is_read = |place: usize, name: &str| {
        let reads = |parts: &PlacedPart| matches!(parts, PlacedPart::Cell(at, _) if *at == place);
        let mut made = made.iter().filter(|it| it.ways.iter().flatten().any(reads));
        made.any(|it| match it.column {
            Column::Symbol | Column::BaseAsset | Column::QuoteCurrency => true,
            // Without a quote, the fee's currency is the one hint at that of the price.
            Column::FeeCurrency => has_quote || OF_FEES.iter().any(|it| name.contains(it)),
            _ => has_quote,
        })
    };
    let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
    currency_columns(names, |name| {
        let place = folded.iter().position(|other| other == name);
        place.is_none_or(|place| !is_read(place, name))
    })
}
