//! The samples of formats, for tests.

use std::fs;
use std::path::Path;

use super::layout::LAYOUTS;

/// Returns the names of the formats that an import takes.
pub(in crate::import) fn names() -> impl Iterator<Item = &'static str> {
    let readable = LAYOUTS.iter().filter(|layout| layout.refuse.is_none());
    readable.map(|layout| layout.name.as_str())
}

/// Returns the sample of a format.
pub(in crate::import) fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
    fs::read_to_string(folder.join(name).join("sample.csv")).unwrap()
}
