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

    /// Returns the table of a format of the program, as a format of a person's settings. `None`: it
    /// has none, or settings describe it.
    pub fn table(&self, name: &str) -> Option<String> {
        text_of_layout(name).map(|text| as_settings(text, &format!("formats.my-{name}")))
    }

    /// Returns whether the program knows files of a format, and takes none.
    pub fn is_refused(&self, name: &str) -> bool {
        let mut layouts = self.layouts();
        layouts.any(|layout| layout.name == name && layout.refuse.is_some())
    }

    /// Returns whether a person's settings describe a format.
    pub fn is_own(&self, name: &str) -> bool {
        self.layouts.iter().any(|layout| layout.name == name)
    }

    /// Returns the tables, those of the program first.
    pub(super) fn layouts(&self) -> impl Iterator<Item = &'static Layout> {
        LAYOUTS.iter().chain(self.layouts.iter().copied())
    }
}

/// Puts the name of a format before each heading of its table, and above its first key.
fn as_settings(table: &str, name: &str) -> String {
    let mut text = String::new();
    let mut has_heading = false;
    for line in table.lines() {
        if !has_heading && !line.starts_with('#') {
            text += &format!("[{name}]\n");
            has_heading = true;
        }
        // A list of several lines has its brackets indented, or alone.
        let brackets = if line.starts_with("[[") { "[[" } else { "[" };
        match line.strip_prefix(brackets).filter(|_| line.ends_with(']')) {
            Some(heading) => text += &format!("{brackets}{name}.{heading}\n"),
            None => text += &format!("{line}\n"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each table can be pasted into settings, and says the same there.
    #[test]
    fn a_table_that_is_shown_is_one_of_the_settings() {
        let formats = OwnFormats::default();
        for layout in LAYOUTS.iter() {
            let shown = formats.table(&layout.name).unwrap();
            let mut settings: toml::Table = shown.parse().unwrap();
            let mut tables = settings.remove("formats").unwrap();
            let tables = tables.as_table_mut().unwrap();
            assert!(settings.is_empty(), "{shown}");
            let name = format!("my-{}", layout.name);
            let Some(toml::Value::Table(table)) = tables.remove(&name) else {
                panic!("{shown}");
            };
            let pasted = Layout::try_of_table(&layout.name, table).unwrap();
            assert_eq!(pasted, *layout);
        }
    }

    #[test]
    fn a_format_that_is_only_refused_is_known_as_such() {
        let formats = OwnFormats::default();
        assert!(formats.is_refused("binance-orders"));
        assert!(!formats.is_refused("binance-trades"));
        assert!(!formats.is_own("binance-trades"));
    }
}
