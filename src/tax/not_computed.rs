//! Counts the trades and movements that a version to file does not know yet.

use super::export::year_bounds;
use super::undecided::Undecided;
use super::{TaxResult, TaxRules};
use crate::store::model::{Scope, VersionInfo};
use crate::store::values;
use crate::store::{StoreError, TradeStore, moves_changed};

/// Counts of what a version lacks up to the end of the year to file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotComputed {
    /// Trades that came after the version's run, or were voided or put back since.
    pub trades: u64,
    /// Transfers and income that came after it, changed, or ended.
    pub moves: u64,
    /// Undecided movements that came after it, or that are decided since.
    pub undecided: u64,
}

/// Counts what came up to the end of the year since the version's run, or changed: trades, also
/// those that were voided or put back, transfers and income. Each can change a figure of the year.
///
/// Errors: no such year; no such account; the store fails.
pub async fn not_computed(
    store: &dyn TradeStore,
    rules: &TaxRules,
    version: &VersionInfo,
) -> TaxResult<NotComputed> {
    let scope = Scope {
        account: rules.account.as_deref().and_then(|name| name.parse().ok()),
        ..Scope::default()
    };
    let until = year_bounds(rules)?.until;
    let arrived = match values::arrivals(store, &scope, &version.watermark).await {
        Ok(arrived) => arrived,
        // No watermark separates the new rows here. A filing compares the hash of each pool anyway.
        Err(StoreError::WatermarkElsewhere(_) | StoreError::MustReadWhole(_)) => {
            return Ok(NotComputed {
                trades: 0,
                moves: 0,
                undecided: 0,
            });
        }
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
    let assets = values::rules_of(version, &store.rules());
    let moves = moves_changed(store, &assets, version).await?;
    let moves = moves.into_iter().filter(|at| *at < until);
    Ok(NotComputed {
        trades: count as u64,
        moves: moves.count() as u64,
        undecided: {
            let rules = TaxRules {
                assets,
                ..rules.clone()
            };
            let of = (&rules, scope.account.as_ref());
            Undecided::changed_since(store, version, of, until).await?
        },
    })
}
