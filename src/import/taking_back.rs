//! Rows that reverse another row: a cancellation, a reversal, a buy of a negative size.
//!
//! If an import leaves out such a row alone, the other row stays in the ledger. So this file looks
//! at all cells of a rejected row, also at shifted ones and after an open quote.

use super::columns::Column;
use super::header::Header;
use super::hints::is_negative;
use super::rejected::{Hint, RejectedRow};
use crate::engine::{Side, is_never_executed};

/// Parts of words: a side or status that contains one says that the row reverses another row.
const TAKES_BACK: [&str; 8] = [
    "cancel", "(ca", "ca.", "cxl", "revers", "storno", "bust", "correct",
];

/// Parts of words that mean a reversal in a status. They are not looked for in a side.
const TAKES_BACK_STATUS: [&str; 3] = ["void", "rescind", "revok"];

/// Parts of words in a status that say that an order was executed, in part or whole.
const EXECUTED: [&str; 3] = ["fill", "part", "exec"];

/// Tells whether a side says that the row reverses another one.
pub(super) fn takes_back(side: &str) -> bool {
    let side = side.to_lowercase();
    TAKES_BACK.iter().any(|word| side.contains(word))
}

/// Tells whether a status means a cancellation, of this row or of another one.
///
/// An order with a cancelled rest still has its filled part. An order that never executed reverses
/// no other row.
pub(super) fn status_takes_back(status: &str) -> bool {
    let status = status.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| status.contains(word));
    (has(&TAKES_BACK) || has(&TAKES_BACK_STATUS))
        && status != "correct"
        && !has(&EXECUTED)
        && !is_never_executed(Some(&status))
}

/// Marks a rejected row as a reversal if any of its cells says so.
pub(super) fn look_at_whole_row(rejected: &mut RejectedRow, cells: &[&str], header: &Header) {
    if !rejected.takes_back && row_takes_back(cells, header) {
        rejected.takes_back = true;
        rejected.hint = Some(Hint::MayTakeBack);
        rejected.write = None;
    }
}

fn row_takes_back(cells: &[&str], header: &Header) -> bool {
    let of = |column| {
        cells_of(cells, header, column)
            .iter()
            .map(|cell| cell.trim())
    };
    let is_sale = |side: &str| side.eq_ignore_ascii_case(Side::Sell.as_str());
    let is_shifted = cells.len() != header.cells();
    let is_below_zero = |size: &str| {
        // If cells are shifted, this one may be an id like `A-1`.
        let is_name = is_shifted && size.starts_with(|of: char| of.is_alphabetic());
        is_negative(size) && !is_name
    };
    of(Column::Side).any(takes_back)
        || of(Column::Status).any(status_takes_back)
        || (of(Column::Size).any(is_below_zero) && !of(Column::Side).any(is_sale))
}

/// Returns the cells that may be a column's. In a row with missing or extra cells, the column's
/// value may have shifted, so several cells are returned.
fn cells_of<'c>(cells: &'c [&'c str], header: &Header, column: Column) -> &'c [&'c str] {
    let Some(place) = header.place(column) else {
        return &[];
    };
    let missing = header.cells().saturating_sub(cells.len());
    let more = cells.len().saturating_sub(header.cells());
    let from = place.saturating_sub(missing).min(cells.len());
    let to = place
        .saturating_add(more)
        .saturating_add(1)
        .min(cells.len());
    cells.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_that_take_back_are_told() {
        for side in [
            "SELL (Ca.)",
            "Cancel Buy",
            "cxl",
            "REVERSAL",
            "BUY - CORRECTED",
        ] {
            assert!(takes_back(side), "{side}");
        }
        for side in ["short", "b", "buy to cover", "sell short", ""] {
            assert!(!takes_back(side), "{side}");
        }
    }

    #[test]
    fn statuses_that_take_back_are_told() {
        for status in ["busted", "Reversed", "VOID", "trade cancel", "correction"] {
            assert!(status_takes_back(status), "{status}");
        }
        for status in [
            "filled",
            "partially_canceled",
            "filled, rest cancelled",
            "correct",
            "done",
            "",
        ] {
            assert!(!status_takes_back(status), "{status}");
        }
    }
}
