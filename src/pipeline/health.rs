//! Checks whether results can be relied on at this moment.
//!
//! Each check is a function from facts to findings; none stops at the first. Nothing is locked and
//! nothing is written.

use std::collections::BTreeSet;
use std::time::Duration;

use super::decided::{DecidedLot, decided_lots};
use super::error::PipelineResult;
use super::job::Context;
use super::late_rates::{RateNow, rates_given_otherwise};
use super::rows_missing::{RowsMissing, rows_missing};
use super::same_trades::{Common, CountedTwice, counted_twice};
use crate::engine::{Account, Pool, PoolStatus, RateUsed, Timestamp};
use crate::store::model::{
    Current, DiskRoom, HealthFacts, PoolSummary, QueuedItem, RunLine, Version, VersionInfo,
    VersionStatus,
};
use crate::store::values::rules_of;
use crate::store::{Store, moves_changed};

/// Limits beyond which a check reports a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthLimits {
    /// How long a trade may wait for a run.
    pub age_max: Duration,
    /// How long a run may take.
    pub run_max: Duration,
    /// How long a review item may stay open.
    pub review_age_max: Duration,
    /// Share of a file system that must be free. Units: percent.
    pub disk_free_percent_min: u8,
}

/// A fact that an operator wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No run was ever made.
    NoRun,
    /// Runs were made, and no version is current.
    NoVersion,
    /// Trades have waited too long for a run.
    Behind {
        /// Number of trades that are newer than all computed ones.
        trades: u64,
        /// Number of older trades that no version has, by the counts of its pools.
        older: u64,
        /// Execution time of the oldest of these trades.
        oldest: Timestamp,
        /// Execution time of the newest trade in the current version.
        complete_through: Option<Timestamp>,
    },
    /// Older trades were added or voided, and no run has matched them in time.
    Changed {
        /// Number of trades in the ledger, up to the newest computed one.
        eligible: u64,
        /// Number of trades in the matched pools of the current version.
        computed: u64,
        /// When the last run began.
        last_run_at: Option<Timestamp>,
    },
    /// A person excluded pools, or included them again, and no run has acted on it in time.
    Exclusions {
        /// Excluded pools that still have a result in the current version.
        excluded: Vec<String>,
        /// Included pools that the current version still leaves out.
        included: Vec<String>,
        /// When the last run began.
        last_run_at: Option<Timestamp>,
    },
    /// Transfers, income or actions came, changed or ended, and no run has acted on it in time.
    MovementsChanged {
        /// Number of these.
        movements: u64,
        /// When the last run began.
        last_run_at: Option<Timestamp>,
    },
    /// The last run did not complete.
    LastRun(RunLine),
    /// A run takes too long: it hangs, or its process died. The log row says only when the run
    /// began; its progress is known to its process alone.
    RunTooLong(RunLine),
    /// The current version has more unmatched sells than the version before it.
    UnmatchedGrown {
        /// The earlier version.
        version: Version,
        /// Unmatched sells of the earlier version.
        before: u64,
        /// Unmatched sells of the current version.
        now: u64,
    },
    /// Review items have been open too long.
    ReviewOld {
        /// Number of these items.
        items: usize,
        /// When the oldest item was opened.
        oldest: Timestamp,
    },
    /// A person holds this version, so that runs publish no other.
    Held(Version),
    /// Pools of one status without a full result; excluded pools are no finding.
    PoolsLeftOut {
        /// Status of all these pools.
        status: PoolStatus,
        /// The pools.
        pools: Vec<String>,
    },
    /// Rates that the current version used are given otherwise since an import of rates.
    RatesChanged {
        /// How many.
        rates: u64,
        /// The first one, as the version has it.
        first: Box<RateUsed>,
    },
    /// Trades have no value, as a rate is missing.
    RatesMissing {
        /// Number of open review items about them.
        trades: u64,
        /// Rates were imported since the version was computed.
        is_newer: bool,
    },
    /// Two files have the same trades.
    CountedTwice(Box<CountedTwice>),
    /// Rows are missing between two files.
    RowsMissing(Box<RowsMissing>),
    /// The file system of the database is nearly full.
    DiskNearlyFull(DiskRoom),
}

impl Finding {
    /// Returns the finding's code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRun => "no-run",
            Self::NoVersion => "no-version",
            Self::Behind { .. } => "behind",
            Self::Changed { .. } => "changed",
            Self::Exclusions { .. } => "exclusions",
            Self::MovementsChanged { .. } => "movements-changed",
            Self::LastRun(_) => "last-run",
            Self::RunTooLong(_) => "run-too-long",
            Self::UnmatchedGrown { .. } => "unmatched-grown",
            Self::ReviewOld { .. } => "review-old",
            Self::Held(_) => "held",
            Self::PoolsLeftOut { .. } => "pools-left-out",
            Self::RatesChanged { .. } => "rates-changed",
            Self::RatesMissing { .. } => "rates-missing",
            Self::CountedTwice(_) => "counted-twice",
            Self::RowsMissing(_) => "rows-missing",
            Self::DiskNearlyFull(_) => "disk",
        }
    }
}

/// Result of a health check.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The current version.
    pub current: Option<VersionInfo>,
    /// Facts read from the database.
    pub facts: HealthFacts,
    /// Pools that the current version leaves out, because a person excluded them; no findings.
    pub excluded: Vec<String>,
    /// Lots of the current version whose cost a person named; no findings.
    pub decided: Vec<DecidedLot>,
    /// Trades in the matched pools of the current version.
    pub computed: u64,
    /// Transfers, income and actions in which the current version and the ledger differ.
    pub movements_changed: u64,
    /// Facts that an operator wants to know; empty if all is well.
    pub findings: Vec<Finding>,
}

/// Everything that the checks use.
struct CheckedFacts<'a> {
    now: Timestamp,
    limits: &'a HealthLimits,
    facts: &'a HealthFacts,
    current: Current,
    info: Option<&'a VersionInfo>,
    pools: Vec<PoolSummary>,
    /// Pools that are excluded at present.
    exclusions: BTreeSet<Pool>,
    before: Option<(Version, Vec<PoolSummary>)>,
    queue: Vec<QueuedItem>,
    /// Rates of the current version that a look-up gives otherwise now.
    rates: Vec<RateNow>,
    movements_changed: u64,
}

/// Reads the facts and runs all checks. Errors: the store fails.
pub async fn health(
    store: &dyn Store,
    context: &Context,
    limits: &HealthLimits,
) -> PipelineResult<HealthReport> {
    let (versions, current) = (store.versions().await?, store.current().await?);
    let number = current.version;
    let info = versions.iter().find(|info| Some(info.version) == number);
    let facts = store.health_facts(info).await?;
    let pools = match info {
        Some(info) => store.pool_summaries(info.version).await?,
        None => Vec::new(),
    };
    let older = versions.iter().rev().find(|version| {
        let is_older = number.is_some_and(|number| version.version < number);
        is_older && version.status.is_readable() && version.scope.is_all()
    });
    let before = match older {
        Some(older) => Some((older.version, store.pool_summaries(older.version).await?)),
        None => None,
    };
    let exclusions = store.exclusions().await?;
    let rates = match info {
        Some(info) if facts.cursors.is_after(info.watermark.cursors()) => {
            rates_given_otherwise(store, info).await?
        }
        _ => Vec::new(),
    };
    let moves = match info {
        Some(info) => moves_changed(store, &rules_of(info, &store.rules()), info).await?,
        None => Vec::new(),
    };
    let known = CheckedFacts {
        now: context.clock.now(),
        limits,
        facts: &facts,
        current,
        info,
        pools,
        exclusions: exclusions.into_iter().map(|it| it.pool).collect(),
        before,
        queue: store.review_queue().await?,
        rates,
        movements_changed: moves.len() as u64,
    };
    let mut findings = known.findings();
    let computed = known.computed();
    findings.extend(twice(store, context).await?);
    let missing = rows_missing(store, None, &[]).await?.into_iter();
    findings.extend(missing.map(|it| Finding::RowsMissing(Box::new(it))));
    let excluded = known.pools.iter();
    let excluded = excluded.filter(|pool| pool.status == PoolStatus::Excluded);
    let excluded = excluded.map(|pool| pool.pool.to_string()).collect();
    let decided = match info {
        Some(info) => decided_lots(store, Some(&info.watermark)).await?,
        None => Vec::new(),
    };
    Ok(HealthReport {
        current: info.cloned(),
        decided,
        computed,
        movements_changed: known.movements_changed,
        facts,
        excluded,
        findings,
    })
}

/// Returns the files that have the same trades.
async fn twice(store: &dyn Store, context: &Context) -> PipelineResult<Vec<Finding>> {
    let rules = context.rules.as_rules();
    let found = counted_twice(store, rules, None).await?;
    let found = found.into_iter().filter(|it| it.common != Common::Days);
    let findings = found.map(|it| Finding::CountedTwice(Box::new(it)));
    Ok(findings.collect())
}

/// Returns how long ago an instant was; zero if it lies ahead.
fn age(now: Timestamp, then: Timestamp) -> Duration {
    let micros = now.as_micros().saturating_sub(then.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

impl CheckedFacts<'_> {
    fn findings(&self) -> Vec<Finding> {
        let checks = [
            Self::check_begun,
            Self::check_computed,
            Self::check_exclusions,
            Self::check_movements,
            Self::check_runs,
            Self::check_unmatched,
            Self::check_review,
            Self::check_pointer,
            Self::check_pools,
            Self::check_rates,
            Self::check_disk,
        ];
        checks.iter().flat_map(|check| check(self)).collect()
    }

    fn check_begun(&self) -> Vec<Finding> {
        let facts = self.facts;
        let is_run = facts.last_run.is_some() || !facts.running.is_empty();
        match (is_run, self.info) {
            (false, None) => vec![Finding::NoRun],
            (true, None) => vec![Finding::NoVersion],
            (_, Some(_)) => Vec::new(),
        }
    }

    /// Checks for trades that no run has matched in time. Newer trades count as late by their
    /// execution time. Added or voided older ones are late if no run began within the time limit.
    fn check_computed(&self) -> Vec<Finding> {
        let (Some(info), facts) = (self.info, self.facts) else {
            return Vec::new();
        };
        let late = |then: &Timestamp| age(self.now, *then) > self.limits.age_max;
        let computed = self.computed();
        let older = facts.eligible - facts.after.min(facts.eligible);
        if let Some(oldest) = facts.after_oldest.filter(late) {
            return vec![Finding::Behind {
                trades: facts.after,
                older: older.saturating_sub(computed),
                oldest,
                complete_through: info.complete_through,
            }];
        }
        let last_run_at = self.last_run_at();
        if older == computed || last_run_at.is_some_and(|at| !late(&at)) {
            return Vec::new();
        }
        vec![Finding::Changed {
            eligible: older,
            computed,
            last_run_at,
        }]
    }

    /// Counts the trades in the matched pools of the current version.
    fn computed(&self) -> u64 {
        let matched = self.pools.iter();
        let matched = matched.filter(|pool| pool.status == PoolStatus::Matched);
        matched.map(|pool| pool.totals.trades).sum()
    }

    fn last_run_at(&self) -> Option<Timestamp> {
        let runs = self.facts.running.iter().chain(&self.facts.last_run);
        runs.map(|run| run.started_at).max()
    }

    /// Lists the pools that a person excluded, or included again, and that no run has updated
    /// since. It reports them only if no run began within the time limit.
    fn check_exclusions(&self) -> Vec<Finding> {
        let last_run_at = self.last_run_at();
        let late = |at: Timestamp| age(self.now, at) > self.limits.age_max;
        if self.info.is_none() || last_run_at.is_some_and(|at| !late(at)) {
            return Vec::new();
        }
        let (mut excluded, mut included) = (Vec::new(), Vec::new());
        for it in &self.pools {
            let left_out = it.status == PoolStatus::Excluded;
            match (self.exclusions.contains(&it.pool), left_out) {
                (true, false) => excluded.push(it.pool.to_string()),
                (false, true) => included.push(it.pool.to_string()),
                _ => {}
            }
        }
        if excluded.is_empty() && included.is_empty() {
            return Vec::new();
        }
        vec![Finding::Exclusions {
            excluded,
            included,
            last_run_at,
        }]
    }

    fn check_movements(&self) -> Vec<Finding> {
        let last_run_at = self.last_run_at();
        let is_late = |at: Timestamp| age(self.now, at) > self.limits.age_max;
        let movements = self.movements_changed;
        if movements == 0 || last_run_at.is_some_and(|at| !is_late(at)) {
            return Vec::new();
        }
        vec![Finding::MovementsChanged {
            movements,
            last_run_at,
        }]
    }

    fn check_runs(&self) -> Vec<Finding> {
        let too_long = |run: &&RunLine| age(self.now, run.started_at) > self.limits.run_max;
        let running = self.facts.running.iter().filter(too_long);
        let last = self.facts.last_run.iter();
        let last = last.filter(|run| run.status != VersionStatus::Completed);
        last.cloned()
            .map(Finding::LastRun)
            .chain(running.cloned().map(Finding::RunTooLong))
            .collect()
    }

    fn check_unmatched(&self) -> Vec<Finding> {
        let count = |pools: &[PoolSummary]| pools.iter().map(|p| p.totals.sells_unmatched).sum();
        let now: u64 = count(&self.pools);
        let before = self.before.as_ref();
        let before = before.map(|(version, pools)| (*version, count(pools)));
        match before {
            Some((version, before)) if now > before => vec![Finding::UnmatchedGrown {
                version,
                before,
                now,
            }],
            _ => Vec::new(),
        }
    }

    fn check_review(&self) -> Vec<Finding> {
        let open = self.queue.iter().filter(|item| item.status.is_open());
        let asked = open.map(|item| item.created_at);
        let old: Vec<Timestamp> = asked
            .filter(|at| age(self.now, *at) > self.limits.review_age_max)
            .collect();
        let items = old.len();
        let oldest = old.into_iter().min();
        oldest
            .map(|oldest| Finding::ReviewOld { items, oldest })
            .into_iter()
            .collect()
    }

    fn check_pointer(&self) -> Vec<Finding> {
        let held = self.current.version.filter(|_| self.current.held);
        held.map(Finding::Held).into_iter().collect()
    }

    fn check_pools(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let left_out = |pool: &&PoolSummary| {
            !matches!(pool.status, PoolStatus::Matched | PoolStatus::Excluded)
        };
        for pool in self.pools.iter().filter(left_out) {
            let name = pool.pool.to_string();
            let same = findings.iter_mut().find_map(|finding| match finding {
                Finding::PoolsLeftOut { status, pools } if *status == pool.status => Some(pools),
                _ => None,
            });
            match same {
                Some(pools) => pools.push(name),
                None => findings.push(Finding::PoolsLeftOut {
                    status: pool.status,
                    pools: vec![name],
                }),
            }
        }
        findings
    }

    /// Checks for imported rates that no run has used yet, and for rates that no file brought.
    fn check_rates(&self) -> Vec<Finding> {
        let Some(info) = self.info else {
            return Vec::new();
        };
        let mut findings = Vec::new();
        if let Some(first) = self.rates.first() {
            findings.push(Finding::RatesChanged {
                rates: self.rates.len() as u64,
                first: Box::new(first.used.clone()),
            });
        }
        let lacks_rate = |item: &&QueuedItem| item.status.is_open() && item.lacks_rate();
        let lacking = self.queue.iter().filter(lacks_rate);
        let trades: BTreeSet<(&Account, &str)> = lacking
            .map(|item| (&item.pool.account, item.order_id.as_str()))
            .collect();
        if !trades.is_empty() {
            findings.push(Finding::RatesMissing {
                trades: trades.len() as u64,
                is_newer: self.facts.cursors.rate_seq > info.watermark.cursors().rate_seq,
            });
        }
        findings
    }

    fn check_disk(&self) -> Vec<Finding> {
        let percent = u128::from(self.limits.disk_free_percent_min);
        let is_full =
            |room: &DiskRoom| u128::from(room.free) * 100 < u128::from(room.total) * percent;
        let room = self.facts.disk.filter(is_full);
        room.map(Finding::DiskNearlyFull).into_iter().collect()
    }
}
