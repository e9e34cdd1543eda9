//! Executions that count twice: I14, as fills and as one whole order. I16, as a correction and as
//! its original, or as two corrections.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::engine::{Account, Invariant, Leg, Pool, PoolLedger, Violation};
use crate::store::model::LedgerRead;

/// Text between an order's id and the number of a fill.
const FILL_MARK: &str = "-FILL-";

/// Text between an order's id and the number of a correction.
const CORRECTION_MARK: &str = "~";

/// Digits of a correction's number, at most.
const CORRECTION_DIGITS_MAX: usize = 10;

/// Account and order id of trades that are voided.
pub(super) type Voided = BTreeSet<(String, String)>;

/// Relation between two trades of the same execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// One trade is a fill of the other, an order.
    Fill,
    /// One trade corrects the other.
    Correction,
}

impl Relation {
    const ALL: [Self; 2] = [Self::Fill, Self::Correction];

    /// Returns the id of the order or original in the id of a fill or correction. `None`: the id
    /// has another form.
    fn whole_of(self, id: &str) -> Option<&str> {
        let mark = match self {
            Self::Fill => FILL_MARK,
            Self::Correction => CORRECTION_MARK,
        };
        let (whole, number) = id.rsplit_once(mark)?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_form = match self {
            Self::Fill => true,
            Self::Correction => {
                let is_plain = !number.starts_with('0') && number != "1";
                is_plain && number.len() <= CORRECTION_DIGITS_MAX
            }
        };
        (is_number && is_form && !whole.is_empty()).then_some(whole)
    }

    /// Returns the ids of all trades that must not count beside this id. A correction of a
    /// correction has two: the correction, and its original.
    fn wholes_of(self, id: &str) -> impl Iterator<Item = &str> {
        let levels = match self {
            Self::Fill => 1,
            Self::Correction => usize::MAX,
        };
        let first = self.whole_of(id);
        std::iter::successors(first, move |whole| self.whole_of(whole)).take(levels)
    }

    fn violation(self, pool: &Pool, order_id: &str) -> Violation {
        let (invariant, message) = match self {
            Self::Fill => (
                Invariant::I14,
                format!(
                    "the order is a trade, and so are its fills \"{order_id}{FILL_MARK}...\": \
                     void one of the two"
                ),
            ),
            Self::Correction => (
                Invariant::I16,
                format!(
                    "the trade counts, and so does its correction \
                     \"{order_id}{CORRECTION_MARK}...\": void one of the two"
                ),
            ),
        };
        Violation {
            invariant,
            pool: Some(pool.clone()),
            order_id: order_id.to_owned(),
            message,
        }
    }
}

/// Hashes of trades that must not count, as their fills or their corrections count.
#[derive(Debug, Default)]
struct Wholes {
    hashes: BTreeMap<Account, Vec<u128>>,
    /// Hashes of trades that several corrections replace, sorted.
    repeated: BTreeMap<Account, Vec<u128>>,
}

/// Trades that must not count, in a ledger that is read in parts.
///
/// A trade and its fills may be in two parts, so all parts have to be read before the first is
/// judged. That reads the ledger twice, so it is done only if the short hashes (8 bytes of an id)
/// show a possible match. A false match of short hashes costs only the second reading. A false
/// match of long hashes (16 bytes, of fills and corrections only) is less likely than a wrong disk.
#[derive(Debug, Default)]
pub(super) struct Twice {
    wholes: BTreeMap<Relation, Wholes>,
    /// Sorted short hashes for each part: of its trades, and of those that must not count.
    met: Vec<(Vec<u64>, Vec<u64>)>,
    may_be_double: bool,
}

impl Twice {
    /// Adds the ids of a part. `is_all`: the ledger has only this part.
    pub(super) fn meet(&mut self, read: &LedgerRead, is_all: bool) {
        let mut wholes = Vec::new();
        for kind in Relation::ALL {
            for (pool, ledger) in &read.pools {
                let mut hashes: Vec<u128> = Vec::new();
                for id in ids_of(ledger) {
                    for whole in kind.wholes_of(id) {
                        wholes.push(short(&pool.account, whole));
                        hashes.push(hash_of(whole));
                    }
                }
                if !hashes.is_empty() {
                    let of_kind = &mut self.wholes.entry(kind).or_default().hashes;
                    let of_account = of_kind.entry(pool.account.clone()).or_default();
                    of_account.append(&mut hashes);
                }
            }
        }
        if self.may_be_double || is_all {
            return;
        }
        let mut ids = Vec::new();
        for (pool, ledger) in &read.pools {
            ids.extend(ids_of(ledger).map(|id| short(&pool.account, id)));
        }
        ids.sort_unstable();
        wholes.sort_unstable();
        wholes.dedup();
        self.may_be_double = have_common(&ids, &wholes)
            || self.met.iter().any(|(ids, _)| have_common(ids, &wholes))
            || self.met.iter().any(|(_, wholes)| have_common(&ids, wholes));
        self.met.push((ids, wholes));
    }

    /// Sorts the hashes, after the last part was added.
    pub(super) fn end(&mut self) {
        self.met = Vec::new();
        for (kind, wholes) in &mut self.wholes {
            for (account, hashes) in &mut wholes.hashes {
                hashes.sort_unstable();
                if *kind == Relation::Correction {
                    let pairs = hashes.windows(2).filter(|pair| pair.first() == pair.last());
                    let repeated: Vec<u128> = pairs.filter_map(|it| it.first().copied()).collect();
                    if !repeated.is_empty() {
                        wholes.repeated.insert(account.clone(), repeated);
                    }
                }
                hashes.dedup();
            }
        }
    }

    /// Tells whether the ledger has to be read again.
    pub(super) fn may_be_double(&self) -> bool {
        self.may_be_double
    }

    /// Tells whether two corrections of one trade count. That is a fault only if the trade is
    /// voided: without the trade in the ledger, both ids are ids of their own.
    pub(super) fn needs_voided(&self) -> bool {
        self.wholes
            .values()
            .any(|wholes| !wholes.repeated.is_empty())
    }

    /// Tells whether a pool may have a trade that must not count.
    pub(super) fn concern(&self, pool: &Pool) -> bool {
        let mut kinds = self.wholes.values();
        kinds.any(|wholes| wholes.hashes.contains_key(&pool.account))
    }

    /// Returns a violation for each trade of a part that counts beside its fills or corrections.
    pub(super) fn check(&self, read: &LedgerRead) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (kind, wholes) in &self.wholes {
            for (pool, ledger) in &read.pools {
                let Some(hashes) = wholes.hashes.get(&pool.account) else {
                    continue;
                };
                let is_whole = |id: &str| hashes.binary_search(&hash_of(id)).is_ok();
                let found = ids_of(ledger).filter(|id| is_whole(id));
                violations.extend(found.map(|id| kind.violation(pool, id)));
            }
        }
        violations
    }

    /// Returns a violation for each voided trade that two counting corrections replace.
    pub(super) fn check_voided(&self, voided: &Voided) -> Vec<Violation> {
        let Some(wholes) = self.wholes.get(&Relation::Correction) else {
            return Vec::new();
        };
        let is_repeated = |account: &str, id: &str| {
            let account = account.parse().ok();
            let hashes = account.and_then(|account: Account| wholes.repeated.get(&account));
            hashes.is_some_and(|hashes| hashes.binary_search(&hash_of(id)).is_ok())
        };
        let found = voided
            .iter()
            .filter(|(account, id)| is_repeated(account, id));
        let violation = |(account, id): &(String, String)| Violation {
            invariant: Invariant::I16,
            pool: None,
            order_id: id.clone(),
            message: format!(
                "two corrections \"{id}{CORRECTION_MARK}...\" of the voided trade of account \
                 \"{account}\" count: void one of the two"
            ),
        };
        found.map(violation).collect()
    }
}

/// Returns the ids of a pool's executions. Each has one base leg. Its other legs, in this pool or
/// another, are no executions.
fn ids_of(ledger: &PoolLedger) -> impl Iterator<Item = &str> {
    let trades = ledger.trades.iter();
    let base = trades.filter(|trade| trade.leg == Leg::Base);
    base.map(|trade| trade.order_id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_names_its_order_and_a_correction_all_that_it_corrects() {
        let wholes = |kind: Relation, id| kind.wholes_of(id).collect::<Vec<_>>();
        assert_eq!(wholes(Relation::Fill, "a-FILL-12"), ["a"]);
        assert_eq!(wholes(Relation::Fill, "a-FILL-1-FILL-2"), ["a-FILL-1"]);
        for id in ["a", "a-FILL-", "-FILL-1", "a-FILL-x", "a-fill-1"] {
            assert_eq!(wholes(Relation::Fill, id), [""; 0], "{id}");
        }
        assert_eq!(wholes(Relation::Correction, "a~2"), ["a"]);
        assert_eq!(wholes(Relation::Correction, "a~2~10"), ["a~2", "a"]);
        for id in ["a", "a~", "~2", "a~x", "a~1", "a~02", "a~12345678901"] {
            assert_eq!(wholes(Relation::Correction, id), [""; 0], "{id}");
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
