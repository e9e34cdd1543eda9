//! A ledger with rates and coin fees beside the same ledger in plain dollars. A tenth of its trades
//! are priced in euros, and another tenth pays its fee in a coin. Both take turns, on both
//! databases.

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::process::measure as run_once;
use fifo_pnl_peers::targets::{MILLION, MIXED_ROWS};

use crate::bench::{Bench, Ledger};
use crate::postgres::Server;
use crate::sqlite;

/// Places of the trade in euros, and of the one with a fee in a coin, among ten.
const IN_EUROS: usize = 3;
const WITH_COIN_FEE: usize = 7;
const RUN: [&str; 2] = ["--all-symbols", "--quiet"];
/// Days with rates, from the day before the first trade.
const RATE_DAYS: u32 = 730;
const WORK: &str = "bench_mixed";

/// Measures the sizes of `--rows` up to a million.
pub fn measure(bench: &mut Bench) -> Outcome<()> {
    let server = Server::of_session()?;
    for rows in bench.options.rows.clone() {
        if rows > MILLION {
            continue;
        }
        let ledger = bench.ledger(rows, "zipf")?;
        let (mixed, rates) = (bench.file("mixed.csv"), bench.file("rates.csv"));
        mix(&ledger.file, &mixed)?;
        write_rates(&rates)?;
        let ledgers = [&ledger.file, &mixed];
        on_sqlite(bench, &ledger, (ledgers, &rates))?;
        on_postgres(bench, &server, &ledger, (ledgers, &rates))?;
        fs::remove_file(mixed)?;
        ledger.remove()?;
    }
    Ok(())
}

type Files<'f> = ([&'f PathBuf; 2], &'f Path);

fn on_sqlite(bench: &mut Bench, ledger: &Ledger, (ledgers, rates): Files<'_>) -> Outcome<()> {
    let bases = ["plain.db", "mixed.db"].map(|name| bench.file(name));
    for (base, trades) in bases.iter().zip(ledgers) {
        sqlite::remove(base)?;
        for arguments in [["rates"].as_slice(), &[]].into_iter().zip([rates, trades]) {
            let mut import = sqlite::program(bench, "fifo-pnl", base);
            import.arg("import").args(arguments.0).arg(arguments.1);
            run_once(import.arg("--quiet"))?;
        }
    }
    let work = bench.file("work.db");
    for pair in 1..=bench.options.pairs {
        for (base, row) in bases.iter().zip(MIXED_ROWS) {
            sqlite::copy(base, &work)?;
            let mut compute = sqlite::program(bench, "compute_allocations", &work);
            let subject = ledger.subject(row, "sqlite", "tool");
            bench.sample(subject, pair, compute.args(RUN))?;
            sqlite::remove(&work)?;
        }
    }
    bases.iter().try_for_each(|file| sqlite::remove(file))
}

fn on_postgres(
    bench: &mut Bench,
    server: &Server,
    ledger: &Ledger,
    (ledgers, rates): Files<'_>,
) -> Outcome<()> {
    let bases = ["bench_mixed_0", "bench_mixed_1"];
    for (base, trades) in bases.into_iter().zip(ledgers) {
        server.drop(base)?;
        server.create(base, "template1")?;
        let program = |name| server.program(bench, name, base);
        run_once(program("fifo-pnl").args(["migrate", "up", "--yes", "--quiet"]))?;
        let mut import = program("fifo-pnl");
        run_once(import.args(["import", "rates", "--quiet"]).arg(rates))?;
        run_once(program("fifo-pnl").args(["import", "--quiet"]).arg(trades))?;
        run_once(&mut server.psql(base, &["-c", "VACUUM ANALYZE trade_records"]))?;
    }
    for pair in 1..=bench.options.pairs {
        for (base, row) in bases.into_iter().zip(MIXED_ROWS) {
            server.drop(WORK)?;
            server.copy(base, WORK)?;
            let mut compute = server.program(bench, "compute_allocations", WORK);
            let subject = ledger.subject(row, "postgres", "tool");
            bench.sample(subject, pair, compute.args(RUN))?;
        }
    }
    bases
        .into_iter()
        .chain([WORK])
        .try_for_each(|name| server.drop(name))
}

/// Writes the trades of a plain ledger again, some in euros and some with fees in BNB, and a lot of
/// BNB before them that pays the fees.
fn mix(plain: &Path, mixed: &Path) -> Outcome<()> {
    let mut lines = BufReader::new(fs::File::open(plain)?).lines();
    let headline = lines.next().ok_or("an empty ledger")??;
    let names: Vec<&str> = headline.split(',').collect();
    let place = |name: &str| {
        let found = names.iter().position(|column| *column == name);
        found.ok_or_else(|| format!("a ledger without {name}"))
    };
    let (symbol, fee) = (place("symbol")?, place("total_fees_usd")?);
    let mut out = BufWriter::new(fs::File::create(mixed)?);
    writeln!(out, "{headline},fee_amount,fee_currency")?;
    let of_lot = |name: &&str| match *name {
        "account" => "main",
        "order_id" => "bnb",
        "symbol" => "BNB-USD",
        "side" => "buy",
        "size" => "1000000",
        "price" => "300",
        "order_time" => "2024-01-01T00:00:00Z",
        "total_fees_usd" => "0",
        "status" => "filled",
        _ => "",
    };
    let lot: Vec<&str> = names.iter().map(of_lot).collect();
    writeln!(out, "{},,", lot.join(","))?;
    for (nth, line) in lines.enumerate() {
        let line = line?;
        let mut cells: Vec<&str> = line.split(',').collect();
        let in_euros = cells[symbol].replace("-USD", "-EUR");
        // Real fees differ, and equal facts in a row would share their memory.
        let in_coin = format!("0.00{:06},BNB", nth * 7_919 % 999_983 + 1);
        let mut of_fee = ",";
        match nth % 10 {
            IN_EUROS => cells[symbol] = &in_euros,
            WITH_COIN_FEE => (cells[fee], of_fee) = ("", &in_coin),
            _ => {}
        }
        writeln!(out, "{},{of_fee}", cells.join(","))?;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}

/// Writes a rate of EUR and of BNB for each day, from 31 December 2023 on.
fn write_rates(file: &Path) -> Outcome<()> {
    let mut out = BufWriter::new(fs::File::create(file)?);
    writeln!(out, "asset,time,currency,rate")?;
    let first = NaiveDate::from_ymd_opt(2023, 12, 31).ok_or("no such day")?;
    for nth in 0..RATE_DAYS {
        let day = first + Days::new(nth.into());
        writeln!(out, "EUR,{day},USD,1.0{:03}", nth * 37 % 997)?;
        writeln!(
            out,
            "BNB,{day},USD,{}.{:02}1",
            300 + nth * 53 % 400,
            nth * 7 % 89
        )?;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}
