//! `migrate`: the schema of the database.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::MigrateCommand;
use crate::cli::config::Database;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::table;
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::store::StoreError;
use crate::store::model::SchemaStep;
use crate::store::sqlite::{SqliteStore, version_known};

/// Runs the command.
pub async fn run(command: MigrateCommand, session: &Session) -> CliResult<Outcome> {
    let Database::Sqlite(path) = &session.config.database;
    match command {
        MigrateCommand::Status => status(path, session, String::new()).await,
        MigrateCommand::Up => {
            let before = steps(path, session).await?;
            let pending = before
                .iter()
                .filter(|step| step.applied_at.is_none())
                .count();
            session.open(false).await?;
            let done = match pending {
                0 => format!("Nothing to apply (at v{}).\n", version_known()),
                n => format!("Applied {n}; now at v{}.\n", version_known()),
            };
            status(path, session, done).await
        }
        MigrateCommand::Down { to, confirm } => down(path, session, to, confirm).await,
    }
}

async fn steps(path: &Path, session: &Session) -> CliResult<Vec<SchemaStep>> {
    match SqliteStore::schema_steps(path).await {
        Ok(steps) => Ok(steps),
        Err(StoreError::Missing(path)) => Err(session.missing(&path)),
        Err(error) => Err(error.into()),
    }
}

async fn status(path: &Path, session: &Session, done: String) -> CliResult<Outcome> {
    let steps = steps(path, session).await?;
    let row = |step: &SchemaStep| {
        let applied = step.applied_at.clone().unwrap_or_else(|| "pending".into());
        vec![step.version.to_string(), step.description.clone(), applied]
    };
    let found = steps
        .iter()
        .filter(|step| step.applied_at.is_some())
        .map(|step| step.version);
    let found = found.max().unwrap_or(0);
    let known = version_known();
    let state = if found == known {
        "current"
    } else {
        "older than this program's"
    };
    let text = format!(
        "Database  sqlite://{}\n{done}Schema    v{found} ({state})\n\n{}\n",
        path.display(),
        table(
            &["Step", "What it adds", "Applied"],
            &[0],
            steps.iter().map(row).collect()
        )
    );
    let all: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({ "version": step.version, "description": step.description,
                "applied_at": step.applied_at })
        })
        .collect();
    let json = json!({ "database": format!("sqlite://{}", path.display()),
        "schema_version": found, "known_version": known, "steps": all });
    Ok(Outcome {
        text,
        json,
        exit: Exit::Done,
        is_summary: false,
    })
}

async fn down(
    path: &Path,
    session: &Session,
    to: i64,
    confirm: Option<String>,
) -> CliResult<Outcome> {
    let before = steps(path, session).await?;
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
    let copy = SqliteStore::schema_down(path, to, &session.context.holder).await?;
    let text = format!(
        "Database  sqlite://{}\nThe schema is back at v{to}. The file as it was is {}.\n\
         The next command of this program brings the schema up again.\n",
        path.display(),
        copy.display()
    );
    let json = json!({ "schema_version": to, "copy": copy.display().to_string() });
    Ok(Outcome {
        text,
        json,
        exit: Exit::Done,
        is_summary: true,
    })
}
