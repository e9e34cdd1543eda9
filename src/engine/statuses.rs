//! Statuses in neither list of `policy.rs`. Rows with such a status count as executions, and an
//! import names the status.

use std::collections::BTreeMap;

use super::policy::{STATUSES_EXECUTED, STATUSES_NEVER_EXECUTED};

/// Most statuses with a count of their own. Rows with further statuses are counted together.
const KINDS_MAX: usize = 20;

/// Numbers of rows by unknown status, as the file spells it.
///
/// ```
/// use fifo_pnl::engine::UnknownStatuses;
/// let statuses = UnknownStatuses::of([None, Some("Filled"), Some("busted"), Some("busted")]);
/// assert_eq!(statuses.rows["busted"], 2);
/// assert_eq!(statuses.rows.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnknownStatuses {
    /// How many rows have each unknown status.
    pub rows: BTreeMap<String, u64>,
    /// Rows of statuses without a count of their own.
    pub others: u64,
}

impl UnknownStatuses {
    /// Counts the statuses of some rows.
    pub fn of<'t>(statuses: impl IntoIterator<Item = Option<&'t str>>) -> Self {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for status in statuses.into_iter().flatten() {
            let count = counts.entry(status).or_default();
            *count = count.saturating_add(1);
        }
        let mut unknown = Self::default();
        for (status, rows) in counts {
            if !is_known(status) {
                unknown.add(status, rows);
            }
        }
        unknown
    }

    /// Adds the counts of another part of the file.
    pub fn merge(&mut self, other: &Self) {
        for (status, rows) in &other.rows {
            self.add(status, *rows);
        }
        self.others = self.others.saturating_add(other.others);
    }

    fn add(&mut self, status: &str, rows: u64) {
        let has_room = self.rows.len() < KINDS_MAX;
        match self.rows.get_mut(status) {
            Some(count) => *count = count.saturating_add(rows),
            None if has_room => {
                self.rows.insert(status.to_owned(), rows);
            }
            None => self.others = self.others.saturating_add(rows),
        }
    }
}

fn is_known(status: &str) -> bool {
    let status = status.to_ascii_lowercase();
    let status = status.as_str();
    STATUSES_EXECUTED.contains(&status) || STATUSES_NEVER_EXECUTED.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_nobody_knows_are_counted_and_few_are_named() {
        let known = ["FILLED", "partially filled", "done", "Cancelled"];
        assert_eq!(
            UnknownStatuses::of(known.map(Some)),
            UnknownStatuses::default()
        );
        let odd: Vec<String> = (0..25).map(|nth| format!("odd {nth:02}")).collect();
        let mut all = UnknownStatuses::of(odd.iter().map(|status| Some(status.as_str())));
        assert_eq!((all.rows.len(), all.others), (20, 5));
        all.merge(&UnknownStatuses::of([Some("odd 00"), Some("odd 24"), None]));
        assert_eq!((all.rows["odd 00"], all.others), (2, 6));
    }
}
