//! The objects of a database's schema beside those that our migrations make.
//!
//! Columns, constraints, indexes, triggers, rules, children and functions of triggers are compared
//! by what the catalogs hold. Each version of the server keeps expressions (views, checks,
//! defaults, predicates) in its own way. So they are compared only on the version that made the
//! list, or with what the same version kept when a view was accepted. A table that was there before
//! us is its owner's, and so are policies of row security: see `protect.rs`. Schema `fifo_parts` is
//! ours alone. The table of the summaries is compared like those in `public`. A version's table may
//! have no object that its parent lacks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::adoption::mapping::{Ledger, ledger_of};
use super::errors::from_sqlx;
use crate::engine::Timestamp;
use crate::store::fingerprint::{
    ACCEPTED_EVENT, AdaptedViews, Object, compare, is_adapted, parse, take_accepted, to_accept,
};
use crate::store::{SchemaRefusal, StoreError, StoreResult};

/// Names in `public` that this program uses. If one exists before, another program made it.
pub(super) const NAMES: [&str; 48] = [
    "account_sync_health",
    "account_time_offsets",
    "active_import_voids",
    "active_voids",
    "allocation_versions",
    "asset_actions",
    "asset_movements",
    "current_version",
    "eligible_actions",
    "eligible_movements",
    "eligible_trades",
    "event_log",
    "export_log",
    "fifo_allocations",
    "fifo_computation_log",
    "fifo_inventory_snapshot",
    "fifo_pool_summary",
    "fifo_lot_moves",
    "fifo_rates_used",
    "import_rejects",
    "import_voids",
    "imports",
    "ineligible_trades",
    "ledger_mapping",
    "ledger_rows",
    "ledger_writings",
    "manual_review_queue",
    "migration_attempts",
    "orders_with_fills",
    "rates",
    "recent_sync_failures",
    "review_exclusions",
    "review_history",
    "schema_version",
    "sync_logs",
    "trade_additions",
    "trade_records",
    "trade_voids",
    "trading_accounts",
    "transfer_decisions",
    "v_allocation_discrepancies",
    "v_allocation_health",
    "v_current_allocations",
    "v_open_inventory",
    "v_pnl_by_symbol",
    "v_run_status",
    "v_sync_status",
    "v_unmatched_sells",
];

/// The list of tables, views and other objects of a new database.
/// tests/postgres/schema_contract.rs writes and checks this list.
const OBJECTS: &str = include_str!("schema_objects.txt");

/// Version of the server on which the list was made.
const MADE_ON: i32 = 15;

const ACTION: &str = "compare the schema";

/// Views that adoption writes for the columns of a ledger.
const WRITTEN_FOR_A_LEDGER: [&str; 6] = [
    "eligible_trades",
    "ineligible_trades",
    "ledger_rows",
    "ledger_writings",
    "orders_with_fills",
    "v_open_inventory",
];

/// Compares the schema with that of this program. Returns the views that an operator adapted.
///
/// Errors: something else changed the schema.
pub(super) async fn check(connection: &mut PgConnection) -> StoreResult<AdaptedViews> {
    let (found, server) = with_server(connection).await?;
    let is_ours = ledger_of(connection).await? == Ledger::Ours;
    let mut adapted = AdaptedViews::new();
    let is_same = server == MADE_ON;
    let mut findings = compare(
        &cut(expected(is_ours), is_same),
        &cut(found.clone(), is_same),
    );
    if !is_ours || findings.iter().any(is_adapted) {
        let accepted = accepted(connection).await?;
        let same = accepted.server == server;
        let (known, mut found) = (accepted.objects(same), cut(found, same));
        if is_ours {
            let views = known.into_iter().map(|view| (view.name, view.says));
            adapted = take_accepted(&mut findings, &found, &views.collect());
        } else {
            found.retain(|object| accepted.views.contains_key(&object.table));
            findings.extend(compare(&known, &found));
            adapted.extend(accepted.adapted());
        }
    }
    match findings.is_empty() {
        true => Ok(adapted),
        false => Err(StoreError::SchemaAltered(findings)),
    }
}

/// Returns the objects that a database must have. In an adopted database, a table of additions
/// replaces our own ledger, and the views are written for the adopted one.
fn expected(is_ours: bool) -> Vec<Object> {
    let mut objects = parse(OBJECTS);
    if is_ours {
        return objects;
    }
    objects.retain(|object| !WRITTEN_FOR_A_LEDGER.contains(&object.name.as_str()));
    let additions = |text: &str| text.replace("trade_records", "trade_additions");
    for object in &mut objects {
        (object.table, object.name) = (additions(&object.table), additions(&object.name));
    }
    objects
}

/// Removes the parts that another version of the server stores in another way.
fn cut(mut objects: Vec<Object>, is_same_server: bool) -> Vec<Object> {
    for object in objects.iter_mut().filter(|_| !is_same_server) {
        let stable = object.says.split(':').next().unwrap_or_default();
        object.says = stable.to_owned();
    }
    objects
}

/// Lists the objects of the schema. Each has a hash of its catalog entries, and a hash of the parts
/// that the server keeps in its own way.
pub(super) async fn objects(connection: &mut PgConnection) -> StoreResult<Vec<Object>> {
    Ok(with_server(connection).await?.0)
}

async fn with_server(connection: &mut PgConnection) -> StoreResult<(Vec<Object>, i32)> {
    let is_ours = ledger_of(connection).await? == Ledger::Ours;
    let names: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| is_ours || *name != "trade_records")
        .collect();
    let rows: Vec<ObjectRow> = sqlx::query_as(AssertSqlSafe(catalogs()))
        .bind(names)
        .bind(OF_ONE_DATABASE.as_slice())
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
    let server = rows.first().map_or(0, |row| row.4 / 10_000);
    let object = |(kind, table, name, says, _): ObjectRow| Object {
        kind,
        table,
        name,
        says,
    };
    Ok((rows.into_iter().map(object).collect(), server))
}

/// An object's kind, table, name and text, and the server's version.
type ObjectRow = (String, String, String, String, i32);

/// Fields of a stored expression that differ between databases without a change of meaning: numbers
/// of relations and roles, and positions. Also whether a cast was written or implied: a restored
/// copy differs in that.
const OF_ONE_DATABASE: [&str; 11] = [
    "relid",
    "resorigtbl",
    "checkAsUser",
    "location",
    "stmt_location",
    "stmt_len",
    "funcformat",
    "relabelformat",
    "coerceformat",
    "convertformat",
    "row_format",
];

/// Returns SQL for a stored expression without the fields in `$2`. Each has a whole number.
///
/// A regular expression took two thirds of the time in which a database is opened.
fn stripped(expression: &str) -> String {
    format!(
        "(SELECT string_agg(CASE WHEN nth = 1 THEN field \
             WHEN split_part(field, ' ', 1) = ANY ($2) \
                 THEN ltrim(substr(field, strpos(field, ' ') + 1), '-0123456789') \
             ELSE ':' || field END, '' ORDER BY nth) \
         FROM unnest(string_to_array({expression}::text, ':')) WITH ORDINALITY f (field, nth))"
    )
}

/// Returns [`CATALOGS`] with its stored expressions.
fn catalogs() -> String {
    let mut parts = CATALOGS.split("STRIPPED(");
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once(')').unwrap_or((part, ""));
        sql.push_str(&stripped(expression));
        sql.push_str(rest);
    }
    sql
}

/// Catalog entries of our objects, and of objects attached to them.
///
/// An expression (of a view, a check, a default, an index) is read as the server stores it.
/// Printing a view would lock its tables, so that opening a database would wait for a run.
const CATALOGS: &str = r#"
WITH ours AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1)
      AND c.relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT c.oid, 'fifo_parts.' || c.relname, c.relkind, c.relpersistence
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace('fifo_parts') AND c.relname = 'fifo_pool_summary'
      AND c.relkind IN ('r', 'p', 'v')
), parts AS (
    SELECT c.oid, 'fifo_parts.' || c.relname AS name, c.relispartition, c.relpersistence
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace('fifo_parts') AND c.relname <> 'fifo_pool_summary'
      AND c.relkind IN ('r', 'p')
), attached AS (
    SELECT oid, name FROM ours
    UNION ALL
    SELECT oid, name FROM parts
), columns AS (
    SELECT a.attrelid,
           string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
               a.attnotnull, a.attidentity, a.attgenerated, co.collname), ','
               ORDER BY a.attnum) AS stable,
           string_agg(STRIPPED(d.adbin), ','
               ORDER BY a.attnum) AS kept
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN (SELECT oid FROM ours)
    GROUP BY a.attrelid
), views AS (
    SELECT r.ev_class, concat(
        (SELECT string_agg(concat_ws('.', c.relname, d.refobjsubid), ','
             ORDER BY c.relname, d.refobjsubid)
         FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
           AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class),
        STRIPPED(r.ev_action))
        AS kept
    FROM pg_catalog.pg_rewrite r
    WHERE r.rulename = '_RETURN' AND r.ev_class IN (SELECT oid FROM ours)
), called AS (
    SELECT DISTINCT t.tgfoid FROM pg_catalog.pg_trigger t
    JOIN ours o ON o.oid = t.tgrelid WHERE NOT t.tgisinternal
), objects AS (
    SELECT CASE o.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, o.name AS belongs_to,
           o.name,
           CASE o.relkind WHEN 'v' THEN c.stable
               ELSE concat_ws(' ', c.stable, o.relpersistence) END AS stable,
           CASE o.relkind WHEN 'v' THEN v.kept ELSE c.kept END AS kept
    FROM ours o JOIN columns c ON c.attrelid = o.oid LEFT JOIN views v ON v.ev_class = o.oid
    UNION ALL
    SELECT 'constraint', o.name, k.conname::text, k.contype::text,
           concat_ws(' ', k.conkey, k.confkey, k.confupdtype, k.confdeltype,
               (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = k.confrelid),
               STRIPPED(k.conbin))
    FROM pg_catalog.pg_constraint k JOIN ours o ON o.oid = k.conrelid
    WHERE k.contype IN ('c', 'p', 'u', 'f', 'x')
    UNION ALL
    SELECT CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END, o.name, c.relname::text,
           concat_ws(' ', i.indkey, i.indisvalid),
           concat_ws(' ', c.relam, i.indoption, i.indclass, i.indcollation,
               STRIPPED(i.indexprs),
               STRIPPED(i.indpred))
    FROM pg_catalog.pg_index i
    JOIN ours o ON o.oid = i.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    UNION ALL
    -- A version's table has what its parent has, and nothing of its own.
    SELECT 'constraint', p.name, k.conname::text, '', ''
    FROM pg_catalog.pg_constraint k JOIN parts p ON p.oid = k.conrelid
    WHERE p.relispartition AND k.coninhcount = 0 AND k.conparentid = 0
      AND k.contype IN ('c', 'p', 'u', 'f', 'x')
    UNION ALL
    SELECT 'unique index', p.name, c.relname::text, '', ''
    FROM pg_catalog.pg_index i
    JOIN parts p ON p.oid = i.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE p.relispartition AND i.indisunique AND NOT c.relispartition
    UNION ALL
    SELECT 'default', p.name, a.attname::text, '', ''
    FROM pg_catalog.pg_attrdef d JOIN parts p ON p.oid = d.adrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT 'setting', p.name, 'UNLOGGED', '', '' FROM parts p WHERE p.relpersistence <> 'p'
    UNION ALL
    SELECT 'trigger', a.name, t.tgname::text,
           concat_ws(' ', t.tgtype, t.tgenabled, t.tgattr, encode(t.tgargs, 'hex'),
               t.tgqual IS NULL, n.nspname, p.proname), ''
    FROM pg_catalog.pg_trigger t
    JOIN attached a ON a.oid = t.tgrelid
    JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', a.name, r.rulename::text, concat_ws(' ', r.ev_type, r.is_instead), ''
    FROM pg_catalog.pg_rewrite r JOIN attached a ON a.oid = r.ev_class
    WHERE r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'child table', o.name, h.inhrelid::regclass::text, '', ''
    FROM pg_catalog.pg_inherits h
    JOIN ours o ON o.oid = h.inhparent JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
    WHERE c.relkind IN ('r', 'p', 'f')
      AND (c.relnamespace IS DISTINCT FROM to_regnamespace('fifo_parts')
           OR c.relname !~ '^fifo_(allocations|inventory_snapshot)_v[0-9]+_r[0-9]+(_[12])?$')
    UNION ALL
    SELECT 'function', p.proname::text, p.proname::text,
           concat_ws(' ', l.lanname, p.prosecdef, p.provolatile, p.proconfig, p.prosrc), ''
    FROM pg_catalog.pg_proc p
    JOIN called ON called.tgfoid = p.oid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
)
SELECT kind, belongs_to, name, md5(stable) || ':' || md5(coalesce(kept, '')),
       current_setting('server_version_num')::int
FROM objects
ORDER BY kind COLLATE pg_catalog."C", belongs_to COLLATE pg_catalog."C", name COLLATE pg_catalog."C"
"#;

/// The last accepted objects.
struct Accepted {
    views: AdaptedViews,
    /// Version of the server at that time.
    server: i32,
    /// Views that a person adapted; this program wrote the others.
    adapted: BTreeSet<String>,
}

impl Accepted {
    fn objects(&self, is_same_server: bool) -> Vec<Object> {
        let view = |(name, says): (&String, &String)| Object {
            kind: "view".into(),
            table: name.clone(),
            name: name.clone(),
            says: says.clone(),
        };
        cut(self.views.iter().map(view).collect(), is_same_server)
    }

    /// Returns the views that a person adapted.
    fn adapted(&self) -> AdaptedViews {
        let views = self.views.clone().into_iter();
        views
            .filter(|(name, _)| self.adapted.contains(name))
            .collect()
    }
}

async fn accepted(connection: &mut PgConnection) -> StoreResult<Accepted> {
    let details: Option<String> = sqlx::query_scalar(
        "SELECT details::text FROM public.event_log WHERE event_type = $1 \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(ACCEPTED_EVENT)
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    let details: Value = details
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let views: Option<BTreeMap<String, String>> = details
        .get("views")
        .and_then(|views| serde_json::from_value(views.clone()).ok());
    let server = details.get("server").and_then(Value::as_i64);
    let adapted = details.get("adapted").and_then(Value::as_array);
    let names = adapted.into_iter().flatten().filter_map(Value::as_str);
    Ok(Accepted {
        views: views.unwrap_or_default(),
        server: server
            .and_then(|server| server.try_into().ok())
            .unwrap_or(0),
        adapted: names.map(str::to_owned).collect(),
    })
}

/// Records that the adapted views are accepted as they are. Errors: none was adapted.
pub(super) async fn accept(
    connection: &mut PgConnection,
    (by, at): (&str, Timestamp),
) -> StoreResult<AdaptedViews> {
    let (found, server) = with_server(connection).await?;
    let is_ours = ledger_of(connection).await? == Ledger::Ours;
    let before = accepted(connection).await?;
    let known = if is_ours {
        expected(true)
    } else {
        before.objects(true)
    };
    let is_same = match is_ours {
        true => server == MADE_ON,
        false => server == before.server,
    };
    let (known, there) = (cut(known, is_same), cut(found.clone(), is_same));
    let mut views = to_accept(&compare(&known, &there), &found);
    let mut adapted: BTreeSet<String> = views.keys().cloned().collect();
    if views.is_empty() {
        return Err(SchemaRefusal::NothingAdapted.into());
    }
    if !is_ours {
        adapted.extend(before.adapted);
        views = written_for_a_ledger(&found);
    }
    let details = json!({ "views": views, "server": server, "adapted": adapted, "by": by });
    record(connection, &details, Some(at)).await?;
    views.retain(|name, _| adapted.contains(name));
    Ok(views)
}

/// Records the views that adoption has just written.
pub(super) async fn record_written(connection: &mut PgConnection) -> StoreResult<()> {
    let (found, server) = with_server(connection).await?;
    let details = json!({ "views": written_for_a_ledger(&found), "server": server });
    record(connection, &details, None).await
}

/// Records the views of an adopted ledger that were removed and written again since `before`. Other
/// views stay accepted.
pub(super) async fn record_written_again(
    connection: &mut PgConnection,
    before: &[Object],
) -> StoreResult<()> {
    let (found, server) = with_server(connection).await?;
    let accepted = accepted(connection).await?;
    let was_there = |name: &String| before.iter().any(|o| o.kind == "view" && o.name == *name);
    // An accepted text of another server version is replaced if its stable part is the same.
    let stable = |says: &String| says.split(':').next().map(str::to_owned);
    let mut views = written_for_a_ledger(&found);
    for (name, says) in views.iter_mut().filter(|(name, _)| was_there(name)) {
        let known = accepted.views.get(name);
        let is_same_view = known.and_then(stable) == stable(says) && accepted.server != server;
        if let Some(known) = known.filter(|_| !is_same_view) {
            says.clone_from(known);
        }
    }
    let details = json!({ "views": views, "server": server, "adapted": accepted.adapted });
    record(connection, &details, None).await
}

fn written_for_a_ledger(found: &[Object]) -> AdaptedViews {
    let views = found.iter().filter(|object| object.kind == "view");
    let views = views.filter(|object| WRITTEN_FOR_A_LEDGER.contains(&object.name.as_str()));
    views
        .map(|object| (object.name.clone(), object.says.clone()))
        .collect()
}

async fn record(
    connection: &mut PgConnection,
    details: &Value,
    at: Option<Timestamp>,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO public.event_log (event_type, event_time, details) VALUES ($1, \
         coalesce(to_timestamp($2::numeric / 1000000), now()), $3::jsonb)",
    )
    .bind(ACCEPTED_EVENT)
    .bind(at.map(|at| at.as_micros().to_string()))
    .bind(details.to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("accept the views", e))
}
