//! Snapshots of what an earlier system answered, in SQLite: a table each.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::cells::select;
use super::errors::from_sqlx;
use super::raw::with_raw;
use super::{SqliteStore, commit, log};
use crate::engine::Timestamp;
use crate::store::cells::Cells;
use crate::store::model::{
    Event, HistoricalSell, ImportedFile, LoggedEvent, SNAPSHOT_COLUMNS, SNAPSHOT_PREFIX,
    is_snapshot_name, parents_of_json,
};
use crate::store::rules::{REVIEW_EVENTS, check_snapshot_free};
use crate::store::{HistoryStore, SnapshotRefusal, StoreError, StoreResult, cells};

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>> {
        let mut connection = self.reader().await?;
        let rows: Vec<(i64, String, String, i64, i64)> =
            sqlx::query_as("SELECT id, name, sha256, rows, imported_at FROM imports ORDER BY id")
                .fetch_all(&mut *connection)
                .await
                .map_err(|e| from_sqlx("list the imported files", e))?;
        Ok(rows.into_iter().map(cells::imported_file).collect())
    }

    async fn events_of(&self, kinds: &[&str]) -> StoreResult<Vec<LoggedEvent>> {
        events(self, kinds, "").await
    }

    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>> {
        let of_item = format!("AND json_extract(details, '$.id') = {id}");
        events(self, &REVIEW_EVENTS, &of_item).await
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        log::log_event(&mut transaction, event).await?;
        commit(transaction).await
    }

    async fn snapshots(&self) -> StoreResult<Vec<String>> {
        let mut connection = self.reader().await?;
        names(&mut connection).await
    }

    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>> {
        let columns = SNAPSHOT_COLUMNS.join(", ");
        let sql = format!("SELECT {columns} FROM {name} ORDER BY 1");
        let mut connection = self.reader().await?;
        // Only a name of the list stands in a statement.
        if !names(&mut connection)
            .await?
            .iter()
            .any(|known| known == name)
        {
            return Err(no_snapshot(name));
        }
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection);
        let rows = rows.await.map_err(|e| from_sqlx("read a snapshot", e))?;
        let sell = |row: &sqlx::sqlite::SqliteRow| {
            let text = |index: usize| row.try_get::<Option<String>, _>(index).unwrap_or(None);
            HistoricalSell {
                order_id: text(0).unwrap_or_default(),
                parent_id: text(1),
                parent_ids: parents_of_json(text(2).as_deref()),
                pnl_usd: text(3),
                cost_basis: text(4),
                sale_proceeds: text(5),
                net_sale_proceeds: text(6),
                realized_profit: text(7),
                remaining_size: text(8),
                note: text(9),
            }
        };
        Ok(rows.iter().map(sell).collect())
    }

    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()> {
        let action = "write a snapshot";
        let mut transaction = self.writer().await?;
        check_snapshot_free(name, &names(&mut transaction).await?)?;
        let sql = AssertSqlSafe(create(name));
        let created = sqlx::query(sql).execute(&mut *transaction).await;
        created.map_err(|e| from_sqlx(action, e))?;
        let sql =
            format!("INSERT INTO {name} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
        for sell in sells {
            sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(&sell.order_id)
                .bind(&sell.parent_id)
                .bind(json!(sell.parent_ids).to_string())
                .bind(&sell.pnl_usd)
                .bind(&sell.cost_basis)
                .bind(&sell.sale_proceeds)
                .bind(&sell.net_sale_proceeds)
                .bind(&sell.realized_profit)
                .bind(&sell.remaining_size)
                .bind(&sell.note)
                .bind(at.as_micros())
                .execute(&mut *transaction)
                .await
                .map_err(|e| from_sqlx(action, e))?;
        }
        let details = json!({ "snapshot": name, "rows": sells.len() });
        log::log_event(&mut transaction, &Event::info("history", at, details)).await?;
        commit(transaction).await
    }
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

async fn names(connection: &mut SqliteConnection) -> StoreResult<Vec<String>> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND instr(name, $1) = 1 ORDER BY 1",
    )
    .bind(SNAPSHOT_PREFIX)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("list the snapshots", e))?;
    Ok(names
        .into_iter()
        .filter(|name| is_snapshot_name(name))
        .collect())
}

fn no_snapshot(name: &str) -> StoreError {
    SnapshotRefusal::Missing(name.to_owned()).into()
}

/// The types of a snapshot's columns, in order.
const TYPES: [&str; 11] = [
    "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "INTEGER",
];

fn create(name: &str) -> String {
    let columns = SNAPSHOT_COLUMNS.iter().zip(TYPES);
    let columns: Vec<String> = columns
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    format!("CREATE TABLE {name} ({}) STRICT", columns.join(", "))
}
