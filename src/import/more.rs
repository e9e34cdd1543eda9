//! Reads the cells of more facts: assets, class, values, a fee in another currency, contract size.

use super::columns::Column;
use super::faults::{FaultyCell, SIZE_EXPECTED, bad_cell, number_fault, symbol_fault};
use super::hints::Counts;
use super::rejected::Fault;
use crate::engine::{Fee, IdError, MoreError, MoreFacts, MoreFault, MoreText};

/// Reads the facts of a row, and the fee in dollars if `fee_amount` is in dollars. `has_fee`: the
/// row has a fee in `total_fees_usd`. Errors: the cell at fault.
pub(super) fn read<'r>(
    cell: impl Fn(Column) -> &'r str,
    has_fee: bool,
) -> Result<(Option<MoreFacts>, Option<Fee>), FaultyCell> {
    let mut text = MoreText::default();
    for (given, column) in text.0.iter_mut().zip(Column::more()) {
        *given = Some(cell(column)).filter(|cell| !cell.is_empty());
    }
    if text.is_empty() {
        return Ok((None, None));
    }
    let codes = [Column::QuoteCurrency, Column::FeeCurrency];
    if let Some(column) = codes.into_iter().find(|of| is_sign(cell(*of))) {
        let fault = Fault::new("expected a code like EUR, not the sign of a currency");
        return Err(bad_cell(column, cell(column), fault));
    }
    MoreFacts::try_of(&text, has_fee).map_err(|fault| {
        let mut columns = Column::more();
        let column = columns.find(|column| column.as_str() == fault.column);
        let column = column.unwrap_or(Column::BaseAsset);
        bad_cell(column, cell(column), fault_of(column, cell(column), &fault))
    })
}

/// Signs of currencies. A sign alone would be a coin of its own.
const SIGNS: [char; 10] = ['€', '£', '¥', '₹', '₽', '₩', '₺', '₴', '₫', '฿'];

fn is_sign(code: &str) -> bool {
    code == "$" || (!code.is_ascii() && code.contains(SIGNS))
}

fn fault_of(column: Column, found: &str, fault: &MoreFault) -> Fault {
    match &fault.why {
        MoreError::Code(error) => code_fault(error),
        MoreError::Class(_) => Fault::new("expected crypto, security, fx or future"),
        MoreError::Number(error) => {
            let (expected, counts) = match column {
                Column::ContractSize => (SIZE_EXPECTED, Counts::Units),
                Column::FeeAmount => ("expected a number", Counts::Units),
                Column::FeeUsdValue => ("expected a number", Counts::Dollars),
                Column::QuoteValue => ("expected a number, zero or more", Counts::Units),
                _ => ("expected a number, zero or more", Counts::Dollars),
            };
            number_fault(error, expected, found, counts)
        }
        MoreError::Zero => Fault::new(SIZE_EXPECTED),
        MoreError::Missing(other) => Fault::new(format!("expected a value, as {other} has one")),
        MoreError::TwoFees => Fault::new("expected nothing, as total_fees_usd has the fee"),
        MoreError::TwoValues => Fault::new("expected fee_amount, which is in USD"),
    }
}

fn code_fault(error: &IdError) -> Fault {
    match error {
        IdError::BadCharacter(bad) if bad.is_whitespace() && !bad.is_control() => {
            Fault::new("expected a code without blanks, like EUR")
        }
        _ => symbol_fault(error),
    }
}
