//! Reads the rows of a format that a layout describes.
//!
//! A foreign row becomes the cells of a native row, and the native reader reads these. A fault
//! names the column of the file, with the text that stands there.

use csv::StringRecord;

use super::layout::{
    CellMaking, Generation, LAYOUTS, Layout, MadeText, OrElse, Refused, fold, native_column,
};
use super::made_ids::made_id;
use super::made_texts::{PlacedPart, joined, placed, time};
use super::shape::shape_fault;
use super::{HeaderRow, Record, RowFormat, RowOutcome};
use crate::engine::{Instrument, LedgerTrade, Side, Symbol, UnknownInstrument};
use crate::import::bounds;
use crate::import::cells::TradeReader;
use crate::import::columns::{COLUMNS, Column};
use crate::import::error::FileError;
use crate::import::header::Header;
use crate::import::hints::is_rounded_id;
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};

/// A file of a described format, by its header.
#[derive(Debug)]
pub(super) struct Described {
    layout: &'static Layout,
    /// The header of the file, as it is spelled.
    names: Vec<String>,
    made: Vec<MadeOf>,
    /// Place of the column that says what a row is.
    kind: Option<usize>,
    /// Places of columns that refuse some rows.
    refused: Vec<(usize, &'static Refused)>,
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

/// The columns in which a row differs from a header.
#[derive(Debug)]
struct Differences {
    shared: usize,
    missing: Vec<String>,
    unseen: Vec<String>,
    /// A column that comes twice: nobody knows which one counts.
    again: Option<String>,
}

impl Differences {
    fn of(generation: &Generation, header: &HeaderRow<'_>) -> Self {
        let names: Vec<String> = header.cells.iter().map(fold).collect();
        let is_there = |column: &&String| names.contains(&fold(column));
        let (shared, missing): (Vec<&String>, _) = generation.columns.iter().partition(is_there);
        let known = generation.columns.iter().chain(&generation.optional);
        let known: Vec<String> = known.map(|name| fold(name)).collect();
        let is_unseen = |name: &&str| {
            let folded = fold(name);
            !(folded.is_empty() || known.contains(&folded) || header.columns.is_ignored(name))
        };
        let unseen = header.cells.iter().filter(is_unseen);
        let is_again = |(place, name): &(usize, &String)| {
            let before = names.get(..*place).unwrap_or_default();
            !name.is_empty() && before.contains(name)
        };
        let again = names.iter().enumerate().find(is_again);
        Self {
            shared: shared.len(),
            missing: missing.into_iter().cloned().collect(),
            unseen: unseen.map(|name| name.trim().to_owned()).collect(),
            again: again.and_then(|(place, _)| header.cells.get(place).map(str::to_owned)),
        }
    }

    fn are_none(&self) -> bool {
        self.missing.is_empty() && self.unseen.is_empty() && self.again.is_none()
    }
}

/// The texts of the native columns of a row.
type Texts = [String; COLUMNS.len()];

/// A fault of a row, and the native column of the text at fault.
type Faulty = (Column, Fault);

impl Described {
    /// Returns each layout that has the row as a header.
    pub(super) fn all(header: &HeaderRow<'_>) -> Vec<Self> {
        if header.row.fault.is_some() {
            return Vec::new();
        }
        let layouts = LAYOUTS.iter();
        layouts
            .filter_map(|layout| Self::of(layout, header))
            .collect()
    }

    /// Returns the error of a header that has most columns of a layout, but is not one.
    pub(super) fn nearly(header: &HeaderRow<'_>) -> Option<FileError> {
        let generations = |layout: &'static Layout| {
            let generations = layout.headers.iter();
            generations.map(move |it| (layout, Differences::of(it, header)))
        };
        let all = LAYOUTS.iter().flat_map(generations);
        let near = all.filter(|(_, it)| it.shared > it.missing.len() + it.unseen.len());
        let (layout, of) = near.max_by_key(|(_, it)| it.shared)?;
        let line = header.row.line;
        if let Some(column) = of.again {
            return Some(FileError::DuplicateColumn { line, column });
        }
        Some(FileError::NearFormat {
            line,
            format: &layout.name,
            missing: of.missing,
            unseen: of.unseen,
        })
    }

    /// Finds the columns of a layout. `None`: the row is no header of it. A column that nobody has
    /// seen may change the meaning of the others.
    fn of(layout: &'static Layout, header: &HeaderRow<'_>) -> Option<Self> {
        let names: Vec<String> = header.cells.iter().map(str::to_owned).collect();
        let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
        let place = |name: &str| folded.iter().position(|other| *other == fold(name));
        let is_header = |it: &&Generation| Differences::of(it, header).are_none();
        layout.headers.iter().find(is_header)?;
        let made = |(name, value): (&'static String, &'static CellMaking)| {
            let column = native_column(name)?;
            let ways = value.templates().iter();
            let ways = ways.filter_map(|text| placed(text, place));
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
        Some(Self {
            layout,
            names,
            made: layout.trade.iter().filter_map(made).collect(),
            kind: layout.rows.as_ref().and_then(|rows| place(&rows.column)),
            refused: refused.collect(),
            native: Header::of_all(),
        })
    }

    /// Reads a row that is a trade.
    fn trade(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
    ) -> Result<LedgerTrade, Box<RejectedRow>> {
        let cells = record.cells;
        for (place, refused) in &self.refused {
            let found = cells.get(*place).unwrap_or_default().trim_ascii();
            if refused.refuses(found) {
                let column = self.names.get(*place).map_or("", String::as_str);
                let fault = Fault::new(refused.why.as_str());
                return Err(self.rejected(record, column, found, fault));
            }
        }
        let mut texts = Texts::default();
        let faulty = |(column, fault): Faulty| {
            let (name, found) = self.source_of(column, cells);
            self.rejected(record, &name, &found, fault)
        };
        self.check_id(cells).map_err(faulty)?;
        self.fill(&mut texts, cells);
        let fee_currency = text_of(&texts, Column::FeeCurrency).to_owned();
        if let Some(pair) = self.pair(&texts, reading).map_err(faulty)? {
            self.name_fee(&mut texts, &pair);
        }
        let native: StringRecord = texts.iter().map(String::as_str).collect();
        let header = &self.native;
        let read = TradeReader { header, reading }.read(&native, record.row.line);
        let read = read.map(|row| self.with_id(row, &fee_currency));
        read.map_err(|bad| {
            let (name, found) = self.source_of(bad.column, cells);
            // What to write instead is meant for the native text.
            let fault = Fault {
                write: None,
                ..bad.fault
            };
            self.rejected(record, &name, &found, fault)
        })
    }

    /// Gives a trade without an id the one that its facts make.
    fn with_id(&self, mut row: LedgerTrade, fee_currency: &str) -> LedgerTrade {
        let source = self.layout.ids.as_deref();
        if let Some(id) = source.and_then(|source| made_id(source, &row, fee_currency)) {
            row.trade.order_id = id;
        }
        row
    }

    /// Fills the texts of the native columns.
    fn fill(&self, texts: &mut Texts, cells: &StringRecord) {
        for made in &self.made {
            if let Some(place) = texts.get_mut(made.column as usize) {
                *place = self.text(made, cells);
            }
        }
        let exchange = texts.get_mut(Column::Exchange as usize);
        if let Some(exchange) = exchange.filter(|text| text.is_empty()) {
            exchange.push_str(&self.layout.exchange);
        }
        // The trade gets its id once its facts are read.
        if let (Some(source), Some(id)) = (&self.layout.ids, texts.first_mut()) {
            source.clone_into(id);
        }
    }

    fn text(&self, made: &MadeOf, cells: &StringRecord) -> String {
        let mut ways = made
            .ways
            .iter()
            .filter_map(|parts| self.whole(parts, cells));
        let text = ways.next().unwrap_or_default();
        match made.column {
            Column::OrderTime => time(&text, self.layout),
            _ => text,
        }
    }

    /// Joins the parts of a template. `None`: one of its cells says nothing. Half of an id, or of a
    /// pair, is not used.
    fn whole(&self, parts: &[PlacedPart], cells: &StringRecord) -> Option<String> {
        let none = self.layout.none.as_deref();
        let says_nothing = |part: &PlacedPart| match part {
            PlacedPart::Text(_) => false,
            PlacedPart::Cell(place) => {
                let cell = cells.get(*place).unwrap_or_default().trim_ascii();
                cell.is_empty() || none == Some(cell)
            }
        };
        (!parts.iter().any(says_nothing)).then(|| joined(parts, cells))
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
            PlacedPart::Cell(place) => is_rounded_id(cells.get(*place).unwrap_or_default()),
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
    fn pair(&self, texts: &Texts, reading: &Reading<'_>) -> Result<Option<Instrument>, Faulty> {
        match instrument(|column| text_of(texts, column), reading) {
            Some(Ok(pair)) if pair.is_pair => Ok(Some(pair)),
            None => Ok(None),
            Some(_) => {
                let fault = Fault::new("expected a pair whose quote is a known currency or coin");
                Err((Column::Symbol, fault.with_hint(Hint::UnknownPair)))
            }
        }
    }

    /// Names the asset of a fee that the file does not name. A row without a fee names no asset.
    fn name_fee(&self, texts: &mut Texts, pair: &Instrument) {
        let made = self.made.iter();
        let mut made = made.filter(|it| it.column == Column::FeeCurrency);
        let or_else = made.next().and_then(|it| it.change?.or_else);
        let is_buy = text_of(texts, Column::Side).eq_ignore_ascii_case(Side::Buy.as_str());
        let is_named = !text_of(texts, Column::FeeCurrency).is_empty();
        let named = match (text_of(texts, Column::FeeAmount).is_empty(), or_else) {
            (true, _) => String::new(),
            (false, Some(OrElse::Received)) if is_buy && !is_named => pair.base.to_string(),
            (false, Some(_)) if !is_named => pair.quote.to_string(),
            (false, _) => return,
        };
        if let Some(currency) = texts.get_mut(Column::FeeCurrency as usize) {
            *currency = named;
        }
    }

    /// Returns the column of the file, and its text, that a native column is made of.
    fn source_of(&self, column: Column, cells: &StringRecord) -> (String, String) {
        let made = self.made.iter().find(|made| made.column == column);
        let way = made.and_then(|made| {
            let says = |parts: &&Vec<PlacedPart>| self.whole(parts, cells).is_some();
            made.ways.iter().find(says).or(made.ways.first())
        });
        let places = way.into_iter().flatten();
        let mut places = places.filter_map(|part| match part {
            PlacedPart::Cell(place) => Some(*place),
            PlacedPart::Text(_) => None,
        });
        match (places.next(), places.next()) {
            (Some(place), None) => {
                let name = self.names.get(place).cloned().unwrap_or_default();
                (name, cells.get(place).unwrap_or_default().to_owned())
            }
            _ => {
                let text = way.map(|parts| joined(parts, cells)).unwrap_or_default();
                (column.as_str().to_owned(), text)
            }
        }
    }

    fn rejected(
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

    fn is_repeated_by(&self, cells: &StringRecord) -> bool {
        cells
            .iter()
            .map(fold)
            .eq(self.names.iter().map(|name| fold(name)))
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
            PlacedPart::Cell(place) => self.names.get(*place),
        });
        let name: String = names.map(String::as_str).collect();
        (!name.is_empty()).then_some(name)
    }

    fn assumes(&self) -> &'static str {
        &self.layout.assumes
    }

    fn makes_ids(&self) -> bool {
        self.layout.ids.is_some()
    }

    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError> {
        let cells = record.cells;
        let shape = shape_fault(record.row, cells, self.names.len(), record.is_cut);
        let shape = shape.or_else(|| {
            let named = |place: usize| {
                self.names
                    .get(place)
                    .is_some_and(|it| !it.trim().is_empty())
            };
            let mut cells = cells.iter().enumerate();
            let (place, _) = cells.find(|(at, cell)| !named(*at) && !cell.trim().is_empty())?;
            let found = format!("has a value in column {}, which has no name", place + 1);
            Some((
                found,
                Fault::new("expected none").with_hint(Hint::InnerComma),
            ))
        });
        let shape = shape.or_else(|| {
            let fault = Fault::new("expected a trade").with_hint(Hint::SecondHeader);
            self.is_repeated_by(cells)
                .then(|| ("is the header again".to_owned(), fault))
        });
        if let Some((found, fault)) = shape {
            let row = (record.row.line, record.row.text);
            let row = RejectedRow::new(row, ROW_COLUMN, found, fault);
            each(RowOutcome::Rejected(Box::new(row)));
            return Ok(());
        }
        if let (Some(kinds), Some(place)) = (&self.layout.rows, self.kind) {
            let kind = cells.get(place).unwrap_or_default().trim_ascii();
            if let Some(kind) = kinds.ignored.get(kind) {
                each(RowOutcome::Ignored(kind));
                return Ok(());
            }
            if !kinds.trades.contains(kind) {
                let trades: Vec<&str> = kinds.trades.iter().map(String::as_str).collect();
                let reason = format!(
                    "expected {}, or a row that is known to be no trade",
                    trades.join(" or ")
                );
                let row = self.rejected(record, &kinds.column, kind, Fault::new(reason));
                each(RowOutcome::Rejected(row));
                return Ok(());
            }
        }
        each(match self.trade(record, reading) {
            Ok(trade) => RowOutcome::Trade(trade),
            Err(row) => RowOutcome::Rejected(row),
        });
        Ok(())
    }
}

fn text_of(texts: &Texts, column: Column) -> &str {
    texts.get(column as usize).map_or("", String::as_str)
}

/// Reads the symbol of a row. `None`: symbol or account are no names.
fn instrument<'t>(
    text: impl Fn(Column) -> &'t str,
    reading: &Reading<'_>,
) -> Option<Result<Instrument, UnknownInstrument>> {
    let options = reading.options;
    let symbol: Symbol = text(Column::Symbol).parse().ok()?;
    let given = |column| Some(text(column)).filter(|text| !text.is_empty());
    let (base, quote) = (given(Column::BaseAsset), given(Column::QuoteCurrency));
    let account = match given(Column::Account) {
        Some(account) => account.parse().ok()?,
        None => options.account_default.clone(),
    };
    let rules = &options.assets;
    Some(rules.instrument(&account, &symbol, base, quote, None))
}

#[cfg(test)]
#[path = "described_tests.rs"]
mod tests;
