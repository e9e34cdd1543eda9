//! Rows that were rejected, and the trades that they may be a part of.
//!
//! The other rows of such a trade would make one that is not in the file: of half the money, or
//! without its fee. So they are rejected, too.

use std::collections::{BTreeMap, HashMap};

use super::{JoinedFile, JoinedRow, NamedCells};
use crate::engine::Timestamp;
use crate::import::formats::Record;
use crate::import::formats::shape::table_fault;
use crate::import::reading::Reading;
use crate::import::times::read_order_time;

/// A rejected row.
#[derive(Debug)]
pub(super) struct LostRow {
    line: u64,
    /// The keys that it may have. None: they can't be read.
    keys: Vec<String>,
    /// Its time, if it can be read.
    at: Option<Timestamp>,
    /// Its cells may be those of other columns.
    is_shifted: bool,
}

impl LostRow {
    pub(super) fn of(file: &JoinedFile, record: &Record<'_, '_>, reading: &Reading<'_>) -> Self {
        let cells = NamedCells {
            names: &file.folded,
            cells: record.cells,
        };
        let zone = file.zone.of(reading.options);
        let time = file.format.time_of(&cells);
        let shape = table_fault(record.row, record.cells, &file.names, record.is_cut);
        Self {
            line: record.row.line,
            keys: file.format.keys(&cells),
            at: read_order_time(&time, zone, reading.options.now).ok(),
            is_shifted: shape.is_some(),
        }
    }

    /// Returns the places of the trades that the row may be a part of.
    ///
    /// Without a key, these are all trades of its time; without a time, those of the rows beside
    /// it.
    fn places(&self, known: &RowGroups<'_, '_>) -> Vec<usize> {
        let keys = self.keys.iter();
        let found: Vec<usize> = keys
            .filter_map(|key| known.places.get(key.as_str()).copied())
            .collect();
        if !found.is_empty() || (!self.keys.is_empty() && !self.is_shifted) {
            return found;
        }
        let groups = known.groups.iter().enumerate();
        let having = |is_of: &dyn Fn(&JoinedRow<'_>) -> bool| -> Vec<usize> {
            let groups = groups.clone();
            let found = groups.filter(|(_, rows)| rows.iter().any(|row| is_of(row)));
            found.map(|(place, _)| place).collect()
        };
        match self.at {
            Some(at) => having(&|row| row.at == at),
            None => {
                let after = known.rows.partition_point(|row| row.row.line < self.line);
                let before = after.checked_sub(1).and_then(|at| known.rows.get(at));
                let beside = [before, known.rows.get(after)];
                let lines = beside.map(|row| row.map(|row| row.row.line));
                having(&|row| lines.contains(&Some(row.row.line)))
            }
        }
    }
}

/// The rows that were read, and those of each trade.
pub(super) struct RowGroups<'r, 't> {
    /// Order: that of the file.
    pub rows: &'r [JoinedRow<'t>],
    pub groups: &'r [Vec<&'r JoinedRow<'t>>],
    /// The place of the trade with a key.
    pub places: &'r HashMap<&'r str, usize>,
}

/// Returns the places of the trades that lost a row, and the line of it.
pub(super) fn incomplete(lost: &[LostRow], known: &RowGroups<'_, '_>) -> BTreeMap<usize, u64> {
    let mut incomplete = BTreeMap::new();
    for row in lost {
        for place in row.places(known) {
            // A row that states a whole trade needs no other row.
            if known.groups.get(place).is_some_and(|rows| is_joined(rows)) {
                incomplete.entry(place).or_insert(row.line);
            }
        }
    }
    incomplete
}

fn is_joined(rows: &[&JoinedRow<'_>]) -> bool {
    let mut rows = rows.iter();
    rows.any(|row| matches!(row.says.meaning, super::RowMeaning::Part { .. }))
}
