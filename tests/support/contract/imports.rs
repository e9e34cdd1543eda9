//! Imports as wholes: undone and put back.

use std::collections::BTreeSet;

use fifo_pnl::engine::LedgerTrade;
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{
    ImportBatch, ImportReceipt, ImportedTrade, RateScope, Scope, Watermark,
};

use crate::subject::{
    Subject, acted, append, batch, changed, correction, movement, rate, rates, refusal, split,
    trade, undo, void,
};

fn bought(id: &str, seconds: i64) -> LedgerTrade {
    trade(id, "buy", "1", "100", seconds)
}

/// Returns the ids and prices of the trades that count, sorted, and the number of voided ones.
async fn counting(store: &dyn Store, as_of: Option<&Watermark>) -> (String, u64) {
    let read = store.read_ledger(&Scope::default(), as_of).await.unwrap();
    let mut counting = Vec::new();
    for ledger in read.pools.values() {
        let trades = ledger.trades.to_vec().unwrap();
        let texts = trades
            .iter()
            .map(|it| format!("{} {}", it.order_id, it.price));
        counting.extend(texts);
    }
    counting.sort();
    (counting.join(", "), read.voided)
}

async fn now(store: &dyn Store) -> Watermark {
    let read = store.read_ledger(&Scope::default(), None).await;
    read.unwrap().watermark
}

async fn change(store: &dyn Store, import_id: i64, put_back: bool) {
    store.undo_import(&undo(import_id, put_back)).await.unwrap();
}

pub async fn equal_trades_of_other_imports_are_counted(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("A", 1), bought("B", 2)]).await;
    append(store, vec![bought("X", 1), bought("Y", 2), bought("Z", 3)]).await;
    let others = vec![
        trade("side", "sell", "1", "100", 1),
        trade("size", "buy", "2", "100", 1),
        trade("price", "buy", "1", "101", 1),
        bought("time", 4),
    ];
    append(store, others).await;
    // Two fills of one file that are equal are two trades of it.
    append(store, vec![bought("P", 1), bought("Q", 1)]).await;
    assert_eq!(store.equal_trades(2).await.unwrap(), [(1, 2), (4, 1)]);
    assert_eq!(store.equal_trades(1).await.unwrap(), [(2, 2), (4, 1)]);
    assert_eq!(store.equal_trades(3).await.unwrap(), []);
    assert_eq!(store.equal_trades(4).await.unwrap(), [(1, 1), (2, 1)]);
    store.void(&void("A", false)).await.unwrap();
    assert_eq!(store.equal_trades(2).await.unwrap(), [(1, 1), (4, 1)]);
}

pub async fn an_undone_import_is_out_until_it_is_put_back(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("A", 1), bought("B", 2)]).await;
    append(store, vec![bought("C", 3)]).await;
    let undone = store.undo_import(&undo(1, false)).await.unwrap();
    assert_eq!((undone.file.id, undone.trades, undone.rates), (1, 2, 0));
    assert_eq!(undone.replaced, 0);
    assert_eq!(counting(store, None).await, ("C 100".into(), 2));
    assert_eq!(store.imports_out(None).await.unwrap(), BTreeSet::from([1]));
    let counts = store.ledger_counts().await.unwrap();
    assert_eq!((counts.rows, counts.eligible, counts.voided), (3, 3, 2));
    let ids = [("default".to_owned(), "A".to_owned())].into();
    let named = store.trades_named(&ids, None).await.unwrap();
    assert!(named.iter().all(|trade| trade.is_voided) && named.len() == 1);
    let of_both = store.trades_of_imports(&BTreeSet::from([1, 2])).await;
    let ids = |trades: &[ImportedTrade]| {
        let ids = trades
            .iter()
            .map(|it| format!("{} {}", it.import_id, it.order_id));
        ids.collect::<Vec<_>>().join(", ")
    };
    let of_both = of_both.unwrap();
    assert_eq!(ids(&of_both), "1 A, 1 B, 2 C");
    assert_eq!(of_both[2].size.to_string(), "1");
    assert_eq!(of_both[2].price, bought("C", 3).trade.price);
    assert_eq!(of_both[2].order_time, bought("C", 3).trade.order_time);
    // The rows stay, with their place in the file.
    let account = "default".parse().unwrap();
    assert!(store.trade_origin(&account, "A").await.unwrap().is_some());
    change(store, 1, true).await;
    assert_eq!(
        counting(store, None).await,
        ("A 100, B 100, C 100".into(), 0)
    );
    assert_eq!(store.imports_out(None).await.unwrap(), BTreeSet::new());
    assert_eq!(store.ledger_counts().await.unwrap().voided, 0);
    let events = subject.events().await.join("\n");
    assert!(events.contains("import_undo"), "{events}");
}

pub async fn a_trade_that_is_voided_alone_stays_so(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("A", 1), bought("B", 2)]).await;
    store.void(&void("A", false)).await.unwrap();
    change(store, 1, false).await;
    assert_eq!(store.ledger_counts().await.unwrap().voided, 2);
    // A void of one trade and that of its import know nothing of each other.
    let words = refusal(store.void(&void("B", true)).await);
    assert!(words.ends_with("is not voided"), "{words}");
    change(store, 1, true).await;
    assert_eq!(counting(store, None).await, ("B 100".into(), 1));
    change(store, 1, false).await;
    store.void(&void("A", true)).await.unwrap();
    assert_eq!(counting(store, None).await, (String::new(), 2));
    change(store, 1, true).await;
    assert_eq!(counting(store, None).await, ("A 100, B 100".into(), 0));
}

pub async fn an_undo_follows_its_rules(subject: &dyn Subject) {
    let store = subject.store();
    let words = refusal(store.undo_import(&undo(1, false)).await);
    assert_eq!(words, "there is no import 1");
    append(store, vec![bought("A", 1)]).await;
    let words = refusal(store.undo_import(&undo(1, true)).await);
    assert_eq!(words, "import 1 is not undone");
    change(store, 1, false).await;
    let words = refusal(store.undo_import(&undo(1, false)).await);
    assert_eq!(words, "import 1 is undone already");
    let mut silent = undo(1, true);
    silent.reason.clear();
    assert!(store.undo_import(&silent).await.is_err());
    assert_eq!(counting(store, None).await, (String::new(), 1));
    assert_eq!(subject.events().await.len(), 2);
}

pub async fn an_undone_correction_gives_the_original_back(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("A", 1), bought("B", 2)]).await;
    let corrected = trade("A", "buy", "1", "101", 1);
    store.import(&correction(vec![corrected])).await.unwrap();
    assert_eq!(counting(store, None).await, ("A~2 101, B 100".into(), 1));
    let undone = store.undo_import(&undo(2, false)).await.unwrap();
    assert_eq!((undone.trades, undone.replaced), (1, 1));
    assert_eq!(counting(store, None).await, ("A 100, B 100".into(), 1));
    let again = store.undo_import(&undo(2, true)).await.unwrap();
    assert_eq!((again.trades, again.replaced), (1, 1));
    assert_eq!(counting(store, None).await, ("A~2 101, B 100".into(), 1));
    // Without the first file, the correction counts alone.
    change(store, 1, false).await;
    assert_eq!(counting(store, None).await, ("A~2 101".into(), 2));
}

pub async fn a_correction_comes_back_only_if_no_other_form_counts(subject: &dyn Subject) {
    let store = subject.store();
    let priced = |price: &str| trade("A", "buy", "1", price, 1);
    append(store, vec![priced("100")]).await;
    store
        .import(&correction(vec![priced("101")]))
        .await
        .unwrap();
    change(store, 2, false).await;
    store
        .import(&correction(vec![priced("102")]))
        .await
        .unwrap();
    assert_eq!(counting(store, None).await, ("A~3 102".into(), 2));
    let words = refusal(store.undo_import(&undo(2, true)).await);
    assert_eq!(
        words,
        "import 2 has a trade that would count twice: \"A~2\" of account \"default\" is \"A~3\" of \
         import 3"
    );
    assert_eq!(counting(store, None).await, ("A~3 102".into(), 2));
    // A correction of an import that is out replaces nothing, and keeps it out.
    append(store, vec![bought("B", 1)]).await;
    change(store, 4, false).await;
    let corrected = trade("B", "buy", "1", "7", 1);
    let receipt = store.import(&correction(vec![corrected])).await.unwrap();
    assert_eq!((receipt.appended, receipt.corrected), (1, 0));
    let words = refusal(store.undo_import(&undo(4, true)).await);
    assert!(
        words.contains("\"B\" of account \"default\" is \"B~2\""),
        "{words}"
    );
    // The newest correction is undone: the one before is not revived, as its import is out.
    change(store, 3, false).await;
    assert_eq!(counting(store, None).await, ("A 100, B~2 7".into(), 3));
}

pub async fn a_watermark_knows_which_imports_are_out(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("A", 1), bought("B", 2)]).await;
    append(store, vec![bought("C", 3)]).await;
    let mut seen = vec![now(store).await];
    for (import, put_back) in [(1, false), (2, false), (1, true)] {
        change(store, import, put_back).await;
        seen.push(now(store).await);
    }
    let ids = |text: &str| text.to_owned();
    let expected = [
        (ids("A 100, B 100, C 100"), 0, vec![]),
        (ids("C 100"), 2, vec![1]),
        (ids(""), 3, vec![1, 2]),
        (ids("A 100, B 100"), 1, vec![2]),
    ];
    let facts = store.health_facts(None).await.unwrap();
    assert_eq!(seen.last().map(Watermark::cursors), Some(&facts.cursors));
    for (as_of, (trades, count, imports)) in seen.iter().zip(expected) {
        let read_back = Watermark::from_json(&as_of.to_json());
        assert_eq!(read_back.as_ref(), Some(as_of));
        assert_eq!(counting(store, Some(as_of)).await, (trades, count));
        let voided = store.voided_as_of(as_of).await.unwrap();
        assert_eq!(voided.len() as u64, count);
        let out = store.imports_out(Some(as_of)).await.unwrap();
        assert_eq!(Vec::from_iter(out), imports);
    }
    // What changed since: an undo that was put back changes nothing.
    let revised = async |since: &Watermark| {
        let arrivals = store.arrivals(&Scope::default(), since).await.unwrap();
        assert!(arrivals.pools.is_empty());
        let ids = arrivals.revised.into_values().flatten();
        ids.collect::<Vec<String>>().join(" ")
    };
    assert_eq!(revised(&seen[0]).await, "C");
    assert_eq!(revised(&seen[1]).await, "A B C");
    assert_eq!(revised(&seen[2]).await, "A B");
    assert_eq!(revised(&seen[3]).await, "");
    // A trade that comes with an import that is undone at once never counted.
    append(store, vec![bought("D", 4)]).await;
    change(store, 3, false).await;
    let arrivals = store.arrivals(&Scope::default(), &seen[3]).await.unwrap();
    assert_eq!((arrivals.pools.len(), arrivals.voided), (0, 1));
    assert!(arrivals.revised.is_empty());
}

pub async fn rates_of_an_undone_import_count_no_more(subject: &dyn Subject) {
    let store = subject.store();
    store
        .import_rates(&rates(vec![rate("USD", 1, "1.07")]))
        .await
        .unwrap();
    let mut corrected = rates(vec![rate("USD", 1, "1.08"), rate("USD", 2, "1.09")]);
    corrected.file.mode = correction(Vec::new()).file.mode;
    store.import_rates(&corrected).await.unwrap();
    let held = async |as_of: Option<&Watermark>| {
        let rates = store.rates(&RateScope::default(), as_of).await.unwrap();
        let values = rates.iter().map(|row| row.rate.value.to_string());
        values.collect::<Vec<_>>().join(" ")
    };
    let before = now(store).await;
    assert_eq!(held(None).await, "1.08 1.09");
    let undone = store.undo_import(&undo(2, false)).await.unwrap();
    assert_eq!((undone.trades, undone.rates), (0, 2));
    assert_eq!(held(None).await, "1.07");
    assert_eq!(held(Some(&before)).await, "1.08 1.09");
    change(store, 1, false).await;
    assert_eq!(held(None).await, "");
    change(store, 2, true).await;
    assert_eq!(held(None).await, "1.08 1.09");
}

pub async fn known_trades_say_whether_they_are_voided(subject: &dyn Subject) {
    let store = subject.store();
    let file = vec![bought("A", 1), bought("B", 2), bought("C", 3)];
    append(store, file.clone()).await;
    store.void(&void("C", false)).await.unwrap();
    let receipt = store.import(&batch(file.clone())).await.unwrap();
    assert_eq!((receipt.known, receipt.known_voided), (3, 1));
    change(store, 1, false).await;
    let receipt = store.import(&batch(file)).await.unwrap();
    // The void of one trade stays.
    assert_eq!((receipt.known, receipt.known_voided), (1, 1));
    assert_eq!((receipt.appended, receipt.renewed), (2, 2));
}

/// After an undo, a file brings what it would bring if the undone import had never been.
pub async fn rows_of_an_undone_import_come_in_again(subject: &dyn Subject) {
    let store = subject.store();
    let file = |seconds: i64| ImportBatch {
        movements: vec![movement("M1", seconds)],
        actions: vec![split("S1", "ABC", seconds)],
        ..batch(vec![bought("A", seconds), bought("B", 2)])
    };
    let counts = |receipt: &ImportReceipt| {
        let beside = [&receipt.movements, &receipt.actions];
        let beside = beside.map(|it| (it.appended, it.known));
        (
            (receipt.appended, receipt.known),
            beside,
            receipt.renewed_rows(),
        )
    };
    // Each row comes in, as other facts, as the same facts, or as facts of an earlier form.
    let all = ((2, 0), [(1, 0); 2], 4);
    let none = ((0, 2), [(0, 1); 2], 0);
    store.import(&file(1)).await.unwrap();
    let conflict = store.import(&file(5)).await.unwrap();
    assert!(conflict.has_conflicts() && conflict.import_id.is_none());
    for (undone, seconds) in [(1, 5), (2, 5), (3, 1)] {
        change(store, undone, false).await;
        let preview = changed(file(seconds), |file| file.preview = true);
        assert_eq!(
            counts(&store.import(&preview).await.unwrap()),
            all,
            "{undone}"
        );
        assert_eq!(counts(&store.import(&file(seconds)).await.unwrap()), all);
        assert_eq!(counts(&store.import(&file(seconds)).await.unwrap()), none);
        let n = undone + 1;
        let expected = format!("A~{n} 100, B~{n} 100");
        assert_eq!(counting(store, None).await, (expected, 2 * undone as u64));
        let moved = movement(&format!("M1~{n}"), seconds);
        assert_eq!(store.movements(None).await.unwrap(), [moved]);
        let acted = split(&format!("S1~{n}"), "ABC", seconds);
        assert_eq!(store.actions(None).await.unwrap(), [acted]);
        let words = refusal(store.undo_import(&undo(1, true)).await);
        let expected = format!(
            "import 1 has a trade that would count twice: \"A\" of account \"default\" is \
             \"A~{n}\" of import {n}"
        );
        assert_eq!(words, expected);
    }
    // Other facts than those that count are a conflict again.
    let other = store.import(&file(7)).await.unwrap();
    assert_eq!((other.import_id, other.beside_conflicts()), (None, 2));
    change(store, 4, false).await;
    change(store, 1, true).await;
    assert_eq!(counting(store, None).await, ("A 100, B 100".into(), 6));
    assert_eq!(counts(&store.import(&file(1)).await.unwrap()), none);
}

pub async fn a_movement_or_action_comes_back_only_if_no_other_form_counts(subject: &dyn Subject) {
    let store = subject.store();
    let moved = ImportBatch {
        movements: vec![movement("M1", 1)],
        ..batch(Vec::new())
    };
    for (file, said) in [
        (
            moved,
            "a movement that would count twice: \"M1\" of account \"default\" is \"M1~2\"",
        ),
        (
            acted(vec![split("S1", "ABC", 1)]),
            "an action that would count twice: \"S1\" of account \"default\" is \"S1~2\"",
        ),
    ] {
        let first = store.import(&file).await.unwrap().import_id.unwrap();
        change(store, first, false).await;
        store.import(&file).await.unwrap();
        let words = refusal(store.undo_import(&undo(first, true)).await);
        let expected = format!("import {first} has {said} of import {}", first + 1);
        assert_eq!(words, expected);
        let words = refusal(store.undo_import(&undo(first, false)).await);
        assert!(words.ends_with("is undone already"), "{words}");
        change(store, first + 1, false).await;
        change(store, first, true).await;
    }
    // What was a movement of an undone import may be a trade, and does not come back beside it.
    change(store, 1, false).await;
    append(store, vec![bought("M1", 1)]).await;
    let words = refusal(store.undo_import(&undo(1, true)).await);
    assert!(words.contains("has the id of a movement"), "{words}");
}
