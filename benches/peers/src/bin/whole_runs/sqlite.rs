//! SQLite: runs for the first and for the tenth version of a file beside the raw handle; imports;
//! validations. Each run works on a file of its own, a copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::process::{Used, measure as run_once, text};
use fifo_pnl_peers::targets::MILLION;

use crate::bench::{Bench, Ledger};

const VERSIONS_BEFORE: u32 = 9;
const RUN: [&str; 2] = ["--all-symbols", "--quiet"];

/// Measures the sizes of `--rows` up to a million: a file of ten versions is large.
pub fn measure(bench: &mut Bench) -> Outcome<()> {
    for rows in bench.options.rows.clone() {
        if rows > MILLION {
            eprintln!("SQLite is measured up to 1M trades, not with {rows}");
            continue;
        }
        let ledger = bench.ledger(rows, "zipf")?;
        let base = bench.file("ledger.db");
        imports(bench, &ledger, &base)?;
        runs(bench, &ledger, &base, "full run, version 1")?;
        for _ in 0..VERSIONS_BEFORE {
            run_once(program(bench, "compute_allocations", &base).args(RUN))?;
        }
        runs(bench, &ledger, &base, "full run, version 10")?;
        remove(&base)?;
        ledger.remove()?;
    }
    Ok(())
}

/// Imports into files of their own; the last one stays as `base`.
fn imports(bench: &mut Bench, ledger: &Ledger, base: &Path) -> Outcome<()> {
    for run in 1..=bench.options.pairs {
        remove(base)?;
        let mut import = program(bench, "fifo-pnl", base);
        import.arg("import").arg(&ledger.file).arg("--quiet");
        bench.sample(ledger.subject("import", "sqlite", "tool"), run, &mut import)?;
    }
    Ok(())
}

/// Measures a run on copies of `base`, each beside the floor in its manners.
fn runs(bench: &mut Bench, ledger: &Ledger, base: &Path, row: &str) -> Outcome<()> {
    let (work, target) = (bench.file("work.db"), bench.file("target.db"));
    let yardstick = bench.file("yardstick.db");
    remove(&yardstick)?;
    run_once(bench.program("sqlite_yardstick").arg(base).arg(&yardstick))?;
    let is_first = row.ends_with("version 1");
    for pair in 1..=bench.options.pairs {
        copy(base, &work)?;
        let mut compute = program(bench, "compute_allocations", &work);
        bench.sample(
            ledger.subject(row, "sqlite", "tool"),
            pair,
            compute.args(RUN),
        )?;
        if is_first {
            let mut validate = program(bench, "validate_allocations", &work);
            validate.args(["--version", "current", "--quiet"]);
            bench.sample(
                ledger.subject("validate", "sqlite", "tool"),
                pair,
                &mut validate,
            )?;
            let tax = program(bench, "fifo-pnl", &work);
            bench.tax_lots(ledger, "sqlite", pair, tax)?;
            new_trades(bench, ledger, &work, pair)?;
        }
        for (what, from, arguments) in [
            ("floor", base, ["--indexes", "kept", "--checks", "ignored"]),
            (
                "floor, indexes last",
                base,
                ["--indexes", "rebuilt", "--checks", "ignored"],
            ),
            (
                "yardstick",
                yardstick.as_path(),
                ["--indexes", "kept", "--checks", "met"],
            ),
            (
                "yardstick, indexes last",
                yardstick.as_path(),
                ["--indexes", "rebuilt", "--checks", "met"],
            ),
        ] {
            // Nobody builds the indexes of nine older versions again.
            if arguments[1] == "rebuilt" && !is_first {
                continue;
            }
            copy(from, &target)?;
            let mut floor = bench.program("sqlite_floor");
            floor.arg(&work).arg(&target).args(arguments);
            let used = floor_used(&text(&mut floor)?)?;
            bench.keep(ledger.subject(row, "sqlite", what), pair, used)?;
            remove(&target)?;
        }
        remove(&work)?;
    }
    remove(&yardstick)
}

/// Measures what a run over new trades alone takes, and one that finds none: in a copy, as the
/// floor writes the rows of the whole run.
fn new_trades(bench: &mut Bench, ledger: &Ledger, work: &Path, pair: u32) -> Outcome<()> {
    let extended = bench.file("extended.db");
    copy(work, &extended)?;
    let mut import = program(bench, "fifo-pnl", &extended);
    run_once(import.arg("import").arg(&ledger.new_trades).arg("--quiet"))?;
    for row in ["incremental", "nothing new"] {
        let mut compute = program(bench, "compute_allocations", &extended);
        compute.args(["--incremental", "--quiet"]);
        bench.sample(ledger.subject(row, "sqlite", "tool"), pair, &mut compute)?;
    }
    remove(&extended)
}

/// Reads the line of `sqlite_floor`, which times itself: what it makes ready doesn't count.
fn floor_used(line: &str) -> Outcome<Used> {
    let mut cells = line.split('\t').map(str::parse::<f64>);
    match (cells.next(), cells.next()) {
        (Some(Ok(wall_s)), Some(Ok(cpu_s))) => Ok(Used {
            wall_s,
            cpu_s,
            peak_kb: 0,
        }),
        _ => Err(format!("sqlite_floor printed \"{line}\"").into()),
    }
}

pub fn program(bench: &Bench, name: &str, file: &Path) -> Command {
    let mut program = bench.program(name);
    program.env("DATABASE_URL", format!("sqlite://{}", file.display()));
    program
}

/// Copies a file that no program has open, and leaves nothing to be written later.
pub fn copy(from: &Path, to: &Path) -> Outcome<()> {
    remove(to)?;
    fs::copy(from, to)?;
    Ok(fs::File::open(to)?.sync_all()?)
}

/// Removes a database and what stands beside it.
pub fn remove(file: &Path) -> Outcome<()> {
    for ending in ["", "-wal", "-shm", ".lock"] {
        let mut path = file.as_os_str().to_owned();
        path.push(ending);
        match fs::remove_file(PathBuf::from(path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
