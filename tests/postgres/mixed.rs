//! Ledgers as people have them: pools of assets, several quotes, fees in coins, rates.
//!
//! Trades in real dollars are rates of other trades, and so are the imported rates of `book`.
#![cfg(feature = "job")]

use fifo_pnl::engine::{
    AssetClass, LedgerTrade, MORE_COLUMNS, MoreFacts, OtherFee, Rate, RateSource,
};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::Version;

use crate::ledger::{HEADER, Random};
use crate::subject::{of, rate, rates, trade};

/// Symbols of eight assets. Bitcoin has three dollar symbols, and pays for ether. The pound has no
/// rate at first. `SOLEUR.x` has a meaning by its columns only.
const SYMBOLS: [&str; 14] = [
    "BTC-USD", "BTC-USDC", "btc/usd", "ETH-BTC", "ETH-BTC", "BTC-EUR", "ETH-USD", "BNB-USD",
    "SOL-EUR", "SOL-USDT", "SOLEUR.x", "ACME-USD", "EUR-USD", "DOT-GBP",
];

/// Returns the quote if it is a coin, which a trade gives or receives beside its base.
fn coin_of_quote(symbol: &str) -> Option<&'static str> {
    symbol.ends_with("-BTC").then_some("BTC")
}

fn base_of(symbol: &str) -> String {
    let base = symbol.split(['-', '/']).next().unwrap();
    base.trim_end_matches("EUR.x").to_uppercase()
}

/// Makes a trade of one of the symbols. `age` is from 0 to 9; young rows state other classes.
pub(crate) fn mixed_trade(random: &mut Random, id: &str, seconds: i64, age: u64) -> LedgerTrade {
    let symbol = SYMBOLS[random.below(SYMBOLS.len() as u64) as usize];
    mixed_trade_of(random, (id, symbol), seconds, age)
}

/// Makes a trade of a symbol.
pub(crate) fn mixed_trade_of(
    random: &mut Random,
    (id, symbol): (&str, &str),
    seconds: i64,
    age: u64,
) -> LedgerTrade {
    let is_buy = random.below(100) < 56;
    let size = format!("{}.{:03}", random.below(9), 1 + random.below(999));
    // Ether costs about a tenth of a bitcoin, everything else about fifty dollars or euros.
    let price = match coin_of_quote(symbol) {
        Some(_) => format!("0.{:03}", 50 + random.below(100)),
        None => format!("{}.{:02}", 10 + random.below(90), random.below(100)),
    };
    let side = ["sell", "buy"][usize::from(is_buy)];
    let mut row = of("default", symbol, trade(id, side, &size, &price, seconds));
    let mut more = MoreFacts::default();
    if let Some(fee) = fee(random, symbol, is_buy) {
        row.trade.fee = None;
        more.fee = Some(fee);
    } else if random.below(3) > 0 {
        let fee = format!(
            "{}0.{:02}",
            ["", "-"][random.below(2) as usize],
            random.below(99)
        );
        row.trade.fee = Some(fee.parse().unwrap());
    }
    let value = format!("{}.{:02}", 20 + random.below(300), random.below(100));
    match random.below(12) {
        0 => more.usd_value = Some(value.parse().unwrap()),
        1 if coin_of_quote(symbol).is_none() => more.quote_value = Some(value.parse().unwrap()),
        _ => {}
    }
    if symbol == "SOLEUR.x" {
        more.base_asset = Some("SOL".parse().unwrap());
        more.quote_currency = Some("EUR".parse().unwrap());
    }
    if symbol == "ACME-USD" {
        let classes = [AssetClass::Future, AssetClass::Fx, AssetClass::Security];
        more.asset_class = Some(classes[(age * 3 / 10) as usize]);
    }
    if more != MoreFacts::default() {
        row.trade.more = Some(more.into());
    }
    row
}

/// A fee in a third asset, the received or the given one, or euros, and rebates; `None`: it is in
/// dollars.
fn fee(random: &mut Random, symbol: &str, is_buy: bool) -> Option<OtherFee> {
    let (base, quote) = (base_of(symbol), coin_of_quote(symbol).map(str::to_owned));
    let (received, given) = match is_buy {
        true => (Some(base), quote),
        false => (quote, Some(base)),
    };
    let sign = ["", "", "", "-"][random.below(4) as usize];
    let (currency, sign) = match random.below(9) {
        0 | 1 => ("BNB".to_owned(), sign),
        2 => (received?, ""),
        3 => (given?, sign),
        4 => ("EUR".to_owned(), sign),
        _ => return None,
    };
    // Less than any size and than what any sale brings.
    let amount = format!("{sign}0.0000{}", 1 + random.below(4));
    let usd_value = (random.below(4) == 0).then(|| format!("{sign}0.01").parse().unwrap());
    Some(OtherFee {
        amount: amount.parse().unwrap(),
        currency: currency.parse().unwrap(),
        usd_value,
    })
}

/// The rate of an asset in dollars.
pub(crate) fn rate_of(asset: &str, seconds: i64, value: &str) -> Rate {
    Rate {
        asset: asset.parse().unwrap(),
        source: RateSource::Plain,
        ..rate("USD", seconds, value)
    }
}

/// Makes rates from before all trades, and one of the euro for each minute.
pub(crate) fn book() -> Vec<Rate> {
    let mut book = vec![
        rate_of("BTC", 0, "50"),
        rate_of("ETH", 0, "5"),
        rate_of("BNB", 0, "40"),
        rate_of("SOL", 0, "30"),
    ];
    let minutes = (0..30).map(|minute| rate("USD", minute * 60, &format!("1.{:02}", minute + 1)));
    book.extend(minutes);
    book
}

/// Imports the rates of [`book`].
pub(crate) async fn import_book(store: &dyn Store) {
    let receipt = store.import_rates(&rates(book())).await.unwrap();
    assert_eq!(receipt.conflicts, []);
}

/// Joins lines of [`csv_line`] to a file.
pub(crate) fn mixed_csv(rows: &[String]) -> String {
    let (more, rows) = (MORE_COLUMNS.join(","), rows.join("\n"));
    format!("{HEADER},{more}\n{rows}\n")
}

/// Writes a trade as a line of a file in the native format.
pub(crate) fn csv_line(row: &LedgerTrade) -> String {
    let (trade, symbol) = (&row.trade, &row.symbol_text);
    let (id, side, size, price) = (&trade.order_id, trade.side, trade.size, trade.price);
    let text = |fact: Option<String>| fact.unwrap_or_default();
    let fee = text(trade.fee.map(|fee| fee.to_string()));
    let more = trade.more.as_ref().map(|more| more.texts());
    let more = more.unwrap_or_default().map(text).join(",");
    let (account, time) = (&row.account, trade.order_time);
    format!("{account},{id},{symbol},{side},{size},{price},{time},{fee},,{more}")
}

/// The rates that a version used, one text for each amount.
pub(crate) async fn rates_of(store: &dyn Store, version: Version) -> Vec<String> {
    let used = store.rates_used(version, None).await.unwrap();
    used.iter().map(|used| format!("{used:?}")).collect()
}
