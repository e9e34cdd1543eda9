//! Income of a version with its value in dollars: what its file states, or the version's rate.
//!
//! Income that is a lot has the cost of that lot. The rest (dollars, the money of states) is in no
//! pool. Its rates are looked up as of the version, so that the same version gives the same values.
//! Source: docs/SPEC-matching.md, "Income".

use std::collections::BTreeMap;

use super::Valuing;
use crate::engine::{
    AssetRules, FoundRate, Income, Movement, MovementKey, Pending, RatePurpose, RateUsed,
    SelfCheckError, Usd, income_of, push_income, received_income,
};
use crate::store::model::{Scope, VersionInfo};
use crate::store::{StoreResult, TradeStore};

/// The origin of a value of income.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueFrom {
    /// Its file states it.
    File,
    /// It is dollars, or a coin that counts as dollars.
    Dollars,
    /// A rate gave it.
    Rate(FoundRate),
}

/// Income with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// The units that came in.
    pub income: Income,
    /// Its movement, as the file has it.
    pub row: Movement,
    /// Its value in USD, 12 decimals. `None`: no file states it, and no rate gives it.
    pub value: Option<(Usd, ValueFrom)>,
}

/// Returns the values of movements that are income, by the settings of the store. Others are left
/// out. Order: that of the movements.
///
/// Errors: as of the store; two rates contradict each other.
pub async fn earned(
    store: &dyn TradeStore,
    version: &VersionInfo,
    movements: Vec<Movement>,
) -> StoreResult<Vec<Earned>> {
    let rules = store.rules();
    let income = movements.into_iter().filter_map(|row| {
        let income = received_income(&row, &rules)?;
        let value = known_value(&income, &rules);
        Some(Earned { income, row, value })
    });
    let mut all: Vec<Earned> = income.collect();
    if all.iter().all(|it| it.value.is_some()) {
        return Ok(all);
    }
    let used = store.rates_used(version.version, None).await?;
    let mut rates = by_movement(used);
    let is_beside = |it: &&Earned| it.value.is_none() && income_of(&it.row, &rules).is_err();
    let beside = all.iter().filter(is_beside).map(|it| &it.income);
    let beside = beside.filter(|it| it.value_at_par().is_some());
    let mut pending = Pending::default();
    push_income(beside, &rules, &|_, _| true, &mut pending).map_err(SelfCheckError::from)?;
    let scope = Scope::default();
    let (valuing, mut pools) = (Valuing::new(store, &rules, &scope), BTreeMap::new());
    let entered = valuing.enter(pending, &version.watermark, (&mut pools, false), None);
    rates.extend(by_movement(
        entered.await?.used.iter().map(|it| it.to_owned()),
    ));
    for it in all.iter_mut().filter(|it| it.value.is_none()) {
        let used = rates.remove(&MovementKey::of(&it.row));
        it.value = used.map(|used| (used.usd, ValueFrom::Rate(used.rate)));
    }
    Ok(all)
}

/// Returns the value that needs no rate.
fn known_value(income: &Income, rules: &AssetRules) -> Option<(Usd, ValueFrom)> {
    let stated = income.stated_value().map(|value| (value, ValueFrom::File));
    let is_usd = rules.is_usd(&income.pool.asset);
    let at_par = || income.value_at_par().filter(|_| is_usd);
    stated.or_else(|| at_par().map(|value| (value, ValueFrom::Dollars)))
}

/// Returns the rates that gave values, by account and id.
fn by_movement(used: impl IntoIterator<Item = RateUsed>) -> BTreeMap<MovementKey, RateUsed> {
    let of_value = used
        .into_iter()
        .filter(|it| it.purpose == RatePurpose::Value);
    let with_key = of_value.filter_map(|it| {
        let key = MovementKey {
            account: it.account.clone(),
            movement_id: it.order_id.parse().ok()?,
        };
        Some((key, it))
    });
    with_key.collect()
}
