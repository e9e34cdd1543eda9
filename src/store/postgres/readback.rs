//! The trades of an import, read back before they are committed.
//!
//! A row comes back in the bytes in which it was sent: both are the binary format of COPY.
//! `ingest_xid` shows the rows of this transaction, from any writer in it.

use sqlx::PgConnection;

use super::adoption::mapping::Ledger;
use super::copy_rows::CopyRows;
use super::errors::from_sqlx;
use crate::engine::MORE_COLUMNS;
use crate::store::readback::{Tally, check_count};
use crate::store::{StoreResult, more};

pub(super) const TRADE_COLUMNS: &str = "account, order_id, symbol, side, size, price, order_time, \
    total_fees_usd, trade_seq, status, order_type, source, ingest_via, exchange, \
    exchange_order_id, linked_order_id, import_id, import_line";

pub(super) const TRADE_COLUMNS_COUNT: usize = 18;

/// Number of the columns of the key, and of those of more facts.
pub(super) const MORE_COUNT: usize = 2 + MORE_COLUMNS.len();

const ACTION: &str = "read the trades back";

/// Number and hashes of the rows that an import has written so far.
pub(super) struct PostgresReadback {
    tally: Tally,
    /// The rows with more facts, each with its key and these facts.
    more: Tally,
}

/// Begins a count, before the first row is written.
pub(super) fn begin() -> PostgresReadback {
    PostgresReadback {
        tally: Tally::default(),
        more: Tally::default(),
    }
}

impl PostgresReadback {
    /// Counts a row that was written.
    pub(super) fn add(&mut self, row: &[u8]) {
        self.tally.add(|hasher| hasher.write(row));
    }

    /// Counts the key and the more facts of a row that was written.
    pub(super) fn add_more(&mut self, row: &[u8]) {
        self.more.add(|hasher| hasher.write(row));
    }

    /// Reads back the trades that this database transaction stored, and compares them with the
    /// trades that were sent. Of voids, it compares only the number.
    ///
    /// Errors: other rows are stored than were written.
    pub(super) async fn check(
        &self,
        connection: &mut PgConnection,
        ledger: Ledger,
        voids: usize,
    ) -> StoreResult<()> {
        // No statistics tell whether this import is most of the ledger or a few rows of it.
        sqlx::query("SET LOCAL enable_seqscan = off")
            .execute(&mut *connection)
            .await
            .map_err(|e| from_sqlx(ACTION, e))?;
        let table = ledger.additions();
        let of_ours = "ingest_xid = pg_current_xact_id()";
        let sql = format!("SELECT {TRADE_COLUMNS} FROM {table} WHERE {of_ours}");
        check_rows::<TRADE_COLUMNS_COUNT>(connection, &sql, &self.tally).await?;
        let (columns, any) = (more::columns(""), more::any());
        let sql =
            format!("SELECT account, order_id, {columns} FROM {table} WHERE {of_ours} AND ({any})");
        check_rows::<MORE_COUNT>(connection, &sql, &self.more).await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM trade_voids WHERE void_xid = pg_current_xact_id()",
        )
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
        check_count("voids", voids, count)
    }
}

/// Compares the rows of a query with those that were written.
async fn check_rows<const N: usize>(
    connection: &mut PgConnection,
    sql: &str,
    written: &Tally,
) -> StoreResult<()> {
    let mut stored = written.like();
    let sql = format!("COPY ({sql}) TO STDOUT (FORMAT binary)");
    let mut rows = CopyRows::<N>::begin(connection, &sql, ACTION).await?;
    while rows.advance().await? {
        stored.add(|hasher| hasher.write(rows.bytes()));
    }
    drop(rows);
    written.check(&stored)
}
