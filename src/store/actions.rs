//! Actions: splits, mergers, spin-offs and new names.

use async_trait::async_trait;

use super::model::{StoredAction, Watermark};
use super::movements::MovementStore;
use crate::engine::{AssetAction, AssetRules, note_movements};
use crate::store::StoreResult;

/// Keeps actions, which imports bring.
#[async_trait]
pub trait ActionStore: Send + Sync {
    /// Returns the actions whose imports are not undone and that nobody took out, as of an instant;
    /// `None` is the present.
    ///
    /// Order: by their arrival.
    async fn actions(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<AssetAction>>;

    /// Returns all that is stored, with what is undone or taken out.
    ///
    /// Order: by their arrival.
    async fn stored_actions(&self) -> StoreResult<Vec<StoredAction>>;
}

/// Returns the actions as of an instant, and what movements leave uncertain about them.
///
/// Errors: as of the store.
pub async fn actions_beside_movements(
    store: &(impl ActionStore + MovementStore + ?Sized),
    rules: &AssetRules,
    as_of: Option<&Watermark>,
) -> StoreResult<Vec<AssetAction>> {
    let mut actions = store.actions(as_of).await?;
    if actions.iter().any(|it| it.units.is_some()) {
        // Those of transfers, too: a transfer may have lacked lots.
        let movements = store.movements(as_of).await?;
        note_movements(&mut actions, &movements, rules);
    }
    Ok(actions)
}
