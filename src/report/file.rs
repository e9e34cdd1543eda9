//! Files with rows. Their bytes are hashed and counted while they are written, and a file exists
//! only when it is whole.

use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::line::CsvLine;
use crate::files::{Draft, IfThere, open_input};

/// Size of a file's write buffer, in bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// A file that is being written. Dropping it removes the file.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    output: BufWriter<Draft>,
    digest: Sha256,
    rows: u64,
    bytes: u64,
}

/// A CSV file with a header that is being written.
#[derive(Debug)]
pub struct CsvFile {
    file: PartFile,
    line: CsvLine,
}

/// A complete file. It gets its name from `publish`.
#[derive(Debug)]
pub struct WrittenFile {
    /// Its path.
    pub path: PathBuf,
    /// Rows without headers.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes, hexadecimal.
    pub sha256: String,
    draft: Draft,
}

/// Returns a digest in hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl PartFile {
    /// Begins a file. Errors: the file can't be made there, or something has its name.
    pub fn create(path: &Path, if_there: IfThere) -> io::Result<Self> {
        Ok(Self::of(path, Draft::create(path, if_there)?))
    }

    /// Begins a temporary file of rows, to append to another file later.
    pub fn nameless(beside: &Path) -> io::Result<Self> {
        Ok(Self::of(beside, Draft::nameless(beside)?))
    }

    fn of(path: &Path, draft: Draft) -> Self {
        Self {
            path: path.to_owned(),
            output: BufWriter::with_capacity(BUFFER_BYTES, draft),
            digest: Sha256::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Writes bytes that do not count as a row.
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

    /// Appends another file's bytes and rows, and removes that file.
    pub fn append(&mut self, other: Self) -> io::Result<()> {
        let rows = other.rows;
        let mut input = other.output.into_inner().map_err(|e| e.into_error())?;
        input.rewind()?;
        each_piece(&mut input, |piece| self.head(piece))?;
        self.rows += rows;
        Ok(())
    }

    /// Completes the file.
    pub fn finish(self) -> io::Result<WrittenFile> {
        let mut draft = self.output.into_inner().map_err(|e| e.into_error())?;
        draft.complete()?;
        Ok(WrittenFile {
            path: self.path,
            rows: self.rows,
            bytes: self.bytes,
            sha256: hex(&self.digest.finalize()),
            draft,
        })
    }
}

impl CsvFile {
    /// Begins a file with its header. Errors: as those of [`PartFile::create`].
    pub fn create(path: &Path, if_there: IfThere, header: &[&str]) -> io::Result<Self> {
        let (mut file, mut line) = (PartFile::create(path, if_there)?, CsvLine::default());
        line.texts(header.iter().copied());
        file.head(line.end())?;
        Ok(Self { file, line })
    }

    /// Returns the present row, to add cells to it.
    pub fn line(&mut self) -> &mut CsvLine {
        &mut self.line
    }

    /// Writes the present row and begins the next one.
    pub fn end_row(&mut self) -> io::Result<()> {
        self.file.row(self.line.end())
    }

    /// Returns how many rows there are by now.
    pub fn rows(&self) -> u64 {
        self.file.rows()
    }

    /// Appends the rows of a temporary file, and removes that file.
    pub fn append(&mut self, rows: PartFile) -> io::Result<()> {
        self.file.append(rows)
    }

    /// Completes the file.
    pub fn finish(self) -> io::Result<WrittenFile> {
        self.file.finish()
    }
}

impl WrittenFile {
    /// Makes a complete file of one that a library wrote. Errors: the file can't be read.
    pub fn of_draft(mut draft: Draft, path: &Path, rows: u64) -> io::Result<Self> {
        draft.complete()?;
        draft.rewind()?;
        let (sha256, bytes) = sum_of(&mut draft)?;
        Ok(Self {
            path: path.to_owned(),
            rows,
            bytes,
            sha256,
            draft,
        })
    }

    /// Returns the present path: the temporary one, or the file's own.
    pub fn draft_path(&self) -> &Path {
        self.draft.path()
    }

    /// Gives the file its name. Errors: something else has the name by now; the disk.
    pub fn publish(&mut self) -> io::Result<()> {
        self.draft.publish()
    }

    /// Removes the published file, for files that exist together or not at all.
    pub fn take_back(&self) {
        self.draft.take_back();
    }

    /// Returns the file's own name.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

fn each_piece(
    input: &mut impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        each(buffer.get(..count).unwrap_or_default())?;
    }
}

/// Returns the SHA-256 and the number of the bytes that are left to read.
pub fn sum_of(input: &mut impl Read) -> io::Result<(String, u64)> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    each_piece(input, |piece| {
        digest.update(piece);
        bytes += piece.len() as u64;
        Ok(())
    })?;
    Ok((hex(&digest.finalize()), bytes))
}

/// Returns a file's SHA-256 and how many bytes it has.
pub fn sha256_of(path: &Path) -> io::Result<(String, u64)> {
    sum_of(&mut open_input(path, false)?)
}

/// Returns the path of a side file: `tax.unmatched.csv` to `tax.csv`, `tax.txf.unmatched.csv` to
/// `tax.txf`. So two formats with one base name have different side files.
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
    use std::fs;

    use super::*;

    #[test]
    fn nothing_is_left_of_a_file_that_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut file = PartFile::create(&path, IfThere::Refuse).unwrap();
        file.row(b"x\n").unwrap();
        drop(file);
        let mut file = PartFile::create(&path, IfThere::Refuse).unwrap();
        file.row(b"y\n").unwrap();
        drop(file.finish().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_hashed_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut other = PartFile::nameless(&folder.path().join("b")).unwrap();
        other.row(b"row 1\n").unwrap();
        let mut file = PartFile::create(&path, IfThere::Refuse).unwrap();
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
