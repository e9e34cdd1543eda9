//! The review queue and the excluded pools in memory.

use super::MemoryTables;
use crate::engine::{ReviewItem, Timestamp};
use crate::store::model::{QueuedItem, ReviewStatus, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};

/// Lists the queue: open items first, the most urgent first.
pub(super) fn list(state: &MemoryTables) -> Vec<QueuedItem> {
    let mut queue = state.queue.clone();
    queue.sort_by(|left, right| {
        let rank = |item: &QueuedItem| (!item.status.is_open(), std::cmp::Reverse(item.severity));
        rank(left)
            .cmp(&rank(right))
            .then_with(|| left.pool.cmp(&right.pool))
            .then_with(|| left.id.cmp(&right.id))
    });
    queue
}

/// Applies a version's update of the review queue.
pub(super) fn update(
    state: &mut MemoryTables,
    update: &ReviewUpdate,
    version: Version,
    at: Timestamp,
) {
    for change in plan_review(&list(state), update, version) {
        if let Some(id) = apply(&mut state.queue, &change, version, at) {
            state.events.push(change.event(id, version, at));
        }
    }
}

/// Makes a change of the queue. Returns the item's number.
fn apply(
    queue: &mut Vec<QueuedItem>,
    change: &ReviewChange<'_>,
    version: Version,
    at: Timestamp,
) -> Option<i64> {
    let id_next = queue.iter().map(|item| item.id).max().unwrap_or(0) + 1;
    match change {
        ReviewChange::Open(item) => {
            queue.push(opened(id_next, item, version, at));
            Some(id_next)
        }
        ReviewChange::Refresh(id, item) => {
            refresh(find(queue, *id)?, item, version, at);
            Some(*id)
        }
        ReviewChange::Reopen(id, item) => {
            let queued = find(queue, *id)?;
            refresh(queued, item, version, at);
            queued.status = ReviewStatus::Pending;
            (queued.resolution, queued.resolved_at) = (None, None);
            queued.resolved_by = None;
            Some(*id)
        }
        ReviewChange::Settle(item, resolution) => {
            let queued = find(queue, item.id)?;
            queued.status = ReviewStatus::Resolved;
            queued.resolution = Some(resolution.clone());
            queued.resolved_at = Some(at);
            queued.updated_at = at;
            queued.resolved_by = Some(AUTOMATIC.into());
            Some(item.id)
        }
    }
}

fn find(queue: &mut [QueuedItem], id: i64) -> Option<&mut QueuedItem> {
    queue.iter_mut().find(|item| item.id == id)
}

fn opened(id: i64, item: &ReviewItem, version: Version, at: Timestamp) -> QueuedItem {
    QueuedItem {
        id,
        pool: item.pool.clone(),
        symbol: item.symbol.to_string(),
        leg: item.leg,
        order_id: item.order_id.clone(),
        issue: item.issue,
        severity: item.severity,
        status: ReviewStatus::Pending,
        description: item.description.clone(),
        resolution: None,
        created_at: at,
        updated_at: at,
        resolved_at: None,
        resolved_by: None,
        version,
        details: details_json(item),
    }
}

fn refresh(queued: &mut QueuedItem, item: &ReviewItem, version: Version, at: Timestamp) {
    queued.severity = item.severity;
    queued.description = item.description.clone();
    queued.details = details_json(item);
    queued.version = version;
    queued.updated_at = at;
}
