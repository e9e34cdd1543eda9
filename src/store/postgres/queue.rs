//! The review queue and the excluded pools in PostgreSQL.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{PgConnection, Row};

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::{PostgresStore, commit, runs};
use crate::engine::{ReviewItem, Timestamp};
use crate::store::StoreResult;
use crate::store::cells;
use crate::store::model::{Event, Exclusion, QueuedItem, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};

/// Lists the queue: open items first, the most urgent first.
pub(super) async fn list(store: &PostgresStore) -> StoreResult<Vec<QueuedItem>> {
    let mut connection = store.reader().await?;
    read(&mut connection).await
}

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

/// Applies what a version says about the queue, in the transaction that says it.
pub(super) async fn update(
    connection: &mut PgConnection,
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
        runs::log_event(connection, &event).await?;
    }
    Ok(())
}

/// Makes a change, and returns the number of its item.
async fn apply(
    connection: &mut PgConnection,
    change: &ReviewChange,
    version: Version,
    at: Timestamp,
) -> StoreResult<i64> {
    let query = match change {
        ReviewChange::Open(item) => sqlx::query(
            "INSERT INTO manual_review_queue (severity, description, details, \
             allocation_version, updated_at, order_id, issue_type, account, symbol, status, \
             created_at) VALUES ($1, $2, $3::jsonb, $4, $5::timestamptz, $6, $7, $8, $9, \
             'pending', $5::timestamptz) RETURNING id",
        )
        .bind(item.severity.as_str())
        .bind(&item.description)
        .bind(details_json(item))
        .bind(version)
        .bind(at.to_string())
        .bind(&item.order_id)
        .bind(item.issue.as_str())
        .bind(item.pool.account.as_str())
        .bind(item.pool.symbol.as_str()),
        ReviewChange::Refresh(id, item) => bind_update(
            "UPDATE manual_review_queue SET severity = $1, description = $2, details = $3::jsonb, \
             allocation_version = $4, updated_at = $5::timestamptz WHERE id = $6 RETURNING id",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Reopen(id, item) => bind_update(
            "UPDATE manual_review_queue SET severity = $1, description = $2, details = $3::jsonb, \
             allocation_version = $4, updated_at = $5::timestamptz, status = 'pending', \
             resolution = NULL, resolved_at = NULL, resolved_by = NULL WHERE id = $6 RETURNING id",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Settle(id, resolution) => sqlx::query(
            "UPDATE manual_review_queue SET status = 'resolved', resolution = $1, \
             resolved_at = $2::timestamptz, updated_at = $2::timestamptz, resolved_by = $3 \
             WHERE id = $4 RETURNING id",
        )
        .bind(resolution)
        .bind(at.to_string())
        .bind(AUTOMATIC)
        .bind(*id),
    };
    let row = query.fetch_one(connection).await;
    row.and_then(|row| row.try_get(0))
        .map_err(|e| from_sqlx("update the review queue", e))
}

type PgQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind_update<'q>(
    sql: &'static str,
    id: i64,
    item: &'q ReviewItem,
    version: Version,
    at: Timestamp,
) -> PgQuery<'q> {
    sqlx::query(sql)
        .bind(item.severity.as_str())
        .bind(&item.description)
        .bind(details_json(item))
        .bind(version)
        .bind(at.to_string())
        .bind(id)
}

/// Lists the pools excluded at present.
pub(super) async fn exclusions(store: &PostgresStore) -> StoreResult<Vec<Exclusion>> {
    let mut connection = store.reader().await?;
    let from = "review_exclusions e WHERE excluded AND NOT EXISTS \
         (SELECT 1 FROM review_exclusions f WHERE f.account = e.account \
         AND f.symbol = e.symbol AND f.id > e.id) ORDER BY account, symbol";
    let rows = select(cells::EXCLUSION, from)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx("read the excluded pools", e))?;
    rows.iter()
        .map(|row| cells::exclusion(&PgCells(row)))
        .collect()
}

/// Appends a decision about a pool.
pub(super) async fn set_exclusion(
    store: &PostgresStore,
    exclusion: &Exclusion,
    excluded: bool,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let pool = &exclusion.pool;
    sqlx::query(
        "INSERT INTO review_exclusions (account, symbol, excluded, reason, decided_by, \
         decided_at) VALUES ($1, $2, $3, $4, $5, $6::timestamptz)",
    )
    .bind(pool.account.as_str())
    .bind(pool.symbol.as_str())
    .bind(excluded)
    .bind(&exclusion.reason)
    .bind(&exclusion.decided_by)
    .bind(exclusion.decided_at.to_string())
    .execute(&mut *transaction)
    .await
    .map_err(|e| from_sqlx("exclude a pool", e))?;
    let kind = if excluded {
        "review_excluded"
    } else {
        "review_included"
    };
    let details = json!({ "reason": exclusion.reason, "by": exclusion.decided_by });
    let event = Event {
        pool: Some(pool.clone()),
        ..Event::info(kind, exclusion.decided_at, details)
    };
    runs::log_event(&mut transaction, &event).await?;
    commit(transaction).await
}
