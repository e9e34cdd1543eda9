//! Files that a command works with, and that no result may replace: the database in use, its side
//! files, and the configuration.
//!
//! A process lists these files once, before it writes anything. Then it compares the path of each
//! result with them, by name and by file. So another spelling of a path does not help.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::WriteError;

/// Files that this process protects.
static KEPT: Mutex<KeptPaths> = Mutex::new(KeptPaths(Vec::new()));

/// Paths, each with its kind.
#[derive(Debug, Default)]
struct KeptPaths(Vec<(PathBuf, &'static str)>);

/// Protects a file: no output of this program may replace it. The error message calls it `what`,
/// for example "the database in use".
///
/// The file need not exist yet.
pub fn keep(path: &Path, what: &'static str) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.add(path, what);
}

/// Checks that a result may have a path. Errors: it is that of a protected file.
pub(super) fn check(target: &Path) -> Result<(), WriteError> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.check(target)
}

impl KeptPaths {
    /// Adds a path, and if it is a link, the file that it leads to.
    fn add(&mut self, path: &Path, what: &'static str) {
        self.0.push((named(path), what));
        if let Ok(real) = path.canonicalize() {
            self.0.push((real, what));
        }
    }

    fn check(&self, target: &Path) -> Result<(), WriteError> {
        let name = named(target);
        let found = self.0.iter().find(|(kept, _)| is_same(kept, &name));
        match found {
            None => Ok(()),
            Some((_, what)) => Err(WriteError::InUse {
                path: target.to_owned(),
                what,
            }),
        }
    }
}

/// Returns a path with the canonical spelling of its folder. A link in the last part is not
/// followed.
fn named(path: &Path) -> PathBuf {
    let name = path.file_name().map(OsString::from).unwrap_or_default();
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    match folder.unwrap_or(Path::new(".")).canonicalize() {
        Ok(folder) => folder.join(name),
        Err(_) => path.to_owned(),
    }
}

/// Tells whether two paths name one file: some file systems take more than one spelling of a name.
fn is_same(kept: &Path, name: &Path) -> bool {
    if kept == name {
        return true;
    }
    let file = |path: &Path| {
        let there = fs::symlink_metadata(path).ok()?;
        Some((there.dev(), there.ino()))
    };
    file(kept).is_some_and(|kept| Some(kept) == file(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_kept_file_is_a_place_for_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("real.db"), "data").unwrap();
        std::os::unix::fs::symlink("real.db", at("link.db")).unwrap();
        std::os::unix::fs::symlink(".", at("here")).unwrap();
        let mut kept = KeptPaths::default();
        kept.add(&at("link.db"), "the database in use");
        kept.add(&at("none.db-wal"), "a file of the database in use");
        for name in [
            "link.db",
            "real.db",
            "./in/../real.db",
            "here/real.db",
            "here/link.db",
            "none.db-wal",
            "here/none.db-wal",
        ] {
            let refused = kept.check(&at(name)).unwrap_err();
            assert!(matches!(refused, WriteError::InUse { .. }), "{name}");
        }
        for name in ["other.db", "in/real.db", "none.db", "nowhere/real.db"] {
            kept.check(&at(name)).unwrap();
        }
        fs::hard_link(at("real.db"), at("second name")).unwrap();
        kept.check(&at("second name")).unwrap_err();
    }
}
