//! SQLite's errors in our words.

use crate::store::{BadPlace, Busy, Denial, StoreError};

const BUSY: i32 = 5;
const READONLY: i32 = 8;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PERM: i32 = 3;
const NOTADB: i32 = 26;
/// There is no room for the file that readers share, beside the database.
const IOERR_SHMSIZE: i32 = 4874;

fn from_code(
    action: &'static str,
    code: Option<i32>,
    message: String,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StoreError {
    let kind = |code| match code {
        IOERR_SHMSIZE => FULL,
        other => other & 0xff,
    };
    match code.map(kind) {
        Some(BUSY) => Busy::Writer(action, message).into(),
        Some(FULL) => StoreError::Full(action.into(), message),
        Some(READONLY | PERM | CANTOPEN) => StoreError::NoPermission {
            location: action.into(),
            reason: Denial::Told(message),
        },
        Some(NOTADB) => StoreError::BadLocation {
            location: action.into(),
            reason: BadPlace::Told(message),
        },
        _ => StoreError::Database {
            action,
            message,
            source: Some(source),
        },
    }
}

/// Turns an error of sqlx into ours.
pub(super) fn from_sqlx(action: &'static str, error: sqlx::Error) -> StoreError {
    let (code, message) = match &error {
        sqlx::Error::Database(database) => (
            database.code().and_then(|code| code.parse().ok()),
            database.message().to_owned(),
        ),
        other => (None, other.to_string()),
    };
    from_code(action, code, message, Box::new(error))
}

/// Turns an error of the raw handle into ours.
pub(super) fn from_rusqlite(action: &'static str, error: rusqlite::Error) -> StoreError {
    let code = error.sqlite_error().map(|error| error.extended_code);
    let message = match &error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    from_code(action, code, message, Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_another_writer_is_no_failure_of_the_database() {
        for code in [BUSY, 261, 517] {
            let source = Box::new(std::fmt::Error);
            let error = from_code("begin", Some(code), "database is locked".into(), source);
            let is_wait = matches!(error, StoreError::Busy(Busy::Writer("begin", _)));
            assert!(is_wait, "{code}: {error}");
        }
    }
}
