//! Files of one account that have the same trades under other ids: they count twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::ImportKeepArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, plural, time};
use crate::cli::next::{Next, flag, quoted};
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::engine::{shown, shown_sentence};
use crate::pipeline::{
    Common, CountedTwice, FileOfTrades, FileReport, ImportRequest, counted_twice, keep_import,
};
use crate::store::Store;

/// Trades that count twice, for a summary.
#[derive(Debug, Default)]
pub(in crate::cli::commands) struct Doubled {
    found: Vec<CountedTwice>,
}

impl Doubled {
    /// Looks for them in an account after an import, or reads what a preview found. With `--again`,
    /// the imports of these reports are right. Warns about files that perhaps have the same trades.
    pub(in crate::cli::commands) async fn of_import(
        store: Option<&dyn Store>,
        reports: &[FileReport],
        request: &ImportRequest,
        session: &Session,
    ) -> CliResult<Self> {
        let Some(store) = store.filter(|_| !request.preview) else {
            let found = reports.iter().flat_map(|report| report.same.clone());
            return Ok(Self::of(found.collect(), None, session));
        };
        let is_new = |it: &&FileReport| it.receipt.as_ref().is_some_and(|it| it.appended > 0);
        let new = reports.iter().filter(is_new);
        let new = new.filter_map(|report| report.receipt.as_ref()?.import_id);
        let new: BTreeSet<i64> = new.collect();
        let (rules, account) = (session.context.rules.as_rules(), &request.account);
        let mut found = counted_twice(store, rules, account).await?;
        if request.again {
            let of_new = |it: &CountedTwice| it.last.import_id.filter(|id| new.contains(id));
            let kept: BTreeSet<i64> = found.iter().filter_map(of_new).collect();
            for id in &kept {
                let why = "imported with --again";
                keep_import(store, (*id, true), why, &session.context).await?;
            }
            found.retain(|it| of_new(it).is_none());
        }
        Ok(Self::of(found, Some(&new), session))
    }

    /// Looks for them in all accounts, after a run.
    pub(in crate::cli::commands) async fn of_ledger(
        store: &dyn Store,
        session: &Session,
    ) -> CliResult<Self> {
        let rules = session.context.rules.as_rules();
        let mut found = Vec::new();
        for of in store.accounts().await? {
            found.extend(counted_twice(store, rules, &of.account).await?);
        }
        Ok(Self::of(found, Some(&BTreeSet::new()), session))
    }

    /// `new`: only these imports give warnings. `None`: each does.
    fn of(found: Vec<CountedTwice>, new: Option<&BTreeSet<i64>>, session: &Session) -> Self {
        let (perhaps, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| it.common == Common::Days);
        for it in &perhaps {
            let is_of = |new: &BTreeSet<i64>| it.last.import_id.is_some_and(|id| new.contains(&id));
            if new.is_none_or(is_of) {
                note(&describe_perhaps(it, &session.next));
            }
        }
        Self { found }
    }

    /// Tells whether a person has something to settle.
    pub(in crate::cli::commands) fn exit(&self) -> Exit {
        match self.found.is_empty() {
            true => Exit::Done,
            false => Exit::Findings,
        }
    }

    /// Returns lines for the summary.
    pub(in crate::cli::commands) fn describe(&self, next: &Next) -> String {
        let line = |it: &CountedTwice| format!("Counted twice   {}\n", describe(it, next));
        self.found.iter().map(line).collect()
    }

    /// Returns the facts for programs.
    pub(in crate::cli::commands) fn to_json(&self) -> Value {
        self.found.iter().map(to_json).collect()
    }
}

fn to_json(it: &CountedTwice) -> Value {
    let file = |of: &FileOfTrades| {
        let (import_id, format) = (of.import_id, &of.format);
        json!({ "import_id": import_id, "file": of.file, "format": format })
    };
    let account = it.account.as_str();
    let mut json = json!({ "account": account, "last": file(&it.last), "other": file(&it.other) });
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

/// Names a file: `import 2 (log.csv, bybit-log)`.
fn name(of: &FileOfTrades) -> String {
    let (file, format) = (shown_sentence(&of.file), shown(&of.format));
    match of.import_id {
        Some(id) => format!("import {id} ({file}, {format})"),
        None => format!("{file} ({format})"),
    }
}

/// Names the trades that count twice, and the ways out.
pub(in crate::cli::commands) fn describe(it: &CountedTwice, next: &Next) -> String {
    let (last, other) = (name(&it.last), name(&it.other));
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
                flag("--account", it.account.as_str()),
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
        (Some(id), _) => format!("take one out: `{}`.{}", undo(id), keep(Some(id), next)),
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
fn describe_perhaps(it: &CountedTwice, next: &Next) -> String {
    let account = shown(it.account.as_str()).quoted();
    format!(
        "warning: account {account} has trades of {} and of {}. None is in both, but both have \
         trades of one asset on one day. A trade that both files have counts twice. If they have \
         the same trades, {}",
        name(&it.last),
        name(&it.other),
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
    let change = (args.id, !args.undo);
    let is_done = keep_import(store.as_ref(), change, &args.reason, &session.context).await?;
    if args.undo && !is_done {
        return Err(CliError::usage(
            format!("import {} is not kept", args.id),
            "leave it as it is: its trades are compared with those of other files",
        ));
    }
    let (location, id) = (store.location(), args.id);
    let said = match args.undo {
        false => {
            format!("Kept      import {id}: it is no duplicate, and all its trades count")
        }
        true => format!(
            "Not kept  import {id}: its trades are compared with those of other files again"
        ),
    };
    let text = format!("Database  {location}\n{said}\n");
    let json = json!({ "database": location, "import_id": id, "kept": !args.undo });
    Ok(Outcome::summary(Exit::Done, text, json))
}
