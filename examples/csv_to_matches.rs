//! Reads a CSV of trades, matches every pool, and writes the canonical CSV of allocations.
//!
//! ```text
//! cargo run --example csv_to_matches -- trades.csv > allocations.csv
//! ```
//!
//! Without a path it takes a case of `fixtures/cases`, and checks that the allocations are those
//! worked out there by hand.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, io};

use fifo_pnl::engine::{
    Account, AssetRules, LedgerTrade, Pool, PoolLedger, PoolResult, Timestamp, TradeRef,
    compute_pool,
};
use fifo_pnl::import::{ImportOptions, parse_csv};
use fifo_pnl::report::CanonicalCsv;

fn main() -> Result<(), Box<dyn Error>> {
    let (path, expected) = match env::args_os().nth(1) {
        Some(path) => (PathBuf::from(path), None),
        None => {
            let case = worked_case();
            let expected = fs::read_to_string(case.join("1-allocations.csv"))?;
            (case.join("1-trades.csv"), Some(expected))
        }
    };
    let mut csv = Vec::new();
    write_matches(&path, &mut csv)?;
    io::stdout().write_all(&csv)?;
    if let Some(expected) = expected {
        assert_eq!(String::from_utf8(csv)?, expected);
    }
    Ok(())
}

fn worked_case() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cases/a-sell-larger-than-the-first-lot-goes-on-into-the-next")
}

/// Matches the trades of a file, pool by pool.
///
/// Errors: a row that is not a valid trade, a trade that needs a rate, or a pool that can't be
/// matched. It skips no row in silence.
fn write_matches(path: &Path, output: impl Write) -> Result<(), Box<dyn Error>> {
    let options = ImportOptions {
        account_default: Account::default(),
        timezone: None,
        now: now()?,
        assets: Default::default(),
        columns: Default::default(),
        file_name: String::new(),
        format: None,
        own_formats: Default::default(),
        decimals: Default::default(),
        contract_sizes: Default::default(),
    };
    let file = parse_csv(&fs::read(path)?, &options, &mut |_| ())?;
    if let Some(row) = file.rejected.first() {
        return Err(format!("{}:{row}", path.display()).into());
    }
    let rules = AssetRules::default();
    let mut pools = BTreeMap::new();
    for row in file.trades {
        let pool = dollar_pool(&rules, &row)?;
        let ledger = pools.entry(pool.clone());
        let ledger = ledger.or_insert_with(|| PoolLedger::new(pool));
        let symbol = Some(row.symbol.as_str());
        ledger.push(&TradeRef {
            symbol: symbol.filter(|symbol| *symbol != ledger.pool.asset.as_str()),
            ..TradeRef::try_of(&row.trade)?
        })?;
    }
    write_pools(pools, output)
}

/// Returns the pool of a trade for dollars.
///
/// Errors: nothing says what its symbol is, or the trade has another price or fee than in dollars.
fn dollar_pool(rules: &AssetRules, row: &LedgerTrade) -> Result<Pool, Box<dyn Error>> {
    let instrument = rules.instrument(&row.account, &row.symbol, None, None, None)?;
    if !instrument.is_usd || row.trade.more.is_some() {
        let id = &row.trade.order_id;
        return Err(format!("trade {id} of {} needs rates, or a database", row.symbol).into());
    }
    Ok(Pool::new(row.account.clone(), instrument.base))
}

fn write_pools(
    pools: BTreeMap<Pool, PoolLedger>,
    output: impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut csv = CanonicalCsv::try_new(output)?;
    for (pool, ledger) in pools {
        match compute_pool(ledger, None).result {
            PoolResult::Matched(matching) => {
                for row in matching.rows()? {
                    csv.write(&row)?;
                }
            }
            PoolResult::Rejected(rejection) => {
                return Err(format!("{pool}: {}", rejection.reason).into());
            }
            PoolResult::Excluded(reason) => eprintln!("{pool} is left out: {reason}"),
        }
    }
    csv.finish()?;
    Ok(())
}

/// Returns the time of this machine, after which no trade can have been executed.
#[expect(
    clippy::disallowed_methods,
    reason = "a program may read the clock; the library never does"
)]
fn now() -> Result<Timestamp, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::try_from_micros(i64::try_from(
        since.as_micros(),
    )?)?)
}
