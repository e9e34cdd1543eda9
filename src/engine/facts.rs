//! More facts of a trade: its assets, its class, and its value in money other than US dollars.
//!
//! Every one of them is optional, and nearly no trade has any. So a trade holds them in one part,
//! which is absent from a plain dollar trade. This file reads them. `legs.rs` says what they mean.

mod view;

use super::class::{AssetClass, AssetClassError};
use super::ids::{Asset, IdError};
use super::number::{Fee, NumberError, Size, Worth};
use super::policy::USD;
use super::text::shown;
pub use view::{CoinFee, MoreRef};

/// The columns of these facts, in the order of the ledger line.
pub const MORE_COLUMNS: [&str; 9] = [
    "base_asset",
    "quote_currency",
    "asset_class",
    "quote_value",
    "usd_value",
    "fee_amount",
    "fee_currency",
    "fee_usd_value",
    "contract_size",
];

/// The facts as text, in the order of [`MORE_COLUMNS`]; `None` is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoreText<'a>(pub [Option<&'a str>; MORE_COLUMNS.len()]);

impl<'a> MoreText<'a> {
    /// Tells whether no fact is there.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Returns the text of a column; empty if it is absent.
    pub fn of(&self, column: &str) -> &'a str {
        let mut columns = MORE_COLUMNS.iter().zip(self.0);
        let found = columns.find(|(name, _)| **name == column);
        found.and_then(|(_, text)| text).unwrap_or_default()
    }
}

/// The facts of a trade beside price, size and a fee in dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoreFacts {
    /// The traded asset, if the row names it beside its symbol.
    pub base_asset: Option<Asset>,
    /// The currency or asset of the price, if the row names it beside its symbol.
    pub quote_currency: Option<Asset>,
    /// The class of the base asset.
    pub asset_class: Option<AssetClass>,
    /// Value of the whole trade without fees. If it is there, the price is for reading only.
    /// Units: the quote currency.
    pub quote_value: Option<Worth>,
    /// Value of the whole trade without fees, as the source states it. Units: USD.
    pub usd_value: Option<Worth>,
    /// A fee in another currency than dollars.
    pub fee: Option<OtherFee>,
    /// Base units of one contract, above zero.
    pub contract_size: Option<Size>,
}

/// The fee of a whole trade in a currency or asset other than dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFee {
    /// Units: `currency`; negative is a rebate.
    pub amount: Fee,
    /// The currency or asset of the fee.
    pub currency: Asset,
    /// Value of the fee, as the source states it. Units: USD.
    pub usd_value: Option<Fee>,
}

/// A fact that can't be read, by its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoreFault {
    /// One of [`MORE_COLUMNS`].
    pub column: &'static str,
    /// The fault.
    pub why: MoreError,
}

/// Why one of [`MORE_COLUMNS`] can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoreError {
    /// The text is no code of an asset.
    #[error(transparent)]
    Code(IdError),
    /// The text is no class of assets.
    #[error(transparent)]
    Class(AssetClassError),
    /// The text is no number that a fact can be.
    #[error(transparent)]
    Number(NumberError),
    /// A contract of no units.
    #[error("is not above zero")]
    Zero,
    /// The column that this one needs is empty.
    #[error("is missing, and {0} is there")]
    Missing(&'static str),
    /// The row states its fee in two ways.
    #[error("is there, and total_fees_usd is too")]
    TwoFees,
    /// The fee is in dollars, and another amount of dollars is stated as its value.
    #[error("differs from fee_amount, which is in USD")]
    TwoValues,
}

impl MoreError {
    /// Returns the sentence about a column that has this fault.
    pub(super) fn reason(&self, found: &str) -> String {
        match self {
            Self::Missing(_) | Self::TwoFees => self.to_string(),
            _ => format!("is {}: it {self}", shown(found).quoted()),
        }
    }
}

impl MoreFacts {
    /// Reads the facts, and the fee in dollars if `fee_amount` is in dollars. `has_fee`: the row
    /// has a fee in `total_fees_usd`.
    ///
    /// Errors: the first column at fault.
    pub fn try_of(
        text: &MoreText<'_>,
        has_fee: bool,
    ) -> Result<(Option<Self>, Option<Fee>), MoreFault> {
        let [
            base,
            quote,
            class,
            quote_value,
            usd_value,
            fee_amount,
            fee_currency,
            fee_usd_value,
            contract_size,
        ] = text.0;
        let fault = |nth: usize, why| MoreFault {
            column: MORE_COLUMNS.get(nth).copied().unwrap_or_default(),
            why,
        };
        let code = |nth, text: Option<&str>| {
            let read = text.map(str::parse::<Asset>).transpose();
            read.map_err(|error| fault(nth, MoreError::Code(error)))
        };
        let worth = |nth, text: Option<&str>| {
            let read = text.map(str::parse::<Worth>).transpose();
            read.map_err(|error| fault(nth, MoreError::Number(error)))
        };
        let amount = |nth, text: Option<&str>| {
            let read = text.map(str::parse::<Fee>).transpose();
            read.map_err(|error| fault(nth, MoreError::Number(error)))
        };
        let asset_class = class.map(str::parse::<AssetClass>).transpose();
        let contract = contract_size.map(str::parse::<Size>).transpose();
        let mut facts = Self {
            base_asset: code(0, base)?,
            quote_currency: code(1, quote)?,
            asset_class: asset_class.map_err(|error| fault(2, MoreError::Class(error)))?,
            quote_value: worth(3, quote_value)?,
            usd_value: worth(4, usd_value)?,
            fee: None,
            contract_size: contract.map_err(|error| fault(8, MoreError::Number(error)))?,
        };
        if facts.contract_size.is_some_and(Size::is_zero) {
            return Err(fault(8, MoreError::Zero));
        }
        let currency = code(6, fee_currency)?;
        let fee_usd_value = amount(7, fee_usd_value)?;
        let fee = match (amount(5, fee_amount)?, currency) {
            (Some(_), _) if has_fee => return Err(fault(5, MoreError::TwoFees)),
            (Some(amount), Some(currency)) => Some(OtherFee {
                amount,
                currency,
                usd_value: fee_usd_value,
            }),
            (Some(_), None) => return Err(fault(6, MoreError::Missing("fee_amount"))),
            (None, Some(_)) => return Err(fault(5, MoreError::Missing("fee_currency"))),
            (None, None) if fee_usd_value.is_some() => {
                return Err(fault(5, MoreError::Missing("fee_usd_value")));
            }
            (None, None) => None,
        };
        let in_usd = fee.as_ref().filter(|fee| fee.currency.as_str() == USD);
        let in_usd = in_usd.map(|fee| fee.amount);
        if fee_usd_value.is_some_and(|value| in_usd.is_some_and(|amount| amount != value)) {
            return Err(fault(7, MoreError::TwoValues));
        }
        facts.fee = fee.filter(|_| in_usd.is_none());
        Ok(((facts != Self::default()).then_some(facts), in_usd))
    }

    /// Returns the facts without those that a symbol in its one spelling says already. `None`: no
    /// fact is left.
    ///
    /// `base_asset` BTC of the symbol BTC-USD is the same fact as an empty cell. A contract of one
    /// unit is the same as no contract.
    pub fn beside(mut self, symbol: &str) -> Option<Self> {
        let (base, quote) = match symbol.split_once('-') {
            Some((base, quote)) if !quote.contains('-') => (base, quote),
            _ => ("", ""),
        };
        let is_other = |code: &Asset, said: &str| code.as_str() != said;
        self.base_asset = self.base_asset.filter(|code| is_other(code, base));
        self.quote_currency = self.quote_currency.filter(|code| is_other(code, quote));
        if self.is_one_unit() {
            self.contract_size = None;
        }
        (self != Self::default()).then_some(self)
    }

    /// Tells whether a contract is one base unit.
    pub(super) fn is_one_unit(&self) -> bool {
        let size = self.contract_size;
        size.is_none_or(|size| size.to_units() == Some((1, 0)))
    }

    /// Returns the facts as text, in the order of [`MORE_COLUMNS`].
    pub fn texts(&self) -> [Option<String>; MORE_COLUMNS.len()] {
        let code = |code: &Option<Asset>| code.as_ref().map(|code| code.as_str().to_owned());
        let fee = self.fee.as_ref();
        [
            code(&self.base_asset),
            code(&self.quote_currency),
            self.asset_class.map(|class| class.to_string()),
            self.quote_value.map(|value| value.to_string()),
            self.usd_value.map(|value| value.to_string()),
            fee.map(|fee| fee.amount.to_string()),
            fee.map(|fee| fee.currency.as_str().to_owned()),
            fee.and_then(|fee| fee.usd_value)
                .map(|value| value.to_string()),
            self.contract_size.map(|size| size.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests;
