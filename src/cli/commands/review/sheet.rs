//! `review export` and `review apply`: many items at once, decided in a spreadsheet.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::decide::{self, ItemFacts, Settled};
use super::typed::{self, TypedAs, TypedLot};
use crate::cli::Outcome;
use crate::cli::args::NoteArgs;
use crate::cli::commands::history::bytes_of;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::plural;
use crate::cli::next::quoted;
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::engine::{IssueType, shown_sentence};
use crate::files::{IfThere, WriteError, check_place};
use crate::import::TableFile;
use crate::report::CsvFile;
use crate::store::Store;
use crate::store::model::{QueuedItem, ReviewStatus};

/// Columns that `review export` writes for reading.
const SHOWN: [&str; 9] = [
    "item",
    "status",
    "severity",
    "issue",
    "account",
    "asset",
    "order_id",
    "unmatched_size",
    "description",
];

/// Columns that a person fills in.
const FILLED: [&str; 6] = ["action", "size", "basis", "acquired", "signed_by", "note"];

pub(super) async fn export(
    store: &dyn Store,
    session: &Session,
    path: &Path,
    overwrite: bool,
) -> CliResult<Outcome> {
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
    let apply = format!("fifo-pnl review apply {} --preview", quoted(&file));
    let text = format!(
        "Database  {location}\nWrote     {shown}: {items}\n\
         Fill in action (resolve, dismiss, start), size, basis, acquired, signed_by, note; then\n\
         {}\n",
        session.next.command(&apply)
    );
    let json = json!({ "database": location, "file": file, "items": count });
    Ok(Outcome::summary(Exit::Done, text, json))
}

fn write(path: &Path, if_there: IfThere, queue: &[QueuedItem]) -> std::io::Result<()> {
    let mut file = CsvFile::create(path, if_there, &[&SHOWN[..], &FILLED].concat())?;
    for item in queue {
        let line = file.line();
        line.value(item.id).value(item.status.as_str());
        line.value(item.severity.as_str())
            .value(item.issue.as_str());
        line.text(item.pool.account.as_str())
            .text(item.pool.asset.as_str());
        line.text(&item.order_id);
        line.optional(crate::tax::unmatched_size(item))
            .text(&item.description);
        line.texts(FILLED.map(|_| ""));
        file.end_row()?;
    }
    file.finish()?.publish()
}

/// A row of a sheet: the decision about an item.
#[derive(Debug, Clone)]
struct DecidedRow {
    line: u64,
    action: String,
    /// The lots of the decision, each with its line in the sheet.
    lots: Vec<(u64, TypedLot)>,
    note: String,
}

/// A fault of a row, and the line that the row begins on.
type RowFault = (u64, CliError);

const SHEET_HINT: &str = "`fifo-pnl review export --output FILE` writes such a file";

/// Most faulty rows that a message names.
const FAULTS_SHOWN_MAX: usize = 10;

/// Returns one error that lists the faults of a sheet's rows, in the order of their lines.
fn all_of(path: &Path, mut faults: Vec<RowFault>) -> CliError {
    faults.sort_by_key(|(line, _)| *line);
    let count = faults.len();
    let (path, mut rows, mut hints) = (path.display(), Vec::new(), Vec::new());
    let mut exit = Exit::Usage;
    for (at, (line, error)) in faults.into_iter().take(FAULTS_SHOWN_MAX).enumerate() {
        if at == 0 {
            exit = error.exit;
        }
        rows.push(format!("{path}:{line}: {}", error.message));
        if !error.hint.is_empty() && !hints.contains(&error.hint) {
            hints.push(error.hint);
        }
    }
    if count > FAULTS_SHOWN_MAX {
        let more = count - FAULTS_SHOWN_MAX;
        rows.push(format!(
            "and {}",
            plural(more as u64, "more row", "more rows")
        ));
    }
    CliError {
        exit,
        ..CliError::usage(rows.join("; "), hints.join("; "))
    }
}

/// A sheet: decisions by item, and the rows that are unreadable.
type DecisionSheet = (BTreeMap<i64, DecidedRow>, Vec<RowFault>);

/// Reads a sheet. Errors: no CSV; a column is missing.
fn read(path: &Path) -> CliResult<DecisionSheet> {
    let shown = path.display();
    let bad = |what: String| CliError::usage(format!("{shown}{what}"), SHEET_HINT);
    let bytes = bytes_of(path)?;
    let file = TableFile::try_new(&bytes).map_err(|error| bad(error.in_file()))?;
    let mut table = file.table().map_err(|error| bad(error.in_file()))?;
    for columns in [&FILLED[..], &["item"]] {
        let twice = table.check_once(columns);
        twice.map_err(|error| bad(error.in_file()))?;
    }
    let place = |column: &str| {
        let found = table.place(column);
        found.ok_or_else(|| bad(format!(": the column {column} is missing")))
    };
    let item_at = place("item")?;
    let mut at = [0; 6];
    for (slot, column) in at.iter_mut().zip(FILLED) {
        *slot = place(column)?;
    }
    let mut decided: BTreeMap<i64, DecidedRow> = BTreeMap::new();
    let mut faults = Vec::new();
    while let Some(row) = table.next_row().map_err(|error| bad(error.in_file()))? {
        let line = row.line;
        if let Some(fault) = row.fault {
            faults.push((line, CliError::usage(format!("row {fault}"), SHEET_HINT)));
            continue;
        }
        let [action, size, basis, acquired, signed_by, note] = at.map(|at| row.cell(at).to_owned());
        if action.is_empty() {
            continue;
        }
        let item = row.cell(item_at);
        let Ok(id) = item.parse::<i64>() else {
            let what = format!("item is \"{item}\", expected a number");
            faults.push((line, CliError::usage(what, SHEET_HINT)));
            continue;
        };
        let optional = |text: String| Some(text).filter(|text| !text.is_empty());
        let row = decided.entry(id).or_insert_with(|| DecidedRow {
            line,
            action: action.clone(),
            lots: Vec::new(),
            note: note.clone(),
        });
        if row.action != action {
            let what = format!("action is \"{action}\", above it is \"{}\"", row.action);
            faults.push((line, CliError::usage(what, SHEET_HINT)));
            continue;
        }
        let lot = [&size, &basis, &acquired, &signed_by];
        if lot.iter().any(|cell| !cell.is_empty()) {
            let lot = TypedLot {
                size: optional(size),
                basis,
                acquired,
                signed_by: optional(signed_by),
            };
            row.lots.push((line, lot));
        }
    }
    Ok((decided, faults))
}

/// A checked decision.
enum Ready {
    Settle(Box<Settled>),
    Decide(NoteArgs, ReviewStatus),
}

impl Ready {
    fn describe(&self) -> String {
        match self {
            Self::Settle(settled) => decide::describe(settled),
            Self::Decide(args, status) => {
                let note = shown_sentence(&args.note);
                format!("Item {}: {}: {note}\n", args.id, status.as_str())
            }
        }
    }
}

/// Checks all decisions of a sheet. Errors: the faults of all rows.
async fn prepare_all(store: &dyn Store, session: &Session, path: &Path) -> CliResult<Vec<Ready>> {
    let (decided, mut faults) = read(path)?;
    let queue = store.review_queue().await?;
    let mut items: BTreeMap<i64, QueuedItem> = BTreeMap::new();
    items.extend(queue.into_iter().map(|item| (item.id, item)));
    let with_lots = decided.iter().filter(|(_, row)| !row.lots.is_empty());
    let with_lots = with_lots.filter_map(|(id, _)| items.get(id).cloned());
    let known = ItemFacts::of(store, &with_lots.collect::<Vec<_>>()).await?;
    let mut ready = Vec::new();
    for (id, row) in &decided {
        let of_row = match items.remove(id) {
            Some(item) => prepare(session, item, row, &known),
            None => Err(vec![(
                row.line,
                CliError::usage(
                    format!("there is no review item {id}"),
                    "`fifo-pnl review list --all` shows all items",
                ),
            )]),
        };
        match of_row {
            Ok(of_row) => ready.push(of_row),
            Err(of_row) => faults.extend(of_row),
        }
    }
    match faults.is_empty() {
        true => Ok(ready),
        false => Err(all_of(path, faults)),
    }
}

/// Applies a sheet: every row is checked before the first one is applied.
pub(super) async fn apply(
    store: &dyn Store,
    session: &Session,
    path: &Path,
    (only_preview, yes): (bool, bool),
) -> CliResult<Outcome> {
    let ready = prepare_all(store, session, path).await?;
    let mut text = format!("Database  {}\n", store.location());
    ready.iter().for_each(|row| text.push_str(&row.describe()));
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
            "{count} changed.\nNext: {}\n",
            session.next.command("compute_allocations --all-symbols")
        ));
    } else {
        text.push_str("No row has an action: nothing was changed.\n");
    }
    let json = json!({ "database": store.location(), "items": ready.len(),
        "preview": only_preview });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Checks the decision about an item. Errors: the fault and its line.
fn prepare(
    session: &Session,
    item: QueuedItem,
    row: &DecidedRow,
    known: &ItemFacts,
) -> Result<Ready, Vec<RowFault>> {
    let of_row = |error| vec![(row.line, error)];
    if row.note.trim().is_empty() {
        return Err(of_row(CliError::usage(
            "note is empty",
            "say why, for a later audit",
        )));
    }
    let args = NoteArgs {
        id: item.id,
        note: row.note.clone(),
    };
    let first_lot = row.lots.first();
    let status = match (row.action.as_str(), first_lot) {
        ("resolve", Some((line, _))) => {
            decide::check_unmatched(&item).map_err(|error| vec![(*line, error)])?;
            let (mut lots, mut faults) = (Vec::new(), Vec::new());
            for (line, lot) in &row.lots {
                match typed::read_lot(lot, &item, TypedAs::Cells, session) {
                    Ok(lot) => lots.push(lot),
                    Err(error) => faults.push((*line, error)),
                }
            }
            if !faults.is_empty() {
                return Err(faults);
            }
            let typed = row.lots.iter().map(|(_, lot)| lot);
            let note = typed::signed(&row.note, typed);
            let settled = decide::settle(item, &lots, note, known);
            return Ok(Ready::Settle(Box::new(settled.map_err(of_row)?)));
        }
        ("resolve", None) if item.issue == IssueType::UnmatchedSell => {
            return Err(of_row(CliError::usage(
                "basis is empty, expected USD",
                "an unmatched sell is resolved by its basis; dismiss it if it needs none",
            )));
        }
        ("resolve", None) => ReviewStatus::Resolved,
        ("dismiss" | "start", Some((line, _))) => {
            return Err(vec![(
                *line,
                CliError::usage(
                    format!("a basis does not go with the action \"{}\"", row.action),
                    "write resolve, or empty size, basis, acquired and signed_by",
                ),
            )]);
        }
        ("dismiss", None) => ReviewStatus::Dismissed,
        ("start", None) => ReviewStatus::InProgress,
        (other, _) => {
            return Err(of_row(CliError::usage(
                format!("action is \"{other}\", expected resolve, dismiss or start"),
                "",
            )));
        }
    };
    Ok(Ready::Decide(args, status))
}
