//! Refuses URLs with the password in the place of a name, which messages would print.

use std::error::Error as _;

use sqlx::postgres::PgConnectOptions;

use crate::store::{BadPlace, StoreError, StoreResult};

/// Messages of the URL parser that have no part of the URL.
const KNOWN_REASONS: [&str; 8] = [
    "empty host",
    "invalid international domain name",
    "invalid port number",
    "invalid IPv4 address",
    "invalid IPv6 address",
    "invalid domain character",
    "invalid IP address syntax",
    "relative URL without a base",
];

fn refused(reason: BadPlace) -> StoreError {
    StoreError::BadLocation {
        location: "the PostgreSQL URL".into(),
        reason,
    }
}

/// Turns an error about a URL into ours, without any part of the URL.
pub(super) fn bad(error: &sqlx::Error) -> StoreError {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    match KNOWN_REASONS.iter().find(|reason| **reason == cause) {
        Some(reason) => refused(BadPlace::Told((*reason).into())),
        None => refused(BadPlace::UnknownSetting),
    }
}

/// Checks the form of a URL. Errors: the part after the host looks like a login.
pub(super) fn check_url(url: &str) -> StoreResult<()> {
    let Some((_, rest)) = url.split_once("://") else {
        return Err(refused(BadPlace::NoScheme));
    };
    let behind_host = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    if behind_host.contains('#') {
        return Err(refused(BadPlace::Fragment));
    }
    let (path, query) = behind_host.split_once('?').unwrap_or((behind_host, ""));
    let is_key = |setting: &str| {
        setting
            .split_once('=')
            .map_or(setting, |(key, _)| key)
            .contains('@')
    };
    if path.contains('@') || query.split('&').any(is_key) {
        return Err(refused(BadPlace::LateLogin));
    }
    Ok(())
}

/// Checks the parts of a URL that messages print. Errors: a name looks as if it had a password.
pub(super) fn check_names(options: &PgConnectOptions) -> StoreResult<()> {
    let database = options.get_database().unwrap_or_default();
    let socket = options
        .get_socket()
        .map(|socket| socket.display().to_string());
    let names = [
        options.get_username(),
        options.get_host(),
        database,
        socket.as_deref().unwrap_or_default(),
    ];
    if names.iter().any(|name| name.contains(char::is_control)) {
        return Err(refused(BadPlace::ControlCharacter));
    }
    if options.get_username().contains(':') {
        return Err(refused(BadPlace::UserColon));
    }
    if options.get_host().contains(['@', '%']) || database.contains(['@', '/', ':']) {
        return Err(refused(BadPlace::LoginLike));
    }
    Ok(())
}
