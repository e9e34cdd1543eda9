//! The log of runs and the audit trail in SQLite.

use async_trait::async_trait;
use serde_json::json;

use super::errors::from_sqlx;
use super::log::log_event;
use super::raw::with_raw;
use super::{SqliteStore, commit, health, lock};
use crate::engine::Timestamp;
use crate::store::model::{
    Event, HealthFacts, Holder, RetryNote, RunFailure, RunStart, Version, VersionInfo,
};
use crate::store::rules::closed_by_another;
use crate::store::{RunLock, RunStore, StoreResult};

#[async_trait]
impl RunStore for SqliteStore {
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        Ok(Box::new(lock::try_lock(&self.real, holder)?))
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "UPDATE fifo_computation_log SET status = 'failed', computation_end = $1, \
             computation_duration_ms = ($1 - computation_start) / 1000, \
             error_message = 'process ended', last_error_at = $1 WHERE status = 'running'",
        )
        .bind(holder.since.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("close orphaned log rows", e))?;
        commit(transaction).await?;
        Ok(done.rows_affected())
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        let symbols: Vec<&str> = run
            .scope
            .symbols
            .iter()
            .map(|symbol| symbol.as_str())
            .collect();
        let symbols = (!symbols.is_empty()).then(|| symbols.join(","));
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "INSERT INTO fifo_computation_log (symbol, allocation_version, allocation_batch_id, \
             computation_start, status, computation_mode, triggered_by, created_at, host, pid, \
             engine_version) VALUES ($1, $2, $3, $4, 'running', $5, $6, $4, $7, $8, $9)",
        )
        .bind(symbols)
        .bind(run.version)
        .bind(&run.batch_id)
        .bind(run.started_at.as_micros())
        .bind(&run.mode)
        .bind(&run.triggered_by)
        .bind(&run.host)
        .bind(i64::from(run.pid))
        .bind(ENGINE_VERSION)
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("log the run", e))?;
        commit(transaction).await?;
        Ok(done.last_insert_rowid())
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "UPDATE fifo_computation_log SET retry_count = $2, last_error_at = $3, \
             error_details = $4 WHERE id = $1 AND status = 'running'",
        )
        .bind(run_id)
        .bind(i64::try_from(note.retry_count).unwrap_or(i64::MAX))
        .bind(note.at.as_micros())
        .bind(note.details.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("log the retry", e))?;
        commit(transaction).await?;
        match done.rows_affected() {
            0 => Err(closed_by_another(run_id)),
            _ => Ok(()),
        }
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        sqlx::query(
            "UPDATE fifo_computation_log SET status = 'failed', computation_end = $2, \
             computation_duration_ms = ($2 - computation_start) / 1000, error_message = $3, \
             error_traceback = $4, error_details = $5, last_error_at = $2 \
             WHERE id = $1 AND status = 'running'",
        )
        .bind(run_id)
        .bind(failure.ended_at.as_micros())
        .bind(&failure.message)
        .bind(&failure.causes)
        .bind(failure.details.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("log the failure", e))?;
        let details = json!({ "run_id": run_id, "message": failure.message });
        let event = Event {
            severity: "error",
            ..Event::info("run", failure.ended_at, details)
        };
        log_event(&mut transaction, &event).await?;
        commit(transaction).await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "UPDATE fifo_computation_log SET status = 'completed', computation_end = $2, \
             computation_duration_ms = $3, allocation_version = $4, buys_processed = 0, \
             sells_processed = 0, allocations_created = 0, symbols_processed = 0 \
             WHERE id = $1 AND status = 'running'",
        )
        .bind(run_id)
        .bind(at.as_micros())
        .bind(duration_ms)
        .bind(version)
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("close the run's log row", e))?;
        if done.rows_affected() == 0 {
            return Err(closed_by_another(run_id));
        }
        commit(transaction).await
    }

    async fn next_version(&self) -> StoreResult<Version> {
        let mut connection = self.reader().await?;
        sqlx::query_scalar(
            "SELECT max(ifnull((SELECT max(version) FROM allocation_versions), 0), \
             ifnull((SELECT max(allocation_version) FROM fifo_computation_log), 0)) + 1",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx("number a version", e))
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

const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");
