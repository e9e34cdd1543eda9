//! Matches a pool: sorts and checks its trades, and picks the narrowest integers that hold them.

use super::ids::Pool;
use super::lots::{InventoryLot, used_before};
use super::money::{Units, Width};
use super::outcome::{MatchStart, Matching};
use super::place::PlaceInPool;
use super::plain;
use super::trade::{InvalidTrade, Trade, TradeRef};
use super::trades::Trades;
use super::wide::I256;

/// Matches all trades of a pool.
///
/// Order: the trades may come in any order; the result is in the pool's total order.
/// Errors: an amount or a total beyond the limits of `policy.rs`, or two trades of one id.
/// Source: docs/SPEC-matching.md, "Matching".
///
/// ```
/// use fifo_pnl::engine::{Pool, Side, Trade, match_pool};
///
/// let trade = |id: &str, side, size: &str, price: &str, micros| Trade {
///     order_id: id.parse().unwrap(),
///     side,
///     size: size.parse().unwrap(),
///     price: price.parse().unwrap(),
///     fee: None,
///     order_time: fifo_pnl::engine::Timestamp::try_from_micros(micros).unwrap(),
///     trade_seq: None,
///     more: None,
///     entry: Default::default(),
/// };
/// let pool = Pool::new("default".parse()?, "BTC-USD".parse()?);
/// let matching = match_pool(pool, vec![
///     trade("b1", Side::Buy, "0.5", "30000", 1),
///     trade("b2", Side::Buy, "0.3", "31000", 2),
///     trade("s1", Side::Sell, "0.7", "32000", 3),
/// ])?;
/// let pnl: Vec<String> =
///     matching.rows()?.iter().map(|row| row.pnl_usd.unwrap().to_string()).collect();
/// assert_eq!(pnl, ["1000", "200"]);
/// assert_eq!(matching.open_lots[0].remaining_size.to_string(), "0.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn match_pool(pool: Pool, trades: Vec<Trade>) -> Result<Matching, InvalidTrade> {
    let packed = Trades::try_of(&trades)?;
    drop(trades);
    match_trades(pool, packed)
}

/// Does the same as [`match_pool`] for packed trades.
pub fn match_trades(pool: Pool, trades: Trades) -> Result<Matching, InvalidTrade> {
    match_on(pool, (&[], None), trades, false)
}

/// Matches new trades on top of the open lots of earlier trades. `last` is the last earlier trade;
/// all new trades come after it. The result has the new trades and those that opened the lots.
/// `shorts`: sells beyond the lots open short lots.
///
/// Errors: as of [`match_pool`]; or a lot has more left than its buy had, or at another cost.
pub(super) fn match_on(
    pool: Pool,
    (lots, last): (&[InventoryLot], Option<&PlaceInPool>),
    mut trades: Trades,
    shorts: bool,
) -> Result<Matching, InvalidTrade> {
    for lot in lots {
        let invalid = |column, reason: &dyn std::fmt::Display| {
            InvalidTrade::of(lot.buy.order_id.as_str(), column, reason.to_string())
        };
        let buy = TradeRef::try_of(&lot.buy).map_err(|error| invalid("size", &error))?;
        let pushed = trades.push(&buy);
        pushed.map_err(|error| invalid("order_id", &error))?;
    }
    plain::all_plain(pool.asset.as_str(), &trades)?;
    trades.sort(shorts);
    for trade in trades.iter() {
        trade.check()?;
    }
    if let Some(id) = trades.repeated_id() {
        return Err(InvalidTrade::of(
            id,
            "order_id",
            "is the id of two trades of the pool",
        ));
    }
    let scales = trades.iter().map(|trade| trade.size.scale());
    let left = lots.iter().map(|lot| lot.remaining_size.scale());
    let scale = scales.chain(left).max().unwrap_or(0);
    let before = MatchStart {
        earlier: used_before(&trades, lots, shorts)?,
        last,
        shorts,
    };
    match width(&trades, scale) {
        Width::Word => Matching::try_new::<i64>(pool, trades, before, scale),
        Width::Narrow => Matching::try_new::<i128>(pool, trades, before, scale),
        Width::Wide => Matching::try_new::<I256>(pool, trades, before, scale),
    }
}

/// Returns the least width that holds every size, and the sum of all, at the scale.
fn width(trades: &Trades, scale: u8) -> Width {
    let mut sizes = trades
        .iter()
        .map(|trade| i128::try_from_fact(trade.size, scale));
    match sizes.try_fold(0_i128, |sum, size| sum.checked_add(size?)) {
        Some(sum) if i64::try_from(sum).is_ok() => Width::Word,
        Some(_) => Width::Narrow,
        None => Width::Wide,
    }
}
