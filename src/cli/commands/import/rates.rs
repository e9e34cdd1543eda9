//! `import rates`: files of rates into the database.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::check_reason;
use super::report;
use crate::cli::Outcome;
use crate::cli::args::ImportRatesArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{count, plural};
use crate::cli::session::Session;
use crate::engine::{Asset, shown_sentence};
use crate::files::check_text;
use crate::pipeline::{
    PipelineError, RateFileReport, RateRequest, import_rate_files, known_pools, parse_rate_file,
};
use crate::store::Store;
use crate::store::model::{RateConflict, RateReceipt};

/// Most conflicts that the text shows.
const CONFLICTS_SHOWN_MAX: usize = 5;

/// Runs the command. Files are read before a database is opened or made.
pub async fn run(args: &ImportRatesArgs, session: &Session) -> CliResult<Outcome> {
    let request = request(args)?;
    let read = |path: &PathBuf| {
        check_text(path).map_err(|error| PipelineError::Unreadable {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        parse_rate_file(path, &request, &session.context)
    };
    let files = args.files.iter().map(read);
    let files = files.collect::<Result<Vec<_>, PipelineError>>()?;
    let is_refused = files.iter().any(|file| !file.read.rejected.is_empty());
    let store = match (is_refused, request.preview) {
        (true, _) => None,
        (false, true) => Some(session.open_to_preview().await?),
        (false, false) => Some(session.open(true).await?),
    };
    let rate_store = store.as_deref().map(|store| store as _);
    let reports = import_rate_files(rate_store, files, &request, &session.context).await?;
    let next = match &store {
        Some(store) if reports.iter().any(has_changed) => next(store.as_ref(), session).await?,
        _ => String::new(),
    };
    let location = store.as_ref();
    let location = location.map_or_else(|| "not opened".into(), |store| store.location());
    let mut text = format!("Database  {location}\n");
    for report in &reports {
        text.push_str(&describe(report, &request));
    }
    if reports.iter().any(RateFileReport::is_refused) {
        let is_one_in = reports.iter().any(was_written);
        text.push_str(match is_one_in {
            true => "A file with a fault is not imported at all.\n",
            false => "Nothing was imported.\n",
        });
    }
    text.push_str(&next);
    let json = json!({ "database": location, "preview": request.preview,
        "files": reports.iter().map(to_json).collect::<Vec<_>>() });
    Ok(Outcome::summary(exit(&reports), text, json))
}

/// Names the command that computes with the new rates. Nothing, if there are no trades yet.
async fn next(store: &dyn Store, session: &Session) -> CliResult<String> {
    let scope = match store.current().await?.version {
        Some(_) => "--incremental",
        None if known_pools(store)
            .await?
            .is_some_and(|pools| pools.is_empty()) =>
        {
            return Ok(String::new());
        }
        None => "--all-symbols",
    };
    let command = session
        .next
        .command(&format!("compute_allocations {scope}"));
    Ok(format!("Next: {command}\n"))
}

/// Makes the settings for reading files of the arguments. Errors: a value that can't be read.
pub fn request(args: &ImportRatesArgs) -> CliResult<RateRequest> {
    args.reason.as_deref().map(check_reason).transpose()?;
    Ok(RateRequest {
        kind: args.kind(),
        asset: read_asset("--asset", args.asset.as_deref())?,
        currency: read_asset("--currency", args.currency.as_deref())?,
        preview: args.preview,
        correct: args.reason.clone(),
    })
}

/// Reads the value of a flag as an asset. Errors: it can't be one.
pub fn read_asset(flag: &str, text: Option<&str>) -> CliResult<Option<Asset>> {
    let read = |text: &str| {
        let bad = |error| {
            let hint = "an asset is a code like BTC or EUR";
            CliError::usage(format!("{flag} is \"{text}\": it {error}"), hint)
        };
        text.parse().map_err(bad)
    };
    text.map(read).transpose()
}

fn has_changed(report: &RateFileReport) -> bool {
    let receipt = report.receipt.as_ref();
    let receipt = receipt.filter(|receipt| receipt.import_id.is_some());
    receipt.is_some_and(|receipt| receipt.appended + receipt.corrected > 0)
}

fn was_written(report: &RateFileReport) -> bool {
    let receipt = report.receipt.as_ref();
    receipt.is_some_and(|receipt| receipt.import_id.is_some())
}

/// Chooses the exit code, as an import of trades does.
fn exit(reports: &[RateFileReport]) -> Exit {
    let is_faulty = reports.iter().any(RateFileReport::is_refused);
    match (is_faulty, reports.iter().any(was_written)) {
        (false, _) => Exit::Done,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Usage,
    }
}

fn describe(report: &RateFileReport, request: &RateRequest) -> String {
    let read = &report.read;
    let name = shown_sentence(&read.name).to_string();
    let verb = match &report.receipt {
        Some(receipt) if receipt.conflict_count > 0 => "Refused ",
        Some(_) if request.preview => "Preview ",
        Some(_) => "Imported",
        // The file has no fault: another file stopped the import before it.
        None if read.rejected.is_empty() => "Kept out",
        None => "Refused ",
    };
    let rows = plural(read.rows, "row", "rows");
    let mut text = format!("{verb}  {name}: {rows} of the kind {}", read.kind);
    let mut add = |number: u64, what: &str| {
        text.push_str(&format!(", {} {what}", count(number)));
    };
    if let Some(receipt) = &report.receipt {
        add(receipt.appended, "new");
        add(receipt.known, "known");
        if request.correct.is_some() {
            add(receipt.corrected, "corrected");
        }
    }
    if read.duplicates > 0 {
        add(read.duplicates, "repeated in the file");
    }
    text.push('\n');
    for (word, cells) in &read.skipped {
        let cells = plural(*cells, "cell", "cells");
        text.push_str(&format!("  without a rate: {cells} {word}\n"));
    }
    if read.ends_without_line_end {
        text.push_str(report::NO_LINE_END);
    }
    text.push_str(&report::describe_rejects(&name, &read.rejected));
    if let Some(receipt) = &report.receipt {
        text.push_str(&describe_conflicts(&name, receipt));
    }
    text
}

fn describe_conflicts(name: &str, receipt: &RateReceipt) -> String {
    let line = |conflict: &RateConflict| {
        format!(
            "  {name}:{}: {} in {} at {} is {}, which is stored as {}\n",
            conflict.line,
            conflict.asset,
            conflict.currency,
            conflict.at,
            conflict.in_file,
            conflict.in_store
        )
    };
    let shown = receipt.conflicts.iter().take(CONFLICTS_SHOWN_MAX);
    let mut text: String = shown.map(line).collect();
    let more = receipt.conflict_count;
    let more = more.saturating_sub(CONFLICTS_SHOWN_MAX as u64);
    if more > 0 {
        text.push_str(&format!("    and {} more\n", count(more)));
    }
    if receipt.conflict_count > 0 {
        text.push_str("    hint: if the file is right, import it with --correct --reason TEXT\n");
    }
    text
}

fn to_json(report: &RateFileReport) -> Value {
    let (read, receipt) = (&report.read, report.receipt.as_ref());
    let conflict = |conflict: &RateConflict| {
        json!({ "line": conflict.line, "asset": conflict.asset.as_str(),
            "currency": conflict.currency.as_str(), "source": conflict.source.as_str(),
            "at": conflict.at.to_string(), "in_file": conflict.in_file.to_string(),
            "stored": conflict.in_store.to_string() })
    };
    let conflicts = receipt.map(|of| of.conflicts.iter().map(conflict).collect::<Vec<_>>());
    let mut json = json!({
        "file": read.name, "sha256": read.sha256, "kind": read.kind.as_str(), "rows": read.rows,
        "import_id": receipt.and_then(|receipt| receipt.import_id),
        "appended": receipt.map(|receipt| receipt.appended),
        "known": receipt.map(|receipt| receipt.known),
        "corrected": receipt.map(|receipt| receipt.corrected),
        "duplicates": read.duplicates, "without_a_rate": read.skipped,
        "conflicts": conflicts.unwrap_or_default(),
        "conflict_rows": receipt.map_or(0, |receipt| receipt.conflict_count),
    });
    crate::cli::format::add(&mut json, report::rejects_json(&read.rejected));
    json
}
