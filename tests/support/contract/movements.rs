//! Movements: appended with a file, known by their ids, out with their import.

use std::sync::Arc;

use fifo_pnl::engine::{
    AssetRules, Direction, LedgerTrade, MovedFrom, Movement, MovementKind, PoolOutcome, PoolResult,
    Timestamp, Transfer, TransferDecision, compute_pool, find_moves, tied_pools,
};
use fifo_pnl::store::model::{Completion, ImportBatch, Scope, Watermark};
use fifo_pnl::store::{Store, proof, transfers};

use crate::subject::{
    Run, Subject, append, at, batch, changed, decided, event, lock, moved, movement, of, refusal,
    trade, undo,
};

fn bare(id: &str, seconds: i64) -> Movement {
    Movement {
        direction: Direction::Out,
        kind: MovementKind::Withdrawal,
        size: "0.0000000000000000000000000001".parse().unwrap(),
        fee: None,
        usd_value: None,
        settled_at: None,
        tx_id: None,
        exchange: None,
        ..movement(id, seconds)
    }
}

async fn ids(store: &dyn Store) -> String {
    let movements = store.movements(None).await.unwrap();
    let ids = movements.iter().map(|it| it.movement_id.to_string());
    ids.collect::<Vec<_>>().join(" ")
}

pub async fn movements_come_back_with_every_fact(subject: &dyn Subject) {
    let store = subject.store();
    let rebate = Movement {
        fee: Some(("-0.5".parse().unwrap(), "BTC".parse().unwrap())),
        ..movement("M-3", 1)
    };
    let of_other = Movement {
        account: "a".parse().unwrap(),
        ..bare("M-1", 9)
    };
    let rows = vec![movement("M-1", 5), bare("M-2", 3), rebate, of_other];
    let file = ImportBatch {
        movements: rows.clone(),
        ..batch(vec![trade("B-1", "buy", "1", "100", 1)])
    };
    let receipt = store.import(&file).await.unwrap();
    assert_eq!((receipt.appended, receipt.movements.appended), (1, 4));
    // By account, time and id.
    let [first, second, third, fourth] = rows.try_into().unwrap();
    let expected = vec![fourth, third, second, first];
    assert_eq!(store.movements(None).await.unwrap(), expected);
    assert_eq!(store.movement_count().await.unwrap(), 4);
    assert_eq!(store.ledger_counts().await.unwrap().rows, 1);
    let events = subject.events().await.join("\n");
    assert!(events.contains("movements"), "{events}");
}

pub async fn a_movement_is_known_or_a_conflict(subject: &dyn Subject) {
    let store = subject.store();
    let first = moved(vec![
        movement("M-1", 1),
        movement("M-2", 2),
        movement("M-1", 1),
    ]);
    let receipt = store.import(&first).await.unwrap();
    assert_eq!(
        (receipt.movements.appended, receipt.movements.known),
        (2, 1)
    );
    let other = Movement {
        size: "1.26".parse().unwrap(),
        ..movement("M-1", 1)
    };
    let next = moved(vec![movement("M-2", 2), other, movement("M-3", 3)]);
    let receipt = store.import(&next).await.unwrap();
    let found = &receipt.movements;
    assert_eq!(
        (found.appended, found.known, found.conflict_count),
        (1, 1, 1)
    );
    assert_eq!((receipt.import_id, receipt.has_conflicts()), (None, true));
    let conflict = &found.conflicts[0];
    assert_eq!(
        (conflict.order_id.as_str(), conflict.column),
        ("M-1", "size")
    );
    assert_eq!((&*conflict.in_file, &*conflict.in_ledger), ("1.26", "1.25"));
    assert_eq!(ids(store).await, "M-1 M-2");
    let skipping = changed(next, |file| file.skip_conflicts = true);
    let receipt = store.import(&skipping).await.unwrap();
    assert!(receipt.import_id.is_some());
    assert_eq!(ids(store).await, "M-1 M-2 M-3");
    // Another account has ids of its own.
    let elsewhere = Movement {
        account: "two".parse().unwrap(),
        ..bare("M-1", 1)
    };
    let receipt = store.import(&moved(vec![elsewhere])).await.unwrap();
    assert_eq!(receipt.movements.appended, 1);
}

pub async fn trades_and_movements_share_one_namespace(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("X", "buy", "1", "100", 1)]).await;
    let words = refusal(store.import(&moved(vec![movement("X", 2)])).await);
    assert_eq!(
        words,
        "trade \"X\" of account \"default\" has the id of a movement: each record of an account \
         needs an id of its own"
    );
    let both = ImportBatch {
        movements: vec![movement("Y", 2)],
        ..batch(vec![trade("Y", "buy", "1", "100", 1)])
    };
    assert!(refusal(store.import(&both).await).contains("\"Y\""));
    assert_eq!(ids(store).await, "");
    store.import(&moved(vec![movement("Z", 2)])).await.unwrap();
    let later = batch(vec![trade("Z", "buy", "1", "100", 1)]);
    assert!(refusal(store.import(&later).await).contains("\"Z\""));
    let elsewhere = of("two", "BTC-USD", trade("Z", "buy", "1", "100", 1));
    append(store, vec![elsewhere]).await;
    assert_eq!(store.ledger_counts().await.unwrap().rows, 2);
}

pub async fn movements_obey_an_undo_and_a_preview(subject: &dyn Subject) {
    let store = subject.store();
    let preview = changed(moved(vec![movement("M-1", 1)]), |file| file.preview = true);
    let receipt = store.import(&preview).await.unwrap();
    assert_eq!((receipt.import_id, receipt.movements.appended), (None, 1));
    assert_eq!(store.movement_count().await.unwrap(), 0);
    store
        .import(&moved(vec![movement("M-1", 1)]))
        .await
        .unwrap();
    store
        .import(&moved(vec![movement("M-2", 2)]))
        .await
        .unwrap();
    let undone = store.undo_import(&undo(1, false)).await.unwrap();
    assert_eq!((undone.trades, undone.movements), (0, 1));
    assert_eq!(ids(store).await, "M-2");
    let again = store
        .import(&moved(vec![movement("M-1", 1)]))
        .await
        .unwrap();
    assert_eq!((again.movements.appended, again.movements.known), (1, 0));
    assert_eq!(ids(store).await, "M-1~2 M-2");
    store.undo_import(&undo(3, false)).await.unwrap();
    store.undo_import(&undo(1, true)).await.unwrap();
    assert_eq!(ids(store).await, "M-1 M-2");
}

pub async fn movements_and_decisions_are_read_as_of_an_instant(subject: &dyn Subject) {
    let store = subject.store();
    let now = || async {
        let read = store.read_ledger(&Scope::default(), None).await.unwrap();
        read.watermark
    };
    let before = now().await;
    let coming = Movement {
        account: "two".parse().unwrap(),
        size: "1.2345678".parse().unwrap(),
        ..movement("M-2", 9)
    };
    let going = Movement {
        size: "1.2345678".parse().unwrap(),
        asset: coming.asset.clone(),
        fee: None,
        ..bare("M-1", 5)
    };
    store
        .import(&moved(vec![going, coming.clone()]))
        .await
        .unwrap();
    let with_both = now().await;
    let decisions = vec![
        decided("unpair", "default/M-1", "two/M-2"),
        TransferDecision {
            note: None,
            ..decided("pair", "default/M-1", "two/M-9")
        },
    ];
    store.decide_transfers(&decisions).await.unwrap();
    assert_eq!(store.transfer_decisions(None).await.unwrap(), decisions);
    let with_decisions = now().await;
    store.undo_import(&undo(1, false)).await.unwrap();
    let expected = [
        (&before, 0, 0, 0),
        (&with_both, 2, 0, 1),
        (&with_decisions, 2, 2, 0),
        (&now().await, 0, 2, 0),
    ];
    for (as_of, rows, decided, paired) in expected {
        let read_back = Watermark::from_json(&as_of.to_json()).unwrap();
        for as_of in [as_of, &read_back] {
            let found = store.movements(Some(as_of)).await.unwrap();
            let decisions = store.transfer_decisions(Some(as_of)).await.unwrap();
            assert_eq!((found.len(), decisions.len()), (rows, decided));
            let pairing = transfers(store, &AssetRules::default(), Some(as_of)).await;
            assert_eq!(pairing.unwrap().transfers.len(), paired);
        }
    }
    // All or none: an empty note is no note.
    let empty = TransferDecision {
        note: Some(String::new()),
        ..decisions[0].clone()
    };
    let both = [decisions[0].clone(), empty];
    assert!(store.decide_transfers(&both).await.is_err());
    words_about_one_movement(store).await;
    assert_eq!(store.transfer_decisions(None).await.unwrap().len(), 2);
    let events = subject.events().await.join("\n");
    assert_eq!(events.matches("two/M-9").count(), 1, "{events}");
}

/// A word about one movement has one movement, and only income has a value.
async fn words_about_one_movement(store: &dyn Store) {
    let valued = TransferDecision {
        usd_value: Some("1.5".parse().unwrap()),
        ..decided("booked", "one/M-1", "one/M-1")
    };
    assert!(store.decide_transfers(&[valued]).await.is_err());
    for mixed in [
        decided("booked", "one/M-1", "two/M-9"),
        decided("pair", "one/M-1", "one/M-1"),
    ] {
        assert!(store.decide_transfers(&[mixed]).await.is_err());
    }
}

/// The outcomes of all pools, with 2 of the 5 units of B-1 in the other account.
async fn moved_outcomes(store: &dyn Store) -> Vec<PoolOutcome> {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let mut pools = read.pools;
    let asset = pools.keys().next().unwrap().asset.clone();
    let transfer = Transfer {
        asset,
        from: "default".parse().unwrap(),
        withdrawal: "W-1".parse().unwrap(),
        sent_at: at(2),
        sent: "2".parse().unwrap(),
        to: "two".parse().unwrap(),
        deposit: "D-1".parse().unwrap(),
        received_at: at(3),
        received: "2".parse().unwrap(),
        fee: None,
        usd_value: None,
    };
    let groups = tied_pools(&[transfer]);
    for (pool, moves) in find_moves(&groups[0], |pool| pools.get(pool)) {
        pools.get_mut(&pool).unwrap().moves = Some(Arc::new(moves));
    }
    let outcomes = pools.into_values().map(|ledger| compute_pool(ledger, None));
    outcomes.collect()
}

/// Two sells of lot B-2 in the other account, and between them the older lot B-1 arrives.
async fn append_rows_of_two_accounts(store: &dyn Store) {
    let of_two = |row: LedgerTrade| LedgerTrade {
        account: "two".parse().unwrap(),
        ..row
    };
    let mut early = trade("S-0", "sell", "1", "115", 2);
    let after = at(2).as_micros() + 1;
    early.trade.order_time = Timestamp::try_from_micros(after).unwrap();
    let rows = [
        trade("B-2", "buy", "3", "110", 2),
        early,
        trade("S-1", "sell", "1", "120", 9),
        trade("S-2", "sell", "2", "130", 11),
    ];
    let mut rows: Vec<LedgerTrade> = rows.into_iter().map(of_two).collect();
    rows.push(trade("B-1", "buy", "5", "100", 1));
    append(store, rows).await;
}

/// Writes a version whose lots moved.
async fn write_moved(store: &dyn Store) -> (Vec<PoolOutcome>, Completion) {
    let (run, held) = (Run::default(), lock(store).await);
    let (plan, _) = run.prepare(store).await.unwrap();
    let outcomes = moved_outcomes(store).await;
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 7).await.unwrap();
    }
    let completion = run.completion(&outcomes);
    writer.finish(&completion).await.unwrap();
    held.release().await;
    (outcomes, completion)
}

pub async fn lots_that_moved_come_back_with_their_origins(subject: &dyn Subject) {
    let store = subject.store();
    append_rows_of_two_accounts(store).await;
    let (outcomes, completion) = write_moved(store).await;

    let moves = store.lot_moves(1).await.unwrap();
    assert_eq!(moves, completion.lot_moves);
    let told: Vec<String> = moves
        .iter()
        .map(|it| {
            format!(
                "{}/{} {} of {} at {}",
                it.from, it.withdrawal, it.size, it.buy_order_id, it.cost_usd
            )
        })
        .collect();
    assert_eq!(told, ["default/W-1 2 of B-1 at 200"]);
    let receiving = outcomes
        .iter()
        .find(|it| it.pool.account.as_str() == "two")
        .unwrap();
    let stored = store.stored_pool(1, &receiving.pool).await.unwrap();
    let origin = MovedFrom {
        account: Some("default".parse().unwrap()),
        movement: "D-1".parse().unwrap(),
    };
    let of_row: Vec<_> = stored
        .allocations
        .iter()
        .map(|row| row.moved.as_deref())
        .collect();
    assert_eq!(of_row, [None, Some(&origin), Some(&origin), None]);
    assert_eq!(stored.allocations[1].cost_basis_usd, "100".parse().ok());
    let lots: Vec<_> = stored
        .open_lots
        .iter()
        .map(|lot| lot.moved.as_deref())
        .collect();
    assert_eq!(lots, [None]);
    let PoolResult::Matched(matching) = &receiving.result else {
        panic!("{receiving:?}");
    };
    let rows = matching.rows().unwrap();
    assert_eq!(
        stored
            .allocations
            .iter()
            .map(|it| it.row())
            .collect::<Vec<_>>(),
        rows
    );

    // Its rows are in order and add up, and no buy of another account is taken for one of this.
    let info = store.versions().await.unwrap().remove(0);
    proof::check_version(store, &info).await.unwrap();

    // A version that is dropped keeps none.
    let second = Run {
        seconds: 20,
        ..Run::default()
    };
    second.go(store).await.unwrap();
    store.drop_version(1, &event("drop", 30)).await.unwrap();
    assert_eq!(store.lot_moves(1).await.unwrap(), []);
}
