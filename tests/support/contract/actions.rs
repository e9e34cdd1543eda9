//! Actions: appended with a file, known by their ids, out with their import, and read as of an
//! instant.

use fifo_pnl::engine::{ActionKind, AssetAction};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{ImportBatch, Scope, Watermark};

use crate::subject::{Subject, acted, append, batch, changed, split, trade, undo};

async fn ids(store: &dyn Store, as_of: Option<&Watermark>) -> String {
    let actions = store.actions(as_of).await.unwrap();
    let ids = actions.iter().map(|it| it.action_id.to_string());
    ids.collect::<Vec<_>>().join(" ")
}

async fn now(store: &dyn Store) -> Watermark {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    read.watermark
}

pub async fn actions_come_back_with_every_fact(subject: &dyn Subject) {
    let store = subject.store();
    let by_units = AssetAction {
        account: None,
        ratio: None,
        units: "0.0000000000000000000000000001".parse().ok(),
        exchange: None,
        ..split("S-2", "DEF", 2)
    };
    let spin_off = AssetAction {
        kind: ActionKind::SpinOff,
        other_asset: "NEW".parse().ok(),
        basis_share: "0.125".parse().ok(),
        ..split("S-3", "ABC", 3)
    };
    let all_of_it = AssetAction {
        basis_share: "1".parse().ok(),
        action_id: "S-4".parse().unwrap(),
        ..spin_off.clone()
    };
    let rename = AssetAction {
        kind: ActionKind::Rename,
        ratio: None,
        other_asset: "XYZ".parse().ok(),
        ..split("S-5", "ABC", 4)
    };
    let merger = AssetAction {
        kind: ActionKind::Merger,
        other_asset: "BIG".parse().ok(),
        ..split("S-6", "ABC", 5)
    };
    let first = split("S-1", "ABC", 9);
    let rows = vec![first, by_units, spin_off, all_of_it, rename, merger];
    let file = ImportBatch {
        actions: rows.clone(),
        ..batch(vec![trade("B-1", "buy", "1", "100", 1)])
    };
    let receipt = store.import(&file).await.unwrap();
    assert_eq!((receipt.appended, receipt.actions.appended), (1, 6));
    assert_eq!(store.actions(None).await.unwrap(), rows);
    let events = subject.events().await.join("\n");
    assert!(events.contains("\"actions\""), "{events}");
}

pub async fn an_action_is_known_or_a_conflict(subject: &dyn Subject) {
    let store = subject.store();
    let first = acted(vec![split("S-1", "ABC", 1), split("S-2", "ABC", 2)]);
    let receipt = store.import(&first).await.unwrap();
    assert_eq!((receipt.actions.appended, receipt.actions.known), (2, 0));
    let other = AssetAction {
        asset: "DEF".parse().unwrap(),
        ..split("S-1", "ABC", 1)
    };
    let next = acted(vec![split("S-2", "ABC", 2), other, split("S-3", "ABC", 3)]);
    let receipt = store.import(&next).await.unwrap();
    let found = &receipt.actions;
    let counts = (found.appended, found.known, found.conflict_count);
    assert_eq!((receipt.import_id, counts), (None, (1, 1, 1)));
    let conflict = &found.conflicts[0];
    assert_eq!(
        (conflict.order_id.as_str(), conflict.column),
        ("S-1", "asset")
    );
    assert_eq!(ids(store, None).await, "S-1 S-2");
    let skipping = changed(next, |file| file.skip_conflicts = true);
    store.import(&skipping).await.unwrap();
    assert_eq!(ids(store, None).await, "S-1 S-2 S-3");
    // An action of all accounts is another one.
    let of_all = AssetAction {
        account: None,
        ..split("S-1", "ABC", 1)
    };
    let twice = acted(vec![of_all.clone(), of_all]);
    let receipt = store.import(&twice).await.unwrap();
    assert_eq!((receipt.actions.appended, receipt.actions.known), (1, 1));
}

pub async fn actions_obey_an_undo_a_preview_and_a_watermark(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "100", 1)]).await;
    let before = now(store).await;
    let preview = changed(acted(vec![split("S-1", "ABC", 1)]), |file| {
        file.preview = true
    });
    let receipt = store.import(&preview).await.unwrap();
    assert_eq!((receipt.import_id, receipt.actions.appended), (None, 1));
    assert_eq!(ids(store, None).await, "");
    store
        .import(&acted(vec![split("S-1", "ABC", 1)]))
        .await
        .unwrap();
    let with_one = now(store).await;
    store
        .import(&acted(vec![split("S-2", "ABC", 2)]))
        .await
        .unwrap();
    let undone = store.undo_import(&undo(2, false)).await.unwrap();
    assert_eq!((undone.trades, undone.actions), (0, 1));
    let later = now(store).await;
    for (as_of, expected) in [(&before, ""), (&with_one, "S-1"), (&later, "S-2")] {
        assert_eq!(ids(store, Some(as_of)).await, expected);
        let read_back = Watermark::from_json(&as_of.to_json()).unwrap();
        assert_eq!(ids(store, Some(&read_back)).await, expected);
    }
    store.undo_import(&undo(2, true)).await.unwrap();
    assert_eq!(ids(store, None).await, "S-1 S-2");
}

/// The row that takes an action out.
fn void_of(action: &AssetAction, id: &str) -> AssetAction {
    AssetAction {
        action_id: id.parse().unwrap(),
        voids: Some(action.action_id.clone()),
        note: Some("stored twice".into()),
        ..action.clone()
    }
}

pub async fn a_word_takes_an_action_out(subject: &dyn Subject) {
    let store = subject.store();
    let of_all = AssetAction {
        account: None,
        ..split("S-1", "ABC", 1)
    };
    let file = acted(vec![
        split("S-1", "ABC", 1),
        of_all.clone(),
        split("S-2", "ABC", 2),
    ]);
    store.import(&file).await.unwrap();
    let before = now(store).await;
    let void = void_of(&of_all, "V-1");
    store.import(&acted(vec![void.clone()])).await.unwrap();
    // The action of that id in one account stays.
    assert_eq!(ids(store, None).await, "S-1 S-2");
    assert_eq!(ids(store, Some(&before)).await, "S-1 S-1 S-2");
    let left = store.actions(None).await.unwrap();
    assert!(left.iter().all(|it| it.account.is_some()), "{left:?}");
    let stored = store.stored_actions().await.unwrap();
    let last = stored.last().unwrap();
    assert_eq!((stored.len(), &last.action), (4, &void));
    assert_eq!((last.import_id, last.is_undone), (2, false));
    // The word stands after an undo of the file, too.
    store.undo_import(&undo(1, false)).await.unwrap();
    let again = store.import(&file).await.unwrap().actions;
    assert_eq!((again.appended, again.known, again.renewed), (2, 1, 2));
    assert_eq!(ids(store, None).await, "S-1~2 S-2~2");
    store.undo_import(&undo(3, false)).await.unwrap();
    store.undo_import(&undo(1, true)).await.unwrap();
    // An undo of the word brings the action back.
    store.undo_import(&undo(2, false)).await.unwrap();
    assert_eq!(ids(store, None).await, "S-1 S-1 S-2");
    assert!(store.stored_actions().await.unwrap()[3].is_undone);
}
