//! The part of an import's report about files whose rows make trades together: how many rows, and
//! the proof by balances.

use serde_json::{Value, json};

use crate::cli::format::{count, plural, time};
use crate::engine::{shown, shown_sentence};
use crate::import::{BalanceFault, Balances};
use crate::pipeline::FileRead;

/// Describes the joined rows and the balances of a file. `skip_invalid`: a person takes the file
/// although its balances do not add up.
pub(super) fn describe(read: &FileRead, skip_invalid: bool) -> String {
    let mut text = String::new();
    if read.joined > 0 {
        let other = read.ignored.values().chain(read.movements.values());
        let other = other.sum::<u64>() + read.rejected.count() + read.duplicates;
        let rows = read.rows.saturating_sub(other);
        let trades = plural(rows.saturating_sub(read.joined), "trade", "trades");
        let rows = count(rows);
        text.push_str(&format!(
            "  trades of several rows: {rows} rows make {trades}\n"
        ));
    }
    if let Some(balances) = &read.balances {
        let name = shown_sentence(&read.name).to_string();
        let differ = balances.are_at_fault() || !balances.before.is_empty();
        if differ && balances.are_stated && !read.rejected.is_empty() {
            text.push_str("  balances: not checked, as rows are rejected\n");
            return text;
        }
        text.push_str(&describe_balances(balances, &name));
        if !skip_invalid {
            text.push_str(&describe_remedy(balances));
        }
    }
    text
}

fn describe_balances(balances: &Balances, name: &str) -> String {
    if !balances.are_stated {
        return match &balances.negative {
            None => String::new(),
            Some(fault) => format!(
                "  {name}:{}: the changes of {} add up to {} at {}: rows before it are not in this \
                 file\n",
                fault.line,
                shown(&fault.asset),
                fault.found,
                time(fault.at)
            ),
        };
    }
    let (agreeing, rows) = (count(balances.agreeing), count(balances.rows));
    let mut text = format!("  balances: agree in {agreeing} of {rows} rows\n");
    if !balances.before.is_empty() {
        let before = balances.before.iter();
        let before: Vec<String> = before
            .map(|(asset, amount)| format!("{amount} {}", shown(asset)))
            .collect();
        text.push_str(&format!(
            "  held before the first row: {}\n",
            before.join(", ")
        ));
    }
    let of = |fault: &BalanceFault| {
        let (line, asset, found) = (fault.line, shown(&fault.asset), &fault.found);
        format!("  {name}:{line}: the balance of {asset} is {found}")
    };
    let differs = balances.differs.as_ref().map(|fault| {
        let words = format!("{}, but the rows add up to {}\n", of(fault), fault.expected);
        (fault.line, words)
    });
    let negative = balances.negative.as_ref().map(|fault| {
        let at = time(fault.at);
        let words = format!("{} at {at}, expected zero or more\n", of(fault));
        (fault.line, words)
    });
    // The first line first: its fault may be the cause of the other one.
    let mut faults: Vec<(u64, String)> = differs.into_iter().chain(negative).collect();
    faults.sort_by_key(|(line, _)| *line);
    text.extend(faults.into_iter().map(|(_, words)| words));
    text
}

/// Says why balances do not add up, in most files.
fn describe_remedy(balances: &Balances) -> String {
    let why = match (&balances.differs, &balances.negative) {
        _ if !balances.are_stated => return String::new(),
        (Some(_), _) => "rows are missing or changed",
        (None, Some(_)) => "margin and loans are not computed; without them, rows are missing",
        (None, None) => return String::new(),
    };
    format!("    hint: {why}\n")
}

/// Puts joined rows and balances into JSON.
pub(super) fn to_json(read: &FileRead) -> Value {
    let balances = read.balances.as_ref().map(balances_json);
    json!({ "rows_joined": read.joined, "balances": balances })
}

fn balances_json(balances: &Balances) -> Value {
    let fault = |fault: &BalanceFault| {
        json!({ "line": fault.line, "at": fault.at.to_string(), "asset": fault.asset,
            "found": fault.found, "expected": fault.expected })
    };
    let before = balances.before.iter();
    let before: serde_json::Map<String, Value> = before
        .map(|(asset, amount)| (asset.clone(), json!(amount)))
        .collect();
    json!({ "stated": balances.are_stated, "rows": balances.rows,
        "agreeing": balances.agreeing, "held_before": before,
        "differs": balances.differs.as_ref().map(fault),
        "negative": balances.negative.as_ref().map(fault) })
}
