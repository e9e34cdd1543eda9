//! Where allocations came from, the audit trail read back, and decisions about review items.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::errors::from_sqlx;
use super::raw::with_raw;
use super::read::select;
use super::{SqliteStore, commit, queue, runs};
use crate::engine::{Account, Timestamp};
use crate::store::cells::{self, Cells};
use crate::store::model::{Event, ImportedFile, LoggedEvent, ReviewDecision, Version};
use crate::store::rules::check_decision;
use crate::store::{SourcedSink, StoreResult};

/// Gives each row of a version to `sink` with the origin of its trades, in canonical order.
pub(super) async fn sourced_rows(
    store: &SqliteStore,
    version: Version,
    account: Option<&Account>,
    sink: &mut dyn SourcedSink,
) -> StoreResult<u64> {
    let files = imports(store).await?;
    let files: BTreeMap<i64, Arc<str>> = files
        .into_iter()
        .map(|file| (file.id, Arc::from(file.name)))
        .collect();
    let columns: Vec<&str> = [cells::ALLOCATION, cells::ORIGIN].concat();
    let from = "fifo_allocations \
         LEFT JOIN (SELECT account AS sell_account, order_id AS sell_id, source AS sell_source, \
             import_id AS sell_import, import_line AS sell_line FROM trade_records) \
             ON sell_account = account AND sell_id = sell_order_id \
         LEFT JOIN (SELECT account AS buy_account, order_id AS buy_id, source AS buy_source, \
             import_id AS buy_import, import_line AS buy_line FROM trade_records) \
             ON buy_account = account AND buy_id = buy_order_id \
         WHERE allocation_version = ?1 AND (?2 IS NULL OR account = ?2) \
         ORDER BY account, symbol, id";
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "export a version", |raw| {
        let arguments = rusqlite::params![version, account.map(Account::as_str)];
        let mut rows = 0;
        let mut reader = cells::SourcedReader::new(&files);
        select(raw, &columns, from, arguments, &mut |row| {
            rows += 1;
            cells::give_sourced(reader.read(row)?, sink)
        })?;
        Ok(rows)
    })
    .await
}

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
    let mut connection = store.reader().await?;
    let mut events = Vec::new();
    with_raw(&mut connection, "read the audit trail", |raw| {
        let columns = ["event_type", "event_time", "allocation_version", "details"];
        let from = "event_log WHERE event_type IN (SELECT value FROM json_each(?1)) ORDER BY id";
        let arguments = [json!(kinds).to_string()];
        select(raw, &columns, from, arguments, &mut |row| {
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
    let items = queue::read(&mut transaction).await?;
    let found = items.iter().find(|item| item.id == decision.id);
    check_decision(decision, found)?;
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
