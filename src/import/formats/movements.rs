//! Reads the rows of a described format that are movements.

use csv::StringRecord;
use jiff::tz::TimeZone;

use super::Record;
use super::layout::{CellMaking, Layout, text_of_layout};
use super::made_ids::made_movement_id;
use super::made_texts::{GluedUnits, PlacedPart, placed, says, time, with_class};
use super::numbers::plain;
use crate::engine::{Movement, MovementKind};
use crate::import::movements::{MOVEMENT_COLUMNS, MovementColumn, read_movement};
use crate::import::reading::Reading;
use crate::import::rejected::Fault;
use crate::import::times::check_age;

/// The columns of a movement, as the header of one file has them.
#[derive(Debug)]
pub(super) struct MovementTable {
    layout: &'static Layout,
    /// For each column, the templates whose columns the file has.
    made: Vec<Vec<Vec<PlacedPart>>>,
}

/// A fault of a row: the parts of the text at fault, the name of its column, and the fault.
pub(super) type FaultyRow<'t> = (&'t [PlacedPart], &'static str, Fault);

impl MovementTable {
    /// Finds the columns of a layout's movements.
    pub(super) fn of(
        layout: &'static Layout,
        place: impl Fn(&str) -> Option<usize> + Copy,
        before: &[StringRecord],
    ) -> Self {
        let ways = |(_, name): &(MovementColumn, &str)| {
            let making = layout.movement.get(*name);
            let templates = making.map(CellMaking::templates).unwrap_or_default().iter();
            templates
                .filter_map(|text| placed(text, place, before))
                .collect()
        };
        Self {
            layout,
            made: MOVEMENT_COLUMNS.iter().map(ways).collect(),
        }
    }

    /// Reads a row. Errors: the first text at fault.
    pub(super) fn read(
        &self,
        kind: MovementKind,
        record: &Record<'_, '_>,
        (reading, zone): (&mut Reading<'_>, Option<&TimeZone>),
    ) -> Result<Movement, FaultyRow<'_>> {
        let cells = record.cells;
        let mut texts: [String; MOVEMENT_COLUMNS.len()] = Default::default();
        for ((column, name), ways) in MOVEMENT_COLUMNS.iter().zip(&self.made) {
            let Some(parts) = ways.iter().find(|parts| self.says(parts, cells)) else {
                continue;
            };
            let asset = texts.get(MovementColumn::Asset as usize);
            let units = GluedUnits {
                layout: self.layout,
                symbol: "",
                base: asset.map_or("", String::as_str),
                quote: "",
            };
            let text = units.joined(parts, cells).ok_or_else(|| {
                let fault = Fault::new("expected a number, and after it the asset");
                (parts.as_slice(), *name, fault)
            })?;
            let text = match column {
                MovementColumn::MovedAt | MovementColumn::SettledAt => {
                    time(&text, self.layout).into_owned()
                }
                column if is_number(*column) => plain(&text, self.layout.numbers()).into_owned(),
                MovementColumn::Asset if self.layout.tickers => with_class(text).into_owned(),
                _ => text.into_owned(),
            };
            if let Some(place) = texts.get_mut(*column as usize) {
                *place = text;
            }
        }
        // The movement gets its id once its facts are read.
        let source = self.layout.ids.as_deref();
        if let (Some(source), Some(id)) =
            (source, texts.get_mut(MovementColumn::MovementId as usize))
        {
            source.clone_into(id);
        }
        let text = |column: MovementColumn| texts.get(column as usize).map_or("", String::as_str);
        let is_own = text_of_layout(&self.layout.name).is_none();
        let kind = by_way(kind, text(MovementColumn::Direction));
        let zone = zone.cloned().or(reading.options.timezone.clone());
        let place = (self.layout.exchange.as_str(), record.row.line);
        let read = read_movement(kind, text, (reading, zone.as_ref()), place);
        let with_id = |mut row: Movement| {
            if let Some(id) = source.and_then(|source| made_movement_id(source, &row)) {
                row.movement_id = id;
            }
            row
        };
        let of_export = |row: Movement| match check_age(row.moved_at) {
            Err(fault) if !is_own => Err((MovementColumn::MovedAt, fault)),
            _ => Ok(row),
        };
        read.and_then(of_export)
            .map(with_id)
            .map_err(|(column, fault)| {
                let ways = self.made.get(column as usize);
                let says = |parts: &&Vec<PlacedPart>| self.says(parts, cells);
                let way = ways.and_then(|ways| ways.iter().find(says).or(ways.first()));
                let name = MOVEMENT_COLUMNS.get(column as usize).map_or("", |it| it.1);
                (way.map(Vec::as_slice).unwrap_or_default(), name, fault)
            })
    }

    /// Tells whether the file has the columns of sizes.
    pub(super) fn has_sizes(&self) -> bool {
        let sizes = self.made.get(MovementColumn::Size as usize);
        sizes.is_some_and(|ways| !ways.is_empty())
    }

    /// Returns the parts of templates that make numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &PlacedPart> {
        let columns = MOVEMENT_COLUMNS.iter().zip(&self.made);
        let numbers = columns.filter(|((column, _), _)| is_number(*column));
        numbers.flat_map(|(_, ways)| ways.iter().flatten())
    }

    fn says(&self, parts: &[PlacedPart], cells: &StringRecord) -> bool {
        says(parts, cells, self.layout.none.as_deref())
    }
}

/// Returns the kind of a movement. A deposit that goes out, or a withdrawal that comes in, gives
/// back another one.
fn by_way(kind: MovementKind, way: &str) -> MovementKind {
    let stated = way.parse().ok();
    let is_fixed = matches!(kind, MovementKind::Deposit | MovementKind::Withdrawal);
    match is_fixed && stated.is_some() && stated != kind.direction() {
        true => MovementKind::Adjustment,
        false => kind,
    }
}

fn is_number(column: MovementColumn) -> bool {
    use MovementColumn::{Fee, Size, UsdValue};
    matches!(column, Size | Fee | UsdValue)
}
