//! The columns of more facts in a ledger that was there before us.
//!
//! They are read if they are there. A fee in another currency needs its amount and its currency,
//! and counts only in a row without a fee in dollars.

use super::column::{CatalogColumn, FactType, Mapped, map_column};
use crate::engine::{MORE_COLUMNS, may_name_currency};
use crate::store::{LedgerFault, more};

/// The words for a column that is not there. People do not see them.
const ABSENT: &str = "none";

/// Maps the columns. `fee` is the SQL of the fee in dollars.
///
/// Errors: all columns that can't be read.
pub(super) fn map(found: &[CatalogColumn], fee: &str) -> Result<Vec<Mapped>, Vec<LedgerFault>> {
    let has_pair = column(found, "fee_amount").is_some() && column(found, "fee_currency").is_some();
    let (mut columns, mut faults) = (Vec::new(), currencies(found));
    for name in MORE_COLUMNS {
        let is_fee = name.starts_with("fee_");
        let there = column(found, name).filter(|_| has_pair || !is_fee);
        let (kind, missing) = match more::is_number(name) {
            true => (FactType::Number, "NULL::numeric"),
            false => (FactType::Text, "NULL::text COLLATE \"C\""),
        };
        let source = there.map_or(name, |there| there.name.as_str());
        let mut mapped = match map_column(source, kind, there, Some((missing, ABSENT))) {
            Ok(mapped) => mapped,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        name.clone_into(&mut mapped.column.name);
        if source != name {
            mapped.column.words = format!("{}, from {source}", mapped.column.words);
        }
        if there.is_some() && kind == FactType::Text {
            mapped.sql = format!("nullif({}, '')", mapped.sql);
        }
        if there.is_some() && is_fee {
            mapped.sql = format!("CASE WHEN {fee} IS NULL THEN {} END", mapped.sql);
            mapped.column.words = format!("{}, without total_fees_usd", mapped.column.words);
        }
        columns.push(mapped);
    }
    match faults.is_empty() {
        true => Ok(columns),
        false => Err(faults),
    }
}

const QUOTE_CURRENCY: &str = "quote_currency";

/// Other names of columns, which another program may have given them. A column that names the
/// currency of a price is never left alone: the price would be read as dollars.
const OTHER_NAMES: [(&str, &[&str]); 2] = [
    (
        QUOTE_CURRENCY,
        &[
            "currency",
            "ccy",
            "quote_ccy",
            "price_currency",
            "price_ccy",
            "quote_asset",
        ],
    ),
    (
        "fee_currency",
        &[
            "fee_ccy",
            "fee_asset",
            "commission_currency",
            "commission_asset",
        ],
    ),
];

/// Lists the columns that may name a currency, and are not read. A column `quote_currency` settles
/// the currency of prices.
fn currencies(found: &[CatalogColumn]) -> Vec<LedgerFault> {
    let known = |name: &str| {
        let mut others = OTHER_NAMES.iter().flat_map(|(_, others)| others.iter());
        MORE_COLUMNS.contains(&name) || others.any(|other| *other == name)
    };
    if found.iter().any(|found| found.name == QUOTE_CURRENCY) {
        return Vec::new();
    }
    let is_text = |kind: &str| matches!(kind, "text" | "character varying" | "character");
    let open = found.iter().filter(|found| {
        let name = found.name.as_str();
        may_name_currency(name) && is_text(&found.kind) && !known(name)
    });
    open.map(|found| LedgerFault::Currency(found.name.clone()))
        .collect()
}

/// Finds a column by its name, then by another one.
fn column<'f>(found: &'f [CatalogColumn], name: &str) -> Option<&'f CatalogColumn> {
    let others = OTHER_NAMES.iter().filter(|(of, _)| *of == name);
    let names = [name]
        .into_iter()
        .chain(others.flat_map(|(_, others)| others.iter().copied()));
    let mut columns = names.filter_map(|name| found.iter().find(|found| found.name == name));
    columns.next()
}

/// Tells whether a person should see a column: the facts of nearly every ledger are absent.
pub(super) fn is_shown(mapped: &Mapped) -> bool {
    !MORE_COLUMNS.contains(&mapped.column.name.as_str()) || mapped.column.words != ABSENT
}
