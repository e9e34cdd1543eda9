//! Many pools of few trades: one account with many symbols, and many accounts with one symbol. All
//! that a night does, on both databases, at sizes that double.

use std::process::Command;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::process::measure as run_once;
use fifo_pnl_peers::targets::POOL_SHAPES;

use crate::bench::{Bench, Ledger};
use crate::postgres::Server;
use crate::sqlite;

/// Pools of a ledger; the last size is what is promised.
const POOLS: [u64; 3] = [25_000, 50_000, 100_000];
/// Enough that nearly every pool has some.
const TRADES_A_POOL: u64 = 4;
const DATABASE: &str = "bench_pools";

/// Measures each size and shape once for each of `--pairs`.
pub fn measure(bench: &mut Bench) -> Outcome<()> {
    let server = Server::of_session()?;
    for shape in POOL_SHAPES {
        for pools in POOLS {
            let ledger = bench.ledger_of(pools * TRADES_A_POOL, shape, &pools.to_string())?;
            for run in 1..=bench.options.pairs {
                let file = bench.file("pools.db");
                sqlite::remove(&file)?;
                let program = |bench: &Bench, name: &str| sqlite::program(bench, name, &file);
                night(bench, (&ledger, "sqlite", run), &program)?;
                sqlite::remove(&file)?;
                server.drop(DATABASE)?;
                server.create(DATABASE, "template1")?;
                let migrate = ["migrate", "up", "--yes", "--quiet"];
                run_once(server.program(bench, "fifo-pnl", DATABASE).args(migrate))?;
                let program = |bench: &Bench, name: &str| server.program(bench, name, DATABASE);
                night(bench, (&ledger, "postgres", run), &program)?;
                server.drop(DATABASE)?;
            }
            ledger.remove()?;
        }
    }
    Ok(())
}

/// Measures an import, a run, what reads its result, and a run over new trades.
fn night(
    bench: &mut Bench,
    (ledger, database, run): (&Ledger, &str, u32),
    program: &dyn Fn(&Bench, &str) -> Command,
) -> Outcome<()> {
    let mut command = program(bench, "fifo-pnl");
    command.arg("import").arg(&ledger.file).arg("--quiet");
    bench.sample(
        ledger.subject("import", database, "tool"),
        run,
        &mut command,
    )?;
    for (row, name, words) in [
        ("full run", "compute_allocations", "--all-symbols --quiet"),
        (
            "validate",
            "validate_allocations",
            "--version current --quiet",
        ),
    ] {
        let mut command = program(bench, name);
        command.args(words.split(' '));
        bench.sample(ledger.subject(row, database, "tool"), run, &mut command)?;
    }
    let tax = program(bench, "fifo-pnl");
    bench.tax_lots(ledger, database, run, tax)?;
    let mut import = program(bench, "fifo-pnl");
    run_once(import.arg("import").arg(&ledger.new_trades).arg("--quiet"))?;
    let mut command = program(bench, "compute_allocations");
    command.args(["--incremental", "--quiet"]);
    bench.sample(
        ledger.subject("incremental", database, "tool"),
        run,
        &mut command,
    )
}
