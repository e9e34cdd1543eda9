//! Unfinished files: their names, and a list, so that a signal can remove them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// The end of the name of an unfinished file. No result ever has such a name.
pub const UNFINISHED_SUFFIX: &str = ".unfinished";

/// Most bytes of a file's own name that its temporary name shows. A name can have 255 bytes.
const NAME_BYTES_MAX: usize = 120;

/// Random digits in a temporary name: 64 bits, which nobody can guess.
const RANDOM_DIGITS: usize = 16;

/// Most random names to try.
const NAMES_TRIED_MAX: usize = 8;

/// Unfinished paths, and whether each is a folder. `None`: the process is about to end.
static UNFINISHED: Mutex<Option<BTreeMap<PathBuf, bool>>> = Mutex::new(Some(BTreeMap::new()));

/// A path that is removed when this value is dropped, unless `let_go` was called.
#[derive(Debug)]
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes a file or folder by a random name beside a path. Errors: those of `make`.
    pub(super) fn make<T>(
        target: &Path,
        is_folder: bool,
        make: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        let mut list = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        // The process is about to end, so nobody would remove a new file.
        let list = list.as_mut().ok_or(io::ErrorKind::Interrupted)?;
        let mut tried = 1;
        loop {
            let path = beside(target);
            match make(&path) {
                Ok(made) => {
                    list.insert(path.clone(), is_folder);
                    return Ok((Self(path), made));
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_TRIED_MAX =>
                {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the path from the list, as the file has its own name by now.
    pub(super) fn let_go(self) {
        forget(&self.0);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(is_folder) = forget(&self.0) {
            remove(&self.0, is_folder);
        }
    }
}

fn forget(path: &Path) -> Option<bool> {
    let mut list = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    list.as_mut()?.remove(path)
}

fn remove(path: &Path, is_folder: bool) {
    // Ignores a failure: the error that led here is the one to show.
    let _ = match is_folder {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
}

/// Removes all unfinished files, and refuses new ones. A process calls this at its end.
pub fn remove_unfinished() {
    let mut list = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for (path, is_folder) in list.take().into_iter().flatten() {
        remove(&path, is_folder);
    }
}

/// Returns a name beside a path: `.out.csv.0f3a5c71d2e4b698.unfinished`.
fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    let shown = name.get(..end).unwrap_or_default();
    let random = Uuid::new_v4().simple().to_string();
    let random = random.get(..RANDOM_DIGITS).unwrap_or(&random);
    target.with_file_name(format!(".{shown}.{random}{UNFINISHED_SUFFIX}"))
}
