//! Trades of the ledger by the ids that a file has for them, in all their forms.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PipelineResult;
use crate::engine::{CORRECTION_MARK, Timestamp};
use crate::store::Store;
use crate::store::model::{NamedTrade, TradeIds};

/// Account and id of a trade in a file.
pub(super) type FileKey = (String, String);

/// Returns the trades of some ids, and their forms `ID~2`, `ID~3`, ..., each with the id in the
/// file. Trades of undone imports are left out.
///
/// Errors: the store fails.
pub(super) async fn forms_named(
    store: &dyn Store,
    ids: &TradeIds,
) -> PipelineResult<Vec<(FileKey, NamedTrade)>> {
    let mut found = Vec::new();
    let mut wanted: BTreeMap<FileKey, FileKey> =
        ids.iter().map(|key| (key.clone(), key.clone())).collect();
    for number in 2_u32.. {
        if wanted.is_empty() {
            break;
        }
        let named: TradeIds = wanted.keys().cloned().collect();
        let mut next = BTreeMap::new();
        for trade in store.trades_named(&named, None).await? {
            let key = (trade.pool.account.to_string(), trade.order_id.clone());
            if let Some(of) = wanted.get(&key) {
                let form = format!("{}{CORRECTION_MARK}{number}", of.1);
                next.insert((of.0.clone(), form), of.clone());
                found.push((of.clone(), trade));
            }
        }
        wanted = next;
    }
    without_undone(store, found).await
}

/// Leaves out the trades of undone imports. Only a trade that counts no more can be one of them.
async fn without_undone(
    store: &dyn Store,
    found: Vec<(FileKey, NamedTrade)>,
) -> PipelineResult<Vec<(FileKey, NamedTrade)>> {
    if found.iter().all(|(_, trade)| !trade.is_voided) {
        return Ok(found);
    }
    let out = store.imports_out(None).await?;
    let files = store.imports().await?.into_iter();
    let files = files.filter(|file| out.contains(&file.id));
    let undone: BTreeSet<(String, Timestamp)> =
        files.map(|file| (file.name, file.imported_at)).collect();
    let mut left = Vec::new();
    for (of, trade) in found {
        let origin = match trade.is_voided {
            true => {
                store
                    .trade_origin(&trade.pool.account, &trade.order_id)
                    .await?
            }
            false => None,
        };
        if !origin.is_some_and(|(name, _, at)| undone.contains(&(name, at))) {
            left.push((of, trade));
        }
    }
    Ok(left)
}
