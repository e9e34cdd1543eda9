//! Amounts of a trade that a source states more than once, or that leave nothing of it.
//!
//! A spreadsheet reads `0.035` as 35 where the point stands between thousands. Such a number does
//! not agree with the others of its row.

use csv::StringRecord;
use rust_decimal::Decimal;

use crate::engine::{CodeKind, Trade, Worth};
use crate::import::formats::made_texts::{PlacedPart, cell};
use crate::import::rejected::Fault;

/// Money of small trades is rounded to cents.
pub(super) const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Amounts of coins have more decimals than those of currencies.
pub(super) const BIT: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// A price that ends before its hundredths may have lost zeros. Rounding moves it by no more than
/// this part.
const PRICE_OFF: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// A short value may have lost zeros. Rounding moves it by no more than this part.
const VALUE_OFF: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// Fewest decimals of a price that show where it was rounded.
const MONEY_DECIMALS: u32 = 2;

/// Fewest decimals of a size that show where it was rounded. Shorter ones are exact.
const SIZE_DECIMALS: u32 = 3;

/// The largest fee of a broker or of a shop for coins that does not grow with the trade. Units: the
/// currency of the trade.
const FLAT_FEE_MAX: Decimal = Decimal::ONE_HUNDRED;

const WHOLE_FEE: &str = "expected less than the trade";

/// Checks a size as the file has it. Errors: it has the sign of a currency. If size and price have
/// changed places, their product is the same, and nothing else tells.
pub(super) fn check_units(parts: &[PlacedPart], cells: &StringRecord) -> Result<(), Fault> {
    let has_sign = |part: &PlacedPart| match part {
        PlacedPart::Text(_) => false,
        PlacedPart::Cell(place, _) => cell(cells, *place).contains(['$', '€', '£']),
    };
    match parts.iter().any(has_sign) {
        true => Err(Fault::new(
            "expected units, not money: two columns may have changed places",
        )),
        false => Ok(()),
    }
}

/// Reads a number, also one like `5.5E-7`.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let number = text.parse::<Decimal>();
    number.or_else(|_| Decimal::from_scientific(text)).ok()
}

/// Returns the smallest amount in a quote that counts.
pub(super) fn floor_of(quote: Option<CodeKind>) -> Decimal {
    match quote {
        Some(CodeKind::Currency | CodeKind::DollarCoin) => CENT,
        _ => BIT,
    }
}

/// Size, price and value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatedAmounts {
    pub size: Decimal,
    pub price: Decimal,
    pub value: Decimal,
}

impl StatedAmounts {
    /// Returns a part of size x price.
    pub fn part(&self, part: Decimal) -> Decimal {
        let product = self.size.saturating_mul(self.price);
        product.saturating_mul(part)
    }

    /// Tells whether the value is size x price to the last digit.
    pub fn is_exact(&self) -> bool {
        self.size.checked_mul(self.price) == Some(self.value)
    }

    /// Tells whether the value differs from size x price by more than rounding and another amount.
    ///
    /// A price of zero is one below its last digit: nothing is compared.
    pub fn is_far(&self, more: Decimal) -> bool {
        let far = || {
            let product = self.size.checked_mul(self.price)?;
            let off = self.value.checked_sub(product)?.abs();
            let allowed = self.rounding()?.checked_add(more)?;
            Some(off > allowed)
        };
        !self.price.is_zero() && far().unwrap_or(false)
    }

    /// Returns how far rounding moves the value: one unit of the last digit of each number.
    fn rounding(&self) -> Option<Decimal> {
        let of_price = last_digit(self.price).checked_mul(self.size)?;
        let of_price = match self.price.scale() >= MONEY_DECIMALS {
            true => of_price,
            false => of_price.min(self.part(PRICE_OFF)),
        };
        let of_size = match self.size.scale() >= SIZE_DECIMALS {
            true => last_digit(self.size).checked_mul(self.price)?,
            false => Decimal::ZERO,
        };
        let of_value = last_digit(self.value).min(self.value.checked_mul(VALUE_OFF)?);
        of_price.checked_add(of_size)?.checked_add(of_value)
    }
}

/// Returns one unit of the last digit of a number.
fn last_digit(number: Decimal) -> Decimal {
    Decimal::new(1, number.scale())
}

/// How a source charges fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeeKind {
    /// A part of the trade.
    Part,
    /// There may be a least fee in money.
    Flat,
    /// As flat. Those in coins may be of a chain, and do not depend on the trade.
    Chain,
}

/// Refuses a fee, or a rebate, as large as its trade, if it is in the asset or the money of it.
/// `kind_of` tells the kind of base and quote.
///
/// Rounding makes such a fee of a tiny trade: at most a cent, or the sixth decimal
/// of a coin. So does a flat fee.
pub(super) fn check_fee(
    trade: &Trade,
    [base, quote]: [&str; 2],
    kind_of: impl Fn(&str) -> Option<CodeKind>,
    fees: FeeKind,
) -> Result<(), Fault> {
    let more = trade.more.as_deref();
    let other = more.and_then(|facts| facts.fee.as_ref());
    let (fee, asset) = match (other, trade.fee) {
        (Some(fee), _) => (fee.amount, fee.currency.as_str()),
        (None, Some(fee)) => (fee, USD),
        (None, None) => return Ok(()),
    };
    let fee = fee.as_decimal().abs();
    if fee.is_zero() {
        return Ok(());
    }
    let size = trade.size.to_decimal();
    let whole = if asset == base {
        size
    } else if asset == quote {
        let value = more.and_then(|facts| facts.quote_value);
        let price = trade.price.as_decimal();
        let product = || size.and_then(|size| size.checked_mul(price));
        value.map(Worth::as_decimal).or_else(product)
    } else {
        return Ok(());
    };
    if whole.is_none_or(|whole| fee < whole) {
        return Ok(());
    }
    let kind = kind_of(asset);
    let is_money = matches!(kind, Some(CodeKind::Currency | CodeKind::DollarCoin));
    let allowed = match fees {
        FeeKind::Flat | FeeKind::Chain if is_money => FLAT_FEE_MAX,
        FeeKind::Chain => return Ok(()),
        FeeKind::Part | FeeKind::Flat => floor_of(kind),
    };
    match fee > allowed {
        true => Err(Fault::new(WHOLE_FEE)),
        false => Ok(()),
    }
}

const USD: &str = "USD";
