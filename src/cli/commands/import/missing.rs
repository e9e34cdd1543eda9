//! Rows that are missing between two files with balances.

use serde_json::{Value, json};

use super::doubled::{file_json, name_of};
use crate::cli::format::{count, time};
use crate::cli::next::Next;
use crate::engine::{SignedAmount, Timestamp, shown};
use crate::pipeline::RowsMissing;

/// Names both files, their balances, and the ways out.
pub(in crate::cli::commands) fn describe(it: &RowsMissing, next: &Next) -> String {
    let (before, after) = (name_of(&it.before, ""), name_of(&it.after, ""));
    let (asset, account) = (shown(&it.asset), shown(it.after.account.as_str()).quoted());
    let ((ended_at, ended), (begins_at, begins)) = (it.ended, it.begins);
    let day = |at: Timestamp| time(at).chars().take(10).collect::<String>();
    let others = match it.others {
        0 => String::new(),
        1 => " One other asset differs, too.".to_owned(),
        others => format!(" {} other assets differ, too.", count(others)),
    };
    let keep = match it.after.import_id {
        Some(id) => {
            let keep = next.command(&format!("fifo-pnl import keep {id} --reason TEXT"));
            format!(" If you can't get it: `{keep}`")
        }
        None => String::new(),
    };
    let (ended_on, begins_on) = (day(ended_at), day(begins_at));
    let ends = format!("{before} ends with {ended} {asset} on {ended_on}");
    let begins = format!("{after} begins with {begins} on {begins_on}");
    let import = "Import the file with the rows in between.";
    format!("account {account}: {ends}, and {begins}.{others} {import}{keep}")
}

/// Returns the facts for programs.
pub(super) fn to_json(it: &RowsMissing) -> Value {
    let of = |(at, balance): (Timestamp, SignedAmount)| {
        let (at, balance) = (at.to_string(), balance.to_string());
        json!({ "at": at, "balance": balance })
    };
    json!({
        "account": it.after.account.as_str(),
        "before": file_json(&it.before),
        "after": file_json(&it.after),
        "asset": it.asset,
        "ended": of(it.ended),
        "begins": of(it.begins),
        "other_assets": it.others,
    })
}
