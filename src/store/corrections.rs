//! Corrections and their originals: an execution may count in one of its forms only.
//!
//! A correction of `A-1` has the id `A-1~2`, then `A-1~3`. An id of that form whose original is not
//! in the ledger is an id of its own. Pure functions, the same for every store.

use super::{StoreError, StoreResult, TradeRefusal};
use crate::engine::{CORRECTION_MARK, LedgerTrade, split_correction};

/// The character after [`CORRECTION_MARK`], which ends the range of ids that begin with the mark.
const AFTER_MARK: char = '\u{7f}';

/// A row that may be another form of the same execution, movement or action, judged by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relative {
    pub(super) order_id: String,
    /// It is eligible and not voided, and its import is not undone.
    pub(super) counts: bool,
}

/// The ids under which an execution may have forms: its original id, and a range of ids.
pub(super) struct Forms {
    pub(super) original: String,
    pub(super) from: String,
    pub(super) to: String,
}

impl Forms {
    /// Returns where the forms of an order are; other orders may have ids there, too.
    pub(super) fn of(order_id: &str) -> Self {
        let original = originals(order_id).last().unwrap_or(order_id);
        Self {
            original: original.to_owned(),
            from: format!("{original}{CORRECTION_MARK}"),
            to: format!("{original}{AFTER_MARK}"),
        }
    }
}

/// Tells whether a trade's id has the form of a correction's id.
pub(super) fn is_named_as_one(trade: &LedgerTrade) -> bool {
    split_correction(trade.trade.order_id.as_str()).is_some()
}

/// Returns the ids that an id may be a correction of: `A~2`, then `A` for `A~2~3`.
pub(super) fn originals(order_id: &str) -> impl Iterator<Item = &str> {
    let of = |id| split_correction(id).map(|(of, _)| of);
    std::iter::successors(of(order_id), move |id| of(id))
}

/// Returns the id of an id's original: the shortest one in the ledger that the id may be a
/// correction of. The ids between the two may be missing from the ledger; validation allows that,
/// too.
fn original_of<'a>(order_id: &'a str, rows: &[Relative]) -> &'a str {
    let is_there = |of: &&str| rows.iter().any(|row| row.order_id == *of);
    originals(order_id)
        .filter(is_there)
        .last()
        .unwrap_or(order_id)
}

/// Returns the id of another form of the same execution, if that form counts.
fn other_that_counts<'a>(order_id: &str, rows: &'a [Relative]) -> Option<&'a str> {
    let original = original_of(order_id, rows);
    let others = rows.iter().filter(|row| {
        row.counts && row.order_id != order_id && original_of(&row.order_id, rows) == original
    });
    others.map(|row| row.order_id.as_str()).min()
}

/// Checks that a void may be undone. Errors: another form of the execution counts.
pub(super) fn check_undo(account: &str, order_id: &str, rows: &[Relative]) -> StoreResult<()> {
    let Some(other) = other_that_counts(order_id, rows) else {
        return Ok(());
    };
    let is_correction = original_of(other, rows) != other;
    let why = match is_correction {
        true => TradeRefusal::Replaced(other.to_owned()),
        false => TradeRefusal::Corrects(other.to_owned()),
    };
    Err(refused(account, order_id, why))
}

/// Returns the form beside which a record counts that came back with its import.
pub(super) fn counts_beside<'a>(order_id: &str, rows: &'a [Relative]) -> Option<&'a str> {
    let counts = |row: &Relative| row.counts && row.order_id == order_id;
    other_that_counts(order_id, rows).filter(|_| rows.iter().any(counts))
}

/// Returns the refusal to change a trade.
pub(super) fn refused(account: &str, order_id: &str, why: TradeRefusal) -> StoreError {
    StoreError::Trade {
        account: account.to_owned(),
        order_id: order_id.to_owned(),
        why,
    }
}

/// Checks that an imported row with the id of a correction may stay in the ledger.
///
/// Errors: another form of its execution counts; the row corrects a correction.
pub(super) fn check_appended(account: &str, order_id: &str, rows: &[Relative]) -> StoreResult<()> {
    let counts = rows
        .iter()
        .any(|row| row.counts && row.order_id == order_id);
    if let Some(other) = other_that_counts(order_id, rows).filter(|_| counts) {
        let why = TradeRefusal::Beside(other.to_owned());
        return Err(refused(account, order_id, why));
    }
    let original = original_of(order_id, rows);
    let corrects = originals(order_id).next();
    if original != order_id && corrects != Some(original) {
        let why = TradeRefusal::CorrectsCorrection(original.to_owned());
        return Err(refused(account, order_id, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&str, bool)]) -> Vec<Relative> {
        let row = |(id, counts): &(&str, bool)| Relative {
            order_id: (*id).to_owned(),
            counts: *counts,
        };
        rows.iter().map(row).collect()
    }

    fn undo(id: &str, ledger: &[(&str, bool)]) -> Result<(), String> {
        check_undo("main", id, &rows(ledger)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_undo_is_refused_while_another_form_counts() {
        let error = undo("A", &[("A", false), ("A~2", true)]).unwrap_err();
        assert_eq!(
            error,
            "trade \"A\" of account \"main\" was replaced by its correction \"A~2\", which \
             counts: void \"A~2\" first, then undo this void"
        );
        assert!(undo("A", &[("A", false), ("A~2", false), ("A~3", true)]).is_err());
        assert!(undo("A~2", &[("A", false), ("A~2", false), ("A~3", true)]).is_err());
        let error = undo("A~2", &[("A", true), ("A~2", false)]).unwrap_err();
        assert!(
            error.contains("is a correction of \"A\", which counts"),
            "{error}"
        );
        // A correction of a correction is a form of the first one.
        assert!(undo("A", &[("A", false), ("A~2", false), ("A~2~2", true)]).is_err());
        // Whether the forms between are there or not.
        assert!(undo("A", &[("A", false), ("A~2~2", true)]).is_err());
        assert!(undo("A~2~2", &[("A", true), ("A~2~2", false)]).is_err());
        assert!(
            undo(
                "A~2~2",
                &[
                    ("A", false),
                    ("A~2", false),
                    ("A~2~2", false),
                    ("A~3", true)
                ]
            )
            .is_err()
        );
    }

    #[test]
    fn an_undo_is_free_where_no_other_form_counts() {
        for ledger in [
            &[("A", false)][..],
            &[("A", false), ("A~2", false)],
            // Ids of their own: none of them has an original.
            &[
                ("A", false),
                ("A~1", true),
                ("A~02", true),
                ("A~two", true),
                ("A1~2", true),
            ],
        ] {
            assert_eq!(undo("A", ledger), Ok(()), "{ledger:?}");
        }
        assert_eq!(undo("A~2", &[("A~2", false), ("A~3", true)]), Ok(()));
    }

    #[test]
    fn a_row_named_like_a_correction_is_refused_beside_its_original() {
        let appended = |id: &str, ledger: &[(&str, bool)]| {
            check_appended("main", id, &rows(ledger)).map_err(|error| error.to_string())
        };
        let error = appended("A~2", &[("A", true), ("A~2", true)]).unwrap_err();
        assert!(error.contains("would count beside \"A\""), "{error}");
        assert!(appended("A~2", &[("A", false), ("A~2", true), ("A~3", true)]).is_err());
        let error = appended("A~2~2", &[("A", false), ("A~2", false), ("A~2~2", true)]);
        assert!(
            error
                .unwrap_err()
                .ends_with("give the file's row the id \"A\"")
        );
        // Although nothing has the id that stands between.
        let error = appended("A~2~2", &[("A", true), ("A~2~2", true)]).unwrap_err();
        assert!(error.contains("would count beside \"A\""), "{error}");
        let error = appended("A~2~2", &[("A", false), ("A~2~2", true)]).unwrap_err();
        assert!(
            error.ends_with("give the file's row the id \"A\""),
            "{error}"
        );
        assert_eq!(appended("A~2~2", &[("A~2~2", true)]), Ok(()));
        assert_eq!(appended("A~2", &[("A", false), ("A~2", true)]), Ok(()));
        // The same file corrected it.
        assert_eq!(
            appended("A~2", &[("A", false), ("A~2", false), ("A~3", true)]),
            Ok(())
        );
        assert_eq!(appended("A~2", &[("A~2", true), ("A~3", true)]), Ok(()));
        assert_eq!(
            appended("A~2~2", &[("A~2", false), ("A~2~2", true)]),
            Ok(())
        );
    }

    #[test]
    fn the_range_holds_all_forms() {
        let forms = Forms::of("A~2~3");
        assert_eq!(forms.original, "A");
        for id in ["A~2", "A~999", "A~2~3"] {
            assert!(id >= forms.from.as_str() && id < forms.to.as_str(), "{id}");
        }
        for id in ["A", "A-1", "A1~2", "B"] {
            assert!(
                !(id >= forms.from.as_str() && id < forms.to.as_str()),
                "{id}"
            );
        }
    }
}
