//! Reads the rows of a described format that are actions: splits, mergers, spin-offs, new names.

use csv::StringRecord;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Record;
use super::layout::{ActionMaking, CellMaking, Layout};
use super::made_ids::made_action_id;
use super::made_texts::{GluedUnits, PlacedPart, cell, placed, says, time_at, with_class};
use super::movements::FaultyRow;
use super::numbers::plain;
use crate::engine::{ActionKind, AssetAction};
use crate::import::actions::{ACTION_COLUMNS, read_action};
use crate::import::reading::Reading;
use crate::import::rejected::Fault;

/// An action of a day counts before all trades of that day.
const DAY_AT: &str = "00:00:00";

/// The kinds of actions, as the header of one file has their columns.
#[derive(Debug)]
pub(super) struct ActionTable {
    layout: &'static Layout,
    kinds: Vec<OneKind>,
}

#[derive(Debug)]
struct OneKind {
    kind: ActionKind,
    /// A column and a text that its cell has, if the row is of this kind.
    has: Option<(usize, &'static str)>,
    /// For each column, the templates whose columns the file has.
    made: Vec<Vec<Vec<PlacedPart>>>,
}

impl ActionTable {
    /// Finds the columns of a layout's actions.
    pub(super) fn of(
        layout: &'static Layout,
        place: impl Fn(&str) -> Option<usize> + Copy,
        before: &[StringRecord],
    ) -> Self {
        let one = |making: &'static ActionMaking| {
            let ways = |name: &&str| -> Vec<Vec<PlacedPart>> {
                let making = making.made.get(*name);
                let templates = making.map(CellMaking::templates).unwrap_or_default().iter();
                let placed = templates.filter_map(|text| placed(text, place, before));
                placed.collect()
            };
            let has = making.column.as_deref().and_then(place);
            Some(OneKind {
                kind: making.kind.parse().ok()?,
                has: has.zip(making.has.as_deref()),
                made: ACTION_COLUMNS.iter().map(ways).collect(),
            })
        };
        Self {
            layout,
            kinds: layout.actions.iter().filter_map(one).collect(),
        }
    }

    /// Reads a row. `None`: no kind of the format has such a row. Errors: the first text at fault.
    pub(super) fn read(
        &self,
        record: &Record<'_, '_>,
        (reading, zone): (&mut Reading<'_>, Option<&TimeZone>),
    ) -> Option<Result<AssetAction, FaultyRow<'_>>> {
        let cells = record.cells;
        let is_of = |one: &&OneKind| match one.has {
            None => true,
            Some((place, text)) => cell(cells, place).contains(text),
        };
        let one = self.kinds.iter().find(is_of)?;
        Some(self.read_kind(one, record, (reading, zone)))
    }

    /// Returns the parts of templates that make numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &PlacedPart> {
        let columns = self
            .kinds
            .iter()
            .flat_map(|one| ACTION_COLUMNS.iter().zip(&one.made));
        let numbers = columns.filter(|(name, _)| matches!(**name, "units" | "basis_share"));
        numbers.flat_map(|(_, ways)| ways.iter().flatten())
    }

    fn read_kind<'t>(
        &'t self,
        one: &'t OneKind,
        record: &Record<'_, '_>,
        (reading, zone): (&mut Reading<'_>, Option<&TimeZone>),
    ) -> Result<AssetAction, FaultyRow<'t>> {
        let cells = record.cells;
        let named = reading.options.timezone.clone();
        let zone = zone.or(named.as_ref());
        let says = |parts: &&Vec<PlacedPart>| says(parts, cells, self.layout.none.as_deref());
        let mut texts: [String; ACTION_COLUMNS.len()] = Default::default();
        for ((name, ways), place) in ACTION_COLUMNS.iter().zip(&one.made).zip(&mut texts) {
            let Some(parts) = ways.iter().find(says) else {
                continue;
            };
            let units = GluedUnits {
                layout: self.layout,
                symbol: "",
                base: "",
                quote: "",
            };
            let text = units.joined(parts, cells).ok_or_else(|| {
                let fault = Fault::new("expected a number");
                (parts.as_slice(), *name, fault)
            })?;
            *place = match *name {
                "happened_at" => {
                    let time = time_at(&text, self.layout, Some(DAY_AT));
                    start_of_day(&time, zone).unwrap_or_else(|| time.into_owned())
                }
                "units" | "basis_share" | "ratio_new" | "ratio_old" => {
                    plain(&text, self.layout.numbers()).into_owned()
                }
                "asset" | "other_asset" if self.layout.tickers => with_class(text).into_owned(),
                _ => text.into_owned(),
            };
        }
        let text = |column: &str| {
            let place = ACTION_COLUMNS.iter().position(|name| *name == column);
            place
                .and_then(|place| texts.get(place))
                .map_or("", String::as_str)
        };
        let source = self.layout.ids.as_deref().unwrap_or(&self.layout.name);
        let place = (self.layout.exchange.as_str(), record.row.line);
        let id = |action: &AssetAction| made_action_id(source, action);
        read_action(one.kind, text, (reading, zone), place, id).map_err(|(column, fault)| {
            let place = ACTION_COLUMNS.iter().position(|name| *name == column);
            let ways = place.and_then(|place| one.made.get(place));
            let way = ways.and_then(|ways| ways.iter().find(says).or(ways.first()));
            (way.map(Vec::as_slice).unwrap_or_default(), column, fault)
        })
    }
}

/// Returns the first instant of a day, as clocks of a zone may skip midnight. `None`: the time is
/// no midnight without an offset, or no zone is known.
fn start_of_day(time: &str, zone: Option<&TimeZone>) -> Option<String> {
    let (day, at) = time.split_once('T')?;
    let day = day.parse::<Date>().ok().filter(|_| at == DAY_AT)?;
    let start = day.to_zoned(zone?.clone()).ok()?;
    Some(start.timestamp().to_string())
}
