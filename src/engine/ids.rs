//! Names: account, symbol, order, pool. Each has a type of its own, so that no code swaps two.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::policy::TEXT_BYTES_MAX;
use super::text::{is_hidden, is_other_blank, is_plain, shown};

/// Why a text can't be an account, a symbol or an order id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// Longer than [`TEXT_BYTES_MAX`] bytes.
    #[error("has {0} bytes, more than the {TEXT_BYTES_MAX} allowed")]
    TooLong(usize),
    /// A control or invisible character, or one without a picture. Also a blank other than the
    /// plain one, or a blank at either end (anywhere, in a symbol).
    #[error("has {}", name_of(*.0))]
    BadCharacter(char),
    /// A hundredth of a pound. In capitals it would be read as pounds.
    #[error("ends in GBp, which are pence: write GBP, and prices in pounds")]
    Pence,
}

/// Describes a character that a name may not have: it is invisible, or looks like another one.
fn name_of(c: char) -> String {
    let number = c as u32;
    match c {
        c if c.is_control() => format!("the control character U+{number:04X}"),
        c if is_hidden(c) => format!("the invisible character U+{number:04X}"),
        c if is_other_blank(c) => format!("U+{number:04X}, which looks like a plain blank"),
        c if !is_plain(c) => format!("U+{number:04X}, which has no picture that is agreed on"),
        _ => format!("a misplaced blank, U+{number:04X}"),
    }
}

/// Checks a name that a ledger holds. Errors: an import would refuse it.
pub(super) fn check_text(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(IdError::TooLong(text.len()));
    }
    // Nearly every name is of these bytes alone.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    if let Some(bad) = text.chars().find(|c| !is_plain(*c)) {
        return Err(IdError::BadCharacter(bad));
    }
    match (text.chars().next(), text.chars().next_back()) {
        (Some(c), _) | (_, Some(c)) if c.is_whitespace() => Err(IdError::BadCharacter(c)),
        (_, Some(c)) if c.is_whitespace() => Err(IdError::BadCharacter(c)),
        _ => Ok(()),
    }
}

/// The character between an order id and the number of its correction: `<id>~2`.
pub const CORRECTION_MARK: char = '~';

/// Hexadecimal digits of the hash in an id that an import makes of a row's facts: 80 bits.
pub const MADE_HASH_DIGITS: usize = 20;

/// The number of an execution's first correction.
const CORRECTION_FIRST: u32 = 2;

/// Splits the id of a correction: `A-1~2` is the second form of `A-1`.
///
/// `None`: the id is not that of a correction. The number of a correction is 2 or more, without
/// leading zeros.
pub fn split_correction(id: &str) -> Option<(&str, u32)> {
    let (of, number) = id.rsplit_once(CORRECTION_MARK)?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let number = number
        .parse()
        .ok()
        .filter(|number| *number >= CORRECTION_FIRST)?;
    (is_plain && !of.is_empty()).then_some((of, number))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Order: by bytes. Cheap to clone.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Makes a name of any text of a ledger, also if the text breaks the rules, so that
            /// messages can name it.
            pub fn unreadable(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // A valid name is shown as it is. Any other may have characters that a terminal
                // obeys.
                match check_text(&self.0) {
                    Ok(()) => f.pad(&self.0),
                    Err(_) => shown(&self.0).fmt(f),
                }
            }
        }
    };
}

text_id! {
    /// An account at a bot or an exchange. Lots are never shared between accounts.
    Account
}

text_id! {
    /// The id of one execution, unique in its account.
    OrderId
}

text_id! {
    /// A traded symbol in its one spelling: `BTC-USD`.
    Symbol
}

text_id! {
    /// The code of a thing that is owned, or of a currency: `BTC`, `AAPL`, `EUR`.
    Asset
}

impl FromStr for Account {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        check_text(text)?;
        Ok(Self(text.into()))
    }
}

impl Default for Account {
    /// The account of a ledger that names none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for OrderId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        check_text(text)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for Symbol {
    type Err = IdError;

    /// Reads a symbol in any spelling: letters become ASCII upper case, `/` becomes `-`.
    fn from_str(text: &str) -> Result<Self, IdError> {
        check_text(text)?;
        if let Some(bad) = text.chars().find(|c| c.is_whitespace()) {
            return Err(IdError::BadCharacter(bad));
        }
        if text.ends_with("GBp") {
            return Err(IdError::Pence);
        }
        Ok(Self(text.to_ascii_uppercase().replace('/', "-").into()))
    }
}

impl FromStr for Asset {
    type Err = IdError;

    /// Reads a code in any case and spelling, as a [`Symbol`] is read: a share class may have a
    /// separator (`BRK-B`).
    fn from_str(text: &str) -> Result<Self, IdError> {
        let Symbol(code) = text.parse()?;
        Ok(Self(code))
    }
}

impl Asset {
    /// Names an asset by a symbol.
    pub fn of_symbol(symbol: &Symbol) -> Self {
        Self(Arc::clone(&symbol.0))
    }
}

/// One (account, asset): the trades that share lots.
///
/// ```
/// use fifo_pnl::engine::Pool;
/// let pool: Pool = Pool::new("default".parse()?, "btc".parse()?);
/// assert_eq!(pool.to_string(), "default BTC");
/// # Ok::<(), fifo_pnl::engine::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pool {
    /// Account of the lots.
    pub account: Account,
    /// The asset that the lots are of. If pools are by symbol, the symbol.
    pub asset: Asset,
}

impl Pool {
    /// Names a pool.
    pub fn new(account: Account, asset: Asset) -> Self {
        Self { account, asset }
    }

    /// Returns the pool's name as a symbol, for settings by symbol.
    pub fn as_symbol(&self) -> Symbol {
        Symbol::unreadable(self.asset.as_str())
    }

    /// Returns the symbol of one of the pool's trades. A trade without one has the pool's name.
    pub fn symbol_of<'a>(&'a self, symbol: Option<&'a str>) -> &'a str {
        symbol.unwrap_or(self.asset.as_str())
    }
}

/// Account and asset as text, to find a pool in a map of pools without making a `Pool`.
///
/// ```
/// use fifo_pnl::engine::{Pool, PoolNames};
/// use std::collections::BTreeMap;
/// let pool = Pool::new("main".parse()?, "BTC".parse()?);
/// let pools = BTreeMap::from([(pool, 1)]);
/// assert_eq!(pools.get(&("main", "BTC") as &dyn PoolNames), Some(&1));
/// # Ok::<(), fifo_pnl::engine::IdError>(())
/// ```
pub trait PoolNames {
    /// Returns account and asset.
    fn names(&self) -> (&str, &str);
}

impl PoolNames for Pool {
    fn names(&self) -> (&str, &str) {
        (self.account.as_str(), self.asset.as_str())
    }
}

impl PoolNames for (&str, &str) {
    fn names(&self) -> (&str, &str) {
        *self
    }
}

impl PartialEq for dyn PoolNames + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for dyn PoolNames + '_ {}

impl PartialOrd for dyn PoolNames + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of pools: by bytes, the account first.
impl Ord for dyn PoolNames + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl<'a> Borrow<dyn PoolNames + 'a> for Pool {
    fn borrow(&self) -> &(dyn PoolNames + 'a) {
        self
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account, self.asset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_pools() {
        let names = [
            ("a", "B"),
            ("a", "C"),
            ("a b", "A"),
            ("ab", "A"),
            ("b", "A"),
        ];
        for one in &names {
            for other in &names {
                let pool = |(account, symbol): &(&str, &str)| {
                    Pool::new(account.parse().unwrap(), symbol.parse().unwrap())
                };
                let by_names = (one as &dyn PoolNames).cmp(other as &dyn PoolNames);
                assert_eq!(by_names, pool(one).cmp(&pool(other)), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn three_spellings_are_one_symbol() {
        for text in ["BTC/USD", "btc-usd", "BTC-USD"] {
            assert_eq!(text.parse::<Symbol>().unwrap().as_str(), "BTC-USD");
        }
    }

    #[test]
    fn the_id_of_a_correction_names_its_original() {
        assert_eq!(split_correction("A-1~2"), Some(("A-1", 2)));
        assert_eq!(split_correction("A~2~13"), Some(("A~2", 13)));
        assert_eq!(split_correction("A~4294967295"), Some(("A", u32::MAX)));
        for id in [
            "A",
            "A~",
            "~2",
            "A~1",
            "A~02",
            "A~+2",
            "A~2 ",
            "A~4294967296",
            "A~two",
        ] {
            assert_eq!(split_correction(id), None, "{id}");
        }
    }

    #[test]
    fn invisible_characters_are_refused_in_every_name() {
        for hidden in [
            0xad, 0x61c, 0x34f, 0x115f, 0x1160, 0x17b4, 0x180e, 0x200b, 0x200e, 0x2028, 0x2029,
            0x202e, 0x2060, 0x2064, 0x206a, 0x2800, 0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff9,
            0x1d159, 0xe0041, 0xe0100,
        ] {
            let c = char::from_u32(hidden).unwrap();
            let text = format!("A{c}B");
            let message = format!("has the invisible character U+{hidden:04X}");
            let errors = [
                text.parse::<OrderId>().unwrap_err(),
                text.parse::<Account>().unwrap_err(),
                text.parse::<Symbol>().unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error, IdError::BadCharacter(c));
                assert_eq!(error.to_string(), message);
            }
        }
        for name in ["Zoë", "山田 太郎", "naïve-1", "עברית", "हिन्दी"] {
            assert!(name.parse::<Account>().is_ok(), "{name}");
        }
    }

    #[test]
    fn two_names_that_look_the_same_are_refused_in_every_name() {
        let looks_blank = "looks like a plain blank";
        let no_picture = "has no picture that is agreed on";
        for (bad, why) in [
            (0xa0, looks_blank),
            (0x1680, looks_blank),
            (0x2000, looks_blank),
            (0x200a, looks_blank),
            (0x202f, looks_blank),
            (0x205f, looks_blank),
            (0x3000, looks_blank),
            (0xe000, no_picture),
            (0xfdd0, no_picture),
            (0xfffe, no_picture),
            (0xffff, no_picture),
            (0x1fffe, no_picture),
            (0xf0000, no_picture),
            (0x10ffff, no_picture),
        ] {
            let c = char::from_u32(bad).unwrap();
            let message = format!("has U+{bad:04X}, which {why}");
            for text in [format!("A{c}B"), format!("{c}A"), format!("A{c}")] {
                let errors = [
                    text.parse::<OrderId>().unwrap_err(),
                    text.parse::<Account>().unwrap_err(),
                    text.parse::<Symbol>().unwrap_err(),
                ];
                for error in errors {
                    assert_eq!(error.to_string(), message);
                }
            }
        }
    }

    #[test]
    fn bad_texts_are_refused() {
        assert_eq!("".parse::<OrderId>(), Err(IdError::Empty));
        assert_eq!(" a".parse::<OrderId>(), Err(IdError::BadCharacter(' ')));
        assert_eq!("a ".parse::<Account>(), Err(IdError::BadCharacter(' ')));
        assert_eq!("a\nb".parse::<Account>(), Err(IdError::BadCharacter('\n')));
        assert_eq!("BTC USD".parse::<Symbol>(), Err(IdError::BadCharacter(' ')));
        assert_eq!(
            "x".repeat(256).parse::<OrderId>(),
            Err(IdError::TooLong(256))
        );
        let message = |text: &str| text.parse::<OrderId>().unwrap_err().to_string();
        assert_eq!(message("a\nb"), "has the control character U+000A");
        assert_eq!(message(" a"), "has a misplaced blank, U+0020");
        // Names are shown so that a terminal and a reader see every character.
        let unreadable = OrderId::unreadable("A\u{202e}\u{1b}1");
        assert_eq!(unreadable.to_string(), "A\\u{202e}\\u{1b}1");
        assert!("two words".parse::<OrderId>().is_ok());
    }
}
