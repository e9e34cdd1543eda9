//! A version's rows with the file and line of their trades, out of binary COPYs.
//!
//! Rows are read a few pools at a time: the server then sorts little, in memory. To sort a million
//! rows at once takes it longer than all the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use uuid::Uuid;

use super::adoption::column::{ACCOUNT, NO_ACCOUNT, symbol_of};
use super::adoption::mapping::Ledger;
use super::cells::literal;
use super::copy_rows::{CopiesAhead, CopyRows, CopySource};
use super::errors::{from_sqlx, unreadable};
use super::stored::{BinaryCells, quick};
use super::{PostgresStore, binary, end_snapshot, plans};
use crate::engine::{Account, Timestamp};
use crate::store::limits::POOLS_TOGETHER_MAX;
use crate::store::model::{LongRun, Scope, Sold, Version};
use crate::store::sourced::{Origins, RowsOfPool, SourcedRows, Span};
use crate::store::{HistoryStore, LedgerStore};
use crate::store::{SourcedSink, StoreResult, cells, sourced};

const ACTION: &str = "export a version";

/// Rows that one COPY reads; a pool with more rows has a COPY of its own.
const COPY_ROWS_MAX: i64 = 16_384;

/// Number of the columns of [`cells::ALLOCATION`] and the batch id.
const COLUMNS: usize = cells::ALLOCATION_COUNT + 1;

/// Passes each row of a version to `sink` with the origin of its trades, in canonical order.
pub(super) async fn rows(
    store: &PostgresStore,
    version: Version,
    account: Option<&Account>,
    sold: Sold,
    sink: &mut dyn SourcedSink,
) -> StoreResult<u64> {
    let files = store.imports().await?;
    let files: BTreeMap<i64, Arc<str>> = files
        .into_iter()
        .map(|file| (file.id, Arc::from(file.name)))
        .chain([(LEDGER_TABLE_ID, Arc::from(LEDGER_TABLE))])
        .collect();
    let mut origins = Origins::new(&files);
    let mut reader = VersionReader {
        store,
        version,
        account,
        sold,
        has_legs: false,
        has_moves: false,
    };
    let mut connection = store.snapshot().await?;
    let (trades, legs) = match reader.trades_and_legs(&mut connection).await {
        Ok(sums) => sums,
        Err(error) => return end_snapshot(connection, Err(error)).await,
    };
    let moved_into = match reader.pools_moved_into(&mut connection).await {
        Ok(pools) => pools,
        Err(error) => return end_snapshot(connection, Err(error)).await,
    };
    (reader.has_legs, reader.has_moves) = (legs > 0, !moved_into.is_empty());
    let (rows, connection) = match sourced::is_one_span(trades, store.origins_max) {
        true => reader.in_one_pass(connection, &mut origins, sink).await?,
        false => reader.in_passes(connection, &mut origins, sink).await?,
    };
    end_snapshot(connection, Ok(rows)).await
}

/// Groups the pools of a span; one COPY reads a group.
fn parts(pools: &[RowsOfPool], span: &Span) -> Vec<Vec<RowsOfPool>> {
    let is_before =
        |pool: &RowsOfPool, end: &(String, String)| (&pool.0, &pool.1) < (&end.0, &end.1);
    let place = |end: &Option<(String, String)>, none: usize| match end {
        Some(end) => pools.partition_point(|pool| is_before(pool, end)),
        None => none,
    };
    let (from, until) = (place(&span.from, 0), place(&span.until, pools.len()));
    let mut rest = pools.get(from..until).unwrap_or_default();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let mut rows = 0;
        let mut fits = |pool: &&RowsOfPool| {
            rows += pool.2;
            rows <= COPY_ROWS_MAX
        };
        let near = rest.iter().take(POOLS_TOGETHER_MAX);
        let count = near.take_while(|pool| fits(pool)).count().max(1);
        let (part, after) = rest.split_at(count);
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

#[derive(Clone, Copy)]
struct VersionReader<'s> {
    store: &'s PostgresStore,
    version: Version,
    account: Option<&'s Account>,
    sold: Sold,
    /// Some pool has legs of other pools' trades, so that a sell may bring a lot.
    has_legs: bool,
    /// Lots moved, so that a buy may be in another account than its row.
    has_moves: bool,
}

impl VersionReader<'_> {
    /// Returns the numbers of trades and of legs, of all pools, also of those that the export
    /// leaves out.
    async fn trades_and_legs(self, connection: &mut PgConnection) -> StoreResult<(i64, i64)> {
        sqlx::query_as(
            "SELECT coalesce(sum(trades), 0)::bigint, coalesce(sum(legs), 0)::bigint \
             FROM fifo_pool_summary WHERE allocation_version = $1",
        )
        .bind(self.version)
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))
    }

    /// Lists account and asset of the pools that lots moved into.
    async fn pools_moved_into(
        self,
        connection: &mut PgConnection,
    ) -> StoreResult<Vec<(String, String)>> {
        sqlx::query_as(
            "SELECT DISTINCT to_account, asset FROM fifo_lot_moves WHERE allocation_version = $1",
        )
        .bind(self.version)
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))
    }

    /// Passes on all rows. A second connection reads the origins while the server looks for the
    /// first rows. It began later, so it sees every trade of the version.
    async fn in_one_pass(
        self,
        connection: Snapshot,
        origins: &mut Origins<'_>,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<(u64, Snapshot)> {
        let mut beside = match self.store.snapshot().await {
            Ok(beside) => beside,
            Err(error) => return end_snapshot(connection, Err(error)).await,
        };
        let span = Span::default();
        let begin = async {
            let (pools, connection) = self.pools(connection).await?;
            StoreResult::Ok(self.begin(connection, parts(&pools, &span)))
        };
        let read = self.read_origins(&mut beside, &span, origins);
        let (ahead, read) = tokio::join!(begin, read);
        end_snapshot(beside, read).await?;
        self.give(ahead?, origins, sink).await
    }

    /// Passes on all rows, in passes: each reads the origins of some pools.
    async fn in_passes(
        self,
        connection: Snapshot,
        origins: &mut Origins<'_>,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<(u64, Snapshot)> {
        let (pools, mut connection) = self.pools(connection).await?;
        let sizes = match self.store.pool_sizes(&Scope::default()).await {
            Ok(sizes) => sizes,
            Err(error) => return end_snapshot(connection, Err(error)).await,
        };
        let mut rows = 0;
        for span in sourced::spans(&pools, sizes.as_ref(), self.store.origins_max) {
            if let Err(error) = self.read_origins(&mut connection, &span, origins).await {
                return end_snapshot(connection, Err(error)).await;
            }
            let ahead = self.begin(connection, parts(&pools, &span));
            let given = self.give(ahead, origins, sink).await?;
            rows += given.0;
            connection = given.1;
        }
        Ok((rows, connection))
    }

    fn begin(self, connection: Snapshot, parts: Vec<Vec<RowsOfPool>>) -> Ahead {
        let count = parts.len();
        let source = PartCopies {
            version: self.version,
            sold: self.sold,
            parts: parts.into_iter(),
        };
        Ahead {
            copies: CopiesAhead::begin(connection, source, ACTION),
            count,
        }
    }

    /// Lists the pools that have rows with sells in the period of the export.
    async fn pools(self, mut connection: Snapshot) -> StoreResult<(Vec<RowsOfPool>, Snapshot)> {
        let pools = sqlx::query_as(
            "SELECT account, asset, count(*) FROM fifo_allocations \
             WHERE allocation_version = $1 AND ($2::text IS NULL OR account = $2) \
             AND sell_time >= $3::timestamptz AND sell_time < $4::timestamptz \
             GROUP BY account, asset ORDER BY account, asset",
        )
        .bind(self.version)
        .bind(self.account.map(Account::as_str))
        .bind(self.sold.from.to_string())
        .bind(self.sold.until.to_string())
        .fetch_all(&mut *connection)
        .await;
        match pools.map_err(|e| from_sqlx(ACTION, e)) {
            Ok(pools) => Ok((pools, connection)),
            Err(error) => end_snapshot(connection, Err(error)).await,
        }
    }

    async fn read_origins(
        self,
        connection: &mut PgConnection,
        span: &Span,
        origins: &mut Origins<'_>,
    ) -> StoreResult<()> {
        origins.clear();
        plans::read_all(connection).await?;
        for table in tables(connection, self.store.ledger).await? {
            let sql = table.copy(self, span);
            let mut rows = CopyRows::<5>::begin(connection, &sql, ACTION).await?;
            while rows.advance().await? {
                let columns = rows.columns();
                let text = |at: usize| match columns.get(at).copied().flatten() {
                    None => Ok(None),
                    Some(bytes) => std::str::from_utf8(bytes)
                        .map(Some)
                        .map_err(|_| unreadable(sourced::ORIGIN[at], "no text")),
                };
                let integer =
                    |at: usize| columns.get(at).copied().flatten().and_then(binary::integer);
                let key = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
                origins.add(key, text(2)?, integer(3), integer(4));
            }
        }
        origins.sort();
        Ok(())
    }

    /// Passes on the rows of all parts.
    async fn give(
        self,
        mut ahead: Ahead,
        origins: &mut Origins<'_>,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<(u64, Snapshot)> {
        let mut rows = 0;
        for _ in 0..ahead.count {
            let of_part = ahead.copies.next().await?;
            rows += self.read_rows(of_part, origins, sink).await?;
        }
        Ok((rows, ahead.copies.end().await?))
    }

    /// Passes on the rows of one part: a few pools.
    async fn read_rows(
        self,
        mut rows: CopyRows<'_, COLUMNS>,
        origins: &mut Origins<'_>,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64> {
        let mut sourced = SourcedRows::new(origins, sink);
        let (mut batch, mut batch_text) = ([0_u8; 16], Uuid::nil().to_string());
        while rows.advance().await? {
            let columns = rows.columns();
            let (allocation, uuid) = columns.split_at(COLUMNS - 1);
            let uuid = uuid.first().copied().flatten().unwrap_or_default();
            if uuid != batch.as_slice() {
                batch = uuid.try_into().unwrap_or_default();
                batch_text = Uuid::from_bytes(batch).to_string();
            }
            let (pool, symbol) = sourced.names();
            let row = match pool.and_then(|pool| quick(allocation, pool, symbol)) {
                Some(row) => Ok(row),
                None => cells::allocation(&BinaryCells(allocation)),
            };
            sourced.take(row, &batch_text)?;
            // Rows of a lot may lie apart, if an older one moved in between.
            let is_one_run = |run: &LongRun| run.is_sell || !self.has_moves;
            let long: Vec<LongRun> = sourced.long_runs().filter(is_one_run).collect();
            for run in long {
                let run = counted(self.store, self.version, run).await?;
                sourced.tell(run)?;
            }
        }
        Ok(sourced.rows())
    }
}

/// A connection in a transaction that reads one state of the database.
type Snapshot = PoolConnection<Postgres>;

/// COPYs of parts that a task reads ahead, and their number.
struct Ahead {
    copies: CopiesAhead,
    count: usize,
}

/// The COPYs of a version's parts.
struct PartCopies {
    version: Version,
    sold: Sold,
    parts: std::vec::IntoIter<Vec<RowsOfPool>>,
}

#[async_trait]
impl CopySource for PartCopies {
    async fn next(&mut self, connection: &mut PgConnection) -> StoreResult<Option<String>> {
        let Some(pools) = self.parts.next() else {
            return Ok(None);
        };
        plans::look_up(connection).await?;
        let edges = self.edges(connection, &pools).await?;
        Ok(Some(copy_of(
            self.version,
            &pools,
            &edges,
            &times(self.sold),
        )))
    }
}

/// Account and asset of a lot, and the id of its trade.
type LotKey = (String, String, String);

impl PartCopies {
    /// Lists the lots of each pool's first and last row in the period. Only these two can have rows
    /// outside the period: lots are used first in, first out. If older lots moved in, any lot can.
    async fn edges(
        &self,
        connection: &mut PgConnection,
        pools: &[RowsOfPool],
    ) -> StoreResult<Vec<LotKey>> {
        let accounts: Vec<&str> = pools.iter().map(|pool| pool.0.as_str()).collect();
        let assets: Vec<&str> = pools.iter().map(|pool| pool.1.as_str()).collect();
        sqlx::query_as(AssertSqlSafe(EDGES.replace("{of_pool}", OF_POOL)))
            .bind(self.version)
            .bind(accounts)
            .bind(assets)
            .bind(self.sold.from.to_string())
            .bind(self.sold.until.to_string())
            .fetch_all(connection)
            .await
            .map_err(|e| from_sqlx(ACTION, e))
    }
}

/// The rows of a pool in the period, for [`EDGES`].
const OF_POOL: &str = "FROM fifo_allocations WHERE allocation_version = $1 \
     AND account = p.account AND asset = p.asset \
     AND sell_time >= $4::timestamptz AND sell_time < $5::timestamptz";

const EDGES: &str = "SELECT DISTINCT p.account, p.asset, e.buy_order_id \
     FROM unnest($2::text[], $3::text[]) p (account, asset) CROSS JOIN LATERAL \
     ((SELECT buy_order_id {of_pool} ORDER BY sell_time, id LIMIT 1) UNION ALL \
      (SELECT buy_order_id {of_pool} ORDER BY sell_time DESC, id DESC LIMIT 1)) e \
     WHERE e.buy_order_id IS NOT NULL \
     UNION SELECT p.account, p.asset, e.buy_order_id FROM (\
         SELECT account COLLATE \"C\" AS account, asset COLLATE \"C\" AS asset \
             FROM unnest($2::text[], $3::text[]) p (account, asset) \
         INTERSECT SELECT to_account, asset FROM fifo_lot_moves WHERE allocation_version = $1) p \
     CROSS JOIN LATERAL (SELECT buy_order_id {of_pool} OFFSET 0) e \
     WHERE e.buy_order_id IS NOT NULL";

/// Returns the COPY of some pools' rows in the period, and of all other rows of the lots in `lots`.
///
/// OFFSET makes the server look up each pool, and each lot, by the whole key of an index. Otherwise
/// the server may read the whole version for each part. The ranges choose the index: `plans.rs`.
fn copy_of(
    version: Version,
    pools: &[RowsOfPool],
    lots: &[LotKey],
    (from, until): &(String, String),
) -> String {
    let columns = format!("{}, allocation_batch_id", cells::ALLOCATION);
    let of_version = format!("FROM fifo_allocations WHERE allocation_version = {version}");
    let times = format!("(SELECT {from} AS since, {until} AS until OFFSET 0) t");
    let sold = "sell_time >= t.since AND sell_time < t.until";
    let accounts = literals(pools.iter().map(|pool| &pool.0));
    let assets = literals(pools.iter().map(|pool| &pool.1));
    let mut sql = format!(
        "SELECT r.* FROM unnest(ARRAY[{accounts}], ARRAY[{assets}]) p (account, asset) \
         CROSS JOIN {times} CROSS JOIN LATERAL (SELECT {columns} {of_version} \
          AND account = p.account COLLATE \"C\" AND asset = p.asset COLLATE \"C\" \
          AND {sold} OFFSET 0) r"
    );
    if !lots.is_empty() {
        let accounts = literals(lots.iter().map(|lot| &lot.0));
        let assets = literals(lots.iter().map(|lot| &lot.1));
        let ids = literals(lots.iter().map(|lot| &lot.2));
        sql += &format!(
            " UNION ALL SELECT r.* FROM unnest(ARRAY[{accounts}], ARRAY[{assets}], ARRAY[{ids}]) \
              l (account, asset, id) CROSS JOIN {times} \
             CROSS JOIN LATERAL (SELECT {columns} {of_version} \
              AND account = l.account COLLATE \"C\" AND buy_order_id = l.id COLLATE \"C\" \
              AND buy_order_id >= l.id COLLATE \"C\" AND buy_order_id <= l.id COLLATE \"C\" \
              AND asset = l.asset COLLATE \"C\" \
              AND NOT ({sold}) OFFSET 0) r"
        );
    }
    format!("COPY ({sql} ORDER BY account, asset, id) TO STDOUT (FORMAT binary)")
}

fn literals<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    let texts: Vec<String> = texts.map(|text| literal(text)).collect();
    texts.join(", ")
}

/// Returns both ends of the period as SQL.
fn times(sold: Sold) -> (String, String) {
    let sql = |time: Timestamp| format!("{}::timestamptz", literal(&time.to_string()));
    (sql(sold.from), sql(sold.until))
}

/// Counts the rows of a sell or lot, on another connection than the read. A run may append rows
/// meanwhile. The number is then too large, and the sink notices that.
async fn counted(
    store: &PostgresStore,
    version: Version,
    mut run: LongRun,
) -> StoreResult<LongRun> {
    let sql = match run.is_sell {
        true => {
            "SELECT count(*) FROM fifo_allocations WHERE allocation_version = $1 \
             AND account = $2 AND sell_order_id = $3 AND asset = $4"
        }
        false => {
            "SELECT count(*) FROM fifo_allocations WHERE allocation_version = $1 \
             AND account = $2 AND buy_order_id = $3 AND asset = $4"
        }
    };
    let mut connection = store.lookup().await?;
    let rows = sqlx::query_scalar(sql)
        .bind(version)
        .bind(&run.account)
        .bind(&run.order_id)
        .bind(&run.asset)
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e));
    let rows: i64 = end_snapshot(connection, rows).await?;
    run.rows = u32::try_from(rows).unwrap_or(u32::MAX);
    Ok(run)
}

/// A table with trades of the ledger.
struct TradeTable {
    name: &'static str,
    /// Only this program writes to the table.
    is_ours: bool,
    account: &'static str,
    symbol: String,
    source: &'static str,
    imported: String,
}

/// The file name in the origin of a trade that this program did not import.
const LEDGER_TABLE: &str = "table trade_records";

/// Stands for the import of such a trade; no import has this number.
const LEDGER_TABLE_ID: i64 = -1;

/// Returns the tables of the ledger. An adopted table has no imported files; its column `source`,
/// if any, gives the source.
async fn tables(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<Vec<TradeTable>> {
    let additions = TradeTable {
        name: ledger.additions(),
        is_ours: true,
        account: "t.account",
        symbol: symbol_of("t.symbol"),
        source: "t.source",
        imported: "t.import_id::bigint, t.import_line::bigint".to_owned(),
    };
    if ledger == Ledger::Ours {
        return Ok(vec![additions]);
    }
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT attname::text FROM pg_attribute \
         WHERE attrelid = to_regclass('public.trade_records') AND attnum > 0 \
         AND NOT attisdropped AND has_column_privilege(attrelid, attnum, 'SELECT')",
    )
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    if !has("order_id") || !has("symbol") {
        // This role may read reports only, not the adopted table.
        return Ok(vec![additions]);
    }
    let adopted = TradeTable {
        name: "public.trade_records",
        is_ours: false,
        account: match has("account") {
            true => ACCOUNT,
            false => NO_ACCOUNT,
        },
        symbol: symbol_of("t.symbol"),
        // Only in our tables do these words mark a decided cost.
        source: match has("source") {
            true => {
                "CASE WHEN t.source::text IN ('review', 'opening') \
                 THEN t.source::text || ' (ledger)' ELSE t.source::text END"
            }
            false => "NULL::text",
        },
        imported: format!("({LEDGER_TABLE_ID})::bigint, NULL::bigint"),
    };
    Ok(vec![adopted, additions])
}

impl TradeTable {
    /// Returns the condition for trades that the export may need: those of the period, and earlier
    /// trades that may have brought lots. In an adopted ledger times may have changed since the
    /// run, so all its trades are read.
    fn needed(&self, of: VersionReader<'_>) -> String {
        if !self.is_ours {
            return "TRUE".to_owned();
        }
        let (from, until) = times(of.sold);
        let of_period = format!("t.order_time < {until}");
        match of.has_legs {
            true => of_period,
            false => format!("{of_period} AND (t.order_time >= {from} OR t.side = 'buy')"),
        }
    }

    fn copy(&self, of: VersionReader<'_>, span: &Span) -> String {
        let mut of_span = self.needed(of);
        for (end, compared) in [(&span.from, ">="), (&span.until, "<=")] {
            if let Some((account, _)) = end {
                let (column, account) = (self.account, literal(account));
                of_span.push_str(&format!(
                    " AND ({column}) COLLATE \"C\" {compared} {account}"
                ));
            }
        }
        if let Some(symbols) = &span.symbols {
            let symbols = literals(symbols.iter());
            of_span.push_str(&format!(
                " AND {} = ANY(ARRAY[{symbols}]::text[])",
                self.symbol
            ));
        }
        if let Some(account) = of.account {
            of_span.push_str(&format!(
                " AND {} = {}",
                self.account,
                literal(account.as_str())
            ));
        }
        if of.has_moves {
            of_span = format!(
                "({of_span}) OR t.order_id::text IN (SELECT buy_order_id FROM fifo_lot_moves \
                 WHERE allocation_version = {})",
                of.version
            );
        }
        format!(
            "COPY (SELECT {}, t.order_id::text, {}, {} FROM {} t WHERE {of_span}) \
             TO STDOUT (FORMAT binary)",
            self.account, self.source, self.imported, self.name
        )
    }
}
