//! Exit codes: the one place. Scripts rely on them.

/// What a program tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done. Unmatched sells are reported, not an error, unless `--strict`.
    Done = 0,
    /// Done, with findings: a violation, a partial run or import, anything under `--strict`.
    Findings = 1,
    /// Wrong usage, configuration or input; nothing was written.
    Usage = 2,
    /// Refused: locked, another schema, sealed, no permission, unsafe; nothing was changed.
    Refused = 3,
    /// Failed: database, disk; nothing was published.
    Failed = 4,
    /// Interrupted; nothing was published.
    Interrupted = 130,
}

/// The codes for `--help`.
pub const EXIT_CODES_HELP: &str = "Exit codes:
  0    done
  1    done, with findings: a violation, a partial run or import, anything under --strict
  2    wrong usage, configuration or input; nothing was written
  3    refused (locked, schema, sealed, no permission); nothing was changed
  4    failed (database, disk); nothing was published
  130  interrupted; nothing was published";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
