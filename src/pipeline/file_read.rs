//! Findings of a file of trades: counts, rejected rows, fees, statuses.

use std::collections::BTreeMap;

use crate::engine::{FeeSigns, LedgerTrade, Movement, MovementKind, UnknownStatuses};
use crate::import::{RejectedRow, Rejects};
use crate::store::model::Reject;

/// Findings of a file's first reading.
#[derive(Debug, Clone, Default)]
pub struct FileRead {
    /// The file's name, as given.
    pub name: String,
    /// SHA-256 of the file's bytes, hexadecimal.
    pub sha256: String,
    /// Number of rows that are not empty.
    pub rows: u64,
    /// Rows that repeat an earlier row of the file.
    pub duplicates: u64,
    /// Rows that did not become a trade.
    pub rejected: Rejects,
    /// The name of the format.
    pub format: String,
    /// A fact that the file does not state, and that is taken for granted; or nothing.
    pub assumes: String,
    /// Rows that are known to be no trades, by the name of their type.
    pub ignored: BTreeMap<String, u64>,
    /// Movements, by kind.
    pub movements: BTreeMap<MovementKind, u64>,
    /// Ignored columns.
    pub unknown_columns: Vec<String>,
    /// Fees and rebates of the file's trades.
    pub fees: FeeSigns,
    /// Unknown statuses; rows with one count as executions.
    pub statuses: UnknownStatuses,
    /// The last line has no line end, so the file may have been cut off.
    pub ends_without_line_end: bool,
}

impl FileRead {
    /// Adds rows that are no trades, by the name of their type.
    pub(super) fn add_ignored(&mut self, rows: BTreeMap<&'static str, u64>) {
        for (kind, rows) in rows {
            *self.ignored.entry(kind.to_owned()).or_default() += rows;
        }
    }
}

/// Returns a rejected row as the store keeps it.
pub(super) fn reject(row: RejectedRow) -> Reject {
    Reject {
        reason: row.reason_in_full(),
        line: row.line,
        order_id: row.order_id,
        column: row.column,
        found: row.found,
        text: row.text,
    }
}

/// Counts movements by kind.
pub(super) fn kinds_of(movements: &[Movement]) -> BTreeMap<MovementKind, u64> {
    let mut kinds = BTreeMap::new();
    for movement in movements {
        *kinds.entry(movement.kind).or_default() += 1;
    }
    kinds
}

/// Counts fees and rebates of some trades.
pub(super) fn fees_of(trades: &[LedgerTrade]) -> FeeSigns {
    let mut fees = FeeSigns::default();
    for row in trades {
        // The sum overflows only beyond 10^24 USD of rebates; such a fee is not counted.
        let _ = fees.try_add(&row.trade);
    }
    fees
}

/// Counts the unknown statuses of some trades.
pub(super) fn statuses_of(trades: &[LedgerTrade]) -> UnknownStatuses {
    UnknownStatuses::of(trades.iter().map(|row| row.status.as_deref()))
}
