//! A database that faults are made on: the programs that use it, and what stands in it.

use std::process::{Child, Command, Stdio};

use crate::support::ledger::{Shape, csv, rows};
use crate::support::server::Server;
use crate::support::site::{self, Site};
use crate::support::{Done, Folder};

/// A database of this test's own.
pub enum Place {
    Sqlite(Folder),
    /// The server is dropped last: it has the site's database. `None`: all tests share it.
    Postgres(Site, Option<Server>),
}

/// State that must not change without a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Every trade, as one text each.
    pub ledger: Vec<String>,
    /// Number, status and hashes of each version.
    pub versions: Vec<String>,
    /// Number of the current one.
    pub current: String,
    /// Status of each run, oldest first.
    pub log: Vec<String>,
    /// Completed runs over all there is, which make a version each.
    pub full_runs: usize,
}

impl Place {
    pub fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    pub fn postgres() -> Self {
        let server = Server::start(&[], |_| {});
        let site = Site::migrated(&server.url("postgres"));
        Self::Postgres(site, Some(server))
    }

    /// One of each database; the server is the one that all tests share.
    pub fn both() -> Vec<Self> {
        let shared = site::server().map(|url| Self::Postgres(Site::migrated(&url), None));
        [Self::sqlite()].into_iter().chain(shared).collect()
    }

    /// Imports a file and makes version 1.
    pub fn compute_first(&self, csv: &str) {
        self.folder().write("trades.csv", csv);
        self.run(&["import", "--quiet", "trades.csv"]).expect(0);
        self.run(&["compute", "--all-symbols", "--quiet"]).expect(0);
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(..) => "PostgreSQL",
        }
    }

    pub fn folder(&self) -> &Folder {
        match self {
            Self::Sqlite(folder) => folder,
            Self::Postgres(site, _) => &site.folder,
        }
    }

    /// The server, if there is one to stop.
    pub fn server(&mut self) -> Option<&mut Server> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_, server) => server.as_mut(),
        }
    }

    /// Prepares the umbrella program.
    pub fn program(&self, args: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_fifo-pnl");
        let mut command = match self {
            Self::Sqlite(folder) => folder.program(binary, args),
            Self::Postgres(site, _) => site.program(binary, args),
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        Done::of(self.program(args).output().unwrap())
    }

    pub fn rows(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(folder) => folder.sql(sql),
            Self::Postgres(site, _) => site.sql(sql),
        }
    }

    #[track_caller]
    pub fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.concat()
    }

    /// Starts the umbrella program without waiting for its end.
    pub fn start(&self, args: &[&str]) -> Child {
        self.program(args).spawn().unwrap()
    }

    /// Returns the canonical export of a version.
    #[track_caller]
    pub fn export(&self, version: &str) -> String {
        let done = self.run(&["versions", "export", version]).expect(0);
        assert_eq!(done.stderr, "");
        done.stdout
    }

    /// Returns status and message of each run, oldest first.
    pub fn log(&self) -> Vec<String> {
        self.rows(
            "SELECT status || coalesce(' ' || error_message, '') || \
             CASE WHEN computation_end IS NULL THEN ' open' ELSE '' END \
             FROM fifo_computation_log ORDER BY id",
        )
    }

    /// Checks the current version in full.
    #[track_caller]
    pub fn check_current(&self) {
        let judge = ["validate", "--version", "current", "--quiet"];
        self.run(&judge).expect(0);
    }

    /// Lists the folder's files, without those of a database that is open.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder().path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }

    pub fn state(&self) -> State {
        State {
            ledger: self.rows(
                "SELECT account || ' ' || order_id || ' ' || symbol || ' ' || side || ' ' || size \
                 || ' ' || price || ' ' || order_time || ' ' || \
                 coalesce(CAST(total_fees_usd AS TEXT), '-') FROM trade_records \
                 ORDER BY account, order_id",
            ),
            versions: self.rows(
                "SELECT version || ' ' || status || ' ' || coalesce(ledger_hash, '-') || ' ' || \
                 coalesce(allocations_hash, '-') FROM allocation_versions ORDER BY version",
            ),
            current: self
                .rows("SELECT coalesce(CAST(version AS TEXT), '-') FROM current_version")
                .concat(),
            log: self.rows("SELECT status FROM fifo_computation_log ORDER BY id"),
            full_runs: self
                .rows(
                    "SELECT id FROM fifo_computation_log \
                     WHERE status = 'completed' AND computation_mode = 'full'",
                )
                .len(),
        }
    }

    /// Waits until nobody has the run lock: a server notices some time after the end of a process
    /// that it is gone.
    #[track_caller]
    pub fn wait_until_unlocked(&self) {
        if let Self::Postgres(site, _) = self {
            let backends = "SELECT count(*) FROM pg_locks l JOIN pg_database d \
                            ON d.oid = l.database WHERE l.locktype = 'advisory' \
                            AND d.datname = current_database()";
            site.wait_for(backends, "0");
        }
    }

    /// Counts partitions whose version the registry does not have, or has dropped.
    pub fn parts_of_no_version(&self) -> String {
        match self {
            Self::Sqlite(_) => self.value(
                "SELECT count(*) FROM fifo_allocations WHERE allocation_version NOT IN \
                 (SELECT version FROM allocation_versions WHERE status <> 'dropped')",
            ),
            Self::Postgres(site, _) => site.value(
                "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                 WHERE i.inhparent = 'fifo_allocations'::regclass AND \
                 substring(c.relname FROM '_v([0-9]+)_r')::bigint NOT IN \
                 (SELECT version FROM allocation_versions WHERE status <> 'dropped')",
            ),
        }
    }

    /// Counts tables that are no part of any version.
    pub fn loose_tables(&self) -> String {
        match self {
            Self::Sqlite(_) => "0".into(),
            Self::Postgres(site, _) => site.value(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'fifo_parts'::regnamespace \
                 AND relkind = 'r' AND NOT relispartition \
                 AND relname ~ '_v[0-9]+_r[0-9]+(_[12])?$'",
            ),
        }
    }
}

/// Makes a file of trades whose ids begin with a prefix.
pub fn file_of(shape: Shape, seed: u64, prefix: &str) -> String {
    let named = |row: String| row.replacen(',', &format!(",{prefix}"), 1);
    let rows: Vec<String> = rows(shape, seed).into_iter().map(named).collect();
    csv(&rows)
}
