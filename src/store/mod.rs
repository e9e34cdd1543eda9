//! Keeps engine types: the ledger, versions of allocations, runs, review items.
//!
//! One trait, [`Store`], in the domain's words. Only the command that opens a store decides which
//! database it is. A store applies decisions and makes none. `rules.rs` decides what an import
//! appends and how the review queue changes, the same for every store. Read next: `model.rs` (the
//! data), `rules.rs`, then `sqlite/mod.rs` or its twin `postgres/mod.rs`.

mod cells;
mod corrections;
mod error;
pub mod fingerprint;
pub mod limits;
pub mod lots;
pub mod memory;
pub mod model;
pub mod phase;
pub mod postgres;
pub mod proof;
mod readback;
pub mod rows;
pub mod rules;
mod sourced;
pub mod sqlite;
mod together;
pub mod trades;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::{
    Account, AllocationRow, Pool, PoolOutcome, StoredAllocation, StoredLot, Timestamp,
};
pub use error::{
    Busy, Elsewhere, ItemRefusal, LedgerFault, PostgresRefusal, SchemaRefusal, SnapshotRefusal,
    StepFault, StoreError, StoreResult, TradeRefusal, Untold, Untrusted, VersionRefusal,
};
use fingerprint::AdaptedViews;
use lots::{OpenLots, Reach};
use model::{
    AppendedPool, Arrivals, Completion, Current, Event, Exclusion, HealthFacts, HistoricalSell,
    Holder, ImportBatch, ImportFile, ImportReceipt, ImportedFile, LedgerCounts, LedgerRead,
    LegacyRow, LoggedEvent, LongRun, NamedTrade, OrderUnlikeFills, PointerMove, PoolSizes,
    PoolSummary, QueuedItem, RetryNote, ReviewDecision, RunFailure, RunStart, Scope, Sold,
    SourcedAllocation, TradeIds, Version, VersionInfo, VersionPlan, VoidChange, Watermark,
};
use rows::{PartSource, RowEncoder, Whole};
pub use together::together;
use trades::{Listed, TradeSource};

/// A row of `fifo_allocations` whose text can't be read, or the row.
pub type StoredRow = Result<StoredAllocation, UnreadableRow>;

/// A stored row with a value that is not a number, time or code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Account of the pool, if it is readable.
    pub account: String,
    /// Symbol of the pool, if it is readable.
    pub symbol: String,
    /// The sell.
    pub sell_order_id: String,
    /// The column at fault.
    pub column: &'static str,
    /// The value found.
    pub found: String,
}

/// A version's rows of one pool.
#[derive(Debug, Clone, Default)]
pub struct StoredPool {
    /// Its allocations by id.
    pub allocations: Vec<StoredAllocation>,
    /// Rows that can't be read.
    pub unreadable: Vec<UnreadableRow>,
    /// Its open lots.
    pub open_lots: Vec<StoredLot>,
}

/// Hears how many more rows were read; returns whether to go on.
pub type Seen<'a> = &'a mut (dyn FnMut(u64) -> bool + Send);

/// Takes the rows of an export, one by one.
pub trait RowSink: Send {
    /// Takes a row. Errors: it can't be written.
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()>;
}

/// Takes the rows of a tax export, one by one.
pub trait SourcedSink: Send {
    /// Hears how many rows a sell or a lot has in all, if they are very many.
    ///
    /// Errors: it can't go on.
    fn long_run(&mut self, run: LongRun) -> std::io::Result<()>;

    /// Takes a row. Errors: it can't be written.
    fn take(&mut self, row: SourcedAllocation) -> std::io::Result<()>;
}

/// Held for the time of a run. Dropping it lets the next one in sooner or later.
#[async_trait]
pub trait RunLock: Send + Sync {
    /// Lets the next run in; when this returns, it can begin.
    async fn release(self: Box<Self>);
}

/// Keeps the ledger and what is computed from it.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns where the data is, without any password.
    fn location(&self) -> String;

    /// Returns the views of the gate that an operator adapted and accepted: what they show goes
    /// into every result, so a version's policy names them.
    fn adapted_views(&self) -> AdaptedViews {
        AdaptedViews::new()
    }

    /// Appends a file's trades, in one transaction. Conflicts that may not be skipped, and a
    /// preview, leave the ledger as it was.
    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt>;

    /// Appends trades that are in memory, as [`import_file`](Self::import_file) does.
    async fn import(&self, batch: &ImportBatch) -> StoreResult<ImportReceipt> {
        self.import_file(&batch.file, &mut Listed::new(&batch.trades, &batch.rejects))
            .await
    }

    /// Takes a trade out of matching or puts it back. Errors: no such trade; nothing to change.
    async fn void(&self, change: &VoidChange) -> StoreResult<()>;

    /// Returns account and order id of the trades that are voided as of an instant.
    ///
    /// Errors: the watermark is another kind of database's, or another cluster's.
    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>>;

    /// Returns the file, its line and the instant that a trade was imported from.
    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>>;

    /// Looks executions up by account and order id, by account and id; voided ones too. `as_of`
    /// knows neither what came later nor later voids; `None` is this instant.
    ///
    /// Errors: the watermark is another kind of database's, or another cluster's.
    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>>;

    /// Counts the ledger's rows by eligibility.
    async fn ledger_counts(&self) -> StoreResult<LedgerCounts>;

    /// Says about how many rows the ledger has, at no cost; `None`: that is not known.
    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>>;

    /// Counts the rows of each pool of a scope, at this instant.
    ///
    /// `None`: no two readings of this ledger are known to see the same, so it is read at once.
    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>>;

    /// Returns the instants that cut a pool into slices of about so many rows, in order.
    ///
    /// `None`: this store never reads a pool in slices.
    async fn slice_times(&self, pool: &Pool, rows: u64) -> StoreResult<Option<Vec<Timestamp>>>;

    /// Reads the pools of a scope as of an instant: `None` is this one. Tells `seen` of each lot of
    /// rows that it went over, and stops where that returns false.
    ///
    /// Errors: stopped; the watermark is another kind of database's, or another cluster's.
    async fn read_ledger_seen(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
        seen: Seen<'_>,
    ) -> StoreResult<LedgerRead>;

    /// Reads the pools of a scope without telling anybody.
    async fn read_ledger(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<LedgerRead> {
        self.read_ledger_seen(scope, as_of, &mut |_| true).await
    }

    /// Takes the run lock, or says who has it. One run at a time a database.
    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>>;

    /// Closes log rows of processes that ended without doing so. Call with the run lock held.
    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64>;

    /// Writes the log row of a run, before its work begins.
    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64>;

    /// Takes the run lock again if it was lost with its connection.
    ///
    /// Errors: somebody else has it by now; no connection.
    async fn renew_lock(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Stops what the database does at the moment for this process, if it can be told to.
    async fn interrupt(&self, _holder: &Holder) -> StoreResult<()> {
        Ok(())
    }

    /// Writes down that a run tries again. Errors: its row is closed.
    async fn log_retry(&self, run_id: i64, note: &RetryNote) -> StoreResult<()>;

    /// Closes the log row of a run that wrote no version.
    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()>;

    /// Closes the log row of a run that found a version to have everything already.
    async fn end_idle_run(
        &self,
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> StoreResult<()>;

    /// Begins to write a version; nothing is seen of it before it is finished.
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>>;

    /// Returns what came into the ledger since a watermark, of the pools of a scope.
    ///
    /// What was committed late is among it, whenever it was written. Errors: the watermark is
    /// another kind of database's, or another cluster's.
    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals>;

    /// Returns the open lots that a version's inventory snapshot has of some pools, with their
    /// buys, as far as they are needed. Pools without open lots may be missing.
    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>>;

    /// Appends rows to a version that has a result, and brings its inventory snapshot, summaries,
    /// hashes and watermark up to date: all in the transaction that closes the log row.
    ///
    /// Errors: the version is sealed, or has no result or a scope.
    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()>;

    /// Returns the number after the last one ever given.
    async fn next_version(&self) -> StoreResult<Version>;

    /// Returns all versions, oldest first.
    async fn versions(&self) -> StoreResult<Vec<VersionInfo>>;

    /// Returns the current pointer.
    async fn current(&self) -> StoreResult<Current>;

    /// Moves the pointer by hand. Errors: the version has no result, or a scope.
    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()>;

    /// Seals a version. Errors: no result, or already sealed.
    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()>;

    /// Removes a version's rows; the number stays taken. Errors: current or sealed.
    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()>;

    /// Returns a version's pools, by account and symbol.
    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>>;

    /// Returns the pools that a version has rows of, whether or not it has a summary of them.
    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>>;

    /// Returns what a version holds of some pools, in their order. All of it is in memory at once.
    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>>;

    /// Returns what a version holds of a pool.
    async fn stored_pool(&self, version: Version, pool: &Pool) -> StoreResult<StoredPool> {
        let stored = self
            .stored_pools(version, std::slice::from_ref(pool))
            .await?;
        Ok(stored.into_iter().next().unwrap_or_default())
    }

    /// Returns the unmatched rows of a version, which are few.
    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>>;

    /// Gives each row of a version to `sink`, in canonical order.
    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64>;

    /// Gives each row of a version, or of one account of it, to `sink` in canonical order, with
    /// the files that its trades came from: rows that were sold then, and the others of the lots
    /// that they are slices of, which need not have a file. More rows may come.
    async fn sourced_rows(
        &self,
        version: Version,
        account: Option<&Account>,
        sold: Sold,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64>;

    /// Returns the files that were imported, oldest first.
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>>;

    /// Returns the events of some kinds, oldest first.
    async fn events_of(&self, kinds: &[&str]) -> StoreResult<Vec<LoggedEvent>>;

    /// Returns what runs and persons did about a review item, oldest first.
    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>>;

    /// Applies a person's decision about a review item, and writes it down.
    ///
    /// Errors: no such item, or it has that state already.
    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()>;

    /// Returns the review queue, most urgent first.
    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>>;

    /// Returns the pools excluded at present.
    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>>;

    /// Excludes a pool, or (`excluded` false) includes it again.
    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()>;

    /// Returns what only the database knows of how things stand. Goes over the ledger once.
    async fn health_facts(&self, current: Option<&VersionInfo>) -> StoreResult<HealthFacts>;

    /// Lists the snapshots of what earlier systems answered, oldest first.
    async fn snapshots(&self) -> StoreResult<Vec<String>>;

    /// Returns the rows of a snapshot, by order id. Errors: there is none of that name.
    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>>;

    /// Writes a snapshot, which is never changed after. Errors: there is one of that name.
    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()>;

    /// Returns a version that an earlier system computed in this database, by symbol and time.
    ///
    /// Errors: there was none.
    async fn legacy_rows(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        Err(StoreError::NoLegacyVersion(version))
    }

    /// Returns orders whose whole row is left out because their fills are there, and whose size is
    /// not that of the fills. Only a ledger that was there before us has any.
    async fn orders_unlike_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        Ok(Vec::new())
    }

    /// Appends to the audit trail.
    async fn log_event(&self, event: &Event) -> StoreResult<()>;
}

/// Writes one version. Dropping it without [`finish`](Self::finish) leaves nothing behind.
#[async_trait]
pub trait VersionWriter: Send {
    /// Lends what spells rows for [`write`](Self::write).
    fn encoder(&self) -> Arc<dyn RowEncoder>;

    /// Writes pools as they come, in canonical order, so that ids are in it too.
    async fn write(&mut self, parts: &mut dyn PartSource) -> StoreResult<()>;

    /// Writes one pool whose result is there whole.
    async fn load(&mut self, outcome: &PoolOutcome, duration_us: i64) -> StoreResult<()> {
        let encoder = self.encoder();
        self.write(&mut Whole::of(outcome, duration_us, encoder.as_ref())?)
            .await
    }

    /// Completes the version, moves the pointer if asked, updates the review queue and closes the
    /// log row: all in one transaction.
    async fn finish(self: Box<Self>, completion: &Completion) -> StoreResult<()>;
}
