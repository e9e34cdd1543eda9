//! The log of runs in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::closing::close;
use super::logged::{LoggedRun, is_running};
use super::{MemoryLock, MemoryStore, health, locked};
use crate::engine::Timestamp;
use crate::store::model::{
    HealthFacts, Holder, RetryNote, RunCounts, RunFailure, RunStart, Version, VersionInfo,
    VersionStatus,
};
use crate::store::rules::{Closing, closed_by_another};
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
        self.write(|state| close(state, &Closing::of_failure(run_id, failure)))
            .await
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        let closing = Closing::of_idle(run_id, version, at, duration_ms);
        self.write(|state| close(state, &closing)).await
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
