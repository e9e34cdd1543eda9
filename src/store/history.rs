//! Imports, the audit trail, and the answers of earlier systems.

use async_trait::async_trait;

use crate::engine::Timestamp;
use crate::store::model::{
    Event, EventKind, HistoricalSell, ImportedFile, LegacyRow, LoggedEvent, OrderUnlikeFills,
    Version,
};
use crate::store::{StoreError, StoreResult};

/// Keeps imports, the audit trail, and the answers of earlier systems.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Returns the files that were imported, oldest first.
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>>;

    /// Returns the events of some kinds, oldest first.
    async fn events_of(&self, kinds: &[EventKind]) -> StoreResult<Vec<LoggedEvent>>;

    /// Returns the events of runs and persons about a review item, oldest first.
    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>>;

    /// Appends to the audit trail.
    async fn log_event(&self, event: &Event) -> StoreResult<()>;

    /// Lists the names of the snapshots of history, oldest first.
    async fn snapshots(&self) -> StoreResult<Vec<String>>;

    /// Returns the rows of a snapshot, by order id. Errors: no snapshot has that name.
    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>>;

    /// Writes a snapshot, which nobody changes afterwards. Errors: the name is taken, or not valid.
    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()>;

    /// Returns the rows of a version that an earlier system computed, by symbol and time.
    ///
    /// Errors: no earlier system computed that version in this database.
    async fn legacy_rows(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        Err(StoreError::NoLegacyVersion(version))
    }

    /// Returns orders whose size differs from the sum of their fills; matching uses only the fills.
    /// Only a ledger that was there before this program has such orders.
    async fn orders_unlike_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        Ok(Vec::new())
    }
}
