//! The ledger: reads of it, files imported into it, voids.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImportedFile, Watermark};
use crate::engine::{
    Account, AssetAction, Entered, LedgerTrade, Movement, Pending, Pool, PoolLedger, Price, Side,
    Size, StatedNames, TiedPools, Timestamp,
};

/// A ledger's rows in a scope, as of one instant.
#[derive(Debug, Clone, Default)]
pub struct LedgerRead {
    /// How far it reaches.
    pub watermark: Watermark,
    /// Pools by account and asset.
    pub pools: BTreeMap<Pool, PoolLedger>,
    /// Trades that enter their pools once the rates are known.
    pub pending: Pending,
    /// The rates of trades that waited, once these entered their pools.
    pub rates: Entered,
    /// Voided trades left out.
    pub voided: u64,
    /// Rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// The pools that transfers tie to those of the scope; a read that makes a version lacks them.
    pub tied: Vec<TiedLedgers>,
}

/// Pools that were read because transfers tie them to pools of the read.
#[derive(Debug, Clone)]
pub struct TiedLedgers {
    /// The pools, and the transfers between them.
    pub group: TiedPools,
    /// Those of the pools that are not in the read itself, whole.
    pub others: BTreeMap<Pool, PoolLedger>,
}

/// How many rows each pool of a scope has at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolSizes {
    /// The instant.
    pub watermark: Watermark,
    /// Executions with a leg in the pool, voided ones included; pools with faulty rows count too.
    pub rows: BTreeMap<Pool, u64>,
    /// The symbols of these executions, by which a store selects them.
    pub symbols: BTreeMap<Pool, BTreeSet<String>>,
}

/// The kind of rows that a file is imported as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportMode {
    /// Append new trades; a known id with other facts is a conflict.
    Append,
    /// Void a known id that has other facts, and append the corrected facts beside it.
    Correct {
        /// Why.
        reason: String,
    },
}

/// A few trades, on their way into the ledger.
#[derive(Debug, Clone)]
pub struct ImportBatch {
    /// The file that they come from.
    pub file: ImportFile,
    /// The trades.
    pub trades: Vec<LedgerTrade>,
    /// The movements.
    pub movements: Vec<Movement>,
    /// The actions.
    pub actions: Vec<AssetAction>,
    /// Rows that were rejected and that the user chose to leave out.
    pub rejects: Vec<Reject>,
}

/// A file, and how its trades are to be imported.
#[derive(Debug, Clone)]
pub struct ImportFile {
    /// Name of the file.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Append or correct.
    pub mode: ImportMode,
    /// Leave conflicts out instead of refusing the file.
    pub skip_conflicts: bool,
    /// Write nothing; only say what would be written.
    pub preview: bool,
    /// When.
    pub imported_at: Timestamp,
    /// Person for the voids of corrections.
    pub imported_by: String,
    /// Account of the trades if the file names none.
    pub account: Account,
    /// Account and id of trades that the file cancels itself, and so does not bring.
    pub cancelled: Vec<(String, String)>,
}

/// A rejected row, kept so that nobody has to look for it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// From 1.
    pub line: u64,
    /// As the file has it.
    pub order_id: String,
    /// The column at fault.
    pub column: String,
    /// The value found.
    pub found: String,
    /// The value expected.
    pub reason: String,
    /// The whole line.
    pub text: String,
}

/// A row whose id the ledger knows with other facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Line in the file.
    pub line: u64,
    /// Account of the trade.
    pub account: String,
    /// The id.
    pub order_id: String,
    /// The first fact that differs.
    pub column: &'static str,
    /// The file's value.
    pub in_file: String,
    /// The ledger's value.
    pub in_ledger: String,
}

/// Result of an import, or of its preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReceipt {
    /// Number of the import; `None` when nothing was written.
    pub import_id: Option<i64>,
    /// Trades appended.
    pub appended: u64,
    /// Trades that were there already.
    pub known: u64,
    /// Those of them that are voided, so that they count in no form.
    pub known_voided: u64,
    /// Those of the appended trades that came before with imports that are undone.
    pub renewed: u64,
    /// Trades voided and appended with corrected facts.
    pub corrected: u64,
    /// Rows with other facts than the ledger's, the first ones of each column. Unless they are
    /// skipped, nothing was written.
    pub conflicts: Vec<Conflict>,
    /// How many there are, by the first fact that differs.
    pub conflicts_by_column: BTreeMap<&'static str, u64>,
    /// Times of trades that are new beside an equal one that was there: the earlier file was cut
    /// inside that instant. The first ones.
    pub cut_at: Vec<Timestamp>,
    /// The movements of the file.
    pub movements: MovementReceipt,
    /// The actions of the file, counted as its movements are.
    pub actions: MovementReceipt,
}

/// The movements, or the actions, of an imported file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovementReceipt {
    /// Rows appended.
    pub appended: u64,
    /// Rows that were there already.
    pub known: u64,
    /// Those of the appended rows that came before with imports that are undone.
    pub renewed: u64,
    /// Rows whose id is known with other facts, the first ones. Unless they are skipped,
    /// nothing was written.
    pub conflicts: Vec<Conflict>,
    /// How many there are.
    pub conflict_count: u64,
}

/// An action as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAction {
    /// Its import.
    pub import_id: i64,
    /// Its import is undone.
    pub is_undone: bool,
    /// The action.
    pub action: AssetAction,
}

impl ImportReceipt {
    /// Returns how many rows have other facts than the ledger's.
    pub fn conflict_count(&self) -> u64 {
        self.conflicts_by_column.values().sum()
    }

    /// Returns how many of the appended rows came before with imports that are undone.
    pub fn renewed_rows(&self) -> u64 {
        self.renewed + self.movements.renewed + self.actions.renewed
    }

    /// Tells whether the import adds a trade, a movement or an action.
    pub fn adds_rows(&self) -> bool {
        self.appended + self.corrected + self.movements.appended + self.actions.appended > 0
    }

    /// Tells whether a file leaves nothing to keep: every row was there before, and no row is
    /// rejected. Then it makes no import.
    pub fn leaves_nothing(&self, file: &ImportFile, rejected: u64) -> bool {
        !self.adds_rows() && rejected == 0 && file.cancelled.is_empty()
    }

    /// Tells whether a row, a trade, movement or action, has other facts than the store's.
    pub fn has_conflicts(&self) -> bool {
        self.conflict_count() + self.beside_conflicts() > 0
    }

    /// Counts the movements and actions with other facts than the store's.
    pub fn beside_conflicts(&self) -> u64 {
        let (movements, actions) = (&self.movements, &self.actions);
        movements.conflict_count + actions.conflict_count
    }

    /// Tells whether a store has to stop a file after its plan: by a conflict that is not skipped.
    pub fn stops(&self, file: &ImportFile) -> bool {
        self.has_conflicts() && !file.skip_conflicts
    }
}

/// A trade taken out of matching, or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidChange {
    /// Account of the execution.
    pub account: Account,
    /// Id of the execution.
    pub order_id: String,
    /// Why.
    pub reason: String,
    /// Person who voided it.
    pub voided_by: String,
    /// When.
    pub voided_at: Timestamp,
    /// Put it back.
    pub undo: bool,
}

/// An import undone or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportUndo {
    /// Number of the import.
    pub import_id: i64,
    /// Why.
    pub reason: String,
    /// Person who changes it.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
    /// Put its rows back.
    pub put_back: bool,
}

/// The rows of an import that was undone or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportUndone {
    /// The file.
    pub file: ImportedFile,
    /// Its trades, corrections included.
    pub trades: u64,
    /// Its rates.
    pub rates: u64,
    /// Its movements.
    pub movements: u64,
    /// Its actions.
    pub actions: u64,
    /// Trades that corrections of the import had replaced, and that count again. Of an import that
    /// is put back: trades that its corrections replace again.
    pub replaced: u64,
}

/// A trade that an import brought, with what tells whether another file has it, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedTrade {
    /// Number of the import.
    pub import_id: i64,
    /// Account of the trade.
    pub account: String,
    /// Order id, unique in its account.
    pub order_id: String,
    /// Symbol in its one spelling.
    pub symbol: String,
    /// The facts that say what the symbol is.
    pub stated: StatedNames,
    /// Buy or sell.
    pub side: Side,
    /// Units: the base.
    pub size: Size,
    /// Units: the quote, for one unit of the base.
    pub price: Price,
    /// When it was executed.
    pub order_time: Timestamp,
}

/// Counts of the ledger's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerCounts {
    /// All rows.
    pub rows: u64,
    /// Executions, voided ones included.
    pub eligible: u64,
    /// Rows that are no executions.
    pub ineligible: u64,
    /// Voids in force.
    pub voided: u64,
    /// Rows in neither view: an adapted view is wrong.
    pub in_neither: u64,
    /// Rows in both views: an adapted view is wrong.
    pub in_both: u64,
}
