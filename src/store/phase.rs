//! Places where a test stops a process for ever, to kill it exactly there.
//!
//! It stands below the store because both the store and the pipeline come past such places, and
//! the store may not know the pipeline. A build without debug assertions has none of it: there
//! [`reached`] is empty, and the name of the environment variable is not in the program.

/// A place that a run, or an import, comes past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All bytes of a file that the program makes are written, and it has no name yet.
    Name,
    /// A lot of a file's rows is written, and more may follow.
    Lot,
    /// A file's rows are appended, and nothing is committed.
    Append,
    /// Rows of the ledger are read.
    Read,
    /// A pool is matched, and nothing of it is written.
    Match,
    /// Rows of the version are written.
    Load,
    /// All rows are written; PostgreSQL is about to index them.
    Index,
    /// The version's tables are committed, and about to be attached (PostgreSQL).
    Attach,
    /// The tables are attached, and no version says that they are there (PostgreSQL).
    Attached,
    /// The version is current in a transaction that is still open.
    Publish,
    /// The log row is closed in that transaction.
    CloseLog,
    /// All is committed, and no answer has gone out.
    Committed,
    /// All output is written, and the process is about to end.
    Ended,
}

/// Marks that a place is reached. In a build with debug assertions, if `FIFO_PNL_STOP_AT` has the
/// phase's name in small letters, the process says so on stderr and this never returns.
#[cfg(debug_assertions)]
pub fn reached(phase: Phase) {
    use std::io::Write;
    let name = format!("{phase:?}").to_lowercase();
    if std::env::var_os("FIFO_PNL_STOP_AT").is_none_or(|stop| stop != *name) {
        return;
    }
    // Who does not hear it waits in vain, which is a failure of the test that asked for it.
    let _ = writeln!(std::io::stderr(), "stopped at {name}");
    loop {
        std::thread::park();
    }
}

/// Comes past a place, and does nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_: Phase) {}
