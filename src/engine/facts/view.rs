//! A view of a trade's more facts, and the form in which many trades keep a fee.

use super::{MoreFacts, OtherFee};
use crate::engine::fact::Fact;
use crate::engine::ids::Asset;
use crate::engine::number::Fee;

/// A fee in another currency than dollars, in 32 bytes: [`MoreFacts`] take six times as many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoinFee {
    currency: Asset,
    units: i64,
    /// The place of the trade, for the list that keeps the fee.
    pub(in crate::engine) place: u32,
    scale: u8,
}

/// More facts of a trade, as a list of trades keeps them. Equal facts are equal in both forms.
#[derive(Debug, Clone, Copy)]
pub enum MoreRef<'a> {
    /// A fee, and nothing else.
    Fee(&'a CoinFee),
    /// Any facts.
    All(&'a MoreFacts),
}

impl CoinFee {
    /// Returns the fee of a trade without other facts. `None`: there are others, or the amount is
    /// beyond a machine word.
    pub(in crate::engine) fn of(facts: &MoreFacts, place: u32) -> Option<Self> {
        let MoreFacts {
            base_asset: None,
            quote_currency: None,
            asset_class: None,
            quote_value: None,
            usd_value: None,
            fee:
                Some(OtherFee {
                    amount,
                    currency,
                    usd_value: None,
                }),
            contract_size: None,
        } = facts
        else {
            return None;
        };
        let amount = Fact::of_fee(*amount);
        Some(Self {
            currency: currency.clone(),
            units: amount.units().try_into().ok()?,
            place,
            scale: amount.scale(),
        })
    }

    /// Returns the same fee of a trade at another place.
    pub(in crate::engine) fn at(&self, place: u32) -> Self {
        let mut fee = self.clone();
        fee.place = place;
        fee
    }

    /// Shares the name of the currency with another fee, if both have the same.
    pub(in crate::engine) fn share_currency(&mut self, other: &Self) {
        if self.currency == other.currency {
            self.currency = other.currency.clone();
        }
    }

    /// Returns the amount. Units: the currency; negative is a rebate.
    pub fn amount(&self) -> Fee {
        Fact::of_parts(self.units.into(), self.scale).to_fee()
    }
}

impl<'a> MoreRef<'a> {
    /// Returns the facts, if they are more than a fee.
    pub fn others(self) -> Option<&'a MoreFacts> {
        match self {
            Self::Fee(_) => None,
            Self::All(facts) => Some(facts),
        }
    }

    /// Returns the currency of the fee.
    pub fn fee_currency(self) -> Option<&'a Asset> {
        match self {
            Self::Fee(fee) => Some(&fee.currency),
            Self::All(facts) => facts.fee.as_ref().map(|fee| &fee.currency),
        }
    }

    /// Returns the amount of the fee. Units: its currency.
    pub fn fee_amount(self) -> Option<Fee> {
        match self {
            Self::Fee(fee) => Some(fee.amount()),
            Self::All(facts) => facts.fee.as_ref().map(|fee| fee.amount),
        }
    }

    /// Returns the facts as an owned value.
    pub fn to_facts(self) -> MoreFacts {
        match self {
            Self::Fee(fee) => MoreFacts {
                fee: Some(OtherFee {
                    amount: fee.amount(),
                    currency: fee.currency.clone(),
                    usd_value: None,
                }),
                ..MoreFacts::default()
            },
            Self::All(facts) => facts.clone(),
        }
    }
}

impl PartialEq for MoreRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_facts() == other.to_facts()
    }
}

impl Eq for MoreRef<'_> {}
