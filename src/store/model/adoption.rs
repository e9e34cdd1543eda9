//! A ledger that was there before us, and the known facts about it.

use std::collections::BTreeMap;

/// A column of `eligible_trades`, and its source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappedColumn {
    /// As `eligible_trades` names it.
    pub name: String,
    /// The type that the ledger has, or that it has no such column.
    pub kind: String,
    /// The meaning, in words.
    pub words: String,
}

/// Requests to a migration beside the steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpOptions {
    /// The date in the name of the snapshot of old answers, like `20251120`; `None`: today.
    pub snapshot_date: Option<String>,
    /// Guard the facts of a ledger that was there before us.
    pub protect_ledger: bool,
}

/// How a ledger that was there before us is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// Facts, and their sources.
    pub columns: Vec<MappedColumn>,
    /// Columns of the ledger that are left alone.
    pub unread: Vec<String>,
    /// Tables and views of an earlier system. They move to the schema `fifo_legacy`, unchanged.
    pub moved: Vec<String>,
    /// Nobody changes its facts any more.
    pub is_guarded: bool,
    /// Rows that are executions.
    pub eligible: u64,
    /// Rows left out, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// Snapshots of the old answers, and how many rows each has.
    pub snapshots: Vec<(String, u64)>,
}

/// An order that is there as its fills and as a whole row, which do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderUnlikeFills {
    /// Account of the order.
    pub account: String,
    /// The whole row's id.
    pub order_id: String,
    /// The whole row's size, as text.
    pub size: String,
    /// Sum of its fills, as text.
    pub size_of_fills: String,
}
