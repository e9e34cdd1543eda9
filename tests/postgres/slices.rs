//! A pool that is read, matched and written in slices has the rows of one that is matched whole.
//! The order, lots, sums, hashes and review items are the same.
#![cfg(feature = "job")]

use crate::ledger;
use crate::mixed::{import_book, mixed_trade, rates_of};
use crate::subject;

use std::ops::RangeInclusive;
use std::sync::Arc;

use fifo_pnl::engine::{AllocationRow, AssetRules, LedgerTrade, Timestamp};
use fifo_pnl::pipeline::{
    Cancel, Clock, ComputeOptions, ComputeReport, Context, Silent, Wait, compute, validate,
};
use fifo_pnl::store::model::{Exclusion, Scope, Version};
use fifo_pnl::store::{RowSink, Store};
use ledger::{Random, id_of};
use subject::{Subject, at, batch, holder, pool, postgres, sqlite, trade, void};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::try_from_micros(1_900_000_000_000_000).unwrap()
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

/// All that a version says, except for its number, watermark and times.
async fn told(store: &dyn Store, version: Version) -> Vec<String> {
    let mut rows = Lines(Vec::new());
    store.export(version, &mut rows).await.unwrap();
    let mut told = rows.0;
    for of in store.pools_with_rows(version).await.unwrap() {
        let stored = store.stored_pool(version, &of).await.unwrap();
        told.extend(stored.open_lots.iter().map(|lot| format!("{of} {lot:?}")));
        let first = stored.allocations.first().map(|row| row.id);
        told.push(format!("{of} begins at its own row: {}", first.is_some()));
    }
    for it in store.pool_summaries(version).await.unwrap() {
        told.push(format!(
            "{} {:?} {:?} {} {} {:?} {:?} {:?} {:?}",
            it.pool,
            it.status,
            it.totals,
            it.ledger_hash,
            it.allocations_hash,
            it.last,
            it.error,
            it.class,
            it.symbols
        ));
    }
    for item in store.review_queue().await.unwrap() {
        let (of, order, issue, leg) = (item.pool, item.order_id, item.issue, item.leg);
        let description = item.description;
        told.push(format!("{of} {order} {leg:?} {issue:?} {description}"));
    }
    told.extend(rates_of(store, version).await);
    told
}

async fn run(
    store: &dyn Store,
    rules: &AssetRules,
    memory: Option<u64>,
    dry_run: bool,
) -> ComputeReport {
    let options = ComputeOptions {
        memory,
        dry_run,
        jobs: Some(2),
        ..ComputeOptions::default()
    };
    compute(store, &context(rules), &options).await.unwrap()
}

/// Trades of one symbol; many share a microsecond, and so a slice.
fn trades(random: &mut Random, symbol: &str, count: usize, buys: u64) -> Vec<LedgerTrade> {
    let one = |number: usize| {
        let is_buy = random.below(100) < buys;
        let size = format!("{}.{:03}", random.below(9), 1 + random.below(999));
        let price = format!("{}.{:02}", 10 + random.below(90), random.below(100));
        let seconds = random.below(count as u64 / 3) as i64;
        let side = ["sell", "buy"][usize::from(is_buy)];
        let id = match symbol {
            // In a slice, whole numbers and corrections are in their order, too.
            "BTC-USD" => id_of(number),
            _ => format!("{symbol}-{number}"),
        };
        subject::of("default", symbol, trade(&id, side, &size, &price, seconds))
    };
    (0..count).map(one).collect()
}

/// A row that the ledger takes and matching does not, at a time of its own.
fn unmatchable(symbol: &str, seconds: i64) -> LedgerTrade {
    let mut row = trade(&format!("{symbol}-too-much"), "buy", "1", "1", seconds);
    row.trade.size = "100000000000000".parse().unwrap();
    row.trade.price = "100000000000000".parse().unwrap();
    subject::of("default", symbol, row)
}

async fn fill(store: &dyn Store, seed: u64) {
    let mut random = Random(seed);
    let mut rows = trades(&mut random, "BTC-USD", 700, 54);
    rows.extend(trades(&mut random, "ADA-USD", 20, 54));
    // Deep: most lots stay; bare: most sells find nothing.
    rows.extend(trades(&mut random, "DEEP-USD", 600, 80));
    rows.extend(trades(&mut random, "BARE-USD", 500, 30));
    rows.extend(trades(&mut random, "BTC-EUR", 400, 54));
    rows.extend(trades(&mut random, "OUT-USD", 400, 54));
    rows.extend(trades(&mut random, "SPLIT-USD", 400, 54));
    let splits = [("S-1", 60), ("S-2", 100), ("S-3", 9_000)];
    let splits = splits.map(|(id, seconds)| subject::split(id, "SPLIT", seconds));
    let splits = subject::acted(splits.to_vec());
    store.import(&splits).await.unwrap();
    for (symbol, seconds) in [("EARLY-USD", 1), ("LATE-USD", 900)] {
        rows.extend(trades(&mut random, symbol, 600, 54));
        rows.push(unmatchable(symbol, seconds));
    }
    let receipt = store.import(&batch(rows)).await.unwrap();
    assert_eq!(receipt.conflicts, []);
    for number in [3, 400, 699] {
        let change = void(&id_of(number), false);
        store.void(&change).await.unwrap();
    }
    let exclusion = Exclusion {
        pool: pool("OUT-USD"),
        reason: "not ours".into(),
        decided_by: "ann".into(),
        decided_at: at(0),
    };
    store.set_exclusion(&exclusion, true).await.unwrap();
}

/// Trades of assets that pay for each other and pay fees, at a few instants.
async fn fill_mixed(store: &dyn Store, seed: u64) {
    import_book(store).await;
    let mut random = Random(seed);
    let trade = |number: usize| {
        let second = random.below(300);
        let (seconds, age) = (600 + second as i64, second / 30);
        let mut row = mixed_trade(&mut random, &id_of(number), seconds, age);
        if row.symbol_text == "DOT-GBP" {
            // No rate of the pound is known. Only this pool is rejected for it.
            row.trade.more = None;
        }
        row
    };
    let mut rows: Vec<LedgerTrade> = (0..2_000).map(trade).collect();
    rows.push(unmatchable("LATE-USD", 890));
    let receipt = store.import(&batch(rows)).await.unwrap();
    assert_eq!(receipt.conflicts, []);
    for number in [3, 400, 1_999] {
        let change = void(&id_of(number), false);
        store.void(&change).await.unwrap();
    }
    let exclusion = Exclusion {
        pool: pool("SOL"),
        reason: "not ours".into(),
        decided_by: "ann".into(),
        decided_at: at(0),
    };
    store.set_exclusion(&exclusion, true).await.unwrap();
}

/// Asserts that runs with little memory tell what a run tells that reads whole pools. Each of
/// `kinds` occurs.
async fn slices_tell_the_same(store: &dyn Store, rules: &AssetRules, kinds: &[&str], seed: u64) {
    let whole = run(store, rules, None, false).await;
    let expected = told(store, whole.version).await;
    for kind in kinds {
        let has = |line: &String| line.contains(kind);
        assert!(expected.iter().any(has), "seed {seed}: nothing is {kind}");
    }
    for memory in [1, 50_000] {
        let sliced = run(store, rules, Some(memory), false).await;
        let found = told(store, sliced.version).await;
        assert_eq!(found, expected, "seed {seed}, {memory} bytes");
        let numbers = |report: &ComputeReport| {
            let hashes = (report.ledger_hash, report.allocations_hash);
            (
                hashes,
                report.counts.clone(),
                report.pools.clone(),
                report.voided,
            )
        };
        assert_eq!(sliced.rates, whole.rates, "seed {seed}");
        assert_eq!(numbers(&sliced), numbers(&whole), "seed {seed}");
        assert_eq!(sliced.complete_through, whole.complete_through);
        let dry = run(store, rules, Some(memory), true).await;
        assert_eq!(numbers(&dry), numbers(&whole), "seed {seed}, dry");
        let judged = validate(store, &context(rules), Some(sliced.version)).await;
        assert_eq!(judged.unwrap().violations, [], "seed {seed}");
    }
}

/// Compares a ledger of dollars with pools by symbol, then a mixed one with pools by asset.
async fn slices_of_both(
    make: impl AsyncFn() -> Option<Box<dyn Subject>>,
    seeds: RangeInclusive<u64>,
) {
    for seed in seeds {
        let (Some(plain), Some(mixed)) = (make().await, make().await) else {
            return;
        };
        let store = plain.store();
        fill(store, seed).await;
        assert_cut(store, ("BTC-USD", &["BTC-USD"])).await;
        let kinds = [
            "unmatched",
            "too large",
            "not ours",
            "BTC-EUR",
            "the split of SPLIT",
        ];
        slices_tell_the_same(store, &AssetRules::by_symbol(), &kinds, seed).await;

        let store = mixed.store();
        fill_mixed(store, seed).await;
        let symbols = ["BTC-USD", "BTC-USDC", "BTC-EUR", "ETH-BTC"];
        assert_cut(store, ("BTC", &symbols)).await;
        let kinds = [
            ",BTC,quote,",
            ",BNB,fee,",
            "too large",
            "not ours",
            "a rate of GBP",
            "RateUsed",
            "Some(Fx)",
        ];
        slices_tell_the_same(store, &AssetRules::default(), &kinds, seed).await;
    }
}

/// Asserts that a pool has instants to cut it at.
async fn assert_cut(store: &dyn Store, (of, symbols): (&str, &[&str])) {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    let cuts = store.slice_times(&pool(of), &symbols, 100).await.unwrap();
    assert!(cuts.is_some_and(|cuts| cuts.len() >= 5));
}

#[tokio::test]
async fn slices_on_sqlite_tell_what_a_whole_pool_tells() {
    slices_of_both(sqlite, 1..=3).await;
}

#[tokio::test]
async fn slices_on_postgres_tell_what_a_whole_pool_tells() {
    slices_of_both(postgres, 4..=5).await;
}

#[tokio::test]
async fn slices_of_a_pool_are_all_of_it_and_do_not_overlap() {
    let subject = sqlite().await.unwrap();
    let store = subject.store();
    let rows = trades(&mut Random(9), "BTC-USD", 300, 50);
    let receipt = store.import(&batch(rows)).await.unwrap();
    assert_eq!(receipt.conflicts, []);
    let cuts = store
        .slice_times(&pool("BTC-USD"), &["BTC-USD".to_owned()].into(), 7)
        .await
        .unwrap();
    let cuts = cuts.unwrap();
    let ends = cuts.iter().copied().map(Some).chain([None]);
    let (mut after, mut count, mut newest) = (None, 0, None);
    for until in ends {
        let slice = fifo_pnl::store::model::Slice { after, until };
        let scope = Scope {
            slice: Some(slice),
            ..Scope::default()
        };
        let read = store.read_ledger(&scope, None).await.unwrap();
        let times = read.pools.values().flat_map(|it| it.trades.iter());
        let times: Vec<Timestamp> = times.map(|trade| trade.order_time).collect();
        assert!(
            times
                .iter()
                .all(|time| Some(*time) > newest && Some(*time) > after)
        );
        assert!(
            times
                .iter()
                .all(|time| until.is_none_or(|until| *time <= until))
        );
        newest = times.iter().copied().max().or(newest);
        count += times.len();
        after = until;
    }
    assert_eq!(count, 300);
}
