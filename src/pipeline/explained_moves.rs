//! The way of an explained lot: account by account, down to file and line.

use super::error::PipelineResult;
use crate::engine::{Account, Asset, LotMove, Movement, OrderId, Pool, Timestamp, Trade};
use crate::store::Store;
use crate::store::model::{LedgerRead, VersionInfo};

/// A move of an explained lot: units of it that went from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedMove {
    /// The units, their cost, and the two movements.
    pub moved: LotMove,
    /// When they left. `None`: the movement is not stored any more.
    pub sent: Option<MovementPlace>,
    /// When they came.
    pub received: Option<MovementPlace>,
}

/// When a movement happened, and the file and line that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementPlace {
    /// When.
    pub at: Timestamp,
    /// File and line.
    pub origin: Option<(String, i64)>,
}

/// Finds the ways of lots of one asset in a version.
pub(super) struct Ways<'a> {
    store: &'a dyn Store,
    moves: Vec<LotMove>,
    movements: Vec<Movement>,
}

impl<'a> Ways<'a> {
    /// Reads the moves of a version, if it has any.
    pub(super) async fn read(
        store: &'a dyn Store,
        info: &VersionInfo,
        asset: &Asset,
    ) -> PipelineResult<Self> {
        let mut ways = Self {
            store,
            moves: Vec::new(),
            movements: Vec::new(),
        };
        if info.watermark.cursors().movement_seq > 0 {
            ways.moves = store.lot_moves(info.version).await?;
            ways.moves.retain(|it| it.asset == *asset);
            ways.movements = store.movements(Some(&info.watermark)).await?;
        }
        Ok(ways)
    }

    /// Returns the moves that brought a lot into an account, the first one first.
    pub(super) async fn of(
        &self,
        account: &Account,
        lot: &Trade,
    ) -> PipelineResult<Vec<ExplainedMove>> {
        let deposit = lot.entry.moved.as_ref().map(|moved| &moved.movement);
        let mut next: Vec<(&Account, &OrderId)> = deposit
            .into_iter()
            .map(|deposit| (account, deposit))
            .collect();
        let mut way: Vec<&LotMove> = Vec::new();
        while let Some(place) = next.pop() {
            let brought = self.moves.iter().filter(|it| {
                let is_lot = it.buy_order_id == lot.order_id && it.buy_leg == lot.entry.leg;
                (&it.to, &it.deposit) == place && is_lot
            });
            for it in brought {
                if !way.contains(&it) {
                    way.push(it);
                    next.extend(it.buy_movement.as_ref().map(|before| (&it.from, before)));
                }
            }
        }
        let mut explained = Vec::with_capacity(way.len());
        for it in way.into_iter().rev() {
            explained.push(ExplainedMove {
                sent: self.place(&it.from, &it.withdrawal).await?,
                received: self.place(&it.to, &it.deposit).await?,
                moved: it.clone(),
            });
        }
        Ok(explained)
    }

    async fn place(
        &self,
        account: &Account,
        id: &OrderId,
    ) -> PipelineResult<Option<MovementPlace>> {
        let is_it = |row: &&Movement| (&row.account, &row.movement_id) == (account, id);
        let Some(row) = self.movements.iter().find(is_it) else {
            return Ok(None);
        };
        let origin = self.store.movement_origin(account, id).await?;
        Ok(Some(MovementPlace {
            at: row.moved_at,
            origin: origin.map(|(file, line, _)| (file, line)),
        }))
    }

    /// Returns the buy of a lot that came from another pool.
    pub(super) fn buy(&self, read: &LedgerRead, pool: &Pool, lot: &Trade) -> Option<Trade> {
        lot.entry.moved.as_ref()?;
        let others = read.tied.iter().find_map(|tied| tied.others.get(pool));
        let ledger = others.or_else(|| read.pools.get(pool))?;
        let mut trades = ledger.trades.iter();
        let buy = trades
            .find(|trade| trade.order_id == lot.order_id.as_str() && trade.leg == lot.entry.leg)?;
        buy.to_trade().ok()
    }
}
