//! A report names the zone of a file's times, its accounts, and another file at its end.

use super::*;
use crate::import::{FileError, FileTimes, ZoneSource};

fn times(text: &str, options: &ImportOptions) -> Option<FileTimes> {
    let file = parse_csv(text.as_bytes(), options, &mut |_| ()).unwrap();
    file.times
}

#[test]
fn a_file_says_the_zone_of_its_times_and_its_place() {
    use ZoneSource::{Assumed, Before, Header, Rows, Source};
    for (name, zone, from) in [
        ("alpaca-activities", "", Rows),
        ("binance-convert", "UTC", Assumed),
        ("binance-older", "UTC", Header),
        ("binance-records", "UTC", Header),
        ("binance-trades", "UTC", Header),
        ("binance-us", "", Rows),
        ("bitstamp", "", Rows),
        ("bitstamp-older", "UTC", Assumed),
        ("bybit-log", "UTC", Assumed),
        ("bybit-spot", "UTC", Source),
        ("coinbase", "", Rows),
        ("coinbase-oldest", "", Rows),
        ("cointracker", "UTC", Source),
        ("ib-activity", "New York", Assumed),
        ("ib-flex-trades", "New York", Assumed),
        ("koinly", "", Rows),
        ("kraken-ledgers", "UTC", Source),
        ("kraken-trades", "UTC", Source),
        ("kucoin-fills", "UTC+2", Header),
        ("kucoin-older", "Singapore", Assumed),
        ("okx-account", "UTC+8", Before),
        ("robinhood", "New York", Assumed),
        ("schwab", "New York", Assumed),
    ] {
        let found = times(&sample(name), &options());
        let is_other_named = false;
        let zone = zone.to_owned();
        assert_eq!(
            found,
            Some(FileTimes {
                zone,
                from,
                is_other_named
            }),
            "{name}"
        );
    }
}

/// A person's zone counts, or the report says that it does not.
#[test]
fn a_zone_that_a_person_names_counts_or_is_said_to_be_unused() {
    use ZoneSource::{Header, Person, Rows, Source};
    let berlin = ImportOptions {
        timezone: Some(TimeZone::get("Europe/Berlin").unwrap()),
        ..options()
    };
    let native = |time: &str| {
        let header = "order_id,symbol,side,size,price,order_time,total_fees_usd";
        format!("{header}\na,BTC-USD,buy,1,10,{time},0\n")
    };
    let local = native("2025-01-02 03:04:05");
    for (text, zone, from) in [
        (sample("schwab"), "Europe/Berlin", Person),
        (sample("cointracking"), "Europe/Berlin", Person),
        (local, "Europe/Berlin", Person),
        (sample("kucoin-fills"), "UTC+2", Header),
        (sample("kraken-trades"), "UTC", Source),
        (sample("coinbase"), "", Rows),
        (native("2025-01-02T03:04:05Z"), "", Rows),
    ] {
        let found = times(&text, &berlin).unwrap();
        assert_eq!((found.zone.as_str(), found.from), (zone, from), "{text}");
        assert_eq!(found.is_other_named, from != Person, "{text}");
    }
    assert_eq!(times(&native("2025-01-02T03:04:05Z"), &options()), None);
    // The name of a file, and the clock of an account.
    let named = ImportOptions {
        file_name: "Binance-202608242240(UTC+5_30).csv".into(),
        ..options()
    };
    let found = times(&sample("binance-convert"), &named).unwrap();
    assert_eq!(
        (found.zone.as_str(), found.from),
        ("UTC+5:30", ZoneSource::FileName)
    );
    let clock = crate::import::zone_of_server(&[(crate::engine::Timestamp::MIN, 7_200)]);
    let clock = ImportOptions {
        timezone: clock,
        ..options()
    };
    let found = times(&sample("mt5-report"), &clock).unwrap();
    assert_eq!(
        (found.from, found.is_other_named),
        (ZoneSource::Clock, false)
    );
    assert!(
        !times(&sample("kraken-trades"), &clock)
            .unwrap()
            .is_other_named
    );
}

/// The rows of all accounts share lots.
#[test]
fn a_file_names_its_accounts() {
    let accounts = |text: &str| -> Vec<String> { parsed(text).accounts.into_iter().collect() };
    for (name, from, to, both) in [
        ("bybit-spot", "1234", "9999", ["1234", "9999"]),
        ("binance-records", "1000003", "77", ["1000003", "77"]),
        ("coinbase-fills", "default", "other", ["default", "other"]),
        (
            "bitstamp",
            "Main Account",
            "Second",
            ["Main Account", "Second"],
        ),
        (
            "ib-flex-trades",
            "\"U0001\"",
            "\"U0002\"",
            ["U0001", "U0002"],
        ),
    ] {
        let text = sample(name);
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        assert_eq!(accounts(&changed), both, "{name}");
        assert!(accounts(&text).len() < 2, "{name}");
    }
    let wallets = accounts(&sample("koinly").replacen("Main", "Cold", 1));
    assert!(wallets.contains(&"Cold".to_owned()), "{wallets:?}");
}

/// Files that were joined: with other lines before the header, or with another header.
#[test]
fn another_file_behind_the_first_one_is_found() {
    let line_of = |text: &str| match parse_csv(text.as_bytes(), &with_zone(), &mut |_| ()) {
        Err(FileError::SecondFile { line }) => line,
        other => panic!("{other:?}"),
    };
    let of = |name: &str, file: &str| fs::read_to_string(folder(name).join(file)).unwrap();
    let joined = |first: &str, second: &str| format!("{}\n{second}", first.trim_end());
    let lines = |text: &str| text.trim_end().lines().count() as u64;
    // A blank line and two others stand before the header of Coinbase.
    let app = sample("coinbase");
    assert_eq!(line_of(&joined(&app, &app)), lines(&app) + 2);
    let trades = sample("kraken-trades");
    let older = of("coinbase-older", "older.csv");
    for (first, second) in [
        (&app, &older),
        (&trades, &sample("kraken-ledgers")),
        (&sample("kucoin-fills"), &sample("kucoin-older")),
        (&sample("schwab"), &sample("robinhood")),
    ] {
        assert_eq!(
            line_of(&joined(first, second)),
            lines(first) + 1,
            "{second}"
        );
    }
    let native = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                  a,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0\n";
    assert_eq!(line_of(&joined(native, &trades)), 3);
    // In a file without ids, rows that both files have would count as equal trades.
    for name in ["kucoin-fills", "cointracking", "ib-transactions"] {
        let text = sample(name);
        let found = line_of(&joined(&text, &text));
        assert_eq!(found, lines(&text) + 1, "{name}");
    }
    // With ids, the same header again is a row at fault, which a person can remove.
    let file = parsed(&joined(&trades, &trades));
    assert!(
        file.rejected
            .iter()
            .any(|row| row.found == "is the header again")
    );
}
