//! The ledger in SQLite: imports, voids, and reads of eligible trades.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};
use serde_json::json;

use super::errors::{from_rusqlite, from_sqlx};
use super::raw::with_raw;
use super::{SqliteStore, commit, runs};
use crate::engine::{Fact, LineRoom, Pool, PoolLedger, PoolNames, Timestamp, TradeRef, TradeText};
use crate::store::cells::pool;
use crate::store::corrections::{Forms, Relative};
use crate::store::limits::ROWS_SEEN;
use crate::store::model::{
    Event, LedgerCounts, LedgerRead, PoolSizes, Scope, VoidChange, Watermark,
};
use crate::store::rules::check_voidable;
use crate::store::{Elsewhere, Seen, StoreError, StoreResult};

/// Appends a void or an undo.
pub(super) async fn void(store: &SqliteStore, change: &VoidChange) -> StoreResult<()> {
    let action = "void a trade";
    let mut transaction = store.writer().await?;
    let (account, order_id) = (change.account.as_str(), change.order_id.as_str());
    let state: Option<bool> = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM active_voids v WHERE v.account = t.account \
         AND v.order_id = t.order_id) FROM trade_records t WHERE account = $1 AND order_id = $2",
    )
    .bind(account)
    .bind(order_id)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let relatives = with_raw(&mut transaction, action, |raw| {
        relatives(raw, account, order_id).map_err(|e| from_rusqlite(action, e))
    });
    check_voidable(change, state, &relatives.await?)?;
    sqlx::query(
        "INSERT INTO trade_voids (account, order_id, reason, voided_by, voided_at, undone) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(account)
    .bind(order_id)
    .bind(&change.reason)
    .bind(&change.voided_by)
    .bind(change.voided_at.as_micros())
    .bind(change.undo)
    .execute(&mut *transaction)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let details = json!({ "account": account, "order_id": order_id, "undo": change.undo,
        "reason": change.reason, "by": change.voided_by });
    runs::log_event(
        &mut transaction,
        &Event::info("void", change.voided_at, details),
    )
    .await?;
    commit(transaction).await
}

/// Returns the rows among which all forms of an order are, its corrections and what it corrects.
pub(super) fn relatives(
    raw: &Connection,
    account: &str,
    order_id: &str,
) -> rusqlite::Result<Vec<Relative>> {
    let Forms { original, from, to } = Forms::of(order_id);
    let mut statement = raw.prepare(
        "SELECT order_id, EXISTS (SELECT 1 FROM eligible_trades e WHERE e.account = t.account \
         AND e.order_id = t.order_id AND e.void_seq IS NULL) FROM trade_records t \
         WHERE account = ?1 AND (order_id = ?2 OR (order_id >= ?3 AND order_id < ?4))",
    )?;
    let rows = statement.query_map(params![account, original, from, to], |row| {
        let (order_id, counts) = (row.get(0)?, row.get(1)?);
        Ok(Relative { order_id, counts })
    })?;
    rows.collect()
}

/// Counts the ledger's rows; each is in exactly one of the two views.
pub(super) async fn counts(store: &SqliteStore) -> StoreResult<LedgerCounts> {
    let mut connection = store.reader().await?;
    let row: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "WITH seen AS (SELECT account, order_id FROM eligible_trades \
                       UNION ALL SELECT account, order_id FROM ineligible_trades), \
              times AS (SELECT account, order_id, count(*) AS n FROM seen \
                        GROUP BY account, order_id) \
         SELECT (SELECT count(*) FROM trade_records), (SELECT count(*) FROM eligible_trades), \
                (SELECT count(*) FROM ineligible_trades), (SELECT count(*) FROM active_voids), \
                (SELECT count(*) FROM trade_records t LEFT JOIN times USING (account, order_id) \
                 WHERE n IS NULL), \
                (SELECT count(*) FROM times WHERE n > 1)",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("count the ledger", e))?;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(LedgerCounts {
        rows: count(row.0),
        eligible: count(row.1),
        ineligible: count(row.2),
        voided: count(row.3),
        in_neither: count(row.4),
        in_both: count(row.5),
    })
}

/// Reads the pools of a scope through the gate, in one snapshot.
pub(super) async fn read(
    store: &SqliteStore,
    scope: &Scope,
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let as_of = as_of.map(sequence).transpose()?;
    let mut transaction = store.snapshot().await?;
    with_raw(&mut transaction, "read the ledger", |raw| {
        let mut going = true;
        let mut seen = |rows| {
            going = seen(rows);
            going
        };
        let read = read_pools(raw, scope, as_of, &mut seen);
        let read = read.map_err(|e| from_rusqlite("read the ledger", e))?;
        if going {
            Ok(read)
        } else {
            Err(StoreError::Stopped)
        }
    })
    .await
}

/// Counts the rows of each pool of a scope, in one snapshot.
pub(super) async fn pool_sizes(store: &SqliteStore, scope: &Scope) -> StoreResult<PoolSizes> {
    let mut transaction = store.snapshot().await?;
    with_raw(&mut transaction, "count the ledger", |raw| {
        sizes_in(raw, scope).map_err(|e| from_rusqlite("count the ledger", e))
    })
    .await
}

fn sizes_in(raw: &Connection, scope: &Scope) -> rusqlite::Result<PoolSizes> {
    let (ingest_seq, void_seq) = newest(raw)?;
    let mut sizes = PoolSizes {
        watermark: Watermark::Sequence {
            ingest_seq,
            void_seq,
        },
        rows: BTreeMap::new(),
    };
    let mut statement = raw.prepare(
        "SELECT account, symbol, sum(n) FROM ( \
             SELECT account, symbol, count(*) AS n FROM eligible_trades GROUP BY account, symbol \
             UNION ALL SELECT DISTINCT account, symbol, 0 FROM ineligible_trades) \
         GROUP BY account, symbol",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |index| row.get_ref(index).map(|value| value.as_str().unwrap_or(""));
        let pool = pool(text(0)?, text(1)?);
        if scope.contains(&pool) {
            sizes
                .rows
                .insert(pool, u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
        }
    }
    Ok(sizes)
}

/// Returns the last arrival and the last void.
pub(super) fn newest(raw: &Connection) -> rusqlite::Result<(i64, i64)> {
    raw.query_row(
        "SELECT (SELECT ifnull(max(ingest_seq), 0) FROM trade_records), \
                (SELECT ifnull(max(void_seq), 0) FROM trade_voids)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Returns the numbers of a watermark. Errors: it is of a database that numbers nothing.
pub(super) fn sequence(watermark: &Watermark) -> StoreResult<(i64, i64)> {
    let elsewhere = StoreError::WatermarkElsewhere(Elsewhere::Postgres);
    watermark.sequence().ok_or(elsewhere)
}

/// Voids in force as of a watermark: not the view's, which knows only this instant.
const VOIDED_AS_OF: &str = "SELECT account, order_id FROM trade_voids v WHERE undone = 0 AND \
    void_seq = (SELECT max(w.void_seq) FROM trade_voids w WHERE w.account = v.account \
    AND w.order_id = v.order_id AND w.void_seq <= ?1)";

/// Returns the voids in force as of an instant.
pub(super) async fn voided(
    store: &SqliteStore,
    as_of: &Watermark,
) -> StoreResult<BTreeSet<(String, String)>> {
    let (_, void_seq) = sequence(as_of)?;
    let mut transaction = store.snapshot().await?;
    with_raw(&mut transaction, "read the voids", |raw| {
        voided_as_of(raw, void_seq).map_err(|e| from_rusqlite("read the voids", e))
    })
    .await
}

fn voided_as_of(raw: &Connection, void_seq: i64) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let mut statement = raw.prepare(VOIDED_AS_OF)?;
    let rows = statement.query_map([void_seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn read_pools(
    raw: &Connection,
    scope: &Scope,
    as_of: Option<(i64, i64)>,
    seen: Seen<'_>,
) -> rusqlite::Result<LedgerRead> {
    let newest = newest(raw)?;
    let (ingest_seq, void_seq) = as_of.unwrap_or(newest);
    let watermark = Watermark::Sequence {
        ingest_seq,
        void_seq,
    };
    let mut read = LedgerRead {
        watermark,
        ..LedgerRead::default()
    };
    let voided = match as_of {
        Some(_) => voided_as_of(raw, void_seq)?,
        None => BTreeSet::new(),
    };
    let mut statement = raw.prepare(
        "SELECT account, symbol, order_id, side, size, price, order_time, total_fees_usd, \
         trade_seq, void_seq FROM eligible_trades WHERE ingest_seq <= ?1 \
         AND order_time > ?2 AND order_time <= ?3",
    )?;
    let slice = scope.slice.unwrap_or_default();
    let after = slice.after.map_or(i64::MIN, Timestamp::as_micros);
    let until = slice.until.map_or(i64::MAX, Timestamp::as_micros);
    let mut rows = statement.query([ingest_seq, after, until])?;
    let mut gate = GateRows::new(scope);
    let mut rows_read = 0;
    while let Some(row) = rows.next()? {
        let is_voided = match as_of {
            None => row.get::<_, Option<i64>>(9)?.is_some(),
            Some(_) if voided.is_empty() => false,
            Some(_) => voided.contains(&(row.get(0)?, row.get(2)?)),
        };
        gate.take_row(row, is_voided)?;
        rows_read += 1;
        if rows_read % ROWS_SEEN == 0 && !seen(ROWS_SEEN) {
            return Ok(read);
        }
    }
    seen(rows_read % ROWS_SEEN);
    (read.pools, read.voided) = gate.into_pools();
    if scope.is_first_slice() {
        count_ineligible(raw, scope, ingest_seq, &mut read)?;
    }
    Ok(read)
}

/// Returns the instants that cut a pool into slices of about so many rows.
pub(super) async fn slice_times(
    store: &SqliteStore,
    pool: &Pool,
    rows: u64,
) -> StoreResult<Option<Vec<Timestamp>>> {
    let action = "cut a pool into slices";
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let mut transaction = store.snapshot().await?;
    with_raw(&mut transaction, action, |raw| {
        let times = || {
            let mut statement = raw.prepare(
                "SELECT DISTINCT order_time FROM ( \
                     SELECT order_time, row_number() OVER (ORDER BY order_time) AS nth \
                     FROM eligible_trades WHERE account = ?1 AND symbol = ?2) \
                 WHERE nth % ?3 = 0 ORDER BY order_time",
            )?;
            let arguments = params![pool.account.as_str(), pool.symbol.as_str(), rows];
            let times = statement.query_map(arguments, |row| row.get(0))?;
            times.collect::<rusqlite::Result<Vec<i64>>>()
        };
        let times = times().map_err(|e| from_rusqlite(action, e))?;
        // A time that is none is found where the row is read.
        let times = times.into_iter().map(Timestamp::try_from_micros);
        Ok(Some(times.filter_map(Result::ok).collect()))
    })
    .await
}

fn count_ineligible(
    raw: &Connection,
    scope: &Scope,
    ingest_seq: i64,
    read: &mut LedgerRead,
) -> rusqlite::Result<()> {
    let mut statement = raw.prepare(
        "SELECT account, symbol, reason, count(*) FROM ineligible_trades \
         WHERE ingest_seq <= ?1 GROUP BY account, symbol, reason",
    )?;
    let mut rows = statement.query([ingest_seq])?;
    while let Some(row) = rows.next()? {
        let text = |index| row.get_ref(index).map(|value| value.as_str().unwrap_or(""));
        if scope.contains(&pool(text(0)?, text(1)?)) {
            let count: i64 = row.get(3)?;
            *read.ineligible.entry(row.get(2)?).or_default() += count as u64;
        }
    }
    Ok(())
}

/// The ledger's rows on their way into pools.
pub(super) struct GateRows<'a> {
    scope: &'a Scope,
    pools: BTreeMap<Pool, PoolLedger>,
    /// Pools outside the scope.
    others: BTreeSet<Pool>,
    room: LineRoom,
    voided: u64,
}

impl<'a> GateRows<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            pools: BTreeMap::new(),
            others: BTreeSet::new(),
            room: LineRoom::default(),
            voided: 0,
        }
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
        let fee = match row.get_ref(7)? {
            rusqlite::types::ValueRef::Null => None,
            value => Some(value.as_str().unwrap_or("")),
        };
        let facts = TradeText {
            order_id: text(2)?,
            side: text(3)?,
            size: text(4)?,
            price: text(5)?,
            fee,
            order_time_micros: row.get_ref(6)?.as_i64().ok(),
            trade_seq: row.get(8)?,
        };
        let mut room = std::mem::take(&mut self.room);
        if let Some(ledger) = self.ledger(account, symbol) {
            // What is not plain goes the long way, which names what is wrong with it.
            let trade = plain(&facts);
            let is_taken = trade.is_some_and(|trade| ledger.try_push(&trade, &mut room).is_ok());
            if !is_taken {
                ledger.push_text(&facts);
            }
        }
        self.room = room;
        Ok(())
    }

    /// Finds a row's pool. `None`: it is outside the scope.
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

/// Reads a trade whose numbers are plain digits. `None`: one is not.
fn plain<'a>(text: &TradeText<'a>) -> Option<TradeRef<'a>> {
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
    })
}

/// Says how many rows the ledger has: rows are numbered as they arrive, and none is ever deleted.
pub(super) async fn rows_about(store: &SqliteStore) -> StoreResult<Option<u64>> {
    let mut connection = store.reader().await?;
    let rows: Option<i64> = sqlx::query_scalar("SELECT max(ingest_seq) FROM trade_records")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(rows.and_then(|rows| u64::try_from(rows).ok()))
}

/// Returns the file and line that a trade came from.
pub(super) async fn origin(
    store: &SqliteStore,
    account: &str,
    order_id: &str,
) -> StoreResult<Option<(String, i64, Timestamp)>> {
    let mut connection = store.reader().await?;
    let row: Option<(String, i64, i64)> = sqlx::query_as(
        "SELECT i.name, t.import_line, i.imported_at FROM trade_records t \
         JOIN imports i ON i.id = t.import_id WHERE t.account = $1 AND t.order_id = $2",
    )
    .bind(account)
    .bind(order_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|e| from_sqlx("look up a trade's file", e))?;
    Ok(row.map(|(name, line, at)| {
        (
            name,
            line,
            Timestamp::try_from_micros(at).unwrap_or(Timestamp::EPOCH),
        )
    }))
}
