//! Rows to the server by COPY: few rows in its text format, many in its binary one.

use std::borrow::Cow;
use std::fmt::Write;

use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;

use super::binary::{HEADER, TRAILER};
use super::errors::from_sqlx;
use crate::store::StoreResult;
use crate::store::sql::Argument;

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Returns the value as the server reads it; `None` is NULL.
pub(super) fn text<'a>(argument: &'a Argument<'_>) -> Option<Cow<'a, str>> {
    match argument {
        Argument::Text(text) | Argument::Decimal(text) => text.as_deref().map(Cow::from),
        Argument::Json(text) => Some(Cow::from(text.as_ref())),
        Argument::Integer(number) => number.map(|number| number.to_string().into()),
        Argument::Flag(flag) => Some(flag.to_string().into()),
        Argument::Time(time) => time.map(|time| time.to_string().into()),
        Argument::Uuid(text) => Some(Cow::from(*text)),
        Argument::Texts(texts) => {
            let escaped = |text: &String| text.replace('\\', "\\\\").replace('"', "\\\"");
            let quoted = texts.iter().map(|text| format!("\"{}\"", escaped(text)));
            let list = quoted.collect::<Vec<_>>().join(",");
            (!texts.is_empty()).then(|| format!("{{{list}}}").into())
        }
    }
}

/// Rows in COPY's text format: cells between tabs, NULL is `\N`.
#[derive(Debug, Default)]
pub(super) struct CopyText {
    text: String,
}

impl CopyText {
    /// Adds a row.
    pub(super) fn add(&mut self, row: &[Argument<'_>]) {
        for (nth, argument) in row.iter().enumerate() {
            if nth > 0 {
                self.text.push('\t');
            }
            // Numbers and times need no escape. A String takes all that is written.
            let _ = match argument {
                Argument::Integer(Some(number)) => write!(self.text, "{number}"),
                Argument::Time(Some(time)) => write!(self.text, "{time}"),
                _ => {
                    self.push_cell(text(argument).as_deref());
                    Ok(())
                }
            };
        }
        self.text.push('\n');
    }

    fn push_cell(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.push(text),
            None => self.text.push_str("\\N"),
        }
    }

    fn push(&mut self, text: &str) {
        let is_escaped = |byte: u8| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r');
        // Without an early end, as this is done for many bytes at once.
        let has_escaped = |found, byte| found | is_escaped(byte);
        if !text.bytes().fold(false, has_escaped) {
            self.text.push_str(text);
            return;
        }
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

    /// Returns the number of bytes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Sends rows into a table. `table` and `columns` are constants or numbers of this program.
pub(super) async fn send(
    connection: &mut PgConnection,
    action: &'static str,
    table: &str,
    columns: &str,
    rows: CopyText,
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

/// A binary COPY into a table. The COPY starts when the first rows are sent.
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

    /// Ends the COPY. Without an error, the rows are in the table.
    pub(super) async fn finish(mut self) -> StoreResult<()> {
        let fail = |e| from_sqlx(self.action, e);
        if let Some(mut copy) = self.copy.take() {
            copy.send(TRAILER.as_slice()).await.map_err(fail)?;
            copy.finish().await.map_err(fail)?;
        }
        Ok(())
    }

    /// Ends the COPY. Returns false if a row's key is taken; the caller must roll back.
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

    /// Cancels the COPY, so that the connection can be used again.
    pub(super) async fn abort(mut self) {
        if let Some(copy) = self.copy.take() {
            let _ = copy.abort("the run stopped").await;
        }
    }
}
