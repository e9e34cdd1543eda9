//! The fee of a described row: its asset, and its part in an amount.

use csv::StringRecord;
use rust_decimal::Decimal;

use super::{Described, Faulty, Texts, text_of};
use crate::engine::{Asset, AssetRules, Instrument, LedgerTrade, Side, without_fee};
use crate::import::columns::Column;
use crate::import::formats::amounts::{FeeKind, check_fee, decimal};
use crate::import::formats::layout::OrElse;
use crate::import::formats::made_texts::cell;
use crate::import::formats::numbers::plain;
use crate::import::rejected::Fault;

impl Described {
    /// Tells whether a sale brought less than its fee: then it cost money.
    pub(super) fn is_below_fee(&self, texts: &Texts<'_>, cells: &StringRecord) -> bool {
        let money = self.agreements.money.map(|place| {
            let money = plain(cell(cells, place), self.layout.numbers());
            decimal(&money)
        });
        let fee = decimal(text_of(texts, Column::TotalFeesUsd));
        let is_sale = text_of(texts, Column::Side).eq_ignore_ascii_case(Side::Sell.as_str());
        let is_less = |(money, fee): (Decimal, Decimal)| money.is_sign_negative() && -money < fee;
        self.is_net() && is_sale && money.flatten().zip(fee).is_some_and(is_less)
    }

    /// Tells whether the fee is in the amount that was paid or received.
    fn is_net(&self) -> bool {
        let mut made = self.made.iter();
        made.any(|it| it.column == Column::QuoteValue && it.change.is_some_and(|it| it.net))
    }

    /// Takes the fee out of an amount that was paid or received.
    pub(super) fn take_fee_out(
        &self,
        texts: &mut Texts<'_>,
        cells: &StringRecord,
    ) -> Result<(), Faulty> {
        let column = Column::QuoteValue;
        let amount = text_of(texts, column);
        if !self.is_net() || amount.is_empty() {
            return Ok(());
        }
        if self.is_below_fee(texts, cells) {
            let number = |column| decimal(text_of(texts, column));
            let value = number(Column::TotalFeesUsd).zip(number(column));
            let value = value.and_then(|(fee, cost)| fee.checked_sub(cost));
            if let (Some(value), Some(text)) = (value, texts.get_mut(column as usize)) {
                *text = value.normalize().to_string().into();
            }
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

    /// Refuses a fee as large as its trade. `assets`: base and quote, if the symbol names them.
    pub(super) fn check_fee(
        &self,
        row: &LedgerTrade,
        assets: Option<[Asset; 2]>,
        rules: &AssetRules,
    ) -> Result<(), Faulty> {
        let Some(assets) = assets.filter(|_| !self.is_own) else {
            return Ok(());
        };
        let fees = match self.layout.tickers {
            true => FeeKind::Flat,
            false => FeeKind::Part,
        };
        let pair = assets.each_ref().map(Asset::as_str);
        let kind_of = |code: &str| rules.kind_of(code);
        let columns = [Column::FeeAmount, Column::TotalFeesUsd];
        let is_made = |column: &Column| self.made.iter().any(|made| made.column == *column);
        let column = columns.into_iter().find(is_made);
        let column = column.unwrap_or(Column::FeeAmount);
        check_fee(&row.trade, pair, kind_of, fees).map_err(|fault| (column, fault))
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
