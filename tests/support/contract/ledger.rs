//! Imports, voids, and the ledger as it reads back.

use std::collections::BTreeSet;

use fifo_pnl::engine::{LedgerTrade, Pool};
use fifo_pnl::store::model::{
    ImportBatch, ImportMode, ImportReceipt, LedgerCounts, LedgerRead, Reject, Scope, Watermark,
};
use fifo_pnl::store::{Store, StoreError};

use crate::subject::{
    Subject, append, at, batch, changed, correction, of, pool, refusal, trade, void, with_status,
};

/// Returns the id and price of each trade of a pool, in the pool's order.
fn held(read: &LedgerRead, pool: &Pool) -> Vec<String> {
    let Some(ledger) = read.pools.get(pool) else {
        return Vec::new();
    };
    assert_eq!(ledger.invalid, []);
    let mut trades = ledger.trades.to_vec().unwrap();
    trades.sort_by(|left, right| left.cmp_in_pool(right));
    let text = |trade: &fifo_pnl::engine::Trade| format!("{} {}", trade.order_id, trade.price);
    trades.iter().map(text).collect()
}

/// Returns the numbers of a watermark; `None` for the snapshot of a server.
fn arrivals(watermark: &Watermark) -> Option<(i64, i64)> {
    watermark.sequence()
}

/// Returns everything that an import or a void could have changed.
async fn state(subject: &dyn Subject) -> (LedgerCounts, Option<(i64, i64)>, Vec<String>) {
    let store = subject.store();
    let counts = store.ledger_counts().await.unwrap();
    let watermark = all(store).await.watermark;
    (counts, arrivals(&watermark), subject.events().await)
}

async fn all(store: &dyn Store) -> LedgerRead {
    store.read_ledger(&Scope::default(), None).await.unwrap()
}

async fn btc(store: &dyn Store) -> Vec<String> {
    held(&all(store).await, &pool("BTC-USD"))
}

fn bought(id: &str, price: &str) -> LedgerTrade {
    trade(id, "buy", "1", price, 1)
}

pub async fn an_import_appends_and_says_so(subject: &dyn Subject) {
    let store = subject.store();
    assert!(!store.location().is_empty());
    assert_eq!(
        store.ledger_counts().await.unwrap(),
        LedgerCounts::default()
    );
    let nothing = all(store).await;
    assert_eq!(nothing.pools.len(), 0);
    assert!(arrivals(&nothing.watermark).is_none_or(|arrivals| arrivals == (0, 0)));

    let first = batch(vec![bought("B-1", "100"), bought("B-2", "101")]);
    let receipt = store.import(&first).await.unwrap();
    let expected = ImportReceipt {
        import_id: Some(1),
        appended: 2,
        ..ImportReceipt::default()
    };
    assert_eq!(receipt, expected);
    let receipt = store.import(&batch(vec![bought("B-3", "102")])).await;
    assert_eq!(receipt.unwrap().import_id, Some(2));

    assert_eq!(btc(store).await, ["B-1 100", "B-2 101", "B-3 102"]);
    let watermark = all(store).await.watermark;
    assert!(arrivals(&watermark).is_none_or(|arrivals| arrivals == (3, 0)));
    let counts = store.ledger_counts().await.unwrap();
    assert_eq!((counts.rows, counts.eligible, counts.ineligible), (3, 3, 0));
    let events = subject.events().await;
    assert_eq!(events.len(), 2);
    assert!(
        events[0].starts_with("import info - - - v- {"),
        "{}",
        events[0]
    );
    assert!(events[0].contains("\"appended\":2") && events[0].contains("trades.csv"));
}

pub async fn a_known_trade_is_skipped_whatever_its_spelling(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1.50", "100", 1)]).await;
    let mut again = of(
        "default",
        "btc/usd",
        trade("B-1", "buy", "1.5", "100.00", 1),
    );
    again.carried.exchange = Some("elsewhere".into());
    let receipt = store.import(&batch(vec![again])).await.unwrap();
    assert_eq!((receipt.appended, receipt.known), (0, 1));
    // A file that brings nothing makes no import.
    assert_eq!(receipt.import_id, None);
    assert_eq!(store.ledger_counts().await.unwrap().rows, 1);
    // The same id in another account is another trade.
    let other = of("two", "BTC-USD", trade("B-1", "buy", "9", "100", 1));
    append(store, vec![other]).await;
}

pub async fn another_fact_is_a_conflict_and_nothing_is_written(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100")]).await;
    let file = batch(vec![bought("B-2", "100"), bought("B-1", "100.5")]);
    let receipt = store.import(&file).await.unwrap();
    assert_eq!((receipt.import_id, receipt.conflicts.len()), (None, 1));
    let conflict = &receipt.conflicts[0];
    assert_eq!((conflict.line, conflict.column), (3, "price"));
    assert_eq!(
        (&*conflict.account, &*conflict.order_id),
        ("default", "B-1")
    );
    assert_eq!((&*conflict.in_file, &*conflict.in_ledger), ("100.5", "100"));
    assert_eq!(btc(store).await, ["B-1 100"]);
    assert_eq!(subject.events().await.len(), 1);
    // The status is a fact, too: it decides whether the row is an execution.
    let file = batch(vec![with_status("cancelled", bought("B-1", "100"))]);
    let receipt = store.import(&file).await.unwrap();
    assert_eq!(receipt.conflicts[0].column, "status");
    assert_eq!(receipt.conflicts[0].in_ledger, "NULL");
}

pub async fn conflicts_can_be_skipped(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100")]).await;
    let file = batch(vec![bought("B-2", "100"), bought("B-1", "100.5")]);
    let file = changed(file, |file| file.skip_conflicts = true);
    let receipt = store.import(&file).await.unwrap();
    assert_eq!((receipt.import_id, receipt.appended), (Some(2), 1));
    assert_eq!(receipt.conflicts.len(), 1);
    assert_eq!(btc(store).await, ["B-1 100", "B-2 100"]);
}

pub async fn a_preview_writes_nothing(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100"), bought("B-2", "100")]).await;
    let before = state(subject).await;
    let corrected = correction(vec![
        bought("B-1", "99"),
        bought("B-2", "100"),
        bought("B-3", "100"),
    ]);
    let preview = changed(corrected, |file| file.preview = true);
    let receipt = store.import(&preview).await.unwrap();
    assert_eq!(receipt.import_id, None);
    assert_eq!(
        (receipt.appended, receipt.known, receipt.corrected),
        (1, 1, 1)
    );
    assert_eq!(state(subject).await, before);
    let receipt = store
        .import(&changed(preview, |file| file.preview = false))
        .await;
    let receipt = receipt.unwrap();
    assert_eq!(
        (receipt.appended, receipt.known, receipt.corrected),
        (1, 1, 1)
    );
    assert_eq!(receipt.import_id, Some(2));
}

pub async fn a_correction_voids_and_appends_beside(subject: &dyn Subject) {
    let store = subject.store();
    let mut first = bought("X", "100");
    first.carried.exchange_order_id = Some("venue-1".into());
    append(store, vec![first]).await;
    for (price, id) in [("101", "X~2"), ("102", "X~3")] {
        let receipt = store.import(&correction(vec![bought("X", price)])).await;
        let receipt = receipt.unwrap();
        assert_eq!((receipt.corrected, receipt.appended), (1, 0));
        assert_eq!(btc(store).await, [format!("{id} {price}")]);
    }
    let read = all(store).await;
    assert!(arrivals(&read.watermark).is_none_or(|arrivals| arrivals == (3, 2)));
    assert_eq!(read.voided, 2);
    let counts = store.ledger_counts().await.unwrap();
    assert_eq!((counts.rows, counts.eligible, counts.voided), (3, 3, 2));
}

pub async fn old_and_new_facts_of_a_corrected_trade_are_known(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    store
        .import(&correction(vec![bought("X", "101")]))
        .await
        .unwrap();
    store
        .import(&correction(vec![bought("X", "102")]))
        .await
        .unwrap();
    for price in ["100", "101", "102"] {
        let receipt = store
            .import(&batch(vec![bought("X", price)]))
            .await
            .unwrap();
        assert_eq!((receipt.known, receipt.appended), (1, 0), "{price}");
    }
    let receipt = store.import(&correction(vec![bought("X", "102")])).await;
    assert_eq!(receipt.unwrap().known, 1);
    let receipt = store
        .import(&batch(vec![bought("X", "103")]))
        .await
        .unwrap();
    assert_eq!(receipt.conflicts[0].in_ledger, "102");
    assert_eq!(btc(store).await, ["X~3 102"]);
}

pub async fn facts_that_go_back_are_one_more_correction(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    store
        .import(&correction(vec![bought("X", "101")]))
        .await
        .unwrap();
    let receipt = store.import(&correction(vec![bought("X", "100")])).await;
    assert_eq!(receipt.unwrap().corrected, 1);
    assert_eq!(btc(store).await, ["X~3 100"]);
}

pub async fn one_id_twice_in_a_file_is_the_same_as_in_two_files(subject: &dyn Subject) {
    let store = subject.store();
    let twice = || vec![bought("X", "100"), bought("X", "100.0"), bought("X", "101")];
    let receipt = store.import(&batch(twice())).await.unwrap();
    assert_eq!((receipt.appended, receipt.known), (1, 1));
    assert_eq!(receipt.conflicts[0].in_ledger, "100");
    assert_eq!(all(store).await.pools.len(), 0);

    let receipt = store.import(&correction(twice())).await.unwrap();
    assert_eq!((receipt.appended, receipt.known), (1, 1));
    assert_eq!(receipt.corrected, 1);
    assert_eq!(btc(store).await, ["X~2 101"]);
}

pub async fn an_id_that_looks_like_a_correction_is_an_id_of_its_own(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X~2", "50"), bought("X~two", "51")]).await;
    append(store, vec![bought("X", "100")]).await;
    assert_eq!(btc(store).await, ["X 100", "X~2 50", "X~two 51"]);
    // An id that only begins alike is no correction.
    append(store, vec![bought("X1~2", "7"), bought("X~", "8")]).await;
    let receipt = store
        .import(&batch(vec![bought("X", "100")]))
        .await
        .unwrap();
    assert_eq!(receipt.known, 1);
}

pub async fn a_correction_takes_the_next_free_id(subject: &dyn Subject) {
    let store = subject.store();
    // An id of its own, until the ledger has its original, too: then it is a form of that one.
    append(store, vec![bought("X~3", "50")]).await;
    append(store, vec![bought("X", "100")]).await;
    for price in ["101", "102"] {
        let receipt = store.import(&correction(vec![bought("X", price)])).await;
        assert_eq!(receipt.unwrap().corrected, 1);
    }
    assert_eq!(btc(store).await, ["X~5 102"]);
}

pub async fn an_id_without_room_for_a_correction_is_a_conflict(subject: &dyn Subject) {
    let store = subject.store();
    let id = "x".repeat(254);
    append(store, vec![bought(&id, "100")]).await;
    let receipt = store.import(&correction(vec![bought(&id, "101")])).await;
    let receipt = receipt.unwrap();
    assert_eq!((receipt.import_id, receipt.corrected), (None, 0));
    assert_eq!(receipt.conflicts[0].column, "order_id");
    assert_eq!(receipt.conflicts[0].in_file, format!("{id}~2"));
    assert_eq!(all(store).await.voided, 0);
}

fn reject(line: u64) -> Reject {
    Reject {
        line,
        order_id: "B-9".into(),
        column: "size".into(),
        found: "-1".into(),
        reason: "is negative".into(),
        text: "B-9,buy,-1".into(),
    }
}

pub async fn rejected_rows_are_kept_with_the_import(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100")]).await;
    let file = batch(vec![bought("B-2", "100")]);
    let rejects = vec![reject(3), reject(9)];
    store
        .import(&ImportBatch { rejects, ..file })
        .await
        .unwrap();
    let size = || "size".to_owned();
    assert_eq!(subject.rejects().await, [(2, 3, size()), (2, 9, size())]);
}

pub async fn a_broken_import_leaves_nothing(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100")]).await;
    let before = state(subject).await;
    let no_hash = changed(batch(vec![bought("B-2", "100")]), |file| {
        file.sha256 = "ab".into();
    });
    let no_reason = batch(vec![bought("B-3", "100"), bought("B-1", "101")]);
    let no_reason = changed(no_reason, |file| {
        let reason = String::new();
        file.mode = ImportMode::Correct { reason };
    });
    for broken in [no_hash, no_reason] {
        let rejects = vec![reject(4)];
        let broken = ImportBatch { rejects, ..broken };
        let error = store.import(&broken).await.unwrap_err();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    }
    assert_eq!(state(subject).await, before);
    assert_eq!(subject.rejects().await, []);
    // A database may have given its number to one of them.
    let receipt = store.import(&batch(vec![bought("B-2", "100")])).await;
    assert!(receipt.unwrap().import_id > Some(1));
}

pub async fn a_trade_leads_back_to_its_file(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100"), bought("B-2", "100")]).await;
    let account = pool("BTC-USD").account;
    let origin = store.trade_origin(&account, "B-2").await.unwrap();
    assert_eq!(origin, Some(("trades.csv".into(), 3, at(100))));
    assert_eq!(store.trade_origin(&account, "B-3").await.unwrap(), None);
    let other = "two".parse().unwrap();
    assert_eq!(store.trade_origin(&other, "B-2").await.unwrap(), None);
}

pub async fn voids_follow_their_rules(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("B-1", "100"), bought("B-2", "100")]).await;
    let words = refusal(store.void(&void("B-1", true)).await);
    assert_eq!(words, "trade \"B-1\" of account \"default\" is not voided");
    store.void(&void("B-1", false)).await.unwrap();
    assert_eq!(btc(store).await, ["B-2 100"]);
    assert_eq!(all(store).await.voided, 1);
    let words = refusal(store.void(&void("B-1", false)).await);
    assert_eq!(
        words,
        "trade \"B-1\" of account \"default\" is voided already"
    );
    let unknown = store.void(&void("B-9", false)).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "trade \"B-9\" of account \"default\" is not in the ledger"
    );
    store.void(&void("B-1", true)).await.unwrap();
    assert_eq!(btc(store).await, ["B-1 100", "B-2 100"]);
    store.void(&void("B-1", false)).await.unwrap();
    let watermark = all(store).await.watermark;
    assert!(arrivals(&watermark).is_none_or(|(_, voids)| voids == 3));
    assert_eq!(store.ledger_counts().await.unwrap().voided, 1);

    let mut no_reason = void("B-2", false);
    no_reason.reason = String::new();
    assert!(store.void(&no_reason).await.is_err());
    let events = subject.events().await;
    let voids = events.iter().filter(|event| event.starts_with("void info"));
    assert_eq!(voids.count(), 3);
    assert!(events[1].contains("\"order_id\":\"B-1\"") && events[1].contains("booked twice"));
    // A voided trade stays in the ledger, so its facts are known.
    let receipt = store.import(&batch(vec![bought("B-1", "100")])).await;
    assert_eq!(receipt.unwrap().known, 1);
}

pub async fn the_ledger_reads_as_of_any_watermark(subject: &dyn Subject) {
    let store = subject.store();
    let mut seen = vec![(all(store).await.watermark, btc(store).await, 0)];
    append(store, vec![bought("B-1", "100"), bought("B-2", "100")]).await;
    seen.push((all(store).await.watermark, btc(store).await, 0));
    store.void(&void("B-1", false)).await.unwrap();
    seen.push((all(store).await.watermark, btc(store).await, 1));
    append(store, vec![bought("B-3", "100")]).await;
    seen.push((all(store).await.watermark, btc(store).await, 1));
    store.void(&void("B-1", true)).await.unwrap();
    store.void(&void("B-2", false)).await.unwrap();
    seen.push((all(store).await.watermark, btc(store).await, 1));
    store
        .import(&correction(vec![bought("B-3", "99")]))
        .await
        .unwrap();
    seen.push((all(store).await.watermark, btc(store).await, 2));

    assert_eq!(seen[2].1, ["B-2 100"]);
    assert_eq!(seen[5].1, ["B-1 100", "B-3~2 99"]);
    for (watermark, trades, voided) in seen {
        let read = store.read_ledger(&Scope::default(), Some(&watermark)).await;
        let read = read.unwrap();
        assert_eq!(read.watermark, watermark);
        assert_eq!(held(&read, &pool("BTC-USD")), trades, "{watermark:?}");
        assert_eq!(read.voided, voided, "{watermark:?}");
    }
}

pub async fn what_is_no_execution_is_counted_by_reason(subject: &dyn Subject) {
    let store = subject.store();
    append(
        store,
        vec![
            with_status("filled", bought("B-1", "100")),
            with_status("Cancelled", bought("B-2", "100")),
            with_status("cancelled", bought("B-3", "100")),
            of(
                "default",
                "ETH-USD",
                with_status("OPEN", bought("B-4", "100")),
            ),
            // An unknown status: the row counts as an execution.
            with_status("done for day", bought("B-5", "100")),
        ],
    )
    .await;
    let watermark = all(store).await.watermark;
    append(store, vec![with_status("open", bought("B-6", "100"))]).await;
    let read = all(store).await;
    assert_eq!(held(&read, &pool("BTC-USD")), ["B-1 100", "B-5 100"]);
    assert!(!read.pools.contains_key(&pool("ETH-USD")));
    let counted = |read: &LedgerRead| format!("{:?}", read.ineligible);
    assert_eq!(
        counted(&read),
        r#"{"status cancelled": 2, "status open": 2}"#
    );
    let before = store.read_ledger(&Scope::default(), Some(&watermark)).await;
    assert_eq!(
        counted(&before.unwrap()),
        r#"{"status cancelled": 2, "status open": 1}"#
    );
    let counts = store.ledger_counts().await.unwrap();
    assert_eq!((counts.rows, counts.eligible, counts.ineligible), (6, 2, 4));
    assert_eq!((counts.in_neither, counts.in_both), (0, 0));

    let of_eth = Scope {
        account: None,
        assets: BTreeSet::from(["ETH-USD".parse().unwrap()]),
        ..Scope::default()
    };
    let read = store.read_ledger(&of_eth, None).await.unwrap();
    assert_eq!(counted(&read), r#"{"status open": 1}"#);
    // A voided row that never executed is counted once, as ineligible.
    store.void(&void("B-2", false)).await.unwrap();
    let read = all(store).await;
    assert_eq!((read.voided, read.ineligible.values().sum::<u64>()), (0, 4));
}

pub async fn a_scope_takes_its_pools_only(subject: &dyn Subject) {
    let store = subject.store();
    append(
        store,
        vec![
            bought("B-1", "100"),
            of("default", "ETH-USD", bought("B-2", "100")),
            of("two", "BTC-USD", bought("B-1", "100")),
            of("two", "ETH-USD", bought("B-2", "100")),
        ],
    )
    .await;
    store.void(&void("B-1", false)).await.unwrap();
    let scope = |account: Option<&str>, symbols: &[&str]| Scope {
        account: account.map(|account| account.parse().unwrap()),
        assets: symbols
            .iter()
            .map(|symbol| symbol.parse().unwrap())
            .collect(),
        ..Scope::default()
    };
    let pools = async |scope: Scope| {
        let read = store.read_ledger(&scope, None).await.unwrap();
        let names: Vec<String> = read.pools.keys().map(Pool::to_string).collect();
        assert!(arrivals(&read.watermark).is_none_or(|(trades, _)| trades == 4));
        (names.join(", "), read.voided)
    };
    let all = "default ETH-USD, two BTC-USD, two ETH-USD";
    assert_eq!(pools(scope(None, &[])).await, (all.into(), 1));
    let two = "two BTC-USD, two ETH-USD";
    assert_eq!(pools(scope(Some("two"), &[])).await, (two.into(), 0));
    assert_eq!(
        pools(scope(None, &["BTC-USD"])).await,
        ("two BTC-USD".into(), 1)
    );
    let one = scope(Some("two"), &["ETH-USD", "XRP-USD"]);
    assert_eq!(pools(one).await, ("two ETH-USD".into(), 0));
    assert_eq!(pools(scope(Some("three"), &[])).await, (String::new(), 0));
}

pub async fn spellings_of_a_symbol_are_one_pool(subject: &dyn Subject) {
    let store = subject.store();
    append(
        store,
        vec![
            of("default", "btc/usd", bought("B-1", "100")),
            of("default", "BTC-usd", bought("B-2", "100")),
            bought("B-3", "100"),
            // Only ASCII letters are folded.
            of("default", "é-usd", bought("B-4", "100")),
        ],
    )
    .await;
    let read = all(store).await;
    let names: Vec<String> = read.pools.keys().map(Pool::to_string).collect();
    assert_eq!(names, ["default BTC-USD", "default é-USD"]);
    assert_eq!(held(&read, &pool("BTC-USD")).len(), 3);
}

pub async fn every_fact_comes_back_with_every_digit(subject: &dyn Subject) {
    let store = subject.store();
    let small = "0.0000000000000000000000000001";
    let large = "1234567890123456789012345678";
    let mut rows = vec![
        trade("B-1", "buy", small, "0.000000000000000000000000001", -1),
        trade("B-2", "buy", large, "0", 3_000_000),
        trade("S-1", "sell", "1.5", "99999.123456789012", -1_735_787_046),
        of("a, \"b\" and 'c'", "ETH-USD", bought("it's; -- an id", "1")),
    ];
    rows[0].trade.fee = Some("-0.0000000000000000000000000012".parse().unwrap());
    rows[1].trade.fee = None;
    rows[1].trade.trade_seq = Some(i64::MAX);
    rows[2].trade.trade_seq = Some(-7);
    append(store, rows.clone()).await;
    let read = all(store).await;
    for row in &rows {
        // A store without settings has a pool for each symbol.
        let pool = Pool::new(row.account.clone(), row.symbol.as_str().parse().unwrap());
        let ledger = &read.pools[&pool];
        assert!(
            ledger.trades.to_vec().unwrap().contains(&row.trade),
            "{row:?}"
        );
    }
    let receipt = store.import(&batch(rows)).await.unwrap();
    assert_eq!(receipt.known, 4);
}
