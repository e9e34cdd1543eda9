//! A draft of a table for a file that no format recognises, by the names of its columns.
//!
//! A draft says which columns are open. It never guesses what a row is, or a zone. The first rows
//! say the form of times, and the words for buys and sells.

use std::collections::BTreeMap;

use csv::StringRecord;

mod guesses;
mod names;
mod numbers;

use guesses::{RowTexts, TimeForms, all_differ, row_texts, time_forms};
use names::{NAMES, NEEDED, NUMBERS, TIMES_OF_DAY, TOTALS};
use numbers::NumberMarks;

use super::dialects::{by_cells, find_dialect};
use super::own::OwnFormats;
use super::template::fold;
use super::unknown::COLUMNS_MIN;
use super::{ROWS_BEFORE_HEADER_MAX, recognise};
use crate::engine::{Account, AssetRules, Timestamp};
use crate::import::ImportOptions;
use crate::import::bounds;
use crate::import::column_names::ColumnNames;
use crate::import::decimals::Decimals;
use crate::import::documents::document;
use crate::import::encoding::decoded;
use crate::import::error::FileError;
use crate::import::rows::RowReader;

/// Most rows whose cells are looked at.
const ROWS_MAX: usize = 200;

/// Proposes a table for a file, to be pasted into the settings. `name`: of the new format.
///
/// If a format of this program reads the file, the draft is a remark with its name. Errors: the
/// file is no text; no row of it looks like a header; the program knows the file, and takes no such
/// one.
pub fn draft_format(bytes: &[u8], name: &str) -> Result<String, FileError> {
    let text = match document(bytes)? {
        Some(made) => made.text,
        None => decoded(bytes)?.0,
    };
    if let Some(format) = known_format(&text)? {
        return Ok(format!(
            "# The format {format} reads this file. It needs no table.\n"
        ));
    }
    let name = name.to_lowercase();
    let words = name.split(|of: char| !of.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    let mut draft = TradeDraft::of(beginning(&text)?);
    for (ours, names) in NAMES {
        draft.add(ours, names, &name);
    }
    draft.add_id(&name);
    draft.ask();
    draft.add_numbers();
    draft.ask_zone();
    Ok(draft.text(&name))
}

/// Returns the format of this program that reads a file. Errors: the program takes no such file.
fn known_format(text: &str) -> Result<Option<&'static str>, FileError> {
    let options = ImportOptions {
        account_default: Account::default(),
        timezone: None,
        now: Timestamp::EPOCH,
        assets: AssetRules::default(),
        columns: ColumnNames::default(),
        file_name: String::new(),
        format: None,
        own_formats: OwnFormats::default(),
        decimals: Decimals::default(),
        contract_sizes: BTreeMap::new(),
    };
    let dialect = find_dialect(text, &options);
    match recognise(&mut RowReader::of(text, 1, dialect), &options) {
        Ok(found) => Ok(found.map(|(format, _)| format.name())),
        Err(error @ FileError::WrongFile { .. }) => Err(error),
        // The draft says what it makes of the header.
        Err(_) => Ok(None),
    }
}

/// The names of the columns of a file, and its first rows.
#[derive(Debug, Default)]
struct Beginning {
    columns: Vec<String>,
    rows: Vec<StringRecord>,
    /// The import finds decimal commas without a line of the table.
    finds_decimals: bool,
}

impl Beginning {
    /// Returns the first column that has one of the names.
    fn column(&self, names: &[&str]) -> Option<&str> {
        let mut found = names.iter().filter_map(|wanted| {
            let mut columns = self.columns.iter();
            columns.find(|column| fold(column) == *wanted)
        });
        found.next().map(String::as_str)
    }

    /// Returns the cells of a column.
    fn cells<'r>(&'r self, column: &str) -> Vec<&'r str> {
        let place = self.columns.iter().position(|of| of == column);
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(place?).map(str::trim));
        cells.collect()
    }

    /// Returns the column of sides: one with such a name, or one whose cells are sides.
    fn sides(&self, names: &[&str]) -> Option<(&str, RowTexts)> {
        let of = |column| row_texts(self.cells(column).into_iter()).map(|kinds| (column, kinds));
        let named = self.column(names);
        let with_sides = named.and_then(of);
        let other = || self.columns.iter().find_map(|column| of(column.as_str()));
        with_sides
            .or_else(other)
            .or(named.map(|column| (column, RowTexts::default())))
    }
}

/// The lines of the table, and the questions to a person.
#[derive(Debug, Default)]
struct TradeDraft {
    file: Beginning,
    numbers: NumberMarks,
    /// Lines that belong to the format itself.
    head: String,
    /// The tables of kinds of rows.
    rows: String,
    /// The lines of `[trade]`.
    trade: String,
    open: String,
    has_id: bool,
}

impl TradeDraft {
    fn of(file: Beginning) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    fn has(&self, column: &str) -> bool {
        self.trade.lines().any(|line| line.starts_with(column))
    }

    /// Adds a column of ours, if the file has one with such a name.
    fn add(&mut self, ours: &str, names: &[&str], format: &str) {
        if ours == "side" {
            return self.add_side(names, format);
        }
        let Some(theirs) = self.file.column(names).map(str::to_owned) else {
            return self.ask_for(ours);
        };
        match ours {
            "order_time" => self.add_time(&theirs),
            _ => {
                self.has_id |= ours == "order_id";
                let made = match ours {
                    "size" | "price" | "fee_amount" => self.number(ours, &theirs),
                    _ => format!("{{{theirs}}}"),
                };
                self.trade += &format!("{ours} = {made:?}\n");
            }
        }
    }

    /// Returns the template of a number: without its unit, and with our sign.
    fn number(&mut self, ours: &str, theirs: &str) -> String {
        let column = self.numbers.look_at(&self.file.cells(theirs));
        let mut filters = String::new();
        if column.have_units {
            filters += "|number";
        }
        match (ours, column.are_negative, column.are_positive) {
            ("size", true, _) => filters += "|abs",
            ("fee_amount", true, false) => {
                filters += "|turned";
                self.open += &format!(
                    "# open: are the negative numbers of {theirs:?} costs? If they are rebates, \
                     remove |turned\n"
                );
            }
            ("fee_amount", true, true) => {
                self.open += &format!(
                    "# open: {theirs:?} has both signs: is a cost above zero? If not, write \
                     {{{theirs}|turned}}\n"
                );
            }
            _ => {}
        }
        format!("{{{theirs}{filters}}}")
    }

    /// Adds the marks of numbers, also those of a total.
    fn add_numbers(&mut self) {
        if let Some(total) = self.file.column(&TOTALS).map(str::to_owned) {
            self.numbers.look_at(&self.file.cells(&total));
        }
        let lines = std::mem::take(&mut self.numbers).lines(self.file.finds_decimals);
        self.head += &lines.head;
        self.open += &lines.open;
    }

    /// Returns the side that the sign of the size says. `None`: no size is below zero.
    fn side_of_sign(&self) -> Option<String> {
        let mut names = NAMES.iter().filter(|(ours, _)| *ours == "size");
        let column = self.file.column(names.next()?.1)?;
        let numbers = NumberMarks::default().look_at(&self.file.cells(column));
        let unit = if numbers.have_units { "|number" } else { "" };
        numbers
            .are_negative
            .then(|| format!("{{{column}{unit}|side}}"))
    }

    fn ask_for(&mut self, ours: &str) {
        if NEEDED.contains(&ours) {
            self.open += &format!("# open: which column is {ours}?\n");
            self.trade += &format!("# {ours} = \"{{}}\"\n");
        }
    }

    /// Adds the side, the words of the source for it, and the kinds of rows that have none.
    fn add_side(&mut self, names: &[&str], format: &str) {
        let Some((column, kinds)) = self.file.sides(names) else {
            match self.side_of_sign() {
                Some(made) => self.trade += &format!("side = {made:?}\n"),
                None => self.ask_for("side"),
            }
            return;
        };
        let (column, made) = (column.to_owned(), format!("{{{column}}}"));
        if kinds == RowTexts::default() {
            self.open += &format!(
                "# open: are sides buy and sell? If not: side = {{ from = [{made:?}], words = {{ \
                 Kauf = \"buy\" }} }}\n"
            );
        }
        let words = kinds.words.iter();
        let words: Vec<String> = words
            .map(|(theirs, ours)| format!("{theirs:?} = {ours:?}"))
            .collect();
        self.trade += &match words.is_empty() {
            true => format!("side = {made:?}\n"),
            false => format!(
                "side = {{ from = [{made:?}], words = {{ {} }} }}\n",
                words.join(", ")
            ),
        };
        if kinds.others.is_empty() {
            return;
        }
        let others: Vec<String> = kinds.others.iter().map(|of| format!("{of:?}")).collect();
        self.open += &format!(
            "# open: are rows with the {column} {} trades? If not, remove the # before ignored\n",
            others.join(", ")
        );
        self.rows = format!(
            "[[formats.{format}.rows]]\ncolumn = {column:?}\ntrades = {:?}\n# ignored = {:?}\n\n",
            kinds.sides, kinds.others
        );
    }

    /// Adds the time, with the form that all cells have.
    fn add_time(&mut self, theirs: &str) {
        let is_day = |cells: &[&str]| !cells.iter().any(|cell| cell.contains(':'));
        let day_names = ["date", "day", "trade date", "datum"];
        let made = match fold(theirs).as_str() {
            of if TIMES_OF_DAY.contains(&of) => match self.file.column(&day_names) {
                Some(day) if day != theirs => format!("{{{day}}} {{{theirs}}}"),
                _ => format!("{{{theirs}}}"),
            },
            of if day_names.contains(&of) && is_day(&self.file.cells(theirs)) => {
                match self.file.column(&TIMES_OF_DAY) {
                    Some(time) => format!("{{{theirs}}} {{{time}}}"),
                    None => format!("{{{theirs}}}"),
                }
            }
            _ => format!("{{{theirs}}}"),
        };
        self.trade += &format!("order_time = {made:?}\n");
        let columns = self.file.columns.iter();
        let mut used: Vec<&String> = columns
            .filter(|column| made.contains(&format!("{{{column}}}")))
            .collect();
        used.sort_by_key(|column| made.find(&format!("{{{column}}}")));
        let cells: Vec<Vec<&str>> = used.iter().map(|column| self.file.cells(column)).collect();
        let rows = cells.first().map_or(0, Vec::len);
        let times = (0..rows).map(|row| {
            let parts: Vec<&str> = cells.iter().filter_map(|of| of.get(row).copied()).collect();
            parts.join(" ")
        });
        let times: Vec<String> = times.filter(|text| !text.trim().is_empty()).collect();
        self.add_forms(&time_forms(&times));
    }

    fn add_forms(&mut self, forms: &TimeForms) {
        let (patterns, is_day) = match forms {
            TimeForms::Ours => return,
            TimeForms::Unknown(text) => {
                self.open += &format!(
                    "# open: times look like {text:?}: which form is it? For 31.12.2025 10:00:00 \
                     it is times = [\"%d.%m.%Y %H:%M:%S\"]\n"
                );
                return;
            }
            TimeForms::Patterns(patterns) => (patterns, false),
            TimeForms::Days(patterns) => (patterns, true),
        };
        if is_day {
            self.open +=
                "# open: times are days: all trades of a day are at noon. Is that right?\n";
            self.head += "day_at = \"12:00:00\"\n";
        }
        if let [pattern] = &patterns[..] {
            self.head += &format!("times = [{pattern:?}]\n");
            return;
        }
        self.open += "# open: which form have the times, %m the month and %d the day? Remove one \
                      of the #\n";
        for pattern in patterns {
            self.head += &format!("# times = [{pattern:?}]\n");
        }
    }

    /// Adds a number of orders as the id, if no row has that of another one.
    fn add_id(&mut self, format: &str) {
        if self.has_id {
            return;
        }
        let number = self.file.column(&NUMBERS).map(str::to_owned);
        match number.filter(|column| all_differ(&self.file.cells(column))) {
            Some(column) => {
                let made = format!("{{{column}}}");
                self.open += &format!(
                    "# open: has each execution a {column:?} of its own? If not, replace order_id \
                     by ids = {format:?} below exchange\n"
                );
                self.trade.insert_str(0, &format!("order_id = {made:?}\n"));
            }
            None => {
                self.open += "# open: no column looks like the id of an execution, so the import \
                              makes ids\n";
                self.head += &format!("ids = {format:?}\n");
            }
        }
    }

    /// Asks about totals and currencies. Money is no dollars by default.
    fn ask(&mut self) {
        if let Some(total) = self.file.column(&TOTALS) {
            self.open += &format!(
                "# open: does {total:?} include the fee? If not, add quote_value = {:?}\n",
                format!("{{{total}}}")
            );
        }
        let has_quote = self.has("quote_currency");
        if self.has("fee_amount") && !self.has("fee_currency") {
            self.ask_fee_currency();
        }
        self.open += "# open: are symbols tickers of shares or funds? If so, add tickers = true \
                      below exchange\n";
        let currency = self.numbers.currency().filter(|_| !has_quote);
        if let Some(code) = currency {
            self.open += &format!("# open: numbers have the sign of {code}: are prices in it?\n");
            self.trade += &format!("quote_currency = {code:?}\n");
        } else if !has_quote {
            self.open += "# open: which currency are prices in? If neither dollars nor that of the \
                          symbols, add quote_currency = \"EUR\" below price\n";
        }
    }

    /// Adds the currency of fees: that beside each fee, or that of the prices.
    fn ask_fee_currency(&mut self) {
        let fees = NAMES.iter().find(|(ours, _)| *ours == "fee_amount");
        let column = fees.and_then(|(_, names)| self.file.column(names));
        let has_unit = |column: &&str| {
            let numbers = NumberMarks::default().look_at(&self.file.cells(column));
            numbers.have_units
        };
        if let Some(column) = column.filter(has_unit) {
            let made = format!("{{{column}|unit}}");
            self.trade += &format!("fee_currency = {made:?}\n");
            return;
        }
        let named = self.file.column(&["currency", "ccy", "währung"]);
        let (why, fee) = match (named, self.numbers.currency()) {
            (Some(currency), _) => (
                "are fees in the currency of the prices?",
                format!("fee_currency = \"{{{currency}}}\""),
            ),
            (None, Some(code)) => (
                "are fees in the currency of that sign?",
                format!("fee_currency = {code:?}"),
            ),
            (None, None) => (
                "which currency are fees in? Write it into fee_currency below, without the #",
                "# fee_currency = \"USD\"".to_owned(),
            ),
        };
        self.open += &format!("# open: {why}\n");
        self.trade += &format!("{fee}\n");
    }

    fn ask_zone(&mut self) {
        self.open += "# open: are times in UTC? If not, add zone = \"Europe/Berlin\" below \
                      exchange\n";
    }

    /// Returns the table.
    fn text(self, name: &str) -> String {
        let Self {
            file,
            head,
            rows,
            trade,
            mut open,
            ..
        } = self;
        if rows.is_empty() {
            open += &format!("# open: is each row a trade? If not, add [[formats.{name}.rows]]\n");
        }
        let listed = file.columns.iter();
        let listed: String = listed.map(|column| format!("    {column:?},\n")).collect();
        format!(
            "# A draft for your settings: check each line. docs/FORMATS.md explains the keys.\n\
             {open}[formats.{name}]\nexchange = {name:?}\n{head}\n\
             [[formats.{name}.headers]]\ncolumns = [\n{listed}]\n\n{rows}\
             [formats.{name}.trade]\n{trade}"
        )
    }
}

/// Finds the first row that looks like a header: several names, and no number. Errors: no row does.
fn beginning(text: &str) -> Result<Beginning, FileError> {
    let dialect = by_cells(text);
    let (mut rows, mut cells) = (RowReader::of(text, 1, dialect), StringRecord::new());
    let mut why_not = FileError::Empty;
    for _ in 0..=ROWS_BEFORE_HEADER_MAX {
        let Some(row) = rows.read(&mut cells)? else {
            break;
        };
        let names: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        let named = names.iter().filter(|name| !name.is_empty()).count();
        let is_value = |name: &String| name.starts_with(|of: char| of.is_ascii_digit());
        if row.fault.is_none() && named >= COLUMNS_MIN && !names.iter().any(is_value) {
            let file = with_rows(names, rows);
            return Ok(Beginning {
                finds_decimals: dialect.has_open_decimals(),
                ..file
            });
        }
        if named > 0 && matches!(why_not, FileError::Empty) {
            why_not = FileError::NoHeader {
                line: row.line,
                found: bounds::kept(row.text),
            };
        }
    }
    Err(why_not)
}

/// Reads the first rows after a header. Rows with another number of cells say nothing.
fn with_rows(columns: Vec<String>, mut rows: RowReader<'_>) -> Beginning {
    let (mut first, mut cells) = (Vec::new(), StringRecord::new());
    while first.len() < ROWS_MAX
        && let Ok(Some(_)) = rows.read(&mut cells)
    {
        if cells.len() == columns.len() {
            first.push(cells.clone());
        }
    }
    Beginning {
        columns,
        rows: first,
        finds_decimals: false,
    }
}

#[cfg(test)]
mod tests;
