//! Form 8949's parts and boxes, and Schedule D's lines.

use std::collections::{BTreeMap, BTreeSet};

use super::term::Term;
use crate::engine::{
    Asset, AssetClass, AssetRules, Instrument, Pool, PoolsBy, StatedNames, Symbol,
};

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

/// The kind of an asset, as the tax forms distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssetKind {
    /// A coin or token.
    Digital,
    /// A share or a bond.
    Security,
    /// A currency that is traded itself.
    Currency,
    /// A contract for later delivery.
    Contract,
}

impl AssetKind {
    /// Returns class and rule of an asset whose sales are not on Form 8949.
    ///
    /// Source: 26 USC 988(a)(1)(A), 1256(a).
    pub fn not_on_form(self) -> Option<(AssetClass, &'static str)> {
        match self {
            Self::Digital | Self::Security => None,
            Self::Currency => Some((
                AssetClass::Fx,
                "gain or loss of a currency is ordinary (section 988)",
            )),
            Self::Contract => Some((
                AssetClass::Future,
                "contracts are marked to market (section 1256, Form 6781), which is not computed",
            )),
        }
    }
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
    /// Returns the box of a row. `None`: the row is not on the form.
    ///
    /// Source: Form 8949 (2025): boxes G to L are for transactions reported on Form 1099-DA and for
    /// digital assets. Before 2025, digital assets had the boxes A to F like all other assets.
    pub fn of(term: Term, reported: Reported, kind: AssetKind, year: i16) -> Option<Self> {
        let letters = match kind {
            AssetKind::Digital if year >= DIGITAL_BOXES_FROM => DIGITAL_LETTERS,
            AssetKind::Digital | AssetKind::Security => SECURITY_LETTERS,
            AssetKind::Currency | AssetKind::Contract => return None,
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
        Some(Self { letter })
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

/// The configuration's rules for the box of a sale, by account, asset and symbol.
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

    /// Tells whether a list of this configuration names a pool's asset.
    pub fn names(&self, pool: &Pool, rules: &AssetRules) -> bool {
        self.named(pool, rules).is_some()
    }

    fn named(&self, pool: &Pool, rules: &AssetRules) -> Option<AssetKind> {
        let nothing = StatedNames::default();
        let is_of_pool = |symbol: &Symbol| {
            let account = pool.account.as_str();
            *symbol == pool.as_symbol()
                || rules.pool_of_row(account, symbol.as_str(), &nothing) == *pool
        };
        let is_in = |list: &BTreeSet<Symbol>| list.iter().any(is_of_pool);
        match () {
            () if is_in(&self.securities) => Some(AssetKind::Security),
            () if is_in(&self.digital_assets) => Some(AssetKind::Digital),
            () => None,
        }
    }

    /// Returns the kind of a pool's asset.
    ///
    /// The lists of this configuration decide first; a symbol in them stands for its asset. Then
    /// the class decides that the version's run knew for the pool, then that of the asset's name:
    /// `BTC` is crypto, `AAPL` is a security, `EUR-USD` is fx. An asset that no rule knows is a
    /// security.
    pub fn kind(&self, pool: &Pool, class: Option<AssetClass>, rules: &AssetRules) -> AssetKind {
        if let Some(named) = self.named(pool, rules) {
            return named;
        }
        match class.or_else(|| instrument(pool, rules).map(|of| of.class)) {
            Some(AssetClass::Crypto) => AssetKind::Digital,
            Some(AssetClass::Fx) => AssetKind::Currency,
            Some(AssetClass::Future) => AssetKind::Contract,
            Some(AssetClass::Security) | None => AssetKind::Security,
        }
    }
}

/// Returns the asset that the sizes of a pool count. If pools are by symbol, that is the base of
/// the symbol: `BTC` of `BTC-USD`. A symbol that no rule knows is its own asset.
pub fn base_asset(pool: &Pool, rules: &AssetRules) -> Asset {
    if rules.pools == PoolsBy::Asset {
        return pool.asset.clone();
    }
    let base = instrument(pool, rules).map(|of| of.base);
    base.unwrap_or_else(|| pool.asset.clone())
}

fn instrument(pool: &Pool, rules: &AssetRules) -> Option<Instrument> {
    let found = rules.instrument(&pool.account, &pool.as_symbol(), None, None, None);
    found.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> Symbol {
        text.parse().unwrap()
    }

    #[test]
    fn boxes_lines_and_references() {
        let of = |term, reported, kind, year| FormBox::of(term, reported, kind, year);
        let letter = |term, reported, kind, year| of(term, reported, kind, year).unwrap().letter;
        use AssetKind::{Contract, Currency, Digital, Security};
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
        for kind in [Currency, Contract] {
            assert_eq!(of(Short, Basis, kind, 2025), None);
            assert!(kind.not_on_form().is_some());
        }
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
        let mut rules = AssetRules::default();
        rules
            .accounts
            .insert("ib".parse().unwrap(), AssetClass::Security);
        let settings = crate::engine::InstrumentSettings {
            quote: Some("USD".parse().unwrap()),
            class: Some(AssetClass::Crypto),
            ..Default::default()
        };
        rules.symbols.insert(symbol("OPEN"), settings);
        let mut boxes = BoxRules::default();
        let pool =
            |account: &str, text: &str| Pool::new(account.parse().unwrap(), text.parse().unwrap());
        let kind = |boxes: &BoxRules, text: &str| boxes.kind(&pool("main", text), None, &rules);
        for coin in [
            "BTC-USD", "btc/usdt", "BTCUSDT", "BTC", "SOL", "PEPE-USD", "OPEN",
        ] {
            assert_eq!(kind(&boxes, coin), AssetKind::Digital, "{coin}");
        }
        // No rule says what ABNB is.
        for share in ["AAPL", "BRK-B", "ABNB"] {
            assert_eq!(kind(&boxes, share), AssetKind::Security, "{share}");
        }
        for currency in ["EUR-USD", "USDJPY", "XAUUSD"] {
            assert_eq!(kind(&boxes, currency), AssetKind::Currency, "{currency}");
        }
        let of_account = |text: &str| boxes.kind(&pool("ib", text), None, &rules);
        assert_eq!(of_account("SOL"), AssetKind::Security);
        assert_eq!(of_account("OPEN"), AssetKind::Digital);
        // A run knows the class of a column. The lists still come first.
        let with = |boxes: &BoxRules, text: &str, class| {
            boxes.kind(&pool("main", text), Some(class), &rules)
        };
        assert_eq!(with(&boxes, "ABNB", AssetClass::Crypto), AssetKind::Digital);
        assert_eq!(
            with(&boxes, "SOL", AssetClass::Security),
            AssetKind::Security
        );
        assert_eq!(with(&boxes, "MES", AssetClass::Future), AssetKind::Contract);
        assert_eq!(with(&boxes, "EUR", AssetClass::Fx), AssetKind::Currency);
        // Who treats a currency as capital says so.
        boxes.securities.insert(symbol("EUR-USD"));
        assert_eq!(with(&boxes, "EUR", AssetClass::Fx), AssetKind::Security);
        boxes.securities.insert(symbol("GOLD-USD"));
        boxes.digital_assets.insert(symbol("WBTCX"));
        assert_eq!(kind(&boxes, "GOLD-USD"), AssetKind::Security);
        assert_eq!(kind(&boxes, "WBTCX"), AssetKind::Digital);
        // A listed symbol stands for its asset.
        assert_eq!(kind(&boxes, "GOLD"), AssetKind::Security);
        boxes.securities.insert(symbol("BTC/USDC"));
        assert_eq!(with(&boxes, "BTC", AssetClass::Crypto), AssetKind::Security);
        let asset = |text: &str| base_asset(&pool("main", text), &rules).to_string();
        assert_eq!(asset("BTC"), "BTC");
        let rules = AssetRules::by_symbol();
        let asset = |text: &str| base_asset(&pool("main", text), &rules).to_string();
        assert_eq!(asset("BTCUSDT"), "BTC");
        assert_eq!(asset("ETH-USDC"), "ETH");
        assert_eq!(asset("ABNB"), "ABNB");
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
