//! `migrate`: the schema of the database.
//!
//! A command that opens an SQLite file copies and migrates it. Other people may use a PostgreSQL
//! database, too. So only this command migrates it, after it has shown the changes and asked.

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::MigrateCommand;
use crate::cli::config::Database;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{count, table};
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::engine::{Timestamp, shown, shown_sentence};
use crate::pipeline::when_free;
use crate::store::StoreError;
use crate::store::model::{
    Adoption, MappedColumn, SNAPSHOT_PREFIX, SchemaStep, UpOptions, is_snapshot_name,
};
use crate::store::postgres::PostgresUrl;
use crate::store::sqlite::SqliteStore;

pub async fn run(command: MigrateCommand, session: &Session) -> CliResult<Outcome> {
    match command {
        MigrateCommand::Status => status(session, String::new()).await,
        MigrateCommand::Up {
            accept_views: true, ..
        } => accept_views(session).await,
        MigrateCommand::Up {
            yes,
            snapshot_date,
            protect_ledger,
            accept_views: false,
        } => {
            let date = snapshot_date.as_deref().map(self::snapshot_date);
            let options = UpOptions {
                snapshot_date: date.transpose()?,
                protect_ledger,
            };
            up(session, yes, &options).await
        }
        MigrateCommand::Down { to, confirm, .. } => down(session, to, confirm).await,
    }
}

pub(super) async fn steps(session: &Session) -> CliResult<Vec<SchemaStep>> {
    let steps = match &session.config.database {
        Database::Sqlite(path) => SqliteStore::schema_steps(path).await,
        Database::Postgres(url) => url.schema_steps().await,
    };
    match steps {
        Ok(steps) => Ok(steps),
        Err(StoreError::Missing(path)) => Err(session.missing(&path)),
        Err(error) => Err(error.into()),
    }
}

async fn up(session: &Session, yes: bool, options: &UpOptions) -> CliResult<Outcome> {
    let before = steps(session).await?;
    let pending: Vec<&SchemaStep> = before
        .iter()
        .filter(|step| step.applied_at.is_none())
        .collect();
    if pending.is_empty() && !options.protect_ledger {
        return status(session, "Nothing to apply.\n".into()).await;
    }
    match &session.config.database {
        Database::Sqlite(_) => {
            session.open(false).await?;
        }
        Database::Postgres(url) => {
            let plan = url.adoption_plan().await?;
            if !yes {
                ask_for_steps(session, &pending, plan.as_ref(), options)?;
            }
            url.schema_up_with(options).await?;
        }
    }
    status(session, format!("Applied {}.\n", pending.len())).await
}

/// Records that an operator's changes to the views of the ledger are intended.
async fn accept_views(session: &Session) -> CliResult<Outcome> {
    let (by, holder) = (&session.context.user, &session.context.holder);
    let accept = async || match &session.config.database {
        Database::Sqlite(path) => SqliteStore::accept_views(path, by, holder).await,
        Database::Postgres(url) => url.accept_views(by, holder).await,
    };
    let views = when_free(&session.context, accept).await?;
    let names: Vec<&str> = views.keys().map(String::as_str).collect();
    let names = names.join(", ");
    status(
        session,
        format!(
            "Accepted  {names}: what they show goes into every result, and the policy of each \
             version names them.\n"
        ),
    )
    .await
}

fn ask_for_steps(
    session: &Session,
    pending: &[&SchemaStep],
    plan: Option<&Adoption>,
    options: &UpOptions,
) -> CliResult<()> {
    terminal::note(&format!("Database  {}", session.config.database.location()));
    for step in pending {
        terminal::note(&format!("  v{} {}", step.version, step.description));
    }
    if let Some(plan) = plan {
        terminal::note("The database has a ledger, trade_records, which is read as it is:");
        terminal::note(&adoption_columns(plan));
        if !plan.moved.is_empty() {
            let moved = plan.moved.join(", ");
            let moved = shown_sentence(&moved);
            terminal::note(&format!("To schema fifo_legacy move: {moved}"));
        }
    }
    if options.protect_ledger {
        terminal::note("To trade_records is added:");
        for line in PostgresUrl::protection_plan() {
            terminal::note(&format!("  {line}"));
        }
    }
    if !pending.is_empty() {
        terminal::note("Tables and views are added in schemas public and fifo_parts.");
    }
    terminal::note("Nothing else is changed.");
    match terminal::ask("Go on? [y/N]").as_deref() {
        Some("y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(CliError::refused("cancelled: nothing was changed", "")),
        None => Err(CliError::refused(
            "there is no terminal to ask on: nothing was changed",
            "confirm with --yes",
        )),
    }
}

/// Lists the source of each fact.
fn adoption_columns(adoption: &Adoption) -> String {
    // Another program chose the column names, so the table shows each name on one line.
    let row = |it: &MappedColumn| vec![it.name.clone(), it.kind.clone(), it.words.clone()];
    let rows = adoption.columns.iter().map(row).collect();
    let mut text = table(&["Fact", "Column's type", "Taken"], &[], rows);
    if !adoption.unread.is_empty() {
        let unread = adoption.unread.join(", ");
        text.push_str(&format!("\nLeft alone: {}\n", shown_sentence(&unread)));
    }
    text
}

/// Reads the date of a snapshot: `20251120` or `2025-11-20`.
pub(super) fn snapshot_date(text: &str) -> CliResult<String> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let name = format!("{SNAPSHOT_PREFIX}{digits}");
    let is_date = format!(
        "{}-{}-{}T00:00:00Z",
        digits.get(..4).unwrap_or_default(),
        digits.get(4..6).unwrap_or_default(),
        digits.get(6..).unwrap_or_default()
    );
    let is_date = is_date.parse::<Timestamp>().is_ok();
    if is_date && is_snapshot_name(&name) && matches!(text.len(), 8 | 10) {
        return Ok(digits);
    }
    Err(CliError::usage(
        format!("--snapshot-date is \"{text}\", expected a date like 2025-11-20"),
        "the snapshot of earlier figures has the date in its name",
    ))
}

/// Describes how an existing ledger is read, and the rows left out of it.
fn adoption_text(adoption: &Adoption) -> String {
    let state = match adoption.is_guarded {
        true => "guarded: its facts can't be changed",
        false => "unguarded: its bot inserts, changes and deletes as before",
    };
    let left_out: u64 = adoption.ineligible.values().sum();
    let mut text = format!(
        "\nLedger    trade_records was here before ({state})\n\n{}\n\
         Rows      {} trades, {} left out\n",
        adoption_columns(adoption),
        count(adoption.eligible),
        count(left_out),
    );
    for (reason, rows) in &adoption.ineligible {
        let rows = count(*rows);
        text.push_str(&format!("  {rows} left out: {}\n", shown_sentence(reason)));
    }
    for (name, rows) in &adoption.snapshots {
        let (name, rows) = (shown(name), count(*rows));
        text.push_str(&format!("History   {name}\n  Rows preserved: {rows}\n"));
    }
    text
}

fn adoption_json(adoption: &Adoption) -> Value {
    let column = |it: &MappedColumn| json!({ "column": it.name, "type": it.kind, "as": it.words });
    let snapshot = |(name, rows): &(String, u64)| json!({ "name": name, "rows_preserved": rows });
    json!({
        "guarded": adoption.is_guarded,
        "columns": adoption.columns.iter().map(column).collect::<Vec<_>>(),
        "unread": adoption.unread,
        "eligible": adoption.eligible,
        "ineligible": adoption.ineligible,
        "snapshots": adoption.snapshots.iter().map(snapshot).collect::<Vec<_>>(),
    })
}

async fn status(session: &Session, done: String) -> CliResult<Outcome> {
    let location = session.config.database.location();
    let steps = steps(session).await?;
    let is_current = steps.iter().all(|step| step.applied_at.is_some());
    let adoption = match &session.config.database {
        Database::Postgres(url) if is_current => url.adoption().await?,
        _ => None,
    };
    let row = |step: &SchemaStep| {
        let applied = step.applied_at.clone().unwrap_or_else(|| "pending".into());
        vec![step.version.to_string(), step.description.clone(), applied]
    };
    let applied = steps.iter().filter(|step| step.applied_at.is_some());
    let found = applied.map(|step| step.version).max().unwrap_or(0);
    let known = steps.iter().map(|step| step.version).max().unwrap_or(0);
    let state = if found == known {
        "current"
    } else {
        "older than this program's"
    };
    let text = format!(
        "Database  {location}\n{done}Schema    v{found} ({state})\n\n{}\n{}",
        table(
            &["Step", "What it adds", "Applied"],
            &[0],
            steps.iter().map(row).collect()
        ),
        adoption.as_ref().map(adoption_text).unwrap_or_default()
    );
    let all: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({ "version": step.version, "description": step.description,
                "applied_at": step.applied_at })
        })
        .collect();
    let json = json!({ "database": location, "schema_version": found, "known_version": known,
        "steps": all, "adoption": adoption.as_ref().map(adoption_json) });
    Ok(Outcome {
        is_summary: !done.is_empty(),
        ..Outcome::answer(Exit::Done, text, json)
    })
}

async fn down(session: &Session, to: i64, confirm: Option<String>) -> CliResult<Outcome> {
    let before = steps(session).await?;
    let lost: Vec<String> = before
        .iter()
        .filter(|step| step.version > to && step.applied_at.is_some())
        .map(|step| format!("v{} {}", step.version, step.description))
        .collect();
    let answer = match confirm {
        Some(answer) => Some(answer),
        None => {
            terminal::note(&format!(
                "This removes {} with all that is in it.",
                lost.join(", ")
            ));
            terminal::ask("Type YES to go on:")
        }
    };
    match answer.as_deref() {
        Some("YES") => {}
        Some(_) => {
            return Err(CliError::refused(
                "cancelled: nothing was changed",
                "the answer that goes on is YES, in capital letters",
            ));
        }
        None => {
            return Err(CliError::refused(
                "there is no terminal to ask on: nothing was changed",
                "confirm with --confirm YES",
            ));
        }
    }
    let holder = &session.context.holder;
    let (copy, next) = match &session.config.database {
        Database::Sqlite(path) => {
            let down = async || SqliteStore::schema_down(path, to, holder).await;
            let copy = when_free(&session.context, down).await?;
            let copy = copy.display().to_string();
            let next = "The next command of this program brings the schema up again.";
            (Some(copy), next)
        }
        Database::Postgres(url) => {
            let down = async || url.schema_down(to, holder).await;
            when_free(&session.context, down).await?;
            (None, "`fifo-pnl migrate up` brings it up again.")
        }
    };
    let kept = copy
        .as_ref()
        .map(|copy| format!("The file as it was is {}.\n", shown_sentence(copy)));
    let text = format!(
        "Database  {}\nThe schema is back at v{to}.\n{}{next}\n",
        session.config.database.location(),
        kept.unwrap_or_default(),
        next = session.next.in_text(next)
    );
    let json = json!({ "schema_version": to, "copy": copy });
    Ok(Outcome::summary(Exit::Done, text, json))
}
