//! The registry of versions and the current version, inside a transaction.

use sqlx::SqliteConnection;

use super::cells::select;
use super::errors::from_sqlx;
use super::raw::with_raw;
use crate::store::model::{Current, Version, VersionInfo};
use crate::store::{StoreError, StoreResult, cells};

/// Returns a version inside a transaction.
pub(super) async fn version_in(
    connection: &mut SqliteConnection,
    version: Version,
) -> StoreResult<VersionInfo> {
    with_raw(connection, "look up a version", |raw| {
        let mut found = None;
        let from = "allocation_versions WHERE version = ?1";
        select(raw, cells::VERSION, from, [version], &mut |row| {
            found = Some(cells::version(row)?);
            Ok(())
        })?;
        found.ok_or(StoreError::NoVersion(version))
    })
    .await
}

/// Returns the current pointer inside a transaction.
pub(super) async fn current_in(connection: &mut SqliteConnection) -> StoreResult<Current> {
    let row: (Option<i64>, bool) = sqlx::query_as("SELECT version, held FROM current_version")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("read the current version", e))?;
    Ok(Current {
        version: row.0,
        held: row.1,
    })
}
