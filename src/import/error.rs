//! The reasons why no row of a file was read.

use std::io;

use super::bounds::{COLUMNS_MAX, LINE_BYTES_MAX};
use super::rejected::quoted;
use crate::engine::{shown, thousands};

/// Why nothing of a file was read.
///
/// The caller writes the name of the file before it, and the [`line`](Self::line) if there is one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No byte, or only blank lines.
    #[error("the file is empty, expected a header and a line for each trade")]
    Empty,
    /// Another format, recognised by its first bytes.
    #[error("the file is {0}, expected CSV text")]
    OtherFormat(&'static str),
    /// Compressed, or an archive.
    #[error("the file is {0}, expected CSV text")]
    Packed(&'static str),
    /// A NUL byte, which no text has.
    #[error("has a NUL byte, expected CSV text")]
    Nul {
        /// Line of the first one, from 1.
        line: u64,
    },
    /// A line that is too long for a trade, or a file without line ends.
    #[error("the line has more than {} MiB, expected a trade", LINE_BYTES_MAX / 1024 / 1024)]
    LineTooLong {
        /// Number of the line, from 1.
        line: u64,
    },
    /// A file that memory holds whole is too large. Units: the limit, MiB.
    #[error("the file has more than {0} MiB")]
    TooLarge(usize),
    /// More columns than any table of trades.
    #[error(
        "the header has {} columns, expected at most {}",
        thousands(.found),
        thousands(COLUMNS_MAX)
    )]
    TooManyColumns {
        /// Line of the header, from 1.
        line: u64,
        /// Number of columns.
        found: usize,
    },
    /// A file of opening lots without one of its columns.
    #[error("the column {0} is missing")]
    NoOpeningColumn(&'static str),
    /// A byte that is not UTF-8.
    #[error("has the byte 0x{byte:02X}, expected UTF-8 text")]
    NotUtf8 {
        /// Line of the first one, from 1.
        line: u64,
        /// The byte.
        byte: u8,
    },
    /// A line of UTF-8 in a file that began as Windows-1252.
    #[error("is UTF-8 text, and an earlier line is not")]
    MixedEncodings {
        /// Number of the line, from 1.
        line: u64,
    },
    /// Half a character of UTF-16.
    #[error("has half a character of UTF-16")]
    NotUtf16 {
        /// Number of the line, from 1.
        line: u64,
    },
    /// No row looks like a header: all have too few cells.
    #[error(
        "no row of the file looks like a header, the first one is {}",
        quoted(found)
    )]
    NoTable {
        /// Line of the first row, from 1.
        line: u64,
        /// That row.
        found: String,
    },
    /// A header that no format knows.
    #[error(
        "no format has such a header: it has {}; {}",
        listed(found),
        nearest_words(nearest)
    )]
    UnknownHeader {
        /// Line of the header, from 1.
        line: u64,
        /// The columns of the header.
        found: Vec<String>,
        /// The formats with most of them.
        nearest: Vec<Nearest>,
    },
    /// The first line looks like a trade.
    #[error("the file begins with {}, expected a header", quoted(found))]
    NoHeader {
        /// Line of the row, from 1.
        line: u64,
        /// The row.
        found: String,
    },
    /// A header that two formats recognise.
    #[error("the header is one of {} and of {}, expected one format", names[0], names[1])]
    TwoFormats {
        /// Line of the header, from 1.
        line: u64,
        /// The formats.
        names: [&'static str; 2],
    },
    /// A file of a known source that has no trades, or not all of them.
    #[error("the file is {format}: {why}")]
    WrongFile {
        /// Line of the header, from 1.
        line: u64,
        /// The format.
        format: &'static str,
        /// The reason, and the file to take.
        why: &'static str,
    },
    /// A header that is nearly that of a known format.
    #[error(
        "the header is nearly that of {format}: {}",
        differences(missing, unseen)
    )]
    NearFormat {
        /// Line of the header, from 1.
        line: u64,
        /// The format.
        format: &'static str,
        /// The columns of the format that are not there.
        missing: Vec<String>,
        /// The columns of the header that the format does not have.
        unseen: Vec<String>,
    },
    /// A column that a person ignores, and that the format reads.
    #[error("the column {} can't be ignored: {format} reads it", quoted(column))]
    IgnoredColumn {
        /// Line of the header, from 1.
        line: u64,
        /// The column, as the header spells it.
        column: String,
        /// The format.
        format: &'static str,
    },
    /// A header of another file after the first rows.
    #[error("begins another file")]
    SecondFile {
        /// First line of the other file, from 1.
        line: u64,
    },
    /// A quote in the header that is never closed, or text after a closed one.
    #[error("the header has a quote that is not closed, expected column names")]
    HeaderQuote {
        /// Line of the header, from 1.
        line: u64,
    },
    /// Columns that every file needs.
    #[error("the header lacks {}, it has {}", listed(missing), listed(found))]
    MissingColumns {
        /// Line of the header, from 1.
        line: u64,
        /// The columns that are not there.
        missing: Vec<String>,
        /// The columns of the header.
        found: Vec<String>,
    },
    /// A column that the header has twice, so that nobody knows which one counts.
    #[error("the header has the column {} twice, expected it once", quoted(column))]
    DuplicateColumn {
        /// Line of the header, from 1.
        line: u64,
        /// The column.
        column: String,
    },
    /// An ignored column names another currency than the dollar.
    #[error(
        "{} is {}, expected USD: prices and fees are read as dollars",
        shown(column),
        quoted(found)
    )]
    OtherCurrency {
        /// Line of the row, from 1.
        line: u64,
        /// The column, as the header has it.
        column: String,
        /// The cell's text.
        found: String,
    },
    /// A column that a person's own table does not read names another currency than the dollar.
    #[error(
        "{} is {}, expected USD: the table of {format} does not read the currency of the prices",
        shown(column),
        quoted(found)
    )]
    CurrencyBesideTable {
        /// Line of the row, from 1.
        line: u64,
        /// The column, as the header has it.
        column: String,
        /// The cell's text.
        found: String,
        /// The name of the format.
        format: String,
    },
    /// The reader of CSV failed.
    #[error("the file could not be read as CSV")]
    Csv(#[from] csv::Error),
}

impl FileError {
    /// Returns the line at fault, from 1; `None` if the file as a whole is at fault.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Nul { line }
            | Self::LineTooLong { line }
            | Self::TooManyColumns { line, .. }
            | Self::NotUtf8 { line, .. }
            | Self::MixedEncodings { line }
            | Self::NotUtf16 { line }
            | Self::NoTable { line, .. }
            | Self::UnknownHeader { line, .. }
            | Self::NoHeader { line, .. }
            | Self::HeaderQuote { line }
            | Self::TwoFormats { line, .. }
            | Self::NearFormat { line, .. }
            | Self::WrongFile { line, .. }
            | Self::IgnoredColumn { line, .. }
            | Self::SecondFile { line }
            | Self::MissingColumns { line, .. }
            | Self::DuplicateColumn { line, .. }
            | Self::OtherCurrency { line, .. }
            | Self::CurrencyBesideTable { line, .. } => Some(*line),
            Self::Empty
            | Self::OtherFormat(_)
            | Self::Packed(_)
            | Self::NoOpeningColumn(_)
            | Self::TooLarge(_)
            | Self::Csv(_) => None,
        }
    }

    /// Returns the text to print after the file name: `:LINE: error` or `: error`.
    pub fn in_file(&self) -> String {
        match self.line() {
            Some(line) => format!(":{line}: {self}"),
            None => format!(": {self}"),
        }
    }
}

/// A format that has some columns of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The format.
    pub format: &'static str,
    /// How many columns the header has of it.
    pub shared: usize,
    /// How many columns it needs.
    pub columns: usize,
}

/// Names the formats that are nearest to a header.
fn nearest_words(nearest: &[Nearest]) -> String {
    if nearest.is_empty() {
        return "no format knows one of these".into();
    }
    let one = |it: &Nearest| {
        let (format, shared, columns) = (it.format, it.shared, it.columns);
        format!("{format} with {shared} of its {columns} columns")
    };
    let all: Vec<String> = nearest.iter().map(one).collect();
    format!("nearest is {}", all.join(", then "))
}

/// Most columns that a message lists.
const LISTED_MAX: usize = 20;

/// Names the columns that a header lacks, and those that nobody has seen.
fn differences(missing: &[String], unseen: &[String]) -> String {
    match (missing, unseen) {
        (missing, []) => format!("it lacks {}", listed(missing)),
        ([], unseen) => format!("it has {}", unknown(unseen)),
        (missing, unseen) => {
            format!("it lacks {}, and has {}", listed(missing), unknown(unseen))
        }
    }
}

/// Names columns that no list has.
fn unknown(columns: &[String]) -> String {
    let word = if columns.len() == 1 {
        "column"
    } else {
        "columns"
    };
    format!("the unknown {word} {}", listed(columns))
}

/// Returns names in quotes with commas between them.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(LISTED_MAX)
        .map(|n| quoted(n).to_string())
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The reason why a block can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not CSV text.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (1..=23).map(|at| format!("c{at}")).collect();
        assert_eq!(listed(&names[..2]), "\"c1\", \"c2\"");
        assert!(listed(&names).ends_with(", \"c20\" and 3 more"));
    }
}
