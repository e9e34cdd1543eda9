//! CSV for TaxAct, with its headings, in files that are small enough for it.
//!
//! Source: TaxAct, "Form 1099-B - Create Your Own Spreadsheet" (headings, reporting category) and
//! "Form 1099-B - Summary Totals" (2,000 items).

use std::io;
use std::path::{Path, PathBuf};

use super::{Done, TaxFile, numbered, us_date};
use crate::files::IfThere;
use crate::report::{CsvFile, WrittenFile};
use crate::tax::formats::ExportFacts;
use crate::tax::row::TaxRow;
use crate::tax::{Rounding, Totals};

/// Rows that TaxAct takes in one return.
pub const TAXACT_ROWS_MAX: u64 = 2_000;

const HEADER: [&str; 8] = [
    "Description",
    "Date Acquired",
    "Date Sold",
    "Sales Proceeds",
    "Cost or Other Basis",
    "Reporting Category",
    "Long/Short",
    "Additional Description",
];

pub(super) struct TaxAct {
    path: PathBuf,
    file: CsvFile,
    full: Vec<WrittenFile>,
    if_there: IfThere,
    rounding: Rounding,
}

impl TaxAct {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: CsvFile::create(path, facts.if_there, &HEADER)?,
            if_there: facts.if_there,
            full: Vec::new(),
            rounding: facts.rules.rounding,
        })
    }
}

impl TaxFile for TaxAct {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let Some((matched, form_box)) = row.matched.zip(row.form_box()) else {
            return Ok(());
        };
        if self.file.rows() == TAXACT_ROWS_MAX {
            let path = numbered(&self.path, self.full.len() + 2);
            let next = CsvFile::create(&path, self.if_there, &HEADER)?;
            let full = std::mem::replace(&mut self.file, next);
            self.full.push(full.finish()?);
        }
        let printed = matched.printed;
        let line = self.file.line();
        line.text(&row.marked_description());
        line.optional(row.acquired.map(us_date))
            .value(us_date(row.sold));
        line.value(self.rounding.text(printed.proceeds));
        line.value(self.rounding.text(printed.cost));
        line.value(form_box.letter);
        line.value(matched.term.as_str());
        line.text(row.from.row.sell_order_id.as_str());
        self.file.end_row()
    }

    fn finish(mut self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        let mut files = std::mem::take(&mut self.full);
        files.push(self.file.finish()?);
        Ok(Done {
            files,
            left_out: Vec::new(),
        })
    }
}
