//! Files that are there whole or not at all: written beside their name, hashed, then renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes kept before they are written.
const BUFFER_BYTES: usize = 128 * 1024;

/// A file on its way. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    part: Leftover,
    output: BufWriter<File>,
    digest: Sha256,
    rows: u64,
    bytes: u64,
}

/// A place beside a file's name, which is empty again unless the file gets its name.
#[derive(Debug)]
pub(super) struct Beside {
    /// Where to write.
    pub(super) path: PathBuf,
    part: Leftover,
}

/// Returns the place beside a file's name.
pub(super) fn beside(path: &Path) -> Beside {
    let path = part_path(path);
    let part = Leftover(Some(path.clone()));
    Beside { path, part }
}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Leftover(Option<PathBuf>);

impl Drop for Leftover {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // It is removed as well as it can be: the error that led here is the one to show.
            let _ = fs::remove_file(path);
        }
    }
}

/// A file that is complete, but for its name.
#[derive(Debug)]
pub struct WrittenFile {
    /// Where it will be.
    pub path: PathBuf,
    /// Rows without headers.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes, hexadecimal.
    pub sha256: String,
    part: Leftover,
}

fn part_path(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    PathBuf::from(part)
}

/// Returns a digest in hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl PartFile {
    /// Begins a file. Errors: it can't be made there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let part = part_path(path);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&part)?;
        Ok(Self {
            path: path.to_owned(),
            part: Leftover(Some(part)),
            output: BufWriter::with_capacity(BUFFER_BYTES, file),
            digest: Sha256::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Writes bytes that are no row.
    pub fn head(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    /// Writes a row.
    pub fn row(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.rows += 1;
        self.head(bytes)
    }

    /// Returns how many rows there are by now.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends another file's bytes and rows, which is gone then.
    pub fn append(&mut self, other: Self) -> io::Result<()> {
        let rows = other.rows;
        let part = other.part;
        drop(
            other
                .output
                .into_inner()
                .map_err(|error| error.into_error())?,
        );
        if let Some(path) = &part.0 {
            let mut input = File::open(path)?;
            let mut buffer = vec![0; BUFFER_BYTES];
            loop {
                let count = input.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                self.head(buffer.get(..count).unwrap_or_default())?;
            }
        }
        self.rows += rows;
        Ok(())
    }

    /// Completes the file.
    pub fn finish(self) -> io::Result<WrittenFile> {
        let file = self.output.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        Ok(WrittenFile {
            path: self.path,
            rows: self.rows,
            bytes: self.bytes,
            sha256: hex(&self.digest.finalize()),
            part: self.part,
        })
    }
}

impl WrittenFile {
    /// Takes a file that somebody else wrote beside its name. Errors: it can't be read.
    pub(super) fn of_part(beside: Beside, path: &Path, rows: u64) -> io::Result<Self> {
        let (sha256, bytes) = sha256_of(&beside.path)?;
        Ok(Self {
            path: path.to_owned(),
            rows,
            bytes,
            sha256,
            part: beside.part,
        })
    }

    /// Returns where the bytes are until the file has its name.
    pub fn part(&self) -> &Path {
        self.part.0.as_deref().unwrap_or(&self.path)
    }

    /// Gives the file its name.
    pub fn publish(&mut self) -> io::Result<()> {
        if let Some(part) = &self.part.0 {
            fs::rename(part, &self.path)?;
        }
        self.part.0 = None;
        Ok(())
    }

    /// Returns the file's own name.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// Returns a file's SHA-256 and how many bytes it has.
pub fn sha256_of(path: &Path) -> io::Result<(String, u64)> {
    let mut input = File::open(path)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok((hex(&digest.finalize()), bytes));
        }
        digest.update(buffer.get(..count).unwrap_or_default());
        bytes += count as u64;
    }
}

/// Returns the path of what belongs to a file: `tax.unmatched.csv` to `tax.csv`,
/// `tax.txf.unmatched.csv` to `tax.txf`, so that two formats of one name do not meet.
pub fn sibling(path: &Path, word: &str, extension: &str) -> PathBuf {
    let is_csv = path.extension().is_some_and(|extension| extension == "csv");
    let stem = if is_csv {
        path.file_stem()
    } else {
        path.file_name()
    };
    let stem = stem.unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{word}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_file_that_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut file = PartFile::create(&path).unwrap();
        file.row(b"x\n").unwrap();
        drop(file);
        let mut file = PartFile::create(&path).unwrap();
        file.row(b"y\n").unwrap();
        drop(file.finish().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_hashed_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut other = PartFile::create(&folder.path().join("b")).unwrap();
        other.row(b"row 1\n").unwrap();
        let mut file = PartFile::create(&path).unwrap();
        file.head(b"head\n").unwrap();
        file.append(other).unwrap();
        let mut written = file.finish().unwrap();
        written.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"head\nrow 1\n");
        assert_eq!((written.rows, written.bytes), (1, 11));
        let (sha256, bytes) = sha256_of(&path).unwrap();
        assert_eq!((sha256, bytes), (written.sha256.clone(), 11));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            sibling(&path, "unmatched", "csv"),
            folder.path().join("a.unmatched.csv")
        );
        assert_eq!(
            sibling(Path::new("a.txf"), "manifest", "json"),
            Path::new("a.txf.manifest.json")
        );
    }
}
