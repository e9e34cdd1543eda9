//! Reads the facts of health in PostgreSQL: trades that are not computed yet, and the log of runs.

use sqlx::PgConnection;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::plans;
use crate::engine::Timestamp;
use crate::store::model::{Cursors, HealthFacts, RunLine, VersionInfo};
use crate::store::{StoreResult, cells};

/// Reads all facts from one state of the database.
pub(super) async fn facts_in(
    connection: &mut PgConnection,
    current: Option<&VersionInfo>,
) -> StoreResult<HealthFacts> {
    plans::read_all(connection).await?;
    let mut facts = ledger_facts(connection, current).await?;
    let ended = "status <> 'running' ORDER BY id DESC LIMIT 1";
    facts.last_run = run_lines(connection, ended).await?.pop();
    facts.running = run_lines(connection, "status = 'running' ORDER BY id").await?;
    Ok(facts)
}

async fn ledger_facts(
    connection: &mut PgConnection,
    current: Option<&VersionInfo>,
) -> StoreResult<HealthFacts> {
    let through = current.and_then(|info| info.complete_through);
    type HealthRow = (i64, i64, Option<i64>, Option<i64>, i64, i64, i64, i64, i64);
    let row: HealthRow = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE t.order_time > c.through), \
         (extract(epoch FROM min(t.order_time) FILTER (WHERE t.order_time > c.through)) \
          * 1000000)::bigint, \
         (extract(epoch FROM max(t.order_time)) * 1000000)::bigint, \
         (SELECT coalesce(max(rate_seq), 0) FROM rates), \
         (SELECT coalesce(max(void_seq), 0) FROM import_voids), \
         (SELECT coalesce(max(action_seq), 0) FROM asset_actions), \
         (SELECT coalesce(max(movement_seq), 0) FROM asset_movements), \
         (SELECT coalesce(max(decision_seq), 0) FROM transfer_decisions) \
         FROM eligible_trades t, (SELECT coalesce($1::timestamptz, '-infinity') AS through) c \
         WHERE t.void_seq IS NULL AND isfinite(t.order_time) \
         AND NOT EXISTS (SELECT 1 FROM fifo_symbol_summary s WHERE s.allocation_version = $2 \
             AND s.account = t.account AND s.symbol = t.symbol AND s.status <> 'matched')",
    )
    .bind(through.map(|time| time.to_string()))
    .bind(current.map_or(0, |info| info.version))
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("look for trades that are not computed", e))?;
    let time = |micros: Option<i64>| micros.and_then(|at| Timestamp::try_from_micros(at).ok());
    Ok(HealthFacts {
        eligible: u64::try_from(row.0).unwrap_or(0),
        after: u64::try_from(row.1).unwrap_or(0),
        after_oldest: time(row.2),
        newest: time(row.3),
        cursors: Cursors {
            rate_seq: row.4,
            import_void_seq: row.5,
            action_seq: row.6,
            movement_seq: row.7,
            decision_seq: row.8,
        },
        ..HealthFacts::default()
    })
}

/// Reads rows of the log of runs; `which` is a constant of this program.
async fn run_lines(connection: &mut PgConnection, which: &str) -> StoreResult<Vec<RunLine>> {
    let from = format!("fifo_computation_log WHERE {which}");
    let rows = select(cells::RUN_LINE, &from).fetch_all(connection).await;
    let rows = rows.map_err(|e| from_sqlx("read the log of runs", e))?;
    rows.iter()
        .map(|row| cells::run_line(&PgCells(row)))
        .collect()
}
