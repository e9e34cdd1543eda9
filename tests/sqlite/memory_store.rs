//! Limits of the store in memory alone.

use fifo_pnl::store::memory::{MemoryStore, RawTrade};
use fifo_pnl::store::model::{Scope, VersionStatus};
use fifo_pnl::store::{LedgerStore, ReviewStore};

use crate::subject::{self, Run};

/// The one thing that only memory can hold: rows that a database refuses.
#[tokio::test]
async fn memory_holds_rows_that_are_no_trades() {
    let store = MemoryStore::new();
    let good = RawTrade::new("B-1", "BTC-USD", "buy", "1.50", "100");
    store.push_raw(good.clone()).unwrap();
    let of = |id: &str| RawTrade::new(id, "ETH-USD", "buy", "1", "1");
    let bad = [
        RawTrade {
            size: "NaN".into(),
            ..of("E-1")
        },
        RawTrade {
            size: "0".into(),
            ..of("E-2")
        },
        RawTrade {
            side: "BUY".into(),
            ..of("E-3")
        },
        RawTrade {
            price: "-1".into(),
            ..of("E-4")
        },
        RawTrade {
            order_time: None,
            ..of("E-5")
        },
        RawTrade {
            total_fees_usd: Some("free".into()),
            ..of("E-6")
        },
        of(" E-7"),
    ];
    let count = bad.len();
    for row in bad {
        store.push_raw(row).unwrap();
    }
    assert!(store.push_raw(good).is_err(), "an id is there once");
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!(read.watermark.sequence().unwrap().0, 1 + count as i64);
    let (btc, eth) = (subject::pool("BTC-USD"), subject::pool("ETH-USD"));
    assert_eq!(read.pools[&btc].trades.len(), 1);
    assert_eq!(read.pools[&btc].invalid, []);
    assert_eq!(read.pools[&eth].invalid.len(), count);
    let written = Run::default().go(&store).await.unwrap();
    assert_eq!(written.completion.status, VersionStatus::Partial);
    let queue = store.review_queue().await.unwrap();
    assert_eq!(queue.len(), count);
    assert!(queue.iter().all(|item| item.pool == eth));
}
