//! Checks the schema version: an older schema is migrated after a copy, a newer one is refused.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::errors::from_sqlx;
use super::lock;
use super::reading::Access;
use crate::files::{Draft, IfThere, WriteError, kind_of, open_input};
use crate::store::limits::{LOST_BELOW, MIGRATION_WAIT_S};
use crate::store::model::{Holder, SchemaStep};
use crate::store::phase::{self, Phase};
use crate::store::{BadPlace, Denial, SchemaRefusal, StepFault, StoreError, StoreResult};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Returns the schema version that this program knows.
pub fn version_known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Returns the file that a path leads to, through links. SQLite keeps its journal beside that file.
/// The lock must be there too, under whichever name the file was opened.
///
/// Errors: a link to no file.
pub(super) fn real_path(path: &Path) -> StoreResult<PathBuf> {
    // Only a link in the last part of the path matters: others lead to the same folder.
    let is_link = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_symlink());
    if !is_link {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).map_err(|error| StoreError::BadLocation {
        location: path.display().to_string(),
        reason: BadPlace::DeadLink(error),
    })
}

/// Checks a path without opening it as a database. Returns the rights of this user.
pub(super) fn check_file(path: &Path, create: bool) -> StoreResult<Access> {
    let location = path.display().to_string();
    let bad = |reason| StoreError::BadLocation {
        location: location.clone(),
        reason,
    };
    let denied = |error: std::io::Error| StoreError::NoPermission {
        location: location.clone(),
        reason: Denial::Told(error.to_string()),
    };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match fs::metadata(path) {
        // Opening anything but a file may hang, and no journal can be beside it.
        Ok(there) if !there.is_file() => {
            return Err(bad(BadPlace::NoFile(kind_of(there.file_type()))));
        }
        // SQLite would keep a journal, and this program a lock, for each name of the file.
        Ok(there) if there.nlink() > 1 => {
            return Err(bad(BadPlace::HardLinks(there.nlink())));
        }
        _ => {}
    }
    match open_as_permitted(path, folder, create) {
        Ok((file, access)) => {
            let mut head = Vec::new();
            file.take(16).read_to_end(&mut head).map_err(denied)?;
            match head.as_slice() {
                b"SQLite format 3\0" => Ok(access),
                [] if create => Ok(access),
                [] => Err(bad(BadPlace::EmptyFile)),
                _ => Err(bad(BadPlace::NotSqlite)),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !create => {
            Err(StoreError::Missing(location))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !folder.is_dir() => {
            Err(bad(BadPlace::NoFolder))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Access::Write),
        Err(error) => Err(denied(error)),
    }
}

/// Opens a file for writing; or for reading, if this user may not write to the file or its folder.
fn open_as_permitted(path: &Path, folder: &Path, create: bool) -> io::Result<(File, Access)> {
    let is_refused = |error: &io::Error| {
        matches!(
            error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        )
    };
    match open_input(path, true) {
        Err(error) if is_refused(&error) && !create => {
            // If reading is refused, too, the first refusal says more.
            let file = open_input(path, false).map_err(|_| error)?;
            Ok((file, Access::Read))
        }
        Ok(file) if !create && !may_write_in(folder) => Ok((file, Access::Read)),
        opened => Ok((opened?, Access::Write)),
    }
}

#[cfg(unix)]
fn may_write_in(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write_in(_: &Path) -> bool {
    true
}

/// Checks a database that this user may only read. Errors: its schema is not this program's.
pub(super) async fn gate_to_read(
    connection: &mut SqliteConnection,
    path: &Path,
) -> StoreResult<()> {
    let (found, known) = (version_found(connection).await?, version_known());
    match found.cmp(&known) {
        Ordering::Greater => Err(StoreError::SchemaNewer { found, known }),
        Ordering::Equal => check_applied(connection, found).await,
        Ordering::Less => {
            check_nothing_else(connection, path).await?;
            Err(StoreError::SchemaOlder { found, known })
        }
    }
}

/// Migrates an older schema to this program's version, and refuses a newer one.
///
/// Returns the copy that was made of an older file; `None`: the schema was not older.
pub(super) async fn gate(
    connection: &mut SqliteConnection,
    path: &Path,
    holder: &Holder,
) -> StoreResult<Option<PathBuf>> {
    let (found, known) = (version_found(connection).await?, version_known());
    if found > known {
        return Err(StoreError::SchemaNewer { found, known });
    }
    check_applied(connection, found).await?;
    if found == known {
        return Ok(None);
    }
    check_nothing_else(connection, path).await?;
    let _lock = lock::wait_for_lock(path, holder, MIGRATION_WAIT_S).await?;
    // Another process may have migrated the file during the wait.
    let found = version_found(connection).await?;
    if found >= known {
        return Ok(None);
    }
    use_wal(connection).await?;
    let copy = match found {
        0 => None,
        _ => Some(copy_file(connection, path, known, holder).await?),
    };
    MIGRATIONS
        .run(&mut *connection)
        .await
        .map_err(from_migrate)?;
    log_migration(connection, found, known, copy.as_deref()).await?;
    Ok(copy)
}

/// Returns the schema version of the database; 0 without a schema.
pub(super) async fn version_found(connection: &mut SqliteConnection) -> StoreResult<i64> {
    let action = "read the schema version";
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    if tables == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT ifnull(max(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(action, e))
}

/// Compares the checksums of the steps up to the schema's version with this program's.
async fn check_applied(connection: &mut SqliteConnection, schema: i64) -> StoreResult<()> {
    if schema == 0 {
        return Ok(());
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
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

/// Writes the journal mode into the file, which is known to be ours by now.
async fn use_wal(connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query("PRAGMA journal_mode = WAL")
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx("set the journal mode", e))
}

/// Refuses another program's database: one with tables, but without our list of migrations, which
/// is made first. Another process may be making our tables meanwhile, so one statement checks both.
async fn check_nothing_else(connection: &mut SqliteConnection, path: &Path) -> StoreResult<()> {
    let other: Option<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND NOT EXISTS (SELECT 1 \
         FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations') LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx("look for other tables", e))?;
    match other {
        None => Ok(()),
        Some(table) => Err(SchemaRefusal::OtherProgram(path.to_owned(), table).into()),
    }
}

/// Copies the database with VACUUM INTO, which reads one consistent state. The copy gets its name
/// once it is complete, and the permissions of the database. The name has the version of the
/// migration.
async fn copy_file(
    connection: &mut SqliteConnection,
    path: &Path,
    target: i64,
    holder: &Holder,
) -> StoreResult<PathBuf> {
    let stamp = holder.since.to_string().replace([':', '-'], "");
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-v{target}-{stamp}.bak"));
    let copy = PathBuf::from(name);
    let mut draft = Draft::create(&copy, IfThere::Refuse).map_err(|e| from_write(&copy, e))?;
    sqlx::query("VACUUM INTO $1")
        .bind(draft.path().to_string_lossy().into_owned())
        .execute(connection)
        .await
        .map_err(|e| from_sqlx("copy the database before a migration", e))?;
    phase::reached(Phase::Name);
    draft
        .like(path)
        .and_then(|()| draft.publish())
        .map_err(|error| from_write(&copy, error))?;
    Ok(copy)
}

/// Returns the error of a copy that can't be written.
fn from_write(copy: &Path, error: std::io::Error) -> StoreError {
    match WriteError::of(error, copy) {
        WriteError::Full { path, reason } => {
            StoreError::Full(format!("write {}", path.display()), reason)
        }
        WriteError::Denied { path, source } => StoreError::NoPermission {
            location: path.display().to_string(),
            reason: Denial::Told(source.to_string()),
        },
        other => SchemaRefusal::Copy(other).into(),
    }
}

async fn log_migration(
    connection: &mut SqliteConnection,
    from: i64,
    to: i64,
    copy: Option<&Path>,
) -> StoreResult<()> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'event_log'",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("log the migration", e))?;
    if tables == 0 {
        return Ok(());
    }
    let copy = copy.map(|copy| copy.display().to_string());
    sqlx::query("INSERT INTO event_log (event_type, details) VALUES ('migration', $1)")
        .bind(json!({ "from": from, "to": to, "copy": copy }).to_string())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx("log the migration", e))
}

/// Lists the steps that this program knows, and which of them are applied.
///
/// Errors: the schema is newer.
pub(super) async fn steps(connection: &mut SqliteConnection) -> StoreResult<Vec<SchemaStep>> {
    let mut applied = std::collections::BTreeMap::new();
    let (found, known) = (version_found(connection).await?, version_known());
    if found > known {
        return Err(StoreError::SchemaNewer { found, known });
    }
    check_applied(connection, found).await?;
    if found > 0 {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT version, strftime('%Y-%m-%dT%H:%M:%SZ', installed_on) FROM _sqlx_migrations",
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

/// Takes the schema back to an older version. Call with the run lock held.
///
/// Errors: facts or sealed versions would be lost. Returns the copy made before.
pub(super) async fn down(
    connection: &mut SqliteConnection,
    path: &Path,
    target: i64,
    holder: &Holder,
) -> StoreResult<PathBuf> {
    let found = version_found(connection).await?;
    check_applied(connection, found).await?;
    if target < 0 || target >= found {
        return Err(SchemaRefusal::NotOlder(found).into());
    }
    for (needed, table, what) in LOST_BELOW {
        if target >= needed || found < needed {
            continue;
        }
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("count what would be lost", e))?;
        if rows > 0 {
            return Err(SchemaRefusal::Loses { target, rows, what }.into());
        }
    }
    let copy = copy_file(connection, path, target, holder).await?;
    MIGRATIONS
        .undo(&mut *connection, target)
        .await
        .map_err(from_migrate)?;
    log_migration(connection, found, target, Some(&copy)).await?;
    Ok(copy)
}

fn from_migrate(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            from_sqlx("migrate the schema", error)
        }
        MigrateError::VersionMismatch(step) => StoreError::SchemaDiffers(StepFault::Changed(step)),
        other => StoreError::SchemaDiffers(StepFault::Found(other)),
    }
}

/// Opens one connection, for checks before the pool of connections is made.
pub(super) async fn connect_once(
    options: &sqlx::sqlite::SqliteConnectOptions,
) -> StoreResult<SqliteConnection> {
    SqliteConnection::connect_with(options)
        .await
        .map_err(|e| from_sqlx("open the database", e))
}
