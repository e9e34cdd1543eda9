//! A folder for temporary results.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::WriteError;
use super::unfinished::Unfinished;

/// Mode of a folder that only its owner may read.
const MODE_FOLDER: u32 = 0o700;

/// A folder that is removed with all its files when this value is dropped.
#[derive(Debug)]
pub struct ScratchFolder(Unfinished);

impl ScratchFolder {
    /// Makes a folder beside a path, with a similar name. Errors: the folder can't be made there.
    pub fn create(beside: &Path) -> io::Result<Self> {
        let make = |path: &Path| DirBuilder::new().mode(MODE_FOLDER).create(path);
        match Unfinished::make(beside, true, make) {
            Ok((unfinished, ())) => Ok(Self(unfinished)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(WriteError::of(error, beside).into()),
        }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
