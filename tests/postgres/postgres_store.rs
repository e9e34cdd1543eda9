//! The PostgreSQL store's own rules: checks inside the database, snapshots, partitions that are
//! attached whole, the advisory lock, roles, the schema check, proxies.
//!
//! Sessions outside the program try the promises of the database. Without a server
//! (`scripts/with_postgres` starts one) the tests are skipped and say so.
#![cfg(feature = "job")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests wait for other processes, and find their programs in the environment"
)]

mod arrival;
mod halves;
mod lock;
mod proxy;
mod review;
mod rules;
mod schema;
use crate::subject;
mod versions;
mod waits;

use std::time::{Duration, Instant};

use fifo_pnl::store::Store;
use subject::server::{Database, ask};
use subject::{append, of, trade};

/// A test gives up waiting after this.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(5);

/// Waits until a question has an answer other than none.
async fn until(database: &Database, question: &str) -> Vec<String> {
    let mut connection = database.connect().await;
    let started = Instant::now();
    loop {
        let rows = ask(&mut connection, question).await;
        if !rows.is_empty() {
            return rows;
        }
        assert!(started.elapsed() < WAIT_MAX, "in vain: {question}");
        tokio::time::sleep(POLL).await;
    }
}

/// Asks for one value.
async fn value(database: &Database, question: &str) -> String {
    let rows = database.ask(question).await;
    assert_eq!(rows.len(), 1, "{question}: {rows:?}");
    rows.concat()
}

/// Appends trades of two pools: 5 allocations, one of them unmatched, and 1 open lot.
async fn fill(store: &dyn Store) {
    append(
        store,
        vec![
            trade("B-1", "buy", "1.5", "100.123456789012345", 1),
            trade("B-2", "buy", "1", "105", 2),
            trade("S-1", "sell", "2", "110", 3),
            of("two", "ETH-USD", trade("B-1", "buy", "1", "10", 1)),
            of("two", "ETH-USD", trade("S-1", "sell", "0.5", "10", 2)),
            trade("S-2", "sell", "1", "120", 4),
        ],
    )
    .await;
}
