//! Files in every encoding and with every separator say what the plain file says.

use std::fs;
use std::path::Path;

use csv::{StringRecord, WriterBuilder};

use super::formats::recognise;
use super::formats::samples::{names, sample};
use super::rows::RowReader;
use super::test_options::options;
use super::{DecimalMark, Decimals, ImportOptions, ParsedFile, parse_csv};

fn parsed(bytes: &[u8], options: &ImportOptions) -> ParsedFile {
    parse_csv(bytes, options, &mut |_| ()).unwrap()
}

fn with_point() -> ImportOptions {
    ImportOptions {
        decimals: Decimals::said_by_person(DecimalMark::Point),
        ..options()
    }
}

/// Writes a file with another separator. Each row keeps its line.
fn separated(text: &str, separator: u8) -> String {
    let (mut rows, mut cells) = (RowReader::new(text, 1), StringRecord::new());
    let mut out = String::new();
    let mut next = 1;
    while let Some(row) = rows.read(&mut cells).unwrap() {
        for _ in next..row.line {
            out.push('\n');
        }
        next = row.line_last + 1;
        let mut writer = WriterBuilder::new()
            .delimiter(separator)
            .from_writer(Vec::new());
        writer.write_record(&cells).unwrap();
        out += &String::from_utf8(writer.into_inner().unwrap()).unwrap();
    }
    out
}

/// Writes each row as a spreadsheet does that knows no separator: one cell in quotes.
fn wrapped(text: &str) -> String {
    let (mut rows, mut cells) = (RowReader::new(text, 1), StringRecord::new());
    let mut out = String::new();
    while let Some(row) = rows.read(&mut cells).unwrap() {
        out += &format!("\"{}\"\n", row.text.replace('"', "\"\""));
    }
    out
}

fn utf16(text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(bytes);
    mark.into_iter().chain(units).collect()
}

/// The facts of a file, without what depends on its form.
fn facts(file: ParsedFile) -> ParsedFile {
    let rejected = file.rejected.into_iter().map(|mut row| {
        row.text = String::new();
        row
    });
    ParsedFile {
        read_as: Vec::new(),
        rejected: rejected.collect(),
        ..file
    }
}

#[test]
fn every_sample_is_read_in_every_form() {
    for name in names() {
        let text = sample(name);
        let plain = parsed(text.as_bytes(), &options());
        assert_eq!(plain.read_as, [""; 0], "{name}");
        let plain = facts(plain);
        let little = utf16(&text, [0xFF, 0xFE], u16::to_le_bytes);
        let big = utf16(&text, [0xFE, 0xFF], u16::to_be_bytes);
        for bytes in [little, big] {
            let file = parsed(&bytes, &options());
            assert_eq!(file.read_as, ["UTF-16"], "{name}");
            assert_eq!(facts(file), plain, "{name}");
        }
        for (separator, said) in [
            (b';', "semicolons between cells"),
            (b'\t', "tabs between cells"),
            (b'|', "vertical bars between cells"),
        ] {
            let file = parsed(separated(&text, separator).as_bytes(), &with_point());
            assert_eq!(file.read_as, [said], "{name}");
            assert_eq!(facts(file), plain, "{name}");
        }
        // Quoted cells with line ends are one line of the wrapped file.
        let file = parsed(wrapped(&text).as_bytes(), &options());
        assert_eq!(file.read_as, ["each line as one cell in quotes"], "{name}");
        let ids = |file: &ParsedFile| {
            let ids = file.trades.iter().map(|row| row.trade.order_id.to_string());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&file), ids(&plain), "{name}");
        // A byte order mark in each cell of the header: OKX writes one.
        let header = plain_header(&text);
        let marked: Vec<String> = header
            .split(',')
            .map(|it| format!("\u{feff}{it}"))
            .collect();
        let file = parsed(
            text.replacen(&header, &marked.join(","), 1).as_bytes(),
            &options(),
        );
        assert_eq!(ids(&file), ids(&plain), "{name}");
    }
}

/// A statement has several tables, and no header of a format.
#[test]
fn a_statement_of_several_tables_is_read_in_every_form() {
    let path = "fixtures/formats/ib-activity/sample.csv";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let plain = facts(parsed(text.as_bytes(), &options()));
    assert_eq!((plain.trades.len(), plain.rejected.len()), (3, 0));
    let tables = "a statement of several tables";
    for (separator, said) in [
        (b',', None),
        (b';', Some("semicolons between cells")),
        (b'\t', Some("tabs between cells")),
        (b'|', Some("vertical bars between cells")),
    ] {
        let of = separated(&text, separator);
        let quoted = of.replace("Statement", "\"Statement\"");
        for form in [&of, &wrapped(&of), &quoted] {
            let file = parsed(form.as_bytes(), &options());
            let read_as: Vec<&str> = [said, Some(tables)].into_iter().flatten().collect();
            assert_eq!(file.read_as, read_as, "{form}");
            assert_eq!(facts(file), plain, "{form}");
        }
    }
    // A spreadsheet writes 10.5 as 10,5, and 1,200 as 1.200.
    let turned = |cell: &str| match cell.replace(',', "").parse::<rust_decimal::Decimal>() {
        Err(_) => cell.to_owned(),
        Ok(_) => cell.replace(',', "'").replace('.', ",").replace('\'', "."),
    };
    let of = separated(&text, b';');
    let rows = of.lines().map(|row| {
        let cells: Vec<String> = row.split(';').map(turned).collect();
        cells.join(";") + "\n"
    });
    let of: String = rows.collect();
    let file = parsed(of.as_bytes(), &options());
    let facts_of = |file: &ParsedFile| {
        let all = file.trades.iter().map(|row| {
            let (size, price) = (row.trade.size, row.trade.price);
            format!("{} {size} {price}", row.trade.order_id)
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!(facts_of(&file), facts_of(&plain), "{of}");
    assert!(file.read_as.contains(&"decimal commas"));
}

/// Returns the header of a sample.
fn plain_header(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let found = recognise(&mut RowReader::new(text, 1), &options());
    let (_, line) = found.unwrap().unwrap();
    let mut lines = text.lines();
    lines
        .nth(usize::try_from(line - 1).unwrap())
        .unwrap()
        .to_owned()
}

const HEADER: &str = "order_id;symbol;side;size;price;order_time;total_fees_usd;source\n";

/// Sizes 1,234.5 and 0.5, prices 1,234.5 and 42,000.25; `1,234` is 1.234, as the other sizes say.
#[test]
fn a_native_file_of_a_german_spreadsheet_is_read() {
    let text = format!(
        "{HEADER}A-1;BTC-USD;buy;1.234,5;1.234,50;2025-01-02T03:04:05Z;0,5;Börse\n\
         A-2;BTC-USD;sell;0,5;42.000,25;2025-01-02T03:04:06Z;1;\n\
         A-3;BTC-USD;sell;1,234;7;2025-01-02T03:04:07Z;;\n"
    );
    let windows: Vec<u8> = text.chars().map(|of| u8::try_from(of).unwrap()).collect();
    let file = parsed(&windows, &options());
    let read_as = ["Windows-1252", "semicolons between cells", "decimal commas"];
    assert_eq!(
        (file.read_as.as_slice(), file.rejected.as_slice()),
        (&read_as[..], &[][..])
    );
    let numbers = file.trades.iter().map(|row| {
        let (size, price) = (row.trade.size, row.trade.price);
        format!("{size} {price} {}", row.import_line)
    });
    let expected = ["1234.5 1234.5 2", "0.5 42000.25 3", "1.234 7 4"];
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
    assert_eq!(file.trades[0].carried.source.as_deref(), Some("Börse"));
}

#[test]
fn a_number_with_two_meanings_is_refused_until_somebody_says_which() {
    let row = "A-1;BTC-USD;buy;1,234;7;2025-01-02T03:04:05Z;0;\n";
    let text = format!("{HEADER}{row}");
    let file = parsed(text.as_bytes(), &options());
    let said: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
    let why = "2: size is \"1,234\", expected a number that can be read in one way only";
    assert_eq!((said, file.rows), (vec![why.to_owned()], 1));
    for (mark, size) in [(DecimalMark::Point, "1234"), (DecimalMark::Comma, "1.234")] {
        let options = ImportOptions {
            decimals: Decimals::said_by_person(mark),
            ..options()
        };
        let file = parsed(text.as_bytes(), &options);
        assert_eq!(file.trades[0].trade.size.to_string(), size);
        // Also with commas between the cells, and the number in quotes.
        let text = text.replace("1,234", "\"1,234\"").replace(';', ",");
        let file = parsed(text.as_bytes(), &options);
        assert_eq!(file.trades[0].trade.size.to_string(), size);
    }
}

/// The money that was paid is compared as a number, and each column has its own mark.
#[test]
fn a_table_with_paid_money_is_read_with_decimal_commas() {
    let table = r#"
        exchange = "own"
        tickers = true
        [paid]
        column = "Money"
        [[headers]]
        columns = ["Id", "Paper", "Side", "Size", "Price", "At", "Money"]
        [trade]
        order_id = "{Id}"
        symbol = "{Paper}"
        side = "{Side}"
        size = "{Size}"
        price = "{Price}"
        order_time = "{At}"
    "#;
    let mut own = options();
    let table = toml::from_str(table).unwrap();
    own.own_formats.try_add("own-broker", table).unwrap();
    let facts = |money: &str| {
        let head = "Id;Paper;Side;Size;Price;At;Money\n";
        let text = format!("{head}A1;ACME;buy;12,5;1234.50;2025-01-02T00:00:00Z;{money}\n");
        let file = parsed(text.as_bytes(), &own);
        let first = file.trades.first().map(|row| &row.trade);
        let first = first.map(|trade| format!("{} {}", trade.size, trade.price));
        first.unwrap_or_else(|| file.rejected[0].reason.clone())
    };
    for money in ["-15.431,25", "-15431,25", "-15,431.25", "-15431.25"] {
        assert_eq!(facts(money), "12.5 1234.5", "{money}");
    }
    assert!(facts("-1.543,125").starts_with("expected about size x price"));
    // 15.431 or 15,431: nothing says which mark this column has.
    assert_eq!(
        facts("-15.431"),
        "expected a number that can be read in one way only"
    );
}

/// The mark of thousands of the format stays one, and a number with two meanings is not read by it.
#[test]
fn a_sample_with_decimal_commas_gives_the_same_trades() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats/bitstamp/sample.csv"),
    );
    let text = text.unwrap();
    let plain = parsed(text.as_bytes(), &options());
    let german = separated(&text, b';');
    let german: Vec<String> = german
        .lines()
        .map(|line| {
            let cells = line.split(';').enumerate().map(|(at, cell)| match at {
                5 | 7 | 9 | 11 => cell.replace('.', ","),
                _ => cell.to_owned(),
            });
            cells.collect::<Vec<_>>().join(";")
        })
        .collect();
    let file = parsed(german.join("\n").as_bytes(), &options());
    assert_eq!(file.rejected, []);
    assert_eq!(file.trades, plain.trades);
    assert_eq!(file.movements, plain.movements);
}

/// `="229"` keeps a spreadsheet from rounding an id.
#[test]
fn a_formula_around_an_id_changes_nothing() {
    for (name, id) in [
        ("bybit-spot", "2290000000000000001"),
        ("okx-account", "900008"),
        ("kraken-trades", "TAAAAA-00001-AAAAAA"),
    ] {
        let text = sample(name);
        let id = match text.contains(id) {
            true => id.to_owned(),
            false => text
                .lines()
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap()
                .replace('"', ""),
        };
        let quoted = text.replacen(&format!("\"{id}\""), &id, 1);
        let formula = quoted.replacen(&id, &format!("\"=\"\"{id}\"\"\""), 1);
        assert_ne!(formula, quoted, "{name}");
        let (plain, made) = (
            parsed(text.as_bytes(), &with_point()),
            parsed(formula.as_bytes(), &with_point()),
        );
        assert_eq!(facts(plain), facts(made), "{name}");
    }
}
