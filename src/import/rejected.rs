//! A row that is no trade: where, what was found, what was expected.

use std::fmt;

use crate::engine::{Shown, shown_within};

/// Stands in [`RejectedRow::column`] where no single column is at fault.
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
    /// The id as the row has it; empty where it can't be told.
    pub order_id: String,
    /// The column at fault, or [`ROW_COLUMN`].
    pub column: String,
    /// The value at fault; of a very long one, how it begins.
    pub found: String,
    /// What was expected.
    pub reason: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
    /// The row as it stands in the file, without its line end; of a very long one, its beginning.
    pub text: String,
}

impl fmt::Display for RejectedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            found,
            reason,
            ..
        } = self;
        match (column.as_str(), found.as_str()) {
            (ROW_COLUMN, found) => write!(f, "{line}: row {found}, {reason}"),
            (column, "") => write!(f, "{line}: {column} is empty, {reason}"),
            (column, found) => write!(f, "{line}: {column} is {}, {reason}", quoted(found)),
        }
    }
}

/// Returns a value in quotes on one line, shortened for reading.
pub(super) fn quoted(value: &str) -> Shown<'_> {
    shown_within(value, CELL_CHARS_MAX).quoted()
}

/// Why a cell has no value: the end of the message, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub reason: String,
    pub hint: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
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
            reason: "expected \"buy\" or \"sell\"".into(),
            hint: None,
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
