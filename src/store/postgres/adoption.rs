//! A ledger that was there before us, and what an earlier system of this kind left.
//!
//! `mapping.rs` finds which column is taken for what, `views.rs` writes the gate for those columns,
//! `writings.rs` finds what is new in a ledger that others change, and `legacy.rs` moves an earlier
//! system's tables out of the way. Nothing here changes a row of the ledger.

pub(super) mod legacy;
pub(super) mod mapping;
pub(super) mod views;
pub(super) mod writings;
