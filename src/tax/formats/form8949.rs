//! Form 8949: Part I before Part II, box by box, columns (a) to (h), then where each line leads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};

use super::{Done, TaxFile, one, us_date};
use crate::report::{CsvFile, PartFile};
use crate::tax::boxes::{FormBox, FormPart};
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

/// The form has its rows by box. Each box has a temporary file, so that no rows wait in memory.
pub(super) struct Form8949 {
    path: PathBuf,
    file: CsvFile,
    boxes: BTreeMap<(FormPart, FormBox), PartFile>,
    rounding: Rounding,
}

impl Form8949 {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: CsvFile::create(path, facts.if_there, &HEADER)?,
            boxes: BTreeMap::new(),
            rounding: facts.rules.rounding,
        })
    }
}

impl TaxFile for Form8949 {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let Some((matched, form_box)) = row.matched.zip(row.form_box()) else {
            return Ok(());
        };
        let printed = matched.printed;
        let text = |amount| self.rounding.text(amount);
        let stored = &row.from.row;
        let line = self.file.line();
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
        match self.boxes.entry(key) {
            Entry::Occupied(mut rows) => rows.get_mut().row(bytes),
            Entry::Vacant(none) => none.insert(PartFile::nameless(&self.path)?).row(bytes),
        }
    }

    fn finish(mut self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        for (_, rows) in std::mem::take(&mut self.boxes) {
            self.file.append(rows)?;
        }
        Ok(one(self.file.finish()?))
    }
}
