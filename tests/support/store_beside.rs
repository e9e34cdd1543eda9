//! Accounts, tries of imports, movements and splits, to test stores with.

use fifo_pnl::engine::{
    Account, ActionKind, ActionRatio, AssetAction, AssetClass, Direction, Movement, MovementKind,
};
use fifo_pnl::store::model::{AccountChange, SyncCounts, SyncStatus, SyncTry, TimeOffset};
use serde_json::json;

use super::at;

/// Makes a statement of every fact of an account, at the instant of [`at`].
pub fn account_change() -> AccountChange {
    AccountChange {
        account: "mt".parse().unwrap(),
        platform: Some("mt5".into()),
        broker: Some("Broker".into()),
        server: Some("Live-3".into()),
        login: Some("4711".into()),
        class: Some(AssetClass::Fx),
        offsets: vec![TimeOffset {
            valid_from: at(0),
            seconds: 7_200,
        }],
        changed_by: "ann".into(),
        changed_at: at(1),
    }
}

/// Makes a try of an import with every fact, of the account of [`account_change`].
pub fn sync() -> SyncTry {
    SyncTry {
        account: "mt".parse().unwrap(),
        status: SyncStatus::Partial,
        started_at: at(2),
        completed_at: at(3),
        duration_ms: 1_000,
        file: "deals.csv".into(),
        sha256: Some("ab".repeat(32)),
        format: Some("mt5-deals".into()),
        import_id: None,
        counts: SyncCounts {
            rows: 9,
            trades: 2,
            known: 1,
            corrected: 1,
            movements: 1,
            actions: 1,
            rejected: 3,
            conflicts: 1,
        },
        error: Some("deals.csv:3: size is empty".into()),
        details: json!({ "rejected": [{ "rows": 3 }] }),
        triggered_by: "ann".into(),
    }
}

/// Makes a deposit with every fact, some seconds after the instant of [`at`].
pub fn movement(id: &str, seconds: i64) -> Movement {
    Movement {
        account: Account::default(),
        movement_id: id.parse().unwrap(),
        asset: "BTC".parse().unwrap(),
        direction: Direction::In,
        size: "1.25".parse().unwrap(),
        fee: Some(("0.0005".parse().unwrap(), "ETH".parse().unwrap())),
        usd_value: Some("120000.5".parse().unwrap()),
        kind: MovementKind::Deposit,
        moved_at: at(seconds),
        settled_at: Some(at(seconds + 60)),
        tx_id: Some("aa11".into()),
        exchange: Some("venue".into()),
        import_line: seconds as u64 + 1,
    }
}

/// Makes a split of some asset in the default account, some seconds after the instant of [`at`].
pub fn split(id: &str, asset: &str, seconds: i64) -> AssetAction {
    AssetAction {
        account: Some(Account::default()),
        action_id: id.parse().unwrap(),
        kind: ActionKind::Split,
        asset: asset.parse().unwrap(),
        happened_at: at(seconds),
        ratio: ActionRatio::try_read("4", "1"),
        units: None,
        other_asset: None,
        basis_share: None,
        exchange: Some("venue".into()),
        import_line: 2,
        voids: None,
        note: None,
        moved_at: None,
    }
}
