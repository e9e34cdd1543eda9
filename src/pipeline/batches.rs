//! A ledger larger than memory, read in parts: whole pools, as of one instant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::PipelineResult;
use super::job::Context;
use crate::engine::Pool;
use crate::store::model::{LedgerRead, PoolSizes, Scope, Slice, Watermark};
use crate::store::{TradeStore, values};

/// Memory of a run by default, in bytes.
pub const MEMORY_DEFAULT: u64 = 1 << 30;

/// Bytes that a trade takes on its way through a run: 48 packed, its id, and room to grow.
pub(super) const TRADE_BYTES: u64 = 100;

/// A slice takes at most this part of the memory; the open lots after it need some, too.
const SLICE_SHARE: u64 = 2;

/// Rows of a slice, at least: a smaller one is not worth its query.
const SLICE_ROWS_MIN: u64 = 100;

/// A ledger cut into parts that fit in the memory of the run.
pub(super) struct Batches {
    scopes: Vec<Scope>,
    /// The instant that all parts are read as of; `None`: one part, read as of the present.
    as_of: Option<Watermark>,
}

/// The pools of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartKind {
    /// Whole pools.
    Pools,
    /// A slice of one pool, and whether it is the last slice of that pool.
    Slice(Pool, bool),
}

impl Batches {
    /// Plans the parts of a run. A pool that doesn't fit in memory is read in slices.
    pub(super) async fn plan(
        store: &dyn TradeStore,
        scope: &Scope,
        memory: u64,
    ) -> PipelineResult<Self> {
        Self::cut(store, scope, memory, true).await
    }

    /// Plans the parts of all pools, each of whole pools of any size.
    pub(super) async fn plan_whole(store: &dyn TradeStore, memory: u64) -> PipelineResult<Self> {
        Self::cut(store, &Scope::default(), memory, false).await
    }

    /// Cuts a scope into parts. Pools are counted only if the ledger may not fit in memory.
    async fn cut(
        store: &dyn TradeStore,
        scope: &Scope,
        memory: u64,
        in_slices: bool,
    ) -> PipelineResult<Self> {
        let fits = |rows: u64| rows.saturating_mul(TRADE_BYTES) <= memory;
        let sizes = match store.ledger_rows_about().await?.is_some_and(fits) {
            true => None,
            false => store.pool_sizes(scope).await?,
        };
        let Some(mut sizes) = sizes else {
            return Ok(Self {
                scopes: vec![scope.clone()],
                as_of: None,
            });
        };
        let moved = values::moved_pools(store, &sizes.watermark).await?;
        for pool in moved.all.iter().filter(|pool| scope.contains(pool)) {
            sizes.rows.entry(pool.clone()).or_insert(0);
        }
        let mut scopes: Vec<Scope> = Vec::new();
        let mut part: BTreeSet<Pool> = BTreeSet::new();
        let mut rows_of_part = 0_u64;
        for (pool, rows) in &sizes.rows {
            rows_of_part = rows_of_part.saturating_add(*rows);
            if !part.is_empty() && !fits(rows_of_part) {
                scopes.push(part_of(scope, &sizes, std::mem::take(&mut part)));
                rows_of_part = *rows;
            }
            // What moved depends on all pools of a group, so each of them is read whole.
            if in_slices && !fits(*rows) && !moved.tied.contains(pool) {
                scopes.extend(slices(store, scope, (pool, &sizes), memory).await?);
                rows_of_part = 0;
                continue;
            }
            part.insert(pool.clone());
        }
        if !part.is_empty() {
            scopes.push(part_of(scope, &sizes, part));
        }
        if scopes.len() <= 1 {
            scopes = vec![scope.clone()];
        }
        Ok(Self {
            as_of: (scopes.len() > 1).then_some(sizes.watermark),
            scopes,
        })
    }

    /// Returns the kind of a part: whole pools, or a slice of one.
    pub(super) fn kind(&self, nth: usize) -> PartKind {
        let scope = self.scopes.get(nth);
        let slice = scope.and_then(|scope| Some((scope.slice?, scope.part.as_ref()?.first()?)));
        match slice {
            Some((slice, pool)) => PartKind::Slice(pool.clone(), slice.until.is_none()),
            None => PartKind::Pools,
        }
    }

    /// Returns the number of parts, which is never 0.
    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Returns the part in which a pool is read. Parts are in canonical order, so a pool that came
    /// after the count has one, too.
    pub(super) fn part_of(&self, pool: &Pool) -> usize {
        let begins = |scope: &Scope| {
            let first = scope.part.as_ref().and_then(|pools| pools.first());
            first.is_some_and(|first| first <= pool)
        };
        self.scopes.partition_point(begins).saturating_sub(1)
    }

    /// Returns the scope of a part.
    pub(super) fn scope(&self, nth: usize) -> Scope {
        self.scopes.get(nth).cloned().unwrap_or_default()
    }

    /// Reads a part. Order: parts follow each other in canonical order of their pools.
    pub(super) async fn read(
        &self,
        store: &dyn TradeStore,
        context: &Context,
        nth: usize,
    ) -> PipelineResult<LedgerRead> {
        let (scope, as_of) = (self.scope(nth), self.as_of.as_ref());
        let read = context.read_ledger(store, &scope, as_of).await?;
        context.cancel.check()?;
        Ok(read)
    }
}

fn part_of(scope: &Scope, sizes: &PoolSizes, pools: BTreeSet<Pool>) -> Scope {
    let of_pool = |pool| sizes.symbols.get(pool).into_iter().flatten().cloned();
    let symbols: BTreeSet<String> = pools.iter().flat_map(of_pool).collect();
    Scope {
        part: Some(Arc::new(pools)),
        symbols: Some(Arc::new(symbols)),
        ..scope.clone()
    }
}

/// Cuts a pool that doesn't fit in memory into slices. Trades of one instant are never cut.
async fn slices(
    store: &dyn TradeStore,
    scope: &Scope,
    (pool, sizes): (&Pool, &PoolSizes),
    memory: u64,
) -> PipelineResult<Vec<Scope>> {
    let part = part_of(scope, sizes, BTreeSet::from([pool.clone()]));
    let symbols = part.symbols.clone().unwrap_or_default();
    let rows = (memory / TRADE_BYTES / SLICE_SHARE).max(SLICE_ROWS_MIN);
    let Some(times) = store.slice_times(pool, &symbols, rows).await? else {
        return Ok(vec![part]);
    };
    let ends = times.iter().copied().map(Some).chain([None]);
    let mut after = None;
    let slices = ends.map(|until| {
        let slice = Slice { after, until };
        after = until;
        Scope {
            slice: Some(slice),
            ..part.clone()
        }
    });
    Ok(slices.collect())
}
