//! A refusal of the server, with the right that is really missing.
//!
//! The server names the object and not the right. So it is asked which of those that the action
//! needs the role lacks: advice to grant more than that would be wrong. Its words are read because
//! all these refusals are SQLSTATE 42501, and no field of them has the object.

use sqlx::{Connection, Executor, PgConnection};

use super::PostgresUrl;
use crate::engine::policy::PROGRAM;
use crate::store::{Denial, StoreError};

/// Adds to a refusal which role was refused, and the right that the role needs.
pub(super) async fn explained(url: &PostgresUrl, error: StoreError) -> StoreError {
    let StoreError::NoPermission { location, reason } = error else {
        return error;
    };
    let reason = reason.to_string();
    let mut role = url.options.get_username().to_owned();
    let mut remedy = remedy(&reason, &role);
    if let Some(object) = RefusedObject::of(&reason)
        && let Some(asked) = ask(url, &location, &object).await
    {
        let rights = asked.rights;
        let (on, name) = (object.kind.words(), object.name);
        remedy = match writes(&rights) {
            true => not_for(ask_owner(url, name).await, &asked.role),
            false => format!("; it lacks: GRANT {rights} ON {on}{name} TO {}", asked.role),
        };
        role = asked.role;
    }
    if let Some(object) = reason.strip_prefix(MUST_OWN)
        && let Some((_, name)) = object.rsplit_once(' ')
        && let Some(asked) = ask_owner(url, name).await
    {
        remedy.push_str(&format!(": GRANT {} TO {}", asked.owner, asked.role));
        role = asked.role;
    }
    // The error has an action in place of the location, which only this function knows.
    StoreError::NoPermission {
        location: url.location.clone(),
        reason: Denial::Told(format!(
            "role \"{role}\" can't {location}: {reason}{remedy}"
        )),
    }
}

/// Begin of the refusal to a role that does not own the object; its kind and name follow.
const MUST_OWN: &str = "must be owner of ";

/// Returns the remedy for a refusal that no missing right explains.
fn remedy(reason: &str, role: &str) -> String {
    if reason.starts_with(MUST_OWN) {
        return "; it has to own it or be a member of its owner".into();
    }
    if reason.starts_with("query would be affected by row-level security policy") {
        return "; every row counts here, and a policy hides some from this role or from the owner \
                of our views: ALTER ROLE that one BYPASSRLS, or let the policy show it all rows"
            .into();
    }
    match reason.strip_prefix("permission denied for function ") {
        Some(name) => format!("; it lacks: GRANT EXECUTE ON FUNCTION {name} TO {role}"),
        None => String::new(),
    }
}

/// Tells whether a list of rights has one that changes rows.
fn writes(rights: &str) -> bool {
    rights
        .split(", ")
        .any(|right| matches!(right, "INSERT" | "UPDATE" | "DELETE"))
}

/// Says that the role can't use a command. It advises no GRANT of a right to write: with that
/// right, the role could decide which trades count.
fn not_for(owner: Option<Owner>, role: &str) -> String {
    let owner = match owner {
        Some(owner) => owner.owner,
        None => "the owner of the tables".into(),
    };
    format!("; it writes, so it is not for {role}: run it as {owner} or as a member of it")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ObjectKind {
    Table,
    Sequence,
    Schema,
}

impl ObjectKind {
    /// Returns the words between the rights and the name of an object in a GRANT.
    fn words(self) -> &'static str {
        match self {
            Self::Table => "",
            Self::Sequence => "SEQUENCE ",
            Self::Schema => "SCHEMA ",
        }
    }

    /// Returns a query for the role and its missing rights on `$1`, of those in `$2`.
    fn query(self) -> &'static str {
        match self {
            Self::Table => {
                "SELECT current_user::text, string_agg(p, ', ' ORDER BY n) \
                 FROM pg_class c, unnest($2::text[]) WITH ORDINALITY AS r (p, n) \
                 WHERE c.relname = $1 AND c.relnamespace IN (SELECT s.oid FROM pg_namespace s \
                     WHERE s.nspname IN ('public', 'fifo_parts')) \
                 AND c.relkind IN ('r', 'p', 'v') AND NOT has_table_privilege(c.oid, p)"
            }
            Self::Sequence => {
                "SELECT current_user::text, string_agg(p, ', ' ORDER BY n) \
                 FROM pg_class c, unnest($2::text[]) WITH ORDINALITY AS r (p, n) \
                 WHERE c.relname = $1 AND c.relkind = 'S' AND NOT has_sequence_privilege(c.oid, p)"
            }
            Self::Schema => {
                "SELECT current_user::text, string_agg(p, ', ' ORDER BY n) \
                 FROM pg_namespace c, unnest($2::text[]) WITH ORDINALITY AS r (p, n) \
                 WHERE c.nspname = $1 AND NOT has_schema_privilege(c.oid, p)"
            }
        }
    }
}

/// The object that the server refused, from its message.
struct RefusedObject<'a> {
    kind: ObjectKind,
    name: &'a str,
}

impl<'a> RefusedObject<'a> {
    fn of(reason: &'a str) -> Option<Self> {
        let object = reason.strip_prefix("permission denied for ")?;
        let (kind, name) = object.split_once(' ')?;
        let kind = match kind {
            "table" | "view" => ObjectKind::Table,
            "sequence" => ObjectKind::Sequence,
            "schema" => ObjectKind::Schema,
            _ => return None,
        };
        Some(Self { kind, name })
    }

    /// Returns the rights that an action may need, the likeliest list first.
    fn rights(&self, action: &str) -> Vec<&'static [&'static str]> {
        let reads = READING.iter().any(|verb| action.starts_with(verb));
        let (first, all): (&[&str], &[&str]) = match (self.kind, self.name) {
            (ObjectKind::Schema, _) => (&["USAGE"], &["USAGE", "CREATE"]),
            (ObjectKind::Sequence, _) => (&["SELECT"], &["USAGE", "SELECT", "UPDATE"]),
            (ObjectKind::Table, name) => (&["SELECT"], written(action, name)),
        };
        if reads { vec![first, all] } else { vec![all] }
    }
}

/// How the actions that only read begin.
const READING: [&str; 9] = [
    "ask", "check", "compare", "count", "cut", "export", "list", "look", "read",
];

/// Returns the rights on a table that a writing action needs.
fn written(action: &str, table: &str) -> &'static [&'static str] {
    match table {
        "event_log" | "import_rejects" => &["INSERT"],
        "sync_logs" if action == "prune the log of imports" => &["SELECT", "DELETE"],
        "sync_logs" => &["SELECT", "INSERT"],
        "trading_accounts" | "account_time_offsets" => &["SELECT", "INSERT", "UPDATE"],
        "trade_voids" | "import_voids" | "asset_movements" | "asset_actions"
        | "transfer_decisions" | "imports" | "rates" | "trade_records" | "trade_additions"
        | "review_exclusions" => &["SELECT", "INSERT"],
        "current_version" => &["SELECT", "UPDATE"],
        "manual_review_queue" if action == "decide about a review item" => &["SELECT", "UPDATE"],
        "allocation_versions" if action != "enter the version" => &["SELECT", "UPDATE"],
        "manual_review_queue" | "allocation_versions" | "fifo_computation_log" => {
            &["SELECT", "INSERT", "UPDATE"]
        }
        "fifo_rates_used" | "fifo_lot_moves" => &["SELECT", "INSERT", "DELETE"],
        "fifo_allocations" | "fifo_inventory_snapshot" | "fifo_pool_summary" => {
            &["SELECT", "INSERT", "UPDATE", "DELETE"]
        }
        _ => &["SELECT"],
    }
}

struct AskedRight {
    role: String,
    rights: String,
}

/// Asks the server which rights are missing. `None`: the server does not tell.
async fn ask(url: &PostgresUrl, action: &str, object: &RefusedObject<'_>) -> Option<AskedRight> {
    let mut connection = url.connect_plain(PROGRAM).await.ok()?;
    let asked = ask_on(&mut connection, action, object).await;
    let _ = connection.close().await;
    asked
}

async fn ask_on(
    connection: &mut PgConnection,
    action: &str,
    object: &RefusedObject<'_>,
) -> Option<AskedRight> {
    let path = connection.execute("SET search_path = pg_catalog, pg_temp");
    path.await.ok()?;
    for rights in object.rights(action) {
        let asked = sqlx::query_as(object.kind.query())
            .bind(object.name)
            .bind(rights)
            .fetch_one(&mut *connection);
        let (role, missing): (String, Option<String>) = asked.await.ok()?;
        if let Some(rights) = missing {
            return Some(AskedRight { role, rights });
        }
    }
    None
}

struct Owner {
    owner: String,
    role: String,
}

/// Asks the server who owns a relation. `None`: the server does not tell, or relations of that name
/// have several owners.
async fn ask_owner(url: &PostgresUrl, name: &str) -> Option<Owner> {
    let mut connection = url.connect_plain(PROGRAM).await.ok()?;
    let asked = sqlx::query_as(
        "SELECT pg_catalog.min(pg_catalog.quote_ident(r.rolname)), \
         pg_catalog.quote_ident(current_user::text) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner \
         WHERE c.relname = $1 AND c.relnamespace IN (SELECT s.oid FROM pg_catalog.pg_namespace s \
             WHERE s.nspname IN ('public', 'fifo_parts')) \
         HAVING pg_catalog.count(DISTINCT c.relowner) = 1",
    )
    .bind(name)
    .fetch_optional(&mut connection)
    .await;
    let _ = connection.close().await;
    let (owner, role): (String, String) = asked.ok().flatten()?;
    Some(Owner { owner, role })
}
