//! An Activity Statement of Interactive Brokers: several tables in one CSV file, each with its
//! section before its rows.
//!
//! Sections that report what others hold together are left out: balances, performance, positions.
//! Any other section becomes rows, also one that nobody has seen, so that its rows are refused.

use csv::StringRecord;

use super::TableText;
use super::activity_levels::{Levels, STOCKS, TRADES, is, value, without_holder};
use crate::import::dialect::Dialect;
use crate::import::error::FileError;
use crate::import::rows::RowReader;

/// The first two cells.
const FIRST_CELLS: [&str; 2] = ["Statement", HEADER];

/// The second cell of the names of columns, and of the rows below them.
const HEADER: &str = "Header";
const DATA: &str = "Data";

/// A section that only such a statement has.
const ACCOUNT: &str = "Account Information";

/// Sections that only report.
const REPORTS: [&str; 20] = [
    "Statement",
    ACCOUNT,
    "Net Asset Value",
    "Change in NAV",
    "Change in Dividend Accruals",
    "Open Dividend Accruals",
    "Interest Accruals",
    "Mark-to-Market Performance Summary",
    "Realized & Unrealized Performance Summary",
    "Month & Year to Date Performance Summary",
    "Cash Report",
    "Collateral for Customer Borrowing",
    "Open Positions",
    "Forex Balances",
    "Net Stock Position Summary",
    "Financial Instrument Information",
    "Base Currency Exchange Rate",
    "Codes",
    "Notes",
    "Notes/Legal Notes",
];

/// Columns of the table, with their names in the sections.
const COLUMNS: [(&str, &[&str]); 16] = [
    ("Section", &[]),
    ("DataDiscriminator", &["DataDiscriminator"]),
    ("Asset Category", &["Asset Category"]),
    ("Currency", &["Currency"]),
    ("Account", &["Account"]),
    ("Symbol", &["Symbol"]),
    ("Date/Time", &["Date/Time", "Date", "Settle Date"]),
    ("Quantity", &["Quantity"]),
    ("T. Price", &["T. Price"]),
    ("Proceeds", &["Proceeds"]),
    ("Comm/Fee", &["Comm/Fee", "Comm/Tax"]),
    ("Basis", &["Basis"]),
    ("Realized P/L", &["Realized P/L"]),
    ("Code", &["Code"]),
    ("Description", &["Description"]),
    ("Amount", &["Amount"]),
];

/// Place of the column of levels in [`COLUMNS`].
const LEVEL: usize = 1;

/// Place of the column of descriptions in [`COLUMNS`].
const DESCRIPTION: usize = 14;

/// Place of the column of categories in [`COLUMNS`].
const CATEGORY: usize = 2;

/// Columns that a trade of shares needs. An absent commission would be a fee of nothing.
/// Without codes, nothing says that a row cancels another one.
const NEEDED: [&str; 6] = [
    "Date/Time",
    "Quantity",
    "T. Price",
    "Proceeds",
    "Comm/Fee",
    "Code",
];

/// The text of a needed column that a section lacks. No number and no time is read from it.
const NO_COLUMN: &str = "no column of the section";

/// The text of each cell below a section that lacks the row with the names of its columns. The
/// format refuses such rows.
const NO_NAMES: &str = "no header of the section";

/// The description of a row with more or fewer cells than its header. The format refuses it.
const OTHER_CELLS: &str = "other cells than the header";

/// The name of a statement that has orders in place of executions: its trades have other ids.
const OF_ORDERS: &str = "ib-activity-orders";

const BROKEN: FileError = FileError::OtherFormat("a statement with a broken quote");

/// The second cell of rows that add up others.
const SUMS: [&str; 2] = ["SubTotal", "Total"];

const OTHER_ROW: &str = "a row of a statement is a header, data or a total, and this one is \
                         another: a spreadsheet may have changed the file, so download it again";

/// Tells whether a file is a statement.
pub(super) fn begins(text: &str) -> bool {
    dialect(text).is_some()
}

/// Returns the way in which the cells of a statement are written. `None`: it is no statement.
fn dialect(text: &str) -> Option<Dialect> {
    let [first, second] = FIRST_CELLS;
    let text = text.trim_start();
    if !text.trim_start_matches('"').starts_with(first) {
        return None;
    }
    let line = text.split(['\n', '\r']).next()?;
    let mut cells = StringRecord::new();
    Dialect::all().find(|dialect| {
        let row = RowReader::of(line, 1, *dialect).read(&mut cells);
        let is_whole = row.is_ok_and(|row| row.is_some_and(|row| row.fault.is_none()));
        is_whole && is(&cells, 0, first) && is(&cells, 1, second)
    })
}

/// A table, and the name of its format if it has orders.
type NamedTable = (String, Option<&'static str>);

/// Makes the table of a statement. `None`: the file has one table only. Errors: no CSV.
pub(super) fn table(text: &str) -> Result<Option<NamedTable>, FileError> {
    let dialect = dialect(text).unwrap_or_default();
    let rows = rows(text, dialect)?;
    let section = |wanted: &str| rows.iter().any(|(_, cells)| is(cells, 0, wanted));
    if !section(ACCOUNT) && !section(TRADES) {
        return Ok(None);
    }
    let levels = Levels::of(&rows, dialect);
    let mut table = TableText::of(dialect.separator);
    table.push(1, COLUMNS.iter().map(|(name, _)| *name));
    let mut header = StringRecord::new();
    for (line, cells) in &rows {
        let section = cells.get(0).unwrap_or_default();
        match cells.get(1) {
            Some(HEADER) => header = cells.clone(),
            Some(kind) if REPORTS.contains(&section) || SUMS.contains(&kind) => {}
            Some(DATA) if SUMS.iter().any(|it| is_sum_of(cells, it)) => {}
            Some(DATA) => table.push(*line, cells_of((*line, cells), &header, &levels)),
            _ if cells.iter().all(|cell| cell.trim_ascii().is_empty()) => {}
            _ => {
                return Err(FileError::WrongFile {
                    line: *line,
                    format: "ib-activity",
                    why: OTHER_ROW,
                });
            }
        }
    }
    let format = levels.have_orders().then_some(OF_ORDERS);
    Ok(Some((table.text, format)))
}

/// Tells whether a row of data adds up others.
fn is_sum_of(cells: &StringRecord, word: &str) -> bool {
    cells.get(2).is_some_and(|cell| cell.starts_with(word))
}

/// Returns the cells of a row of data in the table. `header`: the last one before the row.
fn cells_of<'r>(
    (line, cells): (u64, &'r StringRecord),
    header: &StringRecord,
    levels: &Levels<'_>,
) -> Vec<&'r str> {
    let section = cells.get(0).unwrap_or_default();
    if !is(header, 0, section) {
        let rest = COLUMNS.iter().skip(1).map(|_| NO_NAMES);
        return std::iter::once(section).chain(rest).collect();
    }
    let values = COLUMNS.iter();
    let mut made: Vec<&str> = values
        .map(|(_, names)| value(header, cells, names))
        .collect();
    if let Some(first) = made.first_mut() {
        *first = section;
    }
    if cells.len() != header.len()
        && let Some(text) = made.get_mut(DESCRIPTION)
    {
        *text = OTHER_CELLS;
    }
    if let Some(category) = made.get_mut(CATEGORY) {
        *category = without_holder(category);
    }
    if section != TRADES {
        return made;
    }
    if made.get(CATEGORY) == Some(&STOCKS) {
        for ((name, names), text) in COLUMNS.iter().zip(&mut made) {
            let is_there = header.iter().any(|column| names.contains(&column));
            if NEEDED.contains(name) && !is_there {
                *text = NO_COLUMN;
            }
        }
    }
    let level = levels.of_row(line, header, cells);
    if let (Some(place), Some(level)) = (made.get_mut(LEVEL), level) {
        *place = level;
    }
    made
}

fn rows(text: &str, dialect: Dialect) -> Result<Vec<(u64, StringRecord)>, FileError> {
    let mut reader = RowReader::of(text, 1, dialect);
    let (mut cells, mut rows) = (StringRecord::new(), Vec::new());
    while let Some(row) = reader.read(&mut cells)? {
        if row.fault.is_some() {
            return Err(BROKEN);
        }
        rows.push((row.line, cells.clone()));
    }
    Ok(rows)
}

#[cfg(test)]
mod column_tests {
    use super::*;

    fn rows_of(trades: &str) -> String {
        let text = format!("Account Information,Header,Field Name,Field Value\n{trades}");
        table(&text).unwrap().unwrap().0
    }

    #[test]
    fn shares_without_a_column_of_commissions_have_no_fee_of_nothing() {
        let header = "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,\
                      Quantity,T. Price,C. Price,Proceeds,";
        let row = "Trades,Data,Order,Stocks,USD,ABC,\"2025-01-02, 10:00:00\",5,10,10,-50,-1\n";
        for (name, text) in [
            ("Comm/Fee", "-1"),
            ("Comm/Tax", "-1"),
            ("Comm in EUR", NO_COLUMN),
        ] {
            let made = rows_of(&format!("{header}{name}\n{row}"));
            assert!(made.contains(text), "{name}\n{made}");
        }
    }

    /// A spreadsheet that knows other separators saves a line with quotes as one cell.
    #[test]
    fn a_row_of_another_kind_refuses_the_statement() {
        let text = "Account Information,Header,Field Name,Field Value\n\
                    Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol\n\
                    Trades,SubTotal,,Stocks,USD,ABC\n\n,,,\n\
                    Notes/Legal Notes,Data,1,anything\n";
        assert!(table(text).unwrap().is_some());
        for row in [
            "\"Trades,Data,Order,Stocks,USD,ABC,\"\"2025-01-02, 10:00:00\"\",5\"",
            "Trades,data,Order,Stocks,USD,ABC",
            "Trades,Data\u{a0},Order,Stocks,USD,ABC",
            "anything",
        ] {
            let error = table(&format!("{text}{row}\n")).unwrap_err();
            let said = matches!(
                error,
                FileError::WrongFile {
                    line: 7,
                    why: OTHER_ROW,
                    ..
                }
            );
            assert!(said, "{row} {error:?}");
        }
    }

    #[test]
    fn each_category_has_its_own_level() {
        let made = rows_of(
            "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,\
             T. Price,Proceeds,Comm/Fee\n\
             Trades,Data,Order,Stocks,USD,ABC,\"2025-01-02, 10:00:00\",5,10,-50,-1\n\
             Trades,Data,Order,Forex,USD,EUR.USD,\"2025-01-02, 10:00:00\",5,1,-5,-1\n\
             Trades,Data,Trade,Forex,USD,EUR.USD,\"2025-01-02, 10:00:00\",5,1,-5,-1\n",
        );
        let trades = made.lines().filter(|line| line.contains("Trades,Trade,"));
        assert_eq!(trades.count(), 2, "{made}");
    }
}

#[cfg(test)]
mod level_tests {
    use super::*;

    const HEADER: &str = "Account Information,Header,Field Name,Field Value\n\
                          Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,\
                          Date/Time,Quantity,T. Price,Proceeds,Comm/Fee,Code\n";

    /// Returns the level of each row: its symbol and its quantity are there once.
    fn levels(rows: &[(&str, &str, &str)]) -> Vec<String> {
        let row = |(level, symbol, quantity): &(&str, &str, &str)| {
            let rest = "10,-50,-1,";
            format!("Trades,Data,{level},Stocks,USD,{symbol},2025-01-02,\"{quantity}\",{rest}\n")
        };
        let rows: String = rows.iter().map(row).collect();
        let made = table(&format!("{HEADER}{rows}")).unwrap().unwrap().0;
        let rows = made.lines().filter(|line| line.starts_with("Trades,"));
        let level = |line: &str| line.split(',').nth(1).unwrap().to_owned();
        rows.map(level).collect()
    }

    #[test]
    fn an_order_counts_unless_its_executions_do() {
        let orders = [("Order", "ABC", "1,000"), ("Order", "DEF", "5")];
        assert_eq!(levels(&orders), ["Trade", "Trade"]);
        // DEF has orders only.
        let mixed = [
            ("Order", "ABC", "1,000"),
            ("Trade", "ABC", "600"),
            ("Execution", "ABC", "400"),
            ("Order", "DEF", "5"),
        ];
        assert_eq!(levels(&mixed), ["Order", "Trade", "Trade", "Trade"]);
    }

    /// A statement may end between the executions of an order.
    #[test]
    fn an_order_with_one_of_its_executions_is_no_trade() {
        let rows = [("Order", "ABC", "1,000"), ("Trade", "ABC", "600")];
        assert_eq!(levels(&rows), ["Order", "Trade"]);
    }

    #[test]
    fn an_order_that_the_executions_lack_is_named() {
        let lost = "Order without all of its executions";
        let rows = [
            ("Order", "ABC", "1,000"),
            ("Trade", "ABC", "1,000"),
            ("Order", "ABC", "-200"),
        ];
        assert_eq!(levels(&rows), ["Order", "Trade", lost]);
        let rows = [("Trade", "ABC", "1,000"), ("Order", "ABC", "many")];
        assert_eq!(levels(&rows), ["Trade", lost]);
    }
}
