//! Schedule D: the totals of Form 8949 by line and box. Each total is a sum of printed rows.

use std::io;
use std::path::Path;

use super::{Done, TaxFile, one};
use crate::report::CsvFile;
use crate::tax::boxes::FormPart;
use crate::tax::formats::ExportFacts;
use crate::tax::row::TaxRow;
use crate::tax::{BoxTotal, Rounding, Totals};

const HEADER: [&str; 12] = [
    "Line",
    "Part",
    "Boxes",
    "Rows",
    "(d) Proceeds",
    "(e) Cost or other basis",
    "(g) Adjustments",
    "(h) Gain or loss",
    "Exact proceeds",
    "Exact cost",
    "Exact gain",
    "What",
];

pub(super) struct ScheduleD {
    file: CsvFile,
    rounding: Rounding,
}

impl ScheduleD {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        Ok(Self {
            file: CsvFile::create(path, facts.if_there, &HEADER)?,
            rounding: facts.rules.rounding,
        })
    }

    fn line(&mut self, place: [&str; 3], total: &BoxTotal, what: &str) -> io::Result<()> {
        let text = |amount| self.rounding.text(amount);
        let line = self.file.line();
        line.texts(place).value(total.rows);
        line.value(text(total.printed.proceeds));
        line.value(text(total.printed.cost)).value(text(0));
        line.value(text(total.printed.gain()));
        line.value(total.proceeds)
            .value(total.cost)
            .value(total.gain());
        line.text(what);
        self.file.end_row()
    }
}

impl TaxFile for ScheduleD {
    fn row(&mut self, _row: &TaxRow) -> io::Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>, totals: &Totals) -> io::Result<Done> {
        for (part, lines, sum, word) in [
            (FormPart::One, ["1b", "2", "3"], "7", "short-term"),
            (FormPart::Two, ["8b", "9", "10"], "15", "long-term"),
        ] {
            for number in lines {
                let boxes: Vec<String> = totals
                    .boxes
                    .keys()
                    .filter(|of| of.schedule_d_line() == number)
                    .map(|of| of.letter.to_string())
                    .collect();
                if boxes.is_empty() {
                    continue;
                }
                let place = [number, part.as_str(), &boxes.join("+")];
                let what = format!("{word} totals of Form 8949");
                self.line(place, &totals.of_line(number), &what)?;
            }
            if totals.of(Some(part)).rows > 0 {
                let what = format!("net {word} gain or loss of these rows alone");
                self.line([sum, part.as_str(), ""], &totals.of(Some(part)), &what)?;
            }
        }
        if !totals.boxes.is_empty() {
            let what = "lines 7 and 15 combined";
            self.line(["16", "", ""], &totals.of(None), what)?;
        }
        Ok(one(self.file.finish()?))
    }
}
