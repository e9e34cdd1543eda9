//! The schema gate: an older schema is refused with the command to run, a newer one is refused.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, PgConnection};

use super::errors::from_sqlx;
use crate::store::model::SchemaStep;
use crate::store::{StoreError, StoreResult};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Returns the version of schema that this program knows.
pub(super) fn version_known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Refuses every schema but this program's.
pub(super) async fn gate(connection: &mut PgConnection) -> StoreResult<()> {
    let (found, known) = (version_found(connection).await?, version_known());
    match found.cmp(&known) {
        std::cmp::Ordering::Greater => Err(StoreError::SchemaNewer { found, known }),
        std::cmp::Ordering::Less => Err(StoreError::SchemaOlder { found, known }),
        std::cmp::Ordering::Equal => check_applied(connection).await,
    }
}

/// Compares the checksums of what was applied with what this program would apply.
async fn check_applied(connection: &mut PgConnection) -> StoreResult<()> {
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM public._sqlx_migrations WHERE success")
            .fetch_all(connection)
            .await
            .map_err(|e| from_sqlx("check the schema", e))?;
    for step in MIGRATIONS
        .iter()
        .filter(|step| step.migration_type.is_up_migration())
    {
        let found = applied.iter().find(|(version, _)| *version == step.version);
        if found.is_some_and(|(_, checksum)| *checksum != *step.checksum) {
            return Err(StoreError::SchemaDiffers(format!(
                "migration {} was changed after it was applied",
                step.version
            )));
        }
    }
    Ok(())
}

/// Returns the schema version of the database; 0 when it has none.
pub(super) async fn version_found(connection: &mut PgConnection) -> StoreResult<i64> {
    let action = "read the schema version";
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('public._sqlx_migrations') IS NOT NULL")
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar(
        "SELECT coalesce(max(version), 0) FROM public._sqlx_migrations WHERE success",
    )
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
    if found > 0 {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT version, to_char(installed_on AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM public._sqlx_migrations",
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

/// Brings the schema up to this program's. Two that start at once: one migrates, one waits.
///
/// Errors: a table of the same name is there already; a missing privilege. Each step is one
/// transaction.
pub(super) async fn up(connection: &mut PgConnection) -> StoreResult<()> {
    if version_found(connection).await? == 0 {
        check_names_free(connection).await?;
    }
    MIGRATIONS
        .run(&mut *connection)
        .await
        .map_err(from_migrate)?;
    let details = serde_json::json!({ "to": version_known() }).to_string();
    sqlx::query("INSERT INTO event_log (event_type, details) VALUES ('migration', $1::jsonb)")
        .bind(details)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx("log the migration", e))
}

/// Refuses a database whose tables would stand in our way: they are another program's.
async fn check_names_free(connection: &mut PgConnection) -> StoreResult<()> {
    let taken: Option<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relname IN ('trade_records', 'imports', \
         'import_rejects', 'trade_voids', 'event_log', 'eligible_trades', 'ineligible_trades', \
         'allocation_versions', 'current_version', 'fifo_allocations', 'fifo_computation_log', \
         'fifo_pool_summary', 'fifo_inventory_snapshot', 'manual_review_queue') \
         ORDER BY c.relname LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx("look for other tables", e))?;
    match taken {
        None => Ok(()),
        Some(name) => Err(StoreError::Refused(format!(
            "the database has a table or view \"{name}\" that is not ours: nothing was created"
        ))),
    }
}

/// Takes the schema back to an older version. Errors: facts or sealed versions would be lost.
pub(super) async fn down(connection: &mut PgConnection, target: i64) -> StoreResult<()> {
    let found = version_found(connection).await?;
    if target < 0 || target >= found {
        return Err(StoreError::Refused(format!(
            "the schema is at v{found}: it can only be taken back to an older version"
        )));
    }
    for (needed, table, what) in crate::store::limits::LOST_BELOW {
        if target >= needed || found < needed {
            continue;
        }
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("count what would be lost", e))?;
        if rows > 0 {
            return Err(StoreError::Refused(format!(
                "schema v{target} has no place for {rows} {what}"
            )));
        }
    }
    MIGRATIONS
        .undo(&mut *connection, target)
        .await
        .map_err(from_migrate)
}

fn from_migrate(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            from_sqlx("migrate the schema", error)
        }
        other => StoreError::SchemaDiffers(other.to_string()),
    }
}
