//! Places of pools in a list.

#![expect(
    clippy::disallowed_types,
    reason = "this map is looked up only, so nobody sees its order"
)]

use std::collections::HashMap;

use super::ids::Pool;

/// Places of pools in a list. A run frees the table before it writes. The nodes of an ordered map
/// left holes in its memory: 230 bytes for each pool were measured.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Pool, usize>);

impl Places {
    pub(super) fn get(&self, pool: &Pool) -> Option<usize> {
        self.0.get(pool).copied()
    }

    pub(super) fn insert(&mut self, pool: Pool, place: usize) {
        self.0.insert(pool, place);
    }
}
