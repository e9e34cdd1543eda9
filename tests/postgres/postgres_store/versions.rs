//! How a version is written: beside everything, then attached whole.

use fifo_pnl::store::StoreError;

use crate::postgres_store::{fill, until, value};
use crate::subject::server::{ask, run};
use crate::subject::{
    self, PostgresSubject, Run, Subject, append, event, exported, holder, refusal, trade,
};

const PARTITIONS: &str = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c \
    ON c.oid = i.inhrelid WHERE c.relkind = 'r' ORDER BY 1";

const TABLES: &str = "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'r' \
    AND c.relnamespace = 'fifo_parts'::regnamespace AND c.relname <> 'fifo_pool_summary' \
    ORDER BY 1";

/// The versions that another session sees.
const SEEN: &str = "SELECT (SELECT count(*) FROM fifo_allocations)::text, \
    (SELECT count(*) FROM fifo_inventory_snapshot)::text, \
    (SELECT count(*) FROM fifo_pool_summary)::text, \
    (SELECT count(*) FROM allocation_versions)::text, \
    (SELECT version FROM current_version)::text";

#[tokio::test]
async fn a_version_is_seen_when_it_is_whole() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let lock = subject::lock(store).await;
    let run = Run::default();
    let (plan, outcomes) = run.prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
        assert_eq!(database.ask(SEEN).await, ["0|0|0|0|NULL"]);
        assert_eq!(database.ask(PARTITIONS).await.len(), 0);
        assert_eq!(database.ask(TABLES).await.len(), 0);
    }
    writer.finish(&run.completion(&outcomes)).await.unwrap();
    lock.release().await;
    assert_eq!(database.ask(SEEN).await, ["5|1|2|1|1"]);
    let parts = ["fifo_allocations_v1_r1", "fifo_inventory_snapshot_v1_r1"];
    assert_eq!(database.ask(PARTITIONS).await, parts);
    assert_eq!(database.ask(TABLES).await, parts);
}

#[tokio::test]
async fn a_partition_has_the_indexes_and_rules_of_its_parent_once() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    for _ in 0..2 {
        Run::default().go(store).await.unwrap();
    }
    // Each index of the parent has one of each partition, and a partition has no other.
    for parent in ["fifo_allocations", "fifo_inventory_snapshot"] {
        let of_parent = format!(
            "SELECT indexrelid::text FROM pg_index WHERE indrelid = '{parent}'::regclass \
             AND indisvalid"
        );
        let of_parent = database.ask(&of_parent).await;
        assert_eq!(
            of_parent.len(),
            if parent == "fifo_allocations" { 4 } else { 1 }
        );
        for version in [1, 2] {
            let table = format!("'fifo_parts.{parent}_v{version}_r{version}'::regclass");
            let attached = format!(
                "SELECT h.inhparent::oid::text FROM pg_index i JOIN pg_inherits h \
                 ON h.inhrelid = i.indexrelid WHERE i.indrelid = {table} \
                 AND i.indisvalid AND i.indisready ORDER BY 1"
            );
            let mut expected = of_parent.clone();
            expected.sort();
            assert_eq!(database.ask(&attached).await, expected, "{table}");
            let all = format!("SELECT count(*)::text FROM pg_index WHERE indrelid = {table}");
            assert_eq!(value(database, &all).await, expected.len().to_string());
            let rules = |table: &str| {
                format!(
                    "SELECT conname::text FROM pg_constraint WHERE conrelid = {table} ORDER BY 1"
                )
            };
            let of_partition = database.ask(&rules(&table)).await;
            let of_parent = database.ask(&rules(&format!("'{parent}'::regclass"))).await;
            assert_eq!(of_partition, of_parent, "of_version is gone");
        }
    }
    let plan = "EXPLAIN SELECT * FROM v_current_allocations";
    let plan = database.ask(plan).await.join("\n");
    assert!(
        plan.contains("fifo_allocations_v2_r2") && plan.contains("InitPlan"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_writer_dropped_before_its_end_leaves_nothing() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = Run::default().prepare(store).await.unwrap();
    for _ in 0..2 {
        // The same connection, with the lock, serves the next try.
        let mut writer = store.begin_version(&plan).await.unwrap();
        writer.load(&outcomes[0], 0).await.unwrap();
    }
    assert!(store.lock_runs(&holder("next")).await.is_err());
    lock.release().await;
    assert_eq!(database.ask(TABLES).await.len(), 0);
    assert_eq!(database.ask(SEEN).await, ["0|0|0|0|NULL"]);
    Run::default().go(store).await.unwrap();
}

/// Holds the log row of a run, so that its end waits just before it publishes.
pub async fn hold_log_row(subject: &PostgresSubject, run_id: i64) -> sqlx::PgConnection {
    let mut other = subject.database.connect().await;
    let sql = format!("BEGIN; SELECT 1 FROM fifo_computation_log WHERE id = {run_id} FOR UPDATE");
    run(&mut other, &sql).await.unwrap();
    other
}

/// Sessions that wait for a row of another transaction.
pub const WAITING: &str = "SELECT pid::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
    AND datname = current_database()";

#[tokio::test]
async fn a_process_killed_before_it_publishes_leaves_what_the_next_run_removes() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let lock = subject::lock(store).await;
    let (plan, outcomes) = Run::default().prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    let mut other = hold_log_row(&subject, plan.run_id).await;
    let completion = Run::default().completion(&outcomes);
    let kill = async {
        let pid = until(database, WAITING).await.concat();
        // Committed, and seen by nobody.
        assert_eq!(database.ask(TABLES).await.len(), 4);
        assert_eq!(database.ask(PARTITIONS).await.len(), 2);
        assert_eq!(database.ask(SEEN).await, ["5|1|2|1|1"]);
        let sql = format!("SELECT pg_terminate_backend({pid}, 10000)::text");
        assert_eq!(value(database, &sql).await, "true");
    };
    let (done, ()) = tokio::join!(writer.finish(&completion), kill);
    assert!(matches!(done, Err(StoreError::Database { .. })), "{done:?}");
    run(&mut other, "ROLLBACK").await.unwrap();
    lock.release().await;
    assert_eq!(database.ask(TABLES).await.len(), 4);

    let lock = subject::lock(store).await;
    assert_eq!(store.close_orphans(&holder("next")).await.unwrap(), 1);
    assert_eq!(database.ask(TABLES).await.len(), 2);
    Run::default().go_locked(store).await.unwrap();
    lock.release().await;
    assert_eq!(database.ask(SEEN).await, ["10|2|4|2|3"]);
}

#[tokio::test]
async fn a_run_that_was_closed_meanwhile_publishes_nothing() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    for replaces in [false, true] {
        if replaces {
            Run::default().go(store).await.unwrap();
            append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
        }
        let before = database.ask(SEEN).await;
        let tables = database.ask(TABLES).await;
        let lock = subject::lock(store).await;
        let again = Run {
            replaces,
            version: replaces.then_some(2),
            ..Run::default()
        };
        let (plan, outcomes) = again.prepare(store).await.unwrap();
        let mut writer = store.begin_version(&plan).await.unwrap();
        for outcome in &outcomes {
            writer.load(outcome, 0).await.unwrap();
        }
        // Another session holds that this run has ended: this one slept through it.
        let sql = "UPDATE fifo_computation_log SET status = 'failed', computation_end = now() \
                   WHERE status = 'running'";
        database.run(sql).await.unwrap();
        let words = refusal(writer.finish(&again.completion(&outcomes)).await);
        let id = plan.run_id;
        assert_eq!(
            words,
            format!("run {id} was closed by another run: nothing was published")
        );
        assert_eq!(database.ask(SEEN).await, before);
        assert_eq!(database.ask(TABLES).await, tables, "nothing is left either");
        lock.release().await;
    }
}

#[tokio::test]
async fn a_version_that_is_sealed_meanwhile_is_not_replaced() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let before = exported(store, 1).await;
    append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
    let again = Run {
        replaces: true,
        version: Some(1),
        ..Run::default()
    };
    let lock = subject::lock(store).await;
    let (plan, outcomes) = again.prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    // A seal waits for the end of a replacement, and then seals the new result.
    let completion = again.completion(&outcomes);
    let filed = event("seal", 1);
    let seal = store.seal(1, "filed", &filed);
    let finish = async {
        until(&subject.database, WAITING).await;
        writer.finish(&completion).await.unwrap();
    };
    let (sealed, ()) = tokio::join!(seal, finish);
    sealed.unwrap();
    lock.release().await;
    assert_eq!(exported(store, 1).await.len(), before.len() + 1);
    let words = refusal(again.go(store).await);
    assert!(words.contains("is sealed (filed)"), "{words}");
}

#[tokio::test]
async fn what_is_current_is_not_dropped_by_who_asked_a_moment_before() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    Run::default().go(store).await.unwrap();
    Run::default().go(store).await.unwrap();
    // Someone makes version 1 current again, and has not yet committed.
    let mut other = database.connect().await;
    let sql = "BEGIN; UPDATE current_version SET version = 1";
    run(&mut other, sql).await.unwrap();
    let commit = async {
        until(database, WAITING).await;
        run(&mut other, "COMMIT").await.unwrap();
    };
    let gone = event("drop", 1);
    let (dropped, ()) = tokio::join!(store.drop_version(1, &gone), commit);
    assert_eq!(
        refusal(dropped),
        "version 1 is current: publish another one first"
    );
    assert_eq!(exported(store, 1).await.len(), 5);
}

#[tokio::test]
async fn an_aborted_task_leaves_what_the_next_run_removes() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = Run::default().prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    let mut other = hold_log_row(&subject, plan.run_id).await;
    let completion = Run::default().completion(&outcomes);
    // The task stops being asked in the middle of a statement.
    tokio::select! {
        done = writer.finish(&completion) => panic!("{done:?}"),
        _ = until(database, WAITING) => {}
    }
    run(&mut other, "ROLLBACK").await.unwrap();
    lock.release().await;
    assert_eq!(ask(&mut other, SEEN).await, ["0|0|0|0|NULL"]);
    let lock = subject::lock(store).await;
    store.close_orphans(&holder("next")).await.unwrap();
    assert_eq!(database.ask(TABLES).await.len(), 0);
    Run::default().go_locked(store).await.unwrap();
    lock.release().await;
}

#[tokio::test]
async fn a_version_whose_tables_break_a_rule_is_not_published() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let rule = "ALTER TABLE fifo_allocations ADD CONSTRAINT never CHECK (sell_price < 100)";
    database.run(rule).await.unwrap();
    let error = Run::default().go(store).await.unwrap_err();
    assert!(error.to_string().contains("\"never\""), "{error}");
    assert_eq!(database.ask(SEEN).await, ["0|0|0|0|NULL"]);
    assert_eq!(database.ask(TABLES).await.len(), 0);
    database
        .run("ALTER TABLE fifo_allocations DROP CONSTRAINT never")
        .await
        .unwrap();
    Run::default().go(store).await.unwrap();
}
