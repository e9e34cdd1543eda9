//! New rows of an unguarded ledger since a version, found by the transactions that wrote them.
//!
//! Each row has the number of the transaction that wrote it, and a change writes a row again. So an
//! earlier snapshot saw the rows whose transactions it sees. If they still have their sums, none
//! was changed or removed, and all others are new. That is a few looks at the ledger instead of
//! reading it. Some new rows may change the meaning of an older one: a void, a row of ours, an
//! order's first fill. Then the caller must read the whole ledger.
//!
//! Snapshots name transactions only, so a subtransaction's row counts as seen while it runs. It
//! then is in the wrong sum, and the ledger is read whole once more. The same happens when the
//! server's numbers have gone around.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::mapping::order_of_fill;
use crate::engine::{AssetRules, Intake, MORE_COLUMNS, MoreText, TradeText};
use crate::store::model::{Arrivals, Scope, Watermark, Writings};
use crate::store::postgres::binary::sql_micros_or_infinity;
use crate::store::postgres::errors::from_sqlx;
use crate::store::postgres::errors::unreadable;
use crate::store::postgres::gate::Visible;
use crate::store::postgres::gate::snapshot_now;
use crate::store::postgres::{PostgresStore, end_snapshot};
use crate::store::{Elsewhere, StoreError, StoreResult, Untold};

const ACTION: &str = "look for new trades";

/// If more rows are new, reading the whole ledger is as fast.
const NEW_ROWS_MAX: usize = 50_000;

const HASH: &str = "hashint8extended(writing, 0)";

/// Counts the executed rows, and sums the hashes of the transactions that wrote them.
pub(in crate::store::postgres) async fn seen(
    connection: &mut PgConnection,
) -> StoreResult<Writings> {
    let sql = format!(
        "SELECT count(*), coalesce(sum({HASH}), 0)::text FROM ledger_writings WHERE is_executed"
    );
    let (rows, hashes): (i64, String) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("read the ledger", e))?;
    Ok(Writings {
        rows: u64::try_from(rows).unwrap_or(0),
        hashes: hashes.parse().map_err(|_| unreadable("xmin", &hashes))?,
    })
}

/// Finds the rows that came into the ledger since a version.
///
/// Errors: `MustReadWhole` if a run has to read the whole ledger to find them.
pub(in crate::store::postgres) async fn arrivals(
    store: &PostgresStore,
    scope: &Scope,
    since: &Watermark,
) -> StoreResult<Arrivals> {
    let mut connection = store.snapshot().await?;
    let arrivals = arrivals_in(&mut connection, (scope, &store.rules.get()), since).await;
    end_snapshot(connection, arrivals).await
}

async fn arrivals_in(
    connection: &mut PgConnection,
    (scope, rules): (&Scope, &AssetRules),
    since: &Watermark,
) -> StoreResult<Arrivals> {
    let (snapshot, cluster, cursors) = snapshot_now(connection, ACTION).await?;
    let (before, writings) = match since {
        Watermark::Unguarded {
            snapshot,
            cluster: theirs,
            writings,
            ..
        } if *theirs == cluster => (snapshot, *writings),
        _ => {
            return Err(StoreError::WatermarkElsewhere(Elsewhere::Ledger));
        }
    };
    let is_new = condition(before, &snapshot)?;
    let now = seen(connection).await?;
    let new = new_rows(connection, &is_new).await?;
    if new.len() > NEW_ROWS_MAX {
        return Err(StoreError::MustReadWhole(Untold::ManyRows));
    }
    if without(now, &new) != writings {
        return Err(StoreError::MustReadWhole(Untold::Changed));
    }
    refuse_ours(connection, (before, since.cursors().import_void_seq)).await?;
    let with_fills = orders_with_fills(connection, &new).await?;
    refuse_first_fills(connection, &new, &is_new).await?;
    let mut arrivals = Arrivals {
        watermark: Watermark::Unguarded {
            snapshot,
            cluster,
            writings: now,
            cursors,
        },
        ..Arrivals::default()
    };
    let mut intake = Intake::new(rules, |pool| scope.contains(pool));
    for row in &new {
        row.put_into((&mut intake, &mut arrivals), &with_fills);
    }
    (arrivals.pools, arrivals.pending) = intake.end().into_parts();
    Ok(arrivals)
}

/// Returns the SQL condition for rows of `ledger_writings` that the snapshot `before` does not see.
fn condition(before: &str, now: &str) -> StoreResult<String> {
    let parse = |text| Visible::of(text).ok_or_else(|| unreadable("watermark", text));
    let (first, end) = (parse(before)?.xmin, parse(now)?.xmax);
    // A row holds 32 bits of the number. Half that range apart, older and newer look alike.
    if end - first >= 1 << 31 {
        return Err(StoreError::MustReadWhole(Untold::ManyTransactions));
    }
    let (epoch, cycle) = (first >> 32 << 32, 1_i64 << 32);
    let (first, end) = (first % cycle, end % cycle);
    let (range, number) = if first <= end {
        (
            format!("writing >= {first} AND writing < {end}"),
            format!("writing + {epoch}"),
        )
    } else {
        let next = epoch + cycle;
        (
            format!("(writing >= {first} OR writing BETWEEN 3 AND {end} - 1)"),
            format!("writing + CASE WHEN writing >= {first} THEN {epoch} ELSE {next} END"),
        )
    };
    let visible = format!("pg_visible_in_snapshot(({number})::text::xid8, '{before}')");
    Ok(format!("({range} AND NOT {visible})"))
}

/// Subtracts new rows from the count and the sum.
fn without(mut seen: Writings, new: &[NewRow]) -> Writings {
    for row in new.iter().filter(|row| row.is_executed) {
        seen.rows = seen.rows.wrapping_sub(1);
        seen.hashes = seen.hashes.wrapping_sub(row.hash.into());
    }
    seen
}

/// Refuses to go on if our own tables have new trades or voids.
async fn refuse_ours(
    connection: &mut PgConnection,
    (before, import_void_seq): (&str, i64),
) -> StoreResult<()> {
    let any: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM trade_additions \
             WHERE NOT pg_visible_in_snapshot(ingest_xid, $1::pg_snapshot)) \
         OR EXISTS (SELECT 1 FROM trade_voids \
             WHERE NOT pg_visible_in_snapshot(void_xid, $1::pg_snapshot)) \
         OR EXISTS (SELECT 1 FROM import_voids WHERE void_seq > $2)",
    )
    .bind(before)
    .bind(import_void_seq)
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    match any {
        true => Err(StoreError::MustReadWhole(Untold::ByHand)),
        false => Ok(()),
    }
}

/// A new row of the ledger, as `eligible_trades` would show it.
#[derive(FromRow)]
struct NewRow {
    account: String,
    symbol: String,
    order_id: String,
    side: Option<String>,
    size: Option<String>,
    price: Option<String>,
    fee: Option<String>,
    order_time: Option<i64>,
    trade_seq: Option<i64>,
    /// More facts, in the order of their columns.
    more: Vec<Option<String>>,
    /// The status, if a row with it is no execution.
    status: Option<String>,
    is_executed: bool,
    /// The order that an execution is a fill of.
    fill_of: Option<String>,
    /// The row's part of [`Writings::hashes`].
    hash: i64,
}

impl NewRow {
    fn put_into(
        &self,
        (intake, arrivals): (&mut Intake<'_>, &mut Arrivals),
        with_fills: &BTreeSet<(String, String)>,
    ) {
        let mut more = MoreText::default();
        for (cell, text) in more.0.iter_mut().zip(&self.more) {
            *cell = text.as_deref();
        }
        let more = Some(&more).filter(|more| !more.is_empty());
        let Some(place) = intake.place(&self.account, &self.symbol, more) else {
            return;
        };
        let key = (self.account.clone(), self.order_id.clone());
        let reason = match self.is_executed {
            false => Some(format!(
                "status {}",
                self.status.as_deref().unwrap_or_default()
            )),
            true => with_fills
                .contains(&key)
                .then(|| "its fills are there".to_owned()),
        };
        if let Some(reason) = reason {
            *arrivals.ineligible.entry(reason).or_default() += 1;
            return;
        }
        let text = TradeText {
            order_id: &self.order_id,
            side: self.side.as_deref().unwrap_or_default(),
            size: self.size.as_deref().unwrap_or_default(),
            price: self.price.as_deref().unwrap_or_default(),
            fee: self.fee.as_deref(),
            order_time_micros: self.order_time,
            trade_seq: self.trade_seq,
            more,
        };
        intake.push_text(place, &text);
    }
}

/// Reads the new rows. One row more than [`NEW_ROWS_MAX`] shows that there are too many.
async fn new_rows(connection: &mut PgConnection, is_new: &str) -> StoreResult<Vec<NewRow>> {
    let fill_of = order_of_fill("order_id");
    let micros = sql_micros_or_infinity("order_time");
    let more = MORE_COLUMNS.map(|name| format!("{name}::text")).join(", ");
    let sql = format!(
        "SELECT account, symbol, order_id, side, size::text, price::text, \
                total_fees_usd::text AS fee, {micros} AS order_time, \
                trade_seq, ARRAY[{more}] AS more, \
                lower(status COLLATE \"C\") AS status, is_executed, \
                CASE WHEN is_executed THEN {fill_of} END AS fill_of, {HASH} AS hash \
         FROM ledger_writings WHERE {is_new} LIMIT {NEW_ROWS_MAX} + 1"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))
}

/// Returns those of the rows that are orders with fills in the ledger.
async fn orders_with_fills(
    connection: &mut PgConnection,
    new: &[NewRow],
) -> StoreResult<BTreeSet<(String, String)>> {
    let executed = new.iter().filter(|row| row.is_executed);
    let order_ids: Vec<&str> = executed.map(|row| row.order_id.as_str()).collect();
    if order_ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    // The query finds stems in a third of the time, and they leave few rows to compare.
    let stems: Vec<String> = order_ids.iter().map(|order_id| stem(order_id)).collect();
    let sql = "SELECT DISTINCT account, order_id FROM orders_with_fills \
               WHERE stem = ANY ($1) AND order_id = ANY ($2)";
    let rows: Vec<(String, String)> = sqlx::query_as(sql)
        .bind(stems)
        .bind(order_ids)
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
    Ok(rows.into_iter().collect())
}

/// Returns the part of a fill's id before the first `-FILL-`, for the fills of an order.
fn stem(order_id: &str) -> String {
    let fill = format!("{order_id}-FILL-1");
    let stem = fill.split("-FILL-").next();
    stem.unwrap_or_default().to_owned()
}

/// Refuses new fills that replace an older row of their order. Also refuses new rows with the id
/// of a trade in our own table.
async fn refuse_first_fills(
    connection: &mut PgConnection,
    new: &[NewRow],
    is_new: &str,
) -> StoreResult<()> {
    let fills = new
        .iter()
        .filter_map(|row| Some((row, row.fill_of.as_ref()?)));
    let orders: BTreeSet<(&str, &str)> = fills
        .map(|(row, order)| (row.account.as_str(), order.as_str()))
        .collect();
    let of_ours = new
        .iter()
        .map(|row| (row.account.as_str(), row.order_id.as_str()));
    let keys: BTreeSet<(&str, &str)> = orders.iter().copied().chain(of_ours).collect();
    let (accounts, order_ids): (Vec<&str>, Vec<&str>) = keys.into_iter().unzip();
    let stands_for_ours: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM unnest($1::text[], $2::text[]) AS k (a, o) \
         JOIN trade_additions ON account = a AND order_id = o)",
    )
    .bind(accounts)
    .bind(order_ids)
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    if stands_for_ours {
        return Err(StoreError::MustReadWhole(Untold::InPlace));
    }
    if orders.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = orders.iter().map(|(_, order_id)| *order_id).collect();
    let old = format!("is_executed AND NOT {is_new}");
    let sql = format!(
        "SELECT account, order_id FROM ledger_writings WHERE order_id = ANY ($1) AND {old}"
    );
    let whole: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
    let known = |(account, order_id): &(String, String)| {
        orders.contains(&(account.as_str(), order_id.as_str()))
    };
    let whole: BTreeSet<(String, String)> = whole.into_iter().filter(known).collect();
    if whole.is_empty() {
        return Ok(());
    }
    let fill_of = order_of_fill("order_id");
    let sql = format!(
        "SELECT account, {fill_of} FROM ledger_writings \
         WHERE order_id LIKE '%-FILL-%' AND {fill_of} = ANY ($1) AND {old}"
    );
    let filled: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&ids)
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
    let filled: BTreeSet<(String, String)> = filled.into_iter().collect();
    match whole.is_subset(&filled) {
        true => Ok(()),
        false => Err(StoreError::MustReadWhole(Untold::FirstFill)),
    }
}
