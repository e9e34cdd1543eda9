//! The columns of a trade's more facts: their SQL, and their texts as a row has them.

use crate::engine::{MORE_COLUMNS, MoreText};

/// The texts of one row's more facts, in the order of [`MORE_COLUMNS`].
#[derive(Debug, Default)]
pub(super) struct MoreRow(pub(super) [Option<String>; MORE_COLUMNS.len()]);

impl MoreRow {
    /// Returns the facts as the engine reads them.
    pub(super) fn text(&self) -> MoreText<'_> {
        MoreText(self.0.each_ref().map(Option::as_deref))
    }
}

/// Returns the columns as SQL, with `before` before each name.
pub(super) fn columns(before: &str) -> String {
    MORE_COLUMNS
        .map(|name| format!("{before}{name}"))
        .join(", ")
}

/// Tells whether a column has numbers. The others have text.
pub(super) fn is_number(column: &str) -> bool {
    matches!(
        column,
        "quote_value" | "usd_value" | "fee_amount" | "fee_usd_value" | "contract_size"
    )
}

/// Returns the condition of the rows that have any of the facts. The index of these rows has the
/// same condition.
pub(super) fn any() -> String {
    MORE_COLUMNS
        .map(|name| format!("{name} IS NOT NULL"))
        .join(" OR ")
}
