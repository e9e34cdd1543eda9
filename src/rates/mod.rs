//! Bytes of one file to rates and rejected rows.
//!
//! Six kinds of files, recognised by their headers. Like `src/import`, this layer opens no files
//! and reads no clock. It reads a value exactly, or rejects its row. Read next: `kinds.rs` (how a
//! kind is recognised), then one reader: `ecb.rs`, `h10.rs`, `prices.rs`, `plain.rs`. Source of the
//! instants: docs/SPEC-matching.md, "Rates".

mod check;
mod collected;
mod ecb;
mod error;
mod h10;
mod kinds;
mod plain;
mod prices;

use std::collections::BTreeMap;

use crate::engine::{Asset, AssetRules, Rate, RateSource, Timestamp};
use crate::import::{FileError, RejectedRow, TableFile};
pub use check::{
    ASSET_JUMP_PERCENT, CURRENCY_JUMP_PERCENT, PAR_PERCENT, RateFinding, RateFindingKind,
    SOURCES_PERCENT, check_rates,
};
use collected::Collected;
pub use error::RateFileError;
pub use plain::PLAIN_COLUMNS;

/// Facts that a file itself does not have.
#[derive(Debug, Clone)]
pub struct RateOptions {
    /// The file's name without its folder and extension: it may say the interval of the rates.
    pub name: String,
    /// The kind of the file; `None`: its header tells.
    pub kind: Option<RateSource>,
    /// The asset that the rates are of, if the file does not name it.
    pub asset: Option<Asset>,
    /// The currency of the rates, if the file does not name it.
    pub currency: Option<Asset>,
    /// The settings, which have the one name of each asset.
    pub rules: AssetRules,
    /// A rate of a later day is rejected.
    pub now: Timestamp,
}

/// A file of rates, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateFile {
    /// The kind of the file.
    pub kind: RateSource,
    /// The rates. Order: by asset, currency and time. None has an import yet.
    pub rates: Vec<Rate>,
    /// Rows with a fault, one for each cell at fault. Order: as in the file.
    pub rejected: Vec<RejectedRow>,
    /// Rates that repeat an earlier one of the file.
    pub duplicates: u64,
    /// Cells without a rate, by what they have instead.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Rows that are not blank, without the header.
    pub rows: u64,
}

/// Reads a file of rates.
///
/// Errors: it is no file of rates, or of another kind; an asset or a currency is missing. A bad row
/// is not an error.
///
/// ```
/// use fifo_pnl::rates::{RateOptions, parse_rates};
/// let file = b"Date,USD,JPY,\n2025-03-07,1.0857,159.8,\n2025-03-06,N/A,160.1,\n";
/// let options = RateOptions {
///     name: "eurofxref-hist".into(),
///     kind: None,
///     asset: None,
///     currency: None,
///     rules: Default::default(),
///     now: "2026-01-01T00:00:00Z".parse()?,
/// };
/// let parsed = parse_rates(file, &options)?;
/// assert_eq!(parsed.rates.len(), 3);
/// assert_eq!(parsed.rates[2].at.to_string(), "2025-03-07T15:00:00.000000Z");
/// assert_eq!(parsed.skipped["N/A"], 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_rates(bytes: &[u8], options: &RateOptions) -> Result<RateFile, RateFileError> {
    let file = TableFile::try_new(bytes).map_err(|error| match error {
        FileError::Empty => RateFileError::Empty,
        error => RateFileError::File(error),
    })?;
    let mut table = file.table().map_err(RateFileError::File)?;
    let kind = kinds::kind_of(&table, options)?;
    let names_assets = matches!(kind, RateSource::Ecb | RateSource::H10 | RateSource::Plain);
    if names_assets && (options.asset.is_some() || options.currency.is_some()) {
        return Err(RateFileError::NamesAssets(kind));
    }
    let mut out = Collected::new(kind, options);
    match kind {
        RateSource::Ecb => ecb::read(&mut table, &mut out)?,
        RateSource::H10 => h10::read(&mut table, &mut out)?,
        RateSource::Plain => plain::read(&mut table, &mut out)?,
        _ => prices::read(&mut table, &mut out)?,
    }
    Ok(out.file())
}

#[cfg(test)]
mod tests;
