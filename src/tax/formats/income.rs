//! `income`: one row for each reward, interest payment, dividend and the like of a year.

use std::io;
use std::path::Path;

use super::{Done, TaxFile, one};
use crate::report::CsvFile;
use crate::store::values::ValueFrom;
use crate::tax::Totals;
use crate::tax::formats::ExportFacts;
use crate::tax::income::IncomeRow;
use crate::tax::row::TaxRow;

/// Columns of the file.
const HEADER: [&str; 18] = [
    "date_received",
    "asset",
    "quantity",
    "kind",
    "value_usd",
    "exact_value_usd",
    "value_from",
    "rate",
    "rate_source",
    "rate_time_utc",
    "account",
    "movement_id",
    "time_utc",
    "file",
    "line",
    "version",
    "timezone",
    "note",
];

pub(super) struct IncomeFile(CsvFile);

impl IncomeFile {
    /// Writes all rows: they are no sales, which come later.
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        let mut file = CsvFile::create(path, facts.if_there, &HEADER)?;
        for row in &facts.income.rows {
            write(&mut file, row, facts)?;
        }
        Ok(Self(file))
    }
}

fn write(file: &mut CsvFile, row: &IncomeRow, facts: &ExportFacts<'_>) -> io::Result<()> {
    let (income, rules) = (&row.of.income, facts.rules);
    let value = row.of.value.as_ref();
    let rate = match value {
        Some((_, ValueFrom::Rate(rate))) => Some(rate),
        _ => None,
    };
    let line = file.line();
    line.value(row.received).text(income.pool.asset.as_str());
    line.value(income.units).text(income.kind.as_str());
    line.optional(row.printed.map(|printed| rules.rounding.text(printed)));
    line.optional(value.map(|(value, _)| value))
        .text(row.value_from());
    line.optional(rate.map(|rate| rate.value));
    line.text(rate.map_or("", |rate| rate.source.as_str()));
    line.optional(rate.map(|rate| rate.at));
    line.text(income.pool.account.as_str());
    line.text(income.movement_id.as_str()).value(income.at);
    line.text(row.file.as_deref().unwrap_or(""));
    line.value(row.of.row.import_line);
    line.value(facts.version.version).text(&rules.zone_name);
    line.text(&row.note(rules));
    file.end_row()
}

impl TaxFile for IncomeFile {
    fn row(&mut self, _row: &TaxRow) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        Ok(one(self.0.finish()?))
    }
}
