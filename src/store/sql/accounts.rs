//! Accounts and the log of imports, in both databases.

use async_trait::async_trait;

use super::{Argument, Driver, Rows, SqlStore, arguments, list, runs};
use crate::engine::{Account, Timestamp};
use crate::store::model::{AccountChange, SyncTry, TradingAccount};
use crate::store::rules::{account_event, change_account, count_sync};
use crate::store::{AccountStore, StoreError, StoreResult, cells};

const READ: &str = "read the accounts";
const CHANGE: &str = "change an account";
const LOG: &str = "log the import";
const PRUNE: &str = "prune the log of imports";

#[async_trait]
impl<D: SqlStore> AccountStore for D {
    async fn accounts(&self) -> StoreResult<Vec<TradingAccount>> {
        self.named(async {
            let mut reader = self.reader().await?;
            accounts(&mut *reader).await
        })
        .await
    }

    async fn change_account(&self, change: &AccountChange) -> StoreResult<bool> {
        self.named(async {
            let mut writer = self.writer().await?;
            let (at, name) = (change.changed_at, &change.account);
            let (is_new, mut account) = locked(&mut *writer, (CHANGE, name), at).await?;
            let all = accounts(&mut *writer).await?;
            let known = all.iter().find(|known| known.id == account.id);
            account.offsets = known.map(|known| known.offsets.clone()).unwrap_or_default();
            change_account(&mut account, change, &all)?;
            write_facts(&mut *writer, &account, at).await?;
            write_offsets(&mut *writer, account.id, change).await?;
            runs::log_event(&mut *writer, &account_event(change, &account)).await?;
            D::commit(writer).await?;
            Ok(is_new)
        })
        .await
    }

    async fn log_sync(&self, sync: &SyncTry) -> StoreResult<()> {
        self.named(async {
            let mut writer = self.writer().await?;
            let at = sync.completed_at;
            let (_, mut account) = locked(&mut *writer, (LOG, &sync.account), at).await?;
            count_sync(&mut account, sync);
            let sql = "UPDATE trading_accounts SET connection_status = $2, last_sync_at = $3, \
                 last_successful_sync_at = $4, last_connection_error = $5, \
                 sync_failure_count = $6, updated_at = $3 WHERE id = $1";
            let arguments = arguments![
                account.id,
                account.status.as_str(),
                at,
                account.last_successful_sync_at,
                &account.last_error,
                account.failures,
            ];
            writer.execute(LOG, sql, &arguments).await?;
            let columns = format!("account_id, {}", cells::SYNC);
            let rows = Rows::of("sync_logs", &columns, vec![row_of(sync, account.id)]);
            writer.insert(LOG, &rows).await?;
            D::commit(writer).await
        })
        .await
    }

    async fn syncs(&self, account: &Account, most: u64) -> StoreResult<Vec<SyncTry>> {
        let from = "sync_logs WHERE account_id = (SELECT id FROM trading_accounts \
             WHERE account = $1) ORDER BY started_at DESC, id DESC LIMIT $2";
        let arguments = arguments![account.as_str(), most];
        let (action, selected) = ("read the log of imports", (cells::SYNC, from));
        self.named(async {
            let mut reader = self.reader().await?;
            let mut found = list(&mut *reader, action, selected, &arguments, cells::sync).await?;
            for sync in &mut found {
                sync.account = account.clone();
            }
            Ok(found)
        })
        .await
    }

    async fn prune_syncs(&self, before: Timestamp) -> StoreResult<u64> {
        let sql = "DELETE FROM sync_logs WHERE completed_at < $1 AND import_id IS NULL \
             AND EXISTS (SELECT 1 FROM sync_logs l \
             WHERE l.account_id = sync_logs.account_id AND l.id > sync_logs.id)";
        self.named(async {
            let mut writer = self.writer().await?;
            let removed = writer.execute(PRUNE, sql, &arguments![before]).await?;
            D::commit(writer).await?;
            Ok(removed)
        })
        .await
    }
}

async fn accounts<C: Driver>(connection: &mut C) -> StoreResult<Vec<TradingAccount>> {
    let selected = (cells::ACCOUNT, "trading_accounts ORDER BY account");
    let mut all = list(connection, READ, selected, &[], cells::account).await?;
    if all.is_empty() {
        return Ok(all);
    }
    let selected = (
        cells::TIME_OFFSET,
        "account_time_offsets ORDER BY valid_from",
    );
    for (id, offset) in list(connection, READ, selected, &[], cells::time_offset).await? {
        if let Some(account) = all.iter_mut().find(|account| account.id == id) {
            account.offsets.push(offset);
        }
    }
    Ok(all)
}

/// Returns an account, which is made if it is missing, and whether it is new. Nobody else changes
/// it until the transaction ends.
async fn locked<C: Driver>(
    connection: &mut C,
    (action, name): (&'static str, &Account),
    at: Timestamp,
) -> StoreResult<(bool, TradingAccount)> {
    let sql = "INSERT INTO trading_accounts (account, created_at, updated_at) \
         VALUES ($1, $2, $2) ON CONFLICT DO NOTHING";
    let arguments = arguments![name.as_str(), at];
    let is_new = connection.execute(action, sql, &arguments).await? > 0;
    let from = format!("trading_accounts WHERE account = $1{}", C::FOR_UPDATE);
    let arguments = arguments![name.as_str()];
    let selected = (cells::ACCOUNT, from.as_str());
    let found = list(connection, action, selected, &arguments, cells::account).await?;
    let missing = || StoreError::Unreadable {
        table: "trading_accounts",
        column: "account",
        found: name.to_string(),
    };
    Ok((is_new, found.into_iter().next().ok_or_else(missing)?))
}

async fn write_facts<C: Driver>(
    connection: &mut C,
    account: &TradingAccount,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "UPDATE trading_accounts SET platform = $2, broker = $3, server = $4, login = $5, \
         class = $6, broker_server_time_offset = $7, updated_at = $8 WHERE id = $1";
    let arguments = arguments![
        account.id,
        &account.platform,
        &account.broker,
        &account.server,
        &account.login,
        account.class.map(|class| class.as_str()),
        account.offsets.last().map(|offset| offset.seconds),
        at,
    ];
    connection.execute(CHANGE, sql, &arguments).await.map(drop)
}

async fn write_offsets<C: Driver>(
    connection: &mut C,
    id: i64,
    change: &AccountChange,
) -> StoreResult<()> {
    let sql = "INSERT INTO account_time_offsets (account_id, valid_from, offset_seconds) \
         VALUES ($1, $2, $3) ON CONFLICT (account_id, valid_from) \
         DO UPDATE SET offset_seconds = excluded.offset_seconds";
    for offset in &change.offsets {
        let arguments = arguments![id, offset.valid_from, offset.seconds];
        connection.execute(CHANGE, sql, &arguments).await?;
    }
    Ok(())
}

fn row_of(sync: &SyncTry, account_id: i64) -> Vec<Argument<'_>> {
    let counts = &sync.counts;
    arguments![
        account_id,
        sync.status.as_str(),
        sync.started_at,
        sync.completed_at,
        sync.duration_ms,
        &sync.file,
        &sync.sha256,
        &sync.format,
        sync.import_id,
        counts.rows,
        counts.trades,
        counts.known,
        counts.corrected,
        counts.movements,
        counts.actions,
        counts.rejected,
        counts.conflicts,
        &sync.error,
        &sync.details,
        &sync.triggered_by,
    ]
    .into()
}
