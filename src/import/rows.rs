//! Reads rows of CSV with their line numbers, and finds quotes that are never closed.
//!
//! The reader of CSV takes any bytes: a quote that is never closed swallows the rest of the file as
//! one cell. So the import checks every row with a quote. By the grammar, a quoted cell ends with a
//! quote, and then a comma or line end. If a row of several lines fails the check, the import gives
//! up only its first line, and goes on with the next one.
//! Source: RFC 4180. Text after an opened cell (`5" nail`) is taken unchanged.

use std::io::Cursor;

use csv::{Position, Reader, ReaderBuilder, StringRecord};

use super::dialect::Dialect;
use super::file::count_line_ends;

/// A fault in the quotes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteFault {
    /// A quote is opened and never closed.
    NeverClosed,
    /// Text stands between a closing quote and the next comma.
    TextBehind,
}

/// A row and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Its first line, from 1.
    pub line: u64,
    /// Its last line; another one if a quoted cell has line ends in it.
    pub line_last: u64,
    /// The row unchanged, without its line end.
    pub text: &'a str,
    /// The end of the read part, in bytes of the text.
    pub end: usize,
    /// End of the text that this result depends on; any text may follow.
    pub looked_at: usize,
    /// The fault in the row's quotes. With a fault, the cells mean nothing.
    pub fault: Option<QuoteFault>,
}

/// Reads rows in one pass.
pub(super) struct RowReader<'a> {
    text: &'a str,
    reader: Reader<Cursor<&'a [u8]>>,
    dialect: Dialect,
    /// Position up to which lines are counted; the next field is the line there.
    counted: usize,
    line: u64,
}

impl<'a> RowReader<'a> {
    /// Begins with the first line of a text, which has this number in the file. Its cells have
    /// commas between them.
    #[cfg(test)]
    pub(super) fn new(text: &'a str, line: u64) -> Self {
        Self::of(text, line, Dialect::default())
    }

    /// Begins with the first line of a text of another dialect.
    pub(super) fn of(text: &'a str, line: u64, dialect: Dialect) -> Self {
        Self {
            text,
            reader: reader_of(text, outer(dialect)),
            dialect,
            counted: 0,
            line,
        }
    }

    /// Reads the next row that is not an empty line into `record`. `None`: the end.
    pub(super) fn read(&mut self, record: &mut StringRecord) -> csv::Result<Option<Row<'a>>> {
        if !self.reader.read_record(record)? {
            return Ok(None);
        }
        let text = self.text;
        let offset = |position: &Position| usize::try_from(position.byte()).unwrap_or(text.len());
        let from = record.position().map_or(self.counted, offset);
        let end = offset(self.reader.position());
        // The reader leaves the second half of CR LF, and empty lines, to the next row.
        let line_ends = ['\r', '\n'];
        let raw = text.get(from..end).unwrap_or_default();
        let raw = raw.trim_start_matches(line_ends);
        let start = end.saturating_sub(raw.len());
        let raw = raw.trim_end_matches(line_ends);
        self.line += count_line_ends(text.as_bytes(), self.counted, start);
        self.counted = start;
        let mut row = Row {
            line: self.line,
            line_last: self.line,
            text: raw,
            end,
            looked_at: end,
            fault: None,
        };
        if raw.contains('"') {
            row.fault = check_quotes(raw.as_bytes(), outer(self.dialect)).err();
            let inner_end = start.saturating_add(raw.len());
            let lines = count_line_ends(text.as_bytes(), start, inner_end);
            if row.fault.is_some() && lines > 0 {
                row.text = raw.split(line_ends).next().unwrap_or_default();
                row.end = start.saturating_add(row.text.len());
                let mut next_line = Position::new();
                next_line.set_byte(row.end as u64);
                self.reader.seek(next_line)?;
            } else {
                row.line_last += lines;
            }
        }
        if self.dialect.is_wrapped && row.fault.is_none() {
            row.fault = unwrap(record, self.dialect.separator)?;
        }
        Ok(Some(row))
    }
}

fn reader_of(text: &str, separator: u8) -> Reader<Cursor<&[u8]>> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(Cursor::new(text.as_bytes()))
}

/// Returns the separator between cells of the file, which a wrapped line may have in its cell.
fn outer(dialect: Dialect) -> u8 {
    match dialect.is_wrapped {
        true => b',',
        false => dialect.separator,
    }
}

/// Reads the cells of a row that is one cell. Returns the fault in its quotes.
fn unwrap(record: &mut StringRecord, separator: u8) -> csv::Result<Option<QuoteFault>> {
    if record.len() != 1 {
        return Ok(None);
    }
    let inner = record.get(0).unwrap_or_default().to_owned();
    let fault = check_quotes(inner.as_bytes(), separator).err();
    if fault.is_none() {
        reader_of(&inner, separator).read_record(record)?;
    }
    Ok(fault)
}

/// Returns the last row start at which the text can be split safely: no earlier row's quote check
/// reads past it. Any text may follow.
///
/// If a row never closes its quotation mark, its check reads on through the later lines. A later
/// line may decide which fault the row has. Yet the import drops only the row's first line.
pub(super) fn last_safe_start(text: &str, dialect: Dialect) -> csv::Result<usize> {
    let mut rows = RowReader::of(text, 1, dialect);
    let mut record = StringRecord::new();
    let (mut safe, mut looked_at) = (0, 0);
    while let Some(row) = rows.read(&mut record)? {
        if rows.counted >= looked_at {
            safe = rows.counted;
        }
        looked_at = looked_at.max(row.looked_at);
        if looked_at == text.len() {
            break;
        }
    }
    Ok(safe)
}

/// Checks that every quoted cell of a row is closed, and closed at its end.
fn check_quotes(row: &[u8], separator: u8) -> Result<(), QuoteFault> {
    let mut rest = row;
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            rest = behind_closing_quote(quoted).ok_or(QuoteFault::NeverClosed)?;
            if rest.first().is_some_and(|byte| *byte != separator) {
                return Err(QuoteFault::TextBehind);
            }
        }
        let Some(next) = rest.iter().position(|byte| *byte == separator) else {
            return Ok(());
        };
        rest = rest.get(next.saturating_add(1)..).unwrap_or_default();
    }
}

/// Returns the text after the quote that closes a cell. Two quotes inside the cell are one quote of
/// its text.
fn behind_closing_quote(mut cell: &[u8]) -> Option<&[u8]> {
    loop {
        let quote = cell.iter().position(|byte| *byte == b'"')?;
        let behind = cell.get(quote.saturating_add(1)..)?;
        match behind.strip_prefix(b"\"") {
            Some(more) => cell = more,
            None => return Some(behind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row as (first line, last line, cells, fault).
    fn rows_of(text: &str) -> Vec<(u64, u64, Vec<String>, Option<QuoteFault>)> {
        let mut rows = RowReader::new(text, 1);
        let mut record = StringRecord::new();
        let mut all = Vec::new();
        while let Some(row) = rows.read(&mut record).unwrap() {
            let cells = match row.fault {
                None => record.iter().map(str::to_owned).collect(),
                Some(_) => vec![row.text.to_owned()],
            };
            all.push((row.line, row.line_last, cells, row.fault));
        }
        all
    }

    fn lines_of(text: &str) -> Vec<u64> {
        rows_of(text).into_iter().map(|row| row.0).collect()
    }

    #[test]
    fn lines_are_those_of_the_file() {
        assert_eq!(lines_of("a\nb\nc"), [1, 2, 3]);
        assert_eq!(lines_of("a\r\nb\r\nc\r\n"), [1, 2, 3]);
        assert_eq!(lines_of("a\rb\rc\r"), [1, 2, 3]);
        assert_eq!(lines_of("\n\na\n\n\nb\n\n"), [3, 6]);
        assert_eq!(lines_of("\r\n\r\na\r\n\r\nb"), [3, 5]);
        assert_eq!(lines_of("a\n\"x\n\ny\"\nb"), [1, 2, 5]);
        assert_eq!(lines_of("a\r\n\"x\r\ny\",1\r\n\r\nb\r\n"), [1, 2, 5]);
        assert_eq!(lines_of(""), [0_u64; 0]);
    }

    #[test]
    fn quoted_cells_are_read_whole() {
        let rows = rows_of("\"a, \"\"b\"\"\",\"c\nd\",\"\"\n5\" nail,x\"\"y,\n");
        let cells = |row: usize| rows[row].2.clone();
        assert_eq!(cells(0), ["a, \"b\"", "c\nd", ""]);
        assert_eq!((rows[0].0, rows[0].1), (1, 2));
        assert_eq!(cells(1), ["5\" nail", "x\"\"y", ""]);
        assert!(rows.iter().all(|row| row.3.is_none()));
    }

    #[test]
    fn a_quote_never_closed_costs_one_line() {
        use QuoteFault::{NeverClosed, TextBehind};
        let cases = [
            ("a\nb,\"c\nd,e\nf", 2, "b,\"c", NeverClosed),
            ("a\r\nb,\"c\r\nd,e\r\nf\r\n", 2, "b,\"c", NeverClosed),
            ("a\nb,\"c\n\"d\",e\n\"f\"", 2, "b,\"c", TextBehind),
            ("a\nb,\"c\"d\ne,f\ng", 2, "b,\"c\"d", TextBehind),
            ("a\nb,c\nd,e\n\"f,\"\"", 4, "\"f,\"\"", NeverClosed),
        ];
        for (text, line, found, fault) in cases {
            let rows = rows_of(text);
            let lines: Vec<u64> = rows.iter().map(|row| row.0).collect();
            assert_eq!(lines, [1, 2, 3, 4], "{text:?}");
            let faults: Vec<_> = rows.iter().filter(|row| row.3.is_some()).collect();
            let expected = (line, line, vec![found.to_owned()], Some(fault));
            assert_eq!(faults, [&expected], "{text:?}");
        }
    }

    #[test]
    fn a_line_in_quotes_is_a_row() {
        let dialect = Dialect {
            separator: b',',
            is_wrapped: true,
        };
        let text = "\"a,\"\"b, c\"\",d\"\n\n1,2\n\"x,\"\"y\"\n\"e\"\n";
        let (mut rows, mut cells) = (RowReader::of(text, 1, dialect), StringRecord::new());
        let mut all = Vec::new();
        while let Some(row) = rows.read(&mut cells).unwrap() {
            let found: Vec<String> = cells.iter().map(str::to_owned).collect();
            all.push((row.line, found.join("/"), row.fault));
        }
        let never = Some(QuoteFault::NeverClosed);
        let expected = [
            (1, "a/b, c/d", None),
            (3, "1/2", None),
            (4, "x,\"y", never),
            (5, "e", None),
        ];
        let expected = expected.map(|(line, cells, fault)| (line, cells.to_owned(), fault));
        assert_eq!(all, expected);
    }

    #[test]
    fn many_quotes_never_closed_are_read_in_linear_time() {
        // Each line opens a quote that the next line's quote closes at a wrong place.
        let text = "a,\"b\n".repeat(100_000);
        let rows = rows_of(&text);
        assert_eq!(rows.len(), 100_000);
        assert_eq!(rows.last().unwrap().0, 100_000);
    }
}
