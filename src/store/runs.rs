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
    /// Takes the one run lock of the database. Errors: another process holds the lock.
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>>;

    /// Takes the run lock again if the lock was lost with its connection.
    ///
    /// Errors: another process took it meanwhile; no connection.
    async fn renew_lock(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Cancels the statements that the database executes for this process, if the database can.
    async fn interrupt(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Closes log rows of processes that died during a run. Call with the run lock held.
    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64>;

    /// Writes the log row of a run, before its work begins.
    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64>;

    /// Records in the log that a run tries again. Errors: the run's log row is closed.
    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()>;

    /// Closes the log row of a run that wrote no version.
    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()>;

    /// Closes the log row of a run that found no new trade for a version.
    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()>;

    /// Returns the number of the next version: one more than any version ever had.
    async fn next_version(&self) -> StoreResult<Version>;

    /// Returns the facts of health that only the database knows. Goes over the ledger once.
    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts>;
}

/// A held run lock. After a drop, the database frees the lock sooner or later.
#[async_trait]
pub trait RunLock: Send + Sync {
    /// Frees the lock. When this returns, the next run can take it.
    async fn release(self: Box<Self>);
}
