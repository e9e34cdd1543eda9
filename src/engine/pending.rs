//! Trades that wait for rates, in little memory: about 100 bytes each.
//!
//! A ledger may have millions of them. So they are packed like the trades of a pool, in blocks: a
//! block is freed as soon as its last trade has entered its pools.

use std::sync::Arc;

use super::trade::{InvalidTrade, TradeRef};
use super::traded::{PendingTrade, Traded};
use super::trades::Trades;

/// Trades of a block.
const BLOCK_TRADES: usize = 4_096;

/// Trades that wait for rates, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    blocks: Vec<PendingBlock>,
}

/// Up to [`BLOCK_TRADES`] trades.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct PendingBlock {
    trades: Trades,
    /// Account, symbol and instrument of each.
    of: Vec<Arc<Traded>>,
}

impl Pending {
    /// Adds a trade. Errors: an id of more than 255 bytes, which no trade of a ledger has.
    pub(super) fn push(
        &mut self,
        of: &Arc<Traded>,
        trade: &TradeRef<'_>,
    ) -> Result<(), InvalidTrade> {
        match self.blocks.last() {
            Some(last) if last.of.len() < BLOCK_TRADES => {}
            Some(full) => self.blocks.push(PendingBlock::after(full)),
            // A ledger may have one such trade, and many accounts.
            None => self.blocks.push(PendingBlock::default()),
        }
        let Some(block) = self.blocks.last_mut() else {
            return Ok(());
        };
        // Its instrument says its symbol.
        let row = TradeRef {
            symbol: None,
            ..*trade
        };
        let pushed = block.trades.push(&row);
        pushed.map_err(|error| InvalidTrade::of(trade.order_id, "order_id", error.to_string()))?;
        block.of.push(Arc::clone(of));
        Ok(())
    }

    /// Returns the number of trades.
    pub fn len(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.of.len());
        blocks.fold(0, usize::saturating_add)
    }

    /// Returns the bytes of all order ids.
    pub(super) fn id_bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.trades.id_bytes());
        blocks.fold(0, usize::saturating_add)
    }

    /// Tells whether no trade waits.
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.of.is_empty())
    }

    /// Returns a view of each trade without its symbol, and what its symbol means.
    pub fn views(&self) -> impl Iterator<Item = (&Traded, TradeRef<'_>)> + Clone {
        self.blocks.iter().flat_map(PendingBlock::views)
    }

    /// Returns the trades.
    pub fn iter(&self) -> impl Iterator<Item = PendingTrade> {
        self.blocks.iter().flat_map(PendingBlock::iter)
    }

    /// Returns the trades, and frees each block after its last trade.
    pub(super) fn drain(self) -> impl Iterator<Item = PendingTrade> {
        let all =
            |block: PendingBlock| (0..block.of.len()).filter_map(move |place| block.get(place));
        self.blocks.into_iter().flat_map(all)
    }
}

impl PendingBlock {
    /// Makes an empty block with the room that a full one took. A block that grows by copies leaves
    /// gaps in memory.
    fn after(full: &Self) -> Self {
        let mut block = Self::default();
        block.of.reserve_exact(BLOCK_TRADES);
        let id_bytes = full.trades.id_bytes();
        let room = id_bytes.saturating_add(id_bytes / 16);
        block.trades.reserve(BLOCK_TRADES, room);
        block
    }

    fn views(&self) -> impl Iterator<Item = (&Traded, TradeRef<'_>)> + Clone {
        let of = self.of.iter().map(|of| &**of);
        of.zip(self.trades.iter())
    }

    fn iter(&self) -> impl Iterator<Item = PendingTrade> {
        (0..self.of.len()).filter_map(|place| self.get(place))
    }

    fn get(&self, place: usize) -> Option<PendingTrade> {
        let of = self.of.get(place)?;
        let mut trade = self.trades.owned(place)?;
        let has_name = of.symbol.as_str() != of.asset.as_str();
        trade.entry.symbol = has_name.then(|| of.symbol.clone());
        let of = Arc::clone(of);
        Some(PendingTrade { of, trade })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assets::AssetRules;
    use crate::engine::facts::{MORE_COLUMNS, MoreText};
    use crate::engine::trade::{Trade, TradeText};
    use crate::engine::traded::{StatedNames, traded};

    fn trade(nth: usize) -> Trade {
        let fee = format!("0.{nth}1");
        let more = |column| match column {
            "fee_amount" => Some(fee.as_str()),
            "fee_currency" => Some("BNB"),
            _ => None,
        };
        let more = MoreText(MORE_COLUMNS.map(more));
        let trade = Trade::try_from_text(&TradeText {
            order_id: &format!("T-{nth}"),
            side: if nth.is_multiple_of(2) { "buy" } else { "sell" },
            size: "1.500",
            price: "99999999999999999999.5",
            fee: None,
            order_time_micros: Some(nth as i64),
            trade_seq: Some(7),
            more: (!nth.is_multiple_of(3)).then_some(&more),
        });
        trade.unwrap()
    }

    #[test]
    fn trades_of_several_blocks_come_back_as_they_went_in() {
        let rules = AssetRules::default();
        let of = |symbol| Arc::new(traded(&rules, "main", symbol, &StatedNames::default()));
        let all = [of("ETH-EUR"), of("SOL")];
        let mut pending = Pending::default();
        assert!(pending.is_empty());
        let mut expected = Vec::new();
        for nth in 0..2 * BLOCK_TRADES + 1 {
            let of = &all[nth % 2];
            let row = trade(nth);
            pending.push(of, &TradeRef::try_of(&row).unwrap()).unwrap();
            let mut trade = trade(nth);
            // The pool of ETH-EUR is ETH, that of SOL is SOL.
            trade.entry.symbol = (nth % 2 == 0).then(|| of.symbol.clone());
            expected.push(PendingTrade {
                of: Arc::clone(of),
                trade,
            });
        }
        assert_eq!((pending.len(), pending.blocks.len()), (expected.len(), 3));
        assert!(pending.iter().eq(expected.iter().cloned()));
        let views = pending.views().zip(&expected);
        for ((of, view), pending) in views {
            let row = TradeRef::try_of(&pending.trade).unwrap();
            assert_eq!(
                (of, view),
                (
                    &*pending.of,
                    TradeRef {
                        symbol: None,
                        ..row
                    }
                )
            );
        }
        assert!(pending.drain().eq(expected));
    }

    #[test]
    fn an_id_beyond_all_limits_is_refused_by_name() {
        let rules = AssetRules::default();
        let of = Arc::new(traded(&rules, "main", "ETH-EUR", &StatedNames::default()));
        let order_id = crate::engine::ids::OrderId::unreadable(&"x".repeat(256));
        let trade = Trade {
            order_id,
            ..trade(0)
        };
        let mut pending = Pending::default();
        let row = TradeRef::try_of(&trade).unwrap();
        let refused = pending.push(&of, &row).unwrap_err();
        assert_eq!(refused.column, "order_id");
        assert!(pending.is_empty());
    }
}
