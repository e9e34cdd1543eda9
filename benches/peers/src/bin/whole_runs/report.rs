//! The report that a session prints at its end.

use std::collections::BTreeMap;

use fifo_pnl_peers::samples::{Sample, Spread, Subject};
use fifo_pnl_peers::targets::{Verdict, short};

/// Prints a line for each subject: seconds of the wall and of the processor, and peak memory.
pub fn print_table(samples: &[Sample]) {
    let mut subjects: BTreeMap<&Subject, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        subjects.entry(&sample.subject).or_default().push(sample);
    }
    let head = [
        "what",
        "trades",
        "wall s: median [min-max]",
        "CPU s",
        "peak MB",
    ];
    let [what, trades, wall, cpu, peak] = head;
    println!("\n{what:62} {trades:>7} {wall:>26} {cpu:>9} {peak:>8}");
    for (subject, samples) in subjects {
        let Subject {
            row,
            database,
            rows,
            shape,
            what,
        } = subject;
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
        let place = if database == "none" { "" } else { ", " };
        let database = database.trim_start_matches("none");
        let name = format!("{row}{place}{database}, {shape}, {what}");
        println!(
            "{name:62} {:>7} {wall:>26} {cpu:>9.3} {peak:>8}",
            short(*rows)
        );
    }
}

/// Prints a line for each target.
pub fn print_verdicts(verdicts: &[Verdict]) {
    println!();
    for verdict in verdicts {
        let Verdict {
            target,
            limit,
            found,
            state,
        } = verdict;
        println!("{state:12} {target:76} {limit:>8}   {found}");
    }
}
