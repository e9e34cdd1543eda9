//! Imports into PostgreSQL: a file's trades by batches, whole or not at all.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, Transaction};

use super::adoption::mapping::Ledger;
use super::binary::{push_i64, sql_micros_or_infinity};
use super::cells::{PgCells, select};
use super::copy_trades::{APPEND, Copied, CopyColumns, TradeRows, copy_in};
use super::errors::from_sqlx;
use super::errors::unreadable;
use super::voids::{ledger_writer, relatives};
use super::{PostgresStore, commit, plans, readback};
use crate::engine::{CORRECTION_MARK, Carried, LedgerTrade, MORE_COLUMNS, Trade, TradeText};
use crate::store::cells::Cells;
use crate::store::corrections;
use crate::store::model::{ImportFile, ImportMode, ImportReceipt, Reject, VoidChange};
use crate::store::more::{self, MoreRow};
use crate::store::phase::{self, Phase};
use crate::store::rules::{
    ImportPlan, KnownTrade, KnownTrades, TradeKey, correction_number, import_event,
};
use crate::store::sql::ledger::insert_voids;
use crate::store::sql::movements;
use crate::store::sql::runs::log_event;
use crate::store::sql::{Driver, Rows, arguments};
use crate::store::trades::TradeSource;
use crate::store::{StoreError, StoreResult};

/// Ids that one statement looks up.
const LOOKUP_IDS_MAX: usize = 5_000;

/// Ids that one statement looks up in an adopted ledger. Each statement reads that whole ledger. So
/// the memory of such an import grows with its file, up to this many trades.
const LOOKUP_IDS_MAX_ADOPTED: usize = 200_000;

/// Imports a file, in one transaction.
///
/// Nearly every file has only new trades, so the import first appends all of them without looking
/// ids up. If an id is known, it rolls back, looks all ids up, and plans.
pub(super) async fn import(
    store: &PostgresStore,
    file: &ImportFile,
    trades: &mut dyn TradeSource,
) -> StoreResult<ImportReceipt> {
    let mut transaction = ledger_writer(store).await?;
    let beside = (trades.movements(), trades.actions());
    let movements = movements::plan(&mut *transaction, beside).await?;
    let additions = store.ledger.additions();
    // In an adopted ledger, trades go to another table, whose key can't find known ids.
    let is_one_table = store.ledger == Ledger::Ours;
    if file.mode == ImportMode::Append && !file.preview && is_one_table {
        let receipt = ImportReceipt {
            appended: trades.count(),
            movements: movements.receipt.clone(),
            actions: movements.actions.receipt.clone(),
            ..ImportReceipt::default()
        };
        if receipt.stops(file) || receipt.leaves_nothing(file, trades.rejected()) {
            return Ok(receipt);
        }
        execute(&mut transaction, "SAVEPOINT all_new").await?;
        trades.rewind();
        match append(&mut transaction, store.ledger, file, trades, None).await? {
            Some(import_id) => {
                movements::write(&mut *transaction, (import_id, additions), &movements).await?;
                let ended = (import_id, trades.rejected());
                return end_import(transaction, file, receipt, ended).await;
            }
            None => execute(&mut transaction, "ROLLBACK TO all_new").await?,
        }
    }
    let plan = plan(&mut transaction, store.ledger, file, trades).await?;
    let receipt = ImportReceipt {
        movements: movements.receipt.clone(),
        actions: movements.actions.receipt.clone(),
        ..plan.receipt()
    };
    let stopped = receipt.stops(file) || receipt.leaves_nothing(file, trades.rejected());
    // A preview with ids like corrections' writes, too: the check of corrections needs the rows.
    if stopped || (file.preview && !plan.names_corrections()) {
        return Ok(receipt);
    }
    trades.rewind();
    match append(&mut transaction, store.ledger, file, trades, Some(&plan)).await? {
        Some(_) if file.preview => Ok(receipt),
        Some(import_id) => {
            movements::write(&mut *transaction, (import_id, additions), &movements).await?;
            let ended = (import_id, trades.rejected());
            end_import(transaction, file, receipt, ended).await
        }
        None => Err(StoreError::Database {
            action: APPEND,
            message: "an id that was looked up and not found is there".into(),
            source: None,
        }),
    }
}

async fn execute(connection: &mut PgConnection, sql: &'static str) -> StoreResult<()> {
    let done = sqlx::query(sql).execute(connection).await;
    done.map(|_| ()).map_err(|e| from_sqlx(APPEND, e))
}

async fn end_import(
    mut transaction: Transaction<'static, Postgres>,
    file: &ImportFile,
    mut receipt: ImportReceipt,
    (import_id, rejected): (i64, u64),
) -> StoreResult<ImportReceipt> {
    receipt.import_id = Some(import_id);
    let event = import_event(file, &receipt, rejected);
    log_event(&mut *transaction, &event).await?;
    phase::reached(Phase::Append);
    commit(transaction).await?;
    Ok(receipt)
}

/// Looks up the ids of all trades, and decides about each trade.
async fn plan<'f>(
    connection: &mut PgConnection,
    ledger: Ledger,
    file: &'f ImportFile,
    trades: &mut dyn TradeSource,
) -> StoreResult<ImportPlan<'f>> {
    let ids_max = match ledger {
        Ledger::Ours => LOOKUP_IDS_MAX,
        Ledger::Unguarded | Ledger::Guarded => LOOKUP_IDS_MAX_ADOPTED,
    };
    if ledger == Ledger::Ours {
        plans::look_up(connection).await?;
    }
    let mut plan = ImportPlan::new(&file.mode);
    let mut batch = Vec::new();
    trades.rewind();
    loop {
        let next = trades.next_batch().await?;
        let is_end = next.is_none();
        batch.extend(next.unwrap_or_default());
        if is_end || batch.len() >= ids_max {
            let known = known_trades(connection, ledger, &batch, ids_max).await?;
            plan.decide_batch(std::mem::take(&mut batch), &known);
        }
        if is_end {
            return Ok(plan);
        }
    }
}

/// Writes an import and the trades that a plan chose, or all trades without a plan. Returns the
/// import's number. `None`: an id is in the ledger already.
async fn append(
    connection: &mut PgConnection,
    ledger: Ledger,
    file: &ImportFile,
    trades: &mut dyn TradeSource,
    plan: Option<&ImportPlan<'_>>,
) -> StoreResult<Option<i64>> {
    let rows = plan.map_or_else(|| trades.count(), ImportPlan::appended);
    let import_id = begin_import(connection, file, rows).await?;
    let mut tail = Vec::new();
    push_i64(&mut tail, import_id);
    let mut rows = TradeRows {
        trades,
        plan,
        first: 0,
        names_corrections: false,
        tail,
        written: readback::begin(),
        waiting: Vec::new(),
    };
    // Nearly no file has more facts, and an empty cell takes time, too.
    let mut columns = CopyColumns::Plain;
    loop {
        match copy_in(connection, ledger, &mut rows, columns).await? {
            Copied::Taken => return Ok(None),
            Copied::NeedsMore => columns = CopyColumns::More,
            Copied::All => break,
        }
    }
    let TradeRows {
        trades,
        names_corrections,
        written,
        ..
    } = rows;
    while let Some(rejects) = trades.next_rejects().await? {
        write_rejects(connection, &rejects, import_id).await?;
    }
    let void = plan.map(|plan| plan.void.as_slice()).unwrap_or_default();
    write_voids(connection, (file, import_id), void).await?;
    if names_corrections {
        check_corrections(connection, ledger, import_id).await?;
    }
    let voids = match &file.mode {
        ImportMode::Correct { .. } => void.len(),
        _ => 0,
    };
    written.check(connection, ledger, voids).await?;
    Ok(Some(import_id))
}

/// Checks an import's rows with ids of corrections, if the ledger has their original.
///
/// Errors: an execution would count twice.
async fn check_corrections(
    connection: &mut PgConnection,
    ledger: Ledger,
    import_id: i64,
) -> StoreResult<()> {
    // Only ids whose original is in the ledger are checked: a venue may number all its fills like
    // this. The second query finds originals that are two or more marks away; few ids have them.
    let (additions, rows) = (ledger.additions(), ledger.rows());
    let sql = format!(
        "SELECT t.account, t.order_id FROM {additions} t WHERE t.import_id = $1 \
         AND t.order_id ~ '~[1-9][0-9]*$' AND (t.account, regexp_replace(t.order_id, \
         '~[0-9]+$', '')) IN (SELECT account, order_id FROM {rows}) \
         UNION SELECT t.account, t.order_id FROM {additions} t CROSS JOIN LATERAL ( \
         WITH RECURSIVE originals (id) AS (SELECT regexp_replace(t.order_id, '~[0-9]+$', '') \
         UNION ALL SELECT regexp_replace(id, '~[0-9]+$', '') FROM originals \
         WHERE id ~ '~[1-9][0-9]*$') SELECT id FROM originals) o WHERE t.import_id = $1 \
         AND t.order_id ~ '~[1-9][0-9]*~[1-9][0-9]*$' \
         AND (t.account, o.id) IN (SELECT account, order_id FROM {rows}) ORDER BY 1, 2"
    );
    let named: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(import_id)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx("look for corrections", e))?;
    if ledger == Ledger::Ours {
        plans::look_up(connection).await?;
    }
    for (account, order_id) in named {
        let relatives = relatives(connection, ledger, &account, &order_id).await?;
        corrections::check_appended(&account, &order_id, &relatives)?;
    }
    Ok(())
}

/// Writes the row of an import. Returns its number.
async fn begin_import(
    connection: &mut PgConnection,
    file: &ImportFile,
    rows: u64,
) -> StoreResult<i64> {
    // Numbers have no gaps, although an attempt may roll back: one import writes at a time. Another
    // program may have used a very large number. Then the first free one comes next; to look for
    // that always would read all imports each time.
    sqlx::query_scalar(
        "INSERT INTO imports (id, name, sha256, rows, imported_at) \
         VALUES (CASE WHEN coalesce((SELECT max(id) FROM imports), 0) < 4503599627370496 \
                 THEN coalesce((SELECT max(id) FROM imports), 0) + 1 \
                 ELSE (SELECT coalesce(min(i.id) + 1, 1) FROM imports i \
                  WHERE NOT EXISTS (SELECT 1 FROM imports j WHERE j.id = i.id + 1)) END, \
                 $1, $2, $3, $4::timestamptz) \
         RETURNING id",
    )
    .bind(&file.name)
    .bind(&file.sha256)
    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
    .bind(file.imported_at.to_string())
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx(APPEND, e))
}

async fn write_rejects(
    connection: &mut PgConnection,
    rejects: &[Reject],
    import_id: i64,
) -> StoreResult<()> {
    let columns = "import_id, line, order_id, column_name, found, reason, line_text";
    let rows = rejects.iter().map(|reject| {
        let (order_id, column) = (&reject.order_id, &reject.column);
        let (found, reason, text) = (&reject.found, &reject.reason, &reject.text);
        arguments![
            import_id,
            reject.line,
            order_id,
            column,
            found,
            reason,
            text
        ]
        .into()
    });
    let rows = Rows::of("import_rejects", columns, rows.collect());
    let kept = connection.insert("keep the rejected rows", &rows);
    kept.await.map(drop)
}

async fn write_voids(
    connection: &mut PgConnection,
    (file, import_id): (&ImportFile, i64),
    void: &[TradeKey],
) -> StoreResult<()> {
    let ImportMode::Correct { reason } = &file.mode else {
        return Ok(());
    };
    let change = |(account, order_id): &TradeKey| VoidChange {
        account: account.clone(),
        order_id: order_id.as_str().to_owned(),
        reason: reason.clone(),
        voided_by: file.imported_by.clone(),
        voided_at: file.imported_at,
        undo: false,
    };
    let changes: Vec<VoidChange> = void.iter().map(change).collect();
    insert_voids(connection, &changes, Some(import_id)).await
}

/// Looks up trades by id. Returns the rows of each known id, and of its corrections.
async fn known_trades(
    connection: &mut PgConnection,
    ledger: Ledger,
    trades: &[LedgerTrade],
    ids_max: usize,
) -> StoreResult<KnownTrades> {
    let mut known = KnownTrades::new();
    let order_time = sql_micros_or_infinity("t.order_time");
    let more = MORE_COLUMNS.map(|name| match more::is_number(name) {
        true => format!("trim_scale(t.{name})::text"),
        false => format!("t.{name}"),
    });
    let more = more.join(", ");
    for chunk in trades.chunks(ids_max) {
        let accounts: Vec<&str> = chunk.iter().map(|trade| trade.account.as_str()).collect();
        let ids: Vec<&str> = chunk
            .iter()
            .map(|trade| trade.trade.order_id.as_str())
            .collect();
        let columns = format!(
            "id, t.account, t.order_id, t.symbol, t.side, trim_scale(t.size)::text, \
             trim_scale(t.price)::text, {order_time}, trim_scale(t.total_fees_usd)::text, \
             t.trade_seq, t.status, t.exchange_order_id, EXISTS (SELECT 1 FROM active_voids v \
             WHERE v.account = t.account AND v.order_id = t.order_id) OR EXISTS (SELECT 1 \
             FROM active_import_voids v WHERE v.import_id = t.import_id), EXISTS \
             (SELECT 1 FROM active_import_voids v WHERE v.import_id = t.import_id) AND NOT EXISTS \
             (SELECT 1 FROM active_voids v WHERE v.account = t.account \
             AND v.order_id = t.order_id), {more}"
        );
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
            let is_voided = row
                .try_get(12)
                .map_err(|e| from_sqlx("look up known trades", e))?;
            let is_undone = row
                .try_get(13)
                .map_err(|e| from_sqlx("look up known trades", e))?;
            let row = ledger_trade(row)?;
            let row_id = row.trade.order_id.as_str();
            if row_id == id || correction_number(row_id, &id).is_some() {
                let order_id = id.parse().map_err(|_| unreadable("order_id", &id))?;
                known
                    .entry((row.account.clone(), order_id))
                    .or_default()
                    .push(KnownTrade {
                        row,
                        is_voided,
                        is_undone,
                    });
            }
        }
    }
    Ok(known)
}

/// Returns the FROM clause that finds the rows of some ids, and their corrections.
fn known_from(ledger: Ledger) -> &'static str {
    // The range holds `<id>~2`, `<id>~3`, ...: the mark's successor as a byte ends it.
    match ledger {
        // Two lookups by key for each id: with one OR, the server would read the whole ledger.
        Ledger::Ours => {
            "unnest($1::text[], $2::text[]) AS k (account, id) CROSS JOIN LATERAL ( \
             SELECT * FROM trade_records WHERE account = k.account COLLATE \"C\" \
             AND order_id = k.id COLLATE \"C\" \
             UNION ALL SELECT * FROM trade_records WHERE account = k.account COLLATE \"C\" \
             AND order_id >= (k.id || $3) COLLATE \"C\" \
             AND order_id < (k.id || $4) COLLATE \"C\") t \
             ORDER BY t.ingest_xid, t.import_line, length(t.order_id), t.order_id"
        }
        // An adopted ledger is read once: its keys may be spelled in another way. Corrections are
        // in our own table beside it.
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

/// The place of the first of the more facts in a row of [`known_trades`].
const MORE_FIRST: usize = 14;

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
    let mut more = MoreRow::default();
    for (index, cell) in (MORE_FIRST..).zip(&mut more.0) {
        *cell = text(index)?;
    }
    let more = more.text();
    let facts = TradeText {
        order_id: &order_id,
        side: &side,
        size: &size,
        price: &price,
        fee: fee.as_deref(),
        order_time_micros: number(7)?,
        trade_seq: number(9)?,
        more: Some(&more),
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
