//! A PostgreSQL database that had a ledger before us: its bot goes on as before, and the ledger is
//! byte for byte what it was.
//!
//! `scripts/with_postgres cargo test --test programs adoption::` runs these tests. Without a server
//! they are skipped with a line that says so, and with `REQUIRE_POSTGRES=1` that is a failure.
#![cfg(all(feature = "cli", unix))]
#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "the tests' places are shared; the server and its programs are found in the \
              environment; moments need a clock"
)]

mod before;
mod bot;
mod changes;
mod digits;
mod extended;
mod history;
mod legacy;
mod mapping;
use crate::support::postgres;
mod protected;
mod recent;
mod tax;
mod walk;
mod writings;
