//! Files of one venue that state the same trades under other ids: both in one account count twice.

use std::collections::BTreeSet;

use crate::cli::error::CliResult;
use crate::cli::session::Session;
use crate::engine::shown;
use crate::import::may_have_same_trades;
use crate::pipeline::{FileReport, ImportRequest};
use crate::store::Store;
use crate::store::model::SyncStatus;

/// Most tries of an account that are searched for other formats.
const TRIES_MAX: u64 = 1_000;

/// Returns warnings about files whose account has trades of such another format.
pub(super) async fn warnings(
    store: &dyn Store,
    reports: &[FileReport],
    request: &ImportRequest,
    session: &Session,
) -> CliResult<Vec<String>> {
    let (mut warned, mut warnings) = (BTreeSet::new(), Vec::new());
    let is_new = |it: &&FileReport| it.receipt.as_ref().is_some_and(|it| it.appended > 0);
    for report in reports.iter().filter(is_new) {
        let (format, account) = (report.read.format.as_str(), &request.account);
        let out = store.imports_out(None).await?;
        for sync in store.syncs(account, TRIES_MAX).await? {
            let Some((other, id)) = sync.format.as_deref().zip(sync.import_id) else {
                continue;
            };
            let has_trades = sync.status != SyncStatus::Failed && sync.counts.trades > 0;
            if !may_have_same_trades(format, other) || !has_trades || out.contains(&id) {
                continue;
            }
            // Both files may have come with one command.
            if !warned.insert(BTreeSet::from([format.to_owned(), other.to_owned()])) {
                continue;
            }
            let undo = session
                .next
                .command(&format!("fifo-pnl import undo {id} --reason TEXT"));
            let account = shown(account.as_str()).quoted();
            warnings.push(format!(
                "warning: account {account} has trades of {format} and of {other} (import {id}). \
                 A trade that both files have counts twice. Take one of the files out:\n`{undo}`"
            ));
        }
    }
    Ok(warnings)
}
