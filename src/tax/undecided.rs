//! Movements that are in no transfer, and that nobody has decided.
//!
//! Such a deposit may be the oldest lot of its pool, and such a withdrawal may have taken the lots
//! of a later sell. So the rows of sells after the first one are provisional. Rules:
//! docs/TAX.md, "What is unknown".

use std::collections::{BTreeMap, BTreeSet};

use super::{TaxResult, TaxRules};
use crate::engine::{Account, Asset, Direction, MovementKey, Pool, PoolNames, Timestamp};
use crate::store::model::{Sold, VersionInfo, Watermark};
use crate::store::{MovementStore, transfers};

/// A movement that nobody has decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndecidedMovement {
    /// When it was sent or received.
    pub at: Timestamp,
    /// Account and id.
    pub key: MovementKey,
    /// The pool of its units.
    pub pool: Pool,
    /// In or out.
    pub way: Direction,
}

/// The movements that nobody has decided, as of an instant.
#[derive(Debug, Clone, Default)]
pub struct Undecided {
    /// Order: by time, account and id.
    movements: Vec<UndecidedMovement>,
    /// The first one of each pool.
    first: BTreeMap<Pool, Timestamp>,
}

impl Undecided {
    /// Reads those that concern an export, as of a version. Errors: the store fails.
    pub(super) async fn of_version(
        store: &(impl MovementStore + ?Sized),
        version: &VersionInfo,
        (rules, account): (&TaxRules, Option<&Account>),
    ) -> TaxResult<Self> {
        match version.watermark.cursors().movement_seq {
            0 => Ok(Self::default()),
            _ => Self::as_of(store, (version, rules, account), Some(&version.watermark)).await,
        }
    }

    /// Counts those before an instant that came since a version, or that are decided since.
    ///
    /// Errors: the store fails.
    pub(super) async fn changed_since(
        store: &(impl MovementStore + ?Sized),
        version: &VersionInfo,
        (rules, account): (&TaxRules, Option<&Account>),
        until: Timestamp,
    ) -> TaxResult<u64> {
        let then = Self::of_version(store, version, (rules, account)).await?;
        let now = Self::as_of(store, (version, rules, account), None).await?;
        let [then, now] = [&then, &now].map(|it| it.movements.iter().collect::<BTreeSet<_>>());
        let changed = then.symmetric_difference(&now);
        Ok(changed.filter(|it| it.at < until).count() as u64)
    }

    async fn as_of(
        store: &(impl MovementStore + ?Sized),
        (version, rules, account): (&VersionInfo, &TaxRules, Option<&Account>),
        as_of: Option<&Watermark>,
    ) -> TaxResult<Self> {
        let pairing = transfers(store, &rules.assets, as_of).await?;
        let of = |account: &Account, id, asset: &Asset, at, way| UndecidedMovement {
            at,
            key: MovementKey {
                account: account.clone(),
                movement_id: id,
            },
            pool: Pool::new(account.clone(), asset.clone()),
            way,
        };
        let proposed = pairing.proposed.iter().flat_map(|it| {
            let it = &it.transfer;
            let (out, into) = (it.withdrawal.clone(), it.deposit.clone());
            [
                of(&it.from, out, &it.asset, it.sent_at, Direction::Out),
                of(&it.to, into, &it.asset, it.received_at, Direction::In),
            ]
        });
        let alone = pairing.alone.iter();
        let alone = alone.filter(|it| it.is_undecided(&rules.assets));
        let alone = alone.map(|it| {
            let (row, asset) = (&it.movement, &it.asset);
            let id = row.movement_id.clone();
            of(&row.account, id, asset, row.moved_at, row.direction)
        });
        let mut movements: Vec<UndecidedMovement> = proposed.chain(alone).collect();
        movements.retain(|it| {
            version.scope.covers(&it.pool)
                && account.is_none_or(|account| *account == it.pool.account)
        });
        movements.sort();
        let mut first = BTreeMap::new();
        for it in &movements {
            first.entry(it.pool.clone()).or_insert(it.at);
        }
        Ok(Self { movements, first })
    }

    /// Tells whether one of them may change the lots of what was sold or closed at an instant.
    pub(super) fn may_change(&self, account: &Account, asset: &Asset, at: Timestamp) -> bool {
        let names = (account.as_str(), asset.as_str());
        let first = self.first.get(&names as &dyn PoolNames);
        first.is_some_and(|first| *first <= at)
    }

    /// Returns those that concern a year: of pools with provisional rows, and withdrawals of the
    /// year, which may be sales.
    pub(super) fn of_year(
        &self,
        year: Sold,
        provisional: &BTreeMap<Pool, u64>,
    ) -> Vec<UndecidedMovement> {
        let is_wanted = |it: &&UndecidedMovement| {
            let may_be_sale = it.way == Direction::Out && year.contains(it.at);
            it.at < year.until && (may_be_sale || provisional.contains_key(&it.pool))
        };
        self.movements.iter().filter(is_wanted).cloned().collect()
    }
}
