//! Actions: splits, mergers, spin-offs and new names.

use async_trait::async_trait;

use super::model::Watermark;
use crate::engine::AssetAction;
use crate::store::StoreResult;

/// Keeps actions, which imports bring.
#[async_trait]
pub trait ActionStore: Send + Sync {
    /// Returns the actions whose imports are not undone, as of an instant; `None` is the present.
    ///
    /// Order: by their arrival.
    async fn actions(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<AssetAction>>;
}
