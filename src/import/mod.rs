//! Bytes of one source to trades and rejected rows.
//!
//! This layer opens no files, prints nothing and reads no clock: the caller passes the bytes and
//! the current time. A value is read exactly or its row is rejected: the import never repairs,
//! guesses or cuts. Read next: `csv.rs`, `formats.rs` (from rows to trades), `cells.rs` and
//! `times.rs` (from cells to values, with all reasons for a rejection). Then `rows.rs` (lines and
//! quotes), `header.rs`.
//! `encoding.rs`, `dialect.rs` and `decimals.rs` read files of other forms.

mod actions;
mod balances;
mod blocks;
mod bounds;
mod cancels;
mod cells;
mod claims;
mod column_names;
mod columns;
mod csv;
mod csv_facts;
mod currency;
mod decimals;
mod deliveries;
mod dialect;
mod documents;
mod encoding;
mod error;
mod faults;
mod file;
mod formats;
#[cfg(test)]
mod forms_tests;
mod header;
mod hints;
mod more;
mod movements;
mod numbering;
mod opening;
mod reading;
mod rejected;
mod rejects;
mod repeats;
mod rows;
mod seen;
mod server_time;
mod table;
mod taking_back;
#[cfg(test)]
pub(crate) mod test_options;
mod times;
mod whole;
mod zone_names;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::engine::{
    Account, AssetAction, AssetRules, LedgerTrade, Movement, Size, Symbol, Timestamp,
};

pub use self::csv::{CsvFormat, ParsedBlock, parse_csv};
pub use balances::{BalanceEnds, BalanceFault, Balances};
pub use blocks::{BLOCK_BYTES, Block, Blocks};
pub use bounds::{
    COLUMNS_MAX, LINE_BYTES_MAX, LIST_BYTES_MAX, PIPE_BYTES_MAX, REJECTED_BYTES_MAX, ROW_BYTES_MAX,
};
pub use cancels::{CancelledTrade, CancelsEarlier};
pub use claims::{GainClaim, GainClaims, gain_claims};
pub use column_names::ColumnNames;
pub use columns::{OPTIONAL_COLUMNS, REQUIRED_COLUMNS};
pub use decimals::{DecimalMark, Decimals};
pub use dialect::Dialect;
pub use documents::{DOCUMENT_HEAD_BYTES, is_document};
pub use encoding::Encoding;
pub use error::{BlockError, FileError, Nearest};
pub use formats::{
    OwnFormats, adds_up_a_second, draft_format, is_of_tax_program, may_have_same_trades,
};
pub use numbering::Numbering;
pub use opening::{OPENING_COLUMNS, parse_acquired, parse_opening_lots};
pub use rejected::{Hint, Obstacle, ROW_COLUMN, RejectedRow, quoted};
pub use rejects::{REJECT_REASONS_MAX, REJECTS_KEPT_MAX, RejectGroup, Rejects};
pub use repeats::{Repeated, Repeats, TradeHasher, TradeHashes};
pub use seen::{FileTimes, SeenRows, ZoneSource};
pub use server_time::zone_of_server;
pub use table::{Table, TableFile, TableRow};
pub use whole::read_whole;
pub use zone_names::{ZoneError, parse_clock, parse_timezone};

/// Finds the obstacle in an amount of dollars, and the text to write in its place.
pub fn dollars_hint(text: &str) -> Option<(Hint, Option<String>)> {
    let fault = rejected::Fault::new("");
    let fault = hints::with_obstacles(fault, text, hints::Counts::Dollars);
    Some((fault.hint?, fault.write))
}

/// Facts that a file itself does not have.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Account of the trades if the file has no column `account`, or the cell is empty.
    pub account_default: Account,
    /// Zone of local times. `None`: a time without an offset is rejected.
    pub timezone: Option<TimeZone>,
    /// A trade later than this is rejected.
    pub now: Timestamp,
    /// The meaning of symbols and codes. A column that names another currency than the dollars of
    /// these rules refuses its file.
    pub assets: AssetRules,
    /// Columns with other names than ours, and columns to ignore.
    pub columns: ColumnNames,
    /// The name of the file without folders; empty for a pipe. It may say a time zone.
    pub file_name: String,
    /// The format that a person named. `None`: the header says it.
    pub format: Option<String>,
    /// Formats of a person's settings.
    pub own_formats: OwnFormats,
    /// The mark before decimals, where the separator of cells leaves it open.
    pub decimals: Decimals,
    /// The units of a lot by symbol, for files whose sizes are lots.
    pub contract_sizes: BTreeMap<Symbol, Size>,
}

/// A file as read.
///
/// `rows` is always the number of trades, movements, actions, rejected, ignored and joined rows,
/// and duplicates, unless a row of the format stands for several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParsedFile {
    /// The trades. Order: as in the file.
    pub trades: Vec<LedgerTrade>,
    /// The movements. Order: as in the file.
    pub movements: Vec<Movement>,
    /// The actions. Order: as in the file.
    pub actions: Vec<AssetAction>,
    /// The rows that are no trades. Order: as in the file.
    pub rejected: Vec<RejectedRow>,
    /// Rows that repeat an earlier row of the file in id and facts; the first one is kept.
    pub duplicates: u64,
    /// The name of the format; empty for opening lots.
    pub format: &'static str,
    /// How the file is read, if not as UTF-8 with commas between the cells.
    pub read_as: Vec<&'static str>,
    /// The zone in which the times are read. `None`: the file has no times.
    pub times: Option<FileTimes>,
    /// The accounts that the file names, and that the import does not read.
    pub accounts: BTreeSet<String>,
    /// A fact that the file does not state, and that is taken for granted; or nothing.
    pub assumes: &'static str,
    /// Rows that are known to be no trades, by the name of their type.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Rows that make a trade together with an earlier row.
    pub joined: u64,
    /// Trades that another row of the file cancels; both rows are among the ignored ones.
    pub cancelled: Vec<CancelledTrade>,
    /// Rows that cancel a trade which is not in the file; they are among the rejected ones.
    pub cancels_earlier: Vec<CancelsEarlier>,
    /// The proof of a file with several rows a trade by its balances.
    pub balances: Option<Balances>,
    /// Ignored columns of the file.
    pub unknown_columns: Vec<String>,
    /// Rows that are not blank, without the header.
    pub rows: u64,
    /// The last line has no line end: it may have been cut inside its last value.
    pub ends_without_line_end: bool,
}
