//! The review queue and the excluded pools in PostgreSQL.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::PgConnection;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::log;
use crate::engine::{ReviewItem, Timestamp};
use crate::store::model::{Event, QueuedItem, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};
use crate::store::{StoreError, StoreResult, cells};

/// Lists the queue inside a transaction.
pub(super) async fn read(connection: &mut PgConnection) -> StoreResult<Vec<QueuedItem>> {
    let from = "manual_review_queue ORDER BY status IN ('resolved', 'dismissed'), \
         CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 \
         ELSE 3 END, account, symbol, id";
    let rows = select(cells::QUEUED_ITEM, from)
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx("read the review queue", e))?;
    rows.iter()
        .map(|row| cells::queued_item(&PgCells(row)))
        .collect()
}

/// Reads an item inside a transaction.
pub(super) async fn item(
    connection: &mut PgConnection,
    id: i64,
) -> StoreResult<Option<QueuedItem>> {
    let row = select(cells::QUEUED_ITEM, "manual_review_queue WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(|e| from_sqlx("read a review item", e))?;
    row.map(|row| cells::queued_item(&PgCells(&row)))
        .transpose()
}

/// Changes that one statement makes: more take another one, so that no statement grows without end.
const CHANGES_AT_ONCE: usize = 10_000;

/// Applies what a version says about the queue, in the transaction that says it.
///
/// The transaction is short: it makes no round trip an item.
pub(super) async fn update(
    connection: &mut PgConnection,
    update: &ReviewUpdate,
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let queue = read(connection).await?;
    let by_id: BTreeMap<i64, &QueuedItem> = queue.iter().map(|item| (item.id, item)).collect();
    for changes in plan_review(&queue, update, version).chunks(CHANGES_AT_ONCE) {
        let mut opened = open(connection, changes, version, at).await?.into_iter();
        set_facts(connection, changes, version, at).await?;
        settle(connection, changes, at).await?;
        let mut events = Vec::new();
        for change in changes {
            let (kind, id) = match change {
                ReviewChange::Open(_) => ("review_opened", opened.next()),
                ReviewChange::Refresh(id, _) => ("review_refreshed", Some(*id)),
                ReviewChange::Reopen(id, _) => ("review_reopened", Some(*id)),
                ReviewChange::Settle(id, _) => ("review_resolved", Some(*id)),
            };
            let old = id.and_then(|id| by_id.get(&id));
            let (pool, order_id) = match change {
                ReviewChange::Open(item)
                | ReviewChange::Refresh(_, item)
                | ReviewChange::Reopen(_, item) => (&item.pool, &item.order_id),
                ReviewChange::Settle(..) => match old {
                    Some(old) => (&old.pool, &old.order_id),
                    None => continue,
                },
            };
            events.push(Event {
                pool: Some(pool.clone()),
                version: Some(version),
                ..Event::info(kind, at, json!({ "id": id, "order_id": order_id }))
            });
        }
        log::log_events(connection, &events).await?;
    }
    Ok(())
}

const UPDATE: &str = "update the review queue";

/// The facts of items, column by column.
#[derive(Default)]
struct Facts<'a> {
    severities: Vec<&'static str>,
    descriptions: Vec<&'a str>,
    details: Vec<String>,
}

impl<'a> Facts<'a> {
    fn push(&mut self, item: &'a ReviewItem) {
        self.severities.push(item.severity.as_str());
        self.descriptions.push(&item.description);
        self.details.push(details_json(item));
    }
}

/// Opens items, in their order. Returns their numbers, in the same order.
async fn open(
    connection: &mut PgConnection,
    changes: &[ReviewChange],
    version: Version,
    at: Timestamp,
) -> StoreResult<Vec<i64>> {
    let mut facts = Facts::default();
    let (mut order_ids, mut issues) = (Vec::new(), Vec::new());
    let (mut accounts, mut symbols) = (Vec::new(), Vec::new());
    for change in changes {
        let ReviewChange::Open(item) = change else {
            continue;
        };
        facts.push(item);
        order_ids.push(item.order_id.as_str());
        issues.push(item.issue.as_str());
        accounts.push(item.pool.account.as_str());
        symbols.push(item.pool.symbol.as_str());
    }
    if order_ids.is_empty() {
        return Ok(Vec::new());
    }
    let opened = order_ids.len();
    let ids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO manual_review_queue (severity, description, details, allocation_version, \
         updated_at, order_id, issue_type, account, symbol, status, created_at) \
         SELECT severity, description, details::jsonb, $1, $2::timestamptz, order_id, issue_type, \
         account, symbol, 'pending', $2::timestamptz \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
         $9::text[]) WITH ORDINALITY AS u (severity, description, details, order_id, issue_type, \
         account, symbol, n) ORDER BY n RETURNING id",
    )
    .bind(version)
    .bind(at.to_string())
    .bind(facts.severities)
    .bind(facts.descriptions)
    .bind(facts.details)
    .bind(order_ids)
    .bind(issues)
    .bind(accounts)
    .bind(symbols)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(UPDATE, e))?;
    check_changed(opened, ids.len())?;
    Ok(ids)
}

/// Writes the facts of items that stand in the queue, and opens those that were settled.
async fn set_facts(
    connection: &mut PgConnection,
    changes: &[ReviewChange],
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let mut facts = Facts::default();
    let (mut ids, mut reopens) = (Vec::new(), Vec::new());
    for change in changes {
        let (ReviewChange::Refresh(id, item) | ReviewChange::Reopen(id, item)) = change else {
            continue;
        };
        facts.push(item);
        ids.push(*id);
        reopens.push(matches!(change, ReviewChange::Reopen(..)));
    }
    if ids.is_empty() {
        return Ok(());
    }
    let wanted = ids.len();
    let done = sqlx::query(
        "UPDATE manual_review_queue q SET severity = u.severity, description = u.description, \
         details = u.details::jsonb, allocation_version = $1, updated_at = $2::timestamptz, \
         status = CASE WHEN u.reopens THEN 'pending' ELSE q.status END, \
         resolution = CASE WHEN u.reopens THEN NULL ELSE q.resolution END, \
         resolved_at = CASE WHEN u.reopens THEN NULL ELSE q.resolved_at END, \
         resolved_by = CASE WHEN u.reopens THEN NULL ELSE q.resolved_by END \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::boolean[]) \
             AS u (severity, description, details, id, reopens) WHERE q.id = u.id",
    )
    .bind(version)
    .bind(at.to_string())
    .bind(facts.severities)
    .bind(facts.descriptions)
    .bind(facts.details)
    .bind(ids)
    .bind(reopens)
    .execute(connection)
    .await
    .map_err(|e| from_sqlx(UPDATE, e))?;
    check_changed(wanted, done.rows_affected() as usize)
}

/// Settles items that no longer hold.
async fn settle(
    connection: &mut PgConnection,
    changes: &[ReviewChange],
    at: Timestamp,
) -> StoreResult<()> {
    let settled = changes.iter().filter_map(|change| match change {
        ReviewChange::Settle(id, resolution) => Some((*id, resolution.as_str())),
        _ => None,
    });
    let (ids, resolutions): (Vec<i64>, Vec<&str>) = settled.unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let wanted = ids.len();
    let done = sqlx::query(
        "UPDATE manual_review_queue q SET status = 'resolved', resolution = u.resolution, \
         resolved_at = $1::timestamptz, updated_at = $1::timestamptz, resolved_by = $2 \
         FROM unnest($3::bigint[], $4::text[]) AS u (id, resolution) WHERE q.id = u.id",
    )
    .bind(at.to_string())
    .bind(AUTOMATIC)
    .bind(ids)
    .bind(resolutions)
    .execute(connection)
    .await
    .map_err(|e| from_sqlx(UPDATE, e))?;
    check_changed(wanted, done.rows_affected() as usize)
}

/// Refuses to go on where an item that was read a moment ago is gone.
fn check_changed(wanted: usize, changed: usize) -> StoreResult<()> {
    if changed == wanted {
        return Ok(());
    }
    Err(StoreError::Database {
        action: UPDATE,
        message: format!("{wanted} items were to change, {changed} did"),
        source: None,
    })
}
