//! Random steps on all stores, in random order: all show the same.
//!
//! The seed is fixed, and printed with the smallest sequence that failed; `FIFO_PNL_SEED` sets
//! another.

use std::fmt::Debug;

use fifo_pnl::engine::{LedgerTrade, Pool, StoredAllocation, Trade};
use fifo_pnl::store::model::{
    Cursors, Exclusion, LedgerRead, PointerMove, ReviewStatus, Scope, VersionInfo, VersionPlan,
    Watermark,
};
use fifo_pnl::store::{Store, StoreError, StoreResult};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::subject::{
    Run, Subject, Written, at, batch, changed, correction, event, exported, failure, holder,
    memory, of, pointer, postgres, server, sqlite, trade, undo, void, with_status,
};

/// The seed of a run, unless the environment sets another.
const SEED: u64 = 20_250_102;
const CASES: u32 = 48;
/// Fewer: each makes a database.
const CASES_OF_SERVER: u32 = 16;
const STEPS_MAX: usize = 24;

/// One thing that is done to a store.
#[derive(Debug, Clone)]
enum Step {
    Import {
        trades: Vec<LedgerTrade>,
        corrects: bool,
        skip_conflicts: bool,
        preview: bool,
    },
    Void(&'static str, bool),
    UndoImport(i64, bool),
    Run(Run),
    Abandon(Run),
    BeginRun,
    FailRun(i64),
    CloseOrphans,
    Seal(i64),
    Drop(i64),
    Move(PointerMove),
    Exclude(&'static str, bool),
    Decide(i64, ReviewStatus),
}

const IDS: [&str; 8] = ["A", "A~2", "A~3", "B", "B~2", "C", "D", "E"];
const SYMBOLS: [&str; 5] = ["BTC-USD", "btc/usd", "ETH-USD", "BTC-EUR", "é-usd"];

fn row() -> impl Strategy<Value = LedgerTrade> {
    let facts = (
        prop::sample::select(&IDS[..]),
        prop::sample::select(vec!["buy", "buy", "sell"]),
        prop::sample::select(vec!["0.3", "1", "2.50", "0.0000000000000000000000000001"]),
        prop::sample::select(vec!["0", "10", "99.123456789"]),
        0_i64..6,
    );
    let around = (
        prop::sample::select(vec!["default", "two"]),
        prop::sample::select(&SYMBOLS[..]),
        prop::sample::select(vec!["", "", "", "filled", "Cancelled"]),
        prop::option::of(0_i64..3),
        prop::sample::select(vec![Some("0.1"), Some("-0.01"), None]),
    );
    (facts, around).prop_map(|((id, side, size, price, second), around)| {
        let (account, symbol, status, trade_seq, fee) = around;
        let mut row = of(account, symbol, trade(id, side, size, price, second));
        row.trade.fee = fee.map(|fee| fee.parse().unwrap());
        row.trade.trade_seq = trade_seq;
        match status {
            "" => row,
            status => with_status(status, row),
        }
    })
}

fn run() -> impl Strategy<Value = Run> {
    let scopes = prop_oneof![
        4 => Just(Scope::default()),
        1 => Just(Run::of_symbol("BTC-USD").scope),
        1 => Just(Scope { account: "two".parse().ok(), ..Scope::default() }),
    ];
    let version = prop_oneof![3 => Just(None), 1 => (1_i64..5).prop_map(Some)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (scopes, version, flags, 0_i64..100).prop_map(|(scope, version, flags, seconds)| {
        let (publish, held, replaces) = flags;
        Run {
            // As the job does it: what has a scope is never published.
            publish: publish && scope.is_all(),
            held,
            replaces: replaces && version.is_some(),
            version,
            scope,
            review: None,
            seconds: 200 + seconds,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let import = (prop::collection::vec(row(), 0..7), any::<[bool; 3]>());
    let import = import.prop_map(
        |(trades, [corrects, skip_conflicts, preview])| Step::Import {
            trades,
            corrects,
            skip_conflicts,
            preview: preview && skip_conflicts,
        },
    );
    let statuses = vec![
        ReviewStatus::Pending,
        ReviewStatus::InProgress,
        ReviewStatus::Resolved,
        ReviewStatus::Dismissed,
    ];
    let decide = (1_i64..5, prop::sample::select(statuses));
    prop_oneof![
        6 => import,
        3 => (prop::sample::select(&IDS[..]), any::<bool>()).prop_map(|(i, u)| Step::Void(i, u)),
        3 => (1_i64..5, any::<bool>()).prop_map(|(id, back)| Step::UndoImport(id, back)),
        5 => run().prop_map(Step::Run),
        1 => run().prop_map(Step::Abandon),
        1 => Just(Step::BeginRun),
        1 => (1_i64..6).prop_map(Step::FailRun),
        1 => Just(Step::CloseOrphans),
        1 => (1_i64..5).prop_map(Step::Seal),
        2 => (1_i64..5).prop_map(Step::Drop),
        2 => (1_i64..5, any::<bool>()).prop_map(|(v, held)| Step::Move(pointer(v, held))),
        1 => (prop::sample::select(&SYMBOLS[..]), any::<bool>())
            .prop_map(|(symbol, excluded)| Step::Exclude(symbol, excluded)),
        2 => decide.prop_map(|(id, status)| Step::Decide(id, status)),
    ]
}

/// Returns the answer of a step. A database's own words are its own; all others are the contract's.
fn said<T: Debug>(result: StoreResult<T>) -> String {
    match result {
        Err(StoreError::Database { action, .. }) => format!("failed to {action}"),
        other => format!("{other:?}"),
    }
}

/// Returns a version's plan without what is a store's own: how it says how far it reaches.
fn plan_text(written: Written) -> String {
    let watermark = Watermark::default();
    format!(
        "{:?}",
        VersionPlan {
            watermark,
            ..written.plan
        }
    )
}

async fn take(subject: &dyn Subject, step: &Step) -> String {
    let store = subject.store();
    match step.clone() {
        Step::Import {
            trades,
            corrects,
            skip_conflicts,
            preview,
        } => {
            let file = if corrects {
                correction(trades)
            } else {
                batch(trades)
            };
            let file = changed(file, |file| {
                file.skip_conflicts = skip_conflicts;
                file.preview = preview;
            });
            said(store.import(&file).await)
        }
        Step::Void(id, undo) => said(store.void(&void(id, undo)).await),
        Step::UndoImport(id, back) => said(store.undo_import(&undo(id, back)).await),
        Step::Run(run) => said(run.go(store).await.map(plan_text)),
        Step::Abandon(run) => said(run.abandon(store).await.map(|plan| plan.version)),
        Step::BeginRun => said(store.begin_run(&Run::default().start(3)).await),
        Step::FailRun(id) => said(store.fail_run(id, &failure(5)).await),
        Step::CloseOrphans => said(store.close_orphans(&holder("next")).await),
        Step::Seal(version) => said(store.seal(version, "filed", &event("seal", 9)).await),
        Step::Drop(version) => said(store.drop_version(version, &event("drop", 9)).await),
        Step::Move(pointer) => said(store.move_pointer(&pointer).await),
        Step::Exclude(symbol, excluded) => {
            let pool = Pool::new("two".parse().unwrap(), symbol.parse().unwrap());
            let exclusion = Exclusion {
                pool,
                reason: "later".into(),
                decided_by: "ann".into(),
                decided_at: at(8),
            };
            said(store.set_exclusion(&exclusion, excluded).await)
        }
        Step::Decide(id, status) => {
            subject.decide(id, status, "ann").await;
            String::new()
        }
    }
}

fn ledger_text(read: &LedgerRead) -> String {
    let mut text = format!("{} {:?}", read.voided, read.ineligible);
    for (pool, ledger) in &read.pools {
        let mut trades = ledger.trades.to_vec().unwrap();
        trades.sort_by(Trade::cmp_in_pool);
        let hash = ledger.ledger_hash;
        text.push_str(&format!("\n{pool} {hash} {trades:?} {:?}", ledger.invalid));
    }
    text
}

/// Returns everything that a store shows, one text a question.
///
/// With `numbers` also what stores without a server have in common: numbered arrivals, and ids
/// that are free again.
async fn shown(subject: &dyn Subject, seen: &[Watermark], numbers: bool) -> Vec<String> {
    let store: &dyn Store = subject.store();
    let mut texts = vec![
        format!("{:?}", store.ledger_counts().await.unwrap()),
        format!("{:?}", store.current().await.unwrap()),
        format!("{:?}", store.next_version().await.unwrap()),
        format!("{:#?}", store.review_queue().await.unwrap()),
        format!("{:?}", store.exclusions().await.unwrap()),
        subject.events().await.join("\n"),
        subject.runs().await.join("\n"),
        format!("{:?}", subject.rejects().await),
        format!("{:?}", store.imports_out(None).await.unwrap()),
    ];
    for id in IDS {
        let account = "default".parse().unwrap();
        let origin = store.trade_origin(&account, id).await.unwrap();
        texts.push(format!("{origin:?}"));
    }
    let scopes = [Scope::default(), Run::of_symbol("BTC-USD").scope];
    for scope in &scopes {
        let newest = store.read_ledger(scope, None).await.unwrap();
        texts.push(ledger_text(&newest));
        for as_of in seen {
            let read = store.read_ledger(scope, Some(as_of)).await.unwrap();
            texts.push(ledger_text(&read));
        }
        if numbers {
            texts.extend(in_between(store, scope, &newest.watermark).await);
        }
    }
    for info in store.versions().await.unwrap() {
        texts.extend(version_texts(store, info, numbers).await);
    }
    texts
}

/// Returns the ledger as of instants that no step ended at: some trades, other voids.
async fn in_between(store: &dyn Store, scope: &Scope, until: &Watermark) -> Vec<String> {
    let (ingest_seq, void_seq) = until.sequence().unwrap();
    let mut texts = vec![format!("{until:?}")];
    for thirds in 0..=3 {
        let as_of = Watermark::Sequence {
            ingest_seq: ingest_seq * thirds / 3,
            void_seq: void_seq * (3 - thirds) / 4,
            cursors: Cursors {
                rate_seq: 0,
                import_void_seq: until.cursors().import_void_seq * thirds / 3,
                ..Default::default()
            },
        };
        let read = store.read_ledger(scope, Some(&as_of)).await.unwrap();
        texts.push(ledger_text(&read));
    }
    texts
}

async fn version_texts(store: &dyn Store, mut info: VersionInfo, numbers: bool) -> Vec<String> {
    let version = info.version;
    let all = Scope::default();
    let read = store.read_ledger(&all, Some(&info.watermark)).await;
    let mut texts = vec![ledger_text(&read.unwrap())];
    if !numbers {
        info.watermark = Watermark::default();
    }
    texts.push(format!("{info:#?}"));
    let mut summaries = store.pool_summaries(version).await.unwrap();
    if !numbers {
        for summary in &mut summaries {
            summary.watermark = Watermark::default();
        }
    }
    texts.push(format!("{summaries:#?}"));
    let plain = |mut row: StoredAllocation| {
        if !numbers {
            row.id = 0;
        }
        row
    };
    let unmatched = store.unmatched_rows(version).await.unwrap();
    let unmatched: Vec<_> = unmatched.into_iter().map(|row| row.map(plain)).collect();
    texts.push(format!("{unmatched:?}"));
    texts.push(exported(store, version).await.concat());
    for pool in store.pools_with_rows(version).await.unwrap() {
        let mut stored = store.stored_pool(version, &pool).await.unwrap();
        stored.allocations = stored.allocations.into_iter().map(plain).collect();
        texts.push(format!("{pool} {stored:?}"));
    }
    texts
}

/// Does the steps to a store; returns what each said, and how far the ledger then reached.
async fn take_all(subject: &dyn Subject, steps: &[Step]) -> (Vec<String>, Vec<Watermark>) {
    let (mut said, mut seen) = (Vec::new(), Vec::new());
    for step in steps {
        said.push(format!("{step:?}\n{}", take(subject, step).await));
        let read = subject.store().read_ledger(&Scope::default(), None).await;
        seen.push(read.unwrap().watermark);
    }
    (said, seen)
}

/// Does the same to a store and to the one in memory, and compares what they say and show.
async fn compare(
    steps: &[Step],
    other: Box<dyn Subject>,
    numbers: bool,
) -> Result<(), TestCaseError> {
    let memory = memory().await.unwrap();
    let (left_said, left_seen) = take_all(&*memory, steps).await;
    let (right_said, right_seen) = take_all(&*other, steps).await;
    for (left, right) in left_said.iter().zip(&right_said) {
        prop_assert_eq!(left, right);
    }
    let left = shown(&*memory, &left_seen, numbers).await;
    let right = shown(&*other, &right_seen, numbers).await;
    prop_assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        prop_assert_eq!(left, right);
    }
    Ok(())
}

/// Tries random steps; `holds` compares a store with the one in memory.
#[allow(
    clippy::disallowed_methods,
    reason = "the environment sets a seed of the tests"
)]
fn try_any_steps(cases: u32, holds: impl AsyncFn(Vec<Step>) -> Result<(), TestCaseError>) {
    let seed = std::env::var("FIFO_PNL_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let config = Config {
        cases,
        max_shrink_iters: 200,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let steps = prop::collection::vec(step(), 1..STEPS_MAX);
    let holds = |steps: Vec<Step>| runtime.block_on(holds(steps));
    if let Err(error) = TestRunner::new(config).run(&steps, holds) {
        panic!("FIFO_PNL_SEED={seed}: {error}");
    }
}

#[test]
fn memory_and_sqlite_show_the_same_after_any_steps() {
    try_any_steps(CASES, async |steps| {
        compare(&steps, sqlite().await.unwrap(), true).await
    });
}

#[test]
fn memory_and_postgres_show_the_same_after_any_steps() {
    if server::server().is_none() {
        return;
    }
    try_any_steps(CASES_OF_SERVER, async |steps| {
        compare(&steps, postgres().await.unwrap(), false).await
    });
}
