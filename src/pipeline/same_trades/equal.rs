//! Files of one account with trades that are equal in all facts but the id.
//!
//! Each import looks for them as it ends (`pipeline/sync_log.rs`), and its try keeps the numbers.
//! So a run reads no trades for it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Common, CountedTwice, TRIES_MAX, names_of, that_count};
use crate::engine::Account;
use crate::pipeline::error::PipelineResult;
use crate::store::model::SyncTry;
use crate::store::{Store, StoreResult};

/// The detail of a try that lists the imports with equal trades: their numbers, and how many trades
/// are equal.
pub(in crate::pipeline) const EQUAL: &str = "equal_trades";

/// Equal trades that are no chance, at least.
const EQUAL_MIN: u64 = 3;

/// Equal trades that are no chance, at least, if they are all trades of a file.
const EQUAL_OF_ALL_MIN: u64 = 2;

/// The format of files that people write. A file of one trade may well be another fill.
const NATIVE: &str = "native";

/// Looks for the imports that have trades of a new import: their numbers, and how many are equal.
///
/// Errors: the store fails.
pub(in crate::pipeline) async fn equal_trades(
    store: &dyn Store,
    account: &Account,
    import_id: i64,
) -> StoreResult<Vec<(i64, u64)>> {
    let earlier = store.syncs(account, TRIES_MAX).await?;
    let has_trades = |of: &SyncTry| of.import_id.is_some() && of.counts.trades > 0;
    // The first import of an account has no other, and pays for no look-up.
    match earlier.iter().any(has_trades) {
        true => store.equal_trades(import_id).await,
        false => Ok(Vec::new()),
    }
}

/// Finds the imports of an account that have trades in common.
pub(super) async fn counted_equal(
    store: &dyn Store,
    account: &Account,
) -> PipelineResult<Vec<CountedTwice>> {
    let mut names = names_of(store, account).await?;
    if names.len() < 2 {
        return Ok(Vec::new());
    }
    names = that_count(store, names).await?;
    let tries = store.syncs(account, TRIES_MAX).await?;
    let trades: BTreeMap<i64, u64> = tries
        .iter()
        .filter_map(|of| Some((of.import_id?, of.counts.trades)))
        .collect();
    let mut found = Vec::new();
    for of in tries.iter().rev() {
        let Some(last) = of.import_id.and_then(|id| names.get(&id)) else {
            continue;
        };
        for (id, both) in equal_of(of) {
            let all = [of.import_id, Some(id)].map(|id| trades.get(&id?).copied());
            let Some(other) = names.get(&id) else {
                continue;
            };
            let is_one_format = last.format == other.format && last.format != NATIVE;
            let is_all = all.contains(&Some(both));
            let is_sure =
                both >= EQUAL_MIN || is_all && (both >= EQUAL_OF_ALL_MIN || is_one_format);
            if is_sure {
                found.push(CountedTwice {
                    last: last.clone(),
                    other: other.clone(),
                    common: Common::Trades {
                        both,
                        of: of.counts.trades,
                    },
                });
            }
        }
    }
    Ok(found)
}

/// Returns the imports with equal trades that a try found, and how many are equal.
fn equal_of(of: &SyncTry) -> Vec<(i64, u64)> {
    let list = of.details.get(EQUAL).and_then(Value::as_array);
    let pair = |it: &Value| Some((it.get(0)?.as_i64()?, it.get(1)?.as_u64()?));
    list.into_iter().flatten().filter_map(pair).collect()
}
