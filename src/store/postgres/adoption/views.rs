//! The views over a ledger that was there before us, as SQL.
//!
//! `eligible_trades` and `ineligible_trades` have the columns that they have over our own ledger.
//! If an order stands both as its fills (`<order>-FILL-<n>`) and as one whole row, the whole row is
//! no execution of its own. Rows of ours stand beside the ledger's in `trade_additions`. The views
//! look for fills by EXISTS, not by a join with a list of distinct orders. So the server hashes
//! instead of sorting.

use super::column::symbol_of;
use super::mapping::{Mapping, order_of_fill};
use crate::engine::MORE_COLUMNS;

/// A transaction that every snapshot sees, for ledger rows whose own transaction is unknown.
const ALWAYS_SEEN: &str = "'3'::xid8";

/// Statuses of orders that never executed, as an SQL list.
const NEVER_EXECUTED: &str = "'cancelled', 'canceled', 'rejected', 'expired', 'failed', \
    'open', 'pending', 'active', 'placed'";

/// The columns of `eligible_trades`, in order. More facts follow.
const COLUMNS: [&str; 10] = [
    "account",
    "order_id",
    "symbol",
    "side",
    "size",
    "price",
    "order_time",
    "total_fees_usd",
    "trade_seq",
    "status",
];

fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(MORE_COLUMNS)
}

/// A table that rows of the views come from, with the alias `t`.
struct SourceTable {
    table: &'static str,
    columns: Vec<(&'static str, String)>,
    ingest_xid: String,
    imported: &'static str,
    void_seq: &'static str,
}

impl SourceTable {
    fn ledger(mapping: &Mapping, is_guarded: bool) -> Self {
        let columns = columns().map(|name| (name, mapping.sql(name).to_owned()));
        Self {
            table: "public.trade_records",
            columns: columns.collect(),
            ingest_xid: match is_guarded {
                true => format!("coalesce(t.ingest_xid, {ALWAYS_SEEN})"),
                false => ALWAYS_SEEN.to_owned(),
            },
            imported: "NULL::bigint AS import_id, NULL::bigint AS import_line",
            void_seq: "v.void_seq",
        }
    }

    fn additions() -> Self {
        let sql = |name: &str| match name {
            "symbol" => symbol_of("t.symbol"),
            other => format!("t.{other}"),
        };
        Self {
            table: "public.trade_additions",
            columns: columns().map(|name| (name, sql(name))).collect(),
            ingest_xid: "t.ingest_xid".to_owned(),
            imported: "t.import_id, t.import_line",
            void_seq: "CASE WHEN v.void_seq IS NULL AND t.import_id = ANY (ARRAY(SELECT import_id \
                FROM active_import_voids)) THEN 0 ELSE v.void_seq END",
        }
    }

    fn sql(&self, name: &str) -> &str {
        let column = self.columns.iter().find(|(column, _)| *column == name);
        column.map_or("NULL", |(_, sql)| sql.as_str())
    }

    fn facts(&self) -> String {
        let facts = self.columns.iter();
        let facts = facts.map(|(name, sql)| format!("{sql} AS {name}"));
        facts.collect::<Vec<_>>().join(",\n       ")
    }

    fn status(&self) -> String {
        format!("lower({} COLLATE \"C\")", self.sql("status"))
    }

    fn was_executed(&self) -> String {
        let (status, shown) = (self.status(), self.sql("status"));
        format!("({shown} IS NULL OR {status} NOT IN ({NEVER_EXECUTED}))")
    }

    /// Returns the condition that the relation `alias` has a row of the same trade.
    fn same_as(&self, alias: &str) -> String {
        let (account, order_id) = (self.sql("account"), self.sql("order_id"));
        format!("{alias}.account = {account} AND {alias}.order_id = {order_id}")
    }

    fn has_fills(&self) -> String {
        let same = self.same_as("f");
        format!("EXISTS (SELECT 1 FROM orders_with_fills f WHERE {same})")
    }
}

/// Returns the statements that make the views, once our tables exist.
pub(in crate::store::postgres) fn gate(mapping: &Mapping, is_guarded: bool) -> String {
    let (ledger, additions) = (
        SourceTable::ledger(mapping, is_guarded),
        SourceTable::additions(),
    );
    let shadowed = format!(
        "EXISTS (SELECT 1 FROM public.trade_records r WHERE {} = t.order_id AND {} = t.account)",
        mapping.sql("order_id").replace("t.", "r."),
        mapping.sql("account").replace("t.", "r."),
    );
    let ledger_id = mapping.sql("order_id");
    let raw = |source: &SourceTable, symbol: &str, exchange_id: &str| {
        let facts = source.facts();
        let (ingest, imported) = (&source.ingest_xid, source.imported);
        format!(
            "SELECT {facts},\n       {symbol} AS symbol_text, {exchange_id} AS exchange_order_id,\n\
             {ingest} AS ingest_xid, {imported}\nFROM {} t",
            source.table
        )
    };
    let exchange_id = match mapping.has("exchange_order_id") {
        true => "t.exchange_order_id::text",
        false => "NULL::text",
    };
    let rows = raw(&ledger, "t.symbol::text", exchange_id);
    let added = raw(&additions, "t.symbol::text", "t.exchange_order_id");
    let fills = |source: &SourceTable, id: &str| {
        let (account, executed) = (source.sql("account"), source.was_executed());
        let order_id = order_of_fill(id);
        format!(
            "SELECT {account} AS account,\n       {order_id} AS order_id,\n       \
             split_part({id}, '-FILL-', 1) AS stem\n\
             FROM {} t WHERE {id} LIKE '%-FILL-%' AND {executed}",
            source.table
        )
    };
    let eligible = [
        eligible_part(&ledger, "TRUE"),
        eligible_part(&additions, &format!("NOT {shadowed}")),
    ];
    let added_twice = format!("NOT {} AND {shadowed}", additions.has_fills());
    let ineligible = [
        not_executed(&ledger),
        ineligible_part(&ledger, "its fills are there", &ledger.has_fills()),
        not_executed(&additions),
        ineligible_part(&additions, "its fills are there", &additions.has_fills()),
        ineligible_part(&additions, "is in trade_records", &added_twice),
    ];
    let views = [
        ("ledger_rows", [rows, added].join("\nUNION ALL\n")),
        ("ledger_writings", writings(&ledger)),
        (
            "orders_with_fills",
            [fills(&ledger, ledger_id), fills(&additions, "t.order_id")].join("\nUNION ALL\n"),
        ),
        ("eligible_trades", eligible.join("\nUNION ALL\n")),
        ("ineligible_trades", ineligible.join("\nUNION ALL\n")),
    ];
    let views = views.map(|(name, sql)| format!("CREATE OR REPLACE VIEW {name} AS\n{sql};\n"));
    views.join("\n")
}

/// The ledger's rows beside the transactions that wrote them: see `writings.rs`.
fn writings(ledger: &SourceTable) -> String {
    let (facts, executed) = (ledger.facts(), ledger.was_executed());
    format!(
        "SELECT {facts},\n       {executed} AS is_executed,\n       \
         t.xmin::text::bigint AS writing\nFROM {} t",
        ledger.table
    )
}

fn eligible_part(source: &SourceTable, condition: &str) -> String {
    let (facts, executed) = (source.facts(), source.was_executed());
    let (same, fills) = (source.same_as("v"), source.has_fills());
    let (ingest, imported, void_seq) = (&source.ingest_xid, source.imported, source.void_seq);
    format!(
        "SELECT {facts},\n       {void_seq} AS void_seq,\n       \
         {ingest} AS ingest_xid, {imported}\n\
         FROM {} t\nLEFT JOIN active_voids v ON {same}\nWHERE {executed}\n  \
         AND NOT {fills} AND {condition}",
        source.table
    )
}

fn not_executed(source: &SourceTable) -> String {
    let reason = format!("'status ' || {}", source.status());
    left_out(source, &reason, &format!("NOT {}", source.was_executed()))
}

fn ineligible_part(source: &SourceTable, reason: &str, condition: &str) -> String {
    let condition = format!("{} AND {condition}", source.was_executed());
    left_out(source, &format!("'{reason}'"), &condition)
}

fn left_out(source: &SourceTable, reason: &str, condition: &str) -> String {
    let (facts, ingest) = (source.facts(), &source.ingest_xid);
    format!(
        "SELECT {facts},\n       {ingest} AS ingest_xid,\n       \
         ({reason}) COLLATE \"default\" AS reason\nFROM {} t\nWHERE {condition}",
        source.table
    )
}
