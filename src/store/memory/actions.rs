//! Actions, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::ledger::MemoryLedger;
use crate::engine::{AssetAction, actions_in_effect};
use crate::store::model::{Cursors, StoredAction, Watermark};
use crate::store::rules::KnownBeside;
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

impl MemoryLedger {
    /// Marks the actions that a person took out: they stay out, although their import is undone.
    pub(super) fn keep_voided_out(&self, known: &mut [KnownBeside<AssetAction>]) {
        let out = self.imports_out(i64::MAX);
        let words = self
            .actions
            .iter()
            .filter(|(import, _)| !out.contains(import));
        let words: Vec<&AssetAction> = words.map(|(_, word)| word).collect();
        for action in known {
            let row = &action.row;
            let is_of = |word: &&AssetAction| {
                word.account == row.account && word.voids.as_ref() == Some(&row.action_id)
            };
            action.is_undone &= !words.iter().any(is_of);
        }
    }
}
