//! The statements that both databases share, for PostgreSQL: every argument passes as text, with a
//! cast to what it is.

use std::borrow::Cow;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, Transaction};

use super::adoption::{legacy, mapping};
use super::binary::{push_bytes, push_i64, push_null, push_numeric, push_time};
use super::cells::{PgCells, expressions};
use super::copy::{BinaryCopy, text};
use super::errors::from_sqlx;
use super::{PostgresStore, commit, plans, voids};
use crate::engine::policy;
use crate::store::StoreResult;
use crate::store::corrections::Relative;
use crate::store::limits::ROWS_AT_ONCE_MAX;
use crate::store::model::{LegacyRow, OrderUnlikeFills, SNAPSHOT_COLUMNS, Version};
use crate::store::sql::{Argument, Driver, LoadCell, Rows, SqlStore, Take, spelled};

impl SqlStore for PostgresStore {
    type Connection = PgConnection;
    type Reader = PoolConnection<Postgres>;
    type Writer = Transaction<'static, Postgres>;

    async fn reader(&self) -> StoreResult<Self::Reader> {
        self.reader().await
    }

    async fn writer(&self) -> StoreResult<Self::Writer> {
        self.writer().await
    }

    async fn ledger_writer(&self) -> StoreResult<Self::Writer> {
        voids::ledger_writer(self).await
    }

    async fn commit(writer: Self::Writer) -> StoreResult<()> {
        commit(writer).await
    }

    async fn named<T: Send>(
        &self,
        doing: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        self.named(doing).await
    }

    fn additions(&self) -> &'static str {
        self.ledger.additions()
    }

    async fn relatives(
        &self,
        connection: &mut PgConnection,
        account: &str,
        order_id: &str,
    ) -> StoreResult<Vec<Relative>> {
        voids::relatives(connection, self.ledger, account, order_id).await
    }

    async fn rows_of_earlier_system(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        legacy::rows(self, version).await
    }

    async fn orders_beside_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        mapping::orders_unlike_fills(self).await
    }
}

/// Returns the server's name of an argument's type.
fn kind(argument: &Argument<'_>) -> &'static str {
    match argument {
        Argument::Text(_) => "text",
        Argument::Integer(_) => "bigint",
        Argument::Flag(_) => "boolean",
        Argument::Time(_) => "timestamptz",
        Argument::Decimal(_) => "numeric",
        Argument::Json(_) => "jsonb",
        Argument::Uuid(_) => "uuid",
        Argument::Texts(_) => "text[]",
    }
}

fn query(sql: &str, arguments: &[Argument<'_>]) -> Query<'static, Postgres, PgArguments> {
    let sql = spelled(sql, arguments, |nth, argument| {
        format!("${nth}::{}", kind(argument))
    });
    let query = sqlx::query(AssertSqlSafe(sql));
    arguments.iter().fold(query, |query, argument| {
        query.bind(text(argument).map(Cow::into_owned))
    })
}

impl Rows<'_> {
    /// Returns the rows as a table of texts, in their order, with each column cast to its type.
    fn unnested(&self) -> (Vec<String>, String) {
        let first = self.rows.first().map(Vec::as_slice).unwrap_or_default();
        let cast = |(name, argument): (&str, _)| format!("u.{name}::{}", kind(argument));
        let casts = self.names().zip(first).map(cast).collect();
        let arrays = (1..).zip(first).map(|(nth, _)| format!("${nth}::text[]"));
        let arrays: Vec<String> = arrays.collect();
        let (arrays, names) = (arrays.join(", "), self.columns);
        let unnested = format!("unnest({arrays}) WITH ORDINALITY AS u ({names}, nth)");
        (casts, unnested)
    }
}

/// Binds rows column by column.
fn bound(sql: &str, rows: &[Vec<Argument<'_>>]) -> Query<'static, Postgres, PgArguments> {
    let column = |nth: usize| -> Vec<Option<String>> {
        let cells = rows.iter().map(|row| row.get(nth).and_then(text));
        cells.map(|cell| cell.map(Cow::into_owned)).collect()
    };
    let columns = rows.first().map_or(0, Vec::len);
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    (0..columns).fold(query, |query, nth| query.bind(column(nth)))
}

impl Driver for PgConnection {
    const DURATION_MS: &'static str =
        "trunc(extract(epoch FROM $1 - computation_start) * 1000)::bigint";
    const FOR_UPDATE: &'static str = " FOR UPDATE";

    const TABLES: (&'static str, &'static str) = (
        "c.relname::text",
        "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' \
         AND c.relkind = 'r' AND starts_with(c.relname::text, $1) ORDER BY 1",
    );

    fn create_snapshot(name: &str) -> String {
        let kind = |column: &str| match column {
            "order_id" | "old_parent_id" | "note" => "text",
            "old_parent_ids" => "text[]",
            "snapshot_time" => "timestamptz",
            _ => "numeric",
        };
        let columns = SNAPSHOT_COLUMNS.map(|column| format!("{column} {}", kind(column)));
        format!("CREATE TABLE public.{name} ({})", columns.join(", "))
    }

    /// Columns that the table lacks are NULL: an earlier system may have made the table.
    fn snapshot(name: &str) -> (String, String) {
        let columns = SNAPSHOT_COLUMNS.map(|column| format!("j ->> '{column}'"));
        let from = format!("(SELECT to_jsonb(s) AS j FROM public.{name} s) rows ORDER BY 1");
        (columns.join(", "), from)
    }

    async fn look_up(&mut self) -> StoreResult<()> {
        plans::look_up(self).await
    }

    async fn execute(
        &mut self,
        action: &'static str,
        sql: &str,
        arguments: &[Argument<'_>],
    ) -> StoreResult<u64> {
        let done = query(sql, arguments).execute(self).await;
        done.map(|done| done.rows_affected())
            .map_err(|e| from_sqlx(action, e))
    }

    async fn select(
        &mut self,
        action: &'static str,
        (columns, from): (&str, &str),
        arguments: &[Argument<'_>],
        take: Take<'_>,
    ) -> StoreResult<()> {
        let sql = format!("SELECT {} FROM {from}", expressions(columns));
        // One by one: the server's rows take more memory than the cells that are read of them.
        let mut rows = query(&sql, arguments).fetch(self);
        while let Some(row) = rows.try_next().await.map_err(|e| from_sqlx(action, e))? {
            take(&PgCells(&row))?;
        }
        Ok(())
    }

    async fn insert(&mut self, action: &'static str, rows: &Rows<'_>) -> StoreResult<Vec<i64>> {
        let (casts, unnested) = rows.unnested();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM {unnested} ORDER BY nth RETURNING {}",
            rows.table,
            rows.columns,
            casts.join(", "),
            rows.id
        );
        let failed = |e| from_sqlx(action, e);
        let mut ids = Vec::with_capacity(rows.rows.len());
        for rows in rows.rows.chunks(ROWS_AT_ONCE_MAX) {
            for row in bound(&sql, rows)
                .fetch_all(&mut *self)
                .await
                .map_err(failed)?
            {
                ids.push(row.try_get(0).map_err(failed)?);
            }
        }
        Ok(ids)
    }

    async fn load<const N: usize>(
        &mut self,
        action: &'static str,
        into: (&str, &str),
        rows: &[[LoadCell<'_>; N]],
        _is_first: bool,
    ) -> StoreResult<()> {
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| push_row(&mut bytes, row));
        let mut copy = BinaryCopy::new(self, action, into);
        copy.send(&bytes).await?;
        copy.finish().await
    }

    async fn update(&mut self, action: &'static str, rows: &Rows<'_>) -> StoreResult<u64> {
        let (casts, unnested) = rows.unnested();
        let set = rows.names().zip(&casts);
        let set: Vec<String> = set.map(|(name, cast)| format!("{name} = {cast}")).collect();
        let (table, set) = (rows.table, set.join(", "));
        let (key, set) = set.split_once(", ").unwrap_or_default();
        let sql = format!("UPDATE {table} t SET {set} FROM {unnested} WHERE t.{key}");
        let mut changed = 0;
        for rows in rows.rows.chunks(ROWS_AT_ONCE_MAX) {
            let done = bound(&sql, rows).execute(&mut *self).await;
            changed += done.map_err(|e| from_sqlx(action, e))?.rows_affected();
        }
        Ok(changed)
    }
}

/// Appends a row of a binary COPY.
fn push_row<const N: usize>(out: &mut Vec<u8>, row: &[LoadCell<'_>; N]) {
    out.extend_from_slice(&(N as i16).to_be_bytes());
    for cell in row {
        match cell {
            LoadCell::Text(Some(text)) => push_bytes(out, text.as_bytes()),
            LoadCell::Integer(Some(number)) => push_i64(out, *number),
            LoadCell::Text(None) | LoadCell::Integer(None) => push_null(out),
            LoadCell::Time(time) => push_time(out, *time),
            LoadCell::Number(number) => push_numeric(out, number.units(), number.scale()),
            LoadCell::Usd(amount) => push_numeric(out, amount.units(), policy::USD_SCALE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_is_an_array() {
        let array = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            text(&Argument::Texts(&texts)).map(Cow::into_owned)
        };
        assert_eq!(array(&[]), None);
        assert_eq!(array(&["A-1", "NULL", ""]).unwrap(), r#"{"A-1","NULL",""}"#);
        assert_eq!(array(&[r#"a,"b\}"#]).unwrap(), r#"{"a,\"b\\}"}"#);
    }
}
