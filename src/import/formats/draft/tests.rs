//! Drafts of made files.

use super::*;
use crate::import::formats::layout::Layout;

/// A file that the program reads needs no table, and one that it refuses gets none.
#[test]
fn a_file_that_is_known_gets_no_table() {
    let sample = |name: &str| {
        let root = env!("CARGO_MANIFEST_DIR");
        std::fs::read(format!("{root}/fixtures/formats/{name}/sample.csv")).unwrap()
    };
    for name in ["kraken-trades", "kraken-ledgers", "ib-activity"] {
        let said = format!("# The format {name} reads this file. It needs no table.\n");
        assert_eq!(draft_format(&sample(name), "x").unwrap(), said);
    }
    let refused = draft_format(&sample("binance-orders"), "x").unwrap_err();
    assert!(matches!(refused, FileError::WrongFile { .. }), "{refused}");
}

#[test]
fn a_draft_of_a_workbook_has_its_columns() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(["When", "Ticker", "Action", "Qty", "Price"]) {
        sheet.write(0, column, name).unwrap();
        sheet.write(1, column, 1.0).unwrap();
    }
    let draft = draft_format(&book.save_to_buffer().unwrap(), "x").unwrap();
    assert!(draft.contains("side = \"{Action}\""), "{draft}");
}

#[test]
fn a_draft_of_a_plain_file_is_a_table() {
    let file = b"My broker\nDate,Ticker,Action,Qty,Price,Fee\n2025-01-02,A,buy,1,2,0\n";
    let draft = draft_format(file, "My Broker").unwrap();
    let settings: toml::Table = draft.parse().unwrap();
    let table = settings["formats"]["my-broker"].as_table().unwrap();
    let layout = Layout::try_of_table("my-broker", table.clone()).unwrap();
    assert_eq!(layout.ids.as_deref(), Some("my-broker"));
    assert!(draft.contains("side = \"{Action}\""), "{draft}");
    let why = |file: &[u8]| draft_format(file, "x").unwrap_err().to_string();
    // Other separators, and other encodings.
    for text in [
        "A report\nWhen;Ticker;Action;Qty;Price\n1;2;3;4;5\n",
        "A report\nWhen\tTicker\tAction\tQty\tPrice\n1\t2\t3\t4\t5\n",
        "\"When,Ticker,\"\"Action\"\",Qty,Price\"\n",
    ] {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units).collect();
        for bytes in [text.as_bytes(), &utf16] {
            let draft = draft_format(bytes, "x").unwrap();
            assert!(draft.contains("side = \"{Action}\""), "{draft}");
        }
    }
    assert_eq!(
        why(b"2025-01-02,A,buy,1,2\n"),
        "the file begins with \"2025-01-02,A,buy,1,2\", expected a header"
    );
    assert_eq!(why(b"\n,,\n"), FileError::Empty.to_string());
}

/// The cells of a file say what its names do not.
#[test]
fn a_draft_asks_only_what_the_file_does_not_say() {
    // The currency is that of prices and fees. A total may include the fee.
    let file = b"Trade Date,Ticker,Type,Shares,Price,Currency,Fee,Total,Reference\n";
    let draft = draft_format(file, "x").unwrap();
    for line in [
        "order_id = \"{Reference}\"",
        "order_time = \"{Trade Date}\"",
        "quote_currency = \"{Currency}\"",
        "fee_currency = \"{Currency}\"",
        "# open: does \"Total\" include the fee? If not, add quote_value = \"{Total}\"",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
    assert!(!draft.contains("\nquote_value"), "{draft}");
    // Day and time stand apart, and the fee has a currency of its own.
    let file = b"Trade No,Date,Time,Instrument,Side,Qty,Price,Fee,Commission Currency\n";
    let draft = draft_format(file, "x").unwrap();
    for line in [
        "order_id = \"{Trade No}\"",
        "order_time = \"{Date} {Time}\"",
        "fee_currency = \"{Commission Currency}\"",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
    assert!(draft.contains("# open: which currency are prices in?"));
    // No currency is taken for dollars.
    let draft = draft_format("Datum;Typ;Wertpapier;Stück;Kurs;Gebühr\n".as_bytes(), "x");
    let draft = draft.unwrap();
    assert!(
        draft.contains("fee_amount = \"{Gebühr}\"\n# fee_currency = \"USD\"\n"),
        "{draft}"
    );
    // Names that carry no meaning: the cells say what is a side, and what is no trade.
    let file = b"Day,Time,Title,Kind,Units,Price,Comm.,Comm. asset,OrderNo\n\
                 31/12/2024,9:30 AM,A,BOT,1,2,0,USD,7\n\
                 01/02/2025,1:30 PM,A,SLD,1,2,0,USD,8\n,,,,1,2,0,,9\n\
                 02/02/2025,1:30 PM,A,Dividend,1,2,0,USD,10\n";
    let draft = draft_format(file, "x").unwrap();
    for line in [
        "times = [\"%d/%m/%Y %I:%M %p\"]",
        "order_time = \"{Day} {Time}\"",
        "order_id = \"{OrderNo}\"",
        "side = { from = [\"{Kind}\"], words = { \"BOT\" = \"buy\", \"SLD\" = \"sell\" } }",
        "trades = [\"BOT\", \"SLD\"]",
        "# ignored = [\"Dividend\"]",
        "fee_currency = \"{Comm. asset}\"",
        "# open: which column is symbol?",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
}

/// Marks, signs and units of numbers.
#[test]
fn a_draft_has_the_marks_of_numbers() {
    let file = b"Trade ID,Time,Pair,Qty,Price,Fee,Total\n\
                 1,2025-01-02 10:00:00,BTC-USD,0.5BTC,\"$41,000.00\",-0.1USD,\"($20,500.00)\"\n\
                 2,2025-01-03 10:00:00,BTC-USD,-0.5BTC,\"$42,000.00\",-0.1USD,\"$21,000.00\"\n";
    let draft = draft_format(file, "x").unwrap();
    for line in [
        "marks = [\"$\", \"()\", \",\"]",
        "side = \"{Qty|number|side}\"",
        "size = \"{Qty|number|abs}\"",
        "price = \"{Price}\"",
        "fee_amount = \"{Fee|number|turned}\"",
        "fee_currency = \"{Fee|unit}\"",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
    let table: toml::Table = draft.parse().unwrap();
    let table = table["formats"]["x"].as_table().unwrap();
    Layout::try_of_table("x", table.clone()).unwrap();
    // Commas stand in quotes between other commas: the table has to say what they are.
    let file = b"Time,Ticker,Side,Qty,Price\n2025-01-02 10:00:00,A,buy,\"1.200\",\"41,50\"\n";
    let draft = draft_format(file, "x").unwrap();
    assert!(
        draft.contains("\ndecimal = \",\"\nmarks = [\".\"]\n"),
        "{draft}"
    );
    // A sign says the currency of prices and fees.
    let file = "Time;Ticker;Side;Qty;Price;Fee\n2025-01-02 10:00:00;A;buy;1;41,50 €;1 €\n";
    let draft = draft_format(file.as_bytes(), "x").unwrap();
    for line in [
        "marks = [\"€\"]",
        "quote_currency = \"EUR\"",
        "fee_currency = \"EUR\"",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
    let file = b"Time;Ticker;Side;Qty;Price\n2025-01-02 10:00:00;A;buy;1.200;41,50\n";
    let draft = draft_format(file, "x").unwrap();
    assert!(
        !draft.contains("\ndecimal") && !draft.contains("\nmarks"),
        "{draft}"
    );
}

#[test]
fn a_draft_leaves_open_what_has_two_meanings() {
    // A day and a month that nobody can tell apart, and a number that comes twice.
    let file = b"Date,Ticker,Side,Qty,Price,Order No\n01/02/2025,A,buy,1,2,7\n\
                 02/02/2025,A,buy,1,2,7\n";
    let draft = draft_format(file, "x").unwrap();
    for line in [
        "# times = [\"%m/%d/%Y\"]",
        "# times = [\"%d/%m/%Y\"]",
        "day_at = \"12:00:00\"",
        "side = \"{Side}\"",
        "ids = \"x\"",
    ] {
        assert!(draft.lines().any(|it| it == line), "{line}\n{draft}");
    }
    assert!(!draft.contains("\ntimes"), "{draft}");
    // What no column says is open, and the draft is no table yet.
    let file = b"When,Ticker,Action,Qty,Price\n";
    let draft = draft_format(file, "x").unwrap();
    assert!(
        draft.contains("# open: which column is order_time?"),
        "{draft}"
    );
}
