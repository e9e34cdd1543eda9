//! The log of runs: how they begin, end and fail, and the state after them.

use super::words::RunMode;
use serde_json::Value;

use super::{Cursors, Scope, Version, VersionStatus};
use crate::engine::{PoolTotals, Timestamp, Usd};

/// Holder of the run lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Host name.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
    /// Its work.
    pub what: String,
}

/// A run about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// The pools.
    pub scope: Scope,
    /// The version it means to write, if that is known.
    pub version: Option<Version>,
    /// Ties log, version and rows together.
    pub batch_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How it works.
    pub mode: RunMode,
    /// Person or program that started it.
    pub triggered_by: String,
    /// Its host.
    pub host: String,
    /// Its process.
    pub pid: u32,
}

/// How a run ended without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// When.
    pub ended_at: Timestamp,
    /// The error, whole.
    pub message: String,
    /// The chain of causes, whole.
    pub causes: String,
    /// Facts by name, for programs.
    pub details: Value,
}

/// A failure that passed: the run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNote {
    /// How many times it was tried again, this one included.
    pub retry_count: u64,
    /// When.
    pub at: Timestamp,
    /// All failures up to now, as facts by name.
    pub details: Value,
}

/// Counts and sums of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Buys matched, legs among them.
    pub buys: u64,
    /// Sells matched, legs among them.
    pub sells: u64,
    /// Legs among them that are not the base: their trades count in other pools.
    pub legs: u64,
    /// Trades of pools that were rejected or excluded. These and the buys and sells that are no
    /// legs are all trades.
    pub not_matched: u64,
    /// (sell, buy) pairs.
    pub allocations: u64,
    /// Pools matched.
    pub pools_matched: u64,
    /// Pools rejected.
    pub pools_rejected: u64,
    /// Sells with a part that found no lot.
    pub unmatched_sells: u64,
    /// Trades whose fee is unknown.
    pub fees_unknown: u64,
    /// Buys that only their id puts after another one.
    pub buys_by_id: u64,
    /// Sells that do.
    pub sells_by_id: u64,
    /// Trades whose fee is negative.
    pub rebates: u64,
    /// Sum of these rebates.
    pub rebates_usd: Usd,
    /// Rows that are not executions.
    pub ineligible: u64,
    /// Realized pnl.
    pub pnl: Usd,
    /// Errors of rejected pools, whole.
    pub error: Option<String>,
}

impl RunCounts {
    /// Counts a pool's trades and rows, but not the pool.
    pub fn add_totals(&mut self, totals: &PoolTotals) {
        self.buys += totals.buys;
        self.sells += totals.sells;
        let matched = totals.buys + totals.sells;
        self.legs += totals.legs.min(matched);
        self.not_matched += totals.trades.saturating_sub(matched);
        self.allocations += totals.allocations;
        self.unmatched_sells += totals.sells_unmatched;
        self.fees_unknown += totals.fees_unknown;
        self.buys_by_id += totals.buys_by_id;
        self.sells_by_id += totals.sells_by_id;
        self.rebates += totals.rebates;
        // A pool's totals are below 10^24 USD: more than a hundred of them fit.
        let sum =
            |total: Usd, added: Usd| Usd::from_units(total.units().saturating_add(added.units()));
        self.rebates_usd = sum(self.rebates_usd, totals.rebates_usd);
        self.pnl = sum(self.pnl, totals.pnl);
    }

    /// Counts the trades, matched or not.
    pub fn trades(&self) -> u64 {
        (self.buys + self.sells).saturating_sub(self.legs) + self.not_matched
    }
}

/// Facts about its health that only the database knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthFacts {
    /// Executions in force, of pools that the current version does not leave out.
    pub eligible: u64,
    /// Those of them executed after the newest one that the current version knows.
    pub after: u64,
    /// The oldest of those.
    pub after_oldest: Option<Timestamp>,
    /// The newest execution of all.
    pub newest: Option<Timestamp>,
    /// The last numbers of rates and of voids of imports.
    pub cursors: Cursors,
    /// The last run that has ended.
    pub last_run: Option<RunLine>,
    /// Runs that say they are at work, oldest first.
    pub running: Vec<RunLine>,
    /// Room where the database is; `None`: that is not known here.
    pub disk: Option<DiskRoom>,
}

/// A row of the log of runs, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// Its number.
    pub id: i64,
    /// State.
    pub status: VersionStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// The error, whole.
    pub error: Option<String>,
    /// Its host.
    pub host: String,
    /// Its process.
    pub pid: i64,
}

/// Room of a file system. Units: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// Bytes that this user may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}
