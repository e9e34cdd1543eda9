//! Reports of MetaTrader, as text, pages and workbooks.

use proptest::prelude::*;

use super::*;
use crate::import::rejected::Hint;

fn error(bytes: &[u8]) -> String {
    let error = parse_csv(bytes, &with_zone(), &mut |_| ()).unwrap_err();
    error.to_string()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

/// Returns the page that MetaTrader saves.
fn page(name: &str) -> String {
    let file = match name {
        "mt5-report" => "sample.html",
        _ => "sample.htm",
    };
    fs::read_to_string(folder(name).join(file)).unwrap()
}

/// Returns rows without their lines.
fn facts(rows: &str) -> Vec<&str> {
    let rows = rows.lines().skip(1);
    rows.map(|row| row.rsplit_once(',').unwrap().0).collect()
}

#[track_caller]
fn assert_same(file: &ParsedFile, other: &ParsedFile) {
    assert_eq!(rejected(file), Vec::<String>::new());
    assert_eq!(file.format, other.format);
    assert_eq!(facts(&written(file)), facts(&written(other)));
    assert_eq!(facts(&moved(file)), facts(&moved(other)));
    assert_eq!((file.rows, &file.ignored), (other.rows, &other.ignored));
    let agreeing = |of: &ParsedFile| of.balances.as_ref().map(|it| (it.agreeing, it.rows));
    assert_eq!(agreeing(file), agreeing(other));
}

/// All forms of one report give the same. The lines of rejected rows are those of the page.
#[test]
fn a_page_and_a_text_give_the_same() {
    for name in ["mt5-report", "mt4-report"] {
        let text = sample(name);
        let (of_text, html) = (parsed(&text), page(name));
        assert_eq!(of_text.read_as, ["a report of several sections"]);
        for bytes in [html.clone().into_bytes(), utf16(&html)] {
            let file = parse_csv(&bytes, &with_zone(), &mut |_| ()).unwrap();
            assert_eq!(file.read_as, ["HTML"], "{name}");
            assert_same(&file, &of_text);
            let line = file.trades[0].import_line;
            let id = file.trades[0].trade.order_id.as_str();
            let ticket = id.split('-').next().unwrap();
            let row = html.lines().nth(usize::try_from(line).unwrap() - 1);
            assert!(row.unwrap().contains(&format!(">{ticket}</td>")), "{row:?}");
        }
        let semicolons = separated(&text, ';');
        for bytes in [semicolons.clone().into_bytes(), utf16(&semicolons)] {
            let file = parse_csv(&bytes, &with_zone(), &mut |_| ()).unwrap();
            assert_same(&file, &of_text);
            assert!(file.read_as.contains(&"semicolons between cells"));
        }
        assert_same(&parsed(&separated(&text, '\t')), &of_text);
    }
}

/// Writes the cells of a text with another separator.
fn separated(text: &str, separator: char) -> String {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new()
        .delimiter(u8::try_from(separator).unwrap())
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows.records() {
        writer.write_record(&row.unwrap()).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// A German spreadsheet writes 1.06200 as 1,062.
#[test]
fn a_report_with_decimal_commas_is_read() {
    let text = separated(&sample("mt5-report"), ';');
    let times = |cell: &str| cell.contains(':') || cell.contains('[');
    let commas: String = text
        .lines()
        .map(|line| {
            let cells = line.split(';').map(|cell| match times(cell) {
                true => cell.to_owned(),
                false => cell.replace('.', ","),
            });
            cells.collect::<Vec<String>>().join(";") + "\n"
        })
        .collect();
    let file = parsed(&commas);
    assert_same(&file, &parsed(&sample("mt5-report")));
    assert!(file.read_as.contains(&"decimal commas"));
}

/// The numbers of a workbook are floats, and its times are texts.
#[test]
fn a_workbook_is_read() {
    let text = sample("mt5-report");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    for (row, cells) in (0..).zip(reader.records()) {
        for (column, cell) in (0..).zip(&cells.unwrap()) {
            match cell.replace(' ', "").parse::<f64>() {
                _ if cell.is_empty() => {}
                Ok(number) => drop(sheet.write(row, column, number).unwrap()),
                Err(_) => drop(sheet.write(row, column, cell).unwrap()),
            }
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let file = parse_csv(&bytes, &with_zone(), &mut |_| ()).unwrap();
    assert_same(&file, &parsed(&text));
    assert_eq!(file.trades[0].import_line, 18);
}

#[test]
fn the_balance_of_a_report_agrees_to_the_last_row() {
    let file = parsed(&sample("mt5-report"));
    let balances = file.balances.unwrap();
    assert_eq!((balances.agreeing, balances.rows), (13, 13));
    assert!(!balances.are_at_fault() && balances.before.is_empty());
    // A credit that the balance has: all later balances are 50 higher.
    let text = sample("mt5-report");
    let (head, rows) = text.split_once("2025.03.06 00:00:00").unwrap();
    let rows = rows
        .replace("1 126.69", "1 176.69")
        .replace("1 123.69", "1 173.69")
        .replace("1 125.19", "1 175.19")
        .replace("1 130.19", "1 180.19")
        .replace("1 127.94", "1 177.94")
        .replace("1 146.29", "1 196.29")
        .replace("-146.29,1 000.00", "-146.29,1 050.00");
    let file = parsed(&format!("{head}2025.03.06 00:00:00{rows}"));
    let balances = file.balances.unwrap();
    assert_eq!((balances.agreeing, balances.rows), (13, 13));
    // A row that is missing: 1,075.68 - 0.14 + 0.30 + 50.85 is not 1,126.70.
    let file = changed("mt5-report", &[("1 126.69,[tp", "1 126.70,[tp")]);
    let fault = file.balances.unwrap().differs.unwrap();
    let told = (fault.line, fault.found.as_str(), fault.expected.as_str());
    assert_eq!(told, (21, "1126.7", "1126.69"));
}

/// Rows of short positions are refused. The balance has them, and no lot is sold by them.
#[test]
fn short_positions_are_refused_with_their_lines() {
    for (from, to, why) in [
        (
            "EURUSD,buy,in,0.1",
            "EURUSD,sell,in,0.1",
            "18: Direction is \"in\", expected a purchase: a sale that opens a short position is \
             not read",
        ),
        (
            "EURUSD,sell,out,0.06",
            "EURUSD,buy,out,0.06",
            "20: Direction is \"out\", expected a sale: a purchase that closes a short position \
             is not read",
        ),
        (
            "EURUSD,sell,out,0.06",
            "EURUSD,sell,in/out,0.06",
            "20: Direction is \"in/out\", expected in or out: a deal that closes a position and \
             opens the opposite one is not computed",
        ),
        (
            "EURUSD,sell,out,0.06",
            "EURUSD,sell,out by,0.06",
            "20: Direction is \"out by\", expected in or out: a position that is closed by an \
             opposite one is not computed",
        ),
        (
            "EURUSD,sell,out,0.06",
            "EURUSD,sell,,0.06",
            "20: Direction is empty, expected in or out",
        ),
    ] {
        let file = changed("mt5-report", &[(from, to)]);
        assert_eq!(rejected(&file), [why]);
        assert_eq!(file.rejected[0].order_id.len(), 4);
        assert_eq!(file.trades.len(), 5);
        assert!(!file.balances.unwrap().are_at_fault());
    }
    let file = changed("mt4-report", &[("buy,0.30", "sell,0.30")]);
    let why = "6: Type is \"sell\", expected a purchase: short positions are not read";
    assert_eq!(
        (rejected(&file), file.trades.len()),
        (vec![why.to_owned()], 4)
    );
}

#[test]
fn rows_at_fault_are_refused_with_their_lines() {
    for (name, from, to, why) in [
        (
            "mt5-report",
            "7008,,correction",
            "7008,,dividend",
            "24: Type is \"dividend\", expected a type of rows that is known",
        ),
        (
            "mt5-report",
            "buy,in,0.02",
            "buy,in,two",
            "19: Volume is \"two\", expected a number above zero",
        ),
        (
            "mt5-report",
            "in,0.02,2 901.50",
            "in,0.02,29 01.50",
            "19: Price is \"29 01.50\", expected a number, zero or more",
        ),
        (
            "mt5-report",
            "2025.03.04 11:00:00,7003",
            "04.03.2025 11:00,7003",
            "19: Time is \"04.03.2025 11:00\", expected a time like 2025-01-02T03:04:05Z",
        ),
        (
            "mt5-report",
            ",7003,",
            ",,",
            "19: Deal is empty, expected the number of the row",
        ),
        (
            "mt5-report",
            ",7003,",
            ",7002,",
            "19: row has the id \"7002\" of line 18, expected an id of its own",
        ),
        (
            "mt4-report",
            "9001,2025",
            "9E+3,2025",
            "4: Ticket is \"9E+3\", expected the number of the row, not a rounded one",
        ),
        (
            // A position is read whole or not at all.
            "mt4-report",
            "13:02:44,2 911.50",
            "13:02:44,",
            "6: Close Price is empty, expected a number, zero or more",
        ),
    ] {
        let file = changed(name, &[(from, to)]);
        assert_eq!(rejected(&file), [why]);
    }
}

/// Nobody guesses the units of a lot. One hint has the settings of all symbols of the file.
#[test]
fn a_symbol_of_unknown_lots_is_refused_with_the_settings_to_write() {
    let options = ImportOptions {
        contract_sizes: Default::default(),
        ..with_zone()
    };
    let text = sample("mt5-report").replacen("BTCUSD,buy,in", "GER40.x,buy,in", 1);
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    assert_eq!((file.trades.len(), file.rejected.len()), (0, 6));
    let why = "18: Symbol is \"EURUSD\", expected a symbol whose lots are known: their units, base \
               and quote";
    assert_eq!(file.rejected[0].to_string(), why);
    let settings = [
        "[symbols.\"EURUSD\"]\ncontract_size = \"UNITS\"",
        "[symbols.\"GER40.X\"]\ncontract_size = \"UNITS\"\nbase = \"\"\nquote = \"\"",
        "[symbols.\"XAUUSD\"]\ncontract_size = \"UNITS\"",
    ];
    let hint = Hint::LotSymbols(settings.map(str::to_owned).into());
    assert!(
        file.rejected
            .iter()
            .all(|row| row.hint.as_ref() == Some(&hint))
    );
    assert!(!file.balances.unwrap().are_at_fault());
}

/// A lot is a fact of the trade; one unit is as good as no lot.
#[test]
fn a_trade_has_the_units_of_its_lot() {
    let file = parsed(&sample("mt5-report"));
    let size = |nth: usize| {
        let more = file.trades[nth].trade.more.as_deref();
        more.and_then(|more| more.contract_size)
            .map(|size| size.to_string())
    };
    assert_eq!(
        (size(0), size(1)),
        (Some("100000".into()), Some("100".into()))
    );
}

/// The times are those of the broker's clock.
#[test]
fn a_report_asks_for_the_zone_of_its_times() {
    let text = sample("mt4-report");
    let file = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap();
    assert_eq!((file.trades.len(), file.movements.len()), (0, 0));
    let hint = Some(Hint::ClockOfTimes);
    assert!(
        file.rejected
            .iter()
            .all(|row| row.hint == hint && !row.found.is_empty())
    );
    assert_eq!(file.ignored.get("pending order"), Some(&1));
    let zone = crate::import::parse_timezone("Europe/Athens").unwrap();
    let options = ImportOptions {
        timezone: Some(zone),
        ..options()
    };
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    let at = file.trades[0].trade.order_time.to_string();
    assert_eq!(at, "2025-03-03T07:15:02.000000Z");
}

#[test]
fn other_reports_and_pages_are_refused_by_name() {
    let other = "the file is mt5-report: found no section Deals or Closed Transactions in English: \
                 set MetaTrader to English (View, Languages), and save the whole report again";
    let html = page("mt5-report");
    let german = html
        .replace(">Deal<", ">Trade<")
        .replace(">Direction<", ">Richtung<");
    assert_eq!(error(german.as_bytes()), other);
    assert_eq!(error(&utf16(&german)), other);
    let text = sample("mt5-report");
    let (positions, _) = text.split_once("Deals,").unwrap();
    assert_eq!(error(positions.as_bytes()), other);
    for (name, from) in [("mt5-report", "5001 (EUR"), ("mt4-report", "Currency: USD")] {
        let why = format!(
            "the file is {name}: no line before the section names the currency of the account: \
             save the whole report again"
        );
        assert_eq!(error(sample(name).replacen(from, "", 1).as_bytes()), why);
    }
    let twice = format!("{text}{text}");
    let several = "the file is mt5-report: it has several reports: import each one alone";
    assert_eq!(error(twice.as_bytes()), several);
    let tester = html.replace("Trade History Report", "Strategy Tester Report");
    let why = "the file is mt5-report: a report of the strategy tester has no real trades";
    assert_eq!(error(tester.as_bytes()), why);
    let text_of_tester = text.replace("Trade History Report", "Strategy Tester Report");
    assert_eq!(error(text_of_tester.as_bytes()), why);
    let cut = "the file is HTML that is broken or cut, expected CSV text";
    for at in [html.len() / 2, html.len() - 20] {
        assert_eq!(error(html.get(..at).unwrap().as_bytes()), cut);
    }
    // Any other page is no table at all.
    let other = error(b"<!DOCTYPE html><html></html>");
    assert_eq!(other, "the file is HTML or XML, expected CSV text");
    // A column that nobody has seen may change the meaning of the others.
    let unseen = text.replacen("Balance,Comment", "Balance,Leverage", 1);
    let said = error(unseen.as_bytes());
    let why = "the header is nearly that of mt5-report: it lacks \"Comment\", and has the unknown \
               column \"Leverage\"";
    assert_eq!(said, why);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A page whose lines are lost, repeated or swapped, or whose bytes are changed, is refused or
    /// gives trades of the whole page only. A byte may change a number.
    #[test]
    fn a_spoilt_page_gives_no_other_trade(
        name in prop::sample::select(vec!["mt5-report", "mt4-report"]),
        lines in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 0..4),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        in_utf16 in any::<bool>(),
    ) {
        let html = page(name);
        let ids = |file: &ParsedFile| -> BTreeSet<String> {
            let rows = written(file);
            let rows = rows.lines().skip(1).map(|row| match bytes.is_empty() {
                true => row.rsplit_once(',').unwrap().0.to_owned(),
                // Numbers, names and times may have another byte.
                false => row.split(',').nth(2).unwrap().to_owned(),
            });
            rows.collect()
        };
        let whole = ids(&parsed(&html));
        let mut rows: Vec<&str> = html.lines().collect();
        for (kind, at) in lines {
            let at = at.index(rows.len());
            match kind {
                0 => drop(rows.remove(at)),
                1 => rows.insert(at, rows[at]),
                _ => rows.swap(at, at / 2),
            }
        }
        let spoilt = rows.join("\n");
        let mut spoilt = match in_utf16 {
            true => utf16(&spoilt),
            false => spoilt.into_bytes(),
        };
        for (at, byte) in &bytes {
            let at = at.index(spoilt.len());
            spoilt[at] = *byte;
        }
        if let Ok(file) = parse_csv(&spoilt, &with_zone(), &mut |_| ()) {
            prop_assert!(ids(&file).is_subset(&whole), "{}", written(&file));
            let others = file.ignored.values().sum::<u64>() + file.rejected.len() as u64;
            let beside = (file.movements.len() + rows_of_trades(&file)) as u64;
            prop_assert_eq!(others + beside + file.duplicates, file.rows);
        }
    }
}

/// Both prices of MetaTrader 4 have one name, and a name that was changed takes another number.
#[test]
fn columns_in_another_order_are_refused() {
    let why = "the columns of its section are not in the order of MetaTrader";
    let text = |name: &str| fs::read_to_string(folder(name).join("sample.csv")).unwrap();
    for (name, from, to) in [
        (
            "mt5-report",
            "Direction,Volume,Price",
            "Direction,Price,Volume",
        ),
        ("mt5-report", "Commission,Fee,Swap", "Swap,Fee,Commission"),
        (
            "mt4-report",
            "Open Time,Type,Size,Item",
            "Size,Type,Open Time,Item",
        ),
    ] {
        let text = text(name);
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        let said = error(changed.as_bytes());
        assert!(said.contains(why), "{name}: {said}");
    }
}
