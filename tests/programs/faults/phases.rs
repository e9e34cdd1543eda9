//! Kills exactly where it hurts: the process stops at a phase and is killed there, on both
//! databases.
//!
//! Only a build with debug assertions can be stopped so; for others there is one test, which looks
//! whether that is true: `cargo test --release --test programs is_in_no_release`.
#![cfg_attr(
    not(debug_assertions),
    allow(dead_code, reason = "nothing stops there")
)]

use std::io::{BufRead, BufReader};
use std::process::Child;

use crate::faults::place::{Place, State, file_of};
use crate::support::Done;
use crate::support::ledger::{Shape, csv, rows};

const SHAPE: Shape = Shape {
    trades: 400,
    accounts: 2,
    symbols: 5,
    seconds: 5_000,
};

const RUN: [&str; 3] = ["compute", "--all-symbols", "--quiet"];

/// The phases of a run on both databases.
const PHASES: [&str; 7] = [
    "read",
    "match",
    "load",
    "index",
    "publish",
    "closelog",
    "committed",
];

/// The phases that only PostgreSQL has.
const PHASES_OF_POSTGRES: [&str; 3] = ["half", "attach", "attached"];

/// The phases of a run that appends to a version.
const PHASES_OF_INCREMENTAL: [&str; 4] = ["load", "publish", "closelog", "committed"];

/// Starts a command that stops at a phase, and waits until it stands there.
fn start_until(place: &Place, args: &[&str], phase: &str) -> Child {
    let mut command = place.program(args);
    command.env("FIFO_PNL_STOP_AT", phase);
    let mut child = command.spawn().unwrap();
    let expected = format!("stopped at {phase}");
    // A process that ends without coming past the phase ends the lines, too.
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let stopped = lines.map_while(Result::ok).any(|line| line == expected);
    if !stopped {
        let done = Done::of(child.wait_with_output().unwrap());
        panic!("{args:?} never came to {phase}: exit code {}", done.code);
    }
    child
}

/// Kills a command at a phase.
pub fn kill_at(place: &Place, args: &[&str], phase: &str) -> Done {
    let mut child = start_until(place, args, phase);
    child.kill().unwrap();
    let done = Done::of(child.wait_with_output().unwrap()).expect(-1);
    place.wait_until_unlocked();
    done
}

/// The state before, which must stand afterwards.
struct Before {
    state: State,
    export: String,
    files: Vec<String>,
}

impl Before {
    fn of(place: &Place) -> Self {
        Self {
            state: place.state(),
            export: place.export("current"),
            files: place.files(),
        }
    }

    /// Checks what a killed run left; `done`: it had committed.
    fn check_kept(&self, place: &Place, done: bool, what: &str) {
        let (before, after) = (&self.state, place.state());
        assert_eq!(after.ledger, before.ledger, "{what}");
        place.check_current();
        let old = &after.versions[..before.versions.len()];
        assert_eq!(old, before.versions, "{what}");
        assert_eq!(place.export(&before.current), self.export, "{what}");
        let log = place.log();
        let last = log.last().unwrap();
        if done {
            assert_eq!(after.versions.len(), before.versions.len() + 1, "{what}");
            assert_ne!(after.current, before.current, "{what}");
            assert_eq!(last, "completed", "{what}");
        } else {
            assert_eq!(after.versions, before.versions, "{what}");
            assert_eq!(after.current, before.current, "{what}");
            assert_eq!(last, "running open", "{what}");
        }
        assert_eq!(place.export("current"), self.export, "{what}");
    }

    /// Checks that the next run completes, closes what the killed one left open, and tidies up.
    fn check_next_run(&self, place: &Place, done: bool, what: &str) {
        let mut log = place.log();
        place.run(&RUN).expect(0);
        if !done {
            *log.last_mut().unwrap() = "failed process ended".into();
        }
        log.push("completed".into());
        assert_eq!(place.log(), log, "{what}");
        let after = place.state();
        assert_eq!(after.ledger, self.state.ledger, "{what}");
        let kept = &after.versions[..self.state.versions.len()];
        assert_eq!(kept, self.state.versions, "{what}");
        place.check_current();
        assert_eq!(place.export("current"), self.export, "{what}");
        assert_eq!(place.loose_tables(), "0", "{what}");
        assert_eq!(place.parts_of_no_version(), "0", "{what}");
        assert_eq!(place.files(), self.files, "{what}");
    }
}

/// Lists the phases that a run on a place comes past.
pub fn phases(place: &Place, scope: &str) -> Vec<&'static str> {
    if scope == "--incremental" {
        return PHASES_OF_INCREMENTAL.into();
    }
    let of_postgres = match place {
        Place::Sqlite(_) => &[][..],
        Place::Postgres(..) => &PHASES_OF_POSTGRES,
    };
    PHASES.iter().chain(of_postgres).copied().collect()
}

#[test]
fn what_tests_ask_for_is_in_no_release() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_fifo-pnl")).unwrap();
    for name in [
        "FIFO_PNL_STOP_AT",
        "FIFO_PNL_COUNT_STEPS",
        "FIFO_PNL_DISK_ROOM",
        "FIFO_PNL_COLUMNS",
    ] {
        let mut windows = program.windows(name.len());
        let found = windows.any(|window| window == name.as_bytes());
        assert_eq!(found, cfg!(debug_assertions), "{name}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_run_killed_at_any_phase_takes_nothing_away() {
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 41)));
        for phase in phases(&place, RUN[1]) {
            let what = format!("{} at {phase}", place.name());
            let before = Before::of(&place);
            kill_at(&place, &RUN, phase);
            let done = phase == "committed";
            // What a killed run leaves on a server, for the next one to remove: two tables, or one
            // partition of allocations, for each half.
            let left = match (&place, phase) {
                (Place::Postgres(..), "attach") => ["4", "0"],
                (Place::Postgres(..), "attached" | "publish" | "closelog") => ["0", "2"],
                _ => ["0", "0"],
            };
            let found = [place.loose_tables(), place.parts_of_no_version()];
            assert_eq!(found, left, "{what}");
            before.check_kept(&place, done, &what);
            before.check_next_run(&place, done, &what);
            println!("killed: {what}");
        }
    }
}

/// Sorted, as a version that was extended has its rows in the order they came.
fn sorted(export: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = export.lines().collect();
    lines.sort_unstable();
    lines
}

#[cfg(debug_assertions)]
#[test]
fn an_incremental_run_killed_at_any_phase_takes_nothing_away() {
    let run = ["compute", "--incremental", "--quiet"];
    let one_hour = Shape {
        trades: 60,
        seconds: 3_600,
        ..SHAPE
    };
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 46)));
        for (day, phase) in (2..).zip(PHASES_OF_INCREMENTAL) {
            let what = format!("{} at {phase}", place.name());
            let later = file_of(one_hour, day, &format!("d{day}-"));
            let later = later.replace("2025-01-01T", &format!("2025-01-{day:02}T"));
            place.folder().write("later.csv", later);
            place.run(&["import", "--quiet", "later.csv"]).expect(0);
            let before = Before::of(&place);
            kill_at(&place, &run, phase);
            let after = place.state();
            assert_eq!(after.ledger, before.state.ledger, "{what}");
            place.check_current();
            let done = phase == "committed";
            assert_eq!(place.export("1") != before.export, done, "{what}");
            assert_eq!(after.versions != before.state.versions, done, "{what}");
            let last = ["running open", "completed"][usize::from(done)];
            assert_eq!(place.log().last().unwrap(), last, "{what}");
            place.run(&run).expect(0);
            let log = place.log();
            let open = log.iter().filter(|row| row.ends_with("open"));
            assert_eq!(open.count(), 0, "{what}: {log:?}");
            assert_eq!(log.last().unwrap(), "completed", "{what}");
            assert_eq!(place.state().current, "1", "{what}");
            assert_ne!(place.export("1"), before.export, "{what}");
            place.check_current();
        }
        place.run(&RUN).expect(0);
        let (extended, whole) = (place.export("1"), place.export("2"));
        assert_eq!(sorted(&extended), sorted(&whole), "{}", place.name());
    }
}

/// A ledger that has changed since version 1, so that a replacement has other rows.
fn changed(place: &Place) {
    place.compute_first(&csv(&rows(SHAPE, 42)));
    let more = file_of(SHAPE, 43, "more-");
    place.folder().write("more.csv", more);
    place.run(&["import", "--quiet", "more.csv"]).expect(0);
}

#[cfg(debug_assertions)]
#[test]
fn a_version_whose_replacement_is_killed_is_as_it_was() {
    let replace = [
        "compute",
        "--all-symbols",
        "--quiet",
        "--version",
        "1",
        "--force",
    ];
    for place in Place::both() {
        changed(&place);
        let before = Before::of(&place);
        // A replaced version is written in one transaction, on PostgreSQL, too.
        for phase in ["load", "index", "publish", "closelog"] {
            let what = format!("{} at {phase}", place.name());
            kill_at(&place, &replace, phase);
            before.check_kept(&place, false, &what);
        }
        place.run(&replace).expect(0);
        assert_ne!(place.export("1"), before.export);
        let log = place.log();
        let failed = log.iter().filter(|row| *row == "failed process ended");
        assert_eq!(failed.count(), 4, "{log:?}");
        assert!(!log.iter().any(|row| row.ends_with("open")), "{log:?}");
        place.check_current();
    }
}

#[cfg(debug_assertions)]
#[test]
fn an_import_killed_before_its_commit_is_not_there() {
    for place in Place::both() {
        changed(&place);
        let before = Before::of(&place);
        let last = file_of(SHAPE, 44, "last-");
        place.folder().write("last.csv", last);
        let import = ["import", "--quiet", "last.csv"];
        let imports = "SELECT count(*) FROM imports";
        for phase in ["batch", "append", "batch"] {
            kill_at(&place, &import, phase);
            assert_eq!(place.state(), before.state, "{}", place.name());
            assert_eq!(place.value(imports), "2");
            place.check_current();
        }
        place.run(&import).expect(0);
        assert_eq!(place.value(imports), "3");
        let ledger = place.state().ledger;
        assert_eq!(ledger.len(), before.state.ledger.len() + SHAPE.trades);
        place.run(&RUN).expect(0);
        place.check_current();
    }
}

/// A bot on PostgreSQL waits for no run, not even for one that stands still. (SQLite has one
/// writer at a time; there bots do not write to the file.)
fn insert_without_waiting(place: &Place, id: &str) {
    if let Place::Postgres(site, _) = place {
        site.sql(&format!(
            "SET statement_timeout = '1s'; INSERT INTO trade_records (account, order_id, symbol, \
             side, size, price, order_time) \
             VALUES ('live', '{id}', 'C1-USD', 'buy', 1, 2, '2025-06-01 00:00:00Z')"
        ));
    }
}

#[cfg(debug_assertions)]
#[test]
fn while_a_run_stands_at_a_phase_the_current_version_is_read_as_ever() {
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 45)));
        let before = Before::of(&place);
        for phase in phases(&place, RUN[1]) {
            let what = format!("{} at {phase}", place.name());
            let mut child = start_until(&place, &RUN, phase);
            assert_eq!(place.export("current"), before.export, "{what}");
            place.check_current();
            // Nobody else may run meanwhile.
            let refused = place.run(&RUN).expect(3);
            insert_without_waiting(&place, phase);
            let mark = format!("(pid {} on ", child.id());
            assert!(refused.stderr.contains(&mark), "{what}: {refused:?}");
            child.kill().unwrap();
            child.wait().unwrap();
            place.wait_until_unlocked();
        }
        place.run(&RUN).expect(0);
        place.check_current();
    }
}
