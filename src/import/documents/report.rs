//! A report of MetaTrader: the one section of it that says each trade once.
//!
//! MetaTrader 5 lists each trade as a deal, as part of an order, and as half of a position: the
//! section of the deals is read. Of MetaTrader 4, the closed transactions are. The currency of the
//! account stands before the sections, and becomes a column.

use std::ops::RangeInclusive;

use csv::StringRecord;

use super::report_rows::{ReportCell, ReportRow, one_line};
use super::{TableText, html};
use crate::import::dialect::Dialect;
use crate::import::error::FileError;
use crate::import::rows::RowReader;

/// The kind of such a file as text, as import reports name it.
const SAID: &str = "a report of several sections";

/// The section of a report that is read.
#[derive(Debug)]
struct Section {
    /// The format that reads the table.
    format: &'static str,
    /// Columns that tell its header from those of other sections, in small letters.
    telling: &'static [&'static str],
    /// Columns that hold no numbers, in small letters.
    words: &'static [&'static str],
    /// Texts that begin the first row after the section.
    ends: &'static [&'static str],
    /// Columns in the order in which MetaTrader writes them, in small letters. Other columns may
    /// stand between them.
    order: &'static [&'static str],
}

const MT5: &str = "mt5-report";
const MT4: &str = "mt4-report";

const SECTIONS: [Section; 2] = [
    Section {
        format: MT5,
        telling: &["deal", "symbol", "type", "direction", "volume", "balance"],
        words: &[
            "time",
            "deal",
            "symbol",
            "type",
            "direction",
            "order",
            "comment",
        ],
        ends: &[
            "Positions",
            "Orders",
            "Open Positions",
            "Working Orders",
            "Results",
            "Balance:",
            "Credit Facility:",
        ],
        order: &[
            "time",
            "deal",
            "symbol",
            "type",
            "direction",
            "volume",
            "price",
            "order",
            "commission",
            "swap",
            "profit",
            "balance",
        ],
    },
    Section {
        format: MT4,
        telling: &["ticket", "type", "size", "item", "close time", "profit"],
        words: &["ticket", "open time", "type", "item", "close time"],
        ends: &["Closed P/L:", "Open Trades:", "Working Orders:", "Summary:"],
        order: &[
            "ticket",
            "open time",
            "type",
            "size",
            "item",
            "open price",
            "s / l",
            "t / p",
            "close time",
            "close price",
            "commission",
            "taxes",
            "swap",
            "profit",
        ],
    },
];

/// The column of the account's currency, and that of amounts that the balance does not have.
const MADE: [&str; 2] = ["Account Currency", "Outside Balance"];

/// Types of rows whose amounts may be no part of the balance: money that the broker lends.
const LENT: [&str; 2] = ["credit", "bonus"];

/// Titles of reports.
const TITLES: [&str; 2] = ["Trade History Report", "Closed Transactions:"];

/// Texts of pages that MetaTrader wrote.
const OF_PAGES: [&str; 3] = ["MetaTrader", "MetaQuotes", "client terminal"];

/// Columns of sections, without blanks. A line that has all of a list is their header.
const HEADERS: [&[&str]; 4] = [
    &["Deal", "Symbol", "Direction", "Volume", "Balance"],
    &["Position", "Symbol", "Volume", "S/L", "T/P"],
    &["Order", "Symbol", "Volume", "S/L", "T/P", "State"],
    &["Ticket", "OpenTime", "Size", "Item", "S/L", "T/P"],
];

/// Most columns of a section.
const COLUMNS_MAX: usize = 40;

/// The title of a report of the strategy tester.
const TESTER: &str = "Strategy Tester Report";

/// Letters of a currency's code. Some brokers have codes of their own.
const CODE_LETTERS: RangeInclusive<usize> = 3..=5;

const NO_SECTION: &str = "found no section Deals or Closed Transactions in English: set \
                          MetaTrader to English (View, Languages), and save the whole report again";
const NO_CURRENCY: &str = "no line before the section names the currency of the account: save the \
                           whole report again";
const SEVERAL: &str = "it has several reports: import each one alone";
const TOO_WIDE: &str = "its header has too many columns: save the report again";
const OTHER_ORDER: &str = "the columns of its section are not in the order of MetaTrader: save the \
                           whole report again";
const OF_TESTER: &str = "a report of the strategy tester has no real trades";

/// Tells by the beginning of a text whether it may be a report.
pub(super) fn begins(head: &str) -> bool {
    let has = |words: &&str| head.contains(*words);
    match is_page(head) {
        true => TITLES.iter().chain(&OF_PAGES).any(has),
        false => is_text_report(head) || has_header(head, &HEADERS),
    }
}

fn is_page(head: &str) -> bool {
    head.trim_start().starts_with('<')
}

/// Tells whether a text has a title, or a header that only MetaTrader has.
fn is_text_report(head: &str) -> bool {
    let of_orders = HEADERS.get(1..).unwrap_or_default();
    TITLES.iter().any(|title| head.contains(title)) || has_header(head, of_orders)
}

fn has_header(head: &str, headers: &[&[&str]]) -> bool {
    head.lines().any(|line| {
        let line = line.replace(' ', "");
        let is_header = |names: &&[&str]| names.iter().all(|name| line.contains(name));
        // A table that was made of a report is no report.
        headers.iter().any(is_header) && !line.contains("AccountCurrency")
    })
}

/// Makes the table of a report, and says the kind of the file. `None`: it is another file.
///
/// Errors: broken HTML; a report without the section, or without a currency.
pub(super) fn table(text: &str) -> Result<Option<(String, &'static str)>, FileError> {
    let head: String = text.chars().take(super::DOCUMENT_HEAD_BYTES).collect();
    if head.contains(TESTER) {
        return Err(refused(MT5, 1, OF_TESTER));
    }
    if is_page(text) {
        let (rows, separator) = (html::rows(text)?, b',');
        return match table_of(&rows, separator)? {
            Some(table) => Ok(Some((table, html::SAID))),
            None => Err(refused(MT5, 1, NO_SECTION)),
        };
    }
    for dialect in Dialect::all() {
        let rows = rows(text, dialect)?;
        if let Some(table) = table_of(&rows, dialect.separator)? {
            return Ok(Some((table, SAID)));
        }
    }
    match is_text_report(&head) {
        true => Err(refused(MT5, 1, NO_SECTION)),
        false => Ok(None),
    }
}

fn refused(format: &'static str, line: u64, why: &'static str) -> FileError {
    FileError::WrongFile { line, format, why }
}

/// Reads the rows of a text. A row with broken quotes is one cell.
fn rows(text: &str, dialect: Dialect) -> Result<Vec<ReportRow>, FileError> {
    let (mut reader, mut cells) = (RowReader::of(text, 1, dialect), StringRecord::new());
    let mut rows = Vec::new();
    while let Some(row) = reader.read(&mut cells)? {
        let cell = |text: &str| ReportCell {
            text: one_line(text),
            columns: 1,
        };
        let cells = match row.fault {
            None => cells.iter().map(cell).collect(),
            Some(_) => vec![cell(row.text)],
        };
        let line = row.line;
        rows.push(ReportRow { line, cells });
    }
    Ok(rows)
}

/// Makes the table of the one section that is read. `None`: there is no such section.
fn table_of(rows: &[ReportRow], separator: u8) -> Result<Option<String>, FileError> {
    let mut places = rows.iter().enumerate().filter_map(|(at, row)| {
        let section = SECTIONS.iter().find(|section| section.has_header(row));
        section.map(|section| (at, section))
    });
    let Some((at, section)) = places.next() else {
        return Ok(None);
    };
    if let Some(line) = places.next().and_then(|(at, _)| rows.get(at)) {
        return Err(refused(section.format, line.line, SEVERAL));
    }
    let (before, section_rows) = rows.split_at(at);
    let Some((header, section_rows)) = section_rows.split_first() else {
        return Ok(None);
    };
    let refused_for = |why| refused(section.format, header.line, why);
    let names = names_of(header).ok_or_else(|| refused_for(TOO_WIDE))?;
    let currency = before.iter().find_map(currency_of);
    let currency = currency.ok_or_else(|| refused_for(NO_CURRENCY))?;
    let mut table = TableText::of(separator);
    table.push(header.line, names.iter().map(String::as_str).chain(MADE));
    let folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let place = |wanted: &str| folded.iter().position(|name| name == wanted);
    // Of two columns with changed names, or of two prices, nothing else tells which is which.
    let places = section.order.iter().filter_map(|name| place(name));
    if !places.is_sorted() {
        return Err(refused_for(OTHER_ORDER));
    }
    let (of_type, of_balance) = (place("type"), place("balance"));
    let mut balance = String::new();
    for row in section_rows {
        let mut cells = row.expanded(names.len());
        if section.is_after(&cells) {
            break;
        }
        if cells.iter().all(String::is_empty) {
            continue;
        }
        for (name, cell) in folded.iter().zip(&mut cells) {
            if !section.words.contains(&name.as_str()) {
                *cell = plain_number(cell);
            }
        }
        let cell = |place: Option<usize>| place.and_then(|place| cells.get(place).cloned());
        let is_lent = cell(of_type).is_some_and(|text| LENT.contains(&text.as_str()));
        let stated = cell(of_balance).filter(|text| !text.is_empty());
        let is_outside = is_lent && stated.as_ref() == Some(&balance);
        balance = stated.unwrap_or(balance);
        let outside = if is_outside { "yes" } else { "" };
        cells.extend([currency.clone(), outside.to_owned()]);
        table.push(row.line, cells.iter().map(String::as_str));
    }
    Ok(Some(table.text))
}

impl Section {
    fn has_header(&self, row: &ReportRow) -> bool {
        let names: Vec<String> = row.cells.iter().map(|it| it.text.to_lowercase()).collect();
        let mut telling = self.telling.iter();
        telling.all(|wanted| names.iter().any(|name| name == wanted))
    }

    /// Tells whether a row is the first one after the section.
    fn is_after(&self, cells: &[String]) -> bool {
        let first = cells.iter().find(|cell| !cell.is_empty());
        first.is_some_and(|text| self.ends.contains(&text.as_str()))
    }
}

/// Returns the names of columns. Of two prices, the first is that of the opening. `None`: there are
/// too many columns.
fn names_of(header: &ReportRow) -> Option<Vec<String>> {
    let columns: usize = header.cells.iter().map(|cell| cell.columns).sum();
    let mut names = header.expanded(Some(columns).filter(|it| *it <= COLUMNS_MAX)?);
    let last = names.iter().rposition(|name| !name.is_empty());
    names.truncate(last.map_or(0, |last| last + 1));
    let is_price = |name: &&mut String| name.eq_ignore_ascii_case("price");
    if names.iter_mut().filter(is_price).count() == 2 {
        let prices = names.iter_mut().filter(is_price);
        for (price, name) in prices.zip(["Open Price", "Close Price"]) {
            name.clone_into(price);
        }
    }
    for name in &mut names {
        if name.replace(' ', "") == "S/L" || name.replace(' ', "") == "T/P" {
            *name = name.replace(' ', "").replace('/', " / ");
        }
    }
    Some(names)
}

/// The label of the account's number.
const ACCOUNT: &str = "Account";

/// Returns the currency of the account: `123 (USD, Server, real, Hedge)`, or `Currency: USD`.
fn currency_of(row: &ReportRow) -> Option<String> {
    let texts = row.cells.iter().map(|cell| cell.text.as_str());
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    // The holder's name may look like an account.
    let is_of_account = texts.first().is_some_and(|text| text.starts_with(ACCOUNT));
    let mut codes = texts.iter().enumerate().filter_map(|(nth, text)| {
        if let Some(code) = text.strip_prefix("Currency:") {
            return Some(code.trim())
                .filter(|code| !code.is_empty())
                .or(texts.get(nth + 1).copied());
        }
        let (number, rest) = text.split_once('(')?;
        let number = number.rsplit(':').next().unwrap_or_default().trim();
        let is_account = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let (code, _) = rest.split_once(',')?;
        (is_account && is_of_account).then(|| code.trim())
    });
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_code = |code: &&str| CODE_LETTERS.contains(&code.len()) && code.bytes().all(is_letter);
    codes.find(is_code).map(str::to_owned)
}

/// Returns a number without blanks after its sign and between its thousands. Any other text stays
/// as it is.
fn plain_number(text: &str) -> String {
    let (sign, number) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest.trim_start()),
        None => ("", text),
    };
    let mark = number.find(['.', ',']).unwrap_or(number.len());
    let (whole, decimals) = number.split_at(mark);
    let groups: Vec<&str> = whole.split(' ').collect();
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.first().map_or(0, |group| group.len());
    let are_thousands =
        (1..=3).contains(&first) && groups.iter().skip(1).all(|group| group.len() == 3);
    let is_number = (groups.len() == 1 || are_thousands)
        && groups.iter().all(|group| is_digits(group))
        && decimals
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    match is_number {
        true => format!("{sign}{}{decimals}", groups.concat()),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_blanks_only_where_a_number_has_them() {
        for (text, number) in [
            ("4 129.590", "4129.590"),
            ("1 004 129,5", "1004129,5"),
            ("- 2.50", "-2.50"),
            ("\u{2212}1 000.00", "-1000.00"),
            ("1000.00", "1000.00"),
            ("", ""),
            ("0.04 / 0.04", "0.04 / 0.04"),
            ("12 34", "12 34"),
            ("1234 567", "1234 567"),
            ("1.5 0", "1.5 0"),
            ("- -1", "- -1"),
        ] {
            assert_eq!(plain_number(text), number);
        }
    }

    #[test]
    fn the_line_of_the_account_names_its_currency() {
        let of = |texts: &[&str]| {
            let cell = |text: &&str| ReportCell {
                text: (*text).to_owned(),
                columns: 1,
            };
            let cells = texts.iter().map(cell).collect();
            currency_of(&ReportRow { line: 1, cells })
        };
        let code = |code: &str| Some(code.to_owned());
        assert_eq!(
            of(&["Account:", "123 (USD, Live-1, real, Hedge)"]),
            code("USD")
        );
        assert_eq!(
            of(&["Account: 123 (EUR, Live-1, demo, Netting)"]),
            code("EUR")
        );
        assert_eq!(of(&["Account: 7", "", "Currency: GBP"]), code("GBP"));
        assert_eq!(of(&["Currency:", "", "USD"]), code("USD"));
        for other in [
            "Name: Ann (USD, a)",
            "123 (Live-1, real)",
            "123 (usd, a)",
            "Currency:",
        ] {
            assert_eq!(of(&[other]), None, "{other}");
        }
    }
}
