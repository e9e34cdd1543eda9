//! Shared parts of the tests of the programs: a folder of their own, the programs, SQL from the
//! shell.
//!
//! The programs are run as a user runs them: from a folder, with nothing of the developer's
//! environment. What they stored is read with the `sqlite3` shell, not with the code under test.
#![allow(
    clippy::disallowed_methods,
    reason = "the programs are found on PATH, which the environment has"
)]

pub mod commands;
pub mod ledger;
pub mod postgres;
pub mod server;
pub mod signals;
pub mod site;
pub mod skip;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The file of the database, by default.
pub const DATABASE: &str = "fifo-pnl.db";

/// Sets the free and all bytes of the disk (`free/all`) for a program of a debug build. So no test
/// depends on the disk of its machine.
pub const DISK_ROOM: &str = "FIFO_PNL_DISK_ROOM";

/// Exit code and output of a program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Exit code; from 128 on, a signal ended the program.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code, and shows the output if it differs.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code {}\nstdout:\n{}\nstderr:\n{}",
            self.code, self.stdout, self.stderr
        );
        self
    }

    /// Parses stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in:\n{}\n{}", self.stdout, self.stderr))
    }

    /// Returns the last line of stderr.
    pub fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

/// A folder for a test and its programs, removed at the end of the test.
pub struct Folder {
    path: PathBuf,
    _temporary: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("fifo-pnl-")
            .tempdir()
            .unwrap();
        Self {
            path: temporary.path().canonicalize().unwrap(),
            _temporary: temporary,
        }
    }

    /// Makes a folder whose ledger has the trades of a CSV text.
    pub fn with_trades(csv: &str) -> Self {
        let folder = Self::new();
        folder.write("trades.csv", csv);
        folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
        folder
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).unwrap()
    }

    /// Prepares a program of this project.
    pub fn program(&self, binary: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(args);
        self.surround(&mut command);
        command
    }

    /// Runs a program in this folder, with the programs of this project on its PATH, and no
    /// variable of the developer.
    pub fn surround(&self, command: &mut Command) {
        let programs = Path::new(env!("CARGO_BIN_EXE_fifo-pnl")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("USER", "tester")
            .env("LC_ALL", "C")
            .env(DISK_ROOM, "3000000000/4000000000")
            .stdin(Stdio::null());
    }

    pub fn fifo_pnl(&self, args: &[&str]) -> Done {
        self.run(env!("CARGO_BIN_EXE_fifo-pnl"), args)
    }

    pub fn compute(&self, args: &[&str]) -> Done {
        self.run(env!("CARGO_BIN_EXE_compute_allocations"), args)
    }

    pub fn validate(&self, args: &[&str]) -> Done {
        self.run(env!("CARGO_BIN_EXE_validate_allocations"), args)
    }

    fn run(&self, binary: &str, args: &[&str]) -> Done {
        Done::of(self.program(binary, args).output().unwrap())
    }

    /// Starts `fifo-pnl` without waiting for its end.
    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.program(env!("CARGO_BIN_EXE_fifo-pnl"), args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a line of shell, which may use the programs of this project.
    pub fn shell(&self, line: &str) -> Done {
        self.shell_with(line, None)
    }

    /// Runs a line of shell on a database that the environment names.
    pub fn shell_with(&self, line: &str, database: Option<&str>) -> Done {
        let mut command = Command::new("sh");
        command.arg("-c").arg(line);
        self.surround(&mut command);
        command.envs(database.map(|url| ("DATABASE_URL", url)));
        Done::of(command.output().unwrap())
    }

    /// Runs a query in the `sqlite3` shell. Returns one text per row, with `|` between the columns.
    #[track_caller]
    pub fn sql(&self, query: &str) -> Vec<String> {
        self.sql_of(DATABASE, query)
    }

    /// Runs a query on the database in the named file.
    #[track_caller]
    pub fn sql_of(&self, database: &str, query: &str) -> Vec<String> {
        let mut command = Command::new("sqlite3");
        command.args(["-batch", "-bail", "-cmd", ".timeout 60000"]);
        command.args([database, query]);
        self.surround(&mut command);
        let output = command
            .output()
            .expect("the sqlite3 shell is needed: scripts/setup --test installs it");
        let done = Done::of(output).expect(0);
        done.stdout.lines().map(str::to_owned).collect()
    }

    /// Runs a query for one value.
    #[track_caller]
    pub fn value(&self, query: &str) -> String {
        let rows = self.sql(query);
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.concat()
    }

    /// Returns all rows of a database as text, except those of the named tables.
    #[track_caller]
    pub fn dump(&self, database: &str, without: &[&str]) -> Vec<String> {
        let rows = self.sql_of(database, ".dump");
        let is_of = |row: &String| {
            let of = |table| row.strip_prefix("INSERT INTO ")?.strip_prefix(table);
            let mut rests = without.iter().filter_map(|table| of(*table));
            rests.any(|rest: &str| rest.starts_with([' ', '(']))
        };
        rows.into_iter().filter(|row| !is_of(row)).collect()
    }

    /// Returns the canonical export of a version.
    #[track_caller]
    pub fn export(&self, version: &str) -> String {
        let done = self.fifo_pnl(&["versions", "export", version]).expect(0);
        assert_eq!(done.stderr, "");
        done.stdout
    }
}

/// Waits until a program prints its first line on stderr, and checks how that line begins.
#[track_caller]
pub fn wait_for_line(child: &mut Child, start: &str) {
    let (mut line, mut byte) = (Vec::new(), [0]);
    let stderr = child.stderr.as_mut().unwrap();
    // Byte by byte, so that all later output is left for the caller.
    while stderr.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    let line = String::from_utf8(line).unwrap();
    assert!(line.starts_with(start), "{line}");
}

/// Returns the repository's folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the lines in which two texts differ; empty if they are equal.
pub fn diff(expected: &str, found: &str) -> String {
    if expected == found {
        return String::new();
    }
    let (expected, found) = (lines(expected), lines(found));
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = expected.iter().zip(&found).take_while(same).count();
    let rest = |of: &[&str]| of.len() - head;
    let tail = (expected.iter().rev())
        .zip(found.iter().rev())
        .take_while(same)
        .count()
        .min(rest(&expected))
        .min(rest(&found));
    let mut text = format!("  from line {}:\n", head + 1);
    for (mark, of) in [("-", &expected), ("+", &found)] {
        for line in &of[head..of.len() - tail] {
            text.push_str(&format!("  {mark} {}\n", line.escape_debug()));
        }
    }
    text
}

/// Splits at line feeds only, so that every byte counts.
fn lines(text: &str) -> Vec<&str> {
    text.split('\n').collect()
}
