//! Reads the facts of health in SQLite: uncomputed trades, the log of runs, free space on the disk.

use std::path::Path;

use rusqlite::Connection;

use super::cells::select;
use super::errors::from_rusqlite;
use crate::engine::Timestamp;
use crate::store::model::{Cursors, DiskRoom, HealthFacts, RunLine, VersionInfo};
use crate::store::{StoreResult, cells};

/// Reads all facts but the free space on the disk.
pub(super) fn facts_in(
    raw: &Connection,
    current: Option<&VersionInfo>,
) -> StoreResult<HealthFacts> {
    let mut facts = ledger_facts(raw, current)?;
    let ended = "status <> 'running' ORDER BY id DESC LIMIT 1";
    facts.last_run = run_lines(raw, ended)?.pop();
    facts.running = run_lines(raw, "status = 'running' ORDER BY id")?;
    Ok(facts)
}

fn ledger_facts(raw: &Connection, current: Option<&VersionInfo>) -> StoreResult<HealthFacts> {
    let through = current.and_then(|info| info.complete_through);
    let through = through.map_or(i64::MIN, Timestamp::as_micros);
    let version = current.map_or(0, |info| info.version);
    let sql = "SELECT count(*), count(*) FILTER (WHERE t.order_time > ?1), \
         min(t.order_time) FILTER (WHERE t.order_time > ?1), max(t.order_time), \
         (SELECT ifnull(max(rate_seq), 0) FROM rates), \
         (SELECT ifnull(max(void_seq), 0) FROM import_voids), \
         (SELECT ifnull(max(action_seq), 0) FROM asset_actions), \
         (SELECT ifnull(max(movement_seq), 0) FROM asset_movements), \
         (SELECT ifnull(max(decision_seq), 0) FROM transfer_decisions) \
         FROM eligible_trades t WHERE t.void_seq IS NULL \
         AND NOT EXISTS (SELECT 1 FROM fifo_symbol_summary s WHERE s.allocation_version = ?2 \
             AND s.account = t.account AND s.symbol = t.symbol AND s.status <> 'matched')";
    let read = raw.query_row(sql, [through, version], |row| {
        let time = |micros: Option<i64>| micros.and_then(|at| Timestamp::try_from_micros(at).ok());
        Ok(HealthFacts {
            eligible: row.get::<_, i64>(0)?.unsigned_abs(),
            after: row.get::<_, i64>(1)?.unsigned_abs(),
            after_oldest: time(row.get(2)?),
            newest: time(row.get(3)?),
            cursors: Cursors {
                rate_seq: row.get(4)?,
                import_void_seq: row.get(5)?,
                action_seq: row.get(6)?,
                movement_seq: row.get(7)?,
                decision_seq: row.get(8)?,
            },
            ..HealthFacts::default()
        })
    });
    read.map_err(|e| from_rusqlite("look for trades that are not computed", e))
}

/// Reads rows of the log of runs; `which` is a constant of this program.
fn run_lines(raw: &Connection, which: &str) -> StoreResult<Vec<RunLine>> {
    let mut lines = Vec::new();
    let from = format!("fifo_computation_log WHERE {which}");
    select(raw, cells::RUN_LINE, &from, [], &mut |row| {
        lines.push(cells::run_line(row)?);
        Ok(())
    })?;
    Ok(lines)
}

/// Returns the free space of the file system with a file; `None` if the system does not tell.
pub(super) fn disk_room(path: &Path) -> Option<DiskRoom> {
    room_told().or_else(|| room_of_system(path))
}

/// Returns the space that a test sets in `FIFO_PNL_DISK_ROOM`, as free and all bytes: `30/100`. So
/// no test depends on the disk of its machine.
///
/// A build without debug assertions does not read the variable: its name is not in the program.
#[cfg(debug_assertions)]
fn room_told() -> Option<DiskRoom> {
    let told = std::env::var_os("FIFO_PNL_DISK_ROOM")?;
    let (free, total) = told.to_str()?.split_once('/')?;
    let (free, total) = (free.parse().ok()?, total.parse().ok()?);
    Some(DiskRoom { free, total })
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn room_told() -> Option<DiskRoom> {
    None
}

#[cfg(unix)]
fn room_of_system(path: &Path) -> Option<DiskRoom> {
    let room = rustix::fs::statvfs(path).ok()?;
    Some(DiskRoom {
        free: room.f_bavail.saturating_mul(room.f_frsize),
        total: room.f_blocks.saturating_mul(room.f_frsize),
    })
}

#[cfg(not(unix))]
fn room_of_system(_: &Path) -> Option<DiskRoom> {
    None
}
