//! `versions`: list, publish, release, seal, drop, export; `prune.rs` has prune.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{check_reason, parse_version, prune};
use crate::cli::Outcome;
use crate::cli::args::VersionsCommand;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, table, time_in_utc};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::engine::{AllocationRow, Timestamp, shown_sentence};
use crate::files::{Draft, IfThere, WriteError};
use crate::pipeline;
use crate::report::{CanonicalCsv, Written};
use crate::store::model::{Current, Event, EventKind, VersionInfo, VersionOrigin};
use crate::store::phase::{self, Phase};
use crate::store::proof::{RowsProof, check_version};
use crate::store::{HistoryStore, LedgerStore, RowSink, Store, StoreError};

pub async fn run(command: VersionsCommand, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let store = store.as_ref();
    let context = &session.context;
    match command {
        VersionsCommand::List { .. } => list(store, &session.next).await,
        VersionsCommand::Publish { version } => {
            let current = pipeline::publish(store, context, version).await?;
            let held = if current.held {
                "It is held there: runs go on, and publish again after\n\
                 `fifo-pnl versions release`.\n"
            } else {
                ""
            };
            Ok(done(
                store,
                format!(
                    "Version {version} is current.\n{}",
                    session.next.in_text(held)
                ),
                pointer(&current),
            ))
        }
        VersionsCommand::Release => {
            let current = pipeline::release(store, context).await?;
            let version = current.version.unwrap_or(0);
            let text = format!("Released: version {version} is current.\n");
            Ok(done(store, text, pointer(&current)))
        }
        VersionsCommand::Seal { version, reason } => {
            check_reason(&reason)?;
            let versions = store.versions().await?;
            // Sealing itself refuses a version without a result.
            let info = versions.iter().find(|info| info.version == version);
            if let Some(info) = info.filter(|info| info.status.is_readable()) {
                check_version(store, info).await?;
            }
            pipeline::seal(store, context, version, &reason).await?;
            let text = format!("Version {version} is sealed: it is never replaced or dropped.\n");
            Ok(done(
                store,
                text,
                json!({ "version": version, "sealed": true }),
            ))
        }
        VersionsCommand::Drop { version } => {
            pipeline::drop_version(store, context, version).await?;
            let text = format!("Version {version} is dropped; its number stays taken.\n");
            Ok(done(
                store,
                text,
                json!({ "version": version, "dropped": true }),
            ))
        }
        VersionsCommand::Prune(args) => prune::run(&args, store, session).await,
        VersionsCommand::Export {
            version,
            output,
            overwrite,
            ..
        } => export(store, session, &version, output, overwrite).await,
    }
}

fn done(store: &dyn LedgerStore, text: String, mut json: Value) -> Outcome {
    add(&mut json, json!({ "database": store.location() }));
    let text = format!("Database  {}\n{text}", store.location());
    Outcome::summary(Exit::Done, text, json)
}

fn pointer(current: &Current) -> Value {
    json!({ "current_version": current.version, "held": current.held })
}

async fn list(store: &dyn Store, next: &Next) -> CliResult<Outcome> {
    let (versions, current) = (store.versions().await?, store.current().await?);
    let row = |info: &VersionInfo| {
        let is_current = current.version == Some(info.version);
        let mark = match (is_current, current.held) {
            (true, true) => "current, held",
            (true, false) => "current",
            (false, _) => "",
        };
        let part = if info.scope.is_all() { "" } else { "a part" };
        let sealed = info
            .sealed
            .as_ref()
            .map(|(_, reason)| format!("sealed: {reason}"));
        vec![
            info.version.to_string(),
            match info.origin {
                VersionOrigin::Legacy => info.origin.as_str().to_owned(),
                _ => info.status.as_str().to_owned(),
            },
            info.completed_at.map(minute).unwrap_or_default(),
            info.complete_through.map(time_in_utc).unwrap_or_default(),
            info.allocations_hash
                .map(|hash| hash.to_string().chars().take(HASH_SHOWN).collect())
                .unwrap_or_default(),
            [mark.to_owned(), part.to_owned(), sealed.unwrap_or_default()]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        ]
    };
    let text = if versions.is_empty() {
        let compute = next.command("compute_allocations --all-symbols");
        format!("No version yet.\nNext: {compute}\n")
    } else {
        let header = [
            "Version",
            "Status",
            "Completed (UTC)",
            "Complete through",
            "Hash",
            "",
        ];
        table(&header, &[0], versions.iter().map(row).collect()) + "\n"
    };
    let all: Vec<Value> = versions
        .iter()
        .map(|info| version_json(info, &current))
        .collect();
    let json = json!({ "versions": all, "current_version": current.version,
        "held": current.held });
    Ok(Outcome {
        is_summary: false,
        ..done(store, text, json)
    })
}

/// Digits of a hash in the list. JSON has all of them.
const HASH_SHOWN: usize = 8;

/// Writes an instant to the minute.
fn minute(at: Timestamp) -> String {
    time_in_utc(at)
        .chars()
        .take("2025-01-01 00:00".len())
        .collect()
}

fn version_json(info: &VersionInfo, current: &Current) -> Value {
    let policy: Value = serde_json::from_str(&info.policy).unwrap_or_default();
    let at = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "version": info.version, "status": info.status.as_str(), "scope": info.scope.as_str(),
        "origin": info.origin.as_str(), "is_current": current.version == Some(info.version),
        "ledger_hash": info.ledger_hash.map(|hash| hash.to_string()),
        "allocations_hash": info.allocations_hash.map(|hash| hash.to_string()),
        "policy": policy, "engine_version": info.engine_version,
        "complete_through": at(info.complete_through),
        "created_at": info.created_at.to_string(),
        "completed_at": at(info.completed_at), "published_at": at(info.published_at),
        "sealed_at": at(info.sealed.as_ref().map(|(at, _)| *at)),
        "sealed_reason": info.sealed.as_ref().map(|(_, reason)| reason),
    })
}

/// Writes exported rows, and counts and hashes them like the version's run. `failed` has the error
/// of a failed write, which the store does not pass on.
struct ExportSink<W> {
    csv: CanonicalCsv<W>,
    proof: RowsProof,
    failed: Option<io::Error>,
}

impl<W: Write + Send> RowSink for ExportSink<W> {
    fn take(&mut self, row: &AllocationRow<'_>) -> io::Result<()> {
        self.proof.add(row);
        self.csv.write(row).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}

async fn export(
    store: &dyn Store,
    session: &Session,
    version: &str,
    output: Option<PathBuf>,
    overwrite: bool,
) -> CliResult<Outcome> {
    let current = store.current().await?;
    let number = match parse_version(version)?.or(current.version) {
        Some(number) => number,
        None => {
            return Err(CliError::usage(
                "no version is current yet",
                "`compute_allocations --all-symbols` makes and publishes one",
            ));
        }
    };
    let versions = store.versions().await?;
    let info = versions.iter().find(|info| info.version == number);
    let info = match info {
        None => return Err(StoreError::NoVersion(number).into()),
        Some(info) if !info.status.is_readable() => {
            let status = info.status.as_str();
            return Err(CliError::usage(
                format!("version {number} is {status}: it has no result"),
                "`fifo-pnl versions list` shows the others",
            ));
        }
        Some(info) => info,
    };
    let Some(path) = output else {
        let stdout = BufWriter::new(io::stdout());
        return match write(store, info, (stdout, Path::new("stdout"))).await {
            Ok(_) => Ok(Outcome::answer(Exit::Done, String::new(), Value::Null)),
            Err(error) => Err(error),
        };
    };
    let written = write_file(store, info, &path, IfThere::of_overwrite(overwrite)).await?;
    let details = json!({ "file": path.display().to_string(), "rows": written.rows,
        "sha256": written.sha256, "format": "canonical" });
    let at = session.context.clock.now();
    let event = Event {
        version: Some(number),
        ..Event::info(EventKind::Export, at, details.clone())
    };
    let recorded = record_export(store, &event).await?;
    let unrecorded = not_recorded(recorded);
    let text = format!(
        "Wrote {}: version {number}, {} rows, sha256 {}\n{unrecorded}",
        shown_sentence(&path.display().to_string()),
        count(written.rows),
        written.sha256
    );
    let mut outcome = done(store, text, details);
    add(&mut outcome.json, json!({ "recorded": recorded }));
    Ok(outcome)
}

/// Records an export in the audit trail. Returns false if this user may not write there, as the
/// exported file exists all the same. Errors: the store fails.
pub(super) async fn record_export(store: &dyn HistoryStore, event: &Event) -> CliResult<bool> {
    match store.log_event(event).await {
        Ok(()) => Ok(true),
        Err(StoreError::NoPermission { .. }) => Ok(false),
        Err(error @ StoreError::Busy(_)) => Err(CliError {
            hint: "the export is there, and whole; the audit trail does not have it: export it \
                   again when the other session or process is done"
                .into(),
            ..CliError::failed(error.to_string())
        }),
        Err(error) => Err(error.into()),
    }
}

/// Returns a note if the audit trail does not have the export.
pub(super) fn not_recorded(recorded: bool) -> &'static str {
    match recorded {
        true => "",
        false => {
            "Note      the export is not recorded in the audit trail: this user may not write \
             there\n"
        }
    }
}

/// Writes a version's rows. Errors: the rows are not those that its run wrote; the file can't be
/// written.
async fn write<W: Write + Send>(
    store: &dyn Store,
    info: &VersionInfo,
    (output, path): (W, &Path),
) -> CliResult<Written> {
    let failed = |error: io::Error| CliError::from(WriteError::of(error, path));
    let mut sink = ExportSink {
        csv: CanonicalCsv::try_new(output).map_err(failed)?,
        proof: RowsProof::begin(store, info).await?,
        failed: None,
    };
    let exported = store.export(info.version, &mut sink).await;
    if let Some(error) = sink.failed {
        return Err(failed(error));
    }
    exported?;
    sink.proof.compare(store).await?;
    sink.csv.finish().map_err(failed)
}

/// Writes to a temporary file and renames it, so that a failure leaves no half file.
async fn write_file(
    store: &dyn Store,
    info: &VersionInfo,
    path: &Path,
    if_there: IfThere,
) -> CliResult<Written> {
    let failed = |error| CliError::from(WriteError::of(error, path));
    let mut draft = Draft::create(path, if_there).map_err(failed)?;
    let written = write(store, info, (BufWriter::new(&mut draft), path)).await?;
    phase::reached(Phase::Name);
    draft.publish().map_err(failed)?;
    Ok(written)
}
