//! Signals to processes that a test started, sent by a system call: a bare system has no program
//! `kill`.

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// Sends a signal to a process that is not yet waited for, so its number is nobody else's.
#[track_caller]
pub fn send(process: u32, signal: Signal) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).unwrap();
}
