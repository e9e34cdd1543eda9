//! Reads the facts of health in memory: trades that are not computed yet, and the log of runs.

use std::collections::BTreeSet;

use super::{LoggedRun, MemoryTables};
use crate::engine::{Pool, PoolStatus, Timestamp};
use crate::store::model::{HealthFacts, RunLine, Scope, VersionInfo, VersionStatus};

/// Reads all facts.
pub(super) fn facts(state: &MemoryTables, current: Option<&VersionInfo>) -> HealthFacts {
    let left_out: BTreeSet<Pool> = current
        .and_then(|info| state.versions.get(&info.version))
        .map(|stored| stored.summaries())
        .unwrap_or_default()
        .into_iter()
        .filter(|summary| summary.status != PoolStatus::Matched)
        .map(|summary| summary.pool)
        .collect();
    let read = state.ledger.read(&Scope::default(), None);
    let pools = read.pools.into_iter();
    let times: Vec<Timestamp> = pools
        .filter(|(pool, _)| !left_out.contains(pool))
        .flat_map(|(_, ledger)| {
            ledger
                .trades
                .iter()
                .map(|trade| trade.order_time)
                .collect::<Vec<_>>()
        })
        .collect();
    let through = current.and_then(|info| info.complete_through);
    let after: Vec<Timestamp> = times
        .iter()
        .copied()
        .filter(|at| Some(*at) > through)
        .collect();
    let is_running = |run: &&LoggedRun| run.status == VersionStatus::Running;
    HealthFacts {
        eligible: times.len() as u64,
        after: after.len() as u64,
        after_oldest: after.iter().min().copied(),
        newest: times.iter().max().copied(),
        cursors: state.ledger.cursors(),
        last_run: state
            .runs
            .iter()
            .rev()
            .find(|run| !is_running(run))
            .map(run_line),
        running: state.runs.iter().filter(is_running).map(run_line).collect(),
        disk: None,
    }
}

fn run_line(run: &LoggedRun) -> RunLine {
    RunLine {
        id: run.id,
        status: run.status,
        started_at: run.start.started_at,
        error: run.error.clone(),
        host: run.start.host.clone(),
        pid: run.start.pid.into(),
    }
}
