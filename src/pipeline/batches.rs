//! A ledger larger than memory, read in parts: whole pools, as of one instant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::{Context, PipelineResult};
use crate::engine::Pool;
use crate::store::Store;
use crate::store::model::{LedgerRead, PoolSizes, Scope, Watermark};

/// Memory of a run unless it is told otherwise, in bytes.
pub const MEMORY_DEFAULT: u64 = 1 << 30;

/// What a trade takes on its way through a run, in bytes: 48 packed, its id, and room to grow.
const TRADE_BYTES: u64 = 100;

/// The parts of a scope, each within the memory of the run.
pub(super) struct Batches {
    scopes: Vec<Scope>,
    /// The instant that all parts are read as of; `None`: there is one part, read as it is now.
    as_of: Option<Watermark>,
    /// Every pool, where they were counted.
    pools: Vec<Pool>,
}

impl Batches {
    /// Plans the parts. Pools are counted only where the ledger may not fit.
    pub(super) async fn plan(
        store: &dyn Store,
        scope: &Scope,
        memory: u64,
    ) -> PipelineResult<Self> {
        let fits = |rows: u64| rows.saturating_mul(TRADE_BYTES) <= memory;
        if store.ledger_rows_about().await?.is_some_and(fits) {
            return Ok(Self {
                scopes: vec![scope.clone()],
                as_of: None,
                pools: Vec::new(),
            });
        }
        let PoolSizes { watermark, rows } = store.pool_sizes(scope).await?;
        let mut parts: Vec<BTreeSet<Pool>> = Vec::new();
        let mut rows_of_part = 0_u64;
        for (pool, rows) in &rows {
            rows_of_part = rows_of_part.saturating_add(*rows);
            match parts.last_mut() {
                Some(part) if fits(rows_of_part) => drop(part.insert(pool.clone())),
                _ => {
                    parts.push(BTreeSet::from([pool.clone()]));
                    rows_of_part = *rows;
                }
            }
        }
        let part = |part| Scope {
            part: Some(Arc::new(part)),
            ..scope.clone()
        };
        let scopes: Vec<Scope> = match parts.len() {
            0 | 1 => vec![scope.clone()],
            _ => parts.into_iter().map(part).collect(),
        };
        Ok(Self {
            as_of: (scopes.len() > 1).then_some(watermark),
            scopes,
            pools: rows.into_keys().collect(),
        })
    }

    /// Returns the number of parts, which is never 0.
    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Returns every pool of the scope, where the ledger is read in several parts.
    pub(super) fn pools(&self) -> Option<&[Pool]> {
        (self.len() > 1).then_some(self.pools.as_slice())
    }

    /// Reads a part. Parts follow each other in canonical order.
    pub(super) async fn read(
        &self,
        store: &dyn Store,
        context: &Context,
        nth: usize,
    ) -> PipelineResult<LedgerRead> {
        let scope = self.scopes.get(nth).cloned().unwrap_or_default();
        let read = context
            .read_ledger(store, &scope, self.as_of.as_ref())
            .await?;
        context.cancel.check()?;
        Ok(read)
    }
}
