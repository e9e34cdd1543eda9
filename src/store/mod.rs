//! Keeps engine types: the ledger, versions of allocations, runs, review items.
//!
//! One trait, [`Store`], in the domain's words. Only the command that opens a store decides which
//! database it is. A store applies decisions and makes none. `rules.rs` decides what an import
//! appends and how the review queue changes, the same for every store. Read next: `model.rs` (the
//! data), `rules.rs`, then `sqlite/mod.rs` or its twin `postgres/mod.rs`.

mod accounts;
mod actions;
mod cells;
mod corrections;
pub mod cut;
mod error;
pub mod fingerprint;
mod history;
mod imports;
mod ledger;
pub mod limits;
pub mod lots;
pub mod memory;
pub mod model;
mod more;
mod movements;
pub mod phase;
mod pool_rules;
pub mod postgres;
pub mod proof;
mod rates;
mod readback;
mod review;
pub mod rows;
pub mod rules;
mod runs;
mod sourced;
mod sql;
pub mod sqlite;
mod tied;
mod together;
pub mod trades;
pub mod values;
mod versions;

use std::sync::Arc;

use crate::engine::{AllocationRow, AssetRules, StoredAllocation, StoredLot};
pub use accounts::AccountStore;
pub use actions::{ActionStore, actions_beside_movements};
pub use error::{
    BadPlace, Busy, Denial, Elsewhere, ImportRefusal, ItemRefusal, LedgerFault, PostgresRefusal,
    SchemaRefusal, SnapshotRefusal, StepFault, StoreError, StoreResult, TradeRefusal, Untold,
    Untrusted, VersionRefusal,
};
pub use history::HistoryStore;
pub use imports::ImportStore;
pub use ledger::LedgerStore;
use model::{LongRun, SourcedAllocation};
pub use movements::{MovementFiles, MovementStore, transfers};
pub use rates::RateStore;
pub use review::ReviewStore;
pub use runs::{RunLock, RunStore};
pub use tied::{AppliedMove, AppliedMovements, moves_changed};
pub use together::together;
pub use versions::{VersionStore, VersionWriter};

/// A row of `fifo_allocations`; or, if its text can't be read, the place of the fault.
pub type StoredRow = Result<StoredAllocation, UnreadableRow>;

/// A stored row with a value that is not a number, time or code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Account of the pool, if it is readable.
    pub account: String,
    /// Asset of the pool, if it is readable.
    pub asset: String,
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

/// Takes the number of rows read since the last call; returns false to stop the read.
pub type Seen<'a> = &'a mut (dyn FnMut(u64) -> bool + Send);

/// Receives the rows of an export, one by one.
pub trait RowSink: Send {
    /// Receives a row. Errors: the sink can't write the row.
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()>;
}

/// Receives the rows of a tax export, one by one.
pub trait SourcedSink: Send {
    /// Receives the number of all rows of a sell or lot that has very many.
    ///
    /// Errors: the sink can't go on.
    fn long_run(&mut self, run: LongRun) -> std::io::Result<()>;

    /// Receives a row. Errors: the sink can't write the row.
    fn take(&mut self, row: SourcedAllocation) -> std::io::Result<()>;
}

/// Keeps the ledger, the rates that give its trades their values, the actions on its assets, and
/// the movements between its accounts.
pub trait TradeStore: LedgerStore + RateStore + ActionStore + MovementStore {
    /// Names the pools of trades by these settings from now on. Without them each symbol has a pool
    /// of its own.
    fn use_rules(&self, rules: &AssetRules);

    /// Returns the settings that name the pools of trades.
    fn rules(&self) -> Arc<AssetRules>;
}

/// Keeps the ledger and its results: all that the pipeline needs of a store.
///
/// A caller that needs less takes one of the ten traits.
pub trait Store:
    TradeStore + ImportStore + AccountStore + RunStore + VersionStore + ReviewStore + HistoryStore
{
}

impl<S> Store for S where
    S: TradeStore
        + ImportStore
        + AccountStore
        + RunStore
        + VersionStore
        + ReviewStore
        + HistoryStore
{
}
