//! What a command works with: configuration, context, and the store once it is opened.

use std::path::Path;
use std::sync::Arc;

use super::config::{Config, Database};
use super::error::{CliError, CliResult};
use super::terminal::{SystemClock, TerminalProgress, is_stderr_terminal};
use crate::pipeline::{Cancel, Clock, Context, Progress, Silent};
use crate::store::memory::MemoryStore;
use crate::store::model::Holder;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// A command's surroundings.
pub struct Session {
    /// Flags, environment, file and defaults, worked out.
    pub config: Config,
    /// What the job is lent.
    pub context: Context,
}

impl Session {
    /// Makes the surroundings of one command.
    pub fn new(config: Config, what: &str, cancel: Cancel) -> Self {
        let clock = SystemClock::start();
        let holder = Holder {
            pid: std::process::id(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            since: clock.now(),
            what: what.to_owned(),
        };
        let shown = is_stderr_terminal() && !config.quiet && !config.json;
        let progress: Arc<dyn Progress> = if shown {
            Arc::new(TerminalProgress::default())
        } else {
            Arc::new(Silent)
        };
        let context = Context {
            clock: Arc::new(clock),
            progress,
            cancel,
            rules: config.rules.clone(),
            holder,
            user: user_name(),
        };
        Self { config, context }
    }

    /// Opens the database; `create` makes one where there is none.
    pub async fn open(&self, create: bool) -> CliResult<Box<dyn Store>> {
        match &self.config.database {
            Database::Sqlite(path) => self.open_sqlite(path, create).await,
            Database::Postgres(url) => {
                let store = PostgresStore::open(url, &self.context.holder).await?;
                Ok(Box::new(store))
            }
        }
    }

    async fn open_sqlite(&self, path: &Path, create: bool) -> CliResult<Box<dyn Store>> {
        match SqliteStore::open(path, create, &self.context.holder).await {
            Ok(store) => {
                if let Some(copy) = store.copy_made() {
                    super::terminal::note(&format!(
                        "the schema was migrated; the file as it was is {}",
                        copy.display()
                    ));
                }
                Ok(Box::new(store))
            }
            Err(StoreError::Missing(path)) => Err(self.missing(&path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the database to look only; where there is none, an empty ledger stands for it.
    pub async fn open_to_preview(&self) -> CliResult<Box<dyn Store>> {
        match &self.config.database {
            Database::Sqlite(path) if !path.exists() => Ok(Box::new(MemoryStore::new())),
            _ => self.open(false).await,
        }
    }

    /// Says that there is no database, and where one was looked for.
    pub fn missing(&self, path: &str) -> CliError {
        let from = match self.config.database_from.as_str() {
            "the default" => "the default; no --database, DATABASE_URL or fifo-pnl.toml names one",
            from => from,
        };
        CliError::usage(
            format!("no database at {path} (from {from})"),
            "fifo-pnl run TRADES.csv or fifo-pnl import TRADES.csv makes one",
        )
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's name is in the environment"
)]
fn user_name() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    named("USER")
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "unknown".into())
}
