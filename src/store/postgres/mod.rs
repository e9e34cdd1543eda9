//! PostgreSQL: the store of production, in a database that other programs use while we run.
//!
//! Versions are partitions, filled while nobody sees them and attached in a short transaction. One
//! run at a time, by a session advisory lock on the connection that publishes. Decimals are NUMERIC
//! and pass as text, times are TIMESTAMPTZ and pass as text or microseconds: nothing is rounded on
//! the way. Files and functions mirror those of `store/sqlite`. Read next: `schema.rs` (the gate),
//! `ledger.rs` (imports and reads), `versions.rs` (writing and publishing), `lock.rs`.

mod copy;
mod errors;
mod ledger;
mod lock;
mod pointer;
mod queue;
mod read;
mod runs;
mod schema;
mod versions;

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres, Transaction};

use super::limits::{CONNECT_WAIT_S, CONNECTIONS_MAX};
use super::model::{
    Current, Event, Exclusion, Holder, ImportBatch, ImportReceipt, LedgerCounts, LedgerRead,
    PointerMove, PoolSummary, QueuedItem, RunFailure, RunStart, SchemaStep, Scope, Version,
    VersionInfo, VersionPlan, VoidChange, Watermark,
};
use super::{
    RowSink, RunLock, Store, StoreError, StoreResult, StoredPool, StoredRow, VersionWriter,
};
use crate::engine::{Account, Pool, Timestamp};
use errors::{from_connect, from_sqlx};

/// A ledger and its versions in a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    options: PgConnectOptions,
    location: String,
    locked: lock::LockedConnection,
}

/// Where a database is and how to reach it: a URL, understood.
#[derive(Debug, Clone)]
pub struct PostgresUrl {
    options: PgConnectOptions,
    location: String,
}

impl PostgresUrl {
    /// Reads a URL of scheme `postgres` or `postgresql`. Errors: it can't be understood.
    ///
    /// A password that the URL lacks is looked up in `~/.pgpass`.
    pub fn parse(url: &str) -> StoreResult<Self> {
        let bad = |error: sqlx::Error| StoreError::BadLocation {
            location: "the PostgreSQL URL".into(),
            reason: error.to_string(),
        };
        let options = PgConnectOptions::from_str(url)
            .map_err(bad)?
            .disable_statement_logging();
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        let place = match options.get_socket() {
            Some(folder) => format!("{}", folder.display()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let location = format!("postgres://{}@{place}/{database}", options.get_username());
        Ok(Self { options, location })
    }

    /// Returns the place without any password.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Connects once, so that a server that is down says so at once.
    async fn connect(&self, what: &str) -> StoreResult<PgConnection> {
        let options = self.options.clone().application_name(what);
        let connecting = PgConnection::connect_with(&options);
        match tokio::time::timeout(Duration::from_secs(CONNECT_WAIT_S), connecting).await {
            Ok(connected) => connected.map_err(|e| from_connect(&self.location, e)),
            Err(_) => Err(StoreError::Connect {
                location: self.location.clone(),
                reason: format!("no answer within {CONNECT_WAIT_S} s"),
            }),
        }
    }

    /// Lists the schema's steps of the database.
    pub async fn schema_steps(&self) -> StoreResult<Vec<SchemaStep>> {
        let mut connection = self.connect("fifo-pnl migrate").await?;
        schema::steps(&mut connection).await
    }

    /// Brings the schema up to this program's.
    ///
    /// Errors: names that are taken, a missing privilege, a migration that was changed.
    pub async fn schema_up(&self) -> StoreResult<()> {
        let mut connection = self.connect("fifo-pnl migrate").await?;
        let done = schema::up(&mut connection).await;
        named(self.options.get_username(), done)
    }

    /// Takes the schema back to an older version. Errors: facts or sealed versions would be lost.
    pub async fn schema_down(&self, target: i64, holder: &Holder) -> StoreResult<()> {
        let slot = lock::LockedConnection::default();
        let lock = lock::try_lock(&self.options, &self.location, &slot, holder).await?;
        let mut connection = self.connect("fifo-pnl migrate").await?;
        let done = schema::down(&mut connection, target).await;
        Box::new(lock).release().await;
        named(self.options.get_username(), done)
    }
}

impl PostgresStore {
    /// Opens a database whose schema is this program's.
    ///
    /// Errors: no server, no such database, wrong password, another schema.
    pub async fn open(url: &PostgresUrl, holder: &Holder) -> StoreResult<Self> {
        let name = format!("{} (pid {} on {})", holder.what, holder.pid, holder.host);
        let mut first = url.connect(&name).await?;
        let gated = schema::gate(&mut first).await;
        let _ = first.close().await;
        named(url.options.get_username(), gated)?;
        let options = url.options.clone().application_name(&name);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(Duration::from_secs(CONNECT_WAIT_S))
            .connect_lazy_with(options.clone());
        let locked = lock::LockedConnection::default();
        Ok(Self {
            pool,
            options,
            location: url.location.clone(),
            locked,
        })
    }

    async fn reader(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.pool
            .acquire()
            .await
            .map_err(|e| from_sqlx("connect", e))
    }

    /// Begins a transaction that writes.
    async fn writer(&self) -> StoreResult<Transaction<'static, Postgres>> {
        self.pool
            .begin()
            .await
            .map_err(|e| from_sqlx("begin a transaction", e))
    }

    /// Begins a transaction that reads one state of the database.
    async fn snapshot(&self) -> StoreResult<Transaction<'static, Postgres>> {
        let mut transaction = self.writer().await?;
        transaction
            .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(|e| from_sqlx("begin a transaction", e))?;
        Ok(transaction)
    }

    fn named<T>(&self, done: StoreResult<T>) -> StoreResult<T> {
        named(self.options.get_username(), done)
    }
}

/// Adds to a refusal of the server which role was refused, and what would let it in.
fn named<T>(role: &str, done: StoreResult<T>) -> StoreResult<T> {
    done.map_err(|error| match error {
        StoreError::NoPermission { location, reason } => {
            let object = reason.strip_prefix("permission denied for ");
            let grant = object.map(|object| {
                let rights = match object.split(' ').next() {
                    Some("schema") => "USAGE, CREATE",
                    Some("sequence") => "USAGE",
                    _ => "SELECT, INSERT, UPDATE, DELETE",
                };
                let object = object
                    .strip_prefix("view ")
                    .or(object.strip_prefix("table "));
                let object =
                    object.unwrap_or_else(|| reason.trim_start_matches("permission denied for "));
                format!("; it lacks: GRANT {rights} ON {object} TO {role}")
            });
            StoreError::NoPermission {
                location,
                reason: format!("role \"{role}\": {reason}{}", grant.unwrap_or_default()),
            }
        }
        other => other,
    })
}

async fn commit(transaction: Transaction<'static, Postgres>) -> StoreResult<()> {
    transaction
        .commit()
        .await
        .map_err(|e| from_sqlx("commit", e))
}

#[async_trait]
impl Store for PostgresStore {
    fn location(&self) -> String {
        self.location.clone()
    }

    async fn import(&self, batch: &ImportBatch) -> StoreResult<ImportReceipt> {
        self.named(ledger::import(self, batch).await)
    }

    async fn void(&self, change: &VoidChange) -> StoreResult<()> {
        self.named(ledger::void(self, change).await)
    }

    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        self.named(ledger::origin(self, account.as_str(), order_id).await)
    }

    async fn ledger_counts(&self) -> StoreResult<LedgerCounts> {
        self.named(ledger::counts(self).await)
    }

    async fn read_ledger(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<LedgerRead> {
        self.named(ledger::read(self, scope, as_of).await)
    }

    async fn lock_runs(&self, holder: &Holder) -> StoreResult<Box<dyn RunLock>> {
        let lock = lock::try_lock(&self.options, &self.location, &self.locked, holder).await;
        Ok(Box::new(self.named(lock)?))
    }

    async fn close_orphans(&self, holder: &Holder) -> StoreResult<u64> {
        self.named(versions::drop_leftovers(self).await)?;
        self.named(runs::close_orphans(self, holder).await)
    }

    async fn begin_run(&self, run: &RunStart) -> StoreResult<i64> {
        self.named(runs::begin(self, run).await)
    }

    async fn fail_run(&self, run_id: i64, failure: &RunFailure) -> StoreResult<()> {
        self.named(runs::fail(self, run_id, failure).await)
    }

    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(self.named(versions::begin(self, plan).await)?))
    }

    async fn next_version(&self) -> StoreResult<Version> {
        self.named(read::next_version(self).await)
    }

    async fn versions(&self) -> StoreResult<Vec<VersionInfo>> {
        self.named(read::versions(self).await)
    }

    async fn current(&self) -> StoreResult<Current> {
        self.named(read::current(self).await)
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        self.named(pointer::move_by_hand(self, pointer).await)
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        self.named(versions::seal(self, version, reason, event).await)
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        self.named(versions::drop(self, version, event).await)
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        self.named(read::pool_summaries(self, version).await)
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        self.named(read::pools_with_rows(self, version).await)
    }

    async fn stored_pool(&self, version: Version, pool: &Pool) -> StoreResult<StoredPool> {
        self.named(read::stored_pool(self, version, pool).await)
    }

    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>> {
        self.named(read::unmatched_rows(self, version).await)
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        self.named(read::export(self, version, sink).await)
    }

    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>> {
        self.named(queue::list(self).await)
    }

    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>> {
        self.named(queue::exclusions(self).await)
    }

    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()> {
        self.named(queue::set_exclusion(self, exclusion, excluded).await)
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        let mut transaction = self.writer().await?;
        runs::log_event(&mut transaction, event).await?;
        commit(transaction).await
    }
}
