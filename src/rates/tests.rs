use super::*;

fn options(name: &str, pair: Option<(&str, &str)>) -> RateOptions {
    let (asset, currency) = pair.unzip();
    let parsed = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    RateOptions {
        name: name.into(),
        kind: None,
        asset: parsed(asset),
        currency: parsed(currency),
        rules: AssetRules::default(),
        now: "2025-03-10T12:00:00Z".parse().unwrap(),
    }
}

fn parse(text: &str, name: &str, pair: Option<(&str, &str)>) -> RateFile {
    parse_rates(text.as_bytes(), &options(name, pair)).unwrap()
}

/// Returns the rates as `LINE ASSET CURRENCY TIME VALUE`.
fn shown(file: &RateFile) -> Vec<String> {
    let rates = file.rates.iter();
    let shown = rates.map(|rate| {
        let (line, at) = (rate.import_line, rate.at.to_string());
        let at = at.trim_end_matches(".000000Z");
        format!(
            "{line} {} {} {at} {}",
            rate.asset, rate.currency, rate.value
        )
    });
    shown.collect()
}

fn rejected(file: &RateFile) -> Vec<String> {
    file.rejected.iter().map(ToString::to_string).collect()
}

fn error(text: &str, name: &str, pair: Option<(&str, &str)>) -> String {
    let error = parse_rates(text.as_bytes(), &options(name, pair)).unwrap_err();
    format!("FILE{}", error.in_file())
}

#[test]
fn the_ecb_has_units_of_each_currency_for_one_euro() {
    let text = "Date,USD,JPY,CYP,\n2025-03-31,1.1,160,N/A,\n2025-03-07,1.0857,159.80,N/A,\n\
                2025-01-02,1.0321,N/A,0.58,\n";
    let mut options = options("eurofxref-hist", None);
    options.now = "2025-04-01T00:00:00Z".parse().unwrap();
    let file = parse_rates(text.as_bytes(), &options).unwrap();
    assert_eq!(file.kind, RateSource::Ecb);
    // 16:00 in Frankfurt is 15:00 UTC in winter, 14:00 in summer.
    assert_eq!(
        shown(&file),
        [
            "4 EUR CYP 2025-01-02T15:00:00 0.58",
            "3 EUR JPY 2025-03-07T15:00:00 159.8",
            "2 EUR JPY 2025-03-31T14:00:00 160",
            "4 EUR USD 2025-01-02T15:00:00 1.0321",
            "3 EUR USD 2025-03-07T15:00:00 1.0857",
            "2 EUR USD 2025-03-31T14:00:00 1.1",
        ]
    );
    assert_eq!(file.skipped, BTreeMap::from([("N/A", 3)]));
    assert_eq!((file.rows, file.rejected.len()), (3, 0));
}

const H10: &str = "\
\"Series Description\",\"AUSTRALIA\",\"EURO AREA\",\"JAPAN\",\"Nominal index\"\n\
\"Unit:\",\"Currency:_Per_AUD\",\"Currency:_Per_EUR\",\"Currency:_Per_USD\",\"Index:_2006\"\n\
\"Multiplier:\",\"1\",\"1\",\"1\",\"1\"\n\
\"Currency:\",\"USD\",\"USD\",\"JPY\",\"NA\"\n\
\"Unique Identifier: \",\"RXI$US_N.B.AL\",\"RXI$US_N.B.EU\",\"RXI_N.B.JA\",\"X\"\n\
\"Time Period\",\"RXI$US_N.B.AL\",\"RXI$US_N.B.EU\",\"RXI_N.B.JA\",\"JRXWTFB_N.B\"\n\
2025-03-06,0.6300,ND,148.05,127.1\n2025-03-07,0.6310,1.0850,ND,127.0\n";

#[test]
fn h10_has_dollars_for_some_currencies_and_units_for_one_dollar_of_others() {
    let file = parse(H10, "FRB_H10", None);
    assert_eq!(
        shown(&file),
        [
            "7 AUD USD 2025-03-06T17:00:00 0.63",
            "8 AUD USD 2025-03-07T17:00:00 0.631",
            "8 EUR USD 2025-03-07T17:00:00 1.085",
            "7 USD JPY 2025-03-06T17:00:00 148.05",
        ]
    );
    assert_eq!(
        file.skipped,
        BTreeMap::from([("ND", 2), ("index columns", 1)])
    );
    // Files of another layout have the bare unit, and the currency of the pair.
    let bare = H10
        .replace("Currency:_Per_AUD", "Currency")
        .replace("Currency:_Per_EUR", "Currency")
        .replace("Currency:_Per_USD", "Currency")
        .replace("\"USD\",\"USD\",\"JPY\"", "\"AUD\",\"EUR\",\"JPY\"");
    assert_eq!(shown(&parse(&bare, "FRB_H10", None)), shown(&file));
}

#[test]
fn h10_columns_that_contradict_themselves_are_refused() {
    let text = H10.replace("Currency:_Per_EUR", "Currency:_Per_USD");
    let expected = "FILE:2: the column \"RXI$US_N.B.EU\" can't have the unit \"Currency:_Per_USD\"";
    assert_eq!(error(&text, "FRB_H10", None), expected);
    let text = H10.replace("\"1\",\"1\",\"1\",\"1\"", "\"1\",\"1\",\"100\",\"1\"");
    let expected = "FILE:3: the column \"RXI_N.B.JA\" can't have the unit \"multiplier 100\"";
    assert_eq!(error(&text, "FRB_H10", None), expected);
}

#[test]
fn coingecko_has_the_opening_price_of_a_day() {
    let text = "snapped_at,price,market_cap,total_volume\n\
                2013-04-28 00:00:00 UTC,135.3,1500517590,0.0\n\
                2025-03-07 00:00:00 UTC,9.0624e4,,\n2025-03-08T00:00:00Z,1,,\n";
    let file = parse(text, "btc-usd-max", Some(("btc", "usd")));
    assert_eq!(
        shown(&file),
        [
            "2 BTC USD 2013-04-28T00:00:00 135.3",
            "3 BTC USD 2025-03-07T00:00:00 90624"
        ]
    );
    let expected = "4: snapped_at is \"2025-03-08T00:00:00Z\", \
                    expected a time like \"2013-04-28 00:00:00 UTC\"";
    assert_eq!(rejected(&file), [expected]);
}

#[test]
fn kraken_has_the_close_of_an_interval_that_the_name_tells() {
    // 1741305600 is 2025-03-07T00:00:00Z.
    let text = "1741305600,90600.0,91100.1,84700.0,86740.5,5321.1,70000\n\
                1741564800,86000,87000,80000,81000,100,1000\n\
                1741651200,1,1,1,1,1,1\n";
    let file = parse(text, "XBTUSD_1440", Some(("XBT", "USD")));
    // The second day has begun, but not ended; the third is tomorrow.
    assert_eq!(shown(&file), ["1 XBT USD 2025-03-08T00:00:00 86740.5"]);
    assert_eq!(file.skipped, BTreeMap::from([("not final yet", 1)]));
    let expected = "3: close is \"1\", of a day in the future, \
                    expected at most 2025-03-10T12:00:00.000000Z";
    assert_eq!((rejected(&file), file.rows), (vec![expected.to_owned()], 3));
    let hour = parse(text, "XBTUSD_60 (1)", Some(("XBT", "USD")));
    assert_eq!(shown(&hour)[0], "1 XBT USD 2025-03-07T01:00:00 86740.5");
    assert_eq!(
        error(text, "bitcoin", Some(("XBT", "USD"))),
        "FILE: the name \"bitcoin\" has no interval, expected one like \"XBTUSD_1440\""
    );
}

#[test]
fn yahoo_has_the_close_at_the_end_of_a_day() {
    let text = "Date,Open,High,Low,Close,Adj Close,Volume\n\
                2025-03-06,1,1,1,89961.73,88000.00,5\n2025-03-07,null,null,null,null,null,null\n";
    let file = parse(text, "BTC-USD", Some(("BTC", "USD")));
    assert_eq!(shown(&file), ["2 BTC USD 2025-03-07T00:00:00 89961.73"]);
    assert_eq!(file.skipped, BTreeMap::from([("null", 1)]));
}

#[test]
fn a_plain_file_names_all() {
    let text = "time,asset,rate,currency,note\n2025-03-07,xbt,90000,usd,by hand\n\
                2025-03-07T10:30:00+01:00,EUR,1.0850,USD,\n2025-03-08,BTC,,USD,unknown\n";
    let file = parse(text, "missing", None);
    assert_eq!(
        shown(&file),
        [
            "2 XBT USD 2025-03-07T00:00:00 90000",
            "3 EUR USD 2025-03-07T09:30:00 1.085"
        ]
    );
    assert_eq!(file.skipped, BTreeMap::from([("empty", 1)]));
}

#[test]
fn every_bad_rate_has_its_message() {
    let row = |row: &str| {
        let file = parse(&format!("asset,time,currency,rate\n{row}\n"), "x", None);
        assert!(file.rates.is_empty(), "{row}");
        rejected(&file).join("; ")
    };
    for (text, message) in [
        (
            "EUR,2025-03-07,USD,0",
            "2: rate is \"0\", expected a number above zero, or an empty cell for an unknown rate",
        ),
        (
            "EUR,2025-03-07,USD,-1.08",
            "2: rate is \"-1.08\", expected a number above zero without a sign",
        ),
        (
            "EUR,2025-03-07,USD,NaN",
            "2: rate is \"NaN\", expected a number",
        ),
        (
            "EUR,2025-03-07,USD,\"1,08\"",
            "2: rate is \"1,08\", expected a number without commas",
        ),
        (
            "EUR,2025-03-07,USD,1.0000000000000000000000000001",
            "2: rate is \"1.0000000000000000000000000001\", expected at most 28 significant digits",
        ),
        (
            "EUR,2025-03-11,USD,1.08",
            "2: time is \"2025-03-11\", which is in the future, \
             expected at most 2025-03-10T12:00:00.000000Z",
        ),
        (
            "EUR,07.03.2025,USD,1.08",
            "2: time is \"07.03.2025\", expected a day like 2024-05-31, or a time like \
             2024-05-31T12:00:00Z",
        ),
        (",2025-03-07,USD,1.08", "2: asset is empty, which is empty"),
        (
            "XBT,2025-03-07,BTC,1.08",
            "2: currency is \"BTC\", expected another one than the asset",
        ),
        (
            "EUR,2025-03-07,USD,1,08",
            "2: row has more cells than the header: put texts with commas in quotes, \
             expected rates",
        ),
    ] {
        assert_eq!(row(text), message);
    }
}

#[test]
fn a_row_that_lacks_cells_or_has_others_is_rejected() {
    let few = "row has fewer cells than the header: an empty cell needs its comma too, \
               expected rates";
    let nameless = "row has a value in a column without a name: write 1.5 for 1,5, put texts with \
                    commas in quotes, or name the column, expected rates";
    // A comma inside 1.08 moves 159.8 past the last column, and 08 to that of yen.
    let ecb = "Date,USD,JPY,\n2025-03-07,1.08\n2025-03-06,1,08,159.8\n2025-03-05,1.08,159.8\n";
    let file = parse(ecb, "x", None);
    let expected = [format!("2: {few}"), format!("3: {nameless}")];
    assert_eq!((rejected(&file), file.rates.len()), (expected.to_vec(), 2));
    // A cut line of each other kind.
    let kraken = "1741305600,1,1,1,2,1,1\n1741392000,1,1,1,2\n";
    let gecko = "snapped_at,price,market_cap,total_volume\n2025-03-07 00:00:00 UTC,9\n";
    let yahoo = "Date,Open,High,Low,Close,Adj Close,Volume\n2025-03-06,1,1,1,8\n";
    for (text, name) in [(kraken, "XBTUSD_1440"), (gecko, "x"), (yahoo, "x")] {
        let file = parse(text, name, Some(("BTC", "USD")));
        assert_eq!(rejected(&file), [format!("2: {few}")], "{text}");
    }
    let file = parse("asset,time,currency,rate\nEUR,2025-03-07,USD\n", "x", None);
    assert_eq!(rejected(&file), [format!("2: {few}")]);
    let file = parse(&H10.replace(",148.05,127.1", ""), "x", None);
    assert_eq!(rejected(&file), [format!("7: {few}")]);
}

#[test]
fn a_header_whose_columns_may_be_wrong_is_refused() {
    // Without its last cell, the line of units would make an index of the last currency.
    let text = H10.replace(",\"Currency:_Per_USD\",\"Index:_2006\"", "");
    let expected = "FILE:2: row has fewer cells than the header: an empty cell needs its comma too";
    assert_eq!(error(&text, "FRB_H10", None), expected);
    let twice =
        |column| format!("FILE:1: the header has the column \"{column}\" twice, expected it once");
    let text = "asset,time,currency,rate,Rate\n";
    assert_eq!(error(text, "x", None), twice("rate"));
    let text = "snapped_at,price,price\n";
    assert_eq!(error(text, "x", Some(("BTC", "USD"))), twice("price"));
    let text = "Date,Open,High,Low,Close,Close\n";
    assert_eq!(error(text, "x", Some(("BTC", "USD"))), twice("close"));
}

#[test]
fn two_rates_for_one_instant_are_one_or_a_fault() {
    let text = "asset,time,currency,rate\nXBT,2025-03-07,USD,90000\nBTC,2025-03-07,USD,90000.0\n\
                BTC,2025-03-07T00:00:00Z,USD,90001\n";
    let file = parse(text, "x", None);
    assert_eq!(shown(&file), ["2 XBT USD 2025-03-07T00:00:00 90000"]);
    assert_eq!(file.duplicates, 1);
    let expected = "4: rate is \"90001\", but line 2 has 90000 for BTC in USD at \
                    2025-03-07T00:00:00.000000Z, expected one rate for one instant";
    assert_eq!(rejected(&file), [expected]);
}

#[test]
fn a_currency_with_two_names_is_refused() {
    let mut options = options("eurofxref-hist", None);
    let cny = "CNY".parse().unwrap();
    options.rules.aliases = BTreeMap::from([("CNH".to_owned(), cny)]);
    let read = |text: &str| {
        parse_rates(text.as_bytes(), &options)
            .unwrap_err()
            .in_file()
    };
    let expected = ":1: the header has CNY twice, as \"CNY\" and as \"CNH\"";
    assert_eq!(
        read("Date,USD,CNY,CNH,\n2025-03-07,1.08,7.8,7.81,\n"),
        expected
    );
    let expected = ":1: the header has USD twice";
    assert_eq!(read("Date,USD,USD,\n2025-03-07,1.08,1.08,\n"), expected);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let trades = "order_id,symbol,side,size,price,order_time,total_fees_usd\n1,A,buy,1,1,x,\n";
    assert_eq!(
        error(trades, "trades", None),
        "FILE: the first line is \"order_id,symbol,side,size,price,order_time,total_fees_usd\", \
         expected a file of rates"
    );
    let ecb = "Date,USD,\n2025-03-07,1.08,\n";
    let of_kind = |kind, text: &str| {
        let options = RateOptions {
            kind: Some(kind),
            ..options("x", None)
        };
        let error = parse_rates(text.as_bytes(), &options).unwrap_err();
        error.in_file()
    };
    let expected = ": the file is of the kind ecb, expected h10";
    assert_eq!(of_kind(RateSource::H10, ecb), expected);
    let expected = ": the column currency is missing";
    assert_eq!(of_kind(RateSource::Plain, "asset,time,rate\n"), expected);
    assert_eq!(
        error("", "x", None),
        "FILE: the file is empty, expected rates"
    );
    assert_eq!(
        error("<html>", "x", None),
        "FILE: the file is HTML or XML, expected CSV text"
    );
    assert_eq!(
        error(ecb, "x", Some(("EUR", "USD"))),
        "FILE: a file of the kind ecb names its assets itself"
    );
}

#[test]
fn a_file_without_an_asset_proposes_the_one_in_its_name() {
    let coingecko = "snapped_at,price,market_cap,total_volume\n";
    let kraken = "1741305600,1,1,1,1,1,1\n";
    let yahoo = "Date,Open,High,Low,Close,Adj Close,Volume\n";
    for (text, name, pair, counts) in [
        (coingecko, "eth-eur-max", Some("ETH EUR"), true),
        (coingecko, "prices", None, false),
        // Prices in dollar coins and pounds are refused.
        (kraken, "XBTUSDT_1440", Some("XBT USDT"), false),
        (kraken, "XBTGBP_60", Some("XBT GBP"), false),
        (kraken, "1INCHEUR_60 (2)", Some("1INCH EUR"), true),
        (yahoo, "BTC-USD (1)", Some("BTC USD"), true),
        (yahoo, "EURUSD=X", Some("EUR USD"), true),
        (yahoo, "AAPL", None, false),
        (yahoo, "B$C-USD", None, false),
    ] {
        let error = parse_rates(text.as_bytes(), &options(name, None)).unwrap_err();
        let RateFileError::NoAsset {
            proposed,
            kind,
            is_way,
        } = error
        else {
            panic!("{name}: {error}");
        };
        assert_eq!(is_way, counts, "{name}");
        let found = proposed.map(|(asset, currency)| format!("{asset} {currency}"));
        assert_eq!(found.as_deref(), pair, "{kind} {name}");
    }
    let named = |name: &str, pair: (&str, &str)| {
        let read = parse_rates(kraken.as_bytes(), &options(name, Some(pair)));
        read.map_err(|error| error.to_string())
    };
    assert!(named("XBTEUR_60", ("BTC", "EUR")).is_ok());
    // Words that are no codes say nothing.
    assert!(named("MYCOIN_60", ("BTC", "EUR")).is_ok());
    let other = "the name \"XBTEUR_60\" says XBT in EUR, expected";
    for (pair, said) in [
        (("ETH", "EUR"), "ETH in EUR"),
        (("BTC", "USD"), "BTC in USD"),
    ] {
        let error = named("XBTEUR_60", pair).unwrap_err();
        assert_eq!(error, format!("{other} {said}"));
    }
    let pounds = named("XBTGBP_60", ("XBT", "GBP")).unwrap_err();
    let no_way = "prices of XBT in GBP lead to no value in dollars, expected prices in USD or EUR";
    assert_eq!(pounds, no_way);
    let same = error(coingecko, "x", Some(("XBT", "BTC")));
    assert_eq!(same, "FILE: asset and currency are both BTC, expected two");
}
