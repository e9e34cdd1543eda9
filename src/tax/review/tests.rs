//! Lots of decisions: their pool, what they change, and the hash of their import.

use super::*;
use crate::engine::{AssetClass, ClassSource, IssueType, PoolClass, PoolLedger, Severity};
use crate::store::model::ReviewStatus;

fn item(asset: &str, symbol: &str) -> QueuedItem {
    QueuedItem {
        id: 7,
        pool: Pool::new("main".parse().unwrap(), asset.parse().unwrap()),
        symbol: symbol.to_owned(),
        leg: Leg::Base,
        order_id: "S-1".to_owned(),
        issue: IssueType::UnmatchedSell,
        severity: Severity::High,
        status: ReviewStatus::Pending,
        description: String::new(),
        resolution: None,
        created_at: Timestamp::try_from_micros(0).unwrap(),
        updated_at: Timestamp::try_from_micros(0).unwrap(),
        resolved_at: None,
        resolved_by: None,
        version: 1,
        details: String::new(),
    }
}

#[test]
fn a_decided_lot_enters_the_pool_of_its_item_in_dollars() {
    use AssetClass::{Crypto, Future, Security};
    let rules = AssetRules::default();
    let cases = [
        ("BTC", "BTC-USD", Crypto, "BTC-USD", false),
        ("BTC", "BTC-USDC", Crypto, "BTC-USDC", false),
        ("BTC", "BTC-EUR", Crypto, "BTC-USD", false),
        ("ETH", "ETH-BTC", Crypto, "ETH-USD", false),
        // The leg that pays: the symbol is of another pool.
        ("BTC", "ETH-BTC", Crypto, "BTC-USD", false),
        ("BTC", "BTC", Crypto, "BTC", false),
        ("AAPL", "AAPL", Security, "AAPL", false),
        ("ZZZZ", "ZZZZ-EUR", Security, "ZZZZ", false),
        // As a pair it would be a coin, and alone a share.
        ("ZZZZ", "ZZZZ-EUR", Future, "ZZZZ", true),
    ];
    for (asset, symbol, class, expected, is_stated) in cases {
        let item = item(asset, symbol);
        let mut pool = PoolLedger::new(item.pool.clone());
        pool.class = Some(PoolClass::of(class, ClassSource::Code));
        let mut ledger = LedgerRead::default();
        ledger.pools.insert(item.pool.clone(), pool);
        let (found, stated) = names_of_basis(&item, &ledger, &rules);
        assert_eq!((found.as_str(), stated.is_some()), (expected, is_stated));
        let mut named = StatedNames::default();
        if let Some(stated) = stated {
            named[0] = stated.base_asset.as_ref().map(ToString::to_string);
            named[1] = stated.quote_currency.as_ref().map(ToString::to_string);
        }
        let of_row = rules.pool_of_row("main", found.as_str(), &named);
        assert_eq!(of_row, item.pool, "{symbol}");
    }
    // A pool by symbol keeps the symbol.
    let by_symbol = AssetRules::by_symbol();
    let item = item("BTC-USD", "BTC-USD");
    let (found, stated) = names_of_basis(&item, &LedgerRead::default(), &by_symbol);
    assert_eq!((found.as_str(), stated), ("BTC-USD", None));
}

/// Returns a trade of the pool of ether.
fn trade(id: &str, side: Side, leg: Leg, size: &str, seconds: i64) -> Trade {
    let value = (leg == Leg::Fee).then(|| "10".parse().unwrap());
    Trade {
        order_id: id.parse().unwrap(),
        side,
        size: size.parse().unwrap(),
        price: "100".parse().unwrap(),
        fee: Some("0".parse().unwrap()),
        order_time: Timestamp::try_from_micros(seconds * 1_000_000).unwrap(),
        trade_seq: None,
        more: None,
        entry: Entry {
            symbol: None,
            leg,
            value,
            moved: None,
        },
    }
}

/// A sell and the fee that its own asset pays are two sells with one id.
#[test]
fn the_figures_of_a_sell_are_not_those_of_its_fee() {
    let sold = [
        trade("S-1", Side::Sell, Leg::Base, "1", 9),
        trade("S-1", Side::Sell, Leg::Fee, "0.1", 9),
    ];
    let of_leg = |leg, size: &str| {
        let details = serde_json::json!({
            "unmatched_size": size, "sell_time": "1970-01-01T00:00:09Z" });
        QueuedItem {
            leg,
            details: details.to_string(),
            ..item("ETH", "ETH-USD")
        }
    };
    let (sell, fee) = (of_leg(Leg::Base, "1"), of_leg(Leg::Fee, "0.1"));
    let mut pool = PoolLedger::new(sell.pool.clone());
    pool.trades = Trades::try_of(&sold).unwrap();
    let mut ledger = LedgerRead::default();
    ledger.pools.insert(sell.pool.clone(), pool);
    let rules = AssetRules::default();
    let decided = |item: &QueuedItem, size: &str, ledger: &LedgerRead| {
        let lot = BasisLot {
            size: size.parse().unwrap(),
            basis: "5".parse().unwrap(),
            acquired: Timestamp::try_from_micros(0).unwrap(),
        };
        basis_trades(item, &[lot], (ledger, &rules), 1)
    };
    // The sell comes first, so the lot of 1 is its own. The fee still lacks its 0.1.
    let added = decided(&sell, "1", &ledger).unwrap();
    let seen = preview(&sell.pool, &ledger, &added).unwrap();
    let unmatched = |of: &SellFigures| of.unmatched.to_string();
    let seen = seen
        .sells
        .iter()
        .map(|((id, leg), old, new)| format!("{id} {leg} {} {}", unmatched(old), unmatched(new)));
    assert_eq!(seen.collect::<Vec<_>>(), ["S-1 base 1 0"]);
    assert_eq!(decided(&fee, "0.1", &ledger).unwrap().len(), 1);
    // After that lot, each leg has what is open of its own.
    let held = ledger.pools.get_mut(&sell.pool).unwrap();
    let lot = [added[0].trade.clone()];
    held.trades = Trades::try_of(&[&sold[..], &lot].concat()).unwrap();
    assert!(decided(&sell, "0.1", &ledger).is_err());
    assert_eq!(decided(&fee, "0.1", &ledger).unwrap().len(), 1);
}

#[test]
fn the_hash_of_a_decision_covers_its_symbol_and_its_facts() {
    let rules = AssetRules::default();
    let (item, ledger) = (item("BTC", "BTC-USD"), LedgerRead::default());
    let lot = BasisLot {
        size: "1".parse().unwrap(),
        basis: "5".parse().unwrap(),
        acquired: Timestamp::try_from_micros(0).unwrap(),
    };
    let names = names_of_basis(&item, &ledger, &rules);
    let row = basis_trade(&item, &lot, (&decision_prefix(7), 1), &names).unwrap();
    let hash = |row: &LedgerTrade| {
        let at = Timestamp::try_from_micros(0).unwrap();
        import_batch(&item, vec![row.clone()], "me", at).file.sha256
    };
    let with = |column: &str| {
        let mut row = row.clone();
        let mut more = MoreFacts::default();
        match column {
            "base_asset" => more.base_asset = "BTC".parse().ok(),
            "quote_currency" => more.quote_currency = "USD".parse().ok(),
            "asset_class" => more.asset_class = Some(AssetClass::Future),
            _ => row.symbol_text = "BTC".to_owned(),
        }
        row.trade.more = Some(Arc::new(more));
        hash(&row)
    };
    let columns = ["base_asset", "quote_currency", "asset_class", "symbol"];
    let mut hashes = BTreeSet::from(columns.map(with));
    hashes.insert(hash(&row));
    assert_eq!(hashes.len(), columns.len() + 1);
    assert_eq!(hash(&row), hash(&row.clone()));
}
