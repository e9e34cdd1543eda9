//! Memory: a store that lives as long as the value, for tests, examples and callers with no file.
//!
//! It behaves like the databases in everything the trait can show: the same numbers, order,
//! refusals and events, from the same decisions in `rules.rs`. One writer at a time, as in SQLite.
//! Each change is checked whole before its first part is made, so that an error leaves nothing.
//! Read next: `ledger.rs` (imports and reads), `versions.rs` (writing and publishing), `queue.rs`.

mod evidence;
mod health;
mod ledger;
mod queue;
mod runs;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use super::limits::BUSY_TIMEOUT_S;
use super::lots::{OpenLots, Reach};
use super::model::{
    AppendedPool, Arrivals, Completion, Current, Event, Exclusion, HealthFacts, HistoricalSell,
    Holder, ImportFile, ImportReceipt, ImportedFile, LedgerCounts, LedgerRead, LoggedEvent,
    NamedTrade, PointerMove, PoolSizes, PoolSummary, QueuedItem, Reject, RetryNote, ReviewDecision,
    RunFailure, RunStart, Scope, Sold, TradeIds, Version, VersionInfo, VersionPlan, VoidChange,
    Watermark,
};
use super::rules::check_snapshot_free;
use super::trades::TradeSource;
use super::{
    RowSink, RunLock, Seen, SourcedSink, Store, StoreError, StoreResult, StoredPool, StoredRow,
    VersionWriter,
};
use crate::engine::{Account, Pool, Timestamp};
use crate::store::SnapshotRefusal;
use ledger::Ledger;
pub use ledger::RawTrade;
pub use runs::LoggedRun;
use versions::StoredVersion;

/// A ledger and its versions in memory. Clones share them.
///
/// ```
/// use fifo_pnl::store::Store;
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
    state: Arc<Mutex<State>>,
    /// Held by a writer, and by a version from its beginning to its end.
    writing: Arc<tokio::sync::Mutex<()>>,
    running: Arc<Mutex<Option<Holder>>>,
}

/// All tables.
#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    versions: BTreeMap<Version, StoredVersion>,
    current: Current,
    runs: Vec<LoggedRun>,
    queue: Vec<QueuedItem>,
    /// The latest decision about a pool wins.
    exclusions: Vec<(Exclusion, bool)>,
    events: Vec<Event>,
    snapshots: BTreeMap<String, Vec<HistoricalSell>>,
}

/// Locks data that is never half changed, so another thread's panic does not matter here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error of a rule that a database holds in its tables.
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

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a row that no import has looked at, so that a pool can be poisoned.
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

    /// Returns the rejected rows that were left out of imports, with the numbers of those.
    pub fn rejects(&self) -> Vec<(i64, Reject)> {
        locked(&self.state).ledger.rejects.clone()
    }

    /// Changes a review item the way a person would by hand. No item of that number: nothing.
    pub fn edit_review_item(&self, id: i64, edit: impl FnOnce(&mut QueuedItem)) {
        let mut state = locked(&self.state);
        if let Some(item) = state.queue.iter_mut().find(|item| item.id == id) {
            edit(item);
        }
    }

    /// Waits for another writer here, like the databases, and no longer than they.
    async fn writer(&self) -> StoreResult<OwnedMutexGuard<()>> {
        let limit = Duration::from_secs(BUSY_TIMEOUT_S);
        let waiting = tokio::time::timeout(limit, Arc::clone(&self.writing).lock_owned());
        waiting.await.map_err(|_| StoreError::Database {
            action: "begin a transaction",
            message: "another writer is at work".into(),
            source: None,
        })
    }

    /// Runs a change alone.
    async fn write<T>(&self, change: impl FnOnce(&mut State) -> StoreResult<T>) -> StoreResult<T> {
        let _writer = self.writer().await?;
        change(&mut locked(&self.state))
    }

    fn read(&self) -> MutexGuard<'_, State> {
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

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".into()
    }

    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt> {
        let mut lots = Vec::new();
        trades.rewind();
        while let Some(lot) = trades.next_lot().await? {
            lots.push(lot);
        }
        let mut rejects = Vec::new();
        while let Some(lot) = trades.next_rejects().await? {
            rejects.extend(lot);
        }
        self.write(|state| ledger::import(state, file, lots, rejects))
            .await
    }

    async fn void(&self, change: &VoidChange) -> StoreResult<()> {
        self.write(|state| ledger::void(state, change)).await
    }

    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>> {
        self.read().ledger.voided_as_of(as_of)
    }

    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>> {
        self.read().ledger.trades_named(ids, as_of)
    }

    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        Ok(self.read().ledger.origin(account.as_str(), order_id))
    }

    async fn ledger_counts(&self) -> StoreResult<LedgerCounts> {
        Ok(self.read().ledger.counts())
    }

    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>> {
        Ok(Some(self.read().ledger.counts().rows))
    }

    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>> {
        Ok(Some(self.read().ledger.pool_sizes(scope)))
    }

    async fn slice_times(&self, _pool: &Pool, _rows: u64) -> StoreResult<Option<Vec<Timestamp>>> {
        // What would be saved is here already.
        Ok(None)
    }

    async fn read_ledger_seen(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
        seen: Seen<'_>,
    ) -> StoreResult<LedgerRead> {
        let read = self.read().ledger.read(scope, as_of);
        let rows = read.pools.values().map(|pool| pool.trades.len() as u64);
        if seen(rows.sum()) {
            Ok(read)
        } else {
            Err(StoreError::Stopped)
        }
    }

    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        let mut running = locked(&self.running);
        if let Some(other) = running.as_ref() {
            return Err(StoreError::Locked(other.clone()));
        }
        *running = Some(holder.clone());
        let running = Arc::clone(&self.running);
        Ok(Box::new(MemoryLock { running }))
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        self.write(|state| Ok(runs::close_orphans(state, holder)))
            .await
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        self.write(|state| Ok(runs::begin(state, run))).await
    }

    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()> {
        self.write(|state| runs::log_retry(state, run_id, note))
            .await
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        self.write(|state| {
            runs::fail(state, run_id, failure);
            Ok(())
        })
        .await
    }

    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(versions::begin(self, plan).await?))
    }

    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()> {
        let _writing = self.writer().await?;
        runs::end_idle(&mut locked(&self.state), run_id, version, at);
        let _ = duration_ms;
        Ok(())
    }

    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals> {
        Ok(self.read().ledger.arrivals(scope, since))
    }

    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>> {
        let state = self.read();
        let Some(stored) = state.versions.get(&version) else {
            return Ok(BTreeMap::new());
        };
        Ok(stored.open_lots(reach, &state.ledger))
    }

    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()> {
        let _writing = self.writer().await?;
        versions::append(&mut locked(&self.state), plan, pools, completion)
    }

    async fn next_version(&self) -> StoreResult<Version> {
        Ok(versions::next(&self.read()))
    }

    async fn versions(&self) -> StoreResult<Vec<VersionInfo>> {
        let state = self.read();
        Ok(state.versions.values().map(|v| v.info.clone()).collect())
    }

    async fn current(&self) -> StoreResult<Current> {
        Ok(self.read().current)
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        self.write(|state| versions::move_pointer(state, pointer))
            .await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        self.write(|state| versions::seal(state, version, reason, event))
            .await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        self.write(|state| versions::drop(state, version, event))
            .await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::summaries))
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::pools_with_rows))
    }

    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>> {
        let state = self.read();
        let Some(stored) = state.versions.get(&version) else {
            return Ok(vec![StoredPool::default(); pools.len()]);
        };
        Ok(pools.iter().map(|pool| stored.pool(pool)).collect())
    }

    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::unmatched_rows))
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        let state = self.read();
        let stored = state.versions.get(&version);
        stored.map_or(Ok(0), |stored| stored.export(sink))
    }

    async fn sourced_rows(
        &self,
        version: Version,
        account: Option<&Account>,
        _sold: Sold,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64> {
        evidence::sourced_rows(&self.read(), version, account, sink)
    }

    async fn imports(&self) -> StoreResult<Vec<ImportedFile>> {
        Ok(evidence::imports(&self.read()))
    }

    async fn events_of(&self, kinds: &[&str]) -> StoreResult<Vec<LoggedEvent>> {
        Ok(evidence::events_of(&self.read(), kinds))
    }

    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>> {
        Ok(evidence::item_history(&self.read(), id))
    }

    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()> {
        self.write(|state| evidence::decide_review(state, decision))
            .await
    }

    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>> {
        Ok(queue::list(&self.read()))
    }

    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>> {
        Ok(queue::exclusions(&self.read()))
    }

    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()> {
        self.write(|state| queue::set_exclusion(state, exclusion, excluded))
            .await
    }

    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts> {
        Ok(health::facts(&self.read(), current))
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
            let details = serde_json::json!({ "snapshot": name, "rows": sells.len() });
            state.events.push(Event::info("history", at, details));
            Ok(())
        })
        .await
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        self.write(|state| {
            state.events.push(event.clone());
            Ok(())
        })
        .await
    }
}
