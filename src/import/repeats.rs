//! Ids that come twice in one file.
//!
//! If a file is read by blocks, memory does not hold all ids. The import stores 8 bytes for each
//! trade, the hash of its id ([`TradeHashes`]). If two hashes are equal, it reads the file once
//! more and compares the ids with these hashes byte by byte ([`Repeats`]). If two ids share a hash
//! by chance, that costs the extra reading and does no harm.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use super::columns::Column;
use super::formats::RowFormat;
use super::hints::may_be_rounded_id;
use super::rejected::{Fault, Hint, RejectedRow, quoted};
use super::rows::Row;
use crate::engine::{Account, LedgerTrade, OrderId};

/// Fewest bytes of a row that is a trade: `1,A,buy,1,1,2025-01-02T03:04:05Z,` and a line end.
const TRADE_BYTES_MIN: usize = 34;

/// Hashes ids. The writer of a file can't know the key, so nobody can make hashes collide.
#[derive(Debug, Clone, Default)]
pub struct TradeHasher(RandomState);

impl TradeHasher {
    /// Returns the hash of a trade's account and order id.
    pub fn hash(&self, trade: &LedgerTrade) -> u64 {
        let key = (trade.account.as_str(), trade.trade.order_id.as_str());
        self.0.hash_one(key)
    }
}

/// The hashes of a file's trades.
#[derive(Debug, Default)]
pub struct TradeHashes(Vec<u64>);

impl TradeHashes {
    /// Adds the hashes of more trades.
    pub fn extend(&mut self, hashes: &[u64]) {
        self.0.extend_from_slice(hashes);
    }

    /// Returns the hashes to compare. `None`: no id comes twice.
    pub fn into_repeats(self, hasher: TradeHasher) -> Option<Repeats> {
        let hashes = self.into_repeated();
        (!hashes.is_empty()).then(|| Repeats {
            hasher,
            hashes,
            kept: Kept::with_room_for(""),
            lines: Vec::new(),
        })
    }

    /// Returns the hashes that come twice, sorted.
    pub(super) fn into_repeated(self) -> Vec<u64> {
        let mut hashes = self.0;
        hashes.sort_unstable();
        let mut twice: Vec<u64> = hashes
            .windows(2)
            .filter_map(|pair| match pair {
                [left, right] if left == right => Some(*left),
                _ => None,
            })
            .collect();
        twice.dedup();
        twice
    }
}

/// Finds the trades whose ids come twice. Stores the first trade of each repeated hash, to compare
/// later ones with it.
#[derive(Debug)]
pub struct Repeats {
    hasher: TradeHasher,
    /// Sorted.
    hashes: Vec<u64>,
    kept: Kept,
    lines: Vec<u64>,
}

/// The repeated ids of a file.
#[derive(Debug, Default)]
pub struct Repeated {
    /// Rows that repeat an earlier row in id and facts.
    pub duplicates: u64,
    /// Lines of all rows that repeat an id, with equal or with other facts. Order: ascending.
    pub lines: Vec<u64>,
}

impl Repeats {
    /// Compares a trade with the first one of its id, if there is one. Order: as in the file.
    ///
    /// Errors: the row repeats the id with other facts.
    pub(super) fn compare(
        &mut self,
        trade: LedgerTrade,
        row: &Row<'_>,
        format: &dyn RowFormat,
    ) -> Result<(), Box<RejectedRow>> {
        if self
            .hashes
            .binary_search(&self.hasher.hash(&trade))
            .is_err()
        {
            return Ok(());
        }
        let first_of_ids = self.kept.trades.len();
        let compared = self.kept.keep(trade, row, format);
        if self.kept.trades.len() == first_of_ids {
            self.lines.push(row.line);
        }
        compared
    }

    /// Returns the same hashes without trades, for another reading of the file.
    pub fn again(&self) -> Self {
        Self {
            hasher: self.hasher.clone(),
            hashes: self.hashes.clone(),
            kept: Kept::with_room_for(""),
            lines: Vec::new(),
        }
    }

    /// Returns the repeated ids.
    pub fn into_repeated(self) -> Repeated {
        Repeated {
            duplicates: self.kept.duplicates,
            lines: self.lines,
        }
    }
}

/// Tells whether a spreadsheet may have cut an id, perhaps one that follows the name of its
/// pair. Two fills with such an id may be different ones.
fn may_be_cut(id: &str) -> bool {
    may_be_rounded_id(id.rsplit('-').next().unwrap_or(id))
}

/// The trades of a file, each id once.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) trades: Vec<LedgerTrade>,
    /// Place of each id among the trades.
    places: HashMap<(Account, OrderId), usize>,
    pub(super) duplicates: u64,
}

impl Kept {
    /// Reserves room in the index for all rows, as growing would hash every id again.
    pub(super) fn with_room_for(text: &str) -> Self {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        let trades_max = lines.min(text.len() / TRADE_BYTES_MIN);
        Self {
            trades: Vec::new(),
            places: HashMap::with_capacity(trades_max),
            duplicates: 0,
        }
    }

    /// Stores a trade, or counts it as a duplicate. Errors: an earlier trade has its id with other
    /// facts.
    pub(super) fn keep(
        &mut self,
        trade: LedgerTrade,
        row: &Row<'_>,
        format: &dyn RowFormat,
    ) -> Result<(), Box<RejectedRow>> {
        let key = (trade.account.clone(), trade.trade.order_id.clone());
        let first = match self.places.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(self.trades.len());
                self.trades.push(trade);
                return Ok(());
            }
            Entry::Occupied(entry) => self.trades.get(*entry.get()),
        };
        let Some(first) = first else { return Ok(()) };
        let line = first.import_line;
        let id_column = format.name_in_file(Column::OrderId.as_str());
        let Some((column, before, here)) = first.fact_that_differs(&trade) else {
            if !may_be_cut(trade.trade.order_id.as_str()) {
                self.duplicates += 1;
                return Ok(());
            }
            let order_id = trade.trade.order_id.as_str().to_owned();
            let fault = Fault::new("expected an id of its own").with_hint(Hint::RoundedId);
            let column = id_column.unwrap_or_else(|| Column::OrderId.as_str().to_owned());
            return Err(Box::new(RejectedRow {
                order_id: order_id.clone(),
                detail: Some(format!("which line {line} has, too")),
                ..RejectedRow::new((row.line, row.text), &column, order_id, fault)
            }));
        };
        let hint = match may_be_rounded_id(trade.trade.order_id.as_str()) {
            true => Hint::RoundedId,
            false if id_column.is_some() => Hint::OneAccount,
            false => Hint::OwnId,
        };
        let column = format
            .name_in_file(column)
            .unwrap_or_else(|| column.to_owned());
        let order_id = trade.trade.order_id.as_str().to_owned();
        Err(Box::new(RejectedRow {
            line: row.line,
            column: id_column.unwrap_or_else(|| Column::OrderId.as_str().to_owned()),
            found: order_id.clone(),
            order_id,
            detail: Some(format!(
                "which line {line} has with {column} {} where this one has {}",
                quoted(&before),
                quoted(&here),
            )),
            reason: "expected an id of its own".into(),
            hint: Some(hint),
            write: None,
            takes_back: false,
            text: row.text.to_owned(),
        }))
    }
}
