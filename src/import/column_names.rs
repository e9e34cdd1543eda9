//! The columns of a file that a person renamed or told an import to ignore.

use std::collections::{BTreeMap, BTreeSet};

use csv::StringRecord;

/// Columns by their names in the file, in any letter case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnNames {
    renamed: BTreeMap<String, String>,
    ignored: BTreeSet<String>,
}

impl ColumnNames {
    /// Reads a column under another name.
    pub fn rename(&mut self, name: &str, column: &str) {
        self.renamed.insert(fold(name), column.to_owned());
    }

    /// Ignores a column, also if its name says that it holds a currency.
    pub fn ignore(&mut self, name: &str) {
        self.ignored.insert(fold(name));
    }

    /// Tells whether a column is to be ignored.
    pub(super) fn is_ignored(&self, name: &str) -> bool {
        self.ignored.contains(&fold(name))
    }

    /// Returns a name as the import reads it.
    pub(super) fn read_as<'n>(&'n self, name: &'n str) -> &'n str {
        self.renamed.get(&fold(name)).map_or(name, String::as_str)
    }

    /// Renames the cells of a row that may be a header.
    pub(super) fn rename_cells(&self, cells: &mut StringRecord) {
        if !self.renamed.is_empty() {
            *cells = cells.iter().map(|name| self.read_as(name)).collect();
        }
    }
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}
