use super::*;
use crate::engine::number::Usd;

fn asset(code: &str) -> Asset {
    code.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A rate as `SOURCE ASSET CURRENCY TIME VALUE`.
fn rate(text: &str) -> Rate {
    let parts: Vec<&str> = text.split(' ').collect();
    let [source, of, currency, at, value] = parts[..] else {
        panic!("{text}");
    };
    Rate {
        asset: asset(of),
        currency: asset(currency),
        at: time(at),
        value: value.parse().unwrap(),
        source: source.parse().unwrap(),
        import_id: 1,
        import_line: 2,
    }
}

fn book(rates: &[&str]) -> RateBook {
    book_by(RateRules::default(), rates)
}

fn book_by(rules: RateRules, rates: &[&str]) -> RateBook {
    let rates = rates.iter().map(|text| rate(text)).collect();
    RateBook::try_new(rules, rates).unwrap()
}

fn look(book: &RateBook, class: AssetClass, of: &str, at: &str) -> Option<FoundRate> {
    let account = Account::default();
    book.look_up(&WantedRate {
        asset: &asset(of),
        currency: &asset("USD"),
        at: time(at),
        class,
        own: Some((&account, &"X".parse().unwrap())),
    })
}

fn value(book: &RateBook, class: AssetClass, of: &str, at: &str) -> Option<String> {
    look(book, class, of, at).map(|found| found.value.to_string())
}

#[test]
fn the_last_rate_on_or_before_the_instant_counts() {
    let book = book(&[
        "ecb EUR USD 2025-03-06T15:00:00Z 1.08",
        "ecb EUR USD 2025-03-07T15:00:00Z 1.0857",
    ]);
    let at = |at| value(&book, AssetClass::Fx, "EUR", at);
    assert_eq!(at("2025-03-06T14:59:59.999999Z"), None);
    assert_eq!(at("2025-03-06T15:00:00Z").as_deref(), Some("1.08"));
    assert_eq!(at("2025-03-07T14:59:59.999999Z").as_deref(), Some("1.08"));
    assert_eq!(at("2025-03-07T15:00:00Z").as_deref(), Some("1.0857"));
    // Over the weekend.
    assert_eq!(at("2025-03-09T23:00:00Z").as_deref(), Some("1.0857"));
    assert_eq!(at("2025-03-10T09:00:00Z").as_deref(), Some("1.0857"));
}

#[test]
fn a_currency_rate_counts_until_the_end_of_the_seventh_day_after_it() {
    // Friday, 7 March 2025: 16:00 in Frankfurt is 15:00 UTC, noon in New York 17:00 UTC.
    for (source, at, last) in [
        // Midnight between the 14th and the 15th: in Frankfurt (still winter), ...
        ("ecb", "2025-03-07T15:00:00Z", "2025-03-14T22:59:59.999999Z"),
        // ... in New York (summer since the 9th), ...
        ("h10", "2025-03-07T17:00:00Z", "2025-03-15T03:59:59.999999Z"),
        // ... and in UTC.
        (
            "plain",
            "2025-03-07T17:00:00Z",
            "2025-03-14T23:59:59.999999Z",
        ),
    ] {
        let book = book(&[&format!("{source} EUR USD {at} 1.0857")]);
        let found = |at: Timestamp| value(&book, AssetClass::Fx, "EUR", &at.to_string());
        let last = time(last);
        let next = Timestamp::try_from_micros(last.as_micros() + 1).unwrap();
        assert_eq!(found(last).as_deref(), Some("1.0857"), "{source}");
        assert_eq!(found(next), None, "{source}");
    }
}

#[test]
fn a_coin_rate_counts_for_24_hours() {
    let book = book(&["coingecko ETH USD 2025-03-07T00:00:00Z 2202.5"]);
    let at = |at| value(&book, AssetClass::Crypto, "ETH", at);
    assert_eq!(at("2025-03-06T23:59:59.999999Z"), None);
    assert_eq!(at("2025-03-07T00:00:00Z").as_deref(), Some("2202.5"));
    assert_eq!(at("2025-03-07T23:59:59.999999Z").as_deref(), Some("2202.5"));
    assert_eq!(at("2025-03-08T00:00:00Z").as_deref(), Some("2202.5"));
    assert_eq!(at("2025-03-08T00:00:00.000001Z"), None);
}

#[test]
fn a_cross_takes_two_rates_of_one_row() {
    let book = book(&[
        "ecb EUR USD 2025-03-06T15:00:00Z 1.08",
        "ecb EUR GBP 2025-03-06T15:00:00Z 0.84",
        "ecb EUR USD 2025-03-07T15:00:00Z 1.0857",
        // The source had no pound on the 7th, and no dollar on the 8th.
        "ecb EUR GBP 2025-03-08T15:00:00Z 0.83",
        // Not the base of a file: no cross.
        "plain BTC USD 2025-03-06T15:00:00Z 90000",
        "plain BTC PLN 2025-03-06T15:00:00Z 360000",
    ]);
    let found = look(&book, AssetClass::Fx, "GBP", "2025-03-09T12:00:00Z").unwrap();
    // 1.08 / 0.84 = 1.285714 285714 ...
    assert_eq!(found.value.to_string(), "1.28571428571428571");
    assert_eq!(
        (found.source, found.at),
        (RateSource::Ecb, time("2025-03-06T15:00:00Z"))
    );
    let steps = found.steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} {} {}", step.asset, step.currency, step.value))
        .collect();
    assert_eq!(steps, ["EUR USD 1.08", "EUR GBP 0.84"]);
    let zloty = value(&book, AssetClass::Fx, "PLN", "2025-03-07T00:00:00Z");
    assert_eq!(zloty, None);
}

#[test]
fn a_coin_in_euros_goes_by_way_of_the_euro() {
    let rates = [
        "kraken BTC EUR 2025-03-08T11:00:00Z 79000.5",
        "kraken BTC EUR 2025-03-09T12:00:00Z 80000",
        "ecb EUR USD 2025-03-07T15:00:00Z 1.0857",
        "h10 EUR USD 2025-03-06T17:00:00Z 1.08",
        "plain EUR HUF 2025-03-06T15:00:00Z 400",
        "plain USD CHF 2025-03-06T15:00:00Z 0.88",
    ];
    let euros = book(&rates);
    let look = |book: &RateBook, at: &str| look(book, AssetClass::Crypto, "BTC", at);
    // 79000.5 x 1.0857 = 85770.84285; the rate of Friday counts on Sunday.
    let found = look(&euros, "2025-03-09T11:00:00Z").unwrap();
    assert_eq!(found.value.to_string(), "85770.84285");
    assert_eq!(
        (found.source, found.at),
        (RateSource::Kraken, time("2025-03-07T15:00:00Z"))
    );
    let steps = found.steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} {} {}", step.asset, step.currency, step.value))
        .collect();
    assert_eq!(steps, ["BTC EUR 79000.5", "EUR USD 1.0857"]);
    // Each of the two has its own age: 24 hours for the coin, 7 days for the euro.
    assert!(look(&euros, "2025-03-09T11:00:00.000001Z").is_none());
    assert!(look(&euros, "2025-03-15T12:00:00Z").is_none());
    let old = "2025-03-10T12:00:00Z";
    assert!(look(&euros, old).is_some());
    // Without a rate of the euro, that is the one to look for.
    let lacking = |at: &str| {
        let (btc, usd) = ("BTC".parse().unwrap(), "USD".parse().unwrap());
        let wanted = WantedRate {
            asset: &btc,
            currency: &usd,
            at: time(at),
            class: AssetClass::Crypto,
            own: None,
        };
        book(&rates[..2]).lacking(&wanted).to_string()
    };
    assert_eq!(lacking("2025-03-09T11:00:00Z"), "EUR");
    assert_eq!(lacking("2025-03-12T11:00:00Z"), "BTC");
    // Any other rate comes first, also an older one.
    let dollars = [&rates[..], &["yahoo BTC USD 2025-03-09T12:00:00Z 1"]].concat();
    let found = look(&book(&dollars), old).unwrap();
    assert_eq!(found.value.to_string(), "1");
    // Both rates turned: 1 / 400 / 0.92 = 0.0027173913043478260869...
    let turned = [&rates[4..5], &["plain USD EUR 2025-03-06T15:00:00Z 0.92"]].concat();
    let forint = value(
        &book(&turned),
        AssetClass::Fx,
        "HUF",
        "2025-03-09T00:00:00Z",
    );
    assert_eq!(forint.as_deref(), Some("0.00271739130434782609"));
    // No other currency is a way.
    let francs = ["plain BTC CHF 2025-03-08T12:00:00Z 80000", rates[5]];
    assert!(look(&book(&francs), "2025-03-08T12:00:00Z").is_none());
}

#[test]
fn a_rate_of_the_dollar_is_inverted() {
    let book = book(&["h10 USD JPY 2025-03-07T17:00:00Z 147.21"]);
    let found = look(&book, AssetClass::Fx, "JPY", "2025-03-07T17:00:00Z").unwrap();
    assert_eq!(found.value.to_string(), "0.00679301677875144352");
    assert_eq!(found.steps[0].value.to_string(), "147.21");
    assert_eq!(found.steps[0].asset.as_str(), "USD");
}

#[test]
fn a_rate_is_rounded_at_18_digits_and_its_step_is_not() {
    let book = book(&["coingecko ETH USD 2025-03-07T00:00:00Z 2202.50000000000000051"]);
    let found = look(&book, AssetClass::Crypto, "ETH", "2025-03-07T00:00:00Z").unwrap();
    assert_eq!(found.value.to_string(), "2202.5");
    assert_eq!(found.steps[0].value.to_string(), "2202.50000000000000051");
}

#[test]
fn the_preferred_source_wins_and_the_nearest_of_the_others() {
    let rates = [
        "kraken ETH USD 2025-03-07T10:00:00Z 1",
        "yahoo ETH USD 2025-03-07T11:00:00Z 2",
        "coingecko ETH USD 2025-03-07T09:00:00Z 3",
        "plain ETH USD 2025-03-07T11:00:00Z 4",
    ];
    let none = book(&rates);
    let at = |book: &RateBook, at| value(book, AssetClass::Crypto, "ETH", at).unwrap();
    // At one instant the name decides: plain before yahoo.
    assert_eq!(at(&none, "2025-03-07T12:00:00Z"), "4");
    let rules = RateRules {
        sources: vec![RateSource::CoinGecko, RateSource::Kraken],
        ..RateRules::default()
    };
    let book = book_by(rules, &rates);
    assert_eq!(at(&book, "2025-03-07T12:00:00Z"), "3");
    // A preferred source whose rate is too old leaves the choice to the next.
    assert_eq!(at(&book, "2025-03-08T09:00:00.000001Z"), "1");
    assert_eq!(at(&book, "2025-03-08T10:30:00Z"), "4");
}

#[test]
fn own_trades_are_rates_of_their_account_but_never_of_themselves() {
    let rates = ["kraken BNB USD 2025-03-07T10:00:00Z 500"];
    let own = |account: &str, id: &str, at: &str, value: &str| OwnRate {
        account: account.parse().unwrap(),
        order_id: id.parse().unwrap(),
        asset: asset("BNB"),
        at: time(at),
        side: Side::Buy,
        trade_seq: None,
        shorts: false,
        value: value.parse().unwrap(),
    };
    let trades = vec![
        own("default", "X", "2025-03-07T10:00:02Z", "502"),
        own("default", "A", "2025-03-07T10:00:01Z", "501"),
        own("other", "B", "2025-03-07T10:00:02Z", "503"),
    ];
    let mut book = book(&rates);
    book.add_own(trades.clone());
    let at = "2025-03-07T10:00:02Z";
    let found = look(&book, AssetClass::Crypto, "BNB", at).unwrap();
    assert_eq!(
        (found.value.to_string().as_str(), found.source),
        ("501", RateSource::Own)
    );
    assert_eq!(
        found.steps[0].origin,
        RateOrigin::Trade("A".parse().unwrap())
    );
    let rules = RateRules {
        own_trades: false,
        ..RateRules::default()
    };
    let mut book = book_by(rules, &rates);
    book.add_own(trades);
    let found = value(&book, AssetClass::Crypto, "BNB", at);
    assert_eq!(found.as_deref(), Some("500"));
    // At one instant a sell, then a buy, by sequence. It counts first where a pool may go short.
    for (shorts, last) in [(true, "502"), (false, "501")] {
        let sell = OwnRate {
            side: Side::Sell,
            trade_seq: Some(1),
            shorts,
            ..own("default", "S", "2025-03-07T10:00:01Z", "501")
        };
        let buy = OwnRate {
            side: Side::Buy,
            trade_seq: Some(2),
            ..own("default", "B", "2025-03-07T10:00:01Z", "502")
        };
        let buy = OwnRate { shorts, ..buy };
        let mut book = book_by(RateRules::default(), &rates);
        book.add_own(vec![buy, sell]);
        let found = value(&book, AssetClass::Crypto, "BNB", at);
        assert_eq!(found.as_deref(), Some(last));
    }
}

#[test]
fn two_rates_for_one_instant_are_refused() {
    let rates = [
        "ecb EUR USD 2025-03-07T15:00:00Z 1.08",
        "ecb EUR USD 2025-03-07T15:00:00Z 1.09",
    ];
    let rates = rates.map(rate).into();
    let error = RateBook::try_new(RateRules::default(), rates).unwrap_err();
    let expected = "ecb has two rates for EUR in USD at 2025-03-07T15:00:00.000000Z: 1.08 and 1.09";
    assert_eq!(error.to_string(), expected);
    // Equal ones are one, that of the first import.
    let mut first = rate("ecb EUR USD 2025-03-07T15:00:00Z 1.08");
    first.import_id = 7;
    let again = rate("ecb EUR USD 2025-03-07T15:00:00Z 1.08");
    let book = RateBook::try_new(RateRules::default(), vec![first, again]).unwrap();
    let found = look(&book, AssetClass::Fx, "EUR", "2025-03-07T15:00:00Z").unwrap();
    let origin = RateOrigin::Line {
        import_id: 1,
        line: 2,
    };
    assert_eq!(found.steps[0].origin, origin);
}

#[test]
fn a_rate_is_a_number_above_zero() {
    let read = |text: &str| text.parse::<RateValue>().map_err(|error| error.to_string());
    assert_eq!(read("1e-8").unwrap().to_string(), "0.00000001");
    for (text, error) in [
        ("0", "is zero"),
        ("0.000", "is zero"),
        ("-1", "is negative"),
        ("NaN", "is not a number"),
        ("", "is empty"),
        ("1,085", "has a comma in it"),
    ] {
        assert_eq!(read(text).unwrap_err(), error, "{text}");
    }
    for source in RateSource::ALL {
        assert_eq!(source.as_str().parse(), Ok(source));
    }
    assert_eq!("ECB".parse::<RateSource>(), Err(SourceError));
    assert!(RateSource::ALL.is_sorted_by_key(|source| source.as_str()));
}

#[test]
fn records_come_back_as_they_went_in() {
    let word = i128::from(i64::MAX);
    let record = |nth: i64, asset: &str, value: &str, units: i128, usd: i128| RateUsed {
        account: "main".parse().unwrap(),
        order_id: format!("T-{}", 7 - nth),
        purpose: if nth % 2 == 0 {
            RatePurpose::Value
        } else {
            RatePurpose::Fee
        },
        asset: asset.parse().unwrap(),
        units: Fact::of_parts(units, 8),
        usd: Usd::from_units(usd),
        traded_at: Timestamp::EPOCH,
        rate: FoundRate {
            value: value.parse().unwrap(),
            at: Timestamp::EPOCH,
            source: RateSource::Peg,
            steps: Vec::new(),
        },
    };
    let records = vec![
        record(0, "EUR", "1.1", 1, -1),
        record(1, "BNB", "300", word, word),
        record(2, "EUR", "1.1", -word - 2, 5),
        record(3, "EUR", "1.2", 5, word + 1),
        record(4, "EUR", "1.1", 0, 0),
        RateUsed {
            order_id: String::new(),
            ..record(5, "BNB", "300", 1, 1)
        },
    ];
    let mut list: RatesUsed = records.iter().cloned().collect();
    assert_eq!(list.to_vec(), records);
    assert_eq!(list.iter().len(), 6);
    // Two amounts in EUR in a row, and both in BNB, have one rate in memory.
    let rates = |nth: usize| list.iter().nth(nth).unwrap().rate as *const FoundRate;
    assert_eq!((rates(0), rates(1)), (rates(2), rates(5)));
    assert_eq!(rates_hash(list.iter()), rates_hash(&records));
    let mut twice = list.clone();
    twice.append(list.clone());
    assert_eq!(twice.to_vec(), [records.clone(), records.clone()].concat());
    let mut none = RatesUsed::default();
    none.append(list.clone());
    assert_eq!(none, list);
    list.sort_once();
    let mut sorted = records;
    sorted.sort_by(|left, right| left.key().cmp(&right.key()));
    assert_eq!(list.to_vec(), sorted);
}

/// Some ids begin alike or are within others, and so are the names of accounts.
#[test]
fn used_rates_are_sorted_by_account_id_and_purpose_once_each() {
    let record = |account: &str, order_id: &str, purpose| RateUsed {
        account: account.parse().unwrap(),
        order_id: order_id.to_owned(),
        purpose,
        asset: asset("EUR"),
        units: Fact::try_new(1, 0).unwrap(),
        usd: Usd::from_units(1),
        traded_at: Timestamp::EPOCH,
        rate: FoundRate {
            value: "1.1".parse().unwrap(),
            at: Timestamp::EPOCH,
            source: RateSource::Peg,
            steps: Vec::new(),
        },
    };
    let ids = [
        "",
        "A",
        "A\u{1}",
        "B",
        "binance-10",
        "binance-2",
        "binance-",
        "binanc",
        "Ä-1",
        "z",
    ];
    let mut records = Vec::new();
    for order_id in ids.iter().rev().chain(&ids) {
        for account in ["main", "a", "main 2", "mai"] {
            for purpose in [RatePurpose::Fee, RatePurpose::Value] {
                records.push(record(account, order_id, purpose));
            }
        }
    }
    let mut list: RatesUsed = records.iter().cloned().collect();
    list.sort_once();
    records.sort_by(|left, right| left.key().cmp(&right.key()));
    records.dedup();
    assert_eq!(records.len(), 4 * 2 * ids.len());
    assert_eq!(list.to_vec(), records);
    list.sort_once();
    assert_eq!(list.to_vec(), records);
}

#[test]
fn each_step_of_a_record_is_a_line_of_cells_with_lengths() {
    let step = |of: &str, currency: &str, value: &str, origin| RateStep {
        asset: asset(of),
        currency: asset(currency),
        value: value.parse().unwrap(),
        origin,
    };
    let record = RateUsed {
        account: "Zoë".parse().unwrap(),
        order_id: "T-1".to_owned(),
        purpose: RatePurpose::Fee,
        asset: asset("BNB"),
        units: Fact::try_new(-1_230, 6).unwrap(),
        usd: Usd::from_units(-750_000_000_000),
        traded_at: time("2025-03-07T15:00:00.25Z"),
        rate: FoundRate {
            value: "609.7560".parse().unwrap(),
            at: time("2025-03-07T15:00:00Z"),
            source: RateSource::Own,
            steps: vec![
                step(
                    "BNB",
                    "USD",
                    "609.7560",
                    RateOrigin::Trade("A~2".parse().unwrap()),
                ),
                step(
                    "EUR",
                    "USD",
                    "1",
                    RateOrigin::Line {
                        import_id: 1,
                        line: 2,
                    },
                ),
            ],
        },
    };
    let lines = [
        "4:Zoë\n3:T-1\n3:fee\n1:1\n3:BNB\n8:-0.00123\n5:-0.75\n7:609.756\n\
         27:2025-03-07T15:00:00.000000Z\n3:own\n3:BNB\n3:USD\n7:609.756\n3:A~2\n\
         27:2025-03-07T15:00:00.250000Z\n",
        "4:Zoë\n3:T-1\n3:fee\n1:2\n3:BNB\n8:-0.00123\n5:-0.75\n7:609.756\n\
         27:2025-03-07T15:00:00.000000Z\n3:own\n3:EUR\n3:USD\n1:1\n0:\n\
         27:2025-03-07T15:00:00.250000Z\n",
    ];
    let mut hash = crate::engine::RowsHash::EMPTY;
    lines.iter().for_each(|line| hash.add_row(line.as_bytes()));
    assert_eq!(rates_hash([&record]), hash);
}
