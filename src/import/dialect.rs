//! The ways to write the cells of a file: with commas, semicolons, tabs or bars between them.
//!
//! A spreadsheet that does not know the separator writes each line as one cell in quotes.
//!
//! Read next: `formats/dialects.rs`, which finds the dialect of a file, and `rows.rs`, which reads
//! rows of it.

/// How the cells of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two cells.
    pub(super) separator: u8,
    /// Each line is one cell in quotes, and the cells of the row are in it.
    pub(super) is_wrapped: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self::of(b',')
    }
}

/// Separators, the usual one first, and what a report says of each.
pub(super) const SEPARATORS: [(u8, Option<&str>); 4] = [
    (b',', None),
    (b';', Some("semicolons between cells")),
    (b'\t', Some("tabs between cells")),
    (b'|', Some("vertical bars between cells")),
];

/// Said of a file whose lines are cells in quotes.
const WRAPPED: &str = "each line as one cell in quotes";

impl Dialect {
    pub(super) const fn of(separator: u8) -> Self {
        Self {
            separator,
            is_wrapped: false,
        }
    }

    /// Returns all dialects, the usual one first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let plain = SEPARATORS.map(|(separator, _)| Self::of(separator));
        let wrapped = plain.map(|dialect| Self {
            is_wrapped: true,
            ..dialect
        });
        plain.into_iter().chain(wrapped)
    }

    /// Tells whether numbers of the file may have a decimal comma.
    pub fn has_open_decimals(self) -> bool {
        self.separator != b','
    }

    /// Returns the words of a report about the dialect.
    pub(super) fn said(self) -> impl Iterator<Item = &'static str> {
        let mut all = SEPARATORS.iter();
        let separator = all.find(|(separator, _)| *separator == self.separator);
        let wrapped = self.is_wrapped.then_some(WRAPPED);
        separator
            .and_then(|(_, said)| *said)
            .into_iter()
            .chain(wrapped)
    }
}
