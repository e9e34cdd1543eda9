//! Decides how a statement of a person, or a try of an import, changes an account.

use serde_json::json;

use crate::store::model::{
    AccountChange, ConnectionStatus, Event, EventKind, SyncStatus, SyncTry, TradingAccount,
};
use crate::store::{StoreError, StoreResult};

/// Changes an account as a person states it. `others` are all stored accounts.
///
/// Errors: another account has its login on that server.
pub(in crate::store) fn change_account(
    account: &mut TradingAccount,
    change: &AccountChange,
    others: &[TradingAccount],
) -> StoreResult<()> {
    let texts = [
        (&mut account.platform, &change.platform),
        (&mut account.broker, &change.broker),
        (&mut account.server, &change.server),
        (&mut account.login, &change.login),
    ];
    for (fact, stated) in texts {
        if stated.is_some() {
            fact.clone_from(stated);
        }
    }
    account.class = change.class.or(account.class);
    for offset in &change.offsets {
        account
            .offsets
            .retain(|it| it.valid_from != offset.valid_from);
        account.offsets.push(*offset);
    }
    account.offsets.sort_by_key(|offset| offset.valid_from);
    let key = |of: &TradingAccount| {
        let login = of.platform.clone().zip(of.server.clone());
        login.zip(of.login.clone())
    };
    let wanted = key(account);
    let mut others = others.iter();
    let same = |other: &&TradingAccount| {
        wanted.is_some() && other.account != account.account && key(other) == wanted
    };
    match others.find(same) {
        Some(other) => Err(StoreError::LoginTaken {
            account: account.account.to_string(),
            other: other.account.to_string(),
        }),
        None => Ok(()),
    }
}

/// Returns the event of a person's statement about an account.
pub(in crate::store) fn account_event(change: &AccountChange, account: &TradingAccount) -> Event {
    let offsets = account.offsets.iter();
    let offsets =
        offsets.map(|it| json!({ "valid_from": it.valid_from.to_string(), "seconds": it.seconds }));
    let details = json!({
        "account": account.account.as_str(), "platform": account.platform,
        "broker": account.broker, "server": account.server, "login": account.login,
        "class": account.class.map(|class| class.as_str()),
        "time_offsets": offsets.collect::<Vec<_>>(), "by": change.changed_by,
    });
    Event::info(EventKind::Account, change.changed_at, details)
}

/// Counts a try of an import in its account. Only a try that brought all rows ends the count of
/// failures.
pub(in crate::store) fn count_sync(account: &mut TradingAccount, sync: &SyncTry) {
    account.last_sync_at = Some(sync.completed_at);
    account.last_error.clone_from(&sync.error);
    account.status = match sync.status {
        SyncStatus::Success => {
            account.last_successful_sync_at = Some(sync.completed_at);
            account.failures = 0;
            ConnectionStatus::Active
        }
        SyncStatus::Partial => ConnectionStatus::Active,
        SyncStatus::Failed => {
            account.failures += 1;
            ConnectionStatus::Error
        }
    };
}
