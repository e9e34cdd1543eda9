//! Reads the rows of a format that a layout describes.
//!
//! A foreign row becomes the cells of a native row, and the native reader reads these. A fault
//! names the column of the file, with the text that stands there.

use csv::StringRecord;
use jiff::civil::DateTime;

use super::layout::{
    CellMaking, Generation, LAYOUTS, Layout, MadeText, OrElse, Sign, TemplatePart, Zone, fold,
    native_column, parts,
};
use super::shape::shape_fault;
use super::{HeaderRow, Record, RowFormat, RowOutcome};
use crate::engine::{Instrument, LedgerTrade, Side, Symbol, UnknownInstrument};
use crate::import::bounds;
use crate::import::cells::TradeReader;
use crate::import::columns::{COLUMNS, Column};
use crate::import::error::FileError;
use crate::import::header::Header;
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
    /// Places of columns that must be zero, and why.
    refused: Vec<(usize, &'static str)>,
    /// The header of the native row.
    native: Header,
}

/// A native column of a file: the parts of its text, and what is done with it.
#[derive(Debug)]
struct MadeOf {
    column: Column,
    parts: Vec<PlacedPart>,
    change: Option<&'static MadeText>,
}

#[derive(Debug)]
enum PlacedPart {
    Text(String),
    Cell(usize),
}

/// The columns in which a row differs from a header.
#[derive(Debug)]
struct Differences {
    shared: usize,
    missing: Vec<String>,
    unseen: Vec<String>,
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
        Self {
            shared: shared.len(),
            missing: missing.into_iter().cloned().collect(),
            unseen: unseen.map(|name| name.trim().to_owned()).collect(),
        }
    }

    fn are_none(&self) -> bool {
        self.missing.is_empty() && self.unseen.is_empty()
    }
}

/// A fault of a row, and the native column of the text at fault.
type Faulty = (Column, Fault);

/// Columns whose texts are numbers.
const NUMBERS: [Column; 7] = [
    Column::Size,
    Column::Price,
    Column::QuoteValue,
    Column::UsdValue,
    Column::FeeAmount,
    Column::FeeUsdValue,
    Column::TotalFeesUsd,
];

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
        Some(FileError::NearFormat {
            line: header.row.line,
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
            let parts = value
                .templates()
                .iter()
                .find_map(|text| placed(text, place));
            let change = match value {
                CellMaking::Template(_) => None,
                CellMaking::Changed(made) => Some(made),
            };
            Some(MadeOf {
                column,
                parts: parts.unwrap_or_default(),
                change,
            })
        };
        let refused = layout.refused.iter();
        let refused = refused.filter_map(|it| Some((place(&it.unless_zero)?, it.why.as_str())));
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
        for (place, why) in &self.refused {
            let found = cells.get(*place).unwrap_or_default().trim_ascii();
            let is_zero = found.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
            if !is_zero {
                let column = self.names.get(*place).map_or("", String::as_str);
                return Err(self.rejected(record, column, found, Fault::new(*why)));
            }
        }
        let mut texts: [String; COLUMNS.len()] = Default::default();
        let faulty = |(column, fault): Faulty| {
            let (name, found) = self.source_of(column, cells);
            self.rejected(record, &name, &found, fault)
        };
        self.fill(&mut texts, cells);
        self.name_fee(&mut texts, reading).map_err(faulty)?;
        let native: StringRecord = texts.iter().map(String::as_str).collect();
        let header = &self.native;
        let read = TradeReader { header, reading }.read(&native, record.row.line);
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

    /// Fills the texts of the native columns.
    fn fill(&self, texts: &mut [String; COLUMNS.len()], cells: &StringRecord) {
        for made in &self.made {
            if let Some(place) = texts.get_mut(made.column as usize) {
                *place = self.text(made, cells);
            }
        }
        let exchange = texts.get_mut(Column::Exchange as usize);
        if let Some(exchange) = exchange.filter(|text| text.is_empty()) {
            exchange.push_str(&self.layout.exchange);
        }
    }

    fn text(&self, made: &MadeOf, cells: &StringRecord) -> String {
        let text = joined(&made.parts, cells);
        if made.column == Column::OrderTime {
            return time(&text, self.layout);
        }
        let mut text = match NUMBERS.contains(&made.column) {
            true => self.number(&text),
            false => text,
        };
        if let Some(change) = made.change {
            if let Some((word, _)) = change.words.iter().find(|(_, words)| words.contains(&text)) {
                text = word.clone();
            }
            text = signed(text, change.sign);
        }
        text
    }

    /// Takes the dress off a number that the source always writes.
    fn number(&self, text: &str) -> String {
        let dress = &self.layout.numbers;
        if dress.none.as_deref() == Some(text) {
            return String::new();
        }
        match dress.thousands {
            true => text.replace(',', ""),
            false => text.to_owned(),
        }
    }

    /// Checks that the symbol is a pair, and names the asset of a fee that the file does not name.
    ///
    /// A venue of pairs has no tickers: what no rule splits is not a share in dollars.
    fn name_fee(
        &self,
        texts: &mut [String; COLUMNS.len()],
        reading: &Reading<'_>,
    ) -> Result<(), Faulty> {
        let text = |column: Column| texts.get(column as usize).map_or("", String::as_str);
        let pair = match instrument(text, reading) {
            Some(Ok(pair)) if pair.base.as_str() != text(Column::Symbol) => pair,
            // The native reader says what is wrong with the symbol, or with the account.
            None => return Ok(()),
            Some(_) => {
                let fault = Fault::new("expected a pair whose quote is a known currency or coin");
                return Err((Column::Symbol, fault.with_hint(Hint::UnknownPair)));
            }
        };
        let mut made = self
            .made
            .iter()
            .filter(|it| it.column == Column::FeeCurrency);
        let or_else = made.next().and_then(|it| it.change?.or_else);
        let is_buy = text(Column::Side).eq_ignore_ascii_case(Side::Buy.as_str());
        let is_named = !text(Column::FeeCurrency).is_empty();
        let named = match (text(Column::FeeAmount).is_empty(), or_else) {
            (true, _) => String::new(),
            (false, Some(OrElse::Received)) if is_buy && !is_named => pair.base.to_string(),
            (false, Some(_)) if !is_named => pair.quote.to_string(),
            (false, _) => return Ok(()),
        };
        if let Some(currency) = texts.get_mut(Column::FeeCurrency as usize) {
            *currency = named;
        }
        Ok(())
    }

    /// Returns the column of the file, and its text, that a native column is made of.
    fn source_of(&self, column: Column, cells: &StringRecord) -> (String, String) {
        let made = self.made.iter().find(|made| made.column == column);
        let mut places =
            made.into_iter()
                .flat_map(|made| &made.parts)
                .filter_map(|part| match part {
                    PlacedPart::Cell(place) => Some(*place),
                    PlacedPart::Text(_) => None,
                });
        match (places.next(), places.next()) {
            (Some(place), None) => {
                let name = self.names.get(place).cloned().unwrap_or_default();
                (name, cells.get(place).unwrap_or_default().to_owned())
            }
            _ => {
                let text = made
                    .map(|made| joined(&made.parts, cells))
                    .unwrap_or_default();
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
        let id = id
            .map(|made| joined(&made.parts, record.cells))
            .unwrap_or_default();
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
        let names = made.parts.iter().filter_map(|part| match part {
            PlacedPart::Text(text) => Some(text),
            PlacedPart::Cell(place) => self.names.get(*place),
        });
        let name: String = names.map(String::as_str).collect();
        (!name.is_empty()).then_some(name)
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
                    "expected {}, or a {} that is known to be no trade",
                    trades.join(" or "),
                    kinds.column.to_lowercase()
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

/// Returns the parts of a template with their places. `None`: the file lacks one of its columns.
fn placed(template: &str, place: impl Fn(&str) -> Option<usize>) -> Option<Vec<PlacedPart>> {
    let parts = parts(template).unwrap_or_default();
    let placed = parts.into_iter().map(|part| match part {
        TemplatePart::Text(text) => Some(PlacedPart::Text(text)),
        TemplatePart::Cell(name) => place(&name).map(PlacedPart::Cell),
    });
    placed.collect()
}

fn joined(parts: &[PlacedPart], cells: &StringRecord) -> String {
    let part = |part: &PlacedPart| match part {
        PlacedPart::Text(text) => text.clone(),
        PlacedPart::Cell(place) => cells
            .get(*place)
            .unwrap_or_default()
            .trim_ascii()
            .to_owned(),
    };
    parts.iter().map(part).collect()
}

/// Returns a time in the form that the native reader takes.
fn time(text: &str, layout: &Layout) -> String {
    let zone = match layout.zone {
        Zone::Utc => "Z",
        Zone::Stated => "",
    };
    // A parser of patterns takes a second 60 for 59. The native reader refuses it.
    if text.ends_with(":60") || text.contains(":60.") {
        return iso(text, zone);
    }
    for pattern in &layout.times {
        if pattern == "iso" {
            return iso(text, zone);
        }
        if let Ok(time) = DateTime::strptime(pattern, text) {
            return format!("{time}{zone}");
        }
    }
    text.to_owned()
}

/// Completes a time of ISO 8601: ` UTC` is `Z`, and a time without an offset gets that of the zone.
fn iso(text: &str, zone: &str) -> String {
    if let Some(time) = text.strip_suffix(" UTC") {
        return format!("{time}Z");
    }
    let behind_date = text.get(10..).unwrap_or_default();
    match behind_date.contains(['Z', 'z', '+', '-']) || behind_date.is_empty() {
        true => text.to_owned(),
        false => format!("{text}{zone}"),
    }
}

fn signed(text: String, sign: Sign) -> String {
    match (sign, text.strip_prefix('-')) {
        (Sign::Same, _) => text,
        (Sign::Side | Sign::NegativeIsCost, Some(number)) => number.to_owned(),
        (Sign::Side, None) => text,
        (Sign::NegativeIsCost, None) if text.is_empty() => text,
        (Sign::NegativeIsCost, None) => format!("-{text}"),
    }
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
