//! Samples of each layout, with the trades that a person made of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::*;
use crate::engine::{Fee, Worth};
use crate::import::documents::document;
use crate::import::formats::JOINED;
use crate::import::formats::layout::LAYOUTS;
use crate::import::test_options::options;
use crate::import::{Balances, ImportOptions, ParsedFile, parse_csv};

fn parsed(text: &str) -> ParsedFile {
    let file = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap();
    let mut hints = file.rejected.iter().map(|row| &row.hint);
    let asks = [Some(Hint::ZoneOfTimes), Some(Hint::ClockOfTimes)];
    match hints.any(|hint| asks.contains(hint)) {
        true => parse_csv(text.as_bytes(), &with_zone(), &mut |_| ()).unwrap(),
        false => file,
    }
}

/// Some formats ask for the zone of their times.
fn with_zone() -> ImportOptions {
    ImportOptions {
        timezone: Some(TimeZone::UTC),
        ..options()
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/formats")
        .join(name)
}

/// A format of files that an import takes.
#[derive(Debug, Clone, Copy)]
struct Readable {
    name: &'static str,
    makes_ids: bool,
    /// Several rows make a trade.
    joins_rows: bool,
}

/// Returns the formats of files that an import takes.
fn readable() -> Vec<Readable> {
    let layouts = LAYOUTS.iter().filter(|layout| layout.refuse.is_none());
    let described = layouts.map(|layout| Readable {
        name: &layout.name,
        makes_ids: layout.ids.is_some(),
        joins_rows: false,
    });
    let joined = JOINED.iter().map(|format| Readable {
        name: format.source().name,
        makes_ids: format.source().ids.is_some(),
        joins_rows: true,
    });
    described.chain(joined).collect()
}

/// Writes trades as the expected files have them.
fn written(file: &ParsedFile) -> String {
    let mut text = "order_id,symbol,side,size,price,order_time,total_fees_usd,quote_value,\
                    fee_amount,fee_currency,exchange,line\n"
        .to_owned();
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    for row in &file.trades {
        let trade = &row.trade;
        let more = trade.more.as_deref();
        let fee = more.and_then(|more| more.fee.as_ref());
        let cells = [
            trade.order_id.to_string(),
            row.symbol_text.clone(),
            trade.side.as_str().to_owned(),
            trade.size.to_string(),
            trade.price.to_string(),
            trade.order_time.to_string(),
            or_empty(trade.fee.as_ref().map(Fee::to_string)),
            or_empty(
                more.and_then(|more| more.quote_value.as_ref())
                    .map(Worth::to_string),
            ),
            or_empty(fee.map(|fee| fee.amount.to_string())),
            or_empty(fee.map(|fee| fee.currency.to_string())),
            or_empty(row.carried.exchange.clone()),
            row.import_line.to_string(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// The header of the expected files of movements.
const MOVEMENTS: &str = "movement_id,asset,direction,size,fee,fee_asset,usd_value,kind,moved_at,\
                         settled_at,tx_id,exchange,line\n";

/// Writes movements as the expected files have them.
fn moved(file: &ParsedFile) -> String {
    let mut text = MOVEMENTS.to_owned();
    for row in &file.movements {
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        let fee = row.fee.as_ref();
        let cells = [
            row.movement_id.to_string(),
            row.asset.to_string(),
            row.direction.to_string(),
            row.size.to_string(),
            or_empty(fee.map(|(fee, _)| fee.to_string())),
            or_empty(fee.map(|(_, asset)| asset.to_string())),
            or_empty(row.usd_value.map(|value| value.to_string())),
            row.kind.to_string(),
            row.moved_at.to_string(),
            or_empty(row.settled_at.map(|at| at.to_string())),
            or_empty(row.tx_id.clone()),
            or_empty(row.exchange.clone()),
            row.import_line.to_string(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// The header of the expected files of actions.
const ACTIONS: &str = "action_id,kind,asset,happened_at,ratio_new,ratio_old,units,other_asset,\
                       exchange,line\n";

/// Writes actions as the expected files have them.
fn acted(file: &ParsedFile) -> String {
    let mut text = ACTIONS.to_owned();
    for row in &file.actions {
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        let cells = [
            row.action_id.to_string(),
            row.kind.to_string(),
            row.asset.to_string(),
            row.happened_at.to_string(),
            or_empty(row.ratio.map(|ratio| ratio.new.to_string())),
            or_empty(row.ratio.map(|ratio| ratio.old.to_string())),
            or_empty(row.units.map(|units| units.to_string())),
            or_empty(row.other_asset.as_ref().map(ToString::to_string)),
            or_empty(row.exchange.clone()),
            row.import_line.to_string(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// Counts the rows of trades. A closed position is two trades.
fn rows_of_trades(file: &ParsedFile) -> usize {
    let lines = file.trades.iter().map(|row| row.import_line);
    lines.collect::<BTreeSet<u64>>().len()
}

#[test]
fn each_sample_gives_the_trades_that_a_person_made_of_it() {
    for layout in readable() {
        let mut samples = 0;
        for name in ["sample", "older"] {
            let place = |ending: &str| folder(layout.name).join(format!("{name}{ending}"));
            let Ok(sample) = fs::read_to_string(place(".csv")) else {
                continue;
            };
            let expected = match name {
                "sample" => folder(layout.name).join("expected.csv"),
                _ => place(".expected.csv"),
            };
            let file = parsed(&sample);
            let expected = fs::read_to_string(expected).unwrap();
            assert_eq!(written(&file), expected, "{} {name}", layout.name);
            let ignored: u64 = file.ignored.values().sum();
            assert_eq!(file.rejected, [], "{}", layout.name);
            let beside = file.movements.len() + file.actions.len();
            let records = (rows_of_trades(&file) + beside) as u64;
            assert_eq!(records + ignored + file.joined, file.rows);
            if name == "sample" {
                let expected = fs::read_to_string(folder(layout.name).join("movements.csv"));
                let expected = expected.unwrap_or_else(|_| MOVEMENTS.to_owned());
                assert_eq!(moved(&file), expected, "{}", layout.name);
                let expected = fs::read_to_string(folder(layout.name).join("actions.csv"));
                let expected = expected.unwrap_or_else(|_| ACTIONS.to_owned());
                assert_eq!(acted(&file), expected, "{}", layout.name);
            }
            samples += 1;
        }
        assert!(samples > 0, "{} has no sample", layout.name);
    }
}

fn rejected(file: &ParsedFile) -> Vec<String> {
    file.rejected.iter().map(ToString::to_string).collect()
}

/// Reads a sample with some texts replaced.
fn changed(name: &str, changes: &[(&str, &str)]) -> ParsedFile {
    let mut text = sample(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replacen(from, to, 1);
    }
    parsed(&text)
}

#[path = "agreement_tests.rs"]
mod agreements;
#[path = "broker_tests.rs"]
mod brokers;
#[path = "coinbase_tests.rs"]
mod coinbase;

#[path = "joined_tests.rs"]
mod joined_rows;
#[path = "lost_tests.rs"]
mod lost_rows;
#[path = "option_tests.rs"]
mod options_of_shares;
#[path = "refused_tests.rs"]
mod refused_rows;
#[path = "seen_tests.rs"]
mod seen_rows;

#[path = "cancelled_tests.rs"]
mod cancelled_rows;

#[path = "document_tests.rs"]
mod documents;

#[path = "fault_tests.rs"]
mod faults;

#[path = "report_tests.rs"]
mod reports;

mod overlapping {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::import::formats::recognise;
    use crate::import::rows::RowReader;

    /// The rows of one instant, and of those that are no trades before the next instant.
    type Instants = Vec<Vec<String>>;

    /// Returns a file's text up to its header, and its rows by instant.
    fn by_instant(text: &str) -> (String, Instants) {
        let options = options();
        let (_, header) = recognise(&mut RowReader::new(text, 1), &options)
            .unwrap()
            .unwrap();
        let file = parsed(text);
        let trades = file.trades.iter();
        let trades = trades.map(|row| (row.import_line, row.trade.order_time));
        let movements = file.movements.iter();
        let movements = movements.map(|row| (row.import_line, row.moved_at));
        let actions = file.actions.iter();
        let actions = actions.map(|row| (row.import_line, row.happened_at));
        let times: BTreeMap<u64, _> = trades.chain(movements).chain(actions).collect();
        let (mut head, mut instants, mut last) = (String::new(), Instants::new(), None);
        let (mut rows, mut cells) = (RowReader::new(text, 1), StringRecord::new());
        while let Some(row) = rows.read(&mut cells).unwrap() {
            if row.line <= header {
                head.push_str(row.text);
                head.push('\n');
                continue;
            }
            let time = times.get(&row.line);
            if instants.is_empty() || (time.is_some() && time != last) {
                instants.push(Vec::new());
            }
            last = time.or(last);
            instants.last_mut().unwrap().push(row.text.to_owned());
        }
        (head, instants)
    }

    /// Returns the trades, movements and actions of a file by id, without the lines.
    fn ledger(text: &str) -> BTreeMap<String, String> {
        let file = parsed(text);
        assert_eq!(file.rejected, [], "{text}");
        let balances = file.balances.as_ref();
        assert!(
            !balances.is_some_and(Balances::are_at_fault),
            "{balances:?}"
        );
        let (trades, movements, actions) = (written(&file), moved(&file), acted(&file));
        let rows = trades.lines().skip(1);
        let rows = rows.chain(movements.lines().skip(1));
        let rows = rows.chain(actions.lines().skip(1)).map(|row| {
            let (facts, _) = row.rsplit_once(',').unwrap();
            let (id, facts) = facts.split_once(',').unwrap();
            (id.to_owned(), facts.to_owned())
        });
        rows.collect()
    }

    proptest! {
        /// Files that are cut between instants and overlap give together what the whole file gives,
        /// in any order of the files, newest or oldest first.
        #[test]
        fn overlapping_files_give_what_the_whole_file_gives(
            layout in prop::sample::select(readable()),
            cuts in prop::collection::vec((0..100_usize, 0..4_usize, any::<bool>()), 0..4),
        ) {
            let text = table(layout.name);
            let whole = ledger(&text);
            let (head, instants) = by_instant(&text);
            let mut ends: Vec<_> = cuts
                .into_iter()
                .map(|(at, more, turned)| (at % (instants.len() + 1), more, turned))
                .collect();
            ends.push((instants.len(), 0, false));
            ends.sort_unstable();
            let (mut all, mut from) = (BTreeMap::new(), 0_usize);
            for (to, more, turned) in ends {
                // Some instants before the cut are in both files.
                let range = from.saturating_sub(more)..to;
                let mut rows: Vec<&String> = instants[range].iter().flatten().collect();
                if turned {
                    rows.reverse();
                }
                let rows: String = rows.iter().flat_map(|row| [row.as_str(), "\n"]).collect();
                for (id, facts) in ledger(&format!("{head}{rows}")) {
                    let before = all.insert(id, facts.clone());
                    prop_assert!(before.is_none_or(|before| before == facts));
                }
                from = to;
            }
            prop_assert_eq!(all, whole);
        }
    }
}

#[test]
fn equal_rows_are_several_trades() {
    let file = parsed(&sample("binance-trades"));
    let ids: Vec<&str> = file
        .trades
        .iter()
        .map(|row| row.trade.order_id.as_str())
        .collect();
    let (of, nth) = ids[4].rsplit_once('-').unwrap();
    assert_eq!((ids[5].rsplit_once('-').unwrap(), nth), ((of, "2"), "1"));
    assert_eq!(file.duplicates, 0);
}

/// Returns the sample of a layout.
fn sample(name: &str) -> String {
    fs::read_to_string(folder(name).join("sample.csv")).unwrap()
}

/// Returns the table of a sample: of a statement, its rows as one table.
fn table(name: &str) -> String {
    let text = sample(name);
    match document(text.as_bytes()).unwrap() {
        Some(made) => made.text,
        None => text,
    }
}

/// Reads a sample with a change, and returns the only rejected row.
fn fault_of(name: &str, from: &str, to: &str) -> String {
    let text = sample(name);
    assert!(text.contains(from), "{name} has no {from}");
    let file = parsed(&text.replacen(from, to, 1));
    assert_eq!(file.rejected.len(), 1, "{from}");
    file.rejected[0].to_string()
}

#[test]
fn an_activity_that_was_not_executed_is_no_movement() {
    let text = sample("alpaca-activities");
    let with_status = |(nth, line): (usize, &str)| match nth {
        0 => format!("{line},status\n"),
        _ if line.starts_with("DIV,") => format!("{line},canceled\n"),
        _ => format!("{line},executed\n"),
    };
    let file = parsed(
        &text
            .lines()
            .enumerate()
            .map(with_status)
            .collect::<String>(),
    );
    let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
    let fault = "7: status is \"canceled\", expected an activity that was executed";
    assert_eq!(rejected, [fault]);
    assert_eq!((file.trades.len(), file.movements.len()), (3, 2));
}

/// One file of several accounts may have an id twice. Its columns have other names than ours.
#[test]
fn an_id_that_comes_twice_is_named_as_in_the_file() {
    let cases = [
        (
            ("kraken-trades", "CCCCC2\",\"OAAAAA", "CCCCC1\",\"OAAAAA"),
            "3: txid is \"TAAAAA-BBBBB-CCCCC1\", which line 2 has with pair \"XXBTZEUR\" where \
             this one has \"ETH-USD\", expected an id of its own",
        ),
        (
            (
                "coinbase-fills",
                "102,ETH-BTC,BUY,2025-01-04T00:00:00Z,1,ETH,0.05,0.0001,-0.0501,BTC",
                "101,ETH-EUR,BUY,2025-01-04T00:00:00Z,1,ETH,0.05,0.0001,-0.0501,EUR",
            ),
            "4: product-trade id is \"ETH-EUR-101\", which line 3 has with side \"sell\" where \
             this one has \"buy\", expected an id of its own",
        ),
    ];
    for ((name, from, to), expected) in cases {
        let text = sample(name);
        assert!(text.contains(from), "{name} has no {from}");
        let rejected = parsed(&text.replacen(from, to, 1)).rejected;
        let [row] = rejected.as_slice() else {
            panic!("{rejected:?}");
        };
        assert_eq!(row.to_string(), expected);
        assert_eq!(row.hint, Some(Hint::OneAccount));
    }
}

#[test]
fn a_column_that_nobody_has_seen_refuses_the_file_until_it_is_ignored() {
    let text = sample("bitstamp").replacen("Order ID\n", "Order ID,Multiplier\n", 1);
    let text = text.replace("002\n", "002,1\n").replace("001\n", "001,1\n");
    let text = text
        .replace(",,,,,,,\n", ",,,,,,,,\n")
        .replace("USD,\n", "USD,,\n");
    let mut options = options();
    let error = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap_err();
    let said = "the header is nearly that of bitstamp: it has the unknown column \"Multiplier\"";
    assert_eq!(error.to_string(), said);
    options.columns.ignore("multiplier");
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    assert_eq!((file.trades.len(), file.rejected.len()), (2, 0));
}

#[test]
fn a_header_without_a_column_names_the_nearest_format() {
    let text = sample("kraken-trades").replacen("\"margin\",", "\"leverage\",", 1);
    let error = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the header is nearly that of kraken-trades: it lacks \"margin\", and has the \
                unknown column \"leverage\"";
    assert_eq!((error.to_string().as_str(), error.line()), (said, Some(1)));
}

#[test]
fn a_column_that_comes_twice_refuses_the_file() {
    let text = sample("bitstamp").replacen("Order ID\n", "Order ID,Fee\n", 1);
    let error = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the header has the column \"Fee\" twice, expected it once";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_value_in_a_column_without_a_name_is_at_fault() {
    let text = sample("coinbase-fills").replace("unit\n", "unit,\n");
    let text = text
        .replace("USD\n", "USD,7\n")
        .replace("EUR\n", "EUR,\n")
        .replace("BTC\n", "BTC,\n");
    let rejected: Vec<String> = parsed(&text)
        .rejected
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        rejected,
        ["2: row has a value in column 12, which has no name, expected none"]
    );
}

/// The first column that has a value counts, and a time without an offset is UTC in a file of UTC.
#[test]
fn what_one_column_leaves_empty_another_may_say() {
    let text = sample("bybit-spot").replacen(
        "BTC,0.00001,950,95000,0.01,--",
        "BTC,--,950,95000,0.01,0.00001",
        1,
    );
    assert_eq!(
        written(&parsed(&text)),
        written(&parsed(&sample("bybit-spot")))
    );
    let text = sample("kraken-trades").replacen("2025-03-30 00:00:00", "2025-03-30T00:00:00", 1);
    let options = ImportOptions {
        timezone: Some(crate::import::parse_timezone("America/New_York").unwrap()),
        ..options()
    };
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    assert_eq!(written(&file), written(&parsed(&sample("kraken-trades"))));
}

#[test]
fn a_fee_that_the_file_does_not_state_is_unknown() {
    let text = sample("coinbase-fills").replacen(",10,-20010", ",,-20000", 1);
    let file = parsed(&text);
    assert_eq!(file.rejected, []);
    assert_eq!(file.trades[0].trade.fee, None);
    assert_eq!(
        file.trades[0]
            .trade
            .more
            .as_deref()
            .and_then(|more| more.fee.clone()),
        None
    );
}

mod spoilt {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::import::encoding::decoded_as_it_is;
    use crate::import::rows::RowReader;

    /// A change of a file as people and programs make them.
    #[derive(Debug, Clone)]
    enum Change {
        Byte(usize, u8),
        Cut(usize),
        Drop(usize),
        Repeat(usize),
        Swap(usize),
        Rename(usize),
    }

    fn change() -> impl Strategy<Value = Change> {
        let place = 0..10_000_usize;
        prop_oneof![
            (place.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
            place.clone().prop_map(Change::Cut),
            place.clone().prop_map(Change::Drop),
            place.clone().prop_map(Change::Repeat),
            place.clone().prop_map(Change::Swap),
            place.prop_map(Change::Rename),
        ]
    }

    fn changed(text: Vec<u8>, change: &Change) -> Vec<u8> {
        let mut bytes = text;
        let length = bytes.len().max(1);
        let by_line = |edit: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines: Vec<Vec<u8>> =
                bytes.split(|it| *it == b'\n').map(<[u8]>::to_vec).collect();
            edit(&mut lines);
            lines.join(&b'\n')
        };
        match *change {
            Change::Byte(at, byte) => {
                if let Some(place) = bytes.get_mut(at % length) {
                    *place = byte;
                }
                bytes
            }
            Change::Cut(at) => {
                bytes.truncate(at % length);
                bytes
            }
            Change::Drop(at) => by_line(&|lines| {
                let at = at % lines.len();
                lines.remove(at);
            }),
            Change::Repeat(at) => by_line(&|lines| {
                let at = at % lines.len();
                lines.insert(at, lines[at].clone());
            }),
            Change::Swap(at) => by_line(&|lines| {
                let (one, other) = (at % lines.len(), (at / 7) % lines.len());
                lines.swap(one, other);
            }),
            Change::Rename(at) => by_line(&|lines| {
                let line = &mut lines[0];
                let at = at % line.len().max(1);
                line.insert(at, b'x');
            }),
        }
    }

    proptest! {
        /// Each trade of a spoilt file stands in it: no row is made of two, and none is invented.
        #[test]
        fn a_spoilt_file_gives_no_trade_that_is_not_in_it(
            layout in prop::sample::select(readable()),
            changes in prop::collection::vec(change(), 1..4),
        ) {
            let text = sample(layout.name).into_bytes();
            let bytes = changes.iter().fold(text, changed);
            let Ok(file) = parse_csv(&bytes, &with_zone(), &mut |_| ()) else {
                return Ok(());
            };
            let ignored: u64 = file.ignored.values().sum();
            let beside = file.movements.len() + file.actions.len();
            let records = rows_of_trades(&file) + beside + file.rejected.len();
            let read = records as u64 + file.duplicates + file.joined;
            prop_assert_eq!(read + ignored, file.rows);
            let (text, _) = decoded_as_it_is(&bytes).unwrap();
            let (mut rows, mut cells) = (RowReader::new(&text, 1), StringRecord::new());
            let mut texts = BTreeMap::new();
            while let Some(row) = rows.read(&mut cells).unwrap() {
                texts.insert(row.line, row.text.to_uppercase());
            }
            let all = text.to_uppercase();
            for row in &file.movements {
                let line = &texts[&row.import_line];
                let id = row.movement_id.as_str().to_uppercase();
                let may_be_made = layout.makes_ids || layout.joins_rows;
                prop_assert!(may_be_made || line.contains(&id), "{}", line);
                // A file of dollars need not name them; another names its currency once.
                let asset = row.asset.as_str().to_uppercase();
                let is_named = line.contains(&asset) || text.to_uppercase().contains(&asset);
                prop_assert!(is_named || asset == "USD", "{}", line);
            }
            for row in &file.actions {
                let line = &texts[&row.import_line];
                let other = row.other_asset.iter();
                for asset in other.chain([&row.asset]) {
                    prop_assert!(line.contains(&asset.as_str().to_uppercase()), "{}", line);
                }
                let ratio = row.ratio.map(|ratio| [ratio.new, ratio.old]);
                for number in ratio.into_iter().flatten() {
                    prop_assert!(line.contains(&number.to_string()), "{}", line);
                }
            }
            for row in &file.trades {
                let line = match layout.joins_rows {
                    true => &all,
                    false => &texts[&row.import_line],
                };
                let id = row.trade.order_id.as_str().to_uppercase();
                let stands = |part: &str| line.contains(part);
                prop_assert!(layout.makes_ids || id.split('-').all(stands), "{} {}", id, line);
                let symbol = row.symbol_text.to_uppercase();
                prop_assert!(stands(symbol.split(['-', '/', '_']).next().unwrap()));
                if layout.joins_rows {
                    continue;
                }
                // A number with an exponent has other digits.
                let size = row.trade.size.to_string();
                let digits = line.replace(',', "");
                prop_assert!(digits.contains(&size) || line.contains('E'), "{} {}", size, line);
            }
        }
    }
}

#[test]
fn an_option_is_no_share() {
    for symbol in ["ABC240621C00150000", "A250117P00002500"] {
        assert!(super::kinds::is_option(symbol), "{symbol}");
    }
    for symbol in [
        "ABC",
        "ABC240621X00150000",
        "240621C00150000",
        "ABC24O621C00150000",
    ] {
        assert!(!super::kinds::is_option(symbol), "{symbol}");
    }
}
