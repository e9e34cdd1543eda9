//! No command does four times the work for twice the pools, whether many accounts share a symbol or
//! one account has many symbols.
//!
//! Work is what SQLite does, not time: the instructions of its virtual machine. A pool that is
//! found by half of its key reads the rows of all others. PostgreSQL is not counted here: its plans
//! follow statistics that it takes when it likes, so the same test gave different counts.
#![cfg(all(feature = "cli", debug_assertions))]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;

use support::{Done, Folder};

/// Pools of the smaller ledger; the larger one has twice as many.
const POOLS: usize = 80;

/// Twice the pools may cost so much more. Linear work costs 2.0, work that grows by N^1.1 2.14.
/// Units: hundredths.
const TIMES_MAX: u64 = 225;

/// Steps that a command costs whatever the ledger holds.
const FIXED: u64 = 4_000;

/// What the pools have in common.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Many accounts, one symbol.
    Accounts,
    /// One account, many symbols.
    Symbols,
}

impl Shape {
    fn pool(self, nth: usize) -> (String, String) {
        match self {
            Self::Accounts => (format!("account-{nth:05}"), "BTC-USD".into()),
            Self::Symbols => ("main".into(), format!("T{nth:05}-USD")),
        }
    }

    fn row(self, csv: &mut String, nth: usize, id: &str, facts: &str) {
        let (account, symbol) = self.pool(nth);
        writeln!(csv, "{account},{id}-{nth},{symbol},{facts}").unwrap();
    }

    /// Two buys and two sells of each pool; every fifth pool sells more than it has.
    fn trades(self, pools: usize) -> String {
        let mut csv = String::from(HEADER);
        for (nth, time) in (0..pools).map(|nth| (nth, format!("{:02}:{:02}", nth / 60, nth % 60))) {
            let first = if nth % 5 == 0 { "7" } else { "1" };
            for (id, facts) in [
                ("b1", format!("buy,2,10,2024-01-01T00:{time}Z,0.1")),
                ("s1", format!("sell,{first},12,2024-02-01T00:{time}Z,0.1")),
                ("b2", format!("buy,2,11,2024-03-01T00:{time}Z,0.1")),
                ("s2", format!("sell,1.5,13,2024-04-01T00:{time}Z,0.1")),
            ] {
                self.row(&mut csv, nth, id, &facts);
            }
        }
        csv
    }

    /// One more trade of each pool.
    fn more(self, pools: usize, id: &str, facts: &str) -> String {
        let mut csv = String::from(HEADER);
        (0..pools).for_each(|nth| self.row(&mut csv, nth, id, facts));
        csv
    }
}

const HEADER: &str = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n";

/// Runs a command; returns the steps that the database did for it.
fn work(folder: &Folder, args: &[&str]) -> u64 {
    let mut command = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), args);
    command.env("FIFO_PNL_COUNT_STEPS", "1");
    let done = check(args, Done::of(command.output().unwrap()));
    let steps = done.last_line().strip_prefix("steps: ");
    steps.unwrap().parse().unwrap()
}

/// A command is done, with findings or without.
fn check(args: &[&str], done: Done) -> Done {
    let (code, said) = (done.code, &done.stderr);
    assert!(
        code <= 1,
        "{args:?}: exit code {code}\n{said}\n{}",
        done.stdout
    );
    done
}

/// Fills in the sheet of open items: each sell gets a basis.
fn decide(folder: &Folder) {
    let sheet = folder.read("items.csv");
    let decided = sheet.lines().map(|line| match line.strip_suffix(",,,,,,") {
        Some(item) => format!("{item},resolve,,10,2023-01-01T00:00:00Z,,found\n"),
        None => format!("{line}\n"),
    });
    folder.write("decided.csv", decided.collect::<String>());
}

/// Returns what the database did for each command.
fn measure(shape: Shape, pools: usize) -> BTreeMap<String, u64> {
    let folder = &Folder::new();
    folder.write("trades.csv", shape.trades(pools));
    let late = "sell,0.25,14,2024-05-01T00:00:00Z,0";
    folder.write("late.csv", shape.more(pools, "s3", late));
    let invalid = "sell,0.25,99999999999999999999,2024-06-01T00:00:00Z,0";
    folder.write("huge.csv", shape.more(pools / 2, "s4", invalid));
    let mut history = String::from("order_id,old_parent_id,old_pnl_usd\n");
    (0..pools).for_each(|nth| writeln!(history, "s1-{nth},b1-{nth},1.5").unwrap());
    folder.write("history.csv", history);
    let account = shape.pool(0).0;
    let mut all = BTreeMap::new();
    let mut measured = |args: &str| {
        let args = args.replace("ACCOUNT", &account);
        let words: Vec<&str> = args.split(' ').collect();
        let steps = work(folder, &words);
        all.insert(format!("{:02} {args}", all.len()), steps);
    };
    measured("import trades.csv");
    measured("compute --all-symbols");
    measured("validate --version current");
    measured("compute --all-symbols --no-publish");
    measured("compare 1 2 --year 2024");
    measured("import late.csv");
    measured("compute --incremental");
    measured("compare 1 2");
    measured("validate --version current --strict");
    measured("explain --sell s1-0 --account ACCOUNT");
    measured("review list");
    measured("review show 1");
    measured("review export -o items.csv");
    decide(folder);
    measured("review apply decided.csv --yes");
    measured("health");
    measured("versions list");
    measured("versions export 1 -o version.csv");
    for format in ["form8949", "schedule-d", "lots", "taxact", "txf", "xlsx"] {
        measured(&format!(
            "tax --year 2024 --timezone UTC --format {format} -o {format}.out"
        ));
    }
    measured("tax --year 2024 --timezone UTC --final --allow-incomplete -o filed.zip");
    measured("tax verify filed.zip");
    measured("tax amend --year 2024 --version 2");
    measured("compute --incremental");
    measured("history import history.csv");
    measured("validate --version current");
    measured("versions prune --keep 1");
    all
}

/// Names the commands that grow faster than they may.
fn compare(shape: Shape) {
    let few = measure(shape, POOLS);
    let many = measure(shape, 2 * POOLS);
    assert_eq!(few.len(), many.len());
    let mut grown = String::new();
    for ((command, few), many) in few.iter().zip(many.values()) {
        println!("{command}: {few} then {many}");
        if *many > few * TIMES_MAX / 100 + FIXED {
            writeln!(
                grown,
                "{command}: {few} for {POOLS} pools, {many} for twice"
            )
            .unwrap();
        }
    }
    let all: u64 = few.values().sum();
    assert!(all > 30 * FIXED, "hardly anything was counted: {few:?}");
    assert!(grown.is_empty(), "{shape:?}:\n{grown}");
}

#[test]
fn work_grows_with_the_accounts_of_a_symbol() {
    compare(Shape::Accounts);
}

#[test]
fn work_grows_with_the_symbols_of_an_account() {
    compare(Shape::Symbols);
}
