//! Refuses unknown accounts and symbols before a run writes anything, and lists the known ones.

use std::collections::BTreeSet;

use super::error::{PipelineError, PipelineResult};
use crate::engine::Pool;
use crate::store::TradeStore;
use crate::store::model::Scope;
use crate::store::values;

/// Lists the pools of the ledger. `None`: this ledger can be counted only by reading all of it.
///
/// Errors: the store fails.
pub async fn known_pools(store: &dyn TradeStore) -> PipelineResult<Option<Vec<Pool>>> {
    let sizes = store.pool_sizes(&Scope::default()).await?;
    Ok(sizes.map(|sizes| sizes.rows.into_keys().collect()))
}

/// Checks that the ledger has the account and the symbols of a scope: another one is a typing
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
            return Err(unknown("symbol", asset.as_str(), assets));
        }
    }
    Ok(())
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
