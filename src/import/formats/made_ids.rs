//! The first part of an id for a row that has none: the hash of its facts.
//!
//! The hash is over values, not over text: `0.10` and `0.1` are one number. So all generations of a
//! header give a row one id. It leaves out what settings add, as an id may not change with them.
//! It also leaves out what only another row of the file says, such as a row for the fee: a file may
//! lack that row.

use sha2::{Digest, Sha256};

use crate::engine::{AssetAction, LedgerTrade, MADE_HASH_DIGITS, Movement, OrderId};

/// Returns the fee of a trade, as ids have it; empty if it is unknown.
pub(super) fn fee_text(row: &LedgerTrade) -> String {
    let more = row.trade.more.as_deref();
    let fee = more.and_then(|more| more.fee.as_ref());
    let fee = fee.map_or(row.trade.fee, |fee| Some(fee.amount));
    fee.map_or_else(String::new, |fee| fee.to_string())
}

/// Returns the id of a trade without the number that tells equal trades apart. `fee`: the amount
/// that the row of the trade has itself. Its currency is the one that the file names, or empty.
/// `None`: the source's name can't begin an id.
pub(super) fn made_id(
    source: &str,
    row: &LedgerTrade,
    (fee, fee_currency): (&str, &str),
) -> Option<OrderId> {
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
        fee.to_owned(),
        fee_currency.to_ascii_uppercase(),
    ];
    id_of(source, &facts)
}

/// Returns the id of a movement, as [`made_id`] does. The kind and what the source values it at
/// are in it: a reward and a deposit of one day may have equal sizes.
pub(super) fn made_movement_id(source: &str, row: &Movement) -> Option<OrderId> {
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let fee = row.fee.as_ref();
    let facts = [
        row.moved_at.as_micros().to_string(),
        row.kind.to_string(),
        row.direction.to_string(),
        row.asset.to_string(),
        row.size.to_string(),
        or_empty(fee.map(|(fee, asset)| format!("{fee} {asset}"))),
        or_empty(row.tx_id.clone()),
    ];
    id_of(source, &facts)
}

/// Returns the id of an action. Equal actions are one, unless they state units that came.
pub(super) fn made_action_id(source: &str, row: &AssetAction) -> Option<OrderId> {
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let facts = [
        row.happened_at.as_micros().to_string(),
        row.kind.to_string(),
        row.asset.to_string(),
        or_empty(row.ratio.map(|ratio| ratio.to_string())),
        or_empty(row.units.map(|units| units.to_string())),
        or_empty(row.other_asset.as_ref().map(ToString::to_string)),
    ];
    id_of(source, &facts)
}

fn id_of(source: &str, facts: &[String]) -> Option<OrderId> {
    let digest = Sha256::digest(facts.join("\n"));
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.get(..MADE_HASH_DIGITS).unwrap_or(&digits);
    format!("{source}-{digits}").parse().ok()
}
