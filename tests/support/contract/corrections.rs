//! An execution counts in one form only: as the original or as a correction.

use fifo_pnl::engine::LedgerTrade;
use fifo_pnl::store::Store;
use fifo_pnl::store::model::Scope;

use crate::subject::{Subject, append, batch, changed, correction, of, pool, refusal, trade, void};

fn bought(id: &str, price: &str) -> LedgerTrade {
    trade(id, "buy", "1", price, 1)
}

/// Returns the ids and prices of the trades that count, sorted.
async fn counting(store: &dyn Store) -> Vec<String> {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let mut counting = Vec::new();
    for ledger in read.pools.values() {
        let trades = ledger.trades.to_vec().unwrap();
        counting.extend(
            trades
                .iter()
                .map(|it| format!("{} {}", it.order_id, it.price)),
        );
    }
    counting.sort();
    counting
}

async fn correct(store: &dyn Store, id: &str, price: &str) {
    let receipt = store.import(&correction(vec![bought(id, price)])).await;
    assert_eq!(receipt.unwrap().corrected, 1, "{id} {price}");
}

pub async fn a_corrected_trade_does_not_come_back_beside_its_correction(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    correct(store, "X", "101").await;
    let words = refusal(store.void(&void("X", true)).await);
    assert_eq!(
        words,
        "trade \"X\" of account \"default\" was replaced by its correction \"X~2\", which counts: \
         void \"X~2\" first, then undo this void"
    );
    assert_eq!(counting(store).await, ["X~2 101"]);
    correct(store, "X", "102").await;
    assert!(refusal(store.void(&void("X", true)).await).contains("\"X~3\""));
    assert!(refusal(store.void(&void("X~2", true)).await).contains("\"X~3\""));
    // The advice leads there, and the way back is shut in turn.
    store.void(&void("X~3", false)).await.unwrap();
    store.void(&void("X", true)).await.unwrap();
    assert_eq!(counting(store).await, ["X 100"]);
    let words = refusal(store.void(&void("X~3", true)).await);
    assert!(
        words.contains("is a correction of \"X\", which counts"),
        "{words}"
    );
    // The same id in another account is another trade.
    let other = of("two", "BTC-USD", bought("X~2", "7"));
    append(store, vec![other]).await;
    assert_eq!(counting(store).await, ["X 100", "X~2 7"]);
}

pub async fn a_correction_voids_whatever_form_counts(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    correct(store, "X", "101").await;
    store.void(&void("X~2", false)).await.unwrap();
    store.void(&void("X", true)).await.unwrap();
    // "X" counts, and the file has the facts of "X~2": that is one more correction.
    correct(store, "X", "101").await;
    assert_eq!(counting(store).await, ["X~3 101"]);
    // Of another symbol, it is another pool's.
    let other = of("default", "ETH-USD", bought("X", "101"));
    let receipt = store.import(&correction(vec![other])).await.unwrap();
    assert_eq!(receipt.corrected, 1);
    assert_eq!(counting(store).await, ["X~4 101"]);
    assert!(refusal(store.void(&void("X", true)).await).contains("\"X~4\""));
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!(read.pools[&pool("ETH-USD")].trades.len(), 1);
}

pub async fn a_row_named_like_a_correction_is_refused_beside_its_original(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    for file in [batch as fn(_) -> _, correction] {
        let words = refusal(store.import(&file(vec![bought("X~2", "101")])).await);
        assert!(words.contains("would count beside \"X\""), "{words}");
    }
    // A preview reports the same.
    let preview = changed(batch(vec![bought("X~2", "101")]), |file| {
        file.preview = true
    });
    assert!(refusal(store.import(&preview).await).contains("beside \"X\""));
    // One file with both, in either order, and one that replaces the original meanwhile.
    for rows in [["Y", "Y~2"], ["Y~2", "Y"]] {
        let rows = rows.map(|id| bought(id, "1")).into();
        assert!(refusal(store.import(&batch(rows)).await).contains("beside"));
    }
    let both = correction(vec![bought("X~2", "50"), bought("X", "101")]);
    assert!(refusal(store.import(&both).await).contains("beside"));
    assert_eq!(counting(store).await, ["X 100"]);

    // Nothing has the id that stands between, or stands between those two.
    for deep in ["X~2~2", "X~4~3~2"] {
        let file = batch(vec![bought(deep, "101")]);
        let words = refusal(store.import(&file).await);
        assert!(words.contains("would count beside \"X\""), "{words}");
        let preview = changed(file, |file| file.preview = true);
        assert!(refusal(store.import(&preview).await).contains("beside \"X\""));
    }
    append(store, vec![bought("V", "100")]).await;
    store.void(&void("V", false)).await.unwrap();
    let words = refusal(store.import(&batch(vec![bought("V~2~2", "101")])).await);
    assert!(
        words.ends_with("give the file's row the id \"V\""),
        "{words}"
    );
    append(store, vec![bought("own~2~2", "1")]).await;
    store.void(&void("own~2~2", false)).await.unwrap();
    assert_eq!(counting(store).await, ["X 100"]);

    correct(store, "X", "101").await;
    let words = refusal(store.import(&correction(vec![bought("X~2", "102")])).await);
    assert!(words.contains("would correct a correction"), "{words}");
    assert_eq!(counting(store).await, ["X~2 101"]);
    // What is known already is no new row.
    let again = batch(vec![bought("X", "100"), bought("X~2", "101")]);
    assert_eq!(store.import(&again).await.unwrap().known, 2);
}
