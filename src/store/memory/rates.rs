//! Rates of assets, in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{MemoryStore, MemoryTables, check};
use crate::engine::{Account, RateUsed};
use crate::store::model::{
    Cursors, RateBatch, RateReceipt, RateScope, StoredRate, Version, Watermark,
};
use crate::store::rules::{counting, plan_rates, rates_event};
use crate::store::{RateStore, StoreResult};

#[async_trait]
impl RateStore for MemoryStore {
    async fn import_rates(&self, batch: &RateBatch) -> StoreResult<RateReceipt> {
        self.write(|state| import(state, batch)).await
    }

    async fn rates(
        &self,
        scope: &RateScope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<StoredRate>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        let rates = usize::try_from(last.rate_seq).unwrap_or(0);
        let state = self.read();
        let out = state.ledger.imports_out(last.import_void_seq);
        let rows = state.ledger.rates.iter().take(rates);
        let is_in = |row: &&StoredRate| !out.contains(&row.rate.import_id);
        let rows = rows.filter(|row| scope.contains(&row.rate)).filter(is_in);
        Ok(counting(sorted(rows.cloned().collect())))
    }

    async fn rates_used(
        &self,
        version: Version,
        trade: Option<(&Account, &str)>,
    ) -> StoreResult<Vec<RateUsed>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        let is_of = |used: &RateUsed| {
            trade.is_none_or(|trade| trade == (&used.account, used.order_id.as_str()))
        };
        let rates = stored.map_or(&[][..], |stored| &stored.rates).iter();
        Ok(rates.filter(|used| is_of(used)).cloned().collect())
    }

    async fn currencies_named(&self) -> StoreResult<BTreeSet<(String, String)>> {
        Ok(self.read().ledger.currencies_named())
    }
}

fn import(state: &mut MemoryTables, batch: &RateBatch) -> StoreResult<RateReceipt> {
    let known = sorted(state.ledger.rates.clone());
    let out = state.ledger.imports_out(i64::MAX);
    let plan = plan_rates(batch, &known, &out);
    let mut receipt = plan.receipt;
    if batch.file.preview || receipt.conflict_count > 0 {
        return Ok(receipt);
    }
    let pairs = plan.rows.iter().map(|row| &row.rate);
    for rate in pairs {
        let is_pair = rate.asset != rate.currency;
        check(is_pair, "append rates", "rates_currency_check")?;
    }
    let import_id = state
        .ledger
        .add_import(&batch.file, plan.rows.len(), "append rates")?;
    for mut row in plan.rows {
        row.rate.import_id = import_id;
        state.ledger.rates.push(row);
    }
    receipt.import_id = Some(import_id);
    state.events.push(rates_event(batch, &receipt));
    Ok(receipt)
}

/// Sorts rows by key and revision.
fn sorted(mut rows: Vec<StoredRate>) -> Vec<StoredRate> {
    rows.sort_by(|left, right| {
        let key = |row: &StoredRate| {
            let (asset, currency) = (row.rate.asset.clone(), row.rate.currency.clone());
            (asset, currency, row.rate.source, row.rate.at, row.revision)
        };
        key(left).cmp(&key(right))
    });
    rows
}
