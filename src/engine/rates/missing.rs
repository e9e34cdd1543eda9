//! The rates that a trade lacks, and the sentence about them.

use std::fmt;

use super::RatePurpose;
use crate::engine::ids::Asset;
use crate::engine::time::Timestamp;

/// A rate that is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingRate {
    /// The asset or currency.
    pub asset: Asset,
    /// When it was needed.
    pub at: Timestamp,
    /// The kind of amount that it would value.
    pub purpose: RatePurpose,
    /// The asset is the money of a state: its rates count by day.
    pub is_by_day: bool,
}

impl MissingRate {
    /// Returns the day in UTC, as `2025-03-07`.
    pub fn day(&self) -> String {
        let at = self.at.to_string();
        at.split('T').next().unwrap_or_default().to_owned()
    }

    /// Returns the column whose amount has no value.
    pub fn column(&self) -> &'static str {
        match self.purpose {
            RatePurpose::Value => "price",
            RatePurpose::Fee => "fee_amount",
        }
    }

    /// Returns the reason that rejects a row. Its column is that of the first rate.
    pub(in crate::engine) fn reason_of(missing: &[Self]) -> String {
        let Some((first, others)) = missing.split_first() else {
            return String::new();
        };
        let mut text = format!("has no value in USD: a rate of {first} is missing");
        for other in others {
            let is_same = (&other.asset, other.at) == (&first.asset, first.at);
            text.push_str(&match (is_same, other.purpose) {
                (true, RatePurpose::Value) => "; the price lacks it, too".to_owned(),
                (true, RatePurpose::Fee) => "; the fee lacks it, too".to_owned(),
                (false, _) => format!("; {} lacks a rate of {other}", other.column()),
            });
        }
        text
    }
}

/// Writes the asset, and the day or the second: `EUR on 2025-03-07`.
impl fmt::Display for MissingRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_by_day {
            true => write!(f, "{} on {}", self.asset, self.day()),
            false => {
                let at = self.at.to_string().replace('T', " ");
                let second = at.split(['.', 'Z']).next().unwrap_or_default();
                write!(f, "{} at {second} UTC", self.asset)
            }
        }
    }
}
