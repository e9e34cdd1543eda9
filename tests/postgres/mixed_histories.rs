//! Incremental runs give what full runs give, for ledgers as people have them: pools of assets,
//! with legs, fees in coins, rates of files and of own trades.
//!
//! Histories come from fixed seeds; a failure names the one it had.
#![cfg(feature = "job")]

use std::collections::BTreeSet;

use fifo_pnl::engine::{AssetRules, LedgerTrade, Pool, PoolStatus};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{ImportMode, PoolSummary, Version};

use crate::incremental::{Happened, compare, compare_questions, disturb, incremental, with_rules};
use crate::ledger::{Random, id_of};
use crate::mixed::{import_book, mixed_trade, rate_of};
use crate::subject::{
    Subject, append, correction, memory, pool, postgres, rate, rates, sqlite, void,
};

const STEPS: u64 = 20;

/// Size and price whose product is beyond the limit of a trade.
const BEYOND: &str = "100000000000000";

/// Counts what only ledgers with rates have.
#[derive(Debug, Default)]
struct Counts {
    happened: Happened,
    rates: u32,
    rates_corrected: u32,
    corrected: u32,
    /// Pools that lack a rate after a run, and pools that have all of theirs again.
    lacking: u32,
    mended: u32,
}

/// A history that goes on: its trades, and those that are voided.
struct Going {
    random: Random,
    now: i64,
    trades: Vec<LedgerTrade>,
    voided: BTreeSet<String>,
}

impl Going {
    /// Makes up to ten trades. Some come late; many have the time of another one.
    fn more(&mut self, step: u64) -> Vec<LedgerTrade> {
        let count = self.random.below(10) as usize;
        let mut more = Vec::new();
        for number in 1..=count {
            self.now += self.random.below(3) as i64;
            let seconds = match self.random.below(16) {
                0 => self.now - self.random.below(40) as i64,
                _ => self.now,
            };
            let id = id_of(self.trades.len() + number);
            let mut row = mixed_trade(&mut self.random, &id, seconds, 10 * step / STEPS);
            if self.random.below(120) == 0 {
                // The ledger takes it, matching does not.
                row.trade.size = BEYOND.parse().unwrap();
                row.trade.price = BEYOND.parse().unwrap();
            }
            more.push(row);
        }
        self.trades.extend(more.iter().cloned());
        more
    }

    /// Voids the trades beyond the limits, which leave their pools stale.
    async fn void_beyond(&mut self, store: &dyn Store) {
        for row in &self.trades {
            let id = row.trade.order_id.as_str();
            if row.trade.price == BEYOND.parse().unwrap() && self.voided.insert(id.to_owned()) {
                store.void(&void(id, false)).await.unwrap();
            }
        }
    }

    /// Corrects a trade to a new price, or imports a rate between others.
    async fn mend(&mut self, store: &dyn Store, counts: &mut Counts) {
        match self.random.below(12) {
            0 if !self.trades.is_empty() => {
                let place = self.random.below(self.trades.len() as u64) as usize;
                let mut row = self.trades[place].clone();
                let id = row.trade.order_id.as_str();
                // A row beyond the limits is voided, not corrected.
                let is_beyond = row.trade.price == BEYOND.parse().unwrap();
                if is_beyond || id.contains('~') || !self.voided.insert(id.to_owned()) {
                    return;
                }
                row.trade.price = "41.5".parse().unwrap();
                let receipt = store.import(&correction(vec![row.clone()])).await.unwrap();
                // A row whose import is undone has nothing to correct: it comes in as a new one.
                assert_eq!(receipt.corrected + receipt.appended, 1);
                counts.corrected += u32::from(receipt.corrected == 1);
                if receipt.corrected == 0 {
                    self.voided.remove(row.trade.order_id.as_str());
                }
            }
            1 | 2 => {
                let seconds = self.now - self.random.below(60) as i64;
                let value = format!("{}.5", 1 + self.random.below(40));
                let minute = seconds / 60 * 60;
                let rate = match self.random.below(9) {
                    // At instants at which the euro has a rate in dollars.
                    0..=2 => rate("GBP", minute, "0.85"),
                    3 | 4 => rate("USD", minute, &format!("1.{}", seconds % 60 + 40)),
                    nth => rate_of(
                        ["BTC", "BNB", "EUR", "SOL"][nth as usize - 5],
                        seconds,
                        &value,
                    ),
                };
                let mut file = rates(vec![rate]);
                file.file.mode = ImportMode::Correct {
                    reason: "the source corrected it".into(),
                };
                let receipt = store.import_rates(&file).await.unwrap();
                counts.rates_corrected += u32::from(receipt.corrected == 1);
                counts.rates += u32::from(receipt.appended == 1);
            }
            _ => {}
        }
    }
}

async fn history(subject: &dyn Subject, seed: u64, counts: &mut Counts) {
    let (store, context) = (subject.store(), with_rules(AssetRules::default()));
    let mut going = Going {
        random: Random(seed),
        now: 600,
        trades: Vec::new(),
        voided: BTreeSet::new(),
    };
    import_book(store).await;
    let mut before = BTreeSet::new();
    for step in 0..STEPS {
        let what = format!("seed {seed}, step {step}");
        let trades = going.more(step);
        if !trades.is_empty() {
            append(store, trades).await;
        }
        going.mend(store, counts).await;
        disturb(
            store,
            &context,
            &mut going.random,
            (going.trades.len(), &pool("SOL")),
            &mut going.voided,
        )
        .await;
        let done = incremental(store, &context).await;
        let version = counts.happened.count(done, &what);
        compare(store, &context, version, &what, &mut counts.happened).await;
        let now = lacking(store, version).await;
        counts.lacking += now.len() as u32;
        counts.mended += before.difference(&now).count() as u32;
        before = now;
    }
    going.void_beyond(store).await;
    let what = format!("seed {seed}");
    compare_questions(store, &context, &what, &mut counts.happened).await;
}

/// The pools that a version rejects for a rate.
async fn lacking(store: &dyn Store, version: Version) -> BTreeSet<Pool> {
    let summaries = store.pool_summaries(version).await.unwrap();
    let is_lacking = |it: &PoolSummary| {
        let error = it.error.as_deref().unwrap_or_default();
        it.status == PoolStatus::Rejected && error.contains("a rate of")
    };
    let lacking = summaries.into_iter().filter(is_lacking);
    lacking.map(|it| it.pool).collect()
}

async fn histories(make: impl AsyncFn() -> Option<Box<dyn Subject>>, seeds: std::ops::Range<u64>) {
    let mut counts = Counts::default();
    for seed in seeds {
        let Some(subject) = make().await else {
            return;
        };
        history(subject.as_ref(), seed, &mut counts).await;
    }
    counts.happened.assert_all();
    let Counts {
        rates,
        rates_corrected,
        corrected,
        lacking,
        mended,
        ref happened,
    } = counts;
    let more = [happened.rates, rates, rates_corrected, corrected];
    let all = more.into_iter().chain([lacking, mended]);
    assert!(all.clone().all(|times| times > 0), "{counts:?}");
}

#[tokio::test]
async fn any_mixed_history_in_memory() {
    histories(memory, 1..30).await;
}

#[tokio::test]
async fn any_mixed_history_in_sqlite() {
    histories(sqlite, 100..106).await;
}

#[tokio::test]
async fn any_mixed_history_in_postgres() {
    histories(postgres, 200..206).await;
}
