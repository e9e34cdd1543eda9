//! Groups pools, so that one query reads many small pools, or one large pool.

use super::limits::{POOLS_TOGETHER_MAX, ROWS_TOGETHER_MAX};
use crate::engine::Pool;

/// Divides pools into groups that one query reads. Each pool comes with its approximate number of
/// rows. Order: that of the pools.
pub fn together(pools: impl IntoIterator<Item = (Pool, u64)>) -> Vec<Vec<Pool>> {
    let (mut all, mut part, mut rows) = (Vec::new(), Vec::new(), 0_u64);
    for (pool, more) in pools {
        let is_full = rows.saturating_add(more) > ROWS_TOGETHER_MAX;
        if !part.is_empty() && (is_full || part.len() >= POOLS_TOGETHER_MAX) {
            all.push(std::mem::take(&mut part));
            rows = 0;
        }
        part.push(pool);
        rows = rows.saturating_add(more);
    }
    if !part.is_empty() {
        all.push(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(rows: &[u64]) -> Vec<usize> {
        let name = |nth| Pool::new("a".parse().unwrap(), format!("T{nth}").parse().unwrap());
        let pools = rows
            .iter()
            .enumerate()
            .map(|(nth, rows)| (name(nth), *rows));
        let parts = together(pools);
        let all: Vec<Pool> = parts.iter().flatten().cloned().collect();
        assert_eq!(all, (0..rows.len()).map(name).collect::<Vec<_>>());
        parts.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_part_holds_many_small_pools_or_one_large_one() {
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[1, ROWS_TOGETHER_MAX - 1, 1]), [2, 1]);
        assert_eq!(sizes(&[u64::MAX, u64::MAX, 0]), [1, 1, 1]);
        assert_eq!(
            sizes(&vec![0; POOLS_TOGETHER_MAX + 1]),
            [POOLS_TOGETHER_MAX, 1]
        );
    }
}
