//! The order of accounts that send to each other at one instant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::ids::Account;
use crate::engine::transfer::Transfer;

/// Returns the first account to which no other waiting account sends at this instant, else the
/// first of a ring to which nobody outside it sends.
pub(super) fn next_to_send(
    waiting: &BTreeMap<Account, Vec<usize>>,
    transfers: &[Arc<Transfer>],
) -> Option<Account> {
    let sent = waiting.values().flatten();
    let sent = sent.filter_map(|nth| transfers.get(*nth));
    let at_once = sent.filter(|it| it.arrives_at() == it.sent_at);
    let is_waiting = |it: &&Arc<Transfer>| waiting.contains_key(&it.to);
    let (mut into, mut out_of) = (Links::new(), Links::new());
    for it in at_once.filter(is_waiting) {
        into.entry(&it.to).or_default().insert(&it.from);
        out_of.entry(&it.from).or_default().insert(&it.to);
    }
    let free = waiting.keys().find(|account| !into.contains_key(account));
    // Lots that come to it from a ring come first, even if its name is before theirs.
    let in_ring = || {
        let mut all = waiting.keys();
        all.find(|account| linked(account, &into).is_subset(&linked(account, &out_of)))
    };
    free.or_else(in_ring).cloned()
}

/// Accounts, and those that are one step away.
type Links<'a> = BTreeMap<&'a Account, BTreeSet<&'a Account>>;

/// Returns the accounts that links lead to from an account, in any number of steps.
fn linked<'a>(from: &'a Account, links: &Links<'a>) -> BTreeSet<&'a Account> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(account) = open.pop() {
        for next in links.get(account).into_iter().flatten() {
            if found.insert(*next) {
                open.push(next);
            }
        }
    }
    found
}
