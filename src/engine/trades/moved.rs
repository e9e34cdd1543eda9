//! The origins of lots that moved here from another account. Few pools have any.

use std::sync::Arc;

use crate::engine::origin::MovedFrom;

/// The origins of lots, each with the place of its id, which no sorting moves. Order: that of the
/// places.
#[derive(Debug, Clone, Default)]
pub(super) struct MovedList(Vec<(u32, Arc<MovedFrom>)>);

impl MovedList {
    /// Adds the origin of the last trade.
    pub(super) fn push(&mut self, place: u32, moved: &Arc<MovedFrom>) {
        self.0.push((place, Arc::clone(moved)));
    }

    /// Returns the origin of the trade at a place.
    pub(super) fn find(&self, place: u32) -> Option<&Arc<MovedFrom>> {
        let nth = self.0.binary_search_by_key(&place, |(at, _)| *at);
        self.0.get(nth.ok()?).map(|(_, moved)| moved)
    }
}
