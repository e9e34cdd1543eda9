//! Flags, then environment, then file, then defaults: what a command works with.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::GlobalArgs;
use super::error::{CliError, CliResult};
use crate::engine::{Size, Symbol, SymbolRules, SymbolSettings};

/// The database where nothing names one.
pub const DATABASE_DEFAULT: &str = "sqlite://fifo-pnl.db";

/// The configuration file that is read if it is there.
pub const CONFIG_FILE_DEFAULT: &str = "fifo-pnl.toml";

/// Rows of the per-symbol table unless `--all-rows`.
pub const TABLE_ROWS_MAX: usize = 15;

/// The configuration file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    usd_quotes: Option<Vec<String>>,
    #[serde(default)]
    symbols: std::collections::BTreeMap<String, FileSymbol>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSymbol {
    quote: Option<String>,
    dust_threshold: Option<String>,
}

/// What a command works with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the data is.
    pub database: Database,
    /// Which of flag, environment, file and default named it.
    pub database_from: String,
    /// Which symbols have a USD price.
    pub rules: SymbolRules,
    /// One JSON document on stdout.
    pub json: bool,
    /// No progress, no summary.
    pub quiet: bool,
}

/// A kind of database and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
}

impl Config {
    /// Works out the configuration. Errors: a file that can't be read, a bad value.
    pub fn load(args: &GlobalArgs) -> CliResult<Self> {
        let file = read_file(args.config.as_deref())?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let environment = std::env::var("DATABASE_URL")
            .ok()
            .filter(|url| !url.is_empty());
        let (url, from) = match (&args.database, environment, &file.database) {
            (Some(url), _, _) => (url.clone(), "--database"),
            (None, Some(url), _) => (url, "DATABASE_URL"),
            (None, None, Some(url)) => (url.clone(), "the configuration file"),
            (None, None, None) => (DATABASE_DEFAULT.into(), "the default"),
        };
        Ok(Self {
            database: parse_database(&url, from)?,
            database_from: from.into(),
            rules: rules(file)?,
            json: args.json,
            quiet: args.quiet,
        })
    }
}

fn read_file(named: Option<&Path>) -> CliResult<File> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE_DEFAULT));
    let hint = "docs/SPEC-matching.md lists the settings";
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| {
            CliError::usage(format!("{}: {}", path.display(), error.message()), hint)
        }),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(File::default())
        }
        Err(error) => Err(CliError::usage(
            format!("{}: {error}", path.display()),
            hint,
        )),
    }
}

/// Reads a database URL. The scheme decides; nothing is opened.
fn parse_database(url: &str, from: &str) -> CliResult<Database> {
    let bad = |reason: &str| {
        CliError::usage(
            format!(
                "can't use the database \"{}\" from {from}: {reason}",
                without_password(url)
            ),
            "a database is named like sqlite://fifo-pnl.db",
        )
    };
    let path = match url.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some(("postgres" | "postgresql", _)) => {
            return Err(bad("this program works on SQLite only"));
        }
        _ => return Err(bad("it has no scheme that is known")),
    };
    if path.is_empty() {
        return Err(bad("it names no file"));
    }
    if path == ":memory:" {
        return Err(bad("a database in memory is gone when the program ends"));
    }
    if path.contains('?') {
        return Err(bad("options after \"?\" are not taken"));
    }
    Ok(Database::Sqlite(path.into()))
}

/// Returns a URL that may be printed: whatever stands between `:` and `@` is a password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split_once(':').map_or(login, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

fn rules(file: File) -> CliResult<SymbolRules> {
    let hint = "docs/SPEC-matching.md lists the settings";
    let mut rules = SymbolRules::default();
    if let Some(quotes) = file.usd_quotes {
        if quotes.is_empty() {
            return Err(CliError::usage(
                "usd_quotes is empty, expected at least USD",
                hint,
            ));
        }
        rules.usd_quotes = quotes
            .iter()
            .map(|quote| quote.to_ascii_uppercase())
            .collect();
    }
    for (name, settings) in file.symbols {
        let bad = |what: String| CliError::usage(format!("symbols.\"{name}\": {what}"), hint);
        let symbol: Symbol = name
            .parse()
            .map_err(|error| bad(format!("the name {error}")))?;
        let priced_in_usd = match settings.quote.as_deref() {
            None => false,
            Some(quote) if rules.usd_quotes.contains(&quote.to_ascii_uppercase()) => true,
            Some(quote) => return Err(bad(format!("quote is \"{quote}\", expected USD"))),
        };
        let dust_threshold = match settings.dust_threshold {
            None => Size::ZERO,
            Some(text) => text
                .parse()
                .map_err(|error| bad(format!("dust_threshold is \"{text}\": it {error}")))?,
        };
        rules.symbols.insert(
            symbol,
            SymbolSettings {
                priced_in_usd,
                dust_threshold,
            },
        );
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let sqlite = |url: &str| parse_database(url, "--database").unwrap();
        assert_eq!(sqlite("sqlite://a.db"), Database::Sqlite("a.db".into()));
        assert_eq!(sqlite("sqlite:a.db"), Database::Sqlite("a.db".into()));
        assert_eq!(
            sqlite("sqlite:///tmp/a.db"),
            Database::Sqlite("/tmp/a.db".into())
        );
        for bad in [
            "a.db",
            "mysql://x",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://a?mode=ro",
        ] {
            assert_eq!(
                parse_database(bad, "--database").unwrap_err().exit,
                super::super::exit::Exit::Usage
            );
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("postgres://u:secret@h/db"),
            "postgres://u@h/db"
        );
        assert_eq!(
            without_password("postgres://u:p@ss@h/db"),
            "postgres://u@h/db"
        );
        assert_eq!(without_password("sqlite://a.db"), "sqlite://a.db");
    }

    #[test]
    fn settings_of_symbols() {
        let file: File = toml::from_str(
            "usd_quotes = [\"usd\"]\n[symbols.\"brk-b\"]\nquote = \"USD\"\n\
             dust_threshold = \"0.01\"",
        )
        .unwrap();
        let rules = rules(file).unwrap();
        assert!(rules.check_priced_in_usd(&"BRK-B".parse().unwrap()).is_ok());
        assert!(
            rules
                .check_priced_in_usd(&"BTC-USDT".parse().unwrap())
                .is_err()
        );
        assert!(toml::from_str::<File>("colour = 1").is_err());
    }
}
