//! The programs, run as a user runs them, on both databases.
#![cfg(feature = "cli")]

mod accounts;
mod actions;
mod adoption;
mod advice;
mod altered_rows;
mod assets;
mod cases;
mod compare;
mod counts;
mod crashes;
mod demo;
mod errors;
mod explained;
mod faults;
mod figures;
mod files;
mod foreign_schema;
mod formats;
mod growth;
mod hostile;
mod import_rows;
mod import_undo;
mod income;
mod legs_over_runs;
mod line_numbers;
mod memory;
mod more_facts;
mod moved_lots;
mod movements;
mod operations;
mod postgres_cli;
mod printed_commands;
mod rates;
mod rates_kept;
mod review;
mod same_bytes;
mod settings_of_runs;
mod summaries;
#[path = "../support/mod.rs"]
mod support;
mod tax;
mod tax_postgres;
mod values;
mod width;
