//! Makes the indexes of the two large tables after the rows of a file's first version.
//!
//! Filling an index with sorted rows writes one page after the other. So a run over 1M trades takes
//! three quarters of the time. That holds only for empty tables: otherwise the rows of older
//! versions would be sorted again. All of it is in the version's one transaction: readers see the
//! old indexes, and a process that dies has dropped none.

use rusqlite::Connection;

/// Tables with a row for each allocation, and for each open lot.
const LARGE: [&str; 2] = ["fifo_allocations", "fifo_inventory_snapshot"];

/// The statements that make the dropped indexes again.
#[derive(Debug, Default)]
pub(super) struct Dropped(Vec<String>);

/// Drops the indexes of the large tables, if these are empty.
pub(super) fn drop_if_empty(raw: &Connection) -> rusqlite::Result<Dropped> {
    let mut dropped = Dropped::default();
    for table in LARGE {
        let is_empty = format!("SELECT NOT EXISTS (SELECT 1 FROM {table})");
        if !raw.query_row(&is_empty, [], |row| row.get::<_, bool>(0))? {
            continue;
        }
        let mut indexes = raw.prepare(
            "SELECT name, sql FROM sqlite_schema \
             WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL ORDER BY rowid",
        )?;
        let found = indexes.query_map([table], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let found: Vec<(String, String)> = found.collect::<rusqlite::Result<_>>()?;
        for (name, sql) in found {
            raw.execute_batch(&format!("DROP INDEX \"{}\"", name.replace('"', "\"\"")))?;
            dropped.0.push(sql);
        }
    }
    Ok(dropped)
}

impl Dropped {
    /// Makes the dropped indexes again.
    pub(super) fn make(self, raw: &Connection) -> rusqlite::Result<()> {
        // A second thread sorts while this one reads: 3 % of the time of a run over 1M trades.
        raw.execute_batch("PRAGMA threads = 1")?;
        self.0.iter().try_for_each(|sql| raw.execute_batch(sql))
    }
}
