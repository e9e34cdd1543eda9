//! Notes of Coinbase: `Bought 2 SOL for 410.5 USDC on SOL-USDC at 205 USDC/SOL`, and
//! `Converted 0.5 ETH to 1,250.75 USDC`.

use rust_decimal::Decimal;

use super::sums::{ROUNDED, as_decimal, is_near};
use super::{CellFault, NO_PAIR, NOTES, asset_of};
use crate::engine::SignedAmount;
use crate::import::formats::joined::too_long;
use crate::import::rejected::Fault;

const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

const OTHER_TOTAL: &str = "expected the subtotal or the total of the row";
const OTHER_SIDE: &str = "expected the side of the row";
const OTHER_AMOUNT: &str = "expected the asset and the quantity of the row";

/// An amount of an asset.
pub(super) struct Amount {
    pub amount: SignedAmount,
    pub asset: String,
}

/// An amount as a note has it, which may be rounded.
pub(super) struct NotedAmount {
    pub amount: Amount,
    /// One unit of its last digit.
    last_digit: Decimal,
}

impl NotedAmount {
    /// Reads a number and the code of its asset.
    fn read(size: &str, code: &str) -> Option<Self> {
        Some(Self {
            amount: Amount {
                amount: number(size)?,
                asset: code.to_ascii_uppercase(),
            },
            last_digit: last_digit(size),
        })
    }

    /// Tells whether it is an amount of an asset.
    pub(super) fn is_of(&self, asset: &str) -> bool {
        asset_of(&self.amount.asset) == asset
    }

    /// Tells whether it is a quantity, give or take the rounding of the note.
    fn is_about(&self, quantity: SignedAmount) -> bool {
        let rounding = self.last_digit.saturating_mul(HALF);
        let quantity = SignedAmount::of_size(quantity.size());
        is_near(self.amount.amount, quantity, rounding)
    }
}

/// The two amounts of a conversion.
pub(super) struct Conversion {
    pub from: NotedAmount,
    pub to: NotedAmount,
}

impl Conversion {
    /// Checks that the note is that of a row: the row has one of the two amounts. Errors: it has
    /// another asset or quantity.
    pub(super) fn check(&self, asset: &str, quantity: SignedAmount) -> Result<(), CellFault> {
        let mut amounts = [&self.from, &self.to].into_iter();
        match amounts.any(|it| it.is_of(asset) && it.is_about(quantity)) {
            true => Ok(()),
            false => Err((NOTES, Fault::new(OTHER_AMOUNT))),
        }
    }
}

/// The payment or the proceeds of a trade.
pub(super) struct Exchange {
    is_buy: bool,
    /// The asset that was traded.
    of: NotedAmount,
    /// The asset before the dash of the pair.
    base: Option<String>,
    /// A purchase has the fee in it, and a sale is without it.
    pub amount: SignedAmount,
    /// One unit of its last digit.
    of_amount: Decimal,
    pub asset: String,
    /// Units of this asset for one of the row's.
    pub rate: Option<NotedRate>,
}

/// A rate of a note.
#[derive(Clone, Copy)]
pub(super) struct NotedRate {
    rate: SignedAmount,
    /// One unit of its last digit.
    last_digit: Decimal,
}

impl Exchange {
    /// Checks that the note is that of a row. Errors: it names another side, asset or quantity.
    pub(super) fn check(
        &self,
        is_buy: bool,
        asset: &str,
        quantity: SignedAmount,
    ) -> Result<(), CellFault> {
        if self.is_buy != is_buy {
            return Err((NOTES, Fault::new(OTHER_SIDE)));
        }
        let is_base = |code: &str| asset_of(code) == asset;
        let is_same = self.of.is_of(asset)
            && self.base.as_deref().is_none_or(is_base)
            && self.of.is_about(quantity);
        match is_same {
            true => Ok(()),
            false => Err((NOTES, Fault::new(OTHER_AMOUNT))),
        }
    }

    /// Checks the amount of a note in the currency of the row: it is the value with the fee, or
    /// without it.
    pub(super) fn check_amount(
        &self,
        (value, fee): (SignedAmount, SignedAmount),
    ) -> Result<(), CellFault> {
        let allowed = ROUNDED.saturating_add(self.of_amount);
        let costs = [SignedAmount::ZERO, fee, fee.negated()];
        let mut sums = costs.into_iter().map(|cost| value.checked_add(cost));
        let is_amount = |sum: SignedAmount| {
            let sums = [sum, sum.negated()];
            sums.iter().any(|sum| is_near(self.amount, *sum, allowed))
        };
        match sums.any(|sum| sum.is_ok_and(is_amount)) {
            true => Ok(()),
            false => Err((NOTES, Fault::new(OTHER_TOTAL))),
        }
    }

    /// Returns value and fee of a trade at the rate of the note: the fee is the difference of both
    /// amounts. A rate may be rounded to the other side of the amount: such a trade has no fee.
    pub(super) fn value_and_fee(
        &self,
        rate: NotedRate,
        quantity: SignedAmount,
        is_buy: bool,
    ) -> Result<(SignedAmount, SignedAmount), CellFault> {
        let value = rate.rate.checked_mul(quantity);
        let value = value.map_err(|_| too_long(NOTES))?;
        let value = SignedAmount::of_size(value.size());
        let (more, less) = match is_buy {
            true => (self.amount, value),
            false => (value, self.amount),
        };
        let fee = more.checked_sub(less).map_err(|_| too_long(NOTES))?;
        if !fee.is_negative() {
            return Ok((value, fee));
        }
        let rounding = as_decimal(quantity).map(|it| it.saturating_mul(rate.last_digit));
        let rounding = rounding.map(|it| it.saturating_add(self.of_amount));
        match rounding.is_some_and(|rounding| is_near(more, less, rounding)) {
            true => Ok((self.amount, SignedAmount::ZERO)),
            false => Err((NOTES, Fault::new(NO_PAIR))),
        }
    }
}

/// Reads the note of a purchase or a sale. `None`: it has no amounts.
pub(super) fn read_note(note: &str) -> Option<Exchange> {
    let mut words = note.split_ascii_whitespace();
    let is_buy = match words.next()? {
        "Bought" => true,
        "Sold" => false,
        _ => return None,
    };
    let of = NotedAmount::read(words.next()?, words.next()?)?;
    if words.next()? != "for" {
        return None;
    }
    let paid = words.next()?;
    let (amount, asset) = (number(paid)?, code(words.next()?)?);
    let pair = match (words.next(), words.next()) {
        (Some("on"), Some(pair)) => Some(pair),
        _ => None,
    };
    let rate = match (words.next(), words.next(), words.next()) {
        (Some("at"), Some(rate), Some(unit)) => {
            let rate = NotedRate {
                rate: number(rate)?,
                last_digit: last_digit(rate),
            };
            Some((rate, unit))
        }
        _ => None,
    };
    // A note may have its amount in the currency of the account, and another pair.
    let (base, quote) = pair.and_then(|pair| pair.rsplit_once('-')).unzip();
    let (asset, rate) = match (quote, rate) {
        (Some(quote), Some((rate, unit))) if quote == asset => {
            let is_in_quote = unit.split('/').next() == Some(quote);
            (asset, is_in_quote.then_some(rate))
        }
        (Some(quote), _) => (code(quote)?, None),
        (None, _) => (asset, None),
    };
    Some(Exchange {
        is_buy,
        of,
        base: base.map(str::to_ascii_uppercase),
        amount,
        of_amount: last_digit(paid),
        asset,
        rate,
    })
}

/// Returns one unit of the last digit of a number.
fn last_digit(word: &str) -> Decimal {
    let number = super::plain_number(word);
    let decimals = number.split_once('.').map_or("", |(_, decimals)| decimals);
    let scale = u32::try_from(decimals.len()).unwrap_or(Decimal::MAX_SCALE);
    Decimal::new(1, scale.min(Decimal::MAX_SCALE))
}

/// Reads the note of a conversion: what went, and what came. `None`: it says neither.
pub(super) fn read_conversion(note: &str) -> Option<Conversion> {
    let mut words = note.split_ascii_whitespace();
    if words.next()? != "Converted" {
        return None;
    }
    let from = NotedAmount::read(words.next()?, &code(words.next()?)?)?;
    if words.next()? != "to" {
        return None;
    }
    let to = NotedAmount::read(words.next()?, &code(words.next()?)?)?;
    words.next().is_none().then_some(Conversion { from, to })
}

/// Reads a number, perhaps with the sign of a currency and commas.
fn number(word: &str) -> Option<SignedAmount> {
    let word = super::plain_number(word);
    let number: SignedAmount = word.parse().ok()?;
    (!number.is_negative()).then_some(number)
}

fn code(word: &str) -> Option<String> {
    let is_code = !word.is_empty() && word.chars().all(char::is_alphanumeric);
    is_code.then(|| word.to_ascii_uppercase())
}
