//! Faults of single cells: what was expected in place of a code, an id or a number.

use super::bounds::kept;
use super::columns::Column;
use super::hints::{Counts, with_obstacles};
use super::rejected::{Fault, Hint};
use crate::engine::policy::{FACT_DECIMALS_MAX, FACT_DIGITS_MAX, TEXT_BYTES_MAX};
use crate::engine::{IdError, NumberError, is_hidden, is_other_blank, is_plain};

/// A cell at fault.
#[derive(Debug)]
pub(super) struct FaultyCell {
    pub column: Column,
    pub found: String,
    pub fault: Fault,
}

pub(super) fn bad_cell(column: Column, found: &str, fault: Fault) -> FaultyCell {
    let quote_behind_blank = found.starts_with('"') && fault.hint.is_none();
    let fault = if quote_behind_blank {
        fault.with_hint(Hint::BlankBeforeQuote)
    } else {
        fault
    };
    FaultyCell {
        column,
        found: kept(found),
        fault,
    }
}

pub(super) const SIZE_EXPECTED: &str = "expected a number above zero";

pub(super) fn id_fault(error: &IdError) -> Fault {
    match error {
        IdError::Empty => Fault::new("expected the id of the execution"),
        IdError::TooLong(_) => Fault::new(format!("expected at most {TEXT_BYTES_MAX} bytes")),
        IdError::BadCharacter(bad) if bad.is_control() => {
            Fault::new(format!("expected no control character such as {bad:?}"))
        }
        IdError::BadCharacter(bad) if is_hidden(*bad) => {
            let number = u32::from(*bad);
            Fault::new(format!(
                "expected no invisible character such as U+{number:04X}"
            ))
            .with_hint(Hint::CopiedText)
        }
        IdError::BadCharacter(bad) if !is_plain(*bad) => {
            let number = u32::from(*bad);
            let (what, hint) = match is_other_blank(*bad) {
                true => ("that looks like a plain blank", Hint::PlainBlank),
                false => ("without a picture", Hint::CopiedText),
            };
            Fault::new(format!(
                "expected no character {what}, such as U+{number:04X}"
            ))
            .with_hint(hint)
        }
        IdError::BadCharacter(_) => Fault::new("expected no blank at either end"),
        IdError::Pence => Fault::new("expected GBP, and prices in pounds: GBp are pence"),
    }
}

pub(super) fn symbol_fault(error: &IdError) -> Fault {
    match error {
        IdError::Empty => Fault::new("expected a symbol like BTC-USD"),
        IdError::BadCharacter(bad) if bad.is_whitespace() && !bad.is_control() => {
            Fault::new("expected a symbol without blanks, like BTC-USD")
        }
        _ => id_fault(error),
    }
}

pub(super) fn number_fault(
    error: &NumberError,
    expected: &str,
    text: &str,
    counts: Counts,
) -> Fault {
    match error {
        NumberError::Comma => {
            let fault = Fault::new("expected a number without commas");
            let fault = with_obstacles(fault, text, counts);
            match fault.hint {
                Some(_) => fault,
                None => fault.with_hint(Hint::PlainNumber),
            }
        }
        NumberError::NotANumber => with_obstacles(Fault::new(expected), text, counts),
        NumberError::TooManyDigits(_) => Fault::new(format!(
            "expected at most {FACT_DIGITS_MAX} significant digits"
        )),
        NumberError::TooManyDecimals(_) => {
            Fault::new(format!("expected at most {FACT_DECIMALS_MAX} decimals"))
        }
        NumberError::Empty | NumberError::Negative => Fault::new(expected),
    }
}
