//! Reading versions from SQLite.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::Connection;
use serde_json::json;

use super::cells::{RawCells, each, select};
use super::errors::{from_rusqlite, from_sqlx};
use super::raw::with_raw;
use super::registry::{current_in, version_in};
use super::{SqliteStore, append, commit, log, pointer, queue, sourced, versions};
use crate::engine::{Account, Pool};
use crate::store::cells::Cells;
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    AppendedPool, Completion, Current, Event, PointerMove, PoolSummary, Sold, Version, VersionInfo,
    VersionPlan,
};
use crate::store::rules::{check_droppable, check_publishable, check_sealable};
use crate::store::{
    RowSink, SourcedSink, StoreResult, StoredPool, StoredRow, VersionStore, VersionWriter, cells,
};

#[async_trait]
impl VersionStore for SqliteStore {
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(versions::begin(self, plan).await?))
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
        let mut connection = self.reader().await?;
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

    async fn current(&self) -> StoreResult<Current> {
        let mut connection = self.reader().await?;
        current_in(&mut connection).await
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        let info = version_in(&mut transaction, pointer.version).await?;
        check_publishable(&info)?;
        pointer::set(&mut transaction, pointer.version, pointer.held, pointer.at).await?;
        queue::update(
            &mut transaction,
            &pointer.review,
            pointer.version,
            pointer.at,
        )
        .await?;
        let details = json!({ "held": pointer.held, "by": pointer.by });
        let event = Event {
            version: Some(pointer.version),
            ..Event::info("publish", pointer.at, details)
        };
        log::log_event(&mut transaction, &event).await?;
        commit(transaction).await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        let info = version_in(&mut transaction, version).await?;
        check_sealable(&info)?;
        sqlx::query(
            "UPDATE allocation_versions SET sealed_at = $2, sealed_reason = $3 WHERE version = $1",
        )
        .bind(version)
        .bind(event.at.as_micros())
        .bind(reason)
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("seal a version", e))?;
        log::log_event(&mut transaction, event).await?;
        commit(transaction).await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        let info = version_in(&mut transaction, version).await?;
        let current = current_in(&mut transaction).await?;
        check_droppable(&info, &current)?;
        versions::delete_rows(&mut transaction, version).await?;
        sqlx::query("UPDATE allocation_versions SET status = 'dropped' WHERE version = $1")
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("drop a version", e))?;
        log::log_event(&mut transaction, event).await?;
        commit(transaction).await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        let mut connection = self.reader().await?;
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

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        let mut connection = self.reader().await?;
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
        let mut connection = self.reader().await?;
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

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        let mut connection = self.reader().await?;
        with_raw(&mut connection, "export a version", |raw| {
            let mut rows = 0;
            let from =
                "fifo_allocations WHERE allocation_version = ?1 ORDER BY account, symbol, id";
            select(raw, cells::ALLOCATION, from, [version], &mut |row| {
                rows += 1;
                cells::give(cells::allocation(row), sink)
            })?;
            Ok(rows)
        })
        .await
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
