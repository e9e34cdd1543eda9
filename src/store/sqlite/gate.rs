//! The ledger as matching sees it: its rows on their way through the view `eligible_trades`.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::engine::{
    AssetRules, Fact, Intake, Leg, MoreText, Taken, Timestamp, TradeRef, TradeText,
};
use crate::store::model::{Cursors, Scope, Watermark};
use crate::store::more::{RowNames, name_columns};
use crate::store::{Elsewhere, StoreError, StoreResult, more};

/// Returns the last numbers of all that has one.
pub(super) fn newest(raw: &Connection) -> rusqlite::Result<Watermark> {
    raw.query_row(
        "SELECT (SELECT ifnull(max(ingest_seq), 0) FROM trade_records), \
                (SELECT ifnull(max(void_seq), 0) FROM trade_voids), \
                (SELECT ifnull(max(rate_seq), 0) FROM rates), \
                (SELECT ifnull(max(void_seq), 0) FROM import_voids), \
                (SELECT ifnull(max(action_seq), 0) FROM asset_actions), \
                (SELECT ifnull(max(movement_seq), 0) FROM asset_movements), \
                (SELECT ifnull(max(decision_seq), 0) FROM transfer_decisions)",
        [],
        |row| {
            Ok(Watermark::Sequence {
                ingest_seq: row.get(0)?,
                void_seq: row.get(1)?,
                cursors: Cursors {
                    rate_seq: row.get(2)?,
                    import_void_seq: row.get(3)?,
                    action_seq: row.get(4)?,
                    movement_seq: row.get(5)?,
                    decision_seq: row.get(6)?,
                },
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
    intake: Intake<'a>,
    voided: u64,
    /// The rows have the columns of more facts. Reading them would take a plain ledger as long
    /// again.
    has_more: bool,
}

impl<'a> SqliteGate<'a> {
    /// Asks whether any row of the ledger has more facts, and begins without rows.
    pub(super) fn begin(
        raw: &Connection,
        scope: &'a Scope,
        rules: &'a AssetRules,
    ) -> rusqlite::Result<Self> {
        let any = more::any();
        let sql = format!("SELECT EXISTS (SELECT 1 FROM eligible_trades WHERE {any})");
        Ok(Self {
            intake: Intake::new(rules, |pool| scope.contains(pool)),
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

    /// Returns the pools and the waiting trades, and the number of voided rows that were left out.
    pub(super) fn end(self) -> (Taken, u64) {
        (self.intake.end(), self.voided)
    }

    pub(super) fn take_row(&mut self, row: &Row<'_>, is_voided: bool) -> rusqlite::Result<()> {
        let text = |index: usize| row.get_ref(index).map(|value| value.as_str().unwrap_or(""));
        let (account, symbol) = (text(0)?, text(1)?);
        let mut more = MoreText::default();
        if self.has_more {
            for (index, cell) in (MORE_FIRST..).zip(&mut more.0) {
                *cell = optional(row, index)?;
            }
        }
        let more = (!more.is_empty()).then_some(&more);
        let Some(place) = self.intake.place(account, symbol, more) else {
            return Ok(());
        };
        if is_voided {
            self.voided += u64::from(self.intake.is_base_wanted(place));
            return Ok(());
        }
        let facts = TradeText {
            order_id: text(2)?,
            side: text(3)?,
            size: text(4)?,
            price: text(5)?,
            fee: optional(row, 7)?,
            order_time_micros: row.get_ref(6)?.as_i64().ok(),
            trade_seq: row.get(8)?,
            more,
        };
        // A faulty row is added as text, for the message about its fault.
        let is_taken = plain(&facts).is_some_and(|trade| self.intake.push(place, &trade, more));
        if !is_taken {
            self.intake.push_text(place, &facts);
        }
        Ok(())
    }
}

fn optional<'r>(row: &'r Row<'_>, index: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => None,
        value => Some(value.as_str().unwrap_or("")),
    })
}

/// Reads a trade whose numbers are plain digits, without its more facts. `None`: a value is faulty,
/// or a number is written in another way.
pub(super) fn plain<'a>(text: &TradeText<'a>) -> Option<TradeRef<'a>> {
    let number = |text: &str| Fact::of_plain_text(text.as_bytes());
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
        moved: None,
    })
}

/// Reads the columns of [`name_columns`], which come first in a row.
pub(super) fn names(row: &Row<'_>) -> rusqlite::Result<RowNames> {
    let text = |index| {
        row.get_ref(index)
            .map(|value| value.as_str().unwrap_or("").to_owned())
    };
    let stated = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
    Ok((text(0)?, text(1)?, stated))
}

pub(super) fn count_ineligible(
    raw: &Connection,
    (scope, rules): (&Scope, &AssetRules),
    condition: (&str, i64),
    reasons: &mut BTreeMap<String, u64>,
) -> rusqlite::Result<()> {
    let key = name_columns();
    let mut statement = raw.prepare(&format!(
        "SELECT {key}, reason, count(*) FROM ineligible_trades WHERE {} GROUP BY {key}, reason",
        condition.0
    ))?;
    let mut rows = statement.query([condition.1])?;
    while let Some(row) = rows.next()? {
        let pools = more::pools_of(rules, &names(row)?);
        if pools.first().is_some_and(|base| scope.contains(base)) {
            let count: i64 = row.get(7)?;
            *reasons.entry(row.get(6)?).or_default() += count as u64;
        }
    }
    Ok(())
}
