//! Refusals of the database itself, and the ledger that it shows at each instant.

use fifo_pnl::store::model::{Exclusion, LedgerRead, Scope};
use fifo_pnl::store::postgres::PostgresStore;
use fifo_pnl::store::{LedgerStore, Store};

use crate::postgres_store::{fill, until, value};
use crate::subject::server::run;
use crate::subject::{
    PostgresSubject, Run, Subject, acted, append, at, decided, holder, moved, movement, pool, rate,
    rates, refusal, split, trade, undo, void,
};

/// Puts a row into each table that can only be appended to.
async fn filled() -> Option<PostgresSubject> {
    let subject = PostgresSubject::new().await?;
    let store = subject.store();
    fill(store).await;
    let rates = rates(vec![rate("USD", 1, "1.07")]);
    store.import_rates(&rates).await.unwrap();
    store.void(&void("B-2", false)).await.unwrap();
    let exclusion = Exclusion {
        pool: pool("XRP-USD"),
        reason: "later".into(),
        decided_by: "ann".into(),
        decided_at: at(1),
    };
    store.set_exclusion(&exclusion, true).await.unwrap();
    store
        .import(&moved(vec![movement("M-1", 3)]))
        .await
        .unwrap();
    store
        .import(&acted(vec![split("S-1", "ABC", 3)]))
        .await
        .unwrap();
    let paired = decided("pair", "default/M-1", "b/M-2");
    store.decide_transfers(&[paired]).await.unwrap();
    store.undo_import(&undo(1, false)).await.unwrap();
    store.undo_import(&undo(1, true)).await.unwrap();
    Run::default().go(store).await.unwrap();
    let reject = "INSERT INTO import_rejects (import_id, line, order_id, column_name, found, \
                  reason, line_text) VALUES (1, 2, 'B-9', 'size', '-1', 'is negative', 'x')";
    subject.database.run(reject).await.unwrap();
    Some(subject)
}

#[tokio::test]
async fn facts_can_only_be_appended() {
    let Some(subject) = filled().await else {
        return;
    };
    let database = &subject.database;
    for (table, column, key) in [
        ("trade_records", "size", "account, order_id"),
        ("trade_voids", "undone", "void_seq"),
        ("import_voids", "undone", "void_seq"),
        ("asset_movements", "kind", "movement_seq"),
        ("asset_actions", "kind", "action_seq"),
        ("transfer_decisions", "kind", "decision_seq"),
        ("event_log", "severity", "id"),
        ("imports", "name", "id"),
        ("rates", "rate", "rate_seq"),
        ("import_rejects", "found", "id"),
        ("review_exclusions", "excluded", "id"),
    ] {
        let all = format!("SELECT t::text FROM {table} t ORDER BY 1");
        let before = database.ask(&all).await;
        assert!(!before.is_empty(), "{table}");
        let changes = [
            (format!("UPDATE {table} SET {column} = {column}"), "UPDATE"),
            (format!("DELETE FROM {table}"), "DELETE"),
            (format!("TRUNCATE {table} CASCADE"), "TRUNCATE"),
            (
                format!(
                    "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table} \
                     ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}"
                ),
                "UPDATE",
            ),
        ];
        for (sql, what) in changes {
            let words = database.run(&sql).await.unwrap_err();
            let ends = format!("is append-only: {what} is refused");
            assert!(words.ends_with(&ends), "{sql}: {words}");
            // A cascade may meet another table's rule first.
            assert!(what == "TRUNCATE" || words.starts_with(table), "{words}");
        }
        let again = format!("INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}");
        let words = database.run(&again).await.unwrap_err();
        assert!(words.contains("duplicate key value"), "{words}");
        assert_eq!(database.ask(&all).await, before);
    }
}

/// Writes a used rate of a version and of an import (a number, or `NULL`).
fn used_rate(step: u8, version: i64, import: &str) -> String {
    format!(
        "INSERT INTO fifo_rates_used SELECT {version}, 'default', 'X-1', 'value', {step}, 'EUR', \
         1, 1.07, 1.07, t, 'file', 'EUR', 'USD', 1.07, i, i, \
         CASE WHEN i IS NULL THEN 'B-1' END, t \
         FROM (SELECT {import}::bigint AS i, '2025-01-02T03:04:05Z'::timestamptz AS t) AS x"
    )
}

#[tokio::test]
async fn a_used_rate_has_its_version_and_its_import() {
    let Some(subject) = filled().await else {
        return;
    };
    let database = &subject.database;
    let count = "SELECT count(*)::text FROM fifo_rates_used";
    for (sql, words) in [
        (used_rate(1, 99, "1"), "there is no allocation version 99"),
        (used_rate(1, 1, "99"), "there is no import 99"),
    ] {
        let error = database.run(&sql).await.unwrap_err();
        assert!(error.contains(words), "{sql}: {error}");
    }
    assert_eq!(value(database, count).await, "0");

    for (step, import) in [(1, "1"), (2, "NULL")] {
        database.run(&used_rate(step, 1, import)).await.unwrap();
    }
    for (column, words) in [
        ("allocation_version", "there is no allocation version 99"),
        ("import_id", "there is no import 99"),
    ] {
        let sql = format!("UPDATE fifo_rates_used SET {column} = 99 WHERE step = 1");
        let error = database.run(&sql).await.unwrap_err();
        assert!(error.contains(words), "{sql}: {error}");
    }
    // A version can't be deleted while its summaries refer to it.
    let sql = "DELETE FROM allocation_versions WHERE version = 1";
    let error = database.run(sql).await.unwrap_err();
    assert!(error.contains("violates foreign key constraint"), "{error}");
    assert_eq!(value(database, count).await, "2");
}

/// Columns of a row of the ledger, with values in SQL that pass every rule.
const GOOD_ROW: [(&str, &str); 18] = [
    ("account", "'default'"),
    ("order_id", "'X-1'"),
    ("symbol", "'BTC-USD'"),
    ("side", "'buy'"),
    ("size", "1.5"),
    ("price", "0"),
    ("order_time", "'2025-01-02T03:04:05Z'"),
    ("total_fees_usd", "NULL"),
    ("trigger", "NULL"),
    ("base_asset", "NULL"),
    ("quote_currency", "NULL"),
    ("asset_class", "NULL"),
    ("quote_value", "NULL"),
    ("usd_value", "NULL"),
    ("fee_amount", "NULL"),
    ("fee_currency", "NULL"),
    ("fee_usd_value", "NULL"),
    ("contract_size", "NULL"),
];

/// Makes the statements that try a row with another value in one column, and take it back.
fn row(column: &str, value: &str) -> String {
    let value_of = |(name, good)| if name == column { value } else { good };
    let values = GOOD_ROW.map(value_of).join(", ");
    let columns = GOOD_ROW.map(|(name, _)| name).join(", ");
    format!("BEGIN; INSERT INTO trade_records ({columns}) VALUES ({values}); ROLLBACK")
}

const NUMBERS: [&str; 3] = ["size", "price", "total_fees_usd"];

#[tokio::test]
async fn what_is_no_trade_is_refused_rule_by_rule() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (digits_29, decimals_29) = ("9".repeat(29), format!("0.{}1", "0".repeat(28)));
    let mut cases = vec![
        ("account", "''", "account_check"),
        ("order_id", "''", "order_id_check"),
        ("symbol", "''", "symbol_check"),
        ("side", "'BUY'", "side_check"),
        ("side", "''", "side_check"),
        ("size", "0", "size_positive_check"),
        ("size", "-1", "size_check"),
        ("size", "'-Infinity'", "size_check"),
        ("price", "-1", "price_check"),
        ("price", "'-Infinity'", "price_check"),
        ("total_fees_usd", "'-Infinity'", "total_fees_usd_check"),
        ("order_time", "'infinity'", "order_time_check"),
        ("order_time", "'-infinity'", "order_time_check"),
        ("order_time", "'10000-01-01 00:00Z'", "order_time_check"),
        ("order_time", "'0001-12-31 00:00Z BC'", "order_time_check"),
        ("base_asset", "''", "base_asset_check"),
        ("quote_currency", "''", "quote_currency_check"),
        ("asset_class", "'stock'", "asset_class_check"),
        ("quote_value", "-1", "quote_value_check"),
        ("usd_value", "-1", "usd_value_check"),
        ("contract_size", "0", "contract_size_check"),
        ("contract_size", "-1", "contract_size_check"),
        ("fee_amount", "1", "fee_check"),
        ("fee_currency", "'BNB'", "fee_check"),
        ("fee_usd_value", "1", "fee_check"),
    ];
    for (column, rule) in [
        ("size", "size_check"),
        ("price", "price_check"),
        ("total_fees_usd", "total_fees_usd_check"),
        ("quote_value", "quote_value_check"),
        ("usd_value", "usd_value_check"),
        ("contract_size", "contract_size_check"),
    ] {
        for value in ["'NaN'", "'Infinity'", &digits_29, &decimals_29] {
            cases.push((column, value, rule));
        }
        cases.push((column, "99999999999999999999999999.001", rule));
    }
    for (column, value, rule) in cases {
        let words = subject.database.run(&row(column, value)).await;
        let words = words.expect_err(value);
        let rule = format!("constraint \"trade_records_{rule}\"");
        assert!(words.contains(&rule), "{column} {value}: {words}");
    }
    for (column, _) in &GOOD_ROW[..7] {
        let words = subject
            .database
            .run(&row(column, "NULL"))
            .await
            .unwrap_err();
        let rule = format!("null value in column \"{column}\"");
        assert!(words.starts_with(&rule), "{words}");
    }
    let words = subject.database.run(&row("trigger", "'{'")).await;
    assert!(
        words
            .unwrap_err()
            .contains("invalid input syntax for type json")
    );
}

#[tokio::test]
async fn what_is_just_within_the_limits_passes() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let mut connection = subject.database.connect().await;
    let (digits_28, decimals_28) = ("9".repeat(28), format!("0.{}1", "0".repeat(27)));
    // Zeros at the end are no digits.
    let zeros = format!("1.5{}", "0".repeat(40));
    for text in ["1", "0.1", "100.01", &digits_28, &decimals_28, &zeros] {
        for column in NUMBERS {
            run(&mut connection, &row(column, text)).await.unwrap();
        }
        let rebate = row("total_fees_usd", &format!("-{text}"));
        run(&mut connection, &rebate).await.unwrap();
    }
    for time in ["'0001-01-01 00:00Z'", "'9999-12-31 23:59:59.999999Z'"] {
        let done = run(&mut connection, &row("order_time", time)).await;
        done.unwrap();
    }
}

#[tokio::test]
async fn every_number_the_engine_writes_passes_the_rules() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    let mut free = trade("B-1", "buy", "0.3", "0", 1);
    free.trade.fee = Some("-0.000000000001".parse().unwrap());
    let mut dust = trade("S-1", "sell", "0.0000000000000000000000000001", "0.1", 2);
    dust.trade.fee = Some("7".parse().unwrap());
    let large = trade("B-2", "buy", &"9".repeat(22), "0.5", 1);
    let large = crate::postgres_store::of("two", "BTC-USD", large);
    let rows = vec![free, dust, trade("S-2", "sell", "1", "0", 3), large];
    append(store, rows).await;
    let written = Run::default().go(store).await.unwrap();
    assert_eq!(written.completion.counts.pools_rejected, 0);
    assert_eq!(crate::subject::exported(store, 1).await.len(), 3);
}

fn ids(read: &LedgerRead) -> Vec<String> {
    let pools = read.pools.values();
    let trades = pools.flat_map(|pool| pool.trades.iter());
    let mut ids: Vec<String> = trades.map(|trade| trade.order_id.to_string()).collect();
    ids.sort();
    ids
}

const SLOW_ROW: &str = "INSERT INTO trade_records (order_id, symbol, side, size, price, \
    order_time) VALUES ('SLOW', 'BTC-USD', 'buy', 1, 1, '2025-01-02T03:04:05Z')";

#[tokio::test]
async fn a_late_commit_is_in_no_earlier_snapshot_and_is_not_missed() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    let all = Scope::default();
    append(store, vec![trade("B-1", "buy", "1", "1", 1)]).await;
    let mut slow = subject.database.connect().await;
    run(&mut slow, &format!("BEGIN; {SLOW_ROW}")).await.unwrap();
    // Numbered after the slow row, and committed before it.
    append(store, vec![trade("B-2", "buy", "1", "1", 1)]).await;
    let early = store.read_ledger(&all, None).await.unwrap();
    assert_eq!(ids(&early), ["B-1", "B-2"]);
    run(&mut slow, "COMMIT").await.unwrap();
    let again = store.read_ledger(&all, Some(&early.watermark)).await;
    assert_eq!(ids(&again.unwrap()), ["B-1", "B-2"]);
    let late = store.read_ledger(&all, None).await.unwrap();
    assert_eq!(ids(&late), ["B-1", "B-2", "SLOW"]);
    // A void that is committed late is as late.
    let sql = "BEGIN; INSERT INTO trade_voids (account, order_id, reason, voided_by) \
               VALUES ('default', 'B-1', 'slow', 'ann')";
    run(&mut slow, sql).await.unwrap();
    store.void(&void("B-2", false)).await.unwrap();
    let early = store.read_ledger(&all, None).await.unwrap();
    run(&mut slow, "COMMIT").await.unwrap();
    let again = store.read_ledger(&all, Some(&early.watermark)).await;
    assert_eq!(ids(&again.unwrap()), ["B-1", "SLOW"]);
    let late = store.read_ledger(&all, None).await.unwrap();
    assert_eq!((ids(&late), late.voided), (vec!["SLOW".into()], 2));
}

#[tokio::test]
async fn a_row_of_a_broken_transaction_is_in_no_snapshot() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    let mut broken = subject.database.connect().await;
    run(&mut broken, &format!("BEGIN; {SLOW_ROW}"))
        .await
        .unwrap();
    run(&mut broken, "ROLLBACK").await.unwrap();
    // A subtransaction's row belongs to the whole.
    let sql = format!("BEGIN; SAVEPOINT s; {SLOW_ROW}; RELEASE s");
    run(&mut broken, &sql).await.unwrap();
    let early = store.read_ledger(&Scope::default(), None).await.unwrap();
    run(&mut broken, "COMMIT").await.unwrap();
    let late = store.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!((ids(&early).len(), ids(&late).len()), (0, 1));
    for (read, count) in [(early, 0), (late, 1)] {
        let all = Scope::default();
        let again = store.read_ledger(&all, Some(&read.watermark)).await;
        assert_eq!(ids(&again.unwrap()).len(), count);
    }
}

#[tokio::test]
async fn a_ledger_copied_from_another_cluster_is_not_taken_for_an_empty_one() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    fill(store).await;
    Run::default().go(store).await.unwrap();
    let sql =
        "UPDATE allocation_versions SET watermark = jsonb_set(watermark, '{cluster}', '\"1\"')";
    subject.database.run(sql).await.unwrap();
    let watermark = store.versions().await.unwrap().remove(0).watermark;
    let read = store.read_ledger(&Scope::default(), Some(&watermark)).await;
    let words = refusal(read);
    assert!(words.contains("in another database cluster"), "{words}");
    assert_eq!(
        ids(&store.read_ledger(&Scope::default(), None).await.unwrap()).len(),
        6
    );

    let far = SLOW_ROW.replace("order_time)", "order_time, ingest_xid)");
    let far = far.replace("Z')", "Z', '9000000000')");
    // As a dump that is restored brings it: the rows before their triggers.
    let trigger = "TRIGGER trade_records_arrival";
    let restored = format!(
        "ALTER TABLE trade_records DISABLE {trigger}; {far}; \
         ALTER TABLE trade_records ENABLE {trigger}"
    );
    subject.database.run(&restored).await.unwrap();
    let words = refusal(store.read_ledger(&Scope::default(), None).await);
    assert!(words.contains("copied from another cluster"), "{words}");
    assert_eq!(
        value(&subject.database, "SELECT count(*) FROM trade_records").await,
        "7"
    );
}

#[tokio::test]
async fn imports_and_voids_come_one_after_another() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let stores: Vec<_> =
        futures_util::future::join_all((0..4).map(|_| subject.another("import"))).await;
    // The same trades by four at once: one appends each, the others know it.
    let rows = || (0..50).map(|n| trade(&format!("B-{n}"), "buy", "1", "1", n));
    let import = async |store: &dyn Store| {
        let batch = crate::subject::batch(rows().collect());
        store.import(&batch).await.unwrap().appended
    };
    let imports = stores.iter().map(|store| import(store));
    let mut appended = futures_util::future::join_all(imports).await;
    appended.sort_unstable();
    assert_eq!(appended, [0, 0, 0, 50]);
    let voids = stores.iter().map(|store| async {
        let change = void("B-7", false);
        store.void(&change).await.is_ok()
    });
    let voided = futures_util::future::join_all(voids).await;
    assert_eq!(voided.iter().filter(|done| **done).count(), 1);
}

#[tokio::test]
async fn many_known_trades_are_looked_up_by_their_keys() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = PostgresStore::open(&subject.url(), &holder("bulk import")).await;
    let store = store.unwrap();
    let sql = "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time) \
               SELECT 'T-' || n, 'BTC-USD', 'buy', 1, 1, '2025-01-02T03:04:05.000006Z' \
               FROM generate_series(1, 60000) n; ANALYZE trade_records";
    subject.database.run(sql).await.unwrap();
    let rows = (1..=6_000).map(|n| {
        let mut row = trade(&format!("T-{n}"), "buy", "1", "1", 0);
        row.trade.fee = None;
        row
    });
    let receipt = store.import(&crate::subject::batch(rows.collect())).await;
    assert_eq!(receipt.unwrap().known, 6_000);
    // A session has told what it read when it is gone.
    store.close().await;
    let gone = "SELECT 'gone' WHERE NOT EXISTS (SELECT FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name LIKE '%bulk import%')";
    until(&subject.database, gone).await;
    // Each against all rows of the ledger would be 360 million.
    let read = "SELECT (seq_tup_read < 1000000)::text FROM pg_stat_user_tables \
                WHERE relname = 'trade_records'";
    assert_eq!(subject.database.ask(read).await, ["true"]);
}
