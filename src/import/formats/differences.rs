//! The columns in which a row differs from a header of a layout.

use std::collections::HashMap;

use super::HeaderRow;
use super::layout::Generation;
use super::template::{fold, is_named};
use crate::import::error::FileError;

/// The columns in which a row differs from a header.
#[derive(Debug)]
pub(super) struct Differences {
    /// Columns that both have.
    pub shared: usize,
    /// Columns that the row lacks.
    pub missing: Vec<String>,
    /// Columns of the row that the layout does not have.
    pub unseen: Vec<String>,
    /// A column that comes twice: nobody knows which one counts.
    pub again: Option<String>,
}

impl Differences {
    /// Compares a row with a header.
    pub(super) fn of(generation: &Generation, header: &HeaderRow<'_>) -> Self {
        // A file is compared with each header of each format: every name is folded once.
        let names: Vec<String> = header.cells.iter().map(fold).collect();
        let columns: Vec<String> = generation.columns.iter().map(|name| fold(name)).collect();
        let optional: Vec<String> = generation.optional.iter().map(|name| fold(name)).collect();
        let is_there = |folded: &String| names.iter().any(|name| is_named(folded, name));
        let columns_of_layout = generation.columns.iter().zip(&columns);
        let (shared, missing): (Vec<_>, Vec<_>) =
            columns_of_layout.partition(|(_, folded)| is_there(folded));
        let is_unseen = |(name, folded): &(&str, &String)| {
            let mut known = columns.iter().chain(&optional);
            let mut is_known = || known.any(|known| is_named(known, folded));
            !(folded.is_empty() || is_known() || header.columns.is_ignored(name))
        };
        let unseen = header.cells.iter().zip(&names).filter(is_unseen);
        let again = place_again(&names, &columns);
        Self {
            shared: shared.len(),
            missing: missing.into_iter().map(|(name, _)| name.clone()).collect(),
            unseen: unseen.map(|(name, _)| name.trim().to_owned()).collect(),
            again: again.and_then(|place| header.cells.get(place).map(str::to_owned)),
        }
    }

    /// Tells whether the row is the header.
    pub(super) fn are_none(&self) -> bool {
        self.missing.is_empty() && self.unseen.is_empty() && self.again.is_none()
    }

    /// Returns the error of a row that has most columns of a header, but is not one. `all`: the
    /// differences from each header, with the name of its format.
    pub(super) fn nearest(
        all: impl Iterator<Item = (&'static str, Self)>,
        header: &HeaderRow<'_>,
    ) -> Option<FileError> {
        let is_near = |it: &Self| it.shared > it.missing.len() + it.unseen.len();
        // Of a format that a person named, any row with one of its columns counts.
        let has_choice = header.format.is_some();
        let near = all.filter(|(_, it)| {
            is_near(it) || has_choice && (it.shared > 0 || header.before.is_empty())
        });
        let (format, of) = near.max_by_key(|(_, it)| it.shared)?;
        let line = header.row.line;
        if let Some(column) = of.again.clone().filter(|_| is_near(&of)) {
            return Some(FileError::DuplicateColumn { line, column });
        }
        Some(FileError::NearFormat {
            line,
            format,
            missing: of.missing,
            unseen: of.unseen,
        })
    }
}

/// Returns the place of a name that comes more often than the columns have it.
fn place_again(names: &[String], columns: &[String]) -> Option<usize> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let named = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty());
    for (place, name) in named {
        let before = seen.entry(name).or_default();
        let expected = || columns.iter().filter(|column| *column == name).count();
        if *before > 0 && *before >= expected() {
            return Some(place);
        }
        *before += 1;
    }
    None
}
