//! Readers beside a writer: what they see, and who waits for whom.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fifo_pnl::store::postgres::PostgresStore;
use fifo_pnl::store::{RunStore, VersionStore};

use crate::postgres_store::fill;
use crate::subject::server::{ask, connect, run};
use crate::subject::{
    PostgresSubject, Run, Subject, append, event, exported, holder, pointer, refusal, trade,
};

/// One statement's view of the current version: the rows that its health line counts, the stored
/// rows, its lots.
const CURRENT: &str = "SELECT \
    (SELECT total_allocations + unmatched_sells FROM v_allocation_health WHERE is_current)::text, \
    (SELECT count(*) FROM v_current_allocations)::text, \
    (SELECT count(*) FROM v_open_inventory)::text";

/// Reads again and again until a test stops it; returns all that it saw.
async fn poll(url: &str, isolation: &str, stop: &AtomicBool) -> BTreeSet<String> {
    let mut connection = connect(url).await;
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::SeqCst) {
        let begin = format!("BEGIN ISOLATION LEVEL {isolation}");
        run(&mut connection, &begin).await.unwrap();
        let first = ask(&mut connection, CURRENT).await;
        let second = ask(&mut connection, CURRENT).await;
        if isolation == "REPEATABLE READ" {
            assert_eq!(first, second);
        }
        run(&mut connection, "COMMIT").await.unwrap();
        seen.extend(first);
        seen.extend(second);
    }
    seen
}

/// Starts readers in threads of their own, does something, and returns what they saw.
async fn watched(subject: &PostgresSubject, work: impl Future<Output = ()>) -> BTreeSet<String> {
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let start = |isolation: &'static str| {
        let (stop, url) = (stop.clone(), subject.database.url().to_owned());
        std::thread::spawn(move || crate::subject::server::apart(poll(&url, isolation, &stop)))
    };
    let isolations = ["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"];
    let readers = isolations.map(start);
    work.await;
    stop.store(true, Ordering::SeqCst);
    let seen = readers.map(|reader| reader.join().unwrap());
    seen.into_iter().flatten().collect()
}

fn texts(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn readers_see_the_old_version_or_the_new_one() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let published = async {
        append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
        for _ in 0..12 {
            Run::default().go(store).await.unwrap();
        }
    };
    let seen = watched(&subject, published).await;
    assert!(seen.is_subset(&texts(&["5|5|1", "6|6|1"])), "{seen:?}");
    assert!(seen.contains("6|6|1"), "{seen:?}");
}

#[tokio::test]
async fn readers_see_what_is_replaced_or_what_replaces_it() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let again = Run {
        version: Some(1),
        replaces: true,
        ..Run::default()
    };
    let replaced = async {
        append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
        for _ in 0..12 {
            again.go(store).await.unwrap();
        }
    };
    let seen = watched(&subject, replaced).await;
    assert!(seen.is_subset(&texts(&["5|5|1", "6|6|1"])), "{seen:?}");
    assert!(seen.contains("6|6|1"), "{seen:?}");
}

#[tokio::test]
async fn readers_are_none_the_wiser_when_another_version_is_dropped() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    for _ in 0..5 {
        Run::default().go(store).await.unwrap();
    }
    let dropped = async {
        for version in 1..5 {
            store
                .drop_version(version, &event("drop", 1))
                .await
                .unwrap();
        }
    };
    let seen = watched(&subject, dropped).await;
    assert_eq!(seen, texts(&["5|5|1"]));
}

#[tokio::test]
async fn a_reader_of_an_old_state_keeps_it_while_a_version_is_replaced() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let mut reader = subject.database.connect().await;
    // Its state is from here, although it has not yet looked at any allocation.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT version FROM current_version";
    run(&mut reader, begin).await.unwrap();
    append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
    let again = Run {
        version: Some(1),
        replaces: true,
        ..Run::default()
    };
    again.go(store).await.unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["5|5|1"]);
    // Neither does a reader of the rows keep anybody from replacing them.
    again.go(store).await.unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["5|5|1"]);
    run(&mut reader, "COMMIT").await.unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["6|6|1"]);
}

/// Opens a store that waits for readers only so long.
async fn patient(subject: &PostgresSubject, wait_ms: u64) -> PostgresStore {
    let store = PostgresStore::open(&subject.url(), &holder("patient")).await;
    let wait = Duration::from_millis(wait_ms);
    store.unwrap().waiting_for_readers(wait)
}

#[tokio::test]
async fn a_reader_that_keeps_its_state_does_not_keep_a_version_from_being_published() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = patient(&subject, 300).await;
    fill(&store).await;
    Run::default().go(&store).await.unwrap();
    // As a backup does, which reads for hours.
    let mut reader = subject.database.connect().await;
    run(&mut reader, "BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await
        .unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["5|5|1"]);
    append(&store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
    // The reader is there until after these, so nothing waits for its end.
    Run::default().go(&store).await.unwrap();
    store.move_pointer(&pointer(1, true)).await.unwrap();
    store.move_pointer(&pointer(2, false)).await.unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["5|5|1"]);
    run(&mut reader, "COMMIT").await.unwrap();
    assert_eq!(ask(&mut reader, CURRENT).await, ["6|6|1"]);
}

#[tokio::test]
async fn a_reader_that_would_see_an_empty_version_is_waited_for() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = patient(&subject, 400).await;
    fill(&store).await;
    Run::default().go(&store).await.unwrap();
    // A prepared statement goes on with its plan, which has the partitions of this moment. Each
    // execution sees the current version of its own moment.
    let mut reader = subject.database.connect().await;
    let prepare = format!("PREPARE current AS {CURRENT}");
    run(&mut reader, &prepare).await.unwrap();
    for _ in 0..8 {
        assert_eq!(ask(&mut reader, "EXECUTE current").await, ["5|5|1"]);
    }
    run(&mut reader, "BEGIN").await.unwrap();
    assert_eq!(ask(&mut reader, "EXECUTE current").await, ["5|5|1"]);
    append(&store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
    let words = refusal(Run::default().go(&store).await);
    assert!(
        words.starts_with("a reader holds the tables of allocations"),
        "{words}"
    );
    assert!(words.contains("\"a test\""), "{words}");
    assert_eq!(ask(&mut reader, "EXECUTE current").await, ["5|5|1"]);
    let numbers = store.versions().await.unwrap();
    assert_eq!(numbers.len(), 1, "the version was not entered");
    let parts = "SELECT count(*)::text FROM pg_class WHERE relkind = 'r' \
                 AND relnamespace = 'fifo_parts'::regnamespace";
    assert_eq!(subject.database.ask(parts).await, ["3"], "nothing is left");
    // What is not to be current keeps nobody waiting.
    Run::unpublished().go(&store).await.unwrap();
    let words = refusal(store.move_pointer(&pointer(3, false)).await);
    assert!(
        words.starts_with("a reader holds the tables of allocations"),
        "{words}"
    );
    // Once it is gone it takes no more than a moment.
    let publish = async {
        Run::default().go(subject.store()).await.unwrap();
    };
    let end = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        run(&mut reader, "COMMIT").await.unwrap();
    };
    tokio::join!(publish, end);
    assert_eq!(ask(&mut reader, "EXECUTE current").await, ["6|6|1"]);
}

#[tokio::test]
async fn tables_attached_by_a_run_that_ended_then_are_removed_by_the_next() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (patient(&subject, 300).await, &subject.database);
    fill(&store).await;
    Run::default().go(&store).await.unwrap();
    let left = "CREATE TABLE fifo_parts.fifo_allocations_v7_r9 (LIKE fifo_allocations \
                INCLUDING CONSTRAINTS); ALTER TABLE fifo_allocations \
                ATTACH PARTITION fifo_parts.fifo_allocations_v7_r9 \
                FOR VALUES FROM (7, MINVALUE, MINVALUE) TO (7, MAXVALUE, MAXVALUE)";
    database.run(left).await.unwrap();
    let there = "SELECT 'there' WHERE to_regclass('fifo_parts.fifo_allocations_v7_r9') IS NOT NULL";
    let mut reader = database.connect().await;
    run(&mut reader, "BEGIN").await.unwrap();
    ask(&mut reader, CURRENT).await;
    store.close_orphans(&holder("next")).await.unwrap();
    assert_eq!(
        database.ask(there).await,
        ["there"],
        "while it is read it stays"
    );
    run(&mut reader, "COMMIT").await.unwrap();
    store.close_orphans(&holder("next")).await.unwrap();
    assert_eq!(database.ask(there).await.len(), 0);
    assert_eq!(exported(&store, 1).await.len(), 5);
}

#[tokio::test]
async fn a_version_that_is_being_read_is_not_dropped() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    for _ in 0..2 {
        Run::default().go(store).await.unwrap();
    }
    let impatient = patient(&subject, 1_500).await;
    let patient = patient(&subject, 120_000).await;
    let mut reader = subject.database.connect().await;
    run(&mut reader, "BEGIN").await.unwrap();
    ask(&mut reader, CURRENT).await;
    let started = Instant::now();
    let words = refusal(impatient.drop_version(1, &event("drop", 1)).await);
    let waited = started.elapsed();
    assert!(
        words.contains("another session holds what this needs longer than we wait"),
        "{words}"
    );
    assert!(waited >= Duration::from_millis(1_000), "{waited:?}");
    assert_eq!(exported(store, 1).await.len(), 5);
    assert_eq!(store.pool_summaries(1).await.unwrap().len(), 2);
    // While one waits to drop, new readers are let through between two tries.
    let dropping = tokio::spawn(async move {
        let done = patient.drop_version(1, &event("drop", 1)).await;
        done.map_err(|error| error.to_string())
    });
    let mut others = subject.database.connect().await;
    for _ in 0..5 {
        // The first reader stays until after this, so it is not its end that lets others in.
        assert_eq!(ask(&mut others, CURRENT).await, ["5|5|1"]);
    }
    run(&mut reader, "COMMIT").await.unwrap();
    assert_eq!(dropping.await.unwrap(), Ok(()));
    assert_eq!(exported(store, 1).await.len(), 0);
}

#[tokio::test]
async fn a_reader_that_goes_on_to_another_table_is_not_ended() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    for _ in 0..2 {
        Run::default().go(store).await.unwrap();
    }
    // Who drops has the first table and wants the second; the reader the other way round.
    let mut reader = subject.database.connect().await;
    run(&mut reader, "BEGIN; SELECT count(*) FROM v_open_inventory")
        .await
        .unwrap();
    let gone = event("drop", 1);
    let dropping = store.drop_version(1, &gone);
    let reading = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(ask(&mut reader, CURRENT).await, ["5|5|1"]);
        run(&mut reader, "COMMIT").await.unwrap();
    };
    let (dropped, ()) = tokio::join!(dropping, reading);
    dropped.unwrap();
}
