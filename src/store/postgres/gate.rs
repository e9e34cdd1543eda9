//! Reads the ledger's eligible rows from a binary COPY into packed pools.
//!
//! The rows are not sorted: the server would need three times as long for that as this program.
//! Numbers come in the server's own format. A row that can't be read in that format is read as
//! text, which gives the fault for the message.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::binary;
use super::binary::NextRow;
use super::errors::{from_sqlx, unreadable};
use crate::engine::{
    AssetRules, Intake, Leg, MORE_COLUMNS, MoreText, RowPlace, Timestamp, TradeRef, TradeText,
};
use crate::store::limits::ROWS_SEEN;
use crate::store::model::{Cursors, LedgerRead, Scope, Watermark};
use crate::store::more::{self, MoreRow, RowNames, name_columns};
use crate::store::{Elsewhere, PostgresRefusal, Seen, StoreError, StoreResult};

const ACTION: &str = "read the ledger";

const LEDGER: &str = "account, symbol, order_id, side, size, price, order_time, \
    total_fees_usd, trade_seq, void_seq, ingest_xid";
const COLUMNS: usize = 11;

/// The columns of a row with more facts.
const COLUMNS_MORE: usize = COLUMNS + MORE_COLUMNS.len();

/// Reads the rows of `eligible_trades` with a condition, which may be empty. Returns their number.
///
/// Errors: stopped; a row has another format.
pub(super) async fn copy_out(
    connection: &mut PgConnection,
    condition: &str,
    rows: PostgresGate<'_>,
    read: &mut LedgerRead,
    seen: Seen<'_>,
) -> StoreResult<u64> {
    // Nearly no ledger has more facts, and reading their columns takes time.
    if has_more(connection).await? {
        let columns = format!("{LEDGER}, {}", more::columns(""));
        copy_columns::<COLUMNS_MORE>(connection, (&columns, condition), rows, read, seen).await
    } else {
        copy_columns::<COLUMNS>(connection, (LEDGER, condition), rows, read, seen).await
    }
}

/// Tells whether any row has more facts.
///
/// Fresh tables have no statistics, and the server would look for one such row in all rows. So it
/// may not read a table whole: an index has these rows.
async fn has_more(connection: &mut PgConnection) -> StoreResult<bool> {
    let failed = |e| from_sqlx(ACTION, e);
    let begin = "SAVEPOINT more; SET LOCAL enable_seqscan = off; SET LOCAL jit = off";
    connection.execute(begin).await.map_err(failed)?;
    let any = more::any();
    let sql = format!("SELECT EXISTS (SELECT 1 FROM eligible_trades WHERE {any})");
    let has_more = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
    let has_more = has_more.fetch_one(&mut *connection).await.map_err(failed)?;
    let end = "ROLLBACK TO more; RELEASE more";
    connection.execute(end).await.map_err(failed)?;
    Ok(has_more)
}

async fn copy_columns<const N: usize>(
    connection: &mut PgConnection,
    (columns, condition): (&str, &str),
    mut rows: PostgresGate<'_>,
    read: &mut LedgerRead,
    seen: Seen<'_>,
) -> StoreResult<u64> {
    let action = ACTION;
    let sql = format!(
        "COPY (SELECT {columns} FROM eligible_trades {condition}) TO STDOUT (FORMAT binary)"
    );
    let copy = connection.copy_out_raw(&sql).await;
    let mut stream = copy.map_err(|e| from_sqlx(action, e))?;
    let (mut begun, mut rows_read) = (false, 0);
    // A message has one row, but the protocol does not promise that: a part of a row waits here.
    let mut rest: Vec<u8> = Vec::new();
    while let Some(more) = stream.try_next().await.map_err(|e| from_sqlx(action, e))? {
        rest.extend_from_slice(if rest.is_empty() { &[] } else { &more });
        let mut bytes: &[u8] = if rest.is_empty() { &more } else { &rest };
        if !begun {
            bytes = bytes.strip_prefix(binary::HEADER).unwrap_or(bytes);
            begun = true;
        }
        while let NextRow::Row(columns, length) = binary::row::<N>(bytes) {
            let (facts, more) = columns.split_at(COLUMNS);
            if let Some(facts) = facts.first_chunk::<COLUMNS>() {
                rows.take(facts, more)?;
            }
            bytes = bytes.get(length..).unwrap_or_default();
            rows_read += 1;
            if rows_read % ROWS_SEEN == 0 && !seen(ROWS_SEEN) {
                return Err(StoreError::Stopped);
            }
        }
        rest = bytes.to_vec();
    }
    if binary::row::<N>(&rest) != NextRow::End {
        return Err(unreadable("a row", "its bytes end too early"));
    }
    drop(stream);
    seen(rows_read % ROWS_SEEN);
    rows.end(read);
    Ok(rows_read)
}

/// The transactions that a snapshot sees. The program checks each row, without the server.
pub(super) struct Visible {
    pub(super) xmin: i64,
    pub(super) xmax: i64,
    running: Vec<i64>,
}

impl Visible {
    /// Reads the server's own text: `xmin:xmax:running,...`.
    pub(super) fn of(snapshot: &str) -> Option<Self> {
        let mut parts = snapshot.splitn(3, ':');
        let (xmin, xmax) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let running = parts.next()?.split(',').filter(|xid| !xid.is_empty());
        let running = running.map(|xid| xid.parse().ok()).collect::<Option<_>>()?;
        Some(Self {
            xmin,
            xmax,
            running,
        })
    }

    fn sees(&self, xid: i64) -> bool {
        xid < self.xmin || (xid < self.xmax && !self.running.contains(&xid))
    }
}

/// Takes the ledger's rows, and puts them into pools.
pub(super) struct PostgresGate<'a> {
    intake: Intake<'a>,
    visible: Visible,
    /// The ledger is read as of an earlier instant.
    is_past: bool,
    voided: Option<BTreeSet<(String, String)>>,
    rows_voided: u64,
}

impl<'a> PostgresGate<'a> {
    /// `voided` are the trades voided as of the snapshot; `None`: see column `void_seq`.
    pub(super) fn new(
        (scope, rules): (&'a Scope, &'a AssetRules),
        snapshot: &str,
        voided: Option<BTreeSet<(String, String)>>,
        is_past: bool,
    ) -> StoreResult<Self> {
        Ok(Self {
            intake: Intake::new(rules, |pool| scope.contains(pool)),
            visible: Visible::of(snapshot).ok_or_else(|| unreadable("watermark", snapshot))?,
            is_past,
            voided,
            rows_voided: 0,
        })
    }

    /// Moves the pools, and the trades that wait, into `read`.
    fn end(self, read: &mut LedgerRead) {
        read.voided = self.rows_voided;
        (read.pools, read.pending) = self.intake.end().into_parts();
    }

    fn take(
        &mut self,
        columns: &[Option<&[u8]>; COLUMNS],
        more: &[Option<&[u8]>],
    ) -> StoreResult<()> {
        let [
            account,
            symbol,
            order_id,
            side,
            size,
            price,
            time,
            fee,
            seq,
            void_seq,
            xid,
        ] = *columns;
        let xid = xid.and_then(binary::integer).unwrap_or(i64::MAX);
        if !self.visible.sees(xid) {
            // At present, a row that the snapshot does not see is from another cluster.
            return if self.is_past {
                Ok(())
            } else {
                Err(copied_ledger())
            };
        }
        let (account, symbol, order_id) = (text(account)?, text(symbol)?, text(order_id)?);
        let mut row = MoreRow::default();
        if more.iter().any(Option::is_some) {
            row.fill(more, binary::numeric_text);
        }
        let facts = row.text();
        let more = Some(&facts).filter(|more| !more.is_empty());
        let Some(place) = self.intake.place(account, symbol, more) else {
            return Ok(());
        };
        if self.is_voided(account, order_id, void_seq.is_some()) {
            self.rows_voided += u64::from(self.intake.is_base_wanted(place));
            return Ok(());
        }
        let names = (order_id, text(side)?);
        let numbers = [size, price, fee, time, seq];
        push(&mut self.intake, place, names, numbers, more);
        Ok(())
    }

    /// Tells whether a trade is voided as of the snapshot. `now` is the answer of the present.
    fn is_voided(&self, account: &str, order_id: &str, now: bool) -> bool {
        match &self.voided {
            None => now,
            Some(voided) if voided.is_empty() => false,
            Some(voided) => voided.contains(&(account.into(), order_id.into())),
        }
    }
}

/// Adds a row. A faulty row is added as text, for the message about its fault.
fn push(
    intake: &mut Intake<'_>,
    place: RowPlace,
    (order_id, side): (&str, &str),
    [size, price, fee, time, seq]: [Option<&[u8]>; 5],
    more: Option<&MoreText<'_>>,
) {
    let numbers = || {
        let fee = match fee {
            Some(fee) => Some(binary::fact(fee)?),
            None => None,
        };
        Some(TradeRef {
            order_id,
            side: side.parse().ok()?,
            size: binary::fact(size?)?,
            price: binary::fact(price?)?,
            fee,
            order_time: Timestamp::try_from_micros(binary::micros(time?)?).ok()?,
            trade_seq: seq.and_then(binary::integer),
            more: None,
            symbol: None,
            leg: Leg::Base,
            value: None,
            moved: None,
        })
    };
    if numbers().is_some_and(|trade| intake.push(place, &trade, more)) {
        return;
    }
    let number = |value: Option<&[u8]>| value.map(binary::numeric_text);
    let (size, price, fee) = (number(size), number(price), number(fee));
    let text = TradeText {
        order_id,
        side,
        size: size.as_deref().unwrap_or_default(),
        price: price.as_deref().unwrap_or_default(),
        fee: fee.as_deref(),
        order_time_micros: time.and_then(binary::micros_or_infinity),
        trade_seq: seq.and_then(binary::integer),
        more,
    };
    intake.push_text(place, &text);
}

fn text(bytes: Option<&[u8]>) -> StoreResult<&str> {
    let bytes = bytes.unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|_| unreadable("order_id", &String::from_utf8_lossy(bytes)))
}

pub(super) fn copied_ledger() -> StoreError {
    PostgresRefusal::CopiedLedger.into()
}

/// Returns the present snapshot as the server's text, the identifier of its cluster, and the last
/// numbers of all that has one.
pub(super) async fn snapshot_now(
    connection: &mut PgConnection,
    action: &'static str,
) -> StoreResult<(String, String, Cursors)> {
    let now: (String, String, i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT pg_current_snapshot()::text, system_identifier::text, \
                (SELECT coalesce(max(rate_seq), 0) FROM rates), \
                (SELECT coalesce(max(void_seq), 0) FROM import_voids), \
                (SELECT coalesce(max(action_seq), 0) FROM asset_actions), \
                (SELECT coalesce(max(movement_seq), 0) FROM asset_movements), \
                (SELECT coalesce(max(decision_seq), 0) FROM transfer_decisions) \
         FROM pg_control_system()",
    )
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let cursors = Cursors {
        rate_seq: now.2,
        import_void_seq: now.3,
        action_seq: now.4,
        movement_seq: now.5,
        decision_seq: now.6,
    };
    Ok((now.0, now.1, cursors))
}

/// Returns the snapshot of a watermark. Errors: another cluster's, or an unguarded ledger's.
pub(super) fn snapshot_of(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Snapshot {
            snapshot,
            cluster: theirs,
            ..
        } if theirs == cluster => Ok(snapshot.clone()),
        Watermark::Unguarded {
            cluster: theirs, ..
        } if theirs == cluster => Err(StoreError::WatermarkElsewhere(Elsewhere::Unguarded)),
        _ => Err(StoreError::WatermarkElsewhere(Elsewhere::Cluster)),
    }
}

/// Returns the snapshot of a watermark, for tables that only this program writes.
///
/// Errors: the watermark is of another cluster, or has no snapshot.
pub(super) fn snapshot_seen(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Unguarded {
            snapshot,
            cluster: theirs,
            ..
        } if theirs == cluster => Ok(snapshot.clone()),
        other => snapshot_of(other, cluster),
    }
}

/// Reads the columns of [`name_columns`], which come first in a row.
pub(super) fn names(row: &PgRow) -> sqlx::Result<RowNames> {
    let stated = [
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
        row.try_get(5)?,
    ];
    Ok((row.try_get(0)?, row.try_get(1)?, stated))
}

/// Counts the rows that are no executions, by reason; `condition` is a WHERE clause.
pub(super) async fn count_ineligible(
    connection: &mut PgConnection,
    (scope, rules): (&Scope, &AssetRules),
    condition: &str,
    reasons: &mut BTreeMap<String, u64>,
) -> StoreResult<()> {
    let action = "read the ledger";
    let key = name_columns();
    let sql = format!(
        "SELECT {key}, reason, count(*) FROM ineligible_trades {condition} \
         GROUP BY {key}, reason"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await;
    let failed = |e| from_sqlx(action, e);
    for row in rows.map_err(failed)? {
        let pools = more::pools_of(rules, &names(&row).map_err(failed)?);
        if pools.first().is_some_and(|base| scope.contains(base)) {
            let (reason, rows): (String, i64) = (
                row.try_get(6).map_err(failed)?,
                row.try_get(7).map_err(failed)?,
            );
            *reasons.entry(reason).or_default() += rows as u64;
        }
    }
    Ok(())
}
