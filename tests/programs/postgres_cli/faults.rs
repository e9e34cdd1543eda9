//! Connections that end, statements that are cancelled, a server that stops, two at once. Each time
//! the current version stays whole, the log tells the truth, and the next run completes.
//!
//! The tests guess no moments. They stop a run while it waits for a lock of theirs, or in the very
//! statement that the server says it is executing.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::ledger::{Shape, csv, rows};
use crate::support::server::{Server, is_root};
use crate::support::signals::{self, Signal};
use crate::support::site::{Site, ask, psql, server};
use crate::support::skip::skip;
use crate::support::{Done, wait_for_line};

/// Large enough that each phase lasts a while in a build without optimization.
const LARGE: Shape = Shape {
    trades: 8_000,
    accounts: 2,
    symbols: 60,
    seconds: 20_000_000,
};

const SMALL: Shape = super::SMALL;

/// Waits until some statement of the database is executed that looks like a pattern, and does
/// something to its connection.
fn strike(site: &Site, pattern: &str, function: &str) {
    let sql = format!(
        "DO $$ BEGIN FOR i IN 1..5000 LOOP \
         PERFORM pg_stat_clear_snapshot(); \
         IF (SELECT count({function}(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND query LIKE '{pattern}' AND state <> 'idle') > 0 \
         THEN RETURN; END IF; PERFORM pg_sleep(0.001); END LOOP; \
         RAISE EXCEPTION USING MESSAGE = 'nothing looked like {pattern}'; END $$"
    );
    ask(&site.url, &sql);
}

fn end_of(process: Child) -> Done {
    Done::of(process.wait_with_output().unwrap())
}

/// Waits until a run stands before a table that the test holds.
fn wait_until_blocked(site: &Site) {
    let query = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    site.wait_for(query, "t");
}

fn signal(process: &Child, signal: Signal) {
    signals::send(process.id(), signal);
}

/// Checks the state after a run that failed: version 1 stands, whole.
fn check_untouched(site: &Site, export: &str, ledger: &str, what: &str) {
    assert_eq!(
        site.value("SELECT version FROM current_version"),
        "1",
        "{what}"
    );
    assert_eq!(site.export("1"), export, "{what}");
    assert_eq!(site.ledger(), ledger, "{what}");
    let rows = "SELECT count(*) FROM fifo_allocations WHERE allocation_version > 1";
    assert_eq!(site.value(rows), "0", "{what}");
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
}

/// The next run completes and tidies up.
fn check_next_run(site: &Site, export: &str, what: &str) {
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(site.export("current"), export, "{what}");
    let log = site.log();
    assert!(
        !log.iter().any(|row| row.starts_with("running")),
        "{what}: {log:?}"
    );
    let loose = "SELECT count(*) FROM pg_class WHERE relnamespace = 'fifo_parts'::regnamespace \
                 AND relkind = 'r' AND NOT relispartition \
                 AND relname ~ '_v[0-9]+_r[0-9]+(_[12])?$'";
    assert_eq!(site.value(loose), "0", "{what}");
}

#[test]
fn a_connection_that_ends_takes_nothing_away() {
    let Some(server) = server() else { return };
    let (small, large) = (csv(&rows(SMALL, 3)), csv(&rows(LARGE, 3)));
    let (reading, making) = ("%FROM eligible_trades%", "%CREATE TABLE fifo_parts.%");
    let (ledger_lock, version_lock) = (
        Some("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE"),
        Some("LOCK TABLE fifo_allocations IN ACCESS EXCLUSIVE MODE"),
    );
    for (lock, pattern, function) in [
        (ledger_lock, reading, "pg_cancel_backend"),
        (version_lock, making, "pg_cancel_backend"),
        // Each half of a version has a connection.
        (
            None,
            "COPY fifo_parts.fifo_allocations%_1 %",
            "pg_terminate_backend",
        ),
        (
            None,
            "COPY fifo_parts.fifo_allocations%_2 %",
            "pg_terminate_backend",
        ),
    ] {
        let what = format!("{function} at {pattern}");
        let text = if lock.is_some() { &small } else { &large };
        let site = Site::computed(&server, text);
        let (export, ledger) = (site.export("1"), site.ledger());
        let held = lock.map(|sql| site.hold(sql));
        let process = site.start_run();
        strike(&site, pattern, function);
        drop(held);
        let done = end_of(process).expect(4);
        let first = done.stderr.lines().next().unwrap_or_default();
        assert!(
            [
                "terminating connection",
                "canceling statement",
                "connection was lost"
            ]
            .iter()
            .any(|said| first.contains(said)),
            "{what}: {first}"
        );
        let last = done.last_line();
        assert!(
            last.starts_with("run 2 failed; version 1 is still current"),
            "{what}: {last}"
        );
        let log = site.log();
        assert_eq!(log.len(), 2, "{what}");
        assert!(log[1].starts_with("failed "), "{what}: {log:?}");
        check_untouched(&site, &export, &ledger, &what);
        check_next_run(&site, &export, &what);
    }
}

/// Returns the retries of the last run in the log: how many, and the code of each failure.
fn retries(site: &Site) -> String {
    site.value(
        "SELECT retry_count || ' ' || (last_error_at IS NOT NULL) || ' ' || \
         coalesce(jsonb_path_query_array(error_details, '$.retries[*].sqlstate')::text, '-') \
         FROM fifo_computation_log ORDER BY id DESC LIMIT 1",
    )
}

#[test]
fn a_connection_that_ends_before_anything_is_written_is_made_again() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 17)));
    assert_eq!(retries(&site), "0 false -");
    let export = site.export("1");
    // Reading: a connection like any other. Making tables: the one that holds the run lock.
    for (lock, pattern) in [
        ("trade_records", "%FROM eligible_trades%"),
        ("fifo_allocations", "%CREATE TABLE fifo_parts.%"),
    ] {
        let held = site.hold(&format!("LOCK TABLE {lock} IN ACCESS EXCLUSIVE MODE"));
        let process = site.start_run();
        strike(&site, pattern, "pg_terminate_backend");
        drop(held);
        end_of(process).expect(0);
        assert_eq!(site.log().last().unwrap(), "completed", "{pattern}");
        assert_eq!(retries(&site), "1 true [\"57P01\"]", "{pattern}");
        assert_eq!(site.export("current"), export, "{pattern}");
    }
    assert_eq!(site.value("SELECT version FROM current_version"), "3");
}

#[test]
fn a_run_outlives_a_server_that_is_restarted() {
    if server().is_none() {
        return;
    }
    let mut own = Server::start(&[], |_| {});
    let site = Site::computed(&own.url("postgres"), &csv(&rows(SMALL, 18)));
    let export = site.export("1");
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    let process = site.start_run();
    wait_until_blocked(&site);
    own.down(Signal::INT);
    drop(held);
    own.up();
    end_of(process).expect(0);
    assert_eq!(site.export("2"), export);
    let told = site.value("SELECT retry_count > 0 FROM fifo_computation_log WHERE id = 2");
    assert_eq!(told, "t");
    check_next_run(&site, &export, "restart");
}

#[test]
fn a_run_whose_lock_another_one_took_meanwhile_gives_up() {
    if server().is_none() {
        return;
    }
    let mut own = Server::start(&[], |_| {});
    let site = Site::computed(&own.url("postgres"), &csv(&rows(SMALL, 19)));
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    let first = site.start_run();
    wait_until_blocked(&site);
    // It stands still while the server is restarted, and another run comes and goes.
    signal(&first, Signal::STOP);
    own.down(Signal::INT);
    drop(held);
    own.up();
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    signal(&first, Signal::CONT);
    let done = end_of(first).expect(3);
    let first = done.stderr.lines().next().unwrap_or_default();
    assert!(first.contains("run 2 was closed by another run"), "{first}");
    assert_eq!(
        site.log(),
        ["completed", "failed process ended", "completed"]
    );
}

#[test]
fn a_connection_that_ends_while_publishing_takes_nothing_away() {
    let Some(server) = server() else { return };
    for function in ["pg_terminate_backend", "pg_cancel_backend"] {
        let site = Site::computed(&server, &csv(&rows(SMALL, 4)));
        let (export, ledger) = (site.export("1"), site.ledger());
        let held = site.hold("LOCK TABLE fifo_allocations IN SHARE UPDATE EXCLUSIVE MODE");
        let process = site.start_run();
        wait_until_blocked(&site);
        // Readers are not kept waiting meanwhile.
        assert_eq!(site.export("1"), export);
        strike(&site, "%ATTACH PARTITION%", function);
        end_of(process).expect(4);
        drop(held);
        check_untouched(&site, &export, &ledger, function);
        check_next_run(&site, &export, function);
    }
}

#[test]
fn a_reader_that_stays_too_long_is_named_as_the_cause() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 5)));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    // A reader that keeps its state, like a backup, keeps no run waiting,
    let default = format!(
        "ALTER DATABASE {} SET default_transaction_isolation",
        site.database
    );
    site.sql(&format!("{default} = 'repeatable read'"));
    let held = site.hold("SELECT count(*) FROM fifo_allocations");
    site.sql(&format!("{default} = 'read committed'"));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    // but it can't remove the tables that the reader uses. The reader stays, so this gives up.
    let done = site.fifo_pnl(&["versions", "drop", "2"]).expect(3);
    assert!(done.stderr.contains("\"holds "), "{}", done.stderr);
    drop(held);
    site.fifo_pnl(&["versions", "drop", "2"]).expect(0);
}

#[test]
fn a_reader_whose_state_moves_is_waited_for_and_named() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 15)));
    let (export, ledger) = (site.export("1"), site.ledger());
    let held = site.hold("SELECT count(*) FROM fifo_allocations");
    let done = site.compute(&["--all-symbols"]).expect(3);
    assert!(done.stderr.contains("\"holds "), "{}", done.stderr);
    check_untouched(&site, &export, &ledger, "reader");
    drop(held);
    check_next_run(&site, &export, "reader");
}

#[test]
fn the_second_run_names_the_first() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 6)));
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    let first = site.start_run();
    wait_until_blocked(&site);
    for done in [
        site.compute(&["--all-symbols"]),
        site.fifo_pnl(&["versions", "drop", "1"]),
    ] {
        let done = done.expect(3);
        let line = done.stderr.lines().next().unwrap();
        assert!(
            line.starts_with("error: another process is at work: "),
            "{line}"
        );
        assert!(line.contains(&format!("pid {} on ", first.id())), "{line}");
        assert!(line.contains(", since 20"), "{line}");
    }
    drop(held);
    end_of(first).expect(0);
    assert_eq!(site.log(), ["completed", "completed"]);
    check_next_run(&site, &site.export("1"), "after both");
}

#[test]
fn the_second_run_waits_for_the_first() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 16)));
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    let first = site.start_run();
    wait_until_blocked(&site);
    let said = format!("waiting for compute_allocations (pid {} on ", first.id());
    for args in [
        &["compute", "--all-symbols", "--wait", "1s"][..],
        &["versions", "drop", "1", "--wait=1s"],
    ] {
        let done = site.fifo_pnl(args).expect(3);
        assert!(done.stderr.starts_with(&said), "{}", done.stderr);
        assert!(
            done.stderr.contains("(waited 1s for it)"),
            "{}",
            done.stderr
        );
    }
    let binary = env!("CARGO_BIN_EXE_compute_allocations");
    let mut second = site.program(binary, &["--all-symbols", "--wait"]);
    second.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut second = second.spawn().unwrap();
    wait_for_line(&mut second, &said);
    drop(held);
    end_of(first).expect(0);
    end_of(second).expect(0);
    assert_eq!(site.log(), ["completed", "completed", "completed"]);
}

#[test]
fn an_interrupt_is_heard_and_logged() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(LARGE, 7)));
    let (export, ledger) = (site.export("1"), site.ledger());
    for name in [Signal::INT, Signal::TERM] {
        let process = site.start_run();
        strike(&site, "COPY fifo_parts.fifo_allocations%", "abs");
        signal(&process, name);
        let done = end_of(process).expect(130);
        let first = done.stderr.lines().next();
        assert_eq!(first, Some("error: interrupted: nothing was published"));
        let log = site.log();
        assert_eq!(log.last().unwrap(), "failed interrupted", "{name:?}");
        check_untouched(&site, &export, &ledger, &format!("{name:?}"));
    }
    // One that can't hear, because it waits for the server, ends all the same.
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    let process = site.start_run();
    wait_until_blocked(&site);
    signal(&process, Signal::INT);
    end_of(process).expect(130);
    assert_eq!(site.log().last().unwrap(), "failed interrupted");
    drop(held);
    check_untouched(&site, &export, &ledger, "blocked");
    check_next_run(&site, &export, "blocked");
}

#[test]
fn an_interrupt_while_publishing_closes_its_row() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 20)));
    let (export, ledger) = (site.export("1"), site.ledger());
    let held = site.hold("LOCK TABLE fifo_allocations IN SHARE UPDATE EXCLUSIVE MODE");
    let process = site.start_run();
    wait_until_blocked(&site);
    signal(&process, Signal::TERM);
    end_of(process).expect(130);
    assert_eq!(site.log().last().unwrap(), "failed interrupted");
    drop(held);
    check_untouched(&site, &export, &ledger, "publishing");
    check_next_run(&site, &export, "publishing");
}

#[test]
fn a_killed_run_is_closed_by_the_next() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 8)));
    let (export, ledger) = (site.export("1"), site.ledger());
    let held = site.hold("LOCK TABLE fifo_allocations IN SHARE UPDATE EXCLUSIVE MODE");
    let process = site.start_run();
    wait_until_blocked(&site);
    signal(&process, Signal::KILL);
    end_of(process);
    drop(held);
    // The server notices when it has the lock and finds nobody to answer.
    let backends = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                    WHERE l.locktype = 'advisory' AND d.datname = current_database()";
    site.wait_for(backends, "0");
    check_untouched(&site, &export, &ledger, "killed");
    assert_eq!(site.log(), ["completed", "running open"]);
    check_next_run(&site, &export, "killed");
    assert_eq!(site.log()[1], "failed process ended");
}

/// A program that inserts trades, one statement each, and measures each.
fn insert_until(site: &Site, done: &AtomicBool) -> Vec<f64> {
    let mut bot = psql(&site.url);
    bot.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = bot.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let output = std::thread::spawn(move || process.wait_with_output().unwrap());
    writeln!(input, "\\timing on").unwrap();
    let mut number = 0;
    while !done.load(Ordering::SeqCst) {
        number += 1;
        writeln!(
            input,
            "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
             VALUES ('live', 'live-{number}', 'C1-USD', 'buy', 1, 2, now());"
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(input);
    let text = Done::of(output.join().unwrap()).expect(0).stdout;
    let times = text.lines().filter_map(|line| line.strip_prefix("Time: "));
    let times: Vec<f64> = times
        .map(|time| time.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(times.len(), number);
    times
}

#[test]
fn a_bot_inserts_while_runs_go_on() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(LARGE, 9)));
    let done = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let bot = scope.spawn(|| insert_until(&site, &done));
        for _ in 0..2 {
            site.compute(&["--all-symbols", "--quiet"]).expect(0);
        }
        site.fifo_pnl(&["versions", "drop", "2"]).expect(0);
        site.validate(&["--version", "current", "--quiet"])
            .expect(0);
        done.store(true, Ordering::SeqCst);
        bot.join().unwrap()
    });
    let slowest = times.iter().copied().fold(0.0, f64::max);
    println!("{} inserts, the slowest took {slowest} ms", times.len());
    assert!(times.len() > 20, "{}", times.len());
    // No row that arrived meanwhile is lost.
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    let taken = "SELECT sum(trades) FROM fifo_pool_summary WHERE account = 'live' \
                 AND allocation_version = (SELECT version FROM current_version)";
    assert_eq!(site.value(taken), times.len().to_string());
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
}

#[test]
fn a_database_that_may_only_be_read_says_so() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 10)));
    let export = site.export("1");
    let database = &site.database;
    site.sql(&format!(
        "ALTER DATABASE {database} SET default_transaction_read_only = on"
    ));
    let more = rows(SMALL, 11).into_iter();
    let more: Vec<String> = more.map(|row| row.replacen(',', ",more-", 1)).collect();
    let more = csv(&more);
    site.folder.write("more.csv", more);
    for done in [
        site.compute(&["--all-symbols"]),
        site.fifo_pnl(&["import", "more.csv"]),
        site.fifo_pnl(&[
            "review",
            "exclude",
            "--account",
            "main",
            "--asset",
            "C1",
            "--reason",
            "test",
        ]),
    ] {
        let done = done.expect(3);
        assert!(done.stderr.contains("read-only"), "{}", done.stderr);
    }
    assert_eq!(site.export("1"), export);
    site.validate(&["--version", "1", "--quiet"]).expect(0);
}

#[test]
fn a_server_that_stops_takes_nothing_away() {
    if server().is_none() {
        return;
    }
    let mut own = Server::start(&[], |_| {});
    let site = Site::computed(&own.url("postgres"), &csv(&rows(SMALL, 12)));
    let (export, ledger) = (site.export("1"), site.ledger());
    for mode in [Signal::QUIT, Signal::INT] {
        let held = site.hold("LOCK TABLE fifo_allocations IN SHARE UPDATE EXCLUSIVE MODE");
        let process = site.start_run();
        wait_until_blocked(&site);
        own.down(mode);
        let done = end_of(process).expect(4);
        drop(held);
        let first = done.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{mode:?}: {done:?}");
        assert!(done.last_line().contains("failed"), "{mode:?}: {done:?}");
        let gone = site.fifo_pnl(&["versions", "list"]).expect(4);
        assert!(gone.stderr.contains("can't connect"), "{}", gone.stderr);
        own.up();
        // A server that ends its sessions one by one may take the run's last word from another.
        let told = "failed attach a version: terminating connection due to administrator command \
                    (SQLSTATE 57P01)";
        let log = site.log();
        let line = log.last().unwrap();
        let is_told = mode == Signal::INT && line == told;
        assert!(line == "running open" || is_told, "{mode:?}: {line}");
        check_untouched(&site, &export, &ledger, &format!("{mode:?}"));
        check_next_run(&site, &export, &format!("{mode:?}"));
        // Back to where version 1 is the only one.
        let next = site.value("SELECT version FROM current_version");
        site.fifo_pnl(&["versions", "publish", "1"]).expect(0);
        site.fifo_pnl(&["versions", "drop", &next]).expect(0);
        site.fifo_pnl(&["versions", "release"]).expect(0);
    }
}

/// A small disk, unmounted in the end.
struct Disk(std::path::PathBuf);

impl Disk {
    /// Mounts one. `None`: this machine does not let us.
    fn mount(folder: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=0777", "tmpfs"]);
        let done = mount.arg(&folder).output();
        let mounted = done.is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_takes_nothing_away() {
    if server().is_none() {
        return;
    }
    let mut disk = None;
    let mut own = Server::start(&[], |folder| disk = Disk::mount(folder.join("small")));
    // Unmounted before the server's folder, which it is mounted in, is removed.
    let disk = disk;
    if disk.is_none() || !is_root() {
        skip("this machine does not let us mount a small disk");
        return;
    }
    let place = own.path("small");
    let site = Site::computed(&own.url("postgres"), &csv(&rows(LARGE, 13)));
    let (export, ledger) = (site.export("1"), site.ledger());
    ask(
        &own.url("postgres"),
        &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()),
    );
    let database = &site.database;
    site.sql(&format!(
        "ALTER DATABASE {database} SET default_tablespace = small"
    ));
    let done = site.compute(&["--all-symbols"]).expect(4);
    let first = done.stderr.lines().next().unwrap_or_default();
    assert!(first.starts_with("error: no space left to "), "{first}");
    assert!(done.stderr.contains("hint: make room"), "{}", done.stderr);
    check_untouched(&site, &export, &ledger, "full disk");
    site.sql(&format!(
        "ALTER DATABASE {database} RESET default_tablespace"
    ));
    check_next_run(&site, &export, "full disk");
    drop(site);
    own.down(Signal::INT);
}

/// More rows than an export reads ahead.
const MORE_THAN_AHEAD: Shape = Shape {
    trades: 24_000,
    ..LARGE
};

#[test]
fn an_export_whose_connection_ends_leaves_no_file() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(MORE_THAN_AHEAD, 21)));
    let tax = [
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--format",
        "lots",
        "-o",
        "lots.csv",
        "--allow-incomplete",
    ];
    for (pattern, while_blocked) in [
        // The rows, which are read ahead while the files and lines are not there yet.
        ("COPY (SELECT r.%", true),
        ("COPY (SELECT t.account%", true),
        ("%count(*) FROM fifo_allocations%", false),
    ] {
        let table = match while_blocked {
            true => "trade_records",
            false => "fifo_allocations",
        };
        let held = site.hold(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
        let export = site.start(&tax);
        strike(&site, pattern, "pg_terminate_backend");
        drop(held);
        let done = end_of(export).expect(4);
        assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
        let said = ["connection was lost", "terminating connection"];
        let said = said.iter().any(|said| done.stderr.contains(said));
        assert!(said, "{pattern}: {}", done.stderr);
        assert_eq!(tax_files(&site), 0, "{pattern}");
    }
    end_of(site.start(&tax)).expect(0);
    assert_eq!(tax_files(&site), 3);
}

fn tax_files(site: &Site) -> usize {
    let entries = fs::read_dir(site.folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("lots")).count()
}
