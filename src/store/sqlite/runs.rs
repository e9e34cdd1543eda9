//! The log of runs and the audit trail in SQLite.

use async_trait::async_trait;

use super::raw::with_raw;
use super::{SqliteStore, commit, health, lock};
use crate::engine::Timestamp;
use crate::store::model::{
    HealthFacts, Holder, RetryNote, RunFailure, RunStart, Version, VersionInfo,
};
use crate::store::rules::Closing;
use crate::store::{RunLock, RunStore, StoreResult, sql};

#[async_trait]
impl RunStore for SqliteStore {
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        Ok(Box::new(lock::try_lock(&self.real, holder)?))
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        sql::runs::close_orphans(self, holder).await
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        sql::runs::begin(self, run).await
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        sql::runs::log_retry(self, run_id, note).await
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        let closing = Closing::of_failure(run_id, failure);
        sql::closing::close_alone(self, &closing).await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        let closing = Closing::of_idle(run_id, version, at, duration_ms);
        sql::closing::close_alone(self, &closing).await
    }

    async fn next_version(&self) -> StoreResult<Version> {
        sql::read::next_version(self).await
    }

    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts> {
        let mut transaction = self.snapshot().await?;
        let facts = with_raw(&mut transaction, "look how things stand", |raw| {
            health::facts_in(raw, current)
        });
        let mut facts = facts.await?;
        commit(transaction).await?;
        facts.disk = health::disk_room(&self.path);
        Ok(facts)
    }
}
