//! Rates that gave one trade other values in one of two versions.

use std::collections::BTreeMap;

use super::super::error::PipelineResult;
use crate::engine::{Account, RatePurpose, RateUsed, shown, thousands};
use crate::store::RateStore;
use crate::store::model::VersionInfo;

/// Most rates that the cause of one sell names.
const RATES_NAMED: usize = 3;

/// Differences between the rates of two versions, by account and trade.
#[derive(Debug, Default)]
pub(super) struct ChangedRates(BTreeMap<(Account, String), Vec<String>>);

impl ChangedRates {
    /// Compares the rates of two versions. A trade that only one of them valued is no changed rate.
    ///
    /// Errors: the store fails.
    pub(super) async fn find(
        store: &dyn RateStore,
        left: &VersionInfo,
        right: &VersionInfo,
    ) -> PipelineResult<Self> {
        let mut changed = Self::default();
        if left.rates_hash == right.rates_hash {
            return Ok(changed);
        }
        let key = |used: &RateUsed| (used.account.clone(), used.order_id.clone(), used.purpose);
        let before = store.rates_used(left.version, None).await?.into_iter();
        let before: BTreeMap<(Account, String, RatePurpose), RateUsed> =
            before.map(|used| (key(&used), used)).collect();
        for now in store.rates_used(right.version, None).await? {
            let Some(was) = before.get(&key(&now)) else {
                continue;
            };
            let value = |used: &RateUsed| (used.asset.clone(), used.rate.value, used.usd);
            if value(was) != value(&now) {
                let told = told(was, &now);
                let trade = (now.account, now.order_id);
                changed.0.entry(trade).or_default().push(told);
            }
        }
        Ok(changed)
    }

    /// Counts the trades.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether a rate of a trade differs.
    pub(super) fn has(&self, account: &Account, order_id: &str) -> bool {
        self.0.contains_key(&(account.clone(), order_id.to_owned()))
    }

    /// Says which rates of some trades differ. `None`: none does.
    pub(super) fn of<'t>(
        &self,
        account: &Account,
        trades: impl Iterator<Item = &'t str>,
    ) -> Option<String> {
        let of_trade = |id: &str| self.0.get(&(account.clone(), id.to_owned()));
        let mut told: Vec<&str> = Vec::new();
        for one in trades.filter_map(of_trade).flatten() {
            if !told.contains(&one.as_str()) {
                told.push(one);
            }
        }
        let more = told.len().saturating_sub(RATES_NAMED);
        told.truncate(RATES_NAMED);
        let rest = match more {
            0 => String::new(),
            more => format!("; {} more rates", thousands(more)),
        };
        (!told.is_empty()).then(|| format!("{}{rest}", told.join("; ")))
    }
}

fn told(was: &RateUsed, now: &RateUsed) -> String {
    let order = shown(&now.order_id).quoted();
    let of = match now.purpose {
        RatePurpose::Value => "",
        RatePurpose::Fee => "the fee of ",
    };
    let (old, new) = (&was.rate, &now.rate);
    match was.asset == now.asset {
        true => format!(
            "rate of {} for {of}{order}: {} ({}), then {} ({})",
            now.asset, old.value, old.source, new.value, new.source
        ),
        false => format!(
            "value of {order}: {} USD by a rate of {}, then {} USD by one of {}",
            was.usd, was.asset, now.usd, now.asset
        ),
    }
}
