//! Two versions beside each other: the sells that differ, and why as far as that can be known.
//!
//! All rows of both are first compared with the records of their runs. Pools whose rows have one
//! hash are not read again. The ledger as of both versions tells which trades came, went or were
//! corrected between them; an unguarded ledger has only its present state.

mod causes;
mod legacy;
mod rates;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use super::error::PipelineResult;
use super::job::Context;
use super::names::unknown;
use super::validate::find_version;
use crate::engine::{
    Asset, Pool, PoolStatus, RowsHash, Size, StoredAllocation, Timestamp, Usd, add_sizes, thousands,
};
use crate::store::model::{PoolSummary, Version, VersionInfo};
use crate::store::proof::{check_pool, check_version};
use crate::store::{Store, StoredPool, VersionStore, together};
use causes::Causes;
use settings::ChangedSettings;

/// A version of this program, or of the system that used the database before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionRef {
    /// The current version.
    Current,
    /// A version that this program computed.
    Ours(Version),
    /// A version that an earlier system computed.
    Legacy(Version),
}

impl VersionRef {
    fn number(self) -> Option<Version> {
        match self {
            Self::Current => None,
            Self::Ours(version) | Self::Legacy(version) => Some(version),
        }
    }
}

/// Tells whether two versions have the same figures for a sell.
type IsSame<'a> = &'a dyn Fn(Option<&ComparedSell>, Option<&ComparedSell>) -> bool;

/// The figures of a sell in both versions; `None`: a version has no rows of it.
type Sides<'a> = [Option<&'a ComparedSell>; 2];

/// Says why a sell differs; takes the sell's id and time, and its figures.
type Why<'a> = &'a dyn Fn((&str, Timestamp), Sides<'_>) -> String;

/// The sells to compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompareOptions {
    /// Compare only sells of these assets; empty: of all.
    pub assets: BTreeSet<Asset>,
    /// Compare only sells of this year, UTC.
    pub year: Option<i16>,
}

impl CompareOptions {
    fn takes(&self, pool: &Pool) -> bool {
        self.assets.is_empty() || self.assets.contains(&pool.asset)
    }
}

/// The figures of a sell in one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedSell {
    /// The buys of its lots and the size used of each, oldest first.
    pub lots: Vec<(String, Size)>,
    /// Cost basis of the matched part; `None` if no part is matched.
    pub cost_basis: Option<Usd>,
    /// Pnl of the matched part; `None` if no part is matched.
    pub pnl: Option<Usd>,
    /// Size that found no lot; `None` if all of it found one.
    pub unmatched: Option<Size>,
}

/// A sell whose figures differ between the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SellDifference {
    /// Account and asset.
    pub pool: Pool,
    /// The sell.
    pub sell_order_id: String,
    /// Execution time of the sell.
    pub sell_time: Timestamp,
    /// Figures in the first version; `None` if it has no rows of the sell.
    pub left: Option<ComparedSell>,
    /// Figures in the second version; `None` if it has no rows of the sell.
    pub right: Option<ComparedSell>,
    /// The cause of the difference, if it is known.
    pub why: String,
}

impl SellDifference {
    /// Returns the second version's pnl less the first one's; a missing pnl counts 0.
    pub fn difference(&self) -> Usd {
        let pnl = |sell: &Option<ComparedSell>| {
            let pnl = sell.as_ref().and_then(|sell| sell.pnl);
            pnl.unwrap_or_default().units()
        };
        Usd::from_units(pnl(&self.right).saturating_sub(pnl(&self.left)))
    }
}

/// Sums of an asset in both versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ComparedSum {
    /// Number of sells that differ.
    pub sells_differ: u64,
    /// Realized pnl in the first version.
    pub left_pnl: Usd,
    /// Realized pnl in the second version.
    pub right_pnl: Usd,
}

impl ComparedSum {
    fn add(&mut self, left: Usd, right: Usd) {
        let plus = |sum: Usd, one: Usd| Usd::from_units(sum.units().saturating_add(one.units()));
        self.left_pnl = plus(self.left_pnl, left);
        self.right_pnl = plus(self.right_pnl, right);
    }

    /// Returns the second version's pnl less the first one's.
    pub fn difference(&self) -> Usd {
        let (left, right) = (self.left_pnl.units(), self.right_pnl.units());
        Usd::from_units(right.saturating_sub(left))
    }
}

/// Result of a comparison of two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompareReport {
    /// The first version, in words.
    pub left: String,
    /// The second version, in words.
    pub right: String,
    /// How policy, program or scope of the versions differ.
    pub notes: Vec<String>,
    /// Sells that differ, largest difference of pnl first.
    pub sells: Vec<SellDifference>,
    /// Sums by asset; assets without a difference are among them.
    pub assets: BTreeMap<String, ComparedSum>,
    /// Sums of all assets.
    pub total: ComparedSum,
}

/// Compares two versions.
///
/// Errors: no such version, or it has no result, or something else changed it; the store fails.
pub async fn compare(
    store: &dyn Store,
    context: &Context,
    versions: (VersionRef, VersionRef),
    options: &CompareOptions,
) -> PipelineResult<CompareReport> {
    if let (VersionRef::Legacy(_), _) | (_, VersionRef::Legacy(_)) = versions {
        return legacy::compare(store, context, versions, options).await;
    }
    let (left, right) = (versions.0.number(), versions.1.number());
    let current = store.current().await?;
    let left = ComparedVersion::read(store, find_version(store, &current, left).await?).await?;
    let right = ComparedVersion::read(store, find_version(store, &current, right).await?).await?;
    let mut report = CompareReport {
        left: format!("version {}", left.info.version),
        right: format!("version {}", right.info.version),
        notes: notes(&left.info, &right.info),
        ..CompareReport::default()
    };
    let pools: BTreeSet<&Pool> = left.pools.keys().chain(right.pools.keys()).collect();
    let has = |asset: &Asset| pools.iter().any(|pool| pool.asset == *asset);
    if let Some(asset) = options.assets.iter().find(|asset| !has(asset)) {
        let assets = pools.iter().map(|pool| pool.asset.as_str());
        return Err(unknown("asset", asset.as_str(), assets));
    }
    let wanted = pools.into_iter().filter(|pool| options.takes(pool));
    let pools: Vec<&Pool> = wanted.collect();
    let causes = Causes::find(store, context, &left, &right, &pools).await?;
    report.notes.extend(causes.note());
    let without = [&left, &right].map(|side| side.without_result(&pools));
    report.notes.extend(without.into_iter().flatten());
    let (mut to_read, sides) = (Vec::new(), (&left, &right));
    for pool in pools {
        let is_same = left.hash(pool) == right.hash(pool);
        if !is_same || options.year.is_some() {
            let rows = left.rows(pool).max(right.rows(pool));
            to_read.push((pool.clone(), rows));
            continue;
        }
        let sum = report.assets.entry(pool.asset.to_string()).or_default();
        sum.add(left.pnl(pool), right.pnl(pool));
    }
    for pools in together(to_read) {
        context.cancel.check()?;
        compare_pools(store, sides, &pools, options, &causes, &mut report).await?;
    }
    report.end();
    Ok(report)
}

impl CompareReport {
    pub(super) fn end(&mut self) {
        self.sells.sort_by(|left, right| {
            let size = |it: &SellDifference| it.difference().units().unsigned_abs();
            let by_size = size(right).cmp(&size(left));
            by_size.then_with(|| (&left.pool, left.sell_time).cmp(&(&right.pool, right.sell_time)))
        });
        for sum in self.assets.values() {
            self.total.add(sum.left_pnl, sum.right_pnl);
            self.total.sells_differ += sum.sells_differ;
        }
    }

    /// Adds the sells of a pool, as each version has them, to the report.
    pub(super) fn add_sells(
        &mut self,
        pool: &Pool,
        (left, right): (Sells, Sells),
        options: &CompareOptions,
        (is_same, why): (IsSame<'_>, Why<'_>),
    ) {
        let sum = self.assets.entry(pool.asset.to_string()).or_default();
        let keys: BTreeSet<(Timestamp, String)> =
            left.keys().chain(right.keys()).cloned().collect();
        for (time, id) in keys {
            if options.year.is_some_and(|year| !is_in_year(time, year)) {
                continue;
            }
            let key = (time, id);
            let (left, right) = (left.get(&key), right.get(&key));
            let pnl =
                |sell: Option<&ComparedSell>| sell.and_then(|sell| sell.pnl).unwrap_or_default();
            sum.add(pnl(left), pnl(right));
            if is_same(left, right) {
                continue;
            }
            sum.sells_differ += 1;
            self.sells.push(SellDifference {
                pool: pool.clone(),
                why: why((&key.1, key.0), [left, right]),
                sell_order_id: key.1,
                sell_time: key.0,
                left: left.cloned(),
                right: right.cloned(),
            });
        }
    }
}

/// The sells of a pool by time and id.
pub(super) type Sells = BTreeMap<(Timestamp, String), ComparedSell>;

fn is_in_year(time: Timestamp, year: i16) -> bool {
    time.to_string().starts_with(&format!("{year:04}-"))
}

async fn compare_pools(
    store: &dyn VersionStore,
    (left, right): (&ComparedVersion, &ComparedVersion),
    pools: &[Pool],
    options: &CompareOptions,
    causes: &Causes,
    report: &mut CompareReport,
) -> PipelineResult<()> {
    let rows = left.sells_of(store, pools).await?;
    let others = right.sells_of(store, pools).await?;
    for (pool, sells) in pools.iter().zip(rows.into_iter().zip(others)) {
        let why = |sell: (&str, Timestamp), sides: Sides<'_>| causes.why(pool, sell, sides);
        let is_same = |left: Option<&ComparedSell>, right: Option<&ComparedSell>| left == right;
        report.add_sells(pool, sells, options, (&is_same, &why));
    }
    Ok(())
}

pub(super) fn sells_of(stored: &StoredPool) -> Sells {
    let mut sells = Sells::new();
    for row in &stored.allocations {
        let key = (row.sell_time, row.sell_order_id.to_string());
        sells.entry(key).or_default().add(row);
    }
    sells
}

impl ComparedSell {
    fn add(&mut self, row: &StoredAllocation) {
        let buy = row.buy_order_id.as_ref().map(ToString::to_string);
        self.add_part(buy, row.allocated_size, row.cost_basis_usd, row.pnl_usd);
    }

    /// Adds a row to the sell: a slice of a lot, or an unmatched part.
    pub(super) fn add_part(
        &mut self,
        buy: Option<String>,
        size: Size,
        cost: Option<Usd>,
        pnl: Option<Usd>,
    ) {
        let sum = |sum: Option<Usd>, one: Option<Usd>| match (sum, one) {
            (Some(sum), Some(one)) => {
                Some(Usd::from_units(sum.units().saturating_add(one.units())))
            }
            (sum, one) => sum.or(one),
        };
        match buy {
            Some(buy) => self.lots.push((buy, size)),
            None => {
                let before = self.unmatched;
                let sum = before.map(|sum| add_sizes(sum, size).unwrap_or(size));
                self.unmatched = sum.or(Some(size));
            }
        }
        self.cost_basis = sum(self.cost_basis, cost);
        self.pnl = sum(self.pnl, pnl);
    }
}

/// A version, and the summaries of its pools.
struct ComparedVersion {
    info: VersionInfo,
    pools: BTreeMap<Pool, PoolSummary>,
}

/// Most pools without a result that a note names.
const POOLS_NAMED: usize = 5;

impl ComparedVersion {
    /// Names the pools that are in no sum of this version. `None`: it has a result of each.
    fn without_result(&self, pools: &[&Pool]) -> Option<String> {
        let has_none = |pool: &&&Pool| {
            let status = self.pools.get(**pool).map(|it| it.status);
            matches!(status, Some(PoolStatus::Rejected | PoolStatus::Excluded))
        };
        let without: Vec<String> = pools
            .iter()
            .filter(has_none)
            .map(ToString::to_string)
            .collect();
        let named = without.get(..POOLS_NAMED).unwrap_or(&without).join(", ");
        let more = match without.len().saturating_sub(POOLS_NAMED) {
            0 => String::new(),
            more => format!(" and {} more", thousands(more)),
        };
        let version = self.info.version;
        (!without.is_empty()).then(|| {
            format!("version {version} has no result of {named}{more}: its sums leave that out")
        })
    }

    /// Reads a version's summaries and all its rows, and checks that they agree.
    ///
    /// Errors: rows, sums or hashes differ from what the version's run recorded.
    async fn read(store: &dyn Store, info: VersionInfo) -> PipelineResult<Self> {
        let summaries = check_version(store, &info).await?.into_iter();
        let pools = summaries.map(|it| (it.pool.clone(), it)).collect();
        Ok(Self { info, pools })
    }

    /// Reads the sells of some pools. Errors: their rows differ from those of the version's run.
    async fn sells_of(
        &self,
        store: &dyn VersionStore,
        pools: &[Pool],
    ) -> PipelineResult<Vec<Sells>> {
        let version = self.info.version;
        let stored = store.stored_pools(version, pools).await?;
        for (pool, stored) in pools.iter().zip(&stored) {
            check_pool(version, pool, self.pools.get(pool), stored)?;
        }
        Ok(stored.iter().map(sells_of).collect())
    }

    fn hash(&self, pool: &Pool) -> Option<RowsHash> {
        self.pools.get(pool).map(|it| it.allocations_hash)
    }

    fn pnl(&self, pool: &Pool) -> Usd {
        let summary = self.pools.get(pool);
        summary.map_or(Usd::default(), |it| it.totals.pnl)
    }

    fn rows(&self, pool: &Pool) -> u64 {
        self.pools.get(pool).map_or(0, PoolSummary::rows)
    }
}

/// Lists how policy, program and scope of two versions differ.
fn notes(left: &VersionInfo, right: &VersionInfo) -> Vec<String> {
    let mut notes = ChangedSettings::of(left, right).notes();
    if left.engine_version != right.engine_version {
        let (left, right) = (&left.engine_version, &right.engine_version);
        notes.push(format!("computed by program {left} and {right}"));
    }
    if left.scope != right.scope {
        notes.push("they cover different pools".to_owned());
    }
    notes
}
