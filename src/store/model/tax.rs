//! Allocations with the sources and changes of their trades: the data of a tax file and its proof.

use super::words::EventKind;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{ReviewStatus, Version};
use crate::engine::{Pool, Side, StoredAllocation, Timestamp};

/// Source of a trade.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradeOrigin {
    /// System that reported it: its `source` column.
    pub source: Option<Arc<str>>,
    /// Name of the imported file.
    pub file: Option<Arc<str>>,
    /// Its line there, from 1.
    pub line: Option<i64>,
}

/// An allocation with where its trades came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedAllocation {
    /// The stored row.
    pub row: StoredAllocation,
    /// The run that wrote it.
    pub batch_id: Arc<str>,
    /// Source of the sell.
    pub sell: TradeOrigin,
    /// Source of the buy; empty if no lot was left.
    pub buy: TradeOrigin,
}

/// When the sells were executed that an export is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold {
    /// At or after.
    pub from: Timestamp,
    /// Before.
    pub until: Timestamp,
}

impl Sold {
    /// Tells whether a time is meant.
    pub fn contains(self, time: Timestamp) -> bool {
        time >= self.from && time < self.until
    }
}

/// A sell or a lot with very many rows: how many is known before the last one is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongRun {
    /// Account of the trade.
    pub account: String,
    /// Asset of the pool.
    pub asset: String,
    /// The sell, or the buy that brought the lot.
    pub order_id: String,
    /// Whether it is a sell.
    pub is_sell: bool,
    /// Rows of the version, over all years.
    pub rows: u32,
}

/// A file that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedFile {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Trades that it brought.
    pub rows: i64,
    /// When.
    pub imported_at: Timestamp,
}

/// Accounts and order ids.
pub type TradeIds = BTreeSet<(String, String)>;

/// A trade of the ledger that was looked up by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTrade {
    /// Account and asset.
    pub pool: Pool,
    /// Unique in its account.
    pub order_id: String,
    /// Buy or sell.
    pub side: Side,
    /// When it was executed.
    pub order_time: Timestamp,
    /// A person took it out of matching.
    pub is_voided: bool,
}

/// A line of the audit trail, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// Its kind.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The version concerned.
    pub version: Option<Version>,
    /// Facts.
    pub details: Value,
}

/// A person's decision about a review item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewDecision {
    /// The item.
    pub id: i64,
    /// Its new status.
    pub status: ReviewStatus,
    /// Why.
    pub note: String,
    /// Person who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl ReviewDecision {
    /// Returns the kind of event that keeps the decision.
    pub fn event_kind(&self) -> EventKind {
        match self.status {
            ReviewStatus::Pending => EventKind::ReviewReopened,
            ReviewStatus::InProgress => EventKind::ReviewStarted,
            ReviewStatus::Resolved => EventKind::ReviewResolved,
            ReviewStatus::Dismissed => EventKind::ReviewDismissed,
        }
    }
}
