//! The constants of matching: scales, limits, thresholds.
//!
//! A setting that can change a byte of a result is part of a version's recorded policy (see
//! `store::model::Policy`). Database limits live in `store/limits.rs`.

/// The name of the program, for the files that it writes.
pub const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// Decimals of a USD amount. Rounding: half to even, once, on cumulative amounts.
pub const USD_SCALE: u8 = 12;

/// Decimals of the per-unit fee columns, which are for reading only.
pub const FEES_PER_UNIT_SCALE: u8 = 18;

/// Most significant digits of a size, price or fee. `Decimal` holds every number of 28 digits.
pub const FACT_DIGITS_MAX: usize = 28;

/// Most decimals of a size, price or fee.
pub const FACT_DECIMALS_MAX: u8 = 28;

/// Significant digits of a rate that a result is computed with. Rounding: half to even, once.
pub const RATE_DIGITS: u32 = 18;

/// Two rates give a value in dollars by way of this currency. So each rate that may count has it or
/// the dollar on one side.
pub const RATE_WAY: &str = "EUR";

/// Days that the rate of a national currency stays in use, by date in the zone of its source.
///
/// Two holidays at a weekend leave four days without a rate.
pub const CURRENCY_RATE_DAYS_MAX: i64 = 7;

/// Time that the rate of any other asset stays in use. Units: microseconds; 24 hours.
pub const ASSET_RATE_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;

/// A summary counts the rates that are older than this. Units: microseconds; 1 hour.
pub const RATE_IS_OLD_MICROS: i64 = 3_600 * 1_000_000;

/// A report names stated values that are further from their rates. Units: percent of the smaller
/// of the two.
pub const STATED_VALUE_PERCENT: u32 = 2;

/// Two splits of one pool that are nearer than this may be one that is stored twice. Units:
/// microseconds; 7 days.
pub const SPLITS_APART_MICROS_MIN: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Decimals to which a split rounds sizes, or more if the sizes before it have more. Rounding: half
/// to even, once, on cumulative amounts.
pub const SPLIT_DECIMALS_MIN: u8 = 18;

/// Gross value and fee of one trade must stay below this, in whole USD.
///
/// With it every amount of an allocation fits 128 bits at [`USD_SCALE`]
/// (4 x 10^22 x 10^12 < 1.7 x 10^38).
pub const TRADE_USD_LIMIT: i128 = 10_i128.pow(22);

/// A pool's total of any amount must stay below this, in whole USD.
pub const POOL_USD_LIMIT: i128 = 10_i128.pow(24);

/// Longest order id, account or symbol, in bytes.
pub const TEXT_BYTES_MAX: usize = 255;

/// Longest name or cell that a message shows, in characters. Every name that an import takes is
/// shorter.
pub const SHOWN_CHARS_MAX: usize = 300;

/// Longest reason, note, path or server's message that a text shows, in characters.
pub const SENTENCE_CHARS_MAX: usize = 2_000;

/// The code of the US dollar.
pub const USD: &str = "USD";

/// The dollar and its equivalents, unless the configuration says otherwise.
pub const USD_QUOTES_DEFAULT: [&str; 3] = ["USD", "USDC", "USDT"];

/// Statuses of orders that never executed. A row that has one is not a trade.
pub const STATUSES_NEVER_EXECUTED: [&str; 9] = [
    "cancelled",
    "canceled",
    "rejected",
    "expired",
    "failed",
    "open",
    "pending",
    "active",
    "placed",
];

/// Statuses of orders that executed, in whole or in part. An import refuses a row with any other
/// status: nobody knows whether it is a trade.
pub const STATUSES_EXECUTED: [&str; 16] = [
    "filled",
    "partially filled",
    "partially_filled",
    "partially-filled",
    "partiallyfilled",
    "partial",
    "executed",
    "closed",
    "complete",
    "completed",
    "done",
    "settled",
    "matched",
    "traded",
    "finished",
    "success",
];

/// USD at stake from which a review item is of medium severity; below it is low.
pub const SEVERITY_MEDIUM_FROM_USD: i128 = 10;
/// USD at stake from which a review item is of high severity.
pub const SEVERITY_HIGH_FROM_USD: i128 = 1_000;
/// USD at stake from which a review item is critical.
pub const SEVERITY_CRITICAL_FROM_USD: i128 = 100_000;

const _: () = {
    assert!(TEXT_BYTES_MAX < SHOWN_CHARS_MAX && SHOWN_CHARS_MAX < SENTENCE_CHARS_MAX);
    assert!(TRADE_USD_LIMIT < POOL_USD_LIMIT);
    assert!(POOL_USD_LIMIT < i128::MAX / 10_i128.pow(USD_SCALE as u32));
    assert!(SEVERITY_MEDIUM_FROM_USD < SEVERITY_HIGH_FROM_USD);
    assert!(SEVERITY_HIGH_FROM_USD < SEVERITY_CRITICAL_FROM_USD);
};

/// The `source` of trades that a person's decision about a review item added.
pub const SOURCE_REVIEW: &str = "review";

/// The `source` of trades that `import lots` added, for lots of another system.
pub const SOURCE_OPENING: &str = "opening";

/// Value in USD from which a trade of the ledger is a rate for other trades: dust has odd prices.
pub const OWN_RATE_FROM_USD: i128 = 10;
