//! Prepares a session, and says whom it must not trust.
//!
//! Names of ours stand in `public`, and so may functions and operators of others. The server takes
//! one whose types fit better than its own, and executes it with our rights. So only roles that our
//! owner trusts anyway may create there, or own anything there. The same holds for `fifo_parts`: a
//! schema's owner can put another table in the place of one of ours. A row security policy hides
//! rows in silence. If all rows count, the server refuses instead.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::errors::from_sqlx;
use crate::store::limits::LOCK_WAIT_S;
use crate::store::{StoreResult, Untrusted};

/// The rows that a session needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sees {
    /// Every row. If row security would hide one, the server refuses the statement.
    All,
    /// The rows that row security shows the role.
    ItsOwn,
}

/// Makes a session independent of settings that a role or a database has for other programs. Our
/// names are in `public`, and a job may take its time.
///
/// No statement waits for ever for a lock of another session. A limit in the URL takes precedence
/// (`?options=-c%20lock_timeout%3D60s`): the server tells it from settings of roles and databases.
///
/// The first statement, a SET, looks up no name. `pg_temp` comes last in the search path, so no
/// temporary table replaces one of ours.
pub(super) async fn prepare(connection: &mut PgConnection, sees: Sees) -> sqlx::Result<()> {
    // The text of a float gets all its digits, for any setting of the role.
    let sql = format!(
        "SET search_path = pg_catalog, pg_temp; \
         SELECT set_config(name, CASE name WHEN 'extra_float_digits' THEN '1' \
             WHEN 'lock_timeout' THEN '{LOCK_WAIT_S}s' ELSE '0' END, false) \
         FROM pg_settings WHERE name IN ('extra_float_digits', 'statement_timeout', \
         'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', \
         'transaction_timeout') AND (name, source) <> ('lock_timeout', 'client')"
    );
    connection.execute(AssertSqlSafe(sql)).await?;
    let sql = match sees {
        Sees::All => "SET row_security = off; SET search_path = public, pg_temp",
        Sees::ItsOwn => "SET row_security = on; SET search_path = public, pg_temp",
    };
    connection.execute(sql).await.map(|_| ())
}

/// SQL of the roles to trust: they may do with our tables as they like anyway.
///
/// The owner is that of our list of migrations; before there is one, the present role.
const TRUSTED: &str = " ours AS (SELECT coalesce( \
         (SELECT c.relowner FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
          AND c.relname = '_pnl_migrations'), \
         (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user)) AS owner), \
     trusted AS (SELECT r.oid FROM pg_roles r, ours WHERE r.rolsuper \
         OR r.rolname = current_user OR pg_has_role(r.oid, ours.owner, 'MEMBER') \
         OR r.rolname = 'pg_database_owner' \
         OR r.oid = (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()) \
         OR r.oid = (SELECT c.relowner FROM pg_class c \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'trade_records'))";

/// SQL that finds an untrusted role with objects or rights in our schemas: the kind of finding, the
/// role, and the schema with its object.
const UNTRUSTED: &str = ", schemas AS (SELECT n.oid, n.nspname::text AS name, n.nspacl, n.nspowner \
         FROM pg_namespace n WHERE n.nspname IN ('public', 'fifo_parts')), \
     public AS (SELECT s.oid FROM schemas s WHERE s.name = 'public'), \
     owners AS (SELECT 0 AS kind, quote_ident(pg_get_userbyid(s.nspowner)) AS who, s.name AS what \
         FROM schemas s WHERE s.nspowner NOT IN (SELECT t.oid FROM trusted t)), \
     creators AS (SELECT 1 AS kind, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END \
             AS who, s.name AS what \
         FROM schemas s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) a \
         WHERE a.privilege_type = 'CREATE' AND EXISTS (SELECT 1 FROM pg_roles r \
             WHERE r.rolname NOT LIKE 'pg\\_%' AND r.oid NOT IN (SELECT t.oid FROM trusted t) \
             AND (a.grantee = 0 OR pg_has_role(r.oid, a.grantee, 'MEMBER')))), \
     made AS (SELECT 2 AS kind, quote_ident(pg_get_userbyid(f.proowner)) AS who, \
             'public has function ' || f.oid::regprocedure::text AS what \
         FROM pg_proc f, public p WHERE f.pronamespace = p.oid \
         AND f.proowner NOT IN (SELECT t.oid FROM trusted t) \
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass \
             AND d.objid = f.oid AND d.deptype = 'e') \
         UNION ALL SELECT 2, quote_ident(pg_get_userbyid(o.oprowner)), \
             'public has operator ' || o.oid::regoperator::text \
         FROM pg_operator o, public p WHERE o.oprnamespace = p.oid \
         AND o.oprowner NOT IN (SELECT t.oid FROM trusted t) \
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass \
             AND d.objid = o.oid AND d.deptype = 'e') \
         UNION ALL SELECT 2, quote_ident(pg_get_userbyid(c.relowner)), \
             s.name || ' has table ' || c.relname \
         FROM pg_class c, schemas s WHERE c.relnamespace = s.oid AND s.name = 'fifo_parts' \
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND c.relowner NOT IN (SELECT t.oid FROM trusted t)) \
     SELECT kind, who, what FROM owners UNION ALL SELECT kind, who, what FROM creators \
     UNION ALL SELECT kind, who, what FROM made ORDER BY 1, 3, 2 LIMIT 1";

/// Refuses a database in which an untrusted role may put objects into our schemas.
///
/// Errors: such a role owns one of the schemas, may create in it, or has an object in it.
pub(super) async fn check_trust(connection: &mut PgConnection) -> StoreResult<()> {
    let action = "ask who may create in our schemas";
    let failed = |error| from_sqlx(action, error);
    let path = connection.execute("SET search_path = pg_catalog, pg_temp");
    path.await.map_err(failed)?;
    let sql = ["WITH", TRUSTED, UNTRUSTED].concat();
    let found: Option<(i32, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let path = connection.execute("SET search_path = public, pg_temp");
    path.await.map_err(failed)?;
    match found {
        None => Ok(()),
        Some((0, who, schema)) => Err(Untrusted::Owns(who, schema).into()),
        Some((1, who, schema)) => Err(Untrusted::MayCreate(who, schema).into()),
        Some((_, who, what)) => Err(Untrusted::Made(who, what).into()),
    }
}

/// Tells whether row security hides rows from this role, or from the owner of our views.
pub(super) async fn is_limited(connection: &mut PgConnection, names: &[&str]) -> StoreResult<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_class c, pg_roles r \
         WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') \
         AND (c.relnamespace, c.relname = ANY ($1)) IN (SELECT n.oid, true FROM pg_namespace n \
             WHERE n.nspname = 'public') \
         AND (r.rolname = current_user OR r.oid = (SELECT v.relowner FROM pg_class v \
             WHERE v.oid = to_regclass('public.eligible_trades'))) \
         AND NOT r.rolsuper AND NOT r.rolbypassrls \
         AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE')))",
    )
    .bind(names)
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("ask for row security", e))
}

/// Executes statements that have no values.
pub(super) async fn execute(
    connection: &mut PgConnection,
    action: &'static str,
    sql: String,
) -> StoreResult<()> {
    let done = connection.execute(AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|e| from_sqlx(action, e))
}

/// Begins a transaction of a moment, which sees what other sessions committed meanwhile.
pub(super) async fn begin_short(connection: &mut PgConnection) -> StoreResult<()> {
    let sql = "BEGIN ISOLATION LEVEL READ COMMITTED".to_owned();
    execute(connection, "begin a transaction", sql).await
}
