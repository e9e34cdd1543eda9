//! Whatever is done to two stores, in whatever order, both show the same.
//!
//! The seed is fixed, and printed with the smallest sequence that failed; `FIFO_PNL_SEED` sets
//! another.

use std::fmt::Debug;

use fifo_pnl::engine::{LedgerTrade, Pool, Trade};
use fifo_pnl::store::model::{
    Exclusion, ImportBatch, LedgerRead, PointerMove, ReviewStatus, Scope, Watermark,
};
use fifo_pnl::store::{Store, StoreError, StoreResult};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::subject::{
    Run, Subject, at, batch, correction, event, exported, failure, holder, memory, of, pointer,
    sqlite, trade, void, with_status,
};

/// The seed of a run, unless the environment sets another.
const SEED: u64 = 20_250_102;
const CASES: u32 = 48;
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

/// Returns what a step said. A database's own words are its own; all others are the contract's.
fn said<T: Debug>(result: StoreResult<T>) -> String {
    match result {
        Err(StoreError::Database { action, .. }) => format!("failed to {action}"),
        other => format!("{other:?}"),
    }
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
            let file = ImportBatch {
                skip_conflicts,
                preview,
                ..file
            };
            said(store.import(&file).await)
        }
        Step::Void(id, undo) => said(store.void(&void(id, undo)).await),
        Step::Run(run) => said(run.go(store).await.map(|written| written.plan)),
        Step::Abandon(run) => said(run.abandon(store).await),
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
    let mut text = format!("{:?} {} {:?}", read.watermark, read.voided, read.ineligible);
    for (pool, ledger) in &read.pools {
        let mut trades: Vec<&Trade> = ledger.trades.iter().collect();
        trades.sort_by(|left, right| left.cmp_in_pool(right));
        let hash = ledger.ledger_hash;
        text.push_str(&format!("\n{pool} {hash} {trades:?} {:?}", ledger.invalid));
    }
    text
}

/// Returns everything that a store shows, one text a question.
async fn shown(subject: &dyn Subject) -> Vec<String> {
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
    ];
    let newest = store.read_ledger(&Scope::default(), None).await.unwrap();
    texts.push(ledger_text(&newest));
    let until = newest.watermark;
    for (part, scope) in [(0, Scope::default()), (1, Run::of_symbol("BTC-USD").scope)] {
        for thirds in 0..=3 {
            let (ingest_seq, void_seq) = until.sequence().unwrap();
            let as_of = Watermark::Sequence {
                ingest_seq: ingest_seq * thirds / 3,
                void_seq: void_seq * (3 - thirds + part) / 4,
            };
            let read = store.read_ledger(&scope, Some(&as_of)).await.unwrap();
            texts.push(ledger_text(&read));
        }
    }
    for id in IDS {
        let account = "default".parse().unwrap();
        texts.push(format!(
            "{:?}",
            store.trade_origin(&account, id).await.unwrap()
        ));
    }
    for info in store.versions().await.unwrap() {
        let version = info.version;
        texts.push(format!("{info:#?}"));
        texts.push(format!(
            "{:#?}",
            store.pool_summaries(version).await.unwrap()
        ));
        texts.push(format!(
            "{:?}",
            store.unmatched_rows(version).await.unwrap()
        ));
        texts.push(exported(store, version).await.concat());
        for pool in store.pools_with_rows(version).await.unwrap() {
            let stored = store.stored_pool(version, &pool).await.unwrap();
            texts.push(format!("{pool} {stored:?}"));
        }
    }
    texts
}

async fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let (left, right) = (memory().await, sqlite().await);
    for step in steps {
        let said = take(&*left, step).await;
        prop_assert_eq!(said, take(&*right, step).await, "{:?}", step);
    }
    let (left, right) = (shown(&*left).await, shown(&*right).await);
    prop_assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        prop_assert_eq!(left, right);
    }
    Ok(())
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the environment sets a seed of the tests"
)]
fn two_stores_show_the_same_after_any_steps() {
    let seed = std::env::var("FIFO_PNL_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let config = Config {
        cases: CASES,
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
    let holds = |steps: Vec<Step>| runtime.block_on(compare(&steps));
    if let Err(error) = TestRunner::new(config).run(&steps, holds) {
        panic!("FIFO_PNL_SEED={seed}: {error}");
    }
}
