//! How values are selected from SQLite.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::errors::from_rusqlite;
use crate::store::StoreResult;
use crate::store::cells::Cells;

/// A row of the raw handle. Decimals are text and times microseconds, as they are stored.
pub(super) struct RawCells<'a, 'b>(pub(super) &'a Row<'b>);

impl Cells for RawCells<'_, '_> {
    fn text(&self, index: usize) -> Result<Option<String>, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(String::from_utf8_lossy(text).into_owned()),
            },
            other => Err(shown(other)),
        }
    }

    fn text_ref(&self, index: usize) -> Result<Option<Cow<'_, str>>, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Some(text.into())),
                Err(_) => Err(String::from_utf8_lossy(text).into_owned()),
            },
            _ => Ok(self.text(index)?.map(Cow::Owned)),
        }
    }

    fn integer(&self, index: usize) -> Result<Option<i64>, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Integer(value)) => Ok(Some(value)),
            other => Err(shown(other)),
        }
    }
}

fn shown(value: rusqlite::Result<ValueRef<'_>>) -> String {
    match value {
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        Ok(ValueRef::Integer(value)) => value.to_string(),
        Ok(ValueRef::Real(value)) => value.to_string(),
        Ok(ValueRef::Blob(_)) => "a blob".into(),
        Ok(ValueRef::Null) | Err(_) => "NULL".into(),
    }
}

/// Selects `columns` and gives each row's cells to `take`.
pub(super) fn select(
    raw: &Connection,
    columns: &str,
    from: &str,
    arguments: impl rusqlite::Params,
    take: &mut dyn FnMut(&RawCells<'_, '_>) -> StoreResult<()>,
) -> StoreResult<()> {
    let sql = format!("SELECT {columns} FROM {from}");
    each(raw, &sql, arguments, take)
}

/// Runs a query and gives each row's cells to `take`.
pub(super) fn each(
    raw: &Connection,
    sql: &str,
    arguments: impl rusqlite::Params,
    take: &mut dyn FnMut(&RawCells<'_, '_>) -> StoreResult<()>,
) -> StoreResult<()> {
    let fail = |e| from_rusqlite("read", e);
    let mut statement = raw.prepare(sql).map_err(fail)?;
    let mut rows = statement.query(arguments).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        take(&RawCells(row))?;
    }
    Ok(())
}
