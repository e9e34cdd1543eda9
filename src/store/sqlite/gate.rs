//! The ledger as matching sees it: its rows on their way through the view `eligible_trades`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::engine::{
    Fact, Leg, LineRoom, MoreText, Pool, PoolLedger, PoolNames, Timestamp, TradeRef, TradeText,
};
use crate::store::cells::pool;
use crate::store::model::{Scope, Watermark};
use crate::store::{Elsewhere, StoreError, StoreResult, more};

/// Returns the last arrival, the last void and the last rate.
pub(super) fn newest(raw: &Connection) -> rusqlite::Result<Watermark> {
    raw.query_row(
        "SELECT (SELECT ifnull(max(ingest_seq), 0) FROM trade_records), \
                (SELECT ifnull(max(void_seq), 0) FROM trade_voids), \
                (SELECT ifnull(max(rate_seq), 0) FROM rates)",
        [],
        |row| {
            Ok(Watermark::Sequence {
                ingest_seq: row.get(0)?,
                void_seq: row.get(1)?,
                rate_seq: row.get(2)?,
            })
        },
    )
}

/// Returns the numbers of the last ledger row and the last void or undo that a watermark covers.
///
/// Errors: the watermark is from PostgreSQL, which has no such numbers.
pub(super) fn sequence(watermark: &Watermark) -> StoreResult<(i64, i64)> {
    let elsewhere = StoreError::WatermarkElsewhere(Elsewhere::Postgres);
    watermark.sequence().ok_or(elsewhere)
}

/// The columns of every row.
const LEDGER: &str = "account, symbol, order_id, side, size, price, order_time, total_fees_usd, \
    trade_seq, void_seq";

/// The place of the first of the more facts in a row that has their columns.
const MORE_FIRST: usize = 10;

/// Takes the ledger's rows, and puts them into pools.
pub(super) struct SqliteGate<'a> {
    scope: &'a Scope,
    pools: BTreeMap<Pool, PoolLedger>,
    /// Known pools outside the scope.
    others: BTreeSet<Pool>,
    room: LineRoom,
    voided: u64,
    /// The rows have the columns of more facts. Reading them would take a plain ledger as long
    /// again.
    has_more: bool,
}

impl<'a> SqliteGate<'a> {
    /// Asks whether any row of the ledger has more facts, and begins without rows.
    pub(super) fn begin(raw: &Connection, scope: &'a Scope) -> rusqlite::Result<Self> {
        let any = more::any();
        let sql = format!("SELECT EXISTS (SELECT 1 FROM eligible_trades WHERE {any})");
        Ok(Self {
            scope,
            pools: BTreeMap::new(),
            others: BTreeSet::new(),
            room: LineRoom::default(),
            voided: 0,
            has_more: raw.query_row(&sql, [], |row| row.get(0))?,
        })
    }

    /// Returns the query of the rows to take.
    pub(super) fn query(&self, condition: &str) -> String {
        let more = match self.has_more {
            true => format!(", {}", more::columns("")),
            false => String::new(),
        };
        format!("SELECT {LEDGER}{more} FROM eligible_trades WHERE {condition}")
    }

    /// Returns the pools, and the number of voided rows that were left out.
    pub(super) fn into_pools(self) -> (BTreeMap<Pool, PoolLedger>, u64) {
        (self.pools, self.voided)
    }

    pub(super) fn take_row(&mut self, row: &Row<'_>, is_voided: bool) -> rusqlite::Result<()> {
        let text = |index: usize| row.get_ref(index).map(|value| value.as_str().unwrap_or(""));
        let (account, symbol) = (text(0)?, text(1)?);
        if is_voided {
            self.voided += u64::from(self.scope.contains(&pool(account, symbol)));
            return Ok(());
        }
        let mut more = MoreText::default();
        if self.has_more {
            for (index, cell) in (MORE_FIRST..).zip(&mut more.0) {
                *cell = optional(row, index)?;
            }
        }
        let facts = TradeText {
            order_id: text(2)?,
            side: text(3)?,
            size: text(4)?,
            price: text(5)?,
            fee: optional(row, 7)?,
            order_time_micros: row.get_ref(6)?.as_i64().ok(),
            trade_seq: row.get(8)?,
            more: (!more.is_empty()).then_some(&more),
        };
        let mut room = std::mem::take(&mut self.room);
        if let Some(ledger) = self.ledger(account, symbol) {
            // A faulty row is added as text, for the message about its fault.
            let trade = plain(&facts);
            let is_taken = trade.is_some_and(|trade| ledger.try_push(&trade, &mut room).is_ok());
            if !is_taken {
                ledger.push_text(&facts);
            }
        }
        self.room = room;
        Ok(())
    }

    /// Returns a row's pool. `None`: the pool is outside the scope.
    fn ledger(&mut self, account: &str, symbol: &str) -> Option<&mut PoolLedger> {
        let names = (account, symbol);
        if self.pools.contains_key(&names as &dyn PoolNames) {
            return self.pools.get_mut(&names as &dyn PoolNames);
        }
        if self.others.contains(&names as &dyn PoolNames) {
            return None;
        }
        let pool = pool(account, symbol);
        if !self.scope.contains(&pool) {
            self.others.insert(pool);
            return None;
        }
        let nothing = || PoolLedger::new(pool.clone());
        Some(self.pools.entry(pool.clone()).or_insert_with(nothing))
    }
}

fn optional<'r>(row: &'r Row<'_>, index: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => None,
        value => Some(value.as_str().unwrap_or("")),
    })
}

/// Reads a plain trade whose numbers are plain digits. `None`: a number is not, a value is faulty,
/// or the trade has more facts.
pub(super) fn plain<'a>(text: &TradeText<'a>) -> Option<TradeRef<'a>> {
    let number = |text: &str| Fact::of_plain_text(text.as_bytes());
    if text.more.is_some() {
        return None;
    }
    Some(TradeRef {
        order_id: text.order_id,
        side: text.side.parse().ok()?,
        size: number(text.size)?,
        price: number(text.price)?,
        fee: match text.fee {
            Some(fee) => Some(number(fee)?),
            None => None,
        },
        order_time: Timestamp::try_from_micros(text.order_time_micros?).ok()?,
        trade_seq: text.trade_seq,
        more: None,
        symbol: None,
        leg: Leg::Base,
        value: None,
    })
}
