//! I14: an execution that is there as its fills and as one whole row, and so is counted twice.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

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

/// The orders that have fills, of a ledger that is looked through in parts.
///
/// An order and its fills may be in two parts, so all parts are met before the first order is
/// judged. That reads the ledger twice, so it is done only where it may find something: 8 bytes of
/// each trade's id are kept to tell that, and 16 of each fill's. Only hashes are kept; that two of
/// 16 bytes meet is less likely than a wrong disk, and two of 8 cost a reading.
#[derive(Debug, Default)]
pub(super) struct Filled {
    orders: BTreeMap<Account, Vec<u128>>,
    /// Short hashes of trades and of orders with fills, sorted, a part each.
    met: Vec<(Vec<u64>, Vec<u64>)>,
    may_be_double: bool,
}

impl Filled {
    /// Takes the ids of a part.
    pub(super) fn meet(&mut self, read: &LedgerRead) {
        let (mut ids, mut orders) = (Vec::new(), Vec::new());
        for (pool, ledger) in &read.pools {
            let account = &pool.account;
            ids.extend(ledger.trades.iter().map(|it| short(account, it.order_id)));
            let mut filled: Vec<u128> = Vec::new();
            for order in ledger.trades.iter().filter_map(|it| order_of(it.order_id)) {
                orders.push(short(account, order));
                filled.push(hash_of(order));
            }
            if !filled.is_empty() {
                filled.sort_unstable();
                filled.dedup();
                let orders = self.orders.entry(account.clone()).or_default();
                orders.append(&mut filled);
            }
        }
        if self.may_be_double {
            return;
        }
        ids.sort_unstable();
        orders.sort_unstable();
        orders.dedup();
        self.may_be_double = have_common(&ids, &orders)
            || self.met.iter().any(|(ids, _)| have_common(ids, &orders))
            || self.met.iter().any(|(_, orders)| have_common(&ids, orders));
        self.met.push((ids, orders));
    }

    /// Makes the orders ready to be found, once all parts were met.
    pub(super) fn end(&mut self) {
        self.met = Vec::new();
        self.orders
            .values_mut()
            .for_each(|orders| orders.sort_unstable());
    }

    /// Tells whether the ledger has to be looked through again.
    pub(super) fn may_be_double(&self) -> bool {
        self.may_be_double
    }

    /// Tells whether a pool may have an order that has fills.
    pub(super) fn concern(&self, pool: &Pool) -> bool {
        self.orders.contains_key(&pool.account)
    }

    /// Finds the whole orders of a part whose fills are trades too.
    pub(super) fn check(&self, read: &LedgerRead) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (pool, ledger) in &read.pools {
            let Some(filled) = self.orders.get(&pool.account) else {
                continue;
            };
            let has_fills = |id: &str| filled.binary_search(&hash_of(id)).is_ok();
            let whole = ledger.trades.iter().filter(|it| has_fills(it.order_id));
            violations.extend(whole.map(|trade| twice(pool, trade.order_id)));
        }
        violations
    }
}

/// Tells whether two sorted lists have an element in common.
fn have_common(left: &[u64], right: &[u64]) -> bool {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match one.cmp(other) {
            Ordering::Less => left.next(),
            Ordering::Greater => right.next(),
            Ordering::Equal => return true,
        };
    }
    false
}

fn short(account: &Account, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (account.as_str(), id).hash(&mut hasher);
    hasher.finish()
}

fn hash_of(id: &str) -> u128 {
    let digest = Sha256::digest(id.as_bytes());
    let bytes = digest.iter().take(size_of::<u128>());
    bytes.fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
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

    #[test]
    fn common_elements_are_found_wherever_they_stand() {
        assert!(!have_common(&[], &[1]));
        assert!(!have_common(&[1, 3, 5], &[0, 2, 4, 6]));
        for both in 0..7 {
            assert!(have_common(&[0, 1, 2, 3, 4, 5, 6], &[both]));
            assert!(have_common(&[both, 9], &[0, 1, 2, 3, 4, 5, 6]));
        }
    }
}
