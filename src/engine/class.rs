//! The class of an asset: what kind of thing it is, as the tax rules tell things apart.
//!
//! Each row of a pool says it for itself. [`PoolClass`] is what all rows of a pool say together.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::issue::words;

/// The class of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetClass {
    /// A digital asset.
    Crypto,
    /// A share, fund or bond.
    Security,
    /// A national currency that is bought and sold.
    Fx,
    /// A contract for later delivery.
    Future,
}

impl AssetClass {
    /// Returns the word for files and databases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crypto => "crypto",
            Self::Security => "security",
            Self::Fx => "fx",
            Self::Future => "future",
        }
    }
}

impl fmt::Display for AssetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

words! {
    /// The source of an asset's class, the strongest first.
    ClassSource {
        /// The column `asset_class` of a trade.
        Column = "column",
        /// The settings of a symbol.
        Symbol = "symbol",
        /// The settings of an account.
        Account = "account",
        /// The known code of the asset.
        Code = "code",
        /// The spelling of a symbol: the base of a pair, or a ticker.
        Spelling = "spelling",
        /// The asset paid for another one, or paid a fee.
        Payment = "payment",
    }
}

/// The class that the rows of a pool give its asset, by the strongest source among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolClass {
    /// The class. `None`: the rows of this source give several.
    pub class: Option<AssetClass>,
    /// Its source.
    pub source: ClassSource,
}

impl PoolClass {
    /// Makes the class that one row gives.
    pub fn of(class: AssetClass, source: ClassSource) -> Self {
        Self {
            class: Some(class),
            source,
        }
    }

    /// Returns the class by these and other rows: the same one in any order of the rows.
    ///
    /// ```
    /// use fifo_pnl::engine::{AssetClass, ClassSource, PoolClass};
    /// let ticker = PoolClass::of(AssetClass::Security, ClassSource::Spelling);
    /// let pair = PoolClass::of(AssetClass::Crypto, ClassSource::Spelling);
    /// assert_eq!(ticker.and(pair).class, None);
    /// let column = PoolClass::of(AssetClass::Security, ClassSource::Column);
    /// assert_eq!(ticker.and(pair).and(column), column);
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self.source.cmp(&other.source) {
            Ordering::Less => self,
            Ordering::Greater => other,
            Ordering::Equal => Self {
                class: self.class.filter(|class| other.class == Some(*class)),
                ..self
            },
        }
    }

    /// Tells whether a column or settings say that one of both is a security, and the other is a
    /// coin. A payment says little, and so does a ticker that nobody explains.
    pub fn contradicts(self, other: Self) -> bool {
        let is_share =
            |of: Self| of.class == Some(AssetClass::Security) && of.source <= ClassSource::Account;
        let is_coin =
            |of: Self| of.class == Some(AssetClass::Crypto) && of.source < ClassSource::Payment;
        is_share(self) && is_coin(other) || is_coin(self) && is_share(other)
    }

    /// Tells whether rows of one source give several classes.
    pub fn is_several(self) -> bool {
        self.class.is_none()
    }
}

/// A text that names no class of assets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of crypto, security, fx, future")]
pub struct AssetClassError;

impl FromStr for AssetClass {
    type Err = AssetClassError;

    /// Reads a class in any letter case.
    fn from_str(text: &str) -> Result<Self, AssetClassError> {
        let classes = [Self::Crypto, Self::Security, Self::Fx, Self::Future];
        let named = |class: &Self| text.eq_ignore_ascii_case(class.as_str());
        classes.into_iter().find(named).ok_or(AssetClassError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_reads_back_and_no_other_word_is_one() {
        for word in ["crypto", "security", "fx", "future"] {
            assert_eq!(word.parse::<AssetClass>().unwrap().to_string(), word);
        }
        assert_eq!("Crypto".parse(), Ok(AssetClass::Crypto));
        assert_eq!("".parse::<AssetClass>(), Err(AssetClassError));
        assert_eq!("stock".parse::<AssetClass>(), Err(AssetClassError));
    }

    #[test]
    fn a_share_and_a_coin_contradict_each_other_if_somebody_says_so() {
        use AssetClass::{Crypto, Fx, Security};
        use ClassSource::{Account, Code, Column, Payment, Spelling};
        let of = PoolClass::of;
        for (share, coin, expected) in [
            (of(Security, Column), of(Crypto, Column), true),
            (of(Security, Column), of(Crypto, Code), true),
            (of(Security, Account), of(Crypto, Spelling), true),
            (of(Security, Column), of(Crypto, Payment), false),
            (of(Security, Spelling), of(Crypto, Code), false),
            (of(Security, Column), of(Fx, Column), false),
            (of(Security, Column), of(Security, Spelling), false),
        ] {
            assert_eq!(share.contradicts(coin), expected, "{share:?} {coin:?}");
            assert_eq!(coin.contradicts(share), expected, "{coin:?} {share:?}");
        }
    }

    #[test]
    fn the_class_of_a_pool_is_the_same_in_any_order_of_its_rows() {
        use AssetClass::{Crypto, Security};
        use ClassSource::{Code, Column, Payment, Spelling};
        let rows = [
            (Crypto, Payment),
            (Security, Spelling),
            (Crypto, Spelling),
            (Crypto, Code),
            (Security, Column),
            (Crypto, Column),
        ];
        let mut all: Vec<PoolClass> = rows.map(|(class, from)| PoolClass::of(class, from)).into();
        let several = [Spelling, Column].map(|source| PoolClass {
            class: None,
            source,
        });
        all.extend(several);
        for one in &all {
            assert_eq!(one.and(*one), *one);
            for two in &all {
                assert_eq!(one.and(*two), two.and(*one));
                for three in &all {
                    assert_eq!(one.and(two.and(*three)), one.and(*two).and(*three));
                }
            }
        }
        let of = |places: &[usize]| {
            let rows = places.iter().map(|place| all[*place]);
            rows.reduce(PoolClass::and).unwrap()
        };
        assert_eq!(of(&[0, 1]), all[1]);
        assert_eq!(of(&[1, 2]), several[0]);
        assert_eq!(of(&[1, 2, 3]), all[3]);
        assert_eq!(of(&[1, 2, 3, 4]), all[4]);
        assert_eq!(of(&[4, 3, 5]), several[1]);
    }
}
