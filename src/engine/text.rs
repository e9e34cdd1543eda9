//! Makes text from files and databases safe to print. Knows the characters that names may not have.
//!
//! A file, a database and a server can contain any text. It may move the cursor, turn the direction
//! of a line, hide characters, or end a line. The store saves and compares the text unchanged. Only
//! [`shown`] makes the text that people read.

use std::fmt::{self, Write as _};

use super::policy::{SENTENCE_CHARS_MAX, SHOWN_CHARS_MAX};

/// The edition of Unicode that the list of hidden characters was made from.
pub const UNICODE_VERSION: &str = "18.0";

/// Characters that a spreadsheet takes for the beginning of a formula; some take the full-width
/// signs, too.
/// Source: OWASP, "CSV Injection".
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The mark that our files put before such a text: a spreadsheet then takes it for text.
pub const FORMULA_MARK: u8 = b'\'';

/// Tells whether a spreadsheet takes a text for a formula.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA_STARTS)
}

/// Returns the text of a cell without the mark that one of our files put before it.
pub fn without_mark(text: &str) -> &str {
    let rest = text.strip_prefix(char::from(FORMULA_MARK));
    rest.filter(|rest| is_formula(rest)).unwrap_or(text)
}

/// Invisible characters, in ascending order.
///
/// Source: Unicode 18.0. General categories Cf, Zl and Zp. Default_Ignorable_Code_Point, also its
/// unassigned code points. Letters and symbols drawn as a blank: the Braille blank, fillers of
/// Hangul, Khitan and hieroglyphs, the null notehead. `char::is_control` finds control characters
/// (Cc).
const HIDDEN: [(char, char); 29] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{13441}', '\u{13442}'),
    ('\u{16fe4}', '\u{16fe4}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d159}', '\u{1d159}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Blanks (Zs) other than the plain one. Readers take them for it.
const BLANKS: [(char, char); 6] = [
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
];

/// Characters without an agreed picture: for private use (Co), and code points that are never a
/// character. `is_without_meaning` also finds the last two code points of each Unicode plane.
const WITHOUT_MEANING: [(char, char); 3] = [
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{f0000}', '\u{10ffff}'),
];

fn is_in(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

/// Tells whether a character is invisible, so that a name looks the same without it. Control
/// characters do not count.
pub fn is_hidden(c: char) -> bool {
    !c.is_ascii() && is_in(&HIDDEN, c)
}

/// Tells whether a character is a blank other than the plain one, which looks the same.
pub fn is_other_blank(c: char) -> bool {
    is_in(&BLANKS, c)
}

fn is_without_meaning(c: char) -> bool {
    is_in(&WITHOUT_MEANING, c) || u32::from(c) & 0xfffe == 0xfffe
}

/// Tells whether a character can be printed to a terminal as it is.
pub fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' => true,
        _ => !(c.is_control() || is_hidden(c) || is_other_blank(c) || is_without_meaning(c)),
    }
}

/// Appends a character the way it is shown: as it is, or as `\n`, `\t` or `\u{202e}`.
pub fn push_shown(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_plain(c) => out.push(c),
        c => out.extend(c.escape_unicode()),
    }
}

/// A text on one line. Characters that a terminal obeys or a reader can't see are written as
/// escapes.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'t> {
    text: &'t str,
    chars_max: usize,
    is_quoted: bool,
}

/// Shows a name, a cell, a number as it was written.
///
/// ```
/// use fifo_pnl::engine::shown;
/// assert_eq!(shown("A\u{202e}1\n").to_string(), "A\\u{202e}1\\n");
/// ```
pub fn shown(text: &str) -> Shown<'_> {
    shown_within(text, SHOWN_CHARS_MAX)
}

/// Shows a reason, a note, a path, a server's message.
pub fn shown_sentence(text: &str) -> Shown<'_> {
    shown_within(text, SENTENCE_CHARS_MAX)
}

/// Shows at most `chars_max` characters of a text. If the text has more, the end says how many it
/// has.
pub fn shown_within(text: &str, chars_max: usize) -> Shown<'_> {
    Shown {
        text,
        chars_max,
        is_quoted: false,
    }
}

impl Shown<'_> {
    /// Puts the text in quotes; a note about a cut comes after them.
    pub fn quoted(self) -> Self {
        Self {
            is_quoted: true,
            ..self
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.is_quoted { "\"" } else { "" };
        let mut out = String::from(quote);
        let mut rest = self.text.chars();
        for c in rest.by_ref().take(self.chars_max) {
            push_shown(&mut out, c);
        }
        out.push_str(quote);
        let more = rest.count();
        if more > 0 {
            let chars = self.chars_max.saturating_add(more);
            write!(out, "… ({} characters)", thousands(chars))?;
        }
        f.pad(&out)
    }
}

/// Writes a number with its thousands separated.
pub fn thousands(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (left, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if left > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
    }
    text
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
