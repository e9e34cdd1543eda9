//! Imports of rates, and their results.

use super::ImportFile;
use crate::engine::{Asset, Rate, RateSource, RateUsed, RateValue, RowsHash, Timestamp};

/// The rates of a file.
#[derive(Debug, Clone)]
pub struct RateBatch {
    /// The file.
    pub file: ImportFile,
    /// Its rates, one for each instant of a source.
    pub rates: Vec<Rate>,
}

/// A row of the table of rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRate {
    /// The rate.
    pub rate: Rate,
    /// 1, or one more for each correction.
    pub revision: i64,
}

/// A rate that the store knows with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateConflict {
    /// Line in the file.
    pub line: u64,
    /// Asset of the rate.
    pub asset: Asset,
    /// Currency of the rate.
    pub currency: Asset,
    /// Its source.
    pub source: RateSource,
    /// Its instant.
    pub at: Timestamp,
    /// The file's value.
    pub in_file: RateValue,
    /// The store's value.
    pub in_store: RateValue,
}

/// Result of an import of rates, or of its preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateReceipt {
    /// Number of the import; `None` when nothing was written.
    pub import_id: Option<i64>,
    /// Rates appended.
    pub appended: u64,
    /// Rates that were there already.
    pub known: u64,
    /// Rates whose value was corrected.
    pub corrected: u64,
    /// Rates with another value than the store's, the first ones. Nothing was written.
    pub conflicts: Vec<RateConflict>,
    /// How many there are.
    pub conflict_count: u64,
}

/// The rates that a run locks into a version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RatesLocked {
    /// The records to write.
    pub added: Vec<RateUsed>,
    /// Hash of all records of the version from now on.
    pub hash: RowsHash,
}
