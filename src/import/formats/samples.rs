//! The samples of formats, for tests.

use std::fs;
use std::path::Path;

use super::layout::LAYOUTS;
use crate::import::documents::document;

/// Returns the names of the formats that an import takes.
pub(in crate::import) fn names() -> impl Iterator<Item = &'static str> {
    let readable = LAYOUTS.iter().filter(|layout| layout.refuse.is_none());
    readable.map(|layout| layout.name.as_str())
}

/// Returns the sample of a format; of a statement of several tables, the one table of its rows.
pub(in crate::import) fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
    let text = fs::read_to_string(folder.join(name).join("sample.csv")).unwrap();
    let made = document(text.as_bytes()).unwrap();
    made.map_or(text, |made| made.text)
}
