//! PostgreSQL: runs, imports and validations beside psql; matching in SQL; growth; new trades; a
//! ledger that was there before, with its numbers as `float8`.
//!
//! Each run gets a database of its own, a copy of one that holds the ledger. The processor time of
//! the server counts for nobody: only that of the program and of psql is measured.

use std::fs;
use std::process::Command;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::process::{measure as run_once, text};
use fifo_pnl_peers::targets::{GROWTH_SHAPES, MILLION};

use crate::bench::{Bench, Ledger};
use crate::options::Part;

const FLOOR: &str = include_str!("floor.sql");
/// The floor of 2026-11-26, which stays as it is.
const YARDSTICK: &str = include_str!("../../yardstick/postgres.sql");
const PEER: &str = include_str!("peer.sql");
const AGREE: &str = include_str!("agree.sql");
const EMPTY: &str = "bench_empty";
const LEDGER: &str = "bench_ledger";
const WORK: &str = "bench_work";
/// Columns of a generated ledger, in the order of its files.
const COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
     total_fees_usd, trade_seq, status, source";

/// A ledger that a bot made; the tool knows only what the catalog says of it.
const FLOAT_LEDGER: &str = "CREATE TABLE trade_records (order_id varchar PRIMARY KEY, \
    symbol varchar NOT NULL, side varchar NOT NULL, order_time timestamptz NOT NULL, \
    price float8 NOT NULL, size float8 NOT NULL, total_fees_usd float8, status varchar, \
    source varchar); \
    CREATE INDEX ON trade_records (symbol, order_time)";

/// Measures all sizes of `--rows`, the usual shape first.
pub fn measure(bench: &mut Bench) -> Outcome<()> {
    let server = Server::of_session()?;
    for name in [WORK, LEDGER, EMPTY] {
        server.drop(name)?;
    }
    server.create(EMPTY, "template1")?;
    let migrate = ["migrate", "up", "--yes", "--quiet"];
    run_once(server.program(bench, "fifo-pnl", EMPTY).args(migrate))?;
    for shape in GROWTH_SHAPES {
        let is_usual = shape == "zipf";
        if !is_usual && !bench.wants(Part::Growth) {
            continue;
        }
        for rows in bench.options.rows.clone() {
            // A start takes longer than a match of few trades, so no growth shows.
            let is_small = rows < 100_000 && bench.options.rows.len() > 2;
            if is_small && (!is_usual || !bench.wants(Part::Postgres)) {
                continue;
            }
            let ledger = bench.ledger(rows, shape)?;
            if is_usual && bench.wants(Part::Postgres) {
                usual(bench, &server, &ledger)?;
            } else {
                growth(bench, &server, &ledger)?;
            }
            ledger.remove()?;
        }
    }
    server.drop(EMPTY)
}

/// Measures all there is to measure with one ledger.
fn usual(bench: &mut Bench, server: &Server, ledger: &Ledger) -> Outcome<()> {
    imports(bench, server, ledger)?;
    make_ledger(bench, server, ledger)?;
    save_rows(bench, server)?;
    for pair in 1..=bench.options.pairs {
        // By turns, so that what a pair's first leaves behind helps neither.
        if pair % 2 == 1 {
            tool(bench, server, ledger, pair)?;
            floors(bench, server, ledger, pair)?;
        } else {
            floors(bench, server, ledger, pair)?;
            tool(bench, server, ledger, pair)?;
        }
    }
    server.drop(LEDGER)?;
    if ledger.rows <= MILLION {
        adopted(bench, server, ledger)?;
    }
    Ok(())
}

/// Measures runs over a ledger of `float8` that others may change.
fn adopted(bench: &mut Bench, server: &Server, ledger: &Ledger) -> Outcome<()> {
    server.create(WORK, "template1")?;
    run_once(&mut server.psql(WORK, &["-c", FLOAT_LEDGER]))?;
    insert_floats(server, &ledger.file)?;
    let migrate = ["migrate", "up", "--yes", "--quiet"];
    run_once(server.program(bench, "fifo-pnl", WORK).args(migrate))?;
    run_once(&mut server.psql(WORK, &["-c", "VACUUM ANALYZE trade_records"]))?;
    server.sql(&format!("ALTER DATABASE {WORK} RENAME TO {LEDGER}"))?;
    save_rows(bench, server)?;
    for pair in 1..=bench.options.pairs {
        for is_tool in [pair % 2 == 1, pair % 2 == 0] {
            server.copy(LEDGER, WORK)?;
            if is_tool {
                let row = ledger.subject("full run, float8", "postgres", "tool");
                let mut compute = server.program(bench, "compute_allocations", WORK);
                bench.sample(row, pair, compute.args(RUN))?;
                insert_floats(server, &ledger.new_trades)?;
                server.checkpoint()?;
                let row = ledger.subject("incremental, float8", "postgres", "tool");
                let mut compute = server.program(bench, "compute_allocations", WORK);
                compute.args(["--incremental", "--quiet"]);
                bench.sample(row, pair, &mut compute)?;
            } else {
                let row = ledger.subject("full run, float8", "postgres", "floor");
                let mut psql = floor_command(bench, server, FLOOR)?;
                bench.sample(row, pair, &mut psql)?;
            }
            server.drop(WORK)?;
        }
    }
    server.drop(LEDGER)
}

/// Writes the trades of a file into the bot's table.
fn insert_floats(server: &Server, file: &std::path::Path) -> Outcome<()> {
    let columns = COLUMNS.replace(", ", " text, ");
    let staging = format!("CREATE TABLE staging ({columns} text)");
    let copy = format!(
        "\\copy staging from '{}' (format csv, header)",
        file.display()
    );
    let insert = "INSERT INTO trade_records SELECT order_id, symbol, side, \
        order_time::timestamptz, price::float8, size::float8, \
        nullif(total_fees_usd, '')::float8, status, source FROM staging";
    let steps = [
        "-c",
        &staging,
        "-c",
        &copy,
        "-c",
        insert,
        "-c",
        "DROP TABLE staging",
    ];
    run_once(&mut server.psql(WORK, &steps)).map(|_| ())
}

/// Measures the tool alone.
fn growth(bench: &mut Bench, server: &Server, ledger: &Ledger) -> Outcome<()> {
    make_ledger(bench, server, ledger)?;
    for run in 1..=bench.options.pairs {
        server.copy(LEDGER, WORK)?;
        compute(bench, server, ledger, run)?;
        server.drop(WORK)?;
    }
    server.drop(LEDGER)
}

fn imports(bench: &mut Bench, server: &Server, ledger: &Ledger) -> Outcome<()> {
    let file = ledger.file.display();
    let copy = format!("\\copy trade_records ({COLUMNS}) from '{file}' (format csv, header)");
    for pair in 1..=bench.options.pairs {
        for is_tool in [pair % 2 == 1, pair % 2 == 0] {
            server.copy(EMPTY, WORK)?;
            let what = if is_tool { "tool" } else { "floor" };
            let mut command = if is_tool {
                import(bench, server, &ledger.file)
            } else {
                server.psql(WORK, &["-c", &copy])
            };
            bench.sample(
                ledger.subject("import", "postgres", what),
                pair,
                &mut command,
            )?;
            server.drop(WORK)?;
        }
    }
    Ok(())
}

fn import(bench: &Bench, server: &Server, file: &std::path::Path) -> Command {
    let mut import = server.program(bench, "fifo-pnl", WORK);
    import.arg("import").arg(file).arg("--quiet");
    import
}

/// Makes the database whose copies the runs work on.
fn make_ledger(bench: &Bench, server: &Server, ledger: &Ledger) -> Outcome<()> {
    server.copy(EMPTY, WORK)?;
    run_once(&mut import(bench, server, &ledger.file))?;
    run_once(&mut server.psql(WORK, &["-c", "VACUUM ANALYZE trade_records"]))?;
    server.sql(&format!("ALTER DATABASE {WORK} RENAME TO {LEDGER}"))
}

/// Runs once, which also warms the machine up, and saves the rows that the floor writes.
fn save_rows(bench: &Bench, server: &Server) -> Outcome<()> {
    server.copy(LEDGER, WORK)?;
    run_once(server.program(bench, "compute_allocations", WORK).args(RUN))?;
    for (table, file) in [
        ("fifo_allocations", "allocations"),
        ("fifo_inventory_snapshot", "lots"),
    ] {
        let file = bench.file(file);
        let (rows, file) = (format!("SELECT * FROM {table} ORDER BY id"), file.display());
        let copy = format!("\\copy ({rows}) to '{file}' (format binary)");
        run_once(&mut server.psql(WORK, &["-c", &copy]))?;
    }
    server.drop(WORK)
}

const RUN: [&str; 2] = ["--all-symbols", "--quiet"];

fn compute(bench: &mut Bench, server: &Server, ledger: &Ledger, run: u32) -> Outcome<()> {
    let mut compute = server.program(bench, "compute_allocations", WORK);
    compute.args(RUN);
    bench.sample(
        ledger.subject("full run", "postgres", "tool"),
        run,
        &mut compute,
    )
}

/// Measures a run, and in the same database what needs its result.
fn tool(bench: &mut Bench, server: &Server, ledger: &Ledger, pair: u32) -> Outcome<()> {
    server.copy(LEDGER, WORK)?;
    compute(bench, server, ledger, pair)?;
    let mut validate = server.program(bench, "validate_allocations", WORK);
    validate.args(["--version", "current", "--quiet"]);
    bench.sample(
        ledger.subject("validate", "postgres", "tool"),
        pair,
        &mut validate,
    )?;
    if ledger.rows <= MILLION {
        let tax = server.program(bench, "fifo-pnl", WORK);
        bench.tax_lots(ledger, "postgres", pair, tax)?;
        peer(bench, server, ledger, pair)?;
        new_trades(bench, server, ledger, pair)?;
    }
    server.drop(WORK)
}

/// Measures what psql takes for the same rows, in our tables and in those of the yardstick.
fn floors(bench: &mut Bench, server: &Server, ledger: &Ledger, pair: u32) -> Outcome<()> {
    for (what, script) in [("floor", FLOOR), ("yardstick", YARDSTICK)] {
        server.copy(LEDGER, WORK)?;
        let mut psql = floor_command(bench, server, script)?;
        bench.sample(
            ledger.subject("full run", "postgres", what),
            pair,
            &mut psql,
        )?;
        server.drop(WORK)?;
    }
    Ok(())
}

fn floor_command(bench: &Bench, server: &Server, sql: &str) -> Outcome<Command> {
    let folder = bench.file("").display().to_string();
    let script = bench.file("floor.sql");
    fs::write(&script, sql.replace("FOLDER", folder.trim_end_matches('/')))?;
    Ok(server.psql(WORK, &["-f", &script.display().to_string()]))
}

/// Matches in SQL. Errors: it finds other matches than the tool.
fn peer(bench: &mut Bench, server: &Server, ledger: &Ledger, pair: u32) -> Outcome<()> {
    let script = bench.file("peer.sql");
    fs::write(&script, PEER)?;
    let mut psql = server.psql(WORK, &["-f", &script.display().to_string()]);
    bench.sample(
        ledger.subject("full run", "postgres", "peer, SQL"),
        pair,
        &mut psql,
    )?;
    let found = text(&mut server.psql(WORK, &["-At", "-c", AGREE]))?;
    let found: Vec<&str> = found.split('|').collect();
    match found[..] {
        [rows, size, tool_rows, tool_size, "0"] if rows == tool_rows && size == tool_size => Ok(()),
        _ => Err(format!("SQL and the tool disagree: rows, size, rows, size, {found:?}").into()),
    }
}

/// Measures what a run over new trades alone takes, and one that finds none.
fn new_trades(bench: &mut Bench, server: &Server, ledger: &Ledger, pair: u32) -> Outcome<()> {
    run_once(&mut import(bench, server, &ledger.new_trades))?;
    server.checkpoint()?;
    for row in ["incremental", "nothing new"] {
        let mut compute = server.program(bench, "compute_allocations", WORK);
        compute.args(["--incremental", "--quiet"]);
        bench.sample(ledger.subject(row, "postgres", "tool"), pair, &mut compute)?;
    }
    Ok(())
}

/// The server, by the address of its database `postgres`.
pub struct Server {
    url: String,
}

impl Server {
    /// Finds the server of the session.
    pub fn of_session() -> Outcome<Self> {
        Ok(Self {
            url: std::env::var("TEST_POSTGRES_URL")
                .map_err(|_| "TEST_POSTGRES_URL is not set; scripts/bench sets it")?,
        })
    }

    fn address(&self, database: &str) -> String {
        self.url.replacen("/postgres", &format!("/{database}"), 1)
    }

    pub fn psql(&self, database: &str, arguments: &[&str]) -> Command {
        let mut psql = Command::new("psql");
        psql.env("PGOPTIONS", "-c client_min_messages=warning");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
        psql.args(arguments).arg(self.address(database));
        psql
    }

    pub fn program(&self, bench: &Bench, name: &str, database: &str) -> Command {
        let mut program = bench.program(name);
        program.env("DATABASE_URL", self.address(database));
        program
    }

    fn sql(&self, sql: &str) -> Outcome<()> {
        run_once(&mut self.psql("postgres", &["-c", sql])).map(|_| ())
    }

    fn checkpoint(&self) -> Outcome<()> {
        self.sql("CHECKPOINT")
    }

    pub fn drop(&self, database: &str) -> Outcome<()> {
        self.sql(&format!("DROP DATABASE IF EXISTS {database}"))
    }

    pub fn create(&self, database: &str, template: &str) -> Outcome<()> {
        self.sql(&format!("CREATE DATABASE {database} TEMPLATE {template}"))
    }

    /// Copies a database as its files, and leaves the server nothing to write.
    pub fn copy(&self, from: &str, to: &str) -> Outcome<()> {
        self.sql(&format!(
            "CREATE DATABASE {to} TEMPLATE {from} STRATEGY file_copy"
        ))?;
        self.checkpoint()
    }
}
