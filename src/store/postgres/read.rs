//! Reading versions from PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use serde_json::json;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::registry::{current_in, version_locked};
use super::{
    PostgresStore, append, commit, end_snapshot, log, pointer, queue, readers, sourced, stored,
    versions,
};
use crate::engine::{Account, Pool};
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
impl VersionStore for PostgresStore {
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(self.named(versions::begin(self, plan)).await?))
    }

    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()> {
        self.named(append::append(self, plan, pools, completion))
            .await
    }

    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>> {
        self.named(async {
            let mut connection = self.lookup().await?;
            let lots = append::open_lots_in(&mut connection, self.ledger, version, reach).await;
            end_snapshot(connection, lots).await
        })
        .await
    }

    async fn versions(&self) -> StoreResult<Vec<VersionInfo>> {
        self.named(async {
            let mut connection = self.reader().await?;
            let rows = select(cells::VERSION, "allocation_versions ORDER BY version")
                .fetch_all(&mut *connection)
                .await
                .map_err(|e| from_sqlx("list the versions", e))?;
            rows.iter()
                .map(|row| cells::version(&PgCells(row)))
                .collect()
        })
        .await
    }

    async fn current(&self) -> StoreResult<Current> {
        self.named(async {
            let mut connection = self.reader().await?;
            current_in(&mut connection).await
        })
        .await
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        self.named(async {
            let mut connection = self.reader().await?;
            let nobody = readers::Steady::default();
            readers::wait_until_gone(&mut connection, self.reader_wait, &nobody).await?;
            drop(connection);
            let mut transaction = self.writer().await?;
            let info = version_locked(&mut transaction, pointer.version).await?;
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
        })
        .await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            let info = version_locked(&mut transaction, version).await?;
            check_sealable(&info)?;
            sqlx::query(
                "UPDATE allocation_versions SET sealed_at = $2::timestamptz, sealed_reason = $3 \
                 WHERE version = $1",
            )
            .bind(version)
            .bind(event.at.to_string())
            .bind(reason)
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("seal a version", e))?;
            log::log_event(&mut transaction, event).await?;
            commit(transaction).await
        })
        .await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            let info = version_locked(&mut transaction, version).await?;
            let current = pointer::locked(&mut transaction).await?;
            check_droppable(&info, &current)?;
            versions::drop_parts(&mut transaction, version, self.reader_wait).await?;
            sqlx::query("UPDATE allocation_versions SET status = 'dropped' WHERE version = $1")
                .bind(version)
                .execute(&mut *transaction)
                .await
                .map_err(|e| from_sqlx("drop a version", e))?;
            log::log_event(&mut transaction, event).await?;
            commit(transaction).await
        })
        .await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        self.named(async {
            let mut connection = self.reader().await?;
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
        })
        .await
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        self.named(async {
            let mut connection = self.reader().await?;
            // Grouped first: all rows of a new version, which has no statistics yet, would be
            // sorted.
            let mut rows = sqlx::query_as(
                "SELECT account, symbol FROM fifo_allocations WHERE allocation_version = $1 \
                 GROUP BY 1, 2 UNION SELECT account, symbol FROM fifo_inventory_snapshot \
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
        })
        .await
    }

    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>> {
        self.named(async {
            // One state: a version may be replaced between two statements.
            let mut connection = self.lookup().await?;
            let stored = stored::pools(&mut connection, version, pools).await;
            end_snapshot(connection, stored).await
        })
        .await
    }

    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>> {
        self.named(async {
            let mut connection = self.reader().await?;
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
        })
        .await
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        self.named(async {
            let mut connection = self.reader().await?;
            let from =
                "fifo_allocations WHERE allocation_version = $1 ORDER BY account, symbol, id";
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
        self.named(sourced::rows(self, version, account, sold, sink))
            .await
    }
}
