//! Names the cell of a described row that a fault is about.

use csv::StringRecord;

use super::{Described, Faulty};
use crate::engine::{LedgerTrade, Timestamp};
use crate::import::bounds;
use crate::import::columns::Column;
use crate::import::formats::made_ids::{fee_text, made_id};
use crate::import::formats::made_texts::{PlacedPart, joined};
use crate::import::formats::{Record, RowFormat};
use crate::import::rejected::{Fault, RejectedRow};
use crate::import::times::check_age;

impl Described {
    /// Gives a trade without an id the one that its facts make.
    pub(super) fn with_id(&self, mut row: LedgerTrade, fee_currency: &str) -> LedgerTrade {
        let source = self.layout.ids.as_deref();
        let fee = fee_text(&row);
        let fee = (fee.as_str(), fee_currency);
        if let Some(id) = source.and_then(|source| made_id(source, &row, fee)) {
            row.trade.order_id = id;
        }
        row
    }

    /// Checks that a time of an export is not before all exports. A person may write down others.
    pub(super) fn check_age(&self, at: Timestamp) -> Result<(), Faulty> {
        match self.is_own {
            true => Ok(()),
            false => check_age(at).map_err(|fault| (Column::OrderTime, fault)),
        }
    }

    /// Returns the column of the file, and its text, that a native column is made of.
    pub(super) fn source_of(&self, column: Column, cells: &StringRecord) -> (String, String) {
        let made = self.made.iter().find(|made| made.column == column);
        let place = match column {
            Column::QuoteValue => self.agreements.money,
            Column::Status => self.agreements.opens,
            Column::UsdValue => self.agreements.basis,
            _ => None,
        };
        if let Some(place) = place.filter(|_| made.is_none()) {
            return self.place_of(&[PlacedPart::Cell(place, Vec::new())], cells, "");
        }
        let way = made.and_then(|made| {
            let says = |parts: &&Vec<PlacedPart>| self.whole(parts, cells).is_some();
            made.ways.iter().find(says).or(made.ways.first())
        });
        let parts = way.map(Vec::as_slice).unwrap_or_default();
        self.place_of(parts, cells, column.as_str())
    }

    /// Returns the one column of a template, and its text; if it has several, `name` and the whole
    /// text.
    pub(super) fn place_of(
        &self,
        parts: &[PlacedPart],
        cells: &StringRecord,
        name: &str,
    ) -> (String, String) {
        let mut places = parts.iter().filter_map(|part| match part {
            PlacedPart::Cell(place, _) => Some(*place),
            PlacedPart::Text(_) => None,
        });
        match (places.next(), places.next()) {
            (Some(place), None) => {
                let name = self.column_at(place);
                (name, cells.get(place).unwrap_or_default().to_owned())
            }
            _ => (name.to_owned(), joined(parts, cells)),
        }
    }

    pub(super) fn rejected(
        &self,
        record: &Record<'_, '_>,
        column: &str,
        found: &str,
        fault: Fault,
    ) -> Box<RejectedRow> {
        let id = self.made.iter().find(|made| made.column == Column::OrderId);
        let id = id.and_then(|made| made.ways.first());
        let id = id.and_then(|parts| self.whole(parts, record.cells));
        let id = id.unwrap_or_default();
        let row = (record.row.line, record.row.text);
        Box::new(RejectedRow {
            order_id: bounds::kept(&id),
            ..RejectedRow::new(row, column, bounds::kept(found), fault)
        })
    }
}
