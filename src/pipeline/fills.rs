//! I14: an execution that is there as its fills and as one whole row, and so is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Account, Invariant, Pool, Violation};
use crate::store::model::LedgerRead;

/// What stands between an order's id and the number of a fill.
const FILL_MARK: &str = "-FILL-";

/// Returns the order that an execution is a fill of; `None`: its id is not a fill's.
fn order_of(id: &str) -> Option<&str> {
    let (order, number) = id.rsplit_once(FILL_MARK)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !order.is_empty()).then_some(order)
}

/// Finds whole orders whose fills are trades too.
pub(super) fn check_fills(read: &LedgerRead) -> Vec<Violation> {
    let mut filled: BTreeMap<&Account, BTreeSet<&str>> = BTreeMap::new();
    for (pool, ledger) in &read.pools {
        for trade in ledger.trades.iter() {
            if let Some(order) = order_of(trade.order_id) {
                filled.entry(&pool.account).or_default().insert(order);
            }
        }
    }
    let mut violations = Vec::new();
    for (pool, ledger) in &read.pools {
        let Some(filled) = filled.get(&pool.account) else {
            continue;
        };
        let whole = ledger.trades.iter();
        for trade in whole.filter(|trade| filled.contains(trade.order_id)) {
            violations.push(twice(pool, trade.order_id));
        }
    }
    violations
}

fn twice(pool: &Pool, order_id: &str) -> Violation {
    Violation {
        invariant: Invariant::I14,
        pool: Some(pool.clone()),
        order_id: order_id.to_owned(),
        message: format!(
            "the order is a trade, and so are its fills \"{order_id}{FILL_MARK}...\": void one of \
             the two"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_names_its_order() {
        assert_eq!(order_of("a-FILL-12"), Some("a"));
        assert_eq!(order_of("a-FILL-1-FILL-2"), Some("a-FILL-1"));
        for id in ["a", "a-FILL-", "-FILL-1", "a-FILL-x", "a-fill-1"] {
            assert_eq!(order_of(id), None, "{id}");
        }
    }
}
