use super::*;
use crate::engine::leg::Entry;
use crate::engine::matching::match_pool;
use crate::engine::number::Size;
use crate::engine::time::Timestamp;
use crate::engine::trade::Trade;

/// Two lots of 0.5. The sell takes the first lot whole and a part of the second.
fn matched() -> Matching {
    let trade = |id: &str, side, size: &str, micros| Trade {
        order_id: id.parse().unwrap(),
        side,
        size: size.parse().unwrap(),
        price: "10".parse().unwrap(),
        fee: None,
        order_time: Timestamp::try_from_micros(micros).unwrap(),
        trade_seq: None,
        more: None,
        entry: Entry::default(),
    };
    let trades = vec![
        trade("b1", Side::Buy, "0.5", 1),
        trade("b2", Side::Buy, "0.5", 2),
        trade("s1", Side::Sell, "0.7", 3),
    ];
    let pool = Pool::new("main".parse().unwrap(), "BTC-USD".parse().unwrap());
    match_pool(pool, trades).unwrap()
}

fn earlier(place: u32, used: &str) -> EarlierLot {
    let used: Size = used.parse().unwrap();
    EarlierLot {
        buy: place,
        used,
        was_used: false,
        only_moved: false,
    }
}

#[test]
fn a_walk_that_ends_before_the_last_row_is_an_error() {
    let whole = matched();
    assert_eq!(whole.rows_count(), 2);
    assert!(whole.allocations_hash().is_ok());
    let mut early = matched();
    // No size is a whole number, so the walk over the parts fails at once.
    early.scale = 0;
    let error = early.allocations_hash().unwrap_err();
    let ended = |found| SelfCheckError::Ended {
        what: "the walk over the rows",
        pool: whole.pool.clone(),
        found,
        expected: 2,
    };
    assert_eq!(error, ended(0));
    // The second lot has less than the sell takes of it.
    let mut early = matched();
    early.earlier = vec![earlier(1, "0.6")];
    assert_eq!(early.allocations_hash().unwrap_err(), ended(1));
    assert_eq!(
        ended(1).to_string(),
        "the walk over the rows of pool main BTC-USD ended after 1, expected 2"
    );
}

#[test]
fn a_lot_whose_buy_is_not_there_is_an_error() {
    // Past the last trade, and at the sell.
    for place in [9, 2] {
        let mut lost = matched();
        lost.open_lots[0].buy = place;
        let lots: Result<Vec<_>, _> = lost.open_lots_with_buys().collect();
        let pointer = SelfCheckError::Pointer(format!("number {place} of main BTC-USD"));
        assert_eq!(lots.unwrap_err(), pointer);
        assert_eq!(lost.lot_changes().unwrap_err(), pointer);
        let mut lost = matched();
        lost.earlier = vec![earlier(place, "0.1")];
        assert_eq!(lost.lot_changes().unwrap_err(), pointer);
    }
}

#[test]
fn a_lot_that_used_more_than_its_buy_is_an_error() {
    let mut more = matched();
    more.earlier = vec![earlier(1, "0.6")];
    let error = more.lot_changes().unwrap_err();
    assert!(matches!(error, SelfCheckError::Money(_)), "{error}");
}
