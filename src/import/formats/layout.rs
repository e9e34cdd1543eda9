//! Formats that a table describes: which header, which rows, which column is what.
//!
//! A layout turns each cell of a foreign row into the text of a native column. The native reader
//! then reads that text, with all its checks. So a layout can rename, join, clean and translate,
//! and it can't invent. Each layout is a file of this folder; docs/FORMATS.md has the language.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use csv::StringRecord;
use serde::Deserialize;

use super::numbers::{NumberStyle, is_zero};
use super::stated_sum::StatedSum;
use super::template::{TemplatePart, fold, parts};
use super::zones::{self, ZoneFrom};
use crate::engine::{ActionKind, MovementKind};
use crate::import::actions::ACTION_COLUMNS;
use crate::import::columns::{COLUMNS, Column};
use crate::import::movements::MOVEMENT_COLUMNS;
use crate::import::rejected::{Fault, Hint};

/// The layouts of this program, in the order of their names: each file `*.toml` beside this one.
const TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/layouts.rs"));

/// The layouts of this program. A test reads each of them.
pub(super) static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let read = TEXTS.iter();
    read.filter_map(|(name, text)| Layout::try_read(name, text).ok())
        .collect()
});

/// Returns the table of a format of this program.
pub(super) fn text_of_layout(name: &str) -> Option<&'static str> {
    let mut texts = TEXTS.iter();
    texts
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Rows that add up trades, or stand for them. A file that has them and no trade is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InPlaceOfTrades {
    /// The kinds of ignored rows.
    pub rows: Vec<String>,
    /// The error: the kind of the file, and the file to take.
    pub why: String,
}

/// A table that describes a format.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layout {
    /// The name, which is not in the file.
    #[serde(skip)]
    pub name: String,
    /// `exchange` of the trades.
    pub exchange: String,
    /// A fact that the file does not state, and that is taken for granted.
    #[serde(default)]
    pub assumes: String,
    /// The first part of the ids that the import makes, as no row has one.
    #[serde(default)]
    pub ids: Option<String>,
    /// The generations of the header.
    pub headers: Vec<Generation>,
    /// Other names of columns, and the names that the table has for them.
    #[serde(default)]
    pub spellings: BTreeMap<String, String>,
    /// Why the import takes no such file. Then nothing of it is read.
    #[serde(default)]
    pub refuse: Option<String>,
    /// Rows that stand for trades in a file without trades.
    #[serde(default)]
    pub in_place_of_trades: Option<InPlaceOfTrades>,
    /// Symbols are tickers of securities, not pairs.
    #[serde(default)]
    pub tickers: bool,
    /// Forms of a time beside ISO 8601: patterns of strptime.
    #[serde(default)]
    pub times: Vec<String>,
    /// The time of day of a day alone.
    #[serde(default)]
    pub day_at: Option<String>,
    /// Digits after the microsecond are dropped.
    #[serde(default)]
    pub cut_times: bool,
    /// The zone of times without an offset; UTC if the table names no zone.
    #[serde(default)]
    pub zone: Option<String>,
    /// A place that says the offset of these times.
    #[serde(default)]
    pub zone_from: Option<ZoneFrom>,
    /// Marks in numbers: between thousands, signs of currencies, and parentheses for a minus.
    #[serde(default)]
    pub marks: Vec<String>,
    /// The mark before decimals, if it is no point.
    #[serde(default)]
    pub decimal: Option<String>,
    /// Units that may be glued to a number beside base and quote.
    #[serde(default)]
    pub units: Vec<String>,
    /// Beginnings of rows that are no rows of the table.
    #[serde(default)]
    pub footers: Vec<String>,
    /// A text for no value: `--`.
    #[serde(default)]
    pub none: Option<String>,
    /// The columns that say what a row is.
    #[serde(default)]
    pub rows: Vec<RowKinds>,
    /// Rows that this program can't match.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// A column whose number is below zero in a sale, and above zero in a purchase.
    #[serde(default)]
    pub signed: Option<String>,
    /// The money that a trade moved.
    #[serde(default)]
    pub paid: Option<PaidMoney>,
    /// A number that adds up others.
    #[serde(default)]
    pub sum: Option<StatedSum>,
    /// A column with `O` of a trade that opens a position, and `C` of one that closes it.
    #[serde(default)]
    pub opens: Option<String>,
    /// A column with the cost of a trade that opens a position.
    #[serde(default)]
    pub basis: Option<String>,
    /// Rows that cancel a trade of the same file.
    #[serde(default)]
    pub cancelled: Option<Cancels>,
    /// The native columns, and how to make them.
    #[serde(default)]
    pub trade: BTreeMap<String, CellMaking>,
    /// The columns of a movement, and how to make them.
    #[serde(default)]
    pub movement: BTreeMap<String, CellMaking>,
    /// The kinds of actions, and how to make their columns. The first that fits a row counts.
    #[serde(default)]
    pub actions: Vec<ActionMaking>,
}

/// One generation of a header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generation {
    /// All of these are there.
    pub columns: Vec<String>,
    /// These may be there.
    #[serde(default)]
    pub optional: Vec<String>,
}

/// The kinds of rows, by the text of a column. A row of another kind is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowKinds {
    /// The column.
    pub column: String,
    /// Rows that are trades.
    pub trades: BTreeSet<String>,
    /// Rows that are movements, with the kind of each.
    #[serde(default)]
    pub movements: BTreeMap<String, String>,
    /// Rows that are actions, if a kind of `[[actions]]` fits them.
    #[serde(default)]
    pub actions: BTreeSet<String>,
    /// Rows that are known to be no trades.
    #[serde(default)]
    pub ignored: BTreeSet<String>,
}

impl RowKinds {
    /// Returns the text of a row that is a movement, and its kind.
    pub fn movement(&self, row: &str) -> Option<(&str, MovementKind)> {
        let (name, kind) = self.movements.get_key_value(row)?;
        Some((name, kind.parse().ok()?))
    }
}

/// A kind of actions, and how to make their columns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionMaking {
    /// The kind.
    pub kind: String,
    /// A column that says whether a row is of this kind.
    #[serde(default)]
    pub column: Option<String>,
    /// A text that the cell of that column has.
    #[serde(default)]
    pub has: Option<String>,
    /// The columns of the action.
    pub made: BTreeMap<String, CellMaking>,
}

/// Rows that this program can't match.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    /// The column.
    pub column: String,
    /// Words that refuse a row.
    #[serde(default)]
    pub words: Vec<String>,
    /// The only texts that do not refuse a row, in any letter case. Without these and without
    /// words, each number but zero refuses it.
    #[serde(default)]
    pub only: Vec<String>,
    /// Parts of texts that refuse a row, in small letters. Any letter case is refused.
    #[serde(default)]
    pub has: Vec<String>,
    /// The rest of the sentence "margin is 1, ...".
    pub why: String,
    /// The remedy for such a row.
    #[serde(default)]
    pub remedy: Option<Remedy>,
    /// A template: the shares that an option of this row brought or took.
    #[serde(default)]
    pub shares: Option<String>,
}

/// A column whose money is below zero in a purchase, and above zero in a sale. It is near size x
/// price, give or take the fee.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaidMoney {
    /// The column.
    pub column: String,
    /// The currency of the money. If it is not that of the price, the money can't be compared.
    #[serde(default)]
    pub currency: Option<String>,
    /// The currency of the price. A row that does not state it has the money as its value.
    #[serde(default)]
    pub price_currency: Option<String>,
    /// The money is size x price and the fee together, to the cent.
    #[serde(default)]
    pub exact: bool,
}

/// Rows that cancel a trade of the same file. The columns of `[trade]` say which one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancels {
    /// Columns, and words in them that say so.
    pub rows: BTreeMap<String, BTreeSet<String>>,
    /// The side of the cancelled trade.
    pub side: String,
    /// The id of the cancelled trade.
    #[serde(default)]
    pub of: Option<String>,
}

/// How to make the text of a native column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum CellMaking {
    /// Text with columns in braces.
    Template(String),
    /// The first template whose columns the file has, and what to do with its text.
    Changed(MadeText),
}

/// A value with more than one template, or with an asset in place of an empty text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeText {
    /// The templates.
    pub from: Vec<String>,
    /// The asset that an empty text stands for.
    #[serde(default)]
    pub or_else: Option<OrElse>,
    /// Words of the source, and the words of ours.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
    /// The amount was paid or received after the fee. The value is the amount without it.
    #[serde(default)]
    pub net: bool,
}

/// An asset of the trade, as settings and symbol name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OrElse {
    /// The quote.
    Quote,
    /// The base of a buy, the quote of a sell.
    Received,
}

impl Layout {
    /// Reads a layout. Errors: the text is no layout, in a sentence.
    pub fn try_read(name: &str, text: &str) -> Result<Self, String> {
        let layout: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        layout.named(name)
    }

    /// Reads a layout of settings. Errors: the table is no layout, in a sentence.
    pub fn try_of_table(name: &str, table: toml::Table) -> Result<Self, String> {
        let layout: Result<Self, _> = table.try_into();
        layout.map_err(|error| error.to_string())?.named(name)
    }

    fn named(self, name: &str) -> Result<Self, String> {
        let layout = Self {
            name: name.to_owned(),
            ..self
        };
        layout.check().map(|()| layout)
    }

    /// Returns a header with the names of this table in place of other names.
    pub fn spelled(&self, header: &StringRecord) -> StringRecord {
        if self.spellings.is_empty() {
            return header.clone();
        }
        let other = |cell: &str| {
            let mut names = self.spellings.iter();
            let found = names.find(|(other, _)| fold(other) == fold(cell));
            found.map(|(_, name)| name.clone())
        };
        let cells = header.iter();
        cells
            .map(|cell| other(cell).unwrap_or_else(|| cell.to_owned()))
            .collect()
    }

    /// Returns the marks of the numbers.
    pub fn numbers(&self) -> NumberStyle<'_> {
        NumberStyle {
            marks: &self.marks,
            decimal: self.decimal.as_deref(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let is_column = |name: &str| COLUMNS.iter().any(|(_, known)| *known == name);
        let known: BTreeSet<String> = self
            .headers
            .iter()
            .flat_map(|header| header.columns.iter().chain(&header.optional))
            .map(|column| fold(column))
            .collect();
        self.zone.as_deref().map_or(Ok(()), zones::check)?;
        let spelled = self.spellings.values();
        let mut named = self.columns_named().chain(spelled);
        let unknown = named.find(|it| !known.contains(&fold(it)));
        if let Some(column) = unknown {
            return Err(format!("no header has {column:?}"));
        }
        if self.refuse.is_some() {
            return Ok(());
        }
        let is_of_movement = |name: &str| MOVEMENT_COLUMNS.iter().any(|(_, known)| *known == name);
        if let Some(column) = self.trade.keys().find(|name| !is_column(name)) {
            return Err(format!("[trade] has no key {column:?}"));
        }
        if let Some(column) = self.movement.keys().find(|name| !is_of_movement(name)) {
            return Err(format!("[movement] has no key {column:?}"));
        }
        for (column, templates) in self.templates() {
            for template in templates {
                for part in parts(template)? {
                    match part {
                        TemplatePart::Cell(name, _) if !known.contains(&name) => {
                            return Err(format!("{column}: no header has {name:?}"));
                        }
                        _ => {}
                    }
                }
            }
        }
        let needed = ["order_id", "symbol", "side", "size", "price", "order_time"];
        let has = |column: &str| self.trade.contains_key(column);
        let made = |column: &str| column == "order_id" && self.ids.is_some();
        let mut missing = needed.iter().filter(|it| !has(it) && !made(it));
        match missing.next() {
            Some(missing) => Err(format!("[trade] lacks {missing}")),
            None if has("order_id") && self.ids.is_some() => {
                Err("[trade] has order_id, and ids are to be made".into())
            }
            None if self.movement.contains_key("movement_id") && self.ids.is_some() => {
                Err("[movement] has movement_id, and ids are to be made".into())
            }
            None => self.check_movements().and_then(|()| self.check_actions()),
        }
    }

    fn check_actions(&self) -> Result<(), String> {
        for making in &self.actions {
            let kind = &making.kind;
            if kind.parse::<ActionKind>().is_err() {
                return Err(format!("{kind:?} is no kind of action"));
            }
            if making.column.is_some() != making.has.is_some() {
                return Err(format!("[[actions]] {kind}: column and has go together"));
            }
            let mut made = making.made.keys();
            if let Some(column) = made.find(|it| !ACTION_COLUMNS.contains(&it.as_str())) {
                return Err(format!("[[actions]] {kind} has no key {column:?}"));
            }
            let needed = ["asset", "happened_at"];
            if let Some(missing) = needed.iter().find(|it| !making.made.contains_key(**it)) {
                return Err(format!("[[actions]] {kind} lacks {missing}"));
            }
        }
        let mut rows = self.rows.iter().flat_map(|rows| &rows.actions);
        match rows.next().filter(|_| self.actions.is_empty()) {
            Some(row) => Err(format!("[[actions]] lacks a kind for {row}")),
            None => Ok(()),
        }
    }

    fn check_movements(&self) -> Result<(), String> {
        let kinds = self.rows.iter().flat_map(|rows| &rows.movements);
        for (row, kind) in kinds {
            let Ok(kind) = kind.parse::<MovementKind>() else {
                return Err(format!("{row}: {kind:?} is no kind of movement"));
            };
            let mut needed = vec!["asset", "size", "moved_at"];
            needed.extend(self.ids.is_none().then_some("movement_id"));
            needed.extend(kind.direction().is_none().then_some("direction"));
            let is_missing = |column: &&str| !self.movement.contains_key(*column);
            if let Some(missing) = needed.into_iter().find(is_missing) {
                return Err(format!("[movement] lacks {missing}, which {row} needs"));
            }
        }
        Ok(())
    }
}

/// A remedy for a refused row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Remedy {
    /// State the action by hand.
    Action,
    /// Bring the short sale in as a native file.
    ShortSale,
}

impl Refused {
    /// Returns the fault of a row that it refuses.
    pub fn fault(&self) -> Fault {
        let fault = Fault::new(self.why.as_str());
        match self.remedy {
            None => fault,
            Some(Remedy::Action) => fault.with_hint(Hint::StateAction),
            Some(Remedy::ShortSale) => fault.with_hint(Hint::ShortSale),
        }
    }

    /// Tells whether the text of the column refuses its row.
    pub fn refuses(&self, text: &str) -> bool {
        if !self.only.is_empty() {
            return !self.only.iter().any(|it| it.eq_ignore_ascii_case(text));
        }
        if !self.has.is_empty() {
            let text = text.to_lowercase();
            return self.has.iter().any(|part| text.contains(part.as_str()));
        }
        match self.words.is_empty() {
            true => !is_zero(text),
            false => text
                .split([',', ';'])
                .any(|word| self.words.iter().any(|it| it == word.trim())),
        }
    }
}

impl CellMaking {
    /// Returns the templates, the first choice first.
    pub fn templates(&self) -> &[String] {
        match self {
            Self::Template(text) => std::slice::from_ref(text),
            Self::Changed(made) => &made.from,
        }
    }
}

/// Returns the native column of a name in `[trade]`.
pub(super) fn native_column(name: &str) -> Option<Column> {
    let mut found = COLUMNS.iter().filter(|(_, known)| *known == name);
    found.next().map(|(column, _)| *column)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
