//! Trades of shares that came or went by an option, as another row of the same file says.
//!
//! The premium of the option is a part of their cost. A broker may book the option in one row, and
//! the shares at the strike price in another one, which looks like any trade. Both are rejected.

use std::collections::{BTreeMap, BTreeSet};

use super::ParsedFile;
use super::rejected::{Fault, ROW_COLUMN, RejectedRow};
use crate::engine::{Symbol, Timestamp};

const PREMIUM: &str = "expected a share that was bought or sold for its price: the premium of an \
                       exercised or assigned option is a part of its cost";

/// A row of an option that brought or took shares.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The row, which is no trade.
    pub row: RejectedRow,
    /// The shares.
    pub symbol: Symbol,
    pub at: Timestamp,
}

/// Rejects the trades of the shares at the same time. `text_of`: rows of the file by their lines.
pub(super) fn hold_back(
    rows: Vec<Delivery>,
    file: &mut ParsedFile,
    texts_of: impl FnOnce(&BTreeSet<u64>) -> BTreeMap<u64, String>,
) {
    if rows.is_empty() {
        return;
    }
    let mut lines = BTreeMap::new();
    for Delivery { row, symbol, at } in rows {
        lines.entry((symbol, at)).or_insert(row.line);
        file.rejected.push(row);
    }
    let mut held = BTreeMap::new();
    file.trades.retain(|trade| {
        let by = lines.get(&(trade.symbol.clone(), trade.trade.order_time));
        by.is_none_or(|by| {
            held.insert(trade.import_line, (trade.trade.order_id.to_string(), *by));
            false
        })
    });
    let texts = texts_of(&held.keys().copied().collect());
    for (line, (order_id, by)) in held {
        let text = texts.get(&line).map_or("", String::as_str);
        let found = format!("is a trade of the shares of line {by}");
        file.rejected.push(RejectedRow {
            order_id,
            ..RejectedRow::new((line, text), ROW_COLUMN, found, Fault::new(PREMIUM))
        });
    }
    file.rejected.sort_by_key(|row| row.line);
}
