//! Reading versions from SQLite.

use rusqlite::Connection;
use sqlx::SqliteConnection;

use super::cells::{RawCells, each, select};
use super::errors::{from_rusqlite, from_sqlx};
use super::raw::with_raw;
use super::{SqliteStore, commit};
use crate::engine::Pool;
use crate::store::cells::{self, Cells};
use crate::store::model::{Current, PoolSummary, Version, VersionInfo};
use crate::store::{RowSink, StoreError, StoreResult, StoredPool, StoredRow};

/// Returns the number after the last one ever given.
pub(super) async fn next_version(store: &SqliteStore) -> StoreResult<Version> {
    let mut connection = store.reader().await?;
    sqlx::query_scalar(
        "SELECT max(ifnull((SELECT max(version) FROM allocation_versions), 0), \
         ifnull((SELECT max(allocation_version) FROM fifo_computation_log), 0)) + 1",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("number a version", e))
}

/// Lists the registry, oldest first.
pub(super) async fn versions(store: &SqliteStore) -> StoreResult<Vec<VersionInfo>> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "list the versions", |raw| {
        let mut versions = Vec::new();
        select(
            raw,
            cells::VERSION,
            "allocation_versions ORDER BY version",
            [],
            &mut |row| {
                versions.push(cells::version(row)?);
                Ok(())
            },
        )?;
        Ok(versions)
    })
    .await
}

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

/// Returns the current pointer.
pub(super) async fn current(store: &SqliteStore) -> StoreResult<Current> {
    let mut connection = store.reader().await?;
    current_in(&mut connection).await
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

/// Lists a version's pools.
pub(super) async fn pool_summaries(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<PoolSummary>> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "read the pool summaries", |raw| {
        let mut summaries = Vec::new();
        let from = "fifo_pool_summary WHERE allocation_version = ?1 ORDER BY account, symbol";
        select(raw, cells::SUMMARY, from, [version], &mut |row| {
            summaries.push(cells::summary(row)?);
            Ok(())
        })?;
        Ok(summaries)
    })
    .await
}

/// Lists the pools that a version has rows of.
pub(super) async fn pools_with_rows(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<Pool>> {
    let mut connection = store.reader().await?;
    let action = "list the pools of a version";
    with_raw(&mut connection, action, |raw| {
        let mut pools = Vec::new();
        let sql = "SELECT account, symbol FROM fifo_allocations WHERE allocation_version = ?1 \
             UNION SELECT account, symbol FROM fifo_inventory_snapshot \
             WHERE allocation_version = ?1 ORDER BY 1, 2";
        each(raw, sql, [version], &mut |row| {
            let text = |index| row.text(index).ok().flatten().unwrap_or_default();
            pools.push(cells::pool(&text(0), &text(1)));
            Ok(())
        })?;
        Ok(pools)
    })
    .await
}

/// Reads what a version holds of some pools, in one state of the database.
pub(super) async fn stored_pools(
    store: &SqliteStore,
    version: Version,
    pools: &[Pool],
) -> StoreResult<Vec<StoredPool>> {
    let mut transaction = store.snapshot().await?;
    let stored = with_raw(&mut transaction, "read allocations", |raw| {
        stored_pools_in(raw, version, pools)
    })
    .await?;
    commit(transaction).await?;
    Ok(stored)
}

/// The whole key finds each pool. The SQL names the index: with statistics in the file, another one
/// that begins with the account may look as good. It is not if a symbol has many accounts.
pub(super) const OF_POOL: &str = "fifo_allocations INDEXED BY fifo_allocations_pool_index \
    WHERE allocation_version = ?1 AND symbol = ?3 AND account = ?2";

fn stored_pools_in(
    raw: &Connection,
    version: Version,
    pools: &[Pool],
) -> StoreResult<Vec<StoredPool>> {
    let fail = |e| from_rusqlite("read allocations", e);
    let (rows, lots) = (cells::ALLOCATION.join(", "), cells::LOT.join(", "));
    let rows = format!("SELECT {rows} FROM {OF_POOL} ORDER BY id");
    let lots = format!(
        "SELECT {lots} FROM fifo_inventory_snapshot \
         WHERE allocation_version = ?1 AND account = ?2 AND symbol = ?3 ORDER BY id"
    );
    let mut rows = raw.prepare(&rows).map_err(fail)?;
    let mut lots = raw.prepare(&lots).map_err(fail)?;
    let mut all = Vec::with_capacity(pools.len());
    for of in pools {
        let mut stored = StoredPool::default();
        let key = rusqlite::params![version, of.account.as_str(), of.symbol.as_str()];
        let mut found = rows.query(key).map_err(fail)?;
        while let Some(row) = found.next().map_err(fail)? {
            match cells::allocation_after(&RawCells(row), Some(of)) {
                Ok(row) => stored.allocations.push(row),
                Err(unreadable) => stored.unreadable.push(unreadable),
            }
        }
        let mut found = lots.query(key).map_err(fail)?;
        while let Some(row) = found.next().map_err(fail)? {
            match cells::lot(&RawCells(row)) {
                Ok(lot) => stored.open_lots.push(lot),
                Err(unreadable) => stored.unreadable.push(unreadable),
            }
        }
        all.push(stored);
    }
    Ok(all)
}

/// Reads the unmatched rows of a version.
pub(super) async fn unmatched_rows(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<StoredRow>> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "read unmatched rows", |raw| {
        let mut found = Vec::new();
        let from = "fifo_allocations WHERE allocation_version = ?1 AND buy_order_id IS NULL \
                    ORDER BY id";
        select(raw, cells::ALLOCATION, from, [version], &mut |row| {
            found.push(cells::allocation(row));
            Ok(())
        })?;
        Ok(found)
    })
    .await
}

/// Gives each row of a version to `sink`, in canonical order.
pub(super) async fn export(
    store: &SqliteStore,
    version: Version,
    sink: &mut dyn RowSink,
) -> StoreResult<u64> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "export a version", |raw| {
        let mut rows = 0;
        let from = "fifo_allocations WHERE allocation_version = ?1 ORDER BY account, symbol, id";
        select(raw, cells::ALLOCATION, from, [version], &mut |row| {
            rows += 1;
            cells::give(cells::allocation(row), sink)
        })?;
        Ok(rows)
    })
    .await
}
