//! A folder, a database of its own on the tests' server, and the programs that use both.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::skip::skip;
use crate::support::{Done, Folder};

/// How long a test waits before it gives up.
pub const WAIT_MAX: Duration = Duration::from_secs(300);

/// Pause before a test checks a condition again.
pub const POLL: Duration = Duration::from_millis(10);

/// Returns the URL of the tests' server. `None`: no server, and the test is skipped.
///
/// `scripts/with_postgres COMMAND` starts one. With `REQUIRE_POSTGRES=1` its absence is a failure.
pub fn server() -> Option<String> {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let url = named("TEST_POSTGRES_URL");
    if url.is_none() {
        let required = named("REQUIRE_POSTGRES").is_some_and(|value| value == "1");
        assert!(!required, "REQUIRE_POSTGRES=1, and no TEST_POSTGRES_URL");
        skip("no TEST_POSTGRES_URL; scripts/with_postgres starts a server");
    }
    url
}

/// Returns a URL with another database.
pub fn with_database(url: &str, database: &str) -> String {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = place.rsplit_once('/').unwrap();
    format!("{server}/{database}?{options}")
}

/// Returns a URL with another role.
pub fn with_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    format!("{scheme}://{role}@{place}")
}

/// Returns a URL whose sessions wait for a lock as long as `patience` says.
pub fn with_patience(url: &str, patience: &str) -> String {
    format!("{url}&options=-c%20lock_timeout%3D{patience}")
}

/// Prepares a `psql` that prints bare values, `|` between them, and stops at the first error.
pub fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url]);
    command.env_remove("PGPASSWORD").stdin(Stdio::null());
    command
}

/// Runs a query. Returns one text per row.
#[track_caller]
pub fn ask(url: &str, query: &str) -> Vec<String> {
    let output = psql(url).args(["-c", query]).output();
    let output = output.expect("psql is needed: scripts/setup --test installs it");
    let done = Done::of(output).expect(0);
    done.stdout.lines().map(str::to_owned).collect()
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A folder and a database for a test, both removed at the end.
pub struct Site {
    pub folder: Folder,
    pub url: String,
    server: String,
    pub database: String,
}

impl Site {
    /// Makes an empty database on a server.
    pub fn empty(server: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let database = format!("cli_{}_{number}", std::process::id());
        ask(server, &format!("CREATE DATABASE {database}"));
        Self::of(server, &database)
    }

    /// Uses an existing database, which is dropped at the end.
    pub fn of(server: &str, database: &str) -> Self {
        Self {
            folder: Folder::new(),
            url: with_database(server, database),
            server: server.to_owned(),
            database: database.to_owned(),
        }
    }

    /// Makes a database with our schema.
    pub fn migrated(server: &str) -> Self {
        let site = Self::empty(server);
        site.fifo_pnl(&["migrate", "up", "--yes", "--quiet"])
            .expect(0);
        site
    }

    /// Makes a database with a ledger and version 1.
    pub fn computed(server: &str, csv: &str) -> Self {
        let site = Self::migrated(server);
        site.folder.write("trades.csv", csv);
        site.fifo_pnl(&["import", "--quiet", "trades.csv"])
            .expect(0);
        site.compute(&["--all-symbols", "--quiet"]).expect(0);
        site
    }

    /// Prepares a program that finds the database in its environment.
    pub fn program(&self, binary: &str, args: &[&str]) -> Command {
        let mut command = self.folder.program(binary, args);
        command.env("DATABASE_URL", &self.url);
        command
    }

    pub fn fifo_pnl(&self, args: &[&str]) -> Done {
        Done::of(
            self.program(env!("CARGO_BIN_EXE_fifo-pnl"), args)
                .output()
                .unwrap(),
        )
    }

    pub fn compute(&self, args: &[&str]) -> Done {
        let binary = env!("CARGO_BIN_EXE_compute_allocations");
        Done::of(self.program(binary, args).output().unwrap())
    }

    pub fn validate(&self, args: &[&str]) -> Done {
        let binary = env!("CARGO_BIN_EXE_validate_allocations");
        Done::of(self.program(binary, args).output().unwrap())
    }

    /// Starts `compute_allocations --all-symbols` without waiting for its end.
    pub fn start_run(&self) -> Child {
        let binary = env!("CARGO_BIN_EXE_compute_allocations");
        spawn(self.patient(self.program(binary, &["--all-symbols"])))
    }

    /// Starts `fifo-pnl` without waiting for its end.
    pub fn start(&self, args: &[&str]) -> Child {
        spawn(self.patient(self.program(env!("CARGO_BIN_EXE_fifo-pnl"), args)))
    }

    /// Makes a program wait for a lock as long as the test holds it, on slow machines, too.
    fn patient(&self, mut command: Command) -> Command {
        command.env("DATABASE_URL", with_patience(&self.url, "300s"));
        command
    }

    #[track_caller]
    pub fn sql(&self, query: &str) -> Vec<String> {
        ask(&self.url, query)
    }

    #[track_caller]
    pub fn value(&self, query: &str) -> String {
        let rows = self.sql(query);
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.concat()
    }

    /// Waits until a query returns a value.
    #[track_caller]
    pub fn wait_for(&self, query: &str, value: &str) {
        let started = Instant::now();
        while self.sql(query) != [value] {
            assert!(started.elapsed() < WAIT_MAX, "waited in vain for {query}");
            std::thread::sleep(POLL);
        }
    }

    /// Waits until a query returns a row, and returns its value.
    #[track_caller]
    pub fn first_value(&self, query: &str) -> String {
        let started = Instant::now();
        loop {
            if let [value] = &self.sql(query)[..] {
                return value.clone();
            }
            assert!(started.elapsed() < WAIT_MAX, "waited in vain for {query}");
            std::thread::sleep(POLL);
        }
    }

    #[track_caller]
    pub fn export(&self, version: &str) -> String {
        let done = self.fifo_pnl(&["versions", "export", version]).expect(0);
        assert_eq!(done.stderr, "");
        done.stdout
    }

    /// Returns a line of the log for each run, oldest first.
    pub fn log(&self) -> Vec<String> {
        self.sql(
            "SELECT status || coalesce(' ' || error_message, '') || \
             CASE WHEN computation_end IS NULL THEN ' open' ELSE '' END \
             FROM fifo_computation_log ORDER BY id",
        )
    }

    /// Returns all rows of the ledger, as one text.
    pub fn ledger(&self) -> String {
        self.value(
            "SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY account, order_id)) \
             FROM trade_records t",
        )
    }

    /// Begins a transaction in a new `psql`. It holds the locks of `sql` until it is dropped or
    /// released.
    #[track_caller]
    pub fn hold(&self, sql: &str) -> Holding {
        let mut process = psql(&self.url)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        let name = format!("holds {}", process.id());
        writeln!(input, "SET application_name = '{name}'; BEGIN; {sql};").unwrap();
        let holding = Holding {
            process,
            input: Some(input),
        };
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' \
             AND state = 'idle in transaction' AND query LIKE '%{}%'",
            sql.replace('\'', "''")
        );
        self.wait_for(&query, "1");
        holding
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        // If the test has stopped the server, the database is gone already.
        let _ = psql(&self.server).args(["-c", &sql]).output();
    }
}

/// A transaction that is kept open.
pub struct Holding {
    process: Child,
    pub input: Option<ChildStdin>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        // `psql` ends at the end of its input, and so does the transaction.
        self.input.take();
        let _ = self.process.wait();
    }
}
