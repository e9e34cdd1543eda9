//! A file that is written under a temporary name, and then gets its own name.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::MODE_OWN;
use super::error::WriteError;
use super::kept;
use super::look::kind_of;
use super::rename;
use super::unfinished::Unfinished;

/// Treatment of an existing file with the name of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfThere {
    /// The existing file stays, and the new one is refused.
    Refuse,
    /// The existing file is replaced if it is a plain file. The new one takes over its mode, owner
    /// and group.
    Replace,
    /// Like `Replace`, but also for a [protected](super::keep) file: the program updates its own
    /// settings.
    Update,
}

impl IfThere {
    /// Reads `--overwrite`.
    pub fn of_overwrite(overwrite: bool) -> Self {
        match overwrite {
            true => Self::Replace,
            false => Self::Refuse,
        }
    }
}

/// A file that is being written. If it is dropped before `publish`, it is removed.
///
/// A draft can be read, written and sought like a file, and each error names the file. The first
/// write that fails returns its error, and the draft never gets its name. Later writes succeed and
/// drop their bytes. Otherwise a library that cleans up after an error would print a message of its
/// own.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    if_there: IfThere,
    file: File,
    /// The temporary name; `None`: the file has its own name.
    part: Option<Unfinished>,
    /// Mode of a new file.
    mode: u32,
    /// Length that the file would have if all writes had succeeded. `None`: no write failed.
    failed_at: Option<u64>,
}

/// Checks that a file can be put at a path, before any work is done for it.
///
/// Errors: a file that may not be replaced has the path; something that is not a plain file has it;
/// the path is that of a protected file.
pub fn check_place(target: &Path, if_there: IfThere) -> Result<(), WriteError> {
    found(target, if_there).map(|_| ())
}

/// Returns the file to replace. A link in the last part of a path is not followed, and is not a
/// file.
fn found(target: &Path, if_there: IfThere) -> Result<Option<Metadata>, WriteError> {
    let path = || target.to_owned();
    if if_there != IfThere::Update {
        kept::check(target)?;
    }
    let there = match fs::symlink_metadata(target) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(WriteError::of(error, target)),
    };
    if there.is_dir() {
        return Err(WriteError::Folder { path: path() });
    }
    match if_there {
        IfThere::Refuse => Err(WriteError::Exists { path: path() }),
        IfThere::Replace | IfThere::Update if there.is_file() => Ok(Some(there)),
        IfThere::Replace | IfThere::Update => {
            let what = kind_of(there.file_type());
            Err(WriteError::NoFile { path: path(), what })
        }
    }
}

impl Draft {
    /// Begins a file. Errors: the file can't be made there, or something has its name.
    pub fn create(target: &Path, if_there: IfThere) -> io::Result<Self> {
        found(target, if_there)?;
        Self::begin(target, if_there)
    }

    /// Begins a temporary file, which is removed when it is dropped.
    pub fn nameless(beside: &Path) -> io::Result<Self> {
        Self::begin(beside, IfThere::Refuse)
    }

    fn begin(target: &Path, if_there: IfThere) -> io::Result<Self> {
        let open = |path: &Path| {
            let mut options = fs::OpenOptions::new();
            options.read(true).write(true).create_new(true);
            let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            options.mode(MODE_OWN).custom_flags(no_follow).open(path)
        };
        let made = Unfinished::make(target, false, open);
        let (part, file) = made.map_err(|error| begin_failed(error, target))?;
        Ok(Self {
            target: target.to_owned(),
            if_there,
            file,
            part: Some(part),
            mode: MODE_OWN,
            failed_at: None,
        })
    }

    /// Returns the present path: the temporary one, or the file's own.
    pub fn path(&self) -> &Path {
        self.part.as_ref().map_or(&self.target, Unfinished::path)
    }

    /// Gives a new file the mode, owner and group of another file, so that the same users can read
    /// a copy.
    ///
    /// Errors: the source is gone.
    pub fn like(&mut self, source: &Path) -> io::Result<()> {
        let like = fs::metadata(source).map_err(|error| self.failed(error))?;
        self.mode = take_over(&self.file, &like);
        Ok(())
    }

    /// Writes all bytes to the disk. Errors: a write failed; the disk is full or failed.
    pub fn complete(&mut self) -> io::Result<()> {
        self.check_whole()?;
        self.file.sync_all().map_err(|error| self.failed(error))
    }

    /// Completes the file and gives it its name. Does nothing if the file has its name.
    ///
    /// Errors: something else has the name by now; the disk.
    pub fn publish(&mut self) -> io::Result<()> {
        if self.part.is_none() {
            return Ok(());
        }
        self.check_whole()?;
        let old = found(&self.target, self.if_there)?;
        let mode = match &old {
            Some(old) => take_over(&self.file, old),
            None => self.mode,
        };
        let named = self
            .file
            .set_permissions(Permissions::from_mode(mode))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| match self.if_there {
                IfThere::Replace | IfThere::Update => fs::rename(self.path(), &self.target),
                IfThere::Refuse => rename::without_replacing(self.path(), &self.target),
            });
        named.map_err(|error| self.failed(error))?;
        if let Some(part) = self.part.take() {
            part.let_go();
        }
        rename::sync_folder_of(&self.target).map_err(|error| self.failed(error))
    }

    /// Removes the published file, unless another one has replaced it since.
    pub fn take_back(&self) {
        if self.part.is_none() {
            rename::remove_same(&self.file, &self.target);
        }
    }

    fn check_whole(&self) -> io::Result<()> {
        let error = || io::Error::other("a part of it was not written");
        match self.failed_at {
            Some(_) => Err(self.failed(error())),
            None => Ok(()),
        }
    }

    fn failed(&self, error: io::Error) -> io::Error {
        WriteError::of(error, &self.target).into()
    }
}

/// Names the file in the error of its creation. The end of the process is no such error.
fn begin_failed(error: io::Error, target: &Path) -> io::Error {
    if error.kind() == ErrorKind::Interrupted {
        return error;
    }
    WriteError::of(error, target).into()
}

/// Gives a file the owner and group of another file. Returns that file's mode, without the rights
/// of the group if the file can't have this group.
fn take_over(file: &File, from: &Metadata) -> u32 {
    let mode = from.mode() & 0o777;
    let Ok(own) = file.metadata() else {
        return MODE_OWN;
    };
    if (own.uid(), own.gid()) == (from.uid(), from.gid()) {
        return mode;
    }
    let group = std::os::unix::fs::fchown(file, None, Some(from.gid()));
    // Only root can give files away; any other user owns the file that it replaces.
    let _ = std::os::unix::fs::fchown(file, Some(from.uid()), None);
    match group {
        Ok(()) => mode,
        Err(_) => mode & !0o070,
    }
}

impl Read for Draft {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|error| self.failed(error))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(at) = &mut self.failed_at {
            *at += bytes.len() as u64;
            return Ok(bytes.len());
        }
        match self.file.write(bytes) {
            // The caller tries an interrupted write again, so it is no failure.
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed_at = Some(self.file.stream_position().unwrap_or_default());
                Err(self.failed(error))
            }
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let Some(at) = &mut self.failed_at else {
            return self.file.seek(to).map_err(|error| self.failed(error));
        };
        *at = match to {
            SeekFrom::Start(start) => start,
            SeekFrom::Current(by) | SeekFrom::End(by) => at.saturating_add_signed(by),
        };
        Ok(*at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        (folder, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let (folder, path) = folder();
        let mut draft = Draft::create(&path, IfThere::Refuse).unwrap();
        draft.write_all(b"all").unwrap();
        let listed = names(folder.path());
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert!(listed[0].starts_with(".a.csv.") && listed[0].ends_with(".unfinished"));
        assert_eq!(mode(draft.path()), 0o600);
        draft.publish().unwrap();
        drop(draft);
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(
            (mode(&path), fs::read(&path).unwrap()),
            (0o600, b"all".to_vec())
        );
    }

    #[test]
    fn the_second_of_two_writers_is_refused_and_the_first_one_stays() {
        let (folder, path) = folder();
        let both = [b"first", b"other"].map(|bytes| {
            let mut draft = Draft::create(&path, IfThere::Refuse).unwrap();
            draft.write_all(bytes).unwrap();
            draft
        });
        let [mut first, mut second] = both;
        first.publish().unwrap();
        let refused = second.publish().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(refused.to_string(), format!("{} exists", path.display()));
        second.take_back();
        drop(second);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.csv"]);
        first.take_back();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_replaced_leaves_its_mode() {
        let (_folder, path) = folder();
        for old in [0o640, 0o600, 0o444] {
            let _ = fs::remove_file(&path);
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(old)).unwrap();
            let mut draft = Draft::create(&path, IfThere::Replace).unwrap();
            draft.write_all(b"new").unwrap();
            draft.publish().unwrap();
            assert_eq!(
                (mode(&path), fs::read(&path).unwrap()),
                (old, b"new".to_vec())
            );
        }
    }

    #[test]
    fn nothing_but_a_file_is_replaced() {
        let (folder, path) = folder();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let refused = |if_there| Draft::create(&path, if_there).unwrap_err().to_string();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(refused(IfThere::Refuse).ends_with("a.csv exists"));
        assert!(refused(IfThere::Replace).ends_with("a symbolic link, expected a file"));
        fs::remove_file(&path).unwrap();
        // A link that came while the file was written.
        let mut draft = Draft::create(&path, IfThere::Replace).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        draft.publish().unwrap_err();
        drop(draft);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(refused(IfThere::Refuse).ends_with("a folder, expected a file"));
        assert!(refused(IfThere::Replace).ends_with("a folder, expected a file"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_file_that_was_not_written_whole_gets_no_name() {
        let (folder, path) = folder();
        let mut draft = Draft::create(&path, IfThere::Refuse).unwrap();
        draft.write_all(b"a").unwrap();
        // Only for reading: the next write fails.
        draft.file = File::open(draft.path()).unwrap();
        draft.write_all(b"b").unwrap_err();
        // A later clean-up does not list it any more.
        draft.write_all(b"cd").unwrap();
        assert_eq!(draft.stream_position().unwrap(), 2);
        assert_eq!(draft.seek(SeekFrom::Start(1)).unwrap(), 1);
        draft.complete().unwrap_err();
        draft.publish().unwrap_err();
        drop(draft);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_long_name_has_room_for_its_draft() {
        let (folder, _) = folder();
        let path = folder.path().join("ü".repeat(127));
        let mut draft = Draft::create(&path, IfThere::Refuse).unwrap();
        draft.publish().unwrap();
        assert_eq!(names(folder.path()).len(), 1);
    }
}
