//! Reads the rows of a format that a layout describes.
//!
//! A foreign row becomes the cells of a native row, and the native reader reads these. A fault
//! names the column of the file, with the text that stands there.

mod agreement;
mod cancels;
mod currencies;
mod deliveries;
mod facts;
mod fees;
mod kinds;
mod naming;

use std::borrow::Cow;
use std::mem;

use csv::StringRecord;

use self::agreement::Agreements;
use self::cancels::CancelsTable;
use self::currencies::currencies_beside;
use self::kinds::{RowKind, is_option};
use super::actions::ActionTable;
use super::amounts::check_units;
use super::contracts::{check_spot, no_pair};
use super::differences::Differences;
use super::layout::{
    CellMaking, Generation, Layout, MadeText, Refused, RowKinds, native_column, text_of_layout,
};
use super::made_texts::{GluedUnits, PlacedPart, changed, joined, placed, says, time, with_class};
use super::movements::MovementTable;
use super::numbers::plain;
use super::template::{fold, is_named};
use super::zones::{FileZone, zone_of};
use super::{HeaderRow, Record, RowFormat, RowOutcome};
use crate::engine::{Instrument, LedgerTrade, Symbol};
use crate::import::cells::TradeReader;
use crate::import::columns::{COLUMNS, Column};
use crate::import::currency::CurrencyColumn;
use crate::import::error::FileError;
use crate::import::header::Header;
use crate::import::hints::is_rounded_id;
use crate::import::reading::{NamedPair, Reading};
use crate::import::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};

/// A file of a described format, by its header.
#[derive(Debug)]
pub(super) struct Described {
    layout: &'static Layout,
    /// The header of the file, as it is spelled.
    names: Vec<String>,
    /// The same names as folded for comparison.
    folded: Vec<String>,
    made: Vec<MadeOf>,
    /// Places of the columns that say what a row is.
    kinds: Vec<(usize, &'static RowKinds)>,
    /// Places of columns that refuse some rows.
    refused: Vec<(usize, &'static Refused)>,
    /// The zone of times without an offset.
    zone: FileZone,
    /// Columns that have to agree with a trade.
    agreements: Agreements,
    /// The table is that of a person, not of this program.
    is_own: bool,
    /// The columns of movements.
    movements: MovementTable,
    /// The columns of actions.
    actions: ActionTable,
    /// The columns of rows that cancel a trade.
    cancels: Option<CancelsTable>,
    /// Columns of a person's own table that may say that prices are not in dollars.
    currencies: Vec<CurrencyColumn>,
    /// The header of the native row.
    native: Header,
}

/// A native column of a file: the parts of its text, and what is done with it.
#[derive(Debug)]
struct MadeOf {
    column: Column,
    /// The templates whose columns the file has. The first that says something counts.
    ways: Vec<Vec<PlacedPart>>,
    change: Option<&'static MadeText>,
}

/// The texts of the native columns of a row: cells of the file, if they need no change.
type Texts<'r> = [Cow<'r, str>; COLUMNS.len()];

/// A fault of a row, and the native column of the text at fault.
type Faulty = (Column, Fault);

impl Described {
    /// Returns each layout that has the row as a header.
    pub(super) fn all(header: &HeaderRow<'_>) -> Vec<Self> {
        if header.row.fault.is_some() {
            return Vec::new();
        }
        let layouts = header.own.layouts();
        let is_chosen = |it: &&'static Layout| header.format.is_none_or(|name| name == it.name);
        layouts
            .filter(is_chosen)
            .filter_map(|layout| Self::of(layout, header))
            .collect()
    }

    /// Returns the differences of a row from each header of the layouts, with their names.
    pub(super) fn differences(
        header: &HeaderRow<'_>,
    ) -> impl Iterator<Item = (&'static str, Differences)> {
        let is_chosen = |it: &&'static Layout| header.format.is_none_or(|name| name == it.name);
        let layouts = header.own.layouts().filter(is_chosen);
        layouts.flat_map(move |layout| {
            let generations = layout.headers.iter();
            generations.map(move |it| {
                let cells = layout.spelled(header.cells);
                let header = HeaderRow {
                    cells: &cells,
                    ..*header
                };
                (layout.name.as_str(), Differences::of(it, &header))
            })
        })
    }

    /// Finds the columns of a layout. `None`: the row is no header of it. A column that nobody has
    /// seen may change the meaning of the others.
    fn of(layout: &'static Layout, header: &HeaderRow<'_>) -> Option<Self> {
        let as_written = header.cells;
        let cells = layout.spelled(as_written);
        let header = &HeaderRow {
            cells: &cells,
            ..*header
        };
        // A row with fewer cells is no such header, and costs no comparison of names.
        let is_header = |it: &&Generation| {
            cells.len() >= it.columns.len() && Differences::of(it, header).are_none()
        };
        layout.headers.iter().find(is_header)?;
        let names: Vec<String> = as_written.iter().map(str::to_owned).collect();
        let folded: Vec<String> = cells.iter().map(fold).collect();
        let place = |name: &str| {
            let wanted = fold(name);
            folded.iter().position(|other| is_named(&wanted, other))
        };
        let made = |(name, value): (&'static String, &'static CellMaking)| {
            let column = native_column(name)?;
            let ways = value.templates().iter();
            let ways = ways.filter_map(|text| placed(text, place, header.before));
            let change = match value {
                CellMaking::Template(_) => None,
                CellMaking::Changed(made) => Some(made),
            };
            Some(MadeOf {
                column,
                ways: ways.collect(),
                change,
            })
        };
        let refused = layout.refused.iter();
        let refused = refused.filter_map(|it| Some((place(&it.column)?, it)));
        let kinds = layout.rows.iter();
        let kinds = kinds.filter_map(|it| Some((place(&it.column)?, it)));
        let mut made: Vec<MadeOf> = layout.trade.iter().filter_map(made).collect();
        made.sort_by_key(|made| rank(made.column));
        Some(Self {
            layout,
            currencies: currencies_beside(layout, &made, &names),
            made,
            kinds: kinds.collect(),
            refused: refused.collect(),
            agreements: Agreements::of(layout, place, header.before),
            is_own: text_of_layout(&layout.name).is_none(),
            movements: MovementTable::of(layout, place, header.before),
            actions: ActionTable::of(layout, place, header.before),
            cancels: CancelsTable::of(layout, place, header.before),
            zone: zone_of(layout.zone.as_deref(), layout.zone_from, header),
            names,
            folded,
            native: Header::of_all(),
        })
    }

    /// Reads a row that is a trade, or that cancels one: `side` is that of the cancelled trade.
    fn trade(
        &self,
        record: &Record<'_, '_>,
        side: Option<String>,
        reading: &mut Reading<'_>,
    ) -> Result<LedgerTrade, Box<RejectedRow>> {
        let cells = record.cells;
        let mut texts = Texts::default();
        let faulty = |(column, fault): Faulty| {
            let (name, found) = self.source_of(column, cells);
            self.rejected(record, &name, &found, fault)
        };
        self.check_id(cells).map_err(faulty)?;
        self.fill(&mut texts, cells).map_err(faulty)?;
        self.take_money(&mut texts, cells);
        let is_cancellation = side.is_some();
        match side {
            None => {
                self.check_agreement(&texts, cells, &mut || self.quote_kind(&texts, reading))
                    .map_err(faulty)?;
            }
            Some(side) => {
                if let Some(place) = texts.get_mut(Column::Side as usize) {
                    *place = side.into();
                }
            }
        }
        // An id is made of the asset that the file names for a fee.
        let fee_currency = self.layout.ids.is_some();
        let fee_currency = fee_currency.then(|| text_of(&texts, Column::FeeCurrency).to_owned());
        let fee_currency = fee_currency.unwrap_or_default();
        let mut assets = None;
        if let Some(pair) = self.pair(&texts, reading).map_err(faulty)? {
            self.name_fee(&mut texts, pair);
            assets = (!is_cancellation).then(|| [pair.base.clone(), pair.quote.clone()]);
        }
        let mut native = mem::take(&mut reading.made);
        native.clear();
        texts.iter().for_each(|text| native.push_field(text));
        let mut reader = TradeReader {
            header: &self.native,
            zone: self.zone.of(reading.options),
            reading,
        };
        let read = reader.read(&native, record.row.line);
        reader.reading.made = native;
        let read = read.map_err(|bad| {
            let (name, found) = self.source_of(bad.column, cells);
            // What to write instead is meant for the native text.
            let fault = Fault {
                write: None,
                ..bad.fault
            };
            self.rejected(record, &name, &found, fault)
        });
        let read = read.map(|row| self.with_id(row, &fee_currency))?;
        self.check_age(read.trade.order_time).map_err(faulty)?;
        self.check_fee(&read, assets, &reading.options.assets)
            .map_err(faulty)?;
        Ok(read)
    }

    /// Fills the texts of the native columns: the symbol first, then base and quote.
    fn fill<'r>(&self, texts: &mut Texts<'r>, cells: &'r StringRecord) -> Result<(), Faulty> {
        for made in &self.made {
            let text = self.text(made, cells, texts)?;
            if made.column == Column::Symbol && !self.layout.tickers && !self.is_own {
                check_spot(&text).map_err(|fault| (Column::Symbol, fault))?;
            }
            if let Some(place) = texts.get_mut(made.column as usize) {
                *place = text;
            }
        }
        let exchange = texts.get_mut(Column::Exchange as usize);
        if let Some(exchange) = exchange.filter(|text| text.is_empty()) {
            *exchange = Cow::Borrowed(&self.layout.exchange);
        }
        if self.layout.tickers {
            for column in [Column::Symbol, Column::BaseAsset] {
                if let Some(text) = texts.get_mut(column as usize) {
                    *text = with_class(mem::take(text));
                }
            }
        }
        // The trade gets its id once its facts are read.
        if let (Some(source), Some(id)) = (&self.layout.ids, texts.first_mut()) {
            *id = Cow::Borrowed(source);
        }
        self.take_fee_out(texts, cells)
    }

    fn text<'r>(
        &self,
        made: &MadeOf,
        cells: &'r StringRecord,
        texts: &Texts<'_>,
    ) -> Result<Cow<'r, str>, Faulty> {
        let mut ways = made.ways.iter();
        let Some(parts) = ways.find(|parts| self.says(parts, cells)) else {
            return Ok(Cow::default());
        };
        let units = GluedUnits {
            layout: self.layout,
            symbol: text_of(texts, Column::Symbol),
            base: text_of(texts, Column::BaseAsset),
            quote: text_of(texts, Column::QuoteCurrency),
        };
        let text = units.joined(parts, cells).ok_or_else(|| {
            let fault = "expected a number, and after it the base, the quote or a known coin";
            (made.column, Fault::new(fault))
        })?;
        if made.column == Column::Size {
            check_units(parts, cells).map_err(|fault| (Column::Size, fault))?;
        }
        let words = made.change.map(|change| &change.words);
        let text = match words.and_then(|words| words.get(text.as_ref())) {
            Some(word) => Cow::Borrowed(word.as_str()),
            None => text,
        };
        Ok(match made.column {
            Column::OrderTime => changed(text, |text| time(text, self.layout)),
            column if column.is_number() => {
                changed(text, |text| plain(text, self.layout.numbers()))
            }
            _ => text,
        })
    }

    /// Joins the cells of a template as they are. `None`: one of them says nothing.
    fn whole(&self, parts: &[PlacedPart], cells: &StringRecord) -> Option<String> {
        self.says(parts, cells).then(|| joined(parts, cells))
    }

    fn says(&self, parts: &[PlacedPart], cells: &StringRecord) -> bool {
        says(parts, cells, self.layout.none.as_deref())
    }

    /// Finds an id that a spreadsheet cut, in a part of the order id.
    fn check_id(&self, cells: &StringRecord) -> Result<(), Faulty> {
        let made = self
            .made
            .iter()
            .filter(|made| made.column == Column::OrderId);
        let mut parts = made.flat_map(|made| &made.ways).flatten();
        let is_cut = |part: &PlacedPart| match part {
            PlacedPart::Text(_) => false,
            PlacedPart::Cell(place, _) => is_rounded_id(cells.get(*place).unwrap_or_default()),
        };
        match parts.any(is_cut) {
            true => {
                let fault = Fault::new("expected the id of the execution, not a rounded number");
                Err((Column::OrderId, fault.with_hint(Hint::RoundedId)))
            }
            false => Ok(()),
        }
    }

    /// Reads the pair of a row. `None`: symbol or account is no name, as the native reader says.
    ///
    /// A venue of pairs has no tickers: what no rule splits is not a share in dollars.
    fn pair<'p>(
        &self,
        texts: &Texts<'_>,
        reading: &'p mut Reading<'_>,
    ) -> Result<Option<&'p Instrument>, Faulty> {
        let text = |column| text_of(texts, column);
        if self.layout.tickers && is_option(text(Column::Symbol)) {
            let fault = "an option, expected a share or a fund: options are not computed";
            return Err((Column::Symbol, Fault::new(fault)));
        }
        let names = NamedPair {
            account: text(Column::Account),
            symbol: text(Column::Symbol),
            base: text(Column::BaseAsset),
            quote: text(Column::QuoteCurrency),
        };
        let settings = &reading.options.assets.symbols;
        let symbol = || names.symbol.parse::<Symbol>();
        // Without settings, no row pays for the look-up.
        let is_in_settings =
            !settings.is_empty() && symbol().is_ok_and(|symbol| settings.contains_key(&symbol));
        let is_told = is_in_settings || (self.is_own && !names.quote.is_empty());
        match reading.pair(&names) {
            Some(Ok(pair)) if pair.is_pair || is_told || self.layout.tickers => Ok(Some(pair)),
            Some(Err(_)) if self.layout.tickers => Ok(None),
            None => Ok(None),
            Some(_) => Err((Column::Symbol, no_pair(names.symbol))),
        }
    }
}

impl RowFormat for Described {
    fn name(&self) -> &'static str {
        &self.layout.name
    }

    fn name_in_file(&self, native: &str) -> Option<String> {
        let column = native_column(native)?;
        let made = self.made.iter().find(|made| made.column == column)?;
        let parts = made.ways.first().into_iter().flatten();
        let names = parts.filter_map(|part| match part {
            PlacedPart::Text(text) => Some(text),
            PlacedPart::Cell(place, _) => self.names.get(*place),
        });
        let name: String = names.map(String::as_str).collect();
        (!name.is_empty()).then_some(name)
    }

    fn refuses(&self) -> Option<&'static str> {
        self.layout.refuse.as_deref()
    }

    fn in_place_of_trades(&self, ignored: &str) -> Option<&'static str> {
        let place = self.layout.in_place_of_trades.as_ref()?;
        (place.rows.iter().any(|kind| kind == ignored)).then_some(&place.why)
    }

    fn assumes(&self) -> &'static str {
        &self.layout.assumes
    }

    fn makes_ids(&self) -> bool {
        self.layout.ids.is_some()
    }

    /// A row may be far from the trade that it cancels, or from the shares of its option.
    fn is_read_whole(&self) -> bool {
        let mut refused = self.layout.refused.iter();
        self.layout.cancelled.is_some() || refused.any(|it| it.shares.is_some())
    }

    fn number_places(&self) -> Vec<usize> {
        let made = self.made.iter().filter(|made| made.column.is_number());
        let parts = made.flat_map(|made| &made.ways).flatten();
        let parts = parts
            .chain(self.movements.numbers())
            .chain(self.actions.numbers());
        let places = parts.filter_map(|part| match part {
            PlacedPart::Text(_) => None,
            PlacedPart::Cell(place, _) => Some(*place),
        });
        places.chain(self.agreements.numbers()).collect()
    }

    /// The tables of this program were made with files of their sources.
    fn unread_places(&self) -> Vec<usize> {
        if !self.is_own {
            return Vec::new();
        }
        let read = self.layout.columns_read();
        let is_read = |name: &String| read.iter().any(|it| is_named(it, name));
        let names = self.folded.iter().enumerate();
        let unread = names.filter(|(_, name)| !name.is_empty() && !is_read(name));
        unread.map(|(place, _)| place).collect()
    }

    fn column_at(&self, place: usize) -> String {
        let name = self.names.get(place).map_or("", |name| name.trim());
        name.trim_start_matches('\u{feff}').to_owned()
    }

    fn says_decimals(&self) -> bool {
        self.layout.decimal.is_some()
    }

    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError> {
        if let Some(footer) = self.footer(record.cells) {
            each(RowOutcome::Ignored(footer));
            return Ok(());
        }
        if let Some((found, fault)) = self.shape(record) {
            let row = (record.row.line, record.row.text);
            let row = RejectedRow::new(row, ROW_COLUMN, found, fault);
            each(RowOutcome::Rejected(Box::new(row)));
            return Ok(());
        }
        each(match self.kind(record) {
            Err(row) => self.refused_row(row, record, reading),
            Ok(RowKind::Ignored(ignored)) => RowOutcome::Ignored(ignored),
            Ok(RowKind::Movement(kind)) => self.movement(kind, record, reading),
            Ok(RowKind::Action(place)) => self.action(place, record, reading),
            Ok(RowKind::Cancellation) => self.cancellation(record, reading),
            Ok(RowKind::Trade) => {
                self.check_currency(record, reading)?;
                match self.trade(record, None, reading) {
                    Ok(trade) => RowOutcome::Trade(trade),
                    Err(row) => RowOutcome::Rejected(row),
                }
            }
        });
        Ok(())
    }
}

/// Returns the place of a column among those that are made: units need symbol, base and quote.
fn rank(column: Column) -> usize {
    match column {
        Column::Symbol => 0,
        Column::BaseAsset => 1,
        Column::QuoteCurrency => 2,
        _ => 3,
    }
}

fn text_of<'t>(texts: &'t Texts<'_>, column: Column) -> &'t str {
    texts.get(column as usize).map_or("", |text| text)
}

#[cfg(test)]
#[path = "described_tests.rs"]
mod tests;
