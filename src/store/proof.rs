//! Compares a version's rows with its run's record of them: their number, their hash, and their
//! sums, pool by pool (`proof/claims.rs`). The rates that gave trades their values count, too.
//!
//! An export of rows or sums compares first. So it never exports, files or explains rows that
//! something else wrote, changed or removed. The ledger's own state is another question, which
//! validation answers.

mod claims;

use std::fmt;

use super::model::{PoolSummary, Version, VersionInfo};
use super::{RowSink, Store, StoreError, StoreResult, StoredPool, VersionRefusal};
use crate::engine::{AllocationRow, Leg, Pool, RowsHash, Timestamp, rates_hash};
use claims::PoolRows;
pub use claims::{Claim, ClaimDiffers, differing_claims};

/// A number of rows and the hash of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// The number of rows.
    pub rows: u64,
    /// The hash of all rows.
    pub hash: RowsHash,
}

/// The rows of a version differ from those that its run wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsDiffer {
    /// The version of the rows.
    pub version: Version,
    /// The pool; `None`: all pools.
    pub pool: Option<Pool>,
    /// The rows in the database.
    pub found: Counted,
    /// The rows that the run wrote; `None`: the run recorded no hash.
    pub expected: Option<Counted>,
}

impl std::error::Error for RowsDiffer {}

impl fmt::Display for RowsDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { rows, hash } = self.found;
        let word = if rows == 1 { "row" } else { "rows" };
        write!(f, "version {} was changed: ", self.version)?;
        match &self.pool {
            Some(pool) => write!(f, "{pool} has")?,
            None => f.write_str("it has")?,
        }
        write!(f, " {rows} {word} with hash {hash}, but its run wrote ")?;
        match &self.expected {
            Some(Counted { rows, hash }) => write!(f, "{rows} with hash {hash}"),
            None => f.write_str("no hash"),
        }
    }
}

impl RowsDiffer {
    fn refused(self) -> StoreResult<()> {
        Err(StoreError::RowsDiffer(Box::new(self)))
    }
}

/// Counts, hashes and adds up a version's rows, pool by pool, and checks their order.
#[derive(Debug)]
pub struct RowsProof {
    info: VersionInfo,
    summaries: Vec<PoolSummary>,
    /// Hash of the rates that gave trades their values.
    rates: RowsHash,
    /// For each summary, whether its pool had rows.
    seen: Vec<bool>,
    counted: Counted,
    line: Vec<u8>,
    last: LastRow,
    /// Sums of the pool whose rows are being read.
    rows: PoolRows,
    /// The sell of the first row out of order.
    moved: Option<String>,
    /// The first value of a summary that differs from the rows of its pool.
    claim: Option<Claim>,
}

/// The pool and the times of the last row, to check the order of the next.
#[derive(Debug, Default)]
struct LastRow {
    account: String,
    asset: String,
    sell_time: Option<Timestamp>,
    buy_time: Option<Timestamp>,
}

impl LastRow {
    /// Tells whether a row is in order: in a pool, neither sells nor lots go back in time.
    fn is_before(&mut self, row: &AllocationRow<'_>) -> bool {
        if self.account != row.account || self.asset != row.asset {
            *self = Self {
                account: row.account.into(),
                asset: row.asset.into(),
                ..Self::default()
            };
        }
        let buy_time = row.buy_time.or(self.buy_time);
        // A lot may arrive from another account between two sells, and be older than all others.
        let may_be_older = row.moved.is_some()
            && (self.sell_time < Some(row.sell_time) || row.sell_leg == Leg::Network);
        let in_order = self.buy_time <= buy_time || may_be_older;
        let is_before = self.sell_time <= Some(row.sell_time) && in_order;
        (self.sell_time, self.buy_time) = (Some(row.sell_time), buy_time);
        is_before
    }
}

impl RowsProof {
    /// Reads the version's summaries and rates, before its rows are read. Errors: the store fails.
    pub async fn begin(store: &dyn Store, info: &VersionInfo) -> StoreResult<Self> {
        let mut summaries = store.pool_summaries(info.version).await?;
        summaries.sort_by(|left, right| left.pool.cmp(&right.pool));
        Ok(Self {
            info: info.clone(),
            rates: rates_hash(&store.rates_used(info.version, None).await?),
            seen: vec![false; summaries.len()],
            summaries,
            counted: Counted::default(),
            line: Vec::new(),
            last: LastRow::default(),
            rows: PoolRows::default(),
            moved: None,
            claim: None,
        })
    }

    /// Adds a row to the counts, sums and hashes.
    pub fn add(&mut self, row: &AllocationRow<'_>) {
        if self.last.account != row.account || self.last.asset != row.asset {
            self.end_pool();
        }
        self.line.clear();
        row.write_line(&mut self.line);
        self.counted.rows += 1;
        self.counted.hash.add_row(&self.line);
        self.rows.add(row, &self.line);
        if !self.last.is_before(row) && self.moved.is_none() {
            self.moved = Some(row.sell_order_id.into());
        }
    }

    /// Compares the rows of a pool with its summary. Rows of a pool without a summary change the
    /// hash of the version, which [`Self::compare`] checks.
    fn end_pool(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let names = (self.last.account.as_str(), self.last.asset.as_str());
        let found = self
            .summaries
            .binary_search_by(|it| (it.pool.account.as_str(), it.pool.asset.as_str()).cmp(&names));
        let Ok(at) = found else { return };
        let (Some(summary), Some(seen)) = (self.summaries.get(at), self.seen.get_mut(at)) else {
            return;
        };
        *seen = true;
        if self.claim.is_none() {
            self.claim = rows.differs(summary);
        }
    }

    /// Compares the rows with the version's record, and its claims with each other. Returns the
    /// summaries of its pools, by pool: they agree with the rows.
    ///
    /// Errors: other rows, or another order; another sum, state or hash; a run has extended the
    /// version since, so that nobody can tell.
    pub async fn compare(mut self, store: &dyn Store) -> StoreResult<Vec<PoolSummary>> {
        self.end_pool();
        let version = self.info.version;
        let Err(error) = self.judge() else {
            return Ok(self.summaries);
        };
        let now = store.versions().await?;
        let now = now.into_iter().find(|info| info.version == version);
        if now.as_ref() != Some(&self.info) {
            return Err(StoreError::Version(version, VersionRefusal::Moved));
        }
        Err(error)
    }

    fn judge(&mut self) -> StoreResult<()> {
        let version = self.info.version;
        let rows = self.summaries.iter().map(|summary| of_pool(summary).rows);
        let rows = rows.fold(0_u64, u64::saturating_add);
        let hash = self.info.allocations_hash;
        let expected = hash.map(|hash| Counted { rows, hash });
        if expected != Some(self.counted) {
            return RowsDiffer {
                version,
                pool: None,
                found: self.counted,
                expected,
            }
            .refused();
        }
        if let Some(sell) = &self.moved {
            let sell_order_id = sell.clone();
            return Err(StoreError::RowsMoved {
                version,
                sell_order_id,
            });
        }
        if self.info.rates_hash != Some(self.rates) {
            let (claimed, found) = (self.info.rates_hash, self.rates);
            return refused(version, Claim::RatesHash { claimed, found });
        }
        check_summaries(&self.info, &self.summaries)?;
        let pools = self.summaries.iter().zip(&self.seen);
        let without_rows = pools.filter(|(_, seen)| !**seen);
        let mut claims = without_rows.filter_map(|(it, _)| PoolRows::default().differs(it));
        match self.claim.take().or_else(|| claims.next()) {
            Some(claim) => refused(version, claim),
            None => Ok(()),
        }
    }
}

impl RowSink for RowsProof {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        self.add(row);
        Ok(())
    }
}

/// Compares all rows of a version with its run's record. Returns its summaries, by pool.
///
/// Errors: rows or recorded values differ; the store fails.
pub async fn check_version(store: &dyn Store, info: &VersionInfo) -> StoreResult<Vec<PoolSummary>> {
    let mut proof = RowsProof::begin(store, info).await?;
    store.export(info.version, &mut proof).await?;
    proof.compare(store).await
}

fn refused(version: Version, claim: Claim) -> StoreResult<()> {
    let differs = ClaimDiffers { version, claim };
    Err(StoreError::ClaimDiffers(Box::new(differs)))
}

fn of_pool(summary: &PoolSummary) -> Counted {
    let totals = &summary.totals;
    Counted {
        rows: totals.allocations.saturating_add(totals.sells_unmatched),
        hash: summary.allocations_hash,
    }
}

/// Compares what a version records (hashes, status, times, exclusions) with the sums of its pools.
/// Pools without a summary add nothing to a hash.
///
/// Errors: a recorded value differs.
pub fn check_summaries(info: &VersionInfo, summaries: &[PoolSummary]) -> StoreResult<()> {
    let (mut sum, mut ledger_hash) = (Counted::default(), RowsHash::EMPTY);
    for summary in summaries {
        let of_pool = of_pool(summary);
        sum.rows = sum.rows.saturating_add(of_pool.rows);
        sum.hash.add(of_pool.hash);
        ledger_hash.add(summary.ledger_hash);
    }
    if info.allocations_hash != Some(sum.hash) {
        return RowsDiffer {
            version: info.version,
            pool: None,
            found: sum,
            expected: info.allocations_hash.map(|hash| Counted { hash, ..sum }),
        }
        .refused();
    }
    if info.ledger_hash != Some(ledger_hash) {
        let (claimed, summed) = (info.ledger_hash, ledger_hash);
        return refused(info.version, Claim::LedgerHash { claimed, summed });
    }
    match differing_claims(info, summaries).into_iter().next() {
        Some(claim) => refused(info.version, claim),
        None => Ok(()),
    }
}

/// Compares a version's used rates with their hash. Errors: they differ; the store fails.
pub async fn check_rates(store: &dyn Store, info: &VersionInfo) -> StoreResult<()> {
    let found = rates_hash(&store.rates_used(info.version, None).await?);
    match info.rates_hash == Some(found) {
        true => Ok(()),
        false => {
            let claimed = info.rates_hash;
            refused(info.version, Claim::RatesHash { claimed, found })
        }
    }
}

/// Compares a pool's rows with its summary. Errors: they differ, or a row can't be read.
pub fn check_pool(
    version: Version,
    pool: &Pool,
    summary: Option<&PoolSummary>,
    stored: &StoredPool,
) -> StoreResult<()> {
    let (mut rows, mut line) = (PoolRows::default(), Vec::new());
    for row in &stored.allocations {
        line.clear();
        row.row().write_line(&mut line);
        rows.add(&row.row(), &line);
    }
    rows.counted.rows += stored.unreadable.len() as u64;
    let expected = summary.map(of_pool).unwrap_or_default();
    if rows.counted != expected {
        return RowsDiffer {
            version,
            pool: Some(pool.clone()),
            found: rows.counted,
            expected: Some(expected),
        }
        .refused();
    }
    match summary.and_then(|summary| rows.differs(summary)) {
        Some(claim) => refused(version, claim),
        None => Ok(()),
    }
}
