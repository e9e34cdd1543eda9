//! Faults of rows: the message names the column and the text of the file.

use super::*;

/// A layout, a change of its sample, and the fault.
type FaultCase = ((&'static str, &'static str, &'static str), &'static str);

const FAULTS: &[FaultCase] = &[
    (
        ("coinbase-fills", "40000,10,-20010", "40000,,-20010"),
        "2: total is \"-20010\", expected size x price and the fee together, below zero for a \
         purchase",
    ),
    (
        // A rebate of more than the trade: -20000 + 30000.
        ("coinbase-fills", "40000,10,-20010", "40000,-30000,10000"),
        "2: fee is \"-30000\", expected less than the trade",
    ),
    (
        (
            "ib-transactions",
            "-1928.0,-1.0,-1929.0",
            "-1928.0,-11.0,-1929.0",
        ),
        "13: Gross Amount is \"-1928.0\", expected Gross Amount and Commission to add up to Net \
         Amount",
    ),
    (
        ("ib-transactions", "500.0,-,500.0", "500.0,-,-500.0"),
        "8: Net Amount is \"-500.0\", expected Gross Amount and Commission to add up to Net Amount",
    ),
    (
        (
            "ib-flex-trades",
            "\"EUR\",\"STK\",\"EUNL\"",
            "\"\",\"STK\",\"EUNL\"",
        ),
        "5: CurrencyPrimary is empty, expected the currency of the price",
    ),
    (
        (
            "coinbase-oldest",
            "0.5,0.5,BTC,Ann,Bought",
            "0.5,0.5,,Ann,Bought",
        ),
        "4: Currency is empty, expected the code of a currency or coin",
    ),
    (
        ("coinbase-oldest", "770.25,USD,11.25", "770.25,,11.25"),
        "4: Transfer Total Currency is empty, expected the code of a currency or coin",
    ),
    (
        ("binance-us", "4010,USD,4000,4000", "4010,,4000,4000"),
        "3: Realized_Amount_For_Quote_Asset is \"4000\", expected the quote of this amount beside \
         it",
    ),
    (
        ("binance-us", "BTC,0.1,4010,USD", "BTC,4010,0.1,USD"),
        "3: Realized_Amount_For_Base_Asset_In_USD_Value is \"0.1\", expected about the value of \
         the \
         other asset",
    ),
    (
        (
            "coinbase-older",
            "Sold 0.2 ETH for 378.1 USDT",
            "Bought 0.2 ETH for 378.1 USDT",
        ),
        "10: Notes is \"Bought 0.2 ETH for 378.1 USDT on ETH-USDT at 1900 USDT/ETH\", expected the \
         side of the row",
    ),
    (
        (
            "coinbase-older",
            "for 378.1 USDT on ETH-USDT at 1900 USDT/ETH",
            "for 378.1 USD",
        ),
        "10: Notes is \"Sold 0.2 ETH for 378.1 USD\", expected the subtotal or the total of the \
         row",
    ),
    (
        ("coinbase-older", "at 1900 USDT/ETH", "at 19000 USDT/ETH"),
        "10: Notes is \"Sold 0.2 ETH for 378.1 USDT on ETH-USDT at 19000 USDT/ETH\", expected \
         about \
         the quantity x the price",
    ),
    (
        ("bitstamp", "1000.00000000,EUR", "none,EUR"),
        "2: Amount is \"none\", expected a number above zero",
    ),
    (
        ("bitstamp", "0.10,USD,\n", "0.10,,\n"),
        "5: Fee currency is empty, expected the asset of the fee",
    ),
    (
        ("bitstamp", "2025-02-03T10:00:00Z", "yesterday"),
        "5: Datetime is \"yesterday\", expected a time like 2025-01-02T03:04:05Z",
    ),
    (
        ("coinbase-fills", "0.5,BTC", "half,BTC"),
        "2: size is \"half\", expected a number above zero",
    ),
    (
        ("coinbase-fills", "BUY,2025-01-02T03", "SWAP,2025-01-02T03"),
        "2: side is \"SWAP\", expected \"buy\" or \"sell\"",
    ),
    (
        (
            "kraken-trades",
            "2025-03-29 17:11:24.1139",
            "29.03.2025 17:11",
        ),
        "2: time is \"29.03.2025 17:11\", expected a time like 2025-01-02T03:04:05Z",
    ),
    (
        (
            "kraken-trades",
            "2025-03-30 00:00:00",
            "2025-03-30 23:59:60",
        ),
        "3: time is \"2025-03-30 23:59:60\", expected a second from 00 to 59",
    ),
    (
        ("kraken-trades", "0.05000031,0.00000", "0.05000031,900.1"),
        "2: margin is \"900.1\", expected 0: trades on margin open and close positions, which \
             are not computed",
    ),
    (
        // Elsewhere it would be the ticker of a share, in dollars.
        ("kraken-trades", "XXBTZEUR", "XYZQQQ"),
        "2: pair is \"XYZQQQ\", expected a pair whose quote is a known currency or coin",
    ),
    (
        ("bitstamp", "Market,Buy", "Card purchase,Buy"),
        "3: Type is \"Card purchase\", expected Market, or another type that the format knows",
    ),
    (
        ("schwab", "Journal", "Stock Merger"),
        "6: Action is \"Stock Merger\", expected no reverse split, spin-off, merger or new name: \
         the row does not state the new units",
    ),
    (
        ("schwab", "$3,320.07", "-$3,320.07"),
        "3: Amount is \"-$3,320.07\", expected a number above zero on this side of a trade",
    ),
    (
        ("schwab", "$3,320.07", "$332,007.00"),
        "3: Amount is \"$332,007.00\", expected about size x price: bonds, options and futures, \
             with more than one unit a contract, are not computed",
    ),
    (
        ("robinhood", "($12,000.00)", "$12,000.00"),
        "9: Amount is \"$12,000.00\", expected a number below zero on this side of a trade",
    ),
    (
        ("ib-transactions", "10450.0,-1.0", "1045000.0,-1.0"),
        "6: Gross Amount is \"1045000.0\", expected about size x price: bonds, options and \
             futures, with more than one unit a contract, are not computed",
    ),
    (
        ("schwab", "\"-$100.00\"", "\"\""),
        "6: Amount is empty, expected \"in\" or \"out\"",
    ),
    (
        ("schwab", "Journal", "Stock Split"),
        "6: Symbol is empty, expected a symbol like BTC-USD",
    ),
    (
        ("schwab", "DEF CORP\",\"38\"", "DEF CORP\",\"\""),
        "8: ratio_new is empty, expected either a ratio of whole numbers or the units that came",
    ),
    (
        ("robinhood", "CDIV", "SPR"),
        "4: Trans Code is \"SPR\", expected no reverse split, spin-off, merger or new name: the \
         row does not state the new units",
    ),
    (
        ("alpaca-activities", "FEE,", "SPIN,"),
        "5: activity_type is \"SPIN\", expected no reverse split, spin-off, merger or new name: \
         the row does not state the new units",
    ),
    (
        ("ib-transactions", ",Dividend,VT", ",Corporate Action,VT"),
        "7: Transaction Type is \"Corporate Action\", expected no reverse split, spin-off, merger \
         or new name: the row does not state the new units",
    ),
    (
        (
            "ib-transactions",
            "Split 4 for 1 (ABC",
            "Split 4 for some (ABC",
        ),
        "9: Description is \"ABC(US0000000001) Split 4 for some (ABC, ABC CORP, US0000000\"… (64 \
             characters), expected a ratio of whole numbers above zero",
    ),
    (
        ("bybit-spot", ",14:35 2024-11-16", ",14:35 2024-11-16,"),
        "2: row has 14 cells, expected 13",
    ),
    (
        // A coin alone would be in dollars, also in a spelling of its own.
        ("kraken-trades", "XXBTZEUR", "XXBT"),
        "2: pair is \"XXBT\", expected a pair whose quote is a known currency or coin",
    ),
    (
        ("kraken-trades", "XXBTZEUR", "foobar"),
        "2: pair is \"foobar\", expected a pair whose quote is a known currency or coin",
    ),
    (
        ("kraken-trades", "ETH/USD", "BRK/B"),
        "3: pair is \"BRK/B\", expected a pair whose quote is a known currency or coin",
    ),
    (
        (
            "kraken-trades",
            "0.00000,\"\",\"LAAAAA-BBBBB-CCCCC1",
            "0.00000,\"closing,initiated\",\"LAAAAA-BBBBB-CCCCC1",
        ),
        "2: misc is \"closing,initiated\", expected a trade without a position: trades on \
             margin are not computed",
    ),
    (
        ("kraken-trades", "2025-03-30 00:00:00", "25-03-30 00:00:00"),
        "3: time is \"25-03-30 00:00:00\", expected a time like 2025-01-02T03:04:05Z",
    ),
    (
        ("bybit-spot", "14:36 2024-11-16", "14:36 24-11-16"),
        "3: Timestamp (UTC) is \"14:36 24-11-16\", expected a time like \
             2025-01-02T03:04:05Z",
    ),
    (
        // A contract, not the coin that the unit names.
        ("coinbase-fills", "101,BTC-USD,BUY", "101,BTC-PERP-INTX,BUY"),
        "2: product is \"BTC-PERP-INTX\", expected a pair of spot trades: futures are not computed",
    ),
    (
        ("coinbase-fills", "10,-20010,USD", "10,-20010,EUR"),
        "2: product is \"BTC-USD\", expected a pair whose quote is a known currency or coin",
    ),
    (
        ("coinbase-fills", "0.5,BTC,", "0.5,ETH,"),
        "2: product is \"BTC-USD\", expected a pair whose quote is a known currency or coin",
    ),
    (
        ("coinbase-fills", "default,101,BTC", "default,,BTC"),
        "2: order_id is \"BTC-USD-\", expected the id of the execution",
    ),
    (
        ("coinbase-fills", "default,101,BTC", "default,1.2E+09,BTC"),
        "2: order_id is \"BTC-USD-1.2E+09\", expected the id of the execution, not a rounded \
             number",
    ),
    (
        ("crypto-com-exchange", "SPOT,18400002", "MARGIN,18400002"),
        "3: account_type is \"MARGIN\", expected SPOT, or another type that the format knows",
    ),
    (
        ("actions", "split,NVDA", "splt,NVDA"),
        "2: action is \"splt\", expected merger or rename or spin_off or split",
    ),
    (
        ("actions", "2024-06-10,10,1,", "2024-06-10,10,0,"),
        "2: ratio_old is \"0\", expected a ratio of whole numbers above zero",
    ),
];

#[test]
fn a_fault_names_the_column_and_the_text_of_the_file() {
    for ((name, from, to), expected) in FAULTS {
        assert_eq!(fault_of(name, from, to), *expected);
    }
}

/// Clocks of Sao Paulo had no midnight on 2018-11-04: the day began at one.
#[test]
fn a_day_of_an_action_begins_in_the_named_zone() {
    let zoned = ImportOptions {
        timezone: Some(TimeZone::get("America/Sao_Paulo").unwrap()),
        ..options()
    };
    let text = "action,asset,happened_at,ratio_new,ratio_old\n\
                split,AMD,2018-11-04,2,1\nsplit,IBM,2018-11-05,2,1\n\
                split,JKL,2018-11-05T09:30:00,2,1\nsplit,XYZ,2018-11-05T09:30:00Z,2,1\n";
    let times = |options: &ImportOptions| -> Vec<String> {
        let file = parse_csv(text.as_bytes(), options, &mut |_| ()).unwrap();
        let actions = file.actions.iter();
        actions
            .map(|it| it.happened_at.to_string()[..16].to_owned())
            .collect()
    };
    let named = [
        "2018-11-04T03:00",
        "2018-11-05T02:00",
        "2018-11-05T11:30",
        "2018-11-05T09:30",
    ];
    assert_eq!(times(&zoned), named);
    let utc = [
        "2018-11-04T00:00",
        "2018-11-05T00:00",
        "2018-11-05T09:30",
        "2018-11-05T09:30",
    ];
    assert_eq!(times(&options()), utc);
}
