//! Versions in PostgreSQL: read, moved, sealed and dropped. `writer.rs` writes them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{PostgresStore, append, drop, end_snapshot, readers, sourced, stored, writer};
use crate::engine::{Account, Pool};
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    AppendedPool, Completion, Current, Event, PointerMove, PoolSummary, Sold, Version, VersionInfo,
    VersionPlan,
};
use crate::store::{
    RowSink, SourcedSink, StoreResult, StoredPool, StoredRow, VersionStore, VersionWriter, sql,
};

#[async_trait]
impl VersionStore for PostgresStore {
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(self.named(writer::begin(self, plan)).await?))
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
        self.named(sql::read::versions(self)).await
    }

    async fn current(&self) -> StoreResult<Current> {
        self.named(sql::read::current(self)).await
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        self.named(async {
            let mut connection = self.reader().await?;
            let nobody = readers::Steady::default();
            readers::wait_until_gone(&mut connection, self.reader_wait, &nobody).await?;
            drop(connection);
            sql::versions::publish(self, pointer).await
        })
        .await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        self.named(sql::versions::seal(self, version, reason, event))
            .await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        self.named(async {
            let mut writer = sql::versions::begin_drop(self, version).await?;
            drop::drop_parts(&mut writer, version, self.reader_wait).await?;
            sql::versions::end_drop::<Self>(writer, version, event).await
        })
        .await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        self.named(sql::read::pool_summaries(self, version)).await
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        self.named(sql::read::pools_with_rows(self, version)).await
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
        self.named(sql::read::unmatched_rows(self, version)).await
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        self.named(sql::read::export(self, version, sink)).await
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
