//! Files that have the same trades under other ids: they count twice.

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::ImportKeepArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, plural, time};
use crate::cli::next::{Next, flag, quoted};
use crate::cli::session::Session;
use crate::engine::{shown, shown_sentence};
use crate::pipeline::{Common, CountedTwice, FileOfTrades, keep_import};

/// Returns the facts of a file for programs.
pub(super) fn file_json(of: &FileOfTrades) -> Value {
    let (import_id, format, account) = (of.import_id, &of.format, of.account.as_str());
    json!({ "import_id": import_id, "file": of.file, "format": format, "account": account })
}

/// Returns the facts for programs.
pub(super) fn to_json(it: &CountedTwice) -> Value {
    let account = it.last.account.as_str();
    let (last, other) = (file_json(&it.last), file_json(&it.other));
    let mut json = json!({ "account": account, "last": last, "other": other });
    let common = match &it.common {
        Common::Trades { both, of } => json!({ "both": both, "of": of }),
        Common::Days => json!({}),
        Common::Second { at, smaller } => {
            json!({ "cut_at": at.to_string(), "smaller": smaller })
        }
    };
    add(&mut json, common);
    json
}

/// Names both files: `import 2 (log.csv, bybit-log)`, and their accounts if these differ.
fn names(it: &CountedTwice) -> [String; 2] {
    let is_across = it.last.account != it.other.account;
    [&it.last, &it.other].map(|of| match is_across {
        true => name_of(
            of,
            &format!(", account {}", shown(of.account.as_str()).quoted()),
        ),
        false => name_of(of, ""),
    })
}

/// Names a file: `import 2 (log.csv, bybit-log)`. `more`: what else stands in the brackets.
pub(super) fn name_of(of: &FileOfTrades, more: &str) -> String {
    let (file, format) = (shown_sentence(&of.file), shown(&of.format));
    match of.import_id {
        Some(id) => format!("import {id} ({file}, {format}{more})"),
        None => format!("{file} ({format}{more})"),
    }
}

/// Names the trades that count twice, and the ways out.
pub(in crate::cli::commands) fn describe(it: &CountedTwice, next: &Next) -> String {
    let [last, other] = names(it);
    match &it.common {
        Common::Trades { both, of } => {
            let (both, of) = (count(*both), plural(*of, "trade", "trades"));
            let be = if both == "1" { "is" } else { "are" };
            let counts = match it.last.import_id {
                Some(_) => "count",
                None => "would count",
            };
            format!(
                "{both} of {of} of {last} {be} in {other}, too: totals {counts} them twice. If \
                 they cover the same days, {}",
                ways_out(it, next)
            )
        }
        Common::Days => describe_perhaps(it, next),
        Common::Second { at, smaller } => {
            let (account, keep) = (
                flag("--account", it.last.account.as_str()),
                keep(it.last.import_id, next),
            );
            let void = format!("fifo-pnl void {} {account} --reason TEXT", quoted(smaller));
            let void = match it.last.import_id {
                Some(_) => format!("take the smaller sum out: `{}`", next.command(&void)),
                None => "the smaller sum would count twice".to_owned(),
            };
            format!(
                "{last} and {other} have other sums of one pair at {}: one of the files ends or \
                 begins inside that second. If one file has all its rows, {void}.{keep}",
                time(*at)
            )
        }
    }
}

fn ways_out(it: &CountedTwice, next: &Next) -> String {
    let undo = |id: i64| next.command(&format!("fifo-pnl import undo {id} --reason TEXT"));
    match (it.last.import_id, it.other.import_id) {
        (Some(id), other) => {
            let other = other.map(|id| format!(" or `{}`", undo(id)));
            let (other, keep) = (other.unwrap_or_default(), keep(Some(id), next));
            format!("take one out: `{}`{other}.{keep}", undo(id))
        }
        (None, Some(id)) => format!("import one of them: this one after `{}`", undo(id)),
        (None, None) => "import one of them".to_owned(),
    }
}

fn keep(import_id: Option<i64>, next: &Next) -> String {
    let Some(id) = import_id else {
        return String::new();
    };
    let keep = next.command(&format!("fifo-pnl import keep {id} --reason TEXT"));
    format!(" If all of them are right: `{keep}`")
}

/// Warns about files that have trades of the same days, and no equal ones.
pub(super) fn describe_perhaps(it: &CountedTwice, next: &Next) -> String {
    let account = shown(it.last.account.as_str()).quoted();
    let [last, other] = names(it);
    format!(
        "warning: account {account} has trades of {last} and of {other}. None is in both, but \
         both have trades of one asset on one day. A trade that both files have counts twice. If \
         they have the same trades, {}",
        ways_out(it, next)
    )
}

/// Runs `import keep`: the trades of an import are right beside those of others.
pub(super) async fn keep_command(args: &ImportKeepArgs, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let is_there = store.imports().await?.iter().any(|it| it.id == args.id);
    if !is_there {
        let list = session.next.command("fifo-pnl import list");
        return Err(CliError::usage(
            format!("there is no import {}", args.id),
            format!("`{list}` lists the imports"),
        ));
    }
    if !args.undo && store.imports_out(None).await?.contains(&args.id) {
        let back = format!("fifo-pnl import undo {} --undo --reason TEXT", args.id);
        return Err(CliError::refused(
            format!("import {} is undone: none of its rows count", args.id),
            format!("`{}` puts them back", session.next.command(&back)),
        ));
    }
    let change = (args.id, !args.undo);
    let is_done = keep_import(store.as_ref(), change, &args.reason, &session.context).await?;
    if args.undo && !is_done {
        return Err(CliError::usage(
            format!("import {} is not kept", args.id),
            "leave it as it is: it is compared with other files",
        ));
    }
    let (location, id) = (store.location(), args.id);
    let said = match args.undo {
        false => {
            format!("Kept      import {id}: `Counted twice` and `Rows missing` no longer name it")
        }
        true => format!("Not kept  import {id}: it is compared with other files again"),
    };
    let text = format!("Database  {location}\n{said}\n");
    let json = json!({ "database": location, "import_id": id, "kept": !args.undo });
    Ok(Outcome::summary(Exit::Done, text, json))
}
