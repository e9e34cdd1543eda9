//! Texts that a layout makes of cells: joined templates, and times.

use std::borrow::Cow;

use csv::StringRecord;
use jiff::civil::{Date, DateTime};

use super::layout::Layout;
use super::numbers::{plain, side, split_unit, turned, way, without_sign};
use super::template::{Filter, TemplatePart, fold, is_named, parts};
use crate::engine::{AssetClass, CodeKind, kind_of_code};
use crate::import::cells::of_formula;

/// A part of a template with its place in the rows of a file.
#[derive(Debug)]
pub(super) enum PlacedPart {
    Text(String),
    Cell(usize, Vec<Filter>),
}

/// Units that may be glued to a number of a row.
pub(super) struct GluedUnits<'r> {
    pub layout: &'r Layout,
    /// The symbol of the row.
    pub symbol: &'r str,
    /// Base and quote, once they are made.
    pub base: &'r str,
    pub quote: &'r str,
}

/// No exchange is older.
const YEAR_MIN: i16 = 1970;

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Digits of a second that a time keeps.
const SECOND_DIGITS: usize = 6;

/// Returns the parts of a template with their places. `None`: the file lacks one of its columns.
pub(super) fn placed(
    template: &str,
    place: impl Fn(&str) -> Option<usize>,
    before: &[StringRecord],
) -> Option<Vec<PlacedPart>> {
    let parts = parts(template).unwrap_or_default();
    let placed = parts.into_iter().map(|part| match part {
        TemplatePart::Text(text) => Some(PlacedPart::Text(text)),
        TemplatePart::Cell(name, filters) => {
            place(&name).map(|place| PlacedPart::Cell(place, filters))
        }
        TemplatePart::Before(label) => after_label(&label, before).map(PlacedPart::Text),
    });
    placed.collect()
}

/// Finds the cell after a label in the rows before a header.
fn after_label(label: &str, before: &[StringRecord]) -> Option<String> {
    let cells = before.iter().find_map(|row| {
        let mut cells = row.iter();
        cells.find(|cell| is_named(label, &fold(cell)))?;
        cells.next()
    });
    cells.map(|cell| cell.trim().to_owned())
}

/// Joins the cells as they are.
pub(super) fn joined(parts: &[PlacedPart], cells: &StringRecord) -> String {
    let part = |part: &PlacedPart| match part {
        PlacedPart::Text(text) => text.clone(),
        PlacedPart::Cell(place, _) => cell(cells, *place).to_owned(),
    };
    parts.iter().map(part).collect()
}

/// Returns a cell without blanks, and without the byte order mark that some files have in cells. A
/// formula `="229"` keeps a spreadsheet from rounding an id: the text inside counts.
pub(super) fn cell(cells: &StringRecord, place: usize) -> &str {
    let cell = cells.get(place).unwrap_or_default();
    if is_bare(cell) {
        return cell;
    }
    let cell = cell.trim_ascii();
    let cell = of_formula(cell).trim_ascii();
    match cell.starts_with(MARK) || cell.ends_with(MARK) {
        true => cell.trim_matches(|of: char| of.is_ascii_whitespace() || of == MARK),
        false => cell,
    }
}

/// Tells whether there is nothing to take off a cell, as is so for most.
fn is_bare(cell: &str) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = cell.as_bytes();
    bytes.first().is_none_or(is_inner) && bytes.last().is_none_or(is_inner)
}

/// Tells whether each cell of a template says something. `none`: a text for no value. Half of an
/// id, or of a pair, is not used.
pub(super) fn says(parts: &[PlacedPart], cells: &StringRecord, none: Option<&str>) -> bool {
    parts.iter().all(|part| match part {
        PlacedPart::Text(_) => true,
        PlacedPart::Cell(place, _) => {
            let cell = cell(cells, *place);
            !cell.is_empty() && none != Some(cell)
        }
    })
}

impl GluedUnits<'_> {
    /// Joins what the parts of a template take of the cells. `None`: a cell has no number with a
    /// unit that fits.
    pub(super) fn joined<'c>(
        &self,
        parts: &[PlacedPart],
        cells: &'c StringRecord,
    ) -> Option<Cow<'c, str>> {
        if let [PlacedPart::Cell(place, filters)] = parts {
            let cell = cell(cells, *place);
            return match filters.is_empty() {
                true => Some(Cow::Borrowed(cell)),
                false => self.filtered(cell, filters).map(Cow::Owned),
            };
        }
        let mut text = String::new();
        for part in parts {
            match part {
                PlacedPart::Text(fixed) => text.push_str(fixed),
                PlacedPart::Cell(place, filters) if filters.is_empty() => {
                    text.push_str(cell(cells, *place));
                }
                PlacedPart::Cell(place, filters) => {
                    text.push_str(&self.filtered(cell(cells, *place), filters)?);
                }
            }
        }
        Some(Cow::Owned(text))
    }

    fn filtered(&self, cell: &str, filters: &[Filter]) -> Option<String> {
        let mut text = cell.to_owned();
        for filter in filters {
            text = match filter {
                Filter::Number => split_unit(&text, |unit| self.fits(unit))?.0.to_owned(),
                Filter::Unit => split_unit(&text, |unit| self.fits(unit))?.1.to_owned(),
                Filter::Abs => without_sign(&plain(&text, self.layout.numbers())),
                Filter::Turned => turned(&plain(&text, self.layout.numbers())),
                Filter::Side => side(&plain(&text, self.layout.numbers())),
                Filter::Way => way(&plain(&text, self.layout.numbers())),
                Filter::Class => class(&text).to_owned(),
                Filter::Given => String::new(),
                Filter::After(before) => match text.rsplit_once(before.as_str()) {
                    Some((_, after)) => after.trim().to_owned(),
                    None => text,
                },
                Filter::Before(behind) => match text.split_once(behind.as_str()) {
                    Some((before, _)) => before.trim().to_owned(),
                    None => text,
                },
            };
        }
        Some(text)
    }

    /// Tells whether a unit may stand after a number of the row. Before base and quote are made,
    /// the symbol begins with the one and ends with the other.
    fn fits(&self, unit: &str) -> bool {
        let is_half = match (self.base.is_empty(), self.quote.is_empty()) {
            (false, false) => unit == self.base || unit == self.quote,
            (true, _) => self.symbol.starts_with(unit) && unit.len() < self.symbol.len(),
            (false, true) => self.symbol.strip_prefix(self.base) == Some(unit),
        };
        let is_half = is_half || unit == self.base && !unit.is_empty();
        is_half || self.layout.units.iter().any(|known| known == unit)
    }
}

/// Changes a text by a function that returns it, or a part of it, if nothing has to change.
pub(super) fn changed<'c>(
    text: Cow<'c, str>,
    change: impl for<'t> Fn(&'t str) -> Cow<'t, str>,
) -> Cow<'c, str> {
    match text {
        Cow::Borrowed(text) => change(text),
        Cow::Owned(text) => Cow::Owned(change(&text).into_owned()),
    }
}

/// Returns a time in the form that the native reader takes.
pub(super) fn time<'t>(text: &'t str, layout: &Layout) -> Cow<'t, str> {
    time_at(text, layout, layout.day_at.as_deref())
}

/// Returns a time; `day_at` is the time of day of a day alone.
pub(super) fn time_at<'t>(text: &'t str, layout: &Layout, day_at: Option<&str>) -> Cow<'t, str> {
    // A parser of patterns takes a second 60 for 59, and a year of two digits for one long ago. The
    // native reader refuses both.
    let has_leap = text.ends_with(":60") || text.contains(":60.");
    for pattern in layout.times.iter().filter(|_| !has_leap) {
        let time = match day_at {
            Some(at) if !pattern.contains("%H") => Date::strptime(pattern, text)
                .ok()
                .map(|day| (day.year(), format!("{day}T{at}"))),
            _ => DateTime::strptime(pattern, text)
                .ok()
                .map(|time| (time.year(), time.to_string())),
        };
        match time {
            Some((year, time)) if year >= YEAR_MIN => return Cow::Owned(time),
            _ => {}
        }
    }
    // A workbook with real dates in place of the source's texts.
    let has_days = layout.times.iter().any(|pattern| !pattern.contains("%H"));
    if let Some(at) = day_at.filter(|_| has_days)
        && let Ok(day) = Date::strptime("%Y-%m-%d", text)
        && day.year() >= YEAR_MIN
    {
        return Cow::Owned(format!("{day}T{at}"));
    }
    if let Some(time) = text.strip_suffix(" UTC") {
        return Cow::Owned(format!("{time}Z"));
    }
    match text.split_once('.').filter(|_| layout.cut_times) {
        Some((second, fraction)) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let kept = fraction
                .get(..digits.min(SECOND_DIGITS))
                .unwrap_or_default();
            let zone = fraction.get(digits..).unwrap_or_default();
            Cow::Owned(format!("{second}.{kept}{zone}"))
        }
        None => Cow::Borrowed(text),
    }
}

/// Returns the class of a symbol of a broker that trades shares and coins.
fn class(symbol: &str) -> &'static str {
    // `BRK/B` is a share of class B.
    if symbol
        .split_once('/')
        .is_some_and(|(_, quote)| quote.len() > 1)
    {
        return AssetClass::Crypto.as_str();
    }
    let base = symbol.strip_suffix("USD").unwrap_or_default();
    match kind_of_code(base) == Some(CodeKind::Coin) {
        true => "",
        false => AssetClass::Security.as_str(),
    }
}

/// Returns a ticker with a point before the class of its shares: `BRK B` and `BRK/B` are `BRK.B`.
pub(super) fn with_class(ticker: Cow<'_, str>) -> Cow<'_, str> {
    let is_letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    match ticker.split_once([' ', '/']) {
        Some((name, class))
            if (1..=CLASS_MAX).contains(&class.len()) && is_letters(name) && is_letters(class) =>
        {
            format!("{name}.{class}").into()
        }
        _ => ticker,
    }
}

/// The longest class of shares: `PRK`, a preferred one.
const CLASS_MAX: usize = 3;
