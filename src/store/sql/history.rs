//! Imported files, the audit trail, and figures of earlier systems.

use std::borrow::Cow;

use async_trait::async_trait;
use serde_json::json;

use super::{Argument, Driver, Rows, SqlStore, arguments, list, runs};
use crate::engine::Timestamp;
use crate::store::model::{
    Event, EventKind, HistoricalSell, ImportedFile, LegacyRow, LoggedEvent, OrderUnlikeFills,
    SNAPSHOT_COLUMNS, SNAPSHOT_PREFIX, Version, is_snapshot_name,
};
use crate::store::rules::{REVIEW_EVENTS, check_snapshot_free};
use crate::store::{HistoryStore, SnapshotRefusal, StoreResult, cells};

#[async_trait]
impl<D: SqlStore> HistoryStore for D {
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>> {
        let selected = (cells::IMPORTED_FILE, "imports ORDER BY id");
        let action = "list the imported files";
        self.named(async {
            let mut reader = self.reader().await?;
            list(&mut *reader, action, selected, &[], cells::imported_file).await
        })
        .await
    }

    async fn events_of(&self, kinds: &[EventKind]) -> StoreResult<Vec<LoggedEvent>> {
        self.named(events(self, kinds, None)).await
    }

    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>> {
        self.named(events(self, &REVIEW_EVENTS, Some(id))).await
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        self.named(async {
            let mut writer = self.writer().await?;
            runs::log_event(&mut *writer, event).await?;
            D::commit(writer).await
        })
        .await
    }

    async fn snapshots(&self) -> StoreResult<Vec<String>> {
        self.named(async { snapshots(&mut *self.reader().await?).await })
            .await
    }

    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>> {
        self.named(async {
            let mut reader = self.reader().await?;
            // The name becomes a part of a statement, so only a name from the list is used.
            let names = snapshots(&mut *reader).await?;
            if !names.iter().any(|known| known == name) {
                return Err(SnapshotRefusal::Missing(name.to_owned()).into());
            }
            let (columns, from) = D::Connection::snapshot(name);
            let (action, selected) = ("read a snapshot", (columns.as_str(), from.as_str()));
            list(&mut *reader, action, selected, &[], cells::historical_sell).await
        })
        .await
    }

    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()> {
        let (action, columns) = ("write a snapshot", SNAPSHOT_COLUMNS.join(", "));
        let rows = Rows {
            // The table of a snapshot has no id.
            id: "0::bigint",
            ..Rows::of(
                name,
                &columns,
                sells.iter().map(|sell| row_of(sell, at)).collect(),
            )
        };
        self.named(async {
            let mut writer = self.writer().await?;
            check_snapshot_free(name, &snapshots(&mut *writer).await?)?;
            let create = D::Connection::create_snapshot(name);
            writer.execute(action, &create, &[]).await?;
            writer.insert(action, &rows).await?;
            let details = json!({ "snapshot": name, "rows": sells.len() });
            runs::log_event(&mut *writer, &Event::info(EventKind::History, at, details)).await?;
            D::commit(writer).await
        })
        .await
    }

    async fn legacy_rows(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        self.named(self.rows_of_earlier_system(version)).await
    }

    async fn orders_unlike_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        self.named(self.orders_beside_fills()).await
    }
}

async fn events<D: SqlStore>(
    store: &D,
    kinds: &[EventKind],
    item: Option<i64>,
) -> StoreResult<Vec<LoggedEvent>> {
    let places: Vec<String> = (1..=kinds.len()).map(|nth| format!("${nth}")).collect();
    let mut from = format!("event_log WHERE event_type IN ({})", places.join(", "));
    let mut arguments: Vec<Argument<'_>> = kinds
        .iter()
        .map(|kind| Argument::from(kind.as_str()))
        .collect();
    if let Some(id) = item {
        arguments.push(Argument::from(id.to_string()));
        let nth = arguments.len();
        from += &format!(" AND CAST(details ->> 'id' AS text) = ${nth}");
    }
    from += " ORDER BY id";
    let (action, selected) = ("read the audit trail", (cells::LOGGED_EVENT, from.as_str()));
    let mut reader = store.reader().await?;
    list(
        &mut *reader,
        action,
        selected,
        &arguments,
        cells::logged_event,
    )
    .await
}

/// Lists the snapshots of history, oldest first.
pub(in crate::store) async fn snapshots<C: Driver>(connection: &mut C) -> StoreResult<Vec<String>> {
    let (action, arguments) = ("list the snapshots", arguments![SNAPSHOT_PREFIX]);
    let names = list(connection, action, C::TABLES, &arguments, |row| {
        Ok(row.text(0).ok().flatten().unwrap_or_default())
    });
    let mut names = names.await?;
    names.retain(|name| is_snapshot_name(name));
    Ok(names)
}

fn row_of(sell: &HistoricalSell, at: Timestamp) -> Vec<Argument<'_>> {
    fn number(number: &Option<String>) -> Argument<'_> {
        Argument::Decimal(number.as_deref().map(Cow::from))
    }
    arguments![
        &sell.order_id,
        &sell.parent_id,
        Argument::Texts(&sell.parent_ids),
        number(&sell.pnl_usd),
        number(&sell.cost_basis),
        number(&sell.sale_proceeds),
        number(&sell.net_sale_proceeds),
        number(&sell.realized_profit),
        number(&sell.remaining_size),
        &sell.note,
        at,
    ]
    .into()
}
