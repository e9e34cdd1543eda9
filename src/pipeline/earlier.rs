//! An earlier import of a file, or of its rows.

use crate::engine::{Timestamp, shown_sentence};

/// An earlier import of the same bytes for another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAs {
    /// Number of that import.
    pub import_id: i64,
    /// Account of the trades if the file names none.
    pub account: String,
    /// The file's name at that import.
    pub file: String,
    /// When that import happened.
    pub at: Timestamp,
}

impl ImportedAs {
    /// Names the import and its file: `import 1 (trades.csv)`.
    pub fn name(&self) -> String {
        format!("import {} ({})", self.import_id, shown_sentence(&self.file))
    }
}

/// Trades of a file that an earlier import has for another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRows {
    /// How many of them.
    pub known: u64,
    /// How many were looked up.
    pub of: u64,
    /// The import of the first one.
    pub other: ImportedAs,
}

/// An earlier import that read times of the same source in another zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherZone {
    /// That import.
    pub earlier: ImportedAs,
    /// Its zone.
    pub before: String,
    /// The zone of the file.
    pub now: String,
}
