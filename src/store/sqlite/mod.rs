//! SQLite: the embedded store, one file, no server.
//!
//! Always WAL, so that readers go on while a version is written. One writer at a time; a version is
//! loaded, published and logged in one transaction. Decimals are canonical text, times integer
//! microseconds. Read next: `schema.rs` (the schema check), `ledger.rs` (imports and reads),
//! `writer.rs` (a version's rows), `raw.rs` (the one unsafe line).

mod append;
mod cells;
mod driver;
mod effort;
mod errors;
mod fingerprint;
mod functions;
mod gate;
mod health;
mod import;
mod indexes;
mod ledger;
mod lock;
mod raw;
mod readback;
mod reading;
mod rows;
mod runs;
mod schema;
mod sourced;
#[cfg(test)]
mod tests;
mod versions;
mod voids;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};

use super::fingerprint::AdaptedViews;
use super::limits::{BUSY_TIMEOUT_S, CONNECTIONS_MAX};
use super::model::{Holder, SchemaStep};
use super::pool_rules::Rules;
use super::sourced::ORIGINS_MAX;
use super::{StoreResult, TradeStore};
use crate::engine::AssetRules;
pub use effort::steps_taken;
use errors::{from_rusqlite, from_sqlx};
use reading::{Access, OpenedFile};
pub use schema::version_known;

/// A ledger and its versions in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    /// As it was named.
    path: PathBuf,
    /// The file itself, beside which journal and lock are.
    real: PathBuf,
    copy_made: Option<PathBuf>,
    adapted: AdaptedViews,
    /// The settings that name the pools of trades.
    rules: Rules,
    /// For a read-only file: its state when it was opened.
    reading: Option<OpenedFile>,
    /// Trades whose origins an export keeps in memory.
    origins_max: u64,
}

impl TradeStore for SqliteStore {
    fn use_rules(&self, rules: &AssetRules) {
        self.rules.set(rules);
    }

    fn rules(&self) -> Arc<AssetRules> {
        self.rules.get()
    }
}

impl SqliteStore {
    /// Opens a database; with `create` it makes a missing one.
    ///
    /// An older schema is migrated after a copy of the file. Where this user may not write, the
    /// database is opened to read, unless it is to be made.
    /// Errors: nothing there, not a database, another program's, a newer schema, one that something
    /// else changed, no permission.
    pub async fn open(path: &Path, create: bool, holder: &Holder) -> StoreResult<Self> {
        let real = schema::real_path(path)?;
        let reading = match schema::check_file(&real, create)? {
            Access::Write => None,
            Access::Read => Some(OpenedFile::begin(&real)),
        };
        let options = match &reading {
            Some(reading) => reading.options(),
            None => Self::options(&real, create),
        };
        let mut first = schema::connect_once(&options).await?;
        let gated = match &reading {
            Some(_) => schema::gate_to_read(&mut first, &real).await.map(|()| None),
            None => schema::gate(&mut first, &real, holder).await,
        };
        let gated = match gated {
            Ok(copy) => fingerprint::check(&mut first)
                .await
                .map(|adapted| (copy, adapted)),
            Err(error) => Err(error),
        };
        let _ = first.close().await;
        let (copy_made, adapted) = gated?;
        let options = match &reading {
            Some(_) => options,
            None => options.journal_mode(SqliteJournalMode::Wal),
        };
        let pool = Self::pool(options).await?;
        Ok(Self {
            pool,
            path: path.to_owned(),
            real,
            copy_made,
            adapted,
            rules: Rules::default(),
            reading,
            origins_max: ORIGINS_MAX,
        })
    }

    /// Changes how many trades an export knows the files of at one time.
    #[must_use]
    pub fn with_origins_max(mut self, trades: u64) -> Self {
        self.origins_max = trades;
        self
    }

    async fn pool(options: SqliteConnectOptions) -> StoreResult<SqlitePool> {
        SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let registered = raw::with_raw(connection, "register functions", |raw| {
                        functions::register(raw).map_err(|e| from_rusqlite("register functions", e))
                    });
                    registered
                        .await
                        .map_err(|e| sqlx::Error::Configuration(Box::new(e)))?;
                    effort::count(connection).await
                })
            })
            .connect_with(options)
            .await
            .map_err(|e| from_sqlx("open the database", e))
    }

    /// Leaves the journal mode out: it is written into the file, which may be none of ours.
    fn options(path: &Path, create: bool) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            // A result that was reported must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(BUSY_TIMEOUT_S))
            .disable_statement_logging()
    }

    /// Returns the copy that was made before this opening migrated an older schema.
    pub fn copy_made(&self) -> Option<&Path> {
        self.copy_made.as_deref()
    }

    /// Lists the schema's steps of a database, without migrating it.
    pub async fn schema_steps(path: &Path) -> StoreResult<Vec<SchemaStep>> {
        let path = &schema::real_path(path)?;
        let options = match schema::check_file(path, false)? {
            Access::Write => Self::options(path, false),
            Access::Read => OpenedFile::begin(path).options(),
        };
        let mut connection = schema::connect_once(&options).await?;
        let steps = schema::steps(&mut connection).await;
        let _ = connection.close().await;
        steps
    }

    /// Lists the objects of the schema: kind, table, name and a hash, as the program's own list has
    /// them.
    pub async fn schema_objects(path: &Path) -> StoreResult<Vec<String>> {
        let path = &schema::real_path(path)?;
        schema::check_file(path, false)?;
        let mut connection = schema::connect_once(&Self::options(path, false)).await?;
        let objects = fingerprint::objects(&mut connection).await;
        let _ = connection.close().await;
        Ok(objects?.iter().map(ToString::to_string).collect())
    }

    /// Accepts the gate's views as they are: an operator adapted them. Returns their names.
    ///
    /// Errors: none was adapted; a run is at work.
    pub async fn accept_views(path: &Path, by: &str, holder: &Holder) -> StoreResult<AdaptedViews> {
        let path = &schema::real_path(path)?;
        schema::check_file(path, false)?;
        let _lock = lock::try_lock(path, holder)?;
        let mut connection = schema::connect_once(&Self::options(path, false)).await?;
        let accepted = fingerprint::accept(&mut connection, (by, holder.since)).await;
        let _ = connection.close().await;
        accepted
    }

    /// Takes the schema back to an older version, after a copy of the file.
    ///
    /// Errors: facts or sealed versions would be lost; a run is at work.
    pub async fn schema_down(path: &Path, target: i64, holder: &Holder) -> StoreResult<PathBuf> {
        let path = &schema::real_path(path)?;
        schema::check_file(path, false)?;
        let _lock = lock::try_lock(path, holder)?;
        let mut connection = schema::connect_once(&Self::options(path, false)).await?;
        let copy = schema::down(&mut connection, path, target, holder).await;
        let _ = connection.close().await;
        copy
    }

    /// Checks that nobody wrote to a file that was read without any lock, as this user may not
    /// write one. Errors: somebody did.
    pub fn check_still(&self) -> StoreResult<()> {
        self.reading
            .as_ref()
            .map_or(Ok(()), OpenedFile::check_still)
    }

    /// Waits until the connections of this store and its clones are closed, and the file is whole
    /// without its journal. Just dropping a store leaves that to the background.
    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn reader(&self) -> StoreResult<PoolConnection<Sqlite>> {
        self.pool
            .acquire()
            .await
            .map_err(|e| from_sqlx("connect", e))
    }

    /// Begins a transaction that writes: it waits for another writer here, not at its end.
    async fn writer(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        self.pool
            .begin_with(BEGIN_WRITING)
            .await
            .map_err(|e| from_sqlx("begin a transaction", e))
    }

    /// Begins a transaction that reads one state of the database.
    async fn snapshot(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        self.pool
            .begin_with(BEGIN_READING)
            .await
            .map_err(|e| from_sqlx("begin a transaction", e))
    }
}

/// Begins a read with SQLite's default page cache, 2 MB. A writer leaves a larger one, which a full
/// scan fills in vain.
const BEGIN_READING: &str = "PRAGMA cache_size = -2000; BEGIN";

/// With room for 12 MiB of pages: indexes take rows in no order of theirs, and a page that is
/// written back too early is written again. Measured: a load takes a tenth longer.
///
/// Each writer begins with all CHECKs.
const BEGIN_WRITING: &str =
    "PRAGMA ignore_check_constraints = 0; PRAGMA cache_size = -12288; BEGIN IMMEDIATE";

async fn commit(transaction: Transaction<'static, Sqlite>) -> StoreResult<()> {
    transaction
        .commit()
        .await
        .map_err(|e| from_sqlx("commit", e))
}
