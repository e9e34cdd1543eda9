//! Numbers as a source writes them, to plain ones: currency signs, marks of thousands, parentheses,
//! decimal commas, units glued to the end.
//!
//! A layout names the marks that its source writes. A text with any other mark stays as it is, and
//! the native reader refuses it.

use std::borrow::Cow;

/// The mark of a layout for parentheses in place of a minus.
pub(super) const PARENTHESES: &str = "()";

/// Marks that may stand between thousands.
pub(super) const THOUSANDS: [&str; 5] = [",", ".", " ", "'", "\u{a0}"];

/// The marks of numbers in a source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NumberStyle<'l> {
    /// Between thousands, signs of currencies, and parentheses for a minus.
    pub marks: &'l [String],
    /// Before decimals, if it is no point.
    pub decimal: Option<&'l str>,
}

/// Returns a number without the marks of its source. Any other text stays as it is.
pub(super) fn plain<'t>(text: &'t str, style: NumberStyle<'_>) -> Cow<'t, str> {
    let is_plain = style.marks.is_empty() && style.decimal.is_none();
    let number = (!is_plain).then(|| undressed(text, style)).flatten();
    number.map_or(Cow::Borrowed(text), Cow::Owned)
}

fn undressed(text: &str, style: NumberStyle<'_>) -> Option<String> {
    let mark = |wanted: &str| style.marks.iter().any(|mark| mark == wanted);
    let in_parentheses = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let in_parentheses = in_parentheses.filter(|_| mark(PARENTHESES));
    let (mut is_negative, mut rest) = (
        in_parentheses.is_some(),
        in_parentheses.unwrap_or(text).trim(),
    );
    let is_sign = |mark: &&String| mark.as_str() != PARENTHESES && !is_thousands(mark);
    let signs: Vec<&String> = style.marks.iter().filter(is_sign).collect();
    // A minus stands before the sign of a currency or after it, and only once.
    loop {
        if let Some(behind) = rest.strip_prefix('-').filter(|_| !is_negative) {
            (is_negative, rest) = (true, behind.trim_start());
        } else if let Some(behind) = signs.iter().find_map(|sign| rest.strip_prefix(*sign)) {
            rest = behind.trim_start();
        } else if let Some(before) = signs.iter().find_map(|sign| rest.strip_suffix(*sign)) {
            rest = before.trim_end();
        } else {
            break;
        }
    }
    let decimal = style.decimal.unwrap_or(".");
    let (whole, decimals) = match rest.split_once(decimal) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (rest, None),
    };
    let mut number = if is_negative { "-" } else { "" }.to_owned();
    number.push_str(&without_thousands(whole, style)?);
    if let Some(decimals) = decimals {
        let digits = decimals.split(['e', 'E']).next().unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number.push('.');
        number.push_str(decimals);
    }
    Some(number)
}

fn is_thousands(mark: &str) -> bool {
    THOUSANDS.contains(&mark)
}

/// Removes the marks between groups of three digits. `None`: other groups, or other marks.
fn without_thousands(whole: &str, style: NumberStyle<'_>) -> Option<String> {
    let mut marks = style.marks.iter().filter(|mark| is_thousands(mark));
    let groups: Vec<&str> = match marks.find(|mark| whole.contains(mark.as_str())) {
        Some(mark) => whole.split(mark.as_str()).collect(),
        None => vec![whole],
    };
    let first = groups.first().map_or(0, |group| group.len());
    let is_grouped = groups.len() == 1
        || ((1..=3).contains(&first) && groups.iter().skip(1).all(|group| group.len() == 3));
    let is_digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    (is_grouped && groups.iter().all(is_digits)).then(|| groups.concat())
}

/// Returns a number without its sign.
pub(super) fn without_sign(number: &str) -> String {
    number.trim_start_matches(['-', '+']).to_owned()
}

/// Returns a number with the other sign.
pub(super) fn turned(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if is_zero(number) => number.to_owned(),
        None => format!("-{number}"),
    }
}

/// Returns the side that a signed number says; if it says none, the number.
pub(super) fn side(number: &str) -> String {
    by_sign(number, "buy", "sell")
}

/// Returns the way that a signed number says, seen from its account; if it says none, the number.
pub(super) fn way(number: &str) -> String {
    by_sign(number, "in", "out")
}

fn by_sign(number: &str, above: &str, below: &str) -> String {
    let is_number = number.parse::<crate::engine::Fee>().is_ok();
    match (is_number && !is_zero(number), number.starts_with('-')) {
        (true, true) => below.to_owned(),
        (true, false) => above.to_owned(),
        (false, _) => number.to_owned(),
    }
}

/// Tells whether a text has no digit but zeros.
pub(super) fn is_zero(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0' | b'.' | b'-' | b','))
}

/// Splits a number from the unit after it. `fits`: the units that may stand there.
///
/// A blank between them leaves no doubt. Without one, a unit may begin with a digit (`1INCH`). Then
/// `fits` decides. `None`: no unit fits, or two do.
pub(super) fn split_unit(text: &str, fits: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    if let Some((number, unit)) = text.split_once(' ') {
        return Some((number.trim(), unit.trim()));
    }
    let letter = text.find(char::is_alphabetic)?;
    let head = text.get(..letter)?.as_bytes();
    let digits = head.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let first = letter.checked_sub(digits.count())?;
    let mut found = (first.max(1)..=letter).filter_map(|at| {
        let (number, unit) = text.split_at_checked(at)?;
        let ends_in_digit = number.ends_with(|of: char| of.is_ascii_digit());
        (ends_in_digit && fits(unit)).then_some((number, unit))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_a_layout_names_are_removed() {
        let marks = ["$", ",", "()"].map(str::to_owned);
        let dollars = NumberStyle {
            marks: &marks,
            decimal: None,
        };
        for (text, number) in [
            ("$1,234.56", "1234.56"),
            ("-$3,320.05", "-3320.05"),
            ("$-0.88", "-0.88"),
            ("($1,234.56)", "-1234.56"),
            ("12", "12"),
            ("5.5E-7", "5.5E-7"),
            ("1234567.5", "1234567.5"),
        ] {
            assert_eq!(plain(text, dollars), number, "{text}");
        }
        // No such number: the text stays, and the native reader refuses it.
        for text in ["1,23", "€5", "--5", "(-5)", "1,2345", "1.2.3", "0,5"] {
            assert_eq!(plain(text, dollars), text);
        }
        let marks = [".", "€"].map(str::to_owned);
        let german = NumberStyle {
            marks: &marks,
            decimal: Some(","),
        };
        assert_eq!(plain("1.234,5 €", german), "1234.5");
        assert_eq!(plain("1.5", german), "1.5");
        assert_eq!(plain("1,234", NumberStyle::default()), "1,234");
    }

    #[test]
    fn a_unit_may_begin_with_a_digit() {
        let fits = |unit: &str| ["1INCH", "CAT", "1000CAT", "USDT"].contains(&unit);
        assert_eq!(
            split_unit("100.00000000001INCH", fits),
            Some(("100.0000000000", "1INCH"))
        );
        assert_eq!(split_unit("0.5USDT", fits), Some(("0.5", "USDT")));
        assert_eq!(split_unit("0.5 ETH", fits), Some(("0.5", "ETH")));
        // 5 CAT or 5.001 of 1000CAT: nobody knows.
        assert_eq!(split_unit("51000CAT", fits), None);
        assert_eq!(split_unit("0.5BNB", fits), None);
        assert_eq!(split_unit("1INCH", fits), None);
    }

    #[test]
    fn a_sign_says_a_side() {
        assert_eq!((side("-0.5"), side("2")), ("sell".into(), "buy".into()));
        assert_eq!((side("0.0"), side("x")), ("0.0".into(), "x".into()));
        assert_eq!((turned("-1"), turned("1")), ("1".into(), "-1".into()));
        assert_eq!(turned("0.00"), "0.00");
    }
}
