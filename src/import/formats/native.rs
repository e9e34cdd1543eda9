//! The native format: its columns by name, in any order and letter case; one trade a row.

use csv::StringRecord;

use super::shape::shape_fault;
use super::zones::said_by_person;
use super::{CodedFormat, FormatHeader, HeaderRow, Record, RowFormat, RowOutcome};
use crate::import::ImportOptions;
use crate::import::bounds;
use crate::import::cells::{TradeReader, of_formula};
use crate::import::columns::Column;
use crate::import::currency::check_currency;
use crate::import::error::FileError;
use crate::import::faults::FaultyCell;
use crate::import::header::Header;
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};
use crate::import::rows::Row;
use crate::import::seen::{SeenPlaces, ZoneSource};
use crate::import::taking_back::look_at_whole_row;

/// The name of the format.
pub(in crate::import) const NAME: &str = "native";

/// A file of the native format, by its header.
#[derive(Debug)]
pub(super) struct Native(Header);

impl Native {
    /// Reads a header. Errors: the reason why it has another format.
    pub(super) fn try_new(header: &HeaderRow<'_>) -> Result<Self, FileError> {
        Header::try_new(header.cells, header.row).map(Self)
    }
}

impl CodedFormat for Native {
    /// Only the first row of a file can be its header.
    fn recognises(header: &HeaderRow<'_>) -> Option<Self> {
        let is_first = header.before.is_empty();
        let is_chosen = header.format.is_none_or(|name| name == NAME);
        Self::try_new(header).ok().filter(|_| is_first && is_chosen)
    }
}

impl FormatHeader for Native {
    /// The offsets of times are looked at if a person names a zone, which may not count.
    fn seen_places(&self, options: &ImportOptions) -> SeenPlaces {
        let time = self.0.place(Column::OrderTime);
        let time = time.filter(|_| options.timezone.is_some());
        SeenPlaces {
            accounts: Vec::new(),
            times: time.into_iter().collect(),
        }
    }

    fn zone_said(&self, options: &ImportOptions) -> Option<(String, ZoneSource)> {
        options.timezone.as_ref().map(said_by_person)
    }

    fn width(&self) -> usize {
        self.0.cells()
    }

    fn reads_column(&self, name: &str) -> bool {
        self.0.has(name)
    }
}

impl RowFormat for Native {
    fn name(&self) -> &'static str {
        NAME
    }

    fn unknown_columns(&self) -> &[String] {
        &self.0.unknown
    }

    fn unread_places(&self) -> Vec<usize> {
        self.0.unknown_places()
    }

    fn number_places(&self) -> Vec<usize> {
        let numbers = Column::all().filter(|column| column.is_number());
        numbers.filter_map(|column| self.0.place(column)).collect()
    }

    fn column_at(&self, place: usize) -> String {
        self.0.name_at(place).to_owned()
    }

    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError> {
        let (header, row, cells) = (&self.0, record.row, record.cells);
        let checked = check_row(row, cells, header, record.is_cut);
        if checked.is_ok() {
            let cell = |place| cells.get(place).unwrap_or_default();
            check_currency(&header.currencies, cell, row.line, reading.options)?;
        }
        let read = checked.and_then(|()| {
            let zone = reading.options.timezone.as_ref();
            let mut reader = TradeReader {
                header,
                reading,
                zone,
            };
            let read = reader.read(cells, row.line);
            read.map_err(|bad| rejected_cell(row, cells, header, bad))
        });
        each(match read {
            Ok(trade) => RowOutcome::Trade(trade),
            Err(mut rejected) => {
                look_at_whole_row(&mut rejected, &cells_as_far_as_told(row, cells), header);
                RowOutcome::Rejected(rejected)
            }
        });
        Ok(())
    }
}

/// Returns a row's cells; if its quotes are at fault, the texts between commas.
fn cells_as_far_as_told<'r>(row: &Row<'r>, record: &'r StringRecord) -> Vec<&'r str> {
    match row.fault {
        None => record.iter().collect(),
        Some(_) => row
            .text
            .split(',')
            .map(|cell| cell.trim_matches('"'))
            .collect(),
    }
}

/// Checks a row before its cells: the quotes, the number of cells, and that it is not the header
/// again.
fn check_row(
    row: &Row<'_>,
    record: &StringRecord,
    header: &Header,
    is_cut: bool,
) -> Result<(), Box<RejectedRow>> {
    let (found, fault) = if let Some(fault) = shape_fault(row, record, header.cells(), is_cut) {
        fault
    } else if let Some(place) = header.value_behind(record) {
        let found = format!("has a value in column {}, which has no name", place + 1);
        let fault = Fault::new("expected none").with_hint(Hint::InnerComma);
        (found, fault)
    } else if header.is_repeated_by(record) {
        let fault = Fault::new("expected a trade").with_hint(Hint::SecondHeader);
        ("is the header again".into(), fault)
    } else {
        return Ok(());
    };
    // If cells are missing or shifted, only the first certainly stands in its column.
    let id_is_first = header.place(Column::OrderId) == Some(0) && row.fault.is_none();
    let order_id = record.get(0).filter(|_| id_is_first).unwrap_or_default();
    Err(Box::new(RejectedRow {
        order_id: bounds::kept(order_id),
        ..RejectedRow::new((row.line, row.text), ROW_COLUMN, found, fault)
    }))
}

fn rejected_cell(
    row: &Row<'_>,
    record: &StringRecord,
    header: &Header,
    bad: FaultyCell,
) -> Box<RejectedRow> {
    let order_id = header
        .place(Column::OrderId)
        .and_then(|place| record.get(place));
    let column = bad.column.as_str();
    Box::new(RejectedRow {
        order_id: bounds::kept(of_formula(order_id.unwrap_or_default())),
        ..RejectedRow::new((row.line, row.text), column, bad.found, bad.fault)
    })
}
