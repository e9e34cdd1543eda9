//! The error of a file whose header no format knows.

use std::collections::BTreeSet;

use super::native::Native;
use super::{HeaderRow, differences, is_blank};
use crate::import::bounds;
use crate::import::error::{FileError, Nearest};
use crate::import::header::Header;

/// Fewest columns of a table of trades.
pub(super) const COLUMNS_MIN: usize = 4;

/// Fewest columns of ours that make a row a header of the native format, with a fault.
const NATIVE_MIN: usize = 2;

/// The rows that may have been a header.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// Line and text of the first row.
    first: Option<(u64, String)>,
    /// The error of the native format.
    native: Option<FileError>,
    /// The row with the most names.
    best: Option<(usize, FileError)>,
}

impl Unknown {
    /// Adds a row that no format recognises.
    pub(super) fn add(&mut self, header: &HeaderRow<'_>) {
        let (line, cells) = (header.row.line, header.cells);
        let is_first = header.before.is_empty();
        if is_first && !is_blank(cells) {
            self.first = Some((line, bounds::kept(header.row.text)));
        }
        let why_not = Native::try_new(header).err();
        let is_ours = Header::known(cells) >= NATIVE_MIN;
        let is_broken = !matches!(why_not, None | Some(FileError::MissingColumns { .. }));
        if is_first && (is_ours || is_broken) {
            self.native = why_not;
            return;
        }
        // Our own header stands in the first line.
        if is_ours && let Some((line, found)) = self.first.clone() {
            let native = why_not.unwrap_or(FileError::NoHeader { line, found });
            self.native = self.native.take().or(Some(native));
        }
        let names: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
        let named = names.iter().filter(|name| !name.is_empty()).count();
        let is_value = |name: &String| name.starts_with(|of: char| of.is_ascii_digit());
        let is_header = header.row.fault.is_none() && named >= COLUMNS_MIN;
        let is_best = self.best.as_ref().is_none_or(|(most, _)| named > *most);
        if is_header && is_best && !names.iter().any(is_value) {
            let error = FileError::UnknownHeader {
                line,
                found: names,
                nearest: nearest(header),
            };
            self.best = Some((named, error));
        }
    }

    /// Returns the error of the file. `None`: all rows are blank.
    pub(super) fn error(self) -> Option<FileError> {
        let best = self.best.map(|(_, error)| error);
        let none = self.first;
        let none = none.map(|(line, found)| FileError::NoTable { line, found });
        self.native.or(best).or(none)
    }
}

/// Most formats that a message names.
const NEAREST_MAX: usize = 2;

fn nearest(header: &HeaderRow<'_>) -> Vec<Nearest> {
    let mut all: Vec<Nearest> = Vec::new();
    for (format, of) in differences(header).filter(|(_, of)| of.shared > 0) {
        let columns = of.shared + of.missing.len();
        all.push(Nearest {
            format,
            shared: of.shared,
            columns,
        });
    }
    // Of equal ones, the one that misses fewer columns. A format may have several headers.
    all.sort_by_key(|it| (usize::MAX - it.shared, it.columns));
    let mut named = BTreeSet::new();
    all.retain(|it| named.insert(it.format));
    all.truncate(NEAREST_MAX);
    all
}
