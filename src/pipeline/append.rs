//! The append of an incremental run: pools with new trades go on from their open lots, and the run
//! writes and reports them. Read first: `incremental.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::acted::ActionCause;
use super::compute::{Logged, Publication, Run};
use super::error::PipelineResult;
use super::job::Context;
use super::publish::{Covered, move_to};
use super::valued::{LateRates, RateCounts};
use crate::engine::{
    Continued, IssueType, LotSums, Matching, Pool, PoolClass, PoolLedger, PoolOutcome, PoolResult,
    PoolState, PoolStatus, PoolTotals, Rejection, RowsHash, SelfCheckError, Symbol, Timestamp,
    continue_pool, followed_by, rejection_items, review_items, unmatched_items,
};
use crate::store::lots::OpenLots;
use crate::store::model::{
    AppendedPool, Arrivals, Completion, Current, PoolSummary, RatesLocked, ReviewUpdate, RunCounts,
    Scope, Version, VersionInfo, VersionPlan, VersionStatus, Watermark, without_result,
};
use crate::store::{Elsewhere, Untold};

/// Kinds of review items about data, which a rejected pool has.
const DATA_ISSUES: [IssueType; 5] = [
    IssueType::InvalidTrade,
    IssueType::MissingFx,
    IssueType::UnappliedAction,
    IssueType::UnappliedTransfer,
    IssueType::AllocationError,
];

/// Why a run makes a new version instead of appending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    /// There is no version to extend.
    NoVersion,
    /// The version is sealed.
    Sealed(Version),
    /// The symbol rules, exclusions or adapted views differ from those of the version.
    Policy,
    /// The version was computed in another place, so its watermark says nothing here.
    Elsewhere(Elsewhere),
    /// Nobody can tell what is new in an unguarded ledger.
    Untold(Untold),
    /// The ledger was guarded after the version was computed.
    Guarded,
    /// The stored open lots of the pool do not agree with its summary.
    Snapshot(Pool, String),
    /// A new trade of the pool was executed before matched ones.
    Late(Pool, String),
    /// Matched trades of the pool were voided or put back.
    Revised(Pool, Vec<String>),
    /// Matched trades of a pool in an unguarded ledger have changed.
    Changed(Pool),
    /// An action changes lots of the pool, or a transfer does.
    Action(Pool, Box<ActionCause>),
    /// Rates that the version used are others now.
    Rates(Box<LateRates>),
}

/// A pool in the report of an incremental run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendLine {
    /// The pool.
    pub pool: Pool,
    /// Its status after the run.
    pub status: PoolStatus,
    /// Counts and sums of the appended trades.
    pub added: PoolTotals,
    /// Execution time of the pool's newest trade.
    pub newest: Option<Timestamp>,
    /// Why no rows of the pool were appended.
    pub error: Option<String>,
}

/// Result of an incremental run.
#[derive(Debug, Clone)]
pub struct AppendReport {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version that was extended.
    pub version: Version,
    /// Status of the version: completed or partial.
    pub status: VersionStatus,
    /// Whether the version is current; `Held` if a person keeps another one current.
    pub publication: Publication,
    /// The current version after the run.
    pub current: Current,
    /// Pools with new rows, by account and asset.
    pub pools: Vec<AppendLine>,
    /// Counts and sums of the appended trades.
    pub counts: RunCounts,
    /// New trades that were voided before the run.
    pub voided: u64,
    /// New rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// The rates that gave new trades their values.
    pub rates: RateCounts,
    /// Execution time of the newest trade in the version.
    pub complete_through: Option<Timestamp>,
    /// Duration of the run.
    pub duration_ms: i64,
}

/// An append to a version, while its pools are added.
pub(super) struct Appending<'a> {
    context: &'a Context,
    base: &'a VersionInfo,
    arrivals: &'a Arrivals,
    current: Current,
    covered: &'a Covered,
    at: Timestamp,
    pub(super) pools: Vec<AppendedPool>,
    lines: Vec<AppendLine>,
    review: ReviewUpdate,
}

impl<'a> Appending<'a> {
    pub(super) fn new(
        context: &'a Context,
        base: &'a VersionInfo,
        arrivals: &'a Arrivals,
        current: Current,
        covered: &'a Covered,
    ) -> Self {
        let mut kinds = BTreeSet::from(DATA_ISSUES);
        if current.version == Some(base.version) {
            kinds.insert(IssueType::UnmatchedSell);
        }
        Self {
            context,
            base,
            arrivals,
            current,
            covered,
            at: context.clock.now(),
            pools: Vec::new(),
            lines: Vec::new(),
            review: ReviewUpdate {
                kinds,
                looked_at: Some(BTreeMap::new()),
                ..ReviewUpdate::default()
            },
        }
    }

    /// Matches the new trades of a pool. Returns the cause if only a new version will do.
    pub(super) fn go_on(
        &mut self,
        mut new: PoolLedger,
        summary: &PoolSummary,
        lots: Option<OpenLots>,
    ) -> Option<Forced> {
        let both = summary.class.zip(new.class);
        new.is_mixed |= both.is_some_and(|(old, new)| old.contradicts(new));
        let started_us = self.context.clock.elapsed_us();
        let pool = summary.pool.clone();
        let (hash, rows, class) = (new.ledger_hash, new.rows(), new.class);
        let (lots, rest) = match lots {
            Some(lots) => (lots.oldest, lots.rest),
            None => (Vec::new(), LotSums::NONE),
        };
        let state = PoolState {
            totals: summary.totals,
            last: summary.last.clone(),
            lots,
            rest,
        };
        match continue_pool(new, &state) {
            Continued::Matched(matching, totals) => {
                let added = (hash, class);
                let done = self.add_matched(summary, matching, *totals, added, started_us);
                if let Err(error) = done {
                    self.add_stale(summary, Rejection::of_check(&error), rows);
                }
                None
            }
            Continued::Rejected(rejection) => {
                self.add_stale(summary, rejection, rows);
                None
            }
            Continued::HistoryChanged { order_id } => Some(Forced::Late(pool, order_id)),
            Continued::Damaged(why) => Some(Forced::Snapshot(pool, why)),
        }
    }

    /// Adds the result of a pool's new trades. Errors: as of [`Matching::each_row`].
    fn add_matched(
        &mut self,
        summary: &PoolSummary,
        matching: Box<Matching>,
        totals: PoolTotals,
        (ledger_hash, class): (RowsHash, Option<PoolClass>),
        started_us: i64,
    ) -> Result<(), SelfCheckError> {
        let (rows_hash, rules) = (matching.allocations_hash()?, &self.context.rules);
        if self.review.kinds.contains(&IssueType::UnmatchedSell) {
            let items = unmatched_items(&matching, rules)?;
            self.review.items.extend(items);
        }
        let newest = matching.last_trade().map(|trade| trade.place().owned());
        let has_rows = matching.rows_count() > 0;
        let mut after = PoolSummary {
            status: PoolStatus::Matched,
            totals,
            symbols: followed_by(&summary.symbols, &matching.symbols)?,
            class: class_of_both(summary.class, class),
            last: summary.last.clone().max(newest),
            watermark: self.arrivals.watermark.clone(),
            error: None,
            ..summary.clone()
        };
        after.ledger_hash.add(ledger_hash);
        after.allocations_hash.add(rows_hash);
        if has_rows {
            after.first_allocation.get_or_insert(self.at);
            after.last_allocation = Some(self.at);
        }
        self.look_at(&summary.pool, &DATA_ISSUES);
        self.line(&after, matching.totals);
        self.push(after, Some(matching), started_us);
        Ok(())
    }

    /// Marks a pool as stale: its new rows can't be matched. Its old rows and its watermark stay.
    fn add_stale(&mut self, summary: &PoolSummary, rejection: Rejection, rows: u64) {
        let after = PoolSummary {
            status: PoolStatus::Stale,
            error: Some(rejection.reason.clone()),
            ..summary.clone()
        };
        if after == *summary {
            return;
        }
        let items = rejection_items(&summary.pool, &rejection);
        self.review.items.extend(items);
        self.look_at(&summary.pool, &DATA_ISSUES);
        let added = PoolTotals {
            trades: rows,
            ..PoolTotals::default()
        };
        self.line(&after, added);
        let started_us = self.context.clock.elapsed_us();
        self.push(after, None, started_us);
    }

    /// Counts the new rows of a pool without allocations. The rest of its summary stays.
    pub(super) fn count(&mut self, new: &PoolLedger, summary: &PoolSummary) {
        let mut after = summary.clone();
        after.ledger_hash.add(new.ledger_hash);
        after.totals.trades = after.totals.trades.saturating_add(new.rows());
        let symbols = summary.symbols.iter().map(|of| &of.symbol);
        let symbols: BTreeSet<&Symbol> = symbols.chain(&new.symbols).collect();
        let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
        after.symbols = without_result(&symbols, after.totals.trades);
        after.class = class_of_both(summary.class, new.class);
        after.watermark = self.arrivals.watermark.clone();
        let added = PoolTotals {
            trades: new.rows(),
            ..PoolTotals::default()
        };
        self.line(&after, added);
        let started_us = self.context.clock.elapsed_us();
        self.push(after, None, started_us);
    }

    /// Adds the result of a pool that has no earlier rows. Errors: as of [`review_items`].
    pub(super) fn add_whole(&mut self, outcome: PoolOutcome) -> Result<(), SelfCheckError> {
        let started_us = self.context.clock.elapsed_us();
        let summary = PoolSummary::of(&outcome, &self.arrivals.watermark, self.at);
        let kinds: Vec<IssueType> = self.review.kinds.iter().copied().collect();
        let mut items = review_items(&outcome, &self.context.rules)?;
        items.retain(|item| kinds.contains(&item.issue));
        self.review.items.extend(items);
        self.look_at(&outcome.pool, &kinds);
        self.line(&summary, summary.totals);
        let matching = match outcome.result {
            PoolResult::Matched(matching) => Some(matching),
            PoolResult::Rejected(_) | PoolResult::Excluded(_) => {
                let without = &mut self.review.pools_without_result;
                without.insert(outcome.pool.clone());
                None
            }
        };
        self.push(summary, matching, started_us);
        Ok(())
    }

    fn look_at(&mut self, pool: &Pool, kinds: &[IssueType]) {
        let looked_at = self.review.looked_at.get_or_insert_default();
        let kinds = kinds.iter().copied();
        looked_at.entry(pool.clone()).or_default().extend(kinds);
    }

    fn line(&mut self, summary: &PoolSummary, added: PoolTotals) {
        self.lines.push(AppendLine {
            pool: summary.pool.clone(),
            status: summary.status,
            added,
            newest: summary.last.as_ref().map(|last| last.order_time),
            error: summary.error.clone(),
        });
    }

    fn push(&mut self, summary: PoolSummary, matching: Option<Box<Matching>>, started_us: i64) {
        let duration_us = self.context.clock.elapsed_us() - started_us;
        self.pools.push(AppendedPool {
            summary,
            matching,
            duration_us,
        });
    }

    pub(super) fn end(
        mut self,
        mut summaries: BTreeMap<Pool, PoolSummary>,
        rates: RatesLocked,
        duration_ms: i64,
    ) -> Append {
        for pool in &self.pools {
            summaries.insert(pool.summary.pool.clone(), pool.summary.clone());
        }
        let (mut ledger_hash, mut allocations_hash) = (RowsHash::EMPTY, RowsHash::EMPTY);
        for summary in summaries.values() {
            ledger_hash.add(summary.ledger_hash);
            allocations_hash.add(summary.allocations_hash);
        }
        let lasts = summaries.values().filter_map(|it| it.last.as_ref());
        let counts = counts(&self.lines, &summaries, self.arrivals);
        let rejected = |it: &&PoolSummary| it.status == PoolStatus::Rejected;
        let rejected: BTreeSet<&Pool> = summaries
            .values()
            .filter(rejected)
            .map(|it| &it.pool)
            .collect();
        let taken = self.covered.lost(&rejected);
        let publication = if self.current.version == Some(self.base.version) {
            Publication::Published
        } else if self.current.held {
            Publication::Held
        } else if taken.is_empty() {
            Publication::NotAsked
        } else {
            Publication::WouldTakeAway(taken)
        };
        let report = AppendReport {
            run_id: None,
            version: self.base.version,
            status: match counts.pools_rejected {
                0 => VersionStatus::Completed,
                _ => VersionStatus::Partial,
            },
            publication,
            current: self.current,
            pools: std::mem::take(&mut self.lines),
            voided: self.arrivals.voided,
            ineligible: self.arrivals.ineligible.clone(),
            rates: RateCounts::of(&rates.added, &self.arrivals.rates, &self.context.rules),
            complete_through: lasts.map(|last| last.order_time).max(),
            duration_ms,
            counts,
        };
        Append {
            base: self.base.clone(),
            watermark: self.arrivals.watermark.clone(),
            at: self.at,
            pools: self.pools,
            review: self.review,
            hashes: (ledger_hash, allocations_hash),
            rates,
            report,
        }
    }
}

/// Counts the appended rows; rejected and stale pools always count.
fn counts(
    lines: &[AppendLine],
    summaries: &BTreeMap<Pool, PoolSummary>,
    arrivals: &Arrivals,
) -> RunCounts {
    let mut counts = RunCounts {
        ineligible: arrivals.ineligible.values().sum(),
        ..RunCounts::default()
    };
    for line in lines {
        counts.add_totals(&line.added);
        counts.pools_matched += u64::from(line.status == PoolStatus::Matched);
    }
    let failed = summaries
        .values()
        .filter(|it| matches!(it.status, PoolStatus::Rejected | PoolStatus::Stale));
    let errors: Vec<String> = failed
        .map(|it| format!("{}: {}", it.pool, it.error.as_deref().unwrap_or("")))
        .collect();
    counts.pools_rejected = errors.len() as u64;
    counts.error = (!errors.is_empty()).then(|| errors.join("\n"));
    counts
}

/// An append that is ready to be written.
pub(super) struct Append {
    base: VersionInfo,
    watermark: Watermark,
    at: Timestamp,
    pools: Vec<AppendedPool>,
    review: ReviewUpdate,
    hashes: (RowsHash, RowsHash),
    rates: RatesLocked,
    pub(super) report: AppendReport,
}

impl Append {
    /// Writes the append in one transaction, then publishes a version that is not current yet.
    ///
    /// Errors: the store fails.
    pub(super) async fn write(self, logged: &Logged<'_>) -> PipelineResult<AppendReport> {
        let (Run { store, context, .. }, run_id) = (logged.run, logged.log.run_id);
        let mut report = self.report;
        let plan = VersionPlan {
            version: self.base.version,
            run_id,
            batch_id: logged.start.batch_id.clone(),
            scope: Scope::default(),
            origin: self.base.origin,
            policy: self.base.policy.clone(),
            watermark: self.watermark,
            created_at: self.base.created_at,
            allocation_time: self.at,
            replaces: false,
            cut: None,
        };
        let (ledger_hash, allocations_hash) = self.hashes;
        let completion = Completion {
            status: report.status,
            completed_at: context.clock.now(),
            duration_ms: report.duration_ms,
            ledger_hash,
            allocations_hash,
            rates: self.rates,
            // A pool with transfers is never appended to.
            lot_moves: Vec::new(),
            complete_through: report.complete_through,
            counts: report.counts.clone(),
            publish: false,
            held: false,
            review: self.review,
            details: json!({
                "run_id": run_id, "status": report.status.as_str(), "incremental": true,
                "pools": report.pools.len(), "allocations": report.counts.allocations,
                "pnl_usd": report.counts.pnl.to_string(),
                "unmatched_sells": report.counts.unmatched_sells,
                "ledger_hash": ledger_hash.to_string(),
                "allocations_hash": allocations_hash.to_string(),
            }),
        };
        store.append(&plan, &self.pools, &completion).await?;
        report.run_id = Some(run_id);
        if report.publication == Publication::NotAsked {
            // An earlier run could not publish the version; the reason for that is gone.
            report.current = move_to(store, context, plan.version, false).await?;
            report.publication = Publication::Published;
        }
        Ok(report)
    }
}

/// Returns the class of a pool by its old and its new rows, as one read of all of them gives it.
fn class_of_both(old: Option<PoolClass>, new: Option<PoolClass>) -> Option<PoolClass> {
    old.into_iter().chain(new).reduce(PoolClass::and)
}
