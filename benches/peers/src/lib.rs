//! The shared parts of this package: child processes and their use of the machine, samples and
//! their file, and judgements about the targets.
//!
//! `bin/whole_runs` measures, `bin/plot` draws; both judge with [`targets`], so that a page and a
//! session's last lines can't differ.

// A bench is what measures.
#![allow(clippy::disallowed_methods)]

pub mod machine;
pub mod process;
pub mod samples;
pub mod targets;

/// A result whose error only a person reads.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
