use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::*;

fn all_chars() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// Default_Ignorable_Code_Point. Source: DerivedCoreProperties.txt of Unicode 18.0,
/// 4,174 code points.
const IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Drawn as a blank, although letters or symbols by their category.
const DRAWN_AS_BLANK: [char; 5] = [
    '\u{2800}',
    '\u{13441}',
    '\u{13442}',
    '\u{16fe4}',
    '\u{1d159}',
];

#[test]
fn hidden_is_what_unicode_says_has_no_picture() {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    let (major, minor, _) = unicode_properties::UNICODE_VERSION;
    assert_eq!(format!("{major}.{minor}"), UNICODE_VERSION);
    let said = format!("By Unicode {UNICODE_VERSION} these are");
    assert!(include_str!("../../docs/SPEC-matching.md").contains(&said));
    let ignorable = all_chars().filter(|c| is_in(&IGNORABLE, *c)).count();
    assert_eq!(ignorable, 4_174, "as DerivedCoreProperties.txt counts them");
    for c in all_chars() {
        let category = c.general_category();
        let expected = matches!(category, Format | LineSeparator | ParagraphSeparator)
            || is_in(&IGNORABLE, c)
            || DRAWN_AS_BLANK.contains(&c);
        assert_eq!(is_hidden(c), expected, "{:x} {category:?}", c as u32);
    }
}

#[test]
fn plain_is_what_a_reader_sees_as_it_is() {
    use GeneralCategory::{Control, PrivateUse, SpaceSeparator};
    for c in all_chars() {
        let category = c.general_category();
        let is_none = matches!(c, '\u{fdd0}'..='\u{fdef}') || c as u32 & 0xfffe == 0xfffe;
        let hidden = is_hidden(c)
            || matches!(category, Control | PrivateUse)
            || (category == SpaceSeparator && c != ' ')
            || is_none;
        assert_eq!(is_plain(c), !hidden, "{:x} {category:?}", c as u32);
    }
    assert!(is_plain('é') && is_plain('山') && is_plain('"') && is_plain('\\'));
}

#[test]
fn a_text_is_shown_on_one_line() {
    let cases = [
        ("A-1 é 山", "A-1 é 山"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u{1b}[2J\u{7f}\u{9b}31m", "\\u{1b}[2J\\u{7f}\\u{9b}31m"),
        ("A\u{202e}B\u{2028}C", "A\\u{202e}B\\u{2028}C"),
        ("1\u{a0}234\u{e0041}", "1\\u{a0}234\\u{e0041}"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text).to_string(), expected);
    }
    assert_eq!(
        format!("{:>5}|{:<4}", shown("\n"), shown("é")),
        "   \\n|é   "
    );
    assert_eq!(shown("a\nb").quoted().to_string(), "\"a\\nb\"");
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let text = "é".repeat(SHOWN_CHARS_MAX);
    assert_eq!(shown(&text).to_string(), text);
    let longer = "é".repeat(1_234);
    let expected = format!("{text}… (1,234 characters)");
    assert_eq!(shown(&longer).to_string(), expected);
    assert_eq!(
        shown_within("abcd", 2).quoted().to_string(),
        "\"ab\"… (4 characters)"
    );
}

#[test]
fn thousands_are_separated() {
    let cases = [
        (0_u64, "0"),
        (12, "12"),
        (123, "123"),
        (1_234_567, "1,234,567"),
    ];
    for (number, text) in cases {
        assert_eq!(thousands(number), text);
    }
}
