//! The queue of questions that only a person can settle: its items, and a run's changes of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Version;
use crate::engine::policy::SOURCE_REVIEW;
use crate::engine::{
    IssueType, Leg, NOT_COMPUTED, Pool, RatePurpose, ReviewItem, Severity, Timestamp,
};

/// Changes of the review queue after a run or a publication.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewUpdate {
    /// Items that hold.
    pub items: Vec<ReviewItem>,
    /// Kinds of items that are complete in `items`: others of these kinds are settled.
    pub kinds: BTreeSet<IssueType>,
    /// Pools that the version has no allocations of.
    pub pools_without_result: BTreeSet<Pool>,
    /// Pools that were looked at, and the kinds of items that are complete of each; `None`: all
    /// pools were, and all kinds are.
    pub looked_at: Option<BTreeMap<Pool, BTreeSet<IssueType>>>,
}

impl ReviewUpdate {
    /// Tells whether an open item that is not among [`items`](Self::items) no longer holds.
    pub fn settles(&self, pool: &Pool, issue: IssueType) -> bool {
        let is_unknown =
            issue == IssueType::UnmatchedSell && self.pools_without_result.contains(pool);
        let is_looked_at = match &self.looked_at {
            None => true,
            Some(pools) => pools.get(pool).is_some_and(|kinds| kinds.contains(&issue)),
        };
        self.kinds.contains(&issue) && is_looked_at && !is_unknown
    }
}

/// State of a review item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewStatus {
    /// Nobody has looked at it.
    Pending,
    /// Somebody has.
    InProgress,
    /// Settled.
    Resolved,
    /// Needs nothing.
    Dismissed,
}

impl ReviewStatus {
    /// Returns the word that the database holds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Resolved => "resolved",
            Self::Dismissed => "dismissed",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::InProgress,
            Self::Resolved,
            Self::Dismissed,
        ];
        all.into_iter().find(|status| status.as_str() == text)
    }

    /// Tells whether it still asks something.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

/// A row of `manual_review_queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedItem {
    /// Its number.
    pub id: i64,
    /// Account and asset of the lots.
    pub pool: Pool,
    /// Symbol of the order; the name of the pool if the item is about the whole pool.
    pub symbol: String,
    /// Leg of the order.
    pub leg: Leg,
    /// The order in question; empty if it is the whole pool.
    pub order_id: String,
    /// The kind of question.
    pub issue: IssueType,
    /// How urgent.
    pub severity: Severity,
    /// State.
    pub status: ReviewStatus,
    /// A sentence.
    pub description: String,
    /// How it was settled.
    pub resolution: Option<String>,
    /// When it was first asked.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was settled.
    pub resolved_at: Option<Timestamp>,
    /// Person who resolved it.
    pub resolved_by: Option<String>,
    /// The version that asked.
    pub version: Version,
    /// Facts, as JSON text.
    pub details: String,
}

/// The detail of an item that lists the rates that its trade lacks: asset, day, instant, purpose.
pub const MISSING_RATES: &str = "missing_rates";

impl QueuedItem {
    /// Tells whether its trade lacks a rate.
    pub fn lacks_rate(&self) -> bool {
        self.detail(MISSING_RATES).is_some()
    }

    /// Tells whether its trade has no value in USD for an amount of this kind.
    pub fn lacks_value_of(&self, purpose: RatePurpose) -> bool {
        let mut purposes = self.of_missing("purpose").into_iter();
        purposes.any(|lacking| lacking == purpose.as_str())
    }

    /// Returns the assets whose rates its trade lacks, with the days.
    pub fn days_without_rate(&self) -> BTreeSet<(String, String)> {
        let (assets, days) = (self.of_missing("asset"), self.of_missing("day"));
        assets.into_iter().zip(days).collect()
    }

    fn of_missing(&self, name: &str) -> Vec<String> {
        let rates = self.detail(MISSING_RATES);
        let rates = rates.as_ref().and_then(serde_json::Value::as_array);
        let text = |rate: &serde_json::Value| rate.get(name)?.as_str().map(str::to_owned);
        let texts = rates.into_iter().flatten().map(text);
        texts.map(Option::unwrap_or_default).collect()
    }

    /// Returns the column whose values are why the whole pool is rejected.
    pub fn column_of_pool(&self) -> Option<String> {
        self.column().filter(|_| self.order_id.is_empty())
    }

    /// Returns the column whose value is at fault.
    pub fn column(&self) -> Option<String> {
        self.detail("column")?.as_str().map(str::to_owned)
    }

    /// Tells whether its trade is right, and of a kind that this version can't compute.
    pub fn is_not_computed(&self) -> bool {
        let reason = self.detail("reason");
        let reason = reason.as_ref().and_then(|reason| reason.as_str());
        reason.is_some_and(|reason| reason.ends_with(NOT_COMPUTED))
    }

    fn detail(&self, name: &str) -> Option<serde_json::Value> {
        let details: serde_json::Value = serde_json::from_str(&self.details).ok()?;
        details.get(name).cloned()
    }
}

const DECISION_FILE: &str = "review item ";

/// Returns the name under which the trades of a decision about an item are imported.
pub fn decision_file(item: i64) -> String {
    format!("{DECISION_FILE}{item}")
}

/// Returns the item whose decision an import of this name holds; `None`: it is another file's.
pub fn decided_item(file: &str) -> Option<i64> {
    file.strip_prefix(DECISION_FILE)?.parse().ok()
}

/// Returns the start of the order ids of the trades that decide a review item. A number completes
/// each id: `review-7-1`, `review-7-2`.
pub fn decision_prefix(item: i64) -> String {
    format!("{SOURCE_REVIEW}-{item}-")
}
