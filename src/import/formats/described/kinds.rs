//! Rows of a described format that are no trades: by their shape, or by the text of a column.

use std::collections::BTreeSet;

use csv::StringRecord;

use super::Described;
use crate::engine::MovementKind;
use crate::import::formats::layout::RowKinds;
use crate::import::formats::made_texts::cell;
use crate::import::formats::shape::table_fault;
use crate::import::formats::{Record, RowOutcome};
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};
use crate::import::taking_back::takes_back;

impl Described {
    /// Returns the name of rows outside the table, if this is one by its first text.
    pub(super) fn footer(&self, cells: &StringRecord) -> Option<&'static str> {
        let mut footers = self.layout.footers.iter();
        let text = cells.iter().map(str::trim).find(|cell| !cell.is_empty())?;
        let is_footer = footers.any(|footer| text.starts_with(footer.as_str()));
        is_footer.then_some("footer")
    }

    /// Finds a fault in the shape of a row.
    pub(super) fn shape(&self, record: &Record<'_, '_>) -> Option<(String, Fault)> {
        table_fault(record.row, record.cells, &self.folded, record.is_cut)
    }

    /// Returns the type of a row. Errors: a row that this program can't match, or of a type that
    /// nobody knows.
    pub(super) fn kind(&self, record: &Record<'_, '_>) -> Result<RowKind, Box<RejectedRow>> {
        let cells = record.cells;
        for (place, refused) in &self.refused {
            let found = cell(cells, *place);
            if refused.refuses(found) {
                let column = self.names.get(*place).map_or("", String::as_str);
                let fault = refused.fault();
                return Err(self.rejected(record, column, found, fault));
            }
        }
        for (place, kinds) in &self.kinds {
            let kind = cell(cells, *place);
            if let Some(kind) = kinds.ignored.get(kind) {
                return Ok(RowKind::Ignored(kind));
            }
            if let Some((name, kind)) = kinds.movement(kind) {
                // Some generations of a header do not say what moved.
                return Ok(match self.movements.has_sizes() {
                    true => RowKind::Movement(kind),
                    false => RowKind::Ignored(name),
                });
            }
            if kinds.actions.contains(kind) {
                return Ok(RowKind::Action(*place));
            }
            let cancels = self.cancels.as_ref();
            let cancels = cancels.is_some_and(|table| table.has_word_at(*place, cells));
            if !cancels && !kinds.trades.contains(kind) {
                let reason = expected(kinds);
                let fault = match takes_back(kind) {
                    true => Fault::new(reason).with_hint(Hint::TakesBack).taking_back(),
                    false => Fault::new(reason).with_hint(Hint::UnknownType),
                };
                return Err(self.rejected(record, &kinds.column, kind, fault));
            }
        }
        let cancels = self.cancels.as_ref().is_some_and(|it| it.are(cells));
        Ok(match cancels {
            true => RowKind::Cancellation,
            false => RowKind::Trade,
        })
    }

    /// Reads a row that is a movement.
    pub(super) fn movement(
        &self,
        kind: MovementKind,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
    ) -> RowOutcome {
        let zone = self.zone.of(reading.options);
        if let Some((name, found, fault)) = self.sum_fault(record.cells) {
            return RowOutcome::Rejected(self.rejected(record, &name, &found, fault));
        }
        match self.movements.read(kind, record, (reading, zone)) {
            Ok(movement) => RowOutcome::Movement(Box::new(movement)),
            Err((parts, name, fault)) => {
                let (name, found) = self.place_of(parts, record.cells, name);
                // What to write instead is meant for the text that was made.
                let fault = Fault {
                    write: None,
                    ..fault
                };
                RowOutcome::Rejected(self.rejected(record, &name, &found, fault))
            }
        }
    }
}

impl Described {
    /// Reads a row that is an action. `place`: the column that says so.
    pub(super) fn action(
        &self,
        place: usize,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
    ) -> RowOutcome {
        let zone = self.zone.of(reading.options);
        if self.cancels.as_ref().is_some_and(|it| it.are(record.cells)) {
            let (found, why) = ("cancels an action", "expected an action that stands");
            let fault = Fault::new(why).with_hint(Hint::TakesBack).taking_back();
            return RowOutcome::Rejected(self.rejected(record, ROW_COLUMN, found, fault));
        }
        let (name, found, fault) = match self.actions.read(record, (reading, zone)) {
            Some(Ok(action)) => return RowOutcome::Action(Box::new(action)),
            Some(Err((parts, name, fault))) => {
                let (name, found) = self.place_of(parts, record.cells, name);
                (name, found, fault)
            }
            None => {
                let name = self.names.get(place).cloned().unwrap_or_default();
                let found = cell(record.cells, place).to_owned();
                let why = "expected no reverse split, spin-off, merger or new name: the row does \
                           not state the new units";
                (name, found, Fault::new(why).with_hint(Hint::StateAction))
            }
        };
        RowOutcome::Rejected(self.rejected(record, &name, &found, fault))
    }
}

/// The type of a row.
pub(super) enum RowKind {
    Trade,
    /// Cancels a trade.
    Cancellation,
    Movement(MovementKind),
    /// An action; has the place of the column that says so.
    Action(usize),
    /// Known to be no trade; has the name of its type.
    Ignored(&'static str),
}

/// Tells whether a symbol is that of an option: a root, six digits of a day, `C` or `P`, and eight
/// digits of a price. Source: the Option Symbology Initiative of the Options Clearing Corporation.
pub(super) fn is_option(symbol: &str) -> bool {
    let root = symbol.len().checked_sub(15);
    let Some((root, rest)) = root.and_then(|at| symbol.split_at_checked(at)) else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let (day, kind, price) = (rest.get(..6), rest.get(6..7), rest.get(7..));
    !root.is_empty()
        && day.is_some_and(|day| day.as_bytes().iter().all(is_digit))
        && matches!(kind, Some("C" | "P"))
        && price.is_some_and(|price| price.as_bytes().iter().all(is_digit))
}

/// Returns the words for the rows that are expected. A table without trades has actions only.
fn expected(kinds: &RowKinds) -> String {
    let words = |named: &BTreeSet<String>| {
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        format!("expected {}", named.join(" or "))
    };
    match kinds.trades.is_empty() {
        true => words(&kinds.actions),
        false => words(&kinds.trades) + ", or another type that the format knows",
    }
}
