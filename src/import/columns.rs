//! The columns of the native format, by name.

/// A column of the native format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    OrderId,
    Symbol,
    Side,
    Size,
    Price,
    OrderTime,
    TotalFeesUsd,
    Account,
    TradeSeq,
    Status,
    OrderType,
    Source,
    Exchange,
    ExchangeOrderId,
    LinkedOrderId,
}

/// The columns that every file has.
pub const REQUIRED_COLUMNS: [&str; 7] = [
    "order_id",
    "symbol",
    "side",
    "size",
    "price",
    "order_time",
    "total_fees_usd",
];

/// The columns that a file may have.
pub const OPTIONAL_COLUMNS: [&str; 8] = [
    "account",
    "trade_seq",
    "status",
    "order_type",
    "source",
    "exchange",
    "exchange_order_id",
    "linked_order_id",
];

pub(super) const COLUMNS: [(Column, &str); 15] = {
    use Column::*;
    let [id, symbol, side, size, price, time, fees] = REQUIRED_COLUMNS;
    let [
        account,
        seq,
        status,
        kind,
        source,
        exchange,
        exchange_id,
        linked_id,
    ] = OPTIONAL_COLUMNS;
    [
        (OrderId, id),
        (Symbol, symbol),
        (Side, side),
        (Size, size),
        (Price, price),
        (OrderTime, time),
        (TotalFeesUsd, fees),
        (Account, account),
        (TradeSeq, seq),
        (Status, status),
        (OrderType, kind),
        (Source, source),
        (Exchange, exchange),
        (ExchangeOrderId, exchange_id),
        (LinkedOrderId, linked_id),
    ]
};

impl Column {
    /// Returns the name in the header.
    pub(super) fn as_str(self) -> &'static str {
        COLUMNS.get(self as usize).map_or("", |(_, name)| name)
    }
}
