//! Lots of decisions: their pool, what they change, and the hash of their import.

use super::*;
use crate::engine::{AssetClass, IssueType, Leg, PoolLedger, Severity};
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
        pool.class = Some(class);
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
