//! The kernel alone: the bench of the main package, the crate `coinbasis`, and instructions.

use std::process::Command;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::process::{Used, text, texts};
use fifo_pnl_peers::samples::Subject;
use fifo_pnl_peers::targets::MILLION;

use crate::bench::Bench;

const RUNS: &str = "7";
/// `coinbasis` takes minutes with deep inventories.
const COINBASIS_RUNS: &str = "3";
const INSTRUCTIONS_TRADES: u64 = 100_000;

/// Measures at the largest size up to a million. Both programs print a minimum, a median and a
/// maximum; those become the runs 1 to 3, so that their median is the median.
pub fn measure(bench: &mut Bench) -> Outcome<()> {
    let sizes = bench
        .options
        .rows
        .iter()
        .copied()
        .filter(|rows| *rows <= MILLION);
    let trades = sizes.max().unwrap_or(MILLION);
    let text_of = trades.to_string();
    let mut bench_command = Command::new("cargo");
    bench_command.args([
        "bench", "--locked", "--bench", "kernel", "--", &text_of, RUNS,
    ]);
    for line in text(&mut bench_command)?.lines() {
        if let Some((shape, what, numbers)) = kernel_line(line) {
            keep(
                bench,
                Subject::new(what, "none", trades, shape, "tool"),
                numbers,
            )?;
        }
    }
    let mut peer = bench.program("coinbasis");
    peer.args([&text_of, COINBASIS_RUNS]);
    for line in text(&mut peer)?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [
            shape,
            trades,
            who @ ("coinbasis" | "fifo-pnl" | "kernel"),
            min,
            median,
            max,
        ] = cells[..]
        else {
            continue;
        };
        let numbers = [min.parse()?, median.parse()?, max.parse()?];
        let what = match who {
            "coinbasis" => "peer",
            "kernel" => "kernel",
            _ => "tool",
        };
        let trades = trades.parse()?;
        keep(
            bench,
            Subject::new("coinbasis", "none", trades, shape, what),
            numbers,
        )?;
    }
    Ok(())
}

/// Reads a line of the bench: shape, what was measured, minimum, median, maximum.
fn kernel_line(line: &str) -> Option<(&str, &str, [f64; 3])> {
    let (shape, rest) = line.split_once(' ')?;
    let mut numbers = [0.0; 3];
    let mut left = rest.trim_end();
    for number in numbers.iter_mut().rev() {
        let (before, last) = left.rsplit_once(' ')?;
        *number = last.parse().ok()?;
        left = before.trim_end();
    }
    Some((shape, left.trim(), numbers))
}

/// Keeps nanoseconds a trade as the seconds of all trades.
fn keep(bench: &mut Bench, subject: Subject, numbers: [f64; 3]) -> Outcome<()> {
    for (run, nanoseconds) in (1..).zip(numbers) {
        let wall_s = nanoseconds * subject.rows as f64 / 1e9;
        let used = Used {
            wall_s,
            cpu_s: wall_s,
            peak_kb: 0,
        };
        bench.keep(subject.clone(), run, used)?;
    }
    Ok(())
}

/// Prints how many instructions a trade takes, which no other program on the machine changes.
///
/// Counts what two runs of the bench take more than one: sorting, checking, matching, summing up,
/// and both walks; the mean of all shapes. Errors: no valgrind.
pub fn count_instructions() -> Outcome<()> {
    let has_valgrind = text(Command::new("valgrind").arg("--version"));
    let version = has_valgrind.map_err(|_| "no valgrind found: install valgrind")?;
    let mut build = Command::new("cargo");
    build.args(["bench", "--locked", "--bench", "kernel", "--no-run"]);
    let (_, said) = texts(&mut build)?;
    let program = said
        .rsplit_once("benches/kernel.rs (")
        .and_then(|(_, path)| path.split_once(')'));
    let (program, _) = program.ok_or("cargo did not say where the bench is")?;
    let counted = |runs: &str| -> Outcome<u64> {
        let mut command = Command::new("valgrind");
        command.args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            program,
        ]);
        command.args([&INSTRUCTIONS_TRADES.to_string(), runs]);
        let (_, said) = texts(&mut command)?;
        let total = said
            .rsplit_once("Collected :")
            .map(|(_, number)| number.trim());
        let total = total.and_then(|number| number.split_whitespace().next()?.parse().ok());
        total.ok_or_else(|| "callgrind printed no count".into())
    };
    let shapes = 4;
    let more = counted("2")? - counted("1")?;
    let each = more as f64 / (INSTRUCTIONS_TRADES * shapes) as f64;
    println!(
        "{version}, {INSTRUCTIONS_TRADES} trades of each shape: {each:.1} instructions a trade"
    );
    Ok(())
}
