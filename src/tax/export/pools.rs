//! The pools of an export: those of its account, and those that its figures lack.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::engine::{Account, PoolStatus};
use crate::files::IfThere;
use crate::report::{CsvFile, WrittenFile};
use crate::store::model::PoolSummary;
use crate::tax::{TaxError, TaxResult, TaxRules};

/// Reads the account of the settings.
pub(super) fn account_of(rules: &TaxRules) -> TaxResult<Option<Account>> {
    let Some(name) = &rules.account else {
        return Ok(None);
    };
    let account = name.parse();
    let account = account.map_err(|error| TaxError::BadAccount(name.clone(), error))?;
    Ok(Some(account))
}

/// Returns the pools of an account. Errors: it has no pool.
pub(super) fn of_account(
    mut summaries: Vec<PoolSummary>,
    account: Option<&Account>,
) -> TaxResult<Vec<PoolSummary>> {
    let Some(account) = account else {
        return Ok(summaries);
    };
    let all: BTreeSet<String> = summaries
        .iter()
        .map(|s| s.pool.account.to_string())
        .collect();
    summaries.retain(|summary| summary.pool.account == *account);
    if summaries.is_empty() {
        let all = all.into_iter().collect();
        return Err(TaxError::NoPools(account.clone(), all));
    }
    Ok(summaries)
}

/// Writes the file of pools that are left out, if there are any.
pub(super) fn pools_file(
    path: &Path,
    if_there: IfThere,
    pools: &[PoolSummary],
) -> TaxResult<Option<WrittenFile>> {
    if pools.is_empty() {
        return Ok(None);
    }
    let written = write_pools(path, if_there, pools);
    Ok(Some(written.map_err(|e| TaxError::at(path, e))?))
}

/// Returns the pools whose rows are missing or old.
pub(super) fn pools_left_out(summaries: &[PoolSummary]) -> Vec<PoolSummary> {
    let is_left_out = |summary: &&PoolSummary| summary.status != PoolStatus::Matched;
    summaries.iter().filter(is_left_out).cloned().collect()
}

fn write_pools(path: &Path, if_there: IfThere, pools: &[PoolSummary]) -> io::Result<WrittenFile> {
    let header = ["account", "asset", "status", "trades", "reason"];
    let mut file = CsvFile::create(path, if_there, &header)?;
    for summary in pools {
        let line = file.line();
        line.text(summary.pool.account.as_str());
        line.text(summary.pool.asset.as_str());
        line.value(summary.status.as_str())
            .value(summary.totals.trades);
        line.text(summary.error.as_deref().unwrap_or(""));
        file.end_row()?;
    }
    file.finish()
}
