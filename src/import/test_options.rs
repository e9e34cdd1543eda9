//! The options of imports in tests.

use std::collections::BTreeMap;

use super::ImportOptions;
use crate::engine::{Size, Symbol};

/// Returns the default account, no time zone, a present in 2026, and the sizes of three lots.
pub(crate) fn options() -> ImportOptions {
    ImportOptions {
        account_default: Default::default(),
        timezone: None,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
        assets: Default::default(),
        file_name: String::new(),
        format: None,
        own_formats: Default::default(),
        decimals: Default::default(),
        columns: Default::default(),
        contract_sizes: contract_sizes(),
    }
}

fn contract_sizes() -> BTreeMap<Symbol, Size> {
    let sizes = [("EURUSD", "100000"), ("XAUUSD", "100"), ("BTCUSD", "1")];
    let parsed = sizes.map(|(symbol, size)| (symbol.parse().unwrap(), size.parse().unwrap()));
    parsed.into()
}
