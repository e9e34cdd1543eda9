//! Every file that the programs write, and nothing else: the one place that makes, renames and
//! removes files.
//!
//! A file is written under a name of its own beside its place: random, hidden, and of mode 0600. It
//! gets its name when it is whole and on the disk. So no reader sees half a file, no foreign link
//! leads a write elsewhere, and two writers never share a file. An incomplete file is removed: by
//! `Drop`, or by [`remove_unfinished`] when a signal ends the process. A process that is killed
//! leaves at most a name that ends in [`UNFINISHED_SUFFIX`].
//!
//! Modes: a new file is for its owner alone (0600), as all that is written here tells of money. A
//! file that takes the place of another one keeps that one's mode, owner and group.
//! Read next: `draft.rs`, then `rename.rs`.

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

/// Mode of a file that only its owner may read: it tells of money, or holds a password.
const MODE_OWN: u32 = 0o600;
