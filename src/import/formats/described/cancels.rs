//! Rows of a described format that cancel a trade.

use std::borrow::Cow;
use std::collections::BTreeSet;

use csv::StringRecord;

use super::Described;
use crate::import::cancels::Cancellation;
use crate::import::formats::layout::Layout;
use crate::import::formats::made_texts::{GluedUnits, PlacedPart, cell, placed, says};
use crate::import::formats::{Record, RowOutcome};
use crate::import::reading::Reading;

/// Texts for no id.
const NO_IDS: [&str; 2] = ["", "0"];

/// The columns of rows that cancel a trade.
#[derive(Debug)]
pub(super) struct CancelsTable {
    layout: &'static Layout,
    /// Places of columns, and the words in them that say so.
    words: Vec<(usize, &'static BTreeSet<String>)>,
    side: Option<Vec<PlacedPart>>,
    of: Option<Vec<PlacedPart>>,
}

impl CancelsTable {
    /// Finds the columns of a layout. `None`: its rows cancel nothing.
    pub(super) fn of(
        layout: &'static Layout,
        place: impl Fn(&str) -> Option<usize> + Copy,
        before: &[StringRecord],
    ) -> Option<Self> {
        let table = layout.cancelled.as_ref()?;
        let words = table.rows.iter();
        let of = table.of.as_deref();
        Some(Self {
            layout,
            words: words
                .filter_map(|(column, words)| Some((place(column)?, words)))
                .collect(),
            side: placed(&table.side, place, before),
            of: of.and_then(|of| placed(of, place, before)),
        })
    }

    /// Tells whether a column says that the row cancels a trade.
    pub(super) fn has_word_at(&self, at: usize, cells: &StringRecord) -> bool {
        let mut words = self.words.iter().filter(|(place, _)| *place == at);
        words.any(|(place, words)| {
            let mut parts = cell(cells, *place).split([';', ',']);
            parts.any(|part| words.contains(part.trim()))
        })
    }

    /// Tells whether a row cancels a trade.
    pub(super) fn are(&self, cells: &StringRecord) -> bool {
        let mut places = self.words.iter().map(|(place, _)| *place);
        places.any(|place| self.has_word_at(place, cells))
    }

    fn text(&self, parts: Option<&Vec<PlacedPart>>, cells: &StringRecord) -> Option<String> {
        let parts = parts.filter(|parts| says(parts, cells, self.layout.none.as_deref()))?;
        let units = GluedUnits {
            layout: self.layout,
            symbol: "",
            base: "",
            quote: "",
        };
        units.joined(parts, cells).map(Cow::into_owned)
    }
}

impl Described {
    /// Reads a row that cancels a trade.
    pub(super) fn cancellation(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
    ) -> RowOutcome {
        let Some(table) = &self.cancels else {
            return RowOutcome::Ignored("");
        };
        let side = table.text(table.side.as_ref(), record.cells);
        let of = table.text(table.of.as_ref(), record.cells);
        match self.trade(record, Some(side.unwrap_or_default()), reading) {
            Ok(trade) => RowOutcome::Cancellation(Box::new(Cancellation {
                line: record.row.line,
                text: record.row.text.to_owned(),
                trade,
                of: of.filter(|of| !NO_IDS.contains(&of.as_str())),
            })),
            // Without the row, the trade that it cancels would count.
            Err(mut rejected) => {
                rejected.takes_back = true;
                RowOutcome::Rejected(rejected)
            }
        }
    }
}
