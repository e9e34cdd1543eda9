//! Origins of allocations in memory.

use std::sync::Arc;

use super::MemoryTables;
use crate::engine::{Account, MovedFrom};
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
        let origin = |id: &str| TradeOrigin {
            source: state.ledger.source(row.account.as_str(), id).map(Arc::from),
            ..match state.ledger.origin(row.account.as_str(), id) {
                Some((file, line, _)) => TradeOrigin {
                    source: None,
                    file: Some(Arc::from(file)),
                    line: Some(line),
                },
                None => TradeOrigin::default(),
            }
        };
        count += 1;
        let is_elsewhere = |moved: &MovedFrom| moved.account.is_some();
        let buy = row.buy_order_id.as_ref();
        let buy = buy.filter(|_| !row.moved.as_deref().is_some_and(is_elsewhere));
        let sourced = SourcedAllocation {
            batch_id: Arc::from(""),
            sell: origin(row.sell_order_id.as_str()),
            buy: buy.map(|id| origin(id.as_str())).unwrap_or_default(),
            row: row.clone(),
        };
        sourced::give(sourced, sink)?;
    }
    Ok(count)
}
