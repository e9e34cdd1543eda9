//! The options of imports in tests.

use super::ImportOptions;

/// Returns the default account, no time zone, and a present in 2026.
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
    }
}
