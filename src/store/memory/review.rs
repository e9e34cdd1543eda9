//! The review queue, decisions about its items, and the excluded pools in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, check, queue};
use crate::engine::Pool;
use crate::store::model::{Exclusion, QueuedItem, ReviewDecision};
use crate::store::rules::{check_decision, decision_event, exclusion_event};
use crate::store::{ReviewStore, StoreResult};

#[async_trait]
impl ReviewStore for MemoryStore {
    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>> {
        Ok(queue::list(&self.read()))
    }

    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()> {
        self.write(|state| {
            let found = state.queue.iter_mut().find(|item| item.id == decision.id);
            check_decision(decision, found.as_deref())?;
            let Some(item) = found else { return Ok(()) };
            let is_open = decision.status.is_open();
            item.status = decision.status;
            item.updated_at = decision.at;
            item.resolution = (!is_open).then(|| decision.note.clone());
            item.resolved_at = (!is_open).then_some(decision.at);
            item.resolved_by = (!is_open).then(|| decision.by.clone());
            let event = decision_event(decision, item);
            state.events.push(event);
            Ok(())
        })
        .await
    }

    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>> {
        let state = self.read();
        let latest: BTreeMap<&Pool, &(Exclusion, bool)> = state
            .exclusions
            .iter()
            .map(|decision| (&decision.0.pool, decision))
            .collect();
        let excluded = latest.into_values().filter(|(_, excluded)| *excluded);
        Ok(excluded.map(|(exclusion, _)| exclusion.clone()).collect())
    }

    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()> {
        self.write(|state| {
            let has_reason = !exclusion.reason.is_empty();
            check(
                has_reason,
                "exclude a pool",
                "review_exclusions_reason_check",
            )?;
            state.exclusions.push((exclusion.clone(), excluded));
            state.events.push(exclusion_event(exclusion, excluded));
            Ok(())
        })
        .await
    }
}
