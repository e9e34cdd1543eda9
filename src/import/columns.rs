//! The columns of the native format, by name.

use crate::engine::MORE_COLUMNS;

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
    BaseAsset,
    QuoteCurrency,
    AssetClass,
    QuoteValue,
    UsdValue,
    FeeAmount,
    FeeCurrency,
    FeeUsdValue,
    ContractSize,
}

/// The columns that every file has. A file with `fee_amount` and `fee_currency` may lack the last.
pub const REQUIRED_COLUMNS: [&str; 7] = [
    "order_id",
    "symbol",
    "side",
    "size",
    "price",
    "order_time",
    "total_fees_usd",
];

/// The columns that a file may have, and then those of more facts.
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

pub(super) const COLUMNS: [(Column, &str); 24] = {
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
    let [
        base,
        quote,
        class,
        quote_value,
        usd_value,
        fee,
        fee_currency,
        fee_usd,
        contract,
    ] = MORE_COLUMNS;
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
        (BaseAsset, base),
        (QuoteCurrency, quote),
        (AssetClass, class),
        (QuoteValue, quote_value),
        (UsdValue, usd_value),
        (FeeAmount, fee),
        (FeeCurrency, fee_currency),
        (FeeUsdValue, fee_usd),
        (ContractSize, contract),
    ]
};

impl Column {
    /// Returns the name in the header.
    pub(super) fn as_str(self) -> &'static str {
        COLUMNS.get(self as usize).map_or("", |(_, name)| name)
    }

    /// Returns all columns.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        COLUMNS.iter().map(|(column, _)| *column)
    }

    /// Tells whether the cells are numbers of units or of money.
    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Size
                | Self::Price
                | Self::TotalFeesUsd
                | Self::QuoteValue
                | Self::UsdValue
                | Self::FeeAmount
                | Self::FeeUsdValue
                | Self::ContractSize
        )
    }

    /// Returns the columns of more facts, in the order of [`MORE_COLUMNS`].
    pub(super) fn more() -> impl Iterator<Item = Self> + Clone {
        let more = COLUMNS.iter().skip(COLUMNS.len() - MORE_COLUMNS.len());
        more.map(|(column, _)| *column)
    }
}
