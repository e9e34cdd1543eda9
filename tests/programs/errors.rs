//! Every error on show: each case is run, and what the program says makes `docs/ERRORS.md`.
//!
//! The page can't lie: the test makes it again and compares. `FIFO_PNL_BLESS=1` rewrites it; read
//! every message of the difference before you accept it. The cases are in `errors/`. For each case
//! with an exit code of 2 or more, the test also checks that folder and database are as they were.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "whether to rewrite the page is asked of the environment"
)]

use crate::support;

mod cases;
mod cases_of_facts;
mod cases_of_files;
mod cases_of_imports;
mod cases_of_places;
mod cases_of_rates;
mod cases_of_tax;
mod cases_of_transfers;
mod page;
mod place;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cases::GROUPS;
use page::Shown;
use place::{LEDGER, Place};
use support::commands::{printed, run_printed};
use support::{diff, repository};

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The fault, as a title.
    pub title: &'static str,
    /// Files that lie in the folder beside `ledger.csv`.
    pub files: &'static [(&'static str, &'static str)],
    /// Lines of shell that come before, and work.
    pub before: &'static [&'static str],
    /// The command that goes wrong.
    pub command: &'static str,
    /// Commands that fail in the very same way.
    pub same: &'static [&'static str],
    /// The place of the command.
    pub place: Where,
    pub exit: i32,
    /// Lines of shell that work afterwards.
    pub after: &'static [&'static str],
}

/// The special state of a command's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Folder,
    /// Another process holds the run lock.
    Locked,
    /// The user may not write there.
    ReadOnly,
    /// There is a folder `disk` that holds 1 MiB; it can't be had everywhere.
    SmallDisk,
}

impl Case {
    pub const NONE: Self = Self {
        title: "",
        files: &[],
        before: &[],
        command: "",
        same: &[],
        place: Where::Folder,
        exit: 2,
        after: &[],
    };
}

/// Cases of one kind, under one headline.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub about: &'static str,
    pub cases: &'static [Case],
}

/// Output and exit code of a case.
#[derive(Debug, Default)]
struct Ran {
    /// `None`: its place can't be had on this machine.
    shown: Option<Shown>,
    /// Differences from the case.
    problems: Vec<String>,
}

fn run(case: &Case) -> Ran {
    let mut ran = Ran::default();
    let Some(place) = Place::make(case) else {
        return ran;
    };
    let title = case.title;
    let mut prepare = |lines: &[&str]| {
        for line in lines {
            let done = place.prepare(line);
            if done.code != 0 {
                ran.problems.push(format!("{title}: {line}: {done:#?}"));
            }
        }
    };
    prepare(case.before);
    place.close();
    let before = place.state();
    let done = place.run(case.command);
    let after = place.state();
    place.open();
    prepare(case.after);
    if done.code != case.exit {
        let code = case.exit;
        ran.problems
            .push(format!("{title}: expected exit code {code}: {done:#?}"));
    }
    if case.exit >= 2 && before != after {
        let (before, after) = (format!("{before:#?}"), format!("{after:#?}"));
        ran.problems
            .push(format!("{title}: was changed:\n{}", diff(&before, &after)));
    }
    for command in case.same {
        let Some(place) = Place::make(case) else {
            continue;
        };
        for line in case.before {
            place.prepare(line);
        }
        place.close();
        let before = place.state();
        let other = place.run(command);
        if other != done {
            ran.problems
                .push(format!("{title}: {command}: {other:#?} where {done:#?}"));
        }
        if before != place.state() {
            ran.problems
                .push(format!("{title}: {command}: something was changed"));
        }
        place.open();
    }
    let found = printed(&format!("{}\n{}", done.stdout, done.stderr));
    let unmarked = found.unmarked.iter();
    let unmarked = unmarked.map(|line| format!("{title}: not marked as a command: {line}"));
    ran.problems.extend(unmarked);
    for command in &found.commands {
        let done = run_printed(place.folder(), command);
        if !matches!(done.code, 0 | 1 | 3) {
            ran.problems
                .push(format!("{title}: advised: {command}: {done:#?}"));
        }
    }
    ran.shown = Some(Shown::new(case, &done));
    ran
}

#[test]
fn every_error_is_on_the_page() {
    let path = repository().join("docs/ERRORS.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let cases: Vec<&Case> = GROUPS.iter().flat_map(|group| group.cases).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut ran: Vec<(usize, Ran)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(case) = cases.get(at) else { break };
                done.push((at, run(case)));
            }
            done
        };
        let workers = [scope.spawn(work), scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    ran.sort_by_key(|(at, _)| *at);
    let problems: Vec<String> = ran
        .iter_mut()
        .flat_map(|(_, ran)| ran.problems.split_off(0))
        .collect();
    let mut shown = ran.into_iter().map(|(_, ran)| ran.shown);
    let page = page::render(LEDGER, GROUPS, &mut shown, &old);
    if std::env::var("FIFO_PNL_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, &page).unwrap();
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    let old = fs::read_to_string(&path).unwrap_or_default();
    let differs = diff(&old, &page);
    assert!(
        differs.is_empty(),
        "docs/ERRORS.md is not what the program says (FIFO_PNL_BLESS=1 rewrites it):\n{differs}"
    );
}

/// Files that look odd: what is odd, the file, and the trade as the ledger has it.
fn odd_files() -> Vec<(&'static str, String, &'static str)> {
    let head = "order_id,symbol,side,size,price,order_time,total_fees_usd";
    let row = "A-1,BTC-USD,buy,0.5,100,2025-01-02T03:04:05Z,0.1";
    let same = "A-1|BTC-USD|buy|0.5|100|1735787045000000|0.1";
    vec![
        (
            "a byte order mark",
            format!("\u{feff}{head}\n{row}\n"),
            same,
        ),
        ("lines of Windows", format!("{head}\r\n{row}\r\n"), same),
        ("lines of old Macs", format!("{head}\r{row}\r"), same),
        ("no last line end", format!("{head}\n{row}"), same),
        (
            "everything in quotes",
            format!(
                "\"{}\"\n\"{}\"\n",
                head.replace(',', "\",\""),
                row.replace(',', "\",\"")
            ),
            same,
        ),
        (
            "other columns, another order",
            "note,total_fees_usd,SIDE,Order_Id,price,size,order_time,symbol\n\
             hello,0.1,Buy,A-1,100.00,+0.50,2025-01-02 03:04:05+00,BTC-USD\n"
                .into(),
            same,
        ),
        (
            "an exponent, exactly",
            format!("{head}\nA-1,BTC-USD,buy,1e-8,1.5E3,2025-01-02T03:04:05Z,1e-2\n"),
            "A-1|BTC-USD|buy|0.00000001|1500|1735787045000000|0.01",
        ),
        (
            "18 decimals, digit by digit",
            format!(
                "{head}\nA-1,BTC-USD,buy,0.123456789012345678,0.000000423,\
                 2025-01-02T03:04:05.123456Z,0.000000000000000001\n"
            ),
            "A-1|BTC-USD|buy|0.123456789012345678|0.000000423|1735787045123456|\
             0.000000000000000001",
        ),
        (
            "an unknown fee, a price of zero, and blanks around",
            format!("{head}\nA-1, BTC-USD , SELL , 1 , 0 , 2025-01-02T03:04:05Z , \n"),
            "A-1|BTC-USD|sell|1|0|1735787045000000|",
        ),
        (
            "a symbol in small letters, with a slash: its text stays",
            format!("{head}\nA-1,btc/usd,buy,1,1,2025-01-02T05:04:05+02:00,-0.5\n"),
            "A-1|btc/usd|buy|1|1|1735787045000000|-0.5",
        ),
        (
            "an id with a comma and quotes, lines of commas behind",
            format!("{head}\n\"A,\"\"1\"\"\",BTC-USD,buy,1,1,2025-01-02T03:04:05Z,0\n,,,,,,\n\n"),
            "A,\"1\"|BTC-USD|buy|1|1|1735787045000000|0",
        ),
    ]
}

#[test]
fn what_looks_odd_but_is_right_is_accepted() {
    for (what, csv, expected) in odd_files() {
        let folder = support::Folder::new();
        folder.write("odd.csv", csv);
        let done = folder.fifo_pnl(&["run", "odd.csv"]);
        assert_eq!(
            (done.code, done.stderr.as_str()),
            (0, ""),
            "{what}: {done:?}"
        );
        let rows = folder.sql(
            "SELECT order_id, symbol, side, size, price, order_time, total_fees_usd \
             FROM trade_records",
        );
        assert_eq!(rows, [expected], "{what}");
    }
}

#[test]
fn a_run_that_failed_says_what_still_stands() {
    let folder = support::Folder::new();
    let rows: Vec<String> = (0..4_000)
        .map(|number| {
            let side = ["buy", "sell"][number % 2];
            format!("main,t{number},BTC-USD,{side},1,100,2025-01-02T10:00:00Z,0,")
        })
        .collect();
    folder.write("trades.csv", support::ledger::csv(&rows));
    folder.fifo_pnl(&["run", "--quiet", "trades.csv"]).expect(0);
    // The file may grow by a little: enough for the row of the log, not for a version.
    let size = fs::metadata(folder.join(support::DATABASE)).unwrap().len() / 512;
    let limit = size.min(500);
    let failed = folder.shell(&format!(
        "trap '' XFSZ; ulimit -f {limit}; compute_allocations --all-symbols"
    ));
    let failed = failed.expect(4);
    let last = failed.last_line();
    let stands = "version 1 is still current, complete through 2025-01-02 10:00:00 UTC";
    let next = "next: compute_allocations --all-symbols";
    assert_eq!(last, format!("run 2 failed; {stands}; {next}"));
    let log = "SELECT status, error_message IS NOT NULL, computation_end IS NOT NULL \
               FROM fifo_computation_log ORDER BY id";
    assert_eq!(folder.sql(log), ["completed|0|1", "failed|1|1"]);
    let refused = folder
        .compute(&["--all-symbols", "--version", "1"])
        .expect(3);
    assert_eq!(refused.last_line(), format!("no run was begun; {stands}"));
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    folder
        .validate(&["--version", "current", "--quiet"])
        .expect(0);
    assert_eq!(folder.export("1"), folder.export("current"));
}

#[test]
fn a_name_that_the_ledger_lacks_leaves_no_run_in_the_log() {
    let folder = support::Folder::new();
    folder.write("ledger.csv", LEDGER);
    let run = folder.fifo_pnl(&["run", "ledger.csv"]).expect(0);
    // What was validated is not to be validated next.
    assert!(run.stdout.contains("\nValidated "), "{}", run.stdout);
    assert!(!run.stdout.contains("Next: "), "{}", run.stdout);
    for (scope, meant) in [
        (&["--symbol", "BTC-USDD"][..], "\"BTC-USD\""),
        (&["--all-symbols", "--account", "mian"], "\"main\""),
    ] {
        let done = folder.compute(scope).expect(2);
        let hint = format!("hint: did you mean {meant}?\n");
        assert!(done.stderr.contains(&hint), "{}", done.stderr);
    }
    let beside = ["--asset", "ETH", "--account", "main"];
    folder.compute(&beside).expect(2);
    folder
        .compute(&["--all-symbols", "--version", "1"])
        .expect(3);
    for other in [
        &["compare", "1", "1", "--symbol", "BTC-USDD"][..],
        &["review", "list", "--symbol", "BTC-USDD"],
        &["versions", "publish", "7"],
        &["versions", "seal", "7", "--reason", "test"],
        &["explain", "--sell", "S-1", "--version", "7"],
        &["validate", "--version", "7"],
        &["void", "B-1", "--account", "mian", "--reason", "test"],
    ] {
        folder.fifo_pnl(other).expect(2);
    }
    let log = "SELECT status FROM fifo_computation_log";
    assert_eq!(folder.sql(log), ["completed"]);
    let events = "SELECT count(*) FROM event_log WHERE event_type IN ('seal', 'publish', 'void')";
    assert_eq!(folder.value(events), "0");
}

#[test]
fn a_file_that_may_not_be_written_to_is_read_and_exported() {
    let case = Case {
        title: "A reader",
        place: Where::ReadOnly,
        ..Case::NONE
    };
    let Some(place) = Place::make(&case) else {
        return;
    };
    place.prepare(cases::RUN).expect(0);
    let exported = place.prepare("fifo-pnl versions export 1").expect(0).stdout;
    place.prepare("fifo-pnl health").expect(0);
    let elsewhere = support::Folder::new();
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let out = elsewhere.path().display();
    let tax =
        format!("fifo-pnl tax --year 2025 --timezone Etc/UTC --format lots -o {out}/lots.csv");
    place.close();
    let before = place.state();
    for command in [
        "fifo-pnl versions list",
        "fifo-pnl versions export 1",
        "fifo-pnl explain --sell S-1",
        "fifo-pnl compare 1 current",
        "fifo-pnl review list",
        "fifo-pnl history list",
        "fifo-pnl migrate status",
        "fifo-pnl health",
        "validate_allocations --version current",
        "compute_allocations --all-symbols --dry-run",
        &format!("fifo-pnl review export --output {out}/items.csv"),
    ] {
        place.run(command).expect(0);
    }
    for command in [
        format!("fifo-pnl versions export 1 --output {out}/v1.csv"),
        tax,
    ] {
        let done = place.run(&command).expect(0);
        let said = "Note      the export is not recorded in the audit trail";
        assert!(done.stdout.contains(said), "{done:#?}");
    }
    for command in [
        "fifo-pnl void B-1 --account main --reason test",
        "compute_allocations --all-symbols",
        "fifo-pnl versions drop 1",
    ] {
        place.run(command).expect(3);
    }
    assert_eq!(place.state(), before);
    assert_eq!(elsewhere.read("v1.csv"), exported);
    place.open();
    place
        .prepare("compute_allocations --all-symbols --quiet")
        .expect(0);
}

#[test]
fn programs_get_errors_as_json_and_people_on_stderr() {
    let folder = support::Folder::new();
    let done = folder.compute(&["--all-symbols", "--json"]).expect(2);
    let json = done.json();
    assert_eq!(json["exit_code"], 2);
    let message = json["error"].as_str().unwrap();
    assert!(
        message.starts_with("no database at fifo-pnl.db"),
        "{message}"
    );
    assert!(json["hint"].as_str().unwrap().starts_with("`fifo-pnl run"));
    assert_eq!(
        done.stderr.lines().next(),
        Some(format!("error: {message}").as_str())
    );
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n,,,,1,,\n",
    );
    let done = folder
        .fifo_pnl(&["import", "--json", "trades.csv"])
        .expect(2);
    let rejected = &done.json()["files"][0]["rejected"][0];
    assert_eq!(
        (&rejected["line"], &rejected["column"]),
        (&2.into(), &"order_id".into())
    );
    let done = folder.fifo_pnl(&["import", "trades.csv"]).expect(2);
    assert_eq!(done.stdout, "");
    assert!(
        done.stderr.contains("trades.csv:2: order_id is empty"),
        "{}",
        done.stderr
    );
}

#[test]
fn errors_of_typing_are_json_too() {
    let folder = support::Folder::new();
    for (args, error, hint) in [
        (
            &["health", "--jsn", "--json"][..],
            "unexpected argument '--jsn' found",
            "a similar argument exists: '--json'",
        ),
        (
            &["--json", "versions", "publish", "one"],
            "invalid value 'one' for '<VERSION>': invalid digit found in string",
            "--help shows what can be typed",
        ),
        (
            &["tax", "--json", "--year", "2025", "-o", "a.csv"],
            "the following required arguments were not provided: --format <FORMAT>",
            "--help shows what can be typed",
        ),
        (
            &["migrate", "--json"],
            "'fifo-pnl migrate' requires a subcommand but one was not provided \
             [subcommands: up, status, down, help]",
            "--help shows what can be typed",
        ),
    ] {
        let done = folder.fifo_pnl(args).expect(2);
        let expected = serde_json::json!({ "error": error, "hint": hint, "state": null,
            "exit_code": 2 });
        assert_eq!(done.json(), expected, "{args:?}");
        assert!(!done.stderr.is_empty(), "{args:?}");
        let without: Vec<&str> = args
            .iter()
            .copied()
            .filter(|arg| *arg != "--json")
            .collect();
        assert_eq!(
            folder.fifo_pnl(&without).expect(2).stdout,
            "",
            "{without:?}"
        );
    }
    let done = folder.compute(&["--json", "--jobs", "many"]).expect(2);
    assert_eq!(done.json()["exit_code"], 2);
    // After the mark everything is a name.
    let done = folder
        .fifo_pnl(&["import", "--nothing", "--", "--json"])
        .expect(2);
    assert_eq!(done.stdout, "");
    // Help is what was asked for.
    let done = folder.fifo_pnl(&["--json", "--help"]).expect(0);
    assert!(done.stdout.contains("Usage: fifo-pnl"), "{}", done.stdout);
}

#[test]
fn a_preview_needs_no_database_and_makes_none() {
    let folder = support::Folder::new();
    folder.write("ledger.csv", LEDGER);
    let done = folder
        .fifo_pnl(&["import", "--preview", "--json", "ledger.csv"])
        .expect(0);
    let json = done.json();
    assert_eq!(
        (&json["files"][0]["appended"], &json["preview"]),
        (&5.into(), &true.into())
    );
    assert!(!folder.join(support::DATABASE).exists());
    let done = folder
        .fifo_pnl(&["import", "--preview", "ledger.csv"])
        .expect(0);
    assert!(
        done.stdout
            .contains("Preview   ledger.csv: 5 rows, 5 new, 0 known"),
        "{}",
        done.stdout
    );
    folder.fifo_pnl(&["import", "ledger.csv"]).expect(0);
    let done = folder
        .fifo_pnl(&["import", "--preview", "ledger.csv"])
        .expect(0);
    assert!(
        done.stdout
            .contains("Preview   ledger.csv: 5 rows, 0 new, 5 known"),
        "{}",
        done.stdout
    );
    assert_eq!(folder.value("SELECT count(*) FROM imports"), "1");
}
