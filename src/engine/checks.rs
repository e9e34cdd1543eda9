//! Checks whether a stored version of a pool agrees with its ledger.
//!
//! Each check is a function from data to violations. A check never stops at the first violation,
//! and one wrong row gives few of them. `reference.rs` computes the expected rows, and shares no
//! matching and no money code with the engine. `checks/rows.rs` checks the rows,
//! `checks/inventory.rs` the open lots, `checks/claims.rs` the review queue and the summary.
//! `checks/shorts.rs` has the checks of pools that may go short. `checks/evidence.rs` finds the
//! trades of each row. `checks/legs.rs` checks the legs of trades.
//!
//! Not here: checks that need more than one pool's data. The store counts I15; I14 and I16 look at
//! all ids of an account, I12 compares with an earlier system, and I18 looks up rates.

mod claims;
mod evidence;
mod inventory;
mod legs;
mod rows;
mod shorts;
#[cfg(test)]
mod tests;
mod transfers;

use std::fmt;

use super::ids::{Account, Asset, Pool};
use super::pool::PoolLedger;
use super::stored::{PoolStatus, StoredAllocation, StoredLot, StoredSummary, UnmatchedItems};
use super::text::{shown, shown_sentence};

use evidence::Evidence;
pub use legs::ExpectedLegs;
pub use transfers::MovedPool;

macro_rules! invariants {
    ($($(#[$doc:meta])* $id:ident = $title:literal),+ $(,)?) => {
        /// Invariants of every stored version. The ids never change, as reports use them.
        ///
        /// Source: docs/SPEC-matching.md, "Invariants".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant { $($(#[$doc])* $id),+ }

        impl Invariant {
            /// Returns the id that reports and documents use: `I6`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id)),+ }
            }

            /// Returns the count that must be zero, in words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$id => $title),+ }
            }
        }
    };
}

invariants! {
    /// The allocations of a sell add up to its size, the unmatched part included.
    I1 = "sells whose allocated sizes differ from their size",
    /// A lot is not used beyond its size.
    I2 = "buys used beyond their size",
    /// A (sell, buy) pair has one row.
    I3 = "duplicate pairs",
    /// A lot is bought before it is sold.
    I4 = "buys executed after their sell",
    /// First in, first out.
    I5 = "lots skipped while an older one had something left",
    /// Every column equals that of a fresh computation.
    I6 = "rows that differ from a fresh computation",
    /// Shares of a fee add up to the fee.
    I7 = "trades whose fee shares do not add up",
    /// Only trades are allocated.
    I8 = "allocations of unknown, voided or ineligible trades",
    /// Lots are never shared between accounts or assets.
    I9 = "pairs across accounts or assets",
    /// The inventory is the rest that the sells leave.
    I10 = "lots where ledger minus allocations differs from the inventory snapshot",
    /// Each unmatched part has its review item, and no other part has one.
    I11 = "unmatched rows without a review item, or open items without a row",
    /// Each sell that an earlier system computed is compared and classified.
    I12 = "historical sells not classified equal, differs or missing",
    /// The version is the published one, made from the present ledger.
    I13 = "pools whose ledger, allocations or summary differs from what the version recorded",
    /// An order is not counted twice.
    I14 = "executions present both as fills and as their whole order",
    /// Ledger = eligible + ineligible.
    I15 = "ledger rows in neither view, or in both",
    /// No trade counts beside its correction.
    I16 = "executions that count beside their correction",
    /// A second way gives the same legs and values.
    I17 = "legs and values that differ from a second computation",
    /// The rates of a version are those that a look-up as of its instant gives.
    I18 = "used rates that differ from a look-up as of the version",
    /// Each unit that moved was one of a lot of the sending pool.
    I19 = "moved units that came from no lot, or more than once",
    /// Moves leave the cost of a lot as it is.
    I20 = "costs that transfers changed",
    /// Only accounts that may go short have short lots.
    I21 = "short rows and lots in accounts that may not go short",
}

impl Invariant {
    /// The invariants that every version is checked for, in order. I12 is checked only if the
    /// figures of an earlier system are stored.
    pub const CHECKED: [Self; 20] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I13,
        Self::I14,
        Self::I15,
        Self::I16,
        Self::I17,
        Self::I18,
        Self::I19,
        Self::I20,
        Self::I21,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// A broken invariant: its place, the finding, the expected value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The broken invariant.
    pub invariant: Invariant,
    /// The pool; `None` if the violation is about the whole ledger.
    pub pool: Option<Pool>,
    /// The order in question; empty if the violation is about the whole pool.
    pub order_id: String,
    /// The finding, and the expected value.
    pub message: String,
}

impl Violation {
    /// Makes the violation of an unreadable stored row: a text that is not a number or a time.
    ///
    /// `reason` fits after "it": "is not a number".
    pub fn unreadable_row(
        pool: Option<Pool>,
        order_id: &str,
        column: &str,
        text: &str,
        reason: &dyn fmt::Display,
    ) -> Self {
        Self {
            invariant: Invariant::I6,
            pool,
            order_id: order_id.to_owned(),
            message: format!("{column} is {}: it {reason}", shown(text).quoted()),
        }
    }

    /// Makes the violation of ledger rows that are in neither view, or in both; `None`: all are
    /// in one.
    pub fn of_views(in_neither: u64, in_both: u64) -> Option<Self> {
        (in_neither > 0 || in_both > 0).then(|| Self {
            invariant: Invariant::I15,
            pool: None,
            order_id: String::new(),
            message: format!(
                "\"{in_neither}\" ledger rows are neither eligible nor ineligible, and \
                 \"{in_both}\" are both, expected \"0\" and \"0\""
            ),
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.invariant)?;
        if let Some(pool) = &self.pool {
            write!(f, " {pool}")?;
        }
        if !self.order_id.is_empty() {
            write!(f, " order {}", shown(&self.order_id).quoted())?;
        }
        write!(f, ": {}", shown_sentence(&self.message))
    }
}

/// A pool in a stored version, and the ledger as of the version's watermark.
#[derive(Debug, Clone, Copy)]
pub struct PoolVersion<'a> {
    /// The pool to check.
    pub pool: &'a Pool,
    /// The pool's ledger as of the version, without the trades that were voided at that time.
    pub ledger: &'a PoolLedger,
    /// The pool's rows. Order: by id is fastest, any will do.
    pub allocations: &'a [StoredAllocation],
    /// The pool's lots in the last snapshot. Order: oldest first is fastest, any will do.
    pub open_lots: &'a [StoredLot],
    /// The version's summary of the pool.
    pub summary: Option<&'a StoredSummary>,
    /// The pool's items in the review queue.
    pub review: &'a UnmatchedItems,
    /// The moves of the pool, if it has transfers. The second matcher matches all pools of a group
    /// together.
    pub moved: Option<MovedPool<'a>>,
    /// Whether this is the current version.
    pub is_current: bool,
    /// Whether the version was published after its last trades were added. Then all its unmatched
    /// sells have review items.
    pub was_published: bool,
}

/// Checks all invariants of one pool of a version: I1 to I11, I13, I19 to I21.
///
/// `elsewhere` is called with the pool's account and an order id that the pool lacks. It returns
/// the asset whose pool has this trade, in that account or another.
/// Order: by invariant, then by the pool's total order.
pub fn check_pool(
    version: &PoolVersion<'_>,
    elsewhere: &dyn Fn(&Account, &str) -> Option<Asset>,
) -> Vec<Violation> {
    let mut findings = Findings {
        pool: version.pool,
        violations: Vec::new(),
    };
    let has_rows = !version.allocations.is_empty() || !version.open_lots.is_empty();
    match version.summary {
        None if has_rows || !version.ledger.trades.is_empty() => {
            findings.add(
                Invariant::I13,
                "",
                "the pool has no summary, expected one".into(),
            );
        }
        None => {}
        Some(summary) => claims::check_ledger(version, summary, &mut findings),
    }
    let status = version.summary.map(|summary| summary.status);
    if let (Some(PoolStatus::Matched), Some(unapplied)) = (status, &version.ledger.unapplied) {
        let message = format!("the pool is matched, and {unapplied}, expected no result");
        findings.add(Invariant::I13, "", message);
    }
    let refused = version.ledger.moves.as_ref();
    let refused = refused.and_then(|moves| moves.refused.as_ref());
    if let (Some(PoolStatus::Matched), Some(refused)) = (status, refused) {
        let reason = &refused.reason;
        let message = format!("the pool is matched, and {reason}, expected no result");
        findings.add(Invariant::I13, "", message);
    }
    match status {
        Some(PoolStatus::Rejected) => {
            claims::check_nothing_stored(version, "rejected", &mut findings)
        }
        Some(PoolStatus::Excluded) => {
            claims::check_nothing_stored(version, "excluded", &mut findings)
        }
        None if !has_rows => {}
        Some(PoolStatus::Matched | PoolStatus::Stale) | None => {
            let own = match version.moved {
                // With the lots that came.
                Some(_) => Ok(Vec::new()),
                None => version.ledger.trades.to_vec(),
            };
            match own {
                Ok(own) => {
                    let moved = version.moved.as_ref();
                    let trades = moved.map_or(&own, |moved| &moved.expected.trades);
                    let mut evidence = Evidence::gather(version, trades);
                    rows::check_rows(&mut evidence, elsewhere, &mut findings);
                    shorts::check_no_shorts(&evidence, &mut findings);
                    claims::check_claims(&evidence, &mut findings);
                }
                Err(row) => findings.add(Invariant::I13, &row.order_id, row.to_string()),
            }
        }
    }
    let mut violations = findings.violations;
    violations.sort_by_key(|violation| violation.invariant);
    violations
}

/// The violations of one pool so far.
struct Findings<'a> {
    pool: &'a Pool,
    violations: Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, invariant: Invariant, order_id: &str, message: String) {
        self.violations.push(Violation {
            invariant,
            pool: Some(self.pool.clone()),
            order_id: order_id.to_owned(),
            message,
        });
    }
}
