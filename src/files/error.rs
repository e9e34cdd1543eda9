//! Why a file was not written: values, which `cli` turns into hints and exit codes.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file was not written. If a trait asks for an [`io::Error`], this error is put inside one.
/// [`WriteError::of`] takes it out again.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The name is taken, and nobody asked to replace the file.
    #[error("{} exists", .path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// The name is that of a file which the command works with.
    #[error("{} is {what}: a result never replaces it", .path.display())]
    InUse {
        /// The place.
        path: PathBuf,
        /// The kind of thing, with its article.
        what: &'static str,
    },
    /// The name belongs to a folder.
    #[error("{} is a folder, expected a file", .path.display())]
    Folder {
        /// The place.
        path: PathBuf,
    },
    /// The name belongs to something that is neither a file nor a folder.
    #[error("{} is {what}, expected a file", .path.display())]
    NoFile {
        /// The place.
        path: PathBuf,
        /// The kind of thing, with its article.
        what: &'static str,
    },
    /// Another process locks the folder to name its files, and does not end.
    #[error("another export writes into {}", .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The disk, the quota or the limit of a file's size is used up.
    #[error("no space left to write {} ({reason})", .path.display())]
    Full {
        /// The place.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// This user may not, or can't, make the file in this folder.
    #[error("can't write {}: {source}", .path.display())]
    Denied {
        /// The place.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The disk failed.
    #[error("can't write {}: {source}", .path.display())]
    Failed {
        /// The place.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl WriteError {
    /// Makes a write error of an error of the system and a path. An error that already is a write
    /// error stays as it is.
    pub fn of(error: io::Error, path: &Path) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(known) => return known,
            Err(error) => error,
        };
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                let reason = error.to_string();
                Self::Full { path, reason }
            }
            ErrorKind::AlreadyExists => Self::Exists { path },
            ErrorKind::PermissionDenied
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::ReadOnlyFilesystem => {
                let source = error;
                Self::Denied { path, source }
            }
            _ => {
                let source = error;
                Self::Failed { path, source }
            }
        }
    }

    /// Replaces the path. Used if the file was made in a temporary folder, whose path no user
    /// named.
    #[must_use]
    pub fn seen_at(mut self, place: &Path) -> Self {
        let (Self::Locked { folder: path }
        | Self::Exists { path }
        | Self::InUse { path, .. }
        | Self::Folder { path }
        | Self::NoFile { path, .. }
        | Self::Full { path, .. }
        | Self::Denied { path, .. }
        | Self::Failed { path, .. }) = &mut self;
        place.clone_into(path);
        self
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Exists { .. } | Self::InUse { .. } => ErrorKind::AlreadyExists,
            Self::Folder { .. } | Self::NoFile { .. } => ErrorKind::InvalidInput,
            Self::Locked { .. } => ErrorKind::ResourceBusy,
            Self::Full { .. } => ErrorKind::StorageFull,
            Self::Denied { source, .. } | Self::Failed { source, .. } => source.kind(),
        }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        Self::new(error.kind(), error)
    }
}
