//! The fee of a described row: its asset, and its part in an amount.

use rust_decimal::Decimal;

use super::{Described, Faulty, Texts, text_of};
use crate::engine::{Instrument, Side, without_fee};
use crate::import::columns::Column;
use crate::import::formats::layout::OrElse;
use crate::import::rejected::Fault;

impl Described {
    /// Takes the fee out of an amount that was paid or received.
    pub(super) fn take_fee_out(&self, texts: &mut Texts<'_>) -> Result<(), Faulty> {
        let mut made = self.made.iter();
        let column = Column::QuoteValue;
        let is_net = made.any(|it| it.column == column && it.change.is_some_and(|it| it.net));
        let amount = text_of(texts, column);
        if !is_net || amount.is_empty() {
            return Ok(());
        }
        let fees = [Column::FeeAmount, Column::TotalFeesUsd].map(|fee| text_of(texts, fee));
        let fee = fees.into_iter().find(|fee| !fee.is_empty()).unwrap_or("0");
        let (Ok(amount), Ok(fee), Ok(side)) = (
            amount.parse(),
            fee.parse(),
            text_of(texts, Column::Side).to_ascii_lowercase().parse(),
        ) else {
            // The native reader names the cell at fault.
            return Ok(());
        };
        let Some(value) = without_fee(amount, fee, side) else {
            let fault = Fault::new("expected an amount that includes the fee");
            return Err((column, fault));
        };
        if let Some(text) = texts.get_mut(column as usize) {
            *text = value.to_string().into();
        }
        Ok(())
    }

    /// Checks a fee against the amount of its asset. A venue of pairs takes a part of it.
    pub(super) fn check_fee(&self, texts: &Texts<'_>, pair: &Instrument) -> Result<(), Faulty> {
        let number = |column| text_of(texts, column).parse::<Decimal>().ok();
        let currency = text_of(texts, Column::FeeCurrency);
        let amount = match currency {
            _ if self.is_own || self.layout.tickers => None,
            _ if currency == pair.base.as_str() => number(Column::Size),
            _ if currency == pair.quote.as_str() => number(Column::QuoteValue)
                .or_else(|| number(Column::Size)?.checked_mul(number(Column::Price)?)),
            _ => None,
        };
        let fee = number(Column::FeeAmount).filter(|fee| !fee.is_zero());
        match fee.zip(amount).is_some_and(|(fee, amount)| fee >= amount) {
            true => Err((
                Column::FeeAmount,
                Fault::new("expected less than the trade"),
            )),
            false => Ok(()),
        }
    }

    /// Names the asset of a fee that the file does not name. A row without a fee names no asset.
    pub(super) fn name_fee(&self, texts: &mut Texts<'_>, pair: &Instrument) {
        let made = self.made.iter();
        let mut made = made.filter(|it| it.column == Column::FeeCurrency);
        let or_else = made.next().and_then(|it| it.change?.or_else);
        let is_buy = text_of(texts, Column::Side).eq_ignore_ascii_case(Side::Buy.as_str());
        let is_named = !text_of(texts, Column::FeeCurrency).is_empty();
        let named = match (text_of(texts, Column::FeeAmount).is_empty(), or_else) {
            (true, _) => String::new(),
            (false, Some(OrElse::Received)) if is_buy && !is_named => pair.base.to_string(),
            (false, Some(_)) if !is_named => pair.quote.to_string(),
            (false, _) => return,
        };
        if let Some(currency) = texts.get_mut(Column::FeeCurrency as usize) {
            *currency = named.into();
        }
    }
}
