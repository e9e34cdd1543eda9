//! Origins of allocations in memory.

use std::sync::Arc;

use super::MemoryTables;
use crate::engine::Account;
use crate::store::model::{SourcedAllocation, TradeOrigin, Version};
use crate::store::{SourcedSink, StoreResult, sourced};

/// Passes each row of a version to `sink` with the origin of its trades.
pub(super) fn rows(
    state: &MemoryTables,
    version: Version,
    account: Option<&Account>,
    sink: &mut dyn SourcedSink,
) -> StoreResult<u64> {
    let rows = state.versions.get(&version).map(|stored| stored.sorted());
    let mut count = 0;
    for row in rows.unwrap_or_default() {
        if account.is_some_and(|account| row.account != *account) {
            continue;
        }
        let origin = |account: &Account, id: &str| TradeOrigin {
            source: state.ledger.source(account.as_str(), id).map(Arc::from),
            ..match state.ledger.origin(account.as_str(), id) {
                Some((file, line, _)) => TradeOrigin {
                    source: None,
                    file: Some(Arc::from(file)),
                    line: Some(line),
                },
                None => TradeOrigin::default(),
            }
        };
        count += 1;
        let moved = row.moved.as_ref();
        let bought_in = moved.and_then(|moved| moved.account.as_ref());
        let bought_in = bought_in.unwrap_or(&row.account);
        let buy = row.buy_order_id.as_ref();
        let sourced = SourcedAllocation {
            batch_id: Arc::from(""),
            sell: origin(&row.account, row.sell_order_id.as_str()),
            buy: buy.map_or_else(TradeOrigin::default, |id| origin(bought_in, id.as_str())),
            row: row.clone(),
        };
        sourced::give(sourced, sink)?;
    }
    Ok(count)
}
