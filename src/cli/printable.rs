//! The last filter of a text before it is printed. The programs print everything through it, except
//! an export of rows, so that no command can forget it.
//!
//! The filter leaves line ends, as most are our own. So text from files and databases inside a
//! sentence is first filtered by `engine::shown`. Messages and cells of tables are single lines,
//! and are filtered here.

use clap::error::{ContextKind, ContextValue};
use serde_json::Value;

use super::config::mask_passwords;
use crate::engine::{is_plain, push_shown, shown_within, thousands};

/// Longest line of a text, in characters. JSON has no limit.
const LINE_CHARS_MAX: usize = 4_000;

/// Returns a text that is safe to print, with long lines cut.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut rest = line.chars();
        rest.by_ref()
            .take(LINE_CHARS_MAX)
            .for_each(|c| push_shown(&mut out, c));
        let more = rest.count();
        if more > 0 {
            out.push_str(&format!(
                "… ({} characters)",
                thousands(LINE_CHARS_MAX + more)
            ));
        }
    }
    out
}

/// Returns a message on one line, without any password of a URL.
pub fn message(text: &str) -> String {
    shown_within(&mask_passwords(text), LINE_CHARS_MAX).to_string()
}

/// Writes JSON without any character that a terminal obeys. Its strings keep their values.
pub fn json(value: &Value) -> String {
    // JSON is ASCII outside of strings, so any other character is in a string.
    let mut out = String::new();
    for c in format!("{value:#}\n").chars() {
        if c == '\n' || is_plain(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// Returns the message of the argument reader, without passwords, each argument on one line.
pub fn usage(mut error: clap::Error) -> String {
    let given: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            let value = match value {
                ContextValue::String(text) => ContextValue::String(message(text)),
                ContextValue::Strings(texts) => {
                    ContextValue::Strings(texts.iter().map(|text| message(text)).collect())
                }
                _ => return None,
            };
            Some((kind, value))
        })
        .collect();
    for (kind, value) in given {
        error.insert(kind, value);
    }
    mask_passwords(&printable(&error.render().to_string()))
}

/// Returns the message for a failure by a bug of the program.
pub fn panic_message(info: &std::panic::PanicHookInfo<'_>) -> String {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let why = info.payload_as_str().unwrap_or("for no stated reason");
    format!("error: a bug of this program, at {place}: {}", message(why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a text of all characters that a terminal obeys or hides.
    fn hostile() -> String {
        ('\0'..=char::MAX).filter(|c| !is_plain(*c)).collect()
    }

    #[test]
    fn nothing_but_line_ends_passes_as_it_is() {
        let is_safe = |text: &str| text.chars().all(|c| c == '\n' || is_plain(c));
        let hostile = hostile();
        assert!(is_safe(&printable(&hostile)));
        assert!(is_safe(&json(&json!({ &hostile: [&hostile] }))));
        assert!(!message(&hostile).contains('\n') && is_safe(&message(&hostile)));
        assert_eq!(printable("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
        assert_eq!(message("a\nb"), "a\\nb");
    }

    #[test]
    fn documents_keep_their_values() {
        let value = json!({ hostile(): [hostile(), "é\u{e0041}\u{202e}", 1, null] });
        let text = json(&value);
        assert!(text.contains("é\\udb40\\udc41\\u202e"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn long_lines_are_cut_and_say_so() {
        let line = "x".repeat(LINE_CHARS_MAX);
        assert_eq!(printable(&line), line);
        let cut = format!("{line}… (4,001 characters)\nb");
        assert_eq!(printable(&format!("{line}y\nb")), cut);
    }
}
