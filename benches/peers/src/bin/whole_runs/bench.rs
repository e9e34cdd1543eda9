//! A session: its programs, its folder, and the samples so far.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use fifo_pnl_peers::Outcome;
use fifo_pnl_peers::machine::Machine;
use fifo_pnl_peers::process::{Used, measure, text};
use fifo_pnl_peers::samples::{Results, Sample, Subject};
use fifo_pnl_peers::targets::{MILLION, short, with_lines};

use crate::options::{Options, Part};

/// The file of trades, two databases with them, a version, and its rows in files. Measured with
/// PostgreSQL 15: 140, 2 x 360, 470 and 350.
const POSTGRES_BYTES_PER_TRADE: u64 = 1_800;
/// Limit of the server's journal under `scripts/bench`.
const JOURNAL_BYTES_MAX: u64 = 8 << 30;
/// Three files with ten versions. Measured: 250 for the ledger, 500 for a version.
const SQLITE_BYTES_PER_TRADE: u64 = 16_000;
/// Trades that arrive after the ledger of a session.
pub const NEW_TRADES: u64 = 1_000;
/// The year of the first trades of a generated ledger, which has most of them.
const FIRST_YEAR: &str = "2024";
const SEED: &str = "42";
const SYMBOLS: &str = "200";

/// A session.
pub struct Bench {
    pub options: Options,
    pub samples: Vec<Sample>,
    /// Folder of all programs.
    programs: PathBuf,
    /// Emptied at the end.
    folder: PathBuf,
    results: Results,
    /// When it began.
    session: String,
}

/// A ledger of one size and shape.
pub struct Ledger {
    pub rows: u64,
    pub shape: &'static str,
    /// The first `rows` trades.
    pub file: PathBuf,
    /// The trades after them.
    pub new_trades: PathBuf,
}

impl Ledger {
    /// Describes the measurement over this ledger.
    pub fn subject(&self, row: &str, database: &str, what: &str) -> Subject {
        Subject::new(row, database, self.rows, self.shape, what)
    }

    /// Removes the files.
    pub fn remove(self) -> Outcome<()> {
        fs::remove_file(self.file)?;
        Ok(fs::remove_file(self.new_trades)?)
    }
}

impl Bench {
    /// Looks at the machine, makes a folder and opens the file of results.
    pub fn begin(options: Options) -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let programs = own.parent().ok_or("no folder of programs")?.to_owned();
        let folder = std::env::temp_dir().join(format!("fifo-bench-{}", std::process::id()));
        check_disk(&std::env::temp_dir(), &options)?;
        fs::create_dir_all(&folder)?;
        let machine = Machine::here(server_version().unwrap_or_default());
        let day = machine.date.get(..10).unwrap_or("undated");
        let file = match &options.results {
            Some(file) => file.clone(),
            None => PathBuf::from(format!("benches/results/{day}-{}.csv", machine.commit)),
        };
        println!("{machine:#?}\nresults: {}", file.display());
        Ok(Self {
            options,
            samples: Vec::new(),
            programs,
            folder,
            session: machine.date.clone(),
            results: Results::open(&file, machine)?,
        })
    }

    /// Removes the session's folder.
    pub fn end(&self) -> Outcome<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    pub fn wants(&self, part: Part) -> bool {
        self.options.only.is_none_or(|only| only == part)
    }

    /// Returns a command for a program of this repository.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// Returns the place of a file of the session.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a command, records its time and memory, and says so.
    pub fn sample(&mut self, subject: Subject, run: u32, command: &mut Command) -> Outcome<()> {
        let used = measure(command)?;
        self.keep(subject, run, used)
    }

    pub fn keep(&mut self, subject: Subject, run: u32, used: Used) -> Outcome<()> {
        let sample = Sample {
            subject,
            session: self.session.clone(),
            run,
            used,
        };
        let Subject {
            row,
            database,
            rows,
            shape,
            what,
        } = &sample.subject;
        eprintln!(
            "{row}, {database}, {} {shape}, {what} {run}: {:.3} s, CPU {:.3} s, {} MB",
            short(*rows),
            used.wall_s,
            used.cpu_s,
            used.peak_kb / 1_000
        );
        self.results.add(&sample)?;
        self.samples.push(sample);
        Ok(())
    }

    /// Measures the tax file `lots` of the first year of a ledger, by a program that knows its
    /// database. It works in a folder of its own, where it keeps the time zone.
    pub fn tax_lots(
        &mut self,
        ledger: &Ledger,
        database: &str,
        run: u32,
        mut program: Command,
    ) -> Outcome<()> {
        let (folder, lots) = (self.file("tax"), self.file("tax/lots.csv"));
        fs::create_dir_all(&folder)?;
        program
            .current_dir(&folder)
            .args(["tax", "--year", FIRST_YEAR]);
        program.args(["--timezone", "UTC", "--format", "lots", "--overwrite", "-o"]);
        program.arg(&lots).args(["--allow-incomplete", "--quiet"]);
        let used = measure(&mut program)?;
        let lines = BufReader::new(fs::File::open(&lots)?).split(b'\n').count() as u64;
        let what = with_lines("tool", lines.saturating_sub(1));
        self.keep(ledger.subject("tax lots", database, &what), run, used)?;
        Ok(fs::remove_dir_all(folder)?)
    }

    /// Writes a ledger, and apart from it the trades that arrive later.
    pub fn ledger(&self, rows: u64, shape: &'static str) -> Outcome<Ledger> {
        self.ledger_of(rows, shape, SYMBOLS)
    }

    /// Writes a ledger of so many pools.
    pub fn ledger_of(&self, rows: u64, shape: &'static str, pools: &str) -> Outcome<Ledger> {
        let whole = self.file("whole.csv");
        let mut generate = Command::new(self.programs.join("examples/generate_ledger"));
        let trades = (rows + NEW_TRADES).to_string();
        generate.args(["--trades", &trades, "--seed", SEED, "--symbols", pools]);
        generate
            .args(["--shape", shape])
            .stdout(fs::File::create(&whole)?);
        if !generate.status()?.success() {
            return Err("generate_ledger failed".into());
        }
        let ledger = Ledger {
            rows,
            shape,
            file: self.file("trades.csv"),
            new_trades: self.file("new_trades.csv"),
        };
        split(&whole, &ledger)?;
        fs::remove_file(whole)?;
        Ok(ledger)
    }
}

/// Writes the first rows of a file to one file and the others to another, both with the headline.
fn split(whole: &Path, ledger: &Ledger) -> Outcome<()> {
    use std::io::{BufWriter, Write};
    let mut lines = BufReader::new(fs::File::open(whole)?).split(b'\n');
    let headline = lines.next().ok_or("an empty ledger")??;
    for (path, rows) in [(&ledger.file, ledger.rows), (&ledger.new_trades, u64::MAX)] {
        let mut out = BufWriter::new(fs::File::create(path)?);
        out.write_all(&headline)?;
        out.write_all(b"\n")?;
        let mut written = 0;
        while written < rows
            && let Some(line) = lines.next()
        {
            out.write_all(&line?)?;
            out.write_all(b"\n")?;
            written += 1;
        }
        out.into_inner()?.sync_all()?;
    }
    Ok(())
}

/// Errors: too little room for the largest ledger.
fn check_disk(folder: &Path, options: &Options) -> Outcome<()> {
    let rows = options.rows.last().copied().unwrap_or(0);
    let postgres = rows * POSTGRES_BYTES_PER_TRADE;
    let postgres = postgres + postgres.min(JOURNAL_BYTES_MAX);
    let sqlite = rows.min(MILLION) * SQLITE_BYTES_PER_TRADE;
    let needed = match options.only {
        None => postgres.max(sqlite),
        Some(Part::Postgres | Part::Growth) => postgres,
        Some(Part::Sqlite | Part::Mixed) => sqlite,
        Some(Part::Kernel | Part::Pools) => 0,
    };
    let room = rustix::fs::statvfs(folder)?;
    let free = room.f_bavail * room.f_frsize;
    if free < needed {
        let (place, gigabyte) = (folder.display(), 1_000_000_000);
        let (free, needed) = (free / gigabyte, needed / gigabyte);
        return Err(format!("{place}: {free} GB free, {needed} GB needed for {rows} rows").into());
    }
    Ok(())
}

fn server_version() -> Outcome<String> {
    let url = std::env::var("TEST_POSTGRES_URL")?;
    text(Command::new("psql").args(["-XAtc", "SHOW server_version", &url]))
}
