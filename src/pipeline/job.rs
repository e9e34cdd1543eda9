//! Things that a caller lends to the pipeline: a clock, progress, cancellation, symbol rules.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::error::{PipelineError, PipelineResult};
use crate::engine::{Account, AssetClass, AssetRules, Timestamp};
use crate::store::model::{Holder, LedgerRead, Scope, Watermark};
use crate::store::values::{UnlikeLegs, read_judged, read_seen};
use crate::store::{TradeStore, phase};

/// Pause before the job checks again whether a stop was requested.
const CANCEL_POLL: Duration = Duration::from_millis(20);

/// Gives the time. The pipeline never reads a clock of its own.
pub trait Clock: Send + Sync {
    /// Returns this instant.
    fn now(&self) -> Timestamp;
    /// Returns microseconds since a fixed instant, to measure durations; they never decrease.
    fn elapsed_us(&self) -> i64;
}

/// A part of the job that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
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

/// Receives the progress of the job.
pub trait Progress: Send + Sync {
    /// Called when a stage begins; `total` is its amount of work, if known.
    fn begin(&self, stage: Stage, total: Option<u64>);
    /// Called when more work of the stage is done.
    fn advance(&self, amount: u64);
    /// Called when the stage ends.
    fn end(&self);
    /// Called when the job begins to wait for the process that holds the run lock.
    fn waiting(&self, _holder: &Holder) {}
    /// Called when the log of imports has no row of a try, and why.
    fn not_logged(&self, _file: &str, _why: &str) {}
    /// Called when the trades of an import could not be compared with those of others, and why.
    fn not_compared(&self, _file: &str, _why: &str) {}
}

/// A receiver that ignores all progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Asks the job to stop. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Returns as soon as a stop is requested.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            tokio::time::sleep(CANCEL_POLL).await;
        }
    }

    /// Sleeps. Errors: a stop was requested meanwhile.
    pub(super) async fn sleep(&self, duration: Duration) -> PipelineResult<()> {
        // Both ends of the sleep, by time and by stop, need the same check.
        let _ = tokio::time::timeout(duration, self.cancelled()).await;
        self.check()
    }

    /// Requests a stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Tells whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Errors: a stop was requested.
    pub fn check(&self) -> PipelineResult<()> {
        if self.is_cancelled() {
            Err(PipelineError::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// How long the job waits if another process holds the run lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// The job does not wait, and is refused.
    #[default]
    No,
    /// The job waits at most this long.
    UpTo(Duration),
    /// The job waits until the lock is free.
    Forever,
}

/// The settings of assets: those of a person, and the classes of accounts that the opened database
/// adds. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SettledRules {
    settings: AssetRules,
    filled: Arc<OnceLock<AssetRules>>,
}

impl From<AssetRules> for SettledRules {
    fn from(settings: AssetRules) -> Self {
        Self {
            settings,
            filled: Arc::default(),
        }
    }
}

impl Deref for SettledRules {
    type Target = AssetRules;

    fn deref(&self) -> &AssetRules {
        self.filled.get().unwrap_or(&self.settings)
    }
}

impl SettledRules {
    /// Returns the settings.
    pub fn as_rules(&self) -> &AssetRules {
        self
    }

    /// Adds the classes of a database's accounts, and those that may go short. The settings win. A
    /// command opens one database, so only the first call has an effect.
    pub fn fill(&self, classes: BTreeMap<Account, AssetClass>, shorts: &[Account]) {
        self.filled.get_or_init(|| {
            let mut rules = self.settings.clone();
            for (account, class) in classes {
                rules.accounts.entry(account).or_insert(class);
            }
            for account in shorts {
                rules.short_accounts.entry(account.clone()).or_insert(true);
            }
            rules
        });
    }
}

/// Things that a caller lends to the pipeline.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Listener for progress.
    pub progress: Arc<dyn Progress>,
    /// The request to stop.
    pub cancel: Cancel,
    /// The settings that say what a symbol is.
    pub rules: SettledRules,
    /// The process at work: for the lock, the log and the audit trail.
    pub holder: Holder,
    /// Person or program that started the process.
    pub user: String,
    /// Whether to wait for the run lock.
    pub wait: Wait,
}

impl Context {
    /// Reads the ledger, with progress, and stops on request.
    pub(super) async fn read_ledger(
        &self,
        store: &dyn TradeStore,
        scope: &Scope,
        as_of: Option<&Watermark>,
    ) -> PipelineResult<LedgerRead> {
        self.progress
            .begin(Stage::Read, store.ledger_rows_about().await?);
        let mut seen = self.seen();
        let read = read_seen(store, (scope, as_of), &mut seen).await;
        self.progress.end();
        Ok(read?)
    }

    /// Reads the ledger, and judges what trades brought into their pools.
    pub(super) async fn read_judged(
        &self,
        store: &dyn TradeStore,
        scope: &Scope,
        as_of: &Watermark,
    ) -> PipelineResult<(LedgerRead, UnlikeLegs)> {
        self.progress
            .begin(Stage::Read, store.ledger_rows_about().await?);
        let mut seen = self.seen();
        let read = read_judged(store, (scope, Some(as_of)), &mut seen).await;
        self.progress.end();
        self.cancel.check()?;
        Ok(read?)
    }

    /// Reports rows that were read. Returns false if the user asked to stop.
    fn seen(&self) -> impl FnMut(u64) -> bool + Send + '_ {
        |rows| {
            self.progress.advance(rows);
            phase::reached(phase::Phase::Read);
            !self.cancel.is_cancelled()
        }
    }
}
