//! Proxies that lend connections: one that keeps sessions is fine, others are refused.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use fifo_pnl::store::postgres::{PostgresStore, PostgresUrl};
use fifo_pnl::store::{RunStore, StoreError, VersionStore};

use crate::postgres_store::{POLL, WAIT_MAX, fill, value};
use crate::subject::server::Database;
use crate::subject::skip::skip;
use crate::subject::{PostgresSubject, Run, holder, refusal};

/// A pgbouncer on a socket of its own, ended in the end.
struct Proxy {
    process: Child,
    folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let folders = [
        "/usr/sbin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
    ];
    let found = folders
        .iter()
        .map(|folder| Path::new(folder).join("pgbouncer"))
        .find(|path| path.exists());
    if found.is_none() {
        let is_required = std::env::var("REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(
            !is_required,
            "no pgbouncer in {folders:?}, and REQUIRE_POSTGRES=1"
        );
        skip(&format!("no pgbouncer in {folders:?}"));
    }
    found
}

/// Names the server's user where we are root, as which pgbouncer refuses to run.
fn unprivileged() -> Option<&'static str> {
    let owner =
        std::fs::metadata("/proc/self").map(|data| std::os::unix::fs::MetadataExt::uid(&data));
    (owner.ok()? == 0).then_some("postgres")
}

impl Proxy {
    /// Starts one before a server that is reached through a socket; `None`: it can't be tried.
    fn start(database: &Database, mode: &str) -> Option<Self> {
        let program = program()?;
        let Some((_, socket)) = database.server().split_once("host=/") else {
            skip("the server has no socket for pgbouncer");
            return None;
        };
        let socket = format!("/{}", socket.split('&').next().unwrap_or_default());
        let folder = tempfile::Builder::new()
            .prefix("fifo-pb-")
            .tempdir_in("/tmp")
            .unwrap();
        let place = folder.path().display();
        let config = format!(
            "[databases]\n* = host={socket} user=fifo\n[pgbouncer]\npool_mode = {mode}\n\
             auth_type = any\nunix_socket_dir = {place}\nlisten_port = 6432\nlisten_addr =\n\
             logfile = {place}/log\ndefault_pool_size = 10\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, config).unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let mut command = Command::new(program);
        if let Some(user) = unprivileged() {
            command.args(["-u", user]);
        }
        command.arg("-q").arg(&file).stdin(Stdio::null());
        let process = command.spawn().unwrap();
        let mut proxy = Self { process, folder };
        proxy.wait();
        Some(proxy)
    }

    fn wait(&mut self) {
        let (started, socket) = (Instant::now(), self.folder.path().join(".s.PGSQL.6432"));
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let ended = self.process.try_wait().unwrap();
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            assert_eq!(ended, None, "{log:?}");
            assert!(started.elapsed() < WAIT_MAX, "{log:?}");
            std::thread::sleep(POLL);
        }
    }

    fn url(&self, database: &Database) -> PostgresUrl {
        let (name, place) = (database.name(), self.folder.path().display());
        PostgresUrl::parse(&format!(
            "postgres://fifo@localhost:6432/{name}?host={place}"
        ))
        .unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_proxy_that_lends_a_connection_for_a_transaction_is_refused() {
    for mode in ["transaction", "statement"] {
        let Some(database) = Database::new() else {
            return;
        };
        let Some(proxy) = Proxy::start(&database, mode) else {
            return;
        };
        let url = proxy.url(&database);
        for _ in 0..3 {
            let words = refusal(url.schema_up().await);
            assert!(words.contains("transaction pooling"), "{words}");
        }
        let direct = PostgresUrl::parse(database.url()).unwrap();
        direct.schema_up().await.unwrap();
        for _ in 0..3 {
            let words = refusal(PostgresStore::open(&url, &holder("x")).await);
            assert!(words.contains("connect to the server itself"), "{words}");
            let words = refusal(url.schema_down(2, &holder("x")).await);
            assert!(words.contains("transaction pooling"), "{words}");
        }
        // Nothing is locked on a connection that the proxy goes on lending to others.
        let locks = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND database \
                     = (SELECT oid FROM pg_database WHERE datname = current_database())";
        // The proxy closes what it lent a moment after we let go of it.
        let started = Instant::now();
        while value(&database, locks).await != "0" {
            assert!(started.elapsed() < WAIT_MAX, "a lock is left behind");
            tokio::time::sleep(POLL).await;
        }
    }
}

#[tokio::test]
async fn a_proxy_that_keeps_sessions_is_as_good_as_the_server() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let Some(proxy) = Proxy::start(&subject.database, "session") else {
        return;
    };
    let url = proxy.url(&subject.database);
    let store = PostgresStore::open(&url, &holder("x")).await.unwrap();
    fill(&store).await;
    Run::default().go(&store).await.unwrap();
    let first = holder("through the proxy");
    let lock = store.lock_runs(&first).await.unwrap();
    let direct = subject.another("direct").await;
    match direct.lock_runs(&holder("direct")).await {
        Err(StoreError::Locked(found)) => assert_eq!(found, first),
        other => panic!("{:?}", other.err()),
    }
    lock.release().await;
    for _ in 0..5 {
        let lock = direct.lock_runs(&first).await.unwrap();
        lock.release().await;
        let lock = store.lock_runs(&first).await.unwrap();
        lock.release().await;
    }
    assert_eq!(store.current().await.unwrap().version, Some(1));
}
