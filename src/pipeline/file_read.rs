//! Findings of a file of trades: counts, rejected rows, fees.

use std::collections::{BTreeMap, BTreeSet};

use super::earlier::ImportedAs;
use super::order_fees::OrderFees;
use super::same_trades::CountedTwice;
use crate::engine::{ActionKind, AssetAction, FeeSigns, LedgerTrade, Movement, MovementKind};
use crate::import::{
    Balances, CancelledTrade, CancelsEarlier, FileTimes, ParsedFile, RejectedRow, Rejects,
};
use crate::store::model::{ImportReceipt, Reject};

/// Findings of a file's first reading.
#[derive(Debug, Clone, Default)]
pub struct FileRead {
    /// The file's name, as given.
    pub name: String,
    /// SHA-256 of the file's bytes, hexadecimal.
    pub sha256: String,
    /// Number of rows that are not empty.
    pub rows: u64,
    /// Rows that repeat an earlier row of the file.
    pub duplicates: u64,
    /// Rows that did not become a trade.
    pub rejected: Rejects,
    /// The name of the format.
    pub format: String,
    /// How the file is read, if not as UTF-8 with commas between the cells.
    pub read_as: Vec<&'static str>,
    /// The zone in which the times are read. `None`: the file has no times.
    pub times: Option<FileTimes>,
    /// The accounts that the file names, and that the import does not read.
    pub accounts: BTreeSet<String>,
    /// A fact that the file does not state, and that is taken for granted; or nothing.
    pub assumes: String,
    /// Rows that are known to be no trades, by the name of their type.
    pub ignored: BTreeMap<String, u64>,
    /// Rows that make a trade together with an earlier row.
    pub joined: u64,
    /// Trades that another row of the file cancels.
    pub cancelled: Vec<CancelledTrade>,
    /// Rejected rows that cancel a trade which the file lacks.
    pub cancels_earlier: Vec<CancelsEarlier>,
    /// The proof of the file by its balances, if it has several rows a trade.
    pub balances: Option<Balances>,
    /// Movements, by kind.
    pub movements: BTreeMap<MovementKind, u64>,
    /// Actions, by kind.
    pub actions: BTreeMap<ActionKind, u64>,
    /// Ignored columns.
    pub unknown_columns: Vec<String>,
    /// Fees and rebates of the file's trades.
    pub fees: FeeSigns,
    /// The fills of the file's orders that have a fee.
    pub order_fees: OrderFees,
    /// The last line has no line end, so the file may have been cut off.
    pub ends_without_line_end: bool,
}

impl FileRead {
    /// Makes the findings of a file that was read whole.
    pub(super) fn of_whole(name: String, sha256: String, parsed: &ParsedFile) -> Self {
        let ignored = parsed.ignored.iter();
        Self {
            name,
            sha256,
            rows: parsed.rows,
            duplicates: parsed.duplicates,
            rejected: parsed.rejected.iter().cloned().collect(),
            format: parsed.format.to_owned(),
            read_as: parsed.read_as.clone(),
            times: parsed.times.clone(),
            accounts: parsed.accounts.clone(),
            assumes: parsed.assumes.to_owned(),
            ignored: ignored
                .map(|(kind, rows)| ((*kind).to_owned(), *rows))
                .collect(),
            joined: parsed.joined,
            cancelled: parsed.cancelled.clone(),
            cancels_earlier: parsed.cancels_earlier.clone(),
            balances: parsed.balances.clone(),
            unknown_columns: parsed.unknown_columns.clone(),
            movements: kinds_of(&parsed.movements),
            actions: actions_of(&parsed.actions),
            fees: fees_of(&parsed.trades),
            order_fees: OrderFees::of(parsed.format, &parsed.trades),
            ends_without_line_end: parsed.ends_without_line_end,
        }
    }

    /// Tells whether rejected rows, or balances that do not add up, stop the file. A row that
    /// reverses another row always does: without it, the reversed row would stay in the ledger.
    pub fn is_refused(&self, skip_invalid: bool) -> bool {
        let balances = self.balances.as_ref();
        let is_faulty = !self.rejected.is_empty() || balances.is_some_and(Balances::are_at_fault);
        self.rejected.take_back() > 0 || (!skip_invalid && is_faulty)
    }

    /// Adds the findings of another part of the trades.
    pub(super) fn add(&mut self, (fees, orders): TradeFindings) {
        self.fees.merge(&fees);
        self.order_fees.merge(orders);
    }

    /// Adds rows that are no trades, by the name of their type.
    pub(super) fn add_ignored(&mut self, rows: BTreeMap<&'static str, u64>) {
        for (kind, rows) in rows {
            *self.ignored.entry(kind.to_owned()).or_default() += rows;
        }
    }
}

/// Result of the import of one file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// Findings of the file's first reading.
    pub read: FileRead,
    /// The store's receipt; `None` if rejected rows stopped the file before the store saw it.
    pub receipt: Option<ImportReceipt>,
    /// An earlier import of the same bytes for another account, if this import had new trades.
    pub twice: Option<ImportedAs>,
    /// An earlier import of the same bytes for this account, if this one had no new row.
    pub known_as: Option<ImportedAs>,
    /// Other files that have the same trades, for a preview.
    pub same: Vec<CountedTwice>,
}

impl FileReport {
    /// Makes the report of a file that no store has seen.
    pub(super) fn of_read(read: FileRead) -> Self {
        Self {
            read,
            receipt: None,
            twice: None,
            known_as: None,
            same: Vec::new(),
        }
    }

    /// Tells whether rejected rows, balances or conflicts stopped the file: it was not imported.
    pub fn is_refused(&self, skip_invalid: bool) -> bool {
        let conflicts = self
            .receipt
            .as_ref()
            .is_some_and(ImportReceipt::has_conflicts);
        self.read.is_refused(skip_invalid) || (conflicts && !skip_invalid)
    }
}

/// Returns a rejected row as the store keeps it.
pub(super) fn reject(row: RejectedRow) -> Reject {
    Reject {
        reason: row.reason_in_full(),
        line: row.line,
        order_id: row.order_id,
        column: row.column,
        found: row.found,
        text: row.text,
    }
}

/// Counts movements by kind.
pub(super) fn kinds_of(movements: &[Movement]) -> BTreeMap<MovementKind, u64> {
    let mut kinds = BTreeMap::new();
    for movement in movements {
        *kinds.entry(movement.kind).or_default() += 1;
    }
    kinds
}

/// Counts actions by kind.
pub(super) fn actions_of(actions: &[AssetAction]) -> BTreeMap<ActionKind, u64> {
    let mut kinds = BTreeMap::new();
    for action in actions {
        *kinds.entry(action.kind).or_default() += 1;
    }
    kinds
}

/// Fees and orders of some trades.
pub(super) type TradeFindings = (FeeSigns, OrderFees);

/// Returns the findings of some trades of a format.
pub(super) fn findings_of(format: &str, trades: &[LedgerTrade]) -> TradeFindings {
    (fees_of(trades), OrderFees::of(format, trades))
}

/// Counts fees and rebates of some trades.
fn fees_of(trades: &[LedgerTrade]) -> FeeSigns {
    let mut fees = FeeSigns::default();
    for row in trades {
        // The sum overflows only beyond 10^24 USD of rebates; such a fee is not counted.
        let _ = fees.try_add(&row.trade);
        let more = row.trade.more.as_deref();
        if let Some(fee) = more.and_then(|more| more.fee.as_ref()) {
            let amount = fee.amount.to_string();
            let is_rebate = amount.starts_with('-');
            fees.merge(&FeeSigns {
                costs: u64::from(!is_rebate && amount != "0"),
                rebates: u64::from(is_rebate),
                ..FeeSigns::default()
            });
        }
    }
    fees
}
