//! The formats by name: those of the program, and those of a person's settings.

use super::layout::{LAYOUTS, Layout, text_of_layout};
use super::{joined, native};

/// Formats that a person's settings describe, in the language of the program's own tables.
#[derive(Debug, Clone, Default)]
pub struct OwnFormats {
    layouts: Vec<&'static Layout>,
}

impl OwnFormats {
    /// Adds a format. Errors, in a sentence: another format has this name; the table has a fault.
    pub fn try_add(&mut self, name: &str, table: toml::Table) -> Result<(), String> {
        if self.names().any(|known| known == name) {
            return Err("another format has this name".into());
        }
        let layout = Layout::try_of_table(name, table)?;
        // A process reads its settings once, and formats are shared by all threads to its end.
        self.layouts.push(Box::leak(Box::new(layout)));
        Ok(())
    }

    /// Returns the names of all formats, those of the program first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_program = LAYOUTS.iter().map(|layout| layout.name.as_str());
        let own = self.layouts.iter().map(|layout| layout.name.as_str());
        let joined = || joined::named().map(|name| -> &str { name });
        let native = std::iter::once(native::NAME);
        native.chain(of_program).chain(joined()).chain(own)
    }

    /// Returns the table of a format of the program. `None`: it has none, or settings describe it.
    pub fn table(&self, name: &str) -> Option<&'static str> {
        text_of_layout(name)
    }

    /// Returns the tables, those of the program first.
    pub(super) fn layouts(&self) -> impl Iterator<Item = &'static Layout> {
        LAYOUTS.iter().chain(self.layouts.iter().copied())
    }
}
