//! Rows of a file that the ledger has for another account: imported again, they count twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::earlier::{ImportedAs, KnownRows};
use super::error::PipelineResult;
use super::forms::forms_named;
use crate::engine::{Account, LedgerTrade, Side, Timestamp};
use crate::store::Store;
use crate::store::model::{ImportedFile, NamedTrade, TradeIds, TradingAccount};

/// Trades of a file that are looked up under other accounts.
pub(super) const FIRST_MAX: usize = 100;

/// Accounts among which they are looked up: those with the latest imports.
const ACCOUNTS_MAX: usize = 50;

/// Most rows of one id, side and time that may be chance, if a file has many new rows.
const KNOWN_MAX: usize = 2;

/// Returns the accounts beside one, those with the latest imports first.
pub(super) async fn other_accounts(
    store: &dyn Store,
    account: &Account,
) -> PipelineResult<Vec<TradingAccount>> {
    let mut accounts = store.accounts().await?;
    accounts.retain(|of| of.account != *account);
    accounts.sort_by_key(|of| Reverse(of.last_sync_at));
    accounts.truncate(ACCOUNTS_MAX);
    Ok(accounts)
}

/// Looks the first trades of a file up under other accounts: by id, side and time. A row that names
/// its account is not looked up. Nor does a row count that this account has already. `None`: no
/// other account has more than half of the rows, or three of them.
pub(super) async fn known_elsewhere(
    store: &dyn Store,
    (trades, account): (&[LedgerTrade], &Account),
    others: &[TradingAccount],
) -> PipelineResult<Option<KnownRows>> {
    let unnamed = trades.iter().filter(|row| row.account == *account);
    let key = |row: &LedgerTrade| (row.trade.order_id.to_string(), facts_of(row));
    let wanted: BTreeMap<String, (Side, Timestamp)> = unnamed.map(key).collect();
    let accounts = others.iter().map(|of| &of.account).chain([account]);
    let ids: TradeIds = accounts
        .flat_map(|of| wanted.keys().map(|id| (of.to_string(), id.clone())))
        .collect();
    let (mut own, mut found) = (
        BTreeSet::new(),
        BTreeMap::<Account, Vec<(String, NamedTrade)>>::new(),
    );
    for ((_, id), trade) in forms_named(store, &ids).await? {
        let facts = wanted.get(&id);
        if trade.pool.account == *account {
            own.insert(id);
        } else if !trade.is_voided && facts == Some(&(trade.side, trade.order_time)) {
            let of_account = found.entry(trade.pool.account.clone());
            of_account.or_default().push((id, trade));
        }
    }
    for (other, mut rows) in found {
        rows.retain(|(id, _)| !own.contains(id));
        let (known, of) = (rows.len(), wanted.len());
        if (known > KNOWN_MAX || known * 2 > of)
            && let Some(other) = import_of(store, &other, &rows).await?
        {
            let (known, of) = (known as u64, of as u64);
            return Ok(Some(KnownRows { known, of, other }));
        }
    }
    Ok(None)
}

fn facts_of(row: &LedgerTrade) -> (Side, Timestamp) {
    (row.trade.side, row.trade.order_time)
}

/// Returns the import of the first of some trades. `None`: no file brought them.
async fn import_of(
    store: &dyn Store,
    account: &Account,
    rows: &[(String, NamedTrade)],
) -> PipelineResult<Option<ImportedAs>> {
    let Some((_, first)) = rows.first() else {
        return Ok(None);
    };
    let import = import_of_trade(store, account, &first.order_id).await?;
    Ok(import.map(|file| ImportedAs {
        import_id: file.id,
        account: account.to_string(),
        file: file.name,
        at: file.imported_at,
    }))
}

/// Returns the import that brought a trade. `None`: no file did.
pub(super) async fn import_of_trade(
    store: &dyn Store,
    account: &Account,
    order_id: &str,
) -> PipelineResult<Option<ImportedFile>> {
    let origin = store.trade_origin(account, order_id).await?;
    let Some((name, _, at)) = origin else {
        return Ok(None);
    };
    let mut files = store.imports().await?.into_iter();
    Ok(files.find(|file| file.name == name && file.imported_at == at))
}
