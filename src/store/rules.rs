//! Decisions that every store applies alike: what an import appends, how the review queue changes.
//!
//! Pure functions from what is stored and what is wanted to what is to be done, so that two
//! databases can't differ in them.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Conflict, ImportMode, QueuedItem, ReviewStatus, ReviewUpdate, Version};
use crate::engine::{Account, IssueType, LedgerTrade, OrderId, ReviewItem};

/// Between an order id and the number of its correction: `<id>~2`.
pub const CORRECTION_MARK: char = '~';

/// Who settles items when a version shows that they no longer hold.
pub const AUTOMATIC: &str = "fifo-pnl";

/// Account and order id of an execution.
pub type TradeKey = (Account, OrderId);

/// A known execution: the row of its id, and its corrections, in the order they were appended.
pub type KnownTrades = BTreeMap<TradeKey, Vec<LedgerTrade>>;

/// What an import does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportPlan {
    /// New rows, corrections included.
    pub append: Vec<LedgerTrade>,
    /// Executions to void, because a correction follows.
    pub void: Vec<TradeKey>,
    /// Rows that were there already.
    pub known: u64,
    /// Rows with other facts.
    pub conflicts: Vec<Conflict>,
}

/// Decides row by row: append, skip what is known, report a conflict, or correct.
pub fn plan_import(trades: Vec<LedgerTrade>, known: &KnownTrades, mode: &ImportMode) -> ImportPlan {
    let mut plan = ImportPlan::default();
    for trade in trades {
        let key = (trade.account.clone(), trade.trade.order_id.clone());
        let chain = known.get(&key).map(Vec::as_slice).unwrap_or_default();
        let Some(latest) = chain.last() else {
            plan.append.push(trade);
            continue;
        };
        let is_same = |row: &LedgerTrade| trade.fact_that_differs(row).is_none();
        match (mode, trade.fact_that_differs(latest)) {
            (_, None) => plan.known += 1,
            (ImportMode::Append, Some(_)) if chain.iter().any(is_same) => plan.known += 1,
            (ImportMode::Append, Some((column, in_file, in_ledger))) => {
                plan.conflicts.push(Conflict {
                    line: trade.import_line,
                    account: trade.account.to_string(),
                    order_id: trade.trade.order_id.to_string(),
                    column,
                    in_file,
                    in_ledger,
                });
            }
            (ImportMode::Correct { .. }, Some(_)) => {
                plan.void
                    .push((trade.account.clone(), latest.trade.order_id.clone()));
                if let Some(corrected) = corrected(trade, chain) {
                    plan.append.push(corrected);
                }
            }
        }
    }
    plan
}

/// Returns the corrected row under the next free id of its execution.
fn corrected(mut trade: LedgerTrade, chain: &[LedgerTrade]) -> Option<LedgerTrade> {
    let number = chain.len() + 1;
    let id = format!("{}{CORRECTION_MARK}{number}", trade.trade.order_id);
    trade.trade.order_id = id.parse().ok()?;
    if trade.carried.exchange_order_id.is_none() {
        trade.carried.exchange_order_id = chain
            .first()
            .and_then(|first| first.carried.exchange_order_id.clone());
    }
    Some(trade)
}

/// One change of the review queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewChange {
    /// A new item.
    Open(ReviewItem),
    /// An item that is open already: its facts moved.
    Refresh(i64, ReviewItem),
    /// An item that was settled holds again.
    Reopen(i64, ReviewItem),
    /// An item that no longer holds, and how it was settled.
    Settle(i64, String),
}

/// Decides how the queue changes when a version says which items hold.
///
/// A dismissed item stays dismissed while its facts are the same. An unmatched sell of a pool that
/// has no result in this version stays as it is: nobody knows whether it is matched.
pub fn plan_review(
    queue: &[QueuedItem],
    update: &ReviewUpdate,
    version: Version,
) -> Vec<ReviewChange> {
    let key_of = |item: &ReviewItem| (item.pool.clone(), item.order_id.clone(), item.issue);
    let queued: BTreeMap<_, _> = queue
        .iter()
        .map(|item| ((item.pool.clone(), item.order_id.clone(), item.issue), item))
        .collect();
    let wanted: BTreeSet<_> = update.items.iter().map(key_of).collect();
    let mut changes = Vec::new();
    for item in &update.items {
        let Some(old) = queued.get(&key_of(item)) else {
            changes.push(ReviewChange::Open(item.clone()));
            continue;
        };
        let same = old.details == details_json(item) && old.severity == item.severity;
        match old.status {
            ReviewStatus::Pending | ReviewStatus::InProgress if same => {}
            ReviewStatus::Pending | ReviewStatus::InProgress => {
                changes.push(ReviewChange::Refresh(old.id, item.clone()));
            }
            ReviewStatus::Dismissed if same => {}
            ReviewStatus::Dismissed | ReviewStatus::Resolved => {
                changes.push(ReviewChange::Reopen(old.id, item.clone()));
            }
        }
    }
    for (key, old) in queued {
        let unknown = old.issue == IssueType::UnmatchedSell
            && update.pools_without_result.contains(&old.pool);
        let judged = update.kinds.contains(&old.issue) && !unknown;
        if old.status.is_open() && judged && !wanted.contains(&key) {
            let resolution = match old.issue {
                IssueType::UnmatchedSell => format!("matched in version {version}"),
                _ => format!("no longer found in version {version}"),
            };
            changes.push(ReviewChange::Settle(old.id, resolution));
        }
    }
    changes
}

/// Returns an item's details as JSON text, the same for equal facts.
pub fn details_json(item: &ReviewItem) -> String {
    let map: serde_json::Map<String, serde_json::Value> = item
        .details
        .iter()
        .map(|(name, value)| ((*name).into(), value.clone().into()))
        .collect();
    serde_json::Value::Object(map).to_string()
}
