//! A PostgreSQL server for tests, and a database of a test's own in it.
//!
//! `scripts/with_postgres COMMAND` starts a server and names it in `TEST_POSTGRES_URL`. Without one
//! the tests that need it are skipped and say so; with `REQUIRE_POSTGRES=1` they fail instead.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "the server is named in the environment"
)]

use std::future::Future;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use super::skip::skip;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Returns the URL of the tests' server. `None`: there is no server, and the test prints that it is
/// skipped.
pub fn server() -> Option<String> {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let url = named("TEST_POSTGRES_URL");
    if url.is_none() {
        let is_required = named("REQUIRE_POSTGRES").is_some_and(|value| value == "1");
        assert!(
            !is_required,
            "no PostgreSQL (TEST_POSTGRES_URL), and REQUIRE_POSTGRES=1"
        );
        skip("no PostgreSQL (TEST_POSTGRES_URL)");
    }
    url
}

/// Runs a future in another thread with its own runtime, so that any code can call this.
pub fn apart<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap()
}

/// An empty database for one test. At the end it is dropped, and all connections to it are ended.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// Makes an empty database; `None` without a server.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("t_{}_{number}", std::process::id());
        apart(on(&server, &format!("CREATE DATABASE {name}"))).unwrap();
        let url = with_database(&server, &name);
        Some(Self { server, name, url })
    }

    /// Returns the database's URL, for a store or a program.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL of the server, as `TEST_POSTGRES_URL` has it.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Opens a connection outside the program.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// Runs statements in a new session. Errors: the server's message.
    pub async fn run(&self, sql: &str) -> Result<(), String> {
        on(&self.url, sql).await
    }

    /// Runs a query in a new session. Returns one text per row, with `|` between the columns, which
    /// are texts.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        let rows = ask(&mut connection, sql).await;
        connection.close().await.unwrap();
        rows
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // If the database can't be dropped, the test does not fail: its server is temporary.
        let _ = apart(on(&self.server, &sql));
    }
}

/// Returns a URL with another database.
pub fn with_database(url: &str, database: &str) -> String {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = place.rsplit_once('/').unwrap();
    format!("{server}/{database}?{options}")
}

/// Returns a URL with another role, without a password.
pub fn with_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    format!("{scheme}://{role}@{place}")
}

/// Connects without the session settings of the program.
pub async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).unwrap();
    let options = options.application_name("a test");
    PgConnection::connect_with(&options).await.unwrap()
}

/// Runs statements in a new session. Errors: the server's message.
async fn on(url: &str, sql: &str) -> Result<(), String> {
    let mut connection = connect(url).await;
    let done = run(&mut connection, sql).await;
    connection.close().await.unwrap();
    done
}

/// Runs statements. Errors: the server's message.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    let done = connection.execute(AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|error| match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    })
}

/// Runs a query. Returns one text per row, with `|` between the columns, which are texts.
pub async fn ask(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let rows = connection.fetch_all(AssertSqlSafe(sql)).await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.iter().map(line).collect()
}

fn line(row: &PgRow) -> String {
    let cell = |index| {
        let text: Option<&str> = row.try_get_unchecked(index).unwrap();
        text.unwrap_or("NULL").to_owned()
    };
    (0..row.len()).map(cell).collect::<Vec<_>>().join("|")
}
