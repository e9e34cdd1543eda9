//! Advice about a file, or a row, that was not imported.

use crate::import::Hint;

/// Advises about a rejected row.
pub fn hint_words(hint: &Hint) -> String {
    match hint {
        Hint::Cell(words) => words.clone(),
        Hint::Zone(of) => format!("name the zone that the {of} are of: --timezone ZONE"),
    }
}
