//! An Excel workbook: the cells of its first sheet that is not hidden to the rows of a table.
//!
//! A cell with text stays as it is. A number is a float in the file: its text is the shortest
//! decimal that reads back to the same float. Dates and times are written in the form of ISO 8601.

use std::io::Cursor;

use std::collections::BTreeSet;

use calamine::{DataRef, ExcelDateTime, Reader, SheetVisible, Xlsx, open_workbook_from_rs};
use zip::ZipArchive;

use super::TableText;
use crate::import::bounds::COLUMNS_MAX;
use crate::import::error::FileError;

/// The kind of such a file, as reports name it.
const SAID: &str = "a workbook, whose numbers may be rounded";
const SAID_OF_FIRST: &str = "the first sheet of several of a workbook, whose numbers \
                             may be rounded";

/// The fault of a workbook that can't be read.
const BROKEN: FileError = FileError::OtherFormat("an Excel workbook that is damaged (xlsx)");

/// Most bytes of all parts of a workbook once they are unpacked.
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Digits that Excel keeps of a number.
const NUMBER_DIGITS: usize = 15;

/// The first year of dates. A time of day alone is on a day before it.
const YEAR_FIRST: u16 = 1900;

/// Makes the table of the first sheet. Errors: no workbook, or one that is too large.
pub(super) fn table(bytes: &[u8]) -> Result<(String, &'static str), FileError> {
    check_size(bytes)?;
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).map_err(|_| BROKEN)?;
    let (name, has_others) = sheet_of(&book)?;
    let cells = cells(&mut book, &name)?;
    let with_times: BTreeSet<u32> = cells.iter().filter_map(SheetCell::time_at).collect();
    let width = cells.iter().map(|cell| cell.column).max().unwrap_or(0);
    let first = cells.iter().map(|cell| cell.column).min().unwrap_or(0);
    let mut table = TableText::default();
    for row in cells.chunk_by(|one, other| one.row == other.row) {
        let mut texts = vec![String::new(); width_of(first, width)];
        for cell in row {
            let place = width_of(first, cell.column) - 1;
            if let Some(text) = texts.get_mut(place) {
                *text = cell.text(&with_times);
            }
        }
        let line = row.first().map_or(0, |cell| u64::from(cell.row) + 1);
        table.push(line, texts.iter().map(String::as_str));
    }
    let said = if has_others { SAID_OF_FIRST } else { SAID };
    Ok((table.text, said))
}

/// Returns the number of columns from one to another.
fn width_of(first: u32, last: u32) -> usize {
    let columns = usize::try_from(last.saturating_sub(first));
    columns.unwrap_or_default() + 1
}

/// A cell that is not blank.
#[derive(Debug)]
struct SheetCell {
    row: u32,
    column: u32,
    value: CellValue,
}

#[derive(Debug)]
enum CellValue {
    Text(String),
    Time(ExcelDateTime),
}

/// Returns the first sheet that is not hidden, and whether there are others.
fn sheet_of(book: &Xlsx<Cursor<&[u8]>>) -> Result<(String, bool), FileError> {
    let sheets = book.sheets_metadata().iter();
    let mut sheets = sheets.filter(|sheet| sheet.visible == SheetVisible::Visible);
    let first = sheets.next().ok_or(BROKEN)?;
    Ok((first.name.clone(), sheets.next().is_some()))
}

/// Reads the cells of a sheet that are not blank. Order: by row. A sheet may have one cell
/// far away from all others, so no room is made for the cells between. Errors: too many columns.
fn cells(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Vec<SheetCell>, FileError> {
    let mut reader = book.worksheet_cells_reader(name).map_err(|_| BROKEN)?;
    let mut cells = Vec::new();
    while let Some(cell) = reader.next_cell().map_err(|_| BROKEN)? {
        let (row, column) = cell.get_position();
        let value = match cell.get_value() {
            DataRef::DateTime(time) => CellValue::Time(*time),
            other => CellValue::Text(text(other)),
        };
        if matches!(&value, CellValue::Text(text) if text.trim().is_empty()) {
            continue;
        }
        let found = usize::try_from(column).unwrap_or(usize::MAX);
        if found >= COLUMNS_MAX {
            let line = u64::from(row) + 1;
            return Err(FileError::TooManyColumns { line, found });
        }
        cells.push(SheetCell { row, column, value });
    }
    cells.sort_by_key(|cell| (cell.row, cell.column));
    Ok(cells)
}

impl SheetCell {
    /// Returns the column of a cell that has a date and a time of day.
    fn time_at(&self) -> Option<u32> {
        match &self.value {
            CellValue::Time(time) if !is_date(time) => Some(self.column),
            _ => None,
        }
    }

    /// Returns the text. `with_times`: columns in which a date at midnight is a time, too.
    fn text(&self, with_times: &BTreeSet<u32>) -> String {
        match &self.value {
            CellValue::Text(text) => text.clone(),
            CellValue::Time(time) => time_text(time, with_times.contains(&self.column)),
        }
    }
}

/// Checks how large the parts of a workbook are once they are unpacked.
fn check_size(bytes: &[u8]) -> Result<(), FileError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| BROKEN)?;
    let mut unpacked = 0_u64;
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(|_| BROKEN)?;
        unpacked = unpacked.saturating_add(part.size());
    }
    match unpacked > UNPACKED_BYTES_MAX {
        true => Err(FileError::TooLarge(
            usize::try_from(UNPACKED_BYTES_MAX / (1024 * 1024)).unwrap_or(usize::MAX),
        )),
        false => Ok(()),
    }
}

fn text(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number_text(number.to_string(), || format!("{number:E}")),
        DataRef::Float(number) => number_text(number.to_string(), || format!("{number:E}")),
        DataRef::Bool(is_true) => is_true.to_string(),
        DataRef::DateTime(time) => time_text(time, false),
        // No number, so that a row with an error is refused.
        DataRef::Error(error) => error.to_string(),
    }
}

/// Writes a number. A cell keeps 15 digits: a longer number has an exponent, `2.29E+18`, so that no
/// id is made of it.
fn number_text(plain: String, with_exponent: impl Fn() -> String) -> String {
    let whole = plain.split('.').next().unwrap_or_default();
    match whole.trim_start_matches('-').len() > NUMBER_DIGITS {
        true => with_exponent().replacen('E', "E+", 1),
        false => plain,
    }
}

/// Tells whether a time is a date at midnight, or a time of day alone.
fn is_date(time: &ExcelDateTime) -> bool {
    let (year, _, _, hour, minute, second, milli) = time.to_ymd_hms_milli();
    year < YEAR_FIRST || (hour, minute, second, milli) == (0, 0, 0, 0)
}

/// Writes a date, a time of day, or both. `with_time`: a date at midnight is both.
fn time_text(time: &ExcelDateTime, with_time: bool) -> String {
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let of_day = format!("{hour:02}:{minute:02}:{second:02}.{milli:03}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (year < YEAR_FIRST, is_date(time) && !with_time) {
        (true, _) => of_day,
        (false, true) => date,
        (false, false) => format!("{date} {of_day}"),
    }
}
