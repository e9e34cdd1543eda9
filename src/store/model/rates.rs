//! Imports of rates, and their results.

use std::collections::BTreeSet;

use super::ImportFile;
use crate::engine::{
    Asset, AssetRules, Rate, RateSource, RateValue, RatesUsed, RowsHash, Timestamp,
};

/// The rates of a file.
#[derive(Debug, Clone)]
pub struct RateBatch {
    /// The file.
    pub file: ImportFile,
    /// Its rates, one for each instant of a source, with names as the file spells them.
    pub rates: Vec<Rate>,
    /// The settings: they tell which spellings are of one asset.
    pub rules: AssetRules,
}

/// The rates to read. The default takes all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateScope {
    /// Rates between any two of these assets and currencies; `None`: of all.
    pub among: Option<BTreeSet<Asset>>,
    /// Rates that have one of these assets or currencies on either side; `None`: all.
    pub with: Option<BTreeSet<Asset>>,
    /// The first instant of publication; `None`: the oldest.
    pub from: Option<Timestamp>,
    /// The last instant of publication; `None`: the newest.
    pub until: Option<Timestamp>,
}

impl RateScope {
    /// Returns the scope with all spellings of its assets: rates are stored as files spell them.
    pub fn spelled(mut self, rules: &AssetRules) -> Self {
        for assets in [&mut self.among, &mut self.with].into_iter().flatten() {
            *assets = rules.spellings(assets);
        }
        self
    }

    /// Tells whether a rate is taken.
    pub fn contains(&self, rate: &Rate) -> bool {
        let is_among = |all: &BTreeSet<Asset>| {
            let mut sides = [&rate.asset, &rate.currency].into_iter();
            sides.all(|side| all.contains(side))
        };
        let is_with =
            |all: &BTreeSet<Asset>| all.contains(&rate.asset) || all.contains(&rate.currency);
        self.among.as_ref().is_none_or(is_among)
            && self.with.as_ref().is_none_or(is_with)
            && self.from.is_none_or(|from| from <= rate.at)
            && self.until.is_none_or(|until| rate.at <= until)
    }
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
    pub added: RatesUsed,
    /// Hash of all records of the version from now on.
    pub hash: RowsHash,
}
