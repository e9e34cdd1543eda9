//! The machine and versions of a session: columns of every row of its file.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::process::text;

/// The machine, and the versions on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// When the session began, UTC.
    pub date: String,
    /// Model of the processor.
    pub cpu: String,
    /// Processors that this program may use.
    pub cores: String,
    /// Memory of the machine, MB of 1,048,576 bytes.
    pub memory_mb: String,
    /// Version of the operating system's kernel.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// The server; empty if nobody asked for one.
    pub postgres: String,
    /// The SQLite that is built into the programs.
    pub sqlite: String,
    /// The commit, with a `+` at its end if files differ from it.
    pub commit: String,
}

impl Machine {
    /// Looks at this machine. `postgres` is the version of the server, if there is one.
    pub fn here(postgres: String) -> Self {
        let now: DateTime<Utc> = SystemTime::now().into();
        let asked = |program: &str, arguments: &[&str]| {
            text(Command::new(program).args(arguments)).unwrap_or_default()
        };
        let dirty = asked("git", &["status", "--porcelain", "--untracked-files=no"]);
        let mark = if dirty.is_empty() { "" } else { "+" };
        let commit = asked("git", &["rev-parse", "--short", "HEAD"]);
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            date: now.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            cpu: field("/proc/cpuinfo", "model name").unwrap_or(std::env::consts::ARCH.into()),
            cores: cores.to_string(),
            memory_mb: (memory / 1_024).to_string(),
            kernel: asked("uname", &["-sr"]),
            rustc: asked("rustc", &["--version"]),
            postgres,
            sqlite: rusqlite::version().into(),
            commit: format!("{commit}{mark}"),
        }
    }
}

/// Returns the first value of a name in a file of lines `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
