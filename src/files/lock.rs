//! Two kinds of locks. A lock file stays after use, so that all processes lock the same file. A
//! folder is locked while files that belong together get their names.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::MODE_OWN;
use super::error::WriteError;
use super::look::kind_of;

/// Time between two tries to lock a folder. Units: milliseconds.
const LOOK_AGAIN_MS: u64 = 20;

/// Tries to lock a folder before giving up. All tries together take 5 seconds; naming files takes
/// far less.
const LOOKS_MAX: u32 = 250;

/// The lock of a folder while files that belong together get their names. Dropping it releases the
/// lock.
#[derive(Debug)]
pub struct FolderLock {
    /// `None`: this file system, or this user, can't lock a folder.
    _folder: Option<File>,
}

impl FolderLock {
    /// Locks the folder of a file. Waits while another process holds the lock.
    ///
    /// Errors: another process holds the lock for too long.
    pub fn take(file: &Path) -> Result<Self, WriteError> {
        Self::take_within(file, LOOKS_MAX)
    }

    fn take_within(file: &Path, looks: u32) -> Result<Self, WriteError> {
        let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let Ok(open) = File::open(folder) else {
            return Ok(Self { _folder: None });
        };
        for _ in 1..looks {
            match open.try_lock() {
                Err(TryLockError::WouldBlock) => {}
                done => return Ok(Self::of(open, done.is_ok())),
            }
            std::thread::sleep(Duration::from_millis(LOOK_AGAIN_MS));
        }
        match open.try_lock() {
            Err(TryLockError::WouldBlock) => Err(WriteError::Locked {
                folder: folder.to_owned(),
            }),
            done => Ok(Self::of(open, done.is_ok())),
        }
    }

    fn of(folder: File, is_locked: bool) -> Self {
        Self {
            _folder: is_locked.then_some(folder),
        }
    }
}

/// Opens or makes a lock file, with the rights of the file that it guards. A user who may write to
/// that file must be able to lock it.
///
/// Errors: no permission; the path is that of a link or of something that is not a plain file.
pub fn open_lock(path: &Path, guarded: &Path) -> io::Result<File> {
    loop {
        match open(path, false) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
        match open(path, true) {
            // Another process made it meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                let mode = fs::metadata(guarded).map_or(MODE_OWN, |it| it.permissions().mode());
                file.set_permissions(Permissions::from_mode(mode & 0o666))?;
                return Ok(file);
            }
        }
    }
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    let not_a_file = |what: &str| io::Error::other(format!("it is {what}, expected a file"));
    if let Ok(there) = fs::symlink_metadata(path)
        && !there.is_file()
    {
        return Err(not_a_file(kind_of(there.file_type())));
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(new)
        .mode(MODE_OWN)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false => Err(not_a_file(kind_of(kind))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_gives_names_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a"), folder.path().join("b"));
        let lock = FolderLock::take_within(&file, 1).unwrap();
        let error = FolderLock::take_within(&other, 2).unwrap_err();
        assert!(matches!(error, WriteError::Locked { .. }), "{error:?}");
        drop(lock);
        let lock = FolderLock::take_within(&other, 1).unwrap();
        assert!(lock._folder.is_some());
        // A folder that is not there is another error's.
        FolderLock::take_within(&folder.path().join("none/a"), 1).unwrap();
    }
}
