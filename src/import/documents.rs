//! Files that are no table of text: XML, HTML, workbooks, and statements of several tables in one
//! file.
//!
//! Each becomes the text of one table, which a format reads like any other. A row stands on the
//! line of the file that it came from, as far as lines have one row each.

mod activity;
mod activity_levels;
mod flex;
mod html;
mod report;
mod report_rows;
mod workbook;

use super::encoding::decoded_as_it_is;
use super::error::FileError;
use super::file::is_workbook;

/// Bytes at the start of a file that show what it is.
pub const DOCUMENT_HEAD_BYTES: usize = 4096;

/// The text of a table that was made of a file.
#[derive(Debug)]
pub(super) struct Document {
    pub text: String,
    /// The kind of the file, as reports name it.
    pub said: &'static str,
    /// The name of the format, if the table has not all that a file of its format may have.
    pub format: Option<&'static str>,
}

/// Tells by the first bytes of a file whether it may be a document. Such a file is read whole.
pub fn is_document(head: &[u8]) -> bool {
    if is_workbook(head) {
        return true;
    }
    let text = head_text(head);
    let text = text.as_str();
    flex::begins(text) || activity::begins(text) || report::begins(text)
}

/// Returns the beginning of a file as text. Of UTF-16, only the letters of ASCII are right.
fn head_text(head: &[u8]) -> String {
    let is_utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let text = match is_utf16 {
        true => {
            let bytes = head.iter().skip(2).copied();
            let letters: Vec<u8> = bytes.filter(|byte| *byte != 0).collect();
            String::from_utf8_lossy(&letters).into_owned()
        }
        false => String::from_utf8_lossy(head).into_owned(),
    };
    text.trim_start_matches('\u{feff}').trim_start().to_owned()
}

/// Makes the text of a table. `None`: the file is a table itself. Errors: it is broken.
pub(super) fn document(bytes: &[u8]) -> Result<Option<Document>, FileError> {
    let head = bytes.get(..DOCUMENT_HEAD_BYTES).unwrap_or(bytes);
    if !is_document(head) {
        return Ok(None);
    }
    if is_workbook(head) {
        let (mut text, said) = workbook::table(bytes)?;
        let start: String = text.chars().take(DOCUMENT_HEAD_BYTES).collect();
        let mut format = None;
        if report::begins(&start)
            && let Some((table, _)) = report::table(&text)?
        {
            text = table;
        } else if activity::begins(&start)
            && let Some((table, of)) = activity::table(&text)?
        {
            (text, format) = (table, of);
        }
        return Ok(Some(Document {
            format,
            ..Document::of(text, said)
        }));
    }
    let start = head_text(head);
    let (text, _) = decoded_as_it_is(bytes)?;
    let text = text.as_str();
    if flex::begins(text.trim_start()) {
        let text = flex::table(text)?;
        return Ok(Some(Document::of(text, "XML")));
    }
    if report::begins(&start) {
        let made = report::table(text)?;
        return Ok(made.map(|(text, said)| Document::of(text, said)));
    }
    let table = activity::table(text)?;
    Ok(table.map(|(text, format)| Document {
        format,
        ..Document::of(text, "a statement of several tables")
    }))
}

impl Document {
    fn of(text: String, said: &'static str) -> Self {
        Self {
            text,
            said,
            format: None,
        }
    }
}

/// Writes a table, each row on the line of its source if the line is still free.
#[derive(Debug)]
struct TableText {
    text: String,
    line: u64,
    /// The byte between two cells.
    separator: u8,
}

impl Default for TableText {
    fn default() -> Self {
        Self::of(b',')
    }
}

impl TableText {
    fn of(separator: u8) -> Self {
        Self {
            text: String::new(),
            line: 0,
            separator,
        }
    }

    /// Writes a row that came from a line.
    fn push<'c>(&mut self, line: u64, cells: impl IntoIterator<Item = &'c str>) {
        self.line = self.line.max(1);
        while self.line < line {
            self.text.push('\n');
            self.line += 1;
        }
        let mut is_first = true;
        for cell in cells {
            if !std::mem::take(&mut is_first) {
                self.text.push(char::from(self.separator));
            }
            let is_plain = !cell.contains([char::from(self.separator), '"', '\n', '\r']);
            match is_plain {
                true => self.text.push_str(cell),
                false => {
                    let cell = cell.replace(['\n', '\r'], " ").replace('"', "\"\"");
                    self.text.push_str(&format!("\"{cell}\""));
                }
            }
        }
        self.text.push('\n');
        self.line += 1;
    }
}
