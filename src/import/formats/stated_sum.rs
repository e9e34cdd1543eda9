//! A number of a row that is the sum of others.

use serde::Deserialize;

/// A column whose number is the sum of other columns, to two cents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatedSum {
    /// The column of the sum.
    pub column: String,
    /// The columns that add up to it. If the first one is empty, nothing is compared.
    pub of: Vec<String>,
}
