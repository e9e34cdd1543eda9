//! The class of an asset: what kind of thing it is, as the tax rules tell things apart.

use std::fmt;
use std::str::FromStr;

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
}
