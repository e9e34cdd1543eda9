//! A version in two halves: each has its tables and its connection, and nobody sees one alone.

use fifo_pnl::engine::PoolOutcome;
use fifo_pnl::store::cut::Cut;
use fifo_pnl::store::model::VersionPlan;
use fifo_pnl::store::{Store, StoreError, VersionWriter};

use crate::postgres_store::versions::{WAITING, hold_log_row};
use crate::postgres_store::{fill, until, value};
use crate::subject::server::{Database, ask, run};
use crate::subject::{self, PostgresSubject, Run, Subject, append, exported, trade};

/// The tables that versions have, attached or not.
const TABLES: &str = "SELECT c.relname || CASE WHEN c.relispartition THEN '' ELSE ' loose' END \
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'fifo_parts'::regnamespace \
    AND c.relname <> 'fifo_pool_summary' ORDER BY 1";

/// Plans a run whose version is cut after its first pool.
async fn planned(store: &dyn Store) -> (VersionPlan, Vec<PoolOutcome>) {
    let (mut plan, outcomes) = Run::default().prepare(store).await.unwrap();
    plan.cut = Some(Cut {
        last: outcomes[0].pool.clone(),
        next: outcomes[1].pool.clone(),
    });
    (plan, outcomes)
}

/// Writes all pools, and leaves the end to the caller.
async fn written(
    store: &dyn Store,
    (plan, outcomes): (&VersionPlan, &[PoolOutcome]),
) -> Box<dyn VersionWriter> {
    let mut writer = store.begin_version(plan).await.unwrap();
    for outcome in outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    writer
}

async fn go(store: &dyn Store) -> i64 {
    let lock = subject::lock(store).await;
    let (plan, outcomes) = planned(store).await;
    let writer = written(store, (&plan, &outcomes)).await;
    let completion = Run::default().completion(&outcomes);
    writer.finish(&completion).await.unwrap();
    lock.release().await;
    plan.version
}

/// The halves of a version, by what each holds.
async fn halves(database: &Database, version: i64) -> String {
    let sql = format!(
        "SELECT string_agg(half, '; ' ORDER BY half) FROM (SELECT tableoid::regclass || ' ' || \
         string_agg(id || ' ' || sell_order_id, ', ' ORDER BY id) AS half \
         FROM fifo_allocations WHERE allocation_version = {version} GROUP BY tableoid) h"
    );
    value(database, &sql).await
}

#[tokio::test]
async fn two_halves_hold_whole_pools_and_read_as_one_version() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    Run::default().go(store).await.unwrap();
    assert_eq!(go(store).await, 2);
    assert_eq!(exported(store, 2).await, exported(store, 1).await);
    let tables = [
        "fifo_allocations_v1_r1",
        "fifo_allocations_v2_r2_1",
        "fifo_allocations_v2_r2_2",
        "fifo_inventory_snapshot_v1_r1",
        "fifo_inventory_snapshot_v2_r2_1",
        "fifo_inventory_snapshot_v2_r2_2",
    ];
    assert_eq!(database.ask(TABLES).await, tables);
    // Each half's indexes have its name: one that the server chose could be the other's, too.
    let indexes = "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes \
        WHERE schemaname = 'fifo_parts' AND tablename LIKE '%_v2_r2_1'";
    assert_eq!(
        value(database, indexes).await,
        "fifo_allocations_v2_r2_1_buy fifo_allocations_v2_r2_1_pair fifo_allocations_v2_r2_1_pool \
         fifo_allocations_v2_r2_1_unmatched fifo_inventory_snapshot_v2_r2_1_lot"
    );
    // Numbers go on from half to half.
    assert_eq!(
        halves(database, 2).await,
        "fifo_parts.fifo_allocations_v2_r2_1 6 S-1, 7 S-1, 8 S-2, 9 S-2; \
         fifo_parts.fifo_allocations_v2_r2_2 10 S-1"
    );
    // No pair comes twice in a half, and a pool has one half: rows that come later, too.
    let again = "INSERT INTO fifo_allocations SELECT * FROM fifo_allocations \
                 WHERE allocation_version = 2 AND id IN (6, 10)";
    let error = database.run(again).await.unwrap_err().to_string();
    assert!(error.contains("duplicate key"), "{error}");
    let more = "INSERT INTO fifo_allocations (id, account, sell_order_id, symbol, asset, \
        allocated_size, \
        sell_price, proceeds_usd, net_proceeds_usd, sell_time, allocation_time, \
        allocation_version, allocation_batch_id) SELECT 100 + id, account, 'later', symbol, asset, \
        allocated_size, sell_price, proceeds_usd, net_proceeds_usd, sell_time, allocation_time, \
        allocation_version, allocation_batch_id FROM fifo_allocations \
        WHERE allocation_version = 2 AND id IN (6, 10)";
    database.run(more).await.unwrap();
    assert_eq!(
        halves(database, 2).await,
        "fifo_parts.fifo_allocations_v2_r2_1 6 S-1, 7 S-1, 8 S-2, 9 S-2, 106 later; \
         fifo_parts.fifo_allocations_v2_r2_2 10 S-1, 110 later"
    );
    // Both go together.
    go(store).await;
    store
        .drop_version(2, &subject::event("drop", 2))
        .await
        .unwrap();
    let left = database.ask(TABLES).await;
    assert!(!left.iter().any(|name| name.contains("_v2_")), "{left:?}");
    assert_eq!(left.len(), 6);
}

#[tokio::test]
async fn attaching_a_half_reads_none_of_its_rows() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = planned(store).await;
    let writer = written(store, (&plan, &outcomes)).await;
    let mut other = hold_log_row(&subject, plan.run_id).await;
    let completion = Run::default().completion(&outcomes);
    let look = async {
        until(database, WAITING).await;
        let mut connection = database.connect().await;
        for (half, bounds) in [
            ("1", "FROM (1, MINVALUE, MINVALUE) TO (1, 'two', 'ETH-USD')"),
            ("2", "FROM (1, 'two', 'ETH-USD') TO (1, MAXVALUE, MAXVALUE)"),
        ] {
            let table = format!("fifo_parts.fifo_allocations_v1_r1_{half}");
            let attach = format!(
                "ALTER TABLE fifo_allocations ATTACH PARTITION {table} FOR VALUES {bounds}"
            );
            let scans = format!("SELECT pg_stat_get_xact_numscans('{table}'::regclass)::text");
            let unchecked = format!("ALTER TABLE {table} DROP CONSTRAINT of_version; {attach}");
            // Without its rule a table would be read.
            for (sql, expected) in [(&attach, "0"), (&unchecked, "1")] {
                run(&mut connection, &format!("BEGIN; {sql}"))
                    .await
                    .unwrap();
                assert_eq!(ask(&mut connection, &scans).await, [expected], "{sql}");
                run(&mut connection, "ROLLBACK").await.unwrap();
            }
        }
        run(&mut other, "ROLLBACK").await.unwrap();
    };
    let (done, ()) = tokio::join!(writer.finish(&completion), look);
    done.unwrap();
    lock.release().await;
}

#[tokio::test]
async fn a_lost_connection_of_either_half_leaves_nothing() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let before = (database.ask(TABLES).await, exported(store, 1).await);
    // The first half is indexed when its last statement has ended; the second one waits for more.
    for half in ["CREATE UNIQUE INDEX %_1_pair ON %", "COPY fifo_parts.%_2 %"] {
        let lock = subject::lock(store).await;
        let (plan, outcomes) = planned(store).await;
        let writer = written(store, (&plan, &outcomes)).await;
        let idle = format!(
            "SELECT pid::text FROM pg_stat_activity WHERE state = 'idle in transaction' \
             AND datname = current_database() AND query LIKE '{half}'"
        );
        let pid = until(database, &idle).await.concat();
        let end = format!("SELECT pg_terminate_backend({pid}, 10000)::text");
        assert_eq!(value(database, &end).await, "true", "{half}");
        let done = writer.finish(&Run::default().completion(&outcomes)).await;
        assert!(
            matches!(done, Err(StoreError::Database { .. })),
            "{half}: {done:?}"
        );
        lock.release().await;
        // The other connection ends too, and the server undoes its work.
        let others = "SELECT 'alone' WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity \
                      WHERE datname = current_database() AND state LIKE 'idle in transaction%')";
        until(database, others).await;
        assert_eq!(database.ask(TABLES).await, before.0, "{half}");
        assert_eq!(exported(store, 1).await, before.1, "{half}");
        let lock = subject::lock(store).await;
        store.close_orphans(&subject::holder("next")).await.unwrap();
        lock.release().await;
    }
    go(store).await;
    append(store, vec![trade("S-9", "sell", "1", "1", 9)]).await;
    go(store).await;
}

#[tokio::test]
async fn a_writer_of_halves_dropped_before_its_end_leaves_nothing() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    let lock = subject::lock(store).await;
    let (plan, outcomes) = planned(store).await;
    // The first half is begun; it is being indexed; both are written.
    for pools in 0..=2 {
        drop(written(store, (&plan, &outcomes[..pools])).await);
    }
    let writer = written(store, (&plan, &outcomes)).await;
    writer
        .finish(&Run::default().completion(&outcomes))
        .await
        .unwrap();
    lock.release().await;
    let left = database.ask(TABLES).await;
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(!left.iter().any(|name| name.ends_with("loose")), "{left:?}");
}
