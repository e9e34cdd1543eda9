//! A Flex query of Interactive Brokers as XML: its elements to the rows of the query as CSV.
//!
//! Attributes have the names of the columns, in other letter case and without marks. A row has the
//! type of its element in the column of its level: `EXECUTION`, `Cash: Dividends`,
//! `CorporateAction`.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::TableText;
use crate::import::error::FileError;

const ROOT: &str = "<FlexQueryResponse";
const BROKEN: FileError = FileError::OtherFormat("XML that is broken or cut");

const LEVEL: &str = "LevelOfDetail";
const TIME: &str = "DateTime";

/// Columns whose attributes have other names.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("accruedInt", "AccruedInterest"),
    ("accountId", "ClientAccountID"),
    ("acctAlias", "AccountAlias"),
    ("currency", "CurrencyPrimary"),
    ("assetCategory", "AssetClass"),
    ("notes", "Notes/Codes"),
    ("code", "Notes/Codes"),
    ("cost", "CostBasis"),
    ("putCall", "Put/Call"),
];

/// Columns with a mark in their names.
const MARKED: [&str; 2] = ["Buy/Sell", "Open/CloseIndicator"];

/// Columns that each table has.
const NEEDED: [&str; 11] = [
    "CurrencyPrimary",
    "AssetClass",
    "Symbol",
    TIME,
    "Quantity",
    "TradePrice",
    "IBCommission",
    "IBCommissionCurrency",
    "Buy/Sell",
    "TransactionID",
    LEVEL,
];

/// Attributes of rows of cash and of corporate actions.
const OF_OTHERS: [&str; 11] = [
    "currency",
    "assetCategory",
    "symbol",
    "dateTime",
    "transactionID",
    "amount",
    "description",
    "actionDescription",
    "quantity",
    "type",
    "code",
];

/// Elements of other sections that move assets or money. Their rows are not read, and named.
const MOVES: [&str; 11] = [
    "CFDCharge",
    "ClientFee",
    "DebitCardActivity",
    "OptionEAE",
    "SLBFee",
    "SalesTax",
    "TradeConfirm",
    "TradeTransfer",
    "TransactionTax",
    "Transfer",
    "UnsettledTransfer",
];

/// Levels whose rows are not read.
const UNREAD: [&str; 7] = [
    "ORDER",
    "CLOSED_LOT",
    "SYMBOL_SUMMARY",
    "ASSET_SUMMARY",
    "WASH_SALE",
    "SUMMARY",
    "",
];

const NOTHING_READ: &str = "a Flex query without executions, cash and corporate actions: take an \
                            Activity Flex query with the section Trades and the option Execution";

/// The time of a day without one.
const DAY_AT: &str = "12:00:00";

/// Tells whether a file is such a query.
pub(super) fn begins(text: &str) -> bool {
    text.starts_with('<') && text.contains(ROOT)
}

/// A row: its line, and names and values of its columns.
type Element = (u64, Vec<(String, String)>);

/// Makes the table of a query. Errors: the XML is broken.
pub(super) fn table(text: &str) -> Result<String, FileError> {
    let elements = elements(text)?;
    let is_unread = |level: &str| UNREAD.contains(&level) || MOVES.contains(&level);
    let is_read = |(name, level): &(String, String)| name == LEVEL && !is_unread(level);
    if !elements
        .iter()
        .any(|(_, values)| values.iter().any(is_read))
    {
        return Err(FileError::WrongFile {
            line: 1,
            format: "ib-flex-trades",
            why: NOTHING_READ,
        });
    }
    let mut names: Vec<&str> = NEEDED.to_vec();
    for (name, _) in elements.iter().flat_map(|(_, values)| values) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut table = TableText::default();
    table.push(1, names.iter().copied());
    for (line, values) in &elements {
        let value = |name: &&str| {
            let mut values = values.iter();
            let found = values.find(|(of, _)| of == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        table.push(*line, names.iter().map(value));
    }
    Ok(table.text)
}

fn elements(text: &str) -> Result<Vec<Element>, FileError> {
    let mut reader = Reader::from_str(text);
    let (mut found, mut line, mut counted, mut depth) = (Vec::new(), 1_u64, 0, 0_u64);
    loop {
        let event = reader.read_event().map_err(|_| BROKEN)?;
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let read = text.get(counted..end).unwrap_or_default();
        line += read.bytes().filter(|byte| *byte == b'\n').count() as u64;
        counted = end;
        match event {
            Event::Start(element) => {
                depth += 1;
                found.extend(values(&element)?.map(|values| (line, values)));
            }
            Event::Empty(element) => {
                found.extend(values(&element)?.map(|values| (line, values)));
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if depth == 0 => return Ok(found),
            Event::Eof => return Err(BROKEN),
            _ => {}
        }
    }
}

/// Returns the columns of an element. `None`: it is no row.
fn values(element: &BytesStart<'_>) -> Result<Option<Vec<(String, String)>>, FileError> {
    let name = element.local_name();
    let level = match name.as_ref() {
        "Trade" => "EXECUTION",
        "Order" => "ORDER",
        "Lot" => "CLOSED_LOT",
        "SymbolSummary" => "SYMBOL_SUMMARY",
        "AssetSummary" => "ASSET_SUMMARY",
        "WashSale" => "WASH_SALE",
        "CashTransaction" | "CorporateAction" => "",
        of if MOVES.contains(&of) => {
            return Ok(Some(vec![(LEVEL.to_owned(), of.to_owned())]));
        }
        _ => return Ok(None),
    };
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| BROKEN)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| BROKEN)?.trim().to_owned();
        if !value.is_empty() {
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
    }
    if level.is_empty() {
        return Ok(Some(of_cash(name.as_ref(), attributes)));
    }
    let columns = attributes.into_iter();
    let mut columns: Vec<_> = columns
        .map(|(name, value)| (column(&name), value))
        .collect();
    if !columns.iter().any(|(name, _)| name == LEVEL) {
        columns.push((LEVEL.to_owned(), level.to_owned()));
    }
    Ok(Some(columns))
}

/// Returns the columns of cash, or of a corporate action.
fn of_cash(element: &str, attributes: Vec<(String, String)>) -> Vec<(String, String)> {
    let of = |wanted: &str| {
        let mut attributes = attributes.iter();
        let found = attributes.find(|(name, _)| name == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    let is_cash = element == "CashTransaction";
    let level = match (is_cash, of("levelOfDetail")) {
        (true, "SUMMARY") => "SUMMARY".to_owned(),
        (true, _) => format!("Cash: {}", of("type")),
        (false, _) => "CorporateAction".to_owned(),
    };
    let known = attributes.iter().filter(|(name, _)| {
        let is_asset = is_cash && matches!(name.as_str(), "assetCategory" | "symbol");
        OF_OTHERS.contains(&name.as_str()) && name != "type" && !is_asset
    });
    let mut columns: Vec<_> = known
        .map(|(name, value)| match name.as_str() {
            "dateTime" => (TIME.to_owned(), with_time(value)),
            name => (column(name), value.clone()),
        })
        .collect();
    columns.push((LEVEL.to_owned(), level));
    columns
}

/// Adds noon to a day without a time.
fn with_time(text: &str) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match digits {
        8 if !text.contains('-') => format!("{text};{}", DAY_AT.replace(':', "")),
        8 => format!("{text};{DAY_AT}"),
        _ => text.to_owned(),
    }
}

/// Returns the column of an attribute.
fn column(attribute: &str) -> String {
    let mut other = OTHER_NAMES.iter();
    if let Some((_, column)) = other.find(|(name, _)| *name == attribute) {
        return (*column).to_owned();
    }
    let mut marked = MARKED.iter();
    let is_same = |column: &&&str| column.replace('/', "").eq_ignore_ascii_case(attribute);
    match marked.find(is_same) {
        Some(column) => (*column).to_owned(),
        None => match NEEDED.iter().find(|it| it.eq_ignore_ascii_case(attribute)) {
            Some(column) => (*column).to_owned(),
            None => attribute.to_owned(),
        },
    }
}
