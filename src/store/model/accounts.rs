//! Accounts at venues and brokers, and the tries of imports into them.

use serde_json::Value;

use super::words::words;
use crate::engine::{Account, AssetClass, Timestamp};

words! {
    /// The result of a try.
    SyncStatus {
        /// All rows are in, or were in before.
        Success = "success",
        /// Nothing was imported.
        Failed = "failed",
        /// Rows were left out.
        Partial = "partial",
    }
}

words! {
    /// The state of an account, as its last tries left it.
    #[derive(Default)]
    ConnectionStatus {
        /// No try so far.
        #[default]
        Pending = "pending",
        /// Another program has a connection.
        Connected = "connected",
        /// The last try brought its rows.
        Active = "active",
        /// The last try failed.
        Error = "error",
        /// Another program has no connection any more.
        Disconnected = "disconnected",
    }
}

/// How far the clock of a server is ahead of UTC, from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOffset {
    /// The first instant.
    pub valid_from: Timestamp,
    /// Units: seconds; below zero if the clock is behind UTC.
    pub seconds: i64,
}

/// An account at a venue or broker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradingAccount {
    /// Its number; 0: it is not stored yet.
    pub id: i64,
    /// Its name in the ledger.
    pub account: Account,
    /// `mt5`, `kraken`, ...
    pub platform: Option<String>,
    /// The broker.
    pub broker: Option<String>,
    /// The server of the platform.
    pub server: Option<String>,
    /// The account's number there. Never a password.
    pub login: Option<String>,
    /// The class of what it trades, if the settings name none.
    pub class: Option<AssetClass>,
    /// Its state.
    pub status: ConnectionStatus,
    /// End of the last try.
    pub last_sync_at: Option<Timestamp>,
    /// End of the last try that brought all rows.
    pub last_successful_sync_at: Option<Timestamp>,
    /// The error of the last try, in full.
    pub last_error: Option<String>,
    /// Failed tries since the last one that brought all rows.
    pub failures: u64,
    /// The clock of its server. Order: by instant.
    pub offsets: Vec<TimeOffset>,
}

impl TradingAccount {
    /// Tells whether its platform trades contracts, which are sold short as often as not.
    pub fn trades_contracts(&self) -> bool {
        let platform = self.platform.as_deref().unwrap_or_default();
        ["mt4", "mt5"]
            .iter()
            .any(|of| platform.eq_ignore_ascii_case(of))
    }

    /// Returns instants, and how many seconds its server's clock is ahead of UTC from each of them.
    pub fn clock(&self) -> Vec<(Timestamp, i64)> {
        let offsets = self.offsets.iter();
        offsets.map(|of| (of.valid_from, of.seconds)).collect()
    }
}

/// Facts of an account that a person states. An empty one stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// The account.
    pub account: Account,
    /// Its platform.
    pub platform: Option<String>,
    /// Its broker.
    pub broker: Option<String>,
    /// Its server.
    pub server: Option<String>,
    /// Its number there.
    pub login: Option<String>,
    /// The class of what it trades.
    pub class: Option<AssetClass>,
    /// The clock of its server; one of the same instant is replaced.
    pub offsets: Vec<TimeOffset>,
    /// Person who states it.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

/// A try of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncTry {
    /// Account of the rows that name none.
    pub account: Account,
    /// Its result.
    pub status: SyncStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// Units: milliseconds.
    pub duration_ms: i64,
    /// The file.
    pub file: String,
    /// SHA-256 of its bytes, if it could be read.
    pub sha256: Option<String>,
    /// Its format, if that is known.
    pub format: Option<String>,
    /// The import that it made.
    pub import_id: Option<i64>,
    /// Counts of its rows.
    pub counts: SyncCounts,
    /// The error, in full.
    pub error: Option<String>,
    /// Facts about the error.
    pub details: Value,
    /// Person or program that started it.
    pub triggered_by: String,
}

/// The rows of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncCounts {
    /// Rows of the file.
    pub rows: u64,
    /// Trades that are in the ledger now, corrected ones among them.
    pub trades: u64,
    /// Trades that were there before.
    pub known: u64,
    /// Trades with corrected facts.
    pub corrected: u64,
    /// Movements.
    pub movements: u64,
    /// Actions.
    pub actions: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// Rows that the ledger has with other facts.
    pub conflicts: u64,
}
