//! The current pointer in SQLite: which version reports read.

use sqlx::SqliteConnection;

use super::errors::from_sqlx;
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::Version;

/// Moves the pointer inside a transaction.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    version: Version,
    held: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let action = "make the version current";
    sqlx::query("UPDATE current_version SET version = $1, held = $2, changed_at = $3")
        .bind(version)
        .bind(held)
        .bind(at.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    sqlx::query(
        "UPDATE allocation_versions SET published_at = ifnull(published_at, $2) \
         WHERE version = $1",
    )
    .bind(version)
    .bind(at.as_micros())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(action, e))
}
