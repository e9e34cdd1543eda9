//! The rows of the log of runs in memory, and the functions that close them.

use serde_json::Value;

use super::MemoryTables;
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{RunCounts, RunStart, Version, VersionStatus};
use crate::store::rules::{RunEnd, closed_by_another};

/// A row of the log of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRun {
    /// Number of the run.
    pub id: i64,
    /// Facts from the start of the run.
    pub start: RunStart,
    /// `Running`, `Completed`, `Partial` or `Failed`.
    pub status: VersionStatus,
    /// The version that the run is to write, or wrote.
    pub version: Option<Version>,
    /// When the run ended.
    pub ended_at: Option<Timestamp>,
    /// Counts of the run.
    pub counts: RunCounts,
    /// Full text of the error.
    pub error: Option<String>,
    /// The chain of causes, in full.
    pub causes: Option<String>,
    /// Facts of the error, by name.
    pub error_details: Option<Value>,
    /// Number of retries.
    pub retry_count: u64,
}

/// Tells whether the row is still open.
pub(super) fn is_running(run: &LoggedRun) -> bool {
    run.status == VersionStatus::Running
}

/// Closes the log row of a run. Errors: another run has closed the row of an idle run.
pub(super) fn end(
    state: &mut MemoryTables,
    run_id: i64,
    end: &RunEnd<'_>,
    at: Timestamp,
) -> StoreResult<()> {
    let found = state.runs.iter_mut().find(|run| run.id == run_id);
    let is_open = found.as_deref().is_some_and(is_running);
    match (end, found) {
        (RunEnd::Wrote(version, completion), Some(run)) => {
            run.status = completion.status;
            run.version = Some(*version);
            run.counts = completion.counts.clone();
            run.error = completion.counts.error.clone();
            run.ended_at = Some(at);
        }
        (RunEnd::Idle(version, _), Some(run)) if is_open => {
            run.status = VersionStatus::Completed;
            run.version = Some(*version);
            run.ended_at = Some(at);
        }
        (RunEnd::Idle(..), _) => return Err(closed_by_another(run_id)),
        (RunEnd::Failed(failure), Some(run)) if is_open => {
            run.status = VersionStatus::Failed;
            run.error = Some(failure.message.clone());
            run.causes = Some(failure.causes.clone());
            run.error_details = Some(failure.details.clone());
            run.ended_at = Some(at);
        }
        _ => {}
    }
    Ok(())
}
