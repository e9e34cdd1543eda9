//! New trades of a ledger that others change as they like.
//!
//! No column tells when a row came. So a run reads all rows, and compares each pool with the
//! version's summary. Hashes of rows add up. If the rows up to the pool's last trade have the
//! version's hash, the past is unchanged and the later trades are new. If not, a trade was changed,
//! removed or voided, or came late; which one, nobody can say any more.

use std::collections::BTreeMap;

use crate::engine::{Pool, PoolLedger, PoolStatus, TradeRef};
use crate::store::model::{Arrivals, LedgerRead, PoolSummary};

/// A ledger beside a version.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Pools that go on from where the version ended.
    pub(super) arrivals: Arrivals,
    /// Pools without earlier matches.
    pub(super) whole: BTreeMap<Pool, PoolLedger>,
    /// Pools whose past is another one.
    pub(super) changed: Vec<Pool>,
}

/// Compares the pools read now with a version's summaries.
pub(super) fn compare(read: LedgerRead, summaries: &BTreeMap<Pool, PoolSummary>) -> Compared {
    let mut compared = Compared {
        arrivals: Arrivals {
            watermark: read.watermark,
            ..Arrivals::default()
        },
        ..Compared::default()
    };
    let mut pools = read.pools;
    for (pool, summary) in summaries {
        let ledger = pools.remove(pool);
        let ledger = ledger.unwrap_or_else(|| PoolLedger::new(pool.clone()));
        // A stale pool is tried again whenever something about it may be other than it was.
        let is_stale = summary.status == PoolStatus::Stale;
        if ledger.ledger_hash == summary.ledger_hash && !is_stale {
            continue;
        }
        if !matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale) {
            compared.whole.insert(pool.clone(), ledger);
            continue;
        }
        match new_of(ledger, summary) {
            Some(new) => drop(compared.arrivals.pools.insert(pool.clone(), new)),
            None => compared.changed.push(pool.clone()),
        }
    }
    compared.whole.extend(pools);
    compared
}

/// Returns the trades after a pool's last one; `None`: the earlier ones have changed.
fn new_of(ledger: PoolLedger, summary: &PoolSummary) -> Option<PoolLedger> {
    let pool = ledger.pool.clone();
    let (mut old, mut new) = (PoolLedger::new(pool.clone()), PoolLedger::new(pool));
    let is_new = |trade: &TradeRef<'_>| {
        let last = summary.last.as_ref();
        last.is_none_or(|last| trade.place() > last.borrowed())
    };
    for trade in ledger.trades.iter() {
        let part = if is_new(&trade) { &mut new } else { &mut old };
        part.push(&trade).ok()?;
    }
    // None was there when the pool was matched.
    new.invalid = ledger.invalid;
    (old.ledger_hash == summary.ledger_hash).then_some(new)
}
