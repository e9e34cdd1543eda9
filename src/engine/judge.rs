//! Judges a pool: it is excluded, or can't be matched, or is matched.

use super::hash::RowsHash;
use super::ids::{Account, Asset, Pool};
use super::issue::IssueType;
use super::matching::match_on;
use super::outcome::Matching;
use super::pool::{PoolLedger, PoolOutcome, PoolResult, Rejection};
use super::resume::rejection_of;
use super::stream::PoolStream;
use super::text::shown;
use super::trade::Trade;
use super::trades::Trades;

/// Matches a pool, or returns why it can't be matched. Computes the hash of its rows.
pub fn compute_pool(ledger: PoolLedger, exclusion: Option<&str>) -> PoolOutcome {
    let mut outcome = judge_pool(ledger, exclusion);
    let hash = match &outcome.result {
        PoolResult::Matched(matching) => matching.allocations_hash(),
        _ => Ok(RowsHash::EMPTY),
    };
    match hash {
        Ok(hash) => outcome.allocations_hash = hash,
        Err(error) => outcome.result = PoolResult::Rejected(Rejection::of_check(&error)),
    }
    outcome
}

/// Matches a pool, or returns why it can't be matched. The caller computes the hash of the rows
/// when it walks over them.
pub fn judge_pool(mut ledger: PoolLedger, exclusion: Option<&str>) -> PoolOutcome {
    let (rows, facts_hash) = (ledger.rows(), ledger.facts_hash());
    let (pool, class) = (ledger.pool.clone(), ledger.class);
    let symbols = std::mem::take(&mut ledger.symbols);
    let result = if let Some(reason) = exclusion {
        PoolResult::Excluded(reason.to_owned())
    } else if let Err(reason) = check_names(&pool) {
        PoolResult::Rejected(Rejection {
            issue: IssueType::InvalidTrade,
            ..Rejection::of_check(&reason)
        })
    } else if let Some(rejection) = rejection_of(&mut ledger) {
        PoolResult::Rejected(rejection)
    } else {
        match match_ledger(ledger) {
            Ok(matching) => PoolResult::Matched(matching),
            Err(rejection) => PoolResult::Rejected(rejection),
        }
    };
    PoolOutcome {
        pool,
        symbols,
        class,
        trades: rows,
        ledger_hash: facts_hash,
        allocations_hash: RowsHash::EMPTY,
        result,
    }
}

/// Matches trades in place of those of a pool, with its splits and its transfers.
///
/// Order: the trades may come in any order; the result is in the pool's total order.
/// Errors: why the pool can't be matched. Source: docs/SPEC-matching.md, "Splits" and "Transfers".
pub fn match_in_place(of: &PoolLedger, trades: &[Trade]) -> Result<Matching, Rejection> {
    let mut ledger = of.without_trades();
    ledger.trades = Trades::try_of(trades).map_err(Rejection::of_row)?;
    ledger.splits.clone_from(&of.splits);
    ledger.moves.clone_from(&of.moves);
    match_ledger(ledger).map(|matching| *matching)
}

/// Matches the trades of a pool, and applies its splits. Errors: why it can't be matched.
fn match_ledger(ledger: PoolLedger) -> Result<Box<Matching>, Rejection> {
    if !ledger.splits.is_empty() || ledger.moves.is_some() {
        let pool = ledger.pool.clone();
        let (splits, moves) = (ledger.splits.clone(), ledger.moves.clone());
        let mut stream = PoolStream::default();
        let matching = stream.add(ledger)?;
        stream.end(&pool, (&splits, moves.as_deref()))?;
        return stream.into_whole(matching);
    }
    let PoolLedger {
        pool,
        trades,
        shorts,
        ..
    } = ledger;
    let matching = match_on(pool, (&[], None), trades, shorts).map_err(Rejection::of_row)?;
    match matching.self_check() {
        Ok(()) => Ok(Box::new(matching)),
        Err(error) => Err(Rejection::of_check(&error)),
    }
}

/// Checks the names of a pool that a ledger may hold although an import would refuse them.
fn check_names(pool: &Pool) -> Result<(), String> {
    let (account, asset) = (pool.account.as_str(), pool.asset.as_str());
    account
        .parse::<Account>()
        .map_err(|error| format!("account {} {error}", shown(account).quoted()))?;
    asset
        .parse::<Asset>()
        .map_err(|error| format!("asset {} {error}", shown(asset).quoted()))?;
    Ok(())
}
