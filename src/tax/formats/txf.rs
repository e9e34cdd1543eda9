//! Tax exchange format, version 042: detail records of record format 4.
//!
//! The specification is of 2011 and has references for boxes A to F. The export leaves rows of
//! boxes G to L out, and says so. The header's date is the last day of the tax year: a clock would
//! give other bytes for the same version. Source: TXF specification 042, sections VII and VIII.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::{Done, LeftOut, TaxFile, one, us_date};
use crate::engine::policy::PROGRAM;
use crate::report::PartFile;
use crate::tax::boxes::FormBox;
use crate::tax::formats::ExportFacts;
use crate::tax::row::TaxRow;
use crate::tax::{Rounding, Totals};

pub(super) struct Txf {
    file: PartFile,
    rounding: Rounding,
    left_out: BTreeMap<FormBox, u64>,
}

/// Returns a description in the format's ASCII.
fn ascii(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().map(plain).collect()
}

impl Txf {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        let mut file = PartFile::create(path, facts.if_there)?;
        let (program, year) = (facts.program_version, facts.rules.year);
        let head = format!("V042\r\nA{PROGRAM} {program}\r\nD 12/31/{year:04}\r\n^\r\n");
        file.head(head.as_bytes())?;
        Ok(Self {
            file,
            rounding: facts.rules.rounding,
            left_out: BTreeMap::new(),
        })
    }
}

impl TaxFile for Txf {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let Some((matched, form_box)) = row.matched.zip(row.form_box()) else {
            return Ok(());
        };
        let Some(reference) = form_box.txf_reference() else {
            *self.left_out.entry(form_box).or_default() += 1;
            return Ok(());
        };
        let record = format!(
            "TD\r\nN{reference}\r\nC1\r\nL1\r\nP{}\r\nD{}\r\nD{}\r\n${}\r\n${}\r\n^\r\n",
            ascii(&row.marked_description()),
            row.acquired.map(us_date).unwrap_or_default(),
            us_date(row.sold),
            self.rounding.text(matched.printed.cost),
            self.rounding.text(matched.printed.proceeds),
        );
        self.file.row(record.as_bytes())
    }

    fn finish(self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        let left_out = self.left_out.iter().map(|(form_box, rows)| LeftOut {
            what: format!("box {}", form_box.letter),
            rows: *rows,
            why: "version 042 of the format has no reference for it",
        });
        let left_out = left_out.collect();
        Ok(Done {
            left_out,
            ..one(self.file.finish()?)
        })
    }
}
