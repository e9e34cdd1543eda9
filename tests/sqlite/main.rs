//! A store's rules, over the one in memory and the one on SQLite. No server is needed.
#![cfg(feature = "job")]

#[path = "../support/contract/mod.rs"]
#[macro_use]
mod contract;
mod memory_store;
mod sqlite_store;
#[path = "../support/store_subject.rs"]
mod subject;

contract!(memory, crate::subject::memory);
contract!(sqlite, crate::subject::sqlite);
