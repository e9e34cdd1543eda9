//! Rejected rows by reason. All rows are counted; the first rows of each reason are stored.
//!
//! A file of ten million bad rows costs no more memory than one of a thousand. Each row holds at
//! most what `bounds.rs` allows.

use super::rejected::{Hint, RejectedRow};

/// Most rows stored for each reason.
pub const REJECTS_KEPT_MAX: usize = 100;

/// Most reasons with a group of their own. The last group also gets the rows of all further
/// reasons.
pub const REJECT_REASONS_MAX: usize = 50;

/// Rows that were rejected for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectGroup {
    /// Number of rows.
    pub count: u64,
    /// The first ones, at most [`REJECTS_KEPT_MAX`]. Order: as in the file.
    pub rows: Vec<RejectedRow>,
    /// Rows of other reasons are among them: there were too many reasons.
    pub is_mixed: bool,
}

/// The rejected rows of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejects {
    groups: Vec<RejectGroup>,
    count: u64,
    take_back: u64,
}

impl Rejects {
    /// Adds a row. Order: as in the file.
    pub fn push(&mut self, row: RejectedRow) {
        self.count += 1;
        self.take_back += u64::from(row.takes_back);
        self.take(1, vec![row], false);
    }

    /// Adds the rejects of another part of the file, or of another reading of it.
    pub fn extend(&mut self, other: Self) {
        self.count += other.count;
        self.take_back += other.take_back;
        for group in other.groups {
            self.take(group.count, group.rows, group.is_mixed);
        }
    }

    fn take(&mut self, count: u64, rows: Vec<RejectedRow>, is_mixed: bool) {
        let Some(first) = rows.first() else { return };
        let same = |group: &RejectGroup| {
            let of = group.rows.first();
            of.is_some_and(|of| of.has_reason_of(first))
        };
        let known = self.groups.iter().position(same);
        if known.is_none() && self.groups.len() < REJECT_REASONS_MAX {
            self.groups.push(RejectGroup {
                count: 0,
                rows: Vec::new(),
                is_mixed: false,
            });
        }
        let last = self.groups.len().saturating_sub(1);
        let Some(group) = self.groups.get_mut(known.unwrap_or(last)) else {
            return;
        };
        group.is_mixed |= is_mixed || (known.is_none() && group.count > 0);
        group.count += count;
        let room = REJECTS_KEPT_MAX.saturating_sub(group.rows.len());
        group.rows.extend(rows.into_iter().take(room));
    }

    /// Returns the reasons. Order: by the first row of each.
    pub fn groups(&self) -> Vec<&RejectGroup> {
        let mut groups: Vec<&RejectGroup> = self.groups.iter().collect();
        groups.sort_by_key(|group| group.rows.first().map(|row| row.line));
        groups
    }

    /// Returns the stored rows. Order: as in the file.
    pub fn kept(&self) -> Vec<&RejectedRow> {
        let rows = self.groups.iter().flat_map(|group| &group.rows);
        let mut rows: Vec<&RejectedRow> = rows.collect();
        rows.sort_by_key(|row| row.line);
        rows
    }

    /// Gives the rows with a remedy another one.
    pub fn advise(&mut self, from: &Hint, to: &Hint) {
        let rows = self.groups.iter_mut().flat_map(|group| &mut group.rows);
        for row in rows.filter(|row| row.hint.as_ref() == Some(from)) {
            row.hint = Some(to.clone());
        }
    }

    /// Returns how many rows were rejected, stored or not.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns how many rejected rows reverse another row.
    pub fn take_back(&self) -> u64 {
        self.take_back
    }

    /// Tells whether no row was rejected.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl FromIterator<RejectedRow> for Rejects {
    fn from_iter<I: IntoIterator<Item = RejectedRow>>(rows: I) -> Self {
        let mut rejects = Self::default();
        rows.into_iter().for_each(|row| rejects.push(row));
        rejects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64, reason: &str) -> RejectedRow {
        RejectedRow {
            line,
            order_id: format!("A-{line}"),
            column: "size".into(),
            found: "x".into(),
            detail: None,
            reason: reason.into(),
            hint: None,
            write: None,
            takes_back: line.is_multiple_of(2),
            text: String::new(),
        }
    }

    #[test]
    fn all_are_counted_and_few_are_kept() {
        let make = |lines: std::ops::Range<u64>, reasons: u64| -> Rejects {
            lines
                .map(|line| row(line, &format!("reason {}", line % reasons)))
                .collect()
        };
        let whole = make(0..40_000, REJECT_REASONS_MAX as u64 + 30);
        assert_eq!((whole.count(), whole.take_back()), (40_000, 20_000));
        let groups = whole.groups();
        assert_eq!(groups.len(), REJECT_REASONS_MAX);
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 40_000);
        assert!(
            groups
                .iter()
                .all(|group| group.rows.len() == REJECTS_KEPT_MAX)
        );
        let mixed = groups.iter().filter(|group| group.is_mixed).count();
        assert_eq!(mixed, 1);
        let kept = whole.kept();
        assert_eq!(kept.len(), REJECT_REASONS_MAX * REJECTS_KEPT_MAX);
        assert!(kept.windows(2).all(|pair| pair[0].line < pair[1].line));
        // However a file is cut into parts.
        let mut parts = make(0..777, 7);
        parts.extend(make(777..20_001, 7));
        parts.extend(make(20_001..40_000, 7));
        assert_eq!(parts, make(0..40_000, 7));
    }
}
