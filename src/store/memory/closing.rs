//! Writes the last transaction of a run, or of a person who publishes, as `rules` decided.

use super::{MemoryTables, logged, queue};
use crate::store::StoreResult;
use crate::store::rules::Closing;

/// Makes the writes of a closing.
pub(super) fn close(state: &mut MemoryTables, closing: &Closing<'_>) -> StoreResult<()> {
    let at = closing.at;
    if let Some((version, held)) = closing.pointer {
        state.current.version = Some(version);
        state.current.held = held;
        if let Some(stored) = state.versions.get_mut(&version) {
            stored.info.published_at.get_or_insert(at);
        }
    }
    if let Some((version, update)) = closing.review {
        queue::update(state, update, version, at);
    }
    if let Some((run_id, end)) = &closing.run {
        logged::end(state, *run_id, end, at)?;
    }
    state.events.extend(closing.event.clone());
    Ok(())
}
