//! Imported files, the audit trail read back, and decisions about review items.

use serde_json::json;

use super::cells::select;
use super::errors::from_sqlx;
use super::raw::with_raw;
use super::{SqliteStore, commit, ledger, queue, runs};
use crate::engine::{Timestamp, is_never_executed};
use crate::store::StoreResult;
use crate::store::cells::{self, Cells};
use crate::store::model::{
    Event, ImportedFile, LoggedEvent, NamedTrade, ReviewDecision, TradeIds, Watermark,
};
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

/// Looks executions up by account and order id.
pub(super) async fn trades_named(
    store: &SqliteStore,
    ids: &TradeIds,
    as_of: Option<&Watermark>,
) -> StoreResult<Vec<NamedTrade>> {
    let now = Watermark::Sequence {
        ingest_seq: i64::MAX,
        void_seq: i64::MAX,
    };
    let as_of = as_of.unwrap_or(&now);
    let (last, _) = ledger::sequence(as_of)?;
    let voided = ledger::voided(store, as_of).await?;
    let mut connection = store.reader().await?;
    let mut trades = Vec::new();
    with_raw(&mut connection, "look trades up", |raw| {
        let columns = [
            "t.account",
            "t.order_id",
            "replace(upper(t.symbol), '/', '-')",
            "t.side",
            "t.order_time",
            "t.status",
        ];
        // Ids first: each is found by its key, however many trades there are.
        let from = format!(
            "json_each(?1) i CROSS JOIN trade_records t ON t.account = i.value ->> 0 \
             AND t.order_id = i.value ->> 1 WHERE t.ingest_seq <= {last} ORDER BY i.key"
        );
        select(raw, &columns, &from, [json!(ids).to_string()], &mut |row| {
            let text = |index| row.text(index).ok().flatten();
            let name = |index| text(index).unwrap_or_default();
            if is_never_executed(text(5).as_deref()) {
                return Ok(());
            }
            let key = (name(0), name(1));
            let is_voided = voided.contains(&key);
            let names = (&*key.0, &*key.1, &*name(2));
            let micros = row.integer(4).ok().flatten();
            trades.extend(cells::named_trade(names, &name(3), micros, is_voided));
            Ok(())
        })
    })
    .await?;
    Ok(trades)
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
