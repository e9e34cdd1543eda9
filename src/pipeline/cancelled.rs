//! Trades that a broker cancelled, if one file has the trade alone, and another its cancellation.
//!
//! The file with the cancellation leaves both rows out. So the trade may not come into the ledger
//! by another file, and may not be there.

use std::collections::BTreeSet;

use super::error::{PipelineError, PipelineResult};
use super::file_read::FileRead;
use super::forms::forms_named;
use super::same_trades::TRIES_MAX;
use crate::engine::LedgerTrade;
use crate::import::{CancelledTrade, CancelsEarlier, Hint};
use crate::store::Store;
use crate::store::model::{EventKind, TradeIds};

/// Most trades of the ledger that are looked up for rows that cancel them.
const NAMED_MAX: usize = 20;

/// The name of our own format, which cancels nothing.
const NATIVE: &str = "native";

/// Returns account and order id of a cancelled trade.
pub(super) fn key_of(trade: &CancelledTrade) -> (String, String) {
    (trade.account.to_string(), trade.order_id.to_string())
}

/// Checks the trades that a file cancels, and those that an earlier file cancelled.
///
/// Errors: a trade counts in the ledger, and the file cancels it; the file has a trade that an
/// earlier file cancelled.
pub(super) async fn check_cancelled(
    store: &dyn Store,
    read: &FileRead,
    trades: &[LedgerTrade],
) -> PipelineResult<()> {
    let ids: TradeIds = read.cancelled.iter().map(key_of).collect();
    if !ids.is_empty() {
        let named = forms_named(store, &ids).await?;
        let mut counting = named.into_iter().filter(|(_, trade)| !trade.is_voided);
        if let Some((key, trade)) = counting.next() {
            let by_line = read.cancelled.iter().find(|it| key_of(it) == key);
            return Err(PipelineError::CancelledCounts {
                file: read.name.clone(),
                line: by_line.map_or(0, |it| it.by_line),
                of: (key.0, trade.order_id),
            });
        }
    }
    if trades.is_empty() || read.format == NATIVE {
        return Ok(());
    }
    check_not_cancelled_before(store, read, trades).await
}

async fn check_not_cancelled_before(
    store: &dyn Store,
    read: &FileRead,
    trades: &[LedgerTrade],
) -> PipelineResult<()> {
    let before = cancelled_before(store).await?;
    let key = |row: &LedgerTrade| (row.account.to_string(), row.trade.order_id.to_string());
    let again = trades.iter().filter(|row| before.contains(&key(row)));
    let again: TradeIds = again.map(key).collect();
    if again.is_empty() {
        return Ok(());
    }
    // A trade of the ledger is known: a person voided it, or lets it count.
    let known = forms_named(store, &again).await?;
    let known: TradeIds = known.into_iter().map(|(key, _)| key).collect();
    let is_new = |row: &&LedgerTrade| again.contains(&key(row)) && !known.contains(&key(row));
    match trades.iter().find(is_new) {
        None => Ok(()),
        Some(row) => Err(PipelineError::CancelledBefore {
            file: read.name.clone(),
            line: row.import_line,
            order_id: row.trade.order_id.to_string(),
        }),
    }
}

/// Names the trades of the ledger that rows of a file cancel, if the file lacks these trades.
///
/// Errors: the store fails.
pub(super) async fn name_earlier(store: &dyn Store, read: &mut FileRead) -> PipelineResult<()> {
    let mut found = Vec::new();
    for row in read.cancels_earlier.iter().take(NAMED_MAX) {
        let account = &row.trade.account;
        let ids = row.of.iter().map(|of| (account.to_string(), of.clone()));
        let named = forms_named(store, &ids.collect()).await?;
        let mut named = named.into_iter().filter(|(_, trade)| !trade.is_voided);
        let id = match named.next() {
            Some((_, trade)) => Some(trade.order_id),
            None => equal_trade(store, row, &read.format).await?,
        };
        found.extend(id.map(|id| (account.to_string(), id)));
    }
    found.dedup();
    if !found.is_empty() {
        let known = Hint::CancelsKnown(found.into());
        read.rejected.advise(&Hint::CancelsEarlier, &known);
    }
    Ok(())
}

/// Finds the one trade of the last week with the facts of a cancelled one, among the files of its
/// format. `None`: no trade has these facts, or several have.
async fn equal_trade(
    store: &dyn Store,
    row: &CancelsEarlier,
    format: &str,
) -> PipelineResult<Option<String>> {
    let (account, trade) = (&row.trade.account, &row.trade.trade);
    let tries = store.syncs(account, TRIES_MAX).await?.into_iter();
    let tries = tries.filter(|sync| sync.format.as_deref() == Some(format));
    let out = store.imports_out(None).await?;
    let ids = tries.filter_map(|sync| sync.import_id);
    let ids: BTreeSet<i64> = ids.filter(|id| !out.contains(id)).collect();
    let stored = store.trades_of_imports(&ids).await?.into_iter();
    let symbol = row.trade.symbol.to_string();
    let mut equal = stored.filter(|it| {
        let facts = (it.side, it.size, it.price) == (trade.side, trade.size, trade.price);
        facts
            && it.account == account.as_str()
            && it.symbol == symbol
            && row.may_be_of(it.order_time)
    });
    let first = equal.next();
    Ok(first
        .filter(|_| equal.next().is_none())
        .map(|it| it.order_id))
}

/// Returns the trades that the imported files cancel, without those of undone imports.
async fn cancelled_before(store: &dyn Store) -> PipelineResult<TradeIds> {
    let (mut found, mut out) = (TradeIds::new(), None::<BTreeSet<i64>>);
    for event in store.events_of(&[EventKind::Import]).await? {
        let Some(cancelled) = event.details.get("cancelled") else {
            continue;
        };
        let out = match &mut out {
            Some(out) => out,
            none => none.insert(store.imports_out(None).await?),
        };
        let import_id = event.details.get("import_id");
        let import_id = import_id.and_then(serde_json::Value::as_i64);
        if import_id.is_some_and(|id| !out.contains(&id)) {
            let keys = serde_json::from_value::<Vec<(String, String)>>(cancelled.clone());
            found.extend(keys.unwrap_or_default());
        }
    }
    Ok(found)
}
