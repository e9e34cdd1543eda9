//! Makes the indexes of large tables after the rows of a file's first version or first import.
//!
//! Filling an index with sorted rows writes one page after the other. So a run over 1M trades takes
//! three quarters of the time. That holds only for empty tables: otherwise older rows would be
//! sorted again. All of it is in the one transaction of the version or import: readers see the old
//! indexes, and a process that dies has dropped none.

use rusqlite::Connection;

/// Says where SQLite sorts what is more than its memory for pages.
pub(super) const MAKE_INDEXES: &str =
    "make the indexes, sorted in the folder SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp";

/// The statements that make the dropped indexes again.
#[derive(Debug, Default)]
pub(super) struct Dropped(Vec<String>);

/// Drops the indexes of tables that are empty, and the triggers that look into these indexes.
///
/// The index of rows with more facts stays: it has few rows, and to make it again, the database
/// would read the whole table.
pub(super) fn drop_if_empty(raw: &Connection, tables: &[&str]) -> rusqlite::Result<Dropped> {
    let mut dropped = Dropped::default();
    for table in tables {
        let is_empty = format!("SELECT NOT EXISTS (SELECT 1 FROM {table})");
        if !raw.query_row(&is_empty, [], |row| row.get::<_, bool>(0))? {
            continue;
        }
        let mut objects = raw.prepare(
            "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL \
             AND ((type = 'index' AND name <> 'trade_records_more_index') \
             OR (type = 'trigger' AND sql LIKE '% BEFORE INSERT ON %')) \
             ORDER BY rowid",
        )?;
        let found =
            objects.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let found: Vec<(String, String, String)> = found.collect::<rusqlite::Result<_>>()?;
        for (kind, name, sql) in found {
            raw.execute_batch(&format!("DROP {kind} \"{}\"", name.replace('"', "\"\"")))?;
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
