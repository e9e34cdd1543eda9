//! Writes rows to files. This layer knows formats only, no store and no clock.
//!
//! The canonical export can be written to any [`std::io::Write`]. All CSV files for people are
//! written with [`CsvLine`], so that no spreadsheet takes text for a formula. A file exists only
//! when it is whole.

mod file;
mod line;

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::engine::{ALLOCATION_HEADER, AllocationRow};
pub use file::{CsvFile, PartFile, WrittenFile, hex, sha256_of, sibling, sum_of};
pub use line::CsvLine;

/// Writes the canonical export, and counts and hashes it.
///
/// The lines below the header are those that the version's allocations hash covers.
#[derive(Debug)]
pub struct CanonicalCsv<W> {
    output: W,
    digest: Sha256,
    rows: u64,
    line: Vec<u8>,
}

/// Counts and hash of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows without the header.
    pub rows: u64,
    /// SHA-256 of all bytes, hexadecimal.
    pub sha256: String,
}

impl<W: Write> CanonicalCsv<W> {
    /// Begins an export and writes the header.
    pub fn try_new(output: W) -> io::Result<Self> {
        let mut csv = Self {
            output,
            digest: Sha256::new(),
            rows: 0,
            line: Vec::new(),
        };
        csv.line.extend_from_slice(ALLOCATION_HEADER.as_bytes());
        csv.line.push(b'\n');
        csv.flush_line()?;
        Ok(csv)
    }

    /// Writes a row.
    pub fn write(&mut self, row: &AllocationRow<'_>) -> io::Result<()> {
        row.write_line(&mut self.line);
        self.rows += 1;
        self.flush_line()
    }

    fn flush_line(&mut self) -> io::Result<()> {
        self.digest.update(&self.line);
        self.output.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<Written> {
        self.output.flush()?;
        let digest = self.digest.finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Written {
            rows: self.rows,
            sha256,
        })
    }
}
