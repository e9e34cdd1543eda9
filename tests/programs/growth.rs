//! No command does four times the work for twice the pools, whether many accounts share a symbol or
//! one account has many symbols.
//!
//! Work is what a database does, not time: the instructions of SQLite's virtual machine, the rows
//! and index entries that PostgreSQL reads. A pool that is found by half of its key reads the rows
//! of all others.
//!
//! PostgreSQL chooses its plans by statistics, which it takes when it likes. So these tests replace
//! them before each command by those that mislead most: none, or that all values are the same. The
//! bound holds for any, so it does not matter if the server takes some of its own in between.
#![cfg(all(feature = "cli", debug_assertions))]

use crate::support;
use crate::support::site;

use std::collections::BTreeMap;
use std::fmt::Write;

use site::Site;
use support::{Done, Folder};

/// Pools of the smaller ledger in each database; the larger one has twice as many.
const POOLS: (usize, usize) = (80, 100);

/// Twice the pools may cost so much more in each database. Linear work costs 2.0, work that grows
/// by N^1.1 2.14, by the square 4.0. PostgreSQL may read a larger table by another index, which
/// counts more or fewer rows. Units: hundredths.
const TIMES_MAX: (u64, u64) = (225, 300);

/// Fixed cost of a command, for a ledger of any size: SQLite's steps, PostgreSQL's rows.
const FIXED: (u64, u64) = (4_000, 200);

/// Statistics that PostgreSQL has of the tables before each command.
#[derive(Clone, Copy, Debug)]
enum Statistics {
    /// Nothing, as of a table that was just filled.
    None,
    /// That each column has one value, as of a table that was analyzed with its first row.
    OneValue,
}

impl Statistics {
    fn sql(self) -> &'static str {
        match self {
            Self::None => {
                "DELETE FROM pg_statistic WHERE starelid >= 16384; \
                 UPDATE pg_class SET reltuples = -1, relpages = 0 \
                 WHERE oid >= 16384 AND relkind IN ('r', 'p')"
            }
            Self::OneValue => {
                "ANALYZE; UPDATE pg_statistic SET stadistinct = 1, stakind1 = 0, stakind2 = 0, \
                 stakind3 = 0, stakind4 = 0, stakind5 = 0 WHERE starelid >= 16384"
            }
        }
    }
}

/// The common part of the pools' names. Long names make an index large, and a large one dear. Each
/// shape has other long names, so that no plan takes an index for its size alone.
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
            Self::Symbols => ("main".into(), format!("TOKENOFALONGNAME{nth:05}-USD")),
        }
    }

    fn order_id(self, kind: &str, nth: usize) -> String {
        match self {
            Self::Accounts => format!("{kind}-{nth}-as-a-venue-of-long-names-writes-it"),
            Self::Symbols => format!("{kind}-{nth}"),
        }
    }

    fn row(self, csv: &mut String, nth: usize, id: &str, facts: &str) {
        let ((account, symbol), order_id) = (self.pool(nth), self.order_id(id, nth));
        writeln!(csv, "{account},{order_id},{symbol},{facts}").unwrap();
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

/// A database, and how much it has done.
enum Place {
    Sqlite(Folder),
    Postgres(Site, Statistics),
}

impl Place {
    fn folder(&self) -> &Folder {
        match self {
            Self::Sqlite(folder) => folder,
            Self::Postgres(site, _) => &site.folder,
        }
    }

    fn pools(&self) -> usize {
        match self {
            Self::Sqlite(_) => POOLS.0,
            Self::Postgres(..) => POOLS.1,
        }
    }

    fn times_max(&self) -> u64 {
        match self {
            Self::Sqlite(_) => TIMES_MAX.0,
            Self::Postgres(..) => TIMES_MAX.1,
        }
    }

    fn fixed(&self) -> u64 {
        match self {
            Self::Sqlite(_) => FIXED.0,
            Self::Postgres(..) => FIXED.1,
        }
    }

    /// Runs a command; returns what the database did for it. Units: as [`FIXED`].
    fn work(&self, args: &[&str]) -> u64 {
        let binary = env!("CARGO_BIN_EXE_fifo-pnl");
        match self {
            Self::Sqlite(folder) => {
                let mut command = folder.program(binary, args);
                command.env("FIFO_PNL_COUNT_STEPS", "1");
                let done = check(args, Done::of(command.output().unwrap()));
                let steps = done.last_line().strip_prefix("steps: ");
                steps.unwrap().parse().unwrap()
            }
            Self::Postgres(site, statistics) => {
                site.sql(&format!("{}; SELECT pg_stat_reset()", statistics.sql()));
                check(args, Done::of(site.program(binary, args).output().unwrap()));
                rows_read(site)
            }
        }
    }
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

/// Returns the rows and index entries read since the counts were reset, by sessions that ended: a
/// live one has not reported.
fn rows_read(site: &Site) -> u64 {
    site.first_value(
        "SELECT (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables) + \
                (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes) \
         WHERE NOT EXISTS (SELECT FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid())",
    )
    .parse()
    .unwrap()
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

/// Returns the database's work for each command.
fn measure(place: &Place, shape: Shape, pools: usize) -> BTreeMap<String, u64> {
    let folder = place.folder();
    folder.write("trades.csv", shape.trades(pools));
    let better = shape.trades(pools).replace(",buy,2,10,", ",buy,2,10.5,");
    folder.write("better.csv", better);
    let late = "sell,0.25,14,2024-05-01T00:00:00Z,0";
    folder.write("late.csv", shape.more(pools, "s3", late));
    let invalid = "sell,0.25,99999999999999999999,2024-06-01T00:00:00Z,0";
    folder.write("huge.csv", shape.more(pools / 2, "s4", invalid));
    let mut history = String::from("order_id,old_parent_id,old_pnl_usd\n");
    for nth in 0..pools {
        let (sell, buy) = (shape.order_id("s1", nth), shape.order_id("b1", nth));
        writeln!(history, "{sell},{buy},1.5").unwrap();
    }
    folder.write("history.csv", history);
    let (account, sell) = (shape.pool(0).0, shape.order_id("s1", 0));
    let mut all = BTreeMap::new();
    let mut work = |args: &str| {
        let args = args.replace("ACCOUNT", &account).replace("SELL", &sell);
        let words: Vec<&str> = args.split(' ').collect();
        let steps = place.work(&words);
        all.insert(format!("{:02} {args}", all.len()), steps);
    };
    work("import trades.csv");
    work("compute --all-symbols");
    work("validate --version current");
    work("compute --all-symbols --no-publish");
    work("compare 1 2 --year 2024");
    work("import late.csv");
    work("compute --incremental");
    work("compare 1 2");
    work("validate --version current --strict");
    work("explain --sell SELL --account ACCOUNT");
    work("review list");
    work("review show 1");
    work("review export -o items.csv");
    decide(folder);
    work("review apply decided.csv --yes");
    work("health");
    work("versions list");
    work("versions export 1 -o version.csv");
    for format in ["form8949", "schedule-d", "lots", "taxact", "txf", "xlsx"] {
        work(&format!(
            "tax --year 2024 --timezone UTC --format {format} -o {format}.out"
        ));
    }
    work("tax --year 2024 --timezone UTC --final --allow-incomplete -o filed.zip");
    work("tax verify filed.zip");
    work("tax amend --year 2024 --version 2");
    work("compute --incremental");
    work("history import history.csv");
    work("validate --version current");
    work("import huge.csv");
    work("compute --incremental");
    work("health");
    work("validate --version current");
    work("import trades.csv");
    work("import better.csv --correct --reason mistyped");
    work("compute --incremental");
    work("versions prune --keep 1");
    all
}

/// Names the commands that grow faster than they may.
fn compare(shape: Shape, places: (Place, Place)) {
    let pools = places.0.pools();
    let few = measure(&places.0, shape, pools);
    let many = measure(&places.1, shape, 2 * pools);
    assert_eq!(few.len(), many.len());
    let mut grown = String::new();
    for ((command, few), many) in few.iter().zip(many.values()) {
        println!("{command}: {few} then {many}");
        if *many > few * places.0.times_max() / 100 + places.0.fixed() {
            writeln!(
                grown,
                "{command}: {few} for {pools} pools, {many} for twice"
            )
            .unwrap();
        }
    }
    let all: u64 = few.values().sum();
    assert!(
        all > 30 * places.0.fixed(),
        "hardly anything was counted: {few:?}"
    );
    assert!(grown.is_empty(), "{shape:?}:\n{grown}");
}

fn on_sqlite(shape: Shape) {
    compare(
        shape,
        (Place::Sqlite(Folder::new()), Place::Sqlite(Folder::new())),
    );
}

fn on_postgres(shape: Shape, statistics: Statistics) {
    let Some(server) = site::server() else { return };
    let place = || Place::Postgres(Site::migrated(&server), statistics);
    compare(shape, (place(), place()));
}

#[test]
fn work_grows_with_the_accounts_of_a_symbol_on_sqlite() {
    on_sqlite(Shape::Accounts);
}

#[test]
fn work_grows_with_the_symbols_of_an_account_on_sqlite() {
    on_sqlite(Shape::Symbols);
}

#[test]
fn work_grows_with_the_accounts_of_a_symbol_on_postgres_without_statistics() {
    on_postgres(Shape::Accounts, Statistics::None);
}

#[test]
fn work_grows_with_the_symbols_of_an_account_on_postgres_without_statistics() {
    on_postgres(Shape::Symbols, Statistics::None);
}

#[test]
fn work_grows_with_the_accounts_of_a_symbol_on_postgres_with_old_statistics() {
    on_postgres(Shape::Accounts, Statistics::OneValue);
}

#[test]
fn work_grows_with_the_symbols_of_an_account_on_postgres_with_old_statistics() {
    on_postgres(Shape::Symbols, Statistics::OneValue);
}
