//! Movements: assets that enter or leave accounts and are no trades.

use async_trait::async_trait;

use crate::engine::Movement;
use crate::store::StoreResult;

/// Keeps movements, which imports bring. Matching does not use them yet.
#[async_trait]
pub trait MovementStore: Send + Sync {
    /// Returns the movements whose imports are not undone. Order: by account, time and id.
    async fn movements(&self) -> StoreResult<Vec<Movement>>;

    /// Counts the movements whose imports are not undone.
    async fn movement_count(&self) -> StoreResult<u64>;
}
