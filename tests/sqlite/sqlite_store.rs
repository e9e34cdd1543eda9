//! The SQLite store's own rules: the file, the schema check, checks inside the database, views.
//!
//! The sqlite3 shell tries the promises of the database from outside, too. An operator has it, and
//! it does not know this program.
#![cfg(feature = "job")]

use crate::subject;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fifo_pnl::store::model::Exclusion;
use fifo_pnl::store::sqlite::{SqliteStore, version_known};
use fifo_pnl::store::{
    HistoryStore, ImportStore, LedgerStore, MovementStore, RateStore, ReviewStore, RunStore,
    SchemaRefusal, StoreError, StoreResult, VersionStore,
};
use subject::{Run, SqliteSubject, Subject, append, at, of, pool, trade, void};

/// Runs the sqlite3 shell; returns what it printed, or its error.
fn shell(path: &Path, sql: &str) -> Result<String, String> {
    let output = Command::new("sqlite3")
        .args(["-bail", "-batch", "-list", "-nullvalue", "NULL"])
        .args([path.as_os_str(), sql.as_ref()])
        .output()
        .expect("the sqlite3 shell is needed: scripts/setup --test installs it");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

async fn open(path: &Path, create: bool) -> StoreResult<SqliteStore> {
    SqliteStore::open(path, create, &subject::holder("test")).await
}

/// Returns the names of what is in a folder.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Makes a database with something in each table, and closes it.
async fn filled() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo.db");
    let store = open(&path, true).await.unwrap();
    let mut fee = trade("B-1", "buy", "1.5", "100.1", -1_735_787_046);
    fee.trade.fee = Some("0.1".parse().unwrap());
    let rates = subject::rates(vec![subject::rate("USD", 1, "1.07")]);
    store.import_rates(&rates).await.unwrap();
    append(
        &store,
        vec![
            fee,
            trade("S-1", "sell", "0.7", "110.25", 3),
            trade("S-2", "sell", "1.3", "120.125", 4),
            trade("B-2", "buy", "2", "1", 5),
            of("two", "BTC-USD", trade("S-1", "sell", "0.5", "100", 2)),
            of("two", "eth/usd", trade("B-1", "buy", "0.5", "100", 2)),
            of("two", "BTC-EUR", trade("B-2", "buy", "0.5", "100", 2)),
            subject::with_status("open", trade("S-9", "sell", "1", "1", 9)),
            trade("B-3", "buy", "1", "1", 9),
        ],
    )
    .await;
    store.void(&void("B-3", false)).await.unwrap();
    let exclusion = Exclusion {
        pool: pool("XRP-USD"),
        reason: "later".into(),
        decided_by: "ann".into(),
        decided_at: at(1),
    };
    store.set_exclusion(&exclusion, true).await.unwrap();
    let moved = subject::moved(vec![subject::movement("M-1", 3)]);
    store.import(&moved).await.unwrap();
    let acted = subject::acted(vec![subject::split("S-1", "ABC", 3)]);
    store.import(&acted).await.unwrap();
    let paired = subject::decided("pair", "default/M-1", "b/M-2");
    store.decide_transfers(&[paired]).await.unwrap();
    store.undo_import(&subject::undo(1, false)).await.unwrap();
    store.undo_import(&subject::undo(1, true)).await.unwrap();
    Run::unpublished().go(&store).await.unwrap();
    Run::default().go(&store).await.unwrap();
    store
        .log_event(&subject::event("export", 500))
        .await
        .unwrap();
    store.close().await;
    (folder, path)
}

#[tokio::test]
async fn facts_can_only_be_appended() {
    let (_folder, path) = filled().await;
    let refused = |sql: &str| shell(&path, sql).expect_err(sql);
    let tables = [
        ("trade_records", "size = '9'", "ingest_seq"),
        ("trade_voids", "undone = 1", "void_seq"),
        ("import_voids", "undone = 1", "void_seq"),
        ("asset_movements", "kind = 'gift'", "movement_seq"),
        ("asset_actions", "ratio_new = 9", "action_seq"),
        ("transfer_decisions", "kind = 'unpair'", "decision_seq"),
        ("event_log", "severity = 'error'", "id"),
        ("imports", "name = 'other.csv'", "id"),
        ("rates", "rate = '9'", "rate_seq"),
        ("review_exclusions", "excluded = 0", "id"),
    ];
    for (table, change, key) in tables {
        let before = shell(&path, &format!("SELECT * FROM {table}")).unwrap();
        let says = |sql: &str, what: &str| {
            let message = format!("{table} is append-only: {what}");
            assert!(refused(sql).contains(&message), "{sql}: {}", refused(sql));
        };
        says(&format!("UPDATE {table} SET {change}"), "UPDATE is refused");
        says(
            &format!("UPDATE OR REPLACE {table} SET {key} = 1"),
            "UPDATE is refused",
        );
        says(&format!("DELETE FROM {table}"), "DELETE is refused");
        for verb in ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"] {
            let sql = format!("{verb} INTO {table} SELECT * FROM {table} LIMIT 1");
            says(&sql, "replacing a row is refused");
        }
        let sql = format!(
            "INSERT INTO {table} SELECT * FROM {table} LIMIT 1 OFFSET 0 \
             ON CONFLICT DO UPDATE SET {change}"
        );
        says(
            &sql.replace("LIMIT 1 OFFSET 0", "WHERE true"),
            "replacing a row is refused",
        );
        assert_eq!(
            shell(&path, &format!("SELECT * FROM {table}")).unwrap(),
            before
        );
        assert!(!before.is_empty());
    }
    // The key of a trade counts, not only the number of its row.
    let sql = "INSERT OR REPLACE INTO trade_records (account, order_id, symbol, side, size, price, \
        order_time) VALUES ('default', 'B-1', 'BTC-USD', 'buy', '1', '1', 0)";
    assert!(refused(sql).contains("trade_records is append-only: replacing a row is refused"));
}

/// The columns and values of an action.
const ACTION: (&str, &str) = (
    "asset_actions (action_seq, action_id, kind, asset, happened_at, ratio_new, ratio_old, \
     import_id, import_line)",
    "'s', 'split', 'ABC', 0, 4, 1, 1, 1",
);

/// The columns and values of a decision about a transfer.
const DECISION: (&str, &str) = (
    "transfer_decisions (decision_seq, kind, withdrawal_account, withdrawal_id, deposit_account, \
     deposit_id, decided_by, decided_at)",
    "'pair', 'a', 'w', 'b', 'd', 'c', 0",
);

/// The columns and values of a movement.
const MOVEMENT: (&str, &str) = (
    "asset_movements (movement_seq, account, movement_id, asset, direction, size, kind, moved_at, \
     import_id, import_line)",
    "'a', 'm', 'BTC', 'in', '1', 'deposit', 0, 1, 1",
);

#[tokio::test]
async fn a_number_from_outside_ends_no_numbering_and_hides_no_row() {
    let subject = SqliteSubject::new().await;
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "1", 1)]).await;
    store.void(&void("B-1", false)).await.unwrap();
    let digest = "printf('%064d', 0)";
    let refused = |sql: &str| shell(subject.path(), sql).expect_err(sql);
    let rows = [
        (
            "trade_records (ingest_seq, account, order_id, symbol, side, size, price, order_time)",
            "'default', 'X-1', 'BTC-USD', 'buy', '1', '1', 0",
        ),
        (
            "trade_voids (void_seq, account, order_id, reason, voided_by)",
            "'default', 'B-1', 'r', 'w'",
        ),
        (
            "import_voids (void_seq, import_id, reason, voided_by)",
            "1, 'r', 'w'",
        ),
        MOVEMENT,
        ACTION,
        DECISION,
        (
            "rates (rate_seq, asset, currency, source, published_at, revision, rate, import_id, \
             import_line)",
            "'EUR', 'USD', 'ecb', 0, 1, '1', 1, 1",
        ),
        ("event_log (id, event_type)", "'review'"),
        (
            "review_exclusions (id, account, asset, excluded, reason, decided_by, decided_at)",
            "'a', 'b', 0, 'c', 'd', 0",
        ),
        (
            "fifo_computation_log (id, allocation_batch_id, computation_start, computation_end, \
             status, computation_mode, triggered_by, host, pid, engine_version)",
            "'b', 0, 0, 'failed', 'full', 't', 'h', 1, 'e'",
        ),
        (
            "manual_review_queue (id, account, symbol, asset, order_id, issue_type, severity, \
             status, description, created_at, updated_at, allocation_version, details)",
            "'a', 'b', 'b', 'c', 'missing_fx', 'low', 'pending', 'd', 0, 0, 1, '{}'",
        ),
    ];
    for (into, values) in rows {
        let insert = |id: &str| format!("INSERT INTO {into} VALUES ({id}, {values})");
        for id in ["9223372036854775807", "0", "-5", "1000"] {
            let words = refused(&insert(id));
            let table = into.split(' ').next().unwrap();
            assert!(
                words.contains(&format!("{table}: the database sets")),
                "{words}"
            );
        }
        // What a trigger before the row can't tell from no number at all, a rule can.
        let words = refused(&insert("-1"));
        assert!(words.contains("_check"), "{words}");
    }
    let import = |id: &str| format!("INSERT INTO imports VALUES ({id}, 'x', {digest}, 0, 0)");
    for id in ["9223372036854775807", "0", "-1"] {
        assert!(refused(&import(id)).contains("imports_id_check"));
    }
    shell(subject.path(), &import("9007199254740991")).unwrap();
    append(store, vec![trade("B-2", "buy", "1", "1", 1)]).await;
    store.void(&void("B-1", true)).await.unwrap();
    let numbers = "SELECT max(ingest_seq), max(import_id), (SELECT max(void_seq) FROM trade_voids) \
                   FROM trade_records";
    assert_eq!(shell(subject.path(), numbers).unwrap(), "2|2|2\n");
}

#[tokio::test]
async fn rejected_rows_can_only_be_appended() {
    let subject = SqliteSubject::new().await;
    shell(
        subject.path(),
        "INSERT INTO imports (name, sha256, rows) VALUES ('a.csv', printf('%064d', 0), 0); \
         INSERT INTO import_rejects VALUES (1, 1, 2, 'B-1', 'size', '-1', 'is negative', 'x')",
    )
    .unwrap();
    for sql in [
        "UPDATE import_rejects SET line = 3",
        "DELETE FROM import_rejects",
    ] {
        let error = shell(subject.path(), sql).unwrap_err();
        assert!(error.contains("import_rejects is append-only"), "{error}");
    }
}

/// Columns of a row of the ledger, with values in SQL that pass every rule.
const GOOD_ROW: [(&str, &str); 18] = [
    ("account", "'default'"),
    ("order_id", "'B-1'"),
    ("symbol", "'BTC-USD'"),
    ("side", "'buy'"),
    ("size", "'1.5'"),
    ("price", "'0'"),
    ("order_time", "0"),
    ("total_fees_usd", "NULL"),
    ("\"trigger\"", "NULL"),
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

/// Tries a row that has another value in one column, and takes it back. Errors: the rule's words.
fn try_row(connection: &rusqlite::Connection, column: &str, value: &str) -> Result<(), String> {
    let value_of = |(name, good)| if name == column { value } else { good };
    let values: Vec<&str> = GOOD_ROW.into_iter().map(value_of).collect();
    let columns: Vec<&str> = GOOD_ROW.iter().map(|(name, _)| *name).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let sql = format!("INSERT INTO trade_records ({columns}) VALUES ({values})");
    let batch = |sql: &str| connection.execute_batch(sql);
    batch("SAVEPOINT one").unwrap();
    let done = batch(&sql).map_err(|error| error.to_string());
    batch("ROLLBACK TO one; RELEASE one").unwrap();
    done
}

const NUMBERS: [&str; 6] = [
    "size",
    "price",
    "total_fees_usd",
    "quote_value",
    "usd_value",
    "contract_size",
];

#[tokio::test]
async fn each_spelling_that_is_not_canonical_is_refused() {
    let subject = SqliteSubject::new().await;
    let connection = subject.connection();
    let words = "1.50 -1 1e5 NaN nan inf Infinity +1 .5 1. 01 00 0.0 1,5 1.2.3 0x1 1_000 ٣ --1 1- \
        - -0";
    let mut spelled: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    spelled.extend(["", " 1", "1 "].map(str::to_owned));
    spelled.push("1".repeat(29));
    spelled.push(format!("0.{}1", "0".repeat(28)));
    let error = try_row(&connection, "size", "'0'").unwrap_err();
    assert!(error.contains("trade_records_size_positive_check"));
    for text in spelled {
        for column in NUMBERS {
            let done = try_row(&connection, column, &format!("'{text}'"));
            if (column, &*text) == ("total_fees_usd", "-1") {
                assert_eq!(done, Ok(()), "a rebate");
                continue;
            }
            let error = done.expect_err(&text);
            let rule = format!("trade_records_{column}_check");
            assert!(error.contains(&rule), "{column} {text}: {error}");
        }
    }
}

#[tokio::test]
async fn each_bad_value_is_refused_by_the_rule_for_it() {
    let subject = SqliteSubject::new().await;
    let connection = subject.connection();
    let cases = [
        ("side", "'BUY'", "trade_records_side_check"),
        ("side", "''", "trade_records_side_check"),
        ("account", "''", "trade_records_account_check"),
        ("order_id", "''", "trade_records_order_id_check"),
        ("symbol", "''", "trade_records_symbol_check"),
        ("size", "x'31'", "cannot store BLOB value in TEXT column"),
        (
            "order_time",
            "'today'",
            "cannot store TEXT value in INTEGER",
        ),
        ("order_time", "253402300800000000", "order_time_check"),
        ("order_time", "-62135596800000001", "order_time_check"),
        ("\"trigger\"", "'{'", "trade_records_trigger_check"),
        ("base_asset", "''", "trade_records_base_asset_check"),
        ("quote_currency", "''", "trade_records_quote_currency_check"),
        ("asset_class", "'stock'", "trade_records_asset_class_check"),
        ("contract_size", "'0'", "trade_records_contract_size_check"),
        ("fee_amount", "'1'", "trade_records_fee_check"),
        ("fee_currency", "'BNB'", "trade_records_fee_check"),
        ("fee_usd_value", "'1'", "trade_records_fee_check"),
    ];
    for (column, value, rule) in cases {
        let error = try_row(&connection, column, value).expect_err(value);
        assert!(error.contains(rule), "{column} {value}: {error}");
    }
    for (column, _) in &GOOD_ROW[..7] {
        let error = try_row(&connection, column, "NULL").expect_err(column);
        let rule = format!("NOT NULL constraint failed: trade_records.{column}");
        assert!(error.contains(&rule), "{error}");
    }
}

#[tokio::test]
async fn what_is_just_within_the_limits_passes() {
    let subject = SqliteSubject::new().await;
    let connection = subject.connection();
    let digits_28 = "9".repeat(28);
    let decimals_28 = format!("0.{}1", "0".repeat(27));
    for text in ["1", "0.1", "10", "100.01", &digits_28, &decimals_28] {
        for column in NUMBERS {
            let done = try_row(&connection, column, &format!("'{text}'"));
            assert_eq!(done, Ok(()), "{column} {text}");
        }
        let rebate = format!("'-{text}'");
        assert_eq!(try_row(&connection, "total_fees_usd", &rebate), Ok(()));
    }
    for time in ["253402300799999999", "-62135596800000000"] {
        assert_eq!(try_row(&connection, "order_time", time), Ok(()));
    }
}

#[tokio::test]
async fn every_number_the_engine_writes_passes_the_rules() {
    let subject = SqliteSubject::new().await;
    let store = subject.store();
    let mut free = trade("B-1", "buy", "0.3", "0", 1);
    free.trade.fee = Some("-0.000000000001".parse().unwrap());
    let mut dust = trade("S-1", "sell", "0.0000000000000000000000000001", "0.1", 2);
    dust.trade.fee = Some("7".parse().unwrap());
    let large = of(
        "two",
        "BTC-USD",
        trade("B-1", "buy", &"9".repeat(22), "0.5", 1),
    );
    append(
        store,
        vec![free, dust, trade("S-2", "sell", "1", "0", 3), large],
    )
    .await;
    let written = Run::default().go(store).await.unwrap();
    assert_eq!(written.completion.counts.pools_rejected, 0);
    assert_eq!(subject::exported(store, 1).await.len(), 3);
}

fn bad_location(result: StoreResult<SqliteStore>) -> String {
    match result {
        Err(StoreError::BadLocation { reason, .. }) => reason.to_string(),
        other => panic!("{:?}", other.map(|store| store.location())),
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = "account,order_id\n".repeat(100);
    fs::write(at("trades.csv"), &text).unwrap();
    fs::write(at("short"), "x").unwrap();
    fs::write(at("empty.db"), "").unwrap();
    for create in [false, true] {
        for name in ["trades.csv", "short"] {
            let reason = bad_location(open(&at(name), create).await);
            assert_eq!(reason, "it is not an SQLite database");
        }
        let reason = bad_location(open(folder.path(), create).await);
        assert_eq!(reason, "it is a folder, expected a database file");
    }
    assert_eq!(
        bad_location(open(&at("empty.db"), false).await),
        "the file is empty"
    );
    let reason = bad_location(open(&at("none/fifo.db"), true).await);
    assert_eq!(reason, "its folder does not exist");
    for name in ["missing.db", "none/fifo.db"] {
        let error = open(&at(name), false).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    }
    assert_eq!(fs::read_to_string(at("trades.csv")).unwrap(), text);
    assert_eq!(files(folder.path()), ["empty.db", "short", "trades.csv"]);
    // An empty file is what some programs make first: with `create` it becomes a database.
    let store = open(&at("empty.db"), true).await.unwrap();
    assert_eq!(store.next_version().await.unwrap(), 1);
}

#[tokio::test]
async fn a_torn_file_is_refused() {
    let (_folder, path) = filled().await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    assert!(open(&path, false).await.is_err());
    assert!(open(&path, true).await.is_err());
    assert!(fs::read(&path).unwrap() == bytes, "the file was changed");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.db");
    shell(
        &path,
        "CREATE TABLE photos (id INTEGER); INSERT INTO photos VALUES (1)",
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    for create in [false, true] {
        match open(&path, create).await {
            Err(StoreError::Schema(SchemaRefusal::OtherProgram(of, table))) => {
                assert_eq!((of, table.as_str()), (path.clone(), "photos"));
            }
            other => panic!("{:?}", other.map(|store| store.location())),
        }
    }
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
    assert_eq!(files(folder.path()), ["photos.db"]);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_nothing_is_written() {
    let (folder, path) = filled().await;
    let newer = version_known() + 2;
    let sql = format!(
        "INSERT INTO _sqlx_migrations VALUES ({newer}, 'future', CURRENT_TIMESTAMP, 1, x'00', 1)"
    );
    shell(&path, &sql).unwrap();
    let (before, names) = (fs::read(&path).unwrap(), files(folder.path()));
    let error = open(&path, true).await.unwrap_err();
    let words = format!("the database has schema v{newer}, this program knows v3");
    assert_eq!(error.to_string(), words);
    let error = SqliteStore::schema_steps(&path).await.unwrap_err();
    assert_eq!(error.to_string(), words);
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
    assert_eq!(files(folder.path()), names);
}

#[tokio::test]
async fn an_older_schema_is_migrated_with_a_copy_beside_it() {
    let (folder, path) = filled().await;
    let rows = shell(&path, "SELECT * FROM trade_records").unwrap();
    let health = "SELECT * FROM v_allocation_health";
    let view = shell(&path, health).unwrap();
    let copy = SqliteStore::schema_down(&path, 2, &subject::holder("down"))
        .await
        .unwrap();
    assert_eq!(
        shell(&copy, health).unwrap(),
        view,
        "the copy is from before"
    );
    let name = copy.to_str().unwrap();
    assert!(name.contains(".before-v2-"), "{name}");
    assert!(shell(&path, health).unwrap_err().contains("no such table"));
    let steps = SqliteStore::schema_steps(&path).await.unwrap();
    let applied: Vec<bool> = steps.iter().map(|step| step.applied_at.is_some()).collect();
    assert_eq!(applied, [true, true, false]);

    let store = open(&path, false).await.unwrap();
    let copy = store.copy_made().unwrap().to_owned();
    assert!(files(folder.path()).contains(&copy.file_name().unwrap().to_str().unwrap().into()));
    assert!(
        copy.to_str().unwrap().contains(".before-v3-"),
        "{}",
        copy.display()
    );
    assert!(shell(&copy, health).unwrap_err().contains("no such table"));
    assert_eq!(shell(&copy, "SELECT * FROM trade_records").unwrap(), rows);
    assert_eq!(shell(&path, health).unwrap(), view);
    assert_eq!(store.versions().await.unwrap().len(), 2);
    let last = shell(
        &path,
        "SELECT details FROM migration_attempts ORDER BY id DESC LIMIT 1",
    );
    let details = last.unwrap();
    assert!(details.contains("\"from\":2,\"to\":3"), "{details}");
    store.close().await;
    assert_eq!(open(&path, false).await.unwrap().copy_made(), None);
}

#[tokio::test]
async fn a_schema_goes_back_only_while_no_fact_is_lost() {
    let (folder, path) = filled().await;
    let holder = subject::holder("down");
    let names = files(folder.path());
    for (target, words) in [
        (
            3,
            "the schema is at v3: it can only go back to an older version",
        ),
        (
            -1,
            "the schema is at v3: it can only go back to an older version",
        ),
        (1, "schema v1 has no place for 1 decisions about pools"),
        (0, "schema v0 has no place for 9 trades"),
    ] {
        let result = SqliteStore::schema_down(&path, target, &holder).await;
        assert_eq!(subject::refusal(result), words);
    }
    let lock = open(&path, false).await.unwrap();
    let held = lock.lock_runs(&holder).await.unwrap();
    let error = SqliteStore::schema_down(&path, 2, &holder)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    drop(held);
    lock.close().await;
    assert_eq!(files(folder.path()), names);
}

#[tokio::test]
async fn a_migration_that_was_changed_is_refused() {
    let (folder, path) = filled().await;
    let sql = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2";
    shell(&path, sql).unwrap();
    // The last step is gone, too: no copy is made of a file that is then refused.
    for also in ["", "DELETE FROM _sqlx_migrations WHERE version = 3"] {
        shell(&path, also).unwrap();
        let names = files(folder.path());
        let holder = subject::holder("down");
        let refused = [
            open(&path, false).await.map(drop).unwrap_err(),
            SqliteStore::schema_steps(&path)
                .await
                .map(drop)
                .unwrap_err(),
            SqliteStore::schema_down(&path, 1, &holder)
                .await
                .map(drop)
                .unwrap_err(),
        ];
        for error in refused {
            assert!(matches!(error, StoreError::SchemaDiffers(_)), "{error:?}");
            assert_eq!(
                error.to_string(),
                "the schema does not match this program: migration 2 was changed after it was \
                 applied"
            );
        }
        assert_eq!(files(folder.path()), names);
    }
}

#[test]
fn eight_first_opens_of_one_file_all_succeed() {
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo.db");
        let first_open = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let store = open(&path, true).await.map_err(|error| error.to_string())?;
                let next = store
                    .next_version()
                    .await
                    .map_err(|error| error.to_string());
                store.close().await;
                next
            })
        };
        let results: Vec<Result<i64, String>> = std::thread::scope(|scope| {
            let opens: Vec<_> = (0..8).map(|_| scope.spawn(first_open)).collect();
            opens.into_iter().map(|open| open.join().unwrap()).collect()
        });
        assert_eq!(results, vec![Ok(1); 8]);
        let steps = shell(&path, "SELECT count(*) FROM _sqlx_migrations").unwrap();
        assert_eq!(steps, "3\n");
        let journal = shell(&path, "PRAGMA journal_mode").unwrap();
        assert_eq!(journal, "wal\n", "readers go on while a version is written");
    }
}

#[tokio::test]
async fn the_buy_of_an_open_lot_has_a_fee_of_either_form() {
    let subject = SqliteSubject::new().await;
    let connection = subject.connection();
    connection
        .execute_batch(
            "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time, \
             fee_amount, fee_currency, asset_class) \
             VALUES ('B-1', 'BTC-USD', 'buy', '2', '100', 0, '3', 'usd', 'crypto')",
        )
        .unwrap();
    let version = Run::default().go(subject.store()).await.unwrap().version;
    let reach = [(pool("BTC-USD"), None)].into();
    let lots = subject.store().open_lots(version, &reach).await.unwrap();
    let lot = &lots[&pool("BTC-USD")].oldest[0];
    assert_eq!(lot.buy.fee, Some("3".parse().unwrap()));
    assert_eq!(lot.remaining_cost.to_string(), "203");
}
