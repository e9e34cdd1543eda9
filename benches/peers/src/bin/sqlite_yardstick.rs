//! Makes a database in the tables and indexes of 2026-11-26, with the rows of another one.
//!
//! usage: `sqlite_yardstick FROM.db TO.db`
//!
//! `sqlite_floor` on a copy of `TO.db` is the fixed yardstick: what the raw handle took for the
//! same rows before the physical design changed. Its statements stand in
//! `benches/peers/src/yardstick` and never
//! follow the migrations, so a ratio to it tells the same in every later session.

use std::error::Error;
use std::process::ExitCode;

use rusqlite::Connection;

const TABLES: &str = include_str!("../yardstick/tables.sql");
const INDEXES: &str = include_str!("../yardstick/indexes.sql");
/// The page size of 2026-11-26. No check and no journal: no clock runs yet.
const SETTINGS: &str = "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; \
     PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; \
     PRAGMA foreign_keys = OFF; PRAGMA cache_size = -1048576;";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = <[String; 2]>::try_from(arguments).map_err(|_| "FROM.db TO.db expected")?;
    let target = Connection::open(to)?;
    target.execute_batch(SETTINGS)?;
    target.execute_batch(TABLES)?;
    target.execute("ATTACH ?1 AS source", [from])?;
    let names = "SELECT name FROM main.sqlite_schema WHERE type = 'table'";
    let names: Vec<String> = target
        .prepare(names)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in names {
        let columns = "SELECT group_concat('\"' || name || '\"', ', ') \
                       FROM pragma_table_info(?1, 'main')";
        let columns: String = target.query_row(columns, [&name], |row| row.get(0))?;
        target.execute_batch(&format!(
            "INSERT INTO main.{name} ({columns}) SELECT {columns} FROM source.{name}"
        ))?;
    }
    target.execute_batch("DETACH source")?;
    target.execute_batch(INDEXES)?;
    // A run of 2026-11-26 found a file in this mode.
    target.execute_batch("PRAGMA journal_mode = WAL")?;
    Ok(())
}
