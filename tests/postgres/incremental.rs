//! Incremental runs give what full runs give: after any mix of arrivals, late arrivals, voids,
//! undos, rows that are no trades, exclusions, publications and runs, on every store.
//!
//! Histories come from fixed seeds; a failure names the one it had.
#![cfg(feature = "job")]

use crate::ledger;
use crate::subject;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::mixed::rates_of;
use fifo_pnl::engine::{Account, AllocationRow, AssetRules, Pool, PoolStatus, Timestamp};
use fifo_pnl::pipeline::{
    self, AppendReport, Cancel, Clock, ComputeOptions, ComputeReport, Context, Forced, Incremental,
    Publication, Silent, Wait, compute, compute_incremental, validate,
};
use fifo_pnl::store::model::{
    Exclusion, PoolSummary, QueuedItem, Version, VersionOrigin, VersionStatus, VoidChange,
};
use fifo_pnl::store::{RowSink, Store, StoreError};
use ledger::{Random, id_of};
use subject::{Subject, at, batch, holder, memory, pool, postgres, sqlite, trade};

/// A clock that goes on by a second with each look, after every trade.
#[derive(Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let seconds = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::try_from_micros(1_900_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}

pub(crate) fn context() -> Context {
    with_rules(AssetRules::by_symbol())
}

pub(crate) fn with_rules(rules: AssetRules) -> Context {
    Context {
        clock: Arc::new(Ticks::default()),
        progress: Arc::new(Silent),
        cancel: Cancel::default(),
        rules: rules.into(),
        holder: holder("compute"),
        user: "ann".into(),
        wait: Wait::No,
    }
}

struct Lines(Vec<String>);

impl RowSink for Lines {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        let mut line = Vec::new();
        row.write_line(&mut line);
        self.0.push(String::from_utf8(line).unwrap());
        Ok(())
    }
}

/// The rows of a version as they are exported: a full run gives the same ones in the same order.
pub(crate) async fn rows_of(store: &dyn Store, version: Version) -> Vec<String> {
    let mut lines = Lines(Vec::new());
    store.export(version, &mut lines).await.unwrap();
    lines.0
}

/// The open lots of a version, in an order of their own.
async fn lots_of(store: &dyn Store, version: Version) -> Vec<String> {
    let mut lots = Vec::new();
    for of in store.pools_with_rows(version).await.unwrap() {
        let stored = store.stored_pool(version, &of).await.unwrap();
        let lines = stored.open_lots.iter().map(|lot| format!("{of} {lot:?}"));
        lots.extend(lines);
    }
    lots.sort();
    lots
}

/// The units of lots that transfers moved in a version.
async fn moves_of(store: &dyn Store, version: Version) -> Vec<String> {
    let moves = store.lot_moves(version).await.unwrap();
    moves.iter().map(|it| format!("{it:?}")).collect()
}

/// Returns the summaries of a version, without the time and way of its computation.
pub(crate) async fn sums_of(store: &dyn Store, version: Version) -> Vec<String> {
    let summaries = store.pool_summaries(version).await.unwrap();
    // A pool stays in a version when all its trades are voided; a full run does not see it.
    let has_rows = |it: &PoolSummary| (it.totals.trades, it.totals.legs) != (0, 0);
    let summaries = summaries.into_iter().filter(has_rows);
    let lines = summaries.map(|it| {
        let (hash, rows) = (it.ledger_hash, it.allocations_hash);
        let (last, error, class) = (it.last, it.error, it.class);
        let status = it.status.as_str();
        format!(
            "{} {status} {:?} {hash} {rows} {last:?} {error:?} {class:?} {:?}",
            it.pool, it.totals, it.symbols
        )
    });
    lines.collect()
}

pub(crate) async fn full(store: &dyn Store, context: &Context, publish: bool) -> ComputeReport {
    let options = ComputeOptions {
        origin: VersionOrigin::Full,
        no_publish: !publish,
        ..ComputeOptions::default()
    };
    compute(store, context, &options).await.unwrap()
}

pub(crate) async fn incremental(store: &dyn Store, context: &Context) -> Incremental {
    let options = ComputeOptions::default();
    compute_incremental(store, context, &options).await.unwrap()
}

pub(crate) fn appended(done: Incremental) -> Box<AppendReport> {
    match done {
        Incremental::Appended(report) => report,
        other => panic!("expected an extended version: {other:?}"),
    }
}

pub(crate) fn forced(done: Incremental) -> Vec<Forced> {
    match done {
        Incremental::Full(_, forced) => forced,
        other => panic!("expected a full run: {other:?}"),
    }
}

async fn assert_valid(store: &dyn Store, context: &Context, version: Version, what: &str) {
    let judged = validate(store, context, Some(version)).await.unwrap();
    assert_eq!(judged.violations, [], "{what}");
}

/// A random trade. Now and then it comes late, has the time of another, or can't be matched.
fn random_trade(random: &mut Random, id: usize, now: &mut i64) -> fifo_pnl::engine::LedgerTrade {
    *now += random.below(4) as i64;
    let seconds = match random.below(12) {
        0 => *now - random.below(60) as i64,
        _ => *now,
    };
    let side = if random.below(100) < 54 {
        "buy"
    } else {
        "sell"
    };
    let size = format!("{}.{:03}", random.below(9), 1 + random.below(999));
    let price = format!("{}.{:02}", 10 + random.below(90), random.below(100));
    let symbol = ["BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD"][random.below(4) as usize];
    let mut row = trade(&id_of(id), side, &size, &price, seconds);
    if random.below(150) == 0 {
        // A product beyond the limit of a trade: the ledger takes it, matching does not.
        row.trade.size = "100000000000000".parse().unwrap();
        row.trade.price = "100000000000000".parse().unwrap();
    }
    subject::of("default", symbol, row)
}

/// Counts the events of a history, so that no test passes without them.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    pub(crate) appended: u32,
    pub(crate) nothing: u32,
    late: u32,
    revised: u32,
    pub(crate) rates: u32,
    stale: u32,
    whole: u32,
    asked: u32,
    pub(crate) acted: u32,
    pub(crate) moved: usize,
    /// Rows whose lot is income.
    pub(crate) income: usize,
}

impl Happened {
    /// Counts a run, and returns the version that it left.
    pub(crate) fn count(&mut self, done: Incremental, what: &str) -> Version {
        match done {
            Incremental::Nothing(nothing) => {
                self.nothing += 1;
                nothing.version
            }
            Incremental::Appended(report) => {
                self.appended += 1;
                report.version
            }
            Incremental::Full(report, forced) => {
                for forced in forced {
                    self.late += u32::from(matches!(forced, Forced::Late(..)));
                    self.revised += u32::from(matches!(forced, Forced::Revised(..)));
                    self.acted += u32::from(matches!(forced, Forced::Action(..)));
                    self.rates += u32::from(matches!(forced, Forced::Rates(..)));
                    let snapshot = matches!(forced, Forced::Snapshot(..));
                    assert!(!snapshot, "{what}: {forced:?}");
                }
                report.version
            }
        }
    }

    /// Asserts that all of it happened; rates are for those who have some.
    pub(crate) fn assert_all(&self) {
        let Self {
            appended,
            nothing,
            late,
            revised,
            stale,
            whole,
            asked,
            ..
        } = self;
        for (what, times) in [
            ("appended", appended),
            ("nothing", nothing),
            ("late", late),
            ("revised", revised),
            ("stale", stale),
            ("whole", whole),
            ("asked", asked),
        ] {
            assert!(*times > 0, "{what} never happened");
        }
    }
}

/// Sometimes voids a trade, undoes an import, leaves a pool out, or makes another version current.
pub(crate) async fn disturb(
    store: &dyn Store,
    context: &Context,
    random: &mut Random,
    (ids, left_out): (usize, &Pool),
    voided: &mut BTreeSet<String>,
) {
    match random.below(8) {
        0 if ids > 0 => {
            let id = id_of(1 + random.below(ids as u64) as usize);
            let undo = voided.contains(&id);
            let replaced = store
                .trade_origin(&Account::default(), &format!("{id}~2"))
                .await;
            if replaced.unwrap().is_some() {
                // A corrected trade stays voided.
                return;
            }
            if undo {
                voided.remove(&id)
            } else {
                voided.insert(id.clone())
            };
            store.void(&void(&id, undo)).await.unwrap();
        }
        1 if random.below(3) == 0 => {
            let excluded = random.below(2) == 0;
            let exclusion = Exclusion {
                pool: left_out.clone(),
                reason: "not ours".into(),
                decided_by: "ann".into(),
                decided_at: at(0),
            };
            store.set_exclusion(&exclusion, excluded).await.unwrap();
        }
        2 => {
            let versions = store.versions().await.unwrap();
            let readable = versions.iter().filter(|info| info.status.is_readable());
            let readable: Vec<Version> = readable.map(|info| info.version).collect();
            if !readable.is_empty() {
                let nth = random.below(readable.len() as u64) as usize;
                pipeline::publish(store, context, readable[nth])
                    .await
                    .unwrap();
                if random.below(2) == 0 {
                    // It may be the newest one, which never holds.
                    let _ = pipeline::release(store, context).await;
                }
            }
        }
        3 => {
            let imports = store.imports().await.unwrap();
            if imports.is_empty() {
                return;
            }
            let id = imports[random.below(imports.len() as u64) as usize].id;
            let is_out = store.imports_out(None).await.unwrap().contains(&id);
            match store.undo_import(&subject::undo(id, is_out)).await {
                Ok(_) => {}
                // A correction that came meanwhile counts.
                Err(StoreError::Trade { .. }) if is_out => {}
                Err(error) => panic!("{error}"),
            }
        }
        _ => {}
    }
}

async fn history(subject: &dyn Subject, seed: u64, happened: &mut Happened) {
    let (store, context) = (subject.store(), context());
    let mut random = Random(seed);
    let (mut ids, mut now) = (0, 1_000);
    let mut voided: BTreeSet<String> = BTreeSet::new();
    for step in 0..24 {
        let what = format!("seed {seed}, step {step}");
        let trades = (0..random.below(12)).map(|_| {
            ids += 1;
            random_trade(&mut random, ids, &mut now)
        });
        let trades: Vec<_> = trades.collect();
        if !trades.is_empty() {
            store.import(&batch(trades)).await.unwrap();
        }
        if random.below(20) == 0 {
            // Of one pool only: the others have results to compare.
            let seconds = now + 6 - random.below(12) as i64;
            let split = subject::split(&format!("split-{step}"), "SOL", seconds);
            store.import(&subject::acted(vec![split])).await.unwrap();
        }
        let of = (ids, &pool("DOGE-USD"));
        disturb(store, &context, &mut random, of, &mut voided).await;
        let done = incremental(store, &context).await;
        let version = happened.count(done, &what);
        compare(store, &context, version, &what, happened).await;
    }
    let what = format!("seed {seed}");
    compare_questions(store, &context, &what, happened).await;
}

/// Asserts that the open questions are those of a full run, which it publishes. Runs that may not
/// publish ask no questions about their sells, and stale pools have others.
pub(crate) async fn compare_questions(
    store: &dyn Store,
    context: &Context,
    what: &str,
    happened: &mut Happened,
) {
    // It may be the newest one, which never holds.
    let _ = pipeline::release(store, context).await;
    let version = happened.count(incremental(store, context).await, what);
    let summaries = store.pool_summaries(version).await.unwrap();
    let is_stale = |it: &PoolSummary| it.status == PoolStatus::Stale;
    let is_current = store.current().await.unwrap().version == Some(version);
    if !is_current || summaries.iter().any(is_stale) {
        return;
    }
    let found = questions(store).await;
    full(store, context, true).await;
    assert_same(&found, &questions(store).await, what);
    happened.asked += 1;
}

async fn questions(store: &dyn Store) -> Vec<String> {
    let items = store.review_queue().await.unwrap().into_iter();
    let open = items.filter(|item| item.status.is_open());
    let line = |item: QueuedItem| {
        let (of, issue, severity) = (item.pool, item.issue, item.severity);
        let (leg, order_id, details) = (item.leg, item.order_id, item.details);
        let description = item.description;
        format!("{of} {order_id} {leg:?} {issue:?} {severity:?} {description} {details}")
    };
    let mut lines: Vec<String> = open.map(line).collect();
    lines.sort();
    lines
}

fn void(order_id: &str, undo: bool) -> VoidChange {
    subject::void(order_id, undo)
}

/// Asserts that lines are the same; a failure shows those that only one side has.
#[track_caller]
fn assert_same(found: &[String], expected: &[String], what: &str) {
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        let left = left.iter().filter(|line| !right.contains(line));
        left.cloned().collect()
    };
    let (more, less) = (only(found, expected), only(expected, found));
    assert_eq!(more, less, "{what}");
    assert_eq!(found, expected, "{what}: another order");
}

/// The hashes of a version, and how far it reaches.
async fn hashes(store: &dyn Store, version: Version) -> String {
    let versions = store.versions().await.unwrap();
    let mut found = versions.iter().filter(|info| info.version == version);
    let info = found.next().unwrap();
    let (rows, rates) = (info.allocations_hash, info.rates_hash);
    format!(
        "{:?} {rows:?} {rates:?} {:?}",
        info.ledger_hash, info.complete_through
    )
}

/// Tells whether a row is at fault, which is beyond the limits or lacks a rate.
fn is_fault_of_row(error: &str) -> bool {
    error.contains("is too large") || error.contains("no value in USD: a rate of")
}

/// Compares a version with one that is computed from all of the ledger now.
pub(crate) async fn compare(
    store: &dyn Store,
    context: &Context,
    version: Version,
    what: &str,
    happened: &mut Happened,
) {
    assert_valid(store, context, version, what).await;
    let whole = full(store, context, false).await.version;
    let summaries = store.pool_summaries(version).await.unwrap().into_iter();
    let stale = summaries.filter(|summary| summary.status == PoolStatus::Stale);
    let stale: BTreeSet<String> = stale
        .map(|summary| {
            // Nothing else may keep a pool of these histories from going on.
            let error = summary.error.unwrap_or_default();
            assert!(is_fault_of_row(&error), "{what}: {error}");
            summary.pool.to_string()
        })
        .collect();
    happened.stale += stale.len() as u32;
    let is_fresh = |line: &String| {
        !stale
            .iter()
            .any(|pool| line.starts_with(&format!("{pool} ")))
    };
    let of_rows = |line: &String| {
        let cells: Vec<&str> = line.split(',').collect();
        let pool = format!("{} {}", cells[0], cells[cells.len() - 6]);
        !stale.contains(&pool)
    };
    let keep = |lines: Vec<String>, fresh: &dyn Fn(&String) -> bool| -> Vec<String> {
        lines.into_iter().filter(|line| fresh(line)).collect()
    };
    let pairs = [
        (
            keep(rows_of(store, version).await, &of_rows),
            keep(rows_of(store, whole).await, &of_rows),
        ),
        (
            keep(lots_of(store, version).await, &is_fresh),
            keep(lots_of(store, whole).await, &is_fresh),
        ),
        (
            keep(sums_of(store, version).await, &is_fresh),
            keep(sums_of(store, whole).await, &is_fresh),
        ),
        (moves_of(store, version).await, moves_of(store, whole).await),
    ];
    for (found, expected) in pairs {
        assert_same(&found, &expected, &format!("{what}, version {version}"));
    }
    if stale.is_empty() {
        happened.whole += 1;
        let (found, expected) = (rates_of(store, version).await, rates_of(store, whole).await);
        assert_same(&found, &expected, &format!("{what}, version {version}"));
        let both = [hashes(store, version).await, hashes(store, whole).await];
        assert_eq!(both[0], both[1], "{what}");
    }
    store
        .drop_version(whole, &subject::event("drop", 1))
        .await
        .unwrap();
}

async fn histories(make: impl AsyncFn() -> Option<Box<dyn Subject>>, seeds: std::ops::Range<u64>) {
    let mut happened = Happened::default();
    for seed in seeds {
        let Some(subject) = make().await else {
            return;
        };
        history(subject.as_ref(), seed, &mut happened).await;
    }
    happened.assert_all();
    assert!(happened.acted > 0, "no action ever came");
}

#[tokio::test]
async fn any_history_in_memory() {
    histories(memory, 1..25).await;
}

#[tokio::test]
async fn any_history_in_sqlite() {
    histories(sqlite, 100..108).await;
}

#[tokio::test]
async fn any_history_in_postgres() {
    histories(postgres, 200..205).await;
}

/// Every store that is there, empty.
async fn stores() -> Vec<Box<dyn Subject>> {
    let mut stores = Vec::new();
    stores.extend(memory().await);
    stores.extend(sqlite().await);
    stores.extend(postgres().await);
    stores
}

async fn import(store: &dyn Store, trades: Vec<fifo_pnl::engine::LedgerTrade>) {
    subject::append(store, trades).await;
}

#[tokio::test]
async fn the_first_run_is_a_full_one_and_the_second_has_nothing_to_do() {
    for subject in stores().await {
        let (store, context) = (subject.store(), context());
        import(store, vec![trade("b1", "buy", "2", "10", 1)]).await;
        assert_eq!(
            forced(incremental(store, &context).await),
            [Forced::NoVersion]
        );
        let done = incremental(store, &context).await;
        let Incremental::Nothing(nothing) = done else {
            panic!("{done:?}");
        };
        assert_eq!(
            (nothing.version, nothing.complete_through),
            (1, Some(at(1)))
        );
        let runs = subject.runs().await;
        assert_eq!(runs.len(), 2);
        assert!(runs[1].contains("completed"), "{runs:?}");
        // A void and its undo change nothing.
        store.void(&void("b1", false)).await.unwrap();
        store.void(&void("b1", true)).await.unwrap();
        let done = incremental(store, &context).await;
        assert!(matches!(done, Incremental::Nothing(_)), "{done:?}");
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    for subject in stores().await {
        let (store, context) = (subject.store(), context());
        import(store, vec![trade("b1", "buy", "2", "10", 1)]).await;
        full(store, &context, true).await;
        import(store, vec![trade("s1", "sell", "1", "12", 2)]).await;
        let before = (subject.runs().await, subject.events().await);
        let rows = rows_of(store, 1).await;
        let options = ComputeOptions {
            dry_run: true,
            ..ComputeOptions::default()
        };
        let done = compute_incremental(store, &context, &options)
            .await
            .unwrap();
        let report = appended(done);
        assert_eq!((report.run_id, report.counts.allocations), (None, 1));
        assert_eq!(before, (subject.runs().await, subject.events().await));
        assert_eq!(rows, rows_of(store, 1).await);
    }
}

#[tokio::test]
async fn what_forces_a_full_run_is_named() {
    for subject in stores().await {
        let (store, context) = (subject.store(), context());
        let trades = vec![
            trade("b1", "buy", "2", "10", 10),
            trade("s1", "sell", "1", "12", 20),
        ];
        import(store, trades).await;
        full(store, &context, true).await;
        import(store, vec![trade("b0", "buy", "1", "9", 5)]).await;
        let late = Forced::Late(pool("BTC-USD"), "b0".into());
        let done = incremental(store, &context).await;
        let Incremental::Full(report, why) = &done else {
            panic!("{done:?}");
        };
        assert_eq!(*why, [late]);
        assert_eq!(report.publication, Publication::Published);
        let versions = store.versions().await.unwrap();
        assert_eq!(versions.last().unwrap().origin, VersionOrigin::LateArrival);

        store.void(&void("b0", false)).await.unwrap();
        let revised = Forced::Revised(pool("BTC-USD"), vec!["b0".into()]);
        assert_eq!(forced(incremental(store, &context).await), [revised]);

        let mut rules = AssetRules::by_symbol();
        rules.usd_quotes.insert("EURX".into());
        let context = with_rules(rules);
        assert_eq!(forced(incremental(store, &context).await), [Forced::Policy]);
        assert!(matches!(
            incremental(store, &context).await,
            Incremental::Nothing(_)
        ));

        let current = store.current().await.unwrap().version.unwrap();
        let event = subject::event("seal", 1);
        store.seal(current, "filed", &event).await.unwrap();
        // Nothing new needs no new version.
        assert!(matches!(
            incremental(store, &context).await,
            Incremental::Nothing(_)
        ));
        let sealed_rows = rows_of(store, current).await;
        import(store, vec![trade("s2", "sell", "1", "12", 30)]).await;
        let why = forced(incremental(store, &context).await);
        assert_eq!(why, [Forced::Sealed(current)]);
        assert_eq!(rows_of(store, current).await, sealed_rows);
    }
}

#[tokio::test]
async fn a_held_pointer_stays_and_the_newest_version_goes_on() {
    for subject in stores().await {
        let (store, context) = (subject.store(), context());
        import(store, vec![trade("b1", "buy", "5", "10", 1)]).await;
        full(store, &context, true).await;
        full(store, &context, true).await;
        pipeline::publish(store, &context, 1).await.unwrap();
        let held = rows_of(store, 1).await;
        import(store, vec![trade("s1", "sell", "6", "12", 2)]).await;
        let report = appended(incremental(store, &context).await);
        assert_eq!(
            (report.version, &report.publication),
            (2, &Publication::Held)
        );
        assert_eq!(store.current().await.unwrap().version, Some(1));
        assert_eq!(rows_of(store, 1).await, held);
        // Its unmatched sell is asked about when it becomes current, not before.
        assert!(store.review_queue().await.unwrap().is_empty());
        pipeline::release(store, &context).await.unwrap();
        assert_eq!(store.current().await.unwrap().version, Some(2));
        assert_eq!(store.review_queue().await.unwrap().len(), 1);
        assert_valid(store, &context, 2, "released").await;
    }
}

#[tokio::test]
async fn a_pool_that_can_no_longer_be_matched_is_stale_until_it_can() {
    for subject in stores().await {
        let (store, context) = (subject.store(), context());
        let other = |row| subject::of("default", "ETH-USD", row);
        import(store, vec![trade("b1", "buy", "5", "10", 1)]).await;
        import(store, vec![other(trade("e1", "buy", "5", "10", 1))]).await;
        full(store, &context, true).await;
        let mut bad = trade("bad", "buy", "1", "1", 2);
        bad.trade.size = "100000000000000".parse().unwrap();
        bad.trade.price = "100000000000000".parse().unwrap();
        import(store, vec![bad, trade("s1", "sell", "1", "12", 3)]).await;
        import(store, vec![other(trade("e2", "sell", "1", "12", 3))]).await;
        let report = appended(incremental(store, &context).await);
        assert_eq!(report.status, VersionStatus::Partial);
        assert_eq!(report.publication, Publication::Published);
        let summaries = store.pool_summaries(1).await.unwrap();
        let status = |symbol: &str| {
            let of = |it: &&fifo_pnl::store::model::PoolSummary| it.pool == pool(symbol);
            summaries.iter().find(of).unwrap().status
        };
        assert_eq!(status("BTC-USD"), PoolStatus::Stale);
        assert_eq!(status("ETH-USD"), PoolStatus::Matched);
        assert_valid(store, &context, 1, "stale").await;
        let queue = store.review_queue().await.unwrap();
        assert_eq!(queue.len(), 1, "{queue:?}");
        assert_eq!(queue[0].order_id, "bad");
        // The same again is nothing new, and asks nothing twice.
        assert!(matches!(
            incremental(store, &context).await,
            Incremental::Nothing(_)
        ));
        store.void(&void("bad", false)).await.unwrap();
        let report = appended(incremental(store, &context).await);
        assert_eq!(report.status, VersionStatus::Completed);
        let queue = store.review_queue().await.unwrap();
        assert!(!queue[0].status.is_open(), "{queue:?}");
        assert_valid(store, &context, 1, "cured").await;
        let mut happened = Happened::default();
        compare(store, &context, 1, "cured", &mut happened).await;
        assert_eq!((happened.stale, happened.whole), (0, 1));
    }
}

#[tokio::test]
async fn a_damaged_snapshot_forces_a_full_run() {
    let Some(subject) = sqlite().await else {
        return;
    };
    let (store, context) = (subject.store(), context());
    import(store, vec![trade("b1", "buy", "5", "10", 1)]).await;
    full(store, &context, true).await;
    let path = store.location();
    let path = path.strip_prefix("sqlite://").unwrap();
    let damage = "DELETE FROM fifo_inventory_snapshot";
    let file = rusqlite::Connection::open(path).unwrap();
    assert_eq!(file.execute(damage, []).unwrap(), 1);
    drop(file);
    import(store, vec![trade("s1", "sell", "1", "12", 2)]).await;
    let why = forced(incremental(store, &context).await);
    assert!(
        matches!(why.as_slice(), [Forced::Snapshot(of, _)] if *of == pool("BTC-USD")),
        "{why:?}"
    );
    assert_valid(store, &context, 2, "after damage").await;
}

/// A transaction may begin before a run and commit after it. Then it is new for the next run, also
/// if others committed in between.
#[tokio::test]
async fn a_late_commit_is_never_missed() {
    let Some(subject) = subject::PostgresSubject::new().await else {
        return;
    };
    let (store, context) = (subject.store(), context());
    import(store, vec![trade("b1", "buy", "5", "10", 1)]).await;
    full(store, &context, true).await;
    let insert = |id: &str, seconds: u32| {
        format!(
            "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time, \
             total_fees_usd) VALUES ('default', '{id}', 'BTC-USD', 'sell', 1, 12, \
             timestamptz '2025-06-01 00:00:00Z' + interval '{seconds} s', 0)"
        )
    };
    let mut slow = subject.database.connect().await;
    let mut quick = subject.database.connect().await;
    use sqlx::{AssertSqlSafe, Executor};
    slow.execute("BEGIN").await.unwrap();
    slow.execute(AssertSqlSafe(insert("slow", 10)))
        .await
        .unwrap();
    quick
        .execute(AssertSqlSafe(insert("quick", 5)))
        .await
        .unwrap();
    let report = appended(incremental(store, &context).await);
    assert_eq!(report.counts.sells, 1);
    assert!(matches!(
        incremental(store, &context).await,
        Incremental::Nothing(_)
    ));
    slow.execute("COMMIT").await.unwrap();
    let report = appended(incremental(store, &context).await);
    assert_eq!(report.counts.sells, 1);
    let rows = rows_of(store, 1).await.concat();
    assert!(
        rows.contains(",slow,") && rows.contains(",quick,"),
        "{rows}"
    );
    assert_valid(store, &context, 1, "late commit").await;
}
