//! What only a person can settle: review items and how urgent they are.

use std::fmt;
use std::str::FromStr;

use super::canonical::AllocationRow;
use super::ids::Pool;
use super::number::Usd;
use super::outcome::{Matching, PoolOutcome, PoolResult, Rejection};
use super::policy::{SEVERITY_CRITICAL_FROM_USD, SEVERITY_HIGH_FROM_USD, SEVERITY_MEDIUM_FROM_USD};
use super::symbol::SymbolRules;

/// A word that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of {0}")]
pub struct UnknownWord(pub &'static str);

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $item),+ }

        impl $name {
            /// Returns the word that the database holds.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$item),)+
                    _ => Err(UnknownWord(concat!($($text, " "),+))),
                }
            }
        }
    };
}

words! {
    /// What kind of question a review item asks.
    IssueType {
        /// A sell, or a part of one, found no open lot.
        UnmatchedSell = "unmatched_sell",
        /// A row of the ledger is not a trade; its pool is rejected.
        InvalidTrade = "invalid_trade",
        /// The pool is not priced in USD; it is rejected.
        MissingFx = "missing_fx",
        /// The engine's own check failed; the pool is rejected. A bug of ours.
        AllocationError = "allocation_error",
    }
}

words! {
    /// How urgent a review item is, by the USD at stake.
    Severity {
        /// Less than 10 USD, or dust.
        Low = "low",
        /// From 10 USD.
        Medium = "medium",
        /// From 1,000 USD, or an amount that nobody can know yet.
        High = "high",
        /// From 100,000 USD.
        Critical = "critical",
    }
}

impl Severity {
    /// Returns the severity of an amount at stake, whatever its sign.
    pub fn of_amount(amount: Usd) -> Self {
        let at_least = |dollars| {
            let from = Usd::try_from_dollars(dollars).map_or(i128::MAX, Usd::units);
            amount.units().unsigned_abs() >= from.unsigned_abs()
        };
        if at_least(SEVERITY_CRITICAL_FROM_USD) {
            Self::Critical
        } else if at_least(SEVERITY_HIGH_FROM_USD) {
            Self::High
        } else if at_least(SEVERITY_MEDIUM_FROM_USD) {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// A question for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    /// Whose lots, of what.
    pub pool: Pool,
    /// The order in question; empty where the whole pool is.
    pub order_id: String,
    /// What kind of question.
    pub issue: IssueType,
    /// How urgent.
    pub severity: Severity,
    /// A sentence.
    pub description: String,
    /// Facts by name, for programs.
    pub details: Vec<(&'static str, String)>,
}

/// Returns the review items of a pool's result.
pub fn review_items(outcome: &PoolOutcome, rules: &SymbolRules) -> Vec<ReviewItem> {
    match &outcome.result {
        PoolResult::Matched(matching) => unmatched_items(matching, rules),
        PoolResult::Rejected(rejection) => rejection_items(&outcome.pool, rejection),
        PoolResult::Excluded(_) => Vec::new(),
    }
}

fn unmatched_items(matching: &Matching, rules: &SymbolRules) -> Vec<ReviewItem> {
    let unmatched = matching.rows().filter(|row| row.notes.unmatched);
    unmatched
        .map(|row| unmatched_item(&matching.pool, &row, rules))
        .collect()
}

/// Returns the review item of an unmatched row, freshly made or stored.
pub fn unmatched_item(pool: &Pool, row: &AllocationRow<'_>, rules: &SymbolRules) -> ReviewItem {
    let dust = rules.settings(&pool.symbol).dust_threshold;
    let severity = if row.allocated_size <= dust {
        Severity::Low
    } else {
        Severity::of_amount(row.proceeds_usd)
    };
    ReviewItem {
        pool: pool.clone(),
        order_id: row.sell_order_id.to_owned(),
        issue: IssueType::UnmatchedSell,
        severity,
        description: format!(
            "no open lot for {} of this sell: {} USD of proceeds have no cost basis",
            row.allocated_size, row.proceeds_usd
        ),
        details: vec![
            ("unmatched_size", row.allocated_size.to_string()),
            ("unmatched_proceeds_usd", row.proceeds_usd.to_string()),
            (
                "unmatched_net_proceeds_usd",
                row.net_proceeds_usd.to_string(),
            ),
            ("sell_price", row.sell_price.to_string()),
            ("sell_time", row.sell_time.to_string()),
        ],
    }
}

fn rejection_items(pool: &Pool, rejection: &Rejection) -> Vec<ReviewItem> {
    let item = |order_id: &str, description: String, details| ReviewItem {
        pool: pool.clone(),
        order_id: order_id.to_owned(),
        issue: rejection.issue,
        severity: Severity::High,
        description,
        details,
    };
    if rejection.invalid.is_empty() {
        return vec![item("", rejection.reason.clone(), Vec::new())];
    }
    let of_row = |row: &super::trade::InvalidTrade| {
        let details = vec![
            ("column", row.column.to_owned()),
            ("reason", row.reason.clone()),
        ];
        item(
            &row.order_id,
            format!("{} {}", row.column, row.reason),
            details,
        )
    };
    rejection.invalid.iter().map(of_row).collect()
}
