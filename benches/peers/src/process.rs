//! Runs a program to its end and says what it used.

use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4;

use crate::Outcome;

/// Time and memory of a child process.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// From its start to its end, seconds.
    pub wall_s: f64,
    /// User and system time of all its threads, seconds. Servers that it talks to don't count.
    pub cpu_s: f64,
    /// Largest resident memory, kB of 1,024 bytes. Never less than what this program had when it
    /// started the child, so this program stays small.
    pub peak_kb: u64,
}

/// Runs a command whose output nobody reads.
///
/// Errors: it can't be started, or ends with another code than 0.
pub fn measure(command: &mut Command) -> Outcome<Used> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().map_err(|e| failed(command, &e))?;
    let ended = child.wait4()?;
    let wall_s = started.elapsed().as_secs_f64();
    if !ended.status.success() {
        return Err(failed(command, &ended.status));
    }
    Ok(Used {
        wall_s,
        cpu_s: (ended.rusage.utime + ended.rusage.stime).as_secs_f64(),
        peak_kb: ended.rusage.maxrss / 1_024,
    })
}

/// Runs a command and returns its output, and also its text on stderr.
///
/// Errors: it can't be started, or ends with another code than 0.
pub fn texts(command: &mut Command) -> Outcome<(String, String)> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| failed(command, &e))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        eprint!("{stderr}");
        return Err(failed(command, &output.status));
    }
    Ok((String::from_utf8(output.stdout)?, stderr))
}

/// Runs a command and returns its output, without the last end of line. Errors: as [`texts`].
pub fn text(command: &mut Command) -> Outcome<String> {
    Ok(texts(command)?.0.trim_end().to_owned())
}

fn failed(command: &Command, why: &dyn std::fmt::Display) -> Box<dyn std::error::Error> {
    let words = command.get_args().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.collect();
    let program = command.get_program().to_string_lossy();
    format!("{program} {}: {why}", words.join(" ")).into()
}
