//! The surroundings of a command: configuration, context, and the database that it opened.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::config::{Config, Database};
use super::error::{CliError, CliResult};
use super::next::Next;
use super::terminal::{Quiet, SystemClock, TerminalProgress, WaitingOnly, is_stderr_terminal};
use crate::engine::{Account, shown_sentence};
use crate::pipeline::{Cancel, Clock, Context, Progress, Wait};
use crate::store::memory::MemoryStore;
use crate::store::model::{Holder, TradingAccount};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{LedgerStore, Store, StoreError, StoreResult};

/// How long the end of a command waits until SQLite has merged its journal into the file.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// A command's surroundings.
pub struct Session {
    /// The settings of flags, environment, file and defaults.
    pub config: Config,
    /// Options of printed commands.
    pub next: Next,
    /// The clock, the progress and the rest that a run needs.
    pub context: Context,
    /// Whether the command refuses to work if the server hides rows from this role.
    pub needs_all_rows: bool,
    /// The opened SQLite database, to close at the end.
    sqlite: OnceLock<SqliteStore>,
    /// Views of the opened database that an operator changed.
    adapted_views: OnceLock<Vec<String>>,
    /// The accounts of the opened database.
    accounts: OnceLock<Vec<TradingAccount>>,
}

impl Session {
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
        } else if config.quiet {
            Arc::new(Quiet)
        } else {
            Arc::new(WaitingOnly)
        };
        let context = Context {
            clock: Arc::new(clock),
            progress,
            cancel,
            rules: config.rules.clone().into(),
            holder,
            user: user_name(),
            wait: Wait::default(),
        };
        Self {
            next: Next::of(&config),
            config,
            context,
            needs_all_rows: true,
            sqlite: OnceLock::new(),
            adapted_views: OnceLock::new(),
            accounts: OnceLock::new(),
        }
    }

    /// Makes a JSON document if `--json` asks for one, as it may be very large.
    pub fn json(&self, make: impl FnOnce() -> Value) -> Value {
        if self.config.json {
            make()
        } else {
            Value::Null
        }
    }

    /// Opens the database; `create` makes a missing one.
    pub async fn open(&self, create: bool) -> CliResult<Box<dyn Store>> {
        let opened = self.try_open(create).await;
        opened.map_err(|error| self.explained(error))
    }

    /// Opens the database like `open`, and returns the store's own error.
    pub async fn try_open(&self, create: bool) -> StoreResult<Box<dyn Store>> {
        let holder = &self.context.holder;
        let store: Box<dyn Store> = match &self.config.database {
            Database::Sqlite(path) => {
                let store = SqliteStore::open(path, create, holder).await?;
                if let Some(copy) = store.copy_made() {
                    super::terminal::note(&format!(
                        "the schema was migrated; the file as it was is {}",
                        shown_sentence(&copy.display().to_string())
                    ));
                }
                let _ = self.sqlite.set(store.clone());
                Box::new(store)
            }
            Database::Postgres(url) if self.needs_all_rows => {
                Box::new(PostgresStore::open(url, holder).await?)
            }
            Database::Postgres(url) => {
                let (store, is_limited) = PostgresStore::open_to_look(url, holder).await?;
                if is_limited {
                    super::terminal::note(
                        "a row security policy applies: rows of your accounts only",
                    );
                }
                Box::new(store)
            }
        };
        self.fill_rules(store.as_ref()).await?;
        store.use_rules(self.context.rules.as_rules());
        self.tell_adapted(store.as_ref());
        Ok(store)
    }

    /// Adds the classes of the database's accounts to the settings, and which may go short.
    async fn fill_rules(&self, store: &dyn Store) -> StoreResult<()> {
        let accounts = store.accounts().await?;
        let classes = accounts.iter();
        let classes = classes.filter_map(|of| Some((of.account.clone(), of.class?)));
        let shorts = accounts.iter().filter(|of| of.trades_contracts());
        let shorts: Vec<Account> = shorts.map(|of| of.account.clone()).collect();
        self.context.rules.fill(classes.collect(), &shorts);
        // A command opens one database, so a second opening finds the same accounts.
        let _ = self.accounts.set(accounts);
        Ok(())
    }

    /// Returns an account of the opened database.
    pub fn account(&self, name: &Account) -> Option<&TradingAccount> {
        let mut accounts = self.accounts.get()?.iter();
        accounts.find(|of| of.account == *name)
    }

    /// Opens the database if it is there, before files are read: an import needs its accounts, and
    /// logs a file that can't be read. `None`: it is not there, or can't be opened. Then the import
    /// opens it afterwards, if its files are good, and says why it can't.
    pub async fn open_if_there(&self, to_write: bool) -> Option<Box<dyn Store>> {
        let is_there = match &self.config.database {
            Database::Sqlite(path) => path.metadata().is_ok_and(|of| of.len() > 0),
            Database::Postgres(_) => true,
        };
        match is_there {
            true => self.try_open(to_write).await.ok(),
            false => None,
        }
    }

    /// Turns an error of opening into a message.
    pub fn explained(&self, error: StoreError) -> CliError {
        match (error, &self.config.database) {
            (StoreError::Missing(path), _) => self.missing(&path),
            // SQLite names the step that failed. The message needs the file, too.
            (StoreError::NoPermission { reason, .. }, Database::Sqlite(path)) => {
                let location = path.display().to_string();
                StoreError::NoPermission { location, reason }.into()
            }
            (StoreError::BadLocation { reason, .. }, Database::Sqlite(path)) => {
                let location = path.display().to_string();
                StoreError::BadLocation { location, reason }.into()
            }
            (error, _) => error.into(),
        }
    }

    /// Prints a note if an operator changed the views of the ledger, as the result may lack rows.
    fn tell_adapted(&self, store: &dyn LedgerStore) {
        let names: Vec<String> = store.adapted_views().into_keys().collect();
        if names.is_empty() {
            return;
        }
        if !self.config.quiet {
            super::terminal::note(&format!(
                "the ledger is read through {} as an operator adapted it",
                names.join(" and ")
            ));
        }
        // A command opens one database, so a second opening finds the same views.
        let _ = self.adapted_views.set(names);
    }

    /// Adds the changed views to a JSON document, also with `--quiet`.
    pub fn with_adapted(&self, mut document: Value) -> Value {
        if let (Some(names), Some(object)) = (self.adapted_views.get(), document.as_object_mut()) {
            object.insert("adapted_views".into(), names.clone().into());
        }
        document
    }

    /// Opens the database to read. Returns an empty ledger instead of a missing SQLite file.
    pub async fn open_to_preview(&self) -> CliResult<Box<dyn Store>> {
        match &self.config.database {
            Database::Sqlite(path) if !path.exists() => Ok(Box::new(MemoryStore::new())),
            _ => self.open(false).await,
        }
    }

    /// Closes an SQLite database, so that its one file has all data and can be copied.
    ///
    /// Errors: somebody wrote to the file while this user, who may only read it, read it.
    pub async fn close(&self) -> CliResult<()> {
        if let Some(store) = self.sqlite.get() {
            store.check_still()?;
            // If this takes too long, the end of the process closes the file, and the next command
            // merges the journal.
            let _ = tokio::time::timeout(CLOSE_WAIT, store.clone().close()).await;
        }
        Ok(())
    }

    /// Says that the database is missing, and names its path.
    pub fn missing(&self, path: &str) -> CliError {
        let from = match self.config.database_from.as_str() {
            "the default" => "the default; no --database, DATABASE_URL or fifo-pnl.toml names one",
            from => from,
        };
        let folder = Path::new(path).parent();
        let has_folder = folder.is_none_or(|it| it == Path::new("") || it.is_dir());
        let hint = match has_folder {
            true => "`fifo-pnl run FILE` or `fifo-pnl import FILE` makes one",
            false => "its folder does not exist: make it, or name another database",
        };
        CliError::usage(format!("no database at {path} (from {from})"), hint)
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
        .unwrap_or_else(user_of_process)
}

/// Returns the name that the system's list of users has for this process, else its number.
fn user_of_process() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read("/etc/passwd").unwrap_or_default();
    name_of(uid, &String::from_utf8_lossy(&users)).unwrap_or_else(|| format!("uid {uid}"))
}

/// Finds the name of a user in the lines of `/etc/passwd`.
fn name_of(uid: u32, users: &str) -> Option<String> {
    let uid = uid.to_string();
    let named = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    users.lines().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nfifo:x:1000:100::/srv:/bin/sh\n";
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!(name_of(1000, users).as_deref(), Some("fifo"));
        // 100 is a group here, and the beginning of a number.
        assert_eq!(name_of(100, users), None);
    }
}
