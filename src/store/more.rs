//! The columns of a trade's more facts: their SQL, and their texts as a row has them.

use super::model::{PoolSizes, Scope};
use crate::engine::{AssetRules, MORE_COLUMNS, MoreText, Pool, STATED_COLUMNS, StatedNames};

/// The texts of one row's more facts, in the order of [`MORE_COLUMNS`].
#[derive(Debug, Default)]
pub(super) struct MoreRow(pub(super) [Option<String>; MORE_COLUMNS.len()]);

impl MoreRow {
    /// Takes the cells of a row, numbers in a database's own format.
    pub(super) fn fill(&mut self, cells: &[Option<&[u8]>], number: impl Fn(&[u8]) -> String) {
        for ((cell, name), bytes) in self.0.iter_mut().zip(MORE_COLUMNS).zip(cells) {
            *cell = bytes.map(|bytes| match is_number(name) {
                true => number(bytes),
                false => String::from_utf8_lossy(bytes).into_owned(),
            });
        }
    }

    /// Returns the facts as the engine reads them.
    pub(super) fn text(&self) -> MoreText<'_> {
        MoreText(self.0.each_ref().map(Option::as_deref))
    }
}

/// Returns the columns that name the pools of a row, in order, as SQL.
pub(super) fn name_columns() -> String {
    format!("account, symbol, {}", STATED_COLUMNS.join(", "))
}

/// Account, symbol, and the facts that say what the symbol is, as [`name_columns`] names them.
pub(super) type RowNames = (String, String, StatedNames);

/// Returns the pools in which a row may have legs, the base first.
pub(super) fn pools_of(rules: &AssetRules, names: &RowNames) -> Vec<Pool> {
    rules.pools_of_row(&names.0, &names.1, &names.2)
}

/// Adds the rows of one group of [`name_columns`] to the sizes of the pools of a scope.
pub(super) fn add_size(
    sizes: &mut PoolSizes,
    (scope, rules): (&Scope, &AssetRules),
    names: &RowNames,
    rows: i64,
) {
    for pool in pools_of(rules, names) {
        if scope.contains(&pool) {
            let of_pool = sizes.rows.entry(pool.clone()).or_default();
            *of_pool += u64::try_from(rows).unwrap_or(0);
            let symbols = sizes.symbols.entry(pool).or_default();
            symbols.insert(names.1.clone());
        }
    }
}

/// Returns the columns as SQL, with `before` before each name.
pub(super) fn columns(before: &str) -> String {
    MORE_COLUMNS
        .map(|name| format!("{before}{name}"))
        .join(", ")
}

/// Tells whether a column has numbers. The others have text.
pub(super) fn is_number(column: &str) -> bool {
    matches!(
        column,
        "quote_value" | "usd_value" | "fee_amount" | "fee_usd_value" | "contract_size"
    )
}

/// Returns the condition of the rows that have any of the facts. The index of these rows has the
/// same condition.
pub(super) fn any() -> String {
    MORE_COLUMNS
        .map(|name| format!("{name} IS NOT NULL"))
        .join(" OR ")
}
