//! Finds the dialect of a file.
//!
//! A header that a format knows decides. If no format knows one, the reading with the most cells in
//! a row does, so that messages show the names of columns.

use csv::StringRecord;

use super::{ROWS_BEFORE_HEADER_MAX, recognise};
use crate::import::ImportOptions;
use crate::import::dialect::Dialect;
use crate::import::error::FileError;
use crate::import::rows::RowReader;

/// Finds the dialect of a file by the text that it begins with.
pub(in crate::import) fn find_dialect(head: &str, options: &ImportOptions) -> Dialect {
    let mut near = None;
    for dialect in Dialect::all() {
        match recognise(&mut RowReader::of(head, 1, dialect), options) {
            Ok(Some(_)) => return dialect,
            Err(FileError::TwoFormats { .. } | FileError::WrongFile { .. }) => return dialect,
            Err(FileError::NearFormat { .. }) => near = near.or(Some(dialect)),
            Ok(None) | Err(_) => {}
        }
    }
    near.unwrap_or_else(|| by_cells(head))
}

/// Returns the dialect in which one of the first rows has the most cells.
pub(super) fn by_cells(head: &str) -> Dialect {
    let mut best = (Dialect::default(), 0);
    for dialect in Dialect::all() {
        let (mut rows, mut cells) = (RowReader::of(head, 1, dialect), StringRecord::new());
        let mut most = 0;
        for _ in 0..=ROWS_BEFORE_HEADER_MAX {
            match rows.read(&mut cells) {
                Ok(Some(row)) if row.fault.is_none() => most = most.max(cells.len()),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if most > best.1 {
            best = (dialect, most);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::dialect::SEPARATORS;
    use crate::import::test_options::options;

    const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";

    #[test]
    fn a_known_header_decides() {
        let find = |head: &str| find_dialect(head, &options());
        assert_eq!(find(HEADER), Dialect::default());
        for (separator, _) in SEPARATORS {
            let head = HEADER.replace(',', &char::from(separator).to_string());
            assert_eq!(find(&head), Dialect::of(separator), "{head}");
            let wrapped = Dialect {
                is_wrapped: true,
                ..Dialect::of(separator)
            };
            assert_eq!(find(&format!("\"{head}\"\n")), wrapped);
        }
        // A comma in a name does not hide the other separators.
        let head = format!("{};\"a, b, c, d, e, f, g, h\"\n", HEADER.replace(',', ";"));
        assert_eq!(find(&head), Dialect::of(b';'));
    }

    #[test]
    fn the_most_cells_decide_if_no_format_does() {
        let find = |head: &str| find_dialect(head, &options());
        assert_eq!(find("Datum;Typ;Menge, Kurs\n"), Dialect::of(b';'));
        assert_eq!(find("one text\n"), Dialect::default());
        assert_eq!(find(""), Dialect::default());
    }
}
