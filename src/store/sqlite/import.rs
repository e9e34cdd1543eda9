//! Imports into SQLite: a file's trades by batches, whole or not at all.

use rusqlite::{Connection, Row, params, params_from_iter};
use sqlx::{Sqlite, Transaction};

use super::errors::from_rusqlite;
use super::indexes::{self, Dropped, MAKE_INDEXES};
use super::raw::{Load, Raw, with_raw};
use super::readback::{self, COLUMNS, COLUMNS_COUNT, MORE_COUNT, SqliteReadback};
use super::rows::Cell;
use super::voids::relatives;
use super::{SqliteStore, commit};
use crate::engine::{CORRECTION_MARK, Carried, LedgerTrade, MORE_COLUMNS, Trade, TradeText};
use crate::store::corrections;
use crate::store::model::{ImportFile, ImportMode, ImportReceipt, Reject};
use crate::store::more::{self, MoreRow};
use crate::store::phase::{self, Phase};
use crate::store::rules::{
    ImportPlan, KnownTrade, KnownTrades, TradeKey, correction_number, import_event,
};
use crate::store::sql::movements;
use crate::store::sql::runs::log_event;
use crate::store::trades::TradeSource;
use crate::store::{StoreError, StoreResult};

const APPEND: &str = "append trades";

/// The table of trades.
const TRADES: &str = "trade_records";

/// Imports a file, in one transaction.
///
/// Nearly every file is all new, so the import appends it without a question. If the ledger has one
/// of its ids already, it rolls back, looks all up, and plans.
pub(super) async fn import(
    store: &SqliteStore,
    file: &ImportFile,
    trades: &mut dyn TradeSource,
) -> StoreResult<ImportReceipt> {
    let mut transaction = store.writer().await?;
    let beside = (trades.movements(), trades.actions());
    let movements = movements::plan(&mut *transaction, beside).await?;
    if file.mode == ImportMode::Append && !file.preview {
        let receipt = ImportReceipt {
            appended: trades.count(),
            movements: movements.receipt.clone(),
            actions: movements.actions.receipt.clone(),
            ..ImportReceipt::default()
        };
        if receipt.stops(file) || receipt.leaves_nothing(file, trades.rejected()) {
            return Ok(receipt);
        }
        if let Some(import_id) = append_new(&mut transaction, file, trades).await? {
            movements::write(&mut *transaction, (import_id, TRADES), &movements).await?;
            let rejected = trades.rejected();
            return end_import(transaction, file, receipt, (import_id, rejected)).await;
        }
    }
    let mut plan = ImportPlan::new(&file.mode);
    trades.rewind();
    let mut raw = Raw::take(&mut transaction, "look up known trades").await?;
    while let Some(batch) = trades.next_batch().await? {
        let known = known_trades(raw.connection(), &batch)?;
        plan.decide_batch(batch, &known);
    }
    drop(raw);
    let receipt = ImportReceipt {
        movements: movements.receipt.clone(),
        actions: movements.actions.receipt.clone(),
        ..plan.receipt()
    };
    let stopped = receipt.stops(file) || receipt.leaves_nothing(file, trades.rejected());
    // A preview writes where only what is written can tell whether it may stay.
    if stopped || (file.preview && !plan.names_corrections()) {
        return Ok(receipt);
    }
    trades.rewind();
    let import_id = match append(&mut transaction, file, trades, Some(&plan)).await? {
        Appended::All(import_id) => import_id,
        Appended::Broken(action, error) => return Err(from_rusqlite(action, error)),
    };
    match file.preview {
        true => Ok(receipt),
        false => {
            movements::write(&mut *transaction, (import_id, TRADES), &movements).await?;
            end_import(transaction, file, receipt, (import_id, trades.rejected())).await
        }
    }
}

async fn end_import(
    mut transaction: Transaction<'static, Sqlite>,
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

/// Appends trades that are all new. `None`: one is not, and nothing is changed.
async fn append_new(
    transaction: &mut Transaction<'static, Sqlite>,
    file: &ImportFile,
    trades: &mut dyn TradeSource,
) -> StoreResult<Option<i64>> {
    execute(transaction, "SAVEPOINT all_new").await?;
    trades.rewind();
    match append(transaction, file, trades, None).await? {
        Appended::All(import_id) => {
            execute(transaction, "RELEASE all_new").await?;
            Ok(Some(import_id))
        }
        Appended::Broken(_, rusqlite::Error::SqliteFailure(error, _))
            if error.code == rusqlite::ErrorCode::ConstraintViolation =>
        {
            // Another constraint than the key fails again the slow way, and is named there.
            execute(transaction, "ROLLBACK TO all_new; RELEASE all_new").await?;
            Ok(None)
        }
        Appended::Broken(action, error) => Err(from_rusqlite(action, error)),
    }
}

async fn execute(
    transaction: &mut Transaction<'static, Sqlite>,
    sql: &'static str,
) -> StoreResult<()> {
    with_raw(transaction, APPEND, |raw| {
        raw.execute_batch(sql).map_err(|e| from_rusqlite(APPEND, e))
    })
    .await
}

/// Outcome of writing.
#[derive(Debug)]
pub(super) enum Appended {
    /// All is written, under this number.
    All(i64),
    /// The database refused a row, or the index over all of them.
    Broken(&'static str, rusqlite::Error),
}

/// Writes an import and its trades, or of these what a plan chose.
pub(super) async fn append(
    transaction: &mut Transaction<'static, Sqlite>,
    file: &ImportFile,
    trades: &mut dyn TradeSource,
    plan: Option<&ImportPlan<'_>>,
) -> StoreResult<Appended> {
    let rows = plan.map_or_else(|| trades.count(), ImportPlan::appended);
    let mut load = Load::new(Raw::take(transaction, APPEND).await?);
    let begun = load.end().and_then(|raw| begin_import(raw, file, rows));
    let (import_id, mut written, dropped) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(Appended::Broken(APPEND, error)),
    };
    let mut first = 0;
    let mut names_corrections = false;
    while let Some(batch) = trades.next_batch().await? {
        let taken = batch.len();
        names_corrections |= batch.iter().any(corrections::is_named_as_one);
        let rows = match plan {
            Some(plan) => plan.rows_of(first, batch),
            None => batch,
        };
        first += taken;
        let raw = load.next(rows.len());
        if let Err(error) =
            raw.and_then(|raw| insert_trades(raw, (file, import_id), &rows, &mut written))
        {
            return Ok(Appended::Broken(APPEND, error));
        }
        phase::reached(Phase::Batch);
    }
    let raw = match load.end() {
        Ok(raw) => raw,
        Err(error) => return Ok(Appended::Broken(APPEND, error)),
    };
    if let Err(error) = dropped.make(raw) {
        return Ok(Appended::Broken(MAKE_INDEXES, error));
    }
    while let Some(rejects) = trades.next_rejects().await? {
        let written = load
            .end()
            .and_then(|raw| insert_rejects(raw, &rejects, import_id));
        if let Err(error) = written {
            return Ok(Appended::Broken(APPEND, error));
        }
    }
    let raw = load.end().map_err(|e| from_rusqlite(APPEND, e))?;
    let void = plan.map(|plan| plan.void.as_slice()).unwrap_or_default();
    if let Err(error) = insert_voids(raw, (file, import_id), void) {
        return Ok(Appended::Broken(APPEND, error));
    }
    if names_corrections {
        check_corrections(raw, import_id)?;
    }
    let voids = match &file.mode {
        ImportMode::Correct { .. } => void.len(),
        _ => 0,
    };
    written.check(raw, voids)?;
    Ok(Appended::All(import_id))
}

/// Checks the rows of an import that are named as corrections of rows that are there.
///
/// Errors: an execution would count twice.
fn check_corrections(raw: &Connection, import_id: i64) -> StoreResult<()> {
    let failed = |error| from_rusqlite("look for corrections", error);
    let mut statement = raw
        .prepare("SELECT account, order_id FROM trade_records WHERE import_id = ?1 ORDER BY 1, 2")
        .map_err(failed)?;
    let is_there = "SELECT 1 FROM trade_records WHERE account = ?1 AND order_id = ?2";
    let mut is_there = raw.prepare(is_there).map_err(failed)?;
    let mut rows = statement.query([import_id]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let text = |index| row.get_ref(index).map(|value| value.as_str().unwrap_or(""));
        let (account, order_id) = (text(0).map_err(failed)?, text(1).map_err(failed)?);
        let mut has_original = false;
        for of in corrections::originals(order_id) {
            has_original |= is_there.exists(params![account, of]).map_err(failed)?;
        }
        if has_original {
            let relatives = relatives(raw, account, order_id).map_err(failed)?;
            corrections::check_appended(account, order_id, &relatives)?;
        }
    }
    Ok(())
}

fn begin_import(
    raw: &Connection,
    file: &ImportFile,
    rows: u64,
) -> rusqlite::Result<(i64, SqliteReadback, Dropped)> {
    let written = readback::begin(raw)?;
    let at = file.imported_at.as_micros();
    // Another program may have given a very large number: then the first free one comes next. To
    // look for that always would go over all imports for each.
    raw.execute(
        "INSERT INTO imports (id, name, sha256, rows, imported_at) \
         VALUES (CASE WHEN ifnull((SELECT max(id) FROM imports), 0) < 4503599627370496 \
                 THEN ifnull((SELECT max(id) FROM imports), 0) + 1 \
                 ELSE (SELECT ifnull(min(i.id) + 1, 1) FROM imports i \
                  WHERE NOT EXISTS (SELECT 1 FROM imports j WHERE j.id = i.id + 1)) END, \
                 ?1, ?2, ?3, ?4)",
        params![file.name, file.sha256, rows as i64, at],
    )?;
    let import_id = raw.last_insert_rowid();
    Ok((
        import_id,
        written,
        indexes::drop_if_empty(raw, &["trade_records"])?,
    ))
}

fn insert_trades(
    raw: &Connection,
    (file, import_id): (&ImportFile, i64),
    rows: &[LedgerTrade],
    written: &mut SqliteReadback,
) -> rusqlite::Result<()> {
    let insert = |columns: &str, count| {
        let places = vec!["?"; count].join(", ");
        let sql = format!("INSERT INTO trade_records ({columns}) VALUES ({places})");
        raw.prepare_cached(&sql)
    };
    let mut plain = insert(COLUMNS, COLUMNS_COUNT)?;
    let columns = format!("{COLUMNS}, {}", more::columns(""));
    let mut with_more = insert(&columns, COLUMNS_COUNT + MORE_COLUMNS.len())?;
    for row in rows {
        let (trade, carried) = (&row.trade, &row.carried);
        let (size, price) = (trade.size.to_string(), trade.price.to_string());
        let fee = trade.fee.map(|fee| fee.to_string());
        let cells = [
            text(row.account.as_str()),
            text(trade.order_id.as_str()),
            // An empty symbol becomes NULL: NOT NULL also holds while SQLite ignores the CHECKs.
            optional(Some(row.symbol_text.as_str()).filter(|text| !text.is_empty())),
            text(trade.side.as_str()),
            text(&size),
            text(&price),
            Cell::Integer(trade.order_time.as_micros()),
            optional(fee.as_deref()),
            trade.trade_seq.map_or(Cell::Null, Cell::Integer),
            optional(row.status.as_deref()),
            optional(carried.order_type.as_deref()),
            optional(carried.source.as_deref()),
            optional(carried.ingest_via.as_deref()),
            optional(carried.exchange.as_deref()),
            optional(carried.exchange_order_id.as_deref()),
            optional(carried.linked_order_id.as_deref()),
            Cell::Integer(import_id),
            Cell::Integer(row.import_line as i64),
            Cell::Integer(file.imported_at.as_micros()),
        ];
        written.add(&cells);
        let Some(facts) = &trade.more else {
            plain.execute(params_from_iter(cells))?;
            continue;
        };
        let texts = facts.texts();
        let more = texts.each_ref().map(|text| optional(text.as_deref()));
        with_more.execute(params_from_iter(cells.iter().chain(&more)))?;
        let mut keyed = [Cell::Null; MORE_COUNT];
        let key = [text(row.account.as_str()), text(trade.order_id.as_str())];
        keyed
            .iter_mut()
            .zip(key.iter().chain(&more))
            .for_each(|(cell, of)| *cell = *of);
        written.add_more(&keyed);
    }
    Ok(())
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(text.as_bytes())
}

fn optional(of: Option<&str>) -> Cell<'_> {
    of.map_or(Cell::Null, text)
}

fn insert_rejects(raw: &Connection, rejects: &[Reject], import_id: i64) -> rusqlite::Result<()> {
    let mut insert = raw.prepare(
        "INSERT INTO import_rejects (import_id, line, order_id, column_name, found, reason, \
         line_text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for reject in rejects {
        insert.execute(params![
            import_id,
            reject.line as i64,
            reject.order_id,
            reject.column,
            reject.found,
            reject.reason,
            reject.text
        ])?;
    }
    Ok(())
}

fn insert_voids(
    raw: &Connection,
    (file, import_id): (&ImportFile, i64),
    void: &[TradeKey],
) -> rusqlite::Result<()> {
    let ImportMode::Correct { reason } = &file.mode else {
        return Ok(());
    };
    let mut insert = raw.prepare(
        "INSERT INTO trade_voids (account, order_id, reason, voided_by, voided_at, import_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (account, order_id) in void {
        let at = file.imported_at.as_micros();
        let (account, id, by) = (account.as_str(), order_id.as_str(), &file.imported_by);
        insert.execute(params![account, id, reason, by, at, import_id])?;
    }
    Ok(())
}

const FACT_COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
    total_fees_usd, trade_seq, status, exchange_order_id, EXISTS (SELECT 1 FROM active_voids v \
    WHERE v.account = t.account AND v.order_id = t.order_id) \
    OR EXISTS (SELECT 1 FROM active_import_voids v WHERE v.import_id = t.import_id), \
    EXISTS (SELECT 1 FROM active_import_voids v WHERE v.import_id = t.import_id) \
    AND NOT EXISTS (SELECT 1 FROM active_voids v WHERE v.account = t.account \
    AND v.order_id = t.order_id)";

/// The place of the first column after [`FACT_COLUMNS`].
const MORE_FIRST: usize = 13;

/// Returns the known ones of the trades' ids, with the corrections of each.
fn known_trades(raw: &Connection, trades: &[LedgerTrade]) -> StoreResult<KnownTrades> {
    let action = "look up known trades";
    let mut known = KnownTrades::new();
    // The range holds `<id>~2`, `<id>~3`, ...: the mark's successor as a byte ends it.
    let sql = format!(
        "SELECT {FACT_COLUMNS}, {} FROM trade_records t WHERE account = ?1 AND (order_id = ?2 \
         OR (order_id >= ?3 AND order_id < ?4)) ORDER BY ingest_seq",
        more::columns("")
    );
    let mut statement = raw.prepare(&sql).map_err(|e| from_rusqlite(action, e))?;
    for trade in trades {
        let (account, id) = (trade.account.as_str(), trade.trade.order_id.as_str());
        let (from, to) = (format!("{id}{CORRECTION_MARK}"), format!("{id}\u{7f}"));
        let mut rows = statement
            .query(params![account, id, from, to])
            .map_err(|e| from_rusqlite(action, e))?;
        while let Some(row) = rows.next().map_err(|e| from_rusqlite(action, e))? {
            let is_voided = row.get(11).map_err(|e| from_rusqlite(action, e))?;
            let is_undone = row.get(12).map_err(|e| from_rusqlite(action, e))?;
            let row = ledger_trade(row)?;
            let row_id = row.trade.order_id.as_str();
            if row_id == id || correction_number(row_id, id).is_some() {
                let key = (trade.account.clone(), trade.trade.order_id.clone());
                let row = KnownTrade {
                    row,
                    is_voided,
                    is_undone,
                };
                known.entry(key).or_default().push(row);
            }
        }
    }
    Ok(known)
}

fn ledger_trade(row: &Row<'_>) -> StoreResult<LedgerTrade> {
    let text = |index| optional_text(row, index);
    let required = |index| text(index).map(Option::unwrap_or_default);
    let (order_id, symbol_text) = (required(1)?, required(2)?);
    let (side, size, price, fee) = (required(3)?, required(4)?, required(5)?, text(7)?);
    let number = |index| row.get(index).map_err(|e| from_rusqlite("read a trade", e));
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
        order_time_micros: number(6)?,
        trade_seq: number(8)?,
        more: Some(&more),
    };
    let unreadable = |column, found: &str| StoreError::Unreadable {
        table: "trade_records",
        column,
        found: found.to_owned(),
    };
    let account = required(0)?;
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
        status: text(9)?,
        carried: Carried {
            exchange_order_id: text(10)?,
            ..Carried::default()
        },
        import_line: 0,
    })
}

fn optional_text(row: &Row<'_>, index: usize) -> StoreResult<Option<String>> {
    row.get(index).map_err(|e| from_rusqlite("read a trade", e))
}
