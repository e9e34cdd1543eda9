//! The statements that both databases share, on SQLite's raw handle: decimals are text, times
//! microseconds.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql, params_from_iter};
use serde_json::json;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::errors::from_rusqlite;
use super::raw::{Load, Raw, insert_row, with_raw};
use super::voids::relatives;
use super::{SqliteStore, commit};
use crate::store::corrections::Relative;
use crate::store::limits::ROWS_CHECKED;
use crate::store::model::{LegacyRow, OrderUnlikeFills, SNAPSHOT_COLUMNS, Version};
use crate::store::sql::{Argument, Driver, LoadCell, Rows, SqlStore, Take, spelled};
use crate::store::{StoreError, StoreResult};

impl SqlStore for SqliteStore {
    type Connection = SqliteConnection;
    type Reader = PoolConnection<Sqlite>;
    type Writer = Transaction<'static, Sqlite>;

    async fn reader(&self) -> StoreResult<Self::Reader> {
        self.reader().await
    }

    async fn writer(&self) -> StoreResult<Self::Writer> {
        self.writer().await
    }

    async fn ledger_writer(&self) -> StoreResult<Self::Writer> {
        // SQLite has one writer at a time.
        self.writer().await
    }

    async fn commit(writer: Self::Writer) -> StoreResult<()> {
        commit(writer).await
    }

    async fn named<T: Send>(
        &self,
        doing: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        doing.await
    }

    fn additions(&self) -> &'static str {
        "trade_records"
    }

    async fn relatives(
        &self,
        connection: &mut SqliteConnection,
        account: &str,
        order_id: &str,
    ) -> StoreResult<Vec<Relative>> {
        let action = "look for corrections";
        with_raw(connection, action, |raw| {
            relatives(raw, account, order_id).map_err(|e| from_rusqlite(action, e))
        })
        .await
    }

    async fn rows_of_earlier_system(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        Err(StoreError::NoLegacyVersion(version))
    }

    async fn orders_beside_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        Ok(Vec::new())
    }
}

impl ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        fn text(text: &str) -> ToSqlOutput<'_> {
            ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
        }
        let integer = |value: Option<i64>| value.map(|value| ToSqlOutput::Owned(value.into()));
        let value = match self {
            Self::Text(value) | Self::Decimal(value) => value.as_deref().map(text),
            Self::Json(value) => Some(text(value)),
            Self::Uuid(value) => Some(text(value)),
            Self::Texts(values) => Some(ToSqlOutput::Owned(json!(values).to_string().into())),
            Self::Integer(value) => integer(*value),
            Self::Flag(value) => integer(Some(i64::from(*value))),
            Self::Time(value) => integer(value.map(|time| time.as_micros())),
        };
        Ok(value.unwrap_or(ToSqlOutput::Borrowed(ValueRef::Null)))
    }
}

impl ToSql for LoadCell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Text(value) => {
                let text = value.map(|text| ValueRef::Text(text.as_bytes()));
                text.map(ToSqlOutput::Borrowed)
            }
            Self::Integer(value) => value.map(|value| ToSqlOutput::Owned(value.into())),
            Self::Time(time) => Some(ToSqlOutput::Owned(time.as_micros().into())),
            Self::Number(number) => Some(ToSqlOutput::Owned(number.to_string().into())),
            Self::Usd(amount) => Some(ToSqlOutput::Owned(amount.to_string().into())),
        };
        Ok(value.unwrap_or(ToSqlOutput::Borrowed(ValueRef::Null)))
    }
}

fn numbered(sql: &str, arguments: &[Argument<'_>]) -> String {
    spelled(sql, arguments, |nth, _| format!("?{nth}"))
}

impl Driver for SqliteConnection {
    const DURATION_MS: &'static str = "($1 - computation_start) / 1000";
    // SQLite has one writer at a time.
    const FOR_UPDATE: &'static str = "";

    const TABLES: (&'static str, &'static str) = (
        "name",
        "sqlite_master WHERE type = 'table' AND instr(name, $1) = 1 ORDER BY 1",
    );

    fn create_snapshot(name: &str) -> String {
        let kind = |column: &str| match column {
            "snapshot_time" => "INTEGER",
            _ => "TEXT",
        };
        let columns = SNAPSHOT_COLUMNS.map(|column| format!("{column} {}", kind(column)));
        format!("CREATE TABLE {name} ({}) STRICT", columns.join(", "))
    }

    fn snapshot(name: &str) -> (String, String) {
        (SNAPSHOT_COLUMNS.join(", "), format!("{name} ORDER BY 1"))
    }

    async fn look_up(&mut self) -> StoreResult<()> {
        Ok(())
    }

    async fn execute(
        &mut self,
        action: &'static str,
        sql: &str,
        arguments: &[Argument<'_>],
    ) -> StoreResult<u64> {
        let sql = numbered(sql, arguments);
        with_raw(self, action, |raw| {
            let done = raw.execute(&sql, params_from_iter(arguments));
            let changed = done.map_err(|e| from_rusqlite(action, e))?;
            Ok(changed as u64)
        })
        .await
    }

    async fn select(
        &mut self,
        action: &'static str,
        (columns, from): (&str, &str),
        arguments: &[Argument<'_>],
        take: Take<'_>,
    ) -> StoreResult<()> {
        let from = numbered(from, arguments);
        with_raw(self, action, |raw| {
            let arguments = params_from_iter(arguments);
            super::cells::select(raw, columns, &from, arguments, &mut |row| take(row))
        })
        .await
    }

    async fn insert(&mut self, action: &'static str, rows: &Rows<'_>) -> StoreResult<Vec<i64>> {
        each_row(
            self,
            action,
            &insert_into(rows.table, rows.columns),
            rows,
            |insert, row| insert.insert(params_from_iter(row)),
        )
        .await
    }

    async fn load<const N: usize>(
        &mut self,
        action: &'static str,
        (table, columns): (&str, &str),
        rows: &[[LoadCell<'_>; N]],
        is_first: bool,
    ) -> StoreResult<()> {
        let mut load = Load::new(Raw::take(self, action).await?);
        let mut all = || {
            if !is_first {
                load.next(ROWS_CHECKED)?;
            }
            let raw = load.next(rows.len())?;
            let mut insert = raw.prepare_cached(&insert_into(table, columns))?;
            let mut before: &[LoadCell<'_>] = &[];
            for row in rows {
                insert_row(&mut insert, row.iter(), before.iter())?;
                before = row;
            }
            drop(insert);
            load.end().map(drop)
        };
        all().map_err(|e| from_rusqlite(action, e))
    }

    async fn update(&mut self, action: &'static str, rows: &Rows<'_>) -> StoreResult<u64> {
        let names = (1..).zip(rows.names());
        let set: Vec<String> = names.map(|(n, name)| format!("{name} = ?{n}")).collect();
        let (table, set) = (rows.table, set.join(", "));
        let (key, set) = set.split_once(", ").unwrap_or_default();
        let sql = format!("UPDATE {table} SET {set} WHERE {key}");
        let changed = each_row(self, action, &sql, rows, |update, row| {
            update.execute(params_from_iter(row))
        });
        Ok(changed.await?.into_iter().sum::<usize>() as u64)
    }
}

fn insert_into(table: &str, columns: &str) -> String {
    let names = (1..).zip(columns.split(", "));
    let places: Vec<String> = names.map(|(nth, _)| format!("?{nth}")).collect();
    let places = places.join(", ");
    format!("INSERT INTO {table} ({columns}) VALUES ({places})")
}

/// Executes a statement for each row, prepared once.
async fn each_row<T>(
    connection: &mut SqliteConnection,
    action: &'static str,
    sql: &str,
    rows: &Rows<'_>,
    execute: impl Fn(&mut Statement<'_>, &[Argument<'_>]) -> rusqlite::Result<T>,
) -> StoreResult<Vec<T>> {
    if rows.rows.is_empty() {
        return Ok(Vec::new());
    }
    with_raw(connection, action, |raw| {
        let all = || {
            let mut statement = raw.prepare_cached(sql)?;
            let done = rows.rows.iter().map(|row| execute(&mut statement, row));
            done.collect::<rusqlite::Result<Vec<T>>>()
        };
        all().map_err(|e| from_rusqlite(action, e))
    })
    .await
}
