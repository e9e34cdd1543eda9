//! Matches a pool in memory and prints what each match earned. No database, no features.
//!
//! ```text
//! cargo run --example match_in_memory --no-default-features
//! ```

use std::error::Error;

use fifo_pnl::engine::{AllocationRow, Entry, Pool, Side, Timestamp, Trade, match_pool};

fn main() -> Result<(), Box<dyn Error>> {
    let trades = vec![
        trade("b1", Side::Buy, "10", "5", "0.10", "2025-01-02T10:00:00Z")?,
        trade("b2", Side::Buy, "10", "7", "0.20", "2025-01-03T10:00:00Z")?,
        trade("s1", Side::Sell, "15", "8", "0.30", "2025-01-04T10:00:00Z")?,
    ];
    let pool = Pool::new("main".parse()?, "SOL".parse()?);
    let matching = match_pool(pool, trades)?;

    for row in matching.rows()? {
        println!("{}", describe(&row));
    }
    for lot in matching.open_lots_with_buys() {
        let (buy, lot) = lot?;
        let (left, cost) = (lot.remaining_size, lot.remaining_cost);
        println!("open: {left} of {}, cost {cost} USD", buy.order_id);
    }
    println!("realized pnl: {} USD", matching.totals.pnl);

    assert_eq!(matching.totals.pnl.to_string(), "34.5");
    assert_eq!(matching.totals.open_cost.to_string(), "35.1");
    Ok(())
}

/// Makes a trade of texts, which are read exactly.
fn trade(
    order_id: &str,
    side: Side,
    size: &str,
    price: &str,
    fee: &str,
    order_time: &str,
) -> Result<Trade, Box<dyn Error>> {
    Ok(Trade {
        order_id: order_id.parse()?,
        side,
        size: size.parse()?,
        price: price.parse()?,
        fee: Some(fee.parse()?),
        order_time: order_time.parse::<Timestamp>()?,
        trade_seq: None,
        more: None,
        entry: Entry::default(),
    })
}

fn describe(row: &AllocationRow<'_>) -> String {
    let (sell, size) = (row.sell_order_id, row.allocated_size);
    match (row.buy_order_id, row.pnl_usd) {
        (Some(buy), Some(pnl)) => format!("{sell}: {size} of {buy} earned {pnl} USD"),
        _ => format!("{sell}: {size} found no lot, so what it earned is unknown"),
    }
}
