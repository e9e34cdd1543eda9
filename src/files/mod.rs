//! Every file that the programs write, and nothing else: the one place that makes, renames and
//! removes files.
//!
//! A file is written under a random, hidden name in the same folder, with mode 0600. It gets its
//! own name when it is whole and on the disk. So nobody reads half a file, a link can't lead a
//! write elsewhere, and two writers never share a file. An incomplete file is removed: by `Drop`,
//! or by [`remove_unfinished`] when a signal ends the process. A process that is killed leaves at
//! most a file whose name ends in [`UNFINISHED_SUFFIX`].
//!
//! Modes: only its owner can read a new file (0600), as all files here are about money. A file that
//! replaces another one takes over its mode, owner and group. Read next: `draft.rs`, then
//! `rename.rs`.

mod draft;
mod error;
mod folder;
mod kept;
mod lock;
mod look;
mod rename;
mod unfinished;

pub use draft::{Draft, IfThere, check_place};
pub use error::WriteError;
pub use folder::ScratchFolder;
pub use kept::keep;
pub use lock::{FolderLock, open_lock};
pub use look::{check_text, kind_of, open_input, open_text, read_input};
pub use rename::remove_published;
pub use unfinished::{UNFINISHED_SUFFIX, remove_unfinished};

/// Mode of a file that only its owner may read, as it is about money or has a password.
const MODE_OWN: u32 = 0o600;
