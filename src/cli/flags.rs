//! Refuses flags that have no effect beside other flags. All these rules are in one table.
//!
//! If a program ignores a flag in silence, its user believes that the flag did something. So a
//! command refuses a flag without effect, with any value, before it reads or opens anything. The
//! one exception is `--quiet`: it only promises to print no progress, and no summary if all is
//! well. `flags/tests.rs` tests all pairs of flags of all commands.

#[cfg(test)]
mod tests;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::config::Database;
use super::error::{CliError, CliResult};

/// A flag that has no effect.
#[derive(Debug, Clone, Copy)]
struct Rule {
    command: &'static str,
    /// The name of the flag in `args.rs`.
    flag: &'static str,
    /// The mode in which it has no effect.
    mode: Mode,
    /// A remedy for the user.
    instead: &'static str,
}

/// A mode in which a flag has no effect.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// The flag has no effect beside this other flag.
    With(&'static str),
    /// The flag has no effect without this other flag.
    Without(&'static str),
    /// The flag needs this other flag.
    Needs(&'static str),
    /// The flag has no effect on this kind of database.
    On(DatabaseKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatabaseKind {
    Sqlite,
    Postgres,
}

const fn with(command: &'static str, flag: &'static str, other: &'static str) -> Rule {
    Rule {
        command,
        flag,
        mode: Mode::With(other),
        instead: "",
    }
}

const fn without(command: &'static str, flag: &'static str, other: &'static str) -> Rule {
    Rule {
        command,
        flag,
        mode: Mode::Without(other),
        instead: "",
    }
}

const fn needs(command: &'static str, flag: &'static str, other: &'static str) -> Rule {
    Rule {
        command,
        flag,
        mode: Mode::Needs(other),
        instead: "",
    }
}

const fn on(command: &'static str, flag: &'static str, kind: DatabaseKind) -> Rule {
    Rule {
        command,
        flag,
        mode: Mode::On(kind),
        instead: "",
    }
}

impl Rule {
    const fn or(self, instead: &'static str) -> Self {
        Self { instead, ..self }
    }

    fn refuse(self) -> CliResult<()> {
        let flag = typed(self.flag);
        let message = match self.mode {
            Mode::With(other) => format!("{flag} has no effect with {}", typed(other)),
            Mode::Needs(other) => format!("{flag} needs {}", typed(other)),
            Mode::Without(other) => format!("{flag} has no effect without {}", typed(other)),
            Mode::On(DatabaseKind::Sqlite) => format!("{flag} has no effect on an SQLite file"),
            Mode::On(DatabaseKind::Postgres) => format!("{flag} has no effect on PostgreSQL"),
        };
        Err(CliError::usage(message, self.instead))
    }
}

fn typed(flag: &str) -> String {
    format!("--{}", flag.replace('_', "-"))
}

const JSON_HAS_ALL: &str = "leave --all-rows out: --json lists everything";
const ONE_SCOPE: &str = "name one: --all-symbols, --asset ASSET or --incremental";
const ONE_ASSET: &str = "name one of them: a symbol stands for its asset";
const NOT_PUBLISHED: &str = "leave it out: the result of a part of the ledger is never published";
const NOTHING_DROPPED: &str =
    "leave it out: versions are dropped only after another one was published";
const WRITES_NOTHING: &str = "leave it out: a dry run writes nothing";
const EXTENDS_CURRENT: &str =
    "leave it out, or name --all-symbols: an incremental run extends the current version";
const COMPARES_ONLY: &str =
    "leave it out: two versions are compared; --version N alone validates one";
const NAMES_A_BASIS: &str = "name --basis USD --acquired DATE, or leave it out";
const ACCEPTS_ONLY: &str = "leave it out: --accept-views migrates nothing";
const TAKES_NO_LOCK: &str = "leave it out: the command waits for nobody, as it takes no lock";

/// All rules.
const RULES: &[Rule] = &[
    with("run", "all_rows", "json").or(JSON_HAS_ALL),
    needs("run", "correct", "reason").or("say why: --reason TEXT"),
    without("run", "reason", "correct").or("name --correct too, or leave it out"),
    needs("import", "correct", "reason").or("say why: --reason TEXT"),
    without("import", "reason", "correct").or("name --correct too, or leave it out"),
    needs("import rates", "correct", "reason").or("say why: --reason TEXT"),
    without("import rates", "reason", "correct").or("name --correct too, or leave it out"),
    needs("import rates", "asset", "currency").or("name both: add --currency CURRENCY"),
    needs("import rates", "currency", "asset").or("name both: add --asset ASSET"),
    with("compute", "all_symbols", "asset").or(ONE_SCOPE),
    with("compute", "all_symbols", "symbol").or(ONE_SCOPE),
    with("compute", "all_symbols", "incremental").or(ONE_SCOPE),
    with("compute", "asset", "incremental").or(ONE_SCOPE),
    with("compute", "symbol", "incremental").or(ONE_SCOPE),
    without("compute", "since", "incremental")
        .or("name --incremental, whose list it narrows, or leave it out"),
    with("compute", "account", "incremental").or(EXTENDS_CURRENT),
    with("compute", "version", "incremental").or(EXTENDS_CURRENT),
    with("compute", "no_publish", "incremental").or(EXTENDS_CURRENT),
    without("compute", "force", "version").or("name the version to replace: --version N"),
    with("compute", "no_publish", "asset").or(NOT_PUBLISHED),
    with("compute", "no_publish", "symbol").or(NOT_PUBLISHED),
    with("compute", "no_publish", "account").or(NOT_PUBLISHED),
    with("compute", "keep_versions", "asset").or(NOTHING_DROPPED),
    with("compute", "keep_versions", "symbol").or(NOTHING_DROPPED),
    with("compute", "keep_versions", "account").or(NOTHING_DROPPED),
    with("compute", "keep_versions", "no_publish").or(NOTHING_DROPPED),
    with("compute", "version", "dry_run").or(WRITES_NOTHING),
    with("compute", "force", "dry_run").or(WRITES_NOTHING),
    with("compute", "no_publish", "dry_run").or(WRITES_NOTHING),
    with("compute", "keep_versions", "dry_run").or(WRITES_NOTHING),
    with("compute", "triggered_by", "dry_run").or(WRITES_NOTHING),
    with("compute", "wait", "dry_run").or(TAKES_NO_LOCK),
    with("compute", "all_rows", "json").or(JSON_HAS_ALL),
    with("validate", "version", "compare_versions").or(COMPARES_ONLY),
    with("validate", "strict", "compare_versions").or(COMPARES_ONLY),
    with("validate", "report", "compare_versions").or(COMPARES_ONLY),
    with("validate", "snapshot", "compare_versions").or(COMPARES_ONLY),
    with("validate", "memory", "compare_versions").or(COMPARES_ONLY),
    with("validate", "report", "json").or("leave --report out: --json lists everything"),
    with("compare", "symbol", "asset").or(ONE_ASSET),
    without("compare", "overwrite", "output").or("name the file: --output FILE"),
    without("rates missing", "overwrite", "output").or("name the file: --output FILE"),
    // A `--wait` typed after `versions` counts for each of its commands.
    without("import lots", "format", NEVER).or("leave it out: a file of lots has one format"),
    without("versions list", "wait", NEVER).or(TAKES_NO_LOCK),
    without("versions export", "wait", NEVER).or(TAKES_NO_LOCK),
    without("versions export", "overwrite", "output").or("name the file: --output FILE"),
    without("versions export", "json", "output").or(
        "name a file with --output FILE, which --json then describes: without it the CSV itself \
         is printed",
    ),
    with("versions prune", "keep", "older_than").or("name one of them"),
    with("versions prune", "wait", "dry_run").or(TAKES_NO_LOCK),
    with("review list", "symbol", "asset").or(ONE_ASSET),
    with("review exclude", "symbol", "asset").or(ONE_ASSET),
    with("review include", "symbol", "asset").or(ONE_ASSET),
    with("review list", "all", "status").or("leave --all out: --status names settled items, too"),
    without("review resolve", "acquired", "basis").or(NAMES_A_BASIS),
    without("review resolve", "basis", "acquired").or("name the day too: --acquired DATE"),
    without("review resolve", "size", "basis").or(NAMES_A_BASIS),
    without("review resolve", "signed_by", "basis").or(NAMES_A_BASIS),
    without("review resolve", "timezone", "basis").or(NAMES_A_BASIS),
    without("review resolve", "yes", "basis")
        .or("leave --yes out: without a basis nothing is asked"),
    with("review apply", "yes", "preview").or("name one of them: a preview changes nothing"),
    with("tax", "format", "final").or("leave --format out: what is filed has every format"),
    on("health", "min_free", DatabaseKind::Postgres)
        .or("leave it out: the program can't see the disk of a server"),
    with("migrate up", "snapshot_date", "accept_views").or(ACCEPTS_ONLY),
    with("migrate up", "protect_ledger", "accept_views").or(ACCEPTS_ONLY),
    with("migrate up", "yes", "accept_views").or(ACCEPTS_ONLY),
    on("migrate up", "yes", DatabaseKind::Sqlite)
        .or("leave it out: the file is copied first, and nothing is asked"),
    on("migrate up", "snapshot_date", DatabaseKind::Sqlite)
        .or("`fifo-pnl history import FILE --snapshot-date DATE` keeps the figures of a file"),
    on("migrate up", "protect_ledger", DatabaseKind::Sqlite)
        .or("leave it out: triggers guard the ledger of a file from the start"),
];

/// The name of a flag that no command has. A rule with this name always refuses its flag.
const NEVER: &str = "";

/// The typed command's name and its matches.
#[derive(Debug)]
pub struct Typed<'a> {
    /// `compute`, `versions list`, ...
    command: String,
    matches: &'a ArgMatches,
}

impl<'a> Typed<'a> {
    /// Finds the innermost command. `name` is the command that the program itself stands for;
    /// empty: none.
    pub fn of(name: &str, mut matches: &'a ArgMatches) -> Self {
        let mut command = name.to_owned();
        while let Some((name, inner)) = matches.subcommand() {
            if !command.is_empty() {
                command.push(' ');
            }
            command.push_str(name);
            matches = inner;
        }
        Self { command, matches }
    }

    fn has(&self, flag: &str) -> bool {
        flag != NEVER && self.matches.value_source(flag) == Some(ValueSource::CommandLine)
    }

    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        let of_command = |rule: &&Rule| rule.command == self.command;
        RULES.iter().filter(of_command)
    }

    /// Checks that each flag has an effect, given the other flags.
    ///
    /// Errors: a flag has no effect.
    pub fn check(&self) -> CliResult<()> {
        for rule in self.rules().filter(|rule| self.has(rule.flag)) {
            match rule.mode {
                Mode::Without(NEVER) => {
                    let message = format!("{} has no effect here", typed(rule.flag));
                    return Err(CliError::usage(message, rule.instead));
                }
                Mode::With(other) if self.has(other) => rule.refuse()?,
                Mode::Needs(other) | Mode::Without(other) if !self.has(other) => rule.refuse()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that no value is empty. Errors: a value is.
    pub fn check_values(&self) -> CliResult<()> {
        let of_line = |id: &&clap::Id| self.has(id.as_str());
        for id in self.matches.ids().filter(of_line) {
            let Ok(Some(mut values)) = self.matches.try_get_raw(id.as_str()) else {
                continue;
            };
            if id == "output" && values.clone().any(|value| value == "-") {
                let hint = match self.command.as_str() {
                    "versions export" => "leave it out: the rows are printed then",
                    _ => "name a file; one of that name is ./-",
                };
                return Err(CliError::usage("--output is \"-\", expected a file", hint));
            }
            if values.any(|value| value.to_string_lossy().trim().is_empty()) {
                let message = format!("{} is empty", typed(id.as_str()));
                return Err(CliError::usage(message, "give it a value, or leave it out"));
            }
        }
        Ok(())
    }

    /// Checks that each flag has an effect on the kind of database. Opens nothing.
    ///
    /// Errors: a flag has no effect.
    pub fn check_database(&self, database: &Database) -> CliResult<()> {
        let kind = match database {
            Database::Sqlite(_) => DatabaseKind::Sqlite,
            Database::Postgres(_) => DatabaseKind::Postgres,
        };
        let refused = |rule: &&Rule| matches!(rule.mode, Mode::On(of) if of == kind);
        for rule in self.rules().filter(refused) {
            if self.has(rule.flag) {
                rule.refuse()?;
            }
        }
        Ok(())
    }
}
