//! The shape of a row: its quotes, and the number of its cells.

use csv::StringRecord;

use crate::import::rejected::{Fault, Hint};
use crate::import::rows::{QuoteFault, Row};

/// Finds a fault in the quotes of a row, or in the number of its cells.
pub(super) fn shape_fault(
    row: &Row<'_>,
    record: &StringRecord,
    expected: usize,
    is_cut: bool,
) -> Option<(String, Fault)> {
    if let Some(fault) = row.fault {
        return Some(quote_fault(fault));
    }
    (record.len() != expected).then(|| cells_fault(row, record.len(), expected, is_cut))
}

fn quote_fault(fault: QuoteFault) -> (String, Fault) {
    match fault {
        QuoteFault::NeverClosed => (
            "opens a quote that is never closed".into(),
            Fault::new("expected a closing quote").with_hint(Hint::OpenQuote),
        ),
        QuoteFault::TextBehind => (
            "has text after a closing quote".into(),
            Fault::new("expected a comma there").with_hint(Hint::InnerQuote),
        ),
    }
}

fn cells_fault(row: &Row<'_>, cells: usize, expected: usize, is_cut: bool) -> (String, Fault) {
    let mut found = match cells {
        1 => "has 1 cell".to_owned(),
        _ => format!("has {cells} cells"),
    };
    if row.line_last > row.line {
        found += &format!(" on lines {} to {}", row.line, row.line_last);
    }
    let hint = if row.line_last > row.line {
        Hint::LateQuote
    } else if is_cut {
        Hint::CutFile
    } else if cells > expected {
        Hint::InnerComma
    } else {
        Hint::MissingComma
    };
    let fault = Fault::new(format!("expected {expected}")).with_hint(hint);
    (found, fault)
}
