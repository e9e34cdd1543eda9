//! The first part of an id for a row that has none: the hash of its facts.
//!
//! The hash is over values, not over text: `0.10` and `0.1` are one number. So all generations of a
//! header give a row one id. It leaves out what settings add, as an id may not change with them.

use sha2::{Digest, Sha256};

use crate::engine::{LedgerTrade, OrderId};

/// Hexadecimal digits of the hash in an id: 80 bits.
const HASH_DIGITS: usize = 20;

/// Returns the id of a trade without the number that tells equal trades apart. `fee_currency`: as
/// the file names it, or empty. `None`: the source's name can't begin an id.
pub(super) fn made_id(source: &str, row: &LedgerTrade, fee_currency: &str) -> Option<OrderId> {
    let trade = &row.trade;
    let more = trade.more.as_deref();
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    // One pair is spelled BTC-USDT and BTCUSDT; a ticker's currency is no part of it.
    let symbol: String = row
        .symbol
        .as_str()
        .chars()
        .filter(|of| of.is_alphanumeric())
        .collect();
    let quote = more.and_then(|more| more.quote_currency.as_ref());
    let quote = quote.filter(|quote| !symbol.ends_with(quote.as_str()));
    let fee = more.and_then(|more| more.fee.as_ref());
    let fee = fee.map_or(trade.fee, |fee| Some(fee.amount));
    let facts = [
        trade.order_time.as_micros().to_string(),
        symbol,
        or_empty(quote.map(ToString::to_string)),
        trade.side.as_str().to_owned(),
        trade.size.to_string(),
        trade.price.to_string(),
        or_empty(
            more.and_then(|more| more.quote_value)
                .map(|value| value.to_string()),
        ),
        or_empty(fee.map(|fee| fee.to_string())),
        fee_currency.to_ascii_uppercase(),
    ];
    let digest = Sha256::digest(facts.join("\n"));
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.get(..HASH_DIGITS).unwrap_or(&digits);
    format!("{source}-{digits}").parse().ok()
}
