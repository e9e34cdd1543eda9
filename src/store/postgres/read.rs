//! Reading versions from PostgreSQL.

use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::stored;
use super::{PostgresStore, end_snapshot};
use crate::engine::Pool;
use crate::store::cells;
use crate::store::model::{Current, PoolSummary, Version, VersionInfo};
use crate::store::{RowSink, StoreError, StoreResult, StoredPool, StoredRow};

/// Returns the number after the last one ever given.
pub(super) async fn next_version(store: &PostgresStore) -> StoreResult<Version> {
    let mut connection = store.reader().await?;
    sqlx::query_scalar(
        "SELECT greatest((SELECT max(version) FROM allocation_versions), \
         (SELECT max(allocation_version) FROM fifo_computation_log), 0) + 1",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("number a version", e))
}

/// Lists the registry, oldest first.
pub(super) async fn versions(store: &PostgresStore) -> StoreResult<Vec<VersionInfo>> {
    let mut connection = store.reader().await?;
    let rows = select(cells::VERSION, "allocation_versions ORDER BY version")
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx("list the versions", e))?;
    rows.iter()
        .map(|row| cells::version(&PgCells(row)))
        .collect()
}

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

/// Returns the current pointer.
pub(super) async fn current(store: &PostgresStore) -> StoreResult<Current> {
    let mut connection = store.reader().await?;
    current_in(&mut connection).await
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

/// Lists a version's pools.
pub(super) async fn pool_summaries(
    store: &PostgresStore,
    version: Version,
) -> StoreResult<Vec<PoolSummary>> {
    let mut connection = store.reader().await?;
    let from = "fifo_pool_summary WHERE allocation_version = $1 ORDER BY account, symbol";
    let mut rows = select(cells::SUMMARY, from)
        .bind(version)
        .fetch(&mut *connection);
    // As they come: the server's rows take more than what is read of them.
    let (mut summaries, failed) = (Vec::new(), |e| from_sqlx("read the pool summaries", e));
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        summaries.push(cells::summary(&PgCells(&row))?);
    }
    Ok(summaries)
}

/// Lists the pools that a version has rows of.
pub(super) async fn pools_with_rows(
    store: &PostgresStore,
    version: Version,
) -> StoreResult<Vec<Pool>> {
    let mut connection = store.reader().await?;
    // Grouped first: all rows of a new version, which has no statistics yet, would be sorted.
    let mut rows = sqlx::query_as(
        "SELECT account, symbol FROM fifo_allocations WHERE allocation_version = $1 GROUP BY 1, 2 \
         UNION SELECT account, symbol FROM fifo_inventory_snapshot \
         WHERE allocation_version = $1 GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .bind(version)
    .fetch(&mut *connection);
    let (mut pools, failed) = (Vec::new(), |e| from_sqlx("list the pools of a version", e));
    while let Some((account, symbol)) = rows.try_next().await.map_err(failed)? {
        let (account, symbol): (String, String) = (account, symbol);
        pools.push(cells::pool(&account, &symbol));
    }
    Ok(pools)
}

/// Reads what a version holds of some pools.
pub(super) async fn stored_pools(
    store: &PostgresStore,
    version: Version,
    pools: &[Pool],
) -> StoreResult<Vec<StoredPool>> {
    // One state: a version may be replaced between two statements.
    let mut connection = store.lookup().await?;
    let stored = stored::pools(&mut connection, version, pools).await;
    end_snapshot(connection, stored).await
}

/// Reads the unmatched rows of a version.
pub(super) async fn unmatched_rows(
    store: &PostgresStore,
    version: Version,
) -> StoreResult<Vec<StoredRow>> {
    let mut connection = store.reader().await?;
    let from = "fifo_allocations WHERE allocation_version = $1 AND buy_order_id IS NULL \
                ORDER BY id";
    let rows = select(cells::ALLOCATION, from)
        .bind(version)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx("read unmatched rows", e))?;
    Ok(rows
        .iter()
        .map(|row| cells::allocation(&PgCells(row)))
        .collect())
}

/// Gives each row of a version to `sink`, in canonical order.
pub(super) async fn export(
    store: &PostgresStore,
    version: Version,
    sink: &mut dyn RowSink,
) -> StoreResult<u64> {
    let mut connection = store.reader().await?;
    let from = "fifo_allocations WHERE allocation_version = $1 ORDER BY account, symbol, id";
    let mut rows = select(cells::ALLOCATION, from)
        .bind(version)
        .fetch(&mut *connection);
    let mut count = 0;
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(|e| from_sqlx("export a version", e))?
    {
        count += 1;
        cells::give(cells::allocation(&PgCells(&row)), sink)?;
    }
    Ok(count)
}
