//! The log of runs and the audit trail.

use super::{Argument, Driver, Rows, SqlStore, arguments};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Completion, Event, Holder, RetryNote, RunFailure, RunStart, Version};
use crate::store::rules::{RunEnd, closed_by_another};

const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

const CLOSE: &str = "close the run's log row";

/// Writes the log row of a run, before the work begins. Returns its number.
pub(in crate::store) async fn begin<D: SqlStore>(store: &D, run: &RunStart) -> StoreResult<i64> {
    let symbols = run.scope.assets.iter().map(|asset| asset.as_str());
    let symbols: Vec<&str> = symbols.collect();
    let symbols = (!symbols.is_empty()).then(|| symbols.join(","));
    let row = arguments![
        &symbols,
        run.version,
        Argument::Uuid(&run.batch_id),
        run.started_at,
        "running",
        run.mode.as_str(),
        &run.triggered_by,
        run.started_at,
        &run.host,
        i64::from(run.pid),
        ENGINE_VERSION,
    ];
    let columns = "symbol, allocation_version, allocation_batch_id, computation_start, status, \
         computation_mode, triggered_by, created_at, host, pid, engine_version";
    let rows = Rows::of("fifo_computation_log", columns, vec![row.into()]);
    let mut writer = store.writer().await?;
    let ids = writer.insert("log the run", &rows).await?;
    D::commit(writer).await?;
    Ok(ids.first().copied().unwrap_or_default())
}

/// Records that a run tries again. Errors: another run closed its log row.
pub(in crate::store) async fn log_retry<D: SqlStore>(
    store: &D,
    run_id: i64,
    note: &RetryNote,
) -> StoreResult<()> {
    let sql = "UPDATE fifo_computation_log SET retry_count = $2, last_error_at = $3, \
         error_details = $4 WHERE id = $1 AND status = 'running'";
    let arguments = arguments![run_id, note.retry_count, note.at, &note.details];
    let mut writer = store.writer().await?;
    let changed = writer.execute("log the retry", sql, &arguments).await?;
    D::commit(writer).await?;
    match changed {
        0 => Err(closed_by_another(run_id)),
        _ => Ok(()),
    }
}

/// Closes all rows with status `running`. This process holds the run lock, so their processes died.
pub(in crate::store) async fn close_orphans<D: SqlStore>(
    store: &D,
    holder: &Holder,
) -> StoreResult<u64> {
    let sql = format!(
        "UPDATE fifo_computation_log SET status = 'failed', computation_end = $1, \
         computation_duration_ms = {}, error_message = 'process ended', last_error_at = $1 \
         WHERE status = 'running'",
        D::Connection::DURATION_MS
    );
    let (action, arguments) = ("close orphaned log rows", arguments![holder.since]);
    let mut writer = store.writer().await?;
    let closed = writer.execute(action, &sql, &arguments).await?;
    D::commit(writer).await?;
    Ok(closed)
}

/// Closes the log row of a run. Errors: another run has closed the row of an idle run.
pub(super) async fn end<C: Driver>(
    connection: &mut C,
    run_id: i64,
    end: &RunEnd<'_>,
    at: Timestamp,
) -> StoreResult<()> {
    match end {
        RunEnd::Wrote(version, completion) => wrote(connection, run_id, *version, completion).await,
        RunEnd::Failed(failure) => failed(connection, run_id, failure).await,
        RunEnd::Idle(version, duration_ms) => {
            let sql = "UPDATE fifo_computation_log SET status = 'completed', \
                 computation_end = $2, computation_duration_ms = $3, allocation_version = $4, \
                 buys_processed = 0, sells_processed = 0, allocations_created = 0, \
                 symbols_processed = 0 WHERE id = $1 AND status = 'running'";
            let arguments = arguments![run_id, at, *duration_ms, *version];
            match connection.execute(CLOSE, sql, &arguments).await? {
                0 => Err(closed_by_another(run_id)),
                _ => Ok(()),
            }
        }
    }
}

async fn failed<C: Driver>(
    connection: &mut C,
    run_id: i64,
    failure: &RunFailure,
) -> StoreResult<()> {
    let sql = format!(
        "UPDATE fifo_computation_log SET status = 'failed', computation_end = $1, \
         computation_duration_ms = {}, error_message = $2, error_traceback = $3, \
         error_details = $4, last_error_at = $1 WHERE id = $5 AND status = 'running'",
        C::DURATION_MS
    );
    let arguments = arguments![
        failure.ended_at,
        &failure.message,
        &failure.causes,
        &failure.details,
        run_id,
    ];
    let done = connection.execute("log the failure", &sql, &arguments);
    done.await.map(drop)
}

async fn wrote<C: Driver>(
    connection: &mut C,
    run_id: i64,
    version: Version,
    completion: &Completion,
) -> StoreResult<()> {
    let counts = &completion.counts;
    let sql = "UPDATE fifo_computation_log SET status = $2, computation_end = $3, \
         computation_duration_ms = $4, buys_processed = $5, sells_processed = $6, \
         allocations_created = $7, symbols_processed = $8, symbols_failed = $9, \
         unmatched_sells = $10, fees_unknown = $11, trades_ineligible = $12, \
         total_pnl_computed = $13, error_message = $14, allocation_version = $15, \
         trades_not_matched = $16 WHERE id = $1";
    let arguments = arguments![
        run_id,
        completion.status.as_str(),
        completion.completed_at,
        completion.duration_ms,
        counts.buys,
        counts.sells,
        counts.allocations,
        counts.pools_matched,
        counts.pools_rejected,
        counts.unmatched_sells,
        counts.fees_unknown,
        counts.ineligible,
        counts.pnl,
        &counts.error,
        version,
        counts.not_matched,
    ];
    let done = connection.execute(CLOSE, sql, &arguments);
    done.await.map(drop)
}

/// Appends to the audit trail inside a transaction.
pub(in crate::store) async fn log_event<C: Driver>(
    connection: &mut C,
    event: &Event,
) -> StoreResult<()> {
    log_events(connection, std::slice::from_ref(event)).await
}

/// Appends events in their order.
pub(super) async fn log_events<C: Driver>(connection: &mut C, events: &[Event]) -> StoreResult<()> {
    let columns = "event_time, event_type, severity, correlation_id, account, asset, \
         allocation_version, details";
    let rows = Rows::of("event_log", columns, events.iter().map(event_row).collect());
    let done = connection.insert("append to the audit trail", &rows);
    done.await.map(drop)
}

fn event_row(event: &Event) -> Vec<Argument<'_>> {
    arguments![
        event.at,
        event.kind.as_str(),
        event.severity,
        &event.correlation_id,
        event.pool.as_ref().map(|pool| pool.account.as_str()),
        event.pool.as_ref().map(|pool| pool.asset.as_str()),
        event.version,
        &event.details,
    ]
    .into()
}
