//! The log of runs and the audit trail in PostgreSQL.

use async_trait::async_trait;
use serde_json::json;

use super::errors::from_sqlx;
use super::log::log_event;
use super::{PostgresStore, commit, end_snapshot, health, lock, versions};
use crate::engine::Timestamp;
use crate::store::model::{
    Event, HealthFacts, Holder, RetryNote, RunFailure, RunStart, Version, VersionInfo,
};
use crate::store::rules::closed_by_another;
use crate::store::{RunLock, RunStore, StoreResult};

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
            versions::drop_leftovers(self).await?;
            let mut transaction = self.writer().await?;
            let done = sqlx::query(
                "UPDATE fifo_computation_log SET status = 'failed', computation_end = \
                 $1::timestamptz, computation_duration_ms = \
                 trunc(extract(epoch FROM $1::timestamptz - computation_start) * 1000)::bigint, \
                 error_message = 'process ended', last_error_at = $1::timestamptz \
                 WHERE status = 'running'",
            )
            .bind(holder.since.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("close orphaned log rows", e))?;
            commit(transaction).await?;
            Ok(done.rows_affected())
        })
        .await
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        self.named(async {
            let symbols: Vec<&str> = run
                .scope
                .symbols
                .iter()
                .map(|symbol| symbol.as_str())
                .collect();
            let symbols = (!symbols.is_empty()).then(|| symbols.join(","));
            let mut transaction = self.writer().await?;
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO fifo_computation_log (symbol, allocation_version, \
                 allocation_batch_id, computation_start, status, computation_mode, triggered_by, \
                 created_at, host, pid, engine_version) VALUES ($1, $2, $3::uuid, \
                 $4::timestamptz, 'running', $5, $6, $4::timestamptz, $7, $8, $9) RETURNING id",
            )
            .bind(symbols)
            .bind(run.version)
            .bind(&run.batch_id)
            .bind(run.started_at.to_string())
            .bind(&run.mode)
            .bind(&run.triggered_by)
            .bind(&run.host)
            .bind(i64::from(run.pid))
            .bind(ENGINE_VERSION)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("log the run", e))?;
            commit(transaction).await?;
            Ok(id)
        })
        .await
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            let done = sqlx::query(
                "UPDATE fifo_computation_log SET retry_count = $2, last_error_at = \
                 $3::timestamptz, error_details = $4::jsonb WHERE id = $1 AND status = 'running'",
            )
            .bind(run_id)
            .bind(i64::try_from(note.retry_count).unwrap_or(i64::MAX))
            .bind(note.at.to_string())
            .bind(note.details.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("log the retry", e))?;
            commit(transaction).await?;
            match done.rows_affected() {
                0 => Err(closed_by_another(run_id)),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            sqlx::query(
                "UPDATE fifo_computation_log SET status = 'failed', computation_end = \
                 $2::timestamptz, computation_duration_ms = \
                 trunc(extract(epoch FROM $2::timestamptz - computation_start) * 1000)::bigint, \
                 error_message = $3, error_traceback = $4, error_details = $5::jsonb, \
                 last_error_at = $2::timestamptz WHERE id = $1 AND status = 'running'",
            )
            .bind(run_id)
            .bind(failure.ended_at.to_string())
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
        })
        .await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            let done = sqlx::query(
                "UPDATE fifo_computation_log SET status = 'completed', computation_end = \
                 $2::timestamptz, computation_duration_ms = $3, allocation_version = $4, \
                 buys_processed = 0, sells_processed = 0, allocations_created = 0, \
                 symbols_processed = 0 WHERE id = $1 AND status = 'running'",
            )
            .bind(run_id)
            .bind(at.to_string())
            .bind(duration_ms)
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("close the run's log row", e))?;
            if done.rows_affected() == 0 {
                return Err(closed_by_another(run_id));
            }
            commit(transaction).await
        })
        .await
    }

    async fn next_version(&self) -> StoreResult<Version> {
        self.named(async {
            let mut connection = self.reader().await?;
            sqlx::query_scalar(
                "SELECT greatest((SELECT max(version) FROM allocation_versions), \
                 (SELECT max(allocation_version) FROM fifo_computation_log), 0) + 1",
            )
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("number a version", e))
        })
        .await
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

const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");
