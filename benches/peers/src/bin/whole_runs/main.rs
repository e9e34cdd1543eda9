//! Measures whole runs of the programs beside their floors, and judges them by the targets.
//!
//! `scripts/bench` builds what is needed, starts a server and calls this; see `docs/BENCHMARKS.md`.
//! The programs stand in this program's own folder. A tool and its floor take turns, so that what
//! else the machine does meets both.
//!
//! exit codes: 0 no target missed, 1 one was, 2 wrong usage, 4 a step failed

// A bench is what measures.
#![allow(clippy::disallowed_methods)]

mod bench;
mod kernel;
mod mixed;
mod options;
mod pools;
mod postgres;
mod report;
mod sqlite;

use std::process::ExitCode;

use bench::Bench;
use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::targets::{State, judge};
use options::{Options, Part};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match measure(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(4)
        }
    }
}

/// Measures what was asked for, prints it, and tells whether no target was missed.
fn measure(options: Options) -> Outcome<bool> {
    if options.instructions {
        return kernel::count_instructions().map(|()| true);
    }
    let mut bench = Bench::begin(options)?;
    let measured = parts(&mut bench);
    bench.end()?;
    measured?;
    report::print_table(&bench.samples);
    let verdicts = judge(&bench.samples);
    report::print_verdicts(&verdicts);
    Ok(verdicts.iter().all(|one| one.state != State::Fail))
}

fn parts(bench: &mut Bench) -> Outcome<()> {
    if bench.wants(Part::Postgres) || bench.wants(Part::Growth) {
        postgres::measure(bench)?;
    }
    if bench.wants(Part::Sqlite) {
        sqlite::measure(bench)?;
    }
    if bench.wants(Part::Pools) {
        pools::measure(bench)?;
    }
    if bench.wants(Part::Mixed) {
        mixed::measure(bench)?;
    }
    if bench.wants(Part::Kernel) {
        kernel::measure(bench)?;
    }
    Ok(())
}
