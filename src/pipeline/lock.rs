//! Taking the run lock, and waiting for it.

use std::time::Duration;

use super::error::{PipelineError, PipelineResult};
use super::job::{Context, Wait};
use crate::store::model::Holder;
use crate::store::{RunLock, RunStore, StoreError, StoreResult};

/// Pause between two tries for the lock. Each is a connection of its own on a server.
const TRY_PAUSE: Duration = Duration::from_millis(200);

/// Takes the run lock. Waits for another holder as long as the context allows, and says for whom.
///
/// Errors: somebody else holds it, for longer than that; a stop was asked for.
pub(super) async fn lock_runs(
    store: &dyn RunStore,
    context: &Context,
) -> PipelineResult<Box<dyn RunLock>> {
    when_free(context, async || store.lock_runs(&holder_of(context)).await).await
}

/// Does work under the run lock as soon as nobody else holds it.
///
/// Errors: somebody else holds it, for longer than the context allows; a stop was asked for; the
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
        // A holder that is only half known is just taking the lock, or letting it go.
        if holder.pid != 0 && named != Some(holder.pid) {
            context.progress.waiting(&holder);
            named = Some(holder.pid);
        }
        context.cancel.sleep(left.min(TRY_PAUSE)).await?;
    }
}

/// Returns who takes the lock at this moment: the process may have waited for it since it began.
pub(super) fn holder_of(context: &Context) -> Holder {
    Holder {
        since: context.clock.now(),
        ..context.holder.clone()
    }
}
