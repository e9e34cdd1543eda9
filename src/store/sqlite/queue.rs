//! The review queue and the excluded pools in SQLite.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{Row, SqliteConnection};

use super::cells::select;
use super::errors::from_sqlx;
use super::log;
use super::raw::with_raw;
use crate::engine::{ReviewItem, Timestamp};
use crate::store::model::{Event, QueuedItem, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};
use crate::store::{StoreResult, cells};

/// Lists the queue inside a transaction.
pub(super) async fn read(connection: &mut SqliteConnection) -> StoreResult<Vec<QueuedItem>> {
    with_raw(connection, "read the review queue", |raw| {
        let mut items = Vec::new();
        let from = "manual_review_queue ORDER BY status IN ('resolved', 'dismissed'), \
             CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 \
             ELSE 3 END, account, symbol, id";
        select(raw, cells::QUEUED_ITEM, from, [], &mut |row| {
            items.push(cells::queued_item(row)?);
            Ok(())
        })?;
        Ok(items)
    })
    .await
}

/// Reads an item inside a transaction.
pub(super) async fn item(
    connection: &mut SqliteConnection,
    id: i64,
) -> StoreResult<Option<QueuedItem>> {
    with_raw(connection, "read a review item", |raw| {
        let mut found = None;
        let from = "manual_review_queue WHERE id = ?1";
        select(raw, cells::QUEUED_ITEM, from, [id], &mut |row| {
            found = Some(cells::queued_item(row)?);
            Ok(())
        })?;
        Ok(found)
    })
    .await
}

/// Applies what a version says about the queue, in the transaction that says it.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    update: &ReviewUpdate,
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let queue = read(connection).await?;
    let by_id: BTreeMap<i64, &QueuedItem> = queue.iter().map(|item| (item.id, item)).collect();
    for change in plan_review(&queue, update, version) {
        let (kind, pool, order_id) = match &change {
            ReviewChange::Open(item) => ("review_opened", &item.pool, &item.order_id),
            ReviewChange::Refresh(_, item) => ("review_refreshed", &item.pool, &item.order_id),
            ReviewChange::Reopen(_, item) => ("review_reopened", &item.pool, &item.order_id),
            ReviewChange::Settle(id, _) => match by_id.get(id) {
                Some(item) => ("review_resolved", &item.pool, &item.order_id),
                None => continue,
            },
        };
        let id = apply(connection, &change, version, at).await?;
        let event = Event {
            pool: Some(pool.clone()),
            version: Some(version),
            ..Event::info(kind, at, json!({ "id": id, "order_id": order_id }))
        };
        log::log_event(connection, &event).await?;
    }
    Ok(())
}

/// Makes a change, and returns the number of its item.
async fn apply(
    connection: &mut SqliteConnection,
    change: &ReviewChange,
    version: Version,
    at: Timestamp,
) -> StoreResult<i64> {
    let query = match change {
        ReviewChange::Open(item) => sqlx::query(
            "INSERT INTO manual_review_queue (severity, description, details, \
             allocation_version, updated_at, order_id, issue_type, account, symbol, status, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $5) \
             RETURNING id",
        )
        .bind(item.severity.as_str())
        .bind(&item.description)
        .bind(details_json(item))
        .bind(version)
        .bind(at.as_micros())
        .bind(&item.order_id)
        .bind(item.issue.as_str())
        .bind(item.pool.account.as_str())
        .bind(item.pool.symbol.as_str()),
        ReviewChange::Refresh(id, item) => bind_update(
            "UPDATE manual_review_queue SET severity = $1, description = $2, details = $3, \
             allocation_version = $4, updated_at = $5 WHERE id = $6 RETURNING id",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Reopen(id, item) => bind_update(
            "UPDATE manual_review_queue SET severity = $1, description = $2, details = $3, \
             allocation_version = $4, updated_at = $5, status = 'pending', resolution = NULL, \
             resolved_at = NULL, resolved_by = NULL WHERE id = $6 RETURNING id",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Settle(id, resolution) => sqlx::query(
            "UPDATE manual_review_queue SET status = 'resolved', resolution = $1, \
             resolved_at = $2, updated_at = $2, resolved_by = $3 WHERE id = $4 \
             RETURNING id",
        )
        .bind(resolution)
        .bind(at.as_micros())
        .bind(AUTOMATIC)
        .bind(*id),
    };
    let row = query.fetch_one(connection).await;
    row.and_then(|row| row.try_get(0))
        .map_err(|e| from_sqlx("update the review queue", e))
}

type SqliteQuery<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_update<'q>(
    sql: &'static str,
    id: i64,
    item: &'q ReviewItem,
    version: Version,
    at: Timestamp,
) -> SqliteQuery<'q> {
    sqlx::query(sql)
        .bind(item.severity.as_str())
        .bind(&item.description)
        .bind(details_json(item))
        .bind(version)
        .bind(at.as_micros())
        .bind(id)
}
