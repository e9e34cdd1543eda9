//! A context for tests: its clock stands still.

use std::sync::Arc;

use super::{Cancel, Clock, Context, Progress, Wait};
use crate::engine::{AssetRules, Timestamp};
use crate::store::model::Holder;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn elapsed_us(&self) -> i64 {
        0
    }
}

/// Makes a context that tells `progress` what happens.
pub(super) fn context(progress: Arc<dyn Progress>) -> Context {
    Context {
        clock: Arc::new(Stopped),
        progress,
        cancel: Cancel::default(),
        rules: AssetRules::default().into(),
        holder: Holder {
            pid: 1,
            host: "host".into(),
            since: Timestamp::EPOCH,
            what: "test".into(),
        },
        user: "ann".into(),
        wait: Wait::No,
    }
}
