//! Accounts at venues and brokers, and the log of imports into them.

use async_trait::async_trait;

use crate::engine::{Account, Timestamp};
use crate::store::StoreResult;
use crate::store::model::{AccountChange, SyncTry, TradingAccount};

/// Keeps accounts, and a row for each try of an import.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Returns the accounts that are stored. Order: by name.
    async fn accounts(&self) -> StoreResult<Vec<TradingAccount>>;

    /// Stores what a person states about an account. Returns whether the account is new.
    ///
    /// Errors: another account has its login on that server.
    async fn change_account(&self, change: &AccountChange) -> StoreResult<bool>;

    /// Logs a try of an import, and counts it in its account, which is made if it is missing.
    async fn log_sync(&self, sync: &SyncTry) -> StoreResult<()>;

    /// Returns the last tries of an account, newest first, at most `most` of them.
    async fn syncs(&self, account: &Account, most: u64) -> StoreResult<Vec<SyncTry>>;

    /// Removes tries that ended before an instant. A try that made an import stays, and so does the
    /// last one of each account. Returns how many are removed.
    async fn prune_syncs(&self, before: Timestamp) -> StoreResult<u64>;
}
