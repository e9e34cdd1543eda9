//! The same trades give the same bytes in memory, in SQLite and in PostgreSQL, in any order of
//! import. Validation and the views agree, too.
//!
//! Histories are made from fixed seeds; a failure names the one it had.
#![cfg(feature = "job")]

use crate::ledger;
use crate::mixed::{book, csv_line, mixed_csv, mixed_trade};
use crate::subject;

use std::process::Command;
use std::sync::Arc;

use fifo_pnl::engine::{AllocationRow, AssetRules, Rate, RateUsed, Timestamp};
use fifo_pnl::pipeline::{
    Cancel, Clock, ComputeOptions, Context, ImportRequest, Silent, Wait, compute, import_files,
    parse_source, validate,
};
use fifo_pnl::report::CanonicalCsv;
use fifo_pnl::store::memory::MemoryStore;
use fifo_pnl::store::model::VersionOrigin;
use fifo_pnl::store::{RowSink, Store};
use ledger::{Random, Shape, csv, id_of, rows};
use subject::{PostgresSubject, SqliteSubject, Subject, rate, rates};

/// A clock that stands still, after every trade.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}

fn context(rules: &AssetRules) -> Context {
    Context {
        clock: Arc::new(Noon),
        progress: Arc::new(Silent),
        cancel: Cancel::default(),
        rules: rules.clone().into(),
        holder: subject::holder("compute"),
        user: "ann".into(),
        wait: Wait::No,
    }
}

/// Writes an export to memory, as the file that a user gets.
struct Csv(CanonicalCsv<Vec<u8>>, Vec<u8>);

impl RowSink for Csv {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        row.write_line(&mut self.1);
        self.0.write(row)
    }
}

/// Hashes and counts that identify a version.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    ledger_hash: String,
    allocations_hash: String,
    /// Hash of all bytes of the file.
    sha256: String,
    rows: u64,
    lines: String,
    counts: String,
    /// The rates that were used, without the place of each in a file.
    rates: Vec<String>,
}

/// Some of the accounts of both kinds of ledger.
const SHORT_ACCOUNTS: [&str; 3] = ["main", "bot", "default"];

/// A ledger, the rates that it needs, and the settings that say what its symbols are.
struct Made {
    rules: AssetRules,
    /// Joins rows to a file.
    file: fn(&[String]) -> String,
    rows: Vec<String>,
    rates: Vec<Rate>,
}

impl Made {
    /// Trades in dollars, with pools by symbol.
    fn plain(seed: u64) -> Self {
        Self {
            rules: AssetRules::by_symbol(),
            file: csv,
            rows: rows(TIES, seed),
            rates: Vec::new(),
        }
    }

    /// Trades of assets that pay for each other and pay fees, with pools by asset.
    fn mixed(seed: u64) -> Self {
        let mut random = Random(seed);
        let row = |number: usize| {
            let second = random.below(TIES.seconds);
            let (seconds, age) = (600 + second as i64, second * 10 / TIES.seconds);
            let row = mixed_trade(&mut random, &id_of(number), seconds, age);
            csv_line(&row)
        };
        let rows = (0..TIES.trades).map(row).collect();
        let mut rates = book();
        // Of some ledgers the pound has no rate.
        rates.extend(seed.is_multiple_of(2).then(|| rate("GBP", 0, "0.85")));
        Self {
            rules: AssetRules::default(),
            file: mixed_csv,
            rows,
            rates,
        }
    }
}

impl Made {
    /// The same with accounts that may go short, beside one that may not.
    fn with_shorts(mut self) -> Self {
        for account in SHORT_ACCOUNTS {
            let account = account.parse().unwrap();
            self.rules.short_accounts.insert(account, true);
        }
        self
    }
}

/// Imports rows in an order of their own, in so many files, and rates before or after them.
async fn import(store: &dyn Store, made: &Made, rows: &[String], (seed, files): (u64, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let (mut rows, mut random, context) = (rows.to_vec(), Random(seed), context(&made.rules));
    let (mut rates, is_first) = (made.rates.clone(), seed.is_multiple_of(2));
    random.shuffle(&mut rows);
    random.shuffle(&mut rates);
    if is_first {
        import_rates(store, &rates).await;
    }
    let request = ImportRequest::default();
    let mut sources = Vec::new();
    for (number, part) in rows.chunks(rows.len().div_ceil(files)).enumerate() {
        let path = folder.path().join(format!("part-{number}.csv"));
        std::fs::write(&path, (made.file)(part)).unwrap();
        sources.push(parse_source(&path, &request, &context).unwrap());
    }
    let reports = import_files(Some(store), sources, &request, &context).await;
    for report in reports.unwrap() {
        assert!(!report.is_refused(false), "{report:?}");
    }
    if !is_first {
        import_rates(store, &rates).await;
    }
}

/// Imports rates in two files.
async fn import_rates(store: &dyn Store, all: &[Rate]) {
    for part in all.chunks(all.len().div_ceil(2).max(1)) {
        let receipt = store.import_rates(&rates(part.to_vec())).await.unwrap();
        assert_eq!(receipt.conflicts, []);
    }
}

/// Computes a version, checks it, and returns it.
async fn computed(store: &dyn Store, rules: &AssetRules) -> Version {
    computed_within(store, rules, None).await
}

/// The same with so much memory that the ledger is read in parts.
async fn computed_within(store: &dyn Store, rules: &AssetRules, memory: Option<u64>) -> Version {
    let options = ComputeOptions {
        origin: VersionOrigin::Full,
        memory,
        ..ComputeOptions::default()
    };
    let report = compute(store, &context(rules), &options).await.unwrap();
    let judged = validate(store, &context(rules), Some(report.version)).await;
    let judged = judged.unwrap();
    assert_eq!(judged.violations, []);
    assert_eq!(
        judged.version.allocations_hash,
        Some(report.allocations_hash)
    );
    let mut csv = Csv(CanonicalCsv::try_new(Vec::new()).unwrap(), Vec::new());
    store.export(report.version, &mut csv).await.unwrap();
    let written = csv.0.finish().unwrap();
    let summaries = store.pool_summaries(report.version).await.unwrap();
    let classes = summaries.iter().map(|it| (&it.pool, it.class, &it.symbols));
    let classes: Vec<_> = classes.collect();
    Version {
        ledger_hash: report.ledger_hash.to_string(),
        allocations_hash: report.allocations_hash.to_string(),
        sha256: written.sha256,
        rows: written.rows,
        lines: String::from_utf8(csv.1).unwrap(),
        counts: format!(
            "{:?} {:?} {:?} {classes:?}",
            report.counts, report.complete_through, report.voided
        ),
        rates: used_rates(store, report.version).await,
    }
}

async fn used_rates(store: &dyn Store, version: i64) -> Vec<String> {
    let used = store.rates_used(version, None).await.unwrap();
    let line = |used: &RateUsed| {
        let (of, id, purpose) = used.key();
        let (rate, at) = (&used.rate, used.traded_at);
        let by = (rate.value, rate.at, rate.source, rate.steps.len());
        format!(
            "{of} {id} {purpose:?} {} {:?} {} {at} {by:?}",
            used.asset, used.units, used.usd
        )
    };
    used.iter().map(line).collect()
}

#[track_caller]
fn assert_same(left: &Version, right: &Version, what: &str) {
    let lines = left.lines.lines().zip(right.lines.lines());
    for (left, right) in lines {
        assert_eq!(left, right, "{what}");
    }
    assert_eq!(left, right, "{what}");
}

/// Many ties, and pools that are not in every file.
const TIES: Shape = Shape {
    trades: 160,
    accounts: 3,
    symbols: 4,
    seconds: 40,
};

/// Imports a ledger into each database in an order of its own, and compares what is computed.
async fn any_order(made: &Made, seed: u64) {
    let (rows, rules) = (&made.rows, &made.rules);
    let memory = MemoryStore::new();
    import(&memory, made, rows, (seed, 1)).await;
    let expected = computed(&memory, rules).await;
    assert!(expected.rows > 60, "seed {seed}: {} rows", expected.rows);
    let may_be_short = !rules.short_accounts.is_empty();
    let is_unmatched = |line: &str| line.contains("unmatched");
    let is_some = expected.lines.lines().any(is_unmatched);
    assert!(is_some || may_be_short, "seed {seed}");
    assert_eq!(expected.rates.is_empty(), made.rates.is_empty());
    let is_short = |line: &str| line.ends_with(",short");
    assert_eq!(expected.lines.lines().any(is_short), may_be_short);

    let sqlite = SqliteSubject::new().await;
    import(sqlite.store(), made, rows, (seed + 101, 3)).await;
    let found = computed(sqlite.store(), rules).await;
    assert_same(&expected, &found, &format!("seed {seed}, SQLite"));

    let Some(postgres) = PostgresSubject::new().await else {
        return;
    };
    import(postgres.store(), made, rows, (seed + 200, 4)).await;
    let found = computed(postgres.store(), rules).await;
    assert_same(&expected, &found, &format!("seed {seed}, PostgreSQL"));
    // The views are compared where each has rows.
    if is_some {
        same_views(&sqlite, &postgres).await;
    }
    for store in [&memory as &dyn Store, sqlite.store(), postgres.store()] {
        let found = computed_within(store, rules, Some(2_000)).await;
        assert_same(&expected, &found, &format!("seed {seed}, in parts"));
    }
}

#[tokio::test]
async fn any_order_of_import_into_any_database() {
    for seed in 1..=4 {
        any_order(&Made::plain(seed), seed).await;
    }
    any_order(&Made::plain(5).with_shorts(), 5).await;
}

#[tokio::test]
async fn any_order_of_import_of_mixed_trades_into_any_database() {
    for seed in 1..=4 {
        any_order(&Made::mixed(seed), seed).await;
    }
    any_order(&Made::mixed(6).with_shorts(), 6).await;
}

#[tokio::test]
async fn versions_in_between_leave_no_trace_in_any_database() {
    for made in [
        Made::plain(11),
        Made::mixed(11),
        Made::plain(12).with_shorts(),
    ] {
        no_trace(&made).await;
    }
}

async fn no_trace(made: &Made) {
    let (rows, rules) = (&made.rows, &made.rules);
    let memory = MemoryStore::new();
    import(&memory, made, rows, (11, 1)).await;
    let expected = computed(&memory, rules).await;
    let sqlite = SqliteSubject::new().await;
    let postgres = PostgresSubject::new().await;
    let mut subjects: Vec<&dyn Subject> = vec![&sqlite];
    subjects.extend(postgres.iter().map(|subject| subject as &dyn Subject));
    for subject in subjects {
        let store = subject.store();
        let mut last = None;
        for part in rows.chunks(40) {
            import(store, made, part, (12, 1)).await;
            last = Some(computed(store, rules).await);
        }
        assert_same(&expected, &last.unwrap(), &store.location());
        // Earlier versions are judged as of their own instants.
        for version in 1..=4 {
            let judged = validate(store, &context(rules), Some(version)).await;
            let judged = judged.unwrap();
            assert_eq!(judged.violations, [], "version {version}");
            assert_eq!(judged.arrived_since, 40 * (4 - version as u64));
        }
    }
}

/// A query that both databases answer alike, except for the words in braces: `{time X}` is a time
/// as text.
const VIEWS: [&str; 6] = [
    "SELECT allocation_version, total_allocations, sells_matched, buys_used, unmatched_sells, \
     total_pnl, {time first_allocation}, {time last_allocation}, status FROM v_allocation_health",
    "SELECT symbol, num_sells, num_buys, total_size, total_pnl, {time first_sell}, \
     {time last_sell} FROM v_pnl_by_symbol ORDER BY symbol",
    "SELECT allocation_id, sell_order_id, symbol, unmatched_size, {time sell_time}, sell_price, \
     allocation_version, notes, status, account, proceeds_usd FROM v_unmatched_sells \
     ORDER BY allocation_id",
    "SELECT sell_order_id, symbol, sell_size, allocated_total, discrepancy, status \
     FROM v_allocation_discrepancies ORDER BY sell_order_id",
    "SELECT account, asset, symbol, buy_order_id, buy_leg, remaining_size, remaining_cost_usd, \
     buy_price, {time buy_time}, {time snapshot_time}, allocation_version, direction \
     FROM v_open_inventory ORDER BY account, asset, buy_order_id, coalesce(buy_leg, '')",
    "SELECT run_id, status, computation_mode, allocation_version, {time started_at}, \
     {time ended_at}, symbols_processed, symbols_failed, allocations_created, unmatched_sells, \
     total_pnl_computed, triggered_by FROM v_run_status ORDER BY run_id",
];

/// Replaces `{time X}`.
fn with_times(query: &str, time: impl Fn(&str) -> String) -> String {
    let mut parts = query.split("{time ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (column, rest) = part.split_once('}').unwrap();
        text.push_str(&time(column));
        text.push_str(rest);
    }
    text
}

/// Takes superfluous zeros off the numbers of a row: a server keeps those that it was given.
fn plain(row: &str) -> String {
    let number = |cell: &str| {
        let digits = cell.trim_start_matches('-');
        let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match is_number && digits.contains('.') {
            true => cell.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => cell.to_owned(),
        }
    };
    row.split('|').map(number).collect::<Vec<_>>().join("|")
}

async fn same_views(sqlite: &SqliteSubject, postgres: &PostgresSubject) {
    for view in VIEWS {
        let output = Command::new("sqlite3")
            .args(["-bail", "-batch", "-list", "-nullvalue", "NULL"])
            .arg(sqlite.path())
            .arg(with_times(view, str::to_owned))
            .output()
            .expect("the sqlite3 shell is needed: scripts/setup --test installs it");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{view}: {error}");
        let text = String::from_utf8(output.stdout).unwrap();
        let expected: Vec<String> = text.lines().map(plain).collect();
        let time = |column: &str| {
            format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        };
        let found = postgres.database.ask(&with_times(view, time)).await;
        let found: Vec<String> = found.iter().map(|row| plain(row)).collect();
        assert!(!expected.is_empty(), "{view}");
        assert_eq!(expected, found, "{view}");
    }
}
