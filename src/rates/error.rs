//! The reasons why no row of a file of rates was read.

use crate::engine::{Asset, RateSource};
use crate::import::{FileError, quoted};

/// Why nothing of a file of rates was read. The caller writes the name of the file before it.
#[derive(Debug, thiserror::Error)]
pub enum RateFileError {
    /// No byte, or only blank lines.
    #[error("the file is empty, expected rates")]
    Empty,
    /// The file is not CSV text.
    #[error(transparent)]
    File(#[from] FileError),
    /// A header of no known kind.
    #[error("the first line is {}, expected a file of rates", quoted(.0))]
    UnknownKind(String),
    /// The header is of another kind than the caller said.
    #[error("the file is of the kind {found}, expected {named}")]
    OtherKind {
        /// The kind that the caller said.
        named: RateSource,
        /// The kind of the header.
        found: RateSource,
    },
    /// A table like one of the ECB, with euros among its columns.
    #[error("a column is EUR, and the rates of the ECB are units for one euro")]
    NotEcb,
    /// A file that does not say which asset or currency its rates are of.
    #[error("a file of the kind {kind} names no asset and no currency")]
    NoAsset {
        /// The kind of the file.
        kind: RateSource,
        /// The pair that its name suggests.
        proposed: Option<(Asset, Asset)>,
        /// That pair leads to dollars: rates of any other pair are refused.
        is_way: bool,
    },
    /// An asset or currency for a file that names its own.
    #[error("a file of the kind {0} names its assets itself")]
    NamesAssets(RateSource),
    /// A file whose rates are in the asset itself.
    #[error("asset and currency are both {0}, expected two")]
    OneAsset(Asset),
    /// A rate that has neither the dollar nor the euro.
    #[error("prices of {0} in {1} lead to no value in dollars, expected prices in USD or EUR")]
    NoWay(Asset, Asset),
    /// The file's name has another pair than the caller said.
    #[error(
        "the name {} says {} in {}, expected {} in {}",
        quoted(name), found.0, found.1, named.0, named.1
    )]
    OtherPair {
        /// The name.
        name: String,
        /// The pair that the caller said.
        named: (Asset, Asset),
        /// The pair of the name.
        found: (Asset, Asset),
        /// That pair leads to dollars: rates of any other pair are refused.
        is_way: bool,
    },
    /// The file's name has no interval.
    #[error("the name {} has no interval, expected one like \"XBTUSD_1440\"", quoted(.0))]
    NoInterval(String),
    /// A plain file without one of its columns.
    #[error("the column {0} is missing")]
    NoColumn(&'static str),
    /// Two columns of one currency.
    #[error("the header has {asset} twice{}", as_names(names))]
    TwoNames {
        /// Line of the header, from 1.
        line: u64,
        /// The currency.
        asset: Asset,
        /// Its names.
        names: [String; 2],
    },
    /// A later line of a header, whose cells may stand in wrong columns.
    #[error("row {fault}")]
    HeaderRow {
        /// The line, from 1.
        line: u64,
        /// Its fault.
        fault: &'static str,
    },
    /// A column with a unit that contradicts its name, or that the reader does not know.
    #[error("the column {} can't have the unit {}", quoted(column), quoted(unit))]
    Unit {
        /// Line of the header, from 1.
        line: u64,
        /// The column.
        column: String,
        /// Its unit.
        unit: String,
    },
}

/// Names the columns of one currency, if their names differ.
fn as_names([first, second]: &[String; 2]) -> String {
    match first == second {
        true => String::new(),
        false => format!(", as {} and as {}", quoted(first), quoted(second)),
    }
}

impl RateFileError {
    /// Returns the text to print after the file name: `:LINE: error` or `: error`.
    pub fn in_file(&self) -> String {
        match self {
            Self::File(error) => error.in_file(),
            Self::TwoNames { line, .. }
            | Self::Unit { line, .. }
            | Self::HeaderRow { line, .. } => format!(":{line}: {self}"),
            _ => format!(": {self}"),
        }
    }
}
