//! Reads the ledger as of a version's watermark, in parts of whole pools.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::batches::Batches;
use super::super::changed::{ChangedPool, changed_since};
use super::super::error::PipelineResult;
use super::super::job::Context;
use super::super::stale::stale_pools;
use crate::engine::{Pool, PoolLedger, RatesUsed};
use crate::store::Store;
use crate::store::model::{LedgerRead, PoolSummary, Scope, VersionInfo, Watermark};
use crate::store::values::UnlikeLegs;

/// The ledger takes at most this part of the memory; the rows that are checked take the rest.
const LEDGER_SHARE: u64 = 2;

/// The parts of a ledger, and the version that they are read for.
pub(super) struct LedgerParts<'a> {
    store: &'a dyn Store,
    context: &'a Context,
    info: &'a VersionInfo,
    summaries: &'a [PoolSummary],
    batches: Batches,
}

/// One part: some pools of the ledger, as of the version's watermark.
pub(super) struct LedgerPart {
    pub(super) read: LedgerRead,
    /// The rates of its trades, looked up again. Of stale pools also as of their last match.
    pub(super) rates: RatesUsed,
    /// Legs and values that a second way gives otherwise.
    pub(super) unlike: UnlikeLegs,
    /// Pools that changed after the version was computed.
    pub(super) changed: Vec<ChangedPool>,
    /// Rows of pools that came after the version.
    pub(super) rows_later: u64,
    /// Rows of stale pools that came after their last match.
    pub(super) not_matched: u64,
}

impl LedgerPart {
    /// Counts the trades.
    pub(super) fn trades(&self) -> u64 {
        let pools = self.read.pools.values();
        pools.map(|pool| pool.trades.len() as u64).sum()
    }

    /// Counts the rows of some pools, invalid ones too.
    pub(super) fn rows_of(&self, is_one: impl Fn(&Pool) -> bool) -> u64 {
        let pools = self.read.pools.iter().filter(|(pool, _)| is_one(pool));
        pools.map(|(_, ledger)| ledger.rows()).sum()
    }

    /// Counts the eligible rows as of the version's watermark; voided ones are among them.
    pub(super) fn seen(&self) -> u64 {
        self.rows_of(|_| true) + self.read.voided + self.not_matched
    }
}

impl<'a> LedgerParts<'a> {
    pub(super) async fn plan(
        store: &'a dyn Store,
        context: &'a Context,
        (info, summaries): (&'a VersionInfo, &'a [PoolSummary]),
        memory: u64,
    ) -> PipelineResult<Self> {
        let memory = memory / LEDGER_SHARE;
        Ok(Self {
            store,
            context,
            info,
            summaries,
            batches: Batches::plan_whole(store, memory).await?,
        })
    }

    /// Returns the watermark that all parts are read as of.
    pub(super) fn watermark(&self) -> &Watermark {
        &self.info.watermark
    }

    /// Returns the number of parts, which is never 0.
    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Returns those of the given pools that belong to a part.
    pub(super) fn pools_of(&self, nth: usize, pools: &BTreeSet<Pool>) -> BTreeSet<Pool> {
        let in_part = |pool: &&Pool| self.batches.part_of(pool) == nth;
        pools.iter().filter(in_part).cloned().collect()
    }

    /// Tells whether a condition may hold for a pool of a part.
    pub(super) fn has(&self, nth: usize, is_it: impl Fn(&Pool) -> bool) -> bool {
        let scope = self.batches.scope(nth);
        scope.part.is_none_or(|pools| pools.iter().any(is_it))
    }

    /// Returns the version's summaries of a part's pools.
    pub(super) fn summaries_of(&self, nth: usize) -> impl Iterator<Item = &PoolSummary> {
        let in_part = move |it: &&PoolSummary| self.batches.part_of(&it.pool) == nth;
        self.summaries.iter().filter(in_part)
    }

    /// Reads a part.
    pub(super) async fn read(&self, nth: usize) -> PipelineResult<LedgerPart> {
        let scope = self.batches.scope(nth);
        let mine = |pool: &Pool| self.batches.part_of(pool) == nth;
        self.read_scope(&scope, mine).await
    }

    /// Reads some pools of a part again.
    pub(super) async fn read_pools(&self, pools: &BTreeSet<Pool>) -> PipelineResult<LedgerPart> {
        let scope = scope_of(pools.clone());
        self.read_scope(&scope, |pool| pools.contains(pool)).await
    }

    async fn read_scope(
        &self,
        scope: &Scope,
        mine: impl Fn(&Pool) -> bool,
    ) -> PipelineResult<LedgerPart> {
        let (store, context) = (self.store, self.context);
        let as_of = &self.info.watermark;
        let (mut read, mut unlike) = context.read_judged(store, scope, as_of).await?;
        let mut rates = std::mem::take(&mut read.rates.used);
        let summaries = || self.summaries.iter().filter(|it| mine(&it.pool));
        let mut not_matched = 0;
        for (as_of, pools) in stale_pools(summaries()) {
            unlike.retain(|pool, _| !pools.contains(pool));
            let into = (&mut read, &mut unlike, &mut rates);
            not_matched += self.read_stale(as_of, pools, into).await?;
        }
        let (changed, rows_later) = changed_since(self.info, summaries(), &mut read);
        Ok(LedgerPart {
            read,
            rates,
            unlike,
            changed,
            rows_later,
            not_matched,
        })
    }

    /// Replaces stale pools in `read` by their state as of their own, older watermark.
    ///
    /// Returns the number of their rows that came after it.
    async fn read_stale(
        &self,
        as_of: &Watermark,
        pools: BTreeSet<Pool>,
        (read, unlike, rates): (&mut LedgerRead, &mut UnlikeLegs, &mut RatesUsed),
    ) -> PipelineResult<u64> {
        let (store, scope) = (self.store, scope_of(pools.clone()));
        let (own, of_stale) = self.context.read_judged(store, &scope, as_of).await?;
        unlike.extend(of_stale);
        rates.append(own.rates.used);
        let (mut own, mut later) = (own.pools, 0);
        for pool in pools {
            let ledger = own.remove(&pool);
            let ledger =
                ledger.unwrap_or_else(|| PoolLedger::of_rules(pool.clone(), &self.store.rules()));
            let rows = ledger.rows();
            let all = read.pools.insert(pool, ledger);
            later += all.map_or(0, |all| all.rows().saturating_sub(rows));
        }
        Ok(later)
    }
}

fn scope_of(pools: BTreeSet<Pool>) -> Scope {
    Scope {
        part: Some(Arc::new(pools)),
        ..Scope::default()
    }
}
