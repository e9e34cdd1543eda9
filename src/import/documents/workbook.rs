//! An Excel workbook: the cells of its first sheet to the rows of a table.
//!
//! A cell with text stays as it is. A number is a float in the file: its text is the shortest
//! decimal that reads back to the same float. Dates and times are written in the form of ISO 8601.

use std::io::Cursor;

use calamine::{Data, ExcelDateTime, Reader, Xlsx, open_workbook_from_rs};
use zip::ZipArchive;

use super::TableText;
use crate::import::error::FileError;

/// The kind of such a file, as reports name it.
pub(super) const SAID: &str = "a workbook, with numbers as the shortest decimals of its floats";

/// The fault of a workbook that can't be read.
const BROKEN: FileError = FileError::OtherFormat("an Excel workbook that is damaged (xlsx)");

/// Most bytes of all parts of a workbook once they are unpacked.
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The first year of dates. A time of day alone is on a day before it.
const YEAR_FIRST: u16 = 1900;

/// Makes the table of the first sheet. Errors: no workbook, or one that is too large.
pub(super) fn table(bytes: &[u8]) -> Result<String, FileError> {
    check_size(bytes)?;
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).map_err(|_| BROKEN)?;
    let sheet = book.worksheet_range_at(0).ok_or(BROKEN)?;
    let sheet = sheet.map_err(|_| BROKEN)?;
    let first = sheet.start().map_or(0, |(row, _)| row);
    let mut table = TableText::default();
    for (line, cells) in (u64::from(first) + 1..).zip(sheet.rows()) {
        let texts: Vec<String> = cells.iter().map(text).collect();
        table.push(line, texts.iter().map(String::as_str));
    }
    Ok(table.text)
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

fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(is_true) => is_true.to_string(),
        Data::DateTime(time) => time_text(time),
        // No number, so that a row with an error is refused.
        Data::Error(error) => error.to_string(),
    }
}

/// Writes a date, a time of day, or both.
fn time_text(time: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let of_day = format!("{hour:02}:{minute:02}:{second:02}.{milli:03}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    let is_midnight = (hour, minute, second, milli) == (0, 0, 0, 0);
    match (year < YEAR_FIRST, is_midnight) {
        (true, _) => of_day,
        (false, true) => date,
        (false, false) => format!("{date} {of_day}"),
    }
}
