//! Files of rates into a store: first all files are read, then each is appended whole or not at
//! all.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::block_file::of_block;
use super::error::{PipelineError, PipelineResult};
use super::job::Context;
use crate::engine::{Account, Asset, Rate, RateSource};
use crate::import::{LIST_BYTES_MAX, Rejects, read_whole};
use crate::rates::{RateOptions, parse_rates};
use crate::store::RateStore;
use crate::store::model::{ImportFile, ImportMode, RateBatch, RateReceipt};

/// How files of rates are to be imported.
#[derive(Debug, Clone, Default)]
pub struct RateRequest {
    /// The kind of the files; `None`: their headers tell.
    pub kind: Option<RateSource>,
    /// The asset of files that name none.
    pub asset: Option<Asset>,
    /// The currency of files that name none.
    pub currency: Option<Asset>,
    /// Report what the import would do, and write nothing.
    pub preview: bool,
    /// Append rates that differ from the stored ones as corrections. Has the reason.
    pub correct: Option<String>,
}

/// A file of rates that was read, and is not imported yet.
#[derive(Debug)]
pub struct RateSourceFile {
    /// Facts of the file.
    pub read: RateFileRead,
    rates: Vec<Rate>,
}

/// Facts of a file of rates.
#[derive(Debug, Clone)]
pub struct RateFileRead {
    /// The file's name, as given.
    pub name: String,
    /// SHA-256 of the file's bytes, hexadecimal.
    pub sha256: String,
    /// The kind of the file.
    pub kind: RateSource,
    /// Number of rows that are not empty.
    pub rows: u64,
    /// Rates that the file repeats.
    pub duplicates: u64,
    /// Cells without a rate, by what they have instead.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Cells and rows at fault.
    pub rejected: Rejects,
    /// The last line has no line end: the file may have been cut.
    pub ends_without_line_end: bool,
}

/// Result of the import of one file of rates.
#[derive(Debug, Clone)]
pub struct RateFileReport {
    /// Facts of the file.
    pub read: RateFileRead,
    /// The store's receipt; `None` if a fault stopped the file before the store saw it.
    pub receipt: Option<RateReceipt>,
}

impl RateFileReport {
    /// Tells whether a fault or a conflict stopped the file.
    pub fn is_refused(&self) -> bool {
        let conflicts = self.receipt.as_ref().map_or(0, |of| of.conflict_count);
        !self.read.rejected.is_empty() || conflicts > 0
    }
}

/// Reads a file of rates. No database is touched.
///
/// Errors: the file can't be read, or is no file of rates.
pub fn parse_rate_file(
    path: &Path,
    request: &RateRequest,
    context: &Context,
) -> PipelineResult<RateSourceFile> {
    let name = path.display().to_string();
    let unreadable = |reason: String| PipelineError::Unreadable {
        file: name.clone(),
        reason,
    };
    if path.is_dir() {
        return Err(unreadable("it is a folder, expected a CSV file".into()));
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let bytes = read_whole(file, LIST_BYTES_MAX).map_err(|error| of_block(path, error))?;
    let stem = path.file_stem().unwrap_or_default();
    let options = RateOptions {
        name: stem.to_string_lossy().into_owned(),
        kind: request.kind,
        asset: request.asset.clone(),
        currency: request.currency.clone(),
        rules: context.rules.as_rules().clone(),
        now: context.clock.now(),
    };
    let parsed = parse_rates(&bytes, &options).map_err(|error| PipelineError::Rates {
        file: name.clone(),
        error: Box::new(error),
    })?;
    let digest = Sha256::digest(&bytes);
    Ok(RateSourceFile {
        read: RateFileRead {
            name,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            kind: parsed.kind,
            rows: parsed.rows,
            duplicates: parsed.duplicates,
            skipped: parsed.skipped,
            rejected: parsed.rejected.into_iter().collect(),
            ends_without_line_end: !LINE_ENDS.iter().any(|end| bytes.ends_with(end)),
        },
        rates: parsed.rates,
    })
}

/// Line ends, also those of UTF-16.
const LINE_ENDS: [&[u8]; 4] = [b"\n", b"\r", b"\n\0", b"\r\0"];

/// Imports files of rates in turn, each whole or not at all.
///
/// A fault keeps all files out. A conflict stops its file and all later ones.
pub async fn import_rate_files(
    store: Option<&dyn RateStore>,
    files: Vec<RateSourceFile>,
    request: &RateRequest,
    context: &Context,
) -> PipelineResult<Vec<RateFileReport>> {
    let is_one_faulty = files.iter().any(|file| !file.read.rejected.is_empty());
    let store = store.filter(|_| !is_one_faulty);
    let (mut stopped, mut reports): (bool, Vec<RateFileReport>) = (false, Vec::new());
    for file in files {
        let store = store.filter(|_| !stopped);
        match import_file(store, file, request, context).await {
            Ok(report) => {
                stopped |= report.is_refused();
                reports.push(report);
            }
            Err(error) => {
                let is_in = |receipt: &RateReceipt| receipt.import_id.is_some();
                let done = reports.into_iter();
                let done = done.filter(|report| report.receipt.as_ref().is_some_and(is_in));
                return Err(error.after_files(done.map(|report| report.read.name).collect()));
            }
        }
    }
    Ok(reports)
}

async fn import_file(
    store: Option<&dyn RateStore>,
    file: RateSourceFile,
    request: &RateRequest,
    context: &Context,
) -> PipelineResult<RateFileReport> {
    context.cancel.check()?;
    let mut report = RateFileReport {
        read: file.read,
        receipt: None,
    };
    if let Some(store) = store {
        let batch = RateBatch {
            file: source_of(&report.read, request, context),
            rates: file.rates,
            rules: context.rules.as_rules().clone(),
        };
        report.receipt = Some(store.import_rates(&batch).await?);
    }
    Ok(report)
}

fn source_of(read: &RateFileRead, request: &RateRequest, context: &Context) -> ImportFile {
    ImportFile {
        name: read.name.clone(),
        sha256: read.sha256.clone(),
        mode: match &request.correct {
            Some(reason) => ImportMode::Correct {
                reason: reason.clone(),
            },
            None => ImportMode::Append,
        },
        skip_conflicts: false,
        preview: request.preview,
        imported_at: context.clock.now(),
        imported_by: context.user.clone(),
        cancelled: Vec::new(),
        account: Account::default(),
    }
}
