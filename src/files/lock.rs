//! The file that a lock is held on. It stays: its name is what processes meet at.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::MODE_OWN;
use super::look::kind_of;

/// Opens a lock file, or makes it, as open as the file that it guards: who may write to that one
/// has to be able to lock it.
///
/// Errors: no permission; a link or no plain file is there, which nobody would look for.
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
