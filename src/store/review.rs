//! Questions that only a person can settle.

use async_trait::async_trait;

use crate::store::StoreResult;
use crate::store::model::{Exclusion, QueuedItem, ReviewDecision};

/// Keeps the review queue and the excluded pools.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait ReviewStore: Send + Sync {
    /// Returns the review queue, most urgent first.
    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>>;

    /// Applies a person's decision about a review item, and records it in the audit trail.
    ///
    /// Errors: no such item; the item has that status already.
    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()>;

    /// Returns the pools excluded at present.
    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>>;

    /// Excludes a pool from matching, or (`excluded` false) includes it again.
    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()>;
}
