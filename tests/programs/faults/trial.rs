//! One fault after the other, and what must hold after each.

use std::fmt;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::faults::phases;
use crate::faults::place::{Place, State, file_of};
use crate::support::Done;
use crate::support::ledger::{Random, Shape};
use crate::support::signals::{self, Signal};

/// The ledger at the beginning.
const BASE: Shape = Shape {
    trades: 1_500,
    accounts: 2,
    symbols: 10,
    seconds: 500_000,
};

/// A file that comes in later.
const MORE: Shape = Shape { trades: 40, ..BASE };

/// Trades that arrive before each fault: later than all before, until the days begin again.
const LATER: Shape = Shape {
    trades: 6,
    seconds: 40_000,
    ..BASE
};

/// Scopes of a run.
const SCOPES: [&str; 2] = ["--all-symbols", "--incremental"];

/// Versions that are left by a prune.
const KEEP: &str = "4";

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A run is killed.
    KillRun,
    /// A run is killed exactly at a phase.
    KillAtPhase,
    /// A run is asked to stop.
    Interrupt,
    /// An import is killed.
    KillImport,
    /// A prune is killed.
    KillPrune,
    /// Two runs begin at once; one waits, or is refused.
    TwoRuns,
    /// A file is imported while a run is at work.
    ImportMeanwhile,
    /// The server ends at once, as if the power had gone, and comes back.
    ServerDies,
    /// The server is restarted.
    ServerRestarts,
}

impl Fault {
    /// Each kind once.
    pub const ALL: [Self; 9] = [
        Self::KillRun,
        Self::KillAtPhase,
        Self::Interrupt,
        Self::KillImport,
        Self::KillPrune,
        Self::TwoRuns,
        Self::ImportMeanwhile,
        Self::ServerDies,
        Self::ServerRestarts,
    ];
}

/// Counts of faults and their outcomes.
#[derive(Debug, Default)]
pub struct Tally {
    runs: u64,
    kills: u64,
    faults: u64,
    recoveries: u64,
    /// Failures of what should have held.
    pub losses: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} kills, {} faults, {} recoveries, {} losses",
            self.runs,
            self.kills,
            self.faults,
            self.recoveries,
            self.losses.len()
        )
    }
}

/// Faults on one database.
pub struct Trial {
    place: Place,
    random: Random,
    /// How long a run takes here, without a fault.
    duration: Duration,
    files: u64,
    days: u64,
    tally: Tally,
}

impl Trial {
    /// Makes a ledger and its first version.
    pub fn begin(place: Place, random: Random) -> Self {
        let mut trial = Self {
            place,
            random,
            duration: Duration::ZERO,
            files: 0,
            days: 0,
            tally: Tally::default(),
        };
        let base = trial.next_file(BASE);
        trial.place.run(&["import", "--quiet", &base]).expect(0);
        trial.recover("the beginning");
        let started = Instant::now();
        let run = ["compute", "--all-symbols", "--quiet"];
        trial.place.run(&run).expect(0);
        trial.duration = started.elapsed();
        trial
    }

    pub fn end(self) -> Tally {
        self.tally
    }

    pub fn step_at_random(&mut self) {
        let number = self.random.below(Fault::ALL.len() as u64);
        self.step(Fault::ALL[number as usize]);
    }

    /// Makes a fault and checks what it left; then the next run has to complete.
    pub fn step(&mut self, fault: Fault) {
        if self.place.server().is_none()
            && matches!(fault, Fault::ServerDies | Fault::ServerRestarts)
        {
            return;
        }
        if fault == Fault::KillAtPhase && !cfg!(debug_assertions) {
            return;
        }
        self.tally.faults += 1;
        self.arrive();
        let before = self.place.state();
        let losses = self.tally.losses.len();
        let (done, file) = self.make(fault);
        let what = format!("fault {} ({fault:?}): {done:?}", self.tally.faults);
        let after = self.place.state();
        self.check_kept(&before, &after, fault, file, &what);
        self.check_log(&after, &done, &what);
        self.check_current(&after, &what);
        self.recover(&what);
        if self.tally.losses.len() == losses {
            self.tally.recoveries += 1;
        }
    }

    fn hold(&mut self, holds: bool, what: &str, rule: &str) {
        if !holds {
            let loss = format!("{rule}, after {what}");
            println!("LOSS {loss}");
            self.tally.losses.push(loss);
        }
    }

    /// Writes a file of trades that nobody has seen, and returns its name.
    fn next_file(&mut self, shape: Shape) -> String {
        self.files += 1;
        let (number, seed) = (self.files, self.random.next());
        let name = format!("trades-{number}.csv");
        let text = file_of(shape, seed, &format!("f{number}-"));
        self.place.folder().write(&name, text);
        name
    }

    /// Some trades arrive; most of the time nothing of them lies in the past.
    fn arrive(&mut self) {
        self.days += 1;
        let (number, seed) = (self.days, self.random.next());
        let day = format!("2025-{:02}-{:02}T", 2 + number / 28 % 10, 1 + number % 28);
        let text = file_of(LATER, seed, &format!("d{number}-"));
        let name = format!("day-{number}.csv");
        let folder = self.place.folder();
        folder.write(&name, text.replace("2025-01-01T", &day));
        self.place.run(&["import", "--quiet", &name]).expect(0);
    }

    fn scope(&mut self) -> &'static str {
        SCOPES[self.random.below(2) as usize]
    }

    /// Returns a moment of a run's life.
    fn moment(&mut self) -> Duration {
        self.duration * self.random.below(100) as u32 / 100
    }

    fn start(&mut self, args: &[&str]) -> Child {
        self.tally.runs += u64::from(args[0] == "compute");
        self.place.program(args).spawn().unwrap()
    }

    /// Makes a fault; returns how the programs ended, and how many trades a file had.
    fn make(&mut self, fault: Fault) -> (Vec<Done>, Option<usize>) {
        let compute = ["compute", self.scope(), "--quiet"];
        let moment = self.moment();
        match fault {
            Fault::KillRun => (
                vec![self.signal_after(&compute, Signal::KILL, moment)],
                None,
            ),
            Fault::KillAtPhase => {
                let phases = phases::phases(&self.place, compute[1]);
                let phase = phases[self.random.below(phases.len() as u64) as usize];
                self.tally.runs += 1;
                self.tally.kills += 1;
                (vec![phases::kill_at(&self.place, &compute, phase)], None)
            }
            Fault::Interrupt => {
                let name = [Signal::INT, Signal::TERM][self.random.below(2) as usize];
                (vec![self.signal_after(&compute, name, moment)], None)
            }
            Fault::KillPrune => {
                let prune = ["versions", "prune", "--quiet", "--keep", "1"];
                (
                    vec![self.signal_after(&prune, Signal::KILL, moment / 4)],
                    None,
                )
            }
            Fault::KillImport => {
                let file = self.next_file(MORE);
                let import = ["import", "--quiet", &file];
                let done = self.signal_after(&import, Signal::KILL, moment / 4);
                (vec![done], Some(MORE.trades))
            }
            Fault::TwoRuns => {
                let first = self.start(&compute);
                sleep(moment / 4);
                let mut second = compute.to_vec();
                if self.random.below(2) == 0 {
                    second.push("--wait");
                }
                let second = self.start(&second);
                (vec![end_of(first), end_of(second)], None)
            }
            Fault::ImportMeanwhile => {
                let file = self.next_file(MORE);
                let run = self.start(&compute);
                sleep(moment);
                let import = self.start(&["import", "--quiet", &file]);
                (vec![end_of(run), end_of(import)], Some(MORE.trades))
            }
            Fault::ServerDies => (vec![self.stop_server(&compute, Signal::QUIT, moment)], None),
            Fault::ServerRestarts => (vec![self.stop_server(&compute, Signal::INT, moment)], None),
        }
    }

    fn signal_after(&mut self, args: &[&str], signal: Signal, moment: Duration) -> Done {
        let child = self.start(args);
        sleep(moment);
        signals::send(child.id(), signal);
        let done = end_of(child);
        // One that ended before it could be killed was not.
        self.tally.kills += u64::from(done.code == -1);
        done
    }

    fn stop_server(&mut self, args: &[&str], signal: Signal, moment: Duration) -> Done {
        let child = self.start(args);
        sleep(moment);
        if let Some(server) = self.place.server() {
            server.down(signal);
            server.up();
        }
        end_of(child)
    }

    /// The ledger has what it had, and a new file whole or not at all; so have the versions.
    fn check_kept(
        &mut self,
        before: &State,
        after: &State,
        fault: Fault,
        file: Option<usize>,
        what: &str,
    ) {
        let gone = lacks(&before.ledger, &after.ledger);
        self.hold(!gone, what, "a trade is gone or changed");
        let more = after.ledger.len() - before.ledger.len().min(after.ledger.len());
        let whole = more == 0 || Some(more) == file;
        self.hold(whole, what, &format!("{more} trades of a file are there"));
        // What is current may have been extended; that it is valid is looked at later.
        let current = format!("{} completed ", before.current);
        let extended = |rows: &[String]| {
            let rows = rows.iter().map(|row| match row.starts_with(&current) {
                true => current.clone(),
                false => row.clone(),
            });
            rows.collect::<Vec<String>>()
        };
        let (old, new) = (extended(&before.versions), extended(&after.versions));
        let versions = match fault {
            // What is dropped stays dropped, and nothing else changes.
            Fault::KillPrune => lacks_but_dropped(&old, &new),
            _ => lacks(&old, &new),
        };
        self.hold(!versions, what, "a version is gone or changed");
    }

    /// A run that ended well is `completed` in the log, and no other run is.
    fn check_log(&mut self, after: &State, done: &[Done], what: &str) {
        let running = after.log.iter().filter(|status| *status == "running");
        self.hold(
            running.count() <= 1,
            what,
            "more than one run says it is at work",
        );
        let readable = |row: &&String| row.contains(" completed ") || row.contains(" dropped ");
        let versions = after.versions.iter().filter(readable).count();
        let completed = after.log.iter().filter(|status| *status == "completed");
        // An incremental run makes a version only if it must.
        let runs = after.full_runs..=completed.count();
        self.hold(
            runs.contains(&versions),
            what,
            &format!("{versions} versions of completed runs {runs:?}"),
        );
        let codes: Vec<i32> = done.iter().map(|done| done.code).collect();
        let known = codes.iter().all(|code| [0, -1, 3, 4, 130].contains(code));
        self.hold(known, what, &format!("exit codes {codes:?}"));
    }

    fn check_current(&mut self, after: &State, what: &str) {
        let mark = format!("{} completed ", after.current);
        let stands = after.versions.iter().any(|row| row.starts_with(&mark));
        self.hold(stands, what, "what is current is not complete");
        let judged = self
            .place
            .run(&["validate", "--version", "current", "--quiet"]);
        self.hold(
            judged.code == 0,
            what,
            &format!(
                "the current version is not valid: {}{}",
                judged.stdout, judged.stderr
            ),
        );
    }

    /// The next run completes, tidies up, and its version is current and valid.
    fn recover(&mut self, what: &str) {
        let ledger = self.place.state().ledger;
        self.tally.runs += 1;
        // The server may still be noticing that a killed run is gone.
        let run = ["compute", self.scope(), "--json", "--wait", "30s"];
        let done = self.place.run(&run);
        self.hold(
            done.code == 0,
            what,
            &format!("the next run ended so: {done:?}"),
        );
        if done.code != 0 {
            return;
        }
        let prune = ["versions", "prune", "--quiet", "--keep", KEEP];
        let pruned = self.place.run(&prune);
        self.hold(
            pruned.code == 0,
            what,
            &format!("a prune ended so: {pruned:?}"),
        );
        let after = self.place.state();
        let version = done.json()["version"].to_string();
        self.hold(
            after.current == version,
            what,
            "the next run is not current",
        );
        self.hold(
            after.ledger == ledger,
            what,
            "the next run changed the ledger",
        );
        let running = after.log.iter().any(|status| status == "running");
        self.hold(!running, what, "a run still says it is at work");
        let loose = self.place.loose_tables();
        self.hold(loose == "0", what, &format!("{loose} loose tables"));
        self.check_current(&after, what);
    }
}

fn end_of(child: Child) -> Done {
    Done::of(child.wait_with_output().unwrap())
}

/// Tells whether a row of one list is not in the other.
fn lacks(before: &[String], after: &[String]) -> bool {
    let after: std::collections::BTreeSet<&String> = after.iter().collect();
    before.iter().any(|row| !after.contains(row))
}

/// Compares the same, without dropped versions.
fn lacks_but_dropped(before: &[String], after: &[String]) -> bool {
    let as_dropped = |row: &String| row.replacen(" completed ", " dropped ", 1);
    let after: std::collections::BTreeSet<&String> = after.iter().collect();
    before
        .iter()
        .any(|row| !after.contains(row) && !after.contains(&as_dropped(row)))
}
