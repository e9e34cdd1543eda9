//! The facts that an export reads before and after the rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::notes::national_currencies;
use super::{ExportRequest, has_book, income_asked, movement_files, pools_sold, shows_sales};
use crate::engine::{Account, Asset};
use crate::store::model::{NamedTrade, PoolSummary, Sold};
use crate::store::{MovementFiles, Store};
use crate::tax::TaxResult;
use crate::tax::income::IncomeOfYear;
use crate::tax::row::TaxRules;
use crate::tax::undecided::Undecided;
use crate::tax::voided::voided_sells;

/// Everything that an export reads before the rows.
pub(super) struct ReadBefore {
    /// The pools whose sales the files show.
    pub(super) summaries: Vec<PoolSummary>,
    pub(super) income: Option<Arc<IncomeOfYear>>,
    pub(super) currencies: BTreeSet<Asset>,
    pub(super) undecided: Undecided,
    pub(super) files: MovementFiles,
}

impl ReadBefore {
    pub(super) async fn read(
        store: &dyn Store,
        request: &ExportRequest,
        (rules, year, account): (&TaxRules, Sold, Option<&Account>),
    ) -> TaxResult<Self> {
        let income = income_asked(store, request, (rules, year, account)).await?;
        let mut known = Self {
            summaries: pools_sold(store, request, (account, income.as_deref())).await?,
            income,
            currencies: BTreeSet::new(),
            undecided: Undecided::default(),
            files: movement_files(store, request).await?,
        };
        let version = &request.version;
        // A workbook has them on its first sheet.
        if has_book(request) {
            let summaries = &known.summaries;
            known.currencies = national_currencies(store, version, summaries, rules).await?;
        }
        if shows_sales(request) && rules.names_movements {
            known.undecided = Undecided::of_version(store, version, (rules, account)).await?;
        }
        Ok(known)
    }

    /// Reads the currencies and voided sells that only the manifest shows. The rows come first, as
    /// a reader waits for them.
    pub(super) async fn rest(
        &self,
        store: &dyn Store,
        request: &ExportRequest,
        (rules, year, account): (&TaxRules, Sold, Option<&Account>),
    ) -> TaxResult<(BTreeSet<Asset>, Vec<NamedTrade>)> {
        let (version, summaries) = (&request.version, &self.summaries);
        if !shows_sales(request) {
            return Ok(Default::default());
        }
        let currencies = match has_book(request) {
            true => self.currencies.clone(),
            false => national_currencies(store, version, summaries, rules).await?,
        };
        let voided = voided_sells(store, version, account, year).await?;
        Ok((currencies, voided))
    }
}
