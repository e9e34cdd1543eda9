//! Writes the zip to file, with every file of a tax year. Read next: `verify.rs`.

use std::io;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::export::{ExportRequest, Stop, export};
use super::exported::Exported;
use super::formats::Format;
use super::manifest::Sealing;
use super::row::TaxRules;
use super::unpack::{self, of_zip};
use super::{TaxError, TaxResult};
use crate::files::{Draft, IfThere, ScratchFolder, check_place, open_input};
use crate::report::{CsvFile, WrittenFile};
use crate::store::Store;
use crate::store::model::{ImportedFile, QueuedItem, VersionInfo};

/// Files in the zip that list the imports and reviews of the filing day. No version stores this
/// data, so a later export can't make these files again.
pub(super) const EVIDENCE: [&str; 2] = ["inputs.csv", "reviews.csv"];

/// Result of filing a zip.
#[derive(Debug)]
pub struct Filed {
    /// The export inside it.
    pub exported: Exported,
    /// The zip.
    pub zip: WrittenFile,
}

impl Filed {
    /// Gives the zip its name. Errors: another file took the name meanwhile; the folder can't be
    /// written to.
    pub fn publish(&mut self) -> TaxResult<()> {
        let done = self.zip.publish();
        done.map_err(|error| TaxError::at(&self.zip.path, error))
    }
}

/// Writes the zip of a year: all formats, lots, unmatched, inputs, reviews, manifest. The zip gets
/// its name only from [`Filed::publish`].
///
/// Errors: the path is there or can't be written; no room for the files and the zip; the store.
pub async fn archive(
    store: &dyn Store,
    rules: TaxRules,
    version: VersionInfo,
    (path, if_there): (&Path, IfThere),
    (program_version, stop): (&str, Stop),
) -> TaxResult<Filed> {
    check_place(path, if_there)?;
    // The files and the zip are on the same disk, so an error about room names the zip's path.
    let at_zip = |error| TaxError::at(path, error);
    let work = ScratchFolder::create(path).map_err(at_zip)?;
    let mut request = request(rules, version, work.path());
    request.stop = stop;
    let exported = export(store, &request, program_version).await;
    let exported = exported.map_err(|error| error.seen_at(path))?;
    let mut names: Vec<String> = exported.files.iter().map(WrittenFile::name).collect();
    let evidence = write_evidence(store, work.path()).await;
    evidence.map_err(|error| error.seen_at(path))?;
    names.extend(EVIDENCE.map(str::to_owned));
    names.sort();
    let draft = Draft::create(path, if_there).map_err(at_zip)?;
    let draft = write_zip(draft, work.path(), &names).map_err(at_zip)?;
    let files = names.len() as u64;
    let zip = WrittenFile::of_draft(draft, path, files).map_err(at_zip)?;
    // Makes sure that `tax verify` can open the zip.
    unpack::open(zip.draft_path())?;
    Ok(Filed { exported, zip })
}

/// Makes the request for all formats of a year, in a folder, under the names of the files in a zip.
pub(super) fn request(rules: TaxRules, version: VersionInfo, folder: &Path) -> ExportRequest {
    // The names of the side files begin like the first name.
    let mut files = vec![(Format::Form8949, folder.join("tax.csv"))];
    for format in Format::ALL.into_iter().filter(|f| *f != Format::Form8949) {
        let name = format!("{}.{}", format.as_str(), format.extension());
        files.push((format, folder.join(name)));
    }
    ExportRequest {
        rules,
        version,
        files,
        if_there: IfThere::Refuse,
        sealing: Sealing::Final,
        check_rows: true,
        stop: Stop::default(),
    }
}

async fn write_evidence(store: &dyn Store, folder: &Path) -> TaxResult<()> {
    let [inputs, reviews] = EVIDENCE.map(|name| folder.join(name));
    let imports = store.imports().await?;
    write_inputs(&inputs, &imports).map_err(TaxError::write)?;
    let mut queue = store.review_queue().await?;
    queue.sort_by_key(|item| item.id);
    write_reviews(&reviews, &queue).map_err(TaxError::write)
}

fn write_inputs(path: &Path, imports: &[ImportedFile]) -> io::Result<()> {
    let header = ["import", "file", "sha256", "rows", "imported_at"];
    let mut csv = CsvFile::create(path, IfThere::Refuse, &header)?;
    for file in imports {
        let line = csv.line();
        line.value(file.id).text(&file.name).value(&file.sha256);
        line.value(file.rows).value(file.imported_at);
        csv.end_row()?;
    }
    csv.finish()?.publish()
}

fn write_reviews(path: &Path, queue: &[QueuedItem]) -> io::Result<()> {
    let header = [
        "item",
        "issue",
        "severity",
        "status",
        "account",
        "asset",
        "order_id",
        "description",
        "resolution",
        "resolved_by",
        "resolved_at",
        "version",
    ];
    let mut csv = CsvFile::create(path, IfThere::Refuse, &header)?;
    for item in queue {
        let line = csv.line();
        line.value(item.id)
            .value(item.issue.as_str())
            .value(item.severity.as_str());
        line.value(item.status.as_str())
            .text(item.pool.account.as_str());
        line.text(item.pool.asset.as_str()).text(&item.order_id);
        line.text(&item.description)
            .text(item.resolution.as_deref().unwrap_or(""));
        line.text(item.resolved_by.as_deref().unwrap_or(""));
        line.optional(item.resolved_at).value(item.version);
        csv.end_row()?;
    }
    csv.finish()?.publish()
}

/// Packs files in the order of their names, all with one date, so that the same files give the same
/// bytes.
fn write_zip(draft: Draft, folder: &Path, names: &[String]) -> io::Result<Draft> {
    let mut zip = ZipWriter::new(draft);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(true);
    for name in names {
        zip.start_file(name.as_str(), options).map_err(of_zip)?;
        io::copy(&mut open_input(&folder.join(name), false)?, &mut zip)?;
    }
    zip.finish().map_err(of_zip)
}
