//! PostgreSQL: the store of production, in a database that other programs use while we run.
//!
//! Versions are partitions, filled while nobody sees them and attached in a short transaction. One
//! run at a time, by a session advisory lock on the connection that publishes. Decimals are NUMERIC
//! and pass as text, times are TIMESTAMPTZ and pass as text or microseconds: no value is rounded on
//! the way. Files and functions mirror those of `store/sqlite`. Read next: `schema.rs` (the schema
//! check), `ledger.rs` (imports and reads), `writer.rs` (writing and publishing), `lock.rs`.

mod adoption;
mod append;
mod binary;
mod cells;
mod copy;
mod copy_rows;
mod copy_trades;
mod driver;
mod drop;
mod errors;
mod fingerprint;
mod gate;
mod halves;
mod health;
mod history;
mod import;
mod ledger;
mod lock;
mod plans;
mod protect;
mod readback;
mod readers;
mod rights;
mod rows;
mod runs;
mod schema;
mod session;
mod sourced;
mod stored;
mod url;
mod versions;
mod voids;
mod waits;
mod writer;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres, Transaction};

use self::adoption::mapping;
use super::fingerprint::AdaptedViews;
use super::limits::{CONNECT_WAIT_S, CONNECTIONS_MAX, READER_WAIT_S};
use super::model::{Adoption, Holder, SchemaStep, UpOptions};
use super::pool_rules::Rules;
use super::sourced::ORIGINS_MAX;
use super::{RunLock, StoreError, StoreResult, TradeStore};
use crate::engine::AssetRules;
use errors::{from_connect, from_sqlx};
pub use schema::version_known;
use session::Sees;

/// A ledger and its versions in a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    url: PostgresUrl,
    locked: lock::LockedConnection,
    reader_wait: Duration,
    ledger: mapping::Ledger,
    adapted: AdaptedViews,
    /// The settings that name the pools of trades.
    rules: Rules,
    /// Trades whose origins an export keeps in memory.
    origins_max: u64,
}

/// A URL of a database, parsed.
#[derive(Debug, Clone)]
pub struct PostgresUrl {
    options: PgConnectOptions,
    location: String,
}

/// Name of the sessions that change the schema.
const MIGRATE: &str = concat!(env!("CARGO_PKG_NAME"), " migrate");

impl PostgresUrl {
    /// Parses a URL of scheme `postgres` or `postgresql`; `~/.pgpass` may have the password.
    ///
    /// Errors: the URL can't be parsed, or its password is in the place of a name.
    pub fn parse(url: &str) -> StoreResult<Self> {
        url::check_url(url)?;
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| url::bad(&error))?
            // The server's default gives every digit, and proxies don't know this parameter.
            .extra_float_digits(None)
            .disable_statement_logging();
        url::check_names(&options)?;
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

    /// Returns the URL for messages, without any password.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Connects, prepares the session, and refuses a database with untrusted roles in our schemas.
    async fn connect(&self, name: &str) -> StoreResult<PgConnection> {
        let mut connection = self.connect_plain(name).await?;
        match session::prepare(&mut connection, Sees::All).await {
            Ok(()) => session::check_trust(&mut connection).await?,
            Err(error) => return Err(from_connect(&self.location, error)),
        }
        Ok(connection)
    }

    /// Connects, and leaves the settings of the session unchanged.
    async fn connect_plain(&self, name: &str) -> StoreResult<PgConnection> {
        let options = self.options.clone().application_name(name);
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
        let mut connection = self.connect(MIGRATE).await?;
        let steps = schema::steps(&mut connection).await;
        let _ = connection.close().await;
        self.named(steps).await
    }

    /// Says how [`schema_up`](Self::schema_up) would read an existing ledger. `None`: the database
    /// has no ledger, or has our schema already.
    ///
    /// Errors: the table can't be read as a ledger.
    pub async fn adoption_plan(&self) -> StoreResult<Option<Adoption>> {
        let mut connection = self.connect(MIGRATE).await?;
        let plan = match schema::version_found(&mut connection).await {
            Ok(0) => mapping::plan(&mut connection).await,
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        };
        let _ = connection.close().await;
        self.named(plan).await
    }

    /// Lists what [`UpOptions::protect_ledger`] adds to a ledger, in words.
    pub fn protection_plan() -> &'static [&'static str] {
        &protect::PLAN
    }

    /// Says how an adopted ledger is read; `None`: this program made the ledger.
    pub async fn adoption(&self) -> StoreResult<Option<Adoption>> {
        let mut connection = self.connect(MIGRATE).await?;
        let report = async {
            let mut report = mapping::report(&mut connection).await?;
            if let Some(report) = &mut report {
                report.snapshots = history::counts(&mut connection).await?;
            }
            Ok(report)
        };
        let report = report.await;
        let _ = connection.close().await;
        self.named(report).await
    }

    /// Migrates the schema to this program's version.
    ///
    /// Errors: names that are taken, a missing privilege, a migration that was changed.
    pub async fn schema_up(&self) -> StoreResult<()> {
        self.schema_up_with(&UpOptions::default()).await
    }

    /// Migrates the schema as [`schema_up`](Self::schema_up) does, with options.
    pub async fn schema_up_with(&self, options: &UpOptions) -> StoreResult<()> {
        lock::refuse_proxy(self).await?;
        let mut connection = self.connect(MIGRATE).await?;
        let done = schema::up(&mut connection, options).await;
        let _ = connection.close().await;
        self.named(done).await
    }

    /// Lists the objects of the schema: kind, table, name and a hash, as the program's own list has
    /// them.
    pub async fn schema_objects(&self) -> StoreResult<Vec<String>> {
        let mut connection = self.connect(MIGRATE).await?;
        let objects = fingerprint::objects(&mut connection).await;
        let _ = connection.close().await;
        self.named(objects.map(|objects| objects.iter().map(ToString::to_string).collect()))
            .await
    }

    /// Accepts the adapted views that decide which rows are trades. Returns their names.
    ///
    /// Errors: neither view was adapted; a run is at work.
    pub async fn accept_views(&self, by: &str, holder: &Holder) -> StoreResult<AdaptedViews> {
        lock::refuse_proxy(self).await?;
        let slot = lock::LockedConnection::default();
        let lock = lock::try_lock(self, &slot, holder).await?;
        let done = match self.connect(MIGRATE).await {
            Ok(mut connection) => {
                let done = fingerprint::accept(&mut connection, (by, holder.since)).await;
                let _ = connection.close().await;
                done
            }
            Err(error) => Err(error),
        };
        Box::new(lock).release().await;
        self.named(done).await
    }

    /// Takes the schema back to an older version. Errors: facts or sealed versions would be lost.
    pub async fn schema_down(&self, target: i64, holder: &Holder) -> StoreResult<()> {
        lock::refuse_proxy(self).await?;
        let slot = lock::LockedConnection::default();
        let lock = lock::try_lock(self, &slot, holder).await?;
        let done = match self.connect(MIGRATE).await {
            Ok(mut connection) => {
                let done = schema::down(&mut connection, target).await;
                let _ = connection.close().await;
                done
            }
            Err(error) => Err(error),
        };
        Box::new(lock).release().await;
        self.named(done).await
    }

    /// Adds to a refusal which role was refused and what it needs. Adds to a failed wait which
    /// sessions held the lock.
    async fn named<T>(&self, done: StoreResult<T>) -> StoreResult<T> {
        match done {
            Err(StoreError::Busy(busy)) => Err(waits::explained(self, busy).await),
            Err(error) => Err(rights::explained(self, error).await),
            done => done,
        }
    }
}

/// Checks the schema's objects. Returns whose ledger the database has, and the adapted views.
async fn look(connection: &mut PgConnection) -> StoreResult<(mapping::Ledger, AdaptedViews)> {
    let adapted = fingerprint::check(connection).await?;
    Ok((mapping::ledger_of(connection).await?, adapted))
}

impl TradeStore for PostgresStore {
    fn use_rules(&self, rules: &AssetRules) {
        self.rules.set(rules);
    }

    fn rules(&self) -> Arc<AssetRules> {
        self.rules.get()
    }
}

impl PostgresStore {
    /// Opens a database whose schema has this program's version.
    ///
    /// If row security would hide a row from this role, the server refuses to read its table.
    /// Errors: no server, no such database, wrong password, another schema, a schema that something
    /// else changed. Also a proxy that shares connections, and roles that may create functions in
    /// our schemas.
    pub async fn open(url: &PostgresUrl, holder: &Holder) -> StoreResult<Self> {
        Self::open_seeing(url, holder, Sees::All).await
    }

    /// Opens a database for reading the rows that row security shows this role. Returns also
    /// whether row security may hide some. Errors: as for [`open`](Self::open).
    pub async fn open_to_look(url: &PostgresUrl, holder: &Holder) -> StoreResult<(Self, bool)> {
        let store = Self::open_seeing(url, holder, Sees::ItsOwn).await?;
        let mut connection = store.reader().await?;
        let is_limited = session::is_limited(&mut connection, &fingerprint::NAMES).await?;
        drop(connection);
        Ok((store, is_limited))
    }

    async fn open_seeing(url: &PostgresUrl, holder: &Holder, sees: Sees) -> StoreResult<Self> {
        lock::refuse_proxy(url).await?;
        let name = lock::name_of(holder);
        let mut first = url.connect(&name).await?;
        let gated = match schema::gate(&mut first).await {
            Ok(()) => look(&mut first).await,
            Err(error) => Err(error),
        };
        let _ = first.close().await;
        let (ledger, adapted) = url.named(gated).await?;
        let options = url.options.clone().application_name(&name);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(Duration::from_secs(CONNECT_WAIT_S))
            .after_connect(move |connection, _| Box::pin(session::prepare(connection, sees)))
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            url: url.clone(),
            locked: lock::LockedConnection::default(),
            reader_wait: Duration::from_secs(READER_WAIT_S),
            ledger,
            adapted,
            rules: Rules::default(),
            origins_max: ORIGINS_MAX,
        })
    }

    /// Changes how many trades an export knows the files of at one time.
    #[must_use]
    pub fn with_origins_max(mut self, trades: u64) -> Self {
        self.origins_max = trades;
        self
    }

    /// Changes how long publishing and dropping a version wait for readers.
    #[must_use]
    pub fn waiting_for_readers(mut self, reader_wait: Duration) -> Self {
        self.reader_wait = reader_wait;
        self
    }

    /// Closes the connections of this store and its clones.
    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn reader(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.pool
            .acquire()
            .await
            .map_err(|e| from_sqlx("connect", e))
    }

    /// Begins a transaction that writes. After a wait for a lock it sees the holder's changes.
    async fn writer(&self) -> StoreResult<Transaction<'static, Postgres>> {
        self.pool
            .begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")
            .await
            .map_err(|e| from_sqlx("begin a transaction", e))
    }

    /// Begins a transaction that reads one state of the database.
    async fn snapshot(&self) -> StoreResult<PoolConnection<Postgres>> {
        let mut connection = self.reader().await?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let begun = connection.execute(begin).await;
        begun.map_err(|e| from_sqlx("begin a transaction", e))?;
        Ok(connection)
    }

    /// Begins a transaction that looks rows up by their keys, in one state of the database.
    async fn lookup(&self) -> StoreResult<PoolConnection<Postgres>> {
        let mut connection = self.snapshot().await?;
        match plans::look_up(&mut connection).await {
            Ok(()) => Ok(connection),
            Err(error) => end_snapshot(connection, Err(error)).await,
        }
    }

    /// Does work, and explains its errors as [`PostgresUrl::named`] does.
    async fn named<T>(&self, doing: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        self.url.named(doing.await).await
    }
}

/// Ends a transaction that read. After an error the connection is closed: a COPY may be unfinished.
async fn end_snapshot<T>(
    mut connection: PoolConnection<Postgres>,
    done: StoreResult<T>,
) -> StoreResult<T> {
    if done.is_err() || connection.execute("COMMIT").await.is_err() {
        connection.close_on_drop();
    }
    done
}

async fn commit(transaction: Transaction<'static, Postgres>) -> StoreResult<()> {
    transaction
        .commit()
        .await
        .map_err(|e| from_sqlx("commit", e))
}
