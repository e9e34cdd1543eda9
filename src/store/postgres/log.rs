//! The log of runs and the audit trail, inside a transaction.

use sqlx::PgConnection;

use super::errors::from_sqlx;
use crate::store::StoreResult;
use crate::store::model::{Completion, Event};
use crate::store::rules::closed_by_another;

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
