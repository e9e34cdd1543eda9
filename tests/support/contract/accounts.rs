//! Accounts, and the log of imports into them.

use fifo_pnl::engine::{Account, AssetClass};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{
    AccountChange, ConnectionStatus, SyncStatus, SyncTry, TimeOffset, TradingAccount,
};

use crate::subject::{Subject, account_change, at, sync};

fn named(name: &str) -> AccountChange {
    AccountChange {
        account: name.parse().unwrap(),
        ..account_change()
    }
}

async fn account(store: &dyn Store, name: &str) -> TradingAccount {
    let all = store.accounts().await.unwrap();
    let mut all = all.into_iter();
    all.find(|of| of.account.as_str() == name).unwrap()
}

pub async fn an_account_keeps_what_is_stated(subject: &dyn Subject) {
    let store = subject.store();
    assert!(store.accounts().await.unwrap().is_empty());
    assert!(store.change_account(&account_change()).await.unwrap());
    // What is not named stays; an offset of the same instant is replaced.
    let offset = |seconds, valid_from| TimeOffset {
        valid_from: at(valid_from),
        seconds,
    };
    let change = AccountChange {
        platform: None,
        broker: Some("Other".into()),
        server: None,
        login: None,
        class: None,
        offsets: vec![offset(-3_600, 0), offset(10_800, 500)],
        ..account_change()
    };
    assert!(!store.change_account(&change).await.unwrap());
    let found = account(store, "mt").await;
    assert_eq!(
        (found.platform.as_deref(), found.broker.as_deref()),
        (Some("mt5"), Some("Other"))
    );
    assert_eq!(found.login.as_deref(), Some("4711"));
    assert_eq!(found.class, Some(AssetClass::Fx));
    let offsets = [offset(-3_600, 0), offset(10_800, 500)];
    assert_eq!(found.offsets, offsets);
    assert_eq!(found.status, ConnectionStatus::Pending);
    // One login on one server is one account.
    let twin = AccountChange {
        account: "twin".parse().unwrap(),
        ..account_change()
    };
    let error = store.change_account(&twin).await.unwrap_err();
    let expected = "account \"mt\" has this login, server and platform already";
    assert_eq!(error.to_string(), expected);
    let names = store.accounts().await.unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    // Accounts without a login are any number.
    for name in ["b", "a"] {
        let bare = AccountChange {
            login: None,
            ..named(name)
        };
        store.change_account(&bare).await.unwrap();
    }
    let names = store.accounts().await.unwrap();
    let names: Vec<&str> = names.iter().map(|of| of.account.as_str()).collect();
    assert_eq!(names, ["a", "b", "mt"]);
    let events = subject.events().await.join("\n");
    assert!(events.contains("4711"), "{events}");
}

pub async fn each_try_is_logged_and_counted(subject: &dyn Subject) {
    let store = subject.store();
    let name: Account = "mt".parse().unwrap();
    let tried = |status, seconds: i64, error: Option<&str>| SyncTry {
        status,
        started_at: at(seconds),
        completed_at: at(seconds + 1),
        error: error.map(str::to_owned),
        ..sync()
    };
    let long = "x".repeat(10_000);
    for (nth, seconds) in [10, 20, 30].into_iter().enumerate() {
        let failed = tried(SyncStatus::Failed, seconds, Some(&long));
        store.log_sync(&failed).await.unwrap();
        let found = account(store, "mt").await;
        assert_eq!(found.failures, nth as u64 + 1);
        assert_eq!(found.last_error.as_deref(), Some(long.as_str()));
        assert_eq!(found.status, ConnectionStatus::Error);
        assert_eq!(found.last_sync_at, Some(at(seconds + 1)));
        assert_eq!(found.last_successful_sync_at, None);
    }
    let partial = tried(SyncStatus::Partial, 40, Some("a row"));
    store.log_sync(&partial).await.unwrap();
    let found = account(store, "mt").await;
    assert_eq!(
        (found.failures, found.status),
        (3, ConnectionStatus::Active)
    );
    assert_eq!(found.last_error.as_deref(), Some("a row"));
    let whole = tried(SyncStatus::Success, 50, None);
    store.log_sync(&whole).await.unwrap();
    let found = account(store, "mt").await;
    assert_eq!((found.failures, found.last_error), (0, None));
    assert_eq!(found.last_successful_sync_at, Some(at(51)));
    // Another account counts for itself.
    let other = SyncTry {
        account: "other".parse().unwrap(),
        ..tried(SyncStatus::Failed, 60, Some("no"))
    };
    store.log_sync(&other).await.unwrap();
    assert_eq!(account(store, "mt").await.failures, 0);
    let found = store.syncs(&name, 3).await.unwrap();
    let third = tried(SyncStatus::Failed, 30, Some(&long));
    assert_eq!(found, [whole, partial, third]);
    assert_eq!(store.syncs(&other.account, 9).await.unwrap(), [other]);
    let nobody: Account = "nobody".parse().unwrap();
    assert!(store.syncs(&nobody, 9).await.unwrap().is_empty());
}

pub async fn old_tries_are_removed(subject: &dyn Subject) {
    let store = subject.store();
    let tried = |account: &str, seconds: i64| SyncTry {
        account: account.parse().unwrap(),
        status: SyncStatus::Failed,
        started_at: at(seconds),
        completed_at: at(seconds + 1),
        import_id: None,
        ..sync()
    };
    for (account, seconds) in [("mt", 10), ("mt", 20), ("mt", 30), ("other", 5)] {
        store.log_sync(&tried(account, seconds)).await.unwrap();
    }
    // The last try of each account stays, how old it may be.
    assert_eq!(store.prune_syncs(at(21)).await.unwrap(), 1);
    let left = async |account: &str| {
        let found = store.syncs(&account.parse().unwrap(), 9).await.unwrap();
        let started: Vec<_> = found.iter().map(|sync| sync.started_at).collect();
        started
    };
    assert_eq!(left("mt").await, [at(30), at(20)]);
    assert_eq!(left("other").await, [at(5)]);
    assert_eq!(store.prune_syncs(at(90)).await.unwrap(), 1);
    assert_eq!(
        (left("mt").await, left("other").await),
        (vec![at(30)], vec![at(5)])
    );
}
