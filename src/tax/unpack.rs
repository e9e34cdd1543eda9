//! Zips that anybody may have made: opened within bounds, each with a name, and never unpacked to
//! the disk.
//!
//! A zip may state wrong sizes, so the reader counts the bytes itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::{TaxError, TaxResult};
use crate::files::open_input;

/// Name of the manifest in a zip.
pub const MANIFEST_NAME: &str = "tax.manifest.json";

/// Most files in a zip. A zip of 10 million lots has 5,000, as a file for TaxAct has 2,000 rows.
pub const ZIP_FILES_MAX: usize = 10_000;

/// Most bytes to read for a zip's list of files, which is held in memory.
pub const ZIP_LIST_BYTES_MAX: u64 = 8 << 20;

/// Most bytes of a file's name.
pub const ZIP_NAME_BYTES_MAX: usize = 100;

/// Most bytes of all files of a zip together, unpacked.
pub const ZIP_TOTAL_BYTES_MAX: u64 = 64 << 30;

/// Most unpacked bytes for each byte of the zip. Rows of trades give 40 at most.
pub const ZIP_RATIO_MAX: u64 = 200;

/// Unpacked bytes that are allowed at any ratio: a few equal rows give a very small zip.
pub const ZIP_FREE_BYTES: u64 = 1 << 20;

/// Most bytes of a manifest, which is held in memory.
pub const ZIP_MANIFEST_BYTES_MAX: u64 = 8 << 20;

const _: () = assert!(ZIP_FREE_BYTES <= ZIP_TOTAL_BYTES_MAX);

/// An opened zip.
pub struct Opened {
    archive: ZipArchive<BufReader<FailingReader>>,
    /// The filed manifest.
    pub manifest: Value,
    /// Names and sizes, in the order of the zip.
    files: Vec<(String, u64)>,
}

/// A reader of a file that fails after `left` bytes.
struct FailingReader {
    file: File,
    left: Arc<AtomicU64>,
}

impl Read for FailingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other("its list of files is too long"));
        }
        let count = self.file.read(buffer)?;
        let left = left.saturating_sub(count as u64);
        self.left.store(left, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for FailingReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Why a file is no zip that was filed.
#[derive(Debug, thiserror::Error)]
pub enum BadZip {
    /// The system can't read it.
    #[error("can't be read: {0}")]
    Unreadable(io::Error),
    /// It is no zip.
    #[error("is no zip: {0}")]
    NoZip(ZipError),
    /// An entry of the zip can't be read.
    #[error(transparent)]
    Entry(#[from] ZipError),
    /// The parts of the zip contradict each other.
    #[error("is damaged: {0}")]
    Damaged(ZipError),
    /// The zip has too many files.
    #[error("has {0} files, at most {ZIP_FILES_MAX}")]
    TooManyFiles(usize),
    /// Two files have the same name.
    #[error("has two files of one name")]
    SameNames,
    /// Two files have names that differ in case only.
    #[error("has two files of the name {0}")]
    SameName(String),
    /// An entry is no plain file.
    #[error("{0} is a link, a folder or encrypted, expected a file")]
    NoFile(String),
    /// A file's name has characters, or a length, that ours never have.
    #[error("has a file \"{}\", which is no name of ours", .0.escape_debug())]
    NameNotOurs(String),
    /// The unpacked files would be larger than a limit.
    #[error("{length} bytes come to {total}, at most {total_max}")]
    TooLarge {
        /// Length of the zip.
        length: u64,
        /// Length of all its files.
        total: u64,
        /// The limit.
        total_max: u64,
    },
    /// The zip has no manifest.
    #[error("has no {MANIFEST_NAME}")]
    NoManifest,
    /// The manifest is too large.
    #[error("{MANIFEST_NAME} has {0} bytes, at most {ZIP_MANIFEST_BYTES_MAX}")]
    ManifestTooLarge(u64),
    /// The manifest can't be read.
    #[error("{MANIFEST_NAME} can't be read: {0}")]
    Manifest(io::Error),
}

/// Opens a zip. Errors: the zip can't be read, `tax --final` did not write it, or it is beyond a
/// limit.
pub fn open(path: &Path) -> TaxResult<Opened> {
    open_zip(path).map_err(|why| TaxError::Zip(path.to_owned(), why))
}

fn open_zip(path: &Path) -> Result<Opened, BadZip> {
    let file = open_input(path, false).map_err(BadZip::Unreadable)?;
    let length = file.metadata().map_err(BadZip::Unreadable)?.len();
    let left = Arc::new(AtomicU64::new(ZIP_LIST_BYTES_MAX));
    let counted = FailingReader {
        file,
        left: Arc::clone(&left),
    };
    let mut opened = Opened {
        archive: ZipArchive::new(BufReader::new(counted)).map_err(BadZip::NoZip)?,
        manifest: Value::Null,
        files: Vec::new(),
    };
    opened.files = opened.list(length)?;
    // From here on, the stated sizes limit what is read.
    left.store(u64::MAX, Ordering::Relaxed);
    // Checks that no file overlaps another one, and that all are where the list says.
    let checked = opened.archive.validate_header_consistency();
    checked.map_err(BadZip::Damaged)?;
    let bytes = opened.manifest_bytes()?;
    let manifest = serde_json::from_slice(&bytes);
    opened.manifest = manifest.map_err(|error| BadZip::Manifest(error.into()))?;
    Ok(opened)
}

impl Opened {
    /// Returns names and sizes, in the order of the zip.
    pub(super) fn files(&self) -> Vec<(String, u64)> {
        self.files.clone()
    }

    /// Lists the stated names and sizes of the files, before any file is read.
    ///
    /// Errors: the zip is beyond a limit, or has a file that is not one of ours.
    fn list(&self, length: u64) -> Result<Vec<(String, u64)>, BadZip> {
        let (count, mut total) = (self.archive.len(), 0_u64);
        if count > ZIP_FILES_MAX {
            return Err(BadZip::TooManyFiles(count));
        }
        if self.archive.has_duplicate_names() {
            return Err(BadZip::SameNames);
        }
        let mut files = Vec::with_capacity(count);
        let mut lower = BTreeSet::new();
        for at in 0..count {
            let entry = self.archive.by_index_data(at)?;
            let name = plain_name(entry.name_raw())?;
            if entry.is_symlink() || entry.is_dir() || entry.encrypted() {
                return Err(BadZip::NoFile(name));
            }
            if !lower.insert(name.to_ascii_lowercase()) {
                return Err(BadZip::SameName(name));
            }
            total = total.saturating_add(entry.size());
            files.push((name, entry.size()));
        }
        let total_max = length
            .saturating_mul(ZIP_RATIO_MAX)
            .clamp(ZIP_FREE_BYTES, ZIP_TOTAL_BYTES_MAX);
        if total > total_max {
            return Err(BadZip::TooLarge {
                length,
                total,
                total_max,
            });
        }
        Ok(files)
    }

    fn manifest_bytes(&mut self) -> Result<Vec<u8>, BadZip> {
        let named = |(name, _): &&(String, u64)| name == MANIFEST_NAME;
        let Some(size) = self.files.iter().find(named).map(|(_, size)| *size) else {
            return Err(BadZip::NoManifest);
        };
        if size > ZIP_MANIFEST_BYTES_MAX {
            return Err(BadZip::ManifestTooLarge(size));
        }
        let mut bytes = Vec::new();
        let read = self.read(MANIFEST_NAME, size, |input| {
            input.read_to_end(&mut bytes).map(|_| ())
        });
        read.map_err(BadZip::Manifest)?;
        Ok(bytes)
    }

    /// Reads a file of the zip. Its size has to be the one that the zip states.
    ///
    /// Errors: the length or the checksum differs from the one that the zip states; those of
    /// `read`.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        size: u64,
        read: impl FnOnce(&mut Sized) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut input = Sized {
            file: self.archive.by_name(name).map_err(of_zip)?,
            left: size,
        };
        let done = read(&mut input)?;
        input.end()?;
        Ok(done)
    }
}

/// Reads a file of a zip and checks that it has as many bytes as the zip states.
pub(super) struct Sized<'z> {
    file: ZipFile<'z, BufReader<FailingReader>>,
    left: u64,
}

impl Sized<'_> {
    /// Reads the rest of the file: at the end, the zip library compares the checksum.
    fn end(&mut self) -> io::Result<()> {
        let mut rest = [0; 8 << 10];
        while self.read(&mut rest)? > 0 {}
        match self.left {
            0 => Ok(()),
            _ => Err(io::Error::other("it has fewer bytes than the zip says")),
        }
    }
}

impl Read for Sized<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("it has more bytes than the zip says"))?;
        Ok(count)
    }
}

/// Returns a name that is one of ours in form: no folder, no way out of one, nothing invisible.
fn plain_name(raw: &[u8]) -> Result<String, BadZip> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let is_long = raw.len() > ZIP_NAME_BYTES_MAX;
    let name = String::from_utf8_lossy(raw.get(..ZIP_NAME_BYTES_MAX).unwrap_or(raw));
    if raw.is_empty() || is_long || raw.starts_with(b".") || !raw.iter().all(is_plain) {
        return Err(BadZip::NameNotOurs(name.into_owned()));
    }
    Ok(name.into_owned())
}

/// Returns the system's own error from inside the library's error.
pub(super) fn of_zip(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => error.into(),
    }
}
