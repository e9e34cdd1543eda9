//! Turns a run's results into its report, and into the data that completes its version.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use serde_json::json;

use super::target::{Publication, Target};
use super::{ComputeOptions, Run};
use crate::engine::{
    Entered, IssueType, LotMove, Pool, PoolLedger, PoolOutcome, PoolResult, PoolStatus, PoolTotals,
    ReviewItem, RowsHash, Timestamp,
};
use crate::pipeline::prune::PruneReport;
use crate::pipeline::valued::{self, RateCounts};
use crate::store::model::{
    Completion, Current, Exclusion, LedgerRead, ReviewUpdate, RunCounts, Scope, Version,
    VersionScope, VersionStatus, Watermark,
};

/// A pool in a run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLine {
    /// The pool.
    pub pool: Pool,
    /// Its outcome.
    pub status: PoolStatus,
    /// Counts and sums. Of all lines, their boxes take the memory that the pools give back.
    pub totals: Box<PoolTotals>,
    /// Why the pool has no allocations.
    pub error: Option<String>,
}

/// Report of a run.
#[derive(Debug, Clone)]
pub struct ComputeReport {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version that the run wrote, or would write (dry run).
    pub version: Version,
    /// Status of the version: completed or partial.
    pub status: VersionStatus,
    /// The pools that the run covers.
    pub scope: Scope,
    /// Whether the version is current.
    pub publication: Publication,
    /// The current version after the run.
    pub current: Current,
    /// Lines by account and asset.
    pub pools: Vec<PoolLine>,
    /// Counts and sums over the pools.
    pub counts: RunCounts,
    /// Withdrawals of transfers that found too few lots.
    pub lacking: u64,
    /// Trades voided and left out.
    pub voided: u64,
    /// Rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// The rates that gave trades their values.
    pub rates: RateCounts,
    /// Hash of the facts of all trades.
    pub ledger_hash: RowsHash,
    /// Hash of the version's canonical export.
    pub allocations_hash: RowsHash,
    /// Execution time of the newest trade in the version.
    pub complete_through: Option<Timestamp>,
    /// Duration of the run.
    pub duration_ms: i64,
    /// Automatic versions that the run dropped.
    pub pruned: PruneReport,
}

/// Results of a run, and the data that it read beside the pools.
pub(super) struct Made {
    pub(super) watermark: Watermark,
    pub(super) voided: u64,
    pub(super) ineligible: BTreeMap<String, u64>,
    pub(super) exclusions: Vec<Exclusion>,
    pub(super) lines: Vec<PoolLine>,
    pub(super) items: Vec<ReviewItem>,
    pub(super) ledger_hash: RowsHash,
    pub(super) allocations_hash: RowsHash,
    pub(super) complete_through: Option<Timestamp>,
    pub(super) rates: Entered,
    pub(super) lot_moves: Vec<LotMove>,
}

impl Made {
    /// Begins with the first part of the ledger, whose pools the caller takes.
    pub(super) fn of_first(read: &mut LedgerRead, exclusions: Vec<Exclusion>) -> Self {
        Self {
            rates: mem::take(&mut read.rates),
            watermark: read.watermark.clone(),
            voided: read.voided,
            ineligible: read.ineligible.clone(),
            exclusions,
            lines: Vec::new(),
            items: Vec::new(),
            ledger_hash: RowsHash::EMPTY,
            allocations_hash: RowsHash::EMPTY,
            complete_through: None,
            lot_moves: Vec::new(),
        }
    }

    /// Adds another part of the ledger; returns its pools.
    pub(super) fn add_read(&mut self, read: LedgerRead) -> BTreeMap<Pool, PoolLedger> {
        self.voided += read.voided;
        valued::add(&mut self.rates, read.rates);
        for (reason, rows) in read.ineligible {
            *self.ineligible.entry(reason).or_default() += rows;
        }
        read.pools
    }

    pub(super) fn add_pool(&mut self, outcome: &PoolOutcome, items: Vec<ReviewItem>) {
        self.lines.push(pool_line(outcome));
        self.items.extend(items);
        self.ledger_hash.add(outcome.ledger_hash);
        self.allocations_hash.add(outcome.allocations_hash);
        if let PoolResult::Matched(matching) = &outcome.result {
            let last = matching.last_trade().map(|trade| trade.order_time);
            self.complete_through = self.complete_through.max(last);
            self.lot_moves.extend_from_slice(&matching.moved_out.lots);
        }
    }
}

pub(super) fn pools_of(lines: &[PoolLine], status: PoolStatus) -> impl Iterator<Item = &Pool> {
    let lines = lines.iter().filter(move |line| line.status == status);
    lines.map(|line| &line.pool)
}

/// Returns the report of a run, which takes the pools' lines: they are most of a run's memory.
pub(super) fn report(
    run: &Run<'_>,
    target: &Target,
    run_id: Option<i64>,
    publication: Publication,
    made: &mut Made,
) -> ComputeReport {
    let counts = counts(made);
    let status = match counts.pools_rejected {
        0 => VersionStatus::Completed,
        _ => VersionStatus::Partial,
    };
    made.rates.used.sort_once();
    ComputeReport {
        run_id,
        version: target.version,
        status,
        scope: run.options.scope.clone(),
        publication,
        current: target.current,
        pools: mem::take(&mut made.lines),
        counts,
        lacking: made
            .items
            .iter()
            .filter(|item| item.is_lacking_lots())
            .count() as u64,
        voided: made.voided,
        ineligible: made.ineligible.clone(),
        rates: RateCounts::of(&made.rates.used, &made.rates, &run.context.rules),
        ledger_hash: made.ledger_hash,
        allocations_hash: made.allocations_hash,
        complete_through: made.complete_through,
        duration_ms: run.duration_ms(),
        pruned: PruneReport::default(),
    }
}

fn counts(made: &Made) -> RunCounts {
    let mut counts = RunCounts {
        ineligible: made.ineligible.values().sum(),
        ..RunCounts::default()
    };
    for line in &made.lines {
        counts.add_totals(&line.totals);
        match line.status {
            PoolStatus::Matched | PoolStatus::Stale => counts.pools_matched += 1,
            PoolStatus::Rejected => counts.pools_rejected += 1,
            PoolStatus::Excluded => {}
        }
    }
    let rejected = made
        .lines
        .iter()
        .filter(|line| line.status == PoolStatus::Rejected);
    let errors: Vec<String> = rejected
        .map(|line| format!("{}: {}", line.pool, line.error.as_deref().unwrap_or("")))
        .collect();
    counts.error = (!errors.is_empty()).then(|| errors.join("\n"));
    counts
}

fn pool_line(outcome: &PoolOutcome) -> PoolLine {
    let nothing = PoolTotals {
        trades: outcome.trades,
        ..PoolTotals::default()
    };
    let (status, totals, error) = match &outcome.result {
        PoolResult::Matched(matching) => (PoolStatus::Matched, matching.totals, None),
        PoolResult::Rejected(rejection) => (
            PoolStatus::Rejected,
            nothing,
            Some(rejection.reason.clone()),
        ),
        PoolResult::Excluded(reason) => (PoolStatus::Excluded, nothing, Some(reason.clone())),
    };
    PoolLine {
        pool: outcome.pool.clone(),
        status,
        totals: Box::new(totals),
        error,
    }
}

pub(super) fn completion(
    run: &Run<'_>,
    target: &Target,
    report: &ComputeReport,
    made: Made,
) -> Completion {
    let publish = report.publication == Publication::Published;
    Completion {
        status: report.status,
        completed_at: run.context.clock.now(),
        duration_ms: report.duration_ms,
        ledger_hash: report.ledger_hash,
        allocations_hash: report.allocations_hash,
        rates: valued::locked(made.rates.used),
        lot_moves: made.lot_moves,
        complete_through: report.complete_through,
        counts: report.counts.clone(),
        publish,
        held: target.current.held && target.current.version == Some(target.version),
        review: review_update(run.options, &report.pools, made.items, publish),
        details: json!({
            "run_id": report.run_id, "status": report.status.as_str(), "published": publish,
            "scope": VersionScope::of(&run.options.scope).as_str(), "pools": report.pools.len(),
            "allocations": report.counts.allocations, "pnl_usd": report.counts.pnl.to_string(),
            "unmatched_sells": report.counts.unmatched_sells,
            "ledger_hash": report.ledger_hash.to_string(),
            "allocations_hash": report.allocations_hash.to_string(),
        }),
    }
}

/// Data issues come from any run over all symbols; unmatched sells only from a run that publishes.
fn review_update(
    options: &ComputeOptions,
    lines: &[PoolLine],
    items: Vec<ReviewItem>,
    publish: bool,
) -> ReviewUpdate {
    let mut update = ReviewUpdate::default();
    if !options.scope.is_all() {
        return update;
    }
    update.kinds = BTreeSet::from([
        IssueType::InvalidTrade,
        IssueType::MissingFx,
        IssueType::UnappliedAction,
        IssueType::UnappliedTransfer,
        IssueType::AllocationError,
    ]);
    if publish {
        update.kinds.insert(IssueType::UnmatchedSell);
    }
    for status in [PoolStatus::Rejected, PoolStatus::Excluded] {
        update
            .pools_without_result
            .extend(pools_of(lines, status).cloned());
    }
    update.items = items;
    update
        .items
        .retain(|item| update.kinds.contains(&item.issue));
    update
}
