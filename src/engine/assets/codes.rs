//! The known codes: national currencies, metals, dollar coins, coins, and spellings of exchanges.
//!
//! `codes.csv` holds them. A code in the file can only make a symbol a pair, a coin, or refused. No
//! code makes a price a dollar price. So a code too many costs a line of settings, and a code too
//! few may cost a wrong tax box.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::engine::hash::RowsHash;

/// The file: `code,kind,asset,name`. An empty `asset` is the code itself.
const CODES_CSV: &str = include_str!("codes.csv");

/// The kind of a known code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodeKind {
    /// Money of a state. Source: ISO 4217, without fund codes; and CNH and GBX, that markets use.
    Currency,
    /// A metal, by weight.
    Metal,
    /// A coin worth one dollar, if all goes well.
    DollarCoin,
    /// Any other coin or token.
    Coin,
    /// A coin whose code is also the ticker of a widely held share.
    SharedCoin,
}

impl CodeKind {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "currency" => Some(Self::Currency),
            "metal" => Some(Self::Metal),
            "dollar coin" => Some(Self::DollarCoin),
            "coin" => Some(Self::Coin),
            "shared coin" => Some(Self::SharedCoin),
            _ => None,
        }
    }
}

/// A line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownCode {
    /// The asset that the code names: `BTC` for `XXBT`.
    pub(super) asset: &'static str,
    pub(super) kind: CodeKind,
}

static CODES: LazyLock<BTreeMap<&'static str, KnownCode>> =
    LazyLock::new(|| CODES_CSV.lines().skip(1).filter_map(line).collect());

fn line(text: &'static str) -> Option<(&'static str, KnownCode)> {
    let mut cells = text.split(',');
    let (code, kind) = (cells.next()?, CodeKind::from_text(cells.next()?)?);
    let asset = cells.next().filter(|asset| !asset.is_empty());
    let asset = asset.unwrap_or(code);
    Some((code, KnownCode { asset, kind }))
}

/// Returns all codes.
pub(super) fn all_codes() -> impl Iterator<Item = &'static str> {
    CODES.keys().copied()
}

/// Finds a code, in upper case.
pub(super) fn find_code(code: &str) -> Option<KnownCode> {
    CODES.get(code).copied()
}

/// Tells whether a code is that of a coin worth one dollar. Settings may count it as the dollar.
pub fn is_dollar_coin(code: &str) -> bool {
    kind_of_code(code) == Some(CodeKind::DollarCoin)
}

/// Returns the kind of a known code in upper case, without regard to settings.
pub fn kind_of_code(code: &str) -> Option<CodeKind> {
    find_code(code).map(|known| known.kind)
}

/// Returns the hash of the file. It is part of a version's policy, as a code can change a result.
pub fn codes_hash() -> RowsHash {
    let mut hash = RowsHash::EMPTY;
    hash.add_row(CODES_CSV.as_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_once() {
        assert_eq!(CODES_CSV.lines().next(), Some("code,kind,asset,name"));
        assert_eq!(CODES.len(), CODES_CSV.lines().count() - 1);
        for text in CODES_CSV.lines() {
            assert_eq!(text.matches(',').count(), 3, "{text}");
        }
    }

    #[test]
    fn a_spelling_has_the_kind_of_its_asset() {
        for (code, known) in CODES.iter() {
            let asset = find_code(known.asset).unwrap_or_else(|| panic!("{code}"));
            assert_eq!(
                (asset.asset, asset.kind),
                (known.asset, known.kind),
                "{code}"
            );
            assert!(
                code.bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            );
        }
    }

    #[test]
    fn the_hash_is_that_of_the_file() {
        // `sha256sum src/engine/assets/codes.csv`
        assert_eq!(codes_hash().to_string(), HASH_OF_FILE);
    }

    const HASH_OF_FILE: &str = "f5c104c10eb614c658fdbc93e8190dfd6d213585ffa1b95d7ad9b057499938c1";
}
