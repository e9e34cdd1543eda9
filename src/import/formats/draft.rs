//! A draft of a table for a file that no format recognises, by the names of its columns.
//!
//! A draft says which columns are open. It never guesses what a row is, or a zone.

use std::collections::BTreeMap;

use csv::StringRecord;

use super::dialects::{by_cells, find_dialect};
use super::own::OwnFormats;
use super::template::fold;
use super::unknown::COLUMNS_MIN;
use super::{ROWS_BEFORE_HEADER_MAX, recognise};
use crate::engine::{Account, AssetRules, Timestamp};
use crate::import::ImportOptions;
use crate::import::bounds;
use crate::import::column_names::ColumnNames;
use crate::import::decimals::Decimals;
use crate::import::documents::document;
use crate::import::encoding::decoded;
use crate::import::error::FileError;
use crate::import::rows::RowReader;

/// Our columns, and what sources call them, the most telling name first.
const NAMES: [(&str, &[&str]); 9] = [
    (
        "order_id",
        &[
            "trade id",
            "trade_id",
            "tradeid",
            "txid",
            "execution id",
            "transaction id",
            "trade no",
            "trade number",
            "reference",
            "ref",
            "id",
        ],
    ),
    (
        "symbol",
        &[
            "symbol",
            "pair",
            "pairs",
            "market",
            "instrument",
            "product",
            "ticker",
            "wertpapier",
        ],
    ),
    (
        "side",
        &["side", "direction", "buy/sell", "action", "type", "typ"],
    ),
    (
        "size",
        &[
            "quantity", "qty", "size", "volume", "vol", "shares", "amount", "stück", "anzahl",
        ],
    ),
    (
        "price",
        &[
            "price",
            "trade price",
            "avg price",
            "unit price",
            "rate",
            "kurs",
            "preis",
        ],
    ),
    (
        "order_time",
        &[
            "time",
            "timestamp",
            "datetime",
            "date/time",
            "created at",
            "date(utc)",
            "trade date",
            "trade time",
            "executed at",
            "date",
            "datum",
        ],
    ),
    (
        "quote_currency",
        &[
            "quote currency",
            "price currency",
            "currency",
            "ccy",
            "währung",
        ],
    ),
    (
        "fee_amount",
        &[
            "fee",
            "fees",
            "commission",
            "gebühr",
            "gebühren",
            "provision",
        ],
    ),
    (
        "fee_currency",
        &[
            "fee currency",
            "fee coin",
            "fee asset",
            "fee unit",
            "commission currency",
            "commission asset",
        ],
    ),
];

/// Names of the amount that was paid or received. Some sources include the fee in it.
const TOTALS: [&str; 6] = ["total", "value", "net amount", "proceeds", "cost", "funds"];

/// Columns that every table has.
const NEEDED: [&str; 5] = ["symbol", "side", "size", "price", "order_time"];

/// Proposes a table for a file, to be pasted into the settings. `name`: of the new format.
///
/// Errors: the file is no text, or no row of it looks like a header.
///
/// If a format of this program reads the file, the draft is a remark with its name. Errors: the
/// program knows the file, and takes no such one.
pub fn draft_format(bytes: &[u8], name: &str) -> Result<String, FileError> {
    let text = match document(bytes)? {
        Some(made) => made.text,
        None => decoded(bytes)?.0,
    };
    if let Some(format) = known_format(&text)? {
        return Ok(format!(
            "# The format {format} reads this file. It needs no table.\n"
        ));
    }
    let columns = header(&text)?;
    let name: String = name
        .to_lowercase()
        .chars()
        .map(|of| if of.is_ascii_alphanumeric() { of } else { '-' })
        .collect();
    let mut draft = TradeDraft::default();
    for (ours, names) in NAMES {
        draft.add(ours, names, &columns);
    }
    draft.ask(&columns);
    let TradeDraft {
        trade,
        mut open,
        has_id,
    } = draft;
    let ids = match has_id {
        true => String::new(),
        false => {
            open +=
                "# open: no column looks like the id of an execution, so the import makes ids\n";
            format!("ids = {name:?}\n")
        }
    };
    let listed = columns.iter().map(|column| format!("    {column:?},\n"));
    let listed: String = listed.collect();
    Ok(format!(
        "# A draft: check each line. docs/FORMATS.md has the language.\n{open}\
         # open: are times in UTC? If not: zone = \"Europe/Berlin\"\n\
         # open: is each row a trade? If not, add [[formats.{name}.rows]]\n\
         [formats.{name}]\nexchange = {name:?}\n{ids}\n\
         [[formats.{name}.headers]]\ncolumns = [\n{listed}]\n\n\
         [formats.{name}.trade]\n{trade}"
    ))
}

/// Returns the format of this program that reads a file. Errors: the program takes no such file.
fn known_format(text: &str) -> Result<Option<&'static str>, FileError> {
    let options = ImportOptions {
        account_default: Account::default(),
        timezone: None,
        now: Timestamp::EPOCH,
        assets: AssetRules::default(),
        columns: ColumnNames::default(),
        file_name: String::new(),
        format: None,
        own_formats: OwnFormats::default(),
        decimals: Decimals::default(),
        contract_sizes: BTreeMap::new(),
    };
    let dialect = find_dialect(text, &options);
    match recognise(&mut RowReader::of(text, 1, dialect), &options) {
        Ok(found) => Ok(found.map(|(format, _)| format.name())),
        Err(error @ FileError::WrongFile { .. }) => Err(error),
        // The draft says what it makes of the header.
        Err(_) => Ok(None),
    }
}

/// The lines of `[trade]`, and the questions to a person.
#[derive(Debug, Default)]
struct TradeDraft {
    trade: String,
    open: String,
    has_id: bool,
}

impl TradeDraft {
    /// Adds a column of ours, if the file has one with such a name.
    fn add(&mut self, ours: &str, names: &[&str], columns: &[String]) {
        let Some(theirs) = found(columns, names) else {
            if NEEDED.contains(&ours) {
                self.open += &format!("# open: which column is {ours}?\n");
                self.trade += &format!("# {ours} = \"{{}}\"\n");
            }
            return;
        };
        self.has_id |= ours == "order_id";
        let day = found(columns, &["date", "day"]).filter(|_| fold(theirs) == "time");
        let day = day.map_or_else(String::new, |day| format!("{{{day}}} "));
        let made = format!("{day}{{{theirs}}}");
        if ours == "side" {
            self.open += &format!(
                "# open: are sides buy and sell? If not: side = {{ from = [{made:?}], words = {{ \
                 Kauf = \"buy\" }} }}\n"
            );
        }
        self.trade += &format!("{ours} = {made:?}\n");
    }

    /// Asks about totals and currencies. Money is no dollars by default.
    fn ask(&mut self, columns: &[String]) {
        if let Some(total) = found(columns, &TOTALS) {
            self.open += &format!(
                "# open: does {total:?} include the fee? If not, add quote_value = {:?}\n",
                format!("{{{total}}}")
            );
        }
        let has = |column: &str| self.trade.lines().any(|line| line.starts_with(column));
        let has_quote = has("quote_currency");
        if has("fee_amount") && !has("fee_currency") {
            let (why, fee) = match found(columns, &["currency", "ccy"]) {
                Some(currency) => (
                    "are fees in the currency of the prices?",
                    format!("fee_currency = \"{{{currency}}}\""),
                ),
                None => (
                    "which currency are fees in?",
                    "# fee_currency = \"\"".to_owned(),
                ),
            };
            self.open += &format!("# open: {why}\n");
            self.trade += &format!("{fee}\n");
        }
        self.open += "# open: are symbols tickers of shares or funds? If so, add tickers = true \
                      below exchange\n";
        if !has_quote {
            self.open += "# open: do symbols name the currency of prices, or are these dollars? \
                          If not, add quote_currency = \"EUR\"\n";
        }
    }
}

/// Returns the first column that has one of the names.
fn found<'c>(columns: &'c [String], names: &[&str]) -> Option<&'c String> {
    let mut found = names.iter().filter_map(|wanted| {
        let mut columns = columns.iter();
        columns.find(|column| fold(column) == *wanted)
    });
    found.next()
}

/// Finds the first row that looks like a header: several names, and no number.
///
/// Errors: no row does.
fn header(text: &str) -> Result<Vec<String>, FileError> {
    let dialect = by_cells(text);
    let (mut rows, mut cells) = (RowReader::of(text, 1, dialect), StringRecord::new());
    let mut why_not = FileError::Empty;
    for _ in 0..=ROWS_BEFORE_HEADER_MAX {
        let Some(row) = rows.read(&mut cells)? else {
            break;
        };
        let names: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        let named = names.iter().filter(|name| !name.is_empty()).count();
        let is_value = |name: &String| name.starts_with(|of: char| of.is_ascii_digit());
        if row.fault.is_none() && named >= COLUMNS_MIN && !names.iter().any(is_value) {
            return Ok(names);
        }
        if named > 0 && matches!(why_not, FileError::Empty) {
            why_not = FileError::NoHeader {
                line: row.line,
                found: bounds::kept(row.text),
            };
        }
    }
    Err(why_not)
}

#[cfg(test)]
mod tests {
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
        assert!(draft.contains("# open: do symbols name the currency of prices"));
        // No currency is taken for dollars.
        let draft = draft_format("Datum;Typ;Wertpapier;Stück;Kurs;Gebühr\n".as_bytes(), "x");
        let draft = draft.unwrap();
        assert!(
            draft.contains("fee_amount = \"{Gebühr}\"\n# fee_currency = \"\"\n"),
            "{draft}"
        );
        // What no column says is open, and the draft is no table yet.
        let file = b"When,Ticker,Action,Qty,Price\n";
        let draft = draft_format(file, "x").unwrap();
        assert!(
            draft.contains("# open: which column is order_time?"),
            "{draft}"
        );
    }
}
