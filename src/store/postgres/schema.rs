//! Checks the schema version, and migrates on request. An older or newer schema is refused.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr};

use super::adoption::legacy::{self, Old};
use super::adoption::mapping::{self, Ledger, Mapping};
use super::adoption::views;
use super::errors::from_sqlx;
use super::{drop, fingerprint, history, protect, waits};
use crate::store::limits::{POSTGRES_MIN, READER_WAIT_S};
use crate::store::model::{SchemaStep, UpOptions};
use crate::store::{Denial, PostgresRefusal, SchemaRefusal, StepFault, StoreError, StoreResult};

/// Table with our list of applied steps. sqlx's default name may be taken by a bot's own list.
const LIST: &str = "_pnl_migrations";

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    migrations.dangerous_set_table_name(LIST);
    migrations
});

/// Returns the schema version that this program knows.
pub fn version_known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Checks that the schema has this program's version. Errors: an older, newer or changed schema.
pub(super) async fn gate(connection: &mut PgConnection) -> StoreResult<()> {
    check_server(connection).await?;
    let (found, known) = (version_found(connection).await?, version_known());
    match found.cmp(&known) {
        std::cmp::Ordering::Greater => Err(StoreError::SchemaNewer { found, known }),
        std::cmp::Ordering::Less => Err(StoreError::SchemaOlder { found, known }),
        std::cmp::Ordering::Equal => check_applied(connection, found).await,
    }
}

/// Refuses a server that lacks a feature that we use.
async fn check_server(connection: &mut PgConnection) -> StoreResult<()> {
    let number: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("ask for the server's version", e))?;
    let major = number / 10_000;
    if major >= POSTGRES_MIN {
        return Ok(());
    }
    Err(PostgresRefusal::OldServer(major).into())
}

/// Compares the checksums of the steps up to the schema's version with this program's.
async fn check_applied(connection: &mut PgConnection, schema: i64) -> StoreResult<()> {
    if schema == 0 {
        return Ok(());
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM public._pnl_migrations WHERE success")
            .fetch_all(connection)
            .await
            .map_err(|e| from_sqlx("check the schema", e))?;
    for step in MIGRATIONS
        .iter()
        .filter(|step| step.migration_type.is_up_migration() && step.version <= schema)
    {
        let (version, found) = (step.version, applied.iter());
        let fault = match found.clone().find(|(applied, _)| *applied == version) {
            Some((_, checksum)) if *checksum == *step.checksum => continue,
            Some(_) => StepFault::Changed(version),
            None => StepFault::Skipped(version),
        };
        return Err(StoreError::SchemaDiffers(fault));
    }
    Ok(())
}

/// Returns the schema version of the database; 0 without a schema.
pub(super) async fn version_found(connection: &mut PgConnection) -> StoreResult<i64> {
    let action = "read the schema version";
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('public._pnl_migrations') IS NOT NULL")
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM public._pnl_migrations WHERE success")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(action, e))
}

/// Lists the steps that this program knows, and which of them are applied.
pub(super) async fn steps(connection: &mut PgConnection) -> StoreResult<Vec<SchemaStep>> {
    let mut applied = std::collections::BTreeMap::new();
    let found = version_found(connection).await?;
    if found > version_known() {
        return Err(StoreError::SchemaNewer {
            found,
            known: version_known(),
        });
    }
    check_applied(connection, found).await?;
    if found > 0 {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT version, to_char(installed_on AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM public._pnl_migrations",
        )
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx("list the migrations", e))?;
        applied.extend(rows);
    }
    let ups = MIGRATIONS
        .iter()
        .filter(|step| step.migration_type.is_up_migration());
    Ok(ups
        .map(|step| SchemaStep {
            version: step.version,
            description: step.description.to_string(),
            applied_at: applied.get(&step.version).cloned(),
        })
        .collect())
}

/// Migrates the schema to this program's version. If several processes do so at once, one migrates
/// and the others wait.
///
/// Errors: a table of the same name exists; a missing privilege; a newer schema. Each step is one
/// transaction.
pub(super) async fn up(connection: &mut PgConnection, options: &UpOptions) -> StoreResult<()> {
    check_server(connection).await?;
    // The lock is freed when the caller closes the connection, at once.
    waits::take_turn(connection, &waits::MIGRATIONS).await?;
    let (found, known) = (version_found(connection).await?, version_known());
    if found > known {
        return Err(StoreError::SchemaNewer { found, known });
    }
    check_applied(connection, found).await?;
    let adopted = match found {
        0 => mapping::find(connection).await?,
        _ => None,
    };
    let old = match &adopted {
        Some(_) => legacy::find(connection).await?,
        None => Vec::new(),
    };
    if found == 0 {
        check_names_free(connection, adopted.is_some(), &old).await?;
    }
    if let Some(mapping) = adopted {
        adopt_ledger(connection, &mapping, &old, options).await?;
        return protect_if_asked(connection, options).await;
    }
    if found > 0 && mapping::ledger_of(connection).await? != Ledger::Ours {
        up_around(connection, found).await?;
        return protect_if_asked(connection, options).await;
    }
    MIGRATIONS
        .run(&mut *connection)
        .await
        .map_err(from_migrate)?;
    if found < known {
        log_migration(connection, found, known).await?;
    }
    protect_if_asked(connection, options).await
}

async fn protect_if_asked(connection: &mut PgConnection, options: &UpOptions) -> StoreResult<()> {
    match options.protect_ledger {
        true => protect::protect(connection).await,
        false => Ok(()),
    }
}

/// Makes our tables and views around a ledger, in one transaction that only reads it.
async fn adopt_ledger(
    connection: &mut PgConnection,
    mapping: &Mapping,
    old: &[Old],
    options: &UpOptions,
) -> StoreResult<()> {
    let action = "adopt the ledger that is there";
    let failed = |error| from_sqlx(action, error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    // The read waits only for a session that rebuilds the table, and not for long.
    let patience = format!("SET LOCAL lock_timeout = '{ADOPT_WAIT_MS}ms'");
    let sql = AssertSqlSafe(patience);
    sqlx::query(sql)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    // The slow steps come first, then those for which other sessions may have to wait.
    let date = options.snapshot_date.as_deref();
    history::take(&mut transaction, mapping, date).await?;
    legacy::move_away(&mut transaction, old).await?;
    steps_around(Some(mapping))
        .run(&mut *transaction)
        .await
        .map_err(from_migrate)?;
    let columns = mapping::columns_json(&mapping.adoption()).to_string();
    // Only a database with an adopted ledger has this table.
    let sql = format!("UPDATE {} SET columns = $1::jsonb", mapping::MAPPING);
    sqlx::query(AssertSqlSafe(sql))
        .bind(columns)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    legacy::take_numbers(&mut transaction, old).await?;
    log_migration(&mut transaction, 0, version_known()).await?;
    fingerprint::record_written(&mut transaction).await?;
    transaction.commit().await.map_err(failed)
}

/// Applies removed steps again around an adopted ledger, in one transaction.
async fn up_around(connection: &mut PgConnection, found: i64) -> StoreResult<()> {
    let failed = |error| from_sqlx("migrate the schema", error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    let before = fingerprint::objects(&mut transaction).await?;
    steps_around(None)
        .run(&mut *transaction)
        .await
        .map_err(from_migrate)?;
    if found < version_known() {
        if found < VERSIONS_SINCE {
            legacy::take_numbers_again(&mut transaction).await?;
        }
        log_migration(&mut transaction, found, version_known()).await?;
        fingerprint::record_written_again(&mut transaction, &before).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// The step that makes the tables of versions.
const VERSIONS_SINCE: i64 = 2;

/// How long adoption waits for a session that rebuilds the ledger's table.
const ADOPT_WAIT_MS: u64 = 900;

/// Returns the steps for a database with an adopted ledger; the views are written for its columns.
/// `None`: the views exist.
///
/// The checksums are those of the files: they show which steps were applied.
fn steps_around(mapping: Option<&Mapping>) -> Migrator {
    let mut steps: Vec<_> = MIGRATIONS.iter().cloned().collect();
    for step in steps
        .iter_mut()
        .filter(|step| step.migration_type.is_up_migration())
    {
        let sql = step.sql.as_str();
        let of_ours = sql.split_once(OURS_BEGIN).and_then(|(before, rest)| {
            let mapping = mapping?;
            let (ours, after) = rest.split_once(OURS_END)?;
            let table = ours
                .split_once(VIEWS_BEGIN)
                .map_or(ours, |(table, _)| table);
            let additions = table.replace("trade_records", "trade_additions");
            let gate = views::gate(mapping, false);
            Some(format!("{before}{MAPPING_TABLE}{additions}{gate}{after}"))
        });
        let changed = match of_ours {
            Some(sql) => sql,
            // The view of open lots shows the price of their buys, which are in this ledger.
            None => sql.replace("JOIN trade_records t", "JOIN ledger_rows t"),
        };
        step.sql = AssertSqlSafe(changed).into_sql_str();
    }
    let mut steps = Migrator::with_migrations(steps);
    steps.dangerous_set_table_name(LIST);
    steps
}

/// Begin of the part of the first file that is left out for an adopted ledger.
const OURS_BEGIN: &str = "-- begin: a ledger of our own\n";
const OURS_END: &str = "-- end: a ledger of our own\n";
const VIEWS_BEGIN: &str = "-- Eligible trades:";

/// Makes the table that records how an adopted ledger is read. It has one row.
const MAPPING_TABLE: &str = "CREATE TABLE ledger_mapping (
    id         BIGINT PRIMARY KEY CONSTRAINT ledger_mapping_id_check CHECK (id = 1),
    guarded    BOOLEAN NOT NULL DEFAULT FALSE,
    columns    JSONB NOT NULL DEFAULT '{}',
    adopted_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO ledger_mapping (id) VALUES (1);
";

async fn log_migration(connection: &mut PgConnection, from: i64, to: i64) -> StoreResult<()> {
    let action = "log the migration";
    let there: bool = sqlx::query_scalar("SELECT to_regclass('public.event_log') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    if !there {
        return Ok(());
    }
    let details = serde_json::json!({ "from": from, "to": to }).to_string();
    sqlx::query("INSERT INTO event_log (event_type, details) VALUES ('migration', $1::jsonb)")
        .bind(details)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(action, e))
}

/// Refuses a database in which another program's tables have names that ours need.
async fn check_names_free(
    connection: &mut PgConnection,
    has_ledger: bool,
    old: &[Old],
) -> StoreResult<()> {
    let mut allowed: Vec<&str> = old.iter().map(|old| old.name.as_str()).collect();
    allowed.extend(has_ledger.then_some("trade_records"));
    let taken: Option<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relname = ANY ($1) \
         AND c.relname <> ALL ($2) \
         UNION ALL SELECT nspname::text FROM pg_namespace \
         WHERE nspname IN ('fifo_parts', 'fifo_legacy') \
         ORDER BY 1 LIMIT 1",
    )
    .bind(&fingerprint::NAMES[..])
    .bind(allowed)
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx("look for other tables", e))?;
    match taken {
        None => Ok(()),
        Some(name) => Err(PostgresRefusal::NameTaken(name).into()),
    }
}

/// Takes the schema back to an older version. Errors: facts or sealed versions would be lost.
pub(super) async fn down(connection: &mut PgConnection, target: i64) -> StoreResult<()> {
    let found = version_found(connection).await?;
    check_ours(connection).await?;
    check_applied(connection, found).await?;
    if target < 0 || target >= found {
        return Err(SchemaRefusal::NotOlder(found).into());
    }
    let ledger = match found {
        0 => Ledger::Ours,
        _ => mapping::ledger_of(connection).await?,
    };
    for (needed, table, what) in crate::store::limits::LOST_BELOW {
        if target >= needed || found < needed {
            continue;
        }
        let table = match (ledger, table) {
            (Ledger::Ours, table) => table,
            // The adopted ledger stays; only the trades in our table beside it would be lost.
            (_, "trade_records") => "trade_additions",
            (_, "event_log") => continue,
            (_, table) => table,
        };
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("count what would be lost", e))?;
        if rows > 0 {
            return Err(SchemaRefusal::Loses { target, rows, what }.into());
        }
    }
    // Tables that a broken run left would keep their schema from being dropped.
    if found >= VERSIONS_SINCE {
        drop::drop_tables(connection, Duration::from_secs(READER_WAIT_S)).await?;
    }
    let action = "take the schema back";
    let transaction = connection.begin().await;
    let mut transaction = transaction.map_err(|e| from_sqlx(action, e))?;
    if target == 0 && ledger != Ledger::Ours {
        keep_events(&mut transaction).await?;
    }
    // Views of the first step read the columns that protection added, so these go later.
    let after = match ledger {
        Ledger::Guarded if target == 0 => Some(protect::take_off(&mut transaction).await?),
        Ledger::Ours | Ledger::Unguarded | Ledger::Guarded => None,
    };
    MIGRATIONS
        .undo(&mut *transaction, target)
        .await
        .map_err(from_migrate)?;
    if let Some(sql) = after {
        protect::execute(&mut transaction, &sql).await?;
    }
    if target == 0 {
        legacy::move_back(&mut transaction).await?;
    }
    log_migration(&mut transaction, found, target).await?;
    let committed = transaction.commit().await;
    committed.map_err(|e| from_sqlx(action, e))
}

/// Refuses a role that does not own the objects to remove. The server itself would name a right
/// that does not help.
async fn check_ours(connection: &mut PgConnection) -> StoreResult<()> {
    let action = "take the schema back";
    let is_ours: Option<bool> = sqlx::query_scalar(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class \
         WHERE oid = to_regclass('public._pnl_migrations')",
    )
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    match is_ours {
        Some(false) => Err(StoreError::NoPermission {
            location: action.into(),
            reason: Denial::MustOwn(LIST.into()),
        }),
        _ => Ok(()),
    }
}

/// Copies the audit trail and the voids to schema `fifo_kept`, because their ledger stays.
async fn keep_events(connection: &mut PgConnection) -> StoreResult<()> {
    let sql = "CREATE SCHEMA IF NOT EXISTS fifo_kept; DO $$ DECLARE at text := \
         to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS_US'); BEGIN \
         EXECUTE format('CREATE TABLE fifo_kept.event_log_%s AS \
             SELECT * FROM public.event_log ORDER BY id', at); \
         EXECUTE format('CREATE TABLE fifo_kept.trade_voids_%s AS \
             SELECT * FROM public.trade_voids ORDER BY void_seq', at); \
         EXECUTE format('CREATE TABLE fifo_kept.import_voids_%s AS \
             SELECT * FROM public.import_voids ORDER BY void_seq', at); END $$";
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.map(|_| ())
        .map_err(|e| from_sqlx("keep the audit trail", e))
}

fn from_migrate(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            from_sqlx("migrate the schema", error)
        }
        other => StoreError::SchemaDiffers(StepFault::Found(other)),
    }
}
