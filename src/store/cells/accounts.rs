//! Rows of accounts and of the log of imports.

use super::{BadCell, Cells, Named, in_table};
use crate::engine::{Account, AssetClass};
use crate::store::StoreError;
use crate::store::model::{
    ConnectionStatus, SyncCounts, SyncStatus, SyncTry, TimeOffset, TradingAccount,
};

/// The columns that [`account`] reads, in order.
pub(in crate::store) const ACCOUNT: &str = "id, account, platform, broker, server, login, class, \
    connection_status, last_sync_at, last_successful_sync_at, last_connection_error, \
    sync_failure_count";

/// Reads a row of `trading_accounts`, without the clock of its server.
pub(in crate::store) fn account(cells: &dyn Cells) -> Result<TradingAccount, StoreError> {
    let named = Named::new(cells, ACCOUNT);
    let read = || {
        let name = named.text(1)?;
        let status = named.text(7)?;
        Ok(TradingAccount {
            id: named.integer(0)?,
            account: name.parse().unwrap_or_else(|_| Account::unreadable(&name)),
            platform: named.optional(2)?,
            broker: named.optional(3)?,
            server: named.optional(4)?,
            login: named.optional(5)?,
            class: named.parse_optional::<AssetClass>(6)?,
            status: ConnectionStatus::from_text(&status).unwrap_or_default(),
            last_sync_at: named.optional_time(8)?,
            last_successful_sync_at: named.optional_time(9)?,
            last_error: named.optional(10)?,
            failures: named.count(11)?,
            offsets: Vec::new(),
        })
    };
    read().map_err(in_table("trading_accounts"))
}

/// The columns that [`time_offset`] reads, in order.
pub(in crate::store) const TIME_OFFSET: &str = "account_id, valid_from, offset_seconds";

/// Reads a row of `account_time_offsets`, with the number of its account.
pub(in crate::store) fn time_offset(cells: &dyn Cells) -> Result<(i64, TimeOffset), StoreError> {
    let named = Named::new(cells, TIME_OFFSET);
    let read = || {
        let offset = TimeOffset {
            valid_from: named.time(1)?,
            seconds: named.integer(2)?,
        };
        Ok((named.integer(0)?, offset))
    };
    read().map_err(in_table("account_time_offsets"))
}

/// The columns that [`sync`] reads, in order.
pub(in crate::store) const SYNC: &str = "status, started_at, completed_at, duration_ms, file, \
    sha256, format, import_id, rows_read, trades_synced, trades_known, trades_corrected, \
    movements_synced, actions_synced, rows_rejected, conflicts, error_message, error_details, \
    triggered_by";

/// Reads a row of `sync_logs`. It has no name of its account. A row of another program may have
/// less.
pub(in crate::store) fn sync(cells: &dyn Cells) -> Result<SyncTry, StoreError> {
    let named = Named::new(cells, SYNC);
    let read = || -> Result<SyncTry, BadCell> {
        let status = named.text(0)?;
        let started_at = named.time(1)?;
        let details = named.text(17)?;
        Ok(SyncTry {
            account: Account::default(),
            status: SyncStatus::from_text(&status).ok_or(("status", status))?,
            started_at,
            completed_at: named.optional_time(2)?.unwrap_or(started_at),
            duration_ms: named.optional_integer(3)?.unwrap_or_default(),
            file: named.optional(4)?.unwrap_or_default(),
            sha256: named.optional(5)?,
            format: named.optional(6)?,
            import_id: named.optional_integer(7)?,
            counts: SyncCounts {
                rows: named.count(8)?,
                trades: named.count(9)?,
                known: named.count(10)?,
                corrected: named.count(11)?,
                movements: named.count(12)?,
                actions: named.count(13)?,
                rejected: named.count(14)?,
                conflicts: named.count(15)?,
            },
            error: named.optional(16)?,
            details: serde_json::from_str(&details).map_err(|_| ("error_details", details))?,
            triggered_by: named.optional(18)?.unwrap_or_default(),
        })
    };
    read().map_err(in_table("sync_logs"))
}
