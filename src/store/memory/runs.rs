//! The log of runs in memory.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{MemoryLock, MemoryStore, State, health, locked};
use crate::engine::Timestamp;
use crate::store::model::{
    Completion, Event, HealthFacts, Holder, RetryNote, RunCounts, RunFailure, RunStart, Version,
    VersionInfo, VersionStatus,
};
use crate::store::rules::closed_by_another;
use crate::store::{RunLock, RunStore, StoreError, StoreResult};

#[async_trait]
impl RunStore for MemoryStore {
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        let mut running = locked(&self.running);
        if let Some(other) = running.as_ref() {
            return Err(StoreError::Locked(other.clone()));
        }
        *running = Some(holder.clone());
        let running = Arc::clone(&self.running);
        Ok(Box::new(MemoryLock { running }))
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        self.write(|state| {
            let mut closed = 0;
            for run in state.runs.iter_mut().filter(|run| is_running(run)) {
                run.status = VersionStatus::Failed;
                run.ended_at = Some(holder.since);
                run.error = Some("process ended".into());
                closed += 1;
            }
            Ok(closed)
        })
        .await
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        self.write(|state| {
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
            Ok(id)
        })
        .await
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        self.write(|state| {
            let mut runs = state.runs.iter_mut();
            let Some(run) = runs.find(|run| run.id == run_id && is_running(run)) else {
                return Err(closed_by_another(run_id));
            };
            run.retry_count = note.retry_count;
            run.error_details = Some(note.details.clone());
            Ok(())
        })
        .await
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        self.write(|state| {
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
            Ok(())
        })
        .await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        _duration_ms: i64,
    ) -> StoreResult<()> {
        self.write(|state| {
            let mut runs = state.runs.iter_mut();
            if let Some(run) = runs.find(|run| run.id == run_id) {
                run.status = VersionStatus::Completed;
                run.version = Some(version);
                run.ended_at = Some(at);
            }
            Ok(())
        })
        .await
    }

    async fn next_version(&self) -> StoreResult<Version> {
        let state = self.read();
        let logged = state.runs.iter().filter_map(|run| run.version);
        let registered = state.versions.keys().copied();
        Ok(logged.chain(registered).max().unwrap_or(0).max(0) + 1)
    }

    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts> {
        Ok(health::facts(&self.read(), current))
    }
}

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

fn is_running(run: &LoggedRun) -> bool {
    run.status == VersionStatus::Running
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
