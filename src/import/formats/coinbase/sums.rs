//! Compares amounts that a file of Coinbase states more than once.

use std::sync::LazyLock;

use crate::engine::SignedAmount;

/// Subtotal, fees and total are each rounded to a cent.
static ROUNDED: LazyLock<SignedAmount> =
    LazyLock::new(|| "0.02".parse().unwrap_or(SignedAmount::ZERO));

/// Tells whether a total is the sum of a value and a cost.
pub(super) fn is_sum(value: SignedAmount, cost: SignedAmount, total: SignedAmount) -> bool {
    let sum = value.checked_add(cost);
    sum.is_ok_and(|sum| is_near(sum, total, *ROUNDED))
}

/// Tells whether two amounts differ by no more than another one.
pub(super) fn is_near(one: SignedAmount, other: SignedAmount, allowed: SignedAmount) -> bool {
    let off = one.checked_sub(other);
    off.is_ok_and(|off| off.size() <= allowed.size())
}
