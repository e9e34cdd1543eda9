//! The formats of tax files. Each has a type that takes rows one by one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::income::IncomeOfYear;
use super::row::{TaxRow, TaxRules};
use super::totals::Totals;
use crate::engine::Asset;
use crate::files::IfThere;
use crate::report::WrittenFile;
use crate::store::model::VersionInfo;

mod form8949;
mod income;
mod lots;
mod schedule_d;
mod taxact;
mod txf;
mod unmatched;
mod xlsx;

pub use lots::LOTS_HEADER;
pub use taxact::TAXACT_ROWS_MAX;
pub use xlsx::{OpenLotLine, is_panic_caught};

/// Facts of an export that each of its files may show.
#[derive(Debug, Clone, Copy)]
pub struct ExportFacts<'a> {
    /// The settings of the printed figures.
    pub rules: &'a TaxRules,
    /// The version that is exported.
    pub version: &'a VersionInfo,
    /// National currencies that trades of the version were priced in.
    pub currencies: &'a BTreeSet<Asset>,
    /// The year's income, if a file shows it.
    pub income: &'a IncomeOfYear,
    /// The program's own version.
    pub program_version: &'a str,
    /// Treatment of files that exist.
    pub if_there: IfThere,
}

/// A format that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Form 8949 as CSV.
    Form8949,
    /// Schedule D's totals as CSV.
    ScheduleD,
    /// One row an allocation with everything.
    Lots,
    /// CSV for TaxAct, in files of at most [`TAXACT_ROWS_MAX`] rows.
    TaxAct,
    /// Tax exchange format, version 042.
    Txf,
    /// One workbook.
    Xlsx,
    /// The year's income as CSV.
    Income,
}

impl Format {
    /// All formats, as they are listed.
    pub const ALL: [Self; 7] = [
        Self::Form8949,
        Self::ScheduleD,
        Self::Lots,
        Self::TaxAct,
        Self::Txf,
        Self::Xlsx,
        Self::Income,
    ];

    /// Tells whether its rows are sales.
    pub fn shows_sales(self) -> bool {
        self != Self::Income
    }

    /// Tells whether its rows have the rates of their trades.
    pub fn shows_rates(self) -> bool {
        matches!(self, Self::Lots | Self::Xlsx)
    }

    /// Returns the word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form8949 => "form8949",
            Self::ScheduleD => "schedule-d",
            Self::Lots => "lots",
            Self::TaxAct => "taxact",
            Self::Txf => "txf",
            Self::Xlsx => "xlsx",
            Self::Income => "income",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// Returns the extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Txf => "txf",
            Self::Xlsx => "xlsx",
            _ => "csv",
        }
    }

    /// Begins its file.
    pub(super) fn open(self, path: &Path, facts: &ExportFacts<'_>) -> io::Result<Box<dyn TaxFile>> {
        Ok(match self {
            Self::Form8949 => Box::new(form8949::Form8949::create(path, facts)?),
            Self::ScheduleD => Box::new(schedule_d::ScheduleD::create(path, facts)?),
            Self::Lots => Box::new(lots::LotsFile::create(path, facts)?),
            Self::TaxAct => Box::new(taxact::TaxAct::create(path, facts)?),
            Self::Txf => Box::new(txf::Txf::create(path, facts)?),
            Self::Xlsx => Box::new(xlsx::Xlsx::create(path, facts)?),
            Self::Income => Box::new(income::IncomeFile::create(path, facts)?),
        })
    }
}

/// Rows that a format left out, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The boxes of these rows, or another group.
    pub what: String,
    /// How many rows.
    pub rows: u64,
    /// Why.
    pub why: &'static str,
}

/// The rows and files that a format wrote.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) files: Vec<WrittenFile>,
    pub(super) left_out: Vec<LeftOut>,
}

/// A file that takes rows in canonical order.
pub(super) trait TaxFile: Send {
    /// Takes a row, matched or not.
    fn row(&mut self, row: &TaxRow) -> io::Result<()>;

    /// Takes an open lot of the version.
    fn open_lot(&mut self, _line: &OpenLotLine) -> io::Result<()> {
        Ok(())
    }

    /// Completes the file.
    fn finish(self: Box<Self>, totals: &Totals) -> io::Result<Done>;
}

/// Returns the file of unmatched rows. It is written only if there are any.
pub(super) fn unmatched_file(path: &Path, facts: &ExportFacts<'_>) -> Box<dyn TaxFile> {
    Box::new(unmatched::Unmatched::new(path, facts))
}

/// Returns the path of the second, third, ... file of one export.
pub(super) fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{number}.{extension}"))
}

/// Writes a date as American forms have it.
fn us_date(date: jiff::civil::Date) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{month:02}/{day:02}/{year:04}")
}

fn one(file: WrittenFile) -> Done {
    Done {
        files: vec![file],
        left_out: Vec::new(),
    }
}
