//! A rejected row: its place, the value found, the value expected.

use std::fmt;

use super::bounds::kept;
use crate::engine::{Shown, shown_within};

/// Value of [`RejectedRow::column`] if no single column is at fault.
pub const ROW_COLUMN: &str = "(row)";

/// Longest cell that a message shows, in characters.
const CELL_CHARS_MAX: usize = 60;

/// An input row that did not become a trade.
///
/// Shown as `42: size is "-1", expected a number above zero`; the caller writes the name of the
/// file before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Line of the file on which the row begins, from 1.
    pub line: u64,
    /// The id as the row has it; empty if it is unreadable.
    pub order_id: String,
    /// The column at fault, or [`ROW_COLUMN`].
    pub column: String,
    /// The value at fault; of a very long one, how it begins.
    pub found: String,
    /// A fault of this row alone, beside its value.
    pub detail: Option<String>,
    /// The expected value. Reports group rows by this reason.
    pub reason: String,
    /// The remedy, if it is known; the same for all rows of a reason.
    pub hint: Option<Hint>,
    /// The text to write in place of the value, if only one can be meant.
    pub write: Option<String>,
    /// The row reverses another row. If the import left out only this row, the reversed one would
    /// stay in the ledger.
    pub takes_back: bool,
    /// The row as in the file, without its line end; of a very long one, its beginning.
    pub text: String,
}

impl RejectedRow {
    /// Makes a rejected row without an id. `row`: its line, and its text in the file.
    pub(super) fn new(row: (u64, &str), column: &str, found: String, fault: Fault) -> Self {
        Self {
            line: row.0,
            order_id: String::new(),
            column: column.to_owned(),
            found,
            detail: None,
            reason: fault.reason,
            hint: fault.hint,
            write: fault.write,
            takes_back: fault.takes_back,
            text: kept(row.1),
        }
    }

    /// Returns the row's place and value, without the expected value.
    pub fn what(&self) -> String {
        let (line, column) = (self.line, &self.column);
        let mut text = match (column.as_str(), self.found.as_str()) {
            (ROW_COLUMN, found) => format!("{line}: row {found}"),
            (column, "") => format!("{line}: {column} is empty"),
            (column, found) => format!("{line}: {column} is {}", quoted(found)),
        };
        if let Some(detail) = &self.detail {
            text.push_str(&format!(", {detail}"));
        }
        text
    }

    /// Returns the fault, without its place.
    pub fn reason_in_full(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{detail}, {}", self.reason),
            None => self.reason.clone(),
        }
    }

    /// Tells whether two rows have the same reason and the same remedy.
    pub(super) fn has_reason_of(&self, other: &Self) -> bool {
        (&self.column, &self.reason, &self.hint) == (&other.column, &other.reason, &other.hint)
    }
}

impl fmt::Display for RejectedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.what(), self.reason)
    }
}

/// Returns a value in quotes on one line, shortened for reading.
pub fn quoted(value: &str) -> Shown<'_> {
    shown_within(value, CELL_CHARS_MAX).quoted()
}

/// The remedy of a rejected row: what to mend in the file, or the likely cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Write the number without these.
    Number(Vec<Obstacle>),
    /// Write the number without separators of thousands, with a point before the decimals.
    PlainNumber,
    /// Say what a number means that can be read in two ways.
    OpenNumber(Box<Obstacle>),
    /// Convert this currency to dollars. The value: its name in quotes, as messages show it.
    Currency(Box<str>),
    /// Make the spreadsheet write the number.
    Spreadsheet,
    /// Drop the sign of a sale's size; and remedy what else is wrong with it.
    SaleSign(Option<Box<Hint>>),
    /// Drop the sign of a price.
    PriceSign,
    /// Write a sale as one; or remove a reversal and its counterpart.
    BuySign,
    /// Remove a reversal among opening lots, and its counterpart.
    LotSign,
    /// Leave the cell of an unknown fee empty.
    UnknownFee,
    /// Export ids that a spreadsheet cut again.
    RoundedId,
    /// Leave out rows of a type that the format does not know, and store what they moved.
    UnknownType,
    /// Leave out the row, and state the action by hand.
    StateAction,
    /// Leave out a short sale, and bring it in as a native file.
    ShortSale,
    /// Give each fill an id of its own.
    OwnId,
    /// Import the rows of each account apart: the format reads no accounts.
    OneAccount,
    /// Type a name with an odd character again.
    CopiedText,
    /// Write a plain blank.
    PlainBlank,
    /// Remove an order that never executed.
    NeverExecuted,
    /// Say whether an order with an unknown status executed.
    UnknownStatus,
    /// Remove a row that reverses another one, and that one.
    TakesBack,
    /// Void a trade of an earlier file that the row cancels.
    CancelsEarlier,
    /// Void these trades of earlier files, each with its account, as rows cancel them.
    CancelsKnown(Box<[(String, String)]>),
    /// Remove a row that was reversed, or that reverses another one.
    TakenBack,
    /// Find out whether the row reverses another one.
    MayTakeBack,
    /// Add the time of day.
    TimeOfDay,
    /// Write Unix time as a date and a time.
    UnixTime,
    /// Take the original of a file whose times a spreadsheet changed.
    SpreadsheetTime,
    /// Write the second before or after a leap second.
    LeapSecond,
    /// Correct a local time that clocks skipped.
    SkippedTime,
    /// Name the offset of a local time that clocks had twice.
    Offset,
    /// Name the time zone of local times.
    ZoneOfTimes,
    /// Name the time zone of local times of a broker's server, or store its clock.
    ClockOfTimes,
    /// Store the clock of a server for earlier times, too.
    EarlierClock,
    /// Name the time zone of days.
    ZoneOfDays,
    /// Remove the second header.
    SecondHeader,
    /// Close the quote.
    OpenQuote,
    /// Close each quote, and double those inside a value.
    InnerQuote,
    /// Remove the blank before a quote.
    BlankBeforeQuote,
    /// Look for a quote that is closed lines too late.
    LateQuote,
    /// Export a file again that may have been cut.
    CutFile,
    /// Keep a comma from splitting a value.
    InnerComma,
    /// Write the comma of an empty cell.
    MissingComma,
    /// Name the two halves of a pair in the settings.
    UnknownPair,
    /// Say in the settings what the symbols of lots are. The values: lines of TOML for a symbol
    /// each.
    LotSymbols(Box<[String]>),
    /// Give the symbol of lots another size in the settings. The values: lines of TOML.
    OtherLots(Box<[String]>),
}

/// A part of a number's dress that the import refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Parentheses in place of a minus.
    Parentheses,
    /// A minus after the number.
    MinusBehind,
    /// Another sign in place of the minus.
    OtherMinus,
    /// A letter that stands for zeros.
    Magnitude(String),
    /// A unit or a sign. The value: in quotes, as messages show it.
    Unit(String),
    /// Blanks or apostrophes.
    Blanks,
    /// Digits of double width.
    FullWidth,
    /// Separators of thousands.
    Thousands,
    /// A comma before the decimals.
    Decimals,
    /// A comma that may be either. The values: the number without it, and with a point.
    Either(String, String),
    /// A point that may be either. The values: the number without it, and with it.
    EitherPoint(String, String),
}

/// Why a cell has no value: the end of the message, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub reason: String,
    pub hint: Option<Hint>,
    pub write: Option<String>,
    pub takes_back: bool,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
            write: None,
            takes_back: false,
        }
    }

    /// Adds the text to write in place of the value.
    pub(super) fn with_write(self, write: impl Into<String>) -> Self {
        Self {
            write: Some(write.into()),
            ..self
        }
    }

    /// Marks that the row reverses another one.
    pub(super) fn taking_back(self) -> Self {
        Self {
            takes_back: true,
            ..self
        }
    }

    pub(super) fn with_hint(self, hint: Hint) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_values_are_shortened_for_display_only() {
        let row = RejectedRow {
            line: 7,
            order_id: "A-1".into(),
            column: "side".into(),
            found: "x".repeat(100),
            detail: None,
            reason: "expected \"buy\" or \"sell\"".into(),
            hint: None,
            write: None,
            takes_back: false,
            text: String::new(),
        };
        let shown = format!(
            "7: side is \"{}\"… (100 characters), expected \"buy\" or \"sell\"",
            "x".repeat(60)
        );
        assert_eq!(row.to_string(), shown);
        assert_eq!(quoted("a\nb\u{1b}é").to_string(), "\"a\\nb\\u{1b}é\"");
    }
}
