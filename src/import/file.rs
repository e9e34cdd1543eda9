//! What makes a whole file unreadable: its bytes, or its header. Read before any row is.

use super::bounds::{COLUMNS_MAX, LINE_BYTES_MAX, check_lines};
use super::header::header_hint;
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
    /// Another format, told by its first bytes.
    #[error("the file is {0}, expected CSV text")]
    OtherFormat(&'static str),
    /// A NUL byte, which no text has.
    #[error("has a NUL byte, expected CSV text")]
    Nul {
        /// Line of the first one, from 1.
        line: u64,
    },
    /// A line that no trade has, or a file that has no line ends.
    #[error("the line has more than {} MiB, expected a trade", LINE_BYTES_MAX / 1024 / 1024)]
    LineTooLong {
        /// Its number, from 1.
        line: u64,
    },
    /// A file that has to be held as a whole, and is larger than so many MiB.
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
        /// How many there are.
        found: usize,
    },
    /// A file of opening lots without one of its columns.
    #[error("the column {0} is missing")]
    NoOpeningColumn(&'static str),
    /// A byte order mark of UTF-16.
    #[error("the file is UTF-16 text, expected UTF-8")]
    Utf16,
    /// A byte that is not UTF-8.
    #[error("has the byte 0x{byte:02X}, expected UTF-8 text")]
    NotUtf8 {
        /// Line of the first one, from 1.
        line: u64,
        /// The byte.
        byte: u8,
    },
    /// The header has another separator than a comma.
    #[error("the header is separated by {name}, expected commas")]
    Separator {
        /// Line of the header, from 1.
        line: u64,
        /// The separator, in words.
        name: &'static str,
    },
    /// The first line looks like a trade.
    #[error("the file begins with {}, expected a header", quoted(found))]
    NoHeader {
        /// Line of the row, from 1.
        line: u64,
        /// The row.
        found: String,
    },
    /// A quote in the header that is never closed, or text behind a closed one.
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
        /// The columns that are.
        found: Vec<String>,
    },
    /// One column twice: which of the two counts, nobody can know.
    #[error("the header has the column {} twice, expected it once", quoted(column))]
    DuplicateColumn {
        /// Line of the header, from 1.
        line: u64,
        /// The column.
        column: String,
    },
    /// A column that nothing is read from names another currency than the dollar.
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
        /// What it says.
        found: String,
    },
    /// The reader of CSV failed.
    #[error("the file could not be read as CSV")]
    Csv(#[from] csv::Error),
}

impl FileError {
    /// Returns the line at fault, from 1, where it is not the file as a whole.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Nul { line }
            | Self::LineTooLong { line }
            | Self::TooManyColumns { line, .. }
            | Self::NotUtf8 { line, .. }
            | Self::Separator { line, .. }
            | Self::NoHeader { line, .. }
            | Self::HeaderQuote { line }
            | Self::MissingColumns { line, .. }
            | Self::DuplicateColumn { line, .. }
            | Self::OtherCurrency { line, .. } => Some(*line),
            Self::Empty
            | Self::OtherFormat(_)
            | Self::NoOpeningColumn(_)
            | Self::TooLarge(_)
            | Self::Utf16
            | Self::Csv(_) => None,
        }
    }

    /// Returns the error as it stands behind the name of the file.
    pub fn in_file(&self) -> String {
        match self.line() {
            Some(line) => format!(":{line}: {self}"),
            None => format!(": {self}"),
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => header_hint(),
            Self::OtherFormat(kind) if kind.contains("compressed") || kind.contains("archive") => {
                "unpack it first, and import the CSV file in it".into()
            }
            Self::OtherFormat(_) | Self::Nul { .. } | Self::LineTooLong { .. } => {
                "open it in the program it comes from and export it as CSV, in UTF-8".into()
            }
            Self::Utf16 | Self::NotUtf8 { .. } => {
                "save the file again as UTF-8 (in Excel: \"CSV UTF-8\")".into()
            }
            Self::Separator { .. } => {
                "export it with commas between the cells and a point before the decimals".into()
            }
            Self::TooLarge(_) => "write it in several files; a file of trades, not a pipe, \
                                  may have any size"
                .into(),
            Self::NoHeader { .. } | Self::TooManyColumns { .. } | Self::MissingColumns { .. } => {
                header_hint()
            }
            Self::NoOpeningColumn(_) => {
                "opening lots have the columns symbol,size,acquired,basis and optional account"
                    .into()
            }
            Self::HeaderQuote { .. } => "close the quote, or remove it".into(),
            Self::DuplicateColumn { .. } => "remove or rename one of the two columns".into(),
            Self::OtherCurrency { column, .. } => format!(
                "convert prices and fees to USD and say so there; or remove the column {} if it \
                 says nothing about them",
                quoted(column)
            ),
            Self::Csv(_) => "export the file again, as CSV in UTF-8".into(),
        }
    }
}

/// Most columns that a message lists.
const LISTED_MAX: usize = 20;

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

/// Formats that people hand over instead of CSV, by their first bytes.
const OTHER_FORMATS: [(&[u8], &str); 14] = [
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
    (b"\xfd7zXZ\0", "compressed (xz)"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (b"PK\x05\x06", "an archive (zip)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (xls)"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a rich text document"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML or XML"),
];

/// Every member of a workbook has such a path; it stands uncompressed near the archive's start.
const WORKBOOK_MARKS: [&[u8]; 2] = [b"[Content_Types].xml", b"xl/"];

/// How far into an archive a workbook's mark is looked for, in bytes.
const WORKBOOK_MARK_WITHIN: usize = 4096;

/// Returns the text of a file without its byte order mark.
///
/// Errors: empty, another format, UTF-16, a NUL byte, not UTF-8.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, FileError> {
    check_head(bytes)?;
    let bytes = without_mark(bytes);
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let line = line_of(bytes, at);
        return Err(FileError::Nul { line });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        FileError::NotUtf8 {
            line: line_of(bytes, at),
            byte: bytes.get(at).copied().unwrap_or_default(),
        }
    })?;
    if text.trim_ascii_start().is_empty() {
        return Err(FileError::Empty);
    }
    check_lines(bytes, 1)?;
    Ok(text)
}

/// Returns the bytes of a file without its byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Looks at a file's first bytes. Errors: another format, UTF-16.
pub(super) fn check_head(bytes: &[u8]) -> Result<(), FileError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(FileError::Utf16);
    }
    match other_format(without_mark(bytes).trim_ascii_start()) {
        Some(kind) => Err(FileError::OtherFormat(kind)),
        None => Ok(()),
    }
}

fn other_format(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") {
        let head = bytes.get(..WORKBOOK_MARK_WITHIN).unwrap_or(bytes);
        let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
        let workbook = WORKBOOK_MARKS.into_iter().any(has);
        return Some(if workbook {
            "an Excel workbook (xlsx)"
        } else {
            "an archive (zip)"
        });
    }
    let known = OTHER_FORMATS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic));
    known.map(|(_, kind)| *kind)
}

/// Returns the line on which a byte stands, from 1.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    count_line_ends(bytes, 0, at) + 1
}

/// Counts the line ends that begin in a range. A line ends with LF, CR LF, or CR alone.
pub(super) fn count_line_ends(bytes: &[u8], from: usize, to: usize) -> u64 {
    let range = bytes.get(from..to).unwrap_or_default();
    let feeds = range.iter().filter(|byte| **byte == b'\n').count();
    let returns = if range.contains(&b'\r') {
        let alone = |at: &usize| {
            bytes.get(*at) == Some(&b'\r') && bytes.get(at.saturating_add(1)) != Some(&b'\n')
        };
        (from..to).filter(alone).count()
    } else {
        0
    };
    (feeds + returns) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        let error = text_of(bytes).unwrap_err();
        let line = error.line().map(|line| format!("{line}: "));
        format!("{}{error}; {}", line.unwrap_or_default(), error.hint())
    }

    const UNPACK: &str = "unpack it first, and import the CSV file in it";
    const EXPORT: &str = "open it in the program it comes from and export it as CSV, in UTF-8";
    const SAVE: &str = "save the file again as UTF-8 (in Excel: \"CSV UTF-8\")";

    /// First bytes, what they are, hint.
    const OTHERS: &[(&[u8], &str, &str)] = &[
        (b"\x1f\x8b\x08\0\0", "compressed (gzip)", UNPACK),
        (b"BZh91AY", "compressed (bzip2)", UNPACK),
        (b"\xfd7zXZ\0\0", "compressed (xz)", UNPACK),
        (b"\x28\xb5\x2f\xfd\0", "compressed (zstd)", UNPACK),
        (b"7z\xbc\xaf\x27\x1c\0", "an archive (7z)", UNPACK),
        (b"PK\x03\x04\0\0trades.csv", "an archive (zip)", UNPACK),
        (b"PK\x05\x06\0\0", "an archive (zip)", UNPACK),
        (
            b"PK\x03\x04\0\0[Content_Types].xml",
            "an Excel workbook (xlsx)",
            EXPORT,
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            "an Excel workbook (xls)",
            EXPORT,
        ),
        (b"%PDF-1.7\n", "a PDF document", EXPORT),
        (b"SQLite format 3\0\x10", "a SQLite database", EXPORT),
        (b"PAR1\x15", "a Parquet file", EXPORT),
        (b"{\\rtf1", "a rich text document", EXPORT),
        (b" {\"trades\":[]}", "JSON", EXPORT),
        (b"[\n{}]", "JSON", EXPORT),
        (b"<!DOCTYPE html>", "HTML or XML", EXPORT),
    ];

    #[test]
    fn other_formats_are_named() {
        for (bytes, kind, hint) in OTHERS {
            let expected = format!("the file is {kind}, expected CSV text; {hint}");
            assert_eq!(message(bytes), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_line() {
        let utf16 = "the file is UTF-16 text, expected UTF-8";
        let cases: [(&[u8], &str, &str); 5] = [
            (
                b"a,b\nc\0,d\n",
                "2: has a NUL byte, expected CSV text",
                EXPORT,
            ),
            (b"\xff\xfea\0,\0", utf16, SAVE),
            (b"\xfe\xff\0a\0,", utf16, SAVE),
            (
                b"a\r\nb\r\nM\xfcller,1",
                "3: has the byte 0xFC, expected UTF-8 text",
                SAVE,
            ),
            (
                b"a\rb\rM\xe9,1\r",
                "3: has the byte 0xE9, expected UTF-8 text",
                SAVE,
            ),
        ];
        for (bytes, expected, hint) in cases {
            assert_eq!(message(bytes), format!("{expected}; {hint}"));
        }
        for empty in [&b""[..], b"\xef\xbb\xbf", b"\n \r\n\t\n"] {
            let expected = "the file is empty, expected a header and a line for each trade";
            assert_eq!(message(empty), format!("{expected}; {}", header_hint()));
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (1..=23).map(|at| format!("c{at}")).collect();
        assert_eq!(listed(&names[..2]), "\"c1\", \"c2\"");
        assert!(listed(&names).ends_with(", \"c20\" and 3 more"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(text_of(b"\xef\xbb\xbfa,b\n").unwrap(), "a,b\n");
        assert_eq!(text_of("é\n".as_bytes()).unwrap(), "é\n");
    }
}
