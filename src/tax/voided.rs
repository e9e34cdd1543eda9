//! Finds the sells that a person voided. An export leaves them out, and says so.

use std::collections::{BTreeMap, BTreeSet};

use super::TaxResult;
use crate::engine::{Account, CORRECTION_MARK, Side, Timestamp, split_correction};
use crate::store::model::{NamedTrade, Scope, Slice, Sold, TradeIds, VersionInfo, Watermark};
use crate::store::{LedgerStore, StoreError};

/// Lists the sells of a year that were voided when a version was computed, and that no correction
/// replaces. It lists only pools in the version's scope.
///
/// Errors: the store fails.
pub(super) async fn voided_sells(
    store: &dyn LedgerStore,
    version: &VersionInfo,
    account: Option<&Account>,
    sold: Sold,
) -> TaxResult<Vec<NamedTrade>> {
    let now = match store.voided_as_of(&version.watermark).await {
        // In a restored database, the voids of that time are unknown, so the present ones are
        // listed.
        Err(StoreError::WatermarkElsewhere(_)) => Some(now(store).await?),
        _ => None,
    };
    let as_of = now.as_ref().unwrap_or(&version.watermark);
    let mut ids: TradeIds = store.voided_as_of(as_of).await?;
    ids.retain(|(of, _)| account.is_none_or(|account| account.as_str() == of));
    let mut sells = store.trades_named(&ids, Some(as_of)).await?;
    sells.retain(|trade| {
        trade.side == Side::Sell
            && trade.is_voided
            && sold.contains(trade.order_time)
            && version.scope.covers(&trade.pool)
    });
    unreplaced(store, sells, as_of).await
}

/// Returns the watermark of the present ledger.
async fn now(store: &dyn LedgerStore) -> TaxResult<Watermark> {
    // A time after all trades, so that no trade is read.
    let last = "9999-12-31T23:59:59.999999Z".parse::<Timestamp>();
    let slice = last.ok().map(|last| Slice {
        after: Some(last),
        until: None,
    });
    let nothing = Scope {
        slice,
        ..Scope::default()
    };
    Ok(store.read_ledger(&nothing, None).await?.watermark)
}

/// Account and original id of an execution. All its corrected forms share them.
type Original = (String, String);

/// Keeps the newest form of each voided execution. Drops an execution if another form of it counts.
async fn unreplaced(
    store: &dyn LedgerStore,
    sells: Vec<NamedTrade>,
    as_of: &Watermark,
) -> TaxResult<Vec<NamedTrade>> {
    let mut newest: BTreeMap<Original, NamedTrade> = BTreeMap::new();
    for sell in sells {
        let key = (sell.pool.account.to_string(), original(&sell.order_id));
        let is_newer = |old: &NamedTrade| old.order_id.len() <= sell.order_id.len();
        if newest.get(&key).is_none_or(is_newer) {
            newest.insert(key, sell);
        }
    }
    let (mut asked, mut number) = (newest.keys().cloned().collect::<BTreeSet<_>>(), 1_u32);
    while !asked.is_empty() {
        let form = |(account, id): &Original| match number {
            1 => (account.clone(), id.clone()),
            number => (account.clone(), format!("{id}{CORRECTION_MARK}{number}")),
        };
        let ids: TradeIds = asked.iter().map(form).collect();
        let found = store.trades_named(&ids, Some(as_of)).await?;
        let mut left = BTreeSet::new();
        for trade in found {
            let key = (trade.pool.account.to_string(), original(&trade.order_id));
            match trade.is_voided {
                true => drop(left.insert(key)),
                false => drop(newest.remove(&key)),
            }
        }
        asked = left;
        number = number.saturating_add(1);
    }
    Ok(newest.into_values().collect())
}

/// Returns the original id of an execution, without the number of a correction.
fn original(order_id: &str) -> String {
    let of = split_correction(order_id).map(|(of, _)| of);
    of.unwrap_or(order_id).to_owned()
}
