//! Reads a file in blocks of whole rows, so that memory does not limit the size of a file.
//!
//! A block is cut before a line end that precedes a row. So the cuts never change a row, also one
//! with quotes and line ends inside. The property test beside `csv.rs` compares any cut with the
//! file read whole. Read next: `csv.rs`, which reads a block.

use std::io::{self, ErrorKind, Read};

use sha2::{Digest, Sha256};

use super::bounds::{LINE_BYTES_MAX, ROW_BYTES_MAX};
use super::error::{BlockError, FileError};
use super::file::{check_head, check_lines, count_line_ends, without_mark};
use super::rows::last_safe_start;

/// Size of a block in bytes, unless a row is longer. A block has about 7,000 trades.
pub const BLOCK_BYTES: usize = 1024 * 1024;

/// Bytes at the start of a file that show its format.
const HEAD_BYTES: usize = 8 * 1024;

/// Complete rows of a file, as text.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) text: String,
    /// Number of the line that the text begins in, from 1.
    pub(super) line: u64,
    /// This is the last block of the file.
    pub(super) is_last: bool,
    end: u64,
}

impl Block {
    /// Makes one block of a whole file.
    pub(super) fn whole(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            line: 1,
            is_last: true,
            end: text.len() as u64,
        }
    }

    /// Returns where the block ends in the file, in bytes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns the length of the block.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Tells whether this is the file's end, and its last line has no line end.
    pub fn ends_without_line_end(&self) -> bool {
        self.is_last && !self.text.ends_with(['\n', '\r'])
    }
}

/// Cuts a file into blocks, and hashes it on the way.
pub struct Blocks<R> {
    source: R,
    digest: Sha256,
    buffer: Vec<u8>,
    /// The source has ended.
    is_read: bool,
    /// The last block was returned.
    is_done: bool,
    has_begun: bool,
    line: u64,
    end: u64,
    block_bytes: usize,
    row_bytes_max: usize,
}

impl<R: Read> Blocks<R> {
    /// Begins at the source's first byte.
    pub fn new(source: R) -> Self {
        Self::of_sizes(source, BLOCK_BYTES, ROW_BYTES_MAX)
    }

    pub(super) fn of_sizes(source: R, block_bytes: usize, row_bytes_max: usize) -> Self {
        Self {
            source,
            digest: Sha256::new(),
            buffer: Vec::new(),
            is_read: false,
            is_done: false,
            has_begun: false,
            line: 1,
            end: 0,
            block_bytes,
            row_bytes_max,
        }
    }

    /// Returns the next block; `None`: the file has ended.
    ///
    /// Errors: the file can't be read; another format, UTF-16, a NUL byte, not UTF-8. A NUL byte
    /// anywhere is reported rather than an earlier byte that is not UTF-8.
    pub fn next_block(&mut self) -> Result<Option<Block>, BlockError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.fill(HEAD_BYTES)?;
            check_head(&self.buffer)?;
            let mark = self.buffer.len() - without_mark(&self.buffer).len();
            self.buffer.drain(..mark);
            self.end = mark as u64;
        }
        if self.is_done {
            return Ok(None);
        }
        let mut window = self.block_bytes;
        loop {
            self.fill(window.saturating_add(1))?;
            if self.buffer.len() <= window {
                self.is_done = true;
                return self.take(self.buffer.len()).map(Some);
            }
            if let Some(cut) = self.cut(window)? {
                return self.take(cut).map(Some);
            }
            if window >= LINE_BYTES_MAX {
                let bytes = self.buffer.get(..window).unwrap_or_default();
                check_lines(bytes, self.line)?;
            }
            window = window.saturating_mul(2);
        }
    }

    /// Returns the SHA-256 of the file, hexadecimal. Errors: its rest can't be read.
    pub fn into_sha256(mut self) -> io::Result<String> {
        while !self.is_read {
            self.buffer.clear();
            self.fill(BLOCK_BYTES)?;
        }
        let digest = self.digest.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads until the buffer has `wanted` bytes, or the source ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.buffer.len() < wanted && !self.is_read {
            let old = self.buffer.len();
            self.buffer.resize(wanted, 0);
            let free = self.buffer.get_mut(old..).unwrap_or_default();
            let read = self.source.read(free);
            let got = old.saturating_add(*read.as_ref().unwrap_or(&0));
            self.buffer.truncate(got);
            match read {
                Ok(read) => self.is_read = read == 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let new = self.buffer.get(old..).unwrap_or_default();
            self.digest.update(new);
        }
        Ok(())
    }

    /// Finds the line end before the last row that begins in the window. `None`: no row of the
    /// window is certainly whole.
    fn cut(&self, window: usize) -> Result<Option<usize>, FileError> {
        let bytes = self.buffer.get(..window).unwrap_or_default();
        let above_zero = |at: usize| (at > 0).then_some(at);
        if !bytes.contains(&b'"')
            && let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n')
        {
            return Ok(above_zero(at));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // `take` reports the bytes that are not UTF-8.
            Err(error) if error.error_len().is_some() => return Ok(Some(window)),
            Err(error) => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        if let Some(at) = above_zero(last_safe_start(text)?.saturating_sub(1)) {
            return Ok(Some(at));
        }
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let row = bytes.iter().position(|byte| !is_line_end(byte));
        let first_line_end = row.and_then(|row| {
            let rest = bytes.get(row..)?.iter().position(is_line_end)?;
            Some(row.saturating_add(rest))
        });
        Ok(first_line_end.filter(|_| window >= self.row_bytes_max))
    }

    /// Takes the block that ends at `cut` out of the buffer.
    fn take(&mut self, cut: usize) -> Result<Block, BlockError> {
        let line = self.line;
        if let Some(at) = nul_in(self.buffer.get(..cut).unwrap_or_default()) {
            let line = line + count_line_ends(&self.buffer, 0, at);
            return Err(FileError::Nul { line }.into());
        }
        self.line += count_line_ends(&self.buffer, 0, cut);
        self.end += cut as u64;
        let rest = self.buffer.split_off(cut);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Block {
                text,
                line,
                is_last: self.is_done,
                end: self.end,
            }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                let not_text = FileError::NotUtf8 {
                    line: line + count_line_ends(bytes, 0, at),
                    byte: bytes.get(at).copied().unwrap_or_default(),
                };
                Err(self.nul_behind()?.unwrap_or(not_text).into())
            }
        }
    }

    /// Looks for a NUL byte in the rest.
    fn nul_behind(&mut self) -> io::Result<Option<FileError>> {
        loop {
            if let Some(at) = nul_in(&self.buffer) {
                let line = self.line + count_line_ends(&self.buffer, 0, at);
                return Ok(Some(FileError::Nul { line }));
            }
            if self.is_read {
                return Ok(None);
            }
            // A return may be the first half of a line end.
            let kept = usize::from(self.buffer.last() == Some(&b'\r'));
            let gone = self.buffer.len() - kept;
            self.line += count_line_ends(&self.buffer, 0, gone);
            self.buffer.drain(..gone);
            self.fill(BLOCK_BYTES)?;
        }
    }
}

fn nul_in(bytes: &[u8]) -> Option<usize> {
    // Nearly no block has a NUL byte, and `contains` is many times faster than a search for its
    // place.
    match bytes.contains(&0) {
        true => bytes.iter().position(|byte| *byte == 0),
        false => None,
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
