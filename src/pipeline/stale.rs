//! Groups stale pools by watermark, which is older than that of their version.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Pool, PoolStatus};
use crate::store::model::{PoolSummary, Watermark};

/// Groups stale pools by watermark. All pools with one watermark can be read with one query.
pub(super) fn stale_pools<'s>(
    summaries: impl Iterator<Item = &'s PoolSummary>,
) -> impl Iterator<Item = (&'s Watermark, BTreeSet<Pool>)> {
    let mut by_instant: BTreeMap<String, (&Watermark, BTreeSet<Pool>)> = BTreeMap::new();
    for summary in summaries.filter(|summary| summary.status == PoolStatus::Stale) {
        let watermark = &summary.watermark;
        let nothing = || (watermark, BTreeSet::new());
        let same = by_instant
            .entry(watermark.to_json())
            .or_insert_with(nothing);
        same.1.insert(summary.pool.clone());
    }
    by_instant.into_values()
}
