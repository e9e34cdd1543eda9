//! Checks paths and reads files, without ever waiting on one that never ends.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Names the kind of a thing, with its article.
pub fn kind_of(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "a file",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Opens a plain file, and follows links. Errors: the file does not exist, can't be read, or is no
/// plain file.
pub fn open_input(path: &Path, writable: bool) -> io::Result<File> {
    // Opens without waiting: otherwise a pipe without a writer would never open.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false => Err(not_a_file(kind)),
    }
}

fn not_a_file(kind: FileType) -> io::Error {
    let what = kind_of(kind);
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, expected a file"),
    )
}

/// Opens a plain file, or a shell's stream (`<(command)`, `/dev/stdin`, `/dev/null`), which has an
/// end. Errors: as [`open_input`].
pub fn open_text(path: &Path) -> io::Result<File> {
    if !is_handed_over(path) {
        return open_input(path, false);
    }
    check_text(path)?;
    File::open(path)
}

/// Checks that a path is that of a plain file or a shell's stream. It reads nothing, so it never
/// waits.
///
/// Errors: the path does not exist; it is another kind of thing, which may never end.
pub fn check_text(path: &Path) -> io::Result<()> {
    let there = fs::metadata(path)?;
    let kind = there.file_type();
    let may_end = is_handed_over(path)
        && match kind.is_char_device() {
            true => is_null(&there) || is_terminal(path),
            false => kind.is_fifo() || kind.is_socket(),
        };
    match kind.is_file() || may_end {
        true => Ok(()),
        false => Err(not_a_file(kind)),
    }
}

/// Tells whether a path names a stream that the process inherited, or the null device.
fn is_handed_over(path: &Path) -> bool {
    if path == Path::new("/dev/stdin") || path == Path::new("/dev/null") {
        return true;
    }
    let mut parts = path.iter().skip(1);
    let parts = [(); 4].map(|()| parts.next().and_then(|part| part.to_str()));
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    match parts {
        [Some("dev"), Some("fd"), Some(number), None] => is_number(number),
        [Some("proc"), Some(process), Some("fd"), Some(number)] => {
            (process == "self" || is_number(process)) && is_number(number)
        }
        _ => false,
    }
}

fn is_null(there: &Metadata) -> bool {
    fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == there.rdev())
}

/// Tells whether a path is a terminal, where a person can end the text.
fn is_terminal(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.is_terminal())
}

/// Reads a text of at most `bytes_max` bytes. Errors: as [`open_text`]; the text is longer.
pub fn read_input(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open_text(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {bytes_max} bytes"),
        )),
        false => Ok(bytes),
    }
}
