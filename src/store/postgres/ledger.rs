//! The ledger in PostgreSQL: imports, voids, and reading it through the gate.
//!
//! What arrived is asked of a snapshot, not of a sequence: a slow transaction that commits late is
//! in no earlier snapshot, so it is never missed. Source: docs/SPEC-matching.md, "Versions".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, Transaction};

use super::adopt::Ledger;
use super::binary::{push_bytes, push_decimal, push_i64, push_null, push_size, push_time};
use super::copy::BinaryCopy;
use super::errors::from_sqlx;
use super::gate::{self, GateRows};
use super::read::{PgCells, select};
use super::{PostgresStore, commit, copy, end_snapshot, runs, writings};
use crate::engine::{Carried, LedgerTrade, Pool, Timestamp, Trade, TradeText};
use crate::store::cells::{Cells, pool};
use crate::store::model::{
    Event, ImportBatch, ImportMode, ImportReceipt, LedgerCounts, LedgerRead, PoolSizes, Scope,
    VoidChange, Watermark, Writings,
};
use crate::store::phase::{self, Phase};
use crate::store::rules::{
    CORRECTION_MARK, KnownTrades, TradeKey, check_voidable, correction_number, plan_import,
};
use crate::store::{Seen, StoreError, StoreResult};

/// The key of the lock that lets our imports and voids in one after another: "fifo-imp" as bytes.
const IMPORT_LOCK_KEY: i64 = i64::from_be_bytes(*b"fifo-imp");

/// Ids looked up in one statement.
const LOOKUP_IDS_MAX: usize = 5_000;

/// Begins a transaction that writes to the ledger, after the last one that does has ended.
async fn ledger_writer(store: &PostgresStore) -> StoreResult<Transaction<'static, Postgres>> {
    let mut transaction = store.writer().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(IMPORT_LOCK_KEY)
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("wait for another import", e))?;
    Ok(transaction)
}

/// Imports a file, in one transaction.
///
/// Nearly every file is all new: so it is appended without a question, and only where the ledger
/// has one of its ids already is that taken back, looked up and planned.
pub(super) async fn import(
    store: &PostgresStore,
    batch: &ImportBatch,
) -> StoreResult<ImportReceipt> {
    let mut transaction = ledger_writer(store).await?;
    // Where the ledger is another table than the one we append to, no key says what is known.
    let is_one_table = store.ledger == Ledger::Ours;
    if batch.mode == ImportMode::Append && !batch.preview && is_one_table {
        let trades: Vec<&LedgerTrade> = batch.trades.iter().collect();
        let receipt = ImportReceipt {
            appended: trades.len() as u64,
            ..ImportReceipt::default()
        };
        execute(&mut transaction, "SAVEPOINT all_new").await?;
        match write_import(&mut transaction, store.ledger, batch, &trades, &[]).await? {
            Some(import_id) => return end_import(transaction, batch, receipt, import_id).await,
            None => execute(&mut transaction, "ROLLBACK TO all_new").await?,
        }
    }
    let known = known_trades(&mut transaction, store.ledger, &batch.trades).await?;
    let plan = plan_import(batch.trades.clone(), &known, &batch.mode);
    let receipt = ImportReceipt {
        import_id: None,
        appended: plan.append.len() as u64 - plan.void.len() as u64,
        known: plan.known,
        corrected: plan.void.len() as u64,
        conflicts: plan.conflicts.clone(),
    };
    let stopped = !receipt.conflicts.is_empty() && !batch.skip_conflicts;
    if batch.preview || stopped {
        return Ok(receipt);
    }
    let trades: Vec<&LedgerTrade> = plan.append.iter().collect();
    match write_import(&mut transaction, store.ledger, batch, &trades, &plan.void).await? {
        Some(import_id) => end_import(transaction, batch, receipt, import_id).await,
        None => Err(StoreError::Database {
            action: "append trades",
            message: "an id that was looked up and not found is there".into(),
            source: None,
        }),
    }
}

async fn execute(connection: &mut PgConnection, sql: &'static str) -> StoreResult<()> {
    let done = sqlx::query(sql).execute(connection).await;
    done.map(|_| ()).map_err(|e| from_sqlx("append trades", e))
}

async fn end_import(
    mut transaction: Transaction<'static, Postgres>,
    batch: &ImportBatch,
    mut receipt: ImportReceipt,
    import_id: i64,
) -> StoreResult<ImportReceipt> {
    receipt.import_id = Some(import_id);
    let details = json!({
        "import_id": import_id, "file": batch.name, "sha256": batch.sha256,
        "appended": receipt.appended, "known": receipt.known, "corrected": receipt.corrected,
        "conflicts": receipt.conflicts.len(), "rejected": batch.rejects.len(),
    });
    let event = Event::info("import", batch.imported_at, details);
    runs::log_event(&mut transaction, &event).await?;
    phase::reached(Phase::Append);
    commit(transaction).await?;
    Ok(receipt)
}

/// Returns what the ledger knows of the trades' ids, with the corrections of each.
async fn known_trades(
    connection: &mut PgConnection,
    ledger: Ledger,
    trades: &[LedgerTrade],
) -> StoreResult<KnownTrades> {
    let mut known = KnownTrades::new();
    // A ledger that was there is gone over whole for each lookup: so there is one.
    let ids_max = match ledger {
        Ledger::Ours => LOOKUP_IDS_MAX,
        Ledger::Unguarded | Ledger::Guarded => usize::MAX,
    };
    for chunk in trades.chunks(ids_max) {
        let accounts: Vec<&str> = chunk.iter().map(|trade| trade.account.as_str()).collect();
        let ids: Vec<&str> = chunk
            .iter()
            .map(|trade| trade.trade.order_id.as_str())
            .collect();
        // The range holds `<id>~2`, `<id>~3`, ...: the mark's successor as a byte ends it.
        let columns = [
            "id",
            "t.account",
            "t.order_id",
            "t.symbol",
            "t.side",
            "trim_scale(t.size)::text",
            "trim_scale(t.price)::text",
            "(extract(epoch FROM t.order_time) * 1000000)::bigint",
            "trim_scale(t.total_fees_usd)::text",
            "t.trade_seq",
            "t.status",
            "t.exchange_order_id",
        ];
        let rows = select(&columns, known_from(ledger))
            .bind(accounts)
            .bind(ids)
            .bind(CORRECTION_MARK.to_string())
            .bind("\u{7f}")
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx("look up known trades", e))?;
        for row in &rows {
            let id: String = row
                .try_get(0)
                .map_err(|e| from_sqlx("look up known trades", e))?;
            let row = ledger_trade(row)?;
            let row_id = row.trade.order_id.as_str();
            if row_id == id || correction_number(row_id, &id).is_some() {
                let order_id = id.parse().map_err(|_| unreadable("order_id", &id))?;
                known
                    .entry((row.account.clone(), order_id))
                    .or_default()
                    .push(row);
            }
        }
    }
    Ok(known)
}

/// Returns where the rows of some ids are looked for, and of their corrections.
fn known_from(ledger: Ledger) -> &'static str {
    // The range holds `<id>~2`, `<id>~3`, ...: the mark's successor as a byte ends it.
    match ledger {
        // Two lookups by key for each id: with one OR in place of the two the server reads the
        // whole ledger for each.
        Ledger::Ours => {
            "unnest($1::text[], $2::text[]) AS k (account, id) CROSS JOIN LATERAL ( \
             SELECT * FROM trade_records WHERE account = k.account COLLATE \"C\" \
             AND order_id = k.id COLLATE \"C\" \
             UNION ALL SELECT * FROM trade_records WHERE account = k.account COLLATE \"C\" \
             AND order_id >= (k.id || $3) COLLATE \"C\" \
             AND order_id < (k.id || $4) COLLATE \"C\") t \
             ORDER BY t.ingest_xid, t.import_line, length(t.order_id), t.order_id"
        }
        // The ledger that was there is gone over once: its key need not be of our spelling.
        // Corrections are rows of ours.
        Ledger::Unguarded | Ledger::Guarded => {
            "(SELECT k.id, r.* FROM unnest($1::text[], $2::text[]) AS k (account, id) \
             JOIN ledger_rows r ON r.account = k.account AND r.order_id = k.id \
             UNION ALL SELECT k.id, r.* \
             FROM unnest($1::text[], $2::text[]) AS k (account, id) CROSS JOIN LATERAL ( \
             SELECT l.* FROM trade_additions a JOIN ledger_rows l \
                 ON l.account = a.account AND l.order_id = a.order_id \
             WHERE a.account = k.account COLLATE \"C\" \
             AND a.order_id >= (k.id || $3) COLLATE \"C\" \
             AND a.order_id < (k.id || $4) COLLATE \"C\") r) t \
             ORDER BY t.ingest_xid, t.import_line, length(t.order_id), t.order_id"
        }
    }
}

pub(super) fn unreadable(column: &'static str, found: &str) -> StoreError {
    StoreError::Unreadable {
        table: "trade_records",
        column,
        found: found.to_owned(),
    }
}

fn ledger_trade(row: &PgRow) -> StoreResult<LedgerTrade> {
    let cells = PgCells(row);
    let text = |index| cells.text(index).map_err(|found| unreadable("?", &found));
    let number = |index| {
        cells
            .integer(index)
            .map_err(|found| unreadable("?", &found))
    };
    let required = |index| text(index).map(Option::unwrap_or_default);
    let (account, order_id, symbol_text) = (required(1)?, required(2)?, required(3)?);
    let (side, size, price, fee) = (required(4)?, required(5)?, required(6)?, text(8)?);
    let facts = TradeText {
        order_id: &order_id,
        side: &side,
        size: &size,
        price: &price,
        fee: fee.as_deref(),
        order_time_micros: number(7)?,
        trade_seq: number(9)?,
    };
    Ok(LedgerTrade {
        account: account
            .parse()
            .map_err(|_| unreadable("account", &account))?,
        symbol: symbol_text
            .parse()
            .map_err(|_| unreadable("symbol", &symbol_text))?,
        trade: Trade::try_from_text(&facts)
            .map_err(|invalid| unreadable(invalid.column, &invalid.to_string()))?,
        symbol_text,
        status: text(10)?,
        carried: Carried {
            exchange_order_id: text(11)?,
            ..Carried::default()
        },
        import_line: 0,
    })
}

const TRADE_COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
    total_fees_usd, trade_seq, status, order_type, source, ingest_via, exchange, \
    exchange_order_id, linked_order_id, import_id, import_line, ingested_at";

const TRADE_COLUMNS_COUNT: i16 = 19;

/// Writes an import and its trades; returns its number. `None`: the ledger has one of the ids.
async fn write_import(
    connection: &mut PgConnection,
    ledger: Ledger,
    batch: &ImportBatch,
    trades: &[&LedgerTrade],
    void: &[TradeKey],
) -> StoreResult<Option<i64>> {
    // Numbers without gaps: an attempt that was taken back must not use one up, and nobody else
    // imports meanwhile.
    let import_id: i64 = sqlx::query_scalar(
        "INSERT INTO imports (id, name, sha256, rows, imported_at) \
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM imports), $1, $2, $3, $4::timestamptz) \
         RETURNING id",
    )
    .bind(&batch.name)
    .bind(&batch.sha256)
    .bind(trades.len() as i64)
    .bind(batch.imported_at.to_string())
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("append trades", e))?;
    let mut tail = Vec::new();
    push_i64(&mut tail, import_id);
    let mut copy = BinaryCopy::new(
        connection,
        "append trades",
        (ledger.additions(), TRADE_COLUMNS),
    );
    let mut rows = Vec::new();
    for (nth, row) in trades.iter().enumerate() {
        push_trade(&mut rows, row, &tail, batch.imported_at);
        if rows.len() >= CHUNK_BYTES || nth + 1 == trades.len() {
            copy.send(&rows).await?;
            rows.clear();
        }
    }
    if !copy.finish_unless_taken().await? {
        return Ok(None);
    }
    write_rejects_and_voids(connection, batch, void, import_id).await?;
    Ok(Some(import_id))
}

/// Bytes sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Spells a trade for binary COPY, in the order of [`TRADE_COLUMNS`].
fn push_trade(out: &mut Vec<u8>, row: &LedgerTrade, import: &[u8], at: Timestamp) {
    let (trade, carried) = (&row.trade, &row.carried);
    out.extend_from_slice(&TRADE_COLUMNS_COUNT.to_be_bytes());
    push_bytes(out, row.account.as_str().as_bytes());
    push_bytes(out, trade.order_id.as_str().as_bytes());
    push_bytes(out, row.symbol_text.as_bytes());
    push_bytes(out, trade.side.as_str().as_bytes());
    push_size(out, trade.size);
    push_decimal(out, trade.price.as_decimal());
    push_time(out, trade.order_time);
    match trade.fee {
        Some(fee) => push_decimal(out, fee.as_decimal()),
        None => push_null(out),
    }
    match trade.trade_seq {
        Some(sequence) => push_i64(out, sequence),
        None => push_null(out),
    }
    let texts = [
        &row.status,
        &carried.order_type,
        &carried.source,
        &carried.ingest_via,
        &carried.exchange,
        &carried.exchange_order_id,
        &carried.linked_order_id,
    ];
    for text in texts {
        match text {
            Some(text) => push_bytes(out, text.as_bytes()),
            None => push_null(out),
        }
    }
    out.extend_from_slice(import);
    push_i64(out, i64::try_from(row.import_line).unwrap_or(i64::MAX));
    push_time(out, at);
}

async fn write_rejects_and_voids(
    connection: &mut PgConnection,
    batch: &ImportBatch,
    void: &[TradeKey],
    import_id: i64,
) -> StoreResult<()> {
    let mut rows = copy::Rows::default();
    for reject in &batch.rejects {
        rows.value(import_id);
        rows.value(reject.line);
        let texts = [
            &reject.order_id,
            &reject.column,
            &reject.found,
            &reject.reason,
            &reject.text,
        ];
        texts.into_iter().for_each(|text| rows.text(text));
        rows.end_row();
    }
    let columns = "import_id, line, order_id, column_name, found, reason, line_text";
    copy::send(
        connection,
        "keep the rejected rows",
        "import_rejects",
        columns,
        rows,
    )
    .await?;
    let ImportMode::Correct { reason } = &batch.mode else {
        return Ok(());
    };
    for (account, order_id) in void {
        insert_void(
            connection,
            &VoidChange {
                account: account.clone(),
                order_id: order_id.as_str().to_owned(),
                reason: reason.clone(),
                voided_by: batch.imported_by.clone(),
                voided_at: batch.imported_at,
                undo: false,
            },
        )
        .await?;
    }
    Ok(())
}

async fn insert_void(connection: &mut PgConnection, change: &VoidChange) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO trade_voids (account, order_id, reason, voided_by, voided_at, undone) \
         VALUES ($1, $2, $3, $4, $5::timestamptz, $6)",
    )
    .bind(change.account.as_str())
    .bind(&change.order_id)
    .bind(&change.reason)
    .bind(&change.voided_by)
    .bind(change.voided_at.to_string())
    .bind(change.undo)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("void a trade", e))
}

/// Appends a void or an undo.
pub(super) async fn void(store: &PostgresStore, change: &VoidChange) -> StoreResult<()> {
    let mut transaction = ledger_writer(store).await?;
    let (account, order_id) = (change.account.as_str(), change.order_id.as_str());
    let state: Option<bool> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT 1 FROM active_voids v WHERE v.account = t.account \
         AND v.order_id = t.order_id) FROM {} t WHERE account = $1 AND order_id = $2",
        store.ledger.rows()
    )))
    .bind(account)
    .bind(order_id)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(|e| from_sqlx("void a trade", e))?;
    check_voidable(change, state)?;
    insert_void(&mut transaction, change).await?;
    let details = json!({ "account": account, "order_id": order_id, "undo": change.undo,
        "reason": change.reason, "by": change.voided_by });
    runs::log_event(
        &mut transaction,
        &Event::info("void", change.voided_at, details),
    )
    .await?;
    commit(transaction).await
}

/// Counts the ledger's rows; each is in exactly one of the two views.
pub(super) async fn counts(store: &PostgresStore) -> StoreResult<LedgerCounts> {
    let mut connection = store.reader().await?;
    let action = "count the ledger";
    // Each row has a key of its own, so where both views together have as many rows as the table,
    // and the same sum of the keys' hashes, every row is in one of them and none in both.
    let of = |relation: &str| {
        format!(
            "(SELECT count(*) AS n, coalesce(sum(hashtextextended(order_id, \
                hashtextextended(account, 0))), 0) AS keys FROM {relation})"
        )
    };
    let row: (i64, i64, i64, i64, bool) = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT t.n, e.n, i.n, (SELECT count(*) FROM active_voids), \
                t.n = e.n + i.n AND t.keys = e.keys + i.keys FROM {} t, {} e, {} i",
        of(store.ledger.rows()),
        of("eligible_trades"),
        of("ineligible_trades")
    )))
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let (in_neither, in_both) = match row.4 {
        true => (0, 0),
        false => misplaced(&mut connection, store.ledger).await?,
    };
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(LedgerCounts {
        rows: count(row.0),
        eligible: count(row.1),
        ineligible: count(row.2),
        voided: count(row.3),
        in_neither: count(in_neither),
        in_both: count(in_both),
    })
}

/// Counts the rows in neither view, and those in both: an adapted view is wrong.
async fn misplaced(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<(i64, i64)> {
    sqlx::query_as(AssertSqlSafe(format!(
        "WITH seen AS (SELECT account, order_id FROM eligible_trades \
                       UNION ALL SELECT account, order_id FROM ineligible_trades), \
              times AS (SELECT account, order_id, count(*) AS n FROM seen \
                        GROUP BY account, order_id) \
         SELECT (SELECT count(*) FROM {} t LEFT JOIN times USING (account, order_id) \
                 WHERE n IS NULL), \
                (SELECT count(*) FROM times WHERE n > 1)",
        ledger.rows()
    )))
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("count the ledger", e))
}

/// Reads the pools of a scope through the gate, in one snapshot.
pub(super) async fn read(
    store: &PostgresStore,
    scope: &Scope,
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let mut connection = store.snapshot().await?;
    let read = read_in(&mut connection, store.ledger, scope, as_of, seen).await;
    end_snapshot(connection, read).await
}

async fn read_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    scope: &Scope,
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let (snapshot, cluster): (String, String) = sqlx::query_as(
        "SELECT pg_current_snapshot()::text, system_identifier::text FROM pg_control_system()",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("read the ledger", e))?;
    let as_of = as_of
        .map(|watermark| snapshot_seen(watermark, &cluster))
        .transpose()?;
    let voided = match &as_of {
        None => None,
        Some(snapshot) => Some(voided_as_of(connection, snapshot).await?),
    };
    let snapshot = as_of.clone().unwrap_or(snapshot);
    let mut read = LedgerRead::default();
    let rows = GateRows::new(scope, &snapshot, voided, as_of.is_some())?;
    let condition = slice_condition(scope);
    let rows = gate::copy_out(connection, &condition, rows, &mut read, seen).await?;
    let all_are_eligible = ledger != Ledger::Ours
        && condition.is_empty()
        && rows == rows_in(connection, ledger).await?;
    if scope.is_first_slice() && !all_are_eligible {
        count_ineligible(connection, scope, &snapshot, &mut read).await?;
    }
    read.watermark = match ledger {
        Ledger::Ours | Ledger::Guarded => Watermark::Snapshot { snapshot, cluster },
        Ledger::Unguarded => Watermark::Unguarded {
            snapshot,
            cluster,
            // Of an earlier instant nobody knows them any more.
            writings: match as_of {
                None => writings::seen(connection).await?,
                Some(_) => Writings::default(),
            },
        },
    };
    Ok(read)
}

/// Counts the rows of each pool of a scope, in one snapshot.
pub(super) async fn pool_sizes(
    store: &PostgresStore,
    scope: &Scope,
) -> StoreResult<Option<PoolSizes>> {
    if store.ledger == Ledger::Unguarded {
        // It can change between two readings, and nothing tells what it was.
        return Ok(None);
    }
    let mut connection = store.snapshot().await?;
    let sizes = sizes_in(&mut connection, scope).await;
    end_snapshot(connection, sizes).await.map(Some)
}

async fn sizes_in(connection: &mut PgConnection, scope: &Scope) -> StoreResult<PoolSizes> {
    let action = "count the ledger";
    let (snapshot, cluster): (String, String) = sqlx::query_as(
        "SELECT pg_current_snapshot()::text, system_identifier::text FROM pg_control_system()",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
        "SELECT account, symbol, sum(n)::bigint, bool_and(seen) FROM ( \
             SELECT account, symbol, count(*) AS n, \
                    max(ingest_xid) < pg_snapshot_xmax($1::pg_snapshot) AS seen \
             FROM eligible_trades GROUP BY account, symbol \
             UNION ALL SELECT DISTINCT account, symbol, 0, true FROM ineligible_trades) pools \
         GROUP BY account, symbol",
    )
    .bind(&snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let mut sizes = PoolSizes {
        watermark: Watermark::Snapshot { snapshot, cluster },
        rows: BTreeMap::new(),
    };
    for (account, symbol, rows, is_ours) in &rows {
        if !is_ours {
            return Err(gate::copied_ledger());
        }
        let pool = pool(account, symbol);
        if scope.contains(&pool) {
            sizes.rows.insert(pool, u64::try_from(*rows).unwrap_or(0));
        }
    }
    Ok(sizes)
}

/// Leaves the choice of a slice's rows to the server, which need not send the others.
fn slice_condition(scope: &Scope) -> String {
    let after = |time: Timestamp| format!("order_time > '{time}'");
    let until = |time: Timestamp| format!("order_time <= '{time}'");
    match scope.slice.map(|slice| (slice.after, slice.until)) {
        None | Some((None, None)) => String::new(),
        Some((None, Some(end))) => format!("WHERE ({} OR order_time IS NULL)", until(end)),
        Some((Some(start), None)) => format!("WHERE {}", after(start)),
        Some((Some(start), Some(end))) => format!("WHERE {} AND {}", after(start), until(end)),
    }
}

/// Returns the instants that cut a pool into slices of about so many rows.
pub(super) async fn slice_times(
    store: &PostgresStore,
    pool: &Pool,
    rows: u64,
) -> StoreResult<Option<Vec<Timestamp>>> {
    let action = "cut a pool into slices";
    let mut connection = store.reader().await?;
    let times: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT (extract(epoch FROM order_time) * 1000000)::bigint AS cut FROM ( \
             SELECT order_time, row_number() OVER (ORDER BY order_time) AS nth \
             FROM eligible_trades WHERE account = $1 AND symbol = $2 AND isfinite(order_time)) o \
         WHERE nth % $3 = 0 ORDER BY cut",
    )
    .bind(pool.account.as_str())
    .bind(pool.symbol.as_str())
    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    // A time that is none is found where the row is read.
    let times = times.into_iter().map(Timestamp::try_from_micros);
    Ok(Some(times.filter_map(Result::ok).collect()))
}

/// Returns the snapshot that a version saw of what only we write.
///
/// Errors: it is another cluster's, or no snapshot at all.
fn snapshot_seen(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Unguarded {
            snapshot,
            cluster: theirs,
            ..
        } if theirs == cluster => Ok(snapshot.clone()),
        other => snapshot_of(other, cluster),
    }
}

/// Returns the snapshot of a watermark. Errors: it is another cluster's, or no snapshot at all.
pub(super) fn snapshot_of(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Snapshot {
            snapshot,
            cluster: theirs,
        } if theirs == cluster => Ok(snapshot.clone()),
        Watermark::Unguarded {
            cluster: theirs, ..
        } if theirs == cluster => Err(StoreError::Refused(
            "the version was computed from an unguarded ledger: what came since can't be \
                 told by transactions; compute a new version"
                .into(),
        )),
        _ => Err(StoreError::Refused(
            "the version was computed in another database cluster, whose transaction numbers \
             mean nothing here: compute a new version"
                .into(),
        )),
    }
}

pub(super) async fn count_ineligible(
    connection: &mut PgConnection,
    scope: &Scope,
    snapshot: &str,
    read: &mut LedgerRead,
) -> StoreResult<()> {
    let reasons: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT account, symbol, reason, count(*) FROM ineligible_trades \
         WHERE pg_visible_in_snapshot(ingest_xid, $1::pg_snapshot) \
         GROUP BY account, symbol, reason",
    )
    .bind(snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("read the ledger", e))?;
    for (account, symbol, reason, rows) in reasons {
        if scope.contains(&pool(&account, &symbol)) {
            *read.ineligible.entry(reason).or_default() += rows as u64;
        }
    }
    Ok(())
}

/// Counts a ledger's rows: at a small part of the time that asking which are ineligible takes in a
/// ledger that was there before us.
async fn rows_in(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<u64> {
    let sql = format!("SELECT count(*) FROM {}", ledger.rows());
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// Returns the voids in force as of a snapshot: not the view's, which knows only this instant.
async fn voided_as_of(
    connection: &mut PgConnection,
    snapshot: &str,
) -> StoreResult<BTreeSet<(String, String)>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT account, order_id FROM trade_voids v WHERE NOT undone AND void_seq = \
         (SELECT max(w.void_seq) FROM trade_voids w WHERE w.account = v.account \
          AND w.order_id = v.order_id AND pg_visible_in_snapshot(w.void_xid, $1::pg_snapshot))",
    )
    .bind(snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("read the voids", e))?;
    Ok(rows.into_iter().collect())
}

/// Says about how many rows the ledger has, as the server's statistics have it.
pub(super) async fn rows_about(store: &PostgresStore) -> StoreResult<Option<u64>> {
    let mut connection = store.reader().await?;
    let rows: i64 = sqlx::query_scalar(
        "SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid)) FROM pg_class \
         WHERE oid = 'public.trade_records'::regclass",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(u64::try_from(rows).ok().filter(|rows| *rows > 0))
}

/// Returns the file and line that a trade came from.
pub(super) async fn origin(
    store: &PostgresStore,
    account: &str,
    order_id: &str,
) -> StoreResult<Option<(String, i64, Timestamp)>> {
    let mut connection = store.reader().await?;
    let row: Option<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT i.name, t.import_line, (extract(epoch FROM i.imported_at) * 1000000)::bigint \
         FROM {} t JOIN imports i ON i.id = t.import_id \
         WHERE t.account = $1 AND t.order_id = $2",
        store.ledger.additions()
    )))
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
