//! The log of runs in memory.

use serde_json::{Value, json};

use super::State;
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{
    Completion, Event, Holder, RetryNote, RunCounts, RunFailure, RunStart, Version, VersionStatus,
};
use crate::store::rules::closed_by_another;

/// A row of the log of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRun {
    /// Its number.
    pub id: i64,
    /// How it began.
    pub start: RunStart,
    /// `Running`, `Completed`, `Partial` or `Failed`.
    pub status: VersionStatus,
    /// The version that it means to write, or wrote.
    pub version: Option<Version>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it counted.
    pub counts: RunCounts,
    /// The error, whole.
    pub error: Option<String>,
    /// The chain of causes, whole.
    pub causes: Option<String>,
    /// Facts of the error by name.
    pub error_details: Option<Value>,
    /// How many times it tried again.
    pub retry_count: u64,
}

/// Writes the log row of a run before the work begins.
pub(super) fn begin(state: &mut State, run: &RunStart) -> i64 {
    let id = state.runs.last().map_or(1, |last| last.id + 1);
    state.runs.push(LoggedRun {
        id,
        start: run.clone(),
        status: VersionStatus::Running,
        version: run.version,
        ended_at: None,
        counts: RunCounts::default(),
        error: None,
        causes: None,
        error_details: None,
        retry_count: 0,
    });
    id
}

fn is_running(run: &LoggedRun) -> bool {
    run.status == VersionStatus::Running
}

/// Writes down that a run tries again.
pub(super) fn log_retry(state: &mut State, run_id: i64, note: &RetryNote) -> StoreResult<()> {
    let mut runs = state.runs.iter_mut();
    let Some(run) = runs.find(|run| run.id == run_id && is_running(run)) else {
        return Err(closed_by_another(run_id));
    };
    run.retry_count = note.retry_count;
    run.error_details = Some(note.details.clone());
    Ok(())
}

/// Closes the log row of a run that wrote no version.
pub(super) fn fail(state: &mut State, run_id: i64, failure: &RunFailure) {
    let mut runs = state.runs.iter_mut();
    if let Some(run) = runs.find(|run| run.id == run_id && is_running(run)) {
        run.status = VersionStatus::Failed;
        run.ended_at = Some(failure.ended_at);
        run.error = Some(failure.message.clone());
        run.causes = Some(failure.causes.clone());
        run.error_details = Some(failure.details.clone());
    }
    let details = json!({ "run_id": run_id, "message": failure.message });
    state.events.push(Event {
        severity: "error",
        ..Event::info("run", failure.ended_at, details)
    });
}

/// Closes rows that say `running` although the lock that a running process holds is ours.
pub(super) fn close_orphans(state: &mut State, holder: &Holder) -> u64 {
    let mut closed = 0;
    for run in state.runs.iter_mut().filter(|run| is_running(run)) {
        run.status = VersionStatus::Failed;
        run.ended_at = Some(holder.since);
        run.error = Some("process ended".into());
        closed += 1;
    }
    closed
}

/// Closes the log row of a run that had nothing to do.
pub(super) fn end_idle(state: &mut State, run_id: i64, version: Version, at: Timestamp) {
    let mut runs = state.runs.iter_mut();
    if let Some(run) = runs.find(|run| run.id == run_id) {
        run.status = VersionStatus::Completed;
        run.version = Some(version);
        run.ended_at = Some(at);
    }
}

/// Closes the log row of a run that wrote a version.
pub(super) fn complete(state: &mut State, run_id: i64, version: Version, completion: &Completion) {
    let mut runs = state.runs.iter_mut();
    if let Some(run) = runs.find(|run| run.id == run_id) {
        run.status = completion.status;
        run.version = Some(version);
        run.ended_at = Some(completion.completed_at);
        run.counts = completion.counts.clone();
        run.error = completion.counts.error.clone();
    }
}
