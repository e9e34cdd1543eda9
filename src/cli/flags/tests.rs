//! Tests all pairs of flags of all commands of all programs.
//!
//! The tables list for each command its flags, what a flag needs, and the pairs that are refused;
//! every other pair works together. The parser names the flags, so a flag without a row fails here.

mod actions;
mod rows;
mod tables;
mod transfers;

use std::collections::BTreeSet;

use clap::CommandFactory;
use clap::builder::ArgAction;

use super::super::args::{ComputeAllocations, FifoPnl, ValidateAllocations};
use super::super::config::Database;
use super::super::{Program, check};
use super::{Mode, NEVER, RULES, Rule, Typed, typed};
use crate::cli::error::CliError;
use crate::engine::Timestamp;
use crate::store::postgres::PostgresUrl;
use actions::ACTIONS;
use rows::{Row, Table};
use tables::{EVERYWHERE, TABLES};
use transfers::TRANSFERS;

/// The message and the hint of a refused line; `None`: the line is accepted.
type Refusal = Option<(String, String)>;

fn now() -> Timestamp {
    "2025-11-21T08:00:00Z".parse().unwrap()
}

/// Parses and checks a line, as the program does before any input or output.
fn refusal<P: Program>(parser: &clap::Command, line: &[String], database: &Database) -> Refusal {
    let said = |error: CliError| (error.message, error.hint);
    let matches = match parser.clone().try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error) => return Some((error.to_string(), "the parser".into())),
    };
    let typed = Typed::of(P::COMMAND, &matches);
    let (command, global) = P::from_arg_matches(&matches).ok().unwrap().split();
    let checked = check(&typed, &command, &global, now());
    let checked = checked.and_then(|()| typed.check_database(database));
    checked.err().map(said)
}

fn databases() -> [(bool, Database); 2] {
    let server = PostgresUrl::parse("postgres://u@h/db").unwrap();
    [
        (true, Database::Sqlite("a.db".into())),
        (false, Database::Postgres(Box::new(server))),
    ]
}

/// A command of a program: how to begin a line, and its arguments.
struct Found {
    words: Vec<String>,
    path: String,
    args: Vec<clap::Arg>,
}

/// Lists the commands of a program that can be run.
fn commands(of: &clap::Command, words: &[String], path: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for inner in of.get_subcommands() {
        if inner.get_name() == "help" {
            continue;
        }
        let words: Vec<String> = words
            .iter()
            .cloned()
            .chain([inner.get_name().to_owned()])
            .collect();
        let path = format!("{path} {}", inner.get_name());
        found.extend(commands(inner, &words, path.trim()));
    }
    if !of.is_subcommand_required_set() {
        found.push(Found {
            words: words.to_vec(),
            path: path.to_owned(),
            args: of.get_arguments().cloned().collect(),
        });
    }
    found
}

fn takes_part(arg: &&clap::Arg) -> bool {
    use ArgAction::{Help, HelpLong, HelpShort, Version};
    !arg.is_positional() && !matches!(arg.get_action(), Help | HelpLong | HelpShort | Version)
}

impl Table {
    fn row(&self, flag: &str) -> &Row {
        let rows = self.rows.iter().chain(EVERYWHERE);
        rows.into_iter()
            .find(|row| row.flag == flag)
            .unwrap_or_else(|| panic!("{}: no row for {flag}", self.command))
    }

    fn needs_of(&self, flag: &str) -> Vec<&'static str> {
        let also = self.needs.iter().filter(|(of, _)| *of == flag);
        let also = also.map(|(_, need)| *need);
        self.row(flag).needs.iter().copied().chain(also).collect()
    }

    /// Returns flags with one of those that the command always has.
    fn bare(&self, flags: &[&'static str]) -> BTreeSet<&'static str> {
        let mut all: BTreeSet<&str> = flags.iter().chain(self.always).copied().collect();
        if !self.one_of.iter().any(|flag| all.contains(flag)) {
            all.extend(self.one_of.first());
        }
        all
    }

    /// Returns flags with all that they need.
    fn complete(&self, flags: &[&'static str]) -> BTreeSet<&'static str> {
        let mut all: BTreeSet<&str> = flags.iter().chain(self.always).copied().collect();
        loop {
            let needs = all.iter().flat_map(|flag| self.needs_of(flag));
            let more: BTreeSet<&str> = needs.chain(all.iter().copied()).collect();
            if more == all {
                break;
            }
            all = more;
        }
        self.bare(&all.into_iter().collect::<Vec<_>>())
    }

    fn is_refused(&self, all: &BTreeSet<&'static str>, is_file: bool) -> bool {
        let both = |(a, b): &(&str, &str)| all.contains(a) && all.contains(b);
        let elsewhere = |flag: &&str| {
            let row = self.row(flag);
            (row.not_on_files && is_file) || (row.not_on_servers && !is_file)
        };
        self.refused.iter().any(both) || all.iter().any(elsewhere)
    }

    /// Returns the words of a line. `odd`: a flag that gets another value than the table's.
    fn line(
        &self,
        words: &[String],
        all: &BTreeSet<&'static str>,
        odd: Option<(&str, &str)>,
    ) -> Vec<String> {
        let mut line = words.to_vec();
        line.extend(self.positions.iter().map(|text| (*text).to_owned()));
        for flag in all {
            let value = odd.filter(|(of, _)| of == flag).map(|(_, value)| value);
            line.extend(spell(self.row(flag), value));
        }
        line
    }
}

fn spell(row: &Row, value: Option<&str>) -> Vec<String> {
    match (value, row.values) {
        (Some(value), [_, _]) => vec![row.flag.into(), value.into(), "2".into()],
        (Some(value), _) => vec![format!("{}={value}", row.flag)],
        (None, [a, b]) => vec![row.flag.into(), (*a).into(), (*b).into()],
        (None, [value]) => vec![format!("{}={value}", row.flag)],
        (None, _) => vec![row.flag.into()],
    }
}

/// Checks the flags of each command against its table. Returns the names of the commands.
///
/// `name`: the program's name.
fn go_through<P: Program>(name: &str) -> BTreeSet<String> {
    let mut parser = P::command();
    parser.build();
    let found = commands(&parser, &[name.to_owned()], P::COMMAND);
    for command in &found {
        let table = TABLES
            .iter()
            .chain(TRANSFERS)
            .chain(ACTIONS)
            .find(|table| table.command == command.path);
        let table = table.unwrap_or_else(|| panic!("no table for the command {}", command.path));
        check_rows(table, &command.args);
        for (is_file, database) in databases() {
            check_pairs::<P>(&parser, table, &command.words, (is_file, &database));
        }
        let [(_, file), _] = databases();
        check_values::<P>(&parser, table, command, &file);
    }
    found.into_iter().map(|command| command.path).collect()
}

/// Checks that the table has exactly the parser's flags.
fn check_rows(table: &Table, args: &[clap::Arg]) {
    let flags = args.iter().filter(takes_part);
    let flags: BTreeSet<String> = flags
        .map(|arg| format!("--{}", arg.get_long().unwrap()))
        .collect();
    let rows = table.rows.iter().chain(EVERYWHERE);
    let rows: BTreeSet<String> = rows.map(|row| row.flag.to_owned()).collect();
    assert_eq!(
        flags, rows,
        "{}: flags, and rows in the table",
        table.command
    );
    for arg in args.iter().filter(takes_part) {
        let row = table.row(&format!("--{}", arg.get_long().unwrap()));
        let takes = arg.get_action().takes_values();
        assert_eq!(
            takes,
            !row.values.is_empty(),
            "{} {}",
            table.command,
            row.flag
        );
    }
}

/// Checks all pairs of flags: together with the flags that they need, and without them.
fn check_pairs<P: Program>(
    parser: &clap::Command,
    table: &Table,
    words: &[String],
    (is_file, database): (bool, &Database),
) {
    let flags: Vec<&str> = table
        .rows
        .iter()
        .chain(EVERYWHERE)
        .map(|row| row.flag)
        .collect();
    for (at, a) in flags.iter().copied().enumerate() {
        for b in flags.iter().copied().skip(at) {
            let all = table.complete(&[a, b]);
            let line = table.line(words, &all, None);
            let refused = refusal::<P>(parser, &line, database);
            let expected = table.is_refused(&all, is_file);
            assert_eq!(refused.is_some(), expected, "{line:?}: {refused:?}");
            if let Some((message, hint)) = &refused {
                assert!(
                    message.contains("--") && !hint.is_empty(),
                    "{message}: {hint}"
                );
            }
            let bare = table.bare(&[a, b]);
            let needs = bare.iter().flat_map(|flag| table.needs_of(flag));
            if needs.into_iter().any(|need| !bare.contains(need)) {
                let line = table.line(words, &bare, None);
                let refused = refusal::<P>(parser, &line, database);
                assert!(refused.is_some(), "without what it needs: {line:?}");
            }
        }
    }
}

/// Checks that a typed default counts as a given flag, and that an unreadable value is always
/// refused.
fn check_values<P: Program>(
    parser: &clap::Command,
    table: &Table,
    command: &Found,
    database: &Database,
) {
    let rows: Vec<&Row> = table.rows.iter().chain(EVERYWHERE).collect();
    for row in rows.iter().filter(|row| !row.values.is_empty()) {
        let arg = command.args.iter();
        let arg = arg
            .into_iter()
            .find(|arg| arg.get_long() == row.flag.strip_prefix("--"));
        let defaults = arg.unwrap().get_default_values();
        for other in &rows {
            let all = table.complete(&[row.flag, other.flag]);
            let outcome = |value: Option<&str>| {
                let odd = value.map(|value| (row.flag, value));
                let line = table.line(&command.words, &all, odd);
                (refusal::<P>(parser, &line, database).is_some(), line)
            };
            let usual = outcome(None).0;
            for default in defaults {
                let (refused, line) = outcome(default.to_str());
                assert_eq!(refused, usual, "the default, typed: {line:?}");
            }
            for bad in row.bad.iter().chain(&[""]) {
                let (refused, line) = outcome(Some(bad));
                assert!(refused, "can't be read: {line:?}");
            }
        }
    }
}

#[test]
fn all_pairs_of_flags() {
    let mut seen = go_through::<FifoPnl>("fifo-pnl");
    seen.extend(go_through::<ComputeAllocations>("compute_allocations"));
    seen.extend(go_through::<ValidateAllocations>("validate_allocations"));
    let tables: BTreeSet<String> = TABLES
        .iter()
        .chain(TRANSFERS)
        .chain(ACTIONS)
        .map(|table| table.command.to_owned())
        .collect();
    assert_eq!(seen, tables, "commands, and tables");
}

#[test]
fn a_refusal_names_the_flag_the_mode_and_what_to_do() {
    let of = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let [(_, database), _] = databases();
        refusal::<ComputeAllocations>(&ComputeAllocations::command(), &line, &database).unwrap()
    };
    let since = [
        "compute_allocations",
        "--all-symbols",
        "--since",
        "2025-11-20",
    ];
    let (message, hint) = of(&since);
    assert_eq!(message, "--since has no effect without --incremental");
    assert_eq!(
        hint,
        "name --incremental, whose list it narrows, or leave it out"
    );
    let (message, _) = of(&[
        "compute_allocations",
        "--dry-run",
        "--all-symbols",
        "--wait",
    ]);
    assert_eq!(message, "--wait has no effect with --dry-run");
    let mut parser = FifoPnl::command();
    parser.build();
    let found = commands(&parser, &[], "");
    let never = |rule: &&Rule| matches!(rule.mode, Mode::Without(NEVER));
    for rule in RULES.iter().filter(never) {
        let command = found.iter().find(|found| found.path == rule.command);
        let args = &command.unwrap().args;
        let arg = args.iter().find(|arg| arg.get_id() == rule.flag).unwrap();
        assert!(
            arg.is_hide_set(),
            "help offers {} {}",
            rule.command,
            typed(rule.flag)
        );
    }
    for rule in RULES {
        assert!(
            !rule.instead.is_empty(),
            "{} {}",
            rule.command,
            typed(rule.flag)
        );
    }
}

#[test]
fn values_that_have_no_effect_beside_others() {
    let of = |words: &str| {
        let line: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let [(_, database), _] = databases();
        refusal::<FifoPnl>(&FifoPnl::command(), &line, &database)
    };
    let resolve = "fifo-pnl review resolve 7 --note why --basis";
    for (rest, refused) in [
        ("10 --acquired 2024-05-31", false),
        ("10 --acquired 2024-05-31 --signed-by Ann", true),
        ("0 --acquired 2024-05-31 --signed-by Ann", false),
        ("0 --acquired 2024-05-31", true),
        ("10 --acquired 2024-05-31T10:00:00Z --timezone UTC", true),
        ("10 --acquired 2024-05-31T10:00:00", true),
        ("10 --acquired 2024-05-31 --acquired 2024-06-01", true),
    ] {
        let line = format!("{resolve} {rest}");
        assert_eq!(of(&line).is_some(), refused, "{line}");
    }
}
