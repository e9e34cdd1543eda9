//! The settings by which an open store names the pools of trades.

use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::AssetRules;

/// Settings that all clones of a store share.
#[derive(Debug, Clone)]
pub(super) struct Rules(Arc<RwLock<Arc<AssetRules>>>);

impl Default for Rules {
    /// Each symbol has a pool of its own.
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Arc::new(AssetRules::by_symbol()))))
    }
}

impl Rules {
    /// Returns the present settings.
    pub(super) fn get(&self) -> Arc<AssetRules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings, if these are others.
    pub(super) fn set(&self, rules: &AssetRules) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if **present != *rules {
            *present = Arc::new(rules.clone());
        }
    }
}
