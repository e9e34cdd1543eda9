//! Shared parts of the tests of the stores: stores to test, and trades, imports and runs to do it
//! with.
//!
//! A store is tested through the trait alone. What the trait can't show (the audit trail, the log
//! of runs, what a person writes into the review queue) comes through [`Subject`], one small
//! implementation a store.
#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "store_beside.rs"]
mod beside;
#[path = "store_postgres.rs"]
mod of_postgres;
#[path = "postgres.rs"]
pub mod server;
#[path = "skip.rs"]
pub mod skip;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
pub use beside::{account_change, movement, split, sync};
use fifo_pnl::engine::{
    Account, AllocationRow, AssetAction, AssetRules, Carried, LedgerTrade, Movement, MovementKey,
    Pool, PoolLedger, PoolOutcome, PoolResult, Rate, RateSource, RowsHash, Timestamp, Trade,
    TradeText, TransferDecision, Usd, compute_pool, review_items,
};
use fifo_pnl::store::fingerprint::AdaptedViews;
use fifo_pnl::store::memory::{LoggedRun, MemoryStore};
use fifo_pnl::store::model::{
    Completion, Event, EventKind, Holder, ImportBatch, ImportFile, ImportMode, ImportUndo,
    PointerMove, RateBatch, RatesLocked, ReviewStatus, ReviewUpdate, RunCounts, RunFailure,
    RunMode, RunStart, Scope, Version, VersionOrigin, VersionPlan, VersionStatus, VoidChange,
    policy_json,
};
use fifo_pnl::store::sqlite::SqliteStore;
use fifo_pnl::store::{RowSink, RunLock, Store, StoreError, StoreResult, values};
pub use of_postgres::PostgresSubject;
use rusqlite::Connection;
use serde_json::json;

/// A store under test, with reads of data that the store's traits don't show.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Returns the store.
    fn store(&self) -> &dyn Store;

    /// Returns a store of the same database whose exports keep few trades in memory. `None`: this
    /// kind of store has all of them there.
    fn with_origins_max(&self, _trades: u64) -> Option<Box<dyn Store>> {
        None
    }

    /// Returns the audit trail, oldest first, one text per event.
    async fn events(&self) -> Vec<String>;

    /// Returns the log of runs, oldest first, one text per run.
    async fn runs(&self) -> Vec<String>;

    /// Returns the rejected rows kept with the imports: number of the import, line, column.
    async fn rejects(&self) -> Vec<(i64, u64, String)>;

    /// Changes a review item as a person does in the database.
    async fn decide(&self, item: i64, status: ReviewStatus, by: &str);
}

/// Makes a store in memory.
pub async fn memory() -> Option<Box<dyn Subject>> {
    Some(Box::new(MemoryStore::new()))
}

/// Makes a store in a new file.
pub async fn sqlite() -> Option<Box<dyn Subject>> {
    Some(Box::new(SqliteSubject::new().await))
}

/// Makes a store in a new database; `None` without a server.
pub async fn postgres() -> Option<Box<dyn Subject>> {
    Some(Box::new(PostgresSubject::new().await?))
}

#[async_trait]
impl Subject for MemoryStore {
    fn store(&self) -> &dyn Store {
        self
    }

    async fn events(&self) -> Vec<String> {
        MemoryStore::events(self).iter().map(event_text).collect()
    }

    async fn runs(&self) -> Vec<String> {
        MemoryStore::runs(self).iter().map(run_text).collect()
    }

    async fn rejects(&self) -> Vec<(i64, u64, String)> {
        let rejects = MemoryStore::rejects(self).into_iter();
        rejects
            .map(|(import_id, reject)| (import_id, reject.line, reject.column))
            .collect()
    }

    async fn decide(&self, item: i64, status: ReviewStatus, by: &str) {
        self.edit_review_item(item, |item| {
            let is_settled = !status.is_open();
            item.status = status;
            item.resolution = is_settled.then(|| "by hand".into());
            item.resolved_at = is_settled.then(|| at(1));
            item.resolved_by = is_settled.then(|| by.to_owned());
        });
    }
}

fn event_text(event: &Event) -> String {
    let pool = event.pool.as_ref();
    event_line(
        event.kind.as_str(),
        event.severity,
        event.correlation_id.as_deref(),
        pool.map(|pool| pool.account.as_str()),
        pool.map(|pool| pool.asset.as_str()),
        event.version,
        &event.details.to_string(),
        event.at.as_micros(),
    )
}

#[allow(clippy::too_many_arguments, reason = "the columns of a table")]
fn event_line(
    kind: &str,
    severity: &str,
    correlation_id: Option<&str>,
    account: Option<&str>,
    symbol: Option<&str>,
    version: Option<i64>,
    details: &str,
    at: i64,
) -> String {
    let none = "-";
    let version = version.map_or(none.into(), |version| version.to_string());
    let (account, symbol) = (account.unwrap_or(none), symbol.unwrap_or(none));
    let correlation = correlation_id.unwrap_or(none);
    format!("{kind} {severity} {correlation} {account} {symbol} v{version} {details} at {at}")
}

fn run_text(run: &LoggedRun) -> String {
    let symbols = run.start.scope.assets.iter().map(|symbol| symbol.as_str());
    let symbols = symbols.collect::<Vec<_>>().join(",");
    let counts = &run.counts;
    let has_result = run.status.is_readable();
    format!(
        "{} {} [{symbols}] {:?} {} {}@{} by {} {}..{:?} | {} {} {} {} {} {} {} {} {} {:?} \
         | {:?} {:?} {:?} {}",
        run.id,
        run.status.as_str(),
        run.version,
        run.start.mode.as_str(),
        run.start.pid,
        run.start.host,
        run.start.triggered_by,
        run.start.started_at.as_micros(),
        run.ended_at.map(Timestamp::as_micros),
        counts.buys,
        counts.sells,
        counts.allocations,
        counts.pools_matched,
        counts.pools_rejected,
        counts.unmatched_sells,
        counts.fees_unknown,
        counts.ineligible,
        counts.not_matched,
        has_result.then(|| counts.pnl.to_string()),
        run.error,
        run.causes,
        run.error_details.as_ref().map(ToString::to_string),
        run.retry_count,
    )
}

/// A store in a file that only one test uses.
pub struct SqliteSubject {
    store: SqliteStore,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SqliteSubject {
    /// Makes a store in a new file.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo.db");
        let store = SqliteStore::open(&path, true, &holder("test")).await;
        Self {
            store: store.unwrap(),
            path,
            _folder: folder,
        }
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a connection outside the program.
    pub fn connection(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        let wait = std::time::Duration::from_secs(10);
        connection.busy_timeout(wait).unwrap();
        connection
    }

    fn texts(&self, sql: &str, text: impl Fn(&rusqlite::Row<'_>) -> String) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok(text(row))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

const RUN_COLUMNS: &str = "id, status, symbol, allocation_version, computation_mode, pid, host, \
    triggered_by, computation_start, computation_end, buys_processed, sells_processed, \
    allocations_created, symbols_processed, symbols_failed, unmatched_sells, fees_unknown, \
    trades_ineligible, trades_not_matched, total_pnl_computed, error_message, error_traceback, \
    error_details, retry_count";

#[async_trait]
impl Subject for SqliteSubject {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn with_origins_max(&self, trades: u64) -> Option<Box<dyn Store>> {
        Some(Box::new(self.store.clone().with_origins_max(trades)))
    }

    async fn events(&self) -> Vec<String> {
        let sql = "SELECT event_type, severity, correlation_id, account, asset, \
            allocation_version, details, event_time FROM event_log \
            WHERE event_type <> 'migration' ORDER BY id";
        self.texts(sql, |row| {
            let text = |index: usize| row.get::<_, Option<String>>(index).unwrap();
            event_line(
                &text(0).unwrap(),
                &text(1).unwrap(),
                text(2).as_deref(),
                text(3).as_deref(),
                text(4).as_deref(),
                row.get(5).unwrap(),
                &text(6).unwrap(),
                row.get(7).unwrap(),
            )
        })
    }

    async fn runs(&self) -> Vec<String> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM fifo_computation_log ORDER BY id");
        self.texts(&sql, |row| {
            let text = |index: usize| row.get::<_, Option<String>>(index).unwrap();
            let number = |index: usize| row.get::<_, Option<i64>>(index).unwrap();
            let counts: Vec<String> = (10..19).map(|i| number(i).unwrap().to_string()).collect();
            format!(
                "{} {} [{}] {:?} {} {}@{} by {} {}..{:?} | {} {:?} | {:?} {:?} {:?} {}",
                number(0).unwrap(),
                text(1).unwrap(),
                text(2).unwrap_or_default(),
                number(3),
                text(4).unwrap(),
                number(5).unwrap(),
                text(6).unwrap(),
                text(7).unwrap(),
                number(8).unwrap(),
                number(9),
                counts.join(" "),
                text(19),
                text(20),
                text(21),
                text(22),
                number(23).unwrap(),
            )
        })
    }

    async fn rejects(&self) -> Vec<(i64, u64, String)> {
        let connection = self.connection();
        let sql = "SELECT import_id, line, column_name FROM import_rejects ORDER BY id";
        let mut statement = connection.prepare(sql).unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            let line: i64 = row.get(1)?;
            Ok((row.get(0)?, line as u64, row.get(2)?))
        };
        statement
            .query_map([], row)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    async fn decide(&self, item: i64, status: ReviewStatus, by: &str) {
        let settled_at = (!status.is_open()).then(|| at(1).as_micros());
        let resolution = settled_at.map(|_| "by hand");
        let by = settled_at.map(|_| by);
        let sql = "UPDATE manual_review_queue SET status = ?2, resolution = ?3, \
            resolved_at = ?4, resolved_by = ?5 WHERE id = ?1";
        let values = rusqlite::params![item, status.as_str(), resolution, settled_at, by];
        self.connection().execute(sql, values).unwrap();
    }
}

/// Returns an instant of the tests' clock. Units: seconds since its start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::try_from_micros(1_735_787_045_000_006 + seconds * 1_000_000).unwrap()
}

/// Returns a holder of the run lock, at work on `what`.
pub fn holder(what: &str) -> Holder {
    Holder {
        pid: 4711,
        host: "test-host".into(),
        since: at(0),
        what: what.into(),
    }
}

/// Returns a pool of the default account.
pub fn pool(symbol: &str) -> Pool {
    Pool::new(Account::default(), symbol.parse().unwrap())
}

/// Makes a trade of BTC-USD in the default account, without a fee. It is executed `seconds` after
/// the start of the tests' clock.
pub fn trade(order_id: &str, side: &str, size: &str, price: &str, seconds: i64) -> LedgerTrade {
    let facts = TradeText {
        order_id,
        side,
        size,
        price,
        fee: Some("0"),
        order_time_micros: Some(at(seconds).as_micros()),
        trade_seq: None,
        more: None,
    };
    LedgerTrade {
        account: Account::default(),
        symbol: "BTC-USD".parse().unwrap(),
        symbol_text: "BTC-USD".into(),
        trade: Trade::try_from_text(&facts).unwrap(),
        status: None,
        carried: Carried::default(),
        import_line: 0,
    }
}

/// Moves a trade to another account and symbol.
pub fn of(account: &str, symbol: &str, mut row: LedgerTrade) -> LedgerTrade {
    row.account = account.parse().unwrap();
    row.symbol = symbol.parse().unwrap();
    row.symbol_text = symbol.into();
    row
}

/// Gives a trade a status.
pub fn with_status(status: &str, mut row: LedgerTrade) -> LedgerTrade {
    row.status = Some(status.into());
    row
}

/// Makes an import that appends trades, with lines as in a file with a header.
pub fn batch(trades: Vec<LedgerTrade>) -> ImportBatch {
    let rows = trades.into_iter().zip(2..);
    let numbered = rows.map(|(row, import_line)| LedgerTrade { import_line, ..row });
    let file = ImportFile {
        name: "trades.csv".into(),
        sha256: "ab".repeat(32),
        mode: ImportMode::Append,
        skip_conflicts: false,
        preview: false,
        imported_at: at(100),
        imported_by: "ann".into(),
        cancelled: Vec::new(),
        account: Account::default(),
    };
    ImportBatch {
        file,
        trades: numbered.collect(),
        movements: Vec::new(),
        actions: Vec::new(),
        rejects: Vec::new(),
    }
}

/// Makes an import that corrects trades.
pub fn correction(trades: Vec<LedgerTrade>) -> ImportBatch {
    let mode = ImportMode::Correct {
        reason: "wrong price".into(),
    };
    changed(batch(trades), |file| file.mode = mode)
}

/// Makes a rate of the euro in a currency, some seconds after the instant of [`at`].
pub fn rate(currency: &str, seconds: i64, value: &str) -> Rate {
    Rate {
        asset: "EUR".parse().unwrap(),
        currency: currency.parse().unwrap(),
        at: at(seconds),
        value: value.parse().unwrap(),
        source: RateSource::Ecb,
        import_id: 0,
        import_line: seconds as u64 + 2,
    }
}

/// Makes an import of rates.
pub fn rates(rates: Vec<Rate>) -> RateBatch {
    let file = changed(batch(Vec::new()), |file| file.name = "rates.csv".into()).file;
    RateBatch {
        file,
        rates,
        rules: AssetRules::default(),
    }
}

/// Changes the settings of an import.
pub fn changed(mut batch: ImportBatch, change: impl FnOnce(&mut ImportFile)) -> ImportBatch {
    change(&mut batch.file);
    batch
}

/// Appends trades. They must be new.
pub async fn append(store: &dyn Store, trades: Vec<LedgerTrade>) {
    let count = trades.len() as u64;
    let receipt = store.import(&batch(trades)).await.unwrap();
    assert_eq!(receipt.appended, count);
}

/// Makes a void of a trade of the default account.
pub fn void(order_id: &str, undo: bool) -> VoidChange {
    VoidChange {
        account: Account::default(),
        order_id: order_id.into(),
        reason: "booked twice".into(),
        voided_by: "ann".into(),
        voided_at: at(101),
        undo,
    }
}

/// Makes an import of actions.
pub fn acted(actions: Vec<AssetAction>) -> ImportBatch {
    ImportBatch {
        actions,
        ..batch(Vec::new())
    }
}

/// Makes an import of movements.
pub fn moved(movements: Vec<Movement>) -> ImportBatch {
    ImportBatch {
        movements,
        ..batch(Vec::new())
    }
}

/// Makes a decision about a transfer. `kind` is pair or unpair; keys are account and id.
pub fn decided(kind: &str, withdrawal: &str, deposit: &str) -> TransferDecision {
    let key = |text: &str| MovementKey {
        account: text.split('/').next().unwrap().parse().unwrap(),
        movement_id: text.split('/').next_back().unwrap().parse().unwrap(),
    };
    TransferDecision {
        kind: kind.parse().unwrap(),
        withdrawal: key(withdrawal),
        deposit: key(deposit),
        note: Some("both are mine".into()),
        decided_by: "ann".into(),
        decided_at: at(7),
        usd_value: None,
    }
}

/// Makes an undo of an import, or the change that puts its rows back.
pub fn undo(import_id: i64, put_back: bool) -> ImportUndo {
    ImportUndo {
        import_id,
        reason: "another account's file".into(),
        changed_by: "ann".into(),
        changed_at: at(102),
        put_back,
    }
}

/// Makes an event of a kind that stores do not make themselves.
pub fn event(kind: &str, seconds: i64) -> Event {
    let kind = EventKind::from_text(kind).unwrap();
    Event::info(kind, at(seconds), json!({ "by": "ann" }))
}

/// Makes the change that makes a version current and leaves the review queue unchanged.
pub fn pointer(version: Version, held: bool) -> PointerMove {
    PointerMove {
        version,
        held,
        review: ReviewUpdate::default(),
        at: at(300),
        by: "ann".into(),
    }
}

/// Returns the id that all rows of a run have.
pub fn batch_id(version: Version) -> String {
    format!("00000000-0000-4000-8000-{version:012}")
}

/// Takes the run lock, which must be held when a version begins.
pub async fn lock(store: &dyn Store) -> Box<dyn RunLock> {
    store
        .lock_runs(&holder("a run of the tests"))
        .await
        .unwrap()
}

/// A run of the tests. By default it matches all pools, and publishes the next version.
#[derive(Debug, Clone)]
pub struct Run {
    pub scope: Scope,
    pub version: Option<Version>,
    pub replaces: bool,
    pub publish: bool,
    pub held: bool,
    /// Changes of the review queue; `None`: those that follow from the result.
    pub review: Option<ReviewUpdate>,
    pub seconds: i64,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            version: None,
            replaces: false,
            publish: true,
            held: false,
            review: None,
            seconds: 200,
        }
    }
}

/// Result of a run, for comparison with the stored rows.
#[derive(Debug)]
pub struct Written {
    pub version: Version,
    pub plan: VersionPlan,
    pub outcomes: Vec<PoolOutcome>,
    pub completion: Completion,
}

impl Run {
    /// Makes a run that publishes nothing.
    pub fn unpublished() -> Self {
        Self {
            publish: false,
            ..Self::default()
        }
    }

    /// Makes a run over one symbol.
    pub fn of_symbol(symbol: &str) -> Self {
        let assets = BTreeSet::from([symbol.parse().unwrap()]);
        Self {
            scope: Scope {
                account: None,
                assets,
                ..Scope::default()
            },
            ..Self::unpublished()
        }
    }

    /// Returns the log row at the start of the run.
    pub fn start(&self, version: Version) -> RunStart {
        RunStart {
            scope: self.scope.clone(),
            version: Some(version),
            batch_id: batch_id(version),
            started_at: at(self.seconds),
            mode: if self.scope.is_all() {
                RunMode::Full
            } else {
                RunMode::Scoped
            },
            triggered_by: "ann".into(),
            host: "test-host".into(),
            pid: 4711,
        }
    }

    /// Does the whole run, and takes and releases the run lock.
    pub async fn go(&self, store: &dyn Store) -> StoreResult<Written> {
        let lock = lock(store).await;
        let done = self.go_locked(store).await;
        lock.release().await;
        done
    }

    /// Does the whole run, while the caller holds the run lock.
    pub async fn go_locked(&self, store: &dyn Store) -> StoreResult<Written> {
        let (plan, outcomes) = self.prepare(store).await?;
        let mut writer = store.begin_version(&plan).await?;
        for outcome in &outcomes {
            writer.load(outcome, 7).await?;
        }
        let completion = self.completion(&outcomes);
        writer.finish(&completion).await?;
        Ok(Written {
            version: plan.version,
            plan,
            outcomes,
            completion,
        })
    }

    /// Does the run up to the moment before its end, and leaves the version unfinished.
    pub async fn abandon(&self, store: &dyn Store) -> StoreResult<VersionPlan> {
        let lock = lock(store).await;
        let done = self.abandon_locked(store).await;
        lock.release().await;
        done
    }

    async fn abandon_locked(&self, store: &dyn Store) -> StoreResult<VersionPlan> {
        let (plan, outcomes) = self.prepare(store).await?;
        let mut writer = store.begin_version(&plan).await?;
        for outcome in &outcomes {
            writer.load(outcome, 7).await?;
        }
        drop(writer);
        Ok(plan)
    }

    /// Logs the run, reads the ledger, and matches.
    pub async fn prepare(&self, store: &dyn Store) -> StoreResult<(VersionPlan, Vec<PoolOutcome>)> {
        let version = match self.version {
            Some(version) => version,
            None => store.next_version().await?,
        };
        let start = self.start(version);
        let run_id = store.begin_run(&start).await?;
        let exclusions = store.exclusions().await?;
        let read = values::read(store, &self.scope, None).await?;
        let rules = store.rules();
        let outcome = |ledger: PoolLedger| {
            let excluded = exclusions.iter().find(|e| e.pool == ledger.pool);
            let reason = excluded.map(|exclusion| exclusion.reason.clone());
            compute_pool(ledger, reason.as_deref())
        };
        let outcomes = read.pools.into_values().map(outcome).collect();
        let plan = VersionPlan {
            version,
            run_id,
            batch_id: start.batch_id,
            scope: self.scope.clone(),
            origin: VersionOrigin::Full,
            policy: policy_json(&rules, &exclusions, &AdaptedViews::new()),
            watermark: read.watermark,
            created_at: start.started_at,
            allocation_time: at(self.seconds + 1),
            replaces: self.replaces,
            cut: None,
        };
        Ok((plan, outcomes))
    }

    /// Returns the data that completes the run's version.
    pub fn completion(&self, outcomes: &[PoolOutcome]) -> Completion {
        let (mut review, mut complete_through) = (ReviewUpdate::default(), None);
        let (mut ledger_hash, mut allocations_hash) = (RowsHash::EMPTY, RowsHash::EMPTY);
        let (mut counts, mut pnl, mut lot_moves) = (RunCounts::default(), 0, Vec::new());
        // No other test shows that a store keeps this count.
        counts.not_matched = 9;
        for outcome in outcomes {
            ledger_hash.add(outcome.ledger_hash);
            review
                .items
                .extend(review_items(outcome, &AssetRules::by_symbol()).unwrap());
            let PoolResult::Matched(matching) = &outcome.result else {
                review.pools_without_result.insert(outcome.pool.clone());
                counts.pools_rejected += 1;
                continue;
            };
            allocations_hash.add(matching.allocations_hash().unwrap());
            complete_through = complete_through.max(matching.last_trade().map(|t| t.order_time));
            counts.pools_matched += 1;
            lot_moves.extend_from_slice(&matching.moved_out.lots);
            counts.buys += matching.totals.buys;
            counts.sells += matching.totals.sells;
            counts.allocations += matching.totals.allocations;
            counts.unmatched_sells += matching.totals.sells_unmatched;
            counts.fees_unknown += matching.totals.fees_unknown;
            pnl += matching.totals.pnl.units();
        }
        counts.pnl = Usd::from_units(pnl);
        if self.publish {
            use fifo_pnl::engine::IssueType::*;
            let kinds = [UnmatchedSell, InvalidTrade, MissingFx, UnappliedAction];
            review.kinds = kinds.into_iter().chain([AllocationError]).collect();
        } else {
            review = ReviewUpdate::default();
        }
        Completion {
            status: match counts.pools_rejected {
                0 => VersionStatus::Completed,
                _ => VersionStatus::Partial,
            },
            completed_at: at(self.seconds + 2),
            duration_ms: 2000,
            ledger_hash,
            allocations_hash,
            lot_moves,
            rates: RatesLocked::default(),
            complete_through,
            counts,
            publish: self.publish,
            held: self.held,
            review: self.review.clone().unwrap_or(review),
            details: json!({ "published": self.publish }),
        }
    }
}

/// Returns the failure of a run without a result.
pub fn failure(seconds: i64) -> RunFailure {
    RunFailure {
        ended_at: at(seconds),
        message: "the disk is full".into(),
        causes: "the disk is full\nno space left on device\n".into(),
        details: json!({ "interrupted": false }),
    }
}

/// Receives an export as canonical lines.
#[derive(Debug, Default)]
pub struct Lines(pub Vec<String>);

impl RowSink for Lines {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        let mut line = Vec::new();
        row.write_line(&mut line);
        self.0.push(String::from_utf8(line).unwrap());
        Ok(())
    }
}

/// Exports a version as canonical lines.
pub async fn exported(store: &dyn Store, version: Version) -> Vec<String> {
    let mut lines = Lines::default();
    let rows = store.export(version, &mut lines).await.unwrap();
    assert_eq!(rows, lines.0.len() as u64);
    lines.0
}

/// Returns the message of a refusal.
#[track_caller]
pub fn refusal<T>(result: StoreResult<T>) -> String {
    match result {
        Err(
            error @ (StoreError::Version(..)
            | StoreError::Trade { .. }
            | StoreError::Item(..)
            | StoreError::NoItem(_)
            | StoreError::Import(..)
            | StoreError::NoImport(_)
            | StoreError::Snapshot(_)
            | StoreError::RunClosed(_)
            | StoreError::NoLegacyVersion(_)
            | StoreError::Schema(_)
            | StoreError::Postgres(_)
            | StoreError::Busy(_)
            | StoreError::WatermarkElsewhere(_)),
        ) => error.to_string(),
        Err(error) => panic!("expected a refusal, found {error:?}"),
        Ok(_) => panic!("expected a refusal, and it was done"),
    }
}
