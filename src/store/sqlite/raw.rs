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

use rusqlite::Connection;
use sqlx::sqlite::LockedSqliteHandle;
use sqlx::{Connection as _, SqliteConnection};

use super::errors::{self, from_sqlx};
use crate::store::StoreResult;

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

/// Runs `work` on the connection's raw handle. sqlx's worker can't use it before `work` ends.
pub(super) async fn with_raw<T>(
    connection: &mut SqliteConnection,
    action: &'static str,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    work(Raw::take(connection, action).await?.connection())
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
