//! The terminal: progress on stderr, the clock, signals, and output that survives a closed pipe.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::format::count;
use super::printable::{json, printable};
use super::width::{columns, columns_of_errors, wrapped};

use crate::engine::{Timestamp, shown, shown_sentence};
use crate::files::remove_unfinished;
use crate::pipeline::{Cancel, Clock, Progress, Stage};
use crate::store::model::Holder;
use crate::tax::is_panic_caught;

/// Work shorter than this shows no progress.
const PROGRESS_AFTER: Duration = Duration::from_millis(250);

/// How often progress is drawn each second.
const PROGRESS_HZ: u8 = 10;

/// Time that an interrupted job has to stop before the process ends.
const INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// The clock of the machine. No other code reads it.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        let micros = jiff::Timestamp::now().as_microsecond();
        Timestamp::try_from_micros(micros).unwrap_or(Timestamp::EPOCH)
    }

    fn elapsed_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// Shows progress on stderr if the work takes longer than 250 ms.
#[derive(Debug, Default)]
pub struct TerminalProgress {
    bar: Mutex<Option<(ProgressBar, bool)>>,
}

impl TerminalProgress {
    fn with_bar(&self, work: impl FnOnce(&mut Option<(ProgressBar, bool)>)) {
        work(&mut self.bar.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn style(stage: Stage, has_total: bool) -> ProgressStyle {
    let (verb, amounts) = match stage {
        Stage::Import => ("import", "{bytes}/{total_bytes}  {bytes_per_sec}"),
        Stage::Append => ("append", "{bytes}/{total_bytes}  {bytes_per_sec}"),
        Stage::Read if !has_total => ("read", "{human_pos} rows  {rate} a second  {elapsed}"),
        Stage::Read => ("read", "{human_pos}/{human_len} rows  {rate} a second"),
        Stage::Match => ("match", "{human_pos}/{human_len} trades  {rate} a second"),
        Stage::Load => ("load", "{human_pos}/{human_len} trades  {rate} a second"),
        Stage::Check => ("check", "{human_pos}/{human_len} trades  {rate} a second"),
    };
    let template = if has_total {
        format!("{verb:<7} [{{bar:30}}] {amounts}  {{eta}} left")
    } else {
        format!("{verb:<7} {{spinner}} {amounts}")
    };
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key(
            "rate",
            |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                // If the text can't be written, the bar is not drawn.
                let _ = text.write_str(&count(state.per_sec() as u64));
            },
        )
        .progress_chars("=> ")
}

impl Progress for TerminalProgress {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        self.with_bar(|slot| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
            bar.set_style(style(stage, total.is_some()));
            let unknown = total.is_none();
            if unknown {
                // The job does not advance a bar without a total. A timer moves it, first after
                // `PROGRESS_AFTER`.
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PROGRESS_HZ));
                bar.enable_steady_tick(PROGRESS_AFTER);
            }
            *slot = Some((bar, unknown));
        });
    }

    fn advance(&self, amount: u64) {
        self.with_bar(|slot| {
            if let Some((bar, shown)) = slot {
                if !*shown && bar.elapsed() >= PROGRESS_AFTER {
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PROGRESS_HZ));
                    *shown = true;
                }
                bar.inc(amount);
            }
        });
    }

    fn end(&self) {
        self.with_bar(|slot| {
            if let Some((bar, _)) = slot.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn waiting(&self, holder: &Holder) {
        note_waiting(holder);
    }
    fn not_logged(&self, file: &str, why: &str) {
        note_not_logged(file, why);
    }
    fn not_compared(&self, file: &str, why: &str) {
        note_not_compared(file, why);
    }
}

/// Shows no progress, except for the one line that names the process that the job waits for.
#[derive(Debug, Clone, Copy, Default)]
pub struct WaitingOnly;

impl Progress for WaitingOnly {
    fn begin(&self, _: Stage, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn waiting(&self, holder: &Holder) {
        note_waiting(holder);
    }
    fn not_logged(&self, file: &str, why: &str) {
        note_not_logged(file, why);
    }
    fn not_compared(&self, file: &str, why: &str) {
        note_not_compared(file, why);
    }
}

/// With `--quiet`: no progress, only that a log lacks a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: Stage, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn not_logged(&self, file: &str, why: &str) {
        note_not_logged(file, why);
    }
    fn not_compared(&self, file: &str, why: &str) {
        note_not_compared(file, why);
    }
}

fn note_not_logged(file: &str, why: &str) {
    let (file, why) = (shown_sentence(file), shown_sentence(why));
    note(&format!(
        "warning: the log of imports has no row of {file}: {why}"
    ));
}

fn note_not_compared(file: &str, why: &str) {
    let (file, why) = (shown_sentence(file), shown_sentence(why));
    note(&format!(
        "warning: {file} is imported, and not compared with other imports: {why}. If its trades \
         have other ids in an earlier file, they count twice, and no run will say so"
    ));
}

fn note_waiting(holder: &Holder) {
    let Holder {
        what,
        pid,
        host,
        since,
    } = holder;
    let (what, host) = (shown(what), shown(host));
    note(&format!(
        "waiting for {what} (pid {pid} on {host}, since {since})"
    ));
}

/// Tells whether stderr is a terminal, so that a user would see progress.
pub fn is_stderr_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Prints to stdout and flushes. Lines fit a terminal. A closed pipe is not an error.
pub fn print(text: &str) {
    let text = printable(text);
    match columns() {
        Some(columns) => write_out(&wrapped(&text, columns)),
        None => write_out(&text),
    }
}

/// Prints lines for a file to stdout, as [`print()`] does, but whole.
pub fn print_whole(text: &str) {
    write_out(&printable(text));
}

/// Prints a document to stdout at once, as [`print()`] does.
pub fn print_json(value: &serde_json::Value) {
    write_out(&json(value));
}

fn write_out(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Prints to stderr. Lines fit a terminal.
pub fn note(text: &str) {
    let text = printable(text);
    let text = match columns_of_errors() {
        Some(columns) => wrapped(&text, columns),
        None => text,
    };
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints no message for a panic that becomes an error, as the program reports the error.
pub fn hush_caught_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !is_panic_caught() {
            tell(info);
        }
    }));
}

/// Asks a question on stderr and reads the answer. `None`: there is no terminal to ask.
pub fn ask(question: &str) -> Option<String> {
    if !io::stdin().is_terminal() {
        return None;
    }
    let _ = write!(io::stderr().lock(), "{} ", printable(question));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned())
}

/// Turns SIGINT and SIGTERM into a request to stop, and ends the process if the job does not stop.
///
/// A separate thread waits for signals, as the job's thread may be busy. The process may end at any
/// moment: the database undoes an unfinished transaction, and the next run closes an open row of
/// the log. Errors: the thread or its runtime can't start.
pub fn stop_on_signal(cancel: Cancel) -> io::Result<Signals> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = Signals::default();
    let has_ended = Arc::clone(&signals.has_ended);
    let wait = move || {
        runtime.block_on(async {
            wait_for_signal().await;
            cancel.cancel();
            tokio::time::sleep(INTERRUPT_GRACE).await;
            if !has_ended.load(Ordering::SeqCst) {
                note("error: interrupted: nothing was published");
            }
            // No destructor runs at `exit`, so unfinished files are removed here.
            remove_unfinished();
            std::process::exit(super::exit::Exit::Interrupted as i32);
        });
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(signals)
}

/// While this value exists, a signal stops a job. After it is dropped, only output is left, which
/// gets the same time to end.
#[derive(Debug, Default)]
pub struct Signals {
    has_ended: Arc<AtomicBool>,
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
