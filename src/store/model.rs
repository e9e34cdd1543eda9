//! What a store keeps and gives back, in the domain's words. No database is named here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

pub use adoption::{Adoption, MappedColumn, OrderUnlikeFills, UpOptions};
pub use history::{
    HistoricalSell, LegacyRow, SNAPSHOT_COLUMNS, SNAPSHOT_PREFIX, is_snapshot_name, parents_of_json,
};
pub use review::{
    QueuedItem, ReviewStatus, ReviewUpdate, decided_item, decision_file, decision_prefix,
};
pub use tax::{
    ImportedFile, LoggedEvent, LongRun, NamedTrade, ReviewDecision, Sold, SourcedAllocation,
    TradeIds, TradeOrigin,
};
pub use watermark::{Watermark, Writings};

use super::fingerprint::AdaptedViews;
use crate::engine::{
    Account, LedgerTrade, Matching, PlaceInPool, Pool, PoolLedger, PoolOutcome, PoolResult,
    PoolStatus, PoolTotals, RowsHash, StoredSummary, Symbol, SymbolRules, Timestamp, Usd, policy,
};

mod adoption;
mod history;
mod review;
mod tax;
mod watermark;

/// Number of a version of allocations.
pub type Version = i64;

/// Which pools a run takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// `None`: every account.
    pub account: Option<Account>,
    /// Empty: every symbol.
    pub symbols: BTreeSet<Symbol>,
    /// Of these pools, the ones to read now: a ledger larger than memory is read in parts. It
    /// changes nothing about which pools the scope means.
    pub part: Option<Arc<BTreeSet<Pool>>>,
    /// Of a pool that is larger than memory, the time to read now.
    pub slice: Option<Slice>,
}

/// Trades after an instant, up to and with another. A time that is none is in the first slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slice {
    /// Trades at it are in the slice before; `None`: there is none.
    pub after: Option<Timestamp>,
    /// `None`: there is no slice behind.
    pub until: Option<Timestamp>,
}

impl Scope {
    /// Tells whether every pool is taken.
    pub fn is_all(&self) -> bool {
        self.account.is_none() && self.symbols.is_empty()
    }

    /// Tells whether a pool is taken.
    pub fn contains(&self, pool: &Pool) -> bool {
        self.account
            .as_ref()
            .is_none_or(|account| *account == pool.account)
            && (self.symbols.is_empty() || self.symbols.contains(&pool.symbol))
            && self.part.as_ref().is_none_or(|part| part.contains(pool))
    }

    /// Tells whether this is the first slice of a pool, or all of it.
    pub fn is_first_slice(&self) -> bool {
        self.slice.is_none_or(|slice| slice.after.is_none())
    }

    /// Returns `all`, or the account and symbols as JSON text, the same for equal scopes.
    pub fn to_text(&self) -> String {
        if self.is_all() {
            return "all".into();
        }
        let symbols: Vec<&str> = self.symbols.iter().map(Symbol::as_str).collect();
        let account = self.account.as_ref().map(Account::as_str);
        json!({ "account": account, "symbols": symbols }).to_string()
    }
}

/// Returns the policy of a run as JSON text: everything that can change a byte of its result.
pub fn policy_json(
    rules: &SymbolRules,
    exclusions: &[Exclusion],
    adapted: &AdaptedViews,
) -> String {
    let symbols: BTreeMap<&str, Value> = rules
        .symbols
        .iter()
        .map(|(symbol, settings)| {
            let value = json!({
                "priced_in_usd": settings.priced_in_usd,
                "dust_threshold": settings.dust_threshold.to_string(),
            });
            (symbol.as_str(), value)
        })
        .collect();
    let exclusions: Vec<Value> = exclusions
        .iter()
        .map(|e| json!([e.pool.account.as_str(), e.pool.symbol.as_str()]))
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
        "usd_quotes": rules.usd_quotes,
        "symbols": symbols,
        "exclusions": exclusions,
    });
    // Said only if there is something to say, so that policies of before stay as they are.
    if let Some(object) = policy.as_object_mut().filter(|_| !adapted.is_empty()) {
        object.insert("adapted_views".into(), json!(adapted));
    }
    policy.to_string()
}

/// What a ledger holds in a scope, seen at one instant.
#[derive(Debug, Clone, Default)]
pub struct LedgerRead {
    /// How far it reaches.
    pub watermark: Watermark,
    /// By account and symbol.
    pub pools: BTreeMap<Pool, PoolLedger>,
    /// Voided trades left out.
    pub voided: u64,
    /// Rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
}

/// How many rows each pool of a scope has at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolSizes {
    /// The instant.
    pub watermark: Watermark,
    /// Executions, voided ones included; pools with rows that are none count too.
    pub rows: BTreeMap<Pool, u64>,
}

/// What a file is imported as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportMode {
    /// Append what is new; a known id with other facts is a conflict.
    Append,
    /// Void a known id that has other facts, and append the corrected facts beside it.
    Correct {
        /// Why.
        reason: String,
    },
}

/// A few trades, on their way into the ledger.
#[derive(Debug, Clone)]
pub struct ImportBatch {
    /// What they come from.
    pub file: ImportFile,
    /// The trades.
    pub trades: Vec<LedgerTrade>,
    /// Rows that were rejected and that the user chose to leave out.
    pub rejects: Vec<Reject>,
}

/// A file, and how its trades are to be imported.
#[derive(Debug, Clone)]
pub struct ImportFile {
    /// Name of the file.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Append or correct.
    pub mode: ImportMode,
    /// Leave conflicts out instead of refusing the file.
    pub skip_conflicts: bool,
    /// Write nothing; only say what would be written.
    pub preview: bool,
    /// When.
    pub imported_at: Timestamp,
    /// Who, for the voids of corrections.
    pub imported_by: String,
    /// Whose trades they are where the file does not say.
    pub account: Account,
}

/// A rejected row, kept so that nobody has to look for it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// From 1.
    pub line: u64,
    /// As the file has it.
    pub order_id: String,
    /// The column at fault.
    pub column: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub reason: String,
    /// The whole line.
    pub text: String,
}

/// A row whose id the ledger knows with other facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Line in the file.
    pub line: u64,
    /// Whose.
    pub account: String,
    /// The id.
    pub order_id: String,
    /// The first fact that differs.
    pub column: &'static str,
    /// What the file says.
    pub in_file: String,
    /// What the ledger says.
    pub in_ledger: String,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReceipt {
    /// Number of the import; `None` when nothing was written.
    pub import_id: Option<i64>,
    /// Trades appended.
    pub appended: u64,
    /// Trades that were there already.
    pub known: u64,
    /// Trades voided and appended with corrected facts.
    pub corrected: u64,
    /// Rows with other facts than the ledger's, the first ones of each column. Unless they are
    /// skipped, nothing was written.
    pub conflicts: Vec<Conflict>,
    /// How many there are, by the first fact that differs.
    pub conflicts_by_column: BTreeMap<&'static str, u64>,
}

impl ImportReceipt {
    /// Returns how many rows have other facts than the ledger's.
    pub fn conflict_count(&self) -> u64 {
        self.conflicts_by_column.values().sum()
    }
}

/// A trade taken out of matching, or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidChange {
    /// Whose.
    pub account: Account,
    /// Which execution.
    pub order_id: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub voided_by: String,
    /// When.
    pub voided_at: Timestamp,
    /// Put it back.
    pub undo: bool,
}

/// Who holds the run lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Host name.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
    /// What it does.
    pub what: String,
}

/// A run about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// Which pools.
    pub scope: Scope,
    /// The version it means to write, if that is known.
    pub version: Option<Version>,
    /// Ties log, version and rows together.
    pub batch_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// `full` or `scoped`.
    pub mode: String,
    /// Who or what started it.
    pub triggered_by: String,
    /// Where it runs.
    pub host: String,
    /// Its process.
    pub pid: u32,
}

/// How a run ended without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// When.
    pub ended_at: Timestamp,
    /// The error, whole.
    pub message: String,
    /// The chain of causes, whole.
    pub causes: String,
    /// Facts by name, for programs.
    pub details: Value,
}

/// A failure that passed: the run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNote {
    /// How many times it was tried again, this one included.
    pub retry_count: u64,
    /// When.
    pub at: Timestamp,
    /// All failures up to now, as facts by name.
    pub details: Value,
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
    /// `all`, or the pools it covers.
    pub scope: String,
    /// State.
    pub status: VersionStatus,
    /// `hand`, `full`, ...
    pub origin: String,
    /// Hash of the facts it was computed from.
    pub ledger_hash: Option<RowsHash>,
    /// Hash of its canonical export.
    pub allocations_hash: Option<RowsHash>,
    /// What can change a byte.
    pub policy: String,
    /// How far into the ledger it reaches.
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

/// Which version reports read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Current {
    /// `None` before the first publication.
    pub version: Option<Version>,
    /// A person holds the pointer there; runs don't move it.
    pub held: bool,
}

/// A row of `fifo_pool_summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSummary {
    /// Which pool.
    pub pool: Pool,
    /// What became of it.
    pub status: PoolStatus,
    /// Counts and sums; of a pool without allocations only `trades` counts.
    pub totals: PoolTotals,
    /// Hash of its facts.
    pub ledger_hash: RowsHash,
    /// Hash of its canonical rows.
    pub allocations_hash: RowsHash,
    /// The last trade matched.
    pub last: Option<PlaceInPool>,
    /// How far into the ledger it reaches. Of a stale pool that is not as far as its version does.
    pub watermark: Watermark,
    /// When its first row was written.
    pub first_allocation: Option<Timestamp>,
    /// When its last row was written.
    pub last_allocation: Option<Timestamp>,
    /// Why it has no allocations, or no new ones.
    pub error: Option<String>,
}

impl PoolSummary {
    /// Says what became of a pool. `at` is the time put on its rows.
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
        let last = matching.and_then(|matching| matching.trades.last());
        let has_rows = matching.is_some_and(|matching| matching.rows_count() > 0);
        Self {
            pool: outcome.pool.clone(),
            status,
            totals: matching.map_or(nothing, |matching| matching.totals),
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

    /// Returns what validation judges.
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
    /// Which pools.
    pub scope: Scope,
    /// `hand`, `full`, ...
    pub origin: String,
    /// What can change a byte.
    pub policy: String,
    /// How far into the ledger it reaches.
    pub watermark: Watermark,
    /// When the run began.
    pub created_at: Timestamp,
    /// Time put on every row.
    pub allocation_time: Timestamp,
    /// The number is taken: replace that version's result (`--force`).
    pub replaces: bool,
}

/// What an incremental run adds to a pool of a version.
#[derive(Debug, Clone)]
pub struct AppendedPool {
    /// What the version says of the pool from now on.
    pub summary: PoolSummary,
    /// The new allocations, and the lots that they leave; `None`: there are none.
    pub matching: Option<Box<Matching>>,
    /// How long it took. Units: microseconds.
    pub duration_us: i64,
}

/// What came into a ledger since a watermark.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    /// The instant up to which it was looked for.
    pub watermark: Watermark,
    /// New trades in force, and new rows that are no trades.
    pub pools: BTreeMap<Pool, PoolLedger>,
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
    /// Execution time of the newest trade seen.
    pub complete_through: Option<Timestamp>,
    /// Counts for the log row.
    pub counts: RunCounts,
    /// Make it current.
    pub publish: bool,
    /// With `publish`: a person holds the pointer at this version.
    pub held: bool,
    /// Data issues, from a run over all symbols; with `publish` also unmatched sells.
    pub review: ReviewUpdate,
    /// Facts for the audit trail.
    pub details: Value,
}

/// Counts and sums of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Buys matched.
    pub buys: u64,
    /// Sells matched.
    pub sells: u64,
    /// Trades of pools that were rejected or excluded: with buys and sells, all trades.
    pub not_matched: u64,
    /// (sell, buy) pairs.
    pub allocations: u64,
    /// Pools matched.
    pub pools_matched: u64,
    /// Pools rejected.
    pub pools_rejected: u64,
    /// Sells with a part that found no lot.
    pub unmatched_sells: u64,
    /// Trades whose fee is unknown.
    pub fees_unknown: u64,
    /// Buys that stand behind another one by their id alone.
    pub buys_by_id: u64,
    /// Sells that do.
    pub sells_by_id: u64,
    /// Trades whose fee is negative.
    pub rebates: u64,
    /// What these brought.
    pub rebates_usd: Usd,
    /// Rows that are not executions.
    pub ineligible: u64,
    /// Realized pnl.
    pub pnl: Usd,
    /// Errors of rejected pools, whole.
    pub error: Option<String>,
}

impl RunCounts {
    /// Counts a pool's trades and rows, but not the pool.
    pub fn add_totals(&mut self, totals: &PoolTotals) {
        self.buys += totals.buys;
        self.sells += totals.sells;
        let matched = totals.buys + totals.sells;
        self.not_matched += totals.trades.saturating_sub(matched);
        self.allocations += totals.allocations;
        self.unmatched_sells += totals.sells_unmatched;
        self.fees_unknown += totals.fees_unknown;
        self.buys_by_id += totals.buys_by_id;
        self.sells_by_id += totals.sells_by_id;
        self.rebates += totals.rebates;
        // A pool's totals are below 10^24 USD: more than a hundred of them fit.
        let sum =
            |total: Usd, added: Usd| Usd::from_units(total.units().saturating_add(added.units()));
        self.rebates_usd = sum(self.rebates_usd, totals.rebates_usd);
        self.pnl = sum(self.pnl, totals.pnl);
    }

    /// Counts the trades, matched or not.
    pub fn trades(&self) -> u64 {
        self.buys + self.sells + self.not_matched
    }
}

/// A pool that a person took out of matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Which pool.
    pub pool: Pool,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A move of the current pointer by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerMove {
    /// Where to.
    pub version: Version,
    /// Whether it stays there.
    pub held: bool,
    /// What the queue says then.
    pub review: ReviewUpdate,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `import`, `run`, `publish`, `review`, ...
    pub kind: &'static str,
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
    pub fn info(kind: &'static str, at: Timestamp, details: Value) -> Self {
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

/// Counts of the ledger's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerCounts {
    /// All rows.
    pub rows: u64,
    /// Executions, voided ones included.
    pub eligible: u64,
    /// Rows that are none.
    pub ineligible: u64,
    /// Voids in force.
    pub voided: u64,
    /// Rows in neither view: an adapted view is wrong.
    pub in_neither: u64,
    /// Rows in both views: an adapted view is wrong.
    pub in_both: u64,
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
    /// What it adds.
    pub description: String,
    /// When it was applied, as the database says.
    pub applied_at: Option<String>,
}

/// What only the database knows of how things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthFacts {
    /// Executions in force, of pools that the current version does not leave out.
    pub eligible: u64,
    /// Those of them executed after the newest one that the current version knows.
    pub after: u64,
    /// The oldest of those.
    pub after_oldest: Option<Timestamp>,
    /// The newest execution of all.
    pub newest: Option<Timestamp>,
    /// The last run that has ended.
    pub last_run: Option<RunLine>,
    /// Runs that say they are at work, oldest first.
    pub running: Vec<RunLine>,
    /// Room where the database is; `None`: that is not known here.
    pub disk: Option<DiskRoom>,
}

/// A row of the log of runs, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// Its number.
    pub id: i64,
    /// State.
    pub status: VersionStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// The error, whole.
    pub error: Option<String>,
    /// Where it runs.
    pub host: String,
    /// Its process.
    pub pid: i64,
}

/// Room of a file system. Units: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// What this user may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}
