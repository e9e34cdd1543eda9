//! Imported files, the audit trail read back, and decisions about review items.

use serde_json::json;

use super::errors::from_sqlx;
use super::raw::with_raw;
use super::read::select;
use super::{SqliteStore, commit, queue, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::cells::{self, Cells};
use crate::store::model::{Event, ImportedFile, LoggedEvent, ReviewDecision};
use crate::store::rules::{REVIEW_EVENTS, check_decision};

/// Lists the imported files.
pub(super) async fn imports(store: &SqliteStore) -> StoreResult<Vec<ImportedFile>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(i64, String, String, i64, i64)> =
        sqlx::query_as("SELECT id, name, sha256, rows, imported_at FROM imports ORDER BY id")
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx("list the imported files", e))?;
    Ok(rows.into_iter().map(cells::imported_file).collect())
}

/// Lists events of some kinds, oldest first.
pub(super) async fn events_of(
    store: &SqliteStore,
    kinds: &[&str],
) -> StoreResult<Vec<LoggedEvent>> {
    events(store, kinds, "").await
}

/// Lists what was done about a review item, oldest first.
pub(super) async fn item_history(store: &SqliteStore, id: i64) -> StoreResult<Vec<LoggedEvent>> {
    let of_item = format!("AND json_extract(details, '$.id') = {id}");
    events(store, &REVIEW_EVENTS, &of_item).await
}

async fn events(store: &SqliteStore, kinds: &[&str], and: &str) -> StoreResult<Vec<LoggedEvent>> {
    let mut connection = store.reader().await?;
    let mut events = Vec::new();
    with_raw(&mut connection, "read the audit trail", |raw| {
        let columns = ["event_type", "event_time", "allocation_version", "details"];
        let from = format!(
            "event_log WHERE event_type IN (SELECT value FROM json_each(?1)) {and} ORDER BY id"
        );
        let arguments = [json!(kinds).to_string()];
        select(raw, &columns, &from, arguments, &mut |row| {
            let text = |index| row.text(index).ok().flatten().unwrap_or_default();
            let integer = |index| row.integer(index).ok().flatten();
            let at = Timestamp::try_from_micros(integer(1).unwrap_or(0));
            events.push(LoggedEvent {
                kind: text(0),
                at: at.unwrap_or(Timestamp::EPOCH),
                version: integer(2),
                details: serde_json::from_str(&text(3)).unwrap_or_default(),
            });
            Ok(())
        })
    })
    .await?;
    Ok(events)
}

/// Applies a decision about a review item, with its event.
pub(super) async fn decide_review(
    store: &SqliteStore,
    decision: &ReviewDecision,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let found = queue::item(&mut transaction, decision.id).await?;
    check_decision(decision, found.as_ref())?;
    let Some(item) = found else { return Ok(()) };
    let is_open = decision.status.is_open();
    sqlx::query(
        "UPDATE manual_review_queue SET status = $1, updated_at = $2, resolution = $3, \
         resolved_at = $4, resolved_by = $5 WHERE id = $6",
    )
    .bind(decision.status.as_str())
    .bind(decision.at.as_micros())
    .bind((!is_open).then_some(&decision.note))
    .bind((!is_open).then_some(decision.at.as_micros()))
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
