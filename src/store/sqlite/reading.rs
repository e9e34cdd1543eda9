//! A file that this user may only read.
//!
//! SQLite keeps files for all its readers beside a database, and a reader without the right to
//! write there can't make them. So such a file is read without any lock, as if it never changed;
//! that it did not is checked at the end. If its writers' journal is there, it is read with that.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::store::limits::BUSY_TIMEOUT_S;
use crate::store::{StoreError, StoreResult};

/// Access of this user to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read and write the file, and write in its folder.
    Write,
    /// Only read the file.
    Read,
}

/// A read-only file, and its state when it was opened.
#[derive(Debug, Clone)]
pub(super) struct OpenedFile {
    path: PathBuf,
    then: Option<FileState>,
}

/// The state of a file. If it changes, somebody wrote to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    bytes: u64,
    modified: Option<SystemTime>,
    journal_bytes: u64,
}

impl OpenedFile {
    /// Records the present state of a file.
    pub(super) fn begin(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            then: FileState::of(path),
        }
    }

    fn has_journal(&self) -> bool {
        self.then
            .as_ref()
            .is_some_and(|then| then.journal_bytes > 0)
    }

    /// Returns the options to open the file with.
    pub(super) fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .immutable(!self.has_journal())
            .busy_timeout(Duration::from_secs(BUSY_TIMEOUT_S))
            .disable_statement_logging()
    }

    /// Checks that a file that was read without a lock has not changed. Errors: it has.
    pub(super) fn check_still(&self) -> StoreResult<()> {
        if self.has_journal() || FileState::of(&self.path) == self.then {
            return Ok(());
        }
        Err(StoreError::Database {
            action: "read a file that this user may not write to",
            message: "somebody wrote to it meanwhile: what was read is not of one state".into(),
            source: None,
        })
    }
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let mut journal = path.as_os_str().to_owned();
        journal.push("-wal");
        let there = fs::metadata(path).ok()?;
        Some(Self {
            bytes: there.len(),
            modified: there.modified().ok(),
            journal_bytes: fs::metadata(journal).map_or(0, |journal| journal.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_while_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        fs::write(&path, "as it was").unwrap();
        let reading = OpenedFile::begin(&path);
        assert!(reading.check_still().is_ok());
        fs::write(folder.path().join("a.db-wal"), "a writer").unwrap();
        assert!(reading.check_still().is_err());
        // With a journal, SQLite itself shows one state of the file.
        let reading = OpenedFile::begin(&path);
        fs::write(&path, "as it is, which is longer").unwrap();
        assert!(reading.check_still().is_ok());
    }
}
