//! A version's claims about its figures and its pools, beside its rows and beside each other.
//!
//! A hash of rows says nothing of the sums, states and times that stand beside it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::Counted;
use crate::engine::{
    AllocationRow, Leg, MovedFrom, Pool, PoolStatus, PoolTotals, RowsHash, Size, Timestamp, Usd,
    add_sizes, shown_sentence,
};
use crate::store::model::{PoolSummary, Version, VersionInfo, VersionStatus};

/// A claim of a version that differs from its rows or its other claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimDiffers {
    /// The version that claims it.
    pub version: Version,
    /// The claim.
    pub claim: Claim,
}

/// The claimed value, and the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The hash of the facts.
    LedgerHash {
        /// The version's value.
        claimed: Option<RowsHash>,
        /// The sum over its pools.
        summed: RowsHash,
    },
    /// The hash of the rates that gave trades their values.
    RatesHash {
        /// The version's value.
        claimed: Option<RowsHash>,
        /// The hash of its records.
        found: RowsHash,
    },
    /// The state of the version.
    Status {
        /// The version's status.
        claimed: VersionStatus,
        /// Its pools that are rejected or stale.
        failed: u64,
    },
    /// The execution of the newest trade.
    CompleteThrough {
        /// The version's value.
        claimed: Option<Timestamp>,
        /// The last trade of its pools.
        found: Option<Timestamp>,
    },
    /// A pool is excluded, and the policy does not say so; or the other way about.
    Excluded {
        /// The pool.
        pool: Pool,
        /// The status in the pool's summary.
        claimed: PoolStatus,
    },
    /// A count, a sum or a time of a pool.
    Sum {
        /// The pool.
        pool: Pool,
        /// The column.
        name: &'static str,
        /// The value in the pool's summary.
        claimed: String,
        /// The sum over its rows.
        found: String,
    },
}

impl std::error::Error for ClaimDiffers {}

impl fmt::Display for ClaimDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} was changed: {}", self.version, self.claim)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LedgerHash { claimed, summed } => {
                let claimed = claimed.map(|hash| hash.to_string()).unwrap_or_default();
                write!(
                    f,
                    "its ledger hash is \"{claimed}\", but its pools sum up to \"{summed}\""
                )
            }
            Self::RatesHash { claimed, found } => {
                let claimed = claimed.map(|hash| hash.to_string()).unwrap_or_default();
                write!(
                    f,
                    "the hash of its rates is \"{claimed}\", but its records have \"{found}\""
                )
            }
            Self::Status { claimed, failed: 0 } => write!(
                f,
                "it is \"{}\", but none of its pools is rejected or stale",
                claimed.as_str()
            ),
            Self::Status { claimed, failed } => write!(
                f,
                "it is \"{}\", but \"{failed}\" of its pools are rejected or stale",
                claimed.as_str()
            ),
            Self::CompleteThrough { claimed, found } => {
                let text = |at: &Option<Timestamp>| at.map_or("NULL".into(), |at| at.to_string());
                let (claimed, found) = (text(claimed), text(found));
                write!(
                    f,
                    "it is complete through \"{claimed}\", but its last trade was executed at \
                     \"{found}\""
                )
            }
            Self::Excluded { pool, claimed } if *claimed == PoolStatus::Excluded => write!(
                f,
                "{pool} is \"excluded\", but the version's policy does not exclude it"
            ),
            Self::Excluded { pool, claimed } => write!(
                f,
                "{pool} is \"{}\", but the version's policy excludes it",
                claimed.as_str()
            ),
            Self::Sum {
                pool,
                name,
                claimed,
                found,
            } => write!(
                f,
                "the summary of {pool} has {name} \"{}\", but its rows give \"{found}\"",
                shown_sentence(claimed)
            ),
        }
    }
}

/// Compares a version's state and times with those of its pools. The hashes are not among them.
pub fn differing_claims(info: &VersionInfo, summaries: &[PoolSummary]) -> Vec<Claim> {
    let mut differing = Vec::new();
    let failed = summaries
        .iter()
        .filter(|it| matches!(it.status, PoolStatus::Rejected | PoolStatus::Stale))
        .count() as u64;
    let claimed = info.status;
    if (claimed == VersionStatus::Partial) != (failed > 0) {
        differing.push(Claim::Status { claimed, failed });
    }
    let lasts = summaries.iter().filter_map(|it| it.last.as_ref());
    let (claimed, found) = (
        info.complete_through,
        lasts.map(|last| last.order_time).max(),
    );
    if claimed != found {
        differing.push(Claim::CompleteThrough { claimed, found });
    }
    let excluded: BTreeSet<Pool> = excluded_in_policy(&info.policy);
    for it in summaries {
        let claimed = it.status;
        if (claimed == PoolStatus::Excluded) != excluded.contains(&it.pool) {
            let pool = it.pool.clone();
            differing.push(Claim::Excluded { pool, claimed });
        }
    }
    differing
}

/// Returns the pools that a policy excludes.
///
/// Source: [`policy_json`](crate::store::model::policy_json), which wrote it.
fn excluded_in_policy(policy: &str) -> BTreeSet<Pool> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let listed = policy.get("exclusions").and_then(Value::as_array);
    let pool = |entry: &Value| {
        let text = |index: usize| entry.get(index).and_then(Value::as_str);
        Some(Pool::new(text(0)?.parse().ok()?, text(1)?.parse().ok()?))
    };
    listed.into_iter().flatten().filter_map(pool).collect()
}

/// Sums of a pool's rows. Order: a sell's rows follow each other. So do those of a lot, unless
/// older lots arrive while it is in use.
#[derive(Debug, Default)]
pub(super) struct PoolRows {
    pub(super) counted: Counted,
    totals: PoolTotals,
    last_sell: (String, Leg),
    last_buy: (String, Leg),
    /// The origin of the last lot.
    last_moved: Option<MovedFrom>,
    /// Lots before which others were used that came from another account.
    interrupted: BTreeSet<(String, Leg, Option<MovedFrom>)>,
}

impl PoolRows {
    /// Takes a row in, and its canonical line.
    pub(super) fn add(&mut self, row: &AllocationRow<'_>, line: &[u8]) {
        self.counted.rows += 1;
        self.counted.hash.add_row(line);
        // A sum that does not fit was written by no run: it differs in any case.
        let usd = |sum: &mut Usd, one: Usd| *sum = sum.checked_add(one).unwrap_or(*sum);
        let size = |sum: &mut Size, one| *sum = add_sizes(*sum, one).unwrap_or(*sum);
        let totals = &mut self.totals;
        let time = Some(row.sell_time);
        totals.first_sell = totals.first_sell.min(time).or(time);
        totals.last_sell = totals.last_sell.max(time);
        let Some(buy) = row.buy_order_id else {
            totals.sells_unmatched += 1;
            size(&mut totals.unmatched_size, row.allocated_size);
            usd(&mut totals.unmatched_proceeds, row.proceeds_usd);
            usd(&mut totals.unmatched_net_proceeds, row.net_proceeds_usd);
            return;
        };
        totals.allocations += 1;
        totals.sells_matched += u64::from(is_next(
            &mut self.last_sell,
            (row.sell_order_id, row.sell_leg),
        ));
        if self.is_new_lot((buy, row.buy_leg), row.moved) {
            self.totals.buys_used += 1;
        }
        let totals = &mut self.totals;
        size(&mut totals.matched_size, row.allocated_size);
        usd(&mut totals.proceeds, row.proceeds_usd);
        usd(&mut totals.net_proceeds, row.net_proceeds_usd);
        usd(
            &mut totals.cost_basis,
            row.cost_basis_usd.unwrap_or_default(),
        );
        usd(&mut totals.pnl, row.pnl_usd.unwrap_or_default());
    }

    /// Tells whether no row before this one was of its lot.
    fn is_new_lot(&mut self, buy: (&str, Leg), moved: Option<&MovedFrom>) -> bool {
        if moved.is_none() && self.last_moved.is_none() && self.interrupted.is_empty() {
            return is_next(&mut self.last_buy, buy);
        }
        let same_origin = self.last_moved.as_ref() == moved;
        let last = (
            self.last_buy.0.clone(),
            self.last_buy.1,
            self.last_moved.take(),
        );
        self.last_moved = moved.cloned();
        if !is_next(&mut self.last_buy, buy) && same_origin {
            return false;
        }
        self.interrupted.insert(last);
        let lot = (buy.0.to_owned(), buy.1, moved.cloned());
        !self.interrupted.contains(&lot)
    }

    /// Compares the rows with a pool's summary of them. `None`: it is the same.
    pub(super) fn differs(&self, summary: &PoolSummary) -> Option<Claim> {
        let claimed = &summary.totals;
        let mut claims: Vec<(&str, String, String)> = Vec::new();
        if self.of_rows(claimed) != *claimed {
            let pairs = texts(claimed).into_iter().zip(texts(&self.totals));
            claims.extend(pairs.map(|((name, claimed), (_, found))| (name, claimed, found)));
        }
        let matched = claimed.buys.saturating_add(claimed.sells);
        match summary.status {
            PoolStatus::Matched | PoolStatus::Stale => {
                let entries = claimed.trades.saturating_add(claimed.legs);
                claims.push(("trades and legs", entries.to_string(), matched.to_string()));
            }
            PoolStatus::Rejected | PoolStatus::Excluded => {
                claims.push(("buys and sells", matched.to_string(), "0".into()));
            }
        }
        let mut claims = claims.into_iter();
        let (name, claimed, found) = claims.find(|(_, claimed, found)| claimed != found)?;
        Some(Claim::Sum {
            pool: summary.pool.clone(),
            name,
            claimed,
            found,
        })
    }

    /// Returns claimed totals with those in their place that the rows give.
    ///
    /// The sells of open short lots may have no rows. They come after all others.
    fn of_rows(&self, claimed: &PoolTotals) -> PoolTotals {
        let (mut first_sell, mut last_sell) = (self.totals.first_sell, self.totals.last_sell);
        if claimed.open_direction.is_short() {
            first_sell = first_sell.or(claimed.first_sell);
            last_sell = last_sell.max(claimed.last_sell);
        }
        PoolTotals {
            trades: claimed.trades,
            legs: claimed.legs,
            buys: claimed.buys,
            sells: claimed.sells,
            fees_unknown: claimed.fees_unknown,
            buys_by_id: claimed.buys_by_id,
            sells_by_id: claimed.sells_by_id,
            rebates: claimed.rebates,
            rebates_usd: claimed.rebates_usd,
            open_lots: claimed.open_lots,
            open_size: claimed.open_size,
            open_cost: claimed.open_cost,
            open_direction: claimed.open_direction,
            first_sell,
            last_sell,
            ..self.totals
        }
    }
}

/// Tells whether a leg of an order is another one than the last, and keeps it.
fn is_next(last: &mut (String, Leg), (id, leg): (&str, Leg)) -> bool {
    if last.0 == id && last.1 == leg {
        return false;
    }
    last.0.clear();
    last.0.push_str(id);
    last.1 = leg;
    true
}

/// Spells the sums of rows, for reading.
fn texts(totals: &PoolTotals) -> [(&'static str, String); 14] {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "NULL".to_owned(), |at| at.to_string());
    [
        ("pnl_usd", totals.pnl.to_string()),
        ("cost_basis_usd", totals.cost_basis.to_string()),
        ("proceeds_usd", totals.proceeds.to_string()),
        ("net_proceeds_usd", totals.net_proceeds.to_string()),
        ("matched_size", totals.matched_size.to_string()),
        ("allocations", totals.allocations.to_string()),
        ("sells_matched", totals.sells_matched.to_string()),
        ("sells_unmatched", totals.sells_unmatched.to_string()),
        ("buys_used", totals.buys_used.to_string()),
        ("unmatched_size", totals.unmatched_size.to_string()),
        (
            "unmatched_proceeds_usd",
            totals.unmatched_proceeds.to_string(),
        ),
        (
            "unmatched_net_proceeds_usd",
            totals.unmatched_net_proceeds.to_string(),
        ),
        ("first_sell", time(totals.first_sell)),
        ("last_sell", time(totals.last_sell)),
    ]
}
