//! Draws a file of results: fills the figures of `docs/BENCHMARKS.md` and writes its pictures.
//!
//! usage: `plot RESULTS.csv [DOCS]`, DOCS being the folder `docs`
//!
//! The page has two markers, `<!-- figures -->` and `<!-- end of figures -->`; what stands between
//! them is replaced. Pictures go to `DOCS/benchmarks`.

mod svg;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::machine::Machine;
use fifo_pnl_peers::samples::{self, Sample, Spread, Subject};
use fifo_pnl_peers::targets::{bars, curves, judge, short};

const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- end of figures -->";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(results) = arguments.next() else {
        eprintln!("usage: plot RESULTS.csv [DOCS]");
        return ExitCode::from(2);
    };
    let docs = arguments.next().unwrap_or_else(|| "docs".into());
    match draw(&results, &docs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(results: &Path, docs: &Path) -> Outcome<()> {
    let (machine, samples) = samples::read(results)?;
    let pictures = docs.join("benchmarks");
    fs::create_dir_all(&pictures)?;
    let (bars, curves) = (bars(&samples), curves(&samples));
    let mut figures = format!("{}\n\n{}", machine_line(&machine), verdict_table(&samples));
    if !bars.is_empty() {
        fs::write(pictures.join("ratios.svg"), svg::ratios(&bars))?;
        figures += "\n![Ratios to the floors](benchmarks/ratios.svg)\n";
    }
    if curves.iter().any(|(_, points)| points.len() > 1) {
        fs::write(pictures.join("growth.svg"), svg::growth(&curves))?;
        figures += "\n![Processor time by size](benchmarks/growth.svg)\n";
    }
    figures = format!("{figures}\n{}", sample_table(&samples));
    let path = docs.join("BENCHMARKS.md");
    let page = fs::read_to_string(&path)?;
    let (before, rest) = page
        .split_once(BEGIN)
        .ok_or("the page has no marker of figures")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the page has no marker of their end")?;
    fs::write(path, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))?;
    Ok(())
}

fn machine_line(machine: &Machine) -> String {
    let Machine {
        date,
        cpu,
        cores,
        memory_mb,
        kernel,
        rustc,
        postgres,
        sqlite,
        commit,
    } = machine;
    format!(
        "{date}, commit {commit}. {cpu}, {cores} processors, {memory_mb} MB; {kernel}; {rustc}; \
         PostgreSQL {postgres}; SQLite {sqlite}."
    )
}

fn verdict_table(samples: &[Sample]) -> String {
    let mut table = String::from("| target | limit | median [min-max] | |\n|---|---|---|---|\n");
    for verdict in judge(samples) {
        let target = verdict.target.replace("\\copy", "`\\copy`");
        let (limit, found) = (verdict.limit, verdict.found);
        let _ = writeln!(
            table,
            "| {target} | {limit} | {found} | {} |",
            verdict.state
        );
    }
    table
}

fn sample_table(samples: &[Sample]) -> String {
    let mut subjects: BTreeMap<&Subject, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        subjects.entry(&sample.subject).or_default().push(sample);
    }
    let mut table = String::from(
        "| measured | of | trades | shape | runs | s, median [min-max] | CPU s | peak MB |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (subject, samples) in subjects {
        let spread = |number: fn(&Sample) -> f64| {
            Spread::of(samples.iter().map(|one| number(one)).collect())
        };
        let wall = spread(|one| one.used.wall_s).map_or(String::new(), |all| all.show(3));
        let cpu = spread(|one| one.used.cpu_s).map_or(0.0, |all| all.median);
        let peak = spread(|one| one.used.peak_kb as f64 * 1.024e-3).map_or(0.0, |all| all.max);
        let peak = if peak > 0.0 {
            format!("{peak:.0}")
        } else {
            String::new()
        };
        let Subject {
            row,
            database,
            rows,
            shape,
            what,
        } = subject;
        let (rows, runs) = (short(*rows), samples.len());
        let place = if database == "none" { "" } else { ", " };
        let database = if database == "none" { "" } else { database };
        let _ = writeln!(
            table,
            "| {row}{place}{database} | {what} | {rows} | {shape} | {runs} | {wall} | {cpu:.3} | \
             {peak} |"
        );
    }
    table
}
