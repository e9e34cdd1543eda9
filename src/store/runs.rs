//! Runs: one at a time, each with its row of the log.

use async_trait::async_trait;

use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{
    HealthFacts, Holder, RetryNote, RunFailure, RunStart, Version, VersionInfo,
};

/// Keeps the run lock and the log of runs.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Takes the run lock, or says who has it. One run at a time a database.
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>>;

    /// Takes the run lock again if it was lost with its connection.
    ///
    /// Errors: somebody else has it by now; no connection.
    async fn renew_lock(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Stops the database's present work for this process, if it can.
    async fn interrupt(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Closes log rows of processes that ended without doing so. Call with the run lock held.
    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64>;

    /// Writes the log row of a run, before its work begins.
    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64>;

    /// Writes down that a run tries again. Errors: its row is closed.
    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()>;

    /// Closes the log row of a run that wrote no version.
    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()>;

    /// Closes the log row of a run that found a version to have everything already.
    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()>;

    /// Returns the number after the last one ever given.
    async fn next_version(&self) -> StoreResult<Version>;

    /// Returns the facts of health that only the database knows. Goes over the ledger once.
    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts>;
}

/// Held for the time of a run. Dropping it lets the next one in sooner or later.
#[async_trait]
pub trait RunLock: Send + Sync {
    /// Lets the next run in; when this returns, it can begin.
    async fn release(self: Box<Self>);
}
