//! A version's rows beside what its run wrote down of them: how many there are, and their hash.
//!
//! Whoever hands rows out compares first, so that a row that something else wrote, changed or
//! removed is never exported, filed or explained as a result. What the ledger says is another
//! question, which validation answers.

use std::fmt;

use super::model::{PoolSummary, Version, VersionInfo};
use super::{RowSink, Store, StoreError, StoreResult, StoredPool};
use crate::engine::{AllocationRow, Pool, RowsHash, Timestamp};

/// Rows and their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// How many.
    pub rows: u64,
    /// Of all of them.
    pub hash: RowsHash,
}

/// Rows of a version that are not those that its run wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsDiffer {
    /// Whose rows.
    pub version: Version,
    /// Of which pool; `None`: of all.
    pub pool: Option<Pool>,
    /// What is stored.
    pub found: Counted,
    /// What was written; `None`: the version has no hash.
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

/// Counts and hashes rows as they pass by, and looks at their order.
#[derive(Debug, Default)]
pub struct RowsProof {
    counted: Counted,
    line: Vec<u8>,
    last: Last,
    /// The sell of the first row that stands where it can't.
    moved: Option<String>,
}

/// Where the rows of a pool are by now.
#[derive(Debug, Default)]
struct Last {
    account: String,
    symbol: String,
    sell_time: Option<Timestamp>,
    buy_time: Option<Timestamp>,
}

impl Last {
    /// Tells whether a row may come next: in a pool neither sells nor lots go back in time.
    fn is_before(&mut self, row: &AllocationRow<'_>) -> bool {
        if self.account != row.account || self.symbol != row.symbol {
            *self = Self {
                account: row.account.into(),
                symbol: row.symbol.into(),
                ..Self::default()
            };
        }
        let buy_time = row.buy_time.or(self.buy_time);
        let is_before = self.sell_time <= Some(row.sell_time) && self.buy_time <= buy_time;
        (self.sell_time, self.buy_time) = (Some(row.sell_time), buy_time);
        is_before
    }
}

impl RowsProof {
    /// Takes a row in.
    pub fn add(&mut self, row: &AllocationRow<'_>) {
        self.line.clear();
        row.write_line(&mut self.line);
        self.counted.rows += 1;
        self.counted.hash.add_row(&self.line);
        if !self.last.is_before(row) && self.moved.is_none() {
            self.moved = Some(row.sell_order_id.into());
        }
    }

    /// Compares the rows with what the version has to have.
    ///
    /// `before` is the version as it was before its rows were read. Errors: the rows are others, or
    /// in another order; a run has extended the version since, so that nobody can tell.
    pub async fn compare(&self, store: &dyn Store, before: &VersionInfo) -> StoreResult<()> {
        let version = before.version;
        let expected = expected(store, before).await?;
        if expected == Some(self.counted) {
            return match &self.moved {
                None => Ok(()),
                Some(sell) => Err(StoreError::RowsMoved {
                    version,
                    sell_order_id: sell.clone(),
                }),
            };
        }
        let now = store.versions().await?;
        let now = now.into_iter().find(|info| info.version == version);
        if now.as_ref() != Some(before) {
            return Err(StoreError::Refused(format!(
                "version {version} was extended, replaced or dropped meanwhile: run it again"
            )));
        }
        RowsDiffer {
            version,
            pool: None,
            found: self.counted,
            expected,
        }
        .refused()
    }
}

impl RowSink for RowsProof {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        self.add(row);
        Ok(())
    }
}

/// Reads all rows of a version and compares them. Errors: they are others; the store.
pub async fn check_version(store: &dyn Store, info: &VersionInfo) -> StoreResult<()> {
    let mut proof = RowsProof::default();
    store.export(info.version, &mut proof).await?;
    proof.compare(store, info).await
}

/// Returns what the version has to have. `None`: its entry has no hash, so nothing is known.
async fn expected(store: &dyn Store, info: &VersionInfo) -> StoreResult<Option<Counted>> {
    let Some(hash) = info.allocations_hash else {
        return Ok(None);
    };
    let summaries = store.pool_summaries(info.version).await?;
    let rows = summaries.iter().map(|summary| of_pool(summary).rows).sum();
    Ok(Some(Counted { rows, hash }))
}

fn of_pool(summary: &PoolSummary) -> Counted {
    let totals = &summary.totals;
    Counted {
        rows: totals.allocations.saturating_add(totals.sells_unmatched),
        hash: summary.allocations_hash,
    }
}

/// Compares the pools' hashes with the version's: of what has no summary there is no hash.
///
/// Errors: they do not add up to it.
pub fn check_summaries(info: &VersionInfo, summaries: &[PoolSummary]) -> StoreResult<()> {
    let mut sum = Counted::default();
    for of_pool in summaries.iter().map(of_pool) {
        sum.rows = sum.rows.saturating_add(of_pool.rows);
        sum.hash.add(of_pool.hash);
    }
    if info.allocations_hash == Some(sum.hash) {
        return Ok(());
    }
    RowsDiffer {
        version: info.version,
        pool: None,
        found: sum,
        expected: info.allocations_hash.map(|hash| Counted { hash, ..sum }),
    }
    .refused()
}

/// Compares a pool's rows with its summary. Errors: they are others, or one can't be read.
pub fn check_pool(
    version: Version,
    pool: &Pool,
    summary: Option<&PoolSummary>,
    stored: &StoredPool,
) -> StoreResult<()> {
    let mut proof = RowsProof::default();
    stored
        .allocations
        .iter()
        .for_each(|row| proof.add(&row.row()));
    proof.counted.rows += stored.unreadable.len() as u64;
    let expected = summary.map(of_pool).unwrap_or_default();
    if proof.counted == expected {
        return Ok(());
    }
    RowsDiffer {
        version,
        pool: Some(pool.clone()),
        found: proof.counted,
        expected: Some(expected),
    }
    .refused()
}
