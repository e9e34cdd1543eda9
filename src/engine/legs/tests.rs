//! The table of legs, row by row. All figures are worked out by hand.

use std::sync::Arc;

use super::*;
use crate::engine::facts::{MORE_COLUMNS, MoreText};
use crate::engine::policy::USD;
use crate::engine::rates::{Rate, RateRules, RateSource};
use crate::engine::time::Timestamp;
use crate::engine::trade::TradeText;
use crate::engine::traded::traded;

/// A trade of 20 units at 2 a unit, at noon of 2 January 2025.
const NOON: i64 = 1_735_819_200_000_000;

struct Row<'a> {
    symbol: &'a str,
    side: &'a str,
    size: &'a str,
    price: &'a str,
    fee: Option<&'a str>,
    more: &'a [(&'a str, &'a str)],
}

const BOUGHT: Row<'static> = Row {
    symbol: "AAA-USD",
    side: "buy",
    size: "20",
    price: "2",
    fee: None,
    more: &[],
};

fn book(rates: &[(&str, &str)]) -> RateBook {
    let rate = |(asset, value): &(&str, &str)| Rate {
        asset: asset.parse().unwrap(),
        currency: USD.parse().unwrap(),
        at: Timestamp::try_from_micros(NOON - 60_000_000).unwrap(),
        value: value.parse().unwrap(),
        source: RateSource::Plain,
        import_id: 1,
        import_line: 2,
    };
    RateBook::try_new(RateRules::default(), rates.iter().map(rate).collect()).unwrap()
}

fn legs(row: &Row<'_>, rates: &[(&str, &str)]) -> Result<TradeLegs, NoLegs> {
    legs_by(&AssetRules::default(), row, rates)
}

fn legs_by(rules: &AssetRules, row: &Row<'_>, rates: &[(&str, &str)]) -> Result<TradeLegs, NoLegs> {
    let mut cells = [None; MORE_COLUMNS.len()];
    for (column, value) in row.more {
        let place = MORE_COLUMNS.iter().position(|name| name == column).unwrap();
        cells[place] = Some(*value);
    }
    let more = MoreText(cells);
    let trade = Trade::try_from_text(&TradeText {
        order_id: "t1",
        side: row.side,
        size: row.size,
        price: row.price,
        fee: row.fee,
        order_time_micros: Some(NOON),
        trade_seq: None,
        more: (!more.is_empty()).then_some(&more),
    });
    let cell = |column: &str| Some(more.of(column).to_owned()).filter(|text| !text.is_empty());
    let stated = [
        "base_asset",
        "quote_currency",
        "asset_class",
        "fee_currency",
    ]
    .map(cell);
    let of = Arc::new(traded(rules, "main", row.symbol, &stated));
    let trade = trade.unwrap();
    legs_of(&PendingTrade { of, trade }, rules, &book(rates))
}

/// Each leg as text: asset, leg, side, units, value, fee.
fn told(row: &Row<'_>, rates: &[(&str, &str)]) -> Vec<String> {
    let legs = legs(row, rates).unwrap();
    let leg = |(asset, entry): &(Asset, Trade)| {
        let fee = entry
            .fee
            .map_or("unknown".to_owned(), |fee| fee.to_string());
        let value = entry.entry.value.unwrap();
        let (leg, side, size) = (entry.entry.leg, entry.side, entry.size);
        format!("{asset} {leg} {side} {size} for {value} fee {fee}")
    };
    legs.entries.iter().map(leg).collect()
}

#[test]
fn money_for_an_asset() {
    // A fee in money: cost 40 + 1.
    let fee: &[_] = &[("fee_amount", "1"), ("fee_currency", "EUR")];
    let row = Row {
        more: fee,
        ..BOUGHT
    };
    let euro = [("EUR", "1.05")];
    assert_eq!(told(&row, &euro), ["AAA base buy 20 for 40 fee 1.05"]);
    // A fee withheld from what was bought: 19 units cost 40, and no rate is needed.
    let fee: &[_] = &[("fee_amount", "1"), ("fee_currency", "AAA")];
    let row = Row {
        more: fee,
        ..BOUGHT
    };
    assert_eq!(told(&row, &[]), ["AAA base buy 19 for 40 fee 0"]);
    // A fee in a third asset: cost 40 + 3, and 0.01 BNB leave for 3.
    let fee: &[_] = &[("fee_amount", "0.01"), ("fee_currency", "BNB")];
    let row = Row {
        more: fee,
        ..BOUGHT
    };
    assert_eq!(
        told(&row, &[("BNB", "300")]),
        [
            "AAA base buy 20 for 40 fee 3",
            "BNB fee sell 0.01 for 3 fee 0"
        ]
    );
    // A rebate: 0.01 BNB come in at 3, and the purchase costs 40 - 3.
    let fee: &[_] = &[("fee_amount", "-0.01"), ("fee_currency", "BNB")];
    let row = Row {
        more: fee,
        ..BOUGHT
    };
    assert_eq!(
        told(&row, &[("BNB", "300")]),
        [
            "AAA base buy 20 for 40 fee -3",
            "BNB fee buy 0.01 for 3 fee 0"
        ]
    );
}

#[test]
fn an_asset_for_money() {
    let sold = Row {
        side: "sell",
        ..BOUGHT
    };
    // A fee in the asset that was given: 1 unit more leaves, for its own value.
    let fee: &[_] = &[("fee_amount", "1"), ("fee_currency", "AAA")];
    let row = Row { more: fee, ..sold };
    assert_eq!(
        told(&row, &[("AAA", "2.5")]),
        [
            "AAA base sell 20 for 40 fee 2.5",
            "AAA fee sell 1 for 2.5 fee 0"
        ]
    );
    // Without a fee nothing says that there was none.
    let euro: &[_] = &[("quote_currency", "EUR")];
    let row = Row {
        symbol: "AAA",
        side: "sell",
        more: euro,
        ..BOUGHT
    };
    assert_eq!(
        told(&row, &[("EUR", "1.05")]),
        ["AAA base sell 20 for 42 fee unknown"]
    );
}

#[test]
fn an_asset_for_an_asset() {
    let columns = |fee: &[(&'static str, &'static str)]| -> Vec<(&'static str, &'static str)> {
        let pair = [("base_asset", "BBB"), ("quote_currency", "ETH")];
        pair.into_iter().chain(fee.iter().copied()).collect()
    };
    let told = |side, fee: &[(&'static str, &'static str)], rates: &[(&str, &str)]| {
        let more = columns(fee);
        let row = Row {
            symbol: "BBB-ETH",
            side,
            size: "20",
            price: "1",
            fee: None,
            more: &more,
        };
        told(&row, rates)
    };
    // The law's example: 20 ETH at $2 for 20 BBB, and 1 BBB is withheld. Proceeds 38; 19 BBB cost
    // 38.
    let rates = [("ETH", "2"), ("BBB", "2")];
    let fee = [("fee_amount", "1"), ("fee_currency", "BBB")];
    assert_eq!(
        told("buy", &fee, &rates),
        [
            "BBB base buy 19 for 38 fee 0",
            "ETH quote sell 20 for 40 fee 2"
        ]
    );
    // The same fee in the asset that was given: 21 ETH leave, and BBB cost 40.
    let fee = [("fee_amount", "1"), ("fee_currency", "ETH")];
    assert_eq!(
        told("buy", &fee, &rates),
        [
            "BBB base buy 20 for 40 fee 0",
            "ETH quote sell 20 for 40 fee 2",
            "ETH fee sell 1 for 2 fee 0"
        ]
    );
    // Sold for ETH, and 1 ETH is withheld: 19 ETH cost 38, proceeds 38.
    assert_eq!(
        told("sell", &fee, &rates),
        [
            "BBB base sell 20 for 40 fee 2",
            "ETH quote buy 19 for 38 fee 0"
        ]
    );
    // A third asset: its units leave for 3, and what was given brings 40 - 3.
    let fee = [("fee_amount", "0.01"), ("fee_currency", "BNB")];
    let with_bnb = [("ETH", "2"), ("BNB", "300")];
    assert_eq!(
        told("sell", &fee, &with_bnb),
        [
            "BBB base sell 20 for 40 fee 3",
            "ETH quote buy 20 for 40 fee 0",
            "BNB fee sell 0.01 for 3 fee 0"
        ]
    );
    // No rate of the quote: the base gives the value.
    assert_eq!(
        told("buy", &[], &[("BBB", "3")]),
        [
            "BBB base buy 20 for 60 fee 0",
            "ETH quote sell 20 for 60 fee unknown"
        ]
    );
}

#[test]
fn what_is_swapped_for_nothing_has_no_leg_that_pays() {
    let more: &[_] = &[
        ("quote_currency", "ETH"),
        ("fee_amount", "1"),
        ("fee_currency", "AAA"),
    ];
    let row = Row {
        symbol: "AAA",
        price: "0",
        more,
        ..BOUGHT
    };
    assert_eq!(told(&row, &[]), ["AAA base buy 19 for 0 fee 0"]);
}

#[test]
fn the_source_says_what_a_trade_was_worth() {
    let more: &[_] = &[("quote_value", "40.01")];
    let row = Row { more, ..BOUGHT };
    assert_eq!(told(&row, &[]), ["AAA base buy 20 for 40.01 fee unknown"]);
    let more: &[_] = &[
        ("quote_currency", "EUR"),
        ("usd_value", "41.5"),
        ("fee_amount", "1"),
        ("fee_currency", "EUR"),
        ("fee_usd_value", "1.04"),
    ];
    let row = Row {
        symbol: "AAA",
        more,
        ..BOUGHT
    };
    assert_eq!(told(&row, &[]), ["AAA base buy 20 for 41.5 fee 1.04"]);
}

#[test]
fn what_gives_no_value_is_named() {
    let reason = |row: &Row<'_>, rates: &[(&str, &str)]| {
        let error = legs(row, rates).unwrap_err();
        let invalid = error.of_row("t1");
        (invalid.issue, invalid.to_string())
    };
    let more: &[_] = &[("quote_currency", "EUR")];
    let row = Row {
        symbol: "AAA",
        more,
        ..BOUGHT
    };
    let missing = "order \"t1\": price has no value in USD: a rate of EUR on 2025-01-02 is missing";
    assert_eq!(reason(&row, &[]), (IssueType::MissingFx, missing.into()));
    let more: &[_] = &[("fee_amount", "20"), ("fee_currency", "AAA")];
    let row = Row { more, ..BOUGHT };
    let whole = "order \"t1\": fee_amount is not less than the units received";
    assert_eq!(reason(&row, &[]), (IssueType::InvalidTrade, whole.into()));
    let more: &[_] = &[("contract_size", "100")];
    let row = Row { more, ..BOUGHT };
    let (issue, text) = reason(&row, &[]);
    assert_eq!(issue, IssueType::InvalidTrade);
    assert!(
        text.contains("contract_size is 100: contracts of 100 units are not computed yet"),
        "{text}"
    );
    let more: &[_] = &[
        ("fee_amount", "-1"),
        ("fee_currency", "BNB"),
        ("fee_usd_value", "3"),
    ];
    let row = Row { more, ..BOUGHT };
    let signs = "order \"t1\": fee_usd_value and fee_amount have different signs";
    assert_eq!(reason(&row, &[]), (IssueType::InvalidTrade, signs.into()));
    // Withheld from a trade of 40 dollars: the lot would cost less than nothing.
    let swap = |more| Row {
        symbol: "AAA-ETH",
        price: "1",
        more,
        ..BOUGHT
    };
    let stated: &[_] = &[
        ("fee_amount", "1"),
        ("fee_currency", "AAA"),
        ("fee_usd_value", "40.01"),
    ];
    let whole = "has a higher value than the whole trade";
    let expected = format!("order \"t1\": fee_usd_value {whole}");
    let found = reason(&swap(stated), &[("ETH", "2")]);
    assert_eq!(found, (IssueType::InvalidTrade, expected));
    let at_rate: &[_] = &stated[..2];
    let expected = format!("order \"t1\": fee_amount {whole}");
    let found = reason(&swap(at_rate), &[("ETH", "2"), ("AAA", "41")]);
    assert_eq!(found, (IssueType::InvalidTrade, expected));
    // As much as the trade: 19 units for nothing.
    let legs = told(&swap(at_rate), &[("ETH", "2"), ("AAA", "40")]);
    assert_eq!(legs[0], "AAA base buy 19 for 0 fee 0");
    // A product of 29 digits, which no size can be.
    let more: &[_] = &[("quote_currency", "ETH")];
    let row = Row {
        symbol: "AAA",
        size: "1.00000000000001",
        price: "1.000000000000001",
        more,
        ..BOUGHT
    };
    let (_, text) = reason(&row, &[("ETH", "2")]);
    assert!(text.ends_with("give quote_value"), "{text}");
}

#[test]
fn each_missing_rate_of_a_trade_is_named() {
    let fee_in = |currency, rates: &[(&str, &str)]| {
        let more: &[_] = &[
            ("quote_currency", "EUR"),
            ("fee_amount", "1"),
            ("fee_currency", currency),
        ];
        let row = Row {
            symbol: "AAA",
            more,
            ..BOUGHT
        };
        let invalid = legs(&row, rates).unwrap_err().of_row("t1");
        let missing = invalid.missing.iter();
        let missing: Vec<String> = missing
            .map(|it| format!("{} of {it}", it.purpose.as_str()))
            .collect();
        (invalid.to_string(), missing)
    };
    let eur = "order \"t1\": price has no value in USD: a rate of EUR on 2025-01-02 is missing";
    let noon = "2025-01-02 12:00:00 UTC";
    let (text, rates) = fee_in("BNB", &[]);
    assert_eq!(
        text,
        format!("{eur}; fee_amount lacks a rate of BNB at {noon}")
    );
    assert_eq!(
        rates,
        [
            "value of EUR on 2025-01-02".to_owned(),
            format!("fee of BNB at {noon}")
        ]
    );
    let (text, rates) = fee_in("EUR", &[]);
    assert_eq!(text, format!("{eur}; the fee lacks it, too"));
    assert_eq!(
        rates,
        ["value of EUR on 2025-01-02", "fee of EUR on 2025-01-02"]
    );
    let (text, rates) = fee_in("BNB", &[("EUR", "1.05")]);
    let bnb = format!("fee_amount has no value in USD: a rate of BNB at {noon} is missing");
    assert_eq!(text, format!("order \"t1\": {bnb}"));
    assert_eq!(rates, [format!("fee of BNB at {noon}")]);
}

#[test]
fn a_pool_by_symbol_has_no_leg_of_another_asset() {
    let rules = AssetRules::by_symbol();
    let rates = [("BNB", "500"), ("EUR", "1.05")];
    let legs = |side: &str, currency: &str| {
        let more: &[_] = &[("fee_amount", "1"), ("fee_currency", currency)];
        let row = Row {
            side,
            more,
            ..BOUGHT
        };
        let legs = legs_by(&rules, &row, &rates);
        legs.map(|legs| {
            legs.entries
                .into_iter()
                .map(|(asset, _)| asset.to_string())
                .collect()
        })
    };
    // Money, and units withheld from what was bought, stay in the pool of the symbol.
    let in_pool: Result<Vec<String>, NoLegs> = Ok(vec!["AAA-USD".to_owned()]);
    assert_eq!(legs("buy", "EUR"), in_pool);
    assert_eq!(legs("buy", "AAA"), in_pool);
    // A fee in another asset, or in what was sold, would be a sale of lots that are elsewhere.
    for (side, currency) in [("buy", "BNB"), ("sell", "BNB"), ("sell", "AAA")] {
        let refused = legs(side, currency).unwrap_err().of_row("t1").to_string();
        let no_place = "order \"t1\": fee_currency is an asset, and pools by symbol have no place \
                        for its units";
        assert_eq!(refused, no_place);
    }
}

#[test]
fn an_amount_beyond_all_limits_is_named_by_its_column() {
    let huge = "99999999999999999999";
    let rates = [("BNB", "500"), ("EUR", "1.05")];
    let of_fee: &[_] = &[("fee_amount", huge), ("fee_currency", "BNB")];
    let of_value: &[_] = &[("quote_value", "10000000000000000000000")];
    for (more, column) in [(of_fee, "fee_amount"), (of_value, "quote_value")] {
        let row = Row { more, ..BOUGHT };
        let refused = legs_by(&AssetRules::default(), &row, &rates).unwrap_err();
        let said = refused.of_row("t1").to_string();
        let expected = format!("order \"t1\": {column} is too large: ");
        assert!(said.starts_with(&expected), "{said}");
    }
}
