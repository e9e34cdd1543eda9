//! Deposits that are in no transfer, and sells that lack lots: one may be the cause of the other.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::error::CliResult;
use crate::cli::format::{count, time};
use crate::cli::session::Session;
use crate::engine::{
    Alone, Direction, IssueType, MovementKey, Pairing, Pool, Size, Timestamp, shown,
};
use crate::store::model::QueuedItem;
use crate::store::{ReviewStore, Store, transfers};

/// A deposit that is in no transfer.
pub(in crate::cli::commands) struct OpenDeposit {
    pub(in crate::cli::commands) key: MovementKey,
    size: Size,
    came_at: Timestamp,
    /// The withdrawal of a proposed pair.
    pub(in crate::cli::commands) withdrawal: Option<MovementKey>,
}

impl OpenDeposit {
    /// Asks whether it has to do with a sell without lots.
    pub(in crate::cli::commands) fn words(&self) -> String {
        let (key, size, at) = (&self.key, self.size, time(self.came_at));
        match &self.withdrawal {
            Some(out) => {
                format!("deposit {key} of {size} at {at} may be the transfer of {out}: is it?")
            }
            None => format!(
                "deposit {key} of {size} at {at} is in no transfer: did it come from an account \
                 of yours?"
            ),
        }
    }
}

/// Returns the deposits of a pool up to a time that are in no transfer, the first one first.
///
/// Errors: the store fails.
pub(in crate::cli::commands) async fn open_deposits(
    store: &dyn Store,
    session: &Session,
    (pool, until): (&Pool, Option<Timestamp>),
) -> CliResult<Vec<OpenDeposit>> {
    let pairing = transfers(store, session.context.rules.as_rules(), None).await?;
    let proposed = pairing.proposed.iter().map(|it| &it.transfer);
    let proposed = proposed.filter(|it| it.to == pool.account && it.asset == pool.asset);
    let proposed = proposed.map(|it| OpenDeposit {
        key: MovementKey {
            account: it.to.clone(),
            movement_id: it.deposit.clone(),
        },
        size: it.received,
        came_at: it.received_at,
        withdrawal: Some(MovementKey {
            account: it.from.clone(),
            movement_id: it.withdrawal.clone(),
        }),
    });
    let alone = pairing.alone.iter().filter(|it| is_open_deposit(it));
    let alone = alone.filter(|it| it.movement.account == pool.account && it.asset == pool.asset);
    let alone = alone.map(|it| OpenDeposit {
        key: MovementKey::of(&it.movement),
        size: it.movement.size,
        came_at: it.movement.moved_at,
        withdrawal: None,
    });
    let mut deposits: Vec<OpenDeposit> = proposed.chain(alone).collect();
    deposits.retain(|it| until.is_none_or(|until| it.came_at <= until));
    deposits.sort_by(|one, other| (one.came_at, &one.key).cmp(&(other.came_at, &other.key)));
    Ok(deposits)
}

fn is_open_deposit(it: &Alone) -> bool {
    it.may_be_half() && it.movement.direction == Direction::In
}

/// The sells without lots, by pool: when, and their ids.
pub(super) struct Lacking(BTreeMap<Pool, Vec<(Timestamp, String)>>);

impl Lacking {
    /// Reads the open items of sells without lots, if a deposit may be the cause of one.
    ///
    /// Errors: the store fails.
    pub(super) async fn of(store: &dyn ReviewStore, pairing: &Pairing) -> CliResult<Self> {
        let mut lacking = BTreeMap::new();
        if pairing.alone.iter().any(is_open_deposit) {
            for item in store.review_queue().await? {
                if item.issue == IssueType::UnmatchedSell
                    && item.status.is_open()
                    && let Some(at) = sold_at(&item)
                {
                    let sells: &mut Vec<_> = lacking.entry(item.pool).or_default();
                    sells.push((at, item.order_id));
                }
            }
        }
        lacking.values_mut().for_each(|sells| sells.sort());
        Ok(Self(lacking))
    }

    /// Says which sells after a deposit lack lots. The text is empty if none does.
    pub(super) fn after(&self, it: &Alone) -> String {
        if !is_open_deposit(it) {
            return String::new();
        }
        let pool = Pool::new(it.movement.account.clone(), it.asset.clone());
        let sells = self.0.get(&pool).into_iter().flatten();
        let mut sells = sells.filter(|(at, _)| *at >= it.movement.moved_at);
        let Some((_, first)) = sells.next() else {
            return String::new();
        };
        let first = shown(first);
        match sells.count() as u64 {
            0 => format!("; sell {first} lacks lots"),
            more => format!("; sell {first} and {} more lack lots", count(more)),
        }
    }
}

/// Returns the execution time of the sell that an item is about.
fn sold_at(item: &QueuedItem) -> Option<Timestamp> {
    let details: Value = serde_json::from_str(&item.details).ok()?;
    details.get("sell_time")?.as_str()?.parse().ok()
}
