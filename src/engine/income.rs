//! Income: rewards and the like, which come into an account and are lots of their own.
//!
//! Each is a buy of the account for its value at that time, as its file states it. Else it waits
//! for a rate, as other trades without a price in dollars do. `legs.rs` makes its entry, and
//! `reference/legs.rs` the one to compare with.
//! Source: docs/SPEC-matching.md, "Income"; 26 CFR 1.61-2(d), Revenue Ruling 2023-14.

use std::collections::BTreeMap;

use super::assets::AssetRules;
use super::fact::Fact;
use super::ids::{Asset, OrderId, Pool};
use super::leg::{Entry, Leg};
use super::money::{dollars, value_share_of_size};
use super::movement::{Direction, Movement, MovementKind};
use super::network::traded;
use super::number::{Price, Size, Usd, Worth};
use super::pairing::{
    DecisionKind, MovementKey, NoPart, TransferDecision, units_moved, units_received,
};
use super::pending::Pending;
use super::side::Side;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Trade, TradeRef};

/// Units that came into a pool as income.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Income {
    /// The pool, by the names that settings give.
    pub pool: Pool,
    /// Id of the movement.
    pub movement_id: OrderId,
    /// When they came.
    pub at: Timestamp,
    /// The kind that the source names.
    pub kind: MovementKind,
    /// Units, after a fee in the same asset.
    pub units: Size,
    /// The value that the source states, and the units that have it. Units: USD, and units of the
    /// asset.
    pub usd_value: Option<(Worth, Size)>,
}

/// Reads a movement as income. Errors: it is another kind, or leaves no lot.
pub fn income_of(row: &Movement, rules: &AssetRules) -> Result<Income, NoPart> {
    if !row.is_income() {
        return Err(NoPart::Kind);
    }
    let moved = units_moved(row, rules)?;
    Fact::try_of_size(moved.1).map_err(|_| NoPart::Digits)?;
    Ok(Income::of(row, moved))
}

/// Returns movements, with those as rewards that a person says are income. Order: `decisions` stand
/// as they arrived; the latest about a movement counts.
pub fn with_decided_income(
    mut movements: Vec<Movement>,
    decisions: &[TransferDecision],
) -> Vec<Movement> {
    let mut income: BTreeMap<&MovementKey, Option<Worth>> = BTreeMap::new();
    for decision in decisions {
        for key in [&decision.withdrawal, &decision.deposit] {
            match decision.kind {
                DecisionKind::Income => drop(income.insert(key, decision.usd_value)),
                // It says nothing about either movement alone.
                DecisionKind::Unpair => {}
                _ => drop(income.remove(key)),
            }
        }
    }
    for row in &mut movements {
        let key = MovementKey::of(row);
        if let Some(value) = income.get(&key).filter(|_| row.direction == Direction::In) {
            row.kind = MovementKind::Reward;
            row.usd_value = value.or(row.usd_value);
        }
    }
    movements
}

/// Reads a movement as income that need not be a lot: dollars and the money of states are income,
/// too. `None`: it is another kind, or its fee took all of it.
pub fn received_income(row: &Movement, rules: &AssetRules) -> Option<Income> {
    let received = row.is_income().then(|| units_received(row, rules).ok());
    received.flatten().map(|received| Income::of(row, received))
}

impl Income {
    fn of(row: &Movement, (asset, units): (Asset, Size)) -> Self {
        // A value of nothing says that the source knows none.
        let value = row.usd_value.filter(|worth| !worth.as_decimal().is_zero());
        Self {
            pool: Pool::new(row.account.clone(), asset),
            movement_id: row.movement_id.clone(),
            at: row.moved_at,
            kind: row.kind,
            units,
            usd_value: value.map(|value| (value, row.size)),
        }
    }

    /// Returns the share of the units in the value that the source states. `None`: it states none.
    ///
    /// Units: USD. Rounding: 12 decimals, half to even. Source: docs/SPEC-matching.md, "Income".
    pub fn stated_value(&self) -> Option<Usd> {
        let (worth, all) = self.usd_value?;
        let worth = dollars(Fact::of_worth(worth)).ok()?;
        value_share_of_size(worth, self.units, all).ok()
    }

    /// Returns the value of units of dollars, or of a coin that counts as dollars. `None`: they
    /// have too many digits.
    ///
    /// Units: USD. Rounding: 12 decimals, half to even.
    pub fn value_at_par(&self) -> Option<Usd> {
        let units = Fact::try_of_size(self.units).ok()?;
        dollars(units).ok()
    }
}

/// Lets income wait for its rates. `is_wanted` tells which pools are read, and which part of their
/// time.
///
/// Errors: an id or a number that no trade of a ledger has.
pub fn push_income<'i>(
    income: impl Iterator<Item = &'i Income>,
    rules: &AssetRules,
    is_wanted: &dyn Fn(&Pool, Timestamp) -> bool,
    pending: &mut Pending,
) -> Result<(), InvalidTrade> {
    for it in income.filter(|it| is_wanted(&it.pool, it.at)) {
        let trade = buy_of(it);
        let row = TradeRef::try_of(&trade);
        let row = row.map_err(|error| {
            InvalidTrade::of(trade.order_id.as_str(), "size", error.to_string())
        })?;
        pending.push(&traded(it.pool.clone(), None, rules), &row)?;
    }
    Ok(())
}

fn buy_of(income: &Income) -> Trade {
    Trade {
        order_id: income.movement_id.clone(),
        side: Side::Buy,
        size: income.units,
        price: Price::ZERO,
        fee: None,
        order_time: income.at,
        trade_seq: None,
        more: None,
        entry: Entry {
            leg: Leg::Income,
            value: income.stated_value(),
            ..Entry::default()
        },
    }
}
