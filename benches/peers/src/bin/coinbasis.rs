//! The kernel beside the crate `coinbasis`: the same trades, one thread, one process, by turns.
//!
//! usage: coinbasis [TRADES [RUNS [DEEP_TRADES]]]    default 1000000 3 20000
//!
//! `coinbasis` refuses a sell larger than the inventory, so sells are cut to it, for both. It sums
//! and sorts all open lots at each sell. On the shape `deep` its time grows with the square of the
//! trades, so that shape has `DEEP_TRADES` only.
//!
//! The clock covers for `coinbasis` the check of the transactions and its list of realized gains.
//! For the kernel it covers all columns of all rows, of trades that are in order. For all of ours
//! it adds the sorting, checking, matching and summing before that. The input of each is made
//! before. If the sums of the matched sizes differ, the exit code is 1.
//!
//! Prints a headline, then columns between tabs: shape, trades, who, minimum, median and maximum
//! in nanoseconds a trade; and the ratios of the medians.

// A bench is what measures.
#![allow(clippy::disallowed_methods)]

#[path = "../../../shapes.rs"]
mod shapes;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use chrono::{DateTime, Utc};
use coinbasis::{CostBasisMethod, Portfolio, Transaction};
use fifo_pnl::engine::{Fact, Matching, Pool, Side, TradeRef, Trades, match_trades};
use rust_decimal::Decimal;
use shapes::Shape;

fn main() -> ExitCode {
    let numbers = std::env::args().filter_map(|text| text.parse::<usize>().ok());
    let numbers: Vec<usize> = numbers.collect();
    let trades = numbers.first().copied().unwrap_or(1_000_000);
    let runs = numbers.get(1).copied().unwrap_or(3).max(1);
    let deep = numbers.get(2).copied().unwrap_or(20_000).min(trades);
    println!("shape\ttrades\twho\tmin\tmedian\tmax");
    let mut agree = true;
    for shape in Shape::ALL {
        let trades = if shape == Shape::Deep { deep } else { trades };
        agree &= measure(shape, trades, runs);
    }
    if agree {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Measures one shape, and tells whether both agree.
fn measure(shape: Shape, trades: usize, runs: usize) -> bool {
    let pools: Vec<(Pool, Trades)> = shape.make(trades).into_iter().map(clip).collect();
    let transactions: Vec<Vec<Transaction>> = pools.iter().map(transactions_of).collect();
    let count: usize = pools.iter().map(|(_, trades)| trades.len()).sum();
    let (mut theirs, mut ours, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
    let (mut their_size, mut our_size) = (Decimal::ZERO, Decimal::ZERO);
    for _ in 0..runs {
        let started = Instant::now();
        let gains: Vec<_> = transactions.iter().map(|pool| realize(pool)).collect();
        theirs.push(started.elapsed().as_nanos() as f64 / count as f64);
        their_size = gains.iter().flatten().map(|gain| gain.quantity).sum();
        let fresh = pools.clone();
        let started = Instant::now();
        let matched: Vec<Matching> = fresh
            .into_iter()
            .map(|(pool, trades)| match_trades(pool, trades).expect("valid trades"))
            .collect();
        let walked = Instant::now();
        for matching in &matched {
            let shown = matching.each_row(|row| {
                black_box(row);
            });
            shown.expect("every row");
        }
        kernel.push(walked.elapsed().as_nanos() as f64 / count as f64);
        ours.push(started.elapsed().as_nanos() as f64 / count as f64);
        our_size = matched.iter().map(matched_size).sum();
    }
    let their_median = show(shape, count, "coinbasis", &mut theirs);
    for (who, ours) in [("fifo-pnl", &mut ours), ("kernel", &mut kernel)] {
        let our_median = show(shape, count, who, ours);
        let (name, ratio) = (shape.name(), their_median / our_median);
        println!("{name}\t{count}\tratio of {who}\t\t{ratio:.1}\t");
    }
    if their_size != our_size {
        let shape = shape.name();
        println!("{shape}: coinbasis matched {their_size}, fifo-pnl matched {our_size}");
    }
    their_size == our_size
}

fn realize(transactions: &[Transaction]) -> Vec<coinbasis::RealizedGain> {
    let portfolio = Portfolio::from_transactions(transactions).expect("valid transactions");
    portfolio
        .realized_gains(CostBasisMethod::Fifo)
        .expect("sells are cut to what is held")
}

fn matched_size(matching: &Matching) -> Decimal {
    matching
        .totals
        .matched_size
        .to_string()
        .parse()
        .expect("a size of 28 digits at most")
}

/// Cuts each sell to what is held, and leaves out those with nothing left.
fn clip((pool, trades): (Pool, Trades)) -> (Pool, Trades) {
    // Matched once, for the order in which trades count.
    let ordered = match_trades(pool.clone(), trades)
        .expect("valid trades")
        .trades;
    let mut clipped = Trades::new();
    let mut held = 0_i128;
    for trade in ordered.iter() {
        let units = eighth(trade.size);
        let used = match trade.side {
            Side::Buy => units,
            Side::Sell => units.min(held),
        };
        held += if trade.side == Side::Buy { used } else { -used };
        if used > 0 {
            let size = Fact::try_new(used, 8).expect("less than it was");
            clipped.push(&TradeRef { size, ..trade }).expect("room");
        }
    }
    (pool, clipped)
}

/// Returns a size in units of 10^-8: the shapes have no more decimals.
fn eighth(size: Fact) -> i128 {
    size.units() * 10_i128.pow(8 - u32::from(size.scale()))
}

fn transactions_of((pool, trades): &(Pool, Trades)) -> Vec<Transaction> {
    let one = |trade: TradeRef<'_>| {
        let timestamp: DateTime<Utc> =
            DateTime::from_timestamp_micros(trade.order_time.as_micros()).expect("a time");
        let (wallet, asset) = (pool.account.to_string(), pool.asset.to_string());
        let (quantity, unit_price) = (decimal(trade.size), decimal(trade.price));
        let fee = trade.fee.map_or(Decimal::ZERO, decimal);
        match trade.side {
            Side::Buy => Transaction::Buy {
                timestamp,
                wallet,
                asset,
                quantity,
                unit_price,
                fee,
            },
            Side::Sell => Transaction::Sell {
                timestamp,
                wallet,
                asset,
                quantity,
                unit_price,
                fee,
            },
        }
    };
    trades.iter().map(one).collect()
}

fn decimal(fact: Fact) -> Decimal {
    Decimal::from_i128_with_scale(fact.units(), fact.scale().into())
}

/// Prints one line and returns the median.
fn show(shape: Shape, trades: usize, who: &str, times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    let (min, median) = (times[0], times[times.len() / 2]);
    let max = times[times.len() - 1];
    println!(
        "{}\t{trades}\t{who}\t{min:.1}\t{median:.1}\t{max:.1}",
        shape.name()
    );
    median
}
