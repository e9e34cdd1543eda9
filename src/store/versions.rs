//! Versions: what runs wrote, and which one is current.

use std::collections::BTreeMap;

use crate::engine::PoolOutcome;
use crate::store::rows::{PartSource, RowEncoder, Whole};
use async_trait::async_trait;
use std::sync::Arc;

use crate::engine::{Account, Pool};
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    AppendedPool, Completion, Current, Event, PointerMove, PoolSummary, Sold, Version, VersionInfo,
    VersionPlan,
};
use crate::store::{RowSink, SourcedSink, StoreResult, StoredPool, StoredRow};

/// Keeps versions of allocations, and which one is current.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait VersionStore: Send + Sync {
    /// Begins to write a version, which nobody sees before it is finished.
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>>;

    /// Appends rows to a version, and updates its inventory snapshot, summaries, hashes and
    /// watermark. The same transaction closes the log row.
    ///
    /// Errors: the version is sealed, has no result, or covers only a scope.
    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()>;

    /// Returns the lots that new sells need, with their buys. Pools without lots may be missing.
    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>>;

    /// Returns all versions, oldest first.
    async fn versions(&self) -> StoreResult<Vec<VersionInfo>>;

    /// Returns the current version.
    async fn current(&self) -> StoreResult<Current>;

    /// Makes a version current by hand. Errors: the version has no result, or covers only a scope.
    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()>;

    /// Seals a version. Errors: no result, or already sealed.
    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()>;

    /// Removes a version's rows; the number stays taken. Errors: current or sealed.
    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()>;

    /// Returns the summaries of a version's pools, by account and asset.
    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>>;

    /// Returns the pools with rows in a version, even those without a summary.
    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>>;

    /// Returns a version's rows of some pools, in their order. All rows are in memory at once.
    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>>;

    /// Returns a version's rows of a pool.
    async fn stored_pool(&self, version: Version, pool: &Pool) -> StoreResult<StoredPool> {
        let stored = self
            .stored_pools(version, std::slice::from_ref(pool))
            .await?;
        Ok(stored.into_iter().next().unwrap_or_default())
    }

    /// Returns the unmatched rows of a version, which are few.
    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>>;

    /// Passes each row of a version to `sink`, in canonical order.
    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64>;

    /// Passes rows of a version, or of one account in it, to `sink` in canonical order, with the
    /// origins of their trades. These are the rows of sells in the period `sold`, and the other
    /// rows of their lots, which may lack an origin. A store may pass more rows. Returns their
    /// number.
    async fn sourced_rows(
        &self,
        version: Version,
        account: Option<&Account>,
        sold: Sold,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64>;
}

/// Writes one version. Dropping it without [`finish`](Self::finish) leaves nothing behind.
#[async_trait]
pub trait VersionWriter: Send {
    /// Lends the encoder of rows for [`write`](Self::write).
    fn encoder(&self) -> Arc<dyn RowEncoder>;

    /// Writes parts of pools. Order: canonical order of the pools, so that ids are in it, too.
    async fn write(&mut self, parts: &mut dyn PartSource) -> StoreResult<()>;

    /// Writes one pool whose result is complete in memory.
    async fn load(&mut self, outcome: &PoolOutcome, duration_us: i64) -> StoreResult<()> {
        let encoder = self.encoder();
        self.write(&mut Whole::of(outcome, duration_us, encoder.as_ref())?)
            .await
    }

    /// Completes the version, publishes it if asked, updates the review queue and closes the log
    /// row: all in one transaction.
    async fn finish(self: Box<Self>, completion: &Completion) -> StoreResult<()>;
}
