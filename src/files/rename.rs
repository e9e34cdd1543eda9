//! Gives complete files their names without replacing others, and writes the names to the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::WriteError;
use super::kept;

/// Gives a file a free name. Errors: the name is taken.
pub(super) fn without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match at_once(from, to) {
        Err(error) if is_unknown(&error) => {}
        done => return done,
    }
    match by_a_second_name(from, to) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => over_an_empty_one(from, to),
        Ok(()) => Ok(()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn at_once(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn at_once(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Tells whether an error means that the file system does not support the call.
fn is_unknown(error: &io::Error) -> bool {
    let unknown = [ErrorKind::Unsupported, ErrorKind::InvalidInput];
    unknown.contains(&error.kind())
}

/// Renames through a hard link, for file systems without a rename that never replaces.
fn by_a_second_name(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Renames over an empty file that it makes first, for file systems that have no hard links either.
fn over_an_empty_one(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(to)?;
    fs::rename(from, to)
}

/// Writes a folder's names to the disk, if its file system can do that.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    match synced {
        // The folder can't be read or synced. Only the name may be lost in a crash: the file's
        // bytes are on the disk.
        Err(error) if is_unknown(&error) || error.kind() == ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// Removes a path if it still leads to this file.
pub(super) fn remove_same(file: &File, path: &Path) {
    let (Ok(own), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return;
    };
    if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
        // Ignores a failure: the error that led here is the one to show.
        let _ = fs::remove_file(path);
    }
}

/// Removes a file of an earlier run that no new file replaces. Of a link, it removes the link
/// itself. A [protected](super::keep) file stays, as no earlier run wrote it.
///
/// Errors: the file can't be removed.
pub fn remove_published(path: &Path) -> Result<(), WriteError> {
    if kept::check(path).is_err() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done.map_err(|error| WriteError::of(error, path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_naming_a_file_replaces_another_one() {
        type RenameCall = fn(&Path, &Path) -> io::Result<()>;
        let ways: [RenameCall; 4] = [
            without_replacing,
            at_once,
            by_a_second_name,
            over_an_empty_one,
        ];
        for way in ways {
            let folder = tempfile::tempdir().unwrap();
            let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
            fs::write(&from, "new").unwrap();
            fs::write(&to, "old").unwrap();
            let refused = way(&from, &to).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&to).unwrap(), "old");
            assert_eq!(fs::read_to_string(&from).unwrap(), "new");
            fs::remove_file(&to).unwrap();
            way(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), "new");
            assert!(!from.exists());
        }
    }
}
