//! Points at which a test stops a process for ever, to kill it exactly there.
//!
//! The module is below the store, since both the store and the pipeline have such points. A build
//! without debug assertions has none: there [`reached`] is empty, and the name of the environment
//! variable is not in the program.

/// A point in a run or an import at which a test may stop the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All bytes of an output file are written; the file does not have its final name yet.
    Name,
    /// One batch of a file's rows is written, and more may follow.
    Batch,
    /// A file's rows are appended, and their transaction is open.
    Append,
    /// Rows of the ledger are read.
    Read,
    /// A pool is matched, and none of its rows is written.
    Match,
    /// Rows of the version are written.
    Load,
    /// The first half of the version is written, and the server indexes it (PostgreSQL).
    Half,
    /// All rows are written; PostgreSQL is about to index them.
    Index,
    /// The version's tables are committed, and about to be attached (PostgreSQL).
    Attach,
    /// The tables are attached; no version is registered for them yet (PostgreSQL).
    Attached,
    /// The version is current, in a transaction that is still open.
    Publish,
    /// The log row is closed, in the same open transaction.
    CloseLog,
    /// The last transaction is committed, and the run has not reported its result.
    Committed,
    /// All output is written, and the process is about to end.
    Ended,
}

/// Marks that the process reached a point. In a build with debug assertions the process stops here
/// for ever, after a word on stderr, if `FIFO_PNL_STOP_AT` is the point's name in small letters.
#[cfg(debug_assertions)]
pub fn reached(phase: Phase) {
    use std::io::Write;
    let name = format!("{phase:?}").to_lowercase();
    if std::env::var_os("FIFO_PNL_STOP_AT").is_none_or(|stop| stop != *name) {
        return;
    }
    // If the line is lost, the test that waits for it fails.
    let _ = writeln!(std::io::stderr(), "stopped at {name}");
    loop {
        std::thread::park();
    }
}

/// Does nothing: this build stops nowhere.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_: Phase) {}
