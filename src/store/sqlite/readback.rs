//! The trades of an import, read back before they are committed.

use std::hash::Hasher;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::errors::from_rusqlite;
use super::rows::Cell;
use crate::store::StoreResult;
use crate::store::readback::{Tally, check_count};

/// The columns of a trade that an import writes, and that are read back.
pub(super) const COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
    total_fees_usd, trade_seq, status, order_type, source, ingest_via, exchange, \
    exchange_order_id, linked_order_id, import_id, import_line, ingested_at";

/// Number of the columns of [`COLUMNS`].
pub(super) const COLUMNS_COUNT: usize = 19;

/// Number and hashes of the rows that an import has written so far.
pub(super) struct SqliteReadback {
    tally: Tally,
    /// The last numbers of trades and voids before the import. No other writer adds any meanwhile.
    before: (i64, i64),
}

/// Begins a count, before the first row is written.
pub(super) fn begin(raw: &Connection) -> rusqlite::Result<SqliteReadback> {
    let last = "SELECT ifnull((SELECT max(ingest_seq) FROM trade_records), 0), \
                ifnull((SELECT max(void_seq) FROM trade_voids), 0)";
    Ok(SqliteReadback {
        tally: Tally::default(),
        before: raw.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))?,
    })
}

impl SqliteReadback {
    /// Counts a row that was written.
    pub(super) fn add(&mut self, cells: &[Cell<'_>; COLUMNS_COUNT]) {
        add(&mut self.tally, cells);
    }

    /// Reads all rows since [`begin`], and compares them with the written ones.
    ///
    /// Errors: other rows are stored than were written.
    pub(super) fn check(&self, raw: &Connection, voids: usize) -> StoreResult<()> {
        let read = || {
            let mut stored = self.tally.like();
            let sql = format!("SELECT {COLUMNS} FROM trade_records WHERE ingest_seq > ?1");
            let mut statement = raw.prepare(&sql)?;
            let mut rows = statement.query([self.before.0])?;
            while let Some(row) = rows.next()? {
                let mut cells = [Cell::Null; COLUMNS_COUNT];
                for (index, cell) in cells.iter_mut().enumerate() {
                    *cell = cell_of(row.get_ref(index)?);
                }
                add(&mut stored, &cells);
            }
            let count = "SELECT count(*) FROM trade_voids WHERE void_seq > ?1";
            let count: i64 = raw.query_row(count, [self.before.1], |row| row.get(0))?;
            Ok((stored, count))
        };
        let (stored, count) = read().map_err(|e| from_rusqlite("read the trades back", e))?;
        self.tally.check(&stored)?;
        check_count("voids", voids, count)
    }
}

fn add(tally: &mut Tally, cells: &[Cell<'_>; COLUMNS_COUNT]) {
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
