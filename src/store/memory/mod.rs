//! Memory: a store that lives as long as the value, for tests, examples and callers with no file.
//!
//! It behaves like the databases in everything the trait can show: the same numbers, order,
//! refusals and events, from the same decisions in `rules.rs`. One writer at a time, as in SQLite.
//! Each change is checked whole before its first part is made, so that an error leaves nothing.
//! Read next: `ledger.rs` (imports and reads), `versions.rs` (writing and publishing), `queue.rs`.

mod accounts;
mod actions;
mod closing;
mod health;
mod history;
mod imports;
mod ledger;
mod logged;
mod movements;
mod queue;
mod rates;
mod review;
mod runs;
mod sourced;
mod versions;
mod voids;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use super::limits::BUSY_TIMEOUT_S;
use super::model::{
    Current, Event, Exclusion, HistoricalSell, Holder, QueuedItem, Reject, SyncTry, TradingAccount,
    Version,
};
use super::{RunLock, StoreError, StoreResult, TradeStore};
use crate::engine::AssetRules;
use ledger::MemoryLedger;
pub use ledger::RawTrade;
pub use logged::LoggedRun;
use versions::StoredVersion;

/// A ledger and its versions in memory. Clones share them.
///
/// ```
/// use fifo_pnl::store::LedgerStore;
/// use fifo_pnl::store::memory::{MemoryStore, RawTrade};
/// use fifo_pnl::store::model::Scope;
///
/// let store = MemoryStore::new();
/// store.push_raw(RawTrade::new("B-1", "btc/usd", "buy", "1.5", "30000"))?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let read = runtime.block_on(store.read_ledger(&Scope::default(), None))?;
/// let (pool, ledger) = read.pools.first_key_value().ok_or("no pool")?;
/// assert_eq!(pool.to_string(), "default BTC-USD");
/// assert_eq!(ledger.trades.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<MemoryTables>>,
    /// Locked by a writer, and for the whole time in which a version is written.
    writing: Arc<tokio::sync::Mutex<()>>,
    running: Arc<Mutex<Option<Holder>>>,
}

/// All data of the store, like the tables of a database.
#[derive(Debug, Default)]
struct MemoryTables {
    ledger: MemoryLedger,
    versions: BTreeMap<Version, StoredVersion>,
    current: Current,
    runs: Vec<LoggedRun>,
    queue: Vec<QueuedItem>,
    /// Decisions in their order: the latest one about a pool counts.
    exclusions: Vec<(Exclusion, bool)>,
    events: Vec<Event>,
    accounts: Vec<TradingAccount>,
    syncs: Vec<SyncTry>,
    snapshots: BTreeMap<String, Vec<HistoricalSell>>,
}

/// Locks the data. It is never half changed, so a panic of another thread does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the error of a broken constraint, which a database's own tables would refuse.
fn broken_constraint(action: &'static str, constraint: &str) -> StoreError {
    StoreError::Database {
        action,
        message: format!("constraint failed: {constraint}"),
        source: None,
    }
}

fn check(holds: bool, action: &'static str, constraint: &str) -> StoreResult<()> {
    if holds {
        return Ok(());
    }
    Err(broken_constraint(action, constraint))
}

impl TradeStore for MemoryStore {
    fn use_rules(&self, rules: &AssetRules) {
        locked(&self.state).ledger.rules = rules.clone();
    }

    fn rules(&self) -> Arc<AssetRules> {
        Arc::new(locked(&self.state).ledger.rules.clone())
    }
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a row that no import has checked, so that a test can make an invalid pool.
    ///
    /// Errors: the account has the order id already.
    pub fn push_raw(&self, row: RawTrade) -> StoreResult<()> {
        locked(&self.state).ledger.push_raw(row)
    }

    /// Returns the audit trail, oldest first.
    pub fn events(&self) -> Vec<Event> {
        locked(&self.state).events.clone()
    }

    /// Returns the log of runs, oldest first.
    pub fn runs(&self) -> Vec<LoggedRun> {
        locked(&self.state).runs.clone()
    }

    /// Returns the rejected rows that imports left out, with the number of the import.
    pub fn rejects(&self) -> Vec<(i64, Reject)> {
        locked(&self.state).ledger.rejects.clone()
    }

    /// Changes a review item as a person might do by hand. An unknown number changes nothing.
    pub fn edit_review_item(&self, id: i64, edit: impl FnOnce(&mut QueuedItem)) {
        let mut state = locked(&self.state);
        if let Some(item) = state.queue.iter_mut().find(|item| item.id == id) {
            edit(item);
        }
    }

    /// Waits for another writer, as long as the databases do.
    async fn writer(&self) -> StoreResult<OwnedMutexGuard<()>> {
        let limit = Duration::from_secs(BUSY_TIMEOUT_S);
        let waiting = tokio::time::timeout(limit, Arc::clone(&self.writing).lock_owned());
        waiting.await.map_err(|_| StoreError::Database {
            action: "begin a transaction",
            message: "another writer is at work".into(),
            source: None,
        })
    }

    /// Keeps all writers waiting until the result is dropped.
    #[cfg(test)]
    pub(crate) async fn hold(&self) -> impl Drop + use<> {
        Arc::clone(&self.writing).lock_owned().await
    }

    /// Makes a change while no one else writes.
    async fn write<T>(
        &self,
        change: impl FnOnce(&mut MemoryTables) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let _writer = self.writer().await?;
        change(&mut locked(&self.state))
    }

    fn read(&self) -> MutexGuard<'_, MemoryTables> {
        locked(&self.state)
    }
}

/// A held run lock; dropping it frees it.
struct MemoryLock {
    running: Arc<Mutex<Option<Holder>>>,
}

#[async_trait]
impl RunLock for MemoryLock {
    async fn release(self: Box<Self>) {}
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        *locked(&self.running) = None;
    }
}
