//! Rates that come late: an incremental run gives what a full run gives, on every store.
#![cfg(feature = "job")]

use fifo_pnl::engine::{AssetRules, LedgerTrade, PoolStatus, RateUsed};
use fifo_pnl::pipeline::{Context, Forced, Incremental, RateCounts, validate};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{EventKind, ImportMode, Version};
use fifo_pnl::store::proof::check_version;

use crate::incremental::{appended, context, forced, full, incremental, rows_of, sums_of};
use crate::subject::{Subject, append, memory, of, postgres, rate, rates, sqlite, trade};

fn by_asset() -> Context {
    Context {
        rules: AssetRules::default().into(),
        ..context()
    }
}

fn bought(id: &str, symbol: &str, price: &str, seconds: i64) -> LedgerTrade {
    let mut row = of("default", symbol, trade(id, "buy", "2", price, seconds));
    row.trade.fee = Some("0".parse().unwrap());
    row
}

async fn import(store: &dyn Store, currency: &str, seconds: i64, value: &str) {
    let batch = rates(vec![rate(currency, seconds, value)]);
    let receipt = store.import_rates(&batch).await.unwrap();
    assert_eq!(receipt.appended, 1);
}

/// The rates of a version: the trade, its value, and the rate.
async fn used(store: &dyn Store, version: Version) -> Vec<String> {
    let used = store.rates_used(version, None).await.unwrap();
    let line = |used: &RateUsed| format!("{} {} {}", used.order_id, used.usd, used.rate.value);
    used.iter().map(line).collect()
}

/// Asserts that a version is what a full run gives, and that its records are whole.
async fn assert_as_full(store: &dyn Store, version: Version) {
    let context = by_asset();
    let twin = full(store, &context, false).await.version;
    assert_eq!(used(store, version).await, used(store, twin).await);
    assert_eq!(rows_of(store, version).await, rows_of(store, twin).await);
    assert_eq!(sums_of(store, version).await, sums_of(store, twin).await);
    let infos = store.versions().await.unwrap();
    let info = |version| infos.iter().find(|info| info.version == version).unwrap();
    assert_eq!(info(version).rates_hash, info(twin).rates_hash);
    check_version(store, info(version)).await.unwrap();
    let judged = validate(store, &context, Some(version)).await.unwrap();
    assert_eq!(judged.violations, []);
    assert_eq!(judged.rates_otherwise, []);
}

async fn late_rates(subject: Option<Box<dyn Subject>>) {
    let Some(subject) = subject else { return };
    let (store, context) = (subject.store(), by_asset());
    import(store, "USD", 5, "1.1").await;
    append(store, vec![bought("B-1", "BTC-EUR", "100", 10)]).await;
    let first = full(store, &context, true).await;
    // 2 x 100 EUR at 1.1.
    assert_eq!(used(store, 1).await, ["B-1 220 1.1"]);
    let counts = RateCounts {
        trades: 1,
        ..RateCounts::default()
    };
    assert_eq!(first.rates, counts);

    // A rate after the trade changes nothing, and a run that has seen it says so.
    import(store, "USD", 11, "1.3").await;
    // It is looked up once: the second run has nothing to record.
    for _ in 0..2 {
        let done = incremental(store, &context).await;
        assert!(matches!(done, Incremental::Nothing(_)), "{done:?}");
        let seen = store.events_of(&[EventKind::RatesSeen]).await.unwrap();
        let seen = seen.iter().map(|it| (it.version, it.details.to_string()));
        let expected = (Some(1), "{\"rate_seq\":2}".to_owned());
        assert_eq!(seen.collect::<Vec<_>>(), [expected]);
    }

    // A nearer rate is a changed history.
    import(store, "USD", 8, "1.2").await;
    let causes = forced(incremental(store, &context).await);
    let [Forced::Rates(late)] = causes.as_slice() else {
        panic!("{causes:?}")
    };
    assert_eq!((late.count, late.first.order_id.as_str()), (1, "B-1"));
    assert_eq!(used(store, 1).await, ["B-1 220 1.1"]);
    assert_eq!(used(store, 2).await, ["B-1 240 1.2"]);
    assert_as_full(store, 2).await;

    lacking_rates((store, &context), counts).await;
}

/// Goes on from version 2, which knows the euro only.
async fn lacking_rates((store, context): (&dyn Store, &Context), counts: RateCounts) {
    // A pool without a rate is rejected, and is whole once the rate is there.
    append(store, vec![bought("E-1", "ETH-GBP", "10", 10)]).await;
    let lacking = appended(incremental(store, context).await);
    assert_eq!(lacking.pools[0].status, PoolStatus::Rejected);
    assert_eq!(
        lacking.rates,
        RateCounts {
            missing: 1,
            ..RateCounts::default()
        }
    );
    assert_as_full(store, 2).await;
    import(store, "GBP", 8, "0.8").await;
    let mended = appended(incremental(store, context).await);
    assert_eq!(mended.pools.len(), 1);
    assert_eq!(mended.pools[0].status, PoolStatus::Matched);
    assert_eq!(mended.rates, counts);
    // 2 x 10 GBP at 1.2 / 0.8.
    assert_eq!(used(store, 2).await, ["B-1 240 1.2", "E-1 30 1.5"]);
    assert_as_full(store, 2).await;

    // New trades of both pools.
    let more = vec![
        bought("B-2", "BTC-EUR", "1", 12),
        bought("E-2", "ETH-GBP", "1", 12),
    ];
    append(store, more).await;
    appended(incremental(store, context).await);
    // The pound has no rate at second 11: both rates of a cross are of one instant.
    let all = ["B-1 240 1.2", "B-2 2.6 1.3", "E-1 30 1.5", "E-2 3 1.5"];
    assert_eq!(used(store, 2).await, all);
    assert_as_full(store, 2).await;

    // A corrected rate is a changed history, too.
    let mut batch = rates(vec![rate("GBP", 8, "0.6")]);
    batch.file.mode = ImportMode::Correct {
        reason: "the source corrected it".into(),
    };
    store.import_rates(&batch).await.unwrap();
    // It does not make the version wrong: E-1 and E-2 keep the rate that they used.
    let judged = validate(store, context, Some(2)).await.unwrap();
    assert_eq!(judged.violations, []);
    let otherwise = judged.rates_otherwise.iter();
    let otherwise = otherwise.map(|it| it.used.order_id.as_str());
    assert_eq!(otherwise.collect::<Vec<_>>(), ["E-1", "E-2"]);
    let causes = forced(incremental(store, context).await);
    let [Forced::Rates(late)] = causes.as_slice() else {
        panic!("{causes:?}")
    };
    assert_eq!((late.count, late.first.order_id.as_str()), (2, "E-1"));
    let current = store.current().await.unwrap().version.unwrap();
    assert_as_full(store, current).await;
}

#[tokio::test]
async fn late_rates_in_memory() {
    late_rates(memory().await).await;
}

#[tokio::test]
async fn late_rates_in_sqlite() {
    late_rates(sqlite().await).await;
}

#[tokio::test]
async fn late_rates_in_postgres() {
    late_rates(postgres().await).await;
}
