//! Kills, interrupts, two runners at once, a pool that can't be matched. Each time the current
//! version stays whole, the log tells the truth, and the next run completes.
//!
//! Ledgers come from fixed seeds. A test kills a process after a share of the time that the whole
//! work takes on this machine. So the moments spread over all of it; at any moment the same must
//! hold afterwards.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "moments of a process's life are found with a clock"
)]

use crate::support;

use std::fs;
use std::io::Read;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::ledger::{HEADER, Shape, csv, rows};
use support::signals::{self, Signal};
use support::{DATABASE, Done, Folder, wait_for_line};

/// Large enough that each phase takes a while, small enough for a build without optimization.
const LARGE: Shape = Shape {
    trades: 20_000,
    accounts: 2,
    symbols: 40,
    seconds: 20_000_000,
};

const SMALL: Shape = Shape {
    trades: 300,
    accounts: 2,
    symbols: 4,
    seconds: 5_000,
};

/// A look at a process that is about to do something.
const POLL: Duration = Duration::from_millis(2);

/// A test gives up waiting after this.
const WAIT_MAX: Duration = Duration::from_secs(300);

fn signal(child: &Child, signal: Signal) {
    signals::send(child.id(), signal);
}

/// Starts a command, sends it a signal after a while, and waits for its end.
fn run_and_signal(folder: &Folder, args: &[&str], name: Signal, after: Duration) -> Done {
    let child = folder.start(args);
    sleep(after);
    // A process that ended before is not yet waited for, so its number is not another's.
    signal(&child, name);
    Done::of(child.wait_with_output().unwrap())
}

/// Waits until a process has the run lock.
fn wait_for_lock(folder: &Folder, child: &Child) {
    let started = Instant::now();
    let mark = format!("\"pid\":{},", child.id());
    let lock = folder.join("fifo-pnl.db.lock");
    while !fs::read_to_string(&lock)
        .unwrap_or_default()
        .contains(&mark)
    {
        assert!(started.elapsed() < WAIT_MAX, "the run lock was never taken");
        sleep(POLL);
    }
}

/// Copies a database that nobody has open.
fn copy_of(folder: &Folder) -> Folder {
    let copy = Folder::new();
    assert!(
        !folder.join("fifo-pnl.db-wal").exists(),
        "the database is open"
    );
    fs::copy(folder.join(DATABASE), copy.join(DATABASE)).unwrap();
    copy
}

/// Returns the known facts of each run, oldest first.
fn log(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT status || ' ' || ifnull(error_message, '') || \
         iif(computation_end IS NULL, ' open', '') FROM fifo_computation_log ORDER BY id",
    )
}

/// Returns all that the ledger holds, as a text of its own.
fn ledger(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT count(*), total(ingest_seq), max(order_id), total(length(size || price)) \
         FROM trade_records UNION ALL SELECT count(*), max(rows), '', '' FROM imports",
    )
}

#[test]
fn a_killed_import_is_there_whole_or_not_at_all() {
    let small = Folder::with_trades(&csv(&rows(SMALL, 1)));
    small.compute(&["--all-symbols"]).expect(0);
    let export = small.export("1");
    let before = ledger(&small);
    let large: Vec<String> = rows(
        Shape {
            trades: 30_000,
            ..LARGE
        },
        2,
    )
    .into_iter()
    .map(|row| row.replacen(',', ",large-", 1))
    .collect();
    let large = csv(&large);
    let import = ["import", "large.csv"];

    let whole = copy_of(&small);
    whole.write("large.csv", &large);
    let started = Instant::now();
    whole.fifo_pnl(&import).expect(0);
    let duration = started.elapsed();
    let after = ledger(&whole);
    assert_ne!(before, after);

    let (mut none, mut all) = (0, 0);
    for (name, percent) in [
        (Signal::KILL, 15),
        (Signal::INT, 35),
        (Signal::KILL, 50),
        (Signal::TERM, 60),
        (Signal::KILL, 75),
        (Signal::KILL, 90),
    ] {
        let folder = copy_of(&small);
        folder.write("large.csv", &large);
        let done = run_and_signal(&folder, &import, name, duration * percent / 100);
        let what = format!("{name:?} at {percent} %: {done:?}");
        match (name, done.code) {
            (_, 0) | (Signal::KILL, -1) => {}
            (_, 130) => assert!(done.stderr.starts_with("error: interrupted"), "{what}"),
            _ => panic!("{what}"),
        }
        let found = ledger(&folder);
        match found == after {
            true => all += 1,
            false => {
                assert_eq!(found, before, "{what}");
                assert_ne!(done.code, 0, "{what}");
                none += 1;
            }
        }
        assert_eq!(folder.value("PRAGMA integrity_check"), "ok");
        folder.validate(&["--version", "current"]).expect(0);
        assert_eq!(folder.export("current"), export);
    }
    println!("{none} imports left nothing, {all} were complete ({duration:?} each)");
    assert!(none > 0);
    // What was interrupted is done by the same command again.
    let again = copy_of(&small);
    again.write("large.csv", &large);
    run_and_signal(&again, &import, Signal::KILL, duration / 2);
    again.fifo_pnl(&import).expect(0);
    assert_eq!(ledger(&again)[0], after[0]);
}

/// A database with a version, and the state that must survive.
struct Base {
    folder: Folder,
    export: String,
    ledger: Vec<String>,
    hashes: Vec<String>,
}

fn hashes(folder: &Folder, version: u32) -> Vec<String> {
    folder.sql(&format!(
        "SELECT ledger_hash || allocations_hash FROM allocation_versions \
         WHERE version = {version}"
    ))
}

impl Base {
    fn make(seed: u64) -> Self {
        let folder = Folder::with_trades(&csv(&rows(LARGE, seed)));
        folder.compute(&["--all-symbols"]).expect(0);
        Self {
            export: folder.export("1"),
            ledger: ledger(&folder),
            hashes: hashes(&folder, 1),
            folder,
        }
    }

    /// Checks what a run left that was sent a signal, and tells whether it wrote its version.
    fn check_after(&self, folder: &Folder, name: Signal, done: &Done) {
        let what = format!("{name:?}: {done:?}");
        let complete = hashes(folder, 2).len() == 1;
        let current = if complete { "2" } else { "1" };
        assert_eq!(folder.value("SELECT version FROM current_version"), current);
        assert_eq!(ledger(folder), self.ledger, "{what}");
        assert_eq!(hashes(folder, 1), self.hashes, "{what}");
        let of_two = "SELECT count(*) > 0 FROM fifo_allocations WHERE allocation_version = 2";
        assert_eq!(folder.value(of_two) == "1", complete, "{what}");
        let log = log(folder);
        assert_eq!(log[0], "completed ", "{what}");
        let last: Vec<&str> = log[1..].iter().map(String::as_str).collect();
        match (name, done.code, complete) {
            (_, 0, true) | (Signal::KILL, -1, true) => assert_eq!(last, ["completed "], "{what}"),
            (Signal::KILL, -1, false) => {
                assert!(
                    matches!(last[..], [] | ["running  open"]),
                    "{what}: {log:?}"
                );
            }
            // A run that stops on its own closes its row, if it had one. After a while the program
            // ends without it, and the next run closes the row.
            (_, 130, false) => {
                assert!(done.stderr.starts_with("error: interrupted"), "{what}");
                let known = matches!(last[..], [] | ["failed interrupted"] | ["running  open"]);
                assert!(known, "{what}: {log:?}");
            }
            _ => panic!("{what}: complete {complete}, log {log:?}"),
        }
    }

    /// Checks everything, and that the next run goes on.
    fn check_next_run(&self, folder: &Folder) {
        let before = log(folder);
        assert_eq!(folder.value("PRAGMA integrity_check"), "ok");
        assert_eq!(folder.export("1"), self.export);
        folder.validate(&["--version", "1"]).expect(0);
        folder.fifo_pnl(&["compute", "--all-symbols"]).expect(0);
        assert_eq!(folder.export("current"), self.export);
        let closed = |row: &String| match row.as_str() {
            "running  open" => "failed process ended".to_owned(),
            row => row.to_owned(),
        };
        let mut expected: Vec<String> = before.iter().map(closed).collect();
        expected.push("completed ".into());
        assert_eq!(log(folder), expected);
    }
}

#[test]
fn a_killed_run_takes_nothing_away() {
    let base = Base::make(3);
    let compute = ["compute", "--all-symbols"];
    let timed = copy_of(&base.folder);
    let started = Instant::now();
    timed.fifo_pnl(&compute).expect(0);
    let duration = started.elapsed();
    let moments = [
        (Signal::KILL, 15),
        (Signal::INT, 25),
        (Signal::KILL, 40),
        (Signal::TERM, 60),
        (Signal::KILL, 75),
        (Signal::KILL, 90),
    ];
    for (number, (name, percent)) in moments.into_iter().enumerate() {
        let folder = copy_of(&base.folder);
        let done = run_and_signal(&folder, &compute, name, duration * percent / 100);
        base.check_after(&folder, name, &done);
        // Each moment is judged cheaply; some are judged in full, and go on to the next run.
        if number % 3 == 2 {
            base.check_next_run(&folder);
        }
    }
}

#[test]
fn an_interrupted_run_closes_its_row() {
    let folder = Folder::with_trades(&csv(&rows(LARGE, 4)));
    for name in [Signal::INT, Signal::TERM] {
        let child = folder.start(&["compute", "--all-symbols"]);
        wait_for_lock(&folder, &child);
        let rows = "SELECT count(*) FROM fifo_computation_log WHERE status = 'running'";
        while folder.value(rows) == "0" {
            sleep(POLL);
        }
        signal(&child, name);
        let done = Done::of(child.wait_with_output().unwrap()).expect(130);
        let first = done.stderr.lines().next();
        assert_eq!(
            first,
            Some("error: interrupted: nothing was published"),
            "{name:?}"
        );
        let last = done.last_line();
        assert!(
            last.contains("no version is current yet"),
            "{name:?}: {last}"
        );
        assert!(
            last.ends_with("next: compute_allocations --all-symbols"),
            "{name:?}: {last}"
        );
        let log = log(&folder);
        assert!(
            log.iter().all(|row| row == "failed interrupted"),
            "{name:?}: {log:?}"
        );
        assert_eq!(
            folder.value("SELECT count(*) FROM allocation_versions"),
            "0",
            "{name:?}"
        );
    }
    assert_eq!(log(&folder).len(), 2);
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    folder
        .validate(&["--version", "current", "--quiet"])
        .expect(0);
}

#[test]
fn a_program_that_nobody_reads_can_be_stopped() {
    // More unmatched sells than a pipe holds lines.
    let lines = (0..3_000).map(|nth| {
        let id = format!("{nth:040}");
        format!("a,{id},BTC-USD,sell,1,9,2024-01-02T03:04:05Z,0,\n")
    });
    let folder = Folder::with_trades(&format!("{HEADER}\n{}", lines.collect::<String>()));
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    let mut child = folder.start(&["review", "list", "--json"]);
    // Once it prints, its work is done; what follows the first byte does not fit the pipe.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    signal(&child, Signal::INT);
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < WAIT_MAX);
        sleep(POLL);
    };
    assert_eq!(status.code(), Some(130));
    // Its work was done, and the message says so.
    drop(stdout);
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn the_whole_job_killed_goes_on_where_it_was() {
    let text = csv(&rows(
        Shape {
            trades: 8_000,
            ..LARGE
        },
        5,
    ));
    let expected = Folder::new();
    expected.write("trades.csv", &text);
    let started = Instant::now();
    expected.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let duration = started.elapsed();
    let export = expected.export("current");
    for percent in [5, 30, 60, 90] {
        let folder = Folder::new();
        folder.write("trades.csv", &text);
        run_and_signal(
            &folder,
            &["run", "trades.csv"],
            Signal::KILL,
            duration * percent / 100,
        );
        folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
        assert_eq!(folder.export("current"), export, "killed at {percent} %");
        assert!(!log(&folder).iter().any(|row| row.starts_with("running")));
    }
}

#[test]
fn of_two_runners_one_is_refused_and_names_the_other() {
    let folder = Folder::with_trades(&csv(&rows(LARGE, 6)));
    let mut first = folder.start(&["compute", "--all-symbols"]);
    wait_for_lock(&folder, &first);
    // The first one is stopped with the lock in its hand, so that it can't end too early.
    signal(&first, Signal::STOP);
    let pid = first.id().to_string();
    for args in [
        &["compute", "--all-symbols"][..],
        &["versions", "release"],
        &["versions", "drop", "1"],
    ] {
        let second = folder.fifo_pnl(args).expect(3);
        assert!(
            second
                .stderr
                .starts_with("error: another process is at work: compute_allocations (pid "),
            "{second:?}"
        );
        assert!(
            second.stderr.contains(&format!("(pid {pid} on ")),
            "{second:?}"
        );
        assert!(second.stderr.contains(", since 20"), "{second:?}");
    }
    assert_eq!(first.try_wait().unwrap(), None);
    signal(&first, Signal::CONT);
    Done::of(first.wait_with_output().unwrap()).expect(0);
    assert_eq!(log(&folder), ["completed "]);
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
}

#[test]
fn an_import_while_a_run_is_at_work() {
    let folder = Folder::with_trades(&csv(&rows(LARGE, 7)));
    folder.write(
        "more.csv",
        csv(&["main,late,C0-USD,buy,1,1,2025-01-01T00:00:00Z,0,".into()]),
    );
    let run = folder.start(&["compute", "--all-symbols", "--json"]);
    wait_for_lock(&folder, &run);
    let import = folder.start(&["import", "more.csv"]);
    Done::of(import.wait_with_output().unwrap()).expect(0);
    let done = Done::of(run.wait_with_output().unwrap()).expect(0);
    let pools = done.json()["pools"].as_array().unwrap().clone();
    let seen: u64 = pools
        .iter()
        .map(|pool| pool["trades"].as_u64().unwrap())
        .sum();
    let trades = LARGE.trades as u64;
    assert!(seen == trades || seen == trades + 1, "{seen}");
    let judged = folder
        .validate(&["--version", "current", "--json"])
        .expect(0)
        .json();
    assert_eq!(judged["arrived_since"], trades + 1 - seen);
}

/// 188 pools, as many trades as a bot makes in a few weeks; one is priced in euros.
fn ledger_of_188(poison: &str) -> String {
    let shape = Shape {
        trades: 3_700,
        accounts: 1,
        symbols: 187,
        seconds: 2_000_000,
    };
    let mut rows = rows(shape, 188);
    for number in 0..12 {
        let side = ["buy", "sell"][number % 2];
        rows.push(format!(
            "main,p{number},{poison},{side},1,90,2025-01-02T10:00:{number:02}Z,0,"
        ));
    }
    csv(&rows)
}

fn pools(folder: &Folder, version: &str, status: &str) -> String {
    folder.value(&format!(
        "SELECT count(*) FROM fifo_pool_summary WHERE allocation_version = {version} \
         AND status = '{status}'"
    ))
}

#[test]
fn one_bad_pool_among_188_stops_only_itself() {
    let folder = Folder::with_trades(&ledger_of_188("BTC-EUR"));
    let done = folder.compute(&["--all-symbols"]).expect(1);
    let first = done.stdout.lines().nth(1).unwrap();
    assert!(
        first.starts_with("Version 1 is current (partial, "),
        "{first}"
    );
    assert!(
        done.stdout
            .contains("Rejected        main BTC (12 trades): "),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.ends_with("Next: fifo-pnl review list\n"),
        "{}",
        done.stdout
    );
    assert_eq!(pools(&folder, "1", "matched"), "187");
    assert_eq!(pools(&folder, "1", "rejected"), "1");
    let log = folder.value(
        "SELECT status || ' ' || symbols_processed || ' ' || symbols_failed || ' ' || \
         error_message FROM fifo_computation_log",
    );
    assert!(log.starts_with("partial 187 1 main BTC: "), "{log}");
    folder.validate(&["--version", "1"]).expect(0);
    folder.validate(&["--version", "1", "--strict"]).expect(1);
    let items = "SELECT DISTINCT account || ' ' || asset || ' ' || symbol FROM manual_review_queue \
                 WHERE issue_type = 'missing_fx'";
    assert_eq!(folder.sql(items), ["main BTC BTC-EUR"]);
    // The other 187 go on, version by version.
    folder.compute(&["--all-symbols"]).expect(1);
    assert_eq!(folder.value("SELECT version FROM current_version"), "2");
    assert_eq!(folder.export("1"), folder.export("2"));
    // The same ledger without the bad pool has the same rows.
    let without = Folder::with_trades(
        &ledger_of_188("BTC-EUR")
            .lines()
            .filter(|line| !line.contains("EUR"))
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
    without.compute(&["--all-symbols"]).expect(0);
    assert_eq!(without.export("1"), folder.export("2"));
}

/// Writes a row that no import lets in, as if something else wrote to the file.
fn spoil(folder: &Folder, size: &str) {
    folder.sql(&format!(
        "PRAGMA ignore_check_constraints = 1; \
         INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
         VALUES ('main', 'broken', 'BTC-USD', 'buy', '{size}', '90', 1735812000000000)"
    ));
}

#[test]
fn a_pool_that_goes_bad_is_not_taken_away() {
    let folder = Folder::with_trades(&ledger_of_188("BTC-USD"));
    folder.compute(&["--all-symbols"]).expect(0);
    let of_btc = "SELECT count(*), decimal_sum(pnl_usd) FROM v_current_allocations \
                  WHERE asset = 'BTC'";
    let before = folder.sql(of_btc);
    spoil(&folder, "-1");
    let done = folder.compute(&["--all-symbols"]).expect(1);
    let says = |text: &str| {
        assert!(
            done.stdout.contains(text),
            "no \"{text}\" in:\n{}",
            done.stdout
        )
    };
    says("Version 2 is partial (");
    says("NOT published: it has nothing for main BTC, which version 1 covers");
    says("fifo-pnl review exclude --account main --asset BTC --reason TEXT");
    says("fifo-pnl versions publish 2");
    assert_eq!(folder.value("SELECT version FROM current_version"), "1");
    assert_eq!(folder.sql(of_btc), before);
    let item = "SELECT order_id || ' ' || status FROM manual_review_queue \
                WHERE issue_type = 'invalid_trade'";
    assert_eq!(folder.sql(item), ["broken pending"]);
    folder.validate(&["--version", "2"]).expect(0);

    let pool = [
        "--account",
        "main",
        "--asset",
        "BTC",
        "--reason",
        "asked the venue",
    ];
    folder
        .fifo_pnl(&[&["review", "exclude"], &pool[..]].concat())
        .expect(0);
    let done = folder.compute(&["--all-symbols"]).expect(0);
    assert!(
        done.stdout.contains("Version 3 is current (completed"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("Excluded        main BTC"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("asked the venue"), "{}", done.stdout);
    assert_eq!(pools(&folder, "3", "matched"), "187");
    // What was wrong is voided, the pool comes back, and has what it had.
    let void = [
        "void",
        "broken",
        "--account",
        "main",
        "--reason",
        "never happened",
    ];
    folder.fifo_pnl(&void).expect(0);
    folder
        .fifo_pnl(&[&["review", "include"], &pool[..]].concat())
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    assert_eq!(folder.value("SELECT version FROM current_version"), "4");
    assert_eq!(folder.sql(of_btc), before);
    assert_eq!(folder.export("4"), folder.export("1"));
    assert_eq!(folder.sql(item), ["broken resolved"]);
}

#[test]
fn the_other_way_on_is_to_publish_what_there_is() {
    let folder = Folder::with_trades(&ledger_of_188("BTC-USD"));
    folder.compute(&["--all-symbols"]).expect(0);
    spoil(&folder, "NaN");
    folder.compute(&["--all-symbols"]).expect(1);
    // A result that would take a pool away does not replace a version, either.
    let replaced = folder
        .compute(&["--all-symbols", "--version", "1", "--force"])
        .expect(3);
    assert!(
        replaced.stderr.contains("it has nothing for")
            || replaced.stderr.contains("has nothing for main BTC"),
        "{replaced:?}"
    );
    folder.fifo_pnl(&["versions", "publish", "2"]).expect(0);
    assert_eq!(
        folder.value("SELECT version || held FROM current_version"),
        "20"
    );
    folder.compute(&["--all-symbols"]).expect(1);
    assert_eq!(folder.value("SELECT version FROM current_version"), "3");
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::with_trades(&csv(&rows(SMALL, 8)));
    folder.compute(&["--all-symbols"]).expect(0);
    folder.write(
        "more.csv",
        format!("{HEADER}\nmain,more,C1-USD,buy,1,1,2025-01-01T00:00:00Z,0,\n"),
    );
    folder.fifo_pnl(&["import", "more.csv"]).expect(0);
    let state = || (folder.dump(DATABASE, &[]), files(&folder));
    let before = state();
    let done = folder
        .compute(&["--all-symbols", "--dry-run", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&done["version"], &done["run_id"]),
        (&2.into(), &serde_json::Value::Null)
    );
    folder.compute(&["--asset", "C1", "--dry-run"]).expect(0);
    folder
        .fifo_pnl(&["import", "--preview", "trades.csv"])
        .expect(0);
    folder.validate(&["--version", "1"]).expect(0);
    assert_eq!(state(), before);
    // What it promised is what the run does.
    let run = folder
        .compute(&["--all-symbols", "--json"])
        .expect(0)
        .json();
    assert_eq!(run["allocations_hash"], done["allocations_hash"]);
    assert_eq!(run["ledger_hash"], done["ledger_hash"]);
}

/// Lists the folder's files by name.
fn files(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_second_runner_waits_if_it_may() {
    let folder = Folder::with_trades(&csv(&rows(LARGE, 9)));
    let first = folder.start(&["compute", "--all-symbols"]);
    wait_for_lock(&folder, &first);
    while folder.value("SELECT count(*) FROM fifo_computation_log") == "0" {
        sleep(POLL);
    }
    // Stopped with the lock in its hand, so that it can't end too early.
    signal(&first, Signal::STOP);
    let holder = format!("compute_allocations (pid {} on ", first.id());
    let said = format!("waiting for {holder}");
    for args in [
        &["compute", "--all-symbols", "--wait", "300ms"][..],
        &["versions", "release", "--wait=300ms"],
        &["versions", "--wait=300ms", "drop", "1"],
        &[
            "migrate",
            "down",
            "--to",
            "1",
            "--confirm",
            "YES",
            "--wait=1s",
        ],
    ] {
        let started = Instant::now();
        let done = folder.fifo_pnl(args).expect(3);
        assert!(started.elapsed() >= Duration::from_millis(300), "{args:?}");
        let vain = format!("error: another process is at work: {holder}");
        assert!(done.stderr.contains(&vain), "{done:?}");
        assert!(done.stderr.contains(") (waited "), "{done:?}");
        // Once, not at each look.
        let lines = done.stderr.matches("waiting for ").count();
        assert_eq!(lines, 1, "{done:?}");
    }
    let quiet = ["compute", "--all-symbols", "--quiet", "--wait", "300ms"];
    let done = folder.fifo_pnl(&quiet).expect(3);
    assert!(!done.stderr.contains("waiting for "), "{done:?}");
    // One that waits is heard, too, when it is asked to stop.
    let mut waiting = folder.start(&["compute", "--all-symbols", "--wait"]);
    wait_for_line(&mut waiting, &said);
    signal(&waiting, Signal::INT);
    Done::of(waiting.wait_with_output().unwrap()).expect(130);
    // Without a limit it goes on when the first one is done, or is no more.
    let mut second = folder.start(&["compute", "--all-symbols", "--wait"]);
    wait_for_line(&mut second, &said);
    signal(&first, Signal::KILL);
    Done::of(first.wait_with_output().unwrap()).expect(-1);
    Done::of(second.wait_with_output().unwrap()).expect(0);
    assert_eq!(log(&folder), ["failed process ended", "completed "]);
    let negative = "SELECT count(*) FROM fifo_computation_log WHERE computation_duration_ms < 0";
    assert_eq!(folder.value(negative), "0");
}
