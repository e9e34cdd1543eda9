//! Writes a ledger of made-up trades as CSV, the same bytes for the same flags on every machine.
//!
//! ```text
//! cargo run --example generate_ledger -- --trades 5000 --seed 42 --shape demo > trades.csv
//! ```
//!
//! Real ledgers are private. A random one without structure hides what matters here: deep
//! inventories, executions of one microsecond, orders in many fills, prices with seven zeros, sells
//! whose buys were lost. The shapes differ in what they stress:
//!
//! | shape | makes | for |
//! |---|---|---|
//! | `demo` | three accounts and 24 symbols by name, 2024-01 to 2025-10 | a first look |
//! | `zipf` | pool k gets a share of 1/k, 52 % buys | a ledger as it usually is |
//! | `uniform` | pools of one size | many small pools |
//! | `accounts` | the same, each an account's, all of one symbol | many accounts |
//! | `one-big` | half of all rows in one pool | the limits of working in parallel |
//! | `deep` | 65 % buys, so that lots pile up | the cost of a large inventory |
//!
//! All arithmetic is in integers, so that no rounding of a machine shows in the file. Rows are
//! written as they are made, in the order of their times; memory does not grow with `--trades`.
//! The prices of `demo` follow the market loosely; they are no quotations.

#[path = "generate_ledger/demo.rs"]
mod demo;
#[path = "generate_ledger/ledger.rs"]
mod ledger;
#[path = "generate_ledger/load.rs"]
mod load;
#[path = "generate_ledger/random.rs"]
mod random;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use demo::MARKETS;
use ledger::Ledger;
use random::Random;

const USAGE: &str = "usage: generate_ledger [--trades N] [--seed S] [--symbols N] \
                     [--shape demo|zipf|uniform|accounts|one-big|deep]";
const OUT_BUFFER_BYTES: usize = 1 << 20;
const SYMBOLS_MAX: usize = 1_000_000;
const SYMBOLS_DEFAULT: usize = 200;

fn main() -> ExitCode {
    let options = match parse_options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let out = BufWriter::with_capacity(OUT_BUFFER_BYTES, io::stdout().lock());
    match write_ledger(&options, out) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough, as in `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write the ledger: {error}");
            ExitCode::from(4)
        }
    }
}

/// The shape of a ledger; the table at the head says what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Demo,
    Zipf,
    Uniform,
    Accounts,
    OneBig,
    Deep,
}

/// The flags, checked.
#[derive(Clone, Copy, Debug)]
struct Options {
    trades: u64,
    seed: u64,
    symbols: usize,
    shape: Shape,
}

/// Reads the flags.
///
/// Errors: an unknown flag, a missing value, a value that is not a number or out of range.
fn parse_options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut trades, mut seed, mut symbols, mut shape) = (5_000, 42, None, Shape::Zipf);
    while let Some(flag) = args.next() {
        if !["--trades", "--seed", "--symbols", "--shape"].contains(&flag.as_str()) {
            return Err(format!("unknown flag \"{flag}\""));
        }
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{flag} is \"{value}\", not a number"))
        };
        match flag.as_str() {
            "--trades" => trades = number()?,
            "--seed" => seed = number()?,
            "--symbols" => symbols = Some(number()?),
            _ => shape = parse_shape(&value)?,
        }
    }
    let (symbols_max, symbols_default) = match shape {
        Shape::Demo => (MARKETS.len(), MARKETS.len()),
        _ => (SYMBOLS_MAX, SYMBOLS_DEFAULT),
    };
    let symbols = match symbols.map(usize::try_from) {
        None => symbols_default,
        Some(Ok(count)) if (1..=symbols_max).contains(&count) => count,
        Some(_) => {
            return Err(format!(
                "--symbols must be 1 to {symbols_max} for this shape"
            ));
        }
    };
    Ok(Options {
        trades,
        seed,
        symbols,
        shape,
    })
}

fn parse_shape(value: &str) -> Result<Shape, String> {
    match value {
        "demo" => Ok(Shape::Demo),
        "zipf" => Ok(Shape::Zipf),
        "uniform" => Ok(Shape::Uniform),
        "accounts" => Ok(Shape::Accounts),
        "one-big" => Ok(Shape::OneBig),
        "deep" => Ok(Shape::Deep),
        _ => Err(format!("unknown shape \"{value}\"")),
    }
}

/// Writes the whole ledger, header first.
///
/// Errors: those of `out`.
fn write_ledger<W: Write>(options: &Options, out: W) -> io::Result<()> {
    let mut ledger = Ledger::try_new(options.trades, out)?;
    let mut random = Random(options.seed);
    match options.shape {
        Shape::Demo => demo::write_demo(options, &mut random, &mut ledger)?,
        _ => load::write_load(options, &mut random, &mut ledger)?,
    }
    ledger.flush()
}
