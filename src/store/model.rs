//! The data of a store, in the domain's words. No database is named here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use accounts::{
    AccountChange, ConnectionStatus, SyncCounts, SyncStatus, SyncTry, TimeOffset, TradingAccount,
};
pub use adoption::{Adoption, MappedColumn, OrderUnlikeFills, UpOptions};
pub use assets::{asset_rules_json, asset_rules_of};
pub use history::{
    HistoricalSell, LegacyRow, SNAPSHOT_COLUMNS, SNAPSHOT_PREFIX, is_snapshot_name, parents_of_json,
};
pub use ledger::{
    Conflict, ImportBatch, ImportFile, ImportMode, ImportReceipt, ImportUndo, ImportUndone,
    ImportedTrade, LedgerCounts, LedgerRead, MovementReceipt, PoolSizes, Reject, StoredAction,
    TiedLedgers, VoidChange,
};
pub use rates::{RateBatch, RateConflict, RateReceipt, RateScope, RatesLocked, StoredRate};
pub use review::{
    MISSING_RATES, QueuedItem, ReviewStatus, ReviewUpdate, decided_item, decision_file,
    decision_prefix,
};
pub use runs::{
    DiskRoom, HealthFacts, Holder, RetryNote, RunCounts, RunFailure, RunLine, RunStart,
};
pub use scope::{Scope, Slice, VersionScope};
pub use tax::{
    ImportedFile, LoggedEvent, LongRun, NamedTrade, ReviewDecision, Sold, SourcedAllocation,
    TradeIds, TradeOrigin,
};
pub use watermark::{Cursors, Watermark, Writings};
pub use words::{EventKind, RunMode, VersionOrigin};

use super::cut::Cut;
use super::fingerprint::AdaptedViews;
use crate::engine::{
    AssetRules, Entered, LotMove, Matching, Pending, PlaceInPool, Pool, PoolClass, PoolLedger,
    PoolOutcome, PoolResult, PoolStatus, PoolTotals, RowsHash, StoredSummary, Symbol, SymbolTotals,
    Timestamp, policy,
};

mod accounts;
mod adoption;
mod assets;
mod history;
mod ledger;
mod rates;
mod review;
mod runs;
mod scope;
mod tax;
mod watermark;
mod words;

/// Number of a version of allocations.
pub type Version = i64;

/// Returns the policy of a run as JSON text: everything that can change a byte of its result.
pub fn policy_json(rules: &AssetRules, exclusions: &[Exclusion], adapted: &AdaptedViews) -> String {
    let exclusions: Vec<Value> = exclusions
        .iter()
        .map(|e| json!([e.pool.account.as_str(), e.pool.asset.as_str()]))
        .collect();
    let mut policy = json!({
        "method": "fifo",
        "usd_scale": policy::USD_SCALE,
        "usd_rounding": "half to even, on cumulative amounts",
        "fees_per_unit_scale": policy::FEES_PER_UNIT_SCALE,
        "order": [
            "order_time", "buy before sell", "trade_seq, none last",
            "order_id: whole numbers first, as numbers, then bytes; corrections in place",
        ],
        "assets": asset_rules_json(rules),
        "exclusions": exclusions,
    });
    // Said only if there is something to say, so that policies of before stay as they are.
    if let Some(object) = policy.as_object_mut().filter(|_| !adapted.is_empty()) {
        object.insert("adapted_views".into(), json!(adapted));
    }
    policy.to_string()
}

/// State of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStatus {
    /// Being written.
    Running,
    /// Every pool is matched or excluded.
    Completed,
    /// At least one pool is rejected.
    Partial,
    /// Never finished.
    Failed,
    /// Its rows are gone, its number stays taken.
    Dropped,
}

impl VersionStatus {
    /// Returns the word that the database holds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Completed,
            Self::Partial,
            Self::Failed,
            Self::Dropped,
        ];
        all.into_iter().find(|status| status.as_str() == text)
    }

    /// Tells whether the version has a result that can be read.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Completed | Self::Partial)
    }
}

/// A row of the registry of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number.
    pub version: Version,
    /// The pools that it covers.
    pub scope: VersionScope,
    /// State.
    pub status: VersionStatus,
    /// The reason why it was made.
    pub origin: VersionOrigin,
    /// Hash of the facts it was computed from.
    pub ledger_hash: Option<RowsHash>,
    /// Hash of its canonical export.
    pub allocations_hash: Option<RowsHash>,
    /// Hash of the rates that gave its trades their values.
    pub rates_hash: Option<RowsHash>,
    /// Settings that can change a byte.
    pub policy: String,
    /// The part of the ledger that this version knows.
    pub watermark: Watermark,
    /// The program that computed it.
    pub engine_version: String,
    /// Execution time of the newest trade it saw.
    pub complete_through: Option<Timestamp>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was complete.
    pub completed_at: Option<Timestamp>,
    /// When it first became current.
    pub published_at: Option<Timestamp>,
    /// When and why nobody may replace it any more.
    pub sealed: Option<(Timestamp, String)>,
}

/// The version that reports read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Current {
    /// `None` before the first publication.
    pub version: Option<Version>,
    /// A person holds this version; runs publish no other.
    pub held: bool,
}

/// A row of `fifo_pool_summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSummary {
    /// The pool.
    pub pool: Pool,
    /// Its outcome.
    pub status: PoolStatus,
    /// Counts and sums; of a pool without allocations only `trades` counts.
    pub totals: PoolTotals,
    /// Counts and sums by symbol; of a pool without allocations only the symbols count.
    pub symbols: Vec<SymbolTotals>,
    /// The class of its asset. `None`: no row tells.
    pub class: Option<PoolClass>,
    /// Hash of its facts.
    pub ledger_hash: RowsHash,
    /// Hash of its canonical rows.
    pub allocations_hash: RowsHash,
    /// The last trade matched.
    pub last: Option<PlaceInPool>,
    /// The part of the ledger that this result knows. A stale pool knows less than its version.
    pub watermark: Watermark,
    /// When its first row was written.
    pub first_allocation: Option<Timestamp>,
    /// When its last row was written.
    pub last_allocation: Option<Timestamp>,
    /// Why it has no allocations, or no new ones.
    pub error: Option<String>,
}

/// Returns the totals by symbol of a pool without allocations: only its trades count.
pub fn without_result(symbols: &[Symbol], trades: u64) -> Vec<SymbolTotals> {
    let totals = PoolTotals {
        trades,
        ..PoolTotals::default()
    };
    match symbols {
        [only] => vec![SymbolTotals::of_whole(only.clone(), &totals)],
        several => several.iter().cloned().map(SymbolTotals::none_of).collect(),
    }
}

impl PoolSummary {
    /// Returns the summary of a pool's outcome. `at` is the time put on its rows.
    pub fn of(outcome: &PoolOutcome, watermark: &Watermark, at: Timestamp) -> Self {
        let (status, matching, error) = match &outcome.result {
            PoolResult::Matched(matching) => (PoolStatus::Matched, Some(matching), None),
            PoolResult::Rejected(rejection) => {
                (PoolStatus::Rejected, None, Some(rejection.reason.clone()))
            }
            PoolResult::Excluded(reason) => (PoolStatus::Excluded, None, Some(reason.clone())),
        };
        let nothing = PoolTotals {
            trades: outcome.trades,
            ..PoolTotals::default()
        };
        let last = matching.and_then(|matching| matching.last_trade());
        let has_rows = matching.is_some_and(|matching| matching.rows_count() > 0);
        Self {
            pool: outcome.pool.clone(),
            status,
            totals: matching.map_or(nothing, |matching| matching.totals),
            symbols: match matching {
                Some(matching) => matching.symbols.clone(),
                None => without_result(&outcome.symbols, outcome.trades),
            },
            class: outcome.class,
            ledger_hash: outcome.ledger_hash,
            allocations_hash: outcome.allocations_hash,
            last: last.map(|trade| trade.place().owned()),
            watermark: watermark.clone(),
            first_allocation: has_rows.then_some(at),
            last_allocation: has_rows.then_some(at),
            error,
        }
    }

    /// Counts its rows: its allocations, and what found no lot.
    pub fn rows(&self) -> u64 {
        let totals = &self.totals;
        totals.allocations.saturating_add(totals.sells_unmatched)
    }

    /// Returns the summary that validation judges.
    pub fn claim(&self) -> StoredSummary {
        StoredSummary {
            status: self.status,
            totals: self.totals,
            ledger_hash: self.ledger_hash,
            allocations_hash: self.allocations_hash,
        }
    }
}

/// A version about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionPlan {
    /// Its number.
    pub version: Version,
    /// The run that writes it.
    pub run_id: i64,
    /// Ties log, version and rows together.
    pub batch_id: String,
    /// The pools.
    pub scope: Scope,
    /// The reason why it was made.
    pub origin: VersionOrigin,
    /// Settings that can change a byte.
    pub policy: String,
    /// The part of the ledger that this version knows.
    pub watermark: Watermark,
    /// When the run began.
    pub created_at: Timestamp,
    /// Time put on every row.
    pub allocation_time: Timestamp,
    /// The number is taken: replace that version's result (`--force`).
    pub replaces: bool,
    /// A store may cut the version here, to write both halves at once.
    pub cut: Option<Cut>,
}

/// Rows that an incremental run adds to a pool of a version.
#[derive(Debug, Clone)]
pub struct AppendedPool {
    /// The version's summary of the pool from now on.
    pub summary: PoolSummary,
    /// The new allocations, and the lots that they leave; `None`: no allocations.
    pub matching: Option<Box<Matching>>,
    /// How long it took. Units: microseconds.
    pub duration_us: i64,
}

/// Rows that came into a ledger since a watermark.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    /// The instant up to which it was looked for.
    pub watermark: Watermark,
    /// New trades in force, and new rows that are no trades.
    pub pools: BTreeMap<Pool, PoolLedger>,
    /// New trades that enter their pools once the rates are known.
    pub pending: Pending,
    /// The rates of new trades that waited, once these entered their pools.
    pub rates: Entered,
    /// Trades that the watermark saw, and that were voided or put back since: their ids.
    pub revised: BTreeMap<Pool, BTreeSet<String>>,
    /// New trades that were voided again.
    pub voided: u64,
    /// New rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
}

/// How a written version ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// `Completed` or `Partial`.
    pub status: VersionStatus,
    /// When.
    pub completed_at: Timestamp,
    /// Duration of the run.
    pub duration_ms: i64,
    /// Hash of the facts.
    pub ledger_hash: RowsHash,
    /// Hash of the canonical export.
    pub allocations_hash: RowsHash,
    /// The rates that gave trades their values.
    pub rates: RatesLocked,
    /// Units of lots that transfers moved.
    pub lot_moves: Vec<LotMove>,
    /// Execution time of the newest trade seen.
    pub complete_through: Option<Timestamp>,
    /// Counts for the log row.
    pub counts: RunCounts,
    /// Make it current.
    pub publish: bool,
    /// With `publish`: a person holds this version.
    pub held: bool,
    /// Data issues, from a run over all symbols; with `publish` also unmatched sells.
    pub review: ReviewUpdate,
    /// Facts for the audit trail.
    pub details: Value,
}

/// A pool that a person took out of matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The pool.
    pub pool: Pool,
    /// Why.
    pub reason: String,
    /// Person who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A change of the current version by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerMove {
    /// The version to make current.
    pub version: Version,
    /// Whether it stays there.
    pub held: bool,
    /// Changes of the review queue with it.
    pub review: ReviewUpdate,
    /// When.
    pub at: Timestamp,
    /// Person who did it.
    pub by: String,
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// `info`, `warning` or `error`.
    pub severity: &'static str,
    /// Ties several events together.
    pub correlation_id: Option<String>,
    /// The pool concerned.
    pub pool: Option<Pool>,
    /// The version concerned.
    pub version: Option<Version>,
    /// Facts.
    pub details: Value,
    /// When.
    pub at: Timestamp,
}

impl Event {
    /// Makes an event of information without a pool or version.
    pub fn info(kind: EventKind, at: Timestamp, details: Value) -> Self {
        let (correlation_id, pool, version) = (None, None, None);
        Self {
            kind,
            severity: "info",
            correlation_id,
            pool,
            version,
            details,
            at,
        }
    }
}

impl crate::engine::PoolStatus {
    /// Returns the word that the database holds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Stale => "stale",
            Self::Rejected => "rejected",
            Self::Excluded => "excluded",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Matched, Self::Stale, Self::Rejected, Self::Excluded]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// One step of the schema and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    /// Its number.
    pub version: i64,
    /// Words about its objects.
    pub description: String,
    /// When it was applied, as the database says.
    pub applied_at: Option<String>,
}
