//! The log of runs and the audit trail, inside a transaction.

use sqlx::SqliteConnection;

use super::errors::from_sqlx;
use crate::store::StoreResult;
use crate::store::model::{Completion, Event};

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
