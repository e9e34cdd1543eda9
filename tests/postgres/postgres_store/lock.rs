//! The run lock: who has it, and when it is free again.

use fifo_pnl::engine::Timestamp;
use fifo_pnl::store::model::{Holder, Scope};
use fifo_pnl::store::postgres::PostgresStore;
use fifo_pnl::store::{LedgerStore, RunLock, RunStore, StoreError, StoreResult};

use crate::postgres_store::{fill, until, value};
use crate::subject::{self, PostgresSubject, Run, Subject, at, refusal};

fn locked_by(result: StoreResult<Box<dyn RunLock>>) -> Holder {
    match result {
        Err(StoreError::Locked(holder)) => holder,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("two hold the lock"),
    }
}

fn holder(pid: u32, what: &str) -> Holder {
    Holder {
        pid,
        host: "bot-7.example.org".into(),
        since: at(17),
        what: what.into(),
    }
}

const LOCKS: &str = "SELECT pid::text FROM pg_locks WHERE locktype = 'advisory' \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test]
async fn the_second_store_is_told_who_is_at_work() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (first, second) = (subject.another("a").await, subject.another("b").await);
    let nightly = holder(42, "compute_allocations");
    let lock = first.lock_runs(&nightly).await.unwrap();
    // A row that an ended process left open says nothing about who holds the lock.
    second.begin_run(&Run::default().start(1)).await.unwrap();
    for _ in 0..2 {
        let found = second.lock_runs(&holder(43, "versions publish")).await;
        assert_eq!(locked_by(found), nightly);
    }
    let words = second.lock_runs(&nightly).await.err().unwrap().to_string();
    let since = at(17);
    assert_eq!(
        words,
        format!(
            "another process is at work: compute_allocations (pid 42 on bot-7.example.org, \
             since {since})"
        )
    );
    lock.release().await;
    for _ in 0..20 {
        let lock = second.lock_runs(&nightly).await.unwrap();
        lock.release().await;
    }
    assert_eq!(subject.database.ask(LOCKS).await.len(), 0);
}

#[tokio::test]
async fn a_lock_of_another_database_or_key_is_none_of_ours() {
    let (Some(one), Some(two)) = (PostgresSubject::new().await, PostgresSubject::new().await)
    else {
        return;
    };
    let first = holder(1, "first");
    let _first = one.store().lock_runs(&first).await.unwrap();
    let second = holder(2, "second");
    let _second = two.store().lock_runs(&second).await.unwrap();
    let mut connection = one.database.connect().await;
    let sql = "SELECT pg_advisory_lock(1), pg_advisory_lock(7, 7)";
    subject::server::run(&mut connection, sql).await.unwrap();
    assert_eq!(locked_by(one.store().lock_runs(&second).await), first);
    assert_eq!(locked_by(two.store().lock_runs(&first).await), second);
}

#[tokio::test]
async fn a_holder_that_is_no_program_of_ours_is_shown_as_the_server_knows_it() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let mut connection = subject.database.connect().await;
    let key = i64::from_be_bytes(*b"fifo-pnl");
    let sql = format!("SELECT pg_advisory_lock({key})");
    subject::server::run(&mut connection, &sql).await.unwrap();
    let found = locked_by(subject.store().lock_runs(&holder(1, "x")).await);
    assert_eq!((&*found.what, &*found.host), ("\"a test\"", "the server"));
    assert!(found.pid > 0 && found.since > Timestamp::EPOCH);
}

#[tokio::test]
async fn a_dropped_lock_is_free_soon() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    drop(subject.store().lock_runs(&holder(1, "x")).await.unwrap());
    let gone = "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = \
                'advisory' AND database = (SELECT oid FROM pg_database \
                WHERE datname = current_database()))";
    until(&subject.database, gone).await;
    let lock = subject.store().lock_runs(&holder(2, "y")).await.unwrap();
    lock.release().await;
}

/// Ends the session that holds the lock, as a broken network or an administrator does.
async fn end_holder(subject: &PostgresSubject) {
    let pid = value(&subject.database, LOCKS).await;
    let sql = format!("SELECT pg_terminate_backend({pid}, 10000)::text");
    assert_eq!(value(&subject.database, &sql).await, "true");
}

#[tokio::test]
async fn a_killed_connection_frees_the_lock_and_can_publish_nothing() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    let run = Run::default();
    let lock = subject::lock(store).await;
    let (plan, outcomes) = run.prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    writer.load(&outcomes[0], 0).await.unwrap();
    end_holder(&subject).await;
    let next = subject.another("next").await;
    let theirs = next.lock_runs(&holder(2, "next")).await.unwrap();
    assert_eq!(next.close_orphans(&holder(2, "next")).await.unwrap(), 1);
    let error = writer.load(&outcomes[1], 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    let error = writer.finish(&run.completion(&outcomes)).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    lock.release().await;
    // What the first did after its end takes nothing from the second.
    assert_eq!(
        locked_by(store.lock_runs(&holder(3, "third")).await).what,
        "next"
    );
    run.go_locked(&next).await.unwrap();
    theirs.release().await;
    let versions = store.versions().await.unwrap();
    let numbers: Vec<i64> = versions.iter().map(|info| info.version).collect();
    assert_eq!(numbers, [2]);
}

#[tokio::test]
async fn a_version_is_written_with_the_lock_held_only() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    let (plan, _) = Run::default().prepare(store).await.unwrap();
    let words = refusal(store.begin_version(&plan).await);
    assert_eq!(words, "a version is written with the run lock held");
    let lock = subject::lock(store).await;
    let first = store.begin_version(&plan).await.unwrap();
    let words = refusal(store.begin_version(&plan).await);
    assert_eq!(words, "a version is written with the run lock held");
    // A writer that outlives the lock keeps nobody out.
    lock.release().await;
    drop(first);
    let gone = "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = \
                'advisory' AND database = (SELECT oid FROM pg_database \
                WHERE datname = current_database()))";
    until(&subject.database, gone).await;
    let words = refusal(store.begin_version(&plan).await);
    assert_eq!(words, "a version is written with the run lock held");
}

#[tokio::test]
async fn a_reader_needs_no_lock() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let other: PostgresStore = subject.another("reader").await;
    let _lock = subject.store().lock_runs(&holder(1, "x")).await.unwrap();
    fill(&other).await;
    let read = other.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!(read.pools.len(), 2);
}
