//! Flags, then environment, then file, then defaults: the settings that a command works with.

mod assets;
mod database;
mod tax;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use assets::{FileAccount, FileAssets, FilePools, FileRates, FileSymbol, contract_sizes};
pub(super) use database::mask_passwords;
use database::{parse_database, to_type_again};
pub use tax::TaxConfig;

use super::args::GlobalArgs;
use super::error::{CliError, CliResult};
use crate::engine::{AssetRules, Size, Symbol};
use crate::files::{keep, read_input};
use crate::import::OwnFormats;
use crate::store::limits::LOCK_SUFFIX;
use crate::store::postgres::PostgresUrl;

/// The database if no flag, variable or file names one.
pub const DATABASE_DEFAULT: &str = "sqlite://fifo-pnl.db";

/// The configuration file that is read if it exists and `--config` names no other.
pub const CONFIG_FILE_DEFAULT: &str = "fifo-pnl.toml";

/// Most bytes of a configuration file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Rows of the per-symbol table unless `--all-rows`.
pub const TABLE_ROWS_MAX: usize = 15;

/// How many of the newest versions a prune keeps.
pub const KEEP_VERSIONS_DEFAULT: u16 = 10;

/// The configuration file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    usd_quotes: Option<Vec<String>>,
    keep_versions: Option<u16>,
    tax: Option<tax::FileTax>,
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    #[serde(default)]
    symbols: BTreeMap<String, FileSymbol>,
    #[serde(default)]
    accounts: BTreeMap<String, FileAccount>,
    #[serde(default)]
    pegs: BTreeMap<String, String>,
    #[serde(default)]
    pools: FilePools,
    #[serde(default)]
    rates: FileRates,
    #[serde(default)]
    formats: BTreeMap<String, toml::Table>,
}

impl File {
    fn assets(self) -> FileAssets {
        FileAssets {
            usd_quotes: self.usd_quotes,
            aliases: self.aliases,
            symbols: self.symbols,
            accounts: self.accounts,
            pegs: self.pegs,
            pools: self.pools,
            rates: self.rates,
        }
    }
}

/// The settings that a command works with.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: Database,
    /// The value of `--database` that printed commands need to find this database; `None`: they
    /// need none.
    pub database_option: Option<String>,
    /// The value of `--config` that printed commands need for the same settings.
    pub config_option: Option<PathBuf>,
    /// The origin of the database's name: flag, environment, file or default.
    pub database_from: String,
    /// The settings that say what a symbol is.
    pub rules: AssetRules,
    /// How many of the newest versions a prune keeps.
    pub keep_versions: usize,
    pub tax: TaxConfig,
    /// Formats of export files beside those of the program.
    pub formats: OwnTables,
    /// The units of a lot by symbol, for files whose sizes are lots.
    pub contract_sizes: BTreeMap<Symbol, Size>,
    /// One JSON document on stdout.
    pub json: bool,
    /// No progress, and no summary if all is well.
    pub quiet: bool,
}

/// A kind of database and its place.
#[derive(Debug, Clone)]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server's database.
    Postgres(Box<PostgresUrl>),
}

impl Database {
    /// Returns the place without any password.
    pub fn location(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => url.location().to_owned(),
        }
    }
}

impl Config {
    /// Combines flags, environment, file and defaults. Errors: a file that can't be read, a bad
    /// value.
    pub fn load(args: &GlobalArgs) -> CliResult<Self> {
        let mut file = read_file(args.config.as_deref())?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let environment = std::env::var("DATABASE_URL")
            .ok()
            .filter(|url| !url.is_empty());
        let plain = environment.clone().or_else(|| file.database.clone());
        let plain = plain.unwrap_or_else(|| DATABASE_DEFAULT.into());
        let option = args.database.as_ref().filter(|url| **url != plain);
        let (url, from) = match (&args.database, environment, &file.database) {
            (Some(url), _, _) => (url.clone(), "--database"),
            (None, Some(url), _) => (url, "DATABASE_URL"),
            (None, None, Some(url)) => (url.clone(), "the settings file"),
            (None, None, None) => (DATABASE_DEFAULT.into(), "the default"),
        };
        Ok(Self {
            database: parse_database(&url, from)?,
            database_option: option.map(|url| to_type_again(url)),
            config_option: args
                .config
                .clone()
                .filter(|path| path != Path::new(CONFIG_FILE_DEFAULT)),
            database_from: from.into(),
            keep_versions: keep_versions(&file, args.config.as_deref())?,
            formats: OwnTables {
                tables: std::mem::take(&mut file.formats),
                path: args.config.clone(),
            },
            contract_sizes: contract_sizes(&file.symbols, args.config.as_deref())?,
            tax: TaxConfig::of(file.tax.take(), args.config.as_deref())?,
            rules: file.assets().rules(args.config.as_deref())?,
            json: args.json,
            quiet: args.quiet,
        })
    }
}

/// Suffixes of the files that SQLite and this program make beside a database's file.
const BESIDE_DATABASE: [&str; 4] = ["-wal", "-shm", "-journal", LOCK_SUFFIX];

impl Config {
    /// Protects the files that the command works with, so that no result replaces them.
    pub fn keep_files(&self) {
        keep(&self.tax.path, "the settings file");
        let Database::Sqlite(path) = &self.database else {
            return;
        };
        keep(path, "the database in use");
        // Of a link, the files beside its target are protected.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        for end in BESIDE_DATABASE {
            let mut name = real.clone().into_os_string();
            name.push(end);
            keep(Path::new(&name), "a file of the database in use");
        }
    }
}

/// Checks the global options without reading a file. Errors: a bad database URL.
pub fn check_flags(args: &GlobalArgs) -> CliResult<()> {
    let database = args.database.as_deref();
    let parsed = database.map(|url| parse_database(url, "--database"));
    parsed.transpose().map(drop)
}

fn read_file(named: Option<&Path>) -> CliResult<File> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE_DEFAULT));
    let hint = "docs/SPEC-matching.md lists the settings";
    match read_text(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            let message = without_values(error.message());
            CliError::usage(format!("{}:{line}: {message}", path.display()), hint)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_link(path) => {
            Err(CliError::usage(
                format!("{}: is a link to a file that is not there", path.display()),
                "put the file back, mend the link, or remove it",
            ))
        }
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(File::default())
        }
        Err(error) => Err(CliError::usage(
            format!("{}: can't be read: {error}", path.display()),
            "name a settings file that is there, or leave --config out",
        )),
    }
}

/// Tables of formats in the configuration. A fault in one stops the commands that read files, and
/// no other: a draft may wait there for its answers.
#[derive(Debug, Clone)]
pub struct OwnTables {
    tables: BTreeMap<String, toml::Table>,
    path: Option<PathBuf>,
}

impl OwnTables {
    /// Tells whether a table has this name.
    pub fn has(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// Reads the tables. Errors: one of them has a fault.
    pub fn read(&self) -> CliResult<OwnFormats> {
        let mut formats = OwnFormats::default();
        for (name, table) in &self.tables {
            let bad = |why: String| {
                let path = self.path.as_deref();
                let path = path.unwrap_or(Path::new(CONFIG_FILE_DEFAULT)).display();
                let why = why.trim().replace('\n', " ");
                let what = format!("{path}: {}", of_format(name, &why));
                CliError::usage(what, "docs/FORMATS.md explains the keys of formats")
            };
            formats.try_add(name, table.clone()).map_err(bad)?;
        }
        Ok(formats)
    }
}

/// Describes the fault of a format's table. The text begins as the heading in the file does.
fn of_format(name: &str, why: &str) -> String {
    let heading = ["[[", "["]
        .into_iter()
        .find_map(|bracket| Some((bracket, why.strip_prefix(bracket)?)));
    match heading {
        Some((bracket, rest)) => format!("{bracket}formats.{name}.{rest}"),
        None => format!("[formats.{name}] {why}"),
    }
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|of| of.is_symlink())
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = read_input(path, CONFIG_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
}

/// Returns the message of the TOML reader without quoted parts of the file: a value may be a
/// password. Names of plain keys stay in the message.
fn without_values(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, quote, behind)) = split_at_quote(rest) {
        out.push_str(before);
        let (quoted, behind) = behind
            .rsplit_once(quote)
            .filter(|_| quote == '"')
            .unwrap_or_else(|| behind.split_once(quote).unwrap_or((behind, "")));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let is_sign = quoted.len() == 1;
        let shown = match quote == '`' && (is_sign || quoted.chars().all(is_name)) {
            true => quoted,
            false => "…",
        };
        out.push(quote);
        out.push_str(shown);
        out.push(quote);
        rest = behind;
    }
    out + rest
}

fn split_at_quote(text: &str) -> Option<(&str, char, &str)> {
    let at = text.find(['"', '`'])?;
    let quote = text[at..].chars().next()?;
    Some((&text[..at], quote, &text[at + 1..]))
}

fn keep_versions(file: &File, path: Option<&Path>) -> CliResult<usize> {
    match file.keep_versions {
        Some(0) => {
            let path = path.unwrap_or(Path::new(CONFIG_FILE_DEFAULT)).display();
            Err(CliError::usage(
                format!("{path}: keep_versions is 0, expected at least 1"),
                "docs/SPEC-matching.md lists the settings",
            ))
        }
        number => Ok(usize::from(number.unwrap_or(KEEP_VERSIONS_DEFAULT))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_file_show_no_value_of_it() {
        let message = |text: &str| {
            let error = toml::from_str::<File>(text).unwrap_err();
            without_values(error.message())
        };
        let url = "\"postgres://u:secret@h/db\"";
        let shapes = [
            format!("keep_versions = {url}"),
            format!("database = [{url}]"),
            format!("database = {{ url = {url} }}"),
            format!("{url} = 1"),
            format!("database.{url} = 1"),
            format!("usd_quotes = {url}"),
            format!("database = {url}\ndatabase = {url}"),
            format!("database = {url} {url}"),
            "database = postgres://u:secret@h/db".into(),
            "database = \"postgres://u:secret@h/db".into(),
            "database = 'postgres://u:secret@h/db\"".into(),
            "postgres://u:secret@h/db".into(),
            "[postgres://u:secret@h/db]".into(),
            "[tax]\nboxes = \"secret\"".into(),
        ];
        for shape in shapes {
            let message = message(&shape);
            assert!(!message.contains("secret"), "{shape}: {message}");
        }
        assert!(message("colour = 1").starts_with("unknown field `colour`, expected"));
    }
}
