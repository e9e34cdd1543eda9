//! Actions, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::engine::{AssetAction, actions_in_effect};
use crate::store::model::{Cursors, StoredAction, Watermark};
use crate::store::{ActionStore, StoreResult};

#[async_trait]
impl ActionStore for MemoryStore {
    async fn actions(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<AssetAction>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        let actions = usize::try_from(last.action_seq).unwrap_or(0);
        let ledger = &self.read().ledger;
        let out = ledger.imports_out(last.import_void_seq);
        let rows = ledger.actions.iter().take(actions);
        let rows = rows.filter(|(import, _)| !out.contains(import));
        let rows = rows.map(|(_, action)| action.clone()).collect();
        Ok(actions_in_effect(rows))
    }

    async fn stored_actions(&self) -> StoreResult<Vec<StoredAction>> {
        let ledger = &self.read().ledger;
        let out = ledger.imports_out(Cursors::END.import_void_seq);
        let stored = ledger
            .actions
            .iter()
            .map(|(import_id, action)| StoredAction {
                is_undone: out.contains(import_id),
                import_id: *import_id,
                action: action.clone(),
            });
        Ok(stored.collect())
    }
}
