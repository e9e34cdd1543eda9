//! The trades of an import, read back before they are committed.

use std::hash::Hasher;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::errors::from_rusqlite;
use super::rows::Cell;
use crate::engine::MORE_COLUMNS;
use crate::store::readback::{Tally, check_count};
use crate::store::{StoreResult, more};

/// The columns of a trade that an import writes, and that are read back.
pub(super) const COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
    total_fees_usd, trade_seq, status, order_type, source, ingest_via, exchange, \
    exchange_order_id, linked_order_id, import_id, import_line, ingested_at";

const ACTION: &str = "read the trades back";

/// Number of the columns of [`COLUMNS`].
pub(super) const COLUMNS_COUNT: usize = 19;

/// Number of the columns of the key, and of those of more facts.
pub(super) const MORE_COUNT: usize = 2 + MORE_COLUMNS.len();

/// Number and hashes of the rows that an import has written so far.
pub(super) struct SqliteReadback {
    tally: Tally,
    /// The rows with more facts, each with its key and these facts.
    more: Tally,
    /// The last numbers of trades and voids before the import. No other writer adds any meanwhile.
    before: (i64, i64),
}

/// Begins a count, before the first row is written.
pub(super) fn begin(raw: &Connection) -> rusqlite::Result<SqliteReadback> {
    let last = "SELECT ifnull((SELECT max(ingest_seq) FROM trade_records), 0), \
                ifnull((SELECT max(void_seq) FROM trade_voids), 0)";
    Ok(SqliteReadback {
        tally: Tally::default(),
        more: Tally::default(),
        before: raw.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))?,
    })
}

impl SqliteReadback {
    /// Counts a row that was written.
    pub(super) fn add(&mut self, cells: &[Cell<'_>; COLUMNS_COUNT]) {
        add(&mut self.tally, cells);
    }

    /// Counts the more facts of a row that was written.
    pub(super) fn add_more(&mut self, cells: &[Cell<'_>; MORE_COUNT]) {
        add(&mut self.more, cells);
    }

    /// Reads all rows since [`begin`], and compares them with the written ones.
    ///
    /// Errors: other rows are stored than were written.
    pub(super) fn check(&self, raw: &Connection, voids: usize) -> StoreResult<()> {
        let (trade, void) = self.before;
        let sql = format!("SELECT {COLUMNS} FROM trade_records WHERE ingest_seq > ?1");
        check_rows::<COLUMNS_COUNT>(raw, (&sql, trade), &self.tally)?;
        let (columns, any) = (more::columns(""), more::any());
        let sql = format!(
            "SELECT account, order_id, {columns} FROM trade_records \
             WHERE ingest_seq > ?1 AND ({any})"
        );
        check_rows::<MORE_COUNT>(raw, (&sql, trade), &self.more)?;
        let count = "SELECT count(*) FROM trade_voids WHERE void_seq > ?1";
        let count = raw.query_row(count, [void], |row| row.get(0));
        check_count("voids", voids, count.map_err(|e| from_rusqlite(ACTION, e))?)
    }
}

/// Compares the rows of a query, after a number, with those that were written.
fn check_rows<const N: usize>(
    raw: &Connection,
    (sql, after): (&str, i64),
    written: &Tally,
) -> StoreResult<()> {
    let read = || {
        let mut stored = written.like();
        let mut statement = raw.prepare(sql)?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            let mut cells = [Cell::Null; N];
            for (index, cell) in cells.iter_mut().enumerate() {
                *cell = cell_of(row.get_ref(index)?);
            }
            add(&mut stored, &cells);
        }
        Ok(stored)
    };
    let stored = read().map_err(|e| from_rusqlite(ACTION, e))?;
    written.check(&stored)
}

fn add(tally: &mut Tally, cells: &[Cell<'_>]) {
    tally.add(|hasher| cells.iter().for_each(|cell| hash_cell(*cell, hasher)));
}

fn hash_cell(cell: Cell<'_>, hasher: &mut dyn Hasher) {
    match cell {
        Cell::Null => hasher.write_u8(0),
        Cell::Text(text) => {
            hasher.write_u8(1);
            hasher.write_usize(text.len());
            hasher.write(text);
        }
        Cell::Integer(value) => {
            hasher.write_u8(2);
            hasher.write_i64(value);
        }
    }
}

/// Returns a stored cell. The table is strict, so an import writes only text, integers and NULL.
fn cell_of(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Null => Cell::Null,
        ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Text(b"\0"),
    }
}
