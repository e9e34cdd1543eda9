//! `import undo` and `import list`: imports as wholes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::decided;
use crate::cli::Outcome;
use crate::cli::args::ImportUndoArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{plural, table, time};
use crate::cli::session::Session;
use crate::engine::shown_sentence;
use crate::pipeline::known_rows;
use crate::store::Store;
use crate::store::model::{EventKind, ImportUndo, ImportUndone, ImportedFile, SyncStatus, SyncTry};

/// Undoes an import, or puts its rows back.
pub(super) async fn run(args: &ImportUndoArgs, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    if !args.undo && !args.yes {
        check_later(store.as_ref(), args.id, session).await?;
    }
    let change = ImportUndo {
        import_id: args.id,
        reason: args.reason.clone(),
        changed_by: session.context.user.clone(),
        changed_at: session.context.clock.now(),
        put_back: args.undo,
    };
    let undone = store.undo_import(&change).await?;
    let twin = match change.put_back {
        true if undone.trades > 0 => twin_of(store.as_ref(), &undone.file).await?,
        _ => None,
    };
    let warning = twin.map_or_else(String::new, |twin| {
        let undo = format!("fifo-pnl import undo {twin} --reason TEXT");
        let undo = session.next.command(&undo);
        format!(
            "  warning: import {twin} is of the same file, so its trades count twice: \
             `{undo}` takes them out\n"
        )
    });
    let decided = decided::warn_without_sell(store.as_ref(), &session.next).await?;
    let text = format!(
        "Database  {}\n{}{warning}{decided}Next: {}\n",
        store.location(),
        describe(&change, &undone),
        session.next.command("compute_allocations --all-symbols")
    );
    let json = json!({ "database": store.location(), "import_id": change.import_id,
        "file": undone.file.name, "undone": !change.put_back, "trades": undone.trades,
        "rates": undone.rates, "movements": undone.movements, "actions": undone.actions,
        "replaced": undone.replaced });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Finds later files of the account that have rows which were known. Errors: there are some. The
/// import that brought a row first holds it alone, and a file that has it again holds nothing.
async fn check_later(store: &dyn Store, id: i64, session: &Session) -> CliResult<()> {
    let out = store.imports_out(None).await?;
    if out.contains(&id) {
        return Ok(());
    }
    for of in store.accounts().await? {
        let syncs = store.syncs(&of.account, TRIES_MAX).await?;
        let Some(undone) = syncs.iter().find(|sync| sync.import_id == Some(id)) else {
            continue;
        };
        // A file whose first import brought all its rows has none of another import.
        let brought_all = |sync: &SyncTry| {
            let is_whole = |of: &SyncTry| {
                let is_other = |it: i64| it != id && !out.contains(&it);
                of.import_id.is_some_and(is_other) && known_rows(of) == 0
            };
            let mut same = syncs.iter().filter(|of| of.sha256 == sync.sha256);
            same.any(is_whole)
        };
        let is_later = |sync: &&SyncTry| {
            sync.status != SyncStatus::Failed
                && sync.started_at > undone.started_at
                && known_rows(sync) > 0
                && sync.sha256 != undone.sha256
                && !brought_all(sync)
        };
        let Some(later) = syncs.iter().rfind(is_later) else {
            return Ok(());
        };
        let others = syncs.iter().filter(is_later).count() - 1;
        let more = match others {
            0 => String::new(),
            others => format!(
                ", and so do {}",
                plural(others as u64, "other file", "other files")
            ),
        };
        let rows = plural(known_rows(later), "row", "rows");
        let undo = format!("fifo-pnl import undo {id} --reason TEXT --yes");
        return Err(CliError::refused(
            format!(
                "{} has {rows} that the ledger knew before, perhaps of import {id}{more}",
                shown_sentence(&later.file)
            ),
            format!(
                "these rows are taken out, too; import that file again afterwards, and they come \
                 back. If that is meant: `{}`",
                session.next.command(&undo)
            ),
        ));
    }
    Ok(())
}

/// Finds another import of the same bytes that counts: it is for another account.
async fn twin_of(store: &dyn Store, file: &ImportedFile) -> CliResult<Option<i64>> {
    let (files, out) = (store.imports().await?, store.imports_out(None).await?);
    let is_twin = |it: &&ImportedFile| it.id != file.id && it.sha256 == file.sha256;
    let mut twins = files.iter().filter(is_twin);
    Ok(twins.find(|it| !out.contains(&it.id)).map(|it| it.id))
}

fn describe(change: &ImportUndo, undone: &ImportUndone) -> String {
    let (verb, place) = match change.put_back {
        true => ("Put back", "back in"),
        false => ("Undone  ", "out of"),
    };
    let be = match undone.trades + undone.rates + undone.movements + undone.actions {
        1 => "is",
        _ => "are",
    };
    let mut text = format!(
        "{verb}  import {} of {}: {} {be} {place} matching from the next version on\n",
        change.import_id,
        shown_sentence(&undone.file.name),
        rows_of(undone),
    );
    if undone.replaced > 0 {
        let trades = plural(undone.replaced, "trade", "trades");
        text.push_str(&match change.put_back {
            true => format!("  replaced by its corrections again: {trades}\n"),
            false => format!("  as before this import corrected it: {trades}\n"),
        });
    }
    text
}

fn rows_of(undone: &ImportUndone) -> String {
    let named = named(
        undone.trades,
        undone.rates,
        undone.movements,
        undone.actions,
    );
    match named.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => named.concat(),
    }
}

/// Counts the rows of an import by kind, without kinds that it has none of.
fn named(trades: u64, rates: u64, movements: u64, actions: u64) -> Vec<String> {
    let counts = [
        (trades, "trade", "trades"),
        (rates, "rate", "rates"),
        (movements, "movement", "movements"),
        (actions, "action", "actions"),
    ];
    let named = counts.into_iter().filter(|(rows, ..)| *rows > 0);
    let named: Vec<String> = named
        .map(|(rows, one, many)| plural(rows, one, many))
        .collect();
    match named.is_empty() {
        true => vec![plural(0, "trade", "trades")],
        false => named,
    }
}

/// Most tries of an account that are searched for those of its imports.
const TRIES_MAX: u64 = 10_000;

/// Account and format of an import, as the log of its try has them.
type LoggedTry = (String, Option<String>);

/// Returns account and format of the imports of trades, by their numbers.
async fn tries(store: &dyn Store) -> CliResult<BTreeMap<i64, LoggedTry>> {
    let mut tries = BTreeMap::new();
    for of in store.accounts().await? {
        for sync in store.syncs(&of.account, TRIES_MAX).await? {
            if let Some(id) = sync.import_id {
                tries.insert(id, (sync.account.to_string(), sync.format));
            }
        }
    }
    Ok(tries)
}

/// Trades, rates, movements and actions that an import brought.
#[derive(Debug, Clone, Copy, Default)]
struct OfImport([u64; 4]);

impl OfImport {
    /// Without a line in the audit trail, all rows count as trades.
    fn of(file: &ImportedFile, logged: &BTreeMap<i64, Self>) -> Self {
        let rows = Self([file.rows.unsigned_abs(), 0, 0, 0]);
        logged.get(&file.id).copied().unwrap_or(rows)
    }

    fn words(self) -> String {
        let [trades, rates, movements, actions] = self.0;
        named(trades, rates, movements, actions).join(", ")
    }
}

/// Reads from the audit trail what each import brought.
async fn brought(store: &dyn Store) -> CliResult<BTreeMap<i64, OfImport>> {
    let mut brought = BTreeMap::new();
    for event in store.events_of(&[EventKind::Import]).await? {
        let details = &event.details;
        let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
        let appended = |of: &str| details.get(of).and_then(|of| number(of, "appended"));
        let rows = ["appended", "corrected"].map(|of| number(details, of).unwrap_or(0));
        let rows = rows[0].saturating_add(rows[1]);
        let beside = ["movements", "actions"].map(|of| appended(of).unwrap_or(0));
        let [trades, rates] = match details.get("rates_of") {
            None => [rows, 0],
            Some(_) => [0, rows],
        };
        if let Some(id) = details.get("import_id").and_then(Value::as_i64) {
            brought.insert(id, OfImport([trades, rates, beside[0], beside[1]]));
        }
    }
    Ok(brought)
}

/// Lists the imports, what each brought, and which are undone.
pub(super) async fn list(session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let (files, out) = (store.imports().await?, store.imports_out(None).await?);
    let tries = tries(store.as_ref()).await?;
    let brought = brought(store.as_ref()).await?;
    let logged = |file: &ImportedFile| tries.get(&file.id);
    let mut text = format!("Database  {}\n", store.location());
    let row = |file: &ImportedFile| {
        let name = shown_sentence(&file.name);
        let (account, format) = logged(file).cloned().unwrap_or_default();
        vec![
            file.id.to_string(),
            time(file.imported_at),
            OfImport::of(file, &brought).words(),
            account,
            format.unwrap_or_default(),
            match out.contains(&file.id) {
                true => format!("{name} (undone)"),
                false => name.to_string(),
            },
        ]
    };
    if files.is_empty() {
        let none = "Nothing is imported yet; `fifo-pnl run FILE` imports a file.\n";
        text.push_str(&session.next.in_text(none));
    } else {
        let header = ["Import", "At", "Brought", "Account", "Format", "File"];
        let rows = files.iter().map(row).collect();
        text.push_str(&format!("{}\n", table(&header, &[0], rows)));
    }
    let to_json = |file: &ImportedFile| -> Value {
        let (account, format) = logged(file).cloned().unzip();
        let [trades, rates, movements, actions] = OfImport::of(file, &brought).0;
        json!({ "import_id": file.id, "file": file.name, "sha256": file.sha256,
            "rows": file.rows, "trades": trades, "rates": rates, "movements": movements,
            "actions": actions, "at": file.imported_at.to_string(), "account": account,
            "format": format, "undone": out.contains(&file.id) })
    };
    let imports: Vec<Value> = files.iter().map(to_json).collect();
    let json = json!({ "database": store.location(), "imports": imports });
    Ok(Outcome::answer(Exit::Done, text, json))
}
