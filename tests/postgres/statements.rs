//! Every SQL statement that stands whole in the source is prepared on its own database, and one
//! that both share on both. So the test finds a renamed column, a function that a server lacks, a
//! cast that does not exist.
//!
//! Statements put together at run time (a list of columns, a partition's name) are not whole in the
//! source; `tests/support/contract/mod.rs` executes those.
#![cfg(feature = "job")]

use crate::subject;

use std::fs;
use std::path::{Path, PathBuf};

use fifo_pnl::store::postgres::PostgresUrl;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use subject::server::Database;
use subject::{PostgresSubject, SqliteSubject};

/// Fewer statements than this were found by a reader of literals that is broken.
const STATEMENTS_MIN: usize = 25;

const FIRST_WORDS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// A statement and where it stands.
struct Statement {
    place: String,
    sql: String,
}

/// Returns the whole statements in the source of a store, and those that both databases share.
fn statements(store: &str) -> Vec<Statement> {
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let folders = [store, "sql"].map(|folder| fs::read_dir(stores.join(folder)).unwrap());
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let shared = files
        .iter()
        .filter(|file| file.parent() == Some(&stores.join("sql")));
    assert!(
        shared.count() > 5,
        "no shared statements in {}",
        stores.display()
    );
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for (line, literal) in literals(code) {
            let is_statement = FIRST_WORDS.iter().any(|word| literal.starts_with(word));
            if is_statement && !literal.contains('{') {
                found.push(Statement {
                    place: format!("{}:{line}", file.display()),
                    sql: literal,
                });
            }
        }
    }
    assert!(
        found.len() >= STATEMENTS_MIN,
        "only {} statements",
        found.len()
    );
    found
}

/// Returns the string literals of a source, each with the line it begins in.
fn literals(code: &str) -> Vec<(usize, String)> {
    let mut literals = Vec::new();
    let mut rest = code.chars().peekable();
    let (mut line, mut before) = (1, ' ');
    while let Some(c) = rest.next() {
        match c {
            '\n' => line += 1,
            '/' if before == '/' => while rest.next_if(|c| *c != '\n').is_some() {},
            // A quote as a character is no literal's begin.
            '"' if before != '\'' => {
                let begin = line;
                literals.push((begin, literal(&mut rest, &mut line)));
            }
            _ => {}
        }
        before = c;
    }
    literals
}

/// Reads a literal after its opening quote, escapes resolved.
fn literal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, line: &mut usize) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => match rest.next() {
                Some('\n') => {
                    *line += 1;
                    while let Some(space) = rest.next_if(|c| c.is_whitespace()) {
                        *line += usize::from(space == '\n');
                    }
                }
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => {}
            },
            '\n' => {
                *line += 1;
                text.push('\n');
            }
            plain => text.push(plain),
        }
    }
    text
}

#[tokio::test]
async fn every_whole_statement_can_be_prepared_on_sqlite() {
    let subject = SqliteSubject::new().await;
    let connection = subject.connection();
    let failed: Vec<String> = statements("sqlite")
        .iter()
        .filter_map(|statement| {
            let error = connection.prepare(&statement.sql).err()?;
            Some(format!("{}: {error}", statement.place))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn every_whole_statement_can_be_prepared_on_postgres() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let mut ours = subject.database.connect().await;
    // Some are for a ledger that was there before: those have tables and views of their own.
    let adopted = Database::new().unwrap();
    let mut connection = adopted.connect().await;
    let ledger = "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
                  size numeric, price numeric, order_time timestamptz)";
    connection.execute(ledger).await.unwrap();
    let url = PostgresUrl::parse(adopted.url()).unwrap();
    url.schema_up().await.unwrap();
    let mut failed = Vec::new();
    for statement in statements("postgres") {
        let sql = format!("PREPARE statement AS {}", statement.sql);
        let Err(error) = prepare(&mut ours, &sql).await else {
            continue;
        };
        if prepare(&mut connection, &sql).await.is_err() {
            failed.push(format!("{}: {error}", statement.place));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn prepare(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    connection.execute("DEALLOCATE statement").await?;
    Ok(())
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let code =
        "// \"not this\"\nlet a = \"SELECT \\\n    1\"; let q = '\"'; let b = \"say \\\"x\\\"\";";
    let found = literals(code);
    assert_eq!(
        found,
        [(2, "SELECT 1".to_owned()), (3, "say \"x\"".to_owned())]
    );
}
