//! Reads the review queue, and applies a version's update of it.

use super::{Argument, Driver, Rows, arguments, list, runs};
use crate::engine::{ReviewItem, Timestamp};
use crate::store::cells;
use crate::store::model::{QueuedItem, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};
use crate::store::{StoreError, StoreResult};

/// Reads the queue inside a transaction: open items first, most urgent first.
pub(in crate::store) async fn read<C: Driver>(connection: &mut C) -> StoreResult<Vec<QueuedItem>> {
    let from = "manual_review_queue ORDER BY status IN ('resolved', 'dismissed'), \
         CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 \
         ELSE 3 END, account, asset, id";
    let selected = (cells::QUEUED_ITEM, from);
    let action = "read the review queue";
    list(connection, action, selected, &[], cells::queued_item).await
}

/// Reads an item inside a transaction.
pub(in crate::store) async fn item<C: Driver>(
    connection: &mut C,
    id: i64,
) -> StoreResult<Option<QueuedItem>> {
    let selected = (cells::QUEUED_ITEM, "manual_review_queue WHERE id = $1");
    let (action, arguments) = ("read a review item", arguments![id]);
    let items = list(connection, action, selected, &arguments, cells::queued_item);
    Ok(items.await?.pop())
}

const UPDATE: &str = "update the review queue";

/// Applies a version's update of the queue, in the transaction of that version.
pub(in crate::store) async fn update<C: Driver>(
    connection: &mut C,
    update: &ReviewUpdate,
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let queue = read(connection).await?;
    let changes = plan_review(&queue, update, version);
    let mut opened = open(connection, &changes, version, at).await?.into_iter();
    set(connection, &changes, version, at).await?;
    let events = changes.iter().filter_map(|change| {
        let id = match change {
            ReviewChange::Open(_) => opened.next()?,
            ReviewChange::Refresh(id, _) | ReviewChange::Reopen(id, _) => *id,
            ReviewChange::Settle(item, _) => item.id,
        };
        Some(change.event(id, version, at))
    });
    runs::log_events(connection, &events.collect::<Vec<_>>()).await
}

const QUEUE: &str = "manual_review_queue";

/// The columns of an item's facts, after its id.
const FACTS: &str = "id, severity, description, details, allocation_version, updated_at";

fn facts(id: i64, item: &ReviewItem, version: Version, at: Timestamp) -> Vec<Argument<'_>> {
    let details = Argument::Json(details_json(item).into());
    let severity = item.severity.as_str();
    arguments![id, severity, &item.description, details, version, at].into()
}

/// Inserts the new items. Returns their ids, in the order of the changes.
async fn open<C: Driver>(
    connection: &mut C,
    changes: &[ReviewChange<'_>],
    version: Version,
    at: Timestamp,
) -> StoreResult<Vec<i64>> {
    let opened = changes.iter().filter_map(|change| {
        let ReviewChange::Open(item) = change else {
            return None;
        };
        let mut row = facts(0, item, version, at).split_off(1);
        let (order_id, issue) = (&item.order_id, item.issue.as_str());
        let (account, asset) = (item.pool.account.as_str(), item.pool.asset.as_str());
        row.extend(arguments![order_id, issue, account, asset, "pending", at]);
        row.extend(arguments![item.symbol.as_str(), item.leg.as_str()]);
        Some(row)
    });
    let columns = "severity, description, details, allocation_version, updated_at, order_id, \
         issue_type, account, asset, status, created_at, symbol, leg";
    let rows = Rows::of(QUEUE, columns, opened.collect());
    let ids = connection.insert(UPDATE, &rows).await?;
    check_changed(rows.rows.len(), ids.len() as u64)?;
    Ok(ids)
}

/// Updates the items that are refreshed, reopened or settled.
async fn set<C: Driver>(
    connection: &mut C,
    changes: &[ReviewChange<'_>],
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let reopened_columns = format!("{FACTS}, status, resolution, resolved_at, resolved_by");
    let settled_columns = "id, status, resolution, resolved_at, updated_at, resolved_by";
    let (mut refreshed, mut reopened, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        match change {
            ReviewChange::Open(_) => {}
            ReviewChange::Refresh(id, item) => refreshed.push(facts(*id, item, version, at)),
            ReviewChange::Reopen(id, item) => {
                let mut row = facts(*id, item, version, at);
                let (nothing, never) = (Argument::Text(None), Argument::Time(None));
                row.extend(arguments!["pending", nothing.clone(), never, nothing]);
                reopened.push(row);
            }
            ReviewChange::Settle(item, resolution) => {
                let row = arguments![item.id, "resolved", resolution, at, at, AUTOMATIC];
                settled.push(row.into());
            }
        }
    }
    let refreshed = Rows::of(QUEUE, FACTS, refreshed);
    let reopened = Rows::of(QUEUE, &reopened_columns, reopened);
    let settled = Rows::of(QUEUE, settled_columns, settled);
    for rows in [refreshed, reopened, settled] {
        let changed = connection.update(UPDATE, &rows).await?;
        check_changed(rows.rows.len(), changed)?;
    }
    Ok(())
}

/// Checks the number of changed items. Errors: an item is gone that was there a moment ago.
fn check_changed(wanted: usize, changed: u64) -> StoreResult<()> {
    if changed == wanted as u64 {
        return Ok(());
    }
    Err(StoreError::Database {
        action: UPDATE,
        message: format!("{wanted} items were to change, {changed} did"),
        source: None,
    })
}
