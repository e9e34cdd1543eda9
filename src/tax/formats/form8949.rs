//! Form 8949: Part I before Part II, box by box, columns (a) to (h), then where each line leads.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Done, TaxFile, header, one, us_date};
use crate::report::CsvLine;
use crate::report::PartFile;
use crate::tax::boxes::{FormBox, Part};
use crate::tax::formats::ExportFacts;
use crate::tax::row::TaxRow;
use crate::tax::{Rounding, Totals};

const HEADER: [&str; 14] = [
    "Part",
    "Box",
    "(a) Description of property",
    "(b) Date acquired",
    "(c) Date sold or disposed of",
    "(d) Proceeds",
    "(e) Cost or other basis",
    "(f) Code",
    "(g) Amount of adjustment",
    "(h) Gain or loss",
    "Account",
    "Sell order",
    "Buy order",
    "Note",
];

/// Rows wait in a file a box, so that the form's order needs no memory.
pub(super) struct Form8949 {
    path: PathBuf,
    file: PartFile,
    boxes: BTreeMap<(Part, FormBox), PartFile>,
    rounding: Rounding,
    line: CsvLine,
}

impl Form8949 {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        let mut file = PartFile::create(path, facts.if_there)?;
        header(&mut file, &HEADER)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            boxes: BTreeMap::new(),
            rounding: facts.rules.rounding,
            line: CsvLine::default(),
        })
    }
}

impl TaxFile for Form8949 {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let Some(matched) = &row.matched else {
            return Ok(());
        };
        let (form_box, printed) = (matched.form_box, matched.printed);
        let text = |amount| self.rounding.text(amount);
        let stored = &row.from.row;
        let line = &mut self.line;
        line.value(form_box.part().as_str()).value(form_box.letter);
        line.text(&row.description());
        line.optional(row.acquired.map(us_date))
            .value(us_date(row.sold));
        line.value(text(printed.proceeds)).value(text(printed.cost));
        line.text("").text("").value(text(printed.gain()));
        line.text(stored.account.as_str());
        line.text(stored.sell_order_id.as_str());
        line.text(stored.buy_order_id.as_ref().map_or("", |id| id.as_str()));
        line.text(&row.flags());
        let bytes = line.end();
        let key = (form_box.part(), form_box);
        if !self.boxes.contains_key(&key) {
            self.boxes.insert(key, PartFile::nameless(&self.path)?);
        }
        match self.boxes.get_mut(&key) {
            Some(file) => file.row(bytes),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        for (_, rows) in std::mem::take(&mut self.boxes) {
            self.file.append(rows)?;
        }
        Ok(one(self.file.finish()?))
    }
}
