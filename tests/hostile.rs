//! Text that other people chose, printed by every command on both databases; files that no program
//! wrote; and how much memory a file may cost.
//!
//! The long version of the mutated files is in `scripts/soak`. With PostgreSQL:
//! `scripts/with_postgres cargo test --test hostile`.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "the server and the length of a soak are found in the environment"
)]

#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/mutated.rs"]
mod mutated;
#[path = "hostile/passwords.rs"]
mod passwords;
#[path = "hostile/printed.rs"]
mod printed;
#[allow(dead_code, reason = "it is shared with the tests of the programs")]
#[path = "postgres_cli/site.rs"]
mod site;
mod support;
