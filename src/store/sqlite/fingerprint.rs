//! Compares the objects of a file's schema with those that our migrations make.
//!
//! SQLite keeps the text of every object as it was written, so that text is compared. Temporary
//! objects of another connection can't affect ours.

use serde_json::json;
use sqlx::SqliteConnection;

use super::errors::from_sqlx;
use crate::engine::Timestamp;
use crate::store::fingerprint::{
    ACCEPTED_EVENT, AdaptedViews, Object, compare, is_adapted, parse, take_accepted, to_accept,
};
use crate::store::{SchemaRefusal, StoreError, StoreResult};

/// The list of tables, views and other objects of a new database.
/// tests/postgres/schema_contract.rs writes and checks this list.
const OBJECTS: &str = include_str!("schema_objects.txt");

const ACTION: &str = "compare the schema";

/// Compares the schema with that of this program. Returns the views that an operator adapted.
///
/// Errors: something else changed the schema.
pub(super) async fn check(connection: &mut SqliteConnection) -> StoreResult<AdaptedViews> {
    let found = objects(connection).await?;
    let mut findings = compare(&parse(OBJECTS), &found);
    let mut adapted = AdaptedViews::new();
    if findings.iter().any(is_adapted) {
        let accepted = accepted(connection).await?;
        adapted = take_accepted(&mut findings, &found, &accepted);
    }
    match findings.is_empty() {
        true => Ok(adapted),
        false => Err(StoreError::SchemaAltered(findings)),
    }
}

/// Lists the objects of the schema, each with a hash of its text.
pub(super) async fn objects(connection: &mut SqliteConnection) -> StoreResult<Vec<Object>> {
    // sqlx makes the list of applied steps, with a text that may change from version to version.
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT type, tbl_name, name, ifnull(sql, '') FROM sqlite_schema \
         WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> '_sqlx_migrations' \
         ORDER BY 1, 2, 3",
    )
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    let object = |(kind, table, name, sql): (String, String, String, String)| Object {
        kind: match sql.starts_with("CREATE UNIQUE") {
            true => format!("unique {kind}"),
            false => kind,
        },
        table,
        name,
        says: hash(&sql),
    };
    Ok(rows.into_iter().map(object).collect())
}

fn hash(text: &str) -> String {
    let mut hash = crate::engine::RowsHash::EMPTY;
    hash.add_row(text.as_bytes());
    hash.to_string()
}

/// Returns the views that were accepted last.
async fn accepted(connection: &mut SqliteConnection) -> StoreResult<AdaptedViews> {
    let details: Option<String> = sqlx::query_scalar(
        "SELECT details ->> '$.views' FROM event_log WHERE event_type = $1 \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(ACCEPTED_EVENT)
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(ACTION, e))?;
    let views = details.and_then(|text| serde_json::from_str(&text).ok());
    Ok(views.unwrap_or_default())
}

/// Records that the adapted views are accepted as they are. Errors: none was adapted.
pub(super) async fn accept(
    connection: &mut SqliteConnection,
    (by, at): (&str, Timestamp),
) -> StoreResult<AdaptedViews> {
    let found = objects(connection).await?;
    let views = to_accept(&compare(&parse(OBJECTS), &found), &found);
    if views.is_empty() {
        return Err(SchemaRefusal::NothingAdapted.into());
    }
    sqlx::query("INSERT INTO event_log (event_type, event_time, details) VALUES ($1, $2, $3)")
        .bind(ACCEPTED_EVENT)
        .bind(at.as_micros())
        .bind(json!({ "views": views, "by": by }).to_string())
        .execute(connection)
        .await
        .map_err(|e| from_sqlx("accept the views", e))?;
    Ok(views)
}
