//! What is filed: one zip with every file of a year, and the check that it can be made again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::cells::CsvLine;
use super::export::{ExportRequest, Exported, Stop, export};
use super::files::{PartFile, WrittenFile, beside, hex};
use super::formats::Format;
use super::manifest::Sealing;
use super::row::TaxRules;
use super::{TaxError, TaxResult};
use crate::store::Store;
use crate::store::model::VersionInfo;

/// Name of the manifest in a zip.
pub const MANIFEST_NAME: &str = "tax.manifest.json";

/// Files of a zip that hold what was reviewed and imported: no version remembers them.
const EVIDENCE: [&str; 2] = ["inputs.csv", "reviews.csv"];

const HINT: &str = "name a file in a folder that is writable for this user";

/// What a filed zip came to.
#[derive(Debug)]
pub struct Filed {
    /// What was exported into it.
    pub exported: Exported,
    /// The zip.
    pub zip: WrittenFile,
    path: PathBuf,
}

impl Filed {
    /// Gives the zip its name. Errors: the folder can't be written any more.
    pub fn publish(&mut self) -> TaxResult<()> {
        self.zip.publish().map_err(|error| TaxError::Refused {
            message: format!("can't write {}: {error}", self.path.display()),
            hint: HINT.into(),
        })
    }
}

/// Writes the zip of a year: all formats, lots, unmatched, inputs, reviews, manifest. It has no
/// name before it is published.
///
/// Errors: the path is there or can't be written; the store.
pub async fn archive(
    store: &dyn Store,
    rules: TaxRules,
    version: VersionInfo,
    (path, overwrite): (&Path, bool),
    (program_version, stop): (&str, Stop),
) -> TaxResult<Filed> {
    let refused = |message: String, hint: &str| TaxError::Refused {
        message,
        hint: hint.into(),
    };
    if path.exists() && !overwrite {
        let hint = "name another file, or replace it with --overwrite";
        return Err(refused(format!("{} exists", path.display()), hint));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let unwritable =
        |error: io::Error| refused(format!("can't write {}: {error}", path.display()), HINT);
    let work = Work::create(folder, path).map_err(unwritable)?;
    let exported = export_all(store, (rules, version), &work.0, (program_version, stop)).await?;
    let mut names: Vec<String> = exported.files.iter().map(WrittenFile::name).collect();
    write_evidence(store, &work.0).await?;
    names.extend(EVIDENCE.map(str::to_owned));
    names.sort();
    let place = beside(path);
    write_zip(&place.path, &work.0, &names).map_err(unwritable)?;
    let zip = WrittenFile::of_part(place, path, names.len() as u64).map_err(unwritable)?;
    let path = path.to_owned();
    Ok(Filed {
        exported,
        zip,
        path,
    })
}

/// A folder that is gone when it is no longer needed.
struct Work(PathBuf);

impl Work {
    fn create(folder: &Path, path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let work = folder.join(format!(".{name}.parts"));
        if work.exists() {
            // What a process that was killed left there.
            std::fs::remove_dir_all(&work)?;
        }
        std::fs::create_dir(&work)?;
        Ok(Self(work))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // It is removed as well as it can be; the next call removes what is left.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Exports all formats of a year into a folder, under the names that a zip has.
async fn export_all(
    store: &dyn Store,
    (rules, version): (TaxRules, VersionInfo),
    folder: &Path,
    (program_version, stop): (&str, Stop),
) -> TaxResult<Exported> {
    // The first name is the one that what goes with it is named after.
    let mut files = vec![(Format::Form8949, folder.join("tax.csv"))];
    for format in Format::ALL.into_iter().filter(|f| *f != Format::Form8949) {
        let name = format!("{}.{}", format.as_str(), format.extension());
        files.push((format, folder.join(name)));
    }
    let request = ExportRequest {
        rules,
        version,
        files,
        overwrite: false,
        sealing: Sealing::Final,
        stop,
    };
    export(store, &request, program_version).await
}

async fn write_evidence(store: &dyn Store, folder: &Path) -> TaxResult<()> {
    let mut line = CsvLine::default();
    let [inputs, reviews] = EVIDENCE.map(|name| folder.join(name));
    let write = |path: &Path, head: &[&str], rows: Vec<Vec<u8>>| {
        let mut file = PartFile::create(path)?;
        let mut line = CsvLine::default();
        line.texts(head.iter().copied());
        file.head(line.end())?;
        rows.iter().try_for_each(|row| file.row(row))?;
        file.finish()?.publish()
    };
    let rows = store.imports().await?.into_iter().map(|file| {
        line.value(file.id).text(&file.name).value(&file.sha256);
        line.value(file.rows).value(file.imported_at);
        line.end().to_vec()
    });
    let head = ["import", "file", "sha256", "rows", "imported_at"];
    write(&inputs, &head, rows.collect()).map_err(TaxError::Write)?;
    let mut line = CsvLine::default();
    let mut queue = store.review_queue().await?;
    queue.sort_by_key(|item| item.id);
    let rows = queue.into_iter().map(|item| {
        line.value(item.id)
            .value(item.issue.as_str())
            .value(item.severity.as_str());
        line.value(item.status.as_str())
            .text(item.pool.account.as_str());
        line.text(item.pool.symbol.as_str()).text(&item.order_id);
        line.text(&item.description)
            .text(item.resolution.as_deref().unwrap_or(""));
        line.text(item.resolved_by.as_deref().unwrap_or(""));
        line.optional(item.resolved_at).value(item.version);
        line.end().to_vec()
    });
    let head = [
        "item",
        "issue",
        "severity",
        "status",
        "account",
        "symbol",
        "order_id",
        "description",
        "resolution",
        "resolved_by",
        "resolved_at",
        "version",
    ];
    write(&reviews, &head, rows.collect()).map_err(TaxError::Write)
}

/// Packs files in the order of their names, all with one date: the same files, the same bytes.
fn write_zip(path: &Path, folder: &Path, names: &[String]) -> io::Result<()> {
    let mut zip = ZipWriter::new(File::create(path)?);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(true);
    for name in names {
        zip.start_file(name.as_str(), options)?;
        io::copy(&mut File::open(folder.join(name))?, &mut zip)?;
    }
    zip.finish()?.sync_all()
}

/// What became of a file of a zip when it was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes.
    Equal,
    /// Other bytes: where, and what was filed and found there.
    Differs {
        /// The first line that differs, from 1; 0 where there are no lines.
        line: u64,
        /// What was filed.
        filed: String,
        /// What is made today.
        found: String,
    },
    /// Filed, and not made today.
    Gone,
    /// Made today, and not filed.
    New,
    /// The zip's own bytes are not those that its manifest names: somebody changed it.
    Altered,
    /// Nothing to compare it with: what was imported and reviewed by then.
    Evidence,
}

/// The check of a zip.
#[derive(Debug)]
pub struct Verified {
    /// What was filed.
    pub manifest: Value,
    /// The version's number.
    pub version: i64,
    /// Whether the version's rows and facts still have the hashes that were filed.
    pub hashes_equal: bool,
    /// By file.
    pub files: Vec<(String, Verdict)>,
    /// The program that filed it, if that is another version of it.
    pub other_program: Option<String>,
}

impl Verified {
    /// Tells whether everything is as it was filed.
    pub fn is_equal(&self) -> bool {
        let good = |verdict: &Verdict| matches!(verdict, Verdict::Equal | Verdict::Evidence);
        self.hashes_equal && self.files.iter().all(|(_, verdict)| good(verdict))
    }
}

/// An opened zip.
pub struct Opened {
    archive: ZipArchive<BufReader<File>>,
    /// What was filed.
    pub manifest: Value,
}

/// Opens a zip. Errors: it can't be read, or is none that `tax --final` wrote.
pub fn open(path: &Path) -> TaxResult<Opened> {
    let bad = |why: String| TaxError::Usage {
        message: format!("{}: {why}", path.display()),
        hint: "name a zip that fifo-pnl tax --final wrote".into(),
    };
    let file = File::open(path).map_err(|error| bad(format!("can't be read: {error}")))?;
    let archive = ZipArchive::new(BufReader::new(file));
    let mut archive = archive.map_err(|error| bad(format!("is no zip: {error}")))?;
    let bytes = bytes_of(&mut archive, MANIFEST_NAME)
        .map_err(|_| bad(format!("has no {MANIFEST_NAME}")))?;
    let manifest: Value = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("{MANIFEST_NAME} can't be read: {error}")))?;
    Ok(Opened { archive, manifest })
}

fn bytes_of(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    archive.by_name(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Opened {
    /// Returns the version's number.
    pub fn version(&self) -> Option<i64> {
        self.manifest.get("version")?.get("number")?.as_i64()
    }

    /// Makes the files again from the version and compares them byte by byte.
    ///
    /// Errors: the store; no room for the files beside `scratch`, where nothing is left afterwards.
    pub async fn verify(
        mut self,
        store: &dyn Store,
        rules: TaxRules,
        info: VersionInfo,
        scratch: &Path,
        (program_version, stop): (&str, Stop),
    ) -> TaxResult<Verified> {
        let hash = |name: &str| {
            let version = self.manifest.get("version")?;
            version.get(name)?.as_str().map(str::to_owned)
        };
        let text = |hash: Option<crate::engine::RowsHash>| hash.map(|hash| hash.to_string());
        let hashes_equal = hash("ledger_hash") == text(info.ledger_hash)
            && hash("allocations_hash") == text(info.allocations_hash);
        let filed_by = self.manifest.get("program_version").and_then(Value::as_str);
        let filed_by = filed_by.unwrap_or_default().to_owned();
        let parent = scratch.parent().unwrap_or(Path::new("."));
        let work = Work::create(parent, scratch).map_err(TaxError::Write)?;
        let version = info.version;
        // The program's version stands in files: what it was then is what they have to say.
        let exported = export_all(store, (rules, info), &work.0, (&filed_by, stop)).await?;
        let mut made: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in &exported.files {
            made.insert(file.name(), file.path.clone());
        }
        let sums = self.sums();
        let names = self.archive.file_names().map(|name| Ok(name?.into_owned()));
        let names: io::Result<Vec<String>> = names.collect();
        let mut files = Vec::new();
        for name in names.map_err(TaxError::Write)? {
            let filed = bytes_of(&mut self.archive, &name).map_err(TaxError::Write)?;
            let verdict = judge(&name, &filed, sums.get(&name), made.remove(&name))?;
            files.push((name, verdict));
        }
        files.extend(made.into_keys().map(|name| (name, Verdict::New)));
        files.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(Verified {
            manifest: self.manifest,
            version,
            hashes_equal,
            files,
            other_program: (filed_by != program_version).then_some(filed_by),
        })
    }

    /// Returns the sums that the manifest names, by file.
    fn sums(&self) -> BTreeMap<String, String> {
        let files = self.manifest.get("files").and_then(Value::as_array);
        let sum = |file: &Value| {
            let text = |name: &str| file.get(name)?.as_str().map(str::to_owned);
            Some((text("name")?, text("sha256")?))
        };
        files.into_iter().flatten().filter_map(sum).collect()
    }
}

fn judge(
    name: &str,
    filed: &[u8],
    sum: Option<&String>,
    made: Option<PathBuf>,
) -> TaxResult<Verdict> {
    if sum.is_some_and(|sum| *sum != hex(&Sha256::digest(filed))) {
        return Ok(Verdict::Altered);
    }
    let Some(made) = made else {
        let is_evidence = EVIDENCE.contains(&name);
        return Ok(if is_evidence {
            Verdict::Evidence
        } else {
            Verdict::Gone
        });
    };
    let found = std::fs::read(made).map_err(TaxError::Write)?;
    if found == filed {
        return Ok(Verdict::Equal);
    }
    let (filed, found) = (lines(filed), lines(&found));
    let same = |pair: &(&String, &String)| pair.0 == pair.1;
    let at = filed.iter().zip(&found).take_while(same).count();
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
    Ok(Verdict::Differs {
        line: at as u64 + 1,
        filed: line(&filed),
        found: line(&found),
    })
}

/// Returns the lines of a text; a file that is none has one line that says so.
fn lines(bytes: &[u8]) -> Vec<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => vec![format!("{} bytes that are no text", bytes.len())],
    }
}
