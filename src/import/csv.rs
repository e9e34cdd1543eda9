//! The native CSV format: a file to trades, rejected rows and duplicates; whole, or by blocks.
//!
//! Columns are found by name (`header.rs`), in any order and letter case. A bad row is listed and
//! the next one is read: a caller sees all that is wrong with a file at once. Of two rows with
//! one id the first is kept; the second is a duplicate or, with other facts, rejected.

use csv::StringRecord;

use super::blocks::Block;
use super::bounds;
use super::cells::{BadCell, TradeReader};
use super::columns::Column;
use super::currency::check_currency;
use super::error::FileError;
use super::file::text_of;
use super::header::Header;
use super::rejected::{Fault, ROW_COLUMN, RejectedRow};
use super::rejects::Rejects;
use super::repeats::{Kept, Repeats};
use super::rows::{QuoteFault, Row, Rows};
use super::taking_back::look_at_whole_row;
use super::{ImportOptions, ParsedFile};
use crate::engine::LedgerTrade;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 4096;

/// Reads a file of the native format. `progress` gets the number of bytes done, up to all.
///
/// Errors: the whole file is unreadable (encoding, header). A bad row is not an error.
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
///     usd_quotes: ["USD".to_owned()].into(),
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
    let block = Block::whole(text_of(bytes)?);
    let format = CsvFormat::find(&block)?.ok_or(FileError::Empty)?;
    let mut file = ParsedFile {
        unknown_columns: format.header.unknown.clone(),
        ends_without_line_end: block.ends_without_line_end(),
        ..ParsedFile::default()
    };
    let mut kept = Kept::with_room_for(&block.text);
    let mut rows = BlockRows::new(&block, &format, options);
    while let Some((row, read)) = rows.next_row()? {
        file.rows += 1;
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

/// The header's columns, for all rows of a file.
#[derive(Debug, Clone)]
pub struct CsvFormat {
    header: Header,
    /// Rows up to this line are part of the header.
    header_line: u64,
}

/// Rows of a block.
#[derive(Debug, Default)]
pub struct ParsedBlock {
    /// Its trades, an id that repeats as often as it comes. Order: as in the file.
    pub trades: Vec<LedgerTrade>,
    /// The rows that are no trades.
    pub rejected: Rejects,
    /// Rows that hold anything, without the header.
    pub rows: u64,
}

impl CsvFormat {
    /// Reads a block's first row that holds anything as the header. `None`: no row does.
    pub fn find(block: &Block) -> Result<Option<Self>, FileError> {
        let mut rows = Rows::new(&block.text, block.line);
        let mut record = StringRecord::new();
        while let Some(row) = rows.read(&mut record)? {
            if row.fault.is_some() || !is_blank(&record) {
                let header = Header::try_new(&record, &row)?;
                let header_line = row.line;
                return Ok(Some(Self {
                    header,
                    header_line,
                }));
            }
        }
        Ok(None)
    }

    /// Returns the ignored columns.
    pub fn unknown_columns(&self) -> &[String] {
        &self.header.unknown
    }

    /// Takes a block's trades with repeated ids, each as it comes; `rejected` gets those whose
    /// facts differ. Order: blocks as in the file.
    pub fn compare_repeats(
        &self,
        block: &Block,
        options: &ImportOptions,
        repeats: &mut Repeats,
        rejected: &mut dyn FnMut(RejectedRow),
    ) -> Result<(), FileError> {
        let mut rows = BlockRows::new(block, self, options);
        while let Some((row, read)) = rows.next_row()? {
            if let Ok(trade) = read
                && let Err(row) = repeats.compare(trade, &row)
            {
                rejected(*row);
            }
        }
        Ok(())
    }

    /// Gives all rows that are no trades to `rejected`, those with repeated ids among them.
    /// Order: blocks as in the file.
    pub fn rejects(
        &self,
        block: &Block,
        options: &ImportOptions,
        repeats: &mut Option<Repeats>,
        rejected: &mut dyn FnMut(RejectedRow),
    ) -> Result<(), FileError> {
        let mut rows = BlockRows::new(block, self, options);
        while let Some((row, read)) = rows.next_row()? {
            let read = read.and_then(|trade| match repeats {
                Some(repeats) => repeats.compare(trade, &row),
                None => Ok(()),
            });
            if let Err(row) = read {
                rejected(*row);
            }
        }
        Ok(())
    }

    /// Reads a block. Blocks may be read in any order, and by many threads.
    pub fn parse(&self, block: &Block, options: &ImportOptions) -> Result<ParsedBlock, FileError> {
        let mut parsed = ParsedBlock::default();
        let mut rows = BlockRows::new(block, self, options);
        while let Some((_, read)) = rows.next_row()? {
            parsed.rows += 1;
            match read {
                Ok(trade) => parsed.trades.push(trade),
                Err(rejected) => parsed.rejected.push(*rejected),
            }
        }
        Ok(parsed)
    }
}

/// Reads the rows of a block that hold anything, without the header.
struct BlockRows<'b> {
    block: &'b Block,
    format: &'b CsvFormat,
    rows: Rows<'b>,
    record: StringRecord,
    reader: TradeReader<'b>,
    options: &'b ImportOptions,
}

/// A row, and its trade or the reason why it is rejected.
type ReadRow<'b> = (Row<'b>, Result<LedgerTrade, Box<RejectedRow>>);

impl<'b> BlockRows<'b> {
    fn new(block: &'b Block, format: &'b CsvFormat, options: &'b ImportOptions) -> Self {
        Self {
            block,
            format,
            rows: Rows::new(&block.text, block.line),
            record: StringRecord::new(),
            reader: TradeReader::new(&format.header, options),
            options,
        }
    }

    fn next_row(&mut self) -> Result<Option<ReadRow<'b>>, FileError> {
        let (header, record) = (&self.format.header, &mut self.record);
        while let Some(row) = self.rows.read(record)? {
            let is_none = row.fault.is_none() && is_blank(record);
            if is_none || row.line <= self.format.header_line {
                continue;
            }
            let is_cut = row.end == self.block.text.len() && self.block.ends_without_line_end();
            let checked = check_row(&row, record, header, is_cut);
            if checked.is_ok() {
                let cell = |place| record.get(place).unwrap_or_default();
                check_currency(&header.currencies, cell, row.line, self.options)?;
            }
            let read = checked.and_then(|()| {
                let read = self.reader.read(record, row.line);
                read.map_err(|bad| rejected_cell(&row, record, header, bad))
            });
            let read = read.map_err(|mut rejected| {
                look_at_whole_row(&mut rejected, &cells_as_far_as_told(&row, record), header);
                rejected
            });
            return Ok(Some((row, read)));
        }
        Ok(None)
    }
}

/// Returns a row's cells; where its quotes are at fault, what stands between commas.
fn cells_as_far_as_told<'r>(row: &Row<'r>, record: &'r StringRecord) -> Vec<&'r str> {
    match row.fault {
        None => record.iter().collect(),
        Some(_) => row
            .text
            .split(',')
            .map(|cell| cell.trim_matches('"'))
            .collect(),
    }
}

/// Tells whether a row says nothing: spreadsheets leave lines of commas behind the last row.
fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.trim_ascii().is_empty())
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
        order_id: bounds::kept(order_id),
        column: ROW_COLUMN.to_owned(),
        found,
        detail: None,
        reason: fault.reason,
        hint: fault.hint,
        write: fault.write,
        takes_back: fault.takes_back,
        text: bounds::kept(row.text),
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
        order_id: bounds::kept(order_id.unwrap_or_default()),
        column: bad.column.as_str().to_owned(),
        found: bad.found,
        detail: None,
        reason: bad.fault.reason,
        hint: bad.fault.hint,
        write: bad.fault.write,
        takes_back: bad.fault.takes_back,
        text: bounds::kept(row.text),
    })
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "csv_property_tests.rs"]
mod property_tests;
