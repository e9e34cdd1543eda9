//! How long the kernel takes a trade: one thread, facts of 8 decimals.
//!
//! usage: cargo bench --bench kernel [-- TRADES [RUNS]]    default 1000000 7
//!
//! Prints nanoseconds a trade, minimum, median and maximum of the runs, and the hash of the result.
//! `tests/pure/kernel_bench.rs` checks the same shapes small, against the second matcher.

// A bench is what measures.
#![allow(clippy::disallowed_methods)]

#[path = "shapes.rs"]
mod shapes;

use std::hint::black_box;
use std::time::Instant;

use fifo_pnl::engine::{Matching, RowsHash, match_trades};
use shapes::Shape;

fn main() {
    let numbers = std::env::args().filter_map(|text| text.parse::<usize>().ok());
    let numbers: Vec<usize> = numbers.collect();
    let trades = numbers.first().copied().unwrap_or(1_000_000);
    let runs = numbers.get(1).copied().unwrap_or(7).max(1);
    println!("{trades} trades, {runs} runs; nanoseconds a trade: min median max");
    for shape in Shape::ALL {
        measure(shape, trades, runs);
    }
}

fn measure(shape: Shape, trades: usize, runs: usize) {
    let pools = shape.make(trades);
    let count: usize = pools.iter().map(|(_, trades)| trades.len()).sum();
    let (mut whole, mut rows) = (Vec::new(), Vec::new());
    let mut hash = RowsHash::EMPTY;
    for run in 0..runs {
        let fresh = pools.clone();
        let started = Instant::now();
        let matched: Vec<Matching> = fresh
            .into_iter()
            .map(|(pool, trades)| match_trades(pool, trades).expect("valid trades"))
            .collect();
        whole.push(started.elapsed().as_nanos() as usize / count);
        let started = Instant::now();
        matched.iter().for_each(|matching| {
            let shown = matching.each_row(|row| {
                black_box(row);
            });
            shown.unwrap();
        });
        rows.push(started.elapsed().as_nanos() as usize / count);
        if run == 0 {
            matched
                .iter()
                .for_each(|matching| hash.add(matching.allocations_hash().unwrap()));
        }
    }
    for (what, mut times) in [
        ("one walk over the rows", rows),
        ("sort, check, match, sum up", whole),
    ] {
        times.sort_unstable();
        let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        println!("{:8} {what:32} {min:5} {median:5} {max:5}", shape.name());
    }
    println!("{:8} hash {hash}", shape.name());
}
