#![doc = "FIFO"]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod engine;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "job")]
pub mod import;
#[cfg(feature = "job")]
pub mod pipeline;
#[cfg(feature = "job")]
pub mod report;
#[cfg(feature = "job")]
pub mod store;
