//! Where allocations came from, the audit trail read back, and decisions about review items.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use serde_json::json;

use super::errors::from_sqlx;
use super::read::{PgCells, select};
use super::{PostgresStore, commit, queue, runs};
use crate::engine::{Account, Timestamp};
use crate::store::cells;
use crate::store::model::{Event, ImportedFile, LoggedEvent, ReviewDecision, Version};
use crate::store::rules::check_decision;
use crate::store::{SourcedSink, StoreResult};

/// Gives each row of a version to `sink` with the origin of its trades, in canonical order.
pub(super) async fn sourced_rows(
    store: &PostgresStore,
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
    // What another program keeps has no files of ours: of its rows there is no origin to tell.
    let trades = store.ledger.additions();
    let from = format!(
        "fifo_allocations \
         LEFT JOIN (SELECT account AS sell_account, order_id AS sell_id, source AS sell_source, \
             import_id AS sell_import, import_line AS sell_line FROM {trades}) s \
             ON sell_account = account AND sell_id = sell_order_id \
         LEFT JOIN (SELECT account AS buy_account, order_id AS buy_id, source AS buy_source, \
             import_id AS buy_import, import_line AS buy_line FROM {trades}) b \
             ON buy_account = account AND buy_id = buy_order_id \
         WHERE allocation_version = $1 AND ($2::text IS NULL OR account = $2) \
         ORDER BY account, symbol, id"
    );
    let mut connection = store.reader().await?;
    let mut rows = select(&columns, &from)
        .bind(version)
        .bind(account.map(Account::as_str))
        .fetch(&mut *connection);
    let mut reader = cells::SourcedReader::new(&files);
    let mut count = 0;
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(|e| from_sqlx("export a version", e))?
    {
        count += 1;
        cells::give_sourced(reader.read(&PgCells(&row))?, sink)?;
    }
    Ok(count)
}

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

/// Lists events of some kinds, oldest first.
pub(super) async fn events_of(
    store: &PostgresStore,
    kinds: &[&str],
) -> StoreResult<Vec<LoggedEvent>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(String, i64, Option<i64>, String)> = sqlx::query_as(
        "SELECT event_type, (extract(epoch FROM event_time) * 1000000)::bigint, \
         allocation_version::bigint, details::text FROM event_log \
         WHERE event_type = ANY (string_to_array($1, ',')) ORDER BY id",
    )
    .bind(kinds.join(","))
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
    let items = queue::read(&mut transaction).await?;
    let found = items.iter().find(|item| item.id == decision.id);
    check_decision(decision, found)?;
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
