//! The programs on a real PostgreSQL, as an operator runs them.
//!
//! `scripts/with_postgres cargo test --test programs postgres_cli::` runs these tests. Without a
//! server they are skipped with a line that says so, and with `REQUIRE_POSTGRES=1` that is a
//! failure. What the programs stored is read with `psql`, not with the code under test.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "the server and its programs are found in the environment; moments need a clock"
)]

mod between;
mod connecting;
mod faults;
mod operations;
mod roles;
use crate::support::server;
use crate::support::site;
mod statements;
use crate::support;
mod trust;
mod waits;

use std::fs;
use std::path::{Path, PathBuf};

use site::{Site, psql, server};
use support::ledger::{Shape, csv, rows};
use support::{Done, Folder, diff, repository};

const SMALL: Shape = Shape {
    trades: 300,
    accounts: 2,
    symbols: 4,
    seconds: 5_000,
};

/// The demo's whole ledger.
fn demo() -> String {
    fs::read_to_string(repository().join("fixtures/demo/trades.csv")).unwrap()
}

/// A section of a document, from its heading to the next of the same level.
fn section(document: &str, heading: &str) -> String {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    let start = text.find(&format!("\n{heading}\n")).expect(heading);
    let level = heading.split(' ').next().unwrap();
    let rest = &text[start + heading.len() + 2..];
    // One of a higher level ends it, too.
    let ends =
        (2..=level.len()).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    rest[..ends.min().unwrap_or(rest.len())].to_owned()
}

/// The blocks of one language in a text.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_readme_runs_as_it_stands() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let commands = blocks(&section("README.md", "## PostgreSQL"), "sh").remove(0);
    let lines: Vec<&str> = commands.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("export DATABASE_URL="), "{lines:?}");
    let steps: Vec<&str> = lines[1..]
        .iter()
        .filter(|line| !line.is_empty())
        .copied()
        .collect();
    assert_eq!(steps.len(), 4, "{steps:?}");
    let script = steps.join(" && ").replace("trades.csv", "demo.csv");
    site.folder.write("demo.csv", demo());
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(&script);
    site.folder.surround(&mut shell);
    shell.env("DATABASE_URL", &site.url);
    let done = Done::of(shell.output().unwrap()).expect(0);
    for said in [
        "5,000 new",
        "Version 1 is current (completed",
        "every invariant holds",
    ] {
        assert!(done.stdout.contains(said), "{said} in {}", done.stdout);
    }
    // The same bytes as in SQLite.
    let file = Folder::new();
    file.write("demo.csv", demo());
    file.fifo_pnl(&["run", "--quiet", "demo.csv"]).expect(0);
    assert_eq!(diff(&file.export("1"), &site.export("1")), "");
    let hashes = |done: Done| {
        let json = done.expect(0).json();
        let version = &json["versions"][0];
        (
            version["ledger_hash"].clone(),
            version["allocations_hash"].clone(),
        )
    };
    let list = ["versions", "list", "--json"];
    assert_eq!(hashes(file.fifo_pnl(&list)), hashes(site.fifo_pnl(&list)));
    monitoring_queries_run_as_written(&site);
}

/// The queries that operators of such databases have always used, letter by letter.
fn monitoring_queries_run_as_written(site: &Site) {
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname='public' \
                  AND tablename LIKE 'fifo%';";
    let mut found = site.sql(tables);
    found.sort();
    let expected = [
        "fifo_allocations",
        "fifo_computation_log",
        "fifo_inventory_snapshot",
        // Beside those that there have always been.
        "fifo_lot_moves",
        "fifo_rates_used",
    ];
    assert_eq!(found, expected);
    let views = "SELECT viewname FROM pg_views WHERE schemaname='public' AND viewname LIKE 'v_%';";
    let found = site.sql(views);
    for view in [
        "v_allocation_health",
        "v_unmatched_sells",
        "v_pnl_by_symbol",
        "v_allocation_discrepancies",
    ] {
        assert!(found.iter().any(|name| name == view), "{view}: {found:?}");
    }
    assert_eq!(
        site.sql(
            "SELECT allocation_version, COUNT(*) FROM fifo_allocations \
             GROUP BY allocation_version;"
        ),
        ["1|4292"]
    );
    let health =
        site.value("SELECT * FROM v_allocation_health ORDER BY allocation_version DESC LIMIT 1;");
    assert!(
        health.starts_with("1|4284|2102|2840|8|12637.081820547679|"),
        "{health}"
    );
    assert_eq!(site.value("SELECT COUNT(*) FROM v_unmatched_sells;"), "8");
    assert_eq!(
        site.sql("SELECT * FROM v_allocation_discrepancies WHERE status <> 'OK';"),
        [""; 0]
    );
    assert_eq!(
        site.value("SELECT COUNT(*) FROM v_allocation_discrepancies;"),
        "2102"
    );
}

#[test]
fn every_statement_of_the_operations_page_runs() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &demo());
    let text = section("docs/OPERATIONS.md", "## Monitoring");
    let statements = blocks(&text, "sql");
    assert!(statements.len() >= 5, "{}", statements.len());
    for statement in statements {
        let output = psql(&site.url).args(["-c", &statement]).output().unwrap();
        Done::of(output).expect(0);
    }
}

/// A dump of `pg_dump` is restored on another server, as the page says.
#[test]
fn a_dump_goes_on_elsewhere() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &demo());
    // A server that has done much more than the one that takes over.
    site.sql(
        "ALTER TABLE trade_records DISABLE TRIGGER trade_records_no_change; \
         UPDATE trade_records SET ingest_xid = '1000000000'; \
         ALTER TABLE trade_records ENABLE TRIGGER trade_records_no_change",
    );
    let dump = site.folder.join("trades.dump");
    let dump = dump.to_str().unwrap();
    let mut pg_dump = std::process::Command::new("pg_dump");
    pg_dump.args(["--format=custom", "--file", dump, &site.url]);
    Done::of(pg_dump.output().unwrap()).expect(0);
    let own = server::Server::start(&[], |_| {});
    let back = Site::empty(&own.url("postgres"));
    let mut pg_restore = std::process::Command::new("pg_restore");
    pg_restore.args(["--exit-on-error", "--dbname", &back.url, dump]);
    Done::of(pg_restore.output().unwrap()).expect(0);
    assert_eq!(back.export("1"), site.export("1"));
    // Nothing is guessed about rows of another cluster.
    let refused = back.compute(&["--all-symbols"]).expect(3);
    assert!(
        refused.stderr.contains("another cluster"),
        "{}",
        refused.stderr
    );
    let page = section("docs/OPERATIONS.md", "## Backup and restore");
    back.sql(&blocks(&page, "sql")[0]);
    back.compute(&["--all-symbols", "--quiet"]).expect(0);
    let hashes = "SELECT count(DISTINCT ledger_hash || allocations_hash) || ' of ' || count(*) \
                  FROM allocation_versions";
    assert_eq!(back.value(hashes), "1 of 2");
    back.validate(&["--version", "current", "--quiet"])
        .expect(0);
    back.folder.write("more.csv", csv(&rows(SMALL, 30)));
    back.fifo_pnl(&["run", "--quiet", "more.csv"]).expect(0);
    let update = "UPDATE trade_records SET price = 1";
    let guarded = psql(&back.url).args(["-c", update]).output().unwrap();
    assert!(!guarded.status.success());
}

#[test]
fn every_query_of_the_schema_page_runs() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &demo());
    let text = section("docs/SCHEMA.md", "### Queries on PostgreSQL");
    let statements = blocks(&text, "sql");
    assert!(statements.len() >= 3, "{}", statements.len());
    for statement in statements {
        assert!(!site.sql(&statement).is_empty(), "nothing: {statement}");
    }
}

#[test]
fn every_case_comes_out_as_worked_by_hand() {
    let Some(server) = server() else { return };
    let folder = repository().join("fixtures/cases");
    let cases = fs::read_dir(&folder).unwrap();
    let mut cases: Vec<PathBuf> = cases.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 50, "{} cases", cases.len());
    let differences: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = cases
            .chunks(cases.len().div_ceil(4))
            .map(|part| {
                let run = |case: &PathBuf| run_case(&server, case);
                scope.spawn(move || part.iter().flat_map(run).collect::<Vec<_>>())
            })
            .collect();
        let found = workers.into_iter().map(|worker| worker.join().unwrap());
        found.collect::<Vec<_>>().concat()
    });
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// Runs a case, step by step, and returns its differences.
fn run_case(server: &str, case: &Path) -> Vec<String> {
    let site = Site::migrated(server);
    if let Ok(settings) = fs::read_to_string(case.join("settings.toml")) {
        site.folder.write("fifo-pnl.toml", settings);
    }
    let mut found = Vec::new();
    let file = |step: usize, kind: &str| {
        let path = case.join(format!("{step}-{kind}.csv"));
        path.exists().then(|| path.to_str().unwrap().to_owned())
    };
    let is_step = |step: &usize| file(*step, "rates").or(file(*step, "trades")).is_some();
    for step in (1..).take_while(is_step) {
        if let Some(rates) = file(step, "rates") {
            site.fifo_pnl(&["import", "rates", &rates]).expect(0);
        }
        if let Some(trades) = file(step, "trades") {
            let imported = site.fifo_pnl(&["import", "--skip-invalid", "--json", &trades]);
            assert!([0, 1].contains(&imported.code), "{case:?} {imported:?}");
        }
        let computed = site.compute(&["--all-symbols", "--json"]);
        let pools = computed.json()["pools"].as_array().unwrap().clone();
        let rejected = pools.iter().any(|pool| pool["status"] == "rejected");
        assert_eq!(computed.code, i32::from(rejected), "{case:?} {computed:?}");
        let version = step.to_string();
        site.validate(&["--version", &version]).expect(0);
        for (name, text) in [
            ("allocations", site.export(&version)),
            ("open-lots", open_lots(&site)),
            ("review", review(&site)),
        ] {
            let path = case.join(format!("{step}-{name}.csv"));
            let difference = diff(&fs::read_to_string(&path).unwrap(), &text);
            if !difference.is_empty() {
                found.push(format!("{}\n{difference}", path.display()));
            }
        }
    }
    found
}

/// The open lots of the current version, oldest first.
fn open_lots(site: &Site) -> String {
    let query = "SELECT concat_ws(',', v.account, v.asset, v.symbol, v.buy_order_id, \
                 coalesce(v.buy_leg, ''), \
                 trim_scale(v.remaining_size), trim_scale(v.remaining_cost_usd)) \
                 FROM v_open_inventory v JOIN trade_records t \
                 ON t.account = v.account AND t.order_id = v.buy_order_id \
                 ORDER BY v.account, v.asset, t.order_time, t.trade_seq, t.order_id";
    let header = "account,asset,symbol,buy_order_id,buy_leg,remaining_size,remaining_cost_usd";
    table(header, site.sql(query))
}

fn review(site: &Site) -> String {
    let header = "account,asset,order_id,issue_type,severity,status";
    let query = "SELECT concat_ws(',', account, asset, order_id, issue_type, severity, status) \
                 FROM manual_review_queue ORDER BY account COLLATE \"C\", asset, order_id";
    table(header, site.sql(query))
}

fn table(header: &str, rows: Vec<String>) -> String {
    rows.into_iter()
        .fold(format!("{header}\n"), |text, row| text + &row + "\n")
}

#[test]
fn versions_live_as_in_a_file() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 1)));
    let first = site.export("1");
    site.fifo_pnl(&["versions", "seal", "1", "--reason", "taxes 2025"])
        .expect(0);
    let sell = site.value("SELECT min(sell_order_id) FROM fifo_allocations");
    let account = site.value(&format!(
        "SELECT account FROM trade_records WHERE order_id = '{sell}'"
    ));
    let explained = site.fifo_pnl(&["explain", "--sell", &sell]).expect(0);
    assert!(explained.stdout.contains(&sell), "{}", explained.stdout);
    assert!(
        explained.stdout.contains("trades.csv"),
        "{}",
        explained.stdout
    );
    let void = ["void", &sell, "--account", &account, "--reason", "twice"];
    site.fifo_pnl(&void).expect(0);
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert!(!site.export("2").contains(&format!(",{sell},")));
    assert_eq!(site.export("1"), first);
    for version in ["1", "2"] {
        site.validate(&["--version", version]).expect(0);
    }
    // An older one is held; runs go on, and say so.
    site.fifo_pnl(&["versions", "publish", "1"]).expect(0);
    let held = site.compute(&["--all-symbols"]).expect(0);
    assert!(
        held.stdout.contains("is held as current"),
        "{}",
        held.stdout
    );
    let current = || site.value("SELECT version || ' ' || held FROM current_version");
    assert_eq!(current(), "1 true");
    site.fifo_pnl(&["versions", "release"]).expect(0);
    assert_eq!(current(), "3 false");
    site.fifo_pnl(&["versions", "drop", "2"]).expect(0);
    let parts = "SELECT count(*) FROM pg_class WHERE relnamespace = 'fifo_parts'::regnamespace \
                 AND relkind = 'r' AND relname LIKE '%\\_v2\\_%'";
    assert_eq!(site.value(parts), "0");
    let listed = site.fifo_pnl(&["versions", "list"]).expect(0);
    for said in ["sealed: taxes 2025", "dropped", "current"] {
        assert!(listed.stdout.contains(said), "{said}: {}", listed.stdout);
    }
    for (args, code) in [
        (["versions", "drop", "1"], 3),
        (["versions", "drop", "3"], 3),
        (["versions", "drop", "9"], 2),
        (["versions", "export", "2"], 2),
    ] {
        assert_eq!(site.fifo_pnl(&args).code, code, "{args:?}");
    }
    let taken = site.compute(&["--all-symbols", "--version", "3"]).expect(3);
    assert!(
        taken.stderr.starts_with("error: version 3 exists\n"),
        "{}",
        taken.stderr
    );
    site.compute(&["--all-symbols", "--version", "3", "--force"])
        .expect(0);
    let sealed = ["--all-symbols", "--version", "1", "--force"];
    site.compute(&sealed).expect(3);
    assert_eq!(site.export("1"), first);
    assert_eq!(site.fifo_pnl(&["review", "list"]).code, 0);
}

#[test]
fn the_schema_is_asked_for_and_never_guessed() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let refused = |done: Done, said: &str| {
        let done = done.expect(3);
        assert!(done.stderr.contains(said), "{said} in {}", done.stderr);
    };
    refused(
        site.compute(&["--all-symbols"]),
        "hint: run `fifo-pnl migrate up`",
    );
    site.folder.write("trades.csv", csv(&rows(SMALL, 2)));
    refused(
        site.fifo_pnl(&["run", "trades.csv"]),
        "hint: run `fifo-pnl migrate up`",
    );
    refused(
        site.fifo_pnl(&["migrate", "up"]),
        "hint: confirm with --yes",
    );
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(site.value(tables), "0");
    let up = ["migrate", "up", "--yes"];
    let done = site.fifo_pnl(&up).expect(0);
    assert!(done.stdout.contains("Applied 3."), "{}", done.stdout);
    let quiet = site
        .fifo_pnl(&["migrate", "up", "--yes", "--quiet"])
        .expect(0);
    assert_eq!(quiet.stdout + &quiet.stderr, "");
    let again = site.fifo_pnl(&up).expect(0);
    assert!(
        again.stdout.contains("Nothing to apply."),
        "{}",
        again.stdout
    );
    site.fifo_pnl(&["migrate", "up"]).expect(0);
    // An older one, and a newer one.
    site.fifo_pnl(&["migrate", "down", "--to", "2", "--confirm", "YES"])
        .expect(0);
    refused(
        site.compute(&["--all-symbols"]),
        "the database has schema v2, this program needs v3",
    );
    site.fifo_pnl(&up).expect(0);
    site.sql(
        "INSERT INTO _pnl_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', true, '', 0)",
    );
    let newer = "the database has schema v99, this program knows v3";
    for args in [&["migrate", "status"][..], &up, &["versions", "list"]] {
        refused(site.fifo_pnl(args), newer);
    }
}

#[test]
fn four_migrations_at_once_are_one() {
    let Some(server) = server() else { return };
    for _ in 0..3 {
        let site = Site::empty(&server);
        let binary = env!("CARGO_BIN_EXE_fifo-pnl");
        let started: Vec<_> = (0..4)
            .map(|_| {
                let mut command = site.program(binary, &["migrate", "up", "--yes"]);
                command
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for process in started {
            Done::of(process.wait_with_output().unwrap()).expect(0);
        }
        let applied = "SELECT count(*) FROM schema_version WHERE success";
        assert_eq!(site.value(applied), "3");
    }
}

#[test]
fn tables_of_another_program_are_left_alone() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql("CREATE TABLE trade_records (id int, price float8)");
    site.sql("INSERT INTO trade_records VALUES (1, 2.5)");
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(3);
    assert!(done.stderr.contains("\"trade_records\""), "{}", done.stderr);
    assert_eq!(
        site.value("SELECT id || ' ' || price FROM trade_records"),
        "1 2.5"
    );
    let relations = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(site.value(relations), "1");
}
