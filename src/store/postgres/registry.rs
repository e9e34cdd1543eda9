//! The registry of versions and the current version, inside a transaction.

use sqlx::PgConnection;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use crate::store::model::{Current, Version, VersionInfo};
use crate::store::{StoreError, StoreResult, cells};

/// Returns a version inside a transaction.
pub(super) async fn version_in(
    connection: &mut PgConnection,
    version: Version,
) -> StoreResult<VersionInfo> {
    let row = select(cells::VERSION, "allocation_versions WHERE version = $1")
        .bind(version)
        .fetch_optional(connection)
        .await
        .map_err(|e| from_sqlx("look up a version", e))?;
    let row = row.ok_or(StoreError::NoVersion(version))?;
    cells::version(&PgCells(&row))
}

/// Returns a version that nobody else changes until the transaction ends.
pub(super) async fn version_locked(
    connection: &mut PgConnection,
    version: Version,
) -> StoreResult<VersionInfo> {
    sqlx::query("SELECT 1 FROM allocation_versions WHERE version = $1 FOR UPDATE")
        .bind(version)
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx("look up a version", e))?;
    version_in(connection, version).await
}

/// Returns the current pointer inside a transaction.
pub(super) async fn current_in(connection: &mut PgConnection) -> StoreResult<Current> {
    let row: (Option<i64>, bool) = sqlx::query_as("SELECT version, held FROM current_version")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("read the current version", e))?;
    Ok(Current {
        version: row.0,
        held: row.1,
    })
}
