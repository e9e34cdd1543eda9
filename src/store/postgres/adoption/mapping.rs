//! A ledger that was there before us: the meaning of its columns.
//!
//! Adoption adds nothing to such a ledger. Programs read it through views that are written for its
//! columns (`views.rs`), and added rows go to a table of ours. If a fact of a trade can't be read,
//! adoption refuses before it creates anything. Read next: `schema.rs`, which migrates.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::column::{CatalogColumn, FactType, Mapped, Missing, NO_ACCOUNT, map_column};
use super::{legacy, more};
use crate::store::model::{Adoption, MappedColumn, OrderUnlikeFills};
use crate::store::postgres::PostgresStore;
use crate::store::postgres::errors::from_sqlx;
use crate::store::{Denial, LedgerFault, PostgresRefusal, StoreError, StoreResult};

/// The table that records how an adopted ledger is read. Other databases don't have this table.
pub(in crate::store::postgres) const MAPPING: &str = "ledger_mapping";

/// The maker of a database's ledger, and whether its facts are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::postgres) enum Ledger {
    /// The table that our migration made.
    Ours,
    /// An adopted table, whose rows other programs may change.
    Unguarded,
    /// An adopted table, whose facts triggers protect from change.
    Guarded,
}

impl Ledger {
    /// Returns the table or view that has all rows of the ledger.
    pub(in crate::store::postgres) fn rows(self) -> &'static str {
        match self {
            Self::Ours => "trade_records",
            Self::Unguarded | Self::Guarded => "ledger_rows",
        }
    }

    /// Returns the table that this program appends to.
    pub(in crate::store::postgres) fn additions(self) -> &'static str {
        match self {
            Self::Ours => "trade_records",
            Self::Unguarded | Self::Guarded => "trade_additions",
        }
    }
}

/// Says whose ledger a migrated database has.
pub(in crate::store::postgres) async fn ledger_of(
    connection: &mut PgConnection,
) -> StoreResult<Ledger> {
    let action = "ask whose ledger it is";
    let is_adopted: bool =
        sqlx::query_scalar("SELECT to_regclass('public.ledger_mapping') IS NOT NULL")
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
    if !is_adopted {
        return Ok(Ledger::Ours);
    }
    let sql = format!("SELECT guarded FROM {MAPPING}");
    let is_guarded: bool = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    Ok(if is_guarded {
        Ledger::Guarded
    } else {
        Ledger::Unguarded
    })
}

/// Describes an adoption before it happens; `None`: the database has no ledger to adopt.
pub(in crate::store::postgres) async fn plan(
    connection: &mut PgConnection,
) -> StoreResult<Option<Adoption>> {
    let Some(mapping) = find(connection).await? else {
        return Ok(None);
    };
    let moved = legacy::find(connection).await?.into_iter();
    Ok(Some(Adoption {
        moved: moved.map(|old| old.name).collect(),
        ..mapping.adoption()
    }))
}

/// Describes how an adopted ledger is read, and counts its eligible rows. `None`: this program made
/// the ledger.
pub(in crate::store::postgres) async fn report(
    connection: &mut PgConnection,
) -> StoreResult<Option<Adoption>> {
    let action = "ask how the ledger is read";
    let ledger = ledger_of(connection).await?;
    if ledger == Ledger::Ours {
        return Ok(None);
    }
    let sql = format!("SELECT columns::text FROM {MAPPING}");
    let columns: String = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let mut adoption = adoption_of(&serde_json::from_str(&columns).unwrap_or_default());
    adoption.is_guarded = ledger == Ledger::Guarded;
    let eligible: i64 = sqlx::query_scalar("SELECT count(*) FROM eligible_trades")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let ineligible: Vec<(String, i64)> =
        sqlx::query_as("SELECT reason, count(*) FROM ineligible_trades GROUP BY reason")
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
    let count = |rows: i64| u64::try_from(rows).unwrap_or(0);
    adoption.eligible = count(eligible);
    let ineligible = ineligible.into_iter();
    adoption.ineligible = ineligible
        .map(|(reason, rows)| (reason, count(rows)))
        .collect();
    Ok(Some(adoption))
}

/// Returns orders whose size differs from the sum of their fills; matching uses only the fills.
pub(in crate::store::postgres) async fn orders_unlike_fills(
    store: &PostgresStore,
) -> StoreResult<Vec<OrderUnlikeFills>> {
    if store.ledger == Ledger::Ours {
        return Ok(Vec::new());
    }
    let mut connection = store.reader().await?;
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT o.account, o.order_id, trim_scale(o.size)::text, trim_scale(f.size)::text \
         FROM (SELECT account, order_id, sum(size) AS size FROM ineligible_trades \
               WHERE reason = 'its fills are there' GROUP BY 1, 2) o \
         JOIN (SELECT account, {} AS order_id, sum(size) AS size FROM eligible_trades \
               WHERE order_id LIKE '%-FILL-%' GROUP BY 1, 2) f \
           ON f.account = o.account AND f.order_id = o.order_id \
         WHERE o.size <> f.size ORDER BY 1, 2",
        order_of_fill("order_id")
    )))
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("compare orders with their fills", e))?;
    let order = |(account, order_id, size, size_of_fills)| OrderUnlikeFills {
        account,
        order_id,
        size,
        size_of_fills,
    };
    Ok(rows.into_iter().map(order).collect())
}

/// The columns that `eligible_trades` shows.
const FACTS: [(&str, FactType, Missing); 10] = [
    (
        "account",
        FactType::Text,
        Some((NO_ACCOUNT, "\"default\" for every row")),
    ),
    ("order_id", FactType::Text, None),
    ("symbol", FactType::Text, None),
    ("side", FactType::Text, None),
    ("size", FactType::Number, None),
    ("price", FactType::Number, None),
    ("order_time", FactType::Time, None),
    (
        "total_fees_usd",
        FactType::Number,
        Some(("NULL::numeric", "unknown for every row")),
    ),
    (
        "trade_seq",
        FactType::Integer,
        Some(("NULL::bigint", "none: order_id decides among equal times")),
    ),
    (
        "status",
        FactType::Text,
        Some(("NULL::text", "none: every row counts as an execution")),
    ),
];

/// How the columns of an adopted ledger are read.
#[derive(Debug, Clone)]
pub(in crate::store::postgres) struct Mapping {
    pub(in crate::store::postgres) columns: Vec<Mapped>,
    /// Every column of the ledger.
    pub(in crate::store::postgres) found: Vec<CatalogColumn>,
}

impl Mapping {
    /// Returns the SQL of a column of `eligible_trades`.
    pub(in crate::store::postgres) fn sql(&self, name: &str) -> &str {
        let column = self.columns.iter().find(|it| it.column.name == name);
        column.map_or("NULL", |it| it.sql.as_str())
    }

    /// Returns the column of the ledger that a fact is read from. `None`: it has no such fact.
    pub(in crate::store::postgres) fn source(&self, name: &str) -> Option<&str> {
        let column = self.columns.iter().find(|it| it.column.name == name);
        column.and_then(|it| it.source.as_deref())
    }

    /// Tells whether the ledger has a column.
    pub(in crate::store::postgres) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|found| found.name == name)
    }

    /// Returns the mapping as a person reads it.
    pub(in crate::store::postgres) fn adoption(&self) -> Adoption {
        let shown = self.columns.iter().filter(|it| more::is_shown(it));
        let columns: Vec<MappedColumn> = shown.map(|it| it.column.clone()).collect();
        let is_read = |name: &str| {
            self.columns
                .iter()
                .any(|it| it.source.as_deref() == Some(name))
        };
        let unread = self.found.iter().map(|found| found.name.clone());
        Adoption {
            unread: unread.filter(|name| !is_read(name)).collect(),
            columns,
            ..Adoption::default()
        }
    }
}

/// Returns the mapping as JSON, for `ledger_mapping`.
pub(in crate::store::postgres) fn columns_json(adoption: &Adoption) -> Value {
    let column = |it: &MappedColumn| json!({ "column": it.name, "type": it.kind, "as": it.words });
    json!({
        "columns": adoption.columns.iter().map(column).collect::<Vec<_>>(),
        "unread": adoption.unread,
    })
}

/// Reads a mapping from the JSON of `ledger_mapping`.
pub(in crate::store::postgres) fn adoption_of(columns: &Value) -> Adoption {
    let list = |name: &str| columns.get(name).and_then(Value::as_array).cloned();
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let column = |value: &Value| MappedColumn {
        name: text(value, "column"),
        kind: text(value, "type"),
        words: text(value, "as"),
    };
    let unread = list("unread").unwrap_or_default();
    Adoption {
        columns: list("columns")
            .unwrap_or_default()
            .iter()
            .map(column)
            .collect(),
        unread: unread
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        ..Adoption::default()
    }
}

/// Looks for a ledger that this program did not make; `None`: the database has none.
///
/// Errors: the table can't be read as trades; has all reasons.
pub(in crate::store::postgres) async fn find(
    connection: &mut PgConnection,
) -> StoreResult<Option<Mapping>> {
    let action = "look at the ledger that is there";
    let kind: Option<String> = sqlx::query_scalar(
        "SELECT c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relname = 'trade_records'",
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let Some(kind) = kind else { return Ok(None) };
    check_readable(connection).await?;
    let mut reasons = Vec::new();
    if !matches!(kind.as_str(), "r" | "p") {
        reasons.push(LedgerFault::NoTable);
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT a.attname::text, format_type(CASE WHEN y.typtype = 'd' THEN y.typbasetype \
                ELSE CASE WHEN y.typtype = 'e' THEN 'text'::regtype ELSE y.oid END END, NULL) \
         FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid \
         WHERE a.attrelid = to_regclass('public.trade_records') AND a.attnum > 0 \
         AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let found: Vec<CatalogColumn> = rows
        .into_iter()
        .map(|(name, kind)| CatalogColumn { name, kind })
        .collect();
    let columns = FACTS.iter().filter_map(|(name, fact, missing)| {
        let there = found.iter().find(|found| found.name == *name);
        match map_column(name, *fact, there, *missing) {
            Ok(mapped) => Some(mapped),
            Err(reason) => {
                reasons.push(reason);
                None
            }
        }
    });
    let mut columns: Vec<Mapped> = columns.collect();
    let fee = columns.iter().find(|it| it.column.name == "total_fees_usd");
    match more::map(&found, fee.map_or("NULL", |it| &it.sql)) {
        Ok(more) => columns.extend(more),
        Err(faults) => reasons.extend(faults),
    }
    let names_account = found.iter().any(|found| found.name == "account");
    if reasons.is_empty() && !has_key(connection, names_account).await? {
        let key = if names_account {
            "(account, order_id)"
        } else {
            "order_id"
        };
        reasons.push(LedgerFault::NoKey(key));
    }
    if reasons.is_empty() {
        return Ok(Some(Mapping { columns, found }));
    }
    Err(PostgresRefusal::NoLedger(reasons).into())
}

/// Refuses a role that may not read the ledger, before adoption changes anything.
async fn check_readable(connection: &mut PgConnection) -> StoreResult<()> {
    let action = "look at the ledger that is there";
    let sql = "SELECT has_table_privilege('public.trade_records', 'SELECT')";
    let is_readable: bool = sqlx::query_scalar(sql)
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    match is_readable {
        true => Ok(()),
        false => Err(StoreError::NoPermission {
            location: action.into(),
            reason: Denial::Unreadable,
        }),
    }
}

/// Tells whether no two rows can have one order id in one account.
async fn has_key(connection: &mut PgConnection, names_account: bool) -> StoreResult<bool> {
    let of_key = if names_account {
        vec!["account", "order_id"]
    } else {
        vec!["order_id"]
    };
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_index i \
         WHERE i.indrelid = to_regclass('public.trade_records') AND i.indisunique \
         AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
         AND (SELECT bool_and(a.attname = ANY ($1)) FROM pg_attribute a \
              WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) \
         AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid \
              AND a.attnum = ANY (i.indkey) AND a.attname = 'order_id'))",
    )
    .bind(of_key)
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("look at the ledger that is there", e))
}

/// Returns the SQL of the order that a row `<order>-FILL-<n>` fills; NULL for any other row.
///
/// A regular expression would take ten times as long.
pub(in crate::store::postgres) fn order_of_fill(id: &str) -> String {
    let stem = format!("rtrim({id}, '0123456789')");
    format!(
        "CASE WHEN {stem} LIKE '_%-FILL-' AND {stem} <> {id} THEN left({stem}, -6) END \
         COLLATE \"C\""
    )
}
