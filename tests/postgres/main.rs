//! Rules of a store on PostgreSQL, and rules that both databases share.
#![cfg(feature = "job")]

#[path = "../support/contract/mod.rs"]
#[macro_use]
mod contract;
mod incremental;
mod late_rates;
#[path = "../support/ledger.rs"]
mod ledger;
mod mixed;
mod mixed_adopted;
mod mixed_histories;
mod moved_histories;
mod postgres_store;
mod random_steps;
mod same_bytes_databases;
mod schema_contract;
mod slices;
mod statements;
mod stored_otherwise;
#[path = "../support/store_subject.rs"]
mod subject;
mod validate_parts;

contract!(postgres, crate::subject::postgres);
