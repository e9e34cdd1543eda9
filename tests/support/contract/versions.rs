//! Runs, and the versions that they write.

use fifo_pnl::engine::{Matching, Pool, PoolResult, PoolStatus, RowsHash, StoredLot, WholeLot};
use fifo_pnl::store::model::{Current, Exclusion, RetryNote, VersionStatus};
use fifo_pnl::store::{Store, StoreError};
use serde_json::json;

use crate::subject::{
    self, Run, Subject, Written, append, at, event, exported, failure, holder, of, pointer, pool,
    refusal, trade,
};

/// Appends trades of three pools: matched, unmatched in part, and with an unknown fee.
async fn fill(store: &dyn Store) {
    let mut no_fee = of("two", "BTC-USD", trade("S-1", "sell", "0.5", "100", 2));
    no_fee.trade.fee = None;
    let mut fee = trade("B-1", "buy", "1.5", "100.123456789012345", 1);
    fee.trade.fee = Some("0.1".parse().unwrap());
    append(
        store,
        vec![
            of("two", "BTC-USD", trade("B-1", "buy", "1.5", "90", 1)),
            no_fee,
            of("default", "ETH-USD", trade("S-2", "sell", "3", "10", 2)),
            trade("S-1", "sell", "0.7", "110", 3),
            trade("S-10", "sell", "1.3", "120", 4),
            fee,
            trade("B-2", "buy", "1", "105", 2),
        ],
    )
    .await;
}

async fn run(store: &dyn Store, run: Run) -> Written {
    run.go(store).await.unwrap()
}

async fn statuses(store: &dyn Store) -> Vec<String> {
    let versions = store.versions().await.unwrap();
    let text = |info: &fifo_pnl::store::model::VersionInfo| {
        format!("{} {}", info.version, info.status.as_str())
    };
    versions.iter().map(text).collect()
}

async fn current(store: &dyn Store) -> (Option<i64>, bool) {
    let current = store.current().await.unwrap();
    (current.version, current.held)
}

pub async fn the_run_lock_has_one_holder(subject: &dyn Subject) {
    let store = subject.store();
    let first = holder("compute --all-symbols");
    let lock = store.lock_runs(&first).await.unwrap();
    for _ in 0..2 {
        match store.lock_runs(&holder("another")).await {
            Err(StoreError::Locked(found)) => assert_eq!(found, first),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("two hold the lock"),
        }
    }
    lock.release().await;
    let second = holder("another");
    let lock = store.lock_runs(&second).await.unwrap();
    match store.lock_runs(&first).await {
        Err(StoreError::Locked(found)) => assert_eq!(found, second),
        _ => panic!("two hold the lock"),
    }
    lock.release().await;
    assert!(store.lock_runs(&first).await.is_ok());
}

pub async fn a_run_is_logged_before_its_work(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let scoped = Run::of_symbol("ETH-USD");
    assert_eq!(store.begin_run(&scoped.start(1)).await.unwrap(), 1);
    let runs = subject.runs().await;
    assert!(
        runs[0].starts_with("1 running [ETH-USD] Some(1) scoped 4711@test-host by ann "),
        "{runs:?}"
    );
    assert_eq!(store.next_version().await.unwrap(), 2);
    let written = run(store, Run::default()).await;
    let runs = subject.runs().await;
    assert!(
        runs[1].starts_with("2 completed [] Some(2) full"),
        "{runs:?}"
    );
    let pnl = &written.completion.counts.pnl;
    assert!(
        runs[1].contains(&format!("| 3 4 4 3 0 1 1 0 9 Some(\"{pnl}\") |")),
        "{runs:?}"
    );
}

pub async fn a_failed_run_is_closed_once(subject: &dyn Subject) {
    let store = subject.store();
    let run_id = store.begin_run(&Run::default().start(1)).await.unwrap();
    store.fail_run(run_id, &failure(210)).await.unwrap();
    let runs = subject.runs().await;
    assert!(runs[0].starts_with("1 failed"), "{runs:?}");
    assert!(runs[0].contains("no space left on device"), "{runs:?}");
    assert!(runs[0].contains("interrupted"), "{runs:?}");
    store.fail_run(run_id, &failure(999)).await.unwrap();
    assert_eq!(subject.runs().await, runs, "what is closed stays as it is");
    let events = subject.events().await;
    assert!(events[0].starts_with("run error"), "{events:?}");
}

pub async fn a_retry_is_written_into_its_row(subject: &dyn Subject) {
    let store = subject.store();
    let run_id = store.begin_run(&Run::default().start(1)).await.unwrap();
    assert!(subject.runs().await[0].ends_with(" None 0"));
    for retry_count in [1, 2] {
        let details = json!({ "retries": ["lost"] });
        let note = RetryNote {
            retry_count,
            at: at(150),
            details,
        };
        store.log_retry(run_id, &note).await.unwrap();
        let runs = subject.runs().await;
        let end = format!(r#"Some("{{\"retries\":[\"lost\"]}}") {retry_count}"#);
        assert!(
            runs[0].starts_with("1 running") && runs[0].ends_with(&end),
            "{runs:?}"
        );
    }
    store.fail_run(run_id, &failure(210)).await.unwrap();
    let closed = subject.runs().await;
    assert!(closed[0].ends_with(" 2"), "{closed:?}");
    let note = RetryNote {
        retry_count: 3,
        at: at(300),
        details: json!({}),
    };
    let refused = store.log_retry(run_id, &note).await.unwrap_err();
    assert!(matches!(refused, StoreError::RunClosed(_)), "{refused}");
    assert_eq!(subject.runs().await, closed);
    // Nothing was lost, and nothing is under way: both have nothing to do.
    let lock = store.lock_runs(&holder("a run")).await.unwrap();
    store.renew_lock(&holder("a run")).await.unwrap();
    store.interrupt(&holder("a run")).await.unwrap();
    assert!(store.lock_runs(&holder("another")).await.is_err());
    lock.release().await;
    store
        .lock_runs(&holder("another"))
        .await
        .unwrap()
        .release()
        .await;
}

pub async fn orphans_are_closed(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    store.begin_run(&Run::default().start(2)).await.unwrap();
    store.begin_run(&Run::default().start(3)).await.unwrap();
    let mut later = holder("the next");
    later.since = at(500);
    assert_eq!(store.close_orphans(&later).await.unwrap(), 2);
    assert_eq!(store.close_orphans(&later).await.unwrap(), 0);
    let runs = subject.runs().await;
    assert!(runs[0].starts_with("1 completed"));
    for closed in &runs[1..] {
        assert!(closed.contains(" failed ") && closed.contains("process ended"));
        assert!(closed.contains(&format!("Some({})", at(500).as_micros())));
    }
}

pub async fn a_number_is_never_used_again(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    assert_eq!(store.next_version().await.unwrap(), 1);
    run(store, Run::unpublished()).await;
    assert_eq!(store.next_version().await.unwrap(), 2);
    // A run that fails before it writes, and one whose version is never finished.
    let run_id = store.begin_run(&Run::default().start(2)).await.unwrap();
    store.fail_run(run_id, &failure(1)).await.unwrap();
    assert_eq!(store.next_version().await.unwrap(), 3);
    let plan = Run::default().abandon(store).await.unwrap();
    assert_eq!((plan.version, store.next_version().await.unwrap()), (3, 4));
    run(store, Run::unpublished()).await;
    store.drop_version(4, &event("drop", 1)).await.unwrap();
    assert_eq!(store.next_version().await.unwrap(), 5);
    // A number ahead of the others counts too.
    let ahead = Run {
        version: Some(9),
        ..Run::unpublished()
    };
    run(store, ahead).await;
    assert_eq!(store.next_version().await.unwrap(), 10);
    assert_eq!(
        statuses(store).await,
        ["1 completed", "4 dropped", "9 completed"]
    );
}

pub async fn a_version_reads_back_as_it_was_made(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let written = run(store, Run::default()).await;
    let version = written.version;

    let info = &store.versions().await.unwrap()[0];
    let (plan, completion) = (&written.plan, &written.completion);
    assert_eq!((info.version, info.status), (1, VersionStatus::Completed));
    assert_eq!((info.scope.as_str(), info.origin), ("all", plan.origin));
    assert_eq!(info.ledger_hash, Some(completion.ledger_hash));
    assert_eq!(info.allocations_hash, Some(completion.allocations_hash));
    assert_eq!(
        (&info.policy, &info.watermark),
        (&plan.policy, &plan.watermark)
    );
    assert_eq!(info.engine_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.complete_through, Some(at(4)));
    assert_eq!(
        (info.created_at, info.completed_at),
        (at(200), Some(at(202)))
    );
    assert_eq!((info.published_at, &info.sealed), (Some(at(202)), &None));

    let summaries = store.pool_summaries(version).await.unwrap();
    let pools: Vec<Pool> = written.outcomes.iter().map(|o| o.pool.clone()).collect();
    assert_eq!(pools.len(), 3);
    assert_eq!(store.pools_with_rows(version).await.unwrap(), pools);
    assert_eq!(summaries.len(), 3);
    let (mut id, mut hash, mut unmatched) = (0, RowsHash::EMPTY, Vec::new());
    for (outcome, summary) in written.outcomes.iter().zip(&summaries) {
        let PoolResult::Matched(matching) = &outcome.result else {
            panic!("{} is not matched", outcome.pool);
        };
        assert_eq!(
            (&summary.pool, summary.status),
            (&outcome.pool, PoolStatus::Matched)
        );
        assert_eq!(summary.totals, matching.totals);
        assert_eq!(summary.ledger_hash, outcome.ledger_hash);
        let made = matching.allocations_hash().unwrap();
        assert_eq!(summary.allocations_hash, made);
        assert_eq!(
            summary.last.as_ref().map(|last| last.order_time),
            matching.trades.last().map(|t| t.order_time)
        );
        assert_eq!(summary.error, None);
        let stored = store.stored_pool(version, &outcome.pool).await.unwrap();
        assert_eq!(stored.unreadable, []);
        assert_eq!(stored.allocations.len(), matching.rows().unwrap().len());
        for (stored, made) in stored.allocations.iter().zip(matching.rows().unwrap()) {
            id += 1;
            assert_eq!((stored.id, stored.row()), (id, made));
            if made.notes.unmatched {
                unmatched.push(Ok(stored.clone()));
            }
        }
        assert_eq!(stored.open_lots, lots_of(matching));
        hash.add(summary.allocations_hash);
    }
    assert_eq!(hash, completion.allocations_hash);
    assert_eq!(store.unmatched_rows(version).await.unwrap(), unmatched);
    assert_eq!(unmatched.len(), 1);
    let nothing = store.stored_pool(version, &pool("XRP-USD")).await.unwrap();
    assert!(nothing.allocations.is_empty() && nothing.open_lots.is_empty());
}

fn lots_of(matching: &Matching) -> Vec<StoredLot> {
    let lots = matching.open_lots_with_buys().map(Result::unwrap);
    lots.map(|(buy, lot)| StoredLot {
        buy_order_id: buy.order_id.parse().unwrap(),
        buy_leg: buy.leg,
        symbol: matching.pool.symbol_of(buy.symbol).parse().unwrap(),
        remaining_size: lot.remaining_size,
        remaining_cost_usd: lot.remaining_cost,
        direction: buy.side.opens(),
        moved: None,
        whole: buy
            .to_trade()
            .ok()
            .as_ref()
            .and_then(WholeLot::of)
            .map(Box::new),
    })
    .collect()
}

pub async fn an_export_is_in_canonical_order(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    // Sorts between the two as bytes: accounts are compared, not the line.
    let extra = |account, id| of(account, "BTC-USD", trade(id, "sell", "1", "1", 9));
    append(
        store,
        vec![extra("two-b", "S"), extra("Z", "S"), extra("two", "S-0")],
    )
    .await;
    let written = run(store, Run::default()).await;
    let lines = exported(store, written.version).await;
    let pools: Vec<String> = lines
        .iter()
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let mut sorted = pools.clone();
    sorted.sort();
    assert_eq!(pools, sorted);
    assert_eq!(pools[0], "Z BTC-USD");
    let mut hash = RowsHash::EMPTY;
    for line in &lines {
        hash.add_row(line.as_bytes());
    }
    assert_eq!(hash, written.completion.allocations_hash);
    let infos = store.versions().await.unwrap();
    assert_eq!(infos[0].allocations_hash, Some(hash));
}

pub async fn ids_go_on_from_version_to_version(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let ids = async |version| {
        let rows = store.stored_pool(version, &pool("ETH-USD")).await.unwrap();
        rows.allocations
            .iter()
            .map(|row| row.id)
            .collect::<Vec<_>>()
    };
    run(store, Run::default()).await;
    let rows = exported(store, 1).await.len() as i64;
    let scoped = run(store, Run::of_symbol("ETH-USD")).await;
    assert_eq!(ids(scoped.version).await, [rows + 1]);
    Run::of_symbol("ETH-USD").abandon(store).await.unwrap();
    let scoped = run(store, Run::of_symbol("ETH-USD")).await;
    assert_eq!(ids(scoped.version).await, [rows + 2]);
}

pub async fn a_version_that_is_not_finished_leaves_nothing(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    let events = subject.events().await;
    let before = exported(store, 1).await;
    let plan = Run::default().abandon(store).await.unwrap();
    assert_eq!(statuses(store).await, ["1 completed"]);
    assert_eq!(current(store).await, (Some(1), false));
    assert_eq!(store.pool_summaries(plan.version).await.unwrap(), []);
    assert_eq!(store.pools_with_rows(plan.version).await.unwrap(), []);
    assert_eq!(subject.events().await, events);
    // Nor of a version that it would have replaced.
    let replaces = Run {
        version: Some(1),
        replaces: true,
        ..Run::default()
    };
    append(store, vec![trade("S-11", "sell", "1", "1", 9)]).await;
    replaces.abandon(store).await.unwrap();
    assert_eq!(exported(store, 1).await, before);
    assert_eq!(statuses(store).await, ["1 completed"]);
    // The next writer can begin.
    store.fail_run(2, &failure(9)).await.unwrap();
    run(store, Run::default()).await;
}

pub async fn readers_see_a_version_whole_or_not_at_all(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let first = Run::default();
    run(store, first.clone()).await;
    let before = exported(store, 1).await;
    append(store, vec![trade("S-11", "sell", "0.5", "1", 9)]).await;
    let replaces = Run {
        version: Some(1),
        replaces: true,
        ..first
    };
    let lock = subject::lock(store).await;
    let (plan, outcomes) = replaces.prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    assert_eq!(exported(store, 1).await, before);
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
        assert_eq!(exported(store, 1).await, before);
        assert_eq!(
            store.versions().await.unwrap()[0].status,
            VersionStatus::Completed
        );
    }
    writer
        .finish(&replaces.completion(&outcomes))
        .await
        .unwrap();
    lock.release().await;
    assert_eq!(exported(store, 1).await.len(), before.len() + 1);
}

pub async fn an_import_meanwhile_is_not_lost(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = Run::default().prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    let completion = Run::default().completion(&outcomes);
    let import = append(store, vec![trade("S-11", "sell", "0.5", "1", 9)]);
    let (done, ()) = tokio::join!(writer.finish(&completion), import);
    done.unwrap();
    lock.release().await;
    let info = &store.versions().await.unwrap()[0];
    let trades = async |as_of| {
        let read = store.read_ledger(&plan.scope, as_of).await.unwrap();
        read.pools.values().map(|p| p.trades.len()).sum::<usize>()
    };
    assert_eq!(trades(Some(&info.watermark)).await, 7);
    assert_eq!(trades(None).await, 8);
    // One writer waited for another, so the import came after the version.
    if info.watermark.sequence().is_some() {
        let events = subject.events().await;
        assert!(events[events.len() - 1].starts_with("import"), "{events:?}");
    }
}

pub async fn a_pool_is_written_once(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = Run::default().prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    writer.load(&outcomes[0], 0).await.unwrap();
    let error = writer.load(&outcomes[0], 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    drop(writer);
    assert_eq!(statuses(store).await.len(), 0);
    // The lock is held until the run lets it go, and serves another try.
    assert!(store.lock_runs(&holder("another")).await.is_err());
    Run::default().go_locked(store).await.unwrap();
    lock.release().await;
    assert!(store.lock_runs(&holder("another")).await.is_ok());
}

pub async fn rejected_and_excluded_pools_have_a_summary(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    append(
        store,
        vec![of("default", "BTC-EUR", trade("E-1", "buy", "1", "1", 8))],
    )
    .await;
    let exclusion = Exclusion {
        pool: pool("ETH-USD"),
        reason: "still being sorted out".into(),
        decided_by: "ann".into(),
        decided_at: at(150),
    };
    store.set_exclusion(&exclusion, true).await.unwrap();
    let written = run(store, Run::default()).await;
    let infos = store.versions().await.unwrap();
    assert_eq!(infos[0].status, VersionStatus::Partial);
    let summaries = store.pool_summaries(written.version).await.unwrap();
    let lines: Vec<String> = summaries
        .iter()
        .map(|s| {
            format!(
                "{} {} {} {:?}",
                s.pool,
                s.status.as_str(),
                s.totals.trades,
                s.error
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "default BTC-EUR rejected 1 Some(\"BTC-EUR is priced in EUR, not in USD\")",
            "default BTC-USD matched 4 None",
            "default ETH-USD excluded 1 Some(\"still being sorted out\")",
            "two BTC-USD matched 2 None",
        ]
    );
    assert_eq!(summaries[0].allocations_hash, RowsHash::EMPTY);
    assert_eq!(summaries[0].ledger_hash, written.outcomes[0].ledger_hash);
    assert_eq!(summaries[0].last, None);
    assert_eq!(
        store.pools_with_rows(written.version).await.unwrap().len(),
        2
    );
}

pub async fn publishing_moves_the_pointer(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    assert_eq!(store.current().await.unwrap(), Current::default());
    run(store, Run::unpublished()).await;
    assert_eq!(current(store).await, (None, false));
    run(store, Run::default()).await;
    assert_eq!(current(store).await, (Some(2), false));
    run(
        store,
        Run {
            held: true,
            ..Run::default()
        },
    )
    .await;
    assert_eq!(current(store).await, (Some(3), true));
    run(store, Run::unpublished()).await;
    assert_eq!(current(store).await, (Some(3), true));
    let published: Vec<bool> = store
        .versions()
        .await
        .unwrap()
        .iter()
        .map(|info| info.published_at.is_some())
        .collect();
    assert_eq!(published, [false, true, true, false]);
}

pub async fn the_pointer_moves_by_hand(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::unpublished()).await;
    run(store, Run::default()).await;
    store.move_pointer(&pointer(1, true)).await.unwrap();
    assert_eq!(current(store).await, (Some(1), true));
    let infos = store.versions().await.unwrap();
    assert_eq!(infos[0].published_at, Some(at(300)));
    store.move_pointer(&pointer(2, false)).await.unwrap();
    assert_eq!(current(store).await, (Some(2), false));
    let infos = store.versions().await.unwrap();
    assert_eq!(infos[1].published_at, Some(at(202)), "when it first was");
    let events = subject.events().await;
    let last = events.last().unwrap();
    assert!(
        last.starts_with("publish info - - - v2 {\"by\":\"ann\",\"held\":false}"),
        "{last}"
    );
}

pub async fn the_pointer_refuses_what_is_not_whole(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    let scoped = run(store, Run::of_symbol("ETH-USD")).await;
    let words = refusal(store.move_pointer(&pointer(scoped.version, false)).await);
    assert!(
        words.starts_with("version 1 is completed with scope {"),
        "{words}"
    );
    run(store, Run::unpublished()).await;
    store.drop_version(2, &event("drop", 1)).await.unwrap();
    let words = refusal(store.move_pointer(&pointer(2, true)).await);
    assert!(
        words.starts_with("version 2 is dropped with scope all"),
        "{words}"
    );
    assert_eq!(current(store).await, (None, false));
}

pub async fn a_version_is_replaced(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    let before = exported(store, 1).await.len() as i64;
    append(store, vec![trade("S-11", "sell", "1", "1", 9)]).await;
    let again = Run {
        version: Some(1),
        replaces: true,
        seconds: 400,
        ..Run::default()
    };
    let written = run(store, again).await;
    let infos = store.versions().await.unwrap();
    assert_eq!(infos.len(), 1);
    assert_eq!(
        infos[0].allocations_hash,
        Some(written.completion.allocations_hash)
    );
    assert_eq!(
        (infos[0].created_at, infos[0].completed_at),
        (at(400), Some(at(402)))
    );
    assert_eq!(infos[0].published_at, Some(at(202)), "when it first was");
    assert_eq!(infos[0].watermark, written.plan.watermark);
    let lines = exported(store, 1).await;
    assert!(lines.iter().any(|line| line.contains("S-11")));
    let rows = store.stored_pool(1, &pool("BTC-USD")).await.unwrap();
    let ids: Vec<i64> = rows.allocations.iter().map(|row| row.id).collect();
    let begin = if ids[0] == 1 { 1 } else { before + 1 };
    let expected: Vec<i64> = (begin..).take(ids.len()).collect();
    assert_eq!(ids, expected, "its own numbers, or the next");
    assert_eq!(store.next_version().await.unwrap(), 2);
}

pub async fn a_number_that_is_taken_is_refused(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    store.seal(1, "filed", &event("seal", 1)).await.unwrap();
    let before = (store.versions().await.unwrap(), exported(store, 1).await);
    let again = Run {
        version: Some(1),
        ..Run::default()
    };
    let words = refusal(again.go(store).await);
    assert_eq!(words, "version 1 exists: a number is never used again");
    assert_eq!(
        (store.versions().await.unwrap(), exported(store, 1).await),
        before
    );
}

pub async fn what_may_not_be_replaced_is_refused(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::unpublished()).await;
    run(store, Run::unpublished()).await;
    run(store, Run::of_symbol("ETH-USD")).await;
    store.seal(1, "tax 2025", &event("seal", 1)).await.unwrap();
    store.drop_version(2, &event("drop", 1)).await.unwrap();
    let replace = |version| Run {
        version: Some(version),
        replaces: true,
        ..Run::default()
    };
    let before = store.versions().await.unwrap();
    let words = refusal(replace(1).go(store).await);
    assert_eq!(
        words,
        "version 1 is sealed (tax 2025): it can't be replaced"
    );
    let words = refusal(replace(2).go(store).await);
    assert_eq!(words, "version 2 was dropped: it can't be replaced");
    let words = refusal(replace(3).go(store).await);
    assert!(
        words.starts_with("version 3 has scope {") && words.contains("not all"),
        "{words}"
    );
    let error = replace(7).go(store).await.unwrap_err();
    assert!(matches!(error, StoreError::NoVersion(7)), "{error:?}");
    assert_eq!(store.versions().await.unwrap(), before);
    assert_eq!(exported(store, 3).await.len(), 1);
}

pub async fn a_version_is_sealed_once(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::unpublished()).await;
    store
        .seal(1, "tax 2025", &event("seal", 600))
        .await
        .unwrap();
    let sealed = store.versions().await.unwrap()[0].sealed.clone();
    assert_eq!(sealed, Some((at(600), "tax 2025".into())));
    let words = refusal(store.seal(1, "again", &event("seal", 601)).await);
    let since = at(600);
    assert_eq!(
        words,
        format!("version 1 is sealed already, since {since} (tax 2025)")
    );
    assert_eq!(store.versions().await.unwrap()[0].sealed, sealed);
    // A sealed version can still become current.
    store.move_pointer(&pointer(1, false)).await.unwrap();
    run(store, Run::unpublished()).await;
    store.drop_version(2, &event("drop", 1)).await.unwrap();
    let words = refusal(store.seal(2, "again", &event("seal", 601)).await);
    assert_eq!(words, "version 2 is dropped: nothing to seal");
    let events = subject.events().await;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.starts_with("seal"))
            .count(),
        1
    );
}

pub async fn a_version_is_dropped_and_its_number_stays(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    run(store, Run::default()).await;
    store.drop_version(1, &event("drop", 700)).await.unwrap();
    assert_eq!(statuses(store).await, ["1 dropped", "2 completed"]);
    assert_eq!(exported(store, 1).await.len(), 0);
    assert_eq!(store.pool_summaries(1).await.unwrap(), []);
    assert_eq!(store.pools_with_rows(1).await.unwrap(), []);
    assert_eq!(store.unmatched_rows(1).await.unwrap(), []);
    assert_eq!(store.pools_with_rows(2).await.unwrap().len(), 3);
    let words = refusal(store.drop_version(1, &event("drop", 701)).await);
    assert_eq!(words, "version 1 is dropped already");
    let dropped = &store.versions().await.unwrap()[0];
    assert!(dropped.allocations_hash.is_some() && dropped.published_at.is_some());
    assert!(
        subject
            .events()
            .await
            .last()
            .unwrap()
            .starts_with("drop info")
    );
}

pub async fn what_may_not_be_dropped_is_refused(subject: &dyn Subject) {
    let store = subject.store();
    fill(store).await;
    run(store, Run::default()).await;
    let words = refusal(store.drop_version(1, &event("drop", 1)).await);
    assert_eq!(words, "version 1 is current: publish another one first");
    run(store, Run::default()).await;
    store.seal(1, "filed", &event("seal", 1)).await.unwrap();
    let words = refusal(store.drop_version(1, &event("drop", 1)).await);
    assert_eq!(words, "version 1 is sealed: it can't be dropped");
    assert_eq!(exported(store, 1).await, exported(store, 2).await);
}

pub async fn an_unknown_version_is_named(subject: &dyn Subject) {
    let store = subject.store();
    let none = |result| matches!(result, Err(StoreError::NoVersion(5)));
    assert!(none(store.move_pointer(&pointer(5, false)).await));
    assert!(none(store.seal(5, "filed", &event("seal", 1)).await));
    assert!(none(store.drop_version(5, &event("drop", 1)).await));
    assert_eq!(subject.events().await.len(), 0);
    assert_eq!(exported(store, 5).await.len(), 0);
    assert_eq!(store.pool_summaries(5).await.unwrap(), []);
}

pub async fn what_is_not_computed_is_counted(subject: &dyn Subject) {
    let store = subject.store();
    let facts = store.health_facts(None).await.unwrap();
    assert_eq!((facts.eligible, facts.newest), (0, None));
    assert_eq!((facts.last_run, facts.running.len()), (None, 0));
    fill(store).await;
    let facts = store.health_facts(None).await.unwrap();
    assert_eq!((facts.eligible, facts.after), (7, 7));
    assert_eq!(
        (facts.after_oldest, facts.newest),
        (Some(at(1)), Some(at(4)))
    );
    run(store, Run::default()).await;
    let current = async || {
        let versions = store.versions().await.unwrap();
        versions.into_iter().next_back()
    };
    let info = current().await;
    let facts = store.health_facts(info.as_ref()).await.unwrap();
    assert_eq!(
        (facts.eligible, facts.after, facts.after_oldest),
        (7, 0, None)
    );
    let last = facts.last_run.unwrap();
    assert_eq!((last.id, last.status), (1, VersionStatus::Completed));
    append(
        store,
        vec![
            trade("B-8", "buy", "1", "1", 8),
            trade("B-9", "buy", "1", "1", 9),
        ],
    )
    .await;
    store.begin_run(&Run::default().start(2)).await.unwrap();
    let facts = store.health_facts(info.as_ref()).await.unwrap();
    assert_eq!((facts.eligible, facts.after), (9, 2));
    assert_eq!(
        (facts.after_oldest, facts.newest),
        (Some(at(8)), Some(at(9)))
    );
    let running: Vec<i64> = facts.running.iter().map(|run| run.id).collect();
    assert_eq!((facts.last_run.unwrap().id, running), (1, vec![2]));
}
