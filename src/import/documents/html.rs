//! The rows of the tables in an HTML page.
//!
//! A cell over several columns has its text in the first of them. A cell that the page hides is no
//! part of its row. A page that is cut, or that has text of a table outside of cells, is refused.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::report_rows::{ReportCell, ReportRow, one_line};
use crate::import::bounds::COLUMNS_MAX;
use crate::import::error::FileError;

/// The kind of such a file, as reports name it.
pub(super) const SAID: &str = "HTML";

const BROKEN: FileError = FileError::OtherFormat("HTML that is broken or cut");

/// The class of a cell that the page hides.
const HIDDEN: &str = "hidden";

/// Returns the rows of all tables, with the lines on which they begin. Errors: the page is broken.
pub(super) fn rows(text: &str) -> Result<Vec<ReportRow>, FileError> {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    // The text of styles and scripts has no tags.
    emitter.naively_switch_states(true);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.as_str();
    let mut page = Page {
        text,
        line: 1,
        ..Page::default()
    };
    for Ok(token) in Tokenizer::new_with_emitter(text, emitter) {
        match token {
            Token::StartTag(tag) => page.open(&tag)?,
            Token::EndTag(tag) => page.close(&tag.name)?,
            Token::String(text) => page.add(&String::from_utf8_lossy(&text))?,
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    page.finish()
}

/// A page as far as it is read.
#[derive(Debug, Default)]
struct Page<'t> {
    text: &'t str,
    /// Bytes up to which lines are counted, and the line there.
    counted: usize,
    line: u64,
    rows: Vec<ReportRow>,
    row: Option<ReportRow>,
    cell: Option<PageCell>,
    in_table: bool,
    has_end: bool,
}

/// A cell that is read.
#[derive(Debug)]
struct PageCell {
    cell: ReportCell,
    is_hidden: bool,
}

impl Page<'_> {
    fn open(&mut self, tag: &StartTag<usize>) -> Result<(), FileError> {
        match tag.name.as_slice() {
            b"table" if self.in_table => return Err(BROKEN),
            b"table" => self.in_table = true,
            b"tr" if self.in_table => {
                self.end_row()?;
                let line = self.line_at(tag.span.start);
                let cells = Vec::new();
                self.row = Some(ReportRow { line, cells });
            }
            b"td" | b"th" if self.row.is_some() => {
                self.end_cell()?;
                self.cell = Some(cell_of(tag)?);
            }
            b"tr" | b"td" | b"th" => return Err(BROKEN),
            b"br" => self.add(" ")?,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &[u8]) -> Result<(), FileError> {
        match name {
            b"td" | b"th" => self.end_cell(),
            b"tr" => self.end_row(),
            b"table" if !self.in_table => Err(BROKEN),
            b"table" => {
                self.end_row()?;
                self.in_table = false;
                Ok(())
            }
            b"html" => {
                self.has_end = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds text to the cell. Errors: the text stands in a table and in no cell.
    fn add(&mut self, text: &str) -> Result<(), FileError> {
        match &mut self.cell {
            Some(of) => of.cell.text.push_str(text),
            None if self.in_table && !text.trim().is_empty() => return Err(BROKEN),
            None => {}
        }
        Ok(())
    }

    /// Ends the cell, if one is open. Errors: the row has too many columns.
    fn end_cell(&mut self) -> Result<(), FileError> {
        let Some(of) = self.cell.take() else {
            return Ok(());
        };
        let Some(row) = self.row.as_mut().filter(|_| !of.is_hidden) else {
            return Ok(());
        };
        let text = one_line(&of.cell.text);
        let columns = of.cell.columns;
        row.cells.push(ReportCell { text, columns });
        match row.cells.len() > COLUMNS_MAX {
            true => Err(BROKEN),
            false => Ok(()),
        }
    }

    fn end_row(&mut self) -> Result<(), FileError> {
        self.end_cell()?;
        self.rows.extend(self.row.take());
        Ok(())
    }

    /// Returns the line of a place. Order: places come as in the page.
    fn line_at(&mut self, at: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let read = bytes.get(self.counted..at).unwrap_or_default();
        self.line += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted = self.counted.max(at);
        self.line
    }

    fn finish(self) -> Result<Vec<ReportRow>, FileError> {
        match self.in_table || !self.has_end {
            true => Err(BROKEN),
            false => Ok(self.rows),
        }
    }
}

/// Begins a cell. Errors: it is over too many columns.
fn cell_of(tag: &StartTag<usize>) -> Result<PageCell, FileError> {
    let attribute = |name: &str| {
        let found = tag.attributes.get(name.as_bytes());
        found.map(|text| String::from_utf8_lossy(text).to_ascii_lowercase())
    };
    let columns = attribute("colspan").and_then(|text| text.trim().parse().ok());
    let columns = columns.unwrap_or(1_usize).max(1);
    if columns > COLUMNS_MAX {
        return Err(BROKEN);
    }
    let classes = attribute("class").unwrap_or_default();
    let style = attribute("style").unwrap_or_default().replace(' ', "");
    let text = String::new();
    Ok(PageCell {
        cell: ReportCell { text, columns },
        is_hidden: classes.split_whitespace().any(|class| class == HIDDEN)
            || style.contains("display:none"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each row as its line and its cells; a cell over more columns has their number.
    fn read(text: &str) -> Result<Vec<(u64, String)>, String> {
        let rows = rows(text).map_err(|error| error.to_string())?;
        let cell = |of: &ReportCell| match of.columns {
            1 => of.text.clone(),
            more => format!("{}*{more}", of.text),
        };
        let row = |of: &ReportRow| {
            let cells: Vec<String> = of.cells.iter().map(cell).collect();
            (of.line, cells.join("|"))
        };
        Ok(rows.iter().map(row).collect())
    }

    #[test]
    fn a_page_becomes_rows_with_their_lines() {
        let page = "<!DOCTYPE html>\n<html><head><style><!-- td { } </td> --></style></head>\n\
                    <body>above\n<TABLE>\n\
                    <tr align=right><td nowrap>4&nbsp;129.590</TD><td class=\"x Hidden\" \
                    colspan=\"8\">note</td><th colspan=2><b>a</b><br>b</th></tr>\n\n\
                    <tr>\n<td>&minus;2.50</td><td style='display: none'>x</td><td></td>\n</tr>\n\
                    </table></body></html>\n";
        let expected = [
            (5, "4 129.590|a b*2".to_owned()),
            (7, "\u{2212}2.50|".to_owned()),
        ];
        assert_eq!(read(page).unwrap(), expected);
        assert_eq!(read(&page.replace('\n', "\r\n")).unwrap(), expected);
        // Old pages leave out the tags that end cells and rows.
        let open = page.replace("</td>", "").replace("</tr>", "");
        assert_eq!(read(&open).unwrap(), expected);
    }

    #[test]
    fn a_page_that_is_cut_or_broken_is_refused() {
        let whole = "<html><table><tr><td>1</td></tr></table></html>";
        assert!(read(whole).is_ok());
        let said = "the file is HTML that is broken or cut, expected CSV text";
        for cut in 0..whole.len() {
            let text = whole.get(..cut).unwrap();
            assert_eq!(read(text).unwrap_err(), said, "{text}");
        }
        for (from, to) in [
            ("<td>", "<td colspan=1001>"),
            ("<td>", "<td><table>"),
            ("<td>", "2<td>"),
            ("<tr>", ""),
            ("<table>", ""),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_eq!(read(&text).unwrap_err(), said, "{text}");
        }
    }
}
