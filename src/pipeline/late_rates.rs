//! Rates of a version that a look-up gives otherwise by now. The ledger is not read for it.

use std::collections::BTreeMap;

use super::error::PipelineResult;
use crate::engine::policy::USD;
use crate::engine::{
    AssetClass, AssetRules, FoundRate, OwnRate, RateBook, RateOrigin, RateUsed, Side, WantedRate,
};
use crate::store::model::VersionInfo;
use crate::store::values::{rate_book, rates_for, rates_named, rules_of};
use crate::store::{Store, StoreResult};

/// A rate that a version used, and what a look-up gives now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateNow {
    /// The rate, as the version has it.
    pub used: RateUsed,
    /// The answer of a look-up; `None`: no rate counts any more.
    pub now: Option<FoundRate>,
}

/// Looks the rates of a version up again, by the settings of its run, among the rates of today.
///
/// A price of an own trade counts as the version has it. The ledger tells whether it changed.
/// Order: by account, order id and purpose. Errors: the store fails; two rates contradict each
/// other.
pub async fn rates_given_otherwise(
    store: &dyn Store,
    info: &VersionInfo,
) -> PipelineResult<Vec<RateNow>> {
    let used = store.rates_used(info.version, None).await?;
    if used.is_empty() {
        return Ok(Vec::new());
    }
    let rules = rules_of(info, &store.rules());
    let book = book_of(store, &rules, &used).await?;
    let now = used.into_iter().map(|used| RateNow {
        now: look_up(&book, &rules, &used),
        used,
    });
    let differs = |it: &RateNow| it.now.as_ref() != Some(&it.used.rate);
    Ok(now.filter(differs).collect())
}

async fn book_of(
    store: &dyn Store,
    rules: &AssetRules,
    used: &[RateUsed],
) -> StoreResult<RateBook> {
    let assets = used.iter().map(|used| used.asset.clone()).collect();
    let times = used.iter().map(|used| used.traded_at);
    let rates = rates_named(store, rules, rates_for(assets, times), None).await?;
    let mut book = rate_book(rules, rates)?;
    let mut own: BTreeMap<(&str, &str), OwnRate> = BTreeMap::new();
    for used in used {
        for step in &used.rate.steps {
            if let RateOrigin::Trade(order_id) = &step.origin {
                let rate = OwnRate {
                    account: used.account.clone(),
                    order_id: order_id.clone(),
                    asset: step.asset.clone(),
                    at: used.rate.at,
                    // A version has one such trade for an instant.
                    side: Side::Buy,
                    trade_seq: None,
                    shorts: false,
                    value: step.value,
                };
                own.insert((used.account.as_str(), order_id.as_str()), rate);
            }
        }
    }
    book.add_own(own.into_values().collect());
    Ok(book)
}

fn look_up(book: &RateBook, rules: &AssetRules, used: &RateUsed) -> Option<FoundRate> {
    let class = match rules.is_currency(&used.asset) {
        true => AssetClass::Fx,
        false => AssetClass::Crypto,
    };
    let dollar = USD.parse().ok()?;
    let order_id = used.order_id.parse().ok()?;
    book.look_up(&WantedRate {
        asset: &used.asset,
        currency: &dollar,
        at: used.traded_at,
        class,
        own: Some((&used.account, &order_id)),
    })
}
