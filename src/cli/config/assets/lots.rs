//! The units of a lot, for reports whose sizes are lots.
//!
//! An import writes them into its trades. So they are no part of the rules that a version records.

use std::collections::BTreeMap;
use std::path::Path;

use super::{FileSymbol, Place};
use crate::cli::config::CONFIG_FILE_DEFAULT;
use crate::cli::error::CliResult;
use crate::engine::{Size, Symbol};

/// Returns the units of a lot by symbol. Errors: a size that can't be one.
pub(in crate::cli::config) fn contract_sizes(
    symbols: &BTreeMap<String, FileSymbol>,
    path: Option<&Path>,
) -> CliResult<BTreeMap<Symbol, Size>> {
    let path = path.unwrap_or(Path::new(CONFIG_FILE_DEFAULT));
    let mut sizes = BTreeMap::new();
    for (name, written) in symbols {
        let name_in_file = format!("symbols.\"{name}\": ");
        let place = Place {
            path,
            name: name_in_file,
        };
        let text = written.contract_size.as_ref();
        let Some(size) = place.value::<Size>("contract_size", text)? else {
            continue;
        };
        if size.is_zero() {
            return Err(place.bad("contract_size is not above zero"));
        }
        let symbol: Symbol = name
            .parse()
            .map_err(|e| place.bad(format!("the name {e}")))?;
        let what = format!("{symbol} has a contract_size under another spelling, too");
        if sizes.insert(symbol, size).is_some() {
            return Err(place.bad(what));
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::File;

    /// A setting for imports is no part of the policy, so it makes no new version.
    #[test]
    fn the_units_of_a_lot_are_no_rule() {
        let text = "[symbols.\"eurusd\"]\ncontract_size = \"100000\"\n\
                    [symbols.\"BTCUSD\"]\ncontract_size = \"0.1\"\nclass = \"crypto\"\n";
        let file: File = toml::from_str(text).unwrap();
        let sizes = contract_sizes(&file.symbols, None).unwrap();
        let sizes: Vec<String> = sizes
            .iter()
            .map(|(of, size)| format!("{of} {size}"))
            .collect();
        assert_eq!(sizes, ["BTCUSD 0.1", "EURUSD 100000"]);
        let rules = file.assets().rules(None).unwrap();
        let symbols: Vec<&str> = rules.symbols.keys().map(Symbol::as_str).collect();
        assert_eq!(symbols, ["BTCUSD"]);
        for (value, expected) in [
            (
                "\"UNITS\"",
                "contract_size is \"UNITS\": it is not a number",
            ),
            ("\"0\"", "contract_size is not above zero"),
        ] {
            let text = format!("[symbols.X]\ncontract_size = {value}\n");
            let file: File = toml::from_str(&text).unwrap();
            let error = contract_sizes(&file.symbols, None).unwrap_err();
            assert_eq!(
                error.message,
                format!("fifo-pnl.toml: symbols.\"X\": {expected}")
            );
        }
    }
}
