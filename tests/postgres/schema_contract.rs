//! The columns and rules of both databases, from the databases themselves: compared with each
//! other under a written map of types, and with the list in `docs/schema_contract.txt`.
//!
//! Only this file lists what one of them has alone. `FIFO_PNL_BLESS=1` rewrites the list; read the
//! changes, because people's queries depend on it. The second half compares the code: both stores
//! have the same files and functions, so that each statement has its twin.
#![cfg(feature = "job")]
#![allow(
    clippy::disallowed_methods,
    reason = "the environment asks for the list to be rewritten"
)]

use crate::subject;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use fifo_pnl::store::Store;
use fifo_pnl::store::postgres::PostgresUrl;
use fifo_pnl::store::sqlite::SqliteStore;
use subject::{PostgresSubject, Run, SqliteSubject, Subject, append, event, of, trade};

/// A column: its name and type, and whether NULL is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    kind: String,
    is_required: bool,
}

/// Columns and types that a table or view promises.
#[derive(Debug, Default)]
struct Relation {
    columns: Vec<Column>,
    rules: BTreeSet<String>,
    is_view: bool,
}

type Schema = BTreeMap<String, Relation>;

/// The type of a column of a table in PostgreSQL, and what SQLite holds for it.
const TYPES: [(&str, &str); 8] = [
    ("text", "TEXT"),
    ("numeric", "TEXT"),
    ("jsonb", "TEXT"),
    ("uuid", "TEXT"),
    ("bigint", "INTEGER"),
    ("boolean", "INTEGER"),
    ("xid8", "INTEGER"),
    ("timestamp with time zone", "INTEGER"),
];

/// Views for people show times as text in SQLite, and one average is a float in both.
const TYPES_OF_V_VIEWS: [(&str, &str); 2] = [
    ("timestamp with time zone", "TEXT"),
    ("double precision", "REAL"),
];

/// Columns that have another name, or none, in one of the databases: how rows arrive is the
/// server's to say in one, and a number in the other.
const OTHER_COLUMNS: [(&str, Option<&str>, Option<&str>); 4] = [
    ("trade_records", Some("ingest_xid"), Some("ingest_seq")),
    ("eligible_trades", Some("ingest_xid"), Some("ingest_seq")),
    ("ineligible_trades", Some("ingest_xid"), Some("ingest_seq")),
    ("trade_voids", Some("void_xid"), None),
];

/// Rules that PostgreSQL has and SQLite has not.
const RULES_OF_POSTGRES: [&str; 2] = [
    // The key of the ledger; in SQLite a unique constraint, its key is the order of arrival.
    "trade_records: primary key (account, order_id)",
    // A key names the columns by which its table is partitioned; a leg has one asset.
    "fifo_allocations: unique (account, allocation_version, asset, expression, expression, \
     expression, expression, sell_order_id)",
];

/// Rules that SQLite has and PostgreSQL has not.
const RULES_OF_SQLITE: [&str; 24] = [
    "trade_records: primary key (ingest_seq)",
    "trade_records: check trade_records_ingest_seq_check",
    "trade_records: unique (account, order_id)",
    // Ids of a version's rows are numbered by the run that writes them.
    "fifo_allocations: primary key (id)",
    "fifo_inventory_snapshot: primary key (id)",
    // A partition is dropped with its version.
    "fifo_allocations: references allocation_versions (allocation_version)",
    "fifo_inventory_snapshot: references allocation_versions (allocation_version)",
    // The index of SQLite leaves out the asset: a leg has one.
    "fifo_allocations: unique (account, allocation_version, expression, expression, expression, \
     expression, sell_order_id)",
    // PostgreSQL has a trigger instead: it looks up each number once a statement.
    "fifo_rates_used: references allocation_versions (allocation_version)",
    "fifo_rates_used: references imports (import_id)",
    // Types of PostgreSQL say as much.
    "allocation_versions: check allocation_versions_policy_check",
    "allocation_versions: check allocation_versions_watermark_check",
    "current_version: check current_version_held_check",
    "event_log: check event_log_details_check",
    "fifo_computation_log: check fifo_computation_log_error_details_check",
    "fifo_pool_summary: check fifo_pool_summary_symbols_check",
    "fifo_pool_summary: check fifo_pool_summary_watermark_check",
    "import_voids: check import_voids_undone_check",
    "manual_review_queue: check manual_review_queue_details_check",
    "review_exclusions: check review_exclusions_excluded_check",
    "sync_logs: check sync_logs_error_details_check",
    "trade_records: check trade_records_trigger_check",
    "trade_voids: check trade_voids_undone_check",
    "trading_accounts: check trading_accounts_is_active_check",
];

/// Makes a little of everything, so that the views have rows to tell their types by.
async fn fill(store: &dyn Store) {
    let mut rows = vec![
        trade("B-1", "buy", "1.5", "100.25", 1),
        trade("S-1", "sell", "1", "110", 3),
        trade("S-2", "sell", "2", "120", 4),
        of("two", "ETH-USD", trade("B-1", "buy", "1", "10", 1)),
        subject::with_status("open", trade("S-9", "sell", "1", "1", 9)),
    ];
    for row in &mut rows {
        row.trade.trade_seq = Some(7);
        row.status.get_or_insert("filled".into());
    }
    append(store, rows).await;
    append(store, vec![trade("B-9", "buy", "1", "1", 9)]).await;
    store
        .import(&subject::moved(vec![subject::movement("M-1", 3)]))
        .await
        .unwrap();
    store
        .import(&subject::acted(vec![subject::split("S-1", "NONE", 3)]))
        .await
        .unwrap();
    store.void(&subject::void("B-9", false)).await.unwrap();
    store.undo_import(&subject::undo(2, false)).await.unwrap();
    Run::default().go(store).await.unwrap();
    store.log_event(&event("export", 1)).await.unwrap();
    let change = subject::account_change();
    store.change_account(&change).await.unwrap();
    store.log_sync(&subject::sync()).await.unwrap();
    let run = store.begin_run(&Run::default().start(2)).await.unwrap();
    store.fail_run(run, &subject::failure(900)).await.unwrap();
}

/// Asks in the `sqlite3` shell, which has the functions that the views use.
fn shell(path: &Path, sql: &str) -> Vec<Vec<String>> {
    let output = Command::new("sqlite3")
        .args(["-bail", "-batch", "-list", "-nullvalue", "NULL"])
        .args([path.as_os_str(), sql.as_ref()])
        .output()
        .expect("the sqlite3 shell is needed: scripts/setup --test installs it");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{sql}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let cells = |line: &str| line.split('|').map(str::to_owned).collect();
    text.lines().map(cells).collect()
}

async fn schema_of_sqlite(subject: &SqliteSubject) -> Schema {
    let path = subject.path();
    let mut schema = Schema::new();
    let names = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') \
                 AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
    for row in shell(path, names) {
        let (name, is_view) = (&row[0], row[1] == "view");
        let columns =
            format!("SELECT name, type, \"notnull\" OR pk FROM pragma_table_xinfo('{name}')");
        let mut relation = Relation {
            is_view,
            ..Relation::default()
        };
        for column in shell(path, &columns) {
            let kind = match is_view {
                true => kind_in_view(path, name, &column[0]),
                false => column[1].clone(),
            };
            relation.columns.push(Column {
                name: column[0].clone(),
                kind,
                is_required: !is_view && column[2] == "1",
            });
        }
        if !is_view {
            relation.rules = rules_of_sqlite(path, name);
        }
        schema.insert(name.clone(), relation);
    }
    schema
}

/// Returns the type of a view's values: a view declares none.
fn kind_in_view(path: &Path, view: &str, column: &str) -> String {
    let sql =
        format!("SELECT DISTINCT upper(typeof({column})) FROM {view} WHERE {column} IS NOT NULL");
    let kinds: Vec<String> = shell(path, &sql).concat();
    match kinds.as_slice() {
        [] => "NULL".into(),
        [kind] => kind.clone(),
        kinds => panic!("{view}.{column} holds {kinds:?}"),
    }
}

fn rules_of_sqlite(path: &Path, table: &str) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    let key = format!(
        "SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_xinfo('{table}') \
         WHERE pk > 0 ORDER BY pk)"
    );
    rules.insert(format!(
        "primary key ({})",
        shell(path, &key).concat().concat()
    ));
    let unique = format!(
        "SELECT (SELECT group_concat(ifnull(name, 'expression'), ', ') \
                 FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) \
         FROM pragma_index_list('{table}') i WHERE \"unique\" AND origin <> 'pk'"
    );
    for row in shell(path, &unique) {
        rules.insert(unique_rule(&row[0]));
    }
    let foreign = format!("SELECT \"table\", \"from\" FROM pragma_foreign_key_list('{table}')");
    for row in shell(path, &foreign) {
        rules.insert(format!("references {} ({})", row[0], row[1]));
    }
    let sql =
        format!("SELECT replace(sql, char(10), ' ') FROM sqlite_master WHERE name = '{table}'");
    let sql = shell(path, &sql).concat().join("|");
    for part in sql.split("CONSTRAINT ").skip(1) {
        let mut words = part.split_whitespace();
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        if kind.starts_with("CHECK") {
            rules.insert(format!("check {name}"));
        }
    }
    rules
}

/// Spells the rule that rows differ in some columns. Their order is the index's and no rule: each
/// database has the one in which it finds rows best.
fn unique_rule(columns: &str) -> String {
    let mut columns: Vec<&str> = columns.split(", ").collect();
    columns.sort_unstable();
    format!("unique ({})", columns.join(", "))
}

async fn schema_of_postgres(subject: &PostgresSubject) -> Schema {
    let database = &subject.database;
    // The summaries are a table beside the partitions, which a view shows in public.
    let ours = "n.nspname IN ('public', 'fifo_parts') AND c.relkind IN ('r', 'p', 'v') \
                AND NOT c.relispartition AND c.relname NOT LIKE '\\_%' \
                AND NOT (n.nspname = 'public' AND c.relname = 'fifo_pool_summary')";
    let from = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";
    let columns = format!(
        "SELECT c.relname, c.relkind = 'v', a.attname, format_type(a.atttypid, a.atttypmod), \
         a.attnotnull FROM {from} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
         AND NOT a.attisdropped WHERE {ours} ORDER BY c.relname, a.attnum"
    );
    let rules = format!(
        "SELECT c.relname, CASE k.contype WHEN 'c' THEN 'check ' || k.conname \
         WHEN 'f' THEN 'references ' || k.confrelid::regclass || ' (' || \
             (SELECT string_agg(a.attname, ', ') FROM pg_attribute a \
              WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)) || ')' END \
         FROM {from} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'f') \
         WHERE {ours} \
         UNION ALL SELECT c.relname, CASE WHEN i.indisprimary THEN 'primary key (' \
             ELSE 'unique (' END || (SELECT string_agg(coalesce(a.attname, 'expression'), ', ' \
                 ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
              LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number \
                        AND k.number > 0) || ')' \
         FROM {from} JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique WHERE {ours}"
    );
    let mut schema = Schema::new();
    for row in database.ask(&columns).await {
        let cells: Vec<&str> = row.split('|').collect();
        let relation = schema.entry(cells[0].to_owned()).or_default();
        relation.is_view = cells[1] == "t";
        relation.columns.push(Column {
            name: cells[2].to_owned(),
            kind: cells[3].to_owned(),
            is_required: cells[4] == "t",
        });
    }
    for row in database.ask(&rules).await {
        let (name, rule) = row.split_once('|').unwrap();
        let columns = rule.strip_prefix("unique (");
        let columns = columns.and_then(|rest| rest.strip_suffix(')'));
        let rule = columns.map_or_else(|| rule.to_owned(), unique_rule);
        schema.get_mut(name).unwrap().rules.insert(rule);
    }
    schema
}

/// Pairs the columns of a relation in both databases, and lists what may not be.
fn pair<'a>(
    name: &str,
    postgres: &'a Relation,
    sqlite: &'a Relation,
    offences: &mut Vec<String>,
) -> Vec<(Option<&'a Column>, Option<&'a Column>)> {
    let other = OTHER_COLUMNS
        .iter()
        .find(|(relation, _, _)| *relation == name);
    let (mut left, mut right) = (postgres.columns.iter(), sqlite.columns.iter());
    let mut pairs = Vec::new();
    loop {
        let is_alone = |column: &Column| {
            other.is_some_and(|(_, left, right)| *left == Some(&*column.name) && right.is_none())
        };
        let pair = match left.next() {
            Some(column) if is_alone(column) => (Some(column), None),
            column => (column, right.next()),
        };
        match pair {
            (None, None) => return pairs,
            (Some(left), Some(right)) => {
                let renamed = other.is_some_and(|(_, postgres, sqlite)| {
                    *postgres == Some(&*left.name) && *sqlite == Some(&*right.name)
                });
                if left.name != right.name && !renamed {
                    offences.push(format!("{name}: {} is not {}", left.name, right.name));
                }
                if !is_same_type(name, left, right) {
                    let (kind, other) = (&left.kind, &right.kind);
                    offences.push(format!("{name}.{}: {kind} is not {other}", left.name));
                }
                if left.is_required != right.is_required {
                    offences.push(format!("{name}.{}: NOT NULL in one only", left.name));
                }
            }
            (Some(left), None) if is_alone(left) => {}
            (left, right) => offences.push(format!("{name}: {left:?} without {right:?}")),
        }
        pairs.push(pair);
    }
}

fn is_same_type(name: &str, postgres: &Column, sqlite: &Column) -> bool {
    let is_for_people = name.starts_with("v_") || name == "schema_version";
    let is = |(left, right): &(&str, &str)| *left == postgres.kind && *right == sqlite.kind;
    let text_of_time = postgres.kind == "timestamp with time zone"
        && is_for_people
        && name != "v_current_allocations";
    match () {
        () if sqlite.kind == "NULL" => true,
        () if text_of_time => TYPES_OF_V_VIEWS.iter().any(is),
        () if is_for_people => TYPES.iter().chain(&TYPES_OF_V_VIEWS).any(is),
        () => TYPES.iter().any(is),
    }
}

/// Returns the list, and what the two databases may not differ in and do.
fn contract(postgres: &Schema, sqlite: &Schema) -> (String, Vec<String>) {
    let mut offences = Vec::new();
    let mut text = String::from(
        "# Every table and view: columns in order, type in PostgreSQL, type in SQLite, NOT NULL;\n\
         # then keys and checks. Made and checked by tests/postgres/schema_contract.rs.\n",
    );
    let names = |schema: &Schema| schema.keys().cloned().collect::<BTreeSet<_>>();
    let (left, right) = (names(postgres), names(sqlite));
    let alone = left.symmetric_difference(&right);
    offences.extend(alone.map(|name| format!("{name} is in one database only")));
    for name in left.intersection(&right) {
        let (left, right) = (&postgres[name], &sqlite[name]);
        let kind = if left.is_view { "view" } else { "table" };
        if left.is_view != right.is_view {
            offences.push(format!("{name} is a view in one database only"));
        }
        text.push_str(&format!("\n{kind} {name}\n"));
        for (left, right) in pair(name, left, right, &mut offences) {
            text.push_str(&column_line(left, right));
        }
        for rule in left.rules.union(&right.rules) {
            let (in_left, in_right) = (left.rules.contains(rule), right.rules.contains(rule));
            let full = format!("{name}: {rule}");
            let (mark, is_known) = match (in_left, in_right) {
                (true, false) => (" [PostgreSQL]", RULES_OF_POSTGRES.contains(&&*full)),
                (false, true) => (" [SQLite]", RULES_OF_SQLITE.contains(&&*full)),
                _ => ("", true),
            };
            if !is_known {
                offences.push(format!("{full} is in one database only{mark}"));
            }
            text.push_str(&format!("  {rule}{mark}\n"));
        }
    }
    (text, offences)
}

fn column_line(postgres: Option<&Column>, sqlite: Option<&Column>) -> String {
    let name = |column: Option<&Column>| column.map_or("-", |c| &*c.name).to_owned();
    let kind = |column: Option<&Column>| column.map_or("-", |c| &*c.kind).to_owned();
    let (left, right) = (name(postgres), name(sqlite));
    let names = match left == right {
        true => left,
        false => format!("{left} / {right}"),
    };
    let kinds = kind(postgres).replace("timestamp with time zone", "timestamptz");
    let is_required = postgres.or(sqlite).is_some_and(|column| column.is_required);
    let required = if is_required { ", not null" } else { "" };
    let other = match kind(sqlite).as_str() {
        "NULL" => "any".to_owned(),
        other => other.to_owned(),
    };
    format!("  {names}: {kinds}, {other}{required}\n")
}

const LIST: &str = "docs/schema_contract.txt";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn both_databases_keep_the_written_contract() {
    let Some(postgres) = PostgresSubject::new().await else {
        return;
    };
    let sqlite = SqliteSubject::new().await;
    for subject in [&postgres as &dyn Subject, &sqlite] {
        fill(subject.store()).await;
    }
    let (left, right) = (
        schema_of_postgres(&postgres).await,
        schema_of_sqlite(&sqlite).await,
    );
    let (text, offences) = contract(&left, &right);
    if std::env::var("FIFO_PNL_BLESS").is_ok_and(|value| value == "1") {
        fs::write(repository().join(LIST), &text).unwrap();
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    let known: BTreeSet<String> = left
        .iter()
        .chain(&right)
        .flat_map(|(name, relation)| relation.rules.iter().map(move |r| format!("{name}: {r}")))
        .collect();
    for rule in RULES_OF_POSTGRES.iter().chain(&RULES_OF_SQLITE) {
        assert!(known.contains(*rule), "no database has \"{rule}\" any more");
    }
    let written = fs::read_to_string(repository().join(LIST)).unwrap_or_default();
    for (number, (written, found)) in written.lines().zip(text.lines()).enumerate() {
        assert_eq!(
            written,
            found,
            "{LIST}:{} (FIFO_PNL_BLESS=1 rewrites it)",
            number + 1
        );
    }
    assert_eq!(written, text, "{LIST} (FIFO_PNL_BLESS=1 rewrites it)");
}

#[tokio::test]
async fn the_view_of_the_summaries_shows_their_table() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let columns = |schema: &str| {
        format!(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a \
             WHERE a.attrelid = '{schema}.fifo_pool_summary'::regclass AND a.attnum > 0 \
             ORDER BY a.attnum"
        )
    };
    let table = subject.database.ask(&columns("fifo_parts")).await;
    assert_eq!(subject.database.ask(&columns("public")).await, table);
    assert_eq!(table.len(), 47);
}

/// Files of one store only, and why.
const FILES_ALONE: [(&str, &str); 28] = [
    (
        "postgres/drop.rs",
        "in an SQLite file a version has no tables of its own",
    ),
    (
        "postgres/waits.rs",
        "SQLite has one lock, and waits for it by itself",
    ),
    ("postgres/protect.rs", "a ledger that was there before us"),
    (
        "postgres/adoption.rs",
        "an SQLite file has no ledger but ours, and no earlier system had one",
    ),
    ("sqlite/functions.rs", "PostgreSQL adds decimals by itself"),
    (
        "sqlite/indexes.rs",
        "a version has a table of its own on a server",
    ),
    ("sqlite/raw.rs", "the bulk path over the raw handle"),
    ("sqlite/tests.rs", "unit tests of the functions"),
    ("sqlite/tests_checks.rs", "unit tests of the raw handle"),
    ("sqlite/tests_loans.rs", "unit tests of the raw handle"),
    ("postgres/binary.rs", "the server's binary format"),
    (
        "postgres/history.rs",
        "the answers of an earlier system, taken out of its ledger",
    ),
    ("postgres/copy.rs", "the bulk path, COPY"),
    ("postgres/copy_rows.rs", "rows out of a binary COPY"),
    (
        "postgres/copy_trades.rs",
        "an import's trades into a binary COPY",
    ),
    (
        "postgres/plans.rs",
        "SQLite is told in a statement which index to take",
    ),
    ("postgres/gate.rs", "rows of the gate out of a binary COPY"),
    ("sqlite/gate.rs", "rows of the gate out of a statement"),
    ("postgres/rows.rs", "rows spelled for COPY"),
    (
        "postgres/stored.rs",
        "rows of a version out of a binary COPY",
    ),
    ("sqlite/rows.rs", "rows spelled for a prepared statement"),
    ("postgres/halves.rs", "a file has one writer"),
    (
        "postgres/readers.rs",
        "readers of SQLite are in nobody's way",
    ),
    ("postgres/rights.rs", "a file has no roles"),
    ("postgres/url.rs", "a file has no password to hide"),
    ("sqlite/effort.rs", "a server counts its own steps"),
    ("sqlite/reading.rs", "a server needs no right to its files"),
    (
        "postgres/session.rs",
        "nobody else's objects stand in a file of ours",
    ),
];

/// Functions of one store only, by file: what a database does its own way.
const FUNCTIONS_ALONE: [(&str, &str); 17] = [
    (
        "append.rs",
        "append_on append_pool change_lots delete_summary drop push self_check \
         write_rows write_summaries",
    ),
    (
        "errors.rs",
        "from_code from_connect from_rusqlite unreadable",
    ),
    (
        "fingerprint.rs",
        "adapted catalogs cut expected hash record record_written record_written_again stripped \
         with_server written_for_a_ledger",
    ),
    ("health.rs", "disk_room room_of_system room_told"),
    (
        "import.rs",
        "append_new insert_trades known_from optional_text plan write_rejects \
         write_voids insert_rejects insert_voids optional text",
    ),
    (
        "ledger.rs",
        "condition_of misplaced read_in read_pools rows_in slice_conditions voids_of",
    ),
    (
        "lock.rs",
        "check_still_running connect_and_lock default free give_back holder_of interrupt \
         is_ours lend name_of path_of place refuse_proxy renew server_connection wait_for_lock",
    ),
    (
        "mod.rs",
        "adoption adoption_plan schema_up_with \
         protection_plan copy_made location look check_still pool \
         connect connect_plain end_snapshot lookup named \
         open_seeing open_to_look options parse \
         schema_up waiting_for_readers",
    ),
    // A round trip costs more than a row: a server gets many at once, a file one after the other.
    (
        "driver.rs",
        "bound each_row insert_into kind numbered push_row query text to_sql unnested",
    ),
    (
        "cells.rs",
        "each expressions literal plain_json shown text_ref",
    ),
    ("readback.rs", "cell_of hash_cell"),
    ("runs.rs", "interrupt renew_lock"),
    (
        "schema.rs",
        "adopt_ledger keep_events protect_if_asked steps_around up_around check_file \
         check_names_free check_nothing_else \
         gate_to_read may_write_in open_as_permitted check_ours check_server connect_once \
         copy_file \
         from_write real_path up \
         use_wal",
    ),
    (
        "sourced.rs",
        "arguments begin check_order copy copy_of give ids in_one_pass in_passes trades_and_legs \
         literals needed next parts tables times",
    ),
    (
        "writer.rs",
        "add_pool attach attach_parts begin_on check_free check_owner \
         clean_up commit_parts connection copy_allocations delete_rows drop \
         end gone ids_next insert_rows insert_summary last_tables \
         make_tables publish spill_summaries write_first_half write_on \
         write_part",
    ),
    ("versions.rs", "stored_pools_in"),
    ("voids.rs", "ledger_writer seen_and_voided"),
];

/// Returns the functions of each file of a store, unit tests left out.
fn functions(store: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = repository().join("src/store").join(store);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // A folder is a room of one database: the file of its name stands for it.
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let names = code.lines().filter_map(|line| {
            let (before, rest) = line.split_once("fn ")?;
            let words = [
                "",
                "pub",
                "pub(super)",
                "async",
                "pub(super) async",
                "pub async",
            ];
            let end = rest.find(['(', '<'])?;
            words
                .contains(&before.trim())
                .then(|| rest[..end].to_owned())
        });
        files.insert(name, names.collect());
    }
    files
}

#[test]
fn each_statement_has_its_twin() {
    let (left, right) = (functions("postgres"), functions("sqlite"));
    let mut offences = Vec::new();
    for (store, files, others) in [("postgres", &left, &right), ("sqlite", &right, &left)] {
        for (file, names) in files {
            let path = format!("{store}/{file}");
            let is_alone = FILES_ALONE.iter().any(|(alone, _)| *alone == path);
            let Some(twin) = others.get(file).filter(|_| !is_alone) else {
                if !is_alone {
                    offences.push(format!("{path} has no twin"));
                }
                continue;
            };
            let of_file = FUNCTIONS_ALONE.iter().find(|(name, _)| name == file);
            let alone: BTreeSet<&str> = of_file
                .map(|(_, names)| names.split(' ').collect())
                .unwrap_or_default();
            let missing = names.difference(twin);
            let missing = missing.filter(|name| !alone.contains(name.as_str()));
            offences.extend(missing.map(|name| format!("{path}: {name} has no twin")));
        }
    }
    for (path, _) in FILES_ALONE {
        let (store, file) = path.split_once('/').unwrap();
        let files = if store == "sqlite" { &right } else { &left };
        if !files.contains_key(file) {
            offences.push(format!("{path} is named and not there"));
        }
    }
    for (file, names) in FUNCTIONS_ALONE {
        let nothing = BTreeSet::new();
        let (left, right) = (
            left.get(file).unwrap_or(&nothing),
            right.get(file).unwrap_or(&nothing),
        );
        for name in names.split(' ').filter(|name| !name.is_empty()) {
            if left.contains(name) == right.contains(name) {
                offences.push(format!("{file}: {name} is named and not in one store only"));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// Writes down a list that changed, or compares it with the one that the program has.
fn compare_objects(store: &str, objects: &[String]) {
    let path = repository().join(format!("src/store/{store}/schema_objects.txt"));
    let found = format!("{}\n", objects.join("\n"));
    if std::env::var("FIFO_PNL_BLESS").is_ok_and(|value| value == "1") {
        fs::write(path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap();
    assert!(
        expected == found,
        "the objects of {store} changed: FIFO_PNL_BLESS=1 writes the list anew\n{}",
        found
            .lines()
            .filter(|line| !expected.contains(line))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

/// The lists that an opening compares with are those of fresh databases.
#[tokio::test]
async fn the_lists_of_objects_are_those_of_fresh_databases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fresh.db");
    // While the list is an old one, opening is refused; the file is made all the same.
    drop(SqliteStore::open(&path, true, &subject::holder("test")).await);
    let objects = SqliteStore::schema_objects(&path).await.unwrap();
    compare_objects("sqlite", &objects);
    let Some(database) = subject::server::Database::new() else {
        return;
    };
    let url = PostgresUrl::parse(database.url()).unwrap();
    url.schema_up().await.unwrap();
    compare_objects("postgres", &url.schema_objects().await.unwrap());
}
