//! The rates of explained trades, with the files and lines that they come from.

use std::collections::BTreeMap;

use super::error::PipelineResult;
use crate::engine::{Account, RateOrigin, RateUsed, RowsHash};
use crate::store::Store;
use crate::store::model::{Scope, VersionInfo};

/// A rate that gave an explained trade its value, or its fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRate {
    /// The rate, as the version has it.
    pub used: RateUsed,
    /// The file of each step; `None`: the price of an own trade, or a peg.
    pub files: Vec<Option<String>>,
    /// Price and quote of the trade, as its row has them.
    pub price: Option<(String, String)>,
}

/// Finds the rates of a version's trades.
pub(super) struct Rates<'a> {
    store: &'a dyn Store,
    info: &'a VersionInfo,
    account: Account,
    /// Names of imported files, by number.
    files: BTreeMap<i64, String>,
    /// Price and quote of trades that are not for dollars, by order id.
    prices: BTreeMap<String, (String, String)>,
}

impl<'a> Rates<'a> {
    /// Reads the names of files and the prices of an account, if the version has rates at all.
    pub(super) async fn begin(
        store: &'a dyn Store,
        info: &'a VersionInfo,
        account: &Account,
    ) -> PipelineResult<Self> {
        let mut rates = Self {
            store,
            info,
            account: account.clone(),
            files: BTreeMap::new(),
            prices: BTreeMap::new(),
        };
        if !rates.has_some() {
            return Ok(rates);
        }
        let files = store.imports().await?.into_iter();
        rates.files = files.map(|file| (file.id, file.name)).collect();
        let scope = Scope {
            account: Some(account.clone()),
            ..Scope::default()
        };
        let read = store.read_ledger(&scope, Some(&info.watermark)).await?;
        for pending in read.pending {
            if let Ok(of) = &pending.of.instrument {
                let price = (pending.trade.price.to_string(), of.quote.to_string());
                let id = pending.trade.order_id.as_str().to_owned();
                rates.prices.insert(id, price);
            }
        }
        Ok(rates)
    }

    fn has_some(&self) -> bool {
        let hash = self.info.rates_hash.unwrap_or(RowsHash::EMPTY);
        hash != RowsHash::EMPTY
    }

    /// Returns the rates of a trade.
    pub(super) async fn of(&self, order_id: &str) -> PipelineResult<Vec<ExplainedRate>> {
        if !self.has_some() {
            return Ok(Vec::new());
        }
        let trade = Some((&self.account, order_id));
        let used = self.store.rates_used(self.info.version, trade).await?;
        let explained = used.into_iter().map(|used| {
            let files = used.rate.steps.iter().map(|step| match &step.origin {
                RateOrigin::Line { import_id, .. } => self.files.get(import_id).cloned(),
                RateOrigin::Trade(_) | RateOrigin::Peg => None,
            });
            ExplainedRate {
                files: files.collect(),
                price: self.prices.get(order_id).cloned(),
                used,
            }
        });
        Ok(explained.collect())
    }
}
