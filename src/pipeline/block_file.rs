//! An open file that is read in batches of blocks.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::{PipelineError, PipelineResult};
use crate::import::{
    Block, BlockError, Blocks, CsvFormat, FileError, ImportOptions, ROW_BYTES_MAX,
};

/// Blocks parsed at once, with any number of cores: each takes some 1.5 MB with its trades.
const BLOCKS_AT_ONCE_MAX: usize = 8;

/// Once a batch has this many bytes, it gets no further block: blocks with long rows are large.
const BATCH_BYTES_MAX: usize = ROW_BYTES_MAX;

/// An open file that is read in batches of blocks; all blocks of a batch are parsed at once.
pub(super) struct BlockFile<'p> {
    pub(super) path: &'p Path,
    pub(super) blocks: Blocks<File>,
}

impl<'p> BlockFile<'p> {
    /// Opens a file.
    pub(super) fn open(path: &'p Path) -> PipelineResult<Self> {
        let file = File::open(path).map_err(|error| of_block(path, error.into()))?;
        let blocks = Blocks::new(file);
        Ok(Self { path, blocks })
    }

    /// Reads up to the header; returns it with its batch of blocks. Errors: the file has no header.
    pub(super) fn begin(
        &mut self,
        options: &ImportOptions,
    ) -> PipelineResult<(CsvFormat, Vec<Block>)> {
        let dialect = self.blocks.find_dialect(options);
        dialect.map_err(|error| of_block(self.path, error))?;
        loop {
            let batch = self.next_batch()?;
            if batch.is_empty() {
                return Err(of_file(self.path, FileError::Empty));
            }
            match header_in(&batch, options) {
                Ok(Some(format)) => return Ok((format, batch)),
                Ok(None) => {}
                Err(error) => {
                    // Read to the end: a later block that is not text is the error to report.
                    while !self.next_batch()?.is_empty() {}
                    return Err(of_file(self.path, error));
                }
            }
        }
    }

    /// Returns the SHA-256 of the file. Errors: its rest can't be read.
    pub(super) fn into_sha256(self) -> io::Result<String> {
        self.blocks.into_sha256()
    }

    /// Returns the next batch of blocks; an empty one at the end of the file.
    pub(super) fn next_batch(&mut self) -> PipelineResult<Vec<Block>> {
        let at_once = rayon::current_num_threads().min(BLOCKS_AT_ONCE_MAX);
        let mut batch = Vec::with_capacity(at_once);
        let mut bytes = 0;
        while batch.len() < at_once && bytes < BATCH_BYTES_MAX {
            match self.blocks.next_block() {
                Ok(Some(block)) => {
                    bytes += block.bytes();
                    batch.push(block);
                }
                Ok(None) => break,
                Err(error) => return Err(of_block(self.path, error)),
            }
        }
        Ok(batch)
    }
}

fn header_in(batch: &[Block], options: &ImportOptions) -> Result<Option<CsvFormat>, FileError> {
    let found = batch.iter().map(|block| CsvFormat::find(block, options));
    let mut found = found.filter_map(Result::transpose);
    found.next().transpose()
}

pub(super) fn of_file(path: &Path, error: FileError) -> PipelineError {
    let file = path.display().to_string();
    PipelineError::File { file, error }
}

pub(super) fn of_block(path: &Path, error: BlockError) -> PipelineError {
    match error {
        BlockError::File(error) => of_file(path, error),
        BlockError::Io(error) => PipelineError::Unreadable {
            file: path.display().to_string(),
            reason: error.to_string(),
        },
    }
}
