//! All exit codes. Scripts rely on them.

/// Exit code of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done. Unmatched sells are reported, not an error, unless `--strict`.
    Done = 0,
    /// Done, with findings: a violation, a rejected pool, a partial import, incomplete tax files,
    /// trades that count twice.
    /// Also a finding of `health`, a difference from the filing, anything under `--strict`.
    Findings = 1,
    /// Wrong usage, settings or input; nothing was imported or computed.
    Usage = 2,
    /// Refused: a lock, another schema, a sealed version, no permission, an incomplete year. Two
    /// rates that differ, an asset of several classes and an existing file are refused, too. No
    /// version was changed, but `run` may have imported its files by then.
    Refused = 3,
    /// Failed: database, disk. Nothing was published, unless the connection broke at the commit.
    Failed = 4,
    /// Interrupted; nothing was published, but a file may be imported already.
    Interrupted = 130,
}

/// The codes for `--help`.
pub const EXIT_CODES_HELP: &str = "Exit codes:
  0    done
  1    done, with findings: a violation, a rejected pool, a partial import,
       trades that count twice, a finding of health, incomplete tax files, a
       difference from what was filed, anything under --strict
  2    wrong usage, settings or input; nothing was imported or computed
  3    refused (another run, sealed, schema, no permission, incomplete year to
       file, two rates that differ, an asset of several classes, an output file
       that exists); no version was changed, but run may have imported its files
  4    failed (database, disk); nothing was published, unless the connection
       broke at the commit: see versions list
  130  interrupted; nothing was published, but a file may be imported already";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
