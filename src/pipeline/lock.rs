//! Takes the run lock, and waits for it.

use std::time::Duration;

use super::error::{PipelineError, PipelineResult};
use super::job::{Context, Wait};
use crate::store::model::Holder;
use crate::store::{RunLock, RunStore, StoreError, StoreResult};

/// Pause between two tries for the lock. On a server, each try opens a connection.
const TRY_PAUSE: Duration = Duration::from_millis(200);

/// Takes the run lock. Waits for its holder as long as the context allows, and reports it.
///
/// Errors: the other process holds the lock for longer; a stop was requested.
pub(super) async fn lock_runs(
    store: &dyn RunStore,
    context: &Context,
) -> PipelineResult<Box<dyn RunLock>> {
    when_free(context, async || store.lock_runs(&holder_of(context)).await).await
}

/// Repeats work that takes the run lock, until no other process holds the lock.
///
/// Errors: another process holds it for longer than the context allows; a stop was requested; the
/// work failed.
pub async fn when_free<T>(
    context: &Context,
    work: impl AsyncFn() -> StoreResult<T>,
) -> PipelineResult<T> {
    let began_us = context.clock.elapsed_us();
    let mut named = None;
    loop {
        let holder = match work().await {
            Err(StoreError::Locked(holder)) => holder,
            done => return Ok(done?),
        };
        let waited_us = u64::try_from(context.clock.elapsed_us() - began_us).unwrap_or(0);
        let waited = Duration::from_micros(waited_us);
        let left = match context.wait {
            Wait::No => return Err(StoreError::Locked(holder).into()),
            Wait::UpTo(limit) if waited >= limit => {
                return Err(PipelineError::WaitedInVain(holder, limit));
            }
            Wait::UpTo(limit) => limit.saturating_sub(waited),
            Wait::Forever => TRY_PAUSE,
        };
        // A holder without a process id is just taking the lock, or releasing it.
        if holder.pid != 0 && named != Some(holder.pid) {
            context.progress.waiting(&holder);
            named = Some(holder.pid);
        }
        context.cancel.sleep(left.min(TRY_PAUSE)).await?;
    }
}

/// Returns this process as a holder since this moment: it may have waited for the lock.
pub(super) fn holder_of(context: &Context) -> Holder {
    Holder {
        since: context.clock.now(),
        ..context.holder.clone()
    }
}
