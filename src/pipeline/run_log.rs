//! The log row of a run while it is at work: retries, interrupts, and how it is closed.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::{PipelineError, PipelineResult};
use super::job::Context;
use super::lock::holder_of;
use crate::store::model::{RetryNote, RunFailure};
use crate::store::{Store, StoreError};

/// Pauses before each retry. A server that restarts has to be back within their sum.
const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// After an interrupt, the job has this time to stop; then the database is interrupted, too.
const INTERRUPT_PAUSE: Duration = Duration::from_millis(300);

/// How long a request to interrupt the database may take.
const INTERRUPT_MAX: Duration = Duration::from_secs(1);

/// A run that has a log row.
pub(super) struct RunLog<'a> {
    store: &'a dyn Store,
    context: &'a Context,
    /// Number of the log row.
    pub(super) run_id: i64,
    pauses: &'a [Duration],
    /// One entry for each failed attempt that was retried.
    retries: Mutex<Vec<Value>>,
}

impl<'a> RunLog<'a> {
    pub(super) fn new(store: &'a dyn Store, context: &'a Context, run_id: i64) -> Self {
        Self {
            store,
            context,
            run_id,
            pauses: &RETRY_PAUSES,
            retries: Mutex::default(),
        }
    }

    /// Does work that writes nothing, and retries it after temporary errors of the database.
    ///
    /// The log row counts a retry before it begins. The lock is taken again first, as it may have
    /// been lost with the connection. Errors: the last attempt's; meanwhile another run took the
    /// lock or closed the log row.
    pub(super) async fn retried<T>(
        &self,
        work: impl AsyncFn() -> PipelineResult<T>,
    ) -> PipelineResult<T> {
        let mut done = work().await;
        loop {
            let Err(PipelineError::Store(error)) = &done else {
                return done;
            };
            let number = self.retries().len();
            let Some(pause) = self.pauses.get(number).filter(|_| error.is_transient()) else {
                return done;
            };
            let attempt = self.entry(error, number + 1);
            self.retries().push(attempt);
            self.context.cancel.sleep(*pause).await?;
            done = match self.prepare_retry().await {
                Ok(()) => work().await,
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Takes a lost lock again, and counts the retry in the log row.
    async fn prepare_retry(&self) -> Result<(), StoreError> {
        self.store.renew_lock(&holder_of(self.context)).await?;
        let retries = self.retries().clone();
        let note = RetryNote {
            retry_count: retries.len() as u64,
            at: self.context.clock.now(),
            details: json!({ "retries": retries }),
        };
        self.store.log_retry(self.run_id, &note).await
    }

    /// Does work. If a stop is requested while the work waits for the database, the database is
    /// interrupted, too.
    ///
    /// If the work succeeds all the same, its result is returned.
    pub(super) async fn interruptible<T>(
        &self,
        work: impl Future<Output = PipelineResult<T>>,
    ) -> PipelineResult<T> {
        let mut work = pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = self.context.cancel.cancelled() => {}
        }
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = tokio::time::sleep(INTERRUPT_PAUSE) => {}
            }
            let interrupt = self.store.interrupt(&self.context.holder);
            // If the database can't be reached, the process ends without it.
            let _ = tokio::time::timeout(INTERRUPT_MAX, interrupt).await;
        };
        done.map_err(|_| PipelineError::Interrupted)
    }

    /// Closes the log row of a run that wrote no version, with the error as text and as values.
    pub(super) async fn close_failed(&self, error: &PipelineError) {
        let retries = self.retries().clone();
        let sqlstate = match error {
            PipelineError::Store(error) => error.sqlstate(),
            _ => None,
        };
        let failure = RunFailure {
            ended_at: self.context.clock.now(),
            message: error.to_string(),
            causes: causes(error),
            details: json!({
                "interrupted": matches!(error, PipelineError::Interrupted),
                "attempt": retries.len() + 1,
                "sqlstate": sqlstate,
                "retries": retries,
            }),
        };
        // The user must see the first error. If this fails, the next run closes the row.
        let _ = self.store.fail_run(self.run_id, &failure).await;
    }

    fn entry(&self, error: &StoreError, attempt: usize) -> Value {
        json!({
            "attempt": attempt,
            "at": self.context.clock.now().to_string(),
            "sqlstate": error.sqlstate(),
            "message": error.to_string(),
            "causes": causes(error),
        })
    }

    fn retries(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the full text of an error and its causes, one per line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut causes = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        causes.push_str(&format!("{error}\n"));
        cause = error.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::*;
    use crate::engine::Timestamp;
    use crate::pipeline::{Silent, test_context};
    use crate::store::RunStore;
    use crate::store::memory::MemoryStore;
    use crate::store::model::{RunMode, RunStart, Scope};

    fn context() -> Context {
        test_context::context(Arc::new(Silent))
    }

    async fn begin(store: &MemoryStore) -> i64 {
        let run = RunStart {
            scope: Scope::default(),
            version: Some(1),
            batch_id: "b".into(),
            started_at: Timestamp::EPOCH,
            mode: RunMode::Full,
            triggered_by: "ann".into(),
            host: "host".into(),
            pid: 1,
        };
        store.begin_run(&run).await.unwrap()
    }

    fn lost() -> StoreError {
        StoreError::Connect {
            location: "there".into(),
            reason: "refused".into(),
        }
    }

    /// Fails so often, then succeeds; returns the outcome and the number of tries.
    async fn fail_times(
        log: &RunLog<'_>,
        times: usize,
        error: fn() -> StoreError,
    ) -> (bool, usize) {
        let tried = Cell::new(0);
        let done = log.retried(async || {
            tried.set(tried.get() + 1);
            if tried.get() > times {
                Ok(())
            } else {
                Err(error().into())
            }
        });
        (done.await.is_ok(), tried.get())
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_counted() {
        let (store, context) = (MemoryStore::new(), context());
        let pauses = [Duration::ZERO; 3];
        for (times, expected) in [
            (0, (true, 1)),
            (2, (true, 3)),
            (3, (true, 4)),
            (4, (false, 4)),
        ] {
            let run_id = begin(&store).await;
            let mut log = RunLog::new(&store, &context, run_id);
            log.pauses = &pauses;
            assert_eq!(fail_times(&log, times, lost).await, expected, "{times}");
            let run = store.runs().pop().unwrap();
            assert_eq!(run.retry_count, expected.1 as u64 - 1);
            if times == 2 {
                let details = run.error_details.unwrap();
                let second = &details["retries"][1];
                assert_eq!(second["attempt"], 2);
                assert_eq!(second["message"], "can't connect to there: refused");
            }
            log.close_failed(&PipelineError::Store(lost())).await;
            let run = store.runs().pop().unwrap();
            assert_eq!(run.error_details.unwrap()["attempt"], expected.1);
            assert_eq!(run.retry_count, expected.1 as u64 - 1);
        }
    }

    #[tokio::test]
    async fn what_stays_is_tried_once() {
        let (store, context) = (MemoryStore::new(), context());
        let run_id = begin(&store).await;
        let log = RunLog::new(&store, &context, run_id);
        let full = || StoreError::Full("x".into(), "full".into());
        assert_eq!(fail_times(&log, 1, full).await, (false, 1));
        assert_eq!(store.runs()[0].retry_count, 0);
    }

    #[tokio::test]
    async fn a_row_that_another_run_closed_is_the_end() {
        let (store, context) = (MemoryStore::new(), context());
        let run_id = begin(&store).await;
        store.close_orphans(&context.holder).await.unwrap();
        let mut log = RunLog::new(&store, &context, run_id);
        let pauses = [Duration::ZERO];
        log.pauses = &pauses;
        assert_eq!(fail_times(&log, 1, lost).await, (false, 1));
    }

    #[tokio::test]
    async fn an_interrupt_ends_the_pause() {
        let (store, context) = (MemoryStore::new(), context());
        let run_id = begin(&store).await;
        let mut log = RunLog::new(&store, &context, run_id);
        let pauses = [Duration::from_secs(3600)];
        log.pauses = &pauses;
        let cancel = context.cancel.clone();
        let (done, ()) = tokio::join!(fail_times(&log, 1, lost), async { cancel.cancel() });
        assert_eq!(done, (false, 1));
    }
}
