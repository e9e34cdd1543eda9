//! Accounts and the log of imports, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, MemoryTables};
use crate::engine::{Account, Timestamp};
use crate::store::model::{AccountChange, SyncTry, TradingAccount};
use crate::store::rules::{account_event, change_account, count_sync};
use crate::store::{AccountStore, StoreResult};

#[async_trait]
impl AccountStore for MemoryStore {
    async fn accounts(&self) -> StoreResult<Vec<TradingAccount>> {
        let mut accounts = self.read().accounts.clone();
        accounts.sort_by(|left, right| left.account.cmp(&right.account));
        Ok(accounts)
    }

    async fn change_account(&self, change: &AccountChange) -> StoreResult<bool> {
        self.write(|state| {
            let (is_new, mut account) = account_of(state, &change.account);
            change_account(&mut account, change, &state.accounts)?;
            state.events.push(account_event(change, &account));
            put(state, account);
            Ok(is_new)
        })
        .await
    }

    async fn log_sync(&self, sync: &SyncTry) -> StoreResult<()> {
        self.write(|state| {
            let (_, mut account) = account_of(state, &sync.account);
            count_sync(&mut account, sync);
            put(state, account);
            state.syncs.push(sync.clone());
            Ok(())
        })
        .await
    }

    async fn syncs(&self, account: &Account, most: u64) -> StoreResult<Vec<SyncTry>> {
        let state = self.read();
        let newest = state.syncs.iter().rev();
        let newest = newest.filter(|sync| sync.account == *account);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(newest.take(most).cloned().collect())
    }

    async fn prune_syncs(&self, before: Timestamp) -> StoreResult<u64> {
        self.write(|state| {
            let last: BTreeMap<Account, usize> = (0..)
                .zip(&state.syncs)
                .map(|(place, sync)| (sync.account.clone(), place))
                .collect();
            let (mut place, all) = (0, state.syncs.len());
            state.syncs.retain(|sync| {
                let is_last = last.get(&sync.account) == Some(&place);
                place += 1;
                is_last || sync.import_id.is_some() || sync.completed_at >= before
            });
            Ok((all - state.syncs.len()) as u64)
        })
        .await
    }
}

/// Returns an account, and whether it is new.
fn account_of(state: &MemoryTables, name: &Account) -> (bool, TradingAccount) {
    let mut known = state.accounts.iter();
    match known.find(|known| known.account == *name) {
        Some(known) => (false, known.clone()),
        None => {
            let account = TradingAccount {
                id: state.accounts.len() as i64 + 1,
                account: name.clone(),
                ..TradingAccount::default()
            };
            (true, account)
        }
    }
}

fn put(state: &mut MemoryTables, account: TradingAccount) {
    state.accounts.retain(|known| known.id != account.id);
    state.accounts.push(account);
}
