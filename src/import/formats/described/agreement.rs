//! Checks that the columns of a described trade agree: signs with the side, money with the price.

use csv::StringRecord;
use rust_decimal::Decimal;

use super::{Described, Faulty, Texts, text_of};
use crate::engine::{CodeKind, Side};
use crate::import::columns::Column;
use crate::import::formats::RowFormat;
use crate::import::formats::amounts::{BIT, CENT, StatedAmounts, decimal, floor_of};
use crate::import::formats::layout::{Layout, PaidMoney};
use crate::import::formats::made_texts::{PlacedPart, cell, joined, placed, says};
use crate::import::formats::numbers::{is_zero, plain};
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint};

/// Money of a person's own table may be off size x price by this part of it.
const OFF_MAX: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// Money of a broker may have small fees in it that the row does not state: this part of it.
const SMALL_FEES: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

const FAR: &str = "expected about size x price: bonds, options and futures, with more than one \
                   unit a contract, are not computed";
const NEAR: &str = "expected about size x price";
/// Value, fee and cost are each rounded.
const CENTS: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

const OTHER_COST: &str = "expected the money and the fee together: the premium of an option may be \
                          in it";
const OTHER_CURRENCY: &str = "expected size x price: the price is in another currency than the \
                              base, or no price of one share: export with Price Currency";
const NO_CURRENCY: &str = "expected the currency of the price";
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
    /// The column of the cost of a trade that opens one.
    pub(super) basis: Option<usize>,
    /// The money is size x price and the fee together.
    is_exact: bool,
    /// The column of a sum, and those that add up to it.
    sum: Option<(usize, Vec<usize>)>,
    /// The currency of the money, if it may be another one than that of the price.
    currency: Vec<PlacedPart>,
    /// The template of the currency of the price, if the table has one.
    of_price: Option<Vec<PlacedPart>>,
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
        let of_price = paid.and_then(|paid| paid.price_currency.as_deref());
        Self {
            // Some files have no such column.
            of_price: of_price.map(|text| placed(text, &place, before).unwrap_or_default()),
            quantity: layout.signed.as_deref().and_then(&place),
            money: paid.and_then(|paid| place(&paid.column)),
            opens: layout.opens.as_deref().and_then(&place),
            basis: layout.basis.as_deref().and_then(&place),
            is_exact: paid.is_some_and(|paid| paid.exact),
            sum: layout.sum.as_ref().and_then(|sum| {
                let of = sum.of.iter().map(|column| place(column));
                Some((place(&sum.column)?, of.collect::<Option<Vec<usize>>>()?))
            }),
            currency: currency.unwrap_or_default(),
        }
    }

    /// Returns the places of the columns with numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        let places = [self.quantity, self.money, self.basis];
        let of_sum = self.sum.iter();
        let of_sum = of_sum.flat_map(|(sum, of)| std::iter::once(*sum).chain(of.iter().copied()));
        places.into_iter().flatten().chain(of_sum)
    }
}

impl Described {
    /// Checks that the numbers of a trade agree, and that a row of a broker names its currency.
    pub(super) fn check_agreement(
        &self,
        texts: &Texts<'_>,
        cells: &StringRecord,
        quote: &mut dyn FnMut() -> Option<CodeKind>,
    ) -> Result<(), Faulty> {
        if self.lacks_currency(texts) {
            return Err((Column::QuoteCurrency, Fault::new(NO_CURRENCY)));
        }
        self.check_money(texts, cells, quote)?;
        let sum = self.sum_fault(cells);
        sum.map_or(Ok(()), |(_, _, fault)| Err((Column::QuoteValue, fault)))
    }

    /// Checks that signs are those of the side, and that the money is size x price. Another sign
    /// reverses a trade. Other money is that of a bond, an option or a future, or a spreadsheet
    /// changed a number.
    fn check_money(
        &self,
        texts: &Texts<'_>,
        cells: &StringRecord,
        quote: &mut dyn FnMut() -> Option<CodeKind>,
    ) -> Result<(), Faulty> {
        let is_sale = text_of(texts, Column::Side).eq_ignore_ascii_case(Side::Sell.as_str());
        let number = |place: usize| plain(cell(cells, place), self.layout.numbers());
        if let Some(place) = self.agreements.quantity {
            check_sign(&number(place), is_sale).map_err(|fault| (Column::Size, fault))?;
        }
        if let Some(place) = self.agreements.opens {
            let codes = cell(cells, place);
            check_position(codes, is_sale).map_err(|fault| (Column::Status, fault))?;
            let basis = self
                .agreements
                .basis
                .filter(|_| !is_sale && has_code(codes, "O"));
            let basis = basis.map(number);
            if basis.is_some_and(|basis| is_other_cost(&basis, texts)) {
                return Err((Column::UsdValue, Fault::new(OTHER_COST)));
            }
        }
        let of_value = |why: &'static str| Err((Column::QuoteValue, Fault::new(why)));
        let Some(place) = self.agreements.money else {
            let value = StatedAmounts::of(texts, text_of(texts, Column::QuoteValue));
            let value = value.filter(|it| !self.is_own && !it.is_exact());
            let is_far = value.is_some_and(|it| it.is_far(floor_of(quote())));
            return if is_far { of_value(NEAR) } else { Ok(()) };
        };
        let money = number(place);
        if self.agreements.is_exact {
            let allowed = if quote() == Some(CodeKind::Coin) {
                BIT
            } else {
                CENT
            };
            return match is_off(&money, texts, is_sale, allowed) {
                true => of_value(OFF),
                false => Ok(()),
            };
        }
        if !self.is_below_fee(texts, cells) {
            check_sign(&money, !is_sale).map_err(|fault| (Column::QuoteValue, fault))?;
        }
        let currency = joined(&self.agreements.currency, cells);
        if !currency.is_empty() && currency != text_of(texts, Column::QuoteCurrency) {
            return Ok(());
        }
        if self.is_own {
            return match is_far(&money, texts) {
                true => of_value(FAR),
                false => Ok(()),
            };
        }
        self.check_value(texts, cells, &money, quote)
    }

    /// Checks that the value is size x price. Rounding and a small fee may come between them.
    fn check_value(
        &self,
        texts: &Texts<'_>,
        cells: &StringRecord,
        money: &str,
        quote: &mut dyn FnMut() -> Option<CodeKind>,
    ) -> Result<(), Faulty> {
        let of_value = |why: &'static str| Err((Column::QuoteValue, Fault::new(why)));
        // A table that takes the fee out of the money has the rest as the value.
        let value = match text_of(texts, Column::QuoteValue) {
            "" => money,
            value => value,
        };
        let Some(value) = StatedAmounts::of(texts, value) else {
            return Ok(());
        };
        let part = value.part(SMALL_FEES);
        // Most rows need no more room than this, and pay for no look-up of the quote.
        if !value.is_far(part) {
            return Ok(());
        }
        let allowed = part.saturating_add(floor_of(quote()));
        match value.is_far(allowed) {
            true if self.is_price_unnamed(cells) => of_value(OTHER_CURRENCY),
            true if value.is_far(value.part(OFF_MAX)) => of_value(FAR),
            true => of_value(NEAR),
            false => Ok(()),
        }
    }

    /// Tells whether a row of a broker leaves the currency of its price open. Dollars would be a
    /// guess.
    fn lacks_currency(&self, texts: &Texts<'_>) -> bool {
        let mut made = self.made.iter().map(|made| made.column);
        let is_stated = made.any(|column| column == Column::QuoteCurrency);
        let is_empty = text_of(texts, Column::QuoteCurrency).is_empty();
        self.layout.tickers && !self.is_own && is_stated && is_empty
    }

    /// Finds a sum that is another number than its parts together. Returns its column, its text and
    /// the fault.
    pub(super) fn sum_fault(&self, cells: &StringRecord) -> Option<(String, String, Fault)> {
        let (place, parts) = self.agreements.sum.as_ref()?;
        let number = |place: usize| {
            let text = plain(cell(cells, place), self.layout.numbers());
            decimal(&text)
        };
        let sum = number(*place)?;
        let first = number(*parts.first()?)?;
        let mut rest = parts.iter().skip(1).filter_map(|place| number(*place));
        let added = rest.try_fold(first, |sum, part| sum.checked_add(part))?;
        let is_off = sum.checked_sub(added)?.abs() > CENTS;
        let names = parts.iter().map(|place| self.column_at(*place));
        let names: Vec<String> = names.collect();
        let column = self.column_at(*place);
        let why = format!("expected {} to add up to {column}", names.join(" and "));
        is_off.then(|| (column, cell(cells, *place).to_owned(), Fault::new(why)))
    }

    /// Returns the kind of the quote, by its column or the symbol.
    pub(super) fn quote_kind(
        &self,
        texts: &Texts<'_>,
        reading: &mut Reading<'_>,
    ) -> Option<CodeKind> {
        let assets = &reading.options.assets;
        match self.pair(texts, reading) {
            Ok(Some(pair)) => assets.kind_of(pair.quote.as_str()),
            _ => assets.kind_of(text_of(texts, Column::QuoteCurrency)),
        }
    }

    /// Tells whether the row could state the currency of its price, and does not.
    fn is_price_unnamed(&self, cells: &StringRecord) -> bool {
        let of_price = self.agreements.of_price.as_ref();
        of_price.is_some_and(|it| it.is_empty() || !says(it, cells, self.layout.none.as_deref()))
    }

    /// Takes the money for the value of a row that does not state the currency of its price. The
    /// currency of the money is known.
    pub(super) fn take_money(&self, texts: &mut Texts<'_>, cells: &StringRecord) {
        let Some(place) = self.agreements.money else {
            return;
        };
        if !self.is_price_unnamed(cells) {
            return;
        }
        let money = plain(cell(cells, place), self.layout.numbers());
        let money = StatedAmounts::of(texts, &money).filter(|it| !it.is_exact());
        if let (Some(money), Some(value)) = (money, texts.get_mut(Column::QuoteValue as usize)) {
            *value = money.value.to_string().into();
        }
    }
}

impl StatedAmounts {
    /// Returns the numbers of a row, if its texts are numbers.
    fn of(texts: &Texts<'_>, value: &str) -> Option<Self> {
        Some(Self {
            size: decimal(text_of(texts, Column::Size))?.abs(),
            price: decimal(text_of(texts, Column::Price))?.abs(),
            value: decimal(value)?.abs(),
        })
    }
}

/// Refuses trades of short positions: a sale that opens one, a purchase that closes one.
fn check_position(codes: &str, is_sale: bool) -> Result<(), Fault> {
    let (wrong, why) = match is_sale {
        true => (
            "O",
            "expected a sale of what is held: one that opens a short position is not read",
        ),
        false => (
            "C",
            "expected a purchase to hold: one that closes a short position is not read",
        ),
    };
    match has_code(codes, wrong) {
        true => Err(Fault::new(why)),
        false => Ok(()),
    }
}

fn has_code(codes: &str, wanted: &str) -> bool {
    let mut codes = codes.split([';', ',']).map(str::trim);
    codes.any(|code| code == wanted)
}

/// Tells whether the cost of a purchase differs from its value and fee together. A cost of zero
/// says nothing.
fn is_other_cost(basis: &str, texts: &Texts<'_>) -> bool {
    let text = |column| text_of(texts, column);
    if text(Column::FeeCurrency) != text(Column::QuoteCurrency) {
        return false;
    }
    let off = || {
        let basis = decimal(basis)?.abs();
        let value = decimal(text(Column::QuoteValue));
        let product = || decimal(text(Column::Size))?.checked_mul(decimal(text(Column::Price))?);
        let cost = value
            .or_else(product)?
            .checked_add(decimal(text(Column::FeeAmount))?)?;
        Some(!basis.is_zero() && basis.checked_sub(cost)?.abs() > CENTS)
    };
    off().unwrap_or(false)
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

/// Tells whether money of a person's own table is far from size x price. The fee may be in it.
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
        // An empty fee is unknown, and the money would say it: then it is no fee.
        let fee = match text_of(texts, Column::FeeAmount) {
            "" => Decimal::ZERO,
            _ => number(Column::FeeAmount)?,
        };
        let way = if is_sale { value } else { -value };
        let expected = way.checked_sub(fee)?;
        Some(money.parse::<Decimal>().ok()?.checked_sub(expected)?.abs() > allowed)
    };
    off().unwrap_or(false)
}
