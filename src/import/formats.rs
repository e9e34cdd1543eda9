//! The formats of files of trades, each in a file of its own.
//!
//! A format recognises its own header, and reads the rows below it. It gets single rows: its caller
//! reads the file, counts lines, and collects the outcomes. To add a format, write its file and add
//! one line to [`FORMATS`]. Read next: `native.rs`, the format to copy.

mod account_columns;
mod actions;
mod amounts;
mod binance_convert;
mod binance_records;
mod binance_us;
mod bybit_account;
mod coin_ledger;
mod coin_tracker;
mod coinbase;
mod coinbase_account;
mod contracts;
mod crypto_com_app;
mod crypto_com_journal;
mod described;
mod dialects;
mod differences;
mod draft;
mod gemini;
mod joined;
mod kraken_ledgers;
mod layout;
mod layout_columns;
mod made_ids;
mod made_texts;
mod metatrader;
mod movements;
mod native;
mod numbers;
mod okx_account;
mod okx_funding;
mod own;
mod same_trades;
#[cfg(test)]
pub(super) mod samples;
mod shape;
mod stated_sum;
mod tax_programs;
mod template;
#[cfg(test)]
mod toy;
mod unknown;
mod zones;

use std::fmt::Debug;
use std::sync::Arc;

use csv::StringRecord;

use self::described::Described;
pub(super) use self::dialects::find_dialect;
use self::differences::Differences;
pub use self::draft::draft_format;
use self::joined::JoinedFormat;
pub(super) use self::joined::{JoinedFile, JoinedOutcome, JoinedRows};
pub(super) use self::native::NAME as NATIVE;
use self::native::Native;
pub use self::own::OwnFormats;
pub use self::same_trades::{adds_up_a_second, is_of_tax_program, may_have_same_trades};
use self::unknown::Unknown;
pub(super) use self::zones::said_by_person;
use super::ImportOptions;
use super::bounds::COLUMNS_MAX;
use super::cancels::Cancellation;
use super::column_names::ColumnNames;
use super::deliveries::Delivery;
use super::error::FileError;
use super::reading::Reading;
use super::rejected::RejectedRow;
use super::rows::{Row, RowReader};
use super::seen::{SeenPlaces, ZoneSource};
use crate::engine::{AssetAction, LedgerTrade, Movement};

/// Finds formats by a header. A file that two of them recognise is refused.
const FORMATS: &[Recognise] = &[
    recognise_as::<Native>,
    recognise_described,
    recognise_joined,
    #[cfg(test)]
    recognise_as::<toy::Toy>,
];

/// Formats whose rows make trades together, in the order of their names.
const JOINED: &[&dyn JoinedFormat] = &[
    &binance_convert::BinanceConvert,
    &binance_records::BinanceRecords,
    &binance_us::BinanceUs,
    &bybit_account::BybitAccount,
    &bybit_account::BybitLog,
    &coinbase::Coinbase,
    &coinbase_account::CoinbaseAccount,
    &coinbase::CoinbaseOlder,
    &coinbase::CoinbaseOldest,
    &coin_ledger::CoinLedger,
    &coin_tracker::CoinTracker,
    &tax_programs::CoinTracking,
    &crypto_com_app::CryptoComApp,
    &crypto_com_journal::CryptoComJournal,
    &gemini::Gemini,
    &tax_programs::Koinly,
    &kraken_ledgers::KrakenLedgers,
    &metatrader::Mt4Report,
    &metatrader::Mt5Report,
    &okx_account::OkxAccount,
    &okx_funding::OkxFunding,
];

/// Rows that may stand before a header: Coinbase writes up to seven.
pub(super) const ROWS_BEFORE_HEADER_MAX: usize = 12;

/// One kind of file, as the header of one file shows it.
pub(super) trait RowFormat: FormatHeader + Debug + Send + Sync {
    /// Returns the name of the format.
    fn name(&self) -> &'static str;

    /// Returns a fact that the file does not state, and that is taken for granted.
    fn assumes(&self) -> &'static str {
        ""
    }

    /// Returns the reason why the import takes no such file.
    fn refuses(&self) -> Option<&'static str> {
        None
    }

    /// Returns the places of columns that have a name and are not read.
    fn unread_places(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Returns the reason why a file without trades is refused if it has ignored rows of a kind.
    fn in_place_of_trades(&self, _ignored: &str) -> Option<&'static str> {
        None
    }

    /// Tells whether the file has no ids: those of its trades need a number (`numbering.rs`).
    fn makes_ids(&self) -> bool {
        false
    }

    /// Returns the ignored columns of the file.
    fn unknown_columns(&self) -> &[String] {
        &[]
    }

    /// Returns the file's name of a native column. `None`: the native name.
    fn name_in_file(&self, _native: &str) -> Option<String> {
        None
    }

    /// Tells whether the file is read whole, as a row may change what another one means.
    fn is_read_whole(&self) -> bool {
        self.joined().is_some()
    }

    /// Returns the file if its rows make trades together.
    fn joined(&self) -> Option<&JoinedFile> {
        None
    }

    /// Returns the places of columns that hold numbers.
    fn number_places(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Returns the name of the column at a place, as the header spells it.
    fn column_at(&self, _place: usize) -> String {
        String::new()
    }

    /// Tells whether the format says which mark stands before decimals.
    fn says_decimals(&self) -> bool {
        false
    }

    /// Reads a row: `each` gets each trade or rejected row that the row stands for, or the fact
    /// that it is ignored. Rows come in the order of their block.
    ///
    /// Errors: the row shows that no row of the file may be read.
    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError>;
}

/// The facts of a file by its header.
pub(super) trait FormatHeader {
    /// Returns the number of cells of the header.
    fn width(&self) -> usize;

    /// Tells whether the format reads a column of the header.
    fn reads_column(&self, _name: &str) -> bool {
        false
    }

    /// Returns the zone of times without an offset, and the place that it comes from.
    fn zone_said(&self, _options: &ImportOptions) -> Option<(String, ZoneSource)> {
        None
    }

    /// Returns the columns whose texts a report names.
    fn seen_places(&self, _options: &ImportOptions) -> SeenPlaces {
        SeenPlaces::default()
    }
}

/// A format with a file of code of its own.
pub(super) trait CodedFormat: RowFormat + Sized {
    /// Returns the format with its columns found, if the row is a header of its files.
    fn recognises(header: &HeaderRow<'_>) -> Option<Self>;
}

/// A row that may be a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderRow<'r> {
    pub row: &'r Row<'r>,
    pub cells: &'r StringRecord,
    /// The rows before the header that are not blank. Some files name an account or a time zone
    /// there.
    pub before: &'r [StringRecord],
    /// The columns that a person ignores.
    pub columns: &'r ColumnNames,
    /// The name of the file; empty for a pipe.
    pub file_name: &'r str,
    /// The format that a person named.
    pub format: Option<&'r str>,
    /// The formats of a person's settings.
    pub own: &'r OwnFormats,
}

/// A row below the header that is not blank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'r, 't> {
    pub row: &'r Row<'t>,
    /// The cells of the row. They mean nothing if the row's quotes are at fault.
    pub cells: &'r StringRecord,
    /// The row is the file's last one and has no line end, so it may have been cut.
    pub is_cut: bool,
}

/// The outcome of a row.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are trades")]
pub(super) enum RowOutcome {
    Trade(LedgerTrade),
    Movement(Box<Movement>),
    Action(Box<AssetAction>),
    Rejected(Box<RejectedRow>),
    /// A row that cancels a trade of the same file.
    Cancellation(Box<Cancellation>),
    /// A row of an option: trades of its shares at the same time are no trades for their price.
    Delivery(Box<Delivery>),
    /// A row that is not a trade, with the name of its type.
    Ignored(&'static str),
}

/// A format, and the line of the header that it recognised.
type Recognised = (Arc<dyn RowFormat>, u64);

type Recognise = fn(&HeaderRow<'_>) -> Vec<Arc<dyn RowFormat>>;

fn recognise_as<F: CodedFormat + 'static>(header: &HeaderRow<'_>) -> Vec<Arc<dyn RowFormat>> {
    let found = F::recognises(header).into_iter();
    found
        .map(|format| Arc::new(format) as Arc<dyn RowFormat>)
        .collect()
}

fn recognise_described(header: &HeaderRow<'_>) -> Vec<Arc<dyn RowFormat>> {
    let found = Described::all(header).into_iter();
    found
        .map(|format| Arc::new(format) as Arc<dyn RowFormat>)
        .collect()
}

fn recognise_joined(header: &HeaderRow<'_>) -> Vec<Arc<dyn RowFormat>> {
    let found = joined::recognise(header).into_iter();
    found
        .map(|format| Arc::new(format) as Arc<dyn RowFormat>)
        .collect()
}

/// Finds the format of a file, and the line of its header, among a block's first rows. `None`: no
/// row holds anything.
///
/// Errors: two formats recognise the header, or none does. If none does, the error says what the
/// nearest format misses; of a header that is near none, which formats have most of its columns.
pub(super) fn recognise(
    rows: &mut RowReader<'_>,
    options: &ImportOptions,
) -> Result<Option<Recognised>, FileError> {
    recognise_among(FORMATS, rows, options)
}

fn recognise_among(
    formats: &[Recognise],
    rows: &mut RowReader<'_>,
    options: &ImportOptions,
) -> Result<Option<Recognised>, FileError> {
    let (mut before, mut cells, mut near) = (Vec::new(), StringRecord::new(), None);
    let mut unknown = Unknown::default();
    while before.len() <= ROWS_BEFORE_HEADER_MAX
        && let Some(row) = rows.read(&mut cells)?
    {
        if row.fault.is_none() && is_blank(&cells) {
            continue;
        }
        options.columns.rename_cells(&mut cells);
        check_columns(&cells, row.line)?;
        let header = HeaderRow {
            row: &row,
            cells: &cells,
            before: &before,
            columns: &options.columns,
            file_name: &options.file_name,
            format: options.format.as_deref(),
            own: &options.own_formats,
        };
        let mut found = formats.iter().flat_map(|recognise| recognise(&header));
        match (found.next(), found.next()) {
            (Some(one), Some(other)) => {
                return Err(FileError::TwoFormats {
                    line: row.line,
                    names: [one.name(), other.name()],
                });
            }
            (Some(format), None) => {
                check_ignored(format.as_ref(), &header)?;
                return known(format, row.line).map(Some);
            }
            (None, _) => {}
        }
        let differences = differences(&header);
        near = Differences::nearest(differences, &header).or(near);
        unknown.add(&header);
        before.push(cells.clone());
    }
    match near.or_else(|| unknown.error()) {
        None => Ok(None),
        Some(error) => Err(error),
    }
}

/// Fewest names of a header.
const NAMES_MIN: usize = 4;

/// Tells whether a row below the header of a file is a header, too. `format`: that of the file.
/// `is_apart`: rows before it do not fit the table.
pub(super) fn is_other_header(
    format: &dyn RowFormat,
    (row, cells): (&Row<'_>, &StringRecord),
    is_apart: bool,
    options: &ImportOptions,
) -> bool {
    // Such a row is no header, and its names would take much room.
    if cells.len() > COLUMNS_MAX {
        return false;
    }
    // Nearly all rows have a number, which no name of a column is.
    let is_number =
        |cell: &str| cell.starts_with(|of: char| of.is_ascii_digit() || "-+$(".contains(of));
    let cells_of = || cells.iter().map(str::trim).filter(|cell| !cell.is_empty());
    if cells_of().any(is_number) || cells_of().count() < NAMES_MIN {
        return false;
    }
    let fold = |text: &str| text.trim().to_lowercase();
    let mut places = cells.iter().enumerate();
    // The same header again is a row at fault. In a file without ids, rows that both files have
    // would count as equal trades.
    if !is_apart && places.all(|(at, cell)| fold(cell) == fold(&format.column_at(at))) {
        return format.makes_ids();
    }
    let header = HeaderRow {
        row,
        cells,
        before: &[],
        columns: &options.columns,
        file_name: "",
        format: None,
        own: &options.own_formats,
    };
    FORMATS
        .iter()
        .any(|recognise| !recognise(&header).is_empty())
}

/// Checks that a person ignores no column that the format reads.
fn check_ignored(format: &dyn RowFormat, header: &HeaderRow<'_>) -> Result<(), FileError> {
    let mut names = header.cells.iter();
    let ignored = names.find(|name| header.columns.is_ignored(name) && format.reads_column(name));
    match ignored {
        None => Ok(()),
        Some(column) => Err(FileError::IgnoredColumn {
            line: header.row.line,
            column: column.trim().to_owned(),
            format: format.name(),
        }),
    }
}

/// Checks how many columns a row has that may be a header. Commas at its end are no columns.
fn check_columns(cells: &StringRecord, line: u64) -> Result<(), FileError> {
    let is_name = |cell: &&str| !cell.trim_ascii().is_empty();
    let named = cells.iter().filter(is_name).count();
    match named > COLUMNS_MAX {
        true => Err(FileError::TooManyColumns { line, found: named }),
        false => Ok(()),
    }
}

/// Returns the differences of a row from each header of a table or of joined rows.
fn differences(header: &HeaderRow<'_>) -> impl Iterator<Item = (&'static str, Differences)> {
    Described::differences(header).chain(joined::differences(header))
}

/// Returns a recognised format. Errors: the import takes no such file.
fn known(format: Arc<dyn RowFormat>, line: u64) -> Result<Recognised, FileError> {
    match format.refuses() {
        None => Ok((format, line)),
        Some(why) => Err(FileError::WrongFile {
            line,
            format: format.name(),
            why,
        }),
    }
}

/// Tells whether a row is blank: spreadsheets leave lines of commas after the last row.
pub(super) fn is_blank(cells: &StringRecord) -> bool {
    cells.iter().all(|cell| cell.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_two_formats_is_refused() {
        let names = crate::import::test_options::options();
        let toys: [Recognise; 2] = [recognise_as::<toy::Toy>; 2];
        let text = "\nId,When,Pair,Kind,Amount,Rate\n";
        let error = recognise_among(&toys, &mut RowReader::new(text, 1), &names).unwrap_err();
        let said = "the header is one of toy and of toy, expected one format";
        assert_eq!((error.to_string().as_str(), error.line()), (said, Some(2)));
        let (format, line) = recognise(&mut RowReader::new(text, 1), &names)
            .unwrap()
            .unwrap();
        assert_eq!((format.name(), line), ("toy", 2));
    }

    #[test]
    fn a_header_of_no_format_is_held_against_those_that_are_near() {
        let names = crate::import::test_options::options();
        let of = |text: &str| recognise(&mut RowReader::new(text, 1), &names);
        assert!(of("\n,,\n").unwrap().is_none());
        // A native header after another row is no header: the first row shows the fault.
        let native = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
        assert_eq!(of(native).unwrap().unwrap().0.name(), "native");
        let error = of(&format!("Trades of 2025\n{native}")).unwrap_err();
        assert!(matches!(error, FileError::NoHeader { line: 1, .. }));
        let error = of("order_id,symbol,size\n").unwrap_err();
        assert!(matches!(error, FileError::MissingColumns { line: 1, .. }));
        // One row has names, and no format has them.
        let said = of("Umsätze\nDatum,Typ,Menge,Kurs\n").unwrap_err();
        let words = "no format has such a header: it has \"Datum\", \"Typ\", \"Menge\", \"Kurs\"; \
                     no format knows one of these";
        assert_eq!((said.line(), said.to_string().as_str()), (Some(2), words));
        let said = of("Txid,Pair,Gebühr,Menge\n").unwrap_err().to_string();
        let words = "nearest is kraken-trades with 2 of its 13 columns";
        assert!(said.contains(words), "{said}");
        let none = of("\nUmsätze\nKonto 1,2025\n").unwrap_err();
        let words = "no row of the file looks like a header, the first one is \"Umsätze\"";
        assert_eq!((none.line(), none.to_string().as_str()), (Some(2), words));
        let far = "x\n".repeat(ROWS_BEFORE_HEADER_MAX + 1);
        assert!(of(&format!("{far}Id,When,Pair,Kind,Amount,Rate\n")).is_err());
    }
}
