//! Versions in SQLite: read, moved, sealed and dropped. `writer.rs` writes them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::Connection;

use super::cells::RawCells;
use super::errors::from_rusqlite;
use super::raw::with_raw;
use super::{SqliteStore, append, commit, sourced, writer};
use crate::engine::{Account, Pool};
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    AppendedPool, Completion, Current, Event, PointerMove, PoolSummary, Sold, Version, VersionInfo,
    VersionPlan,
};
use crate::store::{
    RowSink, SourcedSink, StoreResult, StoredPool, StoredRow, VersionStore, VersionWriter, cells,
    sql,
};

#[async_trait]
impl VersionStore for SqliteStore {
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(writer::begin(self, plan).await?))
    }

    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()> {
        append::append(self, plan, pools, completion).await
    }

    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>> {
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, "read the open lots", |raw| {
            append::open_lots_in(raw, version, reach)
        })
        .await
    }

    async fn versions(&self) -> StoreResult<Vec<VersionInfo>> {
        sql::read::versions(self).await
    }

    async fn current(&self) -> StoreResult<Current> {
        sql::read::current(self).await
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        sql::versions::publish(self, pointer).await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        sql::versions::seal(self, version, reason, event).await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        let mut writer = sql::versions::begin_drop(self, version).await?;
        writer::delete_rows(&mut writer, version).await?;
        sql::versions::end_drop::<Self>(writer, version, event).await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        sql::read::pool_summaries(self, version).await
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        sql::read::pools_with_rows(self, version).await
    }

    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>> {
        let mut transaction = self.snapshot().await?;
        let stored = with_raw(&mut transaction, "read allocations", |raw| {
            stored_pools_in(raw, version, pools)
        })
        .await?;
        commit(transaction).await?;
        Ok(stored)
    }

    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>> {
        sql::read::unmatched_rows(self, version).await
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        sql::read::export(self, version, sink).await
    }

    async fn sourced_rows(
        &self,
        version: Version,
        account: Option<&Account>,
        sold: Sold,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64> {
        sourced::rows(self, version, account, sold, sink).await
    }
}

/// FROM and WHERE of a pool's rows, which the whole key finds. The SQL names the index: by the
/// statistics of a file, another index that begins with the account may look as good. It is not if
/// an account has many assets.
pub(super) const OF_POOL: &str = "fifo_allocations INDEXED BY fifo_allocations_pool_index \
    WHERE allocation_version = ?1 AND asset = ?3 AND account = ?2";

fn stored_pools_in(
    raw: &Connection,
    version: Version,
    pools: &[Pool],
) -> StoreResult<Vec<StoredPool>> {
    let fail = |e| from_rusqlite("read allocations", e);
    let (rows, lots) = (cells::ALLOCATION, cells::LOT);
    let rows = format!("SELECT {rows} FROM {OF_POOL} ORDER BY id");
    let lots = format!(
        "SELECT {lots} FROM fifo_inventory_snapshot \
         WHERE allocation_version = ?1 AND account = ?2 AND asset = ?3 ORDER BY id"
    );
    let mut rows = raw.prepare(&rows).map_err(fail)?;
    let mut lots = raw.prepare(&lots).map_err(fail)?;
    let mut all = Vec::with_capacity(pools.len());
    for of in pools {
        let mut stored = StoredPool::default();
        let key = rusqlite::params![version, of.account.as_str(), of.asset.as_str()];
        let mut found = rows.query(key).map_err(fail)?;
        while let Some(row) = found.next().map_err(fail)? {
            let before = stored.allocations.last();
            let names = (Some(of), before.map(|row| &row.symbol));
            match cells::allocation_after(&RawCells(row), names) {
                Ok(row) => stored.allocations.push(row),
                Err(unreadable) => stored.unreadable.push(unreadable),
            }
        }
        let mut found = lots.query(key).map_err(fail)?;
        while let Some(row) = found.next().map_err(fail)? {
            match cells::lot_after(&RawCells(row), stored.open_lots.last()) {
                Ok(lot) => stored.open_lots.push(lot),
                Err(unreadable) => stored.unreadable.push(unreadable),
            }
        }
        all.push(stored);
    }
    Ok(all)
}
