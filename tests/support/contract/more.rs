//! The more facts of trades: they come back, are compared by their meaning, and reach the engine.

use std::sync::Arc;

use fifo_pnl::engine::{LedgerTrade, MORE_COLUMNS, MoreFacts, MoreText, Pool, RowsHash};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::Scope;

use super::batches::InBatches;
use crate::subject::{Subject, append, batch, correction, of, pool, trade, with_status};

/// Gives a trade facts, and no fee.
pub(super) fn with(cells: &[(&str, &str)], mut row: LedgerTrade) -> LedgerTrade {
    let mut text = MoreText::default();
    for (column, cell) in cells {
        let place = MORE_COLUMNS.iter().position(|name| name == column);
        text.0[place.unwrap()] = Some(cell);
    }
    let (more, fee) = MoreFacts::try_of(&text, false).unwrap();
    row.trade.more = more.map(Arc::new);
    row.trade.fee = fee;
    row
}

fn bought(id: &str) -> LedgerTrade {
    trade(id, "buy", "2", "100", 1)
}

const ALL: [(&str, &str); 9] = [
    ("base_asset", "ETH"),
    ("quote_currency", "EUR"),
    ("asset_class", "crypto"),
    ("quote_value", "200.0000000000000000000000001"),
    ("usd_value", "1234567890123456789012345678"),
    ("fee_amount", "-0.0000000000000000000000000001"),
    ("fee_currency", "BNB"),
    ("fee_usd_value", "-0.6"),
    ("contract_size", "100"),
];

/// Returns the trades of a pool with their facts, by id.
async fn held(store: &dyn Store, pool: &Pool) -> Vec<(String, Option<MoreFacts>)> {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let ledger = read.pools.get(pool);
    assert!(ledger.is_none_or(|ledger| ledger.invalid.is_empty()));
    let entered = ledger.map(|ledger| ledger.trades.to_vec().unwrap());
    // A trade whose value needs more than a product waits for the rates.
    let waiting = read.pending.iter().filter(|one| one.of.pool() == *pool);
    let waiting = waiting.map(|one| one.trade);
    let trades = entered.into_iter().flatten().chain(waiting);
    let facts = |more: Option<Arc<MoreFacts>>| more.map(Arc::unwrap_or_clone);
    let mut held: Vec<_> = trades
        .map(|trade| (trade.order_id.to_string(), facts(trade.more)))
        .collect();
    held.sort_by(|left, right| left.0.cmp(&right.0));
    held
}

async fn hash(store: &dyn Store, pool: &Pool) -> RowsHash {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    read.pools[pool].ledger_hash
}

pub async fn more_facts_come_back_with_every_digit(subject: &dyn Subject) {
    let store = subject.store();
    let since = store.read_ledger(&Scope::default(), None).await.unwrap();
    let rows = vec![
        bought("A-1"),
        with(&ALL, bought("A-2")),
        with(&[("quote_currency", "EUR")], bought("A-3")),
        bought("A-4"),
    ];
    // Plain and other rows come in batches of their own, or mixed.
    let file = batch(rows.clone());
    for size in [1, 2, 9] {
        let renamed = |row: &LedgerTrade| {
            let mut row = of("default", &format!("X{size}-USD"), row.clone());
            row.trade.order_id = format!("{size}-{}", row.trade.order_id).parse().unwrap();
            row
        };
        let rows: Vec<LedgerTrade> = rows.iter().map(renamed).collect();
        let mut source = InBatches::new(&batch(rows.clone()), size);
        let receipt = store.import_file(&file.file, &mut source).await.unwrap();
        assert_eq!(receipt.appended, 4);
        let pool = pool(&format!("X{size}-USD"));
        let facts = |row: &LedgerTrade| row.trade.more.as_deref().cloned();
        let expected: Vec<_> = rows
            .iter()
            .map(|row| (row.trade.order_id.to_string(), facts(row)))
            .collect();
        assert_eq!(held(store, &pool).await, expected);
        let receipt = store.import(&batch(rows)).await.unwrap();
        assert_eq!((receipt.known, receipt.conflicts.len()), (4, 0));
        // What is new since a version has the facts, too.
        let new = store.arrivals(&Scope::default(), &since.watermark).await;
        let new = &new.unwrap().pools[&pool];
        assert_eq!(new.ledger_hash, hash(store, &pool).await);
    }
}

pub async fn facts_are_compared_by_what_they_mean(subject: &dyn Subject) {
    let store = subject.store();
    let mut plain = bought("A-1");
    plain.trade.fee = Some("1.5".parse().unwrap());
    append(store, vec![plain]).await;
    let alone = hash(store, &pool("BTC-USD")).await;
    let said = [
        ("base_asset", "btc"),
        ("quote_currency", "USD"),
        ("fee_amount", "1.50"),
        ("fee_currency", "usd"),
        ("contract_size", "1"),
    ];
    let same = with(&said, bought("A-1"));
    let receipt = store.import(&batch(vec![same.clone()])).await.unwrap();
    assert_eq!((receipt.known, receipt.conflicts.len()), (1, 0));
    // A row that says them is the same fact for the hash of the ledger, too.
    append(store, vec![of("two", "BTC-USD", same)]).await;
    let two = Pool::new("two".parse().unwrap(), "BTC-USD".parse().unwrap());
    let mut one = of("two", "BTC-USD", bought("A-1"));
    one.trade.fee = Some("1.5".parse().unwrap());
    let mut expected = fifo_pnl::engine::PoolLedger::new(two.clone());
    let row = fifo_pnl::engine::TradeRef::try_of(&one.trade).unwrap();
    expected.push(&row).unwrap();
    assert_eq!(hash(store, &two).await, expected.ledger_hash);
    assert_eq!(held(store, &two).await, [("A-1".to_owned(), None)]);
    // Another value is a conflict by its column, and can be corrected.
    let mut other = with(&[("quote_value", "200.01")], bought("A-1"));
    other.trade.fee = Some("1.5".parse().unwrap());
    let receipt = store.import(&batch(vec![other.clone()])).await.unwrap();
    let conflict = &receipt.conflicts[0];
    assert_eq!(
        (conflict.column, &*conflict.in_file, &*conflict.in_ledger),
        ("quote_value", "200.01", "NULL")
    );
    let receipt = store
        .import(&correction(vec![other.clone()]))
        .await
        .unwrap();
    assert_eq!(receipt.corrected, 1);
    let held = held(store, &pool("BTC-USD")).await;
    assert_eq!(
        held,
        [("A-1~2".to_owned(), other.trade.more.as_deref().cloned())]
    );
    let read = fifo_pnl::store::values::read(store, &Scope::default(), None).await;
    let corrected = read.unwrap().pools[&pool("BTC-USD")].ledger_hash;
    assert_ne!(corrected, alone);
    let receipt = store.import(&batch(vec![other])).await.unwrap();
    assert_eq!(receipt.known, 1);
    // An order that never executed is in no pool, with or without facts.
    let open = with_status("open", with(&ALL, bought("A-9")));
    append(store, vec![open]).await;
    assert_eq!(super::more::held(store, &pool("BTC-USD")).await.len(), 1);
}
