//! Matches the pools that transfers tie together by the second matcher, for I19 and I20.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::PipelineResult;
use crate::engine::reference::{AccountHistory, AccountMatching, match_group};
use crate::engine::{
    Account, Invariant, LotMove, MovedPool, Pool, PoolLedger, Transfer, Violation,
};
use crate::store::model::{LedgerRead, TiedLedgers, Version};
use crate::store::{MovementStore, StoreError};

/// The stored moves of a version, by the pool that sent.
pub(super) type StoredMoves = BTreeMap<Pool, Vec<LotMove>>;

/// Reads the moves of a version. A row that can't be read is a violation.
///
/// Errors: the store fails.
pub(super) async fn stored_moves(
    store: &dyn MovementStore,
    version: Version,
) -> PipelineResult<(StoredMoves, Option<Violation>)> {
    let mut by_pool = StoredMoves::new();
    let moves = match store.lot_moves(version).await {
        Err(error) if is_unreadable(&error) => {
            let found = violation(None, "", error.to_string());
            return Ok((by_pool, Some(found)));
        }
        moves => moves?,
    };
    for stored in moves {
        let pool = Pool::new(stored.from.clone(), stored.asset.clone());
        by_pool.entry(pool).or_default().push(stored);
    }
    Ok((by_pool, None))
}

fn is_unreadable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unreadable {
            table: "fifo_lot_moves",
            ..
        }
    )
}

/// The second matcher's result for each pool of a read that transfers tie to others.
#[derive(Default)]
pub(in crate::pipeline) struct MovedGroups(BTreeMap<Pool, Result<Arc<MovedGroup>, String>>);

struct MovedGroup {
    transfers: Vec<Transfer>,
    accounts: BTreeMap<Account, AccountMatching>,
}

impl MovedGroups {
    /// Matches all groups. `has_result` tells whether the version has one of a pool.
    pub(in crate::pipeline) fn of(read: &LedgerRead, has_result: impl Fn(&Pool) -> bool) -> Self {
        let mut groups = Self::default();
        for tied in &read.tied {
            let matched = matched(tied, read, &has_result).map(Arc::new);
            for pool in &tied.group.pools {
                groups.0.insert(pool.clone(), matched.clone());
            }
        }
        groups
    }

    /// Returns the expected moves of a pool. `None`: no transfer ties it to others.
    ///
    /// Errors: the second matcher can't match its group.
    pub(in crate::pipeline) fn of_pool<'a>(
        &'a self,
        pool: &Pool,
        moves: &'a [LotMove],
    ) -> Result<Option<MovedPool<'a>>, Violation> {
        let group = match self.0.get(pool) {
            None => return Ok(None),
            Some(Ok(group)) => group,
            Some(Err(reason)) => {
                let message = format!("the second matcher can't match its transfers: {reason}");
                return Err(violation(Some(pool), "", message));
            }
        };
        let expected = group.accounts.get(&pool.account);
        Ok(expected.map(|expected| MovedPool {
            expected,
            transfers: &group.transfers,
            moves,
        }))
    }
}

/// Matches a group without the pools that have no result: these send nothing.
fn matched(
    tied: &TiedLedgers,
    read: &LedgerRead,
    has_result: &impl Fn(&Pool) -> bool,
) -> Result<MovedGroup, String> {
    let ledger_of = |pool: &Pool| tied.others.get(pool).or_else(|| read.pools.get(pool));
    let is_matched = |pool: &Pool| {
        let ledger = ledger_of(pool);
        has_result(pool) && !ledger.is_some_and(PoolLedger::is_refused)
    };
    let mut accounts = BTreeMap::new();
    for pool in tied.group.pools.iter().filter(|pool| is_matched(pool)) {
        let Some(ledger) = ledger_of(pool) else {
            continue;
        };
        let history = AccountHistory {
            trades: ledger.trades.to_vec().map_err(|row| row.to_string())?,
            splits: ledger.splits.to_vec(),
        };
        accounts.insert(pool.account.clone(), history);
    }
    let transfers = tied.group.transfers.iter().map(|it| &**it);
    let transfers = transfers.filter(|it| is_matched(&it.sending_pool()));
    let transfers: Vec<Transfer> = transfers.cloned().collect();
    let accounts = match_group(accounts, &transfers).map_err(|error| error.to_string())?;
    Ok(MovedGroup {
        transfers,
        accounts,
    })
}

/// Reports stored moves out of a pool that has no transfers, or no result.
pub(super) fn stray_moves(pool: &Pool, moves: &[LotMove]) -> Vec<Violation> {
    let stray = moves.iter().map(|it| {
        let message = format!("a move of lot \"{}\", expected none", it.buy_order_id);
        violation(Some(pool), it.withdrawal.as_str(), message)
    });
    stray.collect()
}

fn violation(pool: Option<&Pool>, order_id: &str, message: String) -> Violation {
    Violation {
        invariant: Invariant::I19,
        pool: pool.cloned(),
        order_id: order_id.to_owned(),
        message,
    }
}
