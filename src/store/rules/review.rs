//! How the review queue changes: what a person decides, and what a version says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::engine::policy::PROGRAM;
use crate::engine::{IssueType, MissingRate, ReviewItem, Timestamp};
use crate::store::model::{
    Event, EventKind, Exclusion, MISSING_RATES, QueuedItem, ReviewDecision, ReviewStatus,
    ReviewUpdate, Version,
};
use crate::store::{ItemRefusal, StoreError, StoreResult};

/// The person named in items that a version settled because they no longer hold.
pub const AUTOMATIC: &str = PROGRAM;

/// Checks that a person's decision changes a review item.
///
/// Errors: no such item; the item has that status already; it is settled and not to be reopened, or
/// open and to be reopened.
pub fn check_decision(decision: &ReviewDecision, item: Option<&QueuedItem>) -> StoreResult<()> {
    let (id, wanted) = (decision.id, decision.status);
    let status = item.ok_or(StoreError::NoItem(id))?.status;
    let is_open = matches!(status, ReviewStatus::Pending | ReviewStatus::InProgress);
    let refused = match (is_open, wanted) {
        _ if status == wanted => ItemRefusal::Already(status),
        (true, ReviewStatus::Pending) => ItemRefusal::Open(status),
        (true, _) | (false, ReviewStatus::Pending) => return Ok(()),
        (false, _) => ItemRefusal::Settled(status),
    };
    Err(StoreError::Item(id, refused))
}

/// One change of the review queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum ReviewChange<'a> {
    /// Opens a new item.
    Open(&'a ReviewItem),
    /// Updates the facts of an open item.
    Refresh(i64, &'a ReviewItem),
    /// Reopens a settled item that holds again.
    Reopen(i64, &'a ReviewItem),
    /// Settles an item that no longer holds; has the text of the settlement.
    Settle(&'a QueuedItem, String),
}

impl ReviewChange<'_> {
    /// Returns the audit trail's event about the change, once the item has a number.
    pub(in crate::store) fn event(&self, id: i64, version: Version, at: Timestamp) -> Event {
        let (kind, pool, order_id) = match self {
            Self::Open(item) => (EventKind::ReviewOpened, &item.pool, &item.order_id),
            Self::Refresh(_, item) => (EventKind::ReviewRefreshed, &item.pool, &item.order_id),
            Self::Reopen(_, item) => (EventKind::ReviewReopened, &item.pool, &item.order_id),
            Self::Settle(item, _) => (EventKind::ReviewResolved, &item.pool, &item.order_id),
        };
        Event {
            pool: Some(pool.clone()),
            version: Some(version),
            ..Event::info(kind, at, json!({ "id": id, "order_id": order_id }))
        }
    }
}

/// Returns the audit trail's event about a person's decision about an item.
pub(in crate::store) fn decision_event(decision: &ReviewDecision, item: &QueuedItem) -> Event {
    let details = json!({ "id": item.id, "order_id": item.order_id, "note": decision.note,
        "by": decision.by });
    Event {
        pool: Some(item.pool.clone()),
        version: Some(item.version),
        ..Event::info(decision.event_kind(), decision.at, details)
    }
}

/// Returns the audit trail's event about a pool that is excluded, or included again.
pub(in crate::store) fn exclusion_event(exclusion: &Exclusion, excluded: bool) -> Event {
    let kind = match excluded {
        true => EventKind::ReviewExcluded,
        false => EventKind::ReviewIncluded,
    };
    let details = json!({ "reason": exclusion.reason, "by": exclusion.decided_by });
    Event {
        pool: Some(exclusion.pool.clone()),
        ..Event::info(kind, exclusion.decided_at, details)
    }
}

/// Kinds of audit events about a review item. Each event has the item's number.
pub const REVIEW_EVENTS: [EventKind; 7] = [
    EventKind::ReviewOpened,
    EventKind::ReviewDecided,
    EventKind::ReviewRefreshed,
    EventKind::ReviewStarted,
    EventKind::ReviewResolved,
    EventKind::ReviewDismissed,
    EventKind::ReviewReopened,
];

/// Decides how the queue changes when a version says which items hold.
///
/// A dismissed item stays dismissed while its facts are the same. An unmatched sell of a pool that
/// has no result in this version stays as it is: nobody knows whether it is matched.
pub(in crate::store) fn plan_review<'a>(
    queue: &'a [QueuedItem],
    update: &'a ReviewUpdate,
    version: Version,
) -> Vec<ReviewChange<'a>> {
    let key_of = |item: &ReviewItem| {
        let id = (item.order_id.clone(), item.leg);
        (item.pool.clone(), id, item.issue)
    };
    let queued: BTreeMap<_, _> = queue
        .iter()
        .map(|item| {
            let id = (item.order_id.clone(), item.leg);
            ((item.pool.clone(), id, item.issue), item)
        })
        .collect();
    let mut wanted = BTreeSet::new();
    let mut changes = Vec::new();
    for item in &update.items {
        // Several rows with the same question get one item.
        if !wanted.insert(key_of(item)) {
            continue;
        }
        let Some(old) = queued.get(&key_of(item)) else {
            changes.push(ReviewChange::Open(item));
            continue;
        };
        let same = is_same_json(&old.details, &details_json(item)) && old.severity == item.severity;
        match old.status {
            ReviewStatus::Pending | ReviewStatus::InProgress if same => {}
            ReviewStatus::Pending | ReviewStatus::InProgress => {
                changes.push(ReviewChange::Refresh(old.id, item));
            }
            ReviewStatus::Dismissed if same => {}
            ReviewStatus::Dismissed | ReviewStatus::Resolved => {
                changes.push(ReviewChange::Reopen(old.id, item));
            }
        }
    }
    for (key, old) in queued {
        let settles = update.settles(&old.pool, old.issue);
        if old.status.is_open() && settles && !wanted.contains(&key) {
            let resolution = match old.issue {
                // Matched, voided, or not in the ledger any more: the queue is not told which.
                IssueType::UnmatchedSell => format!("no longer unmatched in version {version}"),
                _ => format!("no longer found in version {version}"),
            };
            changes.push(ReviewChange::Settle(old, resolution));
        }
    }
    changes
}

/// Returns an item's details as JSON text, the same for equal facts.
pub fn details_json(item: &ReviewItem) -> String {
    let facts = item.details.iter();
    let mut map: serde_json::Map<String, serde_json::Value> = facts
        .map(|(name, value)| ((*name).into(), value.clone().into()))
        .collect();
    if !item.missing.is_empty() {
        let rate = |rate: &MissingRate| {
            json!({ "asset": rate.asset.as_str(), "day": rate.day(),
                "at": rate.at.to_string(), "purpose": rate.purpose.as_str() })
        };
        map.insert(
            MISSING_RATES.into(),
            item.missing.iter().map(rate).collect(),
        );
    }
    serde_json::Value::Object(map).to_string()
}

/// Compares JSON texts by value, because a database may store them in another spelling.
fn is_same_json(left: &str, right: &str) -> bool {
    let parse = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    left == right || (parse(left).is_some() && parse(left) == parse(right))
}
