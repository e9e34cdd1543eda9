//! Exact first-in-first-out profit and loss from a ledger of trades.
//!
//! A sale earns its proceeds less the cost of its purchases. This crate matches every sell of a
//! pool (one asset of one account) to the oldest open buys, and computes the gain of each match.
//! Amounts are exact and include fees; the same trades in any order give the same digits. A sell
//! without a buy stays visibly unmatched; the crate guesses nothing.
//!
//! # Ten trades
//!
//! ```
//! use fifo_pnl::engine::{Pool, Trade, TradeText, match_pool};
//!
//! // order id, side, size, price in USD a unit, fee in USD; one second after the other
//! let facts = [
//!     ("b1", "buy", "0.5", "30000", "7.50"),
//!     ("b2", "buy", "0.3", "31000", "4.65"),
//!     ("s1", "sell", "0.7", "32000", "11.20"), // all of b1, 0.2 of b2
//!     ("b3", "buy", "0.25", "29500", "3.6875"),
//!     ("b4", "buy", "0.05", "29400", "-0.15"), // a rebate
//!     ("s2", "sell", "0.1", "30500", "1.525"), // the last 0.1 of b2
//!     ("s3", "sell", "0.2", "31000", "3.10"),  // 0.2 of b3
//!     ("b5", "buy", "0.4", "33000", "6.60"),
//!     ("s4", "sell", "0.6", "34000", "10.20"), // 0.05 of b3, b4, b5, and 0.1 without a lot
//!     ("b6", "buy", "0.1", "35000", "1.75"),   // too late for s4: it stays open
//! ];
//! let mut trades = Vec::new();
//! for (second, (order_id, side, size, price, fee)) in (1..).zip(facts) {
//!     trades.push(Trade::try_from_text(&TradeText {
//!         order_id,
//!         side,
//!         size,
//!         price,
//!         fee: Some(fee),
//!         order_time_micros: Some(second * 1_000_000),
//!         trade_seq: None,
//!         more: None,
//!     })?);
//! }
//!
//! let pool = Pool::new("default".parse()?, "BTC-USD".parse()?);
//! let matching = match_pool(pool, trades)?;
//!
//! for row in matching.rows()? {
//!     let lot = row.buy_order_id.unwrap_or("no lot");
//!     match row.pnl_usd {
//!         Some(pnl) => println!("{} {} of {lot}: {pnl}", row.sell_order_id, row.allocated_size),
//!         None => println!("{} {}: {lot}", row.sell_order_id, row.allocated_size),
//!     }
//! }
//! let totals = &matching.totals;
//! assert_eq!(totals.allocations, 7);
//! assert_eq!(totals.pnl.to_string(), "2258.3875");
//! assert_eq!(totals.unmatched_size.to_string(), "0.1");
//! assert_eq!(totals.unmatched_proceeds.to_string(), "3400");
//! assert_eq!(totals.open_cost.to_string(), "3501.75");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to read next
//!
//! | to | see |
//! |---|---|
//! | match a pool you have in memory | [`engine::match_pool`] |
//! | follow a market, trade by trade | [`engine::Matcher`] |
//! | check a stored result by other code | [`engine::check_pool`], [`engine::reference`] |
//! | read a CSV of trades | `import::parse_csv` |
//! | keep ledger and versions in SQLite, or in memory | `store::Store`, `store::sqlite::SqliteStore`, `store::memory::MemoryStore` |
//! | run the whole job from a program | `pipeline::compute`, `pipeline::validate`, `pipeline::explain` |
//! | know every rule and limit | `docs/SPEC-matching.md` |
//! | find your way in the code | `ARCHITECTURE.md` |
//!
//! # Features
//!
//! | feature | gives | needs |
//! |---|---|---|
//! | none | [`engine`]: matching in memory; no database, no async, no files | six small crates |
//! | `job` | `import`, `rates`, `files`, `store`, `pipeline`, `report`, `tax`: the batch job as a library | sqlx, rusqlite, rayon, tokio |
//! | `cli` (default) | `cli`: the programs `fifo-pnl`, `compute_allocations`, `validate_allocations` | clap |
//!
//! Library code never prints, exits or reads a clock; time, progress and cancellation come in
//! through `pipeline::Context`. Times are UTC microseconds, decimals are exact, and no operation
//! rounds unless its name or its documentation says so.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod engine;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "job")]
pub mod files;
#[cfg(feature = "job")]
pub mod import;
#[cfg(feature = "job")]
pub mod pipeline;
#[cfg(feature = "job")]
pub mod rates;
#[cfg(feature = "job")]
pub mod report;
#[cfg(feature = "job")]
pub mod store;
#[cfg(feature = "job")]
pub mod tax;

/// Runs the examples of the README with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
