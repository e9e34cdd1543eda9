//! The review queue and the excluded pools in memory.

use serde_json::json;

use super::State;
use crate::engine::{ReviewItem, Timestamp};
use crate::store::model::{Event, QueuedItem, ReviewStatus, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};

/// Lists the queue: open items first, the most urgent first.
pub(super) fn list(state: &State) -> Vec<QueuedItem> {
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

/// Applies what a version says about the queue.
pub(super) fn update(state: &mut State, update: &ReviewUpdate, version: Version, at: Timestamp) {
    for change in plan_review(&list(state), update, version) {
        let Some((kind, item)) = apply(&mut state.queue, change, version, at) else {
            continue;
        };
        let details = json!({ "id": item.id, "order_id": item.order_id });
        let pool = Some(item.pool.clone());
        state.events.push(Event {
            pool,
            version: Some(version),
            ..Event::info(kind, at, details)
        });
    }
}

/// Makes a change, and returns the event's kind and the item.
fn apply(
    queue: &mut Vec<QueuedItem>,
    change: ReviewChange,
    version: Version,
    at: Timestamp,
) -> Option<(&'static str, &QueuedItem)> {
    let id_next = queue.iter().map(|item| item.id).max().unwrap_or(0) + 1;
    Some(match change {
        ReviewChange::Open(item) => {
            queue.push(opened(id_next, &item, version, at));
            ("review_opened", queue.last()?)
        }
        ReviewChange::Refresh(id, item) => {
            let queued = find(queue, id)?;
            refresh(queued, &item, version, at);
            ("review_refreshed", &*queued)
        }
        ReviewChange::Reopen(id, item) => {
            let queued = find(queue, id)?;
            refresh(queued, &item, version, at);
            queued.status = ReviewStatus::Pending;
            (queued.resolution, queued.resolved_at) = (None, None);
            queued.resolved_by = None;
            ("review_reopened", &*queued)
        }
        ReviewChange::Settle(id, resolution) => {
            let queued = find(queue, id)?;
            queued.status = ReviewStatus::Resolved;
            queued.resolution = Some(resolution);
            queued.resolved_at = Some(at);
            queued.updated_at = at;
            queued.resolved_by = Some(AUTOMATIC.into());
            ("review_resolved", &*queued)
        }
    })
}

fn find(queue: &mut [QueuedItem], id: i64) -> Option<&mut QueuedItem> {
    queue.iter_mut().find(|item| item.id == id)
}

fn opened(id: i64, item: &ReviewItem, version: Version, at: Timestamp) -> QueuedItem {
    QueuedItem {
        id,
        pool: item.pool.clone(),
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
