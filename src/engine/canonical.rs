//! Rows in their one canonical spelling: what is exported, hashed and compared.
//!
//! CSV by RFC 4180 with LF; NULL is empty; decimals without superfluous zeros; times with six
//! decimals and `Z`. Two results are "the same bytes" when these lines are.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use super::ids::Pool;
use super::number::{Price, Size, Usd, UsdPerUnit};
use super::time::Timestamp;
use super::trade::Trade;

/// The header of the canonical export.
pub const ALLOCATION_HEADER: &str = "account,symbol,sell_order_id,buy_order_id,allocated_size,\
buy_price,sell_price,buy_fees_per_unit,sell_fees_per_unit,cost_basis_usd,proceeds_usd,\
net_proceeds_usd,pnl_usd,buy_time,sell_time,notes";

/// What a person should know about an allocation, as fixed codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// No open lot was left for this part of the sell.
    pub unmatched: bool,
    /// The buy's fee is unknown and counts zero.
    pub buy_fee_unknown: bool,
    /// The sell's fee is unknown and counts zero.
    pub sell_fee_unknown: bool,
    /// The buy's fee per unit does not fit its column, which is for reading only.
    pub buy_fee_per_unit_omitted: bool,
    /// The sell's fee per unit does not fit its column, which is for reading only.
    pub sell_fee_per_unit_omitted: bool,
}

const NOTE_CODES: [&str; 5] = [
    "unmatched",
    "buy_fee_unknown",
    "sell_fee_unknown",
    "buy_fee_per_unit_omitted",
    "sell_fee_per_unit_omitted",
];

impl Notes {
    fn flags(self) -> [bool; 5] {
        [
            self.unmatched,
            self.buy_fee_unknown,
            self.sell_fee_unknown,
            self.buy_fee_per_unit_omitted,
            self.sell_fee_per_unit_omitted,
        ]
    }

    /// Tells whether there is nothing to note.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Notes {
    /// Codes joined with `;`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (code, set) in NOTE_CODES.iter().zip(self.flags()) {
            if set {
                write!(f, "{separator}{code}")?;
                separator = ";";
            }
        }
        Ok(())
    }
}

/// A text that is not a list of note codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a list of note codes")]
pub struct NotesError;

impl FromStr for Notes {
    type Err = NotesError;

    fn from_str(text: &str) -> Result<Self, NotesError> {
        let mut notes = Self::default();
        for code in text.split(';').filter(|_| !text.is_empty()) {
            *match code {
                "unmatched" => &mut notes.unmatched,
                "buy_fee_unknown" => &mut notes.buy_fee_unknown,
                "sell_fee_unknown" => &mut notes.sell_fee_unknown,
                "buy_fee_per_unit_omitted" => &mut notes.buy_fee_per_unit_omitted,
                "sell_fee_per_unit_omitted" => &mut notes.sell_fee_per_unit_omitted,
                _ => return Err(NotesError),
            } = true;
        }
        Ok(notes)
    }
}

/// One row of `fifo_allocations`, borrowed from wherever it is: a match just made, or a store.
///
/// Units: sizes in base units, prices and fees per unit in USD a unit, amounts in USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocationRow<'a> {
    /// Whose lots.
    pub account: &'a str,
    /// Of what.
    pub symbol: &'a str,
    /// The sell.
    pub sell_order_id: &'a str,
    /// The buy; `None` where no lot was left.
    pub buy_order_id: Option<&'a str>,
    /// How much of the sell, and of the lot.
    pub allocated_size: Size,
    /// The buy's price.
    pub buy_price: Option<Price>,
    /// The sell's price.
    pub sell_price: Price,
    /// For reading only.
    pub buy_fees_per_unit: Option<UsdPerUnit>,
    /// For reading only.
    pub sell_fees_per_unit: Option<UsdPerUnit>,
    /// The slice's share of the buy's price and fee.
    pub cost_basis_usd: Option<Usd>,
    /// The slice's share of the sell.
    pub proceeds_usd: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds_usd: Usd,
    /// Net proceeds less cost basis.
    pub pnl_usd: Option<Usd>,
    /// When the buy was executed.
    pub buy_time: Option<Timestamp>,
    /// When the sell was executed.
    pub sell_time: Timestamp,
    /// Note codes.
    pub notes: Notes,
}

impl AllocationRow<'_> {
    /// Appends the canonical line, with its line feed.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        text(line, self.account);
        next(line, |line| text(line, self.symbol));
        next(line, |line| text(line, self.sell_order_id));
        next(line, |line| text(line, self.buy_order_id.unwrap_or("")));
        next(line, |line| value(line, Some(self.allocated_size)));
        next(line, |line| value(line, self.buy_price));
        next(line, |line| value(line, Some(self.sell_price)));
        next(line, |line| value(line, self.buy_fees_per_unit));
        next(line, |line| value(line, self.sell_fees_per_unit));
        next(line, |line| value(line, self.cost_basis_usd));
        next(line, |line| value(line, Some(self.proceeds_usd)));
        next(line, |line| value(line, Some(self.net_proceeds_usd)));
        next(line, |line| value(line, self.pnl_usd));
        next(line, |line| value(line, self.buy_time));
        next(line, |line| value(line, Some(self.sell_time)));
        next(line, |line| value(line, Some(self.notes)));
        line.push(b'\n');
    }
}

/// Appends the canonical line of a trade: the facts that the ledger hash covers.
pub fn write_trade_line(pool: &Pool, trade: &Trade, line: &mut Vec<u8>) {
    text(line, pool.account.as_str());
    next(line, |line| text(line, pool.symbol.as_str()));
    next(line, |line| text(line, trade.order_id.as_str()));
    next(line, |line| value(line, Some(trade.side)));
    next(line, |line| value(line, Some(trade.size)));
    next(line, |line| value(line, Some(trade.price)));
    next(line, |line| value(line, Some(trade.order_time)));
    next(line, |line| value(line, trade.fee));
    next(line, |line| value(line, trade.trade_seq));
    line.push(b'\n');
}

/// Appends a field as text, quoted where RFC 4180 asks for it.
pub(crate) fn text(line: &mut Vec<u8>, field: &str) {
    if !field.contains(['"', ',', '\n', '\r']) {
        line.extend_from_slice(field.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in field.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

pub(crate) fn next(line: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    line.push(b',');
    write(line);
}

pub(crate) fn value<T: fmt::Display>(line: &mut Vec<u8>, field: Option<T>) {
    if let Some(field) = field {
        // Writing to a vector can't fail.
        let _ = write!(line, "{field}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_only_where_needed() {
        let mut line = Vec::new();
        text(&mut line, "plain");
        next(&mut line, |line| text(line, "a,b"));
        next(&mut line, |line| text(line, "say \"hi\""));
        assert_eq!(line, br#"plain,"a,b","say ""hi""""#);
    }

    #[test]
    fn notes_read_back() {
        let notes = Notes {
            unmatched: true,
            sell_fee_unknown: true,
            ..Notes::default()
        };
        assert_eq!(notes.to_string(), "unmatched;sell_fee_unknown");
        assert_eq!("unmatched;sell_fee_unknown".parse(), Ok(notes));
        assert_eq!("".parse(), Ok(Notes::default()));
        assert!("late".parse::<Notes>().is_err());
    }
}
