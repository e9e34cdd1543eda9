//! Form 8949's parts and boxes, and Schedule D's lines.

use std::collections::{BTreeMap, BTreeSet};

use super::term::Term;
use crate::engine::{Symbol, SymbolRules};

/// The first tax year whose form has boxes of their own for digital assets.
pub const DIGITAL_BOXES_FROM: i16 = 2025;

/// A part of Form 8949.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormPart {
    /// Short-term.
    One,
    /// Long-term.
    Two,
}

impl FormPart {
    /// Returns the number as the form has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "I",
            Self::Two => "II",
        }
    }
}

/// A broker's report to the tax office about an account's sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reported {
    /// A 1099 that shows the basis.
    Basis,
    /// A 1099 that does not show the basis, or shows that it was not reported.
    NoBasis,
    /// No 1099.
    #[default]
    Nothing,
}

impl Reported {
    /// Returns the word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basis => "basis",
            Self::NoBasis => "no-basis",
            Self::Nothing => "none",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Basis, Self::NoBasis, Self::Nothing]
            .into_iter()
            .find(|reported| reported.as_str() == text)
    }
}

/// The kind of a symbol's asset, as Form 8949 distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssetKind {
    /// A coin or token.
    Digital,
    /// A share, a bond, a contract.
    Security,
}

/// A box of Form 8949. One is checked at the top of each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormBox {
    /// The letter, A to L.
    pub letter: char,
}

/// Letters by term, then by the broker's report.
const SECURITY_LETTERS: [[char; 3]; 2] = [['A', 'B', 'C'], ['D', 'E', 'F']];
const DIGITAL_LETTERS: [[char; 3]; 2] = [['G', 'H', 'I'], ['J', 'K', 'L']];

impl FormBox {
    /// Returns the box of a row.
    ///
    /// Source: Form 8949 (2025): boxes G to L are for transactions reported on Form 1099-DA and for
    /// digital assets. Before 2025, digital assets had the boxes A to F like all other assets.
    pub fn of(term: Term, reported: Reported, kind: AssetKind, year: i16) -> Self {
        let letters = match kind {
            AssetKind::Digital if year >= DIGITAL_BOXES_FROM => DIGITAL_LETTERS,
            _ => SECURITY_LETTERS,
        };
        let [short, long] = letters;
        let [basis, no_basis, nothing] = match term {
            Term::Short => short,
            Term::Long => long,
        };
        let letter = match reported {
            Reported::Basis => basis,
            Reported::NoBasis => no_basis,
            Reported::Nothing => nothing,
        };
        Self { letter }
    }

    /// Returns the part of the form that the box is in.
    pub fn part(self) -> FormPart {
        match self.letter {
            'A' | 'B' | 'C' | 'G' | 'H' | 'I' => FormPart::One,
            _ => FormPart::Two,
        }
    }

    /// Returns the line of Schedule D that takes the box's totals.
    pub fn schedule_d_line(self) -> &'static str {
        match self.letter {
            'A' | 'G' => "1b",
            'B' | 'H' => "2",
            'C' | 'I' => "3",
            'D' | 'J' => "8b",
            'E' | 'K' => "9",
            _ => "10",
        }
    }

    /// Returns the reference of the tax exchange format, if version 042 has one.
    ///
    /// Source: TXF specification 042, changes of 11/30/2011. The specification is older than boxes
    /// G to L.
    pub fn txf_reference(self) -> Option<u16> {
        match self.letter {
            'A' => Some(321),
            'B' => Some(711),
            'C' => Some(712),
            'D' => Some(323),
            'E' => Some(713),
            'F' => Some(714),
            _ => None,
        }
    }
}

/// The configuration's rules for the box of a sale, by account and symbol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoxRules {
    /// Reports by account and year. An absent account and year means no report.
    pub reported: BTreeMap<(String, i16), Reported>,
    /// Symbols that are no digital assets, even if they look like one.
    pub securities: BTreeSet<Symbol>,
    /// Symbols that are digital assets, even if they do not look like one.
    pub digital_assets: BTreeSet<Symbol>,
}

impl BoxRules {
    /// Returns the report about an account's sales in a year.
    pub fn reported(&self, account: &str, year: i16) -> Reported {
        let key = (account.to_owned(), year);
        self.reported.get(&key).copied().unwrap_or_default()
    }

    /// Returns a symbol's kind of asset.
    ///
    /// `BTC-USD` has a base and a dollar: a digital asset. `AAPL` and `BRK-B` are priced in USD
    /// without naming it: securities. The configuration may say otherwise.
    pub fn kind(&self, symbol: &Symbol, rules: &SymbolRules) -> AssetKind {
        if self.securities.contains(symbol) {
            return AssetKind::Security;
        }
        if self.digital_assets.contains(symbol) || base_asset(symbol, rules) != symbol.as_str() {
            return AssetKind::Digital;
        }
        AssetKind::Security
    }
}

/// Returns the asset that a symbol counts: `BTC` of `BTC-USD`, the whole symbol if it names no
/// dollar.
pub fn base_asset<'a>(symbol: &'a Symbol, rules: &SymbolRules) -> &'a str {
    let text = symbol.as_str();
    if rules.settings(symbol).priced_in_usd {
        return text;
    }
    if let Some((base, quote)) = text.rsplit_once('-') {
        return if rules.usd_quotes.contains(quote) {
            base
        } else {
            text
        };
    }
    // Without a separator, the longest dollar code is cut off: BTCUSDT counts BTC.
    let quotes = rules.usd_quotes.iter();
    let bases = quotes.filter_map(|quote| text.strip_suffix(quote.as_str()));
    bases
        .filter(|base| !base.is_empty())
        .min_by_key(|base| base.len())
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> Symbol {
        text.parse().unwrap()
    }

    #[test]
    fn boxes_lines_and_references() {
        let letter = |term, reported, kind, year| FormBox::of(term, reported, kind, year).letter;
        use AssetKind::{Digital, Security};
        use Reported::{Basis, NoBasis, Nothing};
        use Term::{Long, Short};
        let mut all = String::new();
        for kind in [Security, Digital] {
            for term in [Short, Long] {
                for reported in [Basis, NoBasis, Nothing] {
                    all.push(letter(term, reported, kind, 2025));
                }
            }
        }
        assert_eq!(all, "ABCDEFGHIJKL");
        assert_eq!(letter(Short, Nothing, Digital, 2024), 'C');
        assert_eq!(letter(Long, Nothing, Digital, 2024), 'F');
        let line = |letter| FormBox { letter }.schedule_d_line();
        let lines: Vec<&str> = ('A'..='L').map(line).collect();
        assert_eq!(
            lines,
            [
                "1b", "2", "3", "8b", "9", "10", "1b", "2", "3", "8b", "9", "10"
            ]
        );
        let parts: String = ('A'..='L')
            .map(|letter| FormBox { letter }.part().as_str().len().to_string())
            .collect();
        assert_eq!(parts, "111222111222");
        let reference = |letter| FormBox { letter }.txf_reference();
        assert_eq!(reference('F'), Some(714));
        assert_eq!(reference('G'), None);
    }

    #[test]
    fn coins_and_shares() {
        let mut rules = SymbolRules::default();
        let settings = crate::engine::SymbolSettings {
            priced_in_usd: true,
            ..Default::default()
        };
        rules.symbols.insert(symbol("BRK-B"), settings);
        let mut boxes = BoxRules::default();
        let kind = |boxes: &BoxRules, text: &str| boxes.kind(&symbol(text), &rules);
        for coin in ["BTC-USD", "btc/usdt", "BTCUSDT"] {
            assert_eq!(kind(&boxes, coin), AssetKind::Digital, "{coin}");
        }
        for share in ["AAPL", "BRK-B"] {
            assert_eq!(kind(&boxes, share), AssetKind::Security, "{share}");
        }
        boxes.securities.insert(symbol("GOLD-USD"));
        boxes.digital_assets.insert(symbol("WBTC"));
        assert_eq!(kind(&boxes, "GOLD-USD"), AssetKind::Security);
        assert_eq!(kind(&boxes, "WBTC"), AssetKind::Digital);
        assert_eq!(base_asset(&symbol("BTCUSDT"), &rules), "BTC");
        assert_eq!(base_asset(&symbol("ETH-USDC"), &rules), "ETH");
    }

    #[test]
    fn an_account_without_a_line_has_no_1099() {
        let mut boxes = BoxRules::default();
        let key = ("main".to_owned(), 2025);
        boxes.reported.insert(key, Reported::Basis);
        assert_eq!(boxes.reported("main", 2025), Reported::Basis);
        assert_eq!(boxes.reported("main", 2024), Reported::Nothing);
        assert_eq!(boxes.reported("other", 2025), Reported::Nothing);
    }
}
