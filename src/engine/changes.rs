//! Changes of a pool's lots between its trades: splits, lots that come, lots that leave.
//!
//! A change ends a stretch of the pool's history. The trades before it are matched, then the lots
//! that they leave open change, and the later trades are matched on top of those.

use super::action::Split;
use super::leg::Leg;
use super::moves::{PoolMove, PoolMoves, Rank};
use super::time::Timestamp;
use super::trade::TradeRef;
use super::trades::{PoolFull, Trades};

/// A change of a pool's lots.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Split(&'a Split),
    Move(&'a PoolMove),
}

/// When a change or a trade happens: the instant, and the place among all of that instant.
pub(super) type Moment = (Timestamp, Rank);

impl Change<'_> {
    pub(super) fn place(&self) -> Moment {
        match self {
            Self::Split(split) => (split.happened_at, Rank::Split),
            Self::Move(change) => (change.at, change.rank),
        }
    }
}

/// Returns where a trade stands among changes.
pub(super) fn place_of(trade: &TradeRef<'_>) -> Moment {
    let rank = match trade.leg {
        Leg::Network => Rank::NetworkFee,
        _ => Rank::Trade,
    };
    (trade.order_time, rank)
}

/// Returns all changes of a pool, in their order.
pub(super) fn changes_of<'a>(splits: &'a [Split], moves: Option<&'a PoolMoves>) -> Vec<Change<'a>> {
    let splits = splits.iter().map(Change::Split);
    let moves = moves.into_iter().flat_map(|it| &it.moves);
    let mut changes: Vec<Change<'_>> = splits.chain(moves.map(Change::Move)).collect();
    changes.sort_by_key(Change::place);
    changes
}

/// Cuts trades at places, which are in order: the trades before the first one, and those after
/// each. Errors: as of [`Trades::push`].
pub(super) fn stretches(trades: &Trades, places: &[Moment]) -> Result<Vec<Trades>, PoolFull> {
    let mut stretches = vec![Trades::new(); places.len().saturating_add(1)];
    for trade in trades.iter() {
        let at = place_of(&trade);
        let before = places.partition_point(|place| *place < at);
        if let Some(stretch) = stretches.get_mut(before) {
            stretch.push(&trade)?;
        }
    }
    Ok(stretches)
}
