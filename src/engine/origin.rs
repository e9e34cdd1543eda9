//! The origin of a lot that moved from another account.

use super::ids::{Account, OrderId};

/// The origin of a lot that moved into its account.
///
/// Order: lots bought in this account, which went away and came back, come first; then by account
/// and deposit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MovedFrom {
    /// The account that bought it. `None`: the account that has it now.
    pub account: Option<Account>,
    /// The deposit that brought it into the account that has it now.
    pub movement: OrderId,
}
