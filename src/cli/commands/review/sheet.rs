//! `review export` and `review apply`: many items at once, decided in a spreadsheet.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::decide::{self, Settled, TypedLot};
use crate::cli::Outcome;
use crate::cli::args::NoteArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::plural;
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::engine::{IssueType, shown_sentence};
use crate::files::{IfThere, WriteError, check_place, open_text};
use crate::import::{BlockError, LIST_BYTES_MAX, read_whole, whole_error};
use crate::report::{CsvLine, PartFile};
use crate::store::Store;
use crate::store::model::{QueuedItem, ReviewStatus};

/// Columns that are written.
const SHOWN: [&str; 9] = [
    "item",
    "status",
    "severity",
    "issue",
    "account",
    "symbol",
    "order_id",
    "unmatched_size",
    "description",
];

/// Columns that a person fills in.
const FILLED: [&str; 6] = ["action", "size", "basis", "acquired", "signed_by", "note"];

/// Writes the open items.
pub(super) async fn export(store: &dyn Store, path: &Path, overwrite: bool) -> CliResult<Outcome> {
    let if_there = IfThere::of_overwrite(overwrite);
    check_place(path, if_there)?;
    let mut queue = store.review_queue().await?;
    queue.retain(|item| item.status.is_open());
    let count = queue.len() as u64;
    let written = write(path, if_there, &queue);
    written.map_err(|error| WriteError::of(error, path))?;
    let (file, location) = (path.display().to_string(), store.location());
    let items = plural(count, "open item", "open items");
    let shown = shown_sentence(&file);
    let text = format!(
        "Database  {location}\nWrote     {shown}: {items}\n\
         Fill in action (resolve, dismiss, start), size, basis, acquired, signed_by, note; then\n\
         fifo-pnl review apply {shown} --preview\n"
    );
    let json = json!({ "database": location, "file": file, "items": count });
    Ok(Outcome {
        text,
        json,
        exit: Exit::Done,
        is_summary: true,
    })
}

fn write(path: &Path, if_there: IfThere, queue: &[QueuedItem]) -> std::io::Result<()> {
    let mut file = PartFile::create(path, if_there)?;
    let mut line = CsvLine::default();
    line.texts(SHOWN).texts(FILLED);
    file.head(line.end())?;
    for item in queue {
        line.value(item.id).value(item.status.as_str());
        line.value(item.severity.as_str())
            .value(item.issue.as_str());
        line.text(item.pool.account.as_str())
            .text(item.pool.symbol.as_str());
        line.text(&item.order_id);
        line.optional(crate::tax::unmatched_size(item))
            .text(&item.description);
        line.texts(FILLED.map(|_| ""));
        file.row(line.end())?;
    }
    file.finish()?.publish()
}

/// What a sheet says of an item.
#[derive(Debug, Clone)]
struct Decided {
    line: u64,
    action: String,
    lots: Vec<TypedLot>,
    note: String,
}

/// Reads a sheet: decisions by item. Errors: no CSV, a column or a number is missing.
fn read(path: &Path) -> CliResult<BTreeMap<i64, Decided>> {
    let shown = path.display();
    let bad = |what: String| {
        CliError::usage(
            format!("{shown}{what}"),
            "fifo-pnl review export writes such a file",
        )
    };
    let opened = open_text(path).map_err(BlockError::from);
    let bytes = opened.and_then(|opened| read_whole(opened, LIST_BYTES_MAX));
    let bytes = bytes.map_err(|error| bad(whole_error(&error).0))?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes.as_slice());
    let header = reader.headers().cloned();
    let header = header.map_err(|error| bad(format!(": {error}")))?;
    let name = |cell: &str| cell.trim_start_matches('\u{feff}').to_owned();
    let place = |column: &str| {
        let found = header.iter().position(|cell| name(cell) == column);
        found.ok_or_else(|| bad(format!(": the column {column} is missing")))
    };
    let item_at = place("item")?;
    let mut at = [0; 6];
    for (slot, column) in at.iter_mut().zip(FILLED) {
        *slot = place(column)?;
    }
    let mut decided: BTreeMap<i64, Decided> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(format!(": {error}")))?;
        let line = record.position().map_or(0, csv::Position::line);
        let [action, size, basis, acquired, signed_by, note] =
            at.map(|at| record.get(at).unwrap_or_default().to_owned());
        if action.is_empty() {
            continue;
        }
        let item = record.get(item_at).unwrap_or_default();
        let id = item.parse::<i64>();
        let id = id.map_err(|_| bad(format!(":{line}: item is \"{item}\", expected a number")))?;
        let optional = |text: String| Some(text).filter(|text| !text.is_empty());
        let row = decided.entry(id).or_insert_with(|| Decided {
            line,
            action: action.clone(),
            lots: Vec::new(),
            note: note.clone(),
        });
        if row.action != action {
            let old = &row.action;
            return Err(bad(format!(
                ":{line}: action is \"{action}\", above it is \"{old}\""
            )));
        }
        if !basis.is_empty() {
            row.lots.push(TypedLot {
                size: optional(size),
                basis,
                acquired,
                signed_by: optional(signed_by),
            });
        }
    }
    Ok(decided)
}

/// A decision that is ready to be made.
enum Ready {
    Settle(Box<Settled>),
    Decide(NoteArgs, ReviewStatus),
}

/// Applies a sheet: every row is checked before the first one is applied.
pub(super) async fn apply(
    store: &dyn Store,
    session: &Session,
    path: &Path,
    (only_preview, yes): (bool, bool),
) -> CliResult<Outcome> {
    let decided = read(path)?;
    let queue = store.review_queue().await?;
    let mut ready = Vec::new();
    for (id, row) in &decided {
        let item = queue.iter().find(|item| item.id == *id);
        let of_row = match item {
            Some(item) => prepare(store, session, item.clone(), row).await,
            None => Err(CliError::usage(format!("there is no review item {id}"), "")),
        };
        ready.push(of_row.map_err(|error| CliError {
            message: format!("{}:{}: {}", path.display(), row.line, error.message),
            ..error
        })?);
    }
    let mut text = format!("Database  {}\n", store.location());
    for row in &ready {
        match row {
            Ready::Settle(settled) => text.push_str(&decide::describe(settled)),
            Ready::Decide(args, status) => {
                text.push_str(&format!(
                    "Item {}: {}: {}\n",
                    args.id,
                    status.as_str(),
                    shown_sentence(&args.note)
                ));
            }
        }
    }
    let count = plural(ready.len() as u64, "item", "items");
    if only_preview {
        text.push_str(&format!("{count} would change; nothing was changed.\n"));
    } else if !ready.is_empty() {
        if !yes {
            note(text.trim_end());
            decide::confirm()?;
        }
        for row in &ready {
            match row {
                Ready::Settle(settled) => decide::append(store, session, settled).await?,
                Ready::Decide(args, status) => {
                    decide::apply(store, session, args, *status).await?;
                }
            }
        }
        text.push_str(&format!(
            "{count} changed. Next: compute_allocations --all-symbols\n"
        ));
    } else {
        text.push_str("No row has an action: nothing was changed.\n");
    }
    let json = json!({ "database": store.location(), "items": ready.len(),
        "preview": only_preview });
    Ok(Outcome {
        text,
        json,
        exit: Exit::Done,
        is_summary: true,
    })
}

async fn prepare(
    store: &dyn Store,
    session: &Session,
    item: QueuedItem,
    row: &Decided,
) -> CliResult<Ready> {
    if row.note.trim().is_empty() {
        return Err(CliError::usage(
            "note is empty",
            "say why, for whoever audits this later",
        ));
    }
    let args = NoteArgs {
        id: item.id,
        note: row.note.clone(),
    };
    let status = match row.action.as_str() {
        "dismiss" => ReviewStatus::Dismissed,
        "start" => ReviewStatus::InProgress,
        "resolve" if item.issue != IssueType::UnmatchedSell && row.lots.is_empty() => {
            ReviewStatus::Resolved
        }
        "resolve" if row.lots.is_empty() => {
            return Err(CliError::usage("basis is empty, expected USD", ""));
        }
        "resolve" => {
            let about = (None, row.note.as_str());
            let settled = decide::settle(store, session, item, &row.lots, about).await?;
            return Ok(Ready::Settle(Box::new(settled)));
        }
        other => {
            return Err(CliError::usage(
                format!("action is \"{other}\", expected resolve, dismiss or start"),
                "",
            ));
        }
    };
    Ok(Ready::Decide(args, status))
}
