//! Text that other people chose, printed by every command on both databases; files that no program
//! wrote; and how much memory a file may cost.
//!
//! The long version of the mutated files is in `scripts/soak`. With PostgreSQL:
//! `scripts/with_postgres cargo test --test programs hostile::`.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "the server and the length of a soak are found in the environment"
)]

mod memory;
mod mutated;
mod passwords;
mod printed;
