//! The gate of a ledger that was there before us, as SQL.
//!
//! `eligible_trades` and `ineligible_trades` have the columns of the gate of our own ledger. Where
//! an order is there both as its fills (`<order>-FILL-<n>`) and as one whole row, the whole row is
//! no execution of its own. Rows of ours stand beside the ledger's in `trade_additions`.

use super::adopt::{Mapping, symbol_of};

/// A transaction that every snapshot sees: when rows of the ledger came is not known.
const ALWAYS_SEEN: &str = "'3'::xid8";

/// Statuses of what was never executed, as they stand in an SQL list.
const NEVER_EXECUTED: &str = "'cancelled', 'canceled', 'rejected', 'expired', 'failed', \
    'open', 'pending', 'active', 'placed'";

/// The columns of the gate, in order.
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

/// One of the two tables that rows come from, as `t`.
struct Source {
    table: &'static str,
    columns: Vec<(&'static str, String)>,
    ingest_xid: String,
    imported: &'static str,
}

impl Source {
    fn ledger(mapping: &Mapping, is_guarded: bool) -> Self {
        let columns = COLUMNS.map(|name| (name, mapping.sql(name).to_owned()));
        Self {
            table: "public.trade_records",
            columns: columns.to_vec(),
            ingest_xid: match is_guarded {
                true => format!("coalesce(t.ingest_xid, {ALWAYS_SEEN})"),
                false => ALWAYS_SEEN.to_owned(),
            },
            imported: "NULL::bigint AS import_id, NULL::bigint AS import_line",
        }
    }

    fn additions() -> Self {
        let sql = |name: &str| match name {
            "symbol" => symbol_of("t.symbol"),
            other => format!("t.{other}"),
        };
        Self {
            table: "public.trade_additions",
            columns: COLUMNS.map(|name| (name, sql(name))).to_vec(),
            ingest_xid: "t.ingest_xid".to_owned(),
            imported: "t.import_id, t.import_line",
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

    fn joined(&self, table: &str, alias: &str) -> String {
        format!(
            "LEFT JOIN {table} {alias} ON {alias}.account = {} AND {alias}.order_id = {}",
            self.sql("account"),
            self.sql("order_id")
        )
    }
}

/// Returns the statements that make the gate, after the tables of ours.
pub(super) fn gate(mapping: &Mapping, is_guarded: bool) -> String {
    let (ledger, additions) = (Source::ledger(mapping, is_guarded), Source::additions());
    let shadowed = format!(
        "EXISTS (SELECT 1 FROM public.trade_records r WHERE {} = t.order_id AND {} = t.account)",
        mapping.sql("order_id").replace("t.", "r."),
        mapping.sql("account").replace("t.", "r."),
    );
    let ledger_id = mapping.sql("order_id");
    let raw = |source: &Source, symbol: &str, exchange_id: &str| {
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
    let fills = |source: &Source, id: &str| {
        let (account, executed) = (source.sql("account"), source.was_executed());
        format!(
            "SELECT {account} AS account,\n       \
             substring({id} FROM '^(.+)-FILL-[0-9]+$') COLLATE \"C\" AS order_id\n\
             FROM {} t WHERE {id} LIKE '%-FILL-%' AND {executed}",
            source.table
        )
    };
    let eligible = [
        eligible_part(&ledger, "TRUE"),
        eligible_part(&additions, &format!("NOT {shadowed}")),
    ];
    let ineligible = [
        ineligible_part(&ledger, "FALSE"),
        ineligible_part(&additions, &shadowed),
    ];
    format!(
        "CREATE OR REPLACE VIEW ledger_rows AS\n{rows}\nUNION ALL\n{added};\n\n\
         CREATE OR REPLACE VIEW orders_with_fills AS\n{}\nUNION\n{};\n\n\
         CREATE OR REPLACE VIEW eligible_trades AS\n{};\n\n\
         CREATE OR REPLACE VIEW ineligible_trades AS\n{};\n",
        fills(&ledger, ledger_id),
        fills(&additions, "t.order_id"),
        eligible.join("\nUNION ALL\n"),
        ineligible.join("\nUNION ALL\n")
    )
}

fn eligible_part(source: &Source, condition: &str) -> String {
    let (facts, executed) = (source.facts(), source.was_executed());
    let voids = source.joined("active_voids", "v");
    let fills = source.joined("orders_with_fills", "f");
    let (ingest, imported) = (&source.ingest_xid, source.imported);
    format!(
        "SELECT {facts},\n       v.void_seq, {ingest} AS ingest_xid,\n       {imported}\n\
         FROM {} t\n{voids}\n{fills}\nWHERE {executed}\n  \
         AND f.order_id IS NULL AND {condition}",
        source.table
    )
}

fn ineligible_part(source: &Source, condition: &str) -> String {
    let (facts, executed) = (source.facts(), source.was_executed());
    let fills = source.joined("orders_with_fills", "f");
    let (ingest, status) = (&source.ingest_xid, source.status());
    format!(
        "SELECT {facts},\n       {ingest} AS ingest_xid,\n       \
         CASE WHEN NOT {executed} THEN 'status ' || {status}\n            \
         WHEN f.order_id IS NOT NULL THEN 'its fills are there'\n            \
         ELSE 'is in trade_records' END COLLATE \"default\" AS reason\nFROM {} t\n{fills}\n\
         WHERE NOT {executed}\n   OR f.order_id IS NOT NULL OR {condition}",
        source.table
    )
}
