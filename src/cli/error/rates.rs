//! Advice about a file of rates that was not imported.

use super::import::file_hint;
use crate::rates::{PLAIN_COLUMNS, RateFileError};

/// Returns the remedy of a file of rates.
pub fn rate_file_hint(error: &RateFileError) -> String {
    let plain = PLAIN_COLUMNS.join(",");
    match error {
        RateFileError::File(error) => file_hint(error),
        RateFileError::Empty | RateFileError::NoColumn(_) => {
            format!("a plain file of rates has the columns {plain}")
        }
        RateFileError::UnknownKind(_) => format!(
            "it can be of the ECB (eurofxref-hist.csv), of release H.10, CoinGecko, Kraken or \
             Yahoo, or have the columns {plain}; `fifo-pnl import FILE` imports trades"
        ),
        RateFileError::NotEcb => "write the rates as a plain file: asset,time,currency,rate".into(),
        RateFileError::OtherKind { .. } => "leave --kind out: the header tells the kind".into(),
        RateFileError::NoAsset {
            proposed: Some((asset, currency)),
            is_way: true,
            ..
        } => format!("if its name is right, add --asset {asset} --currency {currency}"),
        RateFileError::NoAsset {
            proposed: Some((_, currency)),
            ..
        } => format!(
            "if its name is right, its prices are in {currency}, and these are refused: import \
             prices in USD or EUR; if it is wrong, name both: --asset ASSET --currency CURRENCY"
        ),
        RateFileError::NoAsset { proposed: None, .. } => {
            "name both: --asset ASSET --currency CURRENCY".into()
        }
        RateFileError::OtherPair {
            found: (_, currency),
            is_way: false,
            ..
        } => format!(
            "prices in {currency} are refused: import prices in USD or EUR; if the name is wrong, \
             rename the file"
        ),
        RateFileError::OtherPair {
            found: (asset, currency),
            ..
        } => format!(
            "add --asset {asset} --currency {currency}; if the name is wrong, rename the file"
        ),
        RateFileError::NoWay(..) => {
            "import prices in USD; or prices in EUR, with rates of EUR as the ECB has them".into()
        }
        RateFileError::NamesAssets(_) => "leave --asset and --currency out".into(),
        RateFileError::OneAsset(_) => "a rate is the value of one asset in another".into(),
        RateFileError::NoInterval(_) => {
            "keep the name that Kraken gave the file: its number of minutes tells when a price \
             was known"
                .into()
        }
        RateFileError::TwoNames { .. } => {
            "remove one of the two columns, or correct [aliases] in fifo-pnl.toml".into()
        }
        RateFileError::Unit { .. } | RateFileError::HeaderRow { .. } => {
            "export the file again with its labels, or remove the column".into()
        }
    }
}
