//! The shape of a row: its quotes, and the number of its cells.

use csv::StringRecord;

use super::template::fold;
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

/// Finds a fault in the shape of a row below a header. `names`: folded.
pub(super) fn table_fault(
    row: &Row<'_>,
    cells: &StringRecord,
    names: &[String],
    is_cut: bool,
) -> Option<(String, Fault)> {
    if let Some(shape) = shape_fault(row, cells, names.len(), is_cut) {
        return Some(shape);
    }
    let named = |place: usize| {
        let name = names.get(place);
        name.is_some_and(|it| !it.is_empty())
    };
    let mut values = cells.iter().enumerate();
    let value = values.find(|(at, cell)| !named(*at) && !cell.trim().is_empty());
    if let Some((place, _)) = value {
        let found = format!("has a value in column {}, which has no name", place + 1);
        let fault = Fault::new("expected none").with_hint(Hint::InnerComma);
        return Some((found, fault));
    }
    let fault = Fault::new("expected a trade").with_hint(Hint::SecondHeader);
    // Most rows differ in their first letter.
    let first = |text: &str| text.bytes().find(u8::is_ascii_alphanumeric);
    let letter = cells.get(0).and_then(first);
    let is_other = letter.is_some_and(|letter| {
        let of_name = names.first().and_then(|name| first(name));
        of_name.is_some_and(|name| !name.eq_ignore_ascii_case(&letter))
    });
    let is_header = !is_other && cells.iter().map(fold).eq(names.iter().cloned());
    is_header.then(|| ("is the header again".to_owned(), fault))
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
