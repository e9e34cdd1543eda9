//! Names that sources give to their columns.

/// Our columns, and what sources call them, the most telling name first.
pub(super) const NAMES: [(&str, &[&str]); 9] = [
    (
        "order_id",
        &[
            "trade id",
            "trade_id",
            "tradeid",
            "txid",
            "execution id",
            "transaction id",
            "trade no",
            "trade number",
            "fill id",
            "reference",
            "ref",
            "id",
        ],
    ),
    (
        "symbol",
        &[
            "symbol",
            "pair",
            "pairs",
            "market",
            "instrument",
            "product",
            "ticker",
            "wertpapier",
            "security",
            "asset",
            "coin",
            "stock",
        ],
    ),
    (
        "side",
        &[
            "side",
            "direction",
            "buy/sell",
            "action",
            "type",
            "typ",
            "art",
        ],
    ),
    (
        "size",
        &[
            "quantity", "qty", "size", "volume", "vol", "shares", "units", "executed", "filled",
            "amount", "stück", "anzahl", "menge",
        ],
    ),
    (
        "price",
        &[
            "price",
            "trade price",
            "avg price",
            "unit price",
            "rate",
            "kurs",
            "preis",
        ],
    ),
    (
        "order_time",
        &[
            "time",
            "timestamp",
            "datetime",
            "date/time",
            "created at",
            "date(utc)",
            "trade date",
            "trade time",
            "executed at",
            "date",
            "datum",
        ],
    ),
    (
        "quote_currency",
        &[
            "quote currency",
            "price currency",
            "currency",
            "ccy",
            "währung",
        ],
    ),
    (
        "fee_amount",
        &[
            "fee",
            "fees",
            "commission",
            "comm.",
            "gebühr",
            "gebühren",
            "provision",
        ],
    ),
    (
        "fee_currency",
        &[
            "fee currency",
            "fee coin",
            "fee asset",
            "fee unit",
            "commission currency",
            "commission asset",
            "comm. currency",
            "comm. asset",
        ],
    ),
];

/// Names of the amount that was paid or received. Some sources include the fee in it.
pub(super) const TOTALS: [&str; 6] = ["total", "value", "net amount", "proceeds", "cost", "funds"];

/// Columns that every table has.
pub(super) const NEEDED: [&str; 5] = ["symbol", "side", "size", "price", "order_time"];

/// Names of numbers that may be those of an order with several executions.
pub(super) const NUMBERS: [&str; 9] = [
    "order id",
    "orderid",
    "order no",
    "orderno",
    "order number",
    "auftragsnr",
    "auftragsnummer",
    "nummer",
    "number",
];

/// Names of a time of day that stands beside its day.
pub(super) const TIMES_OF_DAY: [&str; 4] = ["time", "trade time", "zeit", "uhrzeit"];
