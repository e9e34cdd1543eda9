//! A PostgreSQL store for the tests, and reads of data that the store's traits don't show.

use async_trait::async_trait;
use fifo_pnl::store::Store;
use fifo_pnl::store::model::ReviewStatus;
use fifo_pnl::store::postgres::{PostgresStore, PostgresUrl};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use super::server::Database;
use super::{RUN_COLUMNS, Subject, at, event_line, holder};

/// A store in a database that only one test uses.
pub struct PostgresSubject {
    store: PostgresStore,
    /// The last field, so that the database is dropped after the store.
    pub database: Database,
}

impl PostgresSubject {
    /// Makes a store in a new database; `None` without a server.
    pub async fn new() -> Option<Self> {
        let database = Database::new()?;
        let url = PostgresUrl::parse(database.url()).unwrap();
        url.schema_up().await.unwrap();
        let store = PostgresStore::open(&url, &holder("test")).await.unwrap();
        Some(Self { store, database })
    }

    /// Returns the store.
    pub fn postgres(&self) -> &PostgresStore {
        &self.store
    }

    /// Returns the parsed URL of the database.
    pub fn url(&self) -> PostgresUrl {
        PostgresUrl::parse(self.database.url()).unwrap()
    }

    /// Opens another store on the same database, as another process does.
    pub async fn another(&self, what: &str) -> PostgresStore {
        PostgresStore::open(&self.url(), &holder(what))
            .await
            .unwrap()
    }
}

/// Returns the SQL of a time in microseconds.
fn micros(column: &str) -> String {
    format!("(extract(epoch FROM {column}) * 1000000)::bigint::text")
}

/// Returns the database's JSON in the spelling of the other stores.
fn json_text(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

#[async_trait]
impl Subject for PostgresSubject {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn with_origins_max(&self, trades: u64) -> Option<Box<dyn Store>> {
        Some(Box::new(self.store.clone().with_origins_max(trades)))
    }

    async fn events(&self) -> Vec<String> {
        let sql = format!(
            "SELECT event_type, severity, correlation_id, account, asset, \
             allocation_version, details::text, {} FROM event_log \
             WHERE event_type <> 'migration' ORDER BY id",
            micros("event_time")
        );
        let rows: Vec<EventRow> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&mut self.database.connect().await)
            .await
            .unwrap();
        let line = |row: EventRow| {
            event_line(
                &row.0,
                &row.1,
                row.2.as_deref(),
                row.3.as_deref(),
                row.4.as_deref(),
                row.5,
                &json_text(&row.6),
                row.7.parse().unwrap(),
            )
        };
        rows.into_iter().map(line).collect()
    }

    async fn runs(&self) -> Vec<String> {
        let columns = RUN_COLUMNS.split(", ").map(|column| match column {
            "computation_start" | "computation_end" => micros(column),
            column => format!("{column}::text"),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {columns} FROM fifo_computation_log l ORDER BY l.id");
        let mut connection = self.database.connect().await;
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection);
        let rows = rows.await.unwrap();
        let line = |row: &PgRow| {
            let text = |index: usize| row.get::<Option<String>, _>(index);
            let number = |index: usize| text(index).map(|text| text.parse::<i64>().unwrap());
            let counts: Vec<String> = (10..19).map(|i| text(i).unwrap()).collect();
            format!(
                "{} {} [{}] {:?} {} {}@{} by {} {}..{:?} | {} {:?} | {:?} {:?} {:?} {}",
                number(0).unwrap(),
                text(1).unwrap(),
                text(2).unwrap_or_default(),
                number(3),
                text(4).unwrap(),
                number(5).unwrap(),
                text(6).unwrap(),
                text(7).unwrap(),
                number(8).unwrap(),
                number(9),
                counts.join(" "),
                text(19),
                text(20),
                text(21),
                text(22).map(|text| json_text(&text)),
                number(23).unwrap(),
            )
        };
        rows.iter().map(line).collect()
    }

    async fn rejects(&self) -> Vec<(i64, u64, String)> {
        let sql = "SELECT import_id, line, column_name FROM import_rejects ORDER BY id";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(sql)
            .fetch_all(&mut self.database.connect().await)
            .await
            .unwrap();
        let row = |(import_id, line, column)| (import_id, line as u64, column);
        rows.into_iter().map(row).collect()
    }

    async fn decide(&self, item: i64, status: ReviewStatus, by: &str) {
        let settled_at = (!status.is_open()).then(|| at(1).to_string());
        let resolution = settled_at.as_ref().map(|_| "by hand");
        let by = settled_at.as_ref().map(|_| by);
        let sql = "UPDATE manual_review_queue SET status = $2, resolution = $3, \
            resolved_at = $4::timestamptz, resolved_by = $5 WHERE id = $1";
        sqlx::query(sql)
            .bind(item)
            .bind(status.as_str())
            .bind(resolution)
            .bind(settled_at)
            .bind(by)
            .execute(&mut self.database.connect().await)
            .await
            .unwrap();
    }
}

/// Type, severity, correlation, account, symbol, version, details, time.
type EventRow = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    String,
    String,
);
