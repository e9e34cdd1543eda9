//! New trades of a ledger that others change as they like.
//!
//! No column tells when a row came. So a run reads all rows, and compares each pool with the
//! version's summary. Hashes of rows add up. If the rows up to the pool's last trade have the
//! version's hash, the past is unchanged and the later trades are new. If not, a trade was changed,
//! removed or voided, or came late; which one, nobody can say any more. A pool whose trades have
//! legs in others counts as changed, too: only a new version follows all of its legs.

use std::collections::BTreeMap;

use crate::engine::{AssetRules, Entered, Pool, PoolLedger, PoolStatus};
use crate::store::model::{Arrivals, LedgerRead, PoolSummary};

/// Result of comparing an unguarded ledger with a version.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// New trades of pools whose earlier trades are unchanged.
    pub(super) arrivals: Arrivals,
    /// Pools without earlier matches, which are computed whole.
    pub(super) whole: BTreeMap<Pool, PoolLedger>,
    /// Pools whose earlier trades have changed.
    pub(super) changed: Vec<Pool>,
    /// The rates of all trades.
    pub(super) rates: Entered,
}

/// Compares the present trades of each pool with the version's summary. `is_tried_again` names
/// pools that are computed whole even if no row has changed.
pub(super) fn compare(
    read: LedgerRead,
    (summaries, rules): (&BTreeMap<Pool, PoolSummary>, &AssetRules),
    is_tried_again: impl Fn(&PoolSummary) -> bool,
) -> Compared {
    let mut compared = Compared {
        arrivals: Arrivals {
            watermark: read.watermark,
            ..Arrivals::default()
        },
        rates: read.rates,
        ..Compared::default()
    };
    let mut pools = read.pools;
    for (pool, summary) in summaries {
        let ledger = pools.remove(pool);
        let ledger = ledger.unwrap_or_else(|| PoolLedger::of_rules(pool.clone(), rules));
        // A stale pool is always tried again: its rows that can't be matched may have changed.
        let is_again = summary.status == PoolStatus::Stale || is_tried_again(summary);
        let is_unchanged = ledger.facts_hash() == summary.ledger_hash;
        if is_unchanged && !is_again {
            continue;
        }
        let is_moved = ledger.moves.is_some() && !is_unchanged;
        if has_joined(&ledger) || summary.totals.legs > 0 || is_moved {
            compared.changed.push(pool.clone());
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
    let is_joined = |ledger: &&PoolLedger| has_joined(ledger) || ledger.moves.is_some();
    let joined = pools.values().filter(is_joined);
    compared.changed.extend(joined.map(|it| it.pool.clone()));
    compared.whole.extend(pools);
    compared
}

/// Tells whether trades of a pool have legs in others, or values by rates. The hash of a pool
/// covers the rows of its base legs alone. So it does not tell what such a trade changed elsewhere.
fn has_joined(ledger: &PoolLedger) -> bool {
    ledger.legs > 0 || ledger.trades.iter().any(|trade| trade.value.is_some())
}

/// Returns the trades after a pool's last matched one; `None` if the earlier ones have changed.
fn new_of(ledger: PoolLedger, summary: &PoolSummary) -> Option<PoolLedger> {
    let (mut old, mut new) = (ledger.without_trades(), ledger.without_trades());
    for trade in ledger.trades.iter() {
        let last = summary.last.as_ref();
        let is_new = last.is_none_or(|last| ledger.is_after(&trade, last));
        let part = if is_new { &mut new } else { &mut old };
        part.push(&trade).ok()?;
    }
    // A pool with invalid rows is not matched, so all invalid rows are new.
    new.invalid = ledger.invalid;
    (new.symbols, new.class, new.refused) = (ledger.symbols, ledger.class, ledger.refused);
    (new.unapplied, new.is_mixed) = (ledger.unapplied, ledger.is_mixed);
    old.splits = ledger.splits;
    (old.facts_hash() == summary.ledger_hash).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Timestamp, TradeText, compute_pool};
    use crate::store::model::Watermark;

    fn ledger(shorts: bool, trades: &[(&str, &str, i64)]) -> PoolLedger {
        let pool = Pool::new(Default::default(), "X".parse().unwrap());
        let mut ledger = PoolLedger::new(pool);
        ledger.shorts = shorts;
        for (order_id, side, seq) in trades {
            ledger.push_text(&TradeText {
                order_id,
                side,
                size: "1",
                price: "10",
                fee: None,
                order_time_micros: Some(7),
                trade_seq: Some(*seq),
                more: None,
            });
        }
        ledger
    }

    /// A buy after a sell of the same instant, by its sequence, is new only where sells may open
    /// lots. Elsewhere it came before the sell, so the past has changed.
    #[test]
    fn a_pool_that_may_go_short_keeps_its_order_and_its_rule() {
        let trades = [("b1", "buy", 1), ("s1", "sell", 2), ("b2", "buy", 3)];
        for shorts in [true, false] {
            let before = compute_pool(ledger(shorts, &trades[..2]), None);
            let watermark = Watermark::default();
            let summary = PoolSummary::of(&before, &watermark, Timestamp::EPOCH);
            let last = summary.last.as_ref().unwrap();
            assert_eq!(last.order_id.as_str(), "s1");
            let found = new_of(ledger(shorts, &trades), &summary);
            let found = found.map(|new| (new.shorts, new.trades.len()));
            assert_eq!(found, shorts.then_some((true, 1)));
        }
    }
}
