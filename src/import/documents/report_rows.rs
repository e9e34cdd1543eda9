//! The rows of a report, as a page or a text has them.

/// A row of a report.
#[derive(Debug)]
pub(super) struct ReportRow {
    pub line: u64,
    pub cells: Vec<ReportCell>,
}

/// A cell of a report.
#[derive(Debug)]
pub(super) struct ReportCell {
    pub text: String,
    /// Columns that the cell is over. The text is that of the first one.
    pub columns: usize,
}

impl ReportRow {
    /// Returns the texts of a row, filled up with empty ones to a number of columns. A cell beyond
    /// them counts if it has a text.
    pub(super) fn expanded(&self, columns: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(columns);
        for cell in &self.cells {
            if texts.len() >= columns && cell.text.is_empty() {
                continue;
            }
            texts.push(cell.text.clone());
            let more = columns.saturating_sub(texts.len()).min(cell.columns - 1);
            texts.extend(std::iter::repeat_n(String::new(), more));
        }
        let missing = columns.saturating_sub(texts.len());
        texts.extend(std::iter::repeat_n(String::new(), missing));
        texts
    }
}

/// Returns a text with one plain blank in place of any blanks.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
