//! Reads the database's URL, and removes passwords from URLs before they are printed.
//!
//! If a URL can't be read, its password may be anywhere, so hardly any of the URL is printed.

use super::Database;
use crate::cli::error::{CliError, CliResult};
use crate::store::postgres::PostgresUrl;

/// The text that replaces a secret.
const MASK: &str = "…";

/// Reads a database URL. Its scheme decides the kind of database. Opens nothing.
pub(super) fn parse_database(url: &str, from: &str) -> CliResult<Database> {
    let bad = |reason: &str| {
        CliError::usage(
            format!(
                "can't use the database \"{}\" from {from}: {reason}",
                without_secrets(url)
            ),
            "a database is named like sqlite://fifo-pnl.db or postgres://user@host/name",
        )
    };
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let path = match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => rest.strip_prefix("//").unwrap_or(rest),
        "postgres" | "postgresql" => {
            let parsed = PostgresUrl::parse(url).map_err(|error| bad(&error.to_string()))?;
            return Ok(Database::Postgres(Box::new(parsed)));
        }
        _ => return Err(bad("it has no scheme that is known")),
    };
    if path.is_empty() {
        return Err(bad("it names no file"));
    }
    if path == ":memory:" {
        return Err(bad("a database in memory is gone when the program ends"));
    }
    if path.contains('?') {
        return Err(bad("options after \"?\" are not taken"));
    }
    if path.contains(char::is_control) {
        return Err(bad("its name has a control character"));
    }
    let plain = path
        .replace("%40", "@")
        .replace("%3A", ":")
        .replace("%3a", ":");
    let has_login = plain
        .split_once(':')
        .is_some_and(|(_, rest)| rest.contains('@'));
    if has_login {
        return Err(bad("it has a login, which a file has not"));
    }
    Ok(Database::Sqlite(path.into()))
}

/// Returns a URL for a printed command, without its password. The password has to come from
/// elsewhere.
pub(super) fn to_type_again(url: &str) -> String {
    let (head, query) = url.split_once('?').unwrap_or((url, ""));
    let scheme_end = head.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = head.split_at(scheme_end);
    let plain = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split_once(':').map_or(login, |(user, _)| user);
            format!("{scheme}{user}@{place}")
        }
        None => head.to_owned(),
    };
    let is_password = |part: &&str| part.to_ascii_lowercase().contains("password");
    let query: Vec<&str> = query
        .split('&')
        .filter(|part| !part.is_empty() && !is_password(part))
        .collect();
    let plain = match query.is_empty() {
        true => plain,
        false => format!("{plain}?{}", query.join("&")),
    };
    match mask_passwords(&plain) == plain {
        true => plain,
        false => mask_passwords(url),
    }
}

/// Returns the printable part of a URL that can't be read.
fn without_secrets(url: &str) -> String {
    let is_scheme = |text: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        !text.is_empty() && text.chars().all(is_letter)
    };
    // A file has no password, but the user may have meant a server.
    let file = |url: &str| match url.split_once('?') {
        _ if url.contains(['@', '%']) => format!("sqlite://{MASK}"),
        Some((path, _)) => format!("{path}?{MASK}"),
        None => url.to_owned(),
    };
    let may_hold_secrets = |text: &str| text.contains(['@', '?', '=', ':', '#', '%', ' ']);
    let scheme = match (url.split_once("://"), url.split_once(':')) {
        (Some((scheme, _)), _) if is_scheme(scheme) => scheme,
        (_, Some((scheme, _))) if scheme.eq_ignore_ascii_case("sqlite") => return file(url),
        _ if may_hold_secrets(url) => return MASK.into(),
        _ => return url.to_owned(),
    };
    match scheme.eq_ignore_ascii_case("sqlite") {
        true => file(url),
        false => format!("{scheme}://{MASK}"),
    }
}

/// Masks all parts of a text that may be a password: after `password=`, and in URLs.
pub(in crate::cli) fn mask_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = url_in(rest) {
        let (before, url) = rest.split_at(at);
        out.push_str(before);
        let end = end_of_login(url);
        let login = &url[..end];
        let colons = [":", "%3a", "%3A"].map(|colon| login.find(colon));
        match colons.into_iter().flatten().min() {
            Some(at) => out.push_str(&format!("{}:{MASK}", &login[..at])),
            None => out.push_str(login),
        }
        rest = &url[end..];
    }
    without_settings(&(out + rest))
}

/// Returns where the part of a URL begins that may be a login.
fn url_in(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let schemes = ["postgres:", "postgresql:", "://"];
    let ends = schemes.map(|scheme| lower.find(scheme).map(|at| at + scheme.len()));
    let at = ends.into_iter().flatten().min()?;
    let slashes = text.get(at..)?.chars().take_while(|c| *c == '/').count();
    Some(at + slashes)
}

/// Returns the end of a login: the last `@` of the URL. A URL without `@` has no login, unless the
/// text after a colon is not a port. Then any part may be secret.
fn end_of_login(url: &str) -> usize {
    let end = url.find(char::is_whitespace).unwrap_or(url.len());
    if let Some(at) = url[..end].rfind('@') {
        return at;
    }
    let authority = url[..end].split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.split_once(':').map(|(_, port)| port);
    match port.map(|port| port.trim_end_matches(|c: char| c.is_ascii_punctuation())) {
        Some(port) if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) => {
            url[end..].find('@').map_or(end, |at| end + at)
        }
        _ => 0,
    }
}

fn without_settings(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let name = "password=";
    while let Some(at) = rest.to_ascii_lowercase().find(name) {
        let (before, value) = rest.split_at(at + name.len());
        let is_end = |c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'');
        out.push_str(before);
        out.push_str(MASK);
        rest = value.find(is_end).map_or("", |end| &value[end..]);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn urls_are_typed_again_without_a_password() {
        for (url, expected) in [
            ("sqlite://a b.db", "sqlite://a b.db"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://h:5433/db", "postgres://h:5433/db"),
            ("postgres://u:s@cret@h/db", "postgres://u@h/db"),
            (
                "postgres://u:s@/db?host=/run/pg&sslmode=require",
                "postgres://u@/db?host=/run/pg&sslmode=require",
            ),
            ("postgres://h/db?password=s", "postgres://h/db"),
        ] {
            assert_eq!(to_type_again(url), expected);
        }
    }

    #[test]
    fn urls() {
        let place = |url: &str| parse_database(url, "--database").unwrap().location();
        assert_eq!(place("sqlite://a.db"), "sqlite://a.db");
        assert_eq!(place("sqlite:a.db"), "sqlite://a.db");
        assert_eq!(
            place("SQLite:///home/me@corp/a.db"),
            "sqlite:///home/me@corp/a.db"
        );
        for url in [
            "postgres://u:secret@h:5433/db",
            "postgresql://u:@h:5433/db",
            "POSTGRES://u:secret@h:5433/db",
            "postgres://u@h:5433/db?password=secret",
            "postgres://u:se%40cret@h:5433/db",
            "postgres://u:se@cret@h:5433/db",
        ] {
            assert_eq!(place(url), "postgres://u@h:5433/db");
        }
        assert_eq!(
            place("postgres://u@localhost/db?host=/run/pg"),
            "postgres://u@/run/pg/db"
        );
        assert_eq!(place("postgres://a%40b@h/db"), "postgres://a@b@h:5432/db");
        assert_eq!(place("sqlite:///tmp/a.db"), "sqlite:///tmp/a.db");
    }

    #[test]
    fn bad_urls_are_refused_without_their_secrets() {
        let cases = [
            ("a.db", "a.db"),
            ("mysql://x", "mysql://…"),
            ("mysql:u:secret@h", "…"),
            ("sqlite://", "sqlite://"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("sqlite://a?mode=ro", "sqlite://a?…"),
            ("sqlite://u:secret@h/db", "sqlite://…"),
            ("host=h password=secret", "…"),
            ("postgres:/u:secret@h/db", "…"),
            ("postgres:u:secret@h/db", "…"),
            ("postgres:///u:secret@h/db", "postgres://…"),
            ("postgres://u:secret", "postgres://…"),
            ("postgres://u:secret@", "postgres://…"),
            ("postgres://u:secret@:5432/db", "postgres://…"),
            ("postgres://u:secret@h:port/db", "postgres://…"),
            ("postgres://u:secret@h:99999/db", "postgres://…"),
            ("postgres://u:12/secret@h/db", "postgres://…"),
            ("postgres://u:12?secret@h/db", "postgres://…"),
            ("postgres://u:12#secret@h/db", "postgres://…"),
            ("postgres://u:se cret@h h/db", "postgres://…"),
            ("postgres://u%3Asecret@h/db", "postgres://…"),
            ("postgres://h/u%3Asecret%40h", "postgres://…"),
            ("postgres://h/db?user=u:secret", "postgres://…"),
            ("postgres://h/db?host=u:secret@h", "postgres://…"),
            (
                "postgres://h/db?sslmode=require;password=secret",
                "postgres://…",
            ),
        ];
        for (url, shown) in cases {
            let error = parse_database(url, "--database").unwrap_err();
            assert_eq!(error.exit, Exit::Usage, "{url}");
            let expected = format!("can't use the database \"{shown}\" from --database: ");
            assert!(
                error.message.starts_with(&expected),
                "{url}: {}",
                error.message
            );
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

    #[test]
    fn passwords_in_any_text_are_masked() {
        let cases = [
            ("no URL: a@b", "no URL: a@b"),
            ("x postgres://u:p@h/db y", "x postgres://u:…@h/db y"),
            ("'postgres://u:p@s:s@h/db'", "'postgres://u:…@h/db'"),
            ("a://u@h b://c:d@e", "a://u@h b://c:…@e"),
            ("sqlite://a.db", "sqlite://a.db"),
            ("postgres://u@h:5432/db: x", "postgres://u@h:5432/db: x"),
            ("'postgres://u@h:5432': x", "'postgres://u@h:5432': x"),
            ("postgres://u:p", "postgres://u:…"),
            ("postgres://u: p@h/db: x", "postgres://u:…@h/db: x"),
            ("postgres:/u:p@h/db: x", "postgres:/u:…@h/db: x"),
            ("Postgres:u:p@h/db", "Postgres:u:…@h/db"),
            ("postgres://u%3Ap@h/db", "postgres://u:…@h/db"),
            ("host=h password=p x", "host=h password=… x"),
            (
                "postgres://h/db?password=p&a=b",
                "postgres://h/db?password=…&a=b",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(mask_passwords(text), expected);
        }
    }

    /// Writes a password the way that people do, and the ways that go wrong.
    fn url_with(password: &'static str) -> impl Strategy<Value = String> {
        let scheme = prop_oneof![
            4 => Just("postgres"), 2 => Just("postgresql"), 1 => Just("POSTGRES"),
            1 => Just("sqlite"), 1 => Just("mysql"), 1 => Just(""), 1 => Just("post gres")
        ];
        let slashes = prop_oneof![
            5 => Just("://"), 1 => Just(":/"), 1 => Just(":"), 1 => Just(":///"), 1 => Just("//")
        ];
        let user = prop_oneof![4 => Just("u"), 1 => Just(""), 1 => Just("a@b"), 1 => Just("%75")];
        let colon = prop_oneof![6 => Just(":"), 1 => Just("%3A"), 1 => Just(":12/"),
            1 => Just(":12?"), 1 => Just(":12#"), 1 => Just(": "), 1 => Just(":x@")];
        let at = prop_oneof![6 => Just("@"), 1 => Just("%40"), 1 => Just("@@"), 1 => Just(" @"),
            1 => Just("")];
        let host = prop_oneof![4 => Just("h"), 1 => Just(""), 1 => Just("h h"), 1 => Just("h:x"),
            1 => Just("[::1"), 1 => Just("h:5432"), 1 => Just("h:999999"), 1 => Just("%zz")];
        let rest = prop_oneof![4 => Just("/db"), 1 => Just(""), 1 => Just("/d@b"),
            1 => Just("/db?sslmode=no"), 1 => Just("?host=/run"), 1 => Just("/db#x")];
        let in_query = prop_oneof![
            Just("?password="),
            Just("/db?password="),
            Just("/db?pasword="),
            Just("/db?sslmode=require;password="),
            Just("/db?user=u:")
        ];
        let in_login = (
            scheme.clone(),
            slashes.clone(),
            user,
            colon,
            at,
            host.clone(),
            rest,
        );
        let in_login = in_login.prop_map(move |(scheme, slashes, user, colon, at, host, rest)| {
            // Without it, this is a name that a file, a host or a database may have.
            let is_name = scheme == "sqlite" || colon.contains(['/', '@']);
            let at = if is_name && at.is_empty() { "@" } else { at };
            format!("{scheme}{slashes}{user}{colon}{password}{at}{host}{rest}")
        });
        let behind = (scheme, slashes, host, in_query);
        let behind = behind.prop_map(move |(scheme, slashes, host, query)| {
            format!("{scheme}{slashes}{host}{query}{password}")
        });
        prop_oneof![3 => in_login, 1 => behind]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 5_000,
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(5432),
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_message_and_no_location_has_the_password(url in url_with("hunter2")) {
            let shown = match parse_database(&url, "DATABASE_URL") {
                Ok(database) => database.location(),
                Err(error) => error.message + &error.hint,
            };
            prop_assert!(!shown.contains("hunter2"), "{}: {}", url, shown);
        }
    }
}
