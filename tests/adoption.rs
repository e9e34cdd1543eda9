//! A PostgreSQL database that had a ledger before us: its bot goes on as before, and the ledger is
//! byte for byte what it was.
//!
//! `scripts/with_postgres cargo test --test adoption` runs these tests; without a server they are
//! skipped with a line that says so, and with `REQUIRE_POSTGRES=1` that is a failure.
#![cfg(all(feature = "cli", unix))]
#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "the tests' places are shared; the server and its programs are found in the \
              environment; moments need a clock"
)]

#[path = "adoption/before.rs"]
mod before;
#[path = "adoption/bot.rs"]
mod bot;
#[path = "adoption/changes.rs"]
mod changes;
#[path = "adoption/digits.rs"]
mod digits;
#[path = "adoption/extended.rs"]
mod extended;
#[path = "adoption/history.rs"]
mod history;
#[path = "adoption/legacy.rs"]
mod legacy;
#[path = "adoption/mapping.rs"]
mod mapping;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "adoption/protected.rs"]
mod protected;
#[path = "adoption/recent.rs"]
mod recent;
#[path = "postgres_cli/site.rs"]
mod site;
mod support;
#[path = "adoption/tax.rs"]
mod tax;
#[path = "adoption/walk.rs"]
mod walk;
#[path = "adoption/writings.rs"]
mod writings;
