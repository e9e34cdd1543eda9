//! Reads versions, the registry, and which version is current.

use super::{Driver, SqlStore, Take, arguments, list};
use crate::engine::Pool;
use crate::store::model::{Current, PoolSummary, Version, VersionInfo};
use crate::store::{RowSink, StoreError, StoreResult, StoredRow, cells};

/// Returns the number of the next version: one more than any version ever had.
pub(in crate::store) async fn next_version<D: SqlStore>(store: &D) -> StoreResult<Version> {
    let from = "(SELECT max(version) AS number FROM allocation_versions \
         UNION ALL SELECT max(allocation_version) FROM fifo_computation_log) numbers";
    let selected = ("coalesce(max(number), 0) + 1", from);
    let mut reader = store.reader().await?;
    let next = list(&mut *reader, "number a version", selected, &[], |row| {
        Ok(row.integer(0).ok().flatten())
    });
    Ok(next.await?.into_iter().flatten().next().unwrap_or(1))
}

/// Lists the versions in the registry, oldest first.
pub(in crate::store) async fn versions<D: SqlStore>(store: &D) -> StoreResult<Vec<VersionInfo>> {
    let selected = (cells::VERSION, "allocation_versions ORDER BY version");
    let action = "list the versions";
    let mut reader = store.reader().await?;
    list(&mut *reader, action, selected, &[], cells::version).await
}

/// Reads a version, which no other session can change until the transaction ends.
pub(in crate::store) async fn version_locked<C: Driver>(
    connection: &mut C,
    version: Version,
) -> StoreResult<VersionInfo> {
    let from = format!("allocation_versions WHERE version = $1{}", C::FOR_UPDATE);
    let (action, selected) = ("look up a version", (cells::VERSION, from.as_str()));
    let arguments = arguments![version];
    let found = list(connection, action, selected, &arguments, cells::version).await?;
    found
        .into_iter()
        .next()
        .ok_or(StoreError::NoVersion(version))
}

/// Returns which version is current.
pub(in crate::store) async fn current<D: SqlStore>(store: &D) -> StoreResult<Current> {
    pointer(&mut *store.reader().await?, "").await
}

/// Returns which version is current. No other session can change that until the transaction ends.
pub(in crate::store) async fn current_locked<C: Driver>(
    connection: &mut C,
) -> StoreResult<Current> {
    pointer(connection, C::FOR_UPDATE).await
}

async fn pointer<C: Driver>(connection: &mut C, lock: &str) -> StoreResult<Current> {
    let from = format!("current_version{lock}");
    let columns = "version, CAST(CASE WHEN held THEN 1 ELSE 0 END AS bigint)";
    let selected = (columns, from.as_str());
    let current = list(
        connection,
        "read the current version",
        selected,
        &[],
        |row| {
            let integer = |index| row.integer(index).ok().flatten();
            Ok(Current {
                version: integer(0),
                held: integer(1) == Some(1),
            })
        },
    );
    Ok(current.await?.pop().unwrap_or_default())
}

/// Lists a version's pools.
pub(in crate::store) async fn pool_summaries<D: SqlStore>(
    store: &D,
    version: Version,
) -> StoreResult<Vec<PoolSummary>> {
    let from = "fifo_pool_summary WHERE allocation_version = $1 ORDER BY account, asset";
    let (action, selected) = ("read the pool summaries", (cells::SUMMARY, from));
    let (mut reader, arguments) = (store.reader().await?, arguments![version]);
    list(&mut *reader, action, selected, &arguments, cells::summary).await
}

/// Lists the pools that a version has rows of.
pub(in crate::store) async fn pools_with_rows<D: SqlStore>(
    store: &D,
    version: Version,
) -> StoreResult<Vec<Pool>> {
    // Grouped first: without statistics, the server would sort all rows of a new version.
    let from = "(SELECT account, asset FROM fifo_allocations WHERE allocation_version = $1 \
         GROUP BY 1, 2 UNION SELECT account, asset FROM fifo_inventory_snapshot \
         WHERE allocation_version = $1 GROUP BY 1, 2) pools ORDER BY 1, 2";
    let selected = ("account, asset", from);
    let (mut reader, arguments) = (store.reader().await?, arguments![version]);
    let action = "list the pools of a version";
    list(&mut *reader, action, selected, &arguments, |row| {
        let text = |index| row.text(index).ok().flatten().unwrap_or_default();
        Ok(cells::pool(&text(0), &text(1)))
    })
    .await
}

/// Reads the unmatched rows of a version.
pub(in crate::store) async fn unmatched_rows<D: SqlStore>(
    store: &D,
    version: Version,
) -> StoreResult<Vec<StoredRow>> {
    let from = "fifo_allocations WHERE allocation_version = $1 AND buy_order_id IS NULL \
         ORDER BY id";
    let (action, selected) = ("read unmatched rows", (cells::ALLOCATION, from));
    let (mut reader, arguments) = (store.reader().await?, arguments![version]);
    list(&mut *reader, action, selected, &arguments, |row| {
        Ok(cells::allocation(row))
    })
    .await
}

/// Passes each row of a version to `sink`, in canonical order.
pub(in crate::store) async fn export<D: SqlStore>(
    store: &D,
    version: Version,
    sink: &mut dyn RowSink,
) -> StoreResult<u64> {
    let from = "fifo_allocations WHERE allocation_version = $1 ORDER BY account, asset, id";
    let (action, selected) = ("export a version", (cells::ALLOCATION, from));
    let (mut reader, arguments) = (store.reader().await?, arguments![version]);
    let mut rows = 0;
    let give: Take<'_> = &mut |row| {
        rows += 1;
        cells::give(cells::allocation(row), sink)
    };
    reader.select(action, selected, &arguments, give).await?;
    Ok(rows)
}
