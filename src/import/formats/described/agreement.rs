//! Checks that the columns of a described trade agree: signs with the side, money with the price.

use csv::StringRecord;
use rust_decimal::Decimal;

use super::{Described, Faulty, Texts, text_of};
use crate::engine::{AssetRules, CodeKind, Side};
use crate::import::columns::Column;
use crate::import::formats::layout::{Layout, PaidMoney};
use crate::import::formats::made_texts::{PlacedPart, cell, joined, placed};
use crate::import::formats::numbers::{is_zero, plain};
use crate::import::rejected::{Fault, Hint};

/// Money may be off size x price by this part of it. Prices are rounded, and a contract that has
/// more than one unit is off by far more.
const OFF_MAX: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// Money of small trades is rounded to cents.
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Amounts of coins have more decimals than those of currencies.
const BIT: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

const FAR: &str = "expected about size x price: bonds, options and futures, with more than one \
                   unit a contract, are not computed";
const NEAR: &str = "expected about size x price";
const OFF: &str = "expected size x price and the fee together, below zero for a purchase";

/// Places of the columns that have to agree with a trade.
#[derive(Debug, Default)]
pub(super) struct Agreements {
    /// The column of a quantity with a sign.
    quantity: Option<usize>,
    /// The column of money with a sign.
    pub(super) money: Option<usize>,
    /// The column that says whether a trade opens a position.
    pub(super) opens: Option<usize>,
    /// The money is size x price and the fee together.
    is_exact: bool,
    /// The currency of the money, if it may be another one than that of the price.
    currency: Vec<PlacedPart>,
}

impl Agreements {
    pub(super) fn of(
        layout: &Layout,
        place: impl Fn(&str) -> Option<usize>,
        before: &[StringRecord],
    ) -> Self {
        let paid = layout.paid.as_ref();
        let currency = paid.and_then(|paid: &PaidMoney| paid.currency.as_deref());
        let currency = currency.and_then(|text| placed(text, &place, before));
        Self {
            quantity: layout.signed.as_deref().and_then(&place),
            money: paid.and_then(|paid| place(&paid.column)),
            opens: layout.opens.as_deref().and_then(&place),
            is_exact: paid.is_some_and(|paid| paid.exact),
            currency: currency.unwrap_or_default(),
        }
    }
}

impl Described {
    /// Checks that signs are those of the side, and that the money is near size x price. Another
    /// sign reverses a trade. Other money is that of a bond, an option or a future.
    pub(super) fn check_agreement(
        &self,
        texts: &Texts<'_>,
        cells: &StringRecord,
        rules: &AssetRules,
    ) -> Result<(), Faulty> {
        let is_sale = text_of(texts, Column::Side).eq_ignore_ascii_case(Side::Sell.as_str());
        let number = |place: usize| plain(cell(cells, place), self.layout.numbers());
        if let Some(place) = self.agreements.quantity {
            check_sign(&number(place), is_sale).map_err(|fault| (Column::Size, fault))?;
        }
        if let Some(place) = self.agreements.opens {
            let codes = cell(cells, place);
            check_position(codes, is_sale).map_err(|fault| (Column::Status, fault))?;
        }
        let Some(place) = self.agreements.money else {
            let is_wrong = !self.is_own && is_far(text_of(texts, Column::QuoteValue), texts);
            return match is_wrong {
                true => Err((Column::QuoteValue, Fault::new(NEAR))),
                false => Ok(()),
            };
        };
        let money = number(place);
        if self.agreements.is_exact {
            let quote = rules.kind_of(text_of(texts, Column::QuoteCurrency));
            let allowed = if quote == Some(CodeKind::Coin) {
                BIT
            } else {
                CENT
            };
            return match is_off(&money, texts, is_sale, allowed) {
                true => Err((Column::QuoteValue, Fault::new(OFF))),
                false => Ok(()),
            };
        }
        check_sign(&money, !is_sale).map_err(|fault| (Column::QuoteValue, fault))?;
        let currency = &self.agreements.currency;
        let currency = joined(currency, cells);
        let is_of_price = currency.is_empty() || currency == text_of(texts, Column::QuoteCurrency);
        match is_of_price && is_far(&money, texts) {
            true => Err((Column::QuoteValue, Fault::new(FAR))),
            false => Ok(()),
        }
    }
}

/// Refuses trades of short positions: a sale that opens one, a purchase that closes one.
fn check_position(codes: &str, is_sale: bool) -> Result<(), Fault> {
    let (wrong, why) = match is_sale {
        true => (
            "O",
            "expected a sale of what is held: one that opens a short position is not computed",
        ),
        false => (
            "C",
            "expected a purchase to hold: one that closes a short position is not computed",
        ),
    };
    let mut codes = codes.split([';', ',']).map(str::trim);
    match codes.any(|code| code == wrong) {
        true => Err(Fault::new(why)),
        false => Ok(()),
    }
}

fn check_sign(number: &str, is_negative: bool) -> Result<(), Fault> {
    if number.is_empty() || is_zero(number) || number.starts_with('-') == is_negative {
        return Ok(());
    }
    let expected = match is_negative {
        true => "expected a number below zero on this side of a trade",
        false => "expected a number above zero on this side of a trade",
    };
    Err(Fault::new(expected)
        .with_hint(Hint::TakesBack)
        .taking_back())
}

/// Tells whether money is far from size x price. The fee may be in it. The native reader names a
/// text without a number.
fn is_far(money: &str, texts: &Texts<'_>) -> bool {
    let number = |column| text_of(texts, column).parse::<Decimal>().ok();
    let fees = [Column::FeeAmount, Column::TotalFeesUsd];
    let fees = fees.into_iter().find_map(number).unwrap_or_default();
    let money = money.parse::<Decimal>().ok().map(|money| money.abs());
    let far = || {
        let value = number(Column::Size)?.checked_mul(number(Column::Price)?)?;
        let allowed = value.checked_mul(OFF_MAX)?.checked_add(fees.abs())?;
        let allowed = allowed.checked_add(CENT)?;
        Some(money?.checked_sub(value)?.abs() > allowed)
    };
    far().unwrap_or(false)
}

/// Tells whether money is another amount than size x price and the fee together.
fn is_off(money: &str, texts: &Texts<'_>, is_sale: bool, allowed: Decimal) -> bool {
    let number = |column| text_of(texts, column).parse::<Decimal>().ok();
    let off = || {
        let value = number(Column::Size)?.checked_mul(number(Column::Price)?)?;
        // Of an unknown fee, nobody can say what it adds.
        let fee = number(Column::FeeAmount)?;
        let way = if is_sale { value } else { -value };
        let expected = way.checked_sub(fee)?;
        Some(money.parse::<Decimal>().ok()?.checked_sub(expected)?.abs() > allowed)
    };
    off().unwrap_or(false)
}
