//! Imports, the audit trail, and the answers of earlier systems, in memory.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{MemoryStore, MemoryTables};
use crate::engine::Timestamp;
use crate::store::model::{Event, EventKind, HistoricalSell, ImportedFile, LoggedEvent};
use crate::store::rules::{REVIEW_EVENTS, check_snapshot_free};
use crate::store::{HistoryStore, SnapshotRefusal, StoreResult};

#[async_trait]
impl HistoryStore for MemoryStore {
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>> {
        Ok(self.read().ledger.imported_files())
    }

    async fn events_of(&self, kinds: &[EventKind]) -> StoreResult<Vec<LoggedEvent>> {
        Ok(events_of(&self.read(), kinds))
    }

    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>> {
        let mut events = events_of(&self.read(), &REVIEW_EVENTS);
        events.retain(|event| event.details.get("id").and_then(Value::as_i64) == Some(id));
        Ok(events)
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        self.write(|state| {
            state.events.push(event.clone());
            Ok(())
        })
        .await
    }

    async fn snapshots(&self) -> StoreResult<Vec<String>> {
        Ok(self.read().snapshots.keys().cloned().collect())
    }

    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>> {
        let state = self.read();
        let sells = state.snapshots.get(name).cloned();
        Ok(sells.ok_or_else(|| SnapshotRefusal::Missing(name.to_owned()))?)
    }

    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()> {
        self.write(|state| {
            let taken: Vec<String> = state.snapshots.keys().cloned().collect();
            check_snapshot_free(name, &taken)?;
            let mut sorted = sells.to_vec();
            sorted.sort_by(|left, right| left.order_id.cmp(&right.order_id));
            state.snapshots.insert(name.to_owned(), sorted);
            let details = json!({ "snapshot": name, "rows": sells.len() });
            state
                .events
                .push(Event::info(EventKind::History, at, details));
            Ok(())
        })
        .await
    }
}

/// Lists events of some kinds, oldest first.
fn events_of(state: &MemoryTables, kinds: &[EventKind]) -> Vec<LoggedEvent> {
    let wanted = state.events.iter().filter(|e| kinds.contains(&e.kind));
    wanted
        .map(|event| LoggedEvent {
            kind: event.kind,
            at: event.at,
            version: event.version,
            details: event.details.clone(),
        })
        .collect()
}
