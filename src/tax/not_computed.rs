//! Counts the trades that a version to file does not know yet.

use super::export::year_bounds;
use super::{TaxResult, TaxRules};
use crate::store::model::{Scope, VersionInfo};
use crate::store::values;
use crate::store::{StoreError, TradeStore};

/// Counts the trades up to the end of the year that arrived after the version's run, and the
/// trades that were voided or put back since. Each can change a figure of the year.
///
/// Errors: no such year; no such account; the store fails.
pub async fn not_computed(
    store: &dyn TradeStore,
    rules: &TaxRules,
    version: &VersionInfo,
) -> TaxResult<u64> {
    let scope = Scope {
        account: rules.account.as_deref().and_then(|name| name.parse().ok()),
        ..Scope::default()
    };
    let until = year_bounds(rules)?.until;
    let arrived = match values::arrivals(store, &scope, &version.watermark).await {
        Ok(arrived) => arrived,
        // No watermark separates the new rows here. A filing compares the hash of each pool anyway.
        Err(StoreError::WatermarkElsewhere(_) | StoreError::MustReadWhole(_)) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let covered = arrived
        .pools
        .iter()
        .filter(|(pool, _)| version.scope.covers(pool));
    let new = covered.map(|(_, ledger)| {
        let trades = ledger.trades.iter();
        ledger.invalid.len() + trades.filter(|trade| trade.order_time < until).count()
    });
    let revised = arrived
        .revised
        .iter()
        .filter(|(pool, _)| version.scope.covers(pool));
    let count: usize = new.chain(revised.map(|(_, ids)| ids.len())).sum();
    Ok(count as u64)
}
