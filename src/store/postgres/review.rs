//! The review queue, decisions about its items, and the excluded pools in PostgreSQL.

use async_trait::async_trait;
use serde_json::json;

use super::cells::{PgCells, select};
use super::errors::from_sqlx;
use super::{PostgresStore, commit, log, plans, queue};
use crate::store::model::{Event, Exclusion, QueuedItem, ReviewDecision};
use crate::store::rules::check_decision;
use crate::store::{ReviewStore, StoreResult, cells};

#[async_trait]
impl ReviewStore for PostgresStore {
    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>> {
        self.named(async {
            let mut connection = self.reader().await?;
            queue::read(&mut connection).await
        })
        .await
    }

    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            plans::look_up(&mut transaction).await?;
            let found = queue::item(&mut transaction, decision.id).await?;
            check_decision(decision, found.as_ref())?;
            let Some(item) = found else { return Ok(()) };
            let is_open = decision.status.is_open();
            sqlx::query(
                "UPDATE manual_review_queue SET status = $1, updated_at = $2::timestamptz, \
                 resolution = $3, resolved_at = $4::timestamptz, resolved_by = $5 WHERE id = $6",
            )
            .bind(decision.status.as_str())
            .bind(decision.at.to_string())
            .bind((!is_open).then_some(&decision.note))
            .bind((!is_open).then(|| decision.at.to_string()))
            .bind((!is_open).then_some(&decision.by))
            .bind(decision.id)
            .execute(&mut *transaction)
            .await
            .map_err(|e| from_sqlx("decide about a review item", e))?;
            let details = json!({ "id": item.id, "order_id": item.order_id, "note": decision.note,
                "by": decision.by });
            let event = Event {
                pool: Some(item.pool.clone()),
                version: Some(item.version),
                ..Event::info(decision.event_kind(), decision.at, details)
            };
            log::log_event(&mut transaction, &event).await?;
            commit(transaction).await
        })
        .await
    }

    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>> {
        self.named(async {
            let mut connection = self.reader().await?;
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
        })
        .await
    }

    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
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
            log::log_event(&mut transaction, &event).await?;
            commit(transaction).await
        })
        .await
    }
}
