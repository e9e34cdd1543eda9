//! The log of runs and the audit trail in SQLite.

use serde_json::json;
use sqlx::SqliteConnection;

use super::errors::from_sqlx;
use super::{SqliteStore, commit};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Completion, Event, Holder, RetryNote, RunFailure, RunStart};
use crate::store::rules::closed_by_another;

const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the log row of a run and commits it before the work begins.
pub(super) async fn begin(store: &SqliteStore, run: &RunStart) -> StoreResult<i64> {
    let symbols: Vec<&str> = run
        .scope
        .symbols
        .iter()
        .map(|symbol| symbol.as_str())
        .collect();
    let symbols = (!symbols.is_empty()).then(|| symbols.join(","));
    let mut transaction = store.writer().await?;
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

/// Writes down that a run tries again.
pub(super) async fn log_retry(
    store: &SqliteStore,
    run_id: i64,
    note: &RetryNote,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
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

/// Closes the log row of a run that wrote no version.
pub(super) async fn fail(
    store: &SqliteStore,
    run_id: i64,
    failure: &RunFailure,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
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

/// Closes rows that say `running` although the lock that a running process holds is ours.
pub(super) async fn close_orphans(store: &SqliteStore, holder: &Holder) -> StoreResult<u64> {
    let mut transaction = store.writer().await?;
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

/// Closes the log row of a run that had nothing to do.
pub(super) async fn end_idle(
    store: &SqliteStore,
    run_id: i64,
    version: i64,
    (at, duration_ms): (Timestamp, i64),
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
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

/// Closes the log row of a run that wrote a version, in the transaction that publishes it.
pub(super) async fn complete(
    connection: &mut SqliteConnection,
    run_id: i64,
    version: i64,
    completion: &Completion,
) -> StoreResult<()> {
    let counts = &completion.counts;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE fifo_computation_log SET status = $2, computation_end = $3, \
         computation_duration_ms = $4, buys_processed = $5, sells_processed = $6, \
         allocations_created = $7, symbols_processed = $8, symbols_failed = $9, \
         unmatched_sells = $10, fees_unknown = $11, trades_ineligible = $12, \
         total_pnl_computed = $13, error_message = $14, allocation_version = $15, \
         trades_not_matched = $16 WHERE id = $1",
    )
    .bind(run_id)
    .bind(completion.status.as_str())
    .bind(completion.completed_at.as_micros())
    .bind(completion.duration_ms)
    .bind(number(counts.buys))
    .bind(number(counts.sells))
    .bind(number(counts.allocations))
    .bind(number(counts.pools_matched))
    .bind(number(counts.pools_rejected))
    .bind(number(counts.unmatched_sells))
    .bind(number(counts.fees_unknown))
    .bind(number(counts.ineligible))
    .bind(counts.pnl.to_string())
    .bind(&counts.error)
    .bind(version)
    .bind(number(counts.not_matched))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("close the run's log row", e))
}

/// Appends to the audit trail inside a transaction.
pub(super) async fn log_event(connection: &mut SqliteConnection, event: &Event) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO event_log (event_time, event_type, severity, correlation_id, account, \
         symbol, allocation_version, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(event.at.as_micros())
    .bind(event.kind)
    .bind(event.severity)
    .bind(&event.correlation_id)
    .bind(event.pool.as_ref().map(|pool| pool.account.as_str()))
    .bind(event.pool.as_ref().map(|pool| pool.symbol.as_str()))
    .bind(event.version)
    .bind(event.details.to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("append to the audit trail", e))
}
