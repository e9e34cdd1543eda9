//! Every command that is printed can be pasted: it is read from the text, runs, and works on the
//! same database. A database of the default name lies beside it, and nobody may touch that one.
//!
//! `errors.rs` runs the commands that errors print, `advice.rs` those of `review show`.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use std::cell::RefCell;
use std::fs;

use support::commands::{printed, run_printed, words};
use support::{DATABASE, Done, Folder, repository};

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n";

const TRADES: &str = "\
B-1,BTC-USD,buy,2,100,2025-01-02T10:00:00Z,0.2,main
S-1,BTC-USD,sell,1,110,2025-01-03T10:00:00Z,0.11,main
B-2,ETH-USD,buy,5,20,2025-01-02T10:00:00Z,0.1,a b
";

/// Names the database of the tests, in quotes for a shell.
const OPTION: &str = "--database 'sqlite://own book.db'";

/// A folder with a database of the default name, and one that every command is to work on.
struct Place {
    folder: Folder,
    decoy: Vec<u8>,
    options: &'static str,
    problems: RefCell<Vec<String>>,
}

impl Place {
    fn new(options: &'static str) -> Self {
        let folder = Folder::new();
        folder.write(
            "decoy.csv",
            format!("{HEAD}X-1,XRP-USD,buy,1,1,2025-01-02T10:00:00Z,0,x\n"),
        );
        folder.fifo_pnl(&["run", "decoy.csv"]).expect(0);
        folder.write("ledger.csv", format!("{HEAD}{TRADES}"));
        folder.write("other.toml", "database = \"sqlite://own book.db\"\n");
        let decoy = fs::read(folder.join(DATABASE)).unwrap();
        Self {
            folder,
            decoy,
            options,
            problems: RefCell::default(),
        }
    }

    fn import(&self, rows: &str) {
        self.folder.write("more.csv", format!("{HEAD}{rows}"));
        self.run("fifo-pnl import --quiet more.csv").expect(0);
    }

    /// Runs a line with the options.
    fn run(&self, line: &str) -> Done {
        run_printed(&self.folder, &format!("{line} {}", self.options))
    }

    /// Runs a line, then every command that it prints: at least those that begin so.
    fn follow(&self, line: &str, begins: &[&str]) {
        let mut problems = self.problems.borrow_mut();
        let done = self.run(line);
        let text = format!("{}{}", done.stdout, done.stderr);
        let found = printed(&text);
        for unmarked in found.unmarked {
            problems.push(format!("{line}: not marked as a command: {unmarked}"));
        }
        for begin in begins {
            if !found.commands.iter().any(|it| it.starts_with(begin)) {
                problems.push(format!("{line}: no {begin} in {text}"));
            }
        }
        for command in &found.commands {
            if !command.contains(self.options) {
                problems.push(format!("{line}: another database: {command}"));
            }
            let done = run_printed(&self.folder, command);
            // There is no terminal to ask on, and some ways exclude each other: refused is fine.
            if !matches!(done.code, 0 | 1 | 3) {
                problems.push(format!("{line}: {command}: {done:#?}"));
            }
        }
        if fs::read(self.folder.join(DATABASE)).unwrap() != self.decoy {
            problems.push(format!("{line}: another database was written"));
        }
    }

    fn end(self) {
        let problems = self.problems.into_inner();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}

const COMPUTE: &str = "compute_allocations --all-symbols";

fn follow_all(options: &'static str) {
    let place = Place::new(options);
    runs_and_versions(&place);
    reviews(&place);
    exclusions(&place);
    what_was_filed(&place);
    place.follow("fifo-pnl versions export 99", &["fifo-pnl versions list"]);
    place.end();
}

fn runs_and_versions(place: &Place) {
    place.follow("fifo-pnl import ledger.csv", &[COMPUTE]);
    place.import("B-3,BTC-USD,buy,2,100,2025-01-05T10:00:00Z,0.2,main\n");
    let later = "LATE-1,BTC-USD,sell,0.5,120,2025-02-03T10:00:00Z,0.11,main\n";
    place.folder.write("later.csv", format!("{HEAD}{later}"));
    place.follow(
        "fifo-pnl import later.csv",
        &["compute_allocations --incremental"],
    );
    place.follow(COMPUTE, &["validate_allocations --version "]);
    place.follow(
        "fifo-pnl void B-3 --account main --reason wrong",
        &[COMPUTE],
    );
    place.follow(
        "fifo-pnl versions publish 1",
        &["fifo-pnl versions release"],
    );
    place.run("fifo-pnl versions publish 1").expect(0);
    place.follow(COMPUTE, &["fifo-pnl versions release"]);
    place.run("fifo-pnl versions publish 1").expect(0);
    place.follow(
        "compute_allocations --incremental",
        &["fifo-pnl versions release"],
    );
    place.run("fifo-pnl versions publish 1").expect(0);
    place.follow("fifo-pnl health", &["fifo-pnl versions release"]);
    place.follow("fifo-pnl history list", &["fifo-pnl history import FILE"]);
    place.follow(
        "fifo-pnl history import old.csv --snapshot-date 2025-11-20",
        &["validate_allocations --version current"],
    );
}

/// Sells that find too few buys.
fn reviews(place: &Place) {
    place.import("S-9,QNT-USD,sell,3,40,2025-03-04T10:00:00Z,0.2,main\n");
    place.follow(COMPUTE, &["fifo-pnl review list"]);
    place.follow(
        "fifo-pnl review show 1",
        &["fifo-pnl import", "fifo-pnl review resolve 1"],
    );
    place.import("S-8,QNT-USD,sell,2,40,2025-03-05T10:00:00Z,0.2,main\n");
    place.follow(
        "compute_allocations --incremental",
        &["fifo-pnl review list"],
    );
    place.follow(
        "fifo-pnl review export --output 'my items.csv'",
        &["fifo-pnl review apply"],
    );
    let basis = "--basis 70 --acquired 2025-03-01T10:00:00Z --note gift --yes";
    let open = "SELECT max(id) FROM manual_review_queue WHERE status = 'pending'";
    let id = place.folder.sql_of("own book.db", open).concat();
    place.follow(&format!("fifo-pnl review resolve {id} {basis}"), &[COMPUTE]);
}

/// A pool that a new version would lose.
fn exclusions(place: &Place) {
    place.run(COMPUTE);
    place.folder.write(
        "other.toml",
        "database = \"sqlite://own book.db\"\n[symbols.\"ETH-USD\"]\nbase = \"ETH\"\n\
         quote = \"EUR\"\n",
    );
    if place.options.contains("other.toml") {
        let ways = [
            "fifo-pnl review exclude --account 'a b' --asset ETH",
            "fifo-pnl versions publish ",
        ];
        place.follow(COMPUTE, &ways);
    }
    place
        .folder
        .write("other.toml", "database = \"sqlite://own book.db\"\n");
    place.follow(
        "fifo-pnl review exclude --account main --asset BTC --reason test",
        &[COMPUTE],
    );
    place.run("fifo-pnl review include --account main --asset BTC --reason test");
    place.run(COMPUTE);
}

fn what_was_filed(place: &Place) {
    let tax = "fifo-pnl tax --year 2025 --timezone Etc/UTC --final --allow-incomplete";
    place.follow(
        &format!("{tax} --output 'filed 25.zip'"),
        &["fifo-pnl tax verify 'filed 25.zip'"],
    );
    place.import("B-0,BTC-USD,buy,1,90,2025-01-01T10:00:00Z,0.2,main\n");
    place.follow(COMPUTE, &["fifo-pnl tax amend --year 2025"]);
    place.follow(
        "fifo-pnl tax amend --year 2019",
        &["fifo-pnl tax --year 2019 --final"],
    );
}

#[test]
fn commands_work_on_the_database_that_was_named() {
    follow_all(OPTION);
}

#[test]
fn commands_name_the_configuration_that_was_named() {
    follow_all("--config other.toml");
}

#[test]
fn a_database_without_any_run() {
    let place = Place::new(OPTION);
    place.run("fifo-pnl import --quiet ledger.csv").expect(0);
    place.follow("fifo-pnl versions list", &[COMPUTE]);
    place.end();
    let place = Place::new(OPTION);
    place.run("fifo-pnl import --quiet ledger.csv").expect(0);
    place.follow("fifo-pnl health", &[COMPUTE]);
    place.end();
    let place = Place::new(OPTION);
    place.follow(
        "fifo-pnl versions list",
        &["fifo-pnl run FILE", "fifo-pnl import FILE"],
    );
    place.end();
}

#[test]
fn the_plain_command_is_named_where_it_opens_the_same_database() {
    let folder = Folder::new();
    folder.write("ledger.csv", format!("{HEAD}{TRADES}"));
    let plain = format!("\nNext: {COMPUTE}\n");
    let said = |args: &[&str]| folder.fifo_pnl(args).expect(0).stdout;
    assert!(said(&["import", "ledger.csv"]).ends_with(&plain));
    // Only an import that brought something says what is next.
    let bring = |id: &str| {
        let row = format!("{id},BTC-USD,buy,1,100,2025-02-02T10:00:00Z,0,main\n");
        folder.write("ledger.csv", format!("{HEAD}{row}"));
    };
    bring("N-1");
    let default = ["import", "ledger.csv", "--database", "sqlite://fifo-pnl.db"];
    assert!(said(&default).ends_with(&plain));
    let mut command = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), &["import", "ledger.csv"]);
    command.env("DATABASE_URL", "sqlite://env.db");
    let done = Done::of(command.output().unwrap()).expect(0);
    assert!(done.stdout.ends_with(&plain), "{}", done.stdout);
    bring("N-2");
    // The flag wins over the environment, which the next command would listen to.
    let mut command = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), &default);
    command.env("DATABASE_URL", "sqlite://env.db");
    let done = Done::of(command.output().unwrap()).expect(0);
    let named = format!("\nNext: {COMPUTE} --database sqlite://fifo-pnl.db\n");
    assert!(done.stdout.ends_with(&named), "{}", done.stdout);
}

#[test]
fn what_the_demo_suggests() {
    let script = fs::read_to_string(repository().join("scripts/demo")).unwrap();
    let folder = Folder::new();
    folder.write("ledger.csv", format!("{HEAD}{TRADES}"));
    let database = "sqlite://fifo-pnl-demo.db";
    folder
        .fifo_pnl(&["run", "ledger.csv", "--database", database])
        .expect(0);
    let mut suggested = 0;
    let lines: Vec<&str> = script.lines().collect();
    for pair in lines.windows(2) {
        if !pair[0].trim_start().starts_with("suggest '") {
            continue;
        }
        let line = pair[1].trim();
        let line = line.replace("\"$program\"", "fifo-pnl");
        let line = line.replace("\"$(first_sell \"$trades\")\"", "S-1");
        let line = line.replace("\"$database\"", database);
        assert!(!line.contains('$'), "{line}");
        run_printed(&folder, &line).expect(0);
        suggested += 1;
    }
    assert_eq!(suggested, script.matches("    suggest '").count());
    assert!(suggested > 0);
}

#[test]
fn lines_are_split_as_a_shell_does() {
    let folder = Folder::new();
    for line in [
        "a  b",
        "'a b' c",
        "it\\'s 'x'\\''y' \"p q\"",
        "'' --a='b c'",
    ] {
        let done = folder.shell(&format!("printf '%s\\n' {line}")).expect(0);
        let expected: Vec<&str> = done.stdout.lines().collect();
        assert_eq!(words(line), expected, "{line}");
    }
}
