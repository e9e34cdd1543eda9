//! A column of a ledger that was there before us: the SQL that reads a fact from it.

use crate::store::LedgerFault;
use crate::store::model::MappedColumn;

/// A column of the ledger, from the server's catalog.
#[derive(Debug, Clone)]
pub(in crate::store::postgres) struct CatalogColumn {
    pub(in crate::store::postgres) name: String,
    /// The type without its length; for a domain, the type that it stands for.
    pub(in crate::store::postgres) kind: String,
}

/// Data types of the columns that describe a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FactType {
    Text,
    Number,
    Time,
    Integer,
}

/// The value in place of a missing column, as SQL and in words; `None`: the column is required.
pub(super) type Missing = Option<(&'static str, &'static str)>;

/// A column of `eligible_trades`: the SQL that gives its value from a row `t` of the ledger.
#[derive(Debug, Clone)]
pub(in crate::store::postgres) struct Mapped {
    pub(in crate::store::postgres) column: MappedColumn,
    /// The column of the ledger; `None`: there is no such column.
    pub(in crate::store::postgres) source: Option<String>,
    pub(in crate::store::postgres) sql: String,
}

/// Pattern of a number in a text. A text of blanks is a missing value. Any other text becomes NaN,
/// which no trade can have.
const NUMBER_PATTERN: &str =
    r"^\s*[+-]?([0-9]{1,60}([.][0-9]{0,60})?|[.][0-9]{1,60})([eE][+-]?[0-9]{1,3})?\s*$";

pub(super) fn map_column(
    name: &str,
    fact: FactType,
    found: Option<&CatalogColumn>,
    missing: Missing,
) -> Result<Mapped, LedgerFault> {
    let mapped = |kind: &str, words: &str, sql: String| Mapped {
        column: MappedColumn {
            name: name.to_owned(),
            kind: kind.to_owned(),
            words: words.to_owned(),
        },
        source: found.map(|found| found.name.clone()),
        sql,
    };
    let Some(found) = found else {
        let (sql, words) = missing.ok_or_else(|| LedgerFault::NoColumn(name.to_owned()))?;
        return Ok(mapped("(not there)", words, sql.to_owned()));
    };
    let kind = found.kind.as_str();
    let is_text = matches!(kind, "text" | "character varying" | "character");
    let is_integer = matches!(kind, "smallint" | "integer" | "bigint");
    let (sql, words) = match (fact, kind) {
        (FactType::Text, _) if is_text => (text_of(name), words_of_text(name)),
        (FactType::Text, "uuid") if name == "order_id" => (text_of(name), words_of_text(name)),
        (FactType::Text, _) if is_integer && name == "order_id" => {
            (text_of(name), words_of_text(name))
        }
        (FactType::Number, "double precision" | "real") => (
            format!("t.{name}::text::numeric"),
            "its shortest decimal text",
        ),
        (FactType::Number, "numeric") => (format!("t.{name}"), "as it is"),
        (FactType::Number, _) if is_integer => (format!("t.{name}::numeric"), "as it is"),
        (FactType::Number, _) if is_text => (
            format!(
                "CASE WHEN t.{name} ~ '{NUMBER_PATTERN}' THEN t.{name}::text::numeric \
                 WHEN t.{name} ~ '[^[:space:]]' THEN 'NaN'::numeric END"
            ),
            "the number it spells",
        ),
        (FactType::Time, "timestamp with time zone") => (format!("t.{name}"), "as it is"),
        (FactType::Time, "timestamp without time zone") => (
            format!("(t.{name} AT TIME ZONE 'UTC')"),
            "taken as UTC: it has no zone of its own",
        ),
        (FactType::Integer, _) if is_integer => (format!("t.{name}::bigint"), "as it is"),
        _ => {
            let expected = match fact {
                FactType::Text => "a text",
                FactType::Number => "a number",
                FactType::Time => "a time",
                FactType::Integer => "a whole number",
            };
            return Err(LedgerFault::Kind {
                name: name.to_owned(),
                kind: kind.to_owned(),
                expected,
            });
        }
    };
    Ok(mapped(kind, words, sql))
}

/// The SQL of an account that a row `t` of the ledger names.
pub(in crate::store::postgres) const ACCOUNT: &str =
    "coalesce(nullif(t.account::text, ''), 'default') COLLATE \"C\"";

/// The SQL of the account of all rows, in a ledger without a column for it.
pub(in crate::store::postgres) const NO_ACCOUNT: &str = "'default'::text COLLATE \"C\"";

fn text_of(name: &str) -> String {
    match name {
        "account" => ACCOUNT.to_owned(),
        "symbol" => symbol_of("t.symbol"),
        "side" => "lower(t.side::text COLLATE \"C\") COLLATE \"default\"".to_owned(),
        "status" => "t.status::text COLLATE \"default\"".to_owned(),
        other => format!("t.{other}::text COLLATE \"C\""),
    }
}

/// Returns the SQL of a symbol in canonical spelling: only ASCII letters are folded, in any locale.
///
/// A row without a symbol is in the pool with an empty name. That pool is rejected, so that
/// somebody notices.
pub(in crate::store::postgres) fn symbol_of(column: &str) -> String {
    format!("replace(upper(coalesce({column}::text, '') COLLATE \"C\"), '/', '-')")
}

fn words_of_text(name: &str) -> &'static str {
    match name {
        "account" => "as it is; \"default\" if it is empty",
        "symbol" => "in its one spelling",
        "side" => "in small letters",
        _ => "as it is",
    }
}
