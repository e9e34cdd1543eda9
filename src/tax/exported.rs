//! The result of an export: sums, files, and rows that the files lack.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::TaxRules;
use super::boxes::base_asset;
use super::formats::{Format, LeftOut};
use super::income::IncomeOfYear;
use super::totals::Totals;
use super::undecided::UndecidedMovement;
use crate::engine::{Asset, AssetClass, ClassSource, PoolClass};
use crate::report::WrittenFile;
use crate::store::model::{NamedTrade, PoolSummary};

/// An asset that an account traded under several dollar symbols, like `BTC-USD` and `BTC-USDT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeveralDollars {
    /// The account.
    pub account: String,
    /// The asset.
    pub asset: String,
    /// The symbols of the asset. Each has lots of its own.
    pub symbols: Vec<String>,
}

/// The result of an export.
#[derive(Debug)]
pub struct Exported {
    /// Sums.
    pub totals: Totals,
    /// Whether a file of sales was asked for. If not, only income is known.
    pub has_sales: bool,
    /// The year's income; `None`: no file of it was asked for.
    pub income: Option<Arc<IncomeOfYear>>,
    /// Rows of the version that were read: those of the year, and those of the same lots.
    pub rows_seen: u64,
    /// Pools without a result, or with an old one: rejected, excluded, `stale`.
    pub pools: Vec<PoolSummary>,
    /// Assets under several dollar symbols.
    pub several_dollars: Vec<SeveralDollars>,
    /// Assets that are digital because only their pairs say so: `AAPL` of `AAPL-EUR`.
    pub digital_by_pair: BTreeSet<Asset>,
    /// National currencies that trades of the version were priced in.
    pub currencies: BTreeSet<Asset>,
    /// Movements that nobody has decided, and that may change figures of the year.
    pub undecided: Vec<UndecidedMovement>,
    /// Sells of the year that a person voided, and that are in no file.
    pub voided_sells: Vec<NamedTrade>,
    /// Rows that formats left out.
    pub left_out: Vec<(Format, LeftOut)>,
    /// The manifest.
    pub manifest: Value,
    /// The files, the manifest last. They have their names already.
    pub files: Vec<WrittenFile>,
}

impl Exported {
    /// Tells whether something is missing from the figures.
    pub fn is_incomplete(&self) -> bool {
        self.lacks_sales() || self.is_provisional() || self.income_without_value() > 0
    }

    /// Returns the number of rows: sales of the form, or income if nothing else was asked for.
    pub fn rows(&self) -> u64 {
        let income = self.income.as_ref().map(|income| income.total().rows);
        match self.has_sales {
            true => self.totals.of(None).rows,
            false => income.unwrap_or_default(),
        }
    }

    /// Tells whether sells or pools are missing from the figures.
    pub fn lacks_sales(&self) -> bool {
        self.totals.unmatched_rows > 0 || !self.pools.is_empty()
    }

    /// Tells whether movements that nobody has decided may change the figures.
    pub fn is_provisional(&self) -> bool {
        !self.undecided.is_empty()
    }

    /// Counts the rows of income whose value nobody knows.
    pub fn income_without_value(&self) -> u64 {
        let total = self.income.as_ref().map(|income| income.total());
        total.map_or(0, |total| total.without_value)
    }
}

/// Returns the assets that are digital by the spelling of their pairs alone: no known code, no
/// column and no setting says so.
pub(super) fn digital_by_pair(summaries: &[PoolSummary], rules: &TaxRules) -> BTreeSet<Asset> {
    let by_pair = PoolClass::of(AssetClass::Crypto, ClassSource::Spelling);
    let is_by_pair = |summary: &&PoolSummary| {
        let is_named = rules.boxes.names(&summary.pool, &rules.assets);
        summary.class == Some(by_pair) && !is_named
    };
    let found = summaries.iter().filter(is_by_pair);
    found
        .map(|summary| base_asset(&summary.pool, &rules.assets))
        .collect()
}
