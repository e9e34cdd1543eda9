//! Numbers of a file of Coinbase, and those that it states more than once.

use std::sync::LazyLock;

use rust_decimal::Decimal;

use crate::engine::SignedAmount;
use crate::import::formats::amounts::{CENT, StatedAmounts, decimal};
use crate::import::formats::joined::{CellFault, NamedCells};
use crate::import::formats::numbers::{NumberStyle, plain};
use crate::import::rejected::Fault;

/// A price may have a spread in it or not: a value may be off quantity x price by this part.
const SPREAD_MAX: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// Subtotal, fees and total are each rounded to a cent.
pub(super) const ROUNDED: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// Tells whether a total is the sum of a value and a cost.
pub(super) fn is_sum(value: SignedAmount, cost: SignedAmount, total: SignedAmount) -> bool {
    let sum = value.checked_add(cost);
    sum.is_ok_and(|sum| is_near(sum, total, ROUNDED))
}

/// Tells whether two amounts differ by no more than another one.
pub(super) fn is_near(one: SignedAmount, other: SignedAmount, allowed: Decimal) -> bool {
    let off = one.checked_sub(other).ok();
    off.and_then(as_decimal).is_some_and(|off| off <= allowed)
}

/// Returns a number without its sign.
pub(super) fn as_decimal(amount: SignedAmount) -> Option<Decimal> {
    decimal(&amount.size().to_string())
}

/// Tells whether a value is about a quantity x its price.
pub(super) fn is_about(quantity: SignedAmount, price: &str, value: SignedAmount) -> bool {
    let stated = || {
        Some(StatedAmounts {
            size: as_decimal(quantity)?,
            price: decimal(price)?.abs(),
            value: as_decimal(value)?,
        })
    };
    let allowed = |it: &StatedAmounts| it.part(SPREAD_MAX).saturating_add(CENT);
    stated().is_none_or(|it| !it.is_far(allowed(&it)))
}

/// Marks of numbers: between thousands, and signs of currencies.
static MARKS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let marks = [
        ",", "CA$", "A$", "S$", "R$", "$", "€", "£", "¥", "₹", "₺", "₩", "zł", "kr", "CHF", "US$",
    ];
    marks.map(str::to_owned).to_vec()
});

/// Returns a number without marks.
pub(super) fn plain_number(text: &str) -> String {
    let style = NumberStyle {
        marks: &MARKS,
        decimal: None,
    };
    plain(text, style).into_owned()
}

/// Returns the number in a column. `None`: it is empty. Errors: it is no number.
pub(super) fn amount(
    cells: &NamedCells<'_>,
    name: &'static str,
) -> Result<Option<SignedAmount>, CellFault> {
    match cells.text(name) {
        "" => Ok(None),
        text => match plain_number(text).parse() {
            Ok(amount) => Ok(Some(amount)),
            Err(_) => Err((name, Fault::new("expected a number"))),
        },
    }
}
