//! A pool matched slice by slice, oldest first: for a pool that memory doesn't hold.
//!
//! What has to stay between two slices is the pool's sums and its open lots. A slice takes only as
//! many of the oldest lots as its sells can reach, so a large inventory costs memory but no time.

use std::collections::VecDeque;

use super::issue::IssueType;
use super::money::sub_sizes;
use super::number::{Size, Usd};
use super::outcome::{Matching, PoolTotals};
use super::pool::{PoolLedger, Rejection};
use super::resume::{
    CarriedLot, Continued, LotPicker, LotSums, OrderKey, PoolState, continue_pool, reach_of,
};

/// A pool on its way through matching.
///
/// ```
/// use fifo_pnl::engine::{Pool, PoolLedger, PoolStream, TradeText};
/// let pool = Pool::new("main".parse()?, "BTC-USD".parse()?);
/// let mut stream = PoolStream::default();
/// for (order_id, side, second) in [("b1", "buy", 1), ("s1", "sell", 2)] {
///     let mut slice = PoolLedger::new(pool.clone());
///     slice.push_text(&TradeText {
///         order_id,
///         side,
///         size: "2",
///         price: "10",
///         fee: None,
///         order_time_micros: Some(second),
///         trade_seq: None,
///     });
///     stream.add(slice).expect("a slice of trades");
/// }
/// assert_eq!(stream.totals().allocations, 1);
/// assert_eq!(stream.open_lots().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct PoolStream {
    totals: PoolTotals,
    last: Option<OrderKey>,
    /// Oldest first.
    lots: VecDeque<CarriedLot>,
}

impl PoolStream {
    /// Matches the next slice; the matching has only its trades, beside the lots that they used.
    ///
    /// Errors: a row that is no trade; an amount beyond the limits; a trade that comes before one
    /// of an earlier slice.
    pub fn add(&mut self, slice: PoolLedger) -> Result<Box<Matching>, Rejection> {
        let state = self.state(&slice);
        match continue_pool(slice, &state) {
            Continued::Matched(matching, totals) => {
                self.take_over(&matching, *totals, state.lots);
                Ok(matching)
            }
            Continued::Rejected(rejection) => Err(rejection),
            Continued::HistoryChanged { order_id } => Err(failed(format!(
                "the trade \"{order_id}\" comes before those of an earlier slice"
            ))),
            Continued::Damaged(reason) => Err(failed(reason)),
        }
    }

    /// Counts and sums of all slices.
    pub const fn totals(&self) -> &PoolTotals {
        &self.totals
    }

    /// The lots that are open now, oldest first.
    pub fn open_lots(&self) -> impl Iterator<Item = &CarriedLot> {
        self.lots.iter()
    }

    /// Takes out the lots that a slice can reach.
    fn state(&mut self, slice: &PoolLedger) -> PoolState {
        let mut picker = LotPicker::new(reach_of(&slice.trades, self.last.as_ref()));
        let needed = |lot: &&CarriedLot| picker.needs(lot.remaining_size, lot.remaining_cost);
        let count = self.lots.iter().take_while(needed).count();
        let lots: Vec<CarriedLot> = self.lots.drain(..count).collect();
        PoolState {
            totals: self.totals,
            last: self.last.clone(),
            rest: self.rest(&lots),
            lots,
        }
    }

    /// What is left of the sums without some lots. It is not added up lot by lot, as there may be
    /// more of them than trades in the slice.
    fn rest(&self, without: &[CarriedLot]) -> LotSums {
        let mut rest = LotSums {
            lots: self.lots.len() as u64,
            size: self.totals.open_size,
            cost: self.totals.open_cost,
        };
        for lot in without {
            // Those are parts of the sums.
            rest.size = sub_sizes(rest.size, lot.remaining_size).unwrap_or(Size::ZERO);
            rest.cost = rest
                .cost
                .checked_sub(lot.remaining_cost)
                .unwrap_or(Usd::ZERO);
        }
        rest
    }

    fn take_over(&mut self, matching: &Matching, totals: PoolTotals, taken: Vec<CarriedLot>) {
        let newest = matching.trades.last().map(|trade| OrderKey::of(&trade));
        self.last = newest.max(self.last.take());
        self.totals = totals;
        let changes = matching.lot_changes();
        let mut gone = changes.gone.iter().map(|buy| buy.order_id).peekable();
        let mut used = changes.used.iter().peekable();
        let mut left = Vec::new();
        for mut lot in taken {
            let id = lot.buy.order_id.as_str();
            // Both stand in the order of the lots.
            if gone.next_if(|gone| *gone == id).is_some() {
                continue;
            }
            if let Some((_, now)) = used.next_if(|(buy, _)| buy.order_id == id) {
                lot.remaining_size = now.remaining_size;
                lot.remaining_cost = now.remaining_cost;
            }
            left.push(lot);
        }
        for lot in left.into_iter().rev() {
            self.lots.push_front(lot);
        }
        for (buy, lot) in &changes.added {
            // What was matched is a trade.
            self.lots.extend(buy.to_trade().ok().map(|buy| CarriedLot {
                buy,
                remaining_size: lot.remaining_size,
                remaining_cost: lot.remaining_cost,
            }));
        }
    }
}

fn failed(reason: String) -> Rejection {
    Rejection {
        issue: IssueType::AllocationError,
        reason,
        invalid: Vec::new(),
    }
}
