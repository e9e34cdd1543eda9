//! One line of CSV by RFC 4180, with text that no spreadsheet takes for a formula.

use std::fmt::Display;
use std::io::Write;

use crate::engine::{Canonical, FORMULA_MARK, is_formula};

/// A line of CSV under construction.
#[derive(Debug, Default)]
pub struct CsvLine {
    text: Vec<u8>,
    in_line: bool,
}

impl CsvLine {
    fn begin_cell(&mut self) {
        if std::mem::replace(&mut self.in_line, true) {
            self.text.push(b',');
        } else {
            self.text.clear();
        }
    }

    /// Adds text that another program or a person wrote.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.begin_cell();
        let is_formula = is_formula(text);
        let is_quoted = text.contains(['"', ',', '\n', '\r']);
        if is_quoted {
            self.text.push(b'"');
        }
        if is_formula {
            self.text.push(FORMULA_MARK);
        }
        if text.contains('"') {
            let doubled = text.replace('"', "\"\"");
            self.text.extend_from_slice(doubled.as_bytes());
        } else {
            self.text.extend_from_slice(text.as_bytes());
        }
        if is_quoted {
            self.text.push(b'"');
        }
        self
    }

    /// Adds a number, a date or a code of our own, without quotes.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        self.begin_cell();
        // Writing to a vector can't fail.
        let _ = write!(self.text, "{value}");
        self
    }

    /// Adds a value as [`value`](Self::value) does, or an empty cell.
    pub fn optional(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.value(value),
            None => self.text(""),
        }
    }

    /// Adds a value that writes its own text quickly, as there may be millions of rows of lots.
    pub fn quick(&mut self, value: &impl Canonical) -> &mut Self {
        self.begin_cell();
        value.push_to(&mut self.text);
        self
    }

    /// Adds a value as [`quick`](Self::quick) does, or an empty cell.
    pub fn quick_optional(&mut self, value: Option<&impl Canonical>) -> &mut Self {
        match value {
            Some(value) => self.quick(value),
            None => self.text(""),
        }
    }

    /// Adds several texts.
    pub fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        for text in texts {
            self.text(text);
        }
        self
    }

    /// Ends the line with CR and LF and returns its bytes. Then the next line begins.
    pub fn end(&mut self) -> &[u8] {
        self.end_with(b"\r\n")
    }

    /// Ends the line with another line end.
    pub fn end_with(&mut self, line_end: &[u8]) -> &[u8] {
        if !std::mem::replace(&mut self.in_line, false) {
            self.text.clear();
        }
        self.text.extend_from_slice(line_end);
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_harmless() {
        let mut line = CsvLine::default();
        line.text("plain").text("a,b").text("say \"so\"").text("");
        line.text("two\nlines").text("=cmd()").text("-1").text("@x");
        line.value(-1).optional(None::<i32>).text("+a,\"b\"");
        let expected = "plain,\"a,b\",\"say \"\"so\"\"\",,\"two\nlines\",'=cmd(),'-1,'@x,-1,,\
                        \"'+a,\"\"b\"\"\"\r\n";
        assert_eq!(str::from_utf8(line.end()).unwrap(), expected);
        line.text("next");
        assert_eq!(line.end(), b"next\r\n");
        assert_eq!(line.end(), b"\r\n");
        line.quick(&-7_i64).quick_optional(None::<&i64>).quick(&7);
        assert_eq!(line.end(), b"-7,,7\r\n");
        line.texts(["＝x", "＋x", "－x", "＠x", "\nx", "x＝"]);
        let expected = "'＝x,'＋x,'－x,'＠x,\"'\nx\",x＝\r\n";
        assert_eq!(str::from_utf8(line.end()).unwrap(), expected);
    }

    #[test]
    fn a_reader_gets_back_what_was_written() {
        let texts = ["a,b", "\"", "x\r\ny", "", " leading", "ünï"];
        let mut line = CsvLine::default();
        line.texts(texts);
        let bytes = line.end();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(bytes);
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.iter().collect::<Vec<_>>(), texts);
    }
}
