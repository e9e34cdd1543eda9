//! Another program changes a ledger as it likes. Incremental runs over it give what full runs give.
//!
//! Its trades have legs, fees in coins, and own prices as rates. Rates of files come late.
//!
//! Histories come from fixed seeds; a failure names the one it had.
#![cfg(feature = "job")]

use fifo_pnl::engine::{AssetRules, LedgerTrade, MORE_COLUMNS};
use fifo_pnl::pipeline::{Forced, Incremental};
use fifo_pnl::store::RateStore;
use fifo_pnl::store::postgres::{PostgresStore, PostgresUrl};

use crate::incremental::{Happened, compare, incremental, with_rules};
use crate::ledger::Random;
use crate::mixed::{import_book, mixed_trade, mixed_trade_of, rate_of};
use crate::subject::server::Database;
use crate::subject::{holder, rate, rates, trade};

const STEPS: u64 = 24;

/// A ledger of another program, and what its runs did.
struct Adopted {
    store: PostgresStore,
    random: Random,
    ids: Vec<String>,
    now: i64,
    happened: Happened,
    changed: u32,
    /// The last field, so that the database is dropped after the store.
    database: Database,
}

impl Adopted {
    /// Makes a ledger and adopts it; `None` without a server.
    async fn new(seed: u64) -> Option<Self> {
        let database = Database::new()?;
        let more = MORE_COLUMNS
            .map(|column| format!("{column} text"))
            .join(", ");
        let ledger = format!(
            "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
             size numeric, price numeric, order_time timestamptz, total_fees_usd numeric, {more})"
        );
        database.run(&ledger).await.unwrap();
        let url = PostgresUrl::parse(database.url()).unwrap();
        url.schema_up().await.unwrap();
        let store = PostgresStore::open(&url, &holder("test")).await.unwrap();
        Some(Self {
            store,
            random: Random(seed),
            ids: Vec::new(),
            now: 600,
            happened: Happened::default(),
            changed: 0,
            database,
        })
    }

    async fn run(&self, sql: &str) {
        self.database.run(sql).await.unwrap();
    }

    async fn insert(&mut self, row: &LedgerTrade) {
        let (it, symbol) = (&row.trade, &row.symbol_text);
        let text = |fact: Option<String>| fact.map_or("NULL".into(), |fact| format!("'{fact}'"));
        let more = it.more.as_ref().map(|more| more.texts());
        let more = more.unwrap_or_default().map(text).join(", ");
        let fee = text(it.fee.map(|fee| fee.to_string()));
        let sql = format!(
            "INSERT INTO trade_records VALUES \
             ('{}', '{symbol}', '{}', {}, {}, '{}', {fee}, {more})",
            it.order_id, it.side, it.size, it.price, it.order_time
        );
        self.run(&sql).await;
        self.ids.push(it.order_id.to_string());
    }

    /// Adds trades: of all kinds, or plain ones of an asset that pays for nothing.
    async fn add(&mut self, step: u64) {
        let is_mixed = self.random.below(3) > 0;
        for _ in 0..self.random.below(5) {
            self.now += self.random.below(3) as i64;
            let id = format!("t{}", self.ids.len());
            let row = match is_mixed {
                true => {
                    let late = [0, 0, 0, 30][self.random.below(4) as usize];
                    mixed_trade(&mut self.random, &id, self.now - late, 10 * step / STEPS)
                }
                false => {
                    let side = ["buy", "buy", "sell"][self.random.below(3) as usize];
                    let row = trade(&id, side, "1.5", "10", self.now);
                    crate::subject::of("default", "XRP-USD", row)
                }
            };
            self.insert(&row).await;
        }
    }

    /// Changes or removes a row, as no program should.
    async fn change(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let nth = self.random.below(self.ids.len() as u64) as usize;
        let id = &self.ids[nth];
        let sql = match self.random.below(12) {
            0 => format!("UPDATE trade_records SET price = price * 2 WHERE order_id = '{id}'"),
            1 => format!(
                "UPDATE trade_records SET fee_usd_value = '0.02' \
                 WHERE order_id = '{id}' AND fee_amount > '0'"
            ),
            2 => format!("DELETE FROM trade_records WHERE order_id = '{id}'"),
            _ => return,
        };
        self.run(&sql).await;
    }

    async fn import_rates(&mut self) {
        let seconds = self.now - self.random.below(40) as i64;
        let value = format!("{}.25", 1 + self.random.below(40));
        let rate = match self.random.below(9) {
            0 => rate("GBP", seconds / 60 * 60, "0.85"),
            nth @ 1..=3 => rate_of(["EUR", "BNB", "BTC"][nth as usize - 1], seconds, &value),
            _ => return,
        };
        self.store.import_rates(&rates(vec![rate])).await.unwrap();
    }

    async fn step(&mut self, what: &str) {
        let context = with_rules(AssetRules::default());
        let done = incremental(&self.store, &context).await;
        if let Incremental::Full(_, forced) = &done {
            let is_changed = |forced: &&Forced| matches!(forced, Forced::Changed(_));
            self.changed += forced.iter().filter(is_changed).count() as u32;
        }
        let version = self.happened.count(done, what);
        compare(&self.store, &context, version, what, &mut self.happened).await;
    }
}

#[tokio::test]
async fn any_mixed_history_of_an_adopted_ledger() {
    let (mut appended, mut nothing, mut rates, mut changed) = (0, 0, 0, 0);
    for seed in 300..303 {
        let Some(mut adopted) = Adopted::new(seed).await else {
            return;
        };
        import_book(&adopted.store).await;
        for step in 0..STEPS {
            match adopted.random.below(3) {
                0 => adopted.import_rates().await,
                1 => adopted.change().await,
                _ => adopted.add(step).await,
            }
            adopted.step(&format!("seed {seed}, step {step}")).await;
        }
        appended += adopted.happened.appended;
        nothing += adopted.happened.nothing;
        rates += adopted.happened.rates;
        changed += adopted.changed;
    }
    let all = [appended, nothing, rates, changed];
    assert!(all.iter().all(|times| *times > 0), "{all:?}");
}

/// A nearer rate makes a new version of a ledger without new rows, and the old version stays.
#[tokio::test]
async fn a_late_rate_makes_a_new_version_of_an_adopted_ledger() {
    let Some(mut adopted) = Adopted::new(1).await else {
        return;
    };
    let context = with_rules(AssetRules::default());
    let import = async |store: &PostgresStore, seconds, value: &str| {
        let batch = rates(vec![rate("USD", seconds, value)]);
        let receipt = store.import_rates(&batch).await.unwrap();
        assert_eq!(receipt.appended, 1);
    };
    import(&adopted.store, 5, "1.1").await;
    let mut row = mixed_trade_of(&mut Random(1), ("B-1", "BTC-EUR"), 10, 0);
    row.trade = trade("B-1", "buy", "2", "100", 10).trade;
    adopted.insert(&row).await;
    let values = async |store: &PostgresStore, version| {
        let used = store.rates_used(version, None).await.unwrap();
        let line = |used: &fifo_pnl::engine::RateUsed| format!("{} {}", used.usd, used.rate.value);
        used.iter().map(line).collect::<Vec<_>>()
    };
    incremental(&adopted.store, &context).await;
    // 2 x 100 EUR at 1.1.
    assert_eq!(values(&adopted.store, 1).await, ["220 1.1"]);
    // A rate after the trade changes nothing.
    import(&adopted.store, 11, "1.3").await;
    let done = incremental(&adopted.store, &context).await;
    assert!(matches!(done, Incremental::Nothing(_)), "{done:?}");
    import(&adopted.store, 8, "1.2").await;
    match incremental(&adopted.store, &context).await {
        Incremental::Full(_, forced) => {
            let [Forced::Rates(late)] = forced.as_slice() else {
                panic!("{forced:?}")
            };
            assert_eq!((late.count, late.first.order_id.as_str()), (1, "B-1"));
        }
        other => panic!("expected a full run: {other:?}"),
    }
    assert_eq!(values(&adopted.store, 1).await, ["220 1.1"]);
    assert_eq!(values(&adopted.store, 2).await, ["240 1.2"]);
}
