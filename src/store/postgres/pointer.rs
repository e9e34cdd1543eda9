//! The current pointer in PostgreSQL: which version reports read.

use sqlx::PgConnection;

use super::errors::from_sqlx;
use super::registry;
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Current, Version};

/// Moves the pointer inside a transaction.
pub(super) async fn set(
    connection: &mut PgConnection,
    version: Version,
    held: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let action = "make the version current";
    sqlx::query("UPDATE current_version SET version = $1, held = $2, changed_at = $3::timestamptz")
        .bind(version)
        .bind(held)
        .bind(at.to_string())
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    sqlx::query(
        "UPDATE allocation_versions SET published_at = coalesce(published_at, $2::timestamptz) \
         WHERE version = $1",
    )
    .bind(version)
    .bind(at.to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(action, e))
}

/// Returns the pointer, which nobody else moves until the transaction ends.
pub(super) async fn locked(connection: &mut PgConnection) -> StoreResult<Current> {
    sqlx::query("SELECT 1 FROM current_version FOR UPDATE")
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx("read the current version", e))?;
    registry::current_in(connection).await
}
