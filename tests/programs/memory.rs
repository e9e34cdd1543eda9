//! Memory of a pool beside its trades: that of a run and of a validation grows by so many bytes a
//! pool, and no more.
//!
//! The system reports a process's largest resident set at its end. A build with debug assertions
//! can stop there. The difference of two ledgers leaves out the fixed part.
#![cfg(all(feature = "cli", debug_assertions, target_os = "linux"))]

use crate::support;
use crate::support::site;

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use site::Site;
use support::Folder;

/// Pools of the two ledgers.
const POOLS: (usize, usize) = (2_000, 12_000);

/// Memory that a run takes for a pool of one trade, the trade included. Units: bytes.
const RUN_POOL_BYTES_MAX: u64 = 1_700;

/// Memory that a validation takes for a pool of one trade, the trade included. Runs measured 2,800
/// to 3,060, as threads meet in another order each time; whole pools took 8,000. Units: bytes.
const VALIDATION_POOL_BYTES_MAX: u64 = 4_000;

/// A buy in each pool.
fn ledger(pools: usize) -> String {
    let mut csv =
        String::from("account,order_id,symbol,side,size,price,order_time,total_fees_usd\n");
    for nth in 0..pools {
        let account = format!("account-{nth:06}");
        let facts = "BTC-USD,buy,1.25,10.5,2024-01-01T00:00:00Z,0";
        writeln!(csv, "{account},b{nth},{facts}").unwrap();
    }
    csv
}

/// Runs a command and returns its largest resident set. Units: bytes.
fn peak(mut command: Command) -> u64 {
    command.env("FIFO_PNL_STOP_AT", "ended");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let said = BufReader::new(process.stderr.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    let is_stopped = lines.any(|line| line == "stopped at ended");
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(is_stopped, "it ended without a stop");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1_024
}

/// Returns the peaks of a run and of a validation over a ledger.
fn peaks(program: &dyn Fn(&[&str]) -> Command, folder: &Folder, pools: usize) -> [u64; 2] {
    folder.write("trades.csv", ledger(pools));
    let done = program(&["import", "--quiet", "trades.csv"]).status();
    assert!(done.unwrap().success());
    let run = peak(program(&["compute", "--all-symbols", "--quiet"]));
    [
        run,
        peak(program(&["validate", "--version", "current", "--quiet"])),
    ]
}

/// Runs over the larger ledger, at most. On a busy machine threads meet in another order, and more
/// of them hold something at once: the least peak is what the work needs.
const RUNS_MAX: usize = 3;

fn check(peaks: &dyn Fn(usize) -> [u64; 2]) {
    let (few, mut least) = (peaks(POOLS.0), [u64::MAX; 2]);
    let pools = (POOLS.1 - POOLS.0) as u64;
    let limits = [RUN_POOL_BYTES_MAX, VALIDATION_POOL_BYTES_MAX];
    for _ in 0..RUNS_MAX {
        let many = peaks(POOLS.1);
        for (least, many) in least.iter_mut().zip(many) {
            *least = many.min(*least);
        }
        let each: [u64; 2] = std::array::from_fn(|nth| least[nth].saturating_sub(few[nth]) / pools);
        println!("{few:?} then {many:?}: {each:?} bytes a pool");
        if each.iter().zip(limits).all(|(each, limit)| *each <= limit) {
            return;
        }
    }
    panic!("more bytes a pool than {limits:?}, in {RUNS_MAX} runs");
}

fn on_sqlite(pools: usize) -> [u64; 2] {
    let folder = Folder::new();
    let program = |args: &[&str]| folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), args);
    peaks(&program, &folder, pools)
}

fn on_postgres(server: &str, pools: usize) -> [u64; 2] {
    let site = Site::migrated(server);
    let program = |args: &[&str]| site.program(env!("CARGO_BIN_EXE_fifo-pnl"), args);
    peaks(&program, &site.folder, pools)
}

/// These two numbers are for planning a machine: no setting limits them.
#[test]
fn the_page_for_operations_names_what_a_pool_may_take() {
    let page = include_str!("../../docs/OPERATIONS.md");
    let kilobytes = |bytes: u64| format!("{} KB a pool", bytes as f64 / 1_000.0);
    let [run, validation] = [RUN_POOL_BYTES_MAX, VALIDATION_POOL_BYTES_MAX].map(kilobytes);
    let said = format!("a run at most {run}, a validation at most {validation}");
    assert!(page.contains(&said), "{said}");
}

#[test]
fn a_pool_takes_little_memory_on_sqlite() {
    check(&on_sqlite);
}

#[test]
fn a_pool_takes_little_memory_on_postgres() {
    let Some(server) = site::server() else { return };
    check(&|pools| on_postgres(&server, pools));
}
