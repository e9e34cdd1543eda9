//! Files of trades in CSV: a file to trades, rejected rows and duplicates; whole, or by blocks.
//!
//! The file's format (`formats.rs`) decides what a row means. The reader lists a bad row and reads
//! the next one: a caller sees all faults of a file at once. Of two rows with one id it keeps the
//! first. The second is a duplicate or, with other facts, rejected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use csv::StringRecord;

use super::blocks::Block;
use super::cancels::cancel;
use super::decimals::{Decimals, Numbers, OpenNumber};
use super::deliveries::hold_back;
use super::dialect::Dialect;
use super::documents::document;
use super::encoding::Encoding;
use super::error::FileError;
use super::file::{is_line_end, is_workbook};
use super::formats::{
    JoinedOutcome, JoinedRows, NATIVE, Record, RowFormat, RowOutcome, is_blank, is_other_header,
    recognise,
};
use super::numbering::{Numbering, number_actions, number_movements};
use super::reading::Reading;
use super::rejected::{Fault, RejectedRow};
use super::rejects::Rejects;
use super::repeats::{Kept, Repeats};
use super::rows::{Row, RowReader};
use super::seen::SeenRows;
use super::{ImportOptions, ParsedFile};
use crate::engine::{AssetAction, LedgerTrade, Movement};

/// Number of rows between two progress reports.
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
///     assets: Default::default(),
///     columns: Default::default(),
///     file_name: Default::default(),
///     format: None,
///     own_formats: Default::default(),
///     decimals: Default::default(),
///     contract_sizes: Default::default(),
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
    let document = document(bytes)?;
    let text = document.as_ref().map(|made| made.text.as_bytes());
    let (block, encoding) = Block::whole(text.unwrap_or(bytes), options)?;
    let format = CsvFormat::find(&block, options)?.ok_or(FileError::Empty)?;
    let options = &format.with_decimals(&block, options)?;
    let mut file = format.empty_file((&block, encoding), options);
    if let Some(made) = &document {
        file.format = made.format.unwrap_or(file.format);
        file.ends_without_line_end = is_cut_text(bytes);
        file.read_as.push(made.said);
    }
    let mut kept = Kept::with_room_for(&block.text);
    let mut numbering = format.makes_ids().then(Numbering::default);
    let (mut cancelling, mut delivered, mut told) = (Vec::new(), Vec::new(), 0_u64);
    let mut take = |row: &Row<'_>, outcome| {
        match outcome {
            RowOutcome::Trade(mut trade) => {
                if let Some(numbering) = &mut numbering {
                    numbering.number(&mut trade);
                }
                let kept = kept.keep(trade, row, format.format.as_ref());
                file.rejected.extend(kept.err().map(|rejected| *rejected));
            }
            RowOutcome::Rejected(rejected) => file.rejected.push(*rejected),
            RowOutcome::Movement(movement) => file.movements.push(*movement),
            RowOutcome::Action(action) => file.actions.push(*action),
            RowOutcome::Cancellation(row) => cancelling.push(*row),
            RowOutcome::Delivery(row) => delivered.push(*row),
            RowOutcome::Ignored(kind) => *file.ignored.entry(kind).or_default() += 1,
        }
        told += 1;
        told.is_multiple_of(PROGRESS_ROWS)
            .then(|| progress(row.end));
    };
    let (rows, seen) = match format.format.joined() {
        None => format.each_row(&block, options, take)?,
        Some(joined) => {
            let (mut rows, mut reading) = (JoinedRows::new(joined), Reading::new(options));
            reading.is_of_workbook = is_workbook(bytes);
            let count = format.each_record(&block, options, |record, open| {
                let rejected = open.map(|open| format.rejected_number(record.row, open));
                rows.push(record, &mut reading, rejected);
                Ok(())
            })?;
            let done = rows.finish(&mut reading);
            let outcomes = done.outcomes.into_iter();
            outcomes.for_each(|JoinedOutcome { row, outcome }| take(&row, outcome));
            (file.joined, file.duplicates) = (done.joined, done.duplicates);
            file.balances = done.balances;
            count
        }
    };
    file.rows = rows;
    file.times = format.times(&seen, options);
    file.accounts = seen.accounts;
    progress(bytes.len());
    let trades = kept.trades.len() + cancelling.len() + delivered.len();
    format.check_kinds(&file, trades)?;
    file.trades = kept.trades;
    file.duplicates += kept.duplicates;
    cancel(cancelling, &mut file, format.makes_ids());
    hold_back(delivered, &mut file, |lines| rows_at(&block, lines));
    format.number(&mut file.movements, &mut file.actions);
    Ok(file)
}

/// Returns the texts of some rows of a block by their lines.
fn rows_at(block: &Block, lines: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    let mut rows = RowReader::of(&block.text, block.line, block.dialect);
    let (mut cells, mut found) = (StringRecord::new(), BTreeMap::new());
    while let Ok(Some(row)) = rows.read(&mut cells) {
        if lines.contains(&row.line) {
            found.insert(row.line, row.text.to_owned());
        }
    }
    found
}

/// Tells whether a document of lines ends without a line end. Pages and workbooks have no lines.
fn is_cut_text(bytes: &[u8]) -> bool {
    let letters = || bytes.iter().filter(|byte| byte.is_ascii() && **byte != 0);
    let is_of_lines = !is_workbook(bytes) && letters().next() != Some(&b'<');
    is_of_lines && !letters().next_back().is_some_and(is_line_end)
}

/// The format of a file of trades, with the columns that its header has.
#[derive(Debug, Clone)]
pub struct CsvFormat {
    pub(super) format: Arc<dyn RowFormat>,
    /// Last line of the header.
    pub(super) header_line: u64,
}

/// The rows of a block, read.
#[derive(Debug, Default)]
pub struct ParsedBlock {
    /// The trades of the block, with repeated ids. Order: as in the file.
    pub trades: Vec<LedgerTrade>,
    /// The movements of the block. Order: as in the file.
    pub movements: Vec<Movement>,
    /// The actions of the block. Order: as in the file.
    pub actions: Vec<AssetAction>,
    /// The rows that are no trades.
    pub rejected: Rejects,
    /// Rows that are known to be no trades, by the name of their type.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Rows that are not blank, without the header.
    pub rows: u64,
    /// Facts of all rows together.
    pub seen: SeenRows,
}

impl CsvFormat {
    /// Checks the kinds of the ignored rows, if the file has no trades. Errors: they stand for
    /// trades.
    fn check_kinds(&self, file: &ParsedFile, trades: usize) -> Result<(), FileError> {
        if trades > 0 || !file.rejected.is_empty() {
            return Ok(());
        }
        let mut kinds = file.ignored.keys();
        match kinds.find_map(|kind| self.format.in_place_of_trades(kind)) {
            None => Ok(()),
            Some(why) => Err(FileError::WrongFile {
                line: self.header_line,
                format: self.name(),
                why,
            }),
        }
    }

    /// Makes a file without rows.
    fn empty_file(
        &self,
        (block, encoding): (&Block, Encoding),
        options: &ImportOptions,
    ) -> ParsedFile {
        ParsedFile {
            format: self.name(),
            read_as: self.read_as(encoding, block.dialect, options),
            assumes: self.assumes(),
            unknown_columns: self.unknown_columns().to_vec(),
            ends_without_line_end: block.ends_without_line_end(),
            ..ParsedFile::default()
        }
    }

    /// Finds the format by a header among a block's first rows. `None`: all rows are blank.
    pub fn find(block: &Block, options: &ImportOptions) -> Result<Option<Self>, FileError> {
        let rows = || RowReader::of(&block.text, block.line, block.dialect);
        let Some((format, header_line)) = recognise(&mut rows(), options)? else {
            return Ok(None);
        };
        let found = Self {
            format,
            header_line,
        };
        found.check_unread(&mut rows(), options)?;
        Ok(Some(found))
    }

    /// Returns the name of the format.
    pub fn name(&self) -> &'static str {
        self.format.name()
    }

    /// Returns a fact that the file does not state, and that is taken for granted; or nothing.
    pub fn assumes(&self) -> &'static str {
        self.format.assumes()
    }

    /// Tells whether the file has no ids. Then a [`Numbering`] completes the ids of its trades.
    pub fn makes_ids(&self) -> bool {
        self.format.makes_ids()
    }

    /// Tells whether rows make trades together, or cancel other rows. Such a file is read whole, by
    /// [`parse_csv`].
    pub fn is_read_whole(&self) -> bool {
        self.format.is_read_whole()
    }

    /// Tells whether the marks in the file's numbers have to be found out.
    pub fn has_open_decimals(&self, dialect: Dialect, options: &ImportOptions) -> bool {
        let is_open = dialect.has_open_decimals() || options.decimals.is_said();
        is_open && !self.format.says_decimals()
    }

    /// Adds what the marks in the numbers of a whole file mean.
    fn with_decimals(
        &self,
        block: &Block,
        options: &ImportOptions,
    ) -> Result<ImportOptions, FileError> {
        let seen = match self.has_open_decimals(block.dialect, options) {
            true => self.decimals_in(block)?,
            false => Decimals::default(),
        };
        Ok(ImportOptions {
            decimals: options.decimals.with(seen),
            ..options.clone()
        })
    }

    /// Finds out what the marks in the numbers of a block can mean.
    pub fn decimals_in(&self, block: &Block) -> Result<Decimals, FileError> {
        let mut found = Decimals::of(self.format.number_places());
        let mut rows = RowReader::of(&block.text, block.line, block.dialect);
        let mut cells = StringRecord::new();
        while let Some(row) = rows.read(&mut cells)? {
            if row.fault.is_none() && row.line > self.header_line {
                found.look_at(&cells);
            }
        }
        Ok(found)
    }

    /// Completes the ids that are made of facts. `movements` and `actions` are those of a whole
    /// file, in its order.
    pub fn number(&self, movements: &mut [Movement], actions: &mut [AssetAction]) {
        if self.makes_ids() {
            number_movements(movements);
        }
        number_actions(actions);
    }

    /// Returns the ignored columns.
    pub fn unknown_columns(&self) -> &[String] {
        self.format.unknown_columns()
    }

    /// Compares a block's trades with earlier trades of the same ids. Adds those with other facts
    /// to `rejected`. Order: blocks as in the file.
    pub fn compare_repeats(
        &self,
        block: &Block,
        options: &ImportOptions,
        repeats: &mut Repeats,
        rejected: &mut dyn FnMut(RejectedRow),
    ) -> Result<(), FileError> {
        self.each_row(block, options, |row, outcome| {
            if let RowOutcome::Trade(trade) = outcome
                && let Err(row) = repeats.compare(trade, row, self.format.as_ref())
            {
                rejected(*row);
            }
        })?;
        Ok(())
    }

    /// Adds all rows that are not trades to `rejected`, also those that repeat an id with other
    /// facts.
    /// Order: blocks as in the file.
    pub fn rejects(
        &self,
        block: &Block,
        options: &ImportOptions,
        repeats: &mut Option<Repeats>,
        rejected: &mut dyn FnMut(RejectedRow),
    ) -> Result<(), FileError> {
        self.each_row(block, options, |row, outcome| {
            let read = match (outcome, &mut *repeats) {
                (RowOutcome::Trade(trade), Some(repeats)) => {
                    repeats.compare(trade, row, self.format.as_ref())
                }
                (RowOutcome::Rejected(rejected), _) => Err(rejected),
                (RowOutcome::Cancellation(row), _) => Err(Box::new(row.alone())),
                (RowOutcome::Delivery(delivery), _) => Err(Box::new(delivery.row)),
                (RowOutcome::Trade(_), None)
                | (RowOutcome::Movement(_) | RowOutcome::Action(_) | RowOutcome::Ignored(_), _) => {
                    Ok(())
                }
            };
            if let Err(row) = read {
                rejected(*row);
            }
        })?;
        Ok(())
    }

    /// Reads a block. Blocks may be read in any order, and by many threads.
    pub fn parse(&self, block: &Block, options: &ImportOptions) -> Result<ParsedBlock, FileError> {
        let mut parsed = ParsedBlock::default();
        let (rows, seen) = self.each_row(block, options, |_, outcome| match outcome {
            RowOutcome::Trade(trade) => parsed.trades.push(trade),
            RowOutcome::Movement(movement) => parsed.movements.push(*movement),
            RowOutcome::Action(action) => parsed.actions.push(*action),
            RowOutcome::Rejected(rejected) => parsed.rejected.push(*rejected),
            RowOutcome::Cancellation(row) => parsed.rejected.push(row.alone()),
            RowOutcome::Delivery(delivery) => parsed.rejected.push(delivery.row),
            RowOutcome::Ignored(kind) => *parsed.ignored.entry(kind).or_default() += 1,
        })?;
        (parsed.rows, parsed.seen) = (rows, seen);
        Ok(parsed)
    }

    /// Calls `take` with each trade, rejected row or ignored row of a block. Returns how many rows
    /// are not blank, without the header, and their facts.
    fn each_row(
        &self,
        block: &Block,
        options: &ImportOptions,
        mut take: impl FnMut(&Row<'_>, RowOutcome),
    ) -> Result<(u64, SeenRows), FileError> {
        let mut reading = Reading::new(options);
        self.each_record(block, options, |record, open| {
            let mut each = |outcome| match open {
                Some(open) if is_of_number(&outcome, open) => {
                    take(record.row, self.rejected_number(record.row, open));
                }
                _ => take(record.row, outcome),
            };
            self.format.read(record, &mut reading, &mut each)
        })
    }

    /// Calls `take` with each row of a block that is not blank, without the header, and with a
    /// number of it that can be read in two ways. Returns the number of rows, and their facts.
    fn each_record<'b>(
        &self,
        block: &'b Block,
        options: &ImportOptions,
        mut take: impl FnMut(&Record<'_, 'b>, Option<&OpenNumber>) -> Result<(), FileError>,
    ) -> Result<(u64, SeenRows), FileError> {
        let mut rows = RowReader::of(&block.text, block.line, block.dialect);
        let mut cells = StringRecord::new();
        let is_open = self.has_open_decimals(block.dialect, options);
        let numbers = is_open.then(|| Numbers::new(&options.decimals, self.format.number_places()));
        let (mut count, width) = (0, self.format.width());
        let (places, mut seen) = (self.format.seen_places(options), SeenRows::default());
        // The first of the last rows that do not fit the table.
        let mut apart = None;
        while let Some(row) = rows.read(&mut cells)? {
            let is_none = row.fault.is_none() && is_blank(&cells);
            if is_none || row.line <= self.header_line {
                continue;
            }
            let is_apart = row.fault.is_none() && cells.len() != width;
            // Rows of blocks are read in any order, so each of them is judged alone.
            let before = apart.filter(|_| self.is_read_whole());
            let first = before.or(is_apart.then_some(row.line));
            // Our own files are checked by their width alone.
            if (first.is_some() || self.name() != NATIVE)
                && is_other_header(
                    self.format.as_ref(),
                    (&row, &cells),
                    first.is_some(),
                    options,
                )
            {
                let line = first.unwrap_or(row.line);
                return Err(FileError::SecondFile { line });
            }
            apart = first.filter(|_| is_apart);
            let is_cut = row.end == block.text.len() && block.ends_without_line_end();
            let open = numbers.as_ref().and_then(|of| of.write_plain(&mut cells));
            let record = Record {
                row: &row,
                cells: &cells,
                is_cut,
            };
            seen.look_at(&cells, &places);
            take(&record, open.as_ref())?;
            count += 1;
        }
        Ok((count, seen))
    }

    /// Rejects a row with a number that can be read in two ways.
    fn rejected_number(&self, row: &Row<'_>, open: &OpenNumber) -> RowOutcome {
        let fault = Fault::new("expected a number that can be read in one way only");
        let fault = fault.with_hint(open.hint.clone());
        let (name, text) = (self.format.column_at(open.place), (row.line, row.text));
        let rejected = RejectedRow::new(text, &name, open.text.clone(), fault);
        RowOutcome::Rejected(Box::new(rejected))
    }
}

/// Tells whether an outcome rests on a number that can be read in two ways.
fn is_of_number(outcome: &RowOutcome, open: &OpenNumber) -> bool {
    match outcome {
        RowOutcome::Trade(_)
        | RowOutcome::Movement(_)
        | RowOutcome::Action(_)
        | RowOutcome::Cancellation(_) => true,
        RowOutcome::Rejected(row) => row.found == open.text,
        RowOutcome::Ignored(_) | RowOutcome::Delivery(_) => false,
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "csv_property_tests.rs"]
mod property_tests;
