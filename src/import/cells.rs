//! Reads a row's cells as a trade, or finds the cell at fault.
//!
//! ASCII blanks around a value are not part of it, quoted or not. In an `order_id` or `account`
//! they would be part of a name, so the import refuses them there and never trims. An empty cell is
//! an unknown fee, the default account, or an absent value; any other column refuses it.

use std::sync::Arc;

use csv::StringRecord;
use jiff::tz::TimeZone;

use super::columns::Column;
use super::faults::{FaultyCell, SIZE_EXPECTED, bad_cell, id_fault, number_fault, symbol_fault};
use super::header::Header;
use super::hints::{Counts, is_negative, is_rounded_id, without_sign};
use super::more;
use super::reading::Reading;
use super::rejected::{Fault, Hint};
use super::taking_back::{status_takes_back, takes_back};
use super::times::read_order_time;
use crate::engine::{
    Account, Carried, Entry, Fee, InvalidTrade, LedgerTrade, NumberError, OrderId, Side, Size,
    Symbol, Trade, is_executed, is_never_executed, leaves_nothing,
};

/// The `ingest_via` of trades in the native format.
const INGEST_VIA: &str = "csv";

/// Reads the cells of a row to a trade.
pub(super) struct TradeReader<'r, 'o> {
    pub header: &'r Header,
    pub reading: &'r mut Reading<'o>,
    /// The zone of times without an offset.
    pub zone: Option<&'r TimeZone>,
}

impl TradeReader<'_, '_> {
    /// Returns the cell of a column without blanks around it; empty if the file has no such column.
    fn text<'r>(&self, record: &'r StringRecord, column: Column) -> &'r str {
        self.raw(record, column).trim_ascii()
    }

    fn raw<'r>(&self, record: &'r StringRecord, column: Column) -> &'r str {
        let place = self.header.place(column);
        let cell = place.and_then(|place| record.get(place)).unwrap_or("");
        match cell.as_bytes().first() {
            Some(b'=') => of_formula(cell),
            _ => cell,
        }
    }

    /// Reads a row. Errors: the first cell at fault, the status before the numbers.
    pub(super) fn read(
        &mut self,
        record: &StringRecord,
        import_line: u64,
    ) -> Result<LedgerTrade, FaultyCell> {
        // An order that never executed has no size and no price, so its status says more.
        let status = self.read_status(record)?;
        let order_id = self.read_order_id(record)?;
        let account = self.read_account(record)?;
        let symbol = self.read_symbol(record)?;
        let trade = self.read_trade(record, order_id)?;
        if leaves_nothing(&trade, &symbol) {
            let column = Column::FeeAmount;
            let expected = "expected less than size, as the fee is in the asset that was bought";
            let fault = Fault::new(expected);
            return Err(bad_cell(column, self.text(record, column), fault));
        }
        Ok(LedgerTrade {
            account,
            symbol,
            symbol_text: self.text(record, Column::Symbol).to_owned(),
            trade,
            status,
            carried: self.read_carried(record),
            import_line,
        })
    }

    fn read_trade(&self, record: &StringRecord, order_id: OrderId) -> Result<Trade, FaultyCell> {
        let text = |column| self.text(record, column);
        let bad = |column| move |fault| bad_cell(column, text(column), fault);
        let side = read_side(text(Column::Side)).map_err(bad(Column::Side))?;
        let mut trade = Trade {
            entry: Entry::default(),
            order_id,
            side,
            size: read_size(text(Column::Size), side).map_err(bad(Column::Size))?,
            price: read_price(text(Column::Price)).map_err(bad(Column::Price))?,
            order_time: read_order_time(
                text(Column::OrderTime),
                self.zone,
                self.reading.options.now,
            )
            .map_err(bad(Column::OrderTime))?,
            fee: read_fee(text(Column::TotalFeesUsd)).map_err(bad(Column::TotalFeesUsd))?,
            trade_seq: read_trade_seq(text(Column::TradeSeq)).map_err(bad(Column::TradeSeq))?,
            more: None,
        };
        if self.header.has_more {
            let (more, fee) = more::read(text, trade.fee.is_some())?;
            trade.more = more.map(Arc::new);
            trade.fee = trade.fee.or(fee);
        }
        trade.check().map_err(|error| {
            let (column, fault) = too_large(&error);
            bad_cell(column, text(column), fault)
        })?;
        Ok(trade)
    }

    fn read_status(&self, record: &StringRecord) -> Result<Option<String>, FaultyCell> {
        let status = self.text(record, Column::Status);
        if is_never_executed(Some(status)) {
            let fault = Fault::new("the status of an order that never executed, expected a trade")
                .with_hint(Hint::NeverExecuted);
            return Err(bad_cell(Column::Status, status, fault));
        }
        if status_takes_back(status) {
            let fault = Fault::new("the status of a trade that was reversed, expected a trade")
                .with_hint(Hint::TakenBack)
                .taking_back();
            return Err(bad_cell(Column::Status, status, fault));
        }
        if !is_executed(status) {
            let fault = Fault::new("expected the status of an executed trade, like filled")
                .with_hint(Hint::UnknownStatus);
            return Err(bad_cell(Column::Status, status, fault));
        }
        Ok(given(status))
    }

    fn read_order_id(&self, record: &StringRecord) -> Result<OrderId, FaultyCell> {
        let (id, column) = (self.raw(record, Column::OrderId), Column::OrderId);
        if is_rounded_id(id) {
            let fault = Fault::new("expected the id of the execution, not a rounded number");
            return Err(bad_cell(column, id, fault.with_hint(Hint::RoundedId)));
        }
        id.parse()
            .map_err(|error| bad_cell(column, id, id_fault(&error)))
    }

    fn read_account(&mut self, record: &StringRecord) -> Result<Account, FaultyCell> {
        let text = self.raw(record, Column::Account);
        let account = self.reading.account(text);
        account.map_err(|error| bad_cell(Column::Account, text, id_fault(&error)))
    }

    fn read_symbol(&mut self, record: &StringRecord) -> Result<Symbol, FaultyCell> {
        let text = self.text(record, Column::Symbol);
        let symbol = self.reading.symbol(text);
        symbol.map_err(|error| bad_cell(Column::Symbol, text, symbol_fault(&error)))
    }

    fn read_carried(&self, record: &StringRecord) -> Carried {
        let text = |column| given(self.text(record, column));
        Carried {
            order_type: text(Column::OrderType),
            source: text(Column::Source),
            ingest_via: Some(INGEST_VIA.to_owned()),
            exchange: text(Column::Exchange),
            exchange_order_id: text(Column::ExchangeOrderId),
            linked_order_id: text(Column::LinkedOrderId),
        }
    }
}

/// Returns the text inside a formula: `="229"` keeps a spreadsheet from rounding an id.
pub(super) fn of_formula(cell: &str) -> &str {
    let text = cell.strip_prefix("=\"").and_then(|of| of.strip_suffix('"'));
    text.unwrap_or(cell)
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn read_side(text: &str) -> Result<Side, Fault> {
    for side in [Side::Buy, Side::Sell] {
        if text.eq_ignore_ascii_case(side.as_str()) {
            return Ok(side);
        }
    }
    let fault = Fault::new("expected \"buy\" or \"sell\"");
    Err(match takes_back(text) {
        true => fault.with_hint(Hint::TakesBack).taking_back(),
        false => fault,
    })
}

fn read_size(text: &str, side: Side) -> Result<Size, Fault> {
    match text.parse::<Size>() {
        Ok(size) if size.is_zero() => Err(Fault::new(SIZE_EXPECTED)),
        Ok(size) => Ok(size),
        Err(_) if is_negative(text) => Err(negative_size(text, side)),
        Err(error) => Err(number_fault(&error, SIZE_EXPECTED, text, Counts::Units)),
    }
}

/// Returns the fault of a negative size: the side, not the sign, makes a trade a sell.
fn negative_size(text: &str, side: Side) -> Fault {
    let fault = Fault::new(SIZE_EXPECTED);
    if side == Side::Buy {
        return fault.with_hint(Hint::BuySign).taking_back();
    }
    let unsigned = without_sign(text);
    match unsigned.parse::<Size>() {
        Ok(_) => fault.with_hint(Hint::SaleSign(None)).with_write(unsigned),
        Err(error) => {
            let mut fault = number_fault(&error, SIZE_EXPECTED, &unsigned, Counts::Units);
            let more = fault.hint.take().map(Box::new);
            fault.with_hint(Hint::SaleSign(more))
        }
    }
}

fn read_price(text: &str) -> Result<crate::engine::Price, Fault> {
    let expected = "expected a number, zero or more";
    text.parse().map_err(|error| {
        if error == NumberError::Comma && is_negative(text) {
            return Fault::new(expected);
        }
        let fault = number_fault(&error, expected, text, Counts::Dollars);
        let is_negative = |write: &String| write.starts_with('-');
        let is_signed = error == NumberError::Negative;
        match is_signed || fault.write.as_ref().is_some_and(is_negative) {
            true => Fault {
                write: None,
                ..fault.with_hint(Hint::PriceSign)
            },
            false => fault,
        }
    })
}

/// Reads a fee. An empty cell is an unknown fee, which is not a fee of zero.
fn read_fee(text: &str) -> Result<Option<Fee>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(fee) => Ok(Some(fee)),
        Err(error) => {
            let fault = number_fault(&error, "expected a number", text, Counts::Dollars);
            Err(match (error, &fault.hint) {
                (NumberError::NotANumber, None) => fault.with_hint(Hint::UnknownFee),
                _ => fault,
            })
        }
    }
}

fn read_trade_seq(text: &str) -> Result<Option<i64>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let expected = "expected a whole number of 64 bits, or nothing";
    text.parse().map(Some).map_err(|_| Fault::new(expected))
}

/// Finds the cell that makes an amount too large, although each number alone is valid.
fn too_large(error: &InvalidTrade) -> (Column, Fault) {
    if error.column == Column::TotalFeesUsd.as_str() {
        let fault = Fault::new("expected a fee below 10^22 USD");
        return (Column::TotalFeesUsd, fault);
    }
    let fault = Fault::new("expected size times price below 10^22 USD");
    (Column::Price, fault)
}
