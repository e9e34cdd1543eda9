//! The log of runs and the audit trail in PostgreSQL.

use serde_json::json;
use sqlx::PgConnection;

use super::errors::from_sqlx;
use super::{PostgresStore, commit};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Completion, Event, Holder, RetryNote, RunFailure, RunStart};
use crate::store::rules::closed_by_another;

const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the log row of a run and commits it before the work begins.
pub(super) async fn begin(store: &PostgresStore, run: &RunStart) -> StoreResult<i64> {
    let symbols: Vec<&str> = run
        .scope
        .symbols
        .iter()
        .map(|symbol| symbol.as_str())
        .collect();
    let symbols = (!symbols.is_empty()).then(|| symbols.join(","));
    let mut transaction = store.writer().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO fifo_computation_log (symbol, allocation_version, allocation_batch_id, \
         computation_start, status, computation_mode, triggered_by, created_at, host, pid, \
         engine_version) VALUES ($1, $2, $3::uuid, $4::timestamptz, 'running', $5, $6, \
         $4::timestamptz, $7, $8, $9) RETURNING id",
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
}

/// Writes down that a run tries again.
pub(super) async fn log_retry(
    store: &PostgresStore,
    run_id: i64,
    note: &RetryNote,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let done = sqlx::query(
        "UPDATE fifo_computation_log SET retry_count = $2, last_error_at = $3::timestamptz, \
         error_details = $4::jsonb WHERE id = $1 AND status = 'running'",
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
}

/// Closes the log row of a run that wrote no version.
pub(super) async fn fail(
    store: &PostgresStore,
    run_id: i64,
    failure: &RunFailure,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    sqlx::query(
        "UPDATE fifo_computation_log SET status = 'failed', computation_end = $2::timestamptz, \
         computation_duration_ms = \
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
}

/// Closes rows that say `running` although the lock that a running process holds is ours.
pub(super) async fn close_orphans(store: &PostgresStore, holder: &Holder) -> StoreResult<u64> {
    let mut transaction = store.writer().await?;
    let done = sqlx::query(
        "UPDATE fifo_computation_log SET status = 'failed', computation_end = $1::timestamptz, \
         computation_duration_ms = \
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
}

/// Checks, in the transaction that publishes, that nobody has closed our log row meanwhile.
///
/// A process that slept through the loss of its lock must not publish over a later run.
pub(super) async fn check_still_running(
    connection: &mut PgConnection,
    run_id: i64,
) -> StoreResult<()> {
    let status: Option<String> =
        sqlx::query_scalar("SELECT status FROM fifo_computation_log WHERE id = $1 FOR UPDATE")
            .bind(run_id)
            .fetch_optional(connection)
            .await
            .map_err(|e| from_sqlx("check the run's log row", e))?;
    match status.as_deref() {
        Some("running") => Ok(()),
        _ => Err(closed_by_another(run_id)),
    }
}

/// Closes the log row of a run that had nothing to do.
pub(super) async fn end_idle(
    store: &PostgresStore,
    run_id: i64,
    version: i64,
    (at, duration_ms): (Timestamp, i64),
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let done = sqlx::query(
        "UPDATE fifo_computation_log SET status = 'completed', computation_end = $2::timestamptz, \
         computation_duration_ms = $3, allocation_version = $4, buys_processed = 0, \
         sells_processed = 0, allocations_created = 0, symbols_processed = 0 \
         WHERE id = $1 AND status = 'running'",
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
}

/// Closes the log row of a run that wrote a version, in the transaction that publishes it.
pub(super) async fn complete(
    connection: &mut PgConnection,
    run_id: i64,
    version: i64,
    completion: &Completion,
) -> StoreResult<()> {
    let counts = &completion.counts;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE fifo_computation_log SET status = $2, computation_end = $3::timestamptz, \
         computation_duration_ms = $4, buys_processed = $5, sells_processed = $6, \
         allocations_created = $7, symbols_processed = $8, symbols_failed = $9, \
         unmatched_sells = $10, fees_unknown = $11, trades_ineligible = $12, \
         total_pnl_computed = $13::numeric, error_message = $14, allocation_version = $15, \
         trades_not_matched = $16 WHERE id = $1",
    )
    .bind(run_id)
    .bind(completion.status.as_str())
    .bind(completion.completed_at.to_string())
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

/// Appends to the audit trail in a transaction of its own.
pub(super) async fn append_event(store: &PostgresStore, event: &Event) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    log_event(&mut transaction, event).await?;
    commit(transaction).await
}

/// Appends to the audit trail inside a transaction.
pub(super) async fn log_event(connection: &mut PgConnection, event: &Event) -> StoreResult<()> {
    log_events(connection, std::slice::from_ref(event)).await
}

/// Appends events in their order, by one statement.
pub(super) async fn log_events(connection: &mut PgConnection, events: &[Event]) -> StoreResult<()> {
    fn column<'e, T>(events: &'e [Event], cell: impl Fn(&'e Event) -> T) -> Vec<T> {
        events.iter().map(cell).collect()
    }
    sqlx::query(
        "INSERT INTO event_log (event_time, event_type, severity, correlation_id, account, \
         symbol, allocation_version, details) \
         SELECT at::timestamptz, kind, severity, batch, account, symbol, version, details::jsonb \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::bigint[], $8::text[]) WITH ORDINALITY AS u (at, kind, severity, batch, account, \
         symbol, version, details, n) ORDER BY n",
    )
    .bind(column(events, |event| event.at.to_string()))
    .bind(column(events, |event| event.kind))
    .bind(column(events, |event| event.severity))
    .bind(column(events, |event| event.correlation_id.as_deref()))
    .bind(column(events, |event| {
        Some(event.pool.as_ref()?.account.as_str())
    }))
    .bind(column(events, |event| {
        Some(event.pool.as_ref()?.symbol.as_str())
    }))
    .bind(column(events, |event| event.version))
    .bind(column(events, |event| event.details.to_string()))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("append to the audit trail", e))
}
