//! The raw handle of sqlx's own connection, for what must be fast or what sqlx has no call for.
//!
//! sqlx sends each row of each statement through a channel to a worker thread: ten times the cost
//! of the row itself. Bulk reads and inserts, and the SQL functions, use the handle directly,
//! inside the same connection and so inside the same transaction.
//!
//! sqlx lends the handle by a command to its worker ("unlock"), in a channel with a limit. A
//! worker that is slow to take the handle back leaves the command of the next loan in the channel.
//! When the channel is full, the next loan holds the handle and waits for room, and the worker
//! waits for the handle: for ever. So no more than one command is ever left behind:
//!
//! - work of many parts takes the handle once, and keeps it between the parts ([`Raw`]);
//! - before it is taken, the worker answers: by then it has done what it was sent.

use rusqlite::{Connection, Statement, ToSql};
use sqlx::sqlite::LockedSqliteHandle;
use sqlx::{Connection as _, SqliteConnection};

use super::errors::{self, from_sqlx};
use crate::store::StoreResult;
use crate::store::limits::ROWS_CHECKED;

/// The raw handle, which sqlx's worker can't use until this is dropped. It may be held while its
/// owner waits for more rows to write. The owner can't use the connection in another way.
pub(super) struct Raw<'c> {
    // Fields are dropped in this order: `borrowed` before the lock.
    borrowed: Connection,
    _lock: LockedSqliteHandle<'c>,
}

impl<'c> Raw<'c> {
    /// Takes the handle.
    pub(super) async fn take(
        connection: &'c mut SqliteConnection,
        action: &'static str,
    ) -> StoreResult<Self> {
        connection.ping().await.map_err(|e| from_sqlx(action, e))?;
        let mut lock = connection
            .lock_handle()
            .await
            .map_err(|e| from_sqlx(action, e))?;
        #[cfg(test)]
        loans::count();
        // SAFETY: the handle is open and locked for us until `lock` is dropped, which is after
        // `borrowed`; a connection made by `from_handle` does not close it.
        let borrowed = unsafe { Connection::from_handle(lock.as_raw_handle().as_ptr()) };
        Ok(Self {
            borrowed: borrowed.map_err(|e| errors::from_rusqlite(action, e))?,
            _lock: lock,
        })
    }

    /// Lends the connection for work that does not wait.
    pub(super) fn connection(&mut self) -> &Connection {
        &self.borrowed
    }
}

/// The handle while a store writes many rows that this program has checked.
///
/// The first rows meet the CHECKs of the tables. SQLite then ignores the CHECKs, which take more
/// than half of a load's time. Types, NOT NULL, keys and references hold for all rows. The CHECKs
/// hold again at each way out: [`Load::end`], an error, a future that is dropped.
pub(super) struct Load<'c> {
    raw: Raw<'c>,
    rows: usize,
    is_unchecked: bool,
}

impl<'c> Load<'c> {
    pub(super) fn new(raw: Raw<'c>) -> Self {
        Self {
            raw,
            rows: 0,
            is_unchecked: false,
        }
    }

    /// Lends the connection to the writer of the next `rows` rows.
    pub(super) fn next(&mut self, rows: usize) -> rusqlite::Result<&Connection> {
        self.ignore_checks(self.rows >= ROWS_CHECKED)?;
        self.rows = self.rows.saturating_add(rows);
        Ok(self.raw.connection())
    }

    /// Lends the connection with its CHECKs, when all rows are written.
    pub(super) fn end(&mut self) -> rusqlite::Result<&Connection> {
        self.ignore_checks(false)?;
        Ok(self.raw.connection())
    }

    /// Sets the pragma once: SQLite then prepares every statement again.
    fn ignore_checks(&mut self, is_ignored: bool) -> rusqlite::Result<()> {
        if self.is_unchecked == is_ignored {
            return Ok(());
        }
        self.raw.connection().execute_batch(match is_ignored {
            true => "PRAGMA ignore_check_constraints = 1",
            false => "PRAGMA ignore_check_constraints = 0",
        })?;
        self.is_unchecked = is_ignored;
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        // It fails only without memory. Each transaction that writes sets the pragma, too.
        let _ = self.ignore_checks(false);
    }
}

/// Runs `work` on the connection's raw handle. sqlx's worker can't use it before `work` ends.
pub(super) async fn with_raw<T>(
    connection: &mut SqliteConnection,
    action: &'static str,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    work(Raw::take(connection, action).await?.connection())
}

/// Inserts a row after another one, or after none. A parameter keeps its value between rows. To
/// compare cells takes less time than to bind them, and half of them equal those of the row before.
pub(super) fn insert_row<C: ToSql + PartialEq>(
    insert: &mut Statement<'_>,
    row: impl Iterator<Item = C>,
    mut before: impl Iterator<Item = C>,
) -> rusqlite::Result<()> {
    for (index, cell) in (1..).zip(row) {
        if before.next().as_ref() != Some(&cell) {
            insert.raw_bind_parameter(index, cell)?;
        }
    }
    insert.raw_execute().map(drop)
}

/// Counts how often a thread took a handle, so that a test can tell one loan from many.
#[cfg(test)]
pub(super) mod loans {
    use std::cell::Cell;

    thread_local! {
        static TAKEN: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        TAKEN.set(TAKEN.get() + 1);
    }

    /// Returns the loans that this thread has taken.
    pub(in super::super) fn taken() -> u64 {
        TAKEN.get()
    }
}
