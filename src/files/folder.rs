//! A folder for temporary results, gone in the end.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::WriteError;
use super::unfinished::Unfinished;

/// Only the owner may look into it.
const MODE_FOLDER: u32 = 0o700;

/// A folder that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct ScratchFolder(Unfinished);

impl ScratchFolder {
    /// Makes one beside a path, named after it. Errors: it can't be made there.
    pub fn create(beside: &Path) -> io::Result<Self> {
        let make = |path: &Path| DirBuilder::new().mode(MODE_FOLDER).create(path);
        match Unfinished::make(beside, true, make) {
            Ok((unfinished, ())) => Ok(Self(unfinished)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(WriteError::of(error, beside).into()),
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
