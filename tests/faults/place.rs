//! A database that faults are made on: the programs that use it, and what stands in it.

use std::process::{Command, Stdio};

use crate::server::Server;
use crate::site::Site;
use crate::support::{Done, Folder};

/// A database of this test's own.
pub enum Place {
    Sqlite(Folder),
    /// The server is dropped last: it has the site's database.
    Postgres(Site, Server),
}

/// What must not change by itself.
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
}

impl Place {
    pub fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    pub fn postgres() -> Self {
        let server = Server::start(&[], |_| {});
        let site = Site::migrated(&server.url("postgres"));
        Self::Postgres(site, server)
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

    /// The server, where there is one to stop.
    pub fn server(&mut self) -> Option<&mut Server> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_, server) => Some(server),
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
        }
    }

    /// Counts tables that are no part of any version.
    pub fn loose_tables(&self) -> String {
        match self {
            Self::Sqlite(_) => "0".into(),
            Self::Postgres(site, _) => site.value(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'fifo_parts'::regnamespace \
                 AND relkind = 'r' AND NOT relispartition AND relname ~ '_v[0-9]+_r[0-9]+$'",
            ),
        }
    }
}
