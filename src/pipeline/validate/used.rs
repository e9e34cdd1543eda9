//! Checks I18: the rates that a version used are those that its rates and own trades give.
//!
//! Each part is read with a look-up as of the version's watermark. The records are compared with
//! it. Rates that came after the version are no violation: the version keeps its own.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::PipelineResult;
use super::super::valued::{OwnedKey, owned};
use super::parts::LedgerPart;
use crate::engine::{
    Invariant, Pool, PoolStatus, RateOrigin, RateUsed, RowsHash, Violation, rates_hash,
};
use crate::store::model::{PoolSummary, VersionInfo};
use crate::store::{RateStore, StoreError};

/// The records of a version, compared with a look-up.
pub(super) struct UsedRates {
    stored: BTreeMap<OwnedKey, RateUsed>,
    /// Records that a look-up gave as they are.
    same: BTreeSet<OwnedKey>,
    /// Amounts that a look-up gives otherwise.
    other: BTreeMap<OwnedKey, RateUsed>,
    violations: Vec<Violation>,
    /// A record can't be read, so that no record is compared.
    is_unreadable: bool,
}

impl UsedRates {
    /// Reads the records of a version, and compares them with their hash. An unreadable record is
    /// a violation.
    pub(super) async fn read(store: &dyn RateStore, info: &VersionInfo) -> PipelineResult<Self> {
        let stored = match store.rates_used(info.version, None).await {
            Err(error) if is_unreadable(&error) => {
                let mut unreadable =
                    Self::of(Vec::new(), vec![violation(None, "", error.to_string())]);
                unreadable.is_unreadable = true;
                return Ok(unreadable);
            }
            stored => stored?,
        };
        let (claimed, found) = (info.rates_hash, rates_hash(&stored));
        let mut violations = Vec::new();
        if claimed.unwrap_or(RowsHash::EMPTY) != found {
            let claimed = claimed.map(|hash| hash.to_string()).unwrap_or_default();
            let message = format!(
                "rates hash of the version is \"{claimed}\", its records sum up to \"{found}\""
            );
            violations.push(violation(None, "", message));
        }
        Ok(Self::of(stored, violations))
    }

    fn of(stored: Vec<RateUsed>, violations: Vec<Violation>) -> Self {
        Self {
            stored: stored.into_iter().map(|it| (owned(&it), it)).collect(),
            same: BTreeSet::new(),
            other: BTreeMap::new(),
            violations,
            is_unreadable: false,
        }
    }

    /// Compares the records with the look-ups of a part. `summaries`: those of the part's pools.
    pub(super) fn meet<'s>(
        &mut self,
        part: &LedgerPart,
        summaries: impl Iterator<Item = &'s PoolSummary>,
    ) {
        if self.is_unreadable {
            return;
        }
        let mut more: BTreeMap<(&str, &str), &RateUsed> = BTreeMap::new();
        let rates = part.rates.to_vec();
        for used in &rates {
            let key = owned(used);
            match self.stored.get(&key) {
                Some(stored) if stored == used => {
                    self.same.insert(key);
                }
                Some(_) => {
                    self.other.insert(key, used.clone());
                }
                None => {
                    more.insert((used.account.as_str(), &used.order_id), used);
                }
            }
        }
        if more.is_empty() {
            return;
        }
        // A version of some pools has records of trades with a leg in them only.
        let is_judged = |it: &&PoolSummary| it.status != PoolStatus::Stale;
        for pool in summaries.filter(is_judged).map(|it| &it.pool) {
            let trades = part.read.pools.get(pool).into_iter();
            let trades = trades.flat_map(|ledger| ledger.trades.iter());
            for trade in trades {
                if let Some(used) = more.get(&(pool.account.as_str(), trade.order_id)) {
                    let message = format!("no record of {}", words(used));
                    let found = violation(Some(pool), trade.order_id, message);
                    self.violations.push(found);
                }
            }
        }
    }

    /// Returns the violations. `is_whole`: the ledger is what it was when the version was made.
    pub(super) fn end(mut self, is_whole: bool) -> Vec<Violation> {
        if !is_whole {
            self.violations.retain(|it| it.order_id.is_empty());
            return self.violations;
        }
        for (key, stored) in &self.stored {
            if self.same.contains(key) {
                continue;
            }
            let instead = self.other.get(key).map(words);
            let instead = instead.unwrap_or_else(|| "nothing".to_owned());
            let (account, has) = (&stored.account, words(stored));
            let message = format!("account \"{account}\" has {has}, a look-up gives {instead}");
            let found = violation(None, &stored.order_id, message);
            self.violations.push(found);
        }
        self.violations
    }
}

/// Tells whether an error is that of a record that can't be read.
pub(super) fn is_unreadable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unreadable {
            table: "fifo_rates_used",
            ..
        }
    )
}

fn violation(pool: Option<&Pool>, order_id: &str, message: String) -> Violation {
    Violation {
        invariant: Invariant::I18,
        pool: pool.cloned(),
        order_id: order_id.to_owned(),
        message,
    }
}

/// Spells a record: `value 200 EUR = 220 USD at 1.1 (ecb, EUR in USD 1.1 of 2025-03-07T15:00:00Z)`.
fn words(used: &RateUsed) -> String {
    let steps = used.rate.steps.iter().map(|step| {
        let origin = match &step.origin {
            RateOrigin::Line { import_id, line } => format!("import {import_id}, line {line}"),
            RateOrigin::Trade(id) => format!("trade {id}"),
            RateOrigin::Peg => "the peg".to_owned(),
        };
        format!(
            "{} in {} {} by {origin}",
            step.asset, step.currency, step.value
        )
    });
    let steps = steps.collect::<Vec<_>>().join(" and ");
    format!(
        "{} {} {} = {} USD at {} ({}, {}: {steps})",
        used.purpose.as_str(),
        used.units,
        used.asset,
        used.usd,
        used.rate.value,
        used.rate.source,
        used.rate.at
    )
}
