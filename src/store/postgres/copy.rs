//! Rows to the server by COPY: few rows in its text format, many in its binary one.

use std::fmt::{Display, Write};

use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;

use super::binary::{HEADER, TRAILER};
use super::errors::from_sqlx;
use crate::store::StoreResult;

/// Bytes sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Rows in COPY's text format: cells between tabs, NULL is `\N`.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: String,
    in_row: bool,
}

impl Rows {
    fn begin_cell(&mut self) {
        if std::mem::replace(&mut self.in_row, true) {
            self.text.push('\t');
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.begin_cell();
        for c in text.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                plain => self.text.push(plain),
            }
        }
    }

    /// Adds a text or NULL.
    pub(super) fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// Adds a value whose text has nothing to escape: a number, a time, a code.
    pub(super) fn value(&mut self, value: impl Display) {
        self.begin_cell();
        // Writing to a string can't fail.
        let _ = write!(self.text, "{value}");
    }

    /// Adds such a value or NULL.
    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.value(value),
            None => self.null(),
        }
    }

    fn null(&mut self) {
        self.begin_cell();
        self.text.push_str("\\N");
    }

    /// Returns how much there is.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        self.text.push('\n');
        self.in_row = false;
    }
}

/// Sends rows into a table. `table` and `columns` are constants or numbers of this program.
pub(super) async fn send(
    connection: &mut PgConnection,
    action: &'static str,
    table: &str,
    columns: &str,
    rows: Rows,
) -> StoreResult<()> {
    if rows.text.is_empty() {
        return Ok(());
    }
    let sql = format!("COPY {table} ({columns}) FROM STDIN");
    let mut copy = connection
        .copy_in_raw(&sql)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    for chunk in rows.text.as_bytes().chunks(CHUNK_BYTES) {
        copy.send(chunk).await.map_err(|e| from_sqlx(action, e))?;
    }
    copy.finish()
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(action, e))
}

/// A binary COPY into a table, which begins with its first bytes.
pub(super) struct BinaryCopy<'c> {
    idle: Option<&'c mut PgConnection>,
    copy: Option<PgCopyIn<&'c mut PgConnection>>,
    action: &'static str,
    sql: String,
}

impl<'c> BinaryCopy<'c> {
    /// Table and columns are constants or numbers of this program.
    pub(super) fn new(
        connection: &'c mut PgConnection,
        action: &'static str,
        (table, columns): (&str, &str),
    ) -> Self {
        Self {
            idle: Some(connection),
            copy: None,
            action,
            sql: format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)"),
        }
    }

    /// Sends rows.
    pub(super) async fn send(&mut self, rows: &[u8]) -> StoreResult<()> {
        let fail = |e| from_sqlx(self.action, e);
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(connection) = self.idle.take() {
            let mut copy = connection.copy_in_raw(&self.sql).await.map_err(fail)?;
            copy.send(HEADER.as_slice()).await.map_err(fail)?;
            self.copy = Some(copy);
        }
        match &mut self.copy {
            Some(copy) => copy.send(rows).await.map(|_| ()).map_err(fail),
            None => Ok(()),
        }
    }

    /// Ends the COPY: from here on the rows are in the table, or an error says why not.
    pub(super) async fn finish(mut self) -> StoreResult<()> {
        let fail = |e| from_sqlx(self.action, e);
        if let Some(mut copy) = self.copy.take() {
            copy.send(TRAILER.as_slice()).await.map_err(fail)?;
            copy.finish().await.map_err(fail)?;
        }
        Ok(())
    }

    /// Ends the COPY. `false`: a row's key is taken, and the caller must roll back.
    pub(super) async fn finish_unless_taken(mut self) -> StoreResult<bool> {
        let fail = |e| from_sqlx(self.action, e);
        let Some(mut copy) = self.copy.take() else {
            return Ok(true);
        };
        copy.send(TRAILER.as_slice()).await.map_err(fail)?;
        match copy.finish().await {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("23505") => {
                Ok(false)
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// Takes it back, so that the connection can be used again.
    pub(super) async fn abort(mut self) {
        if let Some(copy) = self.copy.take() {
            let _ = copy.abort("the run stopped").await;
        }
    }
}
