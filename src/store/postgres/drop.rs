//! Removes a version's tables, and those that a broken run left. Readers are waited for in short
//! tries, so that nobody waits for us.

use std::time::Duration;

use sqlx::PgConnection;

use super::PostgresStore;
use super::errors::from_sqlx;
use super::session::execute;
use crate::store::limits::{LOCK_POLL_MS, READER_TRY_MS};
use crate::store::model::Version;
use crate::store::{StoreError, StoreResult};

/// Deletes a version's rows, inside a transaction.
pub(super) async fn delete_rows(
    connection: &mut PgConnection,
    version: Version,
) -> StoreResult<()> {
    for table in [
        "fifo_allocations",
        "fifo_inventory_snapshot",
        "fifo_parts.fifo_pool_summary",
    ] {
        let sql = format!("DELETE FROM {table} WHERE allocation_version = {version}");
        execute(connection, "replace a version's rows", sql).await?;
    }
    Ok(())
}

/// Lists the attached partitions of a version.
async fn parts_of(connection: &mut PgConnection, version: Version) -> StoreResult<Vec<String>> {
    let pattern = format!("^fifo_(allocations|inventory_snapshot)_v{version}_r[0-9]+(_[12])?$");
    sqlx::query_scalar(
        "SELECT 'fifo_parts.' || c.relname FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'fifo_parts' AND c.relkind = 'r' AND c.relispartition \
         AND c.relname ~ $1 ORDER BY 1",
    )
    .bind(pattern)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for a version's tables", e))
}

/// Removes a version's partitions and summaries, inside a transaction.
pub(super) async fn drop_parts(
    connection: &mut PgConnection,
    version: Version,
    reader_wait: Duration,
) -> StoreResult<()> {
    let action = "drop a version's rows";
    let parts = parts_of(connection, version).await?;
    if !parts.is_empty() {
        let parts = parts.join(", ");
        lock_parts(connection, &parts, reader_wait).await?;
        execute(connection, action, format!("DROP TABLE {parts}")).await?;
    }
    sqlx::query("DELETE FROM fifo_parts.fifo_pool_summary WHERE allocation_version = $1")
        .bind(version)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(action, e))
}

/// Locks partitions and what they are part of against everybody.
///
/// In short tries: while one lasts, new readers wait for us. A reader that has one of the tables
/// and wants another would end as part of a deadlock.
async fn lock_parts(
    connection: &mut PgConnection,
    parts: &str,
    reader_wait: Duration,
) -> StoreResult<()> {
    let action = "drop a version's rows";
    let pause = Duration::from_millis(LOCK_POLL_MS);
    let mut left = reader_wait;
    loop {
        let sql = format!(
            "SAVEPOINT unlocked; SET LOCAL lock_timeout = '{READER_TRY_MS}ms'; \
             LOCK TABLE ONLY fifo_allocations, ONLY fifo_inventory_snapshot, {parts} \
             IN ACCESS EXCLUSIVE MODE"
        );
        let done = execute(connection, action, sql).await;
        left = left.saturating_sub(pause + Duration::from_millis(READER_TRY_MS));
        if !matches!(done, Err(StoreError::Busy(_))) || left.is_zero() {
            return done;
        }
        let sql = "ROLLBACK TO SAVEPOINT unlocked; RELEASE SAVEPOINT unlocked".to_owned();
        execute(connection, action, sql).await?;
        tokio::time::sleep(pause).await;
    }
}

/// Removes tables that a run left behind when it ended before it could publish them.
pub(super) async fn drop_leftovers(store: &PostgresStore) -> StoreResult<()> {
    let mut connection = store.reader().await?;
    drop_tables(&mut connection, store.reader_wait).await
}

/// Removes tables of versions that no version has. Call with the run lock held.
///
/// Tables that a reader holds stay for the next time: they are in nobody's way.
pub(super) async fn drop_tables(
    connection: &mut PgConnection,
    reader_wait: Duration,
) -> StoreResult<()> {
    let action = "remove what a broken run left";
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT 'fifo_parts.' || c.relname, c.relispartition FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'fifo_parts' AND c.relkind = 'r' \
         AND c.relname ~ '^fifo_(allocations|inventory_snapshot|pool_summary)_v[0-9]+_r[0-9_]+$' \
         AND (NOT c.relispartition OR NOT EXISTS (SELECT 1 FROM public.allocation_versions \
              WHERE version = substring(c.relname FROM '_v([0-9]+)_r')::bigint)) ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    for (table, _) in tables.iter().filter(|(_, is_attached)| !is_attached) {
        execute(connection, action, format!("DROP TABLE {table}")).await?;
    }
    let attached = tables.iter().filter(|(_, is_attached)| *is_attached);
    let attached: Vec<&str> = attached.map(|(table, _)| table.as_str()).collect();
    if attached.is_empty() {
        return Ok(());
    }
    let attached = attached.join(", ");
    execute(connection, action, "BEGIN".into()).await?;
    match lock_parts(connection, &attached, reader_wait).await {
        Ok(()) => execute(connection, action, format!("DROP TABLE {attached}; COMMIT")).await,
        Err(StoreError::Busy(_)) => execute(connection, action, "ROLLBACK".into()).await,
        Err(error) => Err(error),
    }
}
