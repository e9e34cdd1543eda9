//! The review queue and the excluded pools in PostgreSQL.

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{Row, PgConnection};

use super::errors::from_sqlx;
use super::{PostgresStore, commit, runs};
use crate::engine::{Account, Pool, ReviewItem, Symbol, Timestamp};
use crate::store::model::{Event, Exclusion, QueuedItem, ReviewStatus, ReviewUpdate, Version};
use crate::store::rules::{AUTOMATIC, ReviewChange, details_json, plan_review};
use crate::store::{StoreError, StoreResult};

const TABLE: &str = "manual_review_queue";

/// Lists the queue: open items first, the most urgent first.
pub(super) async fn list(store: &PostgresStore) -> StoreResult<Vec<QueuedItem>> {
    let mut connection = store.reader().await?;
    read(&mut connection).await
}

async fn read(connection: &mut PgConnection) -> StoreResult<Vec<QueuedItem>> {
    let rows = sqlx::query(
        "SELECT * FROM manual_review_queue ORDER BY status IN ('resolved', 'dismissed'), \
         CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 \
         ELSE 3 END, account, symbol, id",
    )
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("read the review queue", e))?;
    rows.iter().map(item).collect()
}

fn item(row: &PgRow) -> StoreResult<QueuedItem> {
    let text = |column: &'static str| -> StoreResult<String> {
        row.try_get(column)
            .map_err(|e| from_sqlx("read the review queue", e))
    };
    let optional = |column: &'static str| -> StoreResult<Option<String>> {
        row.try_get(column)
            .map_err(|e| from_sqlx("read the review queue", e))
    };
    let time = |column: &'static str| -> StoreResult<Option<Timestamp>> {
        let micros: Option<i64> = row
            .try_get(column)
            .map_err(|e| from_sqlx("read the review queue", e))?;
        Ok(micros.and_then(|micros| Timestamp::try_from_micros(micros).ok()))
    };
    let number = |column: &'static str| -> StoreResult<i64> {
        row.try_get(column)
            .map_err(|e| from_sqlx("read the review queue", e))
    };
    let unreadable = |column, found: String| StoreError::Unreadable {
        table: TABLE,
        column,
        found,
    };
    let (issue, severity, status) = (text("issue_type")?, text("severity")?, text("status")?);
    Ok(QueuedItem {
        id: number("id")?,
        pool: pool(&text("account")?, &text("symbol")?),
        order_id: text("order_id")?,
        issue: issue
            .parse()
            .map_err(|_| unreadable("issue_type", issue.clone()))?,
        severity: severity
            .parse()
            .map_err(|_| unreadable("severity", severity.clone()))?,
        status: ReviewStatus::from_text(&status)
            .ok_or_else(|| unreadable("status", status.clone()))?,
        description: text("description")?,
        resolution: optional("resolution")?,
        created_at: time("created_at")?.unwrap_or(Timestamp::EPOCH),
        updated_at: time("updated_at")?.unwrap_or(Timestamp::EPOCH),
        resolved_at: time("resolved_at")?,
        resolved_by: optional("resolved_by")?,
        version: number("allocation_version")?,
        details: text("details")?,
    })
}

/// Names a pool as the database has it.
pub(super) fn pool(account: &str, symbol: &str) -> Pool {
    Pool::new(
        account
            .parse()
            .unwrap_or_else(|_| Account::unreadable(account)),
        symbol
            .parse()
            .unwrap_or_else(|_| Symbol::unreadable(symbol)),
    )
}

/// Applies what a version says about the queue, in the transaction that says it.
pub(super) async fn update(
    connection: &mut PgConnection,
    update: &ReviewUpdate,
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let queue = read(connection).await?;
    for change in plan_review(&queue, update, version) {
        let (kind, pool, order_id) = match &change {
            ReviewChange::Open(item) => ("review_opened", &item.pool, &item.order_id),
            ReviewChange::Refresh(_, item) => ("review_refreshed", &item.pool, &item.order_id),
            ReviewChange::Reopen(_, item) => ("review_reopened", &item.pool, &item.order_id),
            ReviewChange::Settle(id, _) => match queue.iter().find(|item| item.id == *id) {
                Some(item) => ("review_resolved", &item.pool, &item.order_id),
                None => continue,
            },
        };
        let details = json!({ "order_id": order_id });
        let (pool, version) = (Some(pool.clone()), Some(version));
        let event = Event {
            pool,
            version,
            ..Event::info(kind, at, details)
        };
        apply(connection, &change, event.version.unwrap_or(0), at).await?;
        runs::log_event(connection, &event).await?;
    }
    Ok(())
}

async fn apply(
    connection: &mut PgConnection,
    change: &ReviewChange,
    version: Version,
    at: Timestamp,
) -> StoreResult<()> {
    let query = match change {
        ReviewChange::Open(item) => sqlx::query(
            "INSERT INTO manual_review_queue (severity, description, details, \
             allocation_version, updated_at, order_id, issue_type, account, symbol, status, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $5)",
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
             allocation_version = $4, updated_at = $5 WHERE id = $6",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Reopen(id, item) => bind_update(
            "UPDATE manual_review_queue SET severity = $1, description = $2, details = $3, \
             allocation_version = $4, updated_at = $5, status = 'pending', resolution = NULL, \
             resolved_at = NULL, resolved_by = NULL WHERE id = $6",
            *id,
            item,
            version,
            at,
        ),
        ReviewChange::Settle(id, resolution) => sqlx::query(
            "UPDATE manual_review_queue SET status = 'resolved', resolution = $1, \
             resolved_at = $2, updated_at = $2, resolved_by = $3 WHERE id = $4",
        )
        .bind(resolution)
        .bind(at.as_micros())
        .bind(AUTOMATIC)
        .bind(*id),
    };
    let done = query.execute(connection).await;
    done.map(|_| ())
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

/// Lists the pools excluded at present.
pub(super) async fn exclusions(store: &PostgresStore) -> StoreResult<Vec<Exclusion>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
        "SELECT account, symbol, reason, decided_by, decided_at FROM review_exclusions e \
         WHERE excluded = 1 AND NOT EXISTS (SELECT 1 FROM review_exclusions f \
         WHERE f.account = e.account AND f.symbol = e.symbol AND f.id > e.id) \
         ORDER BY account, symbol",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("read the excluded pools", e))?;
    let exclusion = |(account, symbol, reason, decided_by, at): (String, String, _, _, _)| {
        let decided_at = Timestamp::try_from_micros(at).unwrap_or(Timestamp::EPOCH);
        Exclusion {
            pool: pool(&account, &symbol),
            reason,
            decided_by,
            decided_at,
        }
    };
    Ok(rows.into_iter().map(exclusion).collect())
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
         decided_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(pool.account.as_str())
    .bind(pool.symbol.as_str())
    .bind(excluded)
    .bind(&exclusion.reason)
    .bind(&exclusion.decided_by)
    .bind(exclusion.decided_at.as_micros())
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
