//! A ledger that was there before us, and an earlier system's tables.
//!
//! `mapping.rs` finds the meaning of each column. `views.rs` writes `eligible_trades` and
//! `ineligible_trades` for those columns. `writings.rs` finds new rows in a ledger that others
//! change. `legacy.rs` moves an earlier system's tables out of the way. Nothing here changes a row
//! of the ledger.

pub(super) mod column;
pub(super) mod legacy;
pub(super) mod mapping;
mod more;
pub(super) mod views;
pub(super) mod writings;
