//! A version that is validated in parts of the ledger gives the same report as one validated whole.
//! It has the same violations in the same order, the same counts, the same words.
#![cfg(feature = "job")]

use crate::ledger;
use crate::mixed::{import_book, mixed_trade, mixed_trade_of};
use crate::subject;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fifo_pnl::engine::{AssetRules, Invariant, LedgerTrade, PoolStatus, Timestamp};
use fifo_pnl::pipeline::{
    Cancel, Clock, ComputeOptions, Context, Incremental, Progress, Stage, ValidateReport, Wait,
    compute, compute_incremental, validate, validate_within,
};
use fifo_pnl::store::Store;
use ledger::Random;
use subject::{PostgresSubject, SqliteSubject, Subject, batch, holder, of, trade, void};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::try_from_micros(1_900_000_000_000_000).unwrap()
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}

/// Counts readings of the ledger, and records the report.
#[derive(Default)]
struct Heard {
    reads: AtomicU64,
    is_checking: AtomicU64,
    total: AtomicU64,
    checked: AtomicU64,
}

impl Progress for Heard {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        match stage {
            Stage::Read => drop(self.reads.fetch_add(1, Ordering::SeqCst)),
            Stage::Check => {
                self.is_checking.store(1, Ordering::SeqCst);
                self.total.fetch_add(total.unwrap(), Ordering::SeqCst);
            }
            _ => {}
        }
    }

    fn advance(&self, amount: u64) {
        let amount = amount * self.is_checking.load(Ordering::SeqCst);
        self.checked.fetch_add(amount, Ordering::SeqCst);
    }

    fn end(&self) {
        self.is_checking.store(0, Ordering::SeqCst);
    }
}

fn context(progress: Arc<dyn Progress>) -> Context {
    Context {
        clock: Arc::new(Noon),
        progress,
        cancel: Cancel::default(),
        rules: AssetRules::by_symbol().into(),
        holder: holder("validate"),
        user: "ann".into(),
        wait: Wait::No,
    }
}

fn silent() -> Context {
    context(Arc::new(fifo_pnl::pipeline::Silent))
}

/// With pools by asset.
fn mixed() -> Context {
    Context {
        rules: AssetRules::default().into(),
        ..silent()
    }
}

/// A store whose rows something else can change.
enum Site {
    Sqlite(Box<SqliteSubject>),
    Postgres(Box<PostgresSubject>),
}

impl Site {
    fn store(&self) -> &dyn Store {
        match self {
            Self::Sqlite(subject) => subject.store(),
            Self::Postgres(subject) => subject.store(),
        }
    }

    async fn sql(&self, sql: &str) {
        match self {
            Self::Sqlite(subject) => subject.connection().execute_batch(sql).unwrap(),
            Self::Postgres(subject) => subject.database.run(sql).await.unwrap(),
        }
    }
}

async fn import(store: &dyn Store, rows: Vec<LedgerTrade>) {
    let receipt = store.import(&batch(rows)).await.unwrap();
    assert_eq!(receipt.conflicts, []);
}

fn trades(random: &mut Random, (account, symbol): (&str, &str), count: usize) -> Vec<LedgerTrade> {
    let one = |number: usize| {
        let is_buy = random.below(100) < 54;
        let size = format!("{}.{:03}", random.below(9), 1 + random.below(999));
        let price = format!("{}.{:02}", 10 + random.below(90), random.below(100));
        let side = ["sell", "buy"][usize::from(is_buy)];
        let id = format!("{account}-{symbol}-{number}");
        of(
            account,
            symbol,
            trade(&id, side, &size, &price, number as i64),
        )
    };
    (0..count).map(one).collect()
}

/// Every pool begins with this lot, which its sells use up: `b-BTC-USD`.
fn lot(account: &str, symbol: &str) -> LedgerTrade {
    of(
        account,
        symbol,
        trade(&format!("b-{symbol}"), "buy", "2", "10", -9),
    )
}

const POOLS: [(&str, &str); 9] = [
    ("bot", "BTC-USD"),
    ("bot", "XRP-USD"),
    ("default", "ADA-USD"),
    ("default", "BTC-USD"),
    ("default", "DOT-USD"),
    ("default", "ETH-USD"),
    ("default", "LTC-USD"),
    ("default", "XRP-USD"),
    // No statement takes it for more than a name.
    ("o'neil\\' OR 1=1", "ADA-USD"),
];

/// Computes version 1 over pools of 40 to 75 trades, some voided, some no executions.
async fn fill(site: &Site, seed: u64) {
    let (mut random, mut rows) = (Random(seed), Vec::new());
    for (nth, (account, symbol)) in POOLS.into_iter().enumerate() {
        rows.push(lot(account, symbol));
        rows.extend(trades(&mut random, (account, symbol), 40 + 5 * nth));
    }
    // The id of a lot in another account, which comes first.
    let (account, symbol) = POOLS[0];
    let id = "b-DOT-USD";
    rows.push(of(account, symbol, trade(id, "buy", "1", "1", 900)));
    for (symbol, id) in [("ETH-USD", "off"), ("ONLY-USD", "off too")] {
        let row = of("default", symbol, trade(id, "buy", "1", "1", 5));
        rows.push(subject::with_status("rejected", row));
    }
    import(site.store(), rows).await;
    for number in [3, 7] {
        let change = void(&format!("default-ADA-USD-{number}"), false);
        site.store().void(&change).await.unwrap();
    }
    let report = compute(site.store(), &silent(), &ComputeOptions::default()).await;
    assert_eq!(report.unwrap().version, 1);
}

/// Makes a pool stale, and lets trades arrive that version 1 has, and some that it has not.
async fn go_on(site: &Site) {
    let store = site.store();
    let mut bad = of("default", "DOT-USD", trade("bad", "buy", "1", "1", 70));
    bad.trade.size = "100000000000000".parse().unwrap();
    bad.trade.price = "100000000000000".parse().unwrap();
    let more = of("default", "DOT-USD", trade("more", "sell", "1", "9", 71));
    let new = of("default", "ETH-USD", trade("new", "sell", "1", "9", 900));
    import(store, vec![bad, more, new]).await;
    let done = compute_incremental(store, &silent(), &ComputeOptions::default()).await;
    assert!(matches!(done.unwrap(), Incremental::Appended(_)));
    let late = [
        ("default", "BTC-USD"),
        ("later", "NEW-USD"),
        ("bot", "ADA-USD"),
    ];
    let late = late.map(|(account, symbol)| {
        of(
            account,
            symbol,
            trade(&format!("late-{symbol}"), "buy", "1", "9", 1),
        )
    });
    import(store, late.into()).await;
    store.void(&void("default-XRP-USD-4", false)).await.unwrap();
}

/// Rows of account, symbol and id that come one by one, and what is found.
struct CountedTwice {
    rows: &'static [(&'static str, &'static str, &'static str)],
    voided: Option<&'static str>,
    found: Option<(Invariant, &'static str)>,
}

/// Computes version 1 over a mixed ledger, with pools by asset. Some trades are voided, and some
/// lack a rate.
async fn fill_mixed(store: &dyn Store, seed: u64) {
    import_book(store).await;
    let mut random = Random(seed);
    let trade = |number: u64| {
        let (seconds, id) = (600 + number as i64 / 2, format!("m{number}"));
        let mut row = mixed_trade(&mut random, &id, seconds, number / 60);
        if row.symbol_text == "DOT-GBP" {
            // No rate of the pound is known. Only this pool is rejected for it.
            row.trade.more = None;
        }
        row
    };
    import(store, (0..600).map(trade).collect()).await;
    for number in [3, 7, 200] {
        let change = void(&format!("m{number}"), false);
        store.void(&change).await.unwrap();
    }
    let report = compute(store, &mixed(), &ComputeOptions::default()).await;
    assert_eq!(report.unwrap().version, 1);
}

/// Lets trades arrive. The version takes some of them.
async fn go_on_mixed(store: &dyn Store, seed: u64) {
    let mut random = Random(seed + 100);
    let trade = |number: u64| {
        let id = format!("n{number}");
        let mut row = mixed_trade(&mut random, &id, 1_000 + number as i64, 9);
        if row.symbol_text == "DOT-GBP" {
            row.trade.more = None;
        }
        row
    };
    import(store, (0..60).map(trade).collect()).await;
    let done = compute_incremental(store, &mixed(), &ComputeOptions::default()).await;
    assert!(matches!(done.unwrap(), Incremental::Appended(_)));
    let late = ["BTC-EUR", "ETH-BTC", "SOL-EUR"].into_iter().zip(0_i64..);
    let late = late.map(|(symbol, nth)| {
        let id = format!("late-{symbol}");
        mixed_trade_of(&mut random, (&id, symbol), 700 + nth, 0)
    });
    import(store, late.collect()).await;
    store.void(&void("m20", false)).await.unwrap();
}

/// Executions that stand beside their fills, or beside their correction, in pools far apart and in
/// one. Also some that only look so.
const COUNTED_TWICE: [CountedTwice; 9] = [
    CountedTwice {
        rows: &[
            ("default", "ADA-USD", "early"),
            ("default", "XRP-USD", "early-FILL-1"),
        ],
        voided: None,
        found: Some((Invariant::I14, "early")),
    },
    CountedTwice {
        rows: &[
            ("default", "LTC-USD", "both"),
            ("default", "LTC-USD", "both-FILL-1"),
        ],
        voided: None,
        found: Some((Invariant::I14, "both")),
    },
    CountedTwice {
        rows: &[
            ("default", "ADA-USD", "late-FILL-1"),
            ("default", "ADA-USD", "late-FILL-2"),
            ("default", "XRP-USD", "late"),
        ],
        voided: None,
        found: Some((Invariant::I14, "late")),
    },
    // Of another account.
    CountedTwice {
        rows: &[
            ("bot", "BTC-USD", "apart"),
            ("default", "BTC-USD", "apart-FILL-1"),
            ("bot", "BTC-USD", "aside"),
            ("default", "BTC-USD", "aside~2"),
        ],
        voided: None,
        found: None,
    },
    CountedTwice {
        rows: &[
            ("default", "XRP-USD", "old~2"),
            ("default", "ADA-USD", "old"),
        ],
        voided: None,
        found: Some((Invariant::I16, "old")),
    },
    // A correction of a correction.
    CountedTwice {
        rows: &[
            ("default", "LTC-USD", "deep~2~3"),
            ("default", "LTC-USD", "deep"),
        ],
        voided: None,
        found: Some((Invariant::I16, "deep")),
    },
    // Two corrections of what is voided.
    CountedTwice {
        rows: &[
            ("default", "ADA-USD", "gone~2"),
            ("default", "XRP-USD", "gone~3"),
            ("default", "BTC-USD", "gone"),
        ],
        voided: Some("gone"),
        found: Some((Invariant::I16, "gone")),
    },
    CountedTwice {
        rows: &[
            ("default", "ADA-USD", "fine~2"),
            ("default", "ADA-USD", "fine"),
        ],
        voided: Some("fine"),
        found: None,
    },
    // Ids of their own: there is no original.
    CountedTwice {
        rows: &[
            ("default", "ADA-USD", "own~1"),
            ("default", "ADA-USD", "own~2"),
            ("default", "XRP-USD", "own~3"),
        ],
        voided: None,
        found: None,
    },
];

/// Puts names of other trades into rows, moves rows to pools that do not exist, and takes summaries
/// away.
async fn damage(site: &Site) {
    let rename = |to: &str, account: &str, symbol: &str| {
        format!(
            "UPDATE fifo_allocations SET buy_order_id = '{to}' WHERE account = '{account}' \
             AND symbol = '{symbol}' AND buy_order_id = 'b-{symbol}'"
        )
    };
    let strangers = [
        // Of a later part, of an earlier one, of one in both accounts, of another account, of none.
        rename("default-XRP-USD-1", "default", "ADA-USD"),
        rename("default-ADA-USD-1", "default", "XRP-USD"),
        rename("b-DOT-USD", "default", "LTC-USD"),
        rename("bot-XRP-USD-2", "default", "ETH-USD"),
        rename("nobody", "bot", "XRP-USD"),
    ];
    for sql in strangers {
        site.sql(&sql).await;
    }
    let moved = [("AAA-USD", 3), ("CCC-USD", 4), ("ZZZ-USD", 5)];
    for (symbol, nth) in moved {
        let sql = format!(
            "UPDATE fifo_allocations SET asset = '{symbol}' WHERE id = (SELECT min(id) + {nth} \
             FROM fifo_allocations WHERE account = 'default' AND asset = 'BTC-USD')"
        );
        site.sql(&sql).await;
    }
    site.sql("DELETE FROM fifo_pool_summary WHERE asset IN ('BTC-USD', 'LTC-USD')")
        .await;
}

async fn judge(site: &Site, memory: u64) -> (ValidateReport, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let context = context(Arc::clone(&heard) as Arc<dyn Progress>);
    let report = validate_within(site.store(), &context, Some(1), memory).await;
    let report = report.unwrap();
    assert_eq!(heard.total.now(), heard.checked.now(), "{memory} bytes");
    (report, heard)
}

/// Validates a version of a mixed ledger with little memory and with enough.
async fn compare_mixed(site: &Site, what: &str) -> ValidateReport {
    let store = site.store();
    let whole = validate(store, &mixed(), Some(1)).await.unwrap();
    let expected = format!("{whole:#?}");
    for memory in [1, 30_000] {
        let parts = validate_within(store, &mixed(), Some(1), memory).await;
        let parts = format!("{:#?}", parts.unwrap());
        assert_eq!(parts, expected, "{what}, {memory} bytes");
    }
    whole
}

/// Moves a row of a leg to another leg, renames a lot, and changes a rate that was used.
async fn damage_mixed(site: &Site) {
    let first = "(SELECT min(id) FROM fifo_allocations WHERE";
    for sql in [
        format!(
            "UPDATE fifo_allocations SET sell_leg = 'fee' WHERE id = {first} sell_leg = 'quote')"
        ),
        format!(
            "UPDATE fifo_allocations SET buy_order_id = 'nobody' WHERE id = {first} \
             asset = 'ETH' AND buy_order_id IS NOT NULL)"
        ),
        "UPDATE fifo_rates_used SET value_usd = '1' WHERE purpose = 'fee'".to_owned(),
        "DELETE FROM fifo_pool_summary WHERE asset = 'SOL'".to_owned(),
    ] {
        site.sql(&sql).await;
    }
}

async fn mixed_parts_tell_the_same(site: &Site, seed: u64) {
    let store = site.store();
    fill_mixed(store, seed).await;
    let clean = compare_mixed(site, "clean").await;
    assert_eq!(clean.violations, [], "seed {seed}");
    assert_eq!(clean.pools_of(PoolStatus::Rejected).count(), 1);

    go_on_mixed(store, seed).await;
    let extended = compare_mixed(site, "extended").await;
    assert_eq!(extended.violations, [], "seed {seed}");
    assert_eq!(extended.arrived_since, 3, "seed {seed}");

    damage_mixed(site).await;
    let damaged = compare_mixed(site, "damaged").await;
    let lines = damaged.violations.iter().map(ToString::to_string);
    let lines: Vec<String> = lines.collect();
    for words in [
        "\"nobody\"",
        "is a trade without this leg, expected a trade of the pool",
        "the pool has no summary",
    ] {
        let has = |line: &String| line.contains(words);
        assert!(lines.iter().any(has), "seed {seed}: {words}\n{lines:#?}");
    }
}

trait Count {
    fn now(&self) -> u64;
}

impl Count for AtomicU64 {
    fn now(&self) -> u64 {
        self.load(Ordering::SeqCst)
    }
}

/// Validates with little memory and with enough, and returns what was found.
async fn compare(site: &Site, what: &str) -> ValidateReport {
    let whole = validate(site.store(), &silent(), Some(1)).await.unwrap();
    let expected = format!("{whole:#?}");
    // At 100 bytes a trade in half of it: one pool a part, and two or three.
    for memory in [1, 30_000] {
        let (parts, _) = judge(site, memory).await;
        assert_eq!(format!("{parts:#?}"), expected, "{what}, {memory} bytes");
    }
    whole
}

async fn parts_tell_the_same(site: &Site, seed: u64) {
    fill(site, seed).await;
    let clean = compare(site, "clean").await;
    assert_eq!(clean.violations, [], "seed {seed}");
    let reads = async |memory| {
        let (report, heard) = judge(site, memory).await;
        assert_eq!(heard.total.now(), report.trades_checked);
        heard.reads.now()
    };
    let pools = POOLS.len() as u64 + 1;
    assert_eq!(reads(1 << 30).await, 1);
    assert_eq!(reads(1).await, pools);
    assert!((2..pools).contains(&reads(30_000).await));

    go_on(site).await;
    let extended = compare(site, "extended").await;
    assert_eq!(extended.violations, [], "seed {seed}");
    assert_eq!(extended.pools_of(PoolStatus::Stale).count(), 1);
    assert_eq!(extended.arrived_since, 3, "seed {seed}");

    damage(site).await;
    let damaged = compare(site, "damaged").await;
    let lines = damaged.violations.iter().map(ToString::to_string);
    // A lot is used by one row or by several, as the seed has it.
    let lines = lines.map(|line| line.replace("1 row ", "# ").replace("2 rows ", "# "));
    let lines: Vec<String> = lines.collect();
    let told = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    for words in [
        "order \"default-XRP-USD-1\": buy_order_id of # is a trade of another pool, in XRP-USD",
        "order \"default-ADA-USD-1\": buy_order_id of # is a trade of another pool, in ADA-USD",
        "LTC-USD order \"b-DOT-USD\": buy_order_id of # is a trade of another pool, in DOT-USD",
        "order \"bot-XRP-USD-2\": buy_order_id of # is a trade of another pool, in XRP-USD",
        "order \"nobody\": buy_order_id of # is no eligible trade",
    ] {
        assert!(told(words) > 0, "seed {seed}: {words}\n{lines:#?}");
    }
    assert!(told("the pool has no summary") >= 4);
    let mut pools: Vec<_> = damaged.violations.iter().map(|it| &it.pool).collect();
    pools.dedup();
    let (last, in_order) = pools.split_last().unwrap();
    assert!(last.is_none(), "the version's hashes come last");
    assert!(in_order.is_sorted());
}

async fn what_counts_twice_is_found_in_any_part(site: &Site, seed: u64, case: &CountedTwice) {
    for (account, symbol, id) in case.rows {
        let row = of(account, symbol, trade(id, "buy", "1", "9", -5));
        import(site.store(), vec![row]).await;
    }
    if let Some(id) = case.voided {
        site.store().void(&void(id, false)).await.unwrap();
    }
    fill(site, seed).await;
    let report = compare(site, &format!("{:?}", case.rows)).await;
    let found = report.violations.iter();
    let found: Vec<_> = found
        .map(|it| (it.invariant, it.order_id.as_str()))
        .collect();
    assert_eq!(found, Vec::from_iter(case.found));
    if case.found.is_none() && case.voided.is_none() {
        // Nothing can be doubled, so no part is read twice.
        let (_, heard) = judge(site, 1).await;
        assert_eq!(heard.reads.now(), POOLS.len() as u64 + 1);
    }
}

#[tokio::test]
async fn parts_on_sqlite_tell_what_the_whole_tells() {
    for seed in 1..=3 {
        let site = Site::Sqlite(Box::new(SqliteSubject::new().await));
        parts_tell_the_same(&site, seed).await;
        let site = Site::Sqlite(Box::new(SqliteSubject::new().await));
        mixed_parts_tell_the_same(&site, seed).await;
    }
}

#[tokio::test]
async fn parts_on_postgres_tell_what_the_whole_tells() {
    for seed in 4..=5 {
        if let Some(subject) = PostgresSubject::new().await {
            parts_tell_the_same(&Site::Postgres(Box::new(subject)), seed).await;
        }
        if let Some(subject) = PostgresSubject::new().await {
            mixed_parts_tell_the_same(&Site::Postgres(Box::new(subject)), seed).await;
        }
    }
}

#[tokio::test]
async fn what_counts_twice_is_found_in_any_part_on_sqlite() {
    for case in &COUNTED_TWICE {
        let site = Site::Sqlite(Box::new(SqliteSubject::new().await));
        what_counts_twice_is_found_in_any_part(&site, 6, case).await;
    }
}

#[tokio::test]
async fn what_counts_twice_is_found_in_any_part_on_postgres() {
    for case in &COUNTED_TWICE {
        if let Some(subject) = PostgresSubject::new().await {
            what_counts_twice_is_found_in_any_part(&Site::Postgres(Box::new(subject)), 7, case)
                .await;
        }
    }
}

#[tokio::test]
#[allow(
    clippy::disallowed_methods,
    reason = "the test runs the program as a user does"
)]
async fn the_program_prints_the_same_with_little_memory() {
    let site = SqliteSubject::new().await;
    let url = format!("sqlite://{}", site.path().display());
    let site = Site::Sqlite(Box::new(site));
    fill(&site, 8).await;
    go_on(&site).await;
    damage(&site).await;
    let printed = |memory: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_validate_allocations"));
        program.args(["--database", &url, "--version", "1", "--report", "--strict"]);
        let done = program.args(memory).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let whole = printed(&[]);
    assert!(whole.contains("a trade of another pool"), "{whole}");
    assert_eq!(printed(&["--memory", "1"]), whole);
    assert_eq!(printed(&["--memory", "30K"]), whole);
}
