//! Reads a file in blocks of whole rows, so that memory does not limit the size of a file.
//!
//! A block is cut before a line end that precedes a row. So the cuts never change a row, also one
//! with quotes and line ends inside. The property test beside `csv.rs` compares any cut with the
//! file read whole. Read next: `csv.rs`, which reads a block.

use std::io::{self, ErrorKind, Read};

use sha2::{Digest, Sha256};

use super::ImportOptions;
use super::bounds::{LINE_BYTES_MAX, ROW_BYTES_MAX};
use super::dialect::Dialect;
use super::encoding::{Encoding, TextReader, Utf16, decoded};
use super::error::{BlockError, FileError};
use super::file::{check_head, check_lines, count_line_ends};
use super::formats::find_dialect;
use super::rows::last_safe_start;

/// Size of a block in bytes, unless a row is longer. A block has about 1,700 trades.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes at the start of a file that show its format, encoding and dialect.
const HEAD_BYTES: usize = 8 * 1024;

/// Complete rows of a file, as text.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) text: String,
    /// Number of the line that the text begins in, from 1.
    pub(super) line: u64,
    /// This is the last block of the file.
    pub(super) is_last: bool,
    /// How the cells are written.
    pub(super) dialect: Dialect,
    end: u64,
}

impl Block {
    /// Makes one block of a whole file. Errors: the bytes are no text.
    pub(super) fn whole(
        bytes: &[u8],
        options: &ImportOptions,
    ) -> Result<(Self, Encoding), FileError> {
        let (text, encoding) = decoded(bytes)?;
        let block = Self {
            line: 1,
            is_last: true,
            dialect: find_dialect(&text, options),
            end: text.len() as u64,
            text,
        };
        Ok((block, encoding))
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
    /// Bytes in UTF-8, or in an encoding of single bytes.
    buffer: Vec<u8>,
    /// Turns what is read into UTF-8.
    utf16: Option<Utf16>,
    reader: TextReader,
    dialect: Dialect,
    /// Bytes read from the source.
    bytes: u64,
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
            utf16: None,
            reader: TextReader::default(),
            dialect: Dialect::default(),
            bytes: 0,
            is_read: false,
            is_done: false,
            has_begun: false,
            line: 1,
            end: 0,
            block_bytes,
            row_bytes_max,
        }
    }

    /// Finds how the cells of the file are written, by its first rows. Without this call, they have
    /// commas between them.
    ///
    /// Errors: as those of [`next_block`](Self::next_block).
    pub fn find_dialect(&mut self, options: &ImportOptions) -> Result<Dialect, BlockError> {
        self.begin()?;
        let head = self.buffer.get(..HEAD_BYTES).unwrap_or(&self.buffer);
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        // The last line may be cut, also inside a character.
        let whole = head.iter().rposition(is_end).unwrap_or(head.len());
        let head = match self.is_read && head.len() == self.buffer.len() {
            true => head,
            false => head.get(..whole).unwrap_or_default(),
        };
        let mut reader = self.reader.clone();
        // Bytes that are no text are the error of their block.
        if let Ok(text) = reader.read(head.to_vec(), 1) {
            self.dialect = find_dialect(&text, options);
        }
        Ok(self.dialect)
    }

    /// Returns the encoding of the blocks so far.
    pub fn encoding(&self) -> Encoding {
        self.reader.encoding
    }

    /// Returns how the cells are written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn begin(&mut self) -> Result<(), BlockError> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        self.fill(HEAD_BYTES)?;
        let (encoding, mark) = Encoding::by_mark(&self.buffer);
        self.buffer.drain(..mark);
        self.end = mark as u64;
        self.reader = TextReader::new(encoding, mark);
        if encoding.is_utf16() {
            let mut utf16 = Utf16::new(encoding);
            let units = std::mem::take(&mut self.buffer);
            utf16.push(&units, &mut self.buffer);
            if self.is_read {
                utf16.end(&mut self.buffer);
            }
            self.utf16 = Some(utf16);
        }
        Ok(check_head(&self.buffer)?)
    }

    /// Returns the next block; `None`: the file has ended.
    ///
    /// Errors: the file can't be read; another format, a NUL byte, bytes of no encoding. A NUL byte
    /// anywhere is reported rather than an earlier byte of no encoding.
    pub fn next_block(&mut self) -> Result<Option<Block>, BlockError> {
        self.begin()?;
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
            self.bytes += new.len() as u64;
            if let Some(utf16) = &mut self.utf16 {
                let units = self.buffer.split_off(old);
                utf16.push(&units, &mut self.buffer);
                if self.is_read {
                    utf16.end(&mut self.buffer);
                }
            }
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
        let masked;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // Rows begin at the same places if other letters stand in them.
            Err(error) if error.error_len().is_some() => {
                let ascii = |byte: &u8| if byte.is_ascii() { *byte } else { b'?' };
                let bytes: Vec<u8> = bytes.iter().map(ascii).collect();
                masked = String::from_utf8(bytes).unwrap_or_default();
                masked.as_str()
            }
            Err(error) => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        let start = last_safe_start(text, self.dialect)?;
        if let Some(at) = above_zero(start.saturating_sub(1)) {
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
        if self.utf16.is_some() {
            self.end = self.bytes;
        }
        match self.reader.read(bytes, line) {
            Ok(text) => Ok(Block {
                text,
                line,
                is_last: self.is_done,
                dialect: self.dialect,
                end: self.end,
            }),
            Err(not_text) => Err(self.nul_behind()?.unwrap_or(not_text).into()),
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
