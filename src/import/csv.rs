//! The native CSV format: a whole file to trades, rejected rows and duplicates, in one pass.
//!
//! Columns are found by name (`header.rs`), in any order and letter case. A bad row is listed and
//! the next one is read: a caller sees all that is wrong with a file at once. Of two rows with
//! one id the first is kept; the second is a duplicate or, with other facts, rejected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use csv::StringRecord;

use super::cells::{BadCell, TradeReader};
use super::file::{FileError, text_of};
use super::header::{Column, Header};
use super::rejected::{Fault, ROW_COLUMN, RejectedRow, quoted};
use super::rows::{QuoteFault, Row, Rows};
use super::{ImportOptions, ParsedFile};
use crate::engine::{Account, LedgerTrade, OrderId};

/// Fewest bytes of a row that is a trade: `1,A,buy,1,1,2025-01-02T03:04:05Z,` and a line end.
const TRADE_BYTES_MIN: usize = 34;

/// Progress is told each time this many rows have been read.
const PROGRESS_ROWS: u64 = 4096;

/// Reads a file of the native format. `progress` gets the number of bytes done, up to all.
///
/// Errors: what makes the whole file unreadable (encoding, header); a bad row is none.
///
/// ```
/// use fifo_pnl::engine::Account;
/// use fifo_pnl::import::{ImportOptions, parse_csv};
/// let file = b"order_id,symbol,side,size,price,order_time,total_fees_usd\n\
///     A-1,BTC-USD,buy,0.50,42000,2025-01-02T03:04:05Z,1.05\n\
///     A-2,BTC-USD,sell,-1,43000,2025-01-02T03:04:06Z,\n";
/// let options = ImportOptions {
///     account_default: Account::default(),
///     timezone: None,
///     now: "2026-01-01T00:00:00Z".parse()?,
/// };
/// let parsed = parse_csv(file, &options, &mut |_| ())?;
/// assert_eq!(parsed.trades[0].trade.size.to_string(), "0.5");
/// let rejected = &parsed.rejected[0];
/// assert_eq!(rejected.to_string(), "3: size is \"-1\", expected a number above zero");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_csv(
    bytes: &[u8],
    options: &ImportOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<ParsedFile, FileError> {
    let text = text_of(bytes)?;
    let mut rows = Rows::new(text);
    let mut record = StringRecord::new();
    let header = read_header(&mut rows, &mut record)?;
    let mut reader = TradeReader::new(&header, options);
    let mut kept = Kept::with_room_for(text);
    let mut file = ParsedFile {
        unknown_columns: header.unknown.clone(),
        ends_without_line_end: !text.ends_with(['\n', '\r']),
        ..ParsedFile::default()
    };
    while let Some(row) = rows.read(&mut record)? {
        if row.fault.is_none() && is_blank(&record) {
            continue;
        }
        file.rows += 1;
        let is_cut = file.ends_without_line_end && row.end == text.len();
        let read = check_row(&row, &record, &header, is_cut).and_then(|()| {
            reader
                .read(&record, row.line)
                .map_err(|bad| rejected_cell(&row, &record, &header, bad))
        });
        if let Err(rejected) = read.and_then(|trade| kept.keep(trade, &row)) {
            file.rejected.push(*rejected);
        }
        if file.rows.is_multiple_of(PROGRESS_ROWS) {
            progress(row.end);
        }
    }
    progress(bytes.len());
    file.trades = kept.trades;
    file.duplicates = kept.duplicates;
    Ok(file)
}

/// Reads the first row that holds anything as the header.
fn read_header(rows: &mut Rows<'_>, record: &mut StringRecord) -> Result<Header, FileError> {
    while let Some(row) = rows.read(record)? {
        if row.fault.is_some() || !is_blank(record) {
            return Header::try_new(record, &row);
        }
    }
    Err(FileError::Empty)
}

/// Tells whether a row says nothing: spreadsheets leave lines of commas behind the last row.
fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.trim_ascii().is_empty())
}

/// The trades of a file, each id once.
struct Kept {
    trades: Vec<LedgerTrade>,
    /// Where each id stands among the trades.
    places: HashMap<(Account, OrderId), usize>,
    duplicates: u64,
}

impl Kept {
    /// Makes room in the index for all rows: growing it would hash every id anew.
    fn with_room_for(text: &str) -> Self {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        let trades_max = lines.min(text.len() / TRADE_BYTES_MIN);
        Self {
            trades: Vec::new(),
            places: HashMap::with_capacity(trades_max),
            duplicates: 0,
        }
    }

    /// Keeps a trade, or counts it as a duplicate. Errors: its id with other facts is there.
    fn keep(&mut self, trade: LedgerTrade, row: &Row<'_>) -> Result<(), Box<RejectedRow>> {
        let key = (trade.account.clone(), trade.trade.order_id.clone());
        let first = match self.places.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(self.trades.len());
                self.trades.push(trade);
                return Ok(());
            }
            Entry::Occupied(entry) => self.trades.get(*entry.get()),
        };
        let Some(first) = first else { return Ok(()) };
        let Some((column, before, here)) = first.fact_that_differs(&trade) else {
            self.duplicates += 1;
            return Ok(());
        };
        let line = first.import_line;
        let order_id = trade.trade.order_id.as_str().to_owned();
        Err(Box::new(RejectedRow {
            line: row.line,
            column: Column::OrderId.as_str().to_owned(),
            found: order_id.clone(),
            order_id,
            reason: format!(
                "which line {line} has with {column} {} where this one has {}, \
                 expected an id of its own",
                quoted(&before),
                quoted(&here),
            ),
            hint: Some(
                "each fill needs its own id; for one trade in two accounts, fill in account".into(),
            ),
            text: row.text.to_owned(),
        }))
    }
}

/// Checks what must hold before any cell is looked at: quotes, number of cells, no second header.
fn check_row(
    row: &Row<'_>,
    record: &StringRecord,
    header: &Header,
    is_cut: bool,
) -> Result<(), Box<RejectedRow>> {
    let (found, fault) = if let Some(fault) = row.fault {
        quote_fault(fault)
    } else if record.len() != header.cells() {
        cells_fault(row, record.len(), header.cells(), is_cut)
    } else if header.is_repeated_by(record) {
        let fault = Fault::new("expected a trade")
            .with_hint("the file looks like several joined into one; remove the second header");
        ("is the header again".into(), fault)
    } else {
        return Ok(());
    };
    // Where cells are missing or shifted, only the first is sure to stand in its column.
    let id_is_first = header.place(Column::OrderId) == Some(0) && row.fault.is_none();
    let order_id = record.get(0).filter(|_| id_is_first).unwrap_or_default();
    Err(Box::new(RejectedRow {
        line: row.line,
        order_id: order_id.to_owned(),
        column: ROW_COLUMN.to_owned(),
        found,
        reason: fault.reason,
        hint: fault.hint,
        text: row.text.to_owned(),
    }))
}

fn quote_fault(fault: QuoteFault) -> (String, Fault) {
    match fault {
        QuoteFault::NeverClosed => (
            "opens a quote that is never closed".into(),
            Fault::new("expected a closing quote")
                .with_hint("close the quote; if the file was cut in the middle, export it again"),
        ),
        QuoteFault::TextBehind => (
            "has text behind a closing quote".into(),
            Fault::new("expected a comma there")
                .with_hint("close each quote; a quote inside a value is written twice"),
        ),
    }
}

fn cells_fault(row: &Row<'_>, cells: usize, expected: usize, is_cut: bool) -> (String, Fault) {
    let mut found = match cells {
        1 => "has 1 cell".to_owned(),
        _ => format!("has {cells} cells"),
    };
    if row.line_last > row.line {
        found += &format!(" on lines {} to {}", row.line, row.line_last);
    }
    let hint = if row.line_last > row.line {
        "a quote may be closed on a later line than it should be"
    } else if is_cut {
        "the last line has no line end: the file may have been cut; export it again"
    } else if cells > expected {
        "a comma inside a value splits it: write 1234.5 for 1,234.5, and put texts in quotes"
    } else {
        "an empty cell needs its comma too"
    };
    let fault = Fault::new(format!("expected {expected}")).with_hint(hint);
    (found, fault)
}

fn rejected_cell(
    row: &Row<'_>,
    record: &StringRecord,
    header: &Header,
    bad: BadCell,
) -> Box<RejectedRow> {
    let order_id = header
        .place(Column::OrderId)
        .and_then(|place| record.get(place));
    Box::new(RejectedRow {
        line: row.line,
        order_id: order_id.unwrap_or_default().to_owned(),
        column: bad.column.as_str().to_owned(),
        found: bad.found,
        reason: bad.fault.reason,
        hint: bad.fault.hint,
        text: row.text.to_owned(),
    })
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "csv_property_tests.rs"]
mod property_tests;
