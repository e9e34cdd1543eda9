//! One sheet of a workbook, row by row, and guards for the library's panics.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::tax::{Rounding, SheetFull};

/// Most rows of a sheet, the header included.
const SHEET_ROWS_MAX: u32 = 1_048_576;

/// How cells look.
pub(super) struct Looks {
    pub(super) head: Format,
    pub(super) date: Format,
    pub(super) money: Format,
}

/// A sheet and its next row.
pub(super) struct Sheet {
    pub(super) sheet: Worksheet,
    row: u32,
    column: u16,
}

impl Sheet {
    pub(super) fn begin(
        book: &mut Workbook,
        name: &str,
        head: &[&str],
        looks: &Looks,
    ) -> io::Result<Self> {
        let mut sheet = book.new_worksheet_with_constant_memory().map_err(failed)?;
        sheet.set_name(name).map_err(failed)?;
        sheet.set_freeze_panes(1, 0).map_err(failed)?;
        for (column, title) in (0..).zip(head) {
            let width = u8::try_from(title.len().clamp(12, 24)).unwrap_or(24);
            sheet.set_column_width(column, width).map_err(failed)?;
        }
        for (column, title) in (0..).zip(head) {
            let titled = sheet.write_string_with_format(0, column, *title, &looks.head);
            titled.map_err(failed)?;
        }
        let (row, column) = (0, 0);
        Ok(Self { sheet, row, column })
    }

    /// Begins the next row. Errors: the sheet is full.
    pub(super) fn next(&mut self) -> io::Result<&mut Self> {
        self.row += 1;
        self.column = 0;
        if self.row >= SHEET_ROWS_MAX {
            return Err(io::Error::other(SheetFull(SHEET_ROWS_MAX - 1)));
        }
        Ok(self)
    }

    pub(super) fn text(&mut self, text: impl ToString) -> io::Result<&mut Self> {
        let text = text.to_string();
        if !text.is_empty() {
            let written = self.sheet.write_string(self.row, self.column, text);
            written.map_err(failed)?;
        }
        self.column += 1;
        Ok(self)
    }

    pub(super) fn optional(&mut self, text: Option<impl ToString>) -> io::Result<&mut Self> {
        self.text(text.map(|text| text.to_string()).unwrap_or_default())
    }

    pub(super) fn date(&mut self, date: Option<Date>, looks: &Looks) -> io::Result<&mut Self> {
        let Some(date) = date else {
            return self.text("");
        };
        let parts = (
            u16::try_from(date.year()),
            u8::try_from(date.month()),
            u8::try_from(date.day()),
        );
        let excel = match parts {
            (Ok(year), Ok(month), Ok(day)) => ExcelDateTime::from_ymd(year, month, day).ok(),
            _ => None,
        };
        // A spreadsheet knows no dates before 1900.
        let Some(excel) = excel else {
            return self.text(date);
        };
        let (row, column) = (self.row, self.column);
        let written = self
            .sheet
            .write_with_format(row, column, &excel, &looks.date);
        written.map_err(failed)?;
        self.column += 1;
        Ok(self)
    }

    /// Writes a printed amount as a number.
    pub(super) fn money(
        &mut self,
        printed: i128,
        rounding: Rounding,
        looks: &Looks,
    ) -> io::Result<&mut Self> {
        let text = rounding.text(printed);
        let Ok(number) = Decimal::from_str_exact(&text) else {
            return self.text(text);
        };
        let (row, column) = (self.row, self.column);
        let written = self
            .sheet
            .write_with_format(row, column, number, &looks.money);
        written.map_err(failed)?;
        self.column += 1;
        Ok(self)
    }
}

/// Returns the system's own error from inside the library's error.
pub(super) fn failed(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error)
        | XlsxError::TempFileError(_, error)
        | XlsxError::ZipError(zip::result::ZipError::Io(error)) => error,
        error => io::Error::other(error),
    }
}

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Tells whether a panic of this thread becomes an error, so that its message need not be printed.
pub fn is_panic_caught() -> bool {
    IS_CAUGHT.get()
}

/// Does work in which the library panics instead of returning an error if a sheet can't be written.
pub(super) fn caught<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    IS_CAUGHT.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(false);
    done.unwrap_or_else(|panic| Err(of_panic(&*panic)))
}

/// Reads the error of the system in the text of a panic: `...: Os { code: 28, ...`.
fn of_panic(panic: &(dyn Any + Send)) -> io::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("the library of workbooks failed");
    let code = text.split_once("code: ").and_then(|(_, rest)| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    });
    code.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_an_error_of_the_system() {
        let full = caught(|| -> io::Result<()> {
            let error = io::Error::from_raw_os_error(28);
            panic!("can't write: {error:?}");
        });
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let other = caught(|| -> io::Result<()> { panic!("code: none") });
        assert_eq!(other.unwrap_err().to_string(), "code: none");
        assert!(!is_panic_caught());
    }
}
