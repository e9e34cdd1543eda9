//! Imported files, the audit trail read back, and decisions about review items.

use serde_json::json;

use super::errors::from_sqlx;
use super::{PostgresStore, commit, ledger, plans, queue, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::cells;
use crate::store::model::{
    Event, ImportedFile, LoggedEvent, NamedTrade, ReviewDecision, TradeIds, Watermark,
};
use crate::store::rules::{REVIEW_EVENTS, check_decision};

/// Lists the imported files.
pub(super) async fn imports(store: &PostgresStore) -> StoreResult<Vec<ImportedFile>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(i64, String, String, i64, i64)> = sqlx::query_as(
        "SELECT id, name, sha256, rows::bigint, \
         (extract(epoch FROM imported_at) * 1000000)::bigint FROM imports ORDER BY id",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("list the imported files", e))?;
    Ok(rows.into_iter().map(cells::imported_file).collect())
}

/// Looks executions up by account and order id.
pub(super) async fn trades_named(
    store: &PostgresStore,
    ids: &TradeIds,
    as_of: Option<&Watermark>,
) -> StoreResult<Vec<NamedTrade>> {
    let then = match as_of {
        Some(as_of) => Some(ledger::seen_and_voided(store, as_of).await?),
        None => None,
    };
    let (snapshot, voided) = then.unzip();
    let accounts: Vec<&str> = ids.iter().map(|(account, _)| &**account).collect();
    let order_ids: Vec<&str> = ids.iter().map(|(_, id)| &**id).collect();
    let mut connection = store.reader().await?;
    type Row = (String, String, String, String, Option<i64>, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT t.account, t.order_id, t.symbol, t.side, CASE WHEN isfinite(t.order_time) \
                THEN (extract(epoch FROM t.order_time) * 1000000)::bigint END, \
                t.void_seq IS NOT NULL \
         FROM eligible_trades t JOIN (SELECT DISTINCT account COLLATE \"C\" AS account, \
              id COLLATE \"C\" AS id FROM unnest($1::text[], $2::text[]) AS u (account, id)) i \
           ON t.account = i.account AND t.order_id = i.id \
         WHERE $3::text IS NULL OR pg_visible_in_snapshot(t.ingest_xid, $3::pg_snapshot) \
         ORDER BY i.account, i.id",
    )
    .bind(&accounts)
    .bind(&order_ids)
    .bind(&snapshot)
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("look trades up", e))?;
    let trade = |(account, id, symbol, side, micros, is_voided): Row| {
        let names = (&*account, &*id, &*symbol);
        let key = (names.0.to_owned(), names.1.to_owned());
        let is_voided = voided.as_ref().map_or(is_voided, |of| of.contains(&key));
        cells::named_trade(names, &side, micros, is_voided)
    };
    Ok(rows.into_iter().filter_map(trade).collect())
}

/// Lists events of some kinds, oldest first.
pub(super) async fn events_of(
    store: &PostgresStore,
    kinds: &[&str],
) -> StoreResult<Vec<LoggedEvent>> {
    events(store, kinds, None).await
}

/// Lists what was done about a review item, oldest first.
pub(super) async fn item_history(store: &PostgresStore, id: i64) -> StoreResult<Vec<LoggedEvent>> {
    events(store, &REVIEW_EVENTS, Some(id)).await
}

async fn events(
    store: &PostgresStore,
    kinds: &[&str],
    item: Option<i64>,
) -> StoreResult<Vec<LoggedEvent>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(String, i64, Option<i64>, String)> = sqlx::query_as(
        "SELECT event_type, (extract(epoch FROM event_time) * 1000000)::bigint, \
         allocation_version::bigint, details::text FROM event_log \
         WHERE event_type = ANY (string_to_array($1, ',')) \
         AND ($2::bigint IS NULL OR details -> 'id' = to_jsonb($2::bigint)) ORDER BY id",
    )
    .bind(kinds.join(","))
    .bind(item)
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("read the audit trail", e))?;
    let event = |(kind, at, version, details): (String, i64, Option<i64>, String)| LoggedEvent {
        kind,
        at: Timestamp::try_from_micros(at).unwrap_or(Timestamp::EPOCH),
        version,
        details: serde_json::from_str(&details).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Applies a decision about a review item, with its event.
pub(super) async fn decide_review(
    store: &PostgresStore,
    decision: &ReviewDecision,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
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
    runs::log_event(&mut transaction, &event).await?;
    commit(transaction).await
}
