//! The review queue, the excluded pools, and the audit trail.

use fifo_pnl::engine::{IssueType, Leg, MissingRate, RatePurpose, ReviewItem, Severity};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{
    Event, EventKind, Exclusion, LoggedEvent, PointerMove, QueuedItem, ReviewDecision,
    ReviewStatus, ReviewUpdate,
};
use serde_json::json;

use crate::subject::{Run, Subject, append, at, batch_id, event, of, pointer, pool, trade, void};

use IssueType::{InvalidTrade, MissingFx, UnmatchedSell};

fn item(order_id: &str, issue: IssueType, severity: Severity, size: &str) -> ReviewItem {
    ReviewItem {
        pool: pool("BTC-USD"),
        symbol: "BTC-USD".parse().unwrap(),
        leg: Leg::Base,
        order_id: order_id.into(),
        issue,
        severity,
        description: format!("no open lot for {size}"),
        details: vec![("unmatched_size", size.to_owned())],
        missing: Vec::new(),
    }
}

fn unmatched(order_id: &str, size: &str) -> ReviewItem {
    item(order_id, UnmatchedSell, Severity::Medium, size)
}

fn update(items: Vec<ReviewItem>, kinds: &[IssueType]) -> ReviewUpdate {
    ReviewUpdate {
        items,
        kinds: kinds.iter().copied().collect(),
        ..ReviewUpdate::default()
    }
}

/// Does a run with an update of the review queue. Returns the version.
async fn say(store: &dyn Store, review: ReviewUpdate, seconds: i64) -> i64 {
    let run = Run {
        review: Some(review),
        seconds,
        ..Run::default()
    };
    run.go(store).await.unwrap().version
}

fn line(item: &QueuedItem) -> String {
    format!(
        "{} {} {} {}",
        item.id,
        item.order_id,
        item.severity,
        item.status.as_str()
    )
}

async fn queue(store: &dyn Store) -> Vec<String> {
    store
        .review_queue()
        .await
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

pub async fn items_open_and_the_most_urgent_comes_first(subject: &dyn Subject) {
    let store = subject.store();
    let mut of_eth = item("S-5", UnmatchedSell, Severity::High, "1");
    of_eth.pool = pool("ETH-USD");
    let mut of_two = item("S-6", UnmatchedSell, Severity::High, "1");
    of_two.pool.account = "a".parse().unwrap();
    let items = vec![
        item("S-1", UnmatchedSell, Severity::Low, "1"),
        of_eth,
        item("S-2", UnmatchedSell, Severity::Critical, "1"),
        item("S-3", UnmatchedSell, Severity::High, "1"),
        item("", MissingFx, Severity::Medium, "1"),
        of_two,
    ];
    say(store, update(items, &[UnmatchedSell, MissingFx]), 200).await;
    let expected = [
        "3 S-2 critical pending",
        "6 S-6 high pending",
        "4 S-3 high pending",
        "2 S-5 high pending",
        "5  medium pending",
        "1 S-1 low pending",
    ];
    assert_eq!(queue(store).await, expected);
    let first = &store.review_queue().await.unwrap()[0];
    assert_eq!(
        (first.pool.clone(), first.issue),
        (pool("BTC-USD"), UnmatchedSell)
    );
    assert_eq!((first.created_at, first.updated_at), (at(202), at(202)));
    assert_eq!(
        (first.version, &*first.details),
        (1, r#"{"unmatched_size":"1"}"#)
    );
    assert_eq!(
        (&*first.description, &first.resolution),
        ("no open lot for 1", &None)
    );
    assert_eq!((first.resolved_at, &first.resolved_by), (None, &None));
    // Settled items come last, even urgent ones.
    subject.decide(3, ReviewStatus::Resolved, "ann").await;
    assert_eq!(queue(store).await[5], "3 S-2 critical resolved");
}

pub async fn an_item_with_other_facts_is_refreshed(subject: &dyn Subject) {
    let store = subject.store();
    say(
        store,
        update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        200,
    )
    .await;
    let before = store.review_queue().await.unwrap();
    say(
        store,
        update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        300,
    )
    .await;
    assert_eq!(store.review_queue().await.unwrap(), before, "nothing moved");
    let mut moved = unmatched("S-1", "2");
    moved.severity = Severity::High;
    say(store, update(vec![moved], &[UnmatchedSell]), 400).await;
    let after = &store.review_queue().await.unwrap()[0];
    assert_eq!(line(after), "1 S-1 high pending");
    assert_eq!(
        (after.created_at, after.updated_at, after.version),
        (at(202), at(402), 3)
    );
    assert_eq!(after.details, r#"{"unmatched_size":"2"}"#);
    assert_eq!(after.description, "no open lot for 2");
}

pub async fn the_rates_that_an_item_lacks_are_facts_of_it(subject: &dyn Subject) {
    let store = subject.store();
    let rate = |asset: &str, purpose, is_by_day| MissingRate {
        asset: asset.parse().unwrap(),
        at: at(86_400),
        purpose,
        is_by_day,
    };
    let lacking = |missing: &[MissingRate]| {
        let mut lacking = item("B-1", MissingFx, Severity::High, "1");
        lacking.missing = missing.to_vec();
        update(vec![lacking], &[MissingFx])
    };
    let both = [
        rate("EUR", RatePurpose::Value, true),
        rate("BNB", RatePurpose::Fee, false),
    ];
    say(store, lacking(&both), 200).await;
    let before = store.review_queue().await.unwrap();
    let listed = |item: &QueuedItem| {
        let details: serde_json::Value = serde_json::from_str(&item.details).unwrap();
        details["missing_rates"].clone()
    };
    let (day, instant) = (both[0].day(), at(86_400).to_string());
    let expected = |asset: &str, purpose: &str| {
        let (day, at) = (&day, &instant);
        json!({ "asset": asset, "day": day, "at": at, "purpose": purpose })
    };
    let (eur, bnb) = (expected("EUR", "value"), expected("BNB", "fee"));
    assert_eq!(listed(&before[0]), json!([eur, bnb]));
    assert!(before[0].lacks_rate());
    say(store, lacking(&both), 300).await;
    assert_eq!(store.review_queue().await.unwrap(), before, "nothing moved");
    say(store, lacking(&both[1..]), 400).await;
    let after = &store.review_queue().await.unwrap()[0];
    assert_eq!(listed(after), json!([bnb]));
    assert_eq!((after.id, after.updated_at), (before[0].id, at(402)));
    let other = update(vec![unmatched("S-1", "1")], &[MissingFx, UnmatchedSell]);
    say(store, other, 500).await;
    let queue = store.review_queue().await.unwrap();
    let open = queue.iter().find(|item| item.order_id == "S-1").unwrap();
    assert!(!open.lacks_rate());
}

pub async fn an_item_that_no_longer_holds_is_resolved(subject: &dyn Subject) {
    let store = subject.store();
    let invalid = item("B-1", InvalidTrade, Severity::High, "x");
    let both = vec![unmatched("S-1", "1"), invalid];
    say(store, update(both, &[UnmatchedSell, InvalidTrade]), 200).await;
    say(store, update(vec![], &[UnmatchedSell, InvalidTrade]), 300).await;
    let items = store.review_queue().await.unwrap();
    let said = |item: &QueuedItem| item.resolution.clone().unwrap();
    assert_eq!(said(&items[0]), "no longer found in version 2");
    assert_eq!(said(&items[1]), "no longer unmatched in version 2");
    for item in &items {
        assert_eq!(item.status, ReviewStatus::Resolved);
        assert_eq!(
            (item.resolved_at, item.updated_at),
            (Some(at(302)), at(302))
        );
        assert_eq!(item.resolved_by.as_deref(), Some("fifo-pnl"));
        assert_eq!(item.version, 1, "the version that asked");
    }
}

pub async fn only_the_kinds_that_were_judged_are_settled(subject: &dyn Subject) {
    let store = subject.store();
    let invalid = item("B-1", InvalidTrade, Severity::High, "x");
    let both = vec![unmatched("S-1", "1"), invalid];
    say(store, update(both, &[UnmatchedSell, InvalidTrade]), 200).await;
    say(store, ReviewUpdate::default(), 300).await;
    assert_eq!(
        queue(store).await,
        ["2 B-1 high pending", "1 S-1 medium pending"]
    );
    say(store, update(vec![], &[InvalidTrade]), 400).await;
    assert_eq!(
        queue(store).await,
        ["1 S-1 medium pending", "2 B-1 high resolved"]
    );
}

pub async fn an_unmatched_sell_of_a_pool_without_result_stays(subject: &dyn Subject) {
    let store = subject.store();
    let invalid = item("B-1", InvalidTrade, Severity::Low, "x");
    let both = vec![unmatched("S-1", "1"), invalid];
    let kinds = [UnmatchedSell, InvalidTrade];
    say(store, update(both, &kinds), 200).await;
    let mut rejected = update(vec![], &kinds);
    rejected.pools_without_result.insert(pool("BTC-USD"));
    say(store, rejected, 300).await;
    assert_eq!(
        queue(store).await,
        ["1 S-1 medium pending", "2 B-1 low resolved"]
    );
}

pub async fn a_settled_item_that_holds_again_is_reopened(subject: &dyn Subject) {
    let store = subject.store();
    let holds = || update(vec![unmatched("S-1", "1")], &[UnmatchedSell]);
    say(store, holds(), 200).await;
    say(store, update(vec![], &[UnmatchedSell]), 300).await;
    say(store, holds(), 400).await;
    let item = &store.review_queue().await.unwrap()[0];
    assert_eq!(line(item), "1 S-1 medium pending");
    assert_eq!(
        (&item.resolution, item.resolved_at, &item.resolved_by),
        (&None, None, &None)
    );
    assert_eq!(
        (item.created_at, item.updated_at, item.version),
        (at(202), at(402), 3)
    );
    // So is one that a person resolved although it holds.
    subject.decide(1, ReviewStatus::Resolved, "ann").await;
    say(store, holds(), 500).await;
    assert_eq!(queue(store).await, ["1 S-1 medium pending"]);
}

pub async fn a_dismissed_item_stays_while_its_facts_are_the_same(subject: &dyn Subject) {
    let store = subject.store();
    say(
        store,
        update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        200,
    )
    .await;
    subject.decide(1, ReviewStatus::Dismissed, "ann").await;
    say(
        store,
        update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        300,
    )
    .await;
    let item = store.review_queue().await.unwrap().remove(0);
    assert_eq!(
        (line(&item).as_str(), item.version),
        ("1 S-1 medium dismissed", 1)
    );
    assert_eq!(item.resolved_by.as_deref(), Some("ann"));
    say(store, update(vec![], &[UnmatchedSell]), 400).await;
    assert_eq!(
        queue(store).await,
        ["1 S-1 medium dismissed"],
        "nothing to settle"
    );
    say(
        store,
        update(vec![unmatched("S-1", "2")], &[UnmatchedSell]),
        500,
    )
    .await;
    assert_eq!(queue(store).await, ["1 S-1 medium pending"]);
}

pub async fn an_item_in_progress_stays_in_progress(subject: &dyn Subject) {
    let store = subject.store();
    say(
        store,
        update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        200,
    )
    .await;
    subject.decide(1, ReviewStatus::InProgress, "ann").await;
    say(
        store,
        update(vec![unmatched("S-1", "2")], &[UnmatchedSell]),
        300,
    )
    .await;
    assert_eq!(queue(store).await, ["1 S-1 medium in_progress"]);
    say(store, update(vec![], &[UnmatchedSell]), 400).await;
    assert_eq!(queue(store).await, ["1 S-1 medium resolved"]);
}

pub async fn one_question_is_asked_once(subject: &dyn Subject) {
    let store = subject.store();
    let twice = || {
        vec![
            unmatched("S-1", "1"),
            unmatched("S-1", "2"),
            unmatched("S-2", "1"),
        ]
    };
    say(store, update(twice(), &[UnmatchedSell]), 200).await;
    assert_eq!(
        queue(store).await,
        ["1 S-1 medium pending", "2 S-2 medium pending"]
    );
    let before = store.review_queue().await.unwrap();
    say(store, update(twice(), &[UnmatchedSell]), 300).await;
    assert_eq!(store.review_queue().await.unwrap(), before);
}

pub async fn the_pointer_carries_the_queue_along(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("S-1", "sell", "1", "50", 2)]).await;
    Run::default().go(store).await.unwrap();
    assert_eq!(queue(store).await, ["1 S-1 medium pending"]);
    append(store, vec![trade("B-1", "buy", "1", "40", 1)]).await;
    Run::unpublished().go(store).await.unwrap();
    assert_eq!(
        queue(store).await,
        ["1 S-1 medium pending"],
        "not while it is not current"
    );
    let publish = PointerMove {
        review: update(vec![], &[UnmatchedSell]),
        ..pointer(2, false)
    };
    store.move_pointer(&publish).await.unwrap();
    let item = &store.review_queue().await.unwrap()[0];
    assert_eq!(
        item.resolution.as_deref(),
        Some("no longer unmatched in version 2")
    );
    let back = PointerMove {
        review: update(vec![unmatched("S-1", "1")], &[UnmatchedSell]),
        ..pointer(1, true)
    };
    store.move_pointer(&back).await.unwrap();
    let item = &store.review_queue().await.unwrap()[0];
    assert_eq!((item.status, item.version), (ReviewStatus::Pending, 1));
    // A refused move leaves the queue as it was.
    let refused = PointerMove {
        review: update(vec![], &[UnmatchedSell]),
        ..pointer(9, true)
    };
    assert!(store.move_pointer(&refused).await.is_err());
    assert_eq!(queue(store).await, ["1 S-1 medium pending"]);
}

fn exclusion(symbol: &str, reason: &str) -> Exclusion {
    Exclusion {
        pool: pool(symbol),
        reason: reason.into(),
        decided_by: "ann".into(),
        decided_at: at(150),
    }
}

pub async fn the_latest_decision_about_a_pool_wins(subject: &dyn Subject) {
    let store = subject.store();
    let (first, second) = (
        exclusion("BTC-USD", "first"),
        exclusion("BTC-USD", "second"),
    );
    let mut other = exclusion("BTC-USD", "another account");
    other.pool.account = "a".parse().unwrap();
    assert_eq!(store.exclusions().await.unwrap(), []);
    store.set_exclusion(&first, true).await.unwrap();
    store.set_exclusion(&other, true).await.unwrap();
    store.set_exclusion(&second, true).await.unwrap();
    assert_eq!(
        store.exclusions().await.unwrap(),
        [other.clone(), second.clone()]
    );
    store.set_exclusion(&second, false).await.unwrap();
    assert_eq!(store.exclusions().await.unwrap(), [other.clone()]);
    store.set_exclusion(&first, true).await.unwrap();
    assert_eq!(store.exclusions().await.unwrap(), [other, first]);
    assert!(
        store
            .set_exclusion(&exclusion("ETH-USD", ""), true)
            .await
            .is_err()
    );
    assert_eq!(store.exclusions().await.unwrap().len(), 2);
    assert_eq!(subject.events().await.len(), 5);
}

/// Items that differ in account, symbol or kind, with the same order id or none.
fn namesakes() -> Vec<ReviewItem> {
    let of = |account: &str, symbol: &str, order_id: &str, issue| {
        let mut item = item(order_id, issue, Severity::High, "1");
        item.pool = pool(symbol);
        item.pool.account = account.parse().unwrap();
        item
    };
    vec![
        of("default", "BTC-USD", "S-1", UnmatchedSell),
        of("a", "BTC-USD", "S-1", UnmatchedSell),
        of("default", "ETH-USD", "S-1", UnmatchedSell),
        of("default", "BTC-USD", "S-1", InvalidTrade),
        of("default", "BTC-EUR", "", MissingFx),
        of("default", "ETH-EUR", "", MissingFx),
    ]
}

pub async fn a_history_is_of_one_item_alone(subject: &dyn Subject) {
    let store = subject.store();
    let kinds = [UnmatchedSell, InvalidTrade, MissingFx];
    let items = namesakes();
    say(store, update(items.clone(), &kinds), 200).await;
    // A run refreshes the first item and settles the last. A person decides two others.
    let mut left = items[..5].to_vec();
    left[0].details = vec![("unmatched_size", "2".to_owned())];
    say(store, update(left, &kinds), 300).await;
    let queue = store.review_queue().await.unwrap();
    let id_of = |item: &ReviewItem| {
        let same = |queued: &&QueuedItem| {
            (&queued.pool, queued.issue) == (&item.pool, item.issue)
                && queued.order_id == item.order_id
        };
        queue.iter().find(same).unwrap().id
    };
    let ids: Vec<i64> = items.iter().map(id_of).collect();
    for (id, status) in [
        (ids[1], ReviewStatus::Dismissed),
        (ids[4], ReviewStatus::Resolved),
    ] {
        let (note, by, at) = ("why".into(), "ann".into(), at(400));
        let decision = ReviewDecision {
            id,
            status,
            note,
            by,
            at,
        };
        store.decide_review(&decision).await.unwrap();
    }
    let expected: [&[&str]; 6] = [
        &["review_opened v1", "review_refreshed v2"],
        &["review_opened v1", "review_dismissed v1"],
        &["review_opened v1"],
        &["review_opened v1"],
        &["review_opened v1", "review_resolved v1"],
        &["review_opened v1", "review_resolved v2"],
    ];
    for (id, expected) in ids.iter().zip(expected) {
        let history = store.item_history(*id).await.unwrap();
        let line =
            |event: &LoggedEvent| format!("{} v{}", event.kind.as_str(), event.version.unwrap());
        let lines: Vec<String> = history.iter().map(line).collect();
        assert_eq!(lines, expected, "item {id}");
        assert!(history.iter().all(|event| event.details["id"] == *id));
    }
    assert_eq!(store.item_history(99).await.unwrap(), []);
}

pub async fn every_change_is_in_the_audit_trail(subject: &dyn Subject) {
    let store = subject.store();
    let bought = trade("B-9", "buy", "1", "1", 9);
    append(store, vec![trade("S-1", "sell", "1", "50", 2), bought]).await;
    store.void(&void("B-9", false)).await.unwrap();
    for excluded in [true, false] {
        let later = exclusion("ETH-USD", "later");
        store.set_exclusion(&later, excluded).await.unwrap();
    }
    Run::default().go(store).await.unwrap();
    append(store, vec![trade("S-2", "sell", "1", "50", 3)]).await;
    append(
        store,
        vec![of("two", "BTC-USD", trade("B-1", "buy", "1", "50", 1))],
    )
    .await;
    Run::default().go(store).await.unwrap();
    store.move_pointer(&pointer(1, true)).await.unwrap();
    store.seal(1, "filed", &event("seal", 400)).await.unwrap();
    store.drop_version(2, &event("drop", 401)).await.unwrap();
    let by_hand = Event {
        kind: EventKind::Export,
        severity: "warning",
        correlation_id: Some("c-1".into()),
        pool: Some(pool("BTC-USD")),
        version: Some(1),
        details: json!({ "file": "out.csv", "a": [1, null, "é"] }),
        at: at(402),
    };
    store.log_event(&by_hand).await.unwrap();
    let events = subject.events().await;
    let heads: Vec<String> = events
        .iter()
        .map(|event| event.split(" {").next().unwrap().to_owned())
        .collect();
    let expected = [
        "import info - - - v-",
        "void info - - - v-",
        "review_excluded info - default ETH-USD v-",
        "review_included info - default ETH-USD v-",
        "review_opened info - default BTC-USD v1",
        &format!("run info {} - - v1", batch_id(1)),
        "import info - - - v-",
        "import info - - - v-",
        "review_opened info - default BTC-USD v2",
        &format!("run info {} - - v2", batch_id(2)),
        "publish info - - - v1",
        "seal info - - - v-",
        "drop info - - - v-",
        "export warning c-1 default BTC-USD v1",
    ];
    assert_eq!(heads, expected);
    assert!(events[4].ends_with(&format!(
        "{{\"id\":1,\"order_id\":\"S-1\"}} at {}",
        at(202).as_micros()
    )));
    let last = events.last().unwrap();
    assert!(
        last.contains(r#"{"a":[1,null,"é"],"file":"out.csv"}"#),
        "{last}"
    );
}
