//! The time that SQLite itself needs for a run: it reads the trades and writes a version's rows,
//! over one raw handle and without any work on them.
//!
//! usage: `sqlite_floor ROWS.db TARGET.db [--indexes kept|rebuilt] [--checks met|ignored]
//! [--cache-kib N]`
//!
//! `ROWS.db` holds a ledger and at least one version; the tool reads the rows of its newest one
//! into memory before the clock starts. `TARGET.db` is the same ledger as it was before that
//! version. The tool adds the rows to it under its next number. The clock covers the reading of a
//! run's columns, and one transaction with the same rows into the same tables (with their checks,
//! keys and indexes). It also covers the checkpoint that brings them from the journal into the
//! file.
//!
//! `--indexes rebuilt` drops the indexes first and makes them again in the same transaction, which
//! is quicker for the first version of a file. `--checks ignored` writes the version's rows as a
//! run does, without their CHECKs. `--cache-kib` is the memory for pages, by default that of a run.
//!
//! Prints a line: seconds of the wall and of the processor, rows read, rows written.

// A bench is what measures.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use rustix::time::{ClockId, clock_gettime};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Tables with a column that names the version, in the order in which a run writes them.
const VERSIONED: [&str; 5] = [
    "fifo_allocations",
    "fifo_inventory_snapshot",
    "fifo_pool_summary",
    "fifo_computation_log",
    "event_log",
];
const REGISTRY: &str = "allocation_versions";
const QUEUE: &str = "manual_review_queue";
/// Tables whose indexes `--indexes rebuilt` makes after the rows.
const LARGE: [&str; 2] = ["fifo_allocations", "fifo_inventory_snapshot"];
/// Memory that a run gives the pages of its transaction.
const CACHE_KIB_DEFAULT: u32 = 12_288;
/// The columns that a run reads, and the rows it reads.
const TRADES: &str = "SELECT account, symbol, order_id, side, size, price, order_time, \
     total_fees_usd, trade_seq, void_seq FROM eligible_trades WHERE ingest_seq <= ?1";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    rows: String,
    target: String,
    is_rebuilt: bool,
    is_unchecked: bool,
    cache_kib: u32,
}

fn options() -> Outcome<Options> {
    let usage = "usage: sqlite_floor ROWS.db TARGET.db [--indexes kept|rebuilt] \
                 [--checks met|ignored] [--cache-kib N]";
    let (mut is_rebuilt, mut is_unchecked) = (false, false);
    let (mut files, mut cache_kib) = (Vec::new(), CACHE_KIB_DEFAULT);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--indexes" => match arguments.next().as_deref() {
                Some("kept") => is_rebuilt = false,
                Some("rebuilt") => is_rebuilt = true,
                _ => return Err(usage.into()),
            },
            "--checks" => match arguments.next().as_deref() {
                Some("met") => is_unchecked = false,
                Some("ignored") => is_unchecked = true,
                _ => return Err(usage.into()),
            },
            "--cache-kib" => cache_kib = arguments.next().ok_or(usage)?.parse()?,
            _ => files.push(argument),
        }
    }
    let [rows, target] = <[String; 2]>::try_from(files).map_err(|_| usage)?;
    Ok(Options {
        rows,
        target,
        is_rebuilt,
        is_unchecked,
        cache_kib,
    })
}

fn run() -> Outcome<()> {
    let options = options()?;
    let source = Connection::open_with_flags(&options.rows, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let newest = "SELECT max(version) FROM allocation_versions";
    let from: i64 = source.query_row(newest, [], |row| row.get(0))?;
    let target = Connection::open(&options.target)?;
    let next = "SELECT ifnull(max(version), 0) + 1 FROM allocation_versions";
    let version: i64 = target.query_row(next, [], |row| row.get(0))?;
    let mut tables = vec![Table::read(&source, REGISTRY, "version", from, version)?];
    for name in VERSIONED {
        tables.push(Table::read(
            &source,
            name,
            "allocation_version",
            from,
            version,
        )?);
    }
    let queue = Table::read(&source, QUEUE, "allocation_version", from, version)?;
    drop(source);
    target.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -{}",
        options.cache_kib
    ))?;

    let (started, cpu_before) = (Instant::now(), cpu_seconds());
    let trades = read_trades(&target)?;
    target.execute_batch("BEGIN IMMEDIATE")?;
    let indexes = if options.is_rebuilt {
        drop_indexes(&target)?
    } else {
        Vec::new()
    };
    ignore_checks(&target, options.is_unchecked)?;
    for table in &tables {
        table.insert(&target, "")?;
    }
    ignore_checks(&target, false)?;
    queue.insert(&target, &queue.or_refresh())?;
    target.execute_batch(&indexes.join(";"))?;
    let moved = "UPDATE current_version SET version = ?1";
    target.execute(moved, [version])?;
    target.execute_batch("COMMIT")?;
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);

    let written = tables[1].check(&target, version)?;
    println!("{wall:.4}\t{cpu:.4}\t{trades}\t{written}");
    Ok(())
}

fn ignore_checks(target: &Connection, is_ignored: bool) -> Outcome<()> {
    let setting = format!("PRAGMA ignore_check_constraints = {is_ignored}");
    Ok(target.execute_batch(&setting)?)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Reads the trades as a run does, and looks at each cell.
fn read_trades(target: &Connection) -> Outcome<u64> {
    let last = "SELECT ifnull(max(ingest_seq), 0) FROM trade_records";
    let last: i64 = target.query_row(last, [], |row| row.get(0))?;
    let mut statement = target.prepare(TRADES)?;
    let columns = statement.column_count();
    let mut rows = statement.query([last])?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            if let ValueRef::Text(text) = row.get_ref(column)? {
                bytes += text.len();
            }
        }
        count += 1;
    }
    std::hint::black_box(bytes);
    Ok(count)
}

/// Drops the indexes of the large tables and returns the statements that make them.
fn drop_indexes(target: &Connection) -> Outcome<Vec<String>> {
    let mut made = Vec::new();
    for table in LARGE {
        let mut names = target.prepare(
            "SELECT name, sql FROM sqlite_schema \
             WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL",
        )?;
        let found = names.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(String, String)> = found.collect::<rusqlite::Result<_>>()?;
        for (name, sql) in found {
            target.execute_batch(&format!("DROP INDEX {name}"))?;
            made.push(sql);
        }
    }
    Ok(made)
}

/// A cell; a text stands in the table's buffer.
#[derive(Clone, Copy)]
enum Cell {
    Null,
    Integer(i64),
    Text { start: usize, length: u32 },
}

/// The rows of one version in one table, ready to be written.
struct Table {
    name: &'static str,
    columns: Vec<String>,
    cells: Vec<Cell>,
    text: Vec<u8>,
}

impl Table {
    /// Reads the rows of version `from`, with `to` in its place. The id is left to SQLite.
    fn read(
        source: &Connection,
        name: &'static str,
        version_column: &str,
        from: i64,
        to: i64,
    ) -> Outcome<Self> {
        let mut columns = source.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let columns = columns.query_map([name], |row| row.get::<_, String>(0))?;
        let mut columns: Vec<String> = columns.collect::<rusqlite::Result<_>>()?;
        columns.retain(|column| column != "id");
        let list = columns.iter().map(|column| format!("\"{column}\""));
        let list = list.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {list} FROM {name} WHERE {version_column} = ?1 ORDER BY rowid");
        let numbered = columns.iter().position(|column| column == version_column);
        let mut table = Self {
            name,
            columns,
            cells: Vec::new(),
            text: Vec::new(),
        };
        let mut statement = source.prepare(&sql)?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            for column in 0..table.columns.len() {
                let cell = match row.get_ref(column)? {
                    _ if Some(column) == numbered => Cell::Integer(to),
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(value) => Cell::Integer(value),
                    ValueRef::Text(text) => {
                        let start = table.text.len();
                        table.text.extend_from_slice(text);
                        let length = u32::try_from(text.len())?;
                        Cell::Text { start, length }
                    }
                    _ => return Err(format!("{name} holds a float or a blob").into()),
                };
                table.cells.push(cell);
            }
        }
        Ok(table)
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.columns.len()
    }

    fn insert(&self, target: &Connection, ending: &str) -> Outcome<()> {
        let list = self.columns.iter().map(|column| format!("\"{column}\""));
        let marks = vec!["?"; self.columns.len()].join(", ");
        let (name, list) = (self.name, list.collect::<Vec<_>>().join(", "));
        let sql = format!("INSERT INTO {name} ({list}) VALUES ({marks}) {ending}");
        let mut insert = target.prepare(&sql)?;
        for row in self.cells.chunks_exact(self.columns.len()) {
            for (index, cell) in (1..).zip(row) {
                insert.raw_bind_parameter(index, self.bound(cell))?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    }

    /// Returns the clause that lets an insertion into the review queue refresh an existing item.
    fn or_refresh(&self) -> String {
        "ON CONFLICT (account, symbol, order_id, issue_type) DO UPDATE SET \
         severity = excluded.severity, description = excluded.description, \
         details = excluded.details, allocation_version = excluded.allocation_version, \
         updated_at = excluded.updated_at"
            .into()
    }

    fn bound(&self, cell: &Cell) -> impl ToSql {
        Bound(match *cell {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(value),
            Cell::Text { start, length } => {
                ValueRef::Text(&self.text[start..start + length as usize])
            }
        })
    }

    /// Returns how many rows the target has of the version. Errors: not as many as were given.
    fn check(&self, target: &Connection, version: i64) -> Outcome<i64> {
        let name = self.name;
        let sql = format!("SELECT count(*) FROM {name} WHERE allocation_version = ?1");
        let found: i64 = target.query_row(&sql, [version], |row| row.get(0))?;
        if usize::try_from(found)? == self.rows() {
            Ok(found)
        } else {
            Err(format!("{name}: {found} rows written of {}", self.rows()).into())
        }
    }
}

struct Bound<'a>(ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}
