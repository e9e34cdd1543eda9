//! Pools that ended earlier than their version, by the instant at which they did.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Pool, PoolStatus};
use crate::store::model::{PoolSummary, Watermark};

/// Puts stale pools together that ended at one instant: those that one run left behind are read
/// with one reading, however many they are.
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
