//! Chooses the place to cut a version in two, so that a store can write both halves at once.
//!
//! The rows come in canonical order. While the second half is written, the first one is indexed: so
//! the first half is the larger one.

use super::limits::CUT_TRADES_MIN;
use crate::engine::Pool;

/// Two pools that follow each other in canonical order: the first half ends with one, and the
/// second half begins with the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The last pool of the first half.
    pub last: Pool,
    /// The first pool of the second half.
    pub next: Pool,
}

/// The time that two halves may take, in hundredths of the time of writing alone. One piece takes
/// 200: indexing takes as long as writing.
const TIME_MAX: u64 = 185;

impl Cut {
    /// Chooses a cut. `pools` are all pools of the version in canonical order, each with its
    /// trades.
    ///
    /// Returns `None` if two halves save too little time: few trades, or most of them in one pool.
    pub fn choose<'p>(pools: impl Iterator<Item = (&'p Pool, u64)> + Clone) -> Option<Self> {
        let all: u64 = pools.clone().map(|(_, trades)| trades).sum();
        if all < CUT_TRADES_MIN {
            return None;
        }
        let mut written = 0;
        let nexts = pools.clone().skip(1);
        let cuts = pools.zip(nexts).map(|((last, trades), (next, _))| {
            written += trades;
            let share = written * 100 / all;
            // The first half is written, then indexed; the second is written after the first one.
            let time = (2 * share).max(100 + (100 - share));
            (time, last, next)
        });
        let (time, last, next) = cuts.min_by_key(|(time, ..)| *time)?;
        (time <= TIME_MAX).then(|| Self {
            last: last.clone(),
            next: next.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(trades: &[u64]) -> Vec<(Pool, u64)> {
        let pool = |nth| Pool::new("a".parse().unwrap(), format!("P{nth}").parse().unwrap());
        let pools = trades.iter().enumerate();
        pools.map(|(nth, trades)| (pool(nth), *trades)).collect()
    }

    /// Returns the share of the trades that the first half has, in hundredths.
    fn share(trades: &[u64]) -> Option<u64> {
        let pools = pools(trades);
        let cut = Cut::choose(pools.iter().map(|(pool, trades)| (pool, *trades)))?;
        let nth = pools.iter().position(|(pool, _)| *pool == cut.next)?;
        assert_eq!(pools[nth - 1].0, cut.last, "they follow each other");
        let all: u64 = trades.iter().sum();
        Some(trades[..nth].iter().sum::<u64>() * 100 / all)
    }

    #[test]
    fn the_first_half_is_as_near_to_two_thirds_as_pools_allow() {
        let many = CUT_TRADES_MIN;
        assert_eq!(share(&[many; 9]), Some(66));
        assert_eq!(share(&[many, many]), Some(50));
        assert_eq!(share(&[many, 8 * many, many]), Some(90));
        assert_eq!(share(&[6 * many, 2 * many, 2 * many]), Some(60));
    }

    #[test]
    fn what_is_not_worth_it_stays_whole() {
        let many = CUT_TRADES_MIN;
        assert_eq!(share(&[]), None);
        assert_eq!(share(&[many]), None, "one pool");
        assert_eq!(share(&[many / 3, many / 3]), None, "few trades");
        assert_eq!(share(&[many / 20, many * 20]), None, "one pool has most");
        assert_eq!(share(&[many * 20, many / 20]), None, "one pool has most");
        assert_eq!(share(&[0, 0, 0]), None);
    }
}
