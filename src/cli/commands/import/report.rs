//! The part of an import's report about rows that were not imported: counts by reason, and a few
//! rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde_json::{Value, json};

use super::facts::{describe_accounts, describe_times};
use super::zones::other_zone;
use crate::cli::error::{hint_settings, hint_words};
use crate::cli::format::{count, plural, time};
use crate::cli::next::Next;
use crate::engine::{Account, Timestamp, shown, shown_sentence};
use crate::import::{CancelledTrade, Hint, ROW_COLUMN, RejectGroup, RejectedRow, Rejects};
use crate::pipeline::{FileRead, FileReport, ImportRequest, ImportedAs};
use crate::store::model::{Conflict, ImportReceipt, MovementReceipt};

/// Most rows that the text shows for each reason.
const ROWS_SHOWN_MAX: usize = 5;

/// The format of files that need no other name.
pub(super) const NATIVE: &str = "native";

/// Said of a file whose last line has no line end.
pub(super) const NO_LINE_END: &str = "  the last line has no line end: was the file cut?\n";

/// Counts the rows that are new, known and corrected.
pub(super) fn describe_receipt(receipt: &ImportReceipt, request: &ImportRequest) -> String {
    let (new, known) = (count(receipt.appended), count(receipt.known));
    let mut text = format!(", {new} new, {known} known");
    if receipt.known_voided > 0 {
        let voided = count(receipt.known_voided);
        text.push_str(&format!(" ({voided} of them voided)"));
    }
    if request.correct.is_some() {
        text.push_str(&format!(", {} corrected", count(receipt.corrected)));
    }
    text
}

/// Names an earlier import of the same file, says how known trades that are voided come back, and
/// counts rows of undone imports.
pub(super) fn describe_known(report: &FileReport) -> String {
    let earlier = report.known_as.as_ref();
    let earlier =
        earlier.map(|of| format!("  known: the file of {}, {}\n", of.name(), time(of.at)));
    earlier.unwrap_or_default() + &describe_voided(report.receipt.as_ref())
}

fn describe_voided(receipt: Option<&ImportReceipt>) -> String {
    let Some(receipt) = receipt else {
        return String::new();
    };
    let mut text = String::new();
    if receipt.known_voided > 0 {
        text.push_str(
            "  voided trades stay out of matching; `fifo-pnl void ORDER_ID --account NAME --undo \
             --reason TEXT` puts a trade back\n",
        );
    }
    match receipt.renewed_rows() {
        0 => {}
        1 => text.push_str("  1 new row was in an import before, which is undone\n"),
        rows => {
            let rows = count(rows);
            text.push_str(&format!(
                "  {rows} new rows were in imports before, which are undone\n"
            ));
        }
    }
    text
}

/// Counts the movements and the actions of a file by kind, and those that are new.
pub(super) fn describe_beside(read: &FileRead, receipt: Option<&ImportReceipt>) -> String {
    let movements = receipt.map(|it| &it.movements);
    let actions = receipt.map(|it| &it.actions);
    kinds("movements", &read.movements, movements) + &kinds("actions", &read.actions, actions)
}

fn kinds<K: Display>(
    name: &str,
    rows: &BTreeMap<K, u64>,
    receipt: Option<&MovementReceipt>,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let kinds = rows.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, rows)| format!("{} {}", count(*rows), kind_words(&kind.to_string(), *rows)))
        .collect();
    let mut text = format!("  {name}: {}", kinds.join(", "));
    if let Some(of) = receipt {
        let (new, known) = (count(of.appended), count(of.known));
        text.push_str(&format!("; {new} new, {known} known"));
    }
    text + "\n"
}

/// Returns the name of a kind for a number of rows. Words like interest have no plural.
fn kind_words(kind: &str, rows: u64) -> String {
    let kind = kind.replace('_', "-");
    let has_plural = !matches!(kind.as_str(), "staking" | "interest" | "mining");
    match has_plural && rows != 1 {
        true => format!("{kind}s"),
        false => kind,
    }
}

/// Lists movements and actions whose id is known with other facts.
pub(super) fn describe_known_otherwise(name: &str, receipt: &ImportReceipt) -> String {
    of_kind(name, "movement", &receipt.movements) + &of_kind(name, "action", &receipt.actions)
}

fn of_kind(name: &str, kind: &str, of: &MovementReceipt) -> String {
    let line = |conflict: &Conflict| {
        format!(
            "  {name}:{}: the {kind} {} is known with {} {} where the file has {}\n",
            conflict.line,
            shown(&conflict.order_id).quoted(),
            conflict.column,
            shown(&conflict.in_ledger).quoted(),
            shown(&conflict.in_file).quoted()
        )
    };
    let mut text: String = of.conflicts.iter().take(ROWS_SHOWN_MAX).map(line).collect();
    if of.conflict_count > 0 {
        text.push_str(&more(of.conflict_count));
        let no_correction = format!(
            "this program can't correct a stored {kind}; leave the row out with --skip-invalid"
        );
        let hint = other_zone(&of.conflicts).unwrap_or(&no_correction);
        text.push_str(&format!("    hint: {hint}\n"));
    }
    text
}

/// Counts the rows that are movements or actions, and those that are neither these nor trades.
pub(super) fn describe_not_trades(read: &FileRead, rows: u64) -> String {
    let mut text = match read.movements.values().sum() {
        0 => String::new(),
        rows => format!(", {}", plural(rows, "movement", "movements")),
    };
    match read.actions.values().sum() {
        0 => {}
        rows => text.push_str(&format!(", {}", plural(rows, "action", "actions"))),
    }
    if rows > 0 {
        text.push_str(&format!(", {} not used", count(rows)));
    }
    text
}

/// Counts the rows of a file that are trades, and that are neither rejected nor repeated.
pub(super) fn good_rows_of_trades(read: &FileRead) -> u64 {
    let beside = read.ignored.values().chain(read.movements.values());
    let beside: u64 = beside.chain(read.actions.values()).sum();
    let others = beside + read.rejected.count() + read.duplicates;
    read.rows.saturating_sub(others)
}

/// Names the format of a file, unless it is our own, and the rows that are no trades.
pub(super) fn describe_format(read: &FileRead, account: &Account) -> String {
    let mut text = String::new();
    if !read.format.is_empty() && read.format != NATIVE {
        text.push_str(&format!("  format: {}\n", read.format));
    }
    if !read.read_as.is_empty() {
        text.push_str(&format!("  read as: {}\n", read.read_as.join(", ")));
    }
    if let Some(times) = &read.times {
        text.push_str(&describe_times(times));
    }
    text.push_str(&describe_accounts(read, account));
    if !read.assumes.is_empty() {
        text.push_str(&format!("  assumed: {}\n", read.assumes));
    }
    let kinds = read.ignored.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, rows)| format!("{} {}", count(*rows), shown(kind)))
        .collect();
    if !kinds.is_empty() {
        let kinds = kinds.join(", ");
        text.push_str(&format!("  not used: {kinds}\n"));
    }
    text + &describe_cancelled(&read.cancelled)
}

/// Names the lines of cancelled trades, and of the rows that cancel them.
fn describe_cancelled(trades: &[CancelledTrade]) -> String {
    if trades.is_empty() {
        return String::new();
    }
    let pair = |it: &CancelledTrade| format!("line {} by line {}", it.line, it.by_line);
    let pairs: Vec<String> = trades.iter().take(ROWS_SHOWN_MAX).map(pair).collect();
    let more = match trades.len().saturating_sub(ROWS_SHOWN_MAX) {
        0 => String::new(),
        more => format!(", and {} more", count(more as u64)),
    };
    format!("  cancelled: {}{more}\n", pairs.join(", "))
}

/// Puts cancelled trades into JSON.
pub(super) fn cancelled_json(trades: &[CancelledTrade]) -> Value {
    let trade = |it: &CancelledTrade| {
        json!({ "account": it.account.as_str(), "order_id": it.order_id.as_str(),
            "line": it.line, "cancelled_by_line": it.by_line })
    };
    json!(trades.iter().map(trade).collect::<Vec<_>>())
}

/// Lists rejected rows, those with the same reason together.
pub(super) fn describe_rejects(name: &str, rejects: &Rejects) -> String {
    let groups = rejects.groups();
    groups
        .into_iter()
        .map(|group| of_reason(name, group))
        .collect()
}

fn of_reason(name: &str, group: &RejectGroup) -> String {
    let Some(first) = group.rows.first() else {
        return String::new();
    };
    if group.count == 1 {
        let hint = hint_of(first, first.write.as_deref());
        return format!("  {name}:{first}\n{hint}");
    }
    let rows = plural(group.count, "row", "rows");
    let mut text = match (group.is_mixed, first.column.as_str()) {
        (true, _) => format!("  {rows}: other reasons\n"),
        (false, ROW_COLUMN) => format!("  {rows}: {}\n", first.reason),
        (false, column) => format!("  {rows}: {column}, {}\n", first.reason),
    };
    for row in group.rows.iter().take(ROWS_SHOWN_MAX) {
        let what = match group.is_mixed {
            true => row.to_string(),
            false => row.what(),
        };
        let write = row.write.as_deref().map(shown);
        let write = write.map(|write| format!(": write {write}"));
        text.push_str(&format!("    {name}:{what}{}\n", write.unwrap_or_default()));
    }
    text + &more(group.count) + &hint_of(first, None)
}

fn hint_of(row: &RejectedRow, write: Option<&str>) -> String {
    let hint = row.hint.as_ref().map(hint_words);
    let (hint, write) = (hint.as_deref().map(shown_sentence), write.map(shown));
    let mut text = match (hint, write) {
        (None, None) => String::new(),
        (Some(hint), None) => format!("    hint: {hint}\n"),
        (None, Some(write)) => format!("    hint: write {write}\n"),
        (Some(hint), Some(write)) => format!("    hint: {hint}: write {write}\n"),
    };
    let settings = row.hint.as_ref().map(hint_settings).unwrap_or_default();
    let lines = settings
        .iter()
        .map(|line| format!("      {}\n", shown(line)));
    text.extend(lines);
    text
}

fn more(rows: u64) -> String {
    match rows.saturating_sub(ROWS_SHOWN_MAX as u64) {
        0 => String::new(),
        more => format!("    and {} more\n", count(more)),
    }
}

/// Lists rows whose id the ledger has with other facts, by the first fact that differs.
pub(super) fn describe_conflicts(name: &str, receipt: &ImportReceipt, command: &str) -> String {
    let correct = format!("if the file is right: `{command}`");
    let line = |conflict: &Conflict| {
        format!(
            "{name}:{}: order_id is {}, which the ledger has with {} {} where the file has {}\n",
            conflict.line,
            shown(&conflict.order_id).quoted(),
            conflict.column,
            shown(&conflict.in_ledger).quoted(),
            shown(&conflict.in_file).quoted()
        )
    };
    let mut text = String::new();
    for (column, rows) in &receipt.conflicts_by_column {
        let of_column = receipt.conflicts.iter().filter(|of| of.column == *column);
        let hint = other_zone(of_column.clone()).unwrap_or(&correct);
        let hint = format!("    hint: {hint}\n");
        if *rows == 1 {
            text.extend(of_column.map(|conflict| format!("  {}{hint}", line(conflict))));
            continue;
        }
        let count = plural(*rows, "row", "rows");
        text.push_str(&format!("  {count}: known with another {column}\n"));
        let shown = of_column.take(ROWS_SHOWN_MAX);
        text.extend(shown.map(|conflict| format!("    {}", line(conflict))));
        text.push_str(&more(*rows));
        text.push_str(&hint);
    }
    text
}

/// Names the venues of files that go into one account: perhaps nobody meant that they share lots.
pub(super) fn describe_venues(reports: &[FileReport], request: &ImportRequest) -> String {
    let read = reports.iter().filter(|report| report.receipt.is_some());
    let formats = read.map(|report| report.read.format.as_str());
    let venues = formats.filter_map(|format| format.split('-').next());
    let venues: BTreeSet<&str> = venues
        .filter(|it| !it.is_empty() && *it != NATIVE)
        .collect();
    if venues.len() < 2 {
        return String::new();
    }
    let venues: Vec<&str> = venues.into_iter().collect();
    format!(
        "Note            files of {} go into account \"{}\" and share its lots; an import with \
         --account NAME keeps them apart\n",
        venues.join(", "),
        request.account
    )
}

/// Names the instants inside which an earlier file was cut.
pub(super) fn describe_cuts(receipt: &ImportReceipt) -> String {
    let line = |at: &Timestamp| {
        format!(
            "  warning: of equal rows of {} some are known and some are new: a file ends or begins \
             between them.\n    Export whole days, or a trade may be missing\n",
            time(*at)
        )
    };
    receipt.cut_at.iter().map(line).collect()
}

/// Puts the instants inside which an earlier file was cut into JSON.
pub(super) fn cuts_json(receipt: &ImportReceipt) -> Vec<String> {
    receipt.cut_at.iter().map(ToString::to_string).collect()
}

/// Names the orders whose fee stands on one fill.
pub(super) fn describe_one_fee(read: &FileRead) -> String {
    let orders = read.order_fees.with_one_fee();
    let (orders, have) = match orders {
        0 => return String::new(),
        1 => (plural(orders, "order", "orders"), "has its"),
        _ => (plural(orders, "order", "orders"), "have their"),
    };
    format!("  fees: {orders} {have} fee on one fill; it is not shared among the others\n")
}

/// Warns that trades count in two accounts, and names the command that undoes the import.
pub(super) fn describe_twice(report: &FileReport, other: &ImportedAs, next: &Next) -> String {
    let name = shown_sentence(&report.read.name);
    let written = report.receipt.as_ref().and_then(|it| it.import_id);
    let (verb, cure) = match written {
        Some(id) => {
            let undo = next.command(&format!("fifo-pnl import undo {id} --reason TEXT"));
            ("count", format!("undo this import: `{undo}`"))
        }
        None => ("would count", "do not import it".to_owned()),
    };
    format!(
        "warning: {name} has the bytes of {}, imported as account {} at {}. Its trades {verb} in \
         both accounts. If that is wrong, {cure}",
        shown_sentence(&other.file),
        shown(&other.account).quoted(),
        time(other.at),
    )
}

/// Returns the earlier import of the same file into another account, as JSON.
pub(super) fn twice_json(other: &ImportedAs) -> Value {
    json!({ "account": other.account, "file": other.file, "at": other.at.to_string() })
}

/// Says how to go on if rows stopped the import of files. Without a good row, nothing is left if
/// rows are left out. If a zone or another export mends all rows, their hint says so.
pub(super) fn describe_ways_on(reports: &[FileReport]) -> String {
    let rejects = || reports.iter().map(|report| &report.read.rejected);
    // Nobody corrects times without a zone, or cut ids, by hand.
    let of_file = [
        Hint::ZoneOfTimes,
        Hint::ClockOfTimes,
        Hint::EarlierClock,
        Hint::RoundedId,
    ];
    let is_of_file = |row: &RejectedRow| row.hint.as_ref().is_some_and(|it| of_file.contains(it));
    let take_back: u64 = rejects().map(Rejects::take_back).sum();
    let reasons: usize = rejects().map(|it| it.kept().len()).sum();
    let kept = rejects().flat_map(Rejects::kept);
    let of_file = kept.filter(|row| is_of_file(row)).count();
    let is_good = |report: &FileReport| report.read.rows > report.read.rejected.count();
    let has_conflict = reports.iter().any(|report| report.receipt.is_some());
    let is_of_balances = |report: &FileReport| report.read.rejected.is_empty();
    let mut refused = reports
        .iter()
        .filter(|report| report.read.is_refused(false));
    if reasons == 0 && !has_conflict && refused.all(is_of_balances) {
        return "Export the file again, or import it as it is with --skip-invalid.\n".into();
    }
    let receipts = reports.iter().filter_map(|report| report.receipt.as_ref());
    let (mut trades, mut others) = (0, 0);
    for receipt in receipts {
        trades += receipt.conflict_count();
        others += receipt.beside_conflicts();
    }
    // The hint of known trades is the whole command.
    if take_back == 0 && reasons == 0 && others == 0 && trades > 0 {
        return String::new();
    }
    if take_back == 0 {
        let is_left = has_conflict || reports.iter().any(is_good);
        return match (reasons > 0 && of_file == reasons, is_left) {
            (true, _) => "\n".into(),
            (false, true) => "Correct the rows, or leave them out with --skip-invalid.\n".into(),
            (false, false) => "Correct the rows.\n".into(),
        };
    }
    let rows = plural(take_back, "row", "rows");
    format!(
        "Correct the rows. {rows} may reverse another one; if so, remove both from the file. \
         --skip-invalid would leave the other one in the ledger, so it refuses such a file.\n"
    )
}

/// Puts the movements or the actions of a file into JSON.
pub(super) fn kinds_json<K: Display>(
    kinds: &BTreeMap<K, u64>,
    of: Option<&MovementReceipt>,
) -> Value {
    let kinds: serde_json::Map<String, Value> = kinds
        .iter()
        .map(|(kind, rows)| (kind.to_string(), json!(rows)))
        .collect();
    json!({ "kinds": kinds, "appended": of.map(|of| of.appended),
        "known": of.map(|of| of.known), "conflict_rows": of.map(|of| of.conflict_count) })
}

/// Puts rejected rows into JSON: the first ones of each reason, and how many more there are.
pub(super) fn rejects_json(rejects: &Rejects) -> Value {
    let kept = rejects.kept();
    let hint = |row: &RejectedRow| {
        let words = |hint| [vec![hint_words(hint)], hint_settings(hint)].concat();
        row.hint.as_ref().map(|hint| words(hint).join("\n"))
    };
    let row = |row: &&RejectedRow| {
        json!({ "line": row.line, "order_id": row.order_id, "column": row.column,
            "found": row.found, "reason": row.reason_in_full(), "hint": hint(row),
            "write": row.write, "text": row.text })
    };
    let reason = |group: &&RejectGroup| {
        let first = group.rows.first();
        json!({ "column": first.map(|row| &row.column), "reason": first.map(|row| &row.reason),
            "hint": first.and_then(hint), "rows": group.count,
            "with_others": group.is_mixed })
    };
    json!({
        "rejected": kept.iter().map(row).collect::<Vec<_>>(),
        "rejected_rows": rejects.count(),
        "rejected_not_listed": rejects.count().saturating_sub(kept.len() as u64),
        "rejected_reasons": rejects.groups().iter().map(reason).collect::<Vec<_>>(),
    })
}

/// Puts conflicts into JSON, as [`rejects_json`] does rejected rows.
pub(super) fn conflicts_json(receipt: Option<&ImportReceipt>) -> Value {
    let conflicts = receipt
        .map(|of| of.conflicts.as_slice())
        .unwrap_or_default();
    let rows = receipt.map_or(0, ImportReceipt::conflict_count);
    let conflict = |conflict: &Conflict| {
        json!({ "line": conflict.line, "account": conflict.account,
            "order_id": conflict.order_id, "column": conflict.column,
            "in_file": conflict.in_file, "in_ledger": conflict.in_ledger })
    };
    json!({
        "conflicts": conflicts.iter().map(conflict).collect::<Vec<_>>(),
        "conflict_rows": rows,
        "conflicts_not_listed": rows.saturating_sub(conflicts.len() as u64),
    })
}
