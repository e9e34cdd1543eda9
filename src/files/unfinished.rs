//! Unfinished files: their names, and a list, so that a signal can remove them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// How a name ends as long as its file is not finished. No result ever has such a name.
pub const UNFINISHED_SUFFIX: &str = ".unfinished";

/// Bytes of a file's own name that are shown in the other one: a name has 255 at most.
const NAME_BYTES_MAX: usize = 120;

/// Digits that nobody guesses: 64 bits.
const RANDOM_DIGITS: usize = 16;

/// Names tried before the folder counts as full of them.
const NAMES_TRIED_MAX: usize = 8;

/// Unfinished paths, and whether each is a folder. `None`: the process is about to end.
static UNFINISHED: Mutex<Option<BTreeMap<PathBuf, bool>>> = Mutex::new(Some(BTreeMap::new()));

/// A path that is removed unless it is let go.
#[derive(Debug)]
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes something by a name that nobody has, beside a path. Errors: those of `make`.
    pub(super) fn make<T>(
        target: &Path,
        is_folder: bool,
        make: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        let mut list = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody would take it away any more.
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

    /// Takes it from the list: it has another name by now.
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
    // It is removed as well as it can be: the error that led here is the one to show.
    let _ = match is_folder {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
}

/// Removes all that is not finished, and lets nothing more begin. For the end of a process.
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
