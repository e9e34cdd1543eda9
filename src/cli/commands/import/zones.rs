//! Tells times that differ because a file was read in another zone from times that were corrected.

use std::time::Duration;

use crate::engine::Timestamp;
use crate::store::model::Conflict;

/// Zones lie a whole number of such steps apart.
const STEP: Duration = Duration::from_secs(15 * 60);

/// Most that two zones lie apart: from 12 hours behind UTC to 14 hours before it.
const APART_MAX: Duration = Duration::from_secs(26 * 60 * 60);

/// Advises if the known rows and those of a file differ in their times alone, as two zones do.
/// Returns `None` if there is another difference.
pub(super) fn other_zone<'c>(
    conflicts: impl IntoIterator<Item = &'c Conflict>,
) -> Option<&'static str> {
    let mut conflicts = conflicts.into_iter().peekable();
    conflicts.peek()?;
    let is_other = |of: &Conflict| {
        let times = (of.in_ledger.parse(), of.in_file.parse());
        matches!(times, (Ok(one), Ok(other)) if are_zones_apart(one, other))
    };
    conflicts.all(is_other).then_some(
        "the times lie whole quarters of an hour apart, so perhaps the file is read in another \
         zone than before. If the zone was right before, name it with --timezone. If it was wrong, \
         undo the earlier import and import the file again: `fifo-pnl import list` has its number, \
         and `fifo-pnl import undo ID --reason TEXT` undoes it",
    )
}

fn are_zones_apart(one: Timestamp, other: Timestamp) -> bool {
    let apart = Duration::from_micros(one.as_micros().abs_diff(other.as_micros()));
    apart <= APART_MAX && apart.as_micros().is_multiple_of(STEP.as_micros())
}
