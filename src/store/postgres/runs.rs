//! The log of runs and the audit trail in PostgreSQL.

use async_trait::async_trait;

use super::{PostgresStore, drop, end_snapshot, health, lock};
use crate::engine::Timestamp;
use crate::store::model::{
    HealthFacts, Holder, RetryNote, RunFailure, RunStart, Version, VersionInfo,
};
use crate::store::rules::Closing;
use crate::store::{RunLock, RunStore, StoreResult, sql};

#[async_trait]
impl RunStore for PostgresStore {
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        let lock = lock::try_lock(&self.url, &self.locked, holder);
        Ok(Box::new(self.named(lock).await?))
    }

    async fn renew_lock(&self, holder: &Holder) -> StoreResult<()> {
        self.named(lock::renew(&self.url, &self.locked, holder))
            .await
    }

    async fn interrupt(&self, holder: &Holder) -> StoreResult<()> {
        self.named(lock::interrupt(&self.url, holder)).await
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        self.named(async {
            drop::drop_leftovers(self).await?;
            sql::runs::close_orphans(self, holder).await
        })
        .await
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        self.named(sql::runs::begin(self, run)).await
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        self.named(sql::runs::log_retry(self, run_id, note)).await
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        let closing = Closing::of_failure(run_id, failure);
        self.named(sql::closing::close_alone(self, &closing)).await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        let closing = Closing::of_idle(run_id, version, at, duration_ms);
        self.named(sql::closing::close_alone(self, &closing)).await
    }

    async fn next_version(&self) -> StoreResult<Version> {
        self.named(sql::read::next_version(self)).await
    }

    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts> {
        self.named(async {
            let mut connection = self.snapshot().await?;
            let facts = health::facts_in(&mut connection, current).await;
            end_snapshot(connection, facts).await
        })
        .await
    }
}
