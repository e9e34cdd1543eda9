//! The raw handle of sqlx's own connection, for what must be fast or what sqlx has no call for.
//!
//! sqlx sends each row of each statement through a channel to a worker thread: ten times the cost
//! of the row itself. Bulk reads and inserts, and the SQL functions, use the handle directly,
//! inside the same connection and so inside the same transaction.

use rusqlite::Connection;
use sqlx::SqliteConnection;

use super::errors::{self, from_sqlx};
use crate::store::StoreResult;

/// Runs `work` on the connection's handle, while sqlx's worker keeps off it.
pub(super) async fn with_raw<T>(
    connection: &mut SqliteConnection,
    action: &'static str,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    let mut handle = connection
        .lock_handle()
        .await
        .map_err(|e| from_sqlx(action, e))?;
    // SAFETY: the handle is open and locked for us until `handle` is dropped, which is after
    // `borrowed`; a connection made by `from_handle` does not close it.
    let borrowed = unsafe { Connection::from_handle(handle.as_raw_handle().as_ptr()) };
    let borrowed = borrowed.map_err(|e| errors::from_rusqlite(action, e))?;
    work(&borrowed)
}
