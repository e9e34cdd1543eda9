//! Things that a caller lends to the job: a clock, progress, cancellation, the rules, a name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::{PipelineError, PipelineResult};
use crate::engine::{SymbolRules, Timestamp};
use crate::store::model::{Holder, LedgerRead, Scope, Watermark};
use crate::store::{LedgerStore, phase};

/// Pause between two looks whether a stop was asked for.
const CANCEL_POLL: Duration = Duration::from_millis(20);

/// Tells the time. The job never reads a clock of its own.
pub trait Clock: Send + Sync {
    /// Returns this instant.
    fn now(&self) -> Timestamp;
    /// Returns microseconds since some fixed instant, for durations: it never runs backwards.
    fn elapsed_us(&self) -> i64;
}

/// A part of the job that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading a file. Units: bytes.
    Import,
    /// Appending a file's trades to the ledger. Units: bytes of the file.
    Append,
    /// Reading the ledger. Units: rows.
    Read,
    /// Matching. Units: trades.
    Match,
    /// Writing allocations. Units: trades whose pools are written.
    Load,
    /// Checking a version. Units: trades.
    Check,
}

/// Hears how far the job is.
pub trait Progress: Send + Sync {
    /// A phase begins; `total` is how much there is, if that is known.
    fn begin(&self, phase: Phase, total: Option<u64>);
    /// More of the phase is done.
    fn advance(&self, amount: u64);
    /// The phase is over.
    fn end(&self);
    /// The job waits for another process, which holds the run lock.
    fn waiting(&self, _holder: &Holder) {}
}

/// Progress that nobody hears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Phase, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Asks the job to stop. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Returns when a stop is asked for.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            tokio::time::sleep(CANCEL_POLL).await;
        }
    }

    /// Sleeps. Errors: a stop was asked for meanwhile.
    pub(super) async fn sleep(&self, duration: Duration) -> PipelineResult<()> {
        // Whether it was the stop or the time that ended the sleep, the answer is the same check.
        let _ = tokio::time::timeout(duration, self.cancelled()).await;
        self.check()
    }

    /// Asks for the stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Tells whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Errors: a stop was asked for.
    pub fn check(&self) -> PipelineResult<()> {
        if self.is_cancelled() {
            Err(PipelineError::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// How long the job waits for another one that holds the run lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: it is refused.
    #[default]
    No,
    /// At most so long.
    UpTo(Duration),
    /// Until the other one ends.
    Forever,
}

/// Things that a caller lends to the job.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Listener for progress.
    pub progress: Arc<dyn Progress>,
    /// Whether to stop.
    pub cancel: Cancel,
    /// The symbols that have a USD price.
    pub rules: SymbolRules,
    /// The process at work: for the lock, the log and the audit trail.
    pub holder: Holder,
    /// Person or program that started it.
    pub user: String,
    /// Whether to wait while another run is at work.
    pub wait: Wait,
}

impl Context {
    /// Reads the ledger, with progress, and stops on request.
    pub(super) async fn read_ledger(
        &self,
        store: &dyn LedgerStore,
        scope: &Scope,
        as_of: Option<&Watermark>,
    ) -> PipelineResult<LedgerRead> {
        self.progress
            .begin(Phase::Read, store.ledger_rows_about().await?);
        let mut seen = |rows| {
            self.progress.advance(rows);
            phase::reached(phase::Phase::Read);
            !self.cancel.is_cancelled()
        };
        let read = store.read_ledger_seen(scope, as_of, &mut seen).await;
        self.progress.end();
        Ok(read?)
    }
}
