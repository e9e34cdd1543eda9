//! The rates of explained trades, with the files and lines that they come from.

use std::collections::BTreeMap;

use super::error::PipelineResult;
use crate::engine::{Account, RateOrigin, RateUsed, RowsHash};
use crate::store::Store;
use crate::store::model::VersionInfo;

/// A rate that gave an explained trade its value, or its fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRate {
    /// The rate, as the version has it.
    pub used: RateUsed,
    /// File and line of each step: of the rate, or of the own trade whose price it is. `None`: a
    /// setting is the rate.
    pub places: Vec<Option<(String, i64)>>,
}

/// Finds the rates of a version's trades.
pub(super) struct Rates<'a> {
    store: &'a dyn Store,
    info: &'a VersionInfo,
    /// Names of imported files, by number.
    files: BTreeMap<i64, String>,
}

impl<'a> Rates<'a> {
    /// Reads the names of files, if the version has rates at all.
    pub(super) async fn begin(store: &'a dyn Store, info: &'a VersionInfo) -> PipelineResult<Self> {
        let mut rates = Self {
            store,
            info,
            files: BTreeMap::new(),
        };
        if rates.has_some() {
            let files = store.imports().await?.into_iter();
            rates.files = files.map(|file| (file.id, file.name)).collect();
        }
        Ok(rates)
    }

    fn has_some(&self) -> bool {
        let hash = self.info.rates_hash.unwrap_or(RowsHash::EMPTY);
        hash != RowsHash::EMPTY
    }

    /// Returns the rates of a trade.
    pub(super) async fn of(
        &self,
        (account, order_id): (&Account, &str),
    ) -> PipelineResult<Vec<ExplainedRate>> {
        if !self.has_some() {
            return Ok(Vec::new());
        }
        let trade = Some((account, order_id));
        let used = self.store.rates_used(self.info.version, trade).await?;
        let mut explained = Vec::new();
        for used in used {
            let mut places = Vec::new();
            for step in &used.rate.steps {
                places.push(self.place(account, &step.origin).await?);
            }
            explained.push(ExplainedRate { used, places });
        }
        Ok(explained)
    }

    async fn place(
        &self,
        account: &Account,
        origin: &RateOrigin,
    ) -> PipelineResult<Option<(String, i64)>> {
        Ok(match origin {
            RateOrigin::Line { import_id, line } => {
                let file = self.files.get(import_id).cloned();
                file.zip(i64::try_from(*line).ok())
            }
            RateOrigin::Peg => None,
            RateOrigin::Trade(id) => {
                let origin = self.store.trade_origin(account, id.as_str()).await?;
                origin.map(|(file, line, _)| (file, line))
            }
        })
    }
}
