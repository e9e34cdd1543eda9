//! Snapshots of what an earlier system answered.

use fifo_pnl::store::StoreError;
use fifo_pnl::store::model::HistoricalSell;

use crate::subject::{Subject, at};

const NAME: &str = "historical_pnl_snapshot_20251120";

fn sell(order_id: &str) -> HistoricalSell {
    HistoricalSell {
        order_id: order_id.into(),
        parent_id: Some("b'1".into()),
        parent_ids: vec!["b'1".into(), "b \"2\"".into()],
        pnl_usd: Some("-0.00000001".into()),
        cost_basis: Some("12345678901234567890.123456789".into()),
        note: Some("ünsure".into()),
        ..HistoricalSell::default()
    }
}

pub async fn a_snapshot_reads_back_as_it_was_written(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(store.snapshots().await.unwrap(), Vec::<String>::new());
    let bare = HistoricalSell {
        order_id: "a".into(),
        ..HistoricalSell::default()
    };
    let sells = [sell("s-1"), bare.clone()];
    store.add_snapshot(NAME, &sells, at(1)).await.unwrap();
    assert_eq!(store.snapshots().await.unwrap(), [NAME]);
    assert_eq!(store.snapshot(NAME).await.unwrap(), [bare, sell("s-1")]);
}

pub async fn a_snapshot_is_never_changed(subject: &dyn Subject) {
    let store = subject.store();
    let write = async |name: &str| store.add_snapshot(name, &[sell("s")], at(1)).await;
    write(NAME).await.unwrap();
    for (name, words) in [
        (
            NAME,
            "snapshot \"historical_pnl_snapshot_20251120\" is there",
        ),
        ("historical_pnl_snapshot_2025", "is no snapshot's name"),
        ("historical_pnl_snapshot_2025112x", "is no snapshot's name"),
        ("trade_records", "is no snapshot's name"),
    ] {
        let refused = write(name).await.unwrap_err();
        assert!(matches!(refused, StoreError::Snapshot(_)), "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    for name in [
        "trade_records; DROP TABLE x",
        "historical_pnl_snapshot_20250101",
    ] {
        let unknown = store.snapshot(name).await.unwrap_err();
        assert!(
            unknown.to_string().contains("there is no snapshot"),
            "{unknown}"
        );
    }
    assert_eq!(store.snapshots().await.unwrap(), [NAME]);
}
