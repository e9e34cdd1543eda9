//! Refuses unknown accounts, assets and symbols before a run writes anything, and lists the known
//! ones.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{PipelineError, PipelineResult};
use crate::engine::{Account, Asset, Pool, PoolLedger, StatedNames, Symbol};
use crate::store::TradeStore;
use crate::store::model::Scope;
use crate::store::values;

/// Lists the pools of the ledger, also those that have movements alone. `None`: this ledger can be
/// counted only by reading all of it.
///
/// Errors: the store fails.
pub async fn known_pools(store: &dyn TradeStore) -> PipelineResult<Option<Vec<Pool>>> {
    let Some(sizes) = store.pool_sizes(&Scope::default()).await? else {
        return Ok(None);
    };
    let mut pools = values::moved_pools(store, &sizes.watermark).await?.all;
    pools.extend(sizes.rows.into_keys());
    Ok(Some(pools.into_iter().collect()))
}

/// Checks that the ledger has the account and the assets of a scope: another one is a typing
/// error, not an empty result.
///
/// Errors: it lacks one; the store fails.
pub async fn check_scope(store: &dyn TradeStore, scope: &Scope) -> PipelineResult<()> {
    if scope.is_all() {
        return Ok(());
    }
    let known = match known_pools(store).await? {
        Some(known) => known,
        None => {
            let read = values::read(store, &Scope::default(), None).await?;
            read.pools.into_keys().collect()
        }
    };
    if let Some(account) = &scope.account
        && !known.iter().any(|pool| pool.account == *account)
    {
        let accounts = known.iter().map(|pool| pool.account.as_str());
        return Err(unknown("account", account.as_str(), accounts));
    }
    let in_account = |pool: &&Pool| scope.account.as_ref().is_none_or(|it| *it == pool.account);
    let known: Vec<&Pool> = known.iter().filter(in_account).collect();
    for asset in &scope.assets {
        if !known.iter().any(|pool| pool.asset == *asset) {
            let assets = known.iter().map(|pool| pool.asset.as_str());
            return Err(unknown("asset", asset.as_str(), assets));
        }
    }
    Ok(())
}

/// Returns the assets whose pools have the base legs of a symbol's trades.
///
/// Errors: the ledger has no trade of the symbol; the store fails.
pub async fn assets_of_symbol(
    store: &dyn TradeStore,
    account: Option<&Account>,
    symbol: &Symbol,
) -> PipelineResult<BTreeSet<Asset>> {
    let known = symbols_of_pools(store).await?;
    let is_it = |text: &String| text.parse().is_ok_and(|it: Symbol| it == *symbol);
    let pools: BTreeSet<&Pool> = known
        .iter()
        .filter(|(pool, _)| account.is_none_or(|account| pool.account == *account))
        .filter(|(_, symbols)| symbols.iter().any(is_it))
        .map(|(pool, _)| pool)
        .collect();
    if pools.is_empty() {
        let symbols: BTreeSet<&String> = known.values().flatten().collect();
        let symbols = symbols.into_iter().map(String::as_str);
        return Err(unknown("symbol", symbol.as_str(), symbols));
    }
    let rules = store.rules();
    let base_of = |pool: &Pool| {
        let account = pool.account.as_str();
        rules.pool_of_row(account, symbol.as_str(), &StatedNames::default())
    };
    // A base in a column may differ from that of the symbol: then any pool of its legs is meant.
    let is_meant = |pool: &&&Pool| {
        let base = base_of(pool);
        base == ***pool || !pools.contains(&base)
    };
    let meant = pools.iter().filter(is_meant);
    Ok(meant.map(|pool| pool.asset.clone()).collect())
}

/// Returns the symbols of the trades that have a leg in a pool.
async fn symbols_of_pools(
    store: &dyn TradeStore,
) -> PipelineResult<BTreeMap<Pool, BTreeSet<String>>> {
    if let Some(sizes) = store.pool_sizes(&Scope::default()).await? {
        return Ok(sizes.symbols);
    }
    let read = values::read(store, &Scope::default(), None).await?;
    let texts = |symbols: Vec<Symbol>| symbols.iter().map(Symbol::to_string).collect();
    let of = |(pool, ledger): (Pool, PoolLedger)| (pool, texts(ledger.symbols));
    Ok(read.pools.into_iter().map(of).collect())
}

/// Returns the error of a name that is not among the known ones.
pub fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> PipelineError {
    let known: BTreeSet<&str> = known.collect();
    PipelineError::UnknownName {
        what,
        name: name.to_owned(),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}
