//! Kinds of questions that only a person can settle, and how urgent they are.

use super::number::Usd;
use super::policy::{SEVERITY_CRITICAL_FROM_USD, SEVERITY_HIGH_FROM_USD, SEVERITY_MEDIUM_FROM_USD};

/// The error for a text that is not one of a type's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of {}", .0.trim_end())]
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::engine::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$item),)+
                    _ => Err($crate::engine::UnknownWord(concat!($($text, " "),+))),
                }
            }
        }
    };
}

pub(super) use words;

words! {
    /// The kind of question that a review item asks.
    IssueType {
        /// A sell, or a part of one, found no open lot.
        UnmatchedSell = "unmatched_sell",
        /// A row of the ledger is not a trade; its pool is rejected.
        InvalidTrade = "invalid_trade",
        /// The pool is not priced in USD; it is rejected.
        MissingFx = "missing_fx",
        /// A stored action, such as a split, is not applied; the pool is rejected.
        UnappliedAction = "unapplied_action",
        /// A transfer lacks lots, or can't be applied; then the pool is rejected.
        UnappliedTransfer = "unapplied_transfer",
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
        /// From 1,000 USD, or an amount that is still unknown.
        High = "high",
        /// From 100,000 USD.
        Critical = "critical",
    }
}

impl Severity {
    /// Returns the severity of an amount at stake; its sign does not matter.
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
