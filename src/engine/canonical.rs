//! Rows in their one canonical spelling, for export, hash and comparison.
//!
//! CSV by RFC 4180 with LF; NULL is empty; decimals without superfluous zeros; times with six
//! decimals and `Z`. Two results are "the same bytes" if their lines are equal.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use super::class::AssetClass;
use super::digits::push_decimal;
use super::direction::LotDirection;
use super::fact::Fact;
use super::facts::MoreRef;
use super::ids::{Account, Asset, Pool};
use super::leg::Leg;
use super::number::{Fee, Price, Size, Usd, UsdPerUnit, Worth};
use super::origin::MovedFrom;
use super::policy::{FEES_PER_UNIT_SCALE, USD_SCALE};
use super::side::Side;
use super::time::{Timestamp, push_time};
use super::trade::{Trade, TradeRef};
use super::wide;

/// The header of the canonical export.
pub const ALLOCATION_HEADER: &str = "account,symbol,sell_order_id,buy_order_id,allocated_size,\
buy_price,sell_price,buy_fees_per_unit,sell_fees_per_unit,cost_basis_usd,proceeds_usd,\
net_proceeds_usd,pnl_usd,buy_time,sell_time,notes,asset,sell_leg,buy_leg,buy_account,\
buy_movement,direction";

/// Facts about an allocation that a person should know, written as codes.
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
    /// The buy's value per unit does not fit its column, which is for reading only.
    pub buy_price_omitted: bool,
    /// The sell's value per unit does not fit its column, which is for reading only.
    pub sell_price_omitted: bool,
}

const NOTE_CODES: [&str; 7] = [
    "unmatched",
    "buy_fee_unknown",
    "sell_fee_unknown",
    "buy_fee_per_unit_omitted",
    "sell_fee_per_unit_omitted",
    "buy_price_omitted",
    "sell_price_omitted",
];

impl Notes {
    fn flags(self) -> [bool; 7] {
        [
            self.unmatched,
            self.buy_fee_unknown,
            self.sell_fee_unknown,
            self.buy_fee_per_unit_omitted,
            self.sell_fee_per_unit_omitted,
            self.buy_price_omitted,
            self.sell_price_omitted,
        ]
    }

    /// Tells whether the allocation has no notes.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Notes {
    /// Writes the codes, joined with `;`.
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

/// The error for a text that is not a list of note codes.
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
                "buy_price_omitted" => &mut notes.buy_price_omitted,
                "sell_price_omitted" => &mut notes.sell_price_omitted,
                _ => return Err(NotesError),
            } = true;
        }
        Ok(notes)
    }
}

/// One row of `fifo_allocations`, borrowed from a matching or from a stored row.
///
/// Units: sizes in base units, prices and fees per unit in USD a unit, amounts in USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocationRow<'a> {
    /// Account of the pool.
    pub account: &'a str,
    /// Symbol of the sell.
    pub symbol: &'a str,
    /// The sell.
    pub sell_order_id: &'a str,
    /// The buy; `None` if no lot was left.
    pub buy_order_id: Option<&'a str>,
    /// Units that the sell took from the lot; without a lot, the unmatched units of the sell.
    pub allocated_size: Size,
    /// The buy's price, or its value a unit at 18 decimals; `None` if that does not fit.
    pub buy_price: Option<Price>,
    /// The sell's price, or its value a unit at 18 decimals; `None` if that does not fit.
    pub sell_price: Option<Price>,
    /// The buy's fee divided by its size, for reading only.
    pub buy_fees_per_unit: Option<UsdPerUnit>,
    /// The sell's fee divided by its size, for reading only.
    pub sell_fees_per_unit: Option<UsdPerUnit>,
    /// The slice's share of the buy's price and fee.
    pub cost_basis_usd: Option<Usd>,
    /// The slice's share of the sell's price, before fees.
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
    /// Asset of the pool.
    pub asset: &'a str,
    /// The leg of the sell.
    pub sell_leg: Leg,
    /// The leg of the buy; the base without a lot.
    pub buy_leg: Leg,
    /// Short, if the sell opened the lot and the buy closed it.
    pub direction: LotDirection,
    /// The origin of the lot. `None`: it was bought in this account and stayed.
    pub moved: Option<&'a MovedFrom>,
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
        next(line, |line| value(line, self.sell_price));
        next(line, |line| value(line, self.buy_fees_per_unit));
        next(line, |line| value(line, self.sell_fees_per_unit));
        next(line, |line| value(line, self.cost_basis_usd));
        next(line, |line| value(line, Some(self.proceeds_usd)));
        next(line, |line| value(line, Some(self.net_proceeds_usd)));
        next(line, |line| value(line, self.pnl_usd));
        next(line, |line| value(line, self.buy_time));
        next(line, |line| value(line, Some(self.sell_time)));
        next(line, |line| value(line, Some(self.notes)));
        next(line, |line| text(line, self.asset));
        next(line, |line| {
            text(line, self.sell_leg.stored().unwrap_or(""))
        });
        next(line, |line| text(line, self.buy_leg.stored().unwrap_or("")));
        match self.moved {
            None => line.extend_from_slice(b",,"),
            Some(moved) => {
                let account = moved.account.as_ref().map_or("", Account::as_str);
                next(line, |line| text(line, account));
                next(line, |line| text(line, moved.movement.as_str()));
            }
        }
        line.extend_from_slice(match self.direction {
            LotDirection::Long => b",\n",
            LotDirection::Short => b",short\n",
        });
    }
}

/// Appends the canonical line of a trade: the facts that the ledger hash covers.
///
/// A trade without more facts has no fields for them, so a plain dollar trade keeps its line.
pub fn write_trade_line(pool: &Pool, trade: &TradeRef<'_>, line: &mut Vec<u8>) {
    text(line, pool.account.as_str());
    next(line, |line| text(line, pool.symbol_of(trade.symbol)));
    next(line, |line| text(line, trade.order_id));
    next(line, |line| value(line, Some(trade.side)));
    next(line, |line| value(line, Some(trade.size)));
    next(line, |line| value(line, Some(trade.price)));
    next(line, |line| value(line, Some(trade.order_time)));
    next(line, |line| value(line, trade.fee));
    next(line, |line| value(line, trade.trade_seq));
    if let Some(more) = trade.more {
        write_more_fields(more, line);
    }
    line.push(b'\n');
}

/// Appends the canonical line of income: the facts of its movement.
pub(super) fn write_income_line(pool: &Pool, income: &Trade, line: &mut Vec<u8>) {
    line.extend_from_slice(b"income");
    next(line, |line| text(line, pool.account.as_str()));
    next(line, |line| text(line, pool.asset.as_str()));
    next(line, |line| text(line, income.order_id.as_str()));
    next(line, |line| value(line, Some(income.order_time)));
    next(line, |line| value(line, Some(income.size)));
    next(line, |line| value(line, income.entry.value));
    line.push(b'\n');
}

/// Appends more facts of a trade, one field a column, in the order of `MORE_COLUMNS`.
fn write_more_fields(more: MoreRef<'_>, line: &mut Vec<u8>) {
    let code = |line: &mut Vec<u8>, code: Option<&Asset>| {
        next(line, |line| text(line, code.map_or("", Asset::as_str)));
    };
    let facts = more.others();
    code(line, facts.and_then(|it| it.base_asset.as_ref()));
    code(line, facts.and_then(|it| it.quote_currency.as_ref()));
    let class = facts.and_then(|it| it.asset_class);
    next(line, |line| {
        text(line, class.map_or("", AssetClass::as_str));
    });
    next(line, |line| {
        value(line, facts.and_then(|it| it.quote_value));
    });
    next(line, |line| {
        value(line, facts.and_then(|it| it.usd_value));
    });
    next(line, |line| value(line, more.fee_amount()));
    code(line, more.fee_currency());
    let usd_of_fee = facts.and_then(|it| it.fee.as_ref()?.usd_value);
    next(line, |line| value(line, usd_of_fee));
    next(line, |line| {
        value(line, facts.and_then(|it| it.contract_size));
    });
}

/// Appends a field as text, quoted where RFC 4180 asks for it.
pub(crate) fn text(line: &mut Vec<u8>, field: &str) {
    // Without an early end, several bytes are compared at once.
    let is_special = |byte| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    if !field
        .bytes()
        .fold(false, |has, byte| has | is_special(byte))
    {
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

pub(crate) fn value<T: Canonical>(line: &mut Vec<u8>, field: Option<T>) {
    if let Some(field) = field {
        field.push_to(line);
    }
}

/// A value with one canonical spelling, which is appended without the heap and without `fmt`. A run
/// writes millions of rows, and their text once took half of its time.
pub trait Canonical {
    /// Appends the canonical text.
    fn push_to(&self, line: &mut Vec<u8>);
}

impl Canonical for Fact {
    fn push_to(&self, line: &mut Vec<u8>) {
        push_decimal(line, self.units(), self.scale());
    }
}

impl Canonical for Price {
    fn push_to(&self, line: &mut Vec<u8>) {
        Fact::of_price(*self).push_to(line);
    }
}

impl Canonical for Fee {
    fn push_to(&self, line: &mut Vec<u8>) {
        Fact::of_fee(*self).push_to(line);
    }
}

impl Canonical for Worth {
    fn push_to(&self, line: &mut Vec<u8>) {
        Fact::of_worth(*self).push_to(line);
    }
}

impl Canonical for Usd {
    fn push_to(&self, line: &mut Vec<u8>) {
        push_decimal(line, self.units(), USD_SCALE);
    }
}

impl Canonical for UsdPerUnit {
    fn push_to(&self, line: &mut Vec<u8>) {
        push_decimal(line, self.units(), FEES_PER_UNIT_SCALE);
    }
}

impl Canonical for Size {
    fn push_to(&self, line: &mut Vec<u8>) {
        match wide::to_i128(self.units()) {
            Some(units) => push_decimal(line, units, self.scale()),
            // Writing to a vector can't fail.
            None => drop(write!(line, "{self}")),
        }
    }
}

impl Canonical for Timestamp {
    fn push_to(&self, line: &mut Vec<u8>) {
        push_time(line, *self);
    }
}

impl Canonical for Notes {
    fn push_to(&self, line: &mut Vec<u8>) {
        if !self.is_empty() {
            // Writing to a vector can't fail.
            let _ = write!(line, "{self}");
        }
    }
}

impl Canonical for Side {
    fn push_to(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(self.as_str().as_bytes());
    }
}

impl Canonical for i64 {
    fn push_to(&self, line: &mut Vec<u8>) {
        push_decimal(line, (*self).into(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushed_text_is_displayed_text() {
        fn check<T: Canonical + fmt::Display>(value: T) {
            let mut line = Vec::new();
            value.push_to(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), value.to_string());
        }
        for units in [
            0,
            1,
            -1,
            10,
            123_456_789_012,
            -1_000_000_000_000,
            i128::MAX,
            i128::MIN + 1,
        ] {
            check(Usd::from_units(units));
            check(UsdPerUnit::from_units(units));
        }
        let long = format!("{}.{}", "9".repeat(27), "1".repeat(28));
        for text in [
            "0",
            "100",
            "0.001",
            "9999999999999999999999999999",
            long.as_str(),
        ] {
            check(Size::try_from_wide_text(text).unwrap());
        }
        for text in ["0", "30000.5", "0.0000000000000000000000000001", "1000"] {
            check(text.parse::<Price>().unwrap());
        }
        for micros in [
            0,
            -1,
            1_735_787_045_000_006,
            -62_135_596_800_000_000,
            253_402_207_200_000_000 - 1,
        ] {
            check(Timestamp::try_from_micros(micros).unwrap());
        }
        check(Side::Sell);
        check(i64::MIN);
        check(Notes {
            unmatched: true,
            sell_fee_unknown: true,
            ..Notes::default()
        });
    }

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
