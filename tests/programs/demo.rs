//! The demo ledger: the whole job over 5,000 trades against totals worked out by another program.
//!
//! `fixtures/demo/README.md` states what comes out; the figures here are read back from there, so
//! that page and program can't differ. The views are asked through the `sqlite3` shell, as a
//! person or a report does.
#![cfg(feature = "cli")]

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Done, Folder, diff, repository};

/// Imports, computes and validates the demo ledger. It has sells without a buy: known, no finding.
fn run_demo() -> (Folder, Value) {
    let folder = Folder::new();
    let ledger = repository().join("fixtures/demo/trades.csv");
    fs::copy(ledger, folder.join("trades.csv")).unwrap();
    let done = folder.fifo_pnl(&["run", "--json", "trades.csv"]).expect(0);
    assert_eq!(done.stderr, "");
    // All of it is in the one file, which can be copied.
    assert!(!folder.join("fifo-pnl.db-wal").exists());
    (folder, done.json())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn readme() -> String {
    fs::read_to_string(repository().join("fixtures/demo/README.md")).unwrap()
}

#[test]
fn the_ledger_is_what_the_example_writes() {
    // The example uses the standard library alone, so the compiler beside cargo builds it. It is
    // never an old one, and no second cargo is at work.
    let folder = Folder::new();
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let mut build = Command::new(rustc);
    build.args(["--edition", "2024", "-o"]);
    build.arg(folder.join("generate_ledger"));
    build.arg(repository().join("examples/generate_ledger.rs"));
    Done::of(build.output().unwrap()).expect(0);
    let mut example = Command::new(folder.join("generate_ledger"));
    example.args(["--trades", "5000", "--seed", "42", "--shape", "demo"]);
    let done = Done::of(example.output().unwrap()).expect(0);
    let ledger = fs::read_to_string(repository().join("fixtures/demo/trades.csv")).unwrap();
    assert_eq!(diff(&ledger, &done.stdout), "");
}

#[test]
fn the_totals_are_those_worked_out_apart() {
    let (folder, json) = run_demo();
    let compute = &json["compute"];
    assert_eq!(compute["status"], "completed");
    assert_eq!(compute["publication"], "published");
    assert_eq!(json["files"][0]["appended"], 5_000);
    assert_eq!(
        (&compute["buys"], &compute["sells"]),
        (&2_898.into(), &2_102.into())
    );
    assert_eq!(compute["fees_unknown"], 6);
    assert_eq!(compute["totals_complete"], false);
    assert_eq!(json["validate"]["valid"], true);
    assert_eq!(json["validate"]["trades_checked"], 5_000);
    assert_eq!(compute["pools"].as_array().unwrap().len(), 39);

    let readme = readme();
    for row in rows_of_readme(&folder, compute) {
        assert!(readme.contains(&row), "README.md does not say:\n{row}");
    }
    let losses =
        folder.sql("SELECT symbol FROM v_pnl_by_symbol WHERE total_pnl LIKE '-%' ORDER BY symbol");
    let (last, others) = losses.split_last().unwrap();
    let sentence = format!("{} and {last}.", others.join(", "));
    let flat = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains(&sentence),
        "README.md does not say:\n{sentence}"
    );
}

/// Returns the rows of the README's table with the figures that came out.
fn rows_of_readme(folder: &Folder, compute: &Value) -> Vec<String> {
    let pnl = |which: &str| {
        let from = "SELECT decimal_sum(pnl_usd) FROM v_current_allocations WHERE";
        folder.value(&format!("{from} {which}"))
    };
    let new_year = "unixepoch('2025-01-01') * 1000000";
    let years = [
        pnl(&format!("sell_time < {new_year}")),
        pnl(&format!("sell_time >= {new_year}")),
    ];
    let of = |account: &str| pnl(&format!("account = '{account}'"));
    let accounts = ["main", "bot", "ira"].map(of);
    let rows = folder.value("SELECT count(*) FROM v_current_allocations");
    let unmatched = compute["unmatched_sells"].as_u64().unwrap();
    let pairs = compute["allocations"].as_u64().unwrap();
    assert_eq!(rows, (pairs + unmatched).to_string());
    let net = text(&compute["unmatched_net_proceeds_usd"]);
    let lots = "SELECT count(*) || ', ' || decimal_sum(remaining_cost_usd) FROM v_open_inventory";
    vec![
        format!(
            "| allocations, unmatched remainders included | {} |",
            thousands(pairs + unmatched)
        ),
        format!("| realized pnl | {} |", text(&compute["pnl_usd"])),
        format!(
            "| of it sold in 2024, in 2025 (UTC) | {} |",
            years.join(", ")
        ),
        format!("| by account: main, bot, ira | {} |", accounts.join(", ")),
        format!("| sells with an unmatched remainder | {unmatched}, net proceeds {net} |"),
        format!("| open lots, and their cost | {} |", folder.value(lots)),
    ]
}

/// Takes the duration out of the line that has one.
fn without_duration(line: &str) -> &str {
    line.split_once(" (completed, ").map_or(line, |it| it.0)
}

#[test]
fn the_summary_of_the_readme_is_what_the_demo_prints() {
    let folder = Folder::new();
    let trades = "fixtures/demo/trades.csv";
    fs::create_dir_all(folder.join("fixtures/demo")).unwrap();
    fs::copy(repository().join(trades), folder.join(trades)).unwrap();
    // The README shows a terminal of 80 columns.
    let command =
        format!("FIFO_PNL_COLUMNS=80 fifo-pnl run {trades} --database sqlite://fifo-pnl-demo.db");
    let done = folder.shell(&command).expect(0);
    let mut printed = done.stdout.lines().map(without_duration);
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    // A user copies its settings.
    let settings = readme.split("```toml\n").nth(1).unwrap();
    let copy = Folder::new();
    copy.write("fifo-pnl.toml", settings.split("```").next().unwrap());
    copy.fifo_pnl(&["formats", "list"]).expect(0);
    let shown = readme.split("```text\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap_or_default();
    // The README leaves rows of the table out; all other lines stand in both, in this order.
    for line in shown.lines().map(without_duration) {
        let found = printed.by_ref().any(|it| it == line);
        assert!(found, "not printed: {line}\n{}", done.stdout);
    }
    let words = done
        .stdout
        .lines()
        .filter(|line| line.starts_with(char::is_uppercase));
    let named = words.filter_map(|line| line.split_once("  ").map(|it| it.0));
    for word in named {
        assert!(
            shown.contains(&format!("\n{word}  ")) || shown.starts_with(word),
            "{word}"
        );
    }
}

#[test]
fn people_read_cents_and_the_next_command() {
    let folder = Folder::new();
    let ledger = repository().join("fixtures/demo/trades.csv");
    fs::copy(ledger, folder.join("trades.csv")).unwrap();
    let done = folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    for line in [
        "Database  sqlite://fifo-pnl.db",
        "Imported  trades.csv: 5,000 rows, 5,000 new, 0 known",
        "complete through 2025-10-29 19:50:58 UTC",
        "totals are incomplete, see below",
        "Unmatched       8 sells find too few buys: 5,124.94 USD of net proceeds have no cost \
         basis and are in no total. ",
        "Fees unknown    6 trades, counted as 0",
        "every invariant holds",
        "Next: fifo-pnl review list",
    ] {
        assert!(
            done.stdout.contains(line),
            "no \"{line}\" in:\n{}",
            done.stdout
        );
    }
    let first = done.stdout.lines().next().unwrap();
    assert_eq!(first, "Database  sqlite://fifo-pnl.db");
    assert!(done.stdout.contains("12,637.08"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
}

#[test]
fn the_views_say_what_the_program_says() {
    let (folder, json) = run_demo();
    let compute = &json["compute"];
    let health = "select allocation_version, total_allocations, sells_matched, buys_used, \
                  unmatched_sells, total_pnl, status, is_current from v_allocation_health \
                  order by allocation_version desc limit 1";
    let pools = compute["pools"].as_array().unwrap();
    let sum = |name: &str| {
        pools
            .iter()
            .map(|pool| pool[name].as_u64().unwrap())
            .sum::<u64>()
    };
    let expected = format!(
        "1|{}|{}|{}|{}|{}|completed|1",
        compute["allocations"],
        sum("sells_matched"),
        sum("buys_used"),
        compute["unmatched_sells"],
        text(&compute["pnl_usd"]),
    );
    assert_eq!(folder.sql(health), [expected]);

    let assets: BTreeSet<&str> = pools.iter().map(|pool| text(&pool["asset"])).collect();
    let of_symbol = folder.sql("select symbol, num_sells, num_buys from v_pnl_by_symbol");
    assert_eq!(of_symbol.len(), assets.len());
    for row in &of_symbol {
        let cells: Vec<&str> = row.split('|').collect();
        let asset = cells[0].strip_suffix("-USD").unwrap_or(cells[0]);
        let of = |name: &str| {
            let here = pools.iter().filter(|pool| pool["asset"] == asset);
            here.map(|pool| pool[name].as_u64().unwrap())
                .sum::<u64>()
                .to_string()
        };
        assert_eq!(cells[1..], [of("sells"), of("buys")], "{row}");
    }
    let total = folder.value("select decimal_sum(total_pnl) from v_pnl_by_symbol");
    assert_eq!(total, text(&compute["pnl_usd"]));
    // One pool alone: the view adds up to the figures that the program printed for it.
    let ira: Vec<&Value> = pools
        .iter()
        .filter(|pool| pool["account"] == "ira")
        .collect();
    for pool in ira {
        let row = folder.value(&format!(
            "select pnl_usd || ' ' || cost_basis_usd || ' ' || open_cost_usd from \
             fifo_pool_summary where account = 'ira' and asset = '{}'",
            text(&pool["asset"])
        ));
        let cells = ["pnl_usd", "cost_basis_usd", "open_cost_usd"].map(|name| text(&pool[name]));
        assert_eq!(row, cells.join(" "));
    }
}

#[test]
fn the_queries_of_reports_and_monitoring_work() {
    let (folder, json) = run_demo();
    let count = |query: &str| folder.sql(query).len();
    assert_eq!(
        count("select * from v_allocation_health order by allocation_version desc limit 1"),
        1
    );
    let unmatched = folder.sql("select sell_order_id, status, notes from v_unmatched_sells");
    assert_eq!(
        unmatched.len() as u64,
        json["compute"]["unmatched_sells"].as_u64().unwrap()
    );
    assert!(
        unmatched
            .iter()
            .all(|row| row.contains("|pending|unmatched")),
        "{unmatched:?}"
    );
    assert_eq!(count("select * from v_unmatched_sells"), 8);
    let statuses = "select status, count(*) from v_allocation_discrepancies group by status";
    assert_eq!(folder.sql(statuses), ["OK|2102"]);
    let versions = "select allocation_version, count(*) from fifo_allocations \
                    group by allocation_version";
    assert_eq!(folder.sql(versions), ["1|4292"]);
    assert_eq!(
        folder.sql("select status, computation_mode, triggered_by from fifo_computation_log"),
        ["completed|full|tester"]
    );
    assert_eq!(count("select * from v_run_status"), 1);
    assert_eq!(count("select * from v_open_inventory"), 71);
    assert_eq!(count("select * from v_current_allocations"), 4_292);
    assert_eq!(
        count("select * from manual_review_queue where status = 'pending'"),
        8
    );
    assert!(count("select * from schema_version") >= 3);
    for view in [
        "review_history",
        "export_log",
        "migration_attempts",
        "v_pnl_by_symbol",
    ] {
        folder.sql(&format!("select * from {view}"));
    }
    // No program may change a fact.
    for change in [
        "update trade_records set price = '1'",
        "delete from trade_records",
        "insert or replace into trade_records select * from trade_records limit 1",
        "delete from event_log",
    ] {
        let refused = folder.shell(&format!("sqlite3 fifo-pnl.db \"{change}\""));
        assert_ne!(refused.code, 0, "{change}");
        assert!(
            refused.stderr.contains("is append-only"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_second_run_adds_nothing_and_says_the_same() {
    let (folder, first) = run_demo();
    let second = folder
        .fifo_pnl(&["run", "--json", "trades.csv"])
        .expect(0)
        .json();
    assert_eq!(second["files"][0]["appended"], 0);
    assert_eq!(second["files"][0]["known"], 5_000);
    for name in ["ledger_hash", "allocations_hash", "pnl_usd"] {
        assert_eq!(second["compute"][name], first["compute"][name], "{name}");
    }
    assert_eq!(second["compute"]["version"], 2);
    assert_eq!(folder.export("1"), folder.export("2"));
}

/// Writes a count as the README does.
fn thousands(count: u64) -> String {
    format!("{},{:03}", count / 1_000, count % 1_000)
}
