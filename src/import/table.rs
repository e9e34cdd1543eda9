//! Small CSV files of other kinds than trades, row by row, with the line that each begins on.
//!
//! They have the encodings and separators of all files that people have ([`TableFile`]).
//! Line numbers are those of the file. A file may contain a byte order mark, blank lines, and line
//! ends of any kind, also inside quotes (`rows.rs`). A row has a cell for each named column, and no
//! value elsewhere: the cells of any other row may stand in wrong columns.

use csv::StringRecord;

use super::bounds::{COLUMNS_MAX, kept};
use super::dialect::Dialect;
use super::encoding::decoded;
use super::error::FileError;
use super::rows::{QuoteFault, RowReader};

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The row's first line, from 1.
    pub line: u64,
    /// The cells of the row, without blanks around them.
    pub cells: Vec<String>,
    /// The row as in the file; of a very long one, its beginning.
    pub text: String,
    /// The fault of a row whose cells mean nothing.
    pub fault: Option<&'static str>,
}

impl TableRow {
    /// Returns a cell; empty if the row has no such cell.
    pub fn cell(&self, place: usize) -> &str {
        self.cells.get(place).map_or("", String::as_str)
    }
}

/// The text of a CSV file in any encoding, and the separator between its cells.
#[derive(Debug)]
pub struct TableFile {
    text: String,
    dialect: Dialect,
}

impl TableFile {
    /// Reads a file. The separator is a comma, unless the first line has cells by another one only.
    ///
    /// Errors: not text, or empty.
    pub fn try_new(bytes: &[u8]) -> Result<Self, FileError> {
        let (text, _) = decoded(bytes)?;
        let cells = |dialect: Dialect| {
            let mut record = StringRecord::new();
            let first = RowReader::of(&text, 1, dialect).read(&mut record);
            first.map_or(0, |_| record.len())
        };
        let mut dialects = Dialect::all().map(|dialect| (cells(dialect), dialect));
        let found = dialects.find(|(cells, _)| *cells > 1);
        let dialect = found.map_or_else(Dialect::default, |(_, dialect)| dialect);
        drop(dialects);
        Ok(Self { text, dialect })
    }

    /// Begins with the file's header.
    ///
    /// Errors: a header with unclosed quotes, or with too many columns.
    pub fn table(&self) -> Result<Table<'_>, FileError> {
        Table::of(RowReader::of(&self.text, 1, self.dialect))
    }
}

/// A CSV file: its header, and its rows that are not blank, one at a time.
pub struct Table<'t> {
    /// The header.
    pub header: TableRow,
    rows: RowReader<'t>,
    record: StringRecord,
}

impl<'t> Table<'t> {
    fn of(mut rows: RowReader<'t>) -> Result<Self, FileError> {
        let mut record = StringRecord::new();
        let header = next_row(&mut rows, &mut record, COLUMNS_MAX)?.ok_or(FileError::Empty)?;
        let line = header.line;
        if record.len() > COLUMNS_MAX {
            let found = record.len();
            return Err(FileError::TooManyColumns { line, found });
        }
        match header.fault {
            Some(_) => Err(FileError::HeaderQuote { line }),
            None => Ok(Self {
                header,
                rows,
                record,
            }),
        }
    }

    /// Returns the next row; `None`: the file has ended. A row has a fault if it lacks the cell of
    /// a named column, or has a value in no named column. Errors: the reader of CSV failed.
    pub fn next_row(&mut self) -> Result<Option<TableRow>, FileError> {
        let header = &self.header.cells;
        let row = next_row(&mut self.rows, &mut self.record, header.len())?;
        Ok(row.map(|mut row| {
            row.fault = row.fault.or_else(|| fault_of_cells(header, &row.cells));
            row
        }))
    }

    /// Checks that the header has none of these columns twice. Errors: the first that it has twice.
    pub fn check_once(&self, columns: &[&str]) -> Result<(), FileError> {
        let is_twice = |column: &&&str| {
            let cells = self.header.cells.iter();
            let same = cells.filter(|cell| cell.eq_ignore_ascii_case(column));
            same.count() > 1
        };
        match columns.iter().find(is_twice) {
            None => Ok(()),
            Some(column) => Err(FileError::DuplicateColumn {
                line: self.header.line,
                column: (*column).to_owned(),
            }),
        }
    }

    /// Returns the place of a column, in any letter case.
    pub fn place(&self, column: &str) -> Option<usize> {
        let mut cells = self.header.cells.iter();
        cells.position(|cell| cell.eq_ignore_ascii_case(column))
    }
}

/// Returns the fault of a row whose cells don't go with the header's. Lines may leave out cells
/// after the last named column.
fn fault_of_cells(header: &[String], cells: &[String]) -> Option<&'static str> {
    let named = header.iter().rposition(|name| !name.is_empty());
    if named.is_some_and(|last| cells.len() <= last) {
        return Some("has fewer cells than the header: an empty cell needs its comma too");
    }
    let mut pairs = header.iter().zip(cells);
    let is_nameless = pairs.any(|(name, cell)| name.is_empty() && !cell.is_empty());
    is_nameless.then_some(
        "has a value in a column without a name: write 1.5 for 1,5, put texts with commas in \
         quotes, or name the column",
    )
}

fn next_row(
    rows: &mut RowReader<'_>,
    record: &mut StringRecord,
    cells_max: usize,
) -> Result<Option<TableRow>, FileError> {
    while let Some(row) = rows.read(record)? {
        let is_blank = record.iter().all(|cell| cell.trim().is_empty());
        if row.fault.is_none() && is_blank {
            continue;
        }
        let fault = match row.fault {
            Some(QuoteFault::NeverClosed) => Some("opens a quote that is never closed"),
            Some(QuoteFault::TextBehind) => Some("has text after a closing quote"),
            None if record.len() > cells_max => {
                Some("has more cells than the header: put texts with commas in quotes")
            }
            None => None,
        };
        let cells = record.iter().take(cells_max);
        return Ok(Some(TableRow {
            line: row.line,
            cells: cells.map(|cell| cell.trim().to_owned()).collect(),
            text: kept(row.text),
            fault,
        }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(text: &str) -> (u64, Vec<TableRow>) {
        let file = TableFile::try_new(text.as_bytes()).unwrap();
        let mut table = file.table().unwrap();
        let mut rows = Vec::new();
        while let Some(row) = table.next_row().unwrap() {
            rows.push(row);
        }
        assert_eq!(table.place("A"), Some(0));
        (table.header.line, rows)
    }

    #[test]
    fn rows_stand_on_their_lines() {
        let texts = [
            "a,b\n1,2\n\n,\n\"x\ny\",3\n4,5\n",
            "\u{feff}a,b\r\n1,2\r\n\r\n,\r\n\"x\r\ny\",3\r\n4,5\r\n",
            "a,b\r1,2\r\r,\r\"x\ry\",3\r4,5",
        ];
        for text in texts {
            let (header, rows) = rows_of(text);
            let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
            assert_eq!((header, lines), (1, vec![2, 5, 7]), "{text:?}");
            assert_eq!(rows[2].cells, ["4", "5"]);
        }
        let (header, rows) = rows_of("\n\na,b\n1\n1,2,3\n\"4,5\n6,7\n");
        let few = "has fewer cells than the header: an empty cell needs its comma too";
        let found: Vec<_> = rows.iter().map(|row| (row.line, row.fault)).collect();
        let cells = "has more cells than the header: put texts with commas in quotes";
        let quote = "opens a quote that is never closed";
        let expected = [
            (4, Some(few)),
            (5, Some(cells)),
            (6, Some(quote)),
            (7, None),
        ];
        assert_eq!((header, found.as_slice()), (3, &expected[..]));
        let empty = TableFile::try_new(b" \n");
        assert!(matches!(empty, Err(FileError::Empty)));
    }

    #[test]
    fn a_row_has_the_cells_of_the_named_columns_and_no_other_value() {
        let faults = |text: &str| {
            let (_, rows) = rows_of(text);
            let faults = rows.iter().map(|row| row.fault);
            let first_words = faults.map(|fault| fault.map_or("", |text| &text[..10]));
            first_words.collect::<Vec<_>>()
        };
        // Lines that end with a comma, or not, below a header that does.
        assert_eq!(
            faults("a,b,\n1,2,\n1,2\n1,\n1\n"),
            ["", "", "", "has fewer "]
        );
        assert_eq!(faults("a,b,\n1,2,3\n1,2, \n"), ["has a valu", ""]);
        assert_eq!(
            faults("a,,b\n1,,2\n1,x,2\n1,\n"),
            ["", "has a valu", "has fewer "]
        );
        let file = TableFile::try_new(b"a,b,,B,\n").unwrap();
        let table = file.table().unwrap();
        table.check_once(&["a"]).unwrap();
        let twice = table.check_once(&["a", "b"]).unwrap_err().to_string();
        assert_eq!(
            twice,
            "the header has the column \"b\" twice, expected it once"
        );
    }

    #[test]
    fn each_encoding_and_separator_gives_the_same_cells() {
        let plain = "\u{fc},B\n1,\"x,y\"\n";
        let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let files = [
            plain.as_bytes().to_vec(),
            b"\xfc,B\n1,\"x,y\"\n".to_vec(),
            [&b"\xff\xfe"[..], &utf16].concat(),
            "\u{fc};B\n1;x,y\n".into(),
            "\u{fc}\tB\n1\tx,y\n".into(),
            "\"\u{fc},B\"\n\"1,\"\"x,y\"\"\"\n".into(),
        ];
        for bytes in files {
            let file = TableFile::try_new(&bytes).unwrap();
            let mut table = file.table().unwrap();
            let row = table.next_row().unwrap().unwrap();
            assert_eq!(
                (table.header.cells.concat(), row.cells.concat()),
                ("\u{fc}B".into(), "1x,y".into()),
                "{bytes:?}"
            );
        }
    }
}
