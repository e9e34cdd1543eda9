//! PostgreSQL's errors in our words.

use crate::store::error::{BadPlace, Busy, Denial, PostgresRefusal, StoreError};
use crate::store::limits::CONNECT_WAIT_S;

/// Turns an error of sqlx into ours.
///
/// The message is the server's own: sqlx's `Display` adds a line number of the server's source.
pub(super) fn from_sqlx(action: &'static str, error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        let message = match &error {
            sqlx::Error::Io(io) => format!("the connection was lost: {io}"),
            sqlx::Error::PoolTimedOut => format!("no connection within {CONNECT_WAIT_S} s"),
            other => other.to_string(),
        };
        return StoreError::Database {
            action,
            message,
            source: Some(Box::new(error)),
        };
    };
    let code = database.code().unwrap_or_default().into_owned();
    let message = database.message().to_owned();
    match code.as_str() {
        "42501" => StoreError::NoPermission {
            location: action.into(),
            reason: Denial::Told(message),
        },
        "25006" => StoreError::NoPermission {
            location: action.into(),
            reason: Denial::ReadOnly(message),
        },
        "55P03" => StoreError::Busy(Busy::Sessions {
            action,
            message,
            sessions: Vec::new(),
        }),
        // A statement was prepared on one server connection, and used on another.
        "42P05" | "26000" => PostgresRefusal::ProxyShares.into(),
        "53100" => StoreError::Full(action.into(), message),
        "57014" => StoreError::Database {
            action,
            message: format!("{message} (SQLSTATE 57014)"),
            source: Some(Box::new(error)),
        },
        _ => StoreError::Database {
            action,
            message: format!("{message} (SQLSTATE {code})"),
            source: Some(Box::new(error)),
        },
    }
}

/// Turns an error of connecting into ours.
pub(super) fn from_connect(location: &str, error: sqlx::Error) -> StoreError {
    let location = location.to_owned();
    match &error {
        sqlx::Error::Database(database) => {
            let reason = database.message().to_owned();
            match database.code().as_deref() {
                Some("3D000") => StoreError::BadLocation {
                    location,
                    reason: BadPlace::Told(reason),
                },
                Some("42501") => StoreError::NoPermission {
                    location,
                    reason: Denial::Told(reason),
                },
                _ => StoreError::Connect { location, reason },
            }
        }
        sqlx::Error::Configuration(reason) => StoreError::BadLocation {
            location,
            reason: BadPlace::Told(reason.to_string()),
        },
        sqlx::Error::Io(io) => StoreError::Connect {
            location,
            reason: io.to_string(),
        },
        other => StoreError::Connect {
            location,
            reason: other.to_string(),
        },
    }
}

/// Returns the error of a cell of the ledger that can't be read.
pub(super) fn unreadable(column: &'static str, found: &str) -> StoreError {
    StoreError::Unreadable {
        table: "trade_records",
        column,
        found: found.to_owned(),
    }
}
