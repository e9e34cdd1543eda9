//! Finds why a number or an id can't be read: brokers add marks to numbers, spreadsheets damage
//! ids.
//!
//! A hint never changes a value. It names the obstacle and, if only one number can be meant, how to
//! write it. The user corrects the file.

use super::rejected::{Fault, Hint, Obstacle, quoted};

/// The unit of a number in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Units of an asset.
    Units,
    /// US dollars.
    Dollars,
}

/// A number with marks around it, taken apart.
struct Dressed {
    /// Digits, points and commas.
    body: String,
    negative: bool,
    obstacles: Vec<Obstacle>,
    /// A word or a sign that names another currency, in quotes.
    currency: Option<String>,
}

/// Adds the obstacles of a number to a fault, if it finds any.
pub(super) fn with_obstacles(fault: Fault, text: &str, counts: Counts) -> Fault {
    if text.starts_with('#') && text.len() > 1 {
        return fault.with_hint(Hint::Spreadsheet);
    }
    let Some(mut dressed) = undress(text) else {
        return fault;
    };
    if let Some(name) = dressed.currency {
        return fault.with_hint(match counts {
            Counts::Dollars => Hint::Currency(name.into()),
            Counts::Units => Hint::Number(vec![Obstacle::Unit(name)]),
        });
    }
    let Some(number) = separated(&mut dressed) else {
        return fault;
    };
    if dressed.obstacles.is_empty() {
        return fault;
    }
    let fault = fault.with_hint(Hint::Number(dressed.obstacles));
    match number {
        Some(number) if dressed.negative => fault.with_write(format!("-{number}")),
        Some(number) => fault.with_write(number),
        None => fault,
    }
}

/// Blanks of several widths, and apostrophes: marks between thousands, or before a unit.
const BLANKS: [char; 6] = ['\'', '’', ' ', '\u{a0}', '\u{202f}', '\u{2009}'];

/// Signs of currencies that are not the dollar.
const SIGNS: [char; 9] = ['€', '£', '¥', '₹', '₩', '₿', '₽', '₺', '₴'];

/// Removes all but digits, points and commas. `None`: the text is not a number, even without its
/// marks.
fn undress(text: &str) -> Option<Dressed> {
    let in_parentheses = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let mut dressed = Dressed {
        body: String::new(),
        negative: in_parentheses.is_some(),
        obstacles: Vec::new(),
        currency: None,
    };
    if in_parentheses.is_some() {
        dressed.say(Obstacle::Parentheses);
    }
    let mut rest = in_parentheses.unwrap_or(text).chars();
    let mut word = String::new();
    while let Some(character) = rest.next() {
        match character {
            letter if letter.is_alphabetic() => word.push(letter),
            other => dressed.take(other, rest.as_str().is_empty())?,
        }
    }
    if !dressed.body.contains(|of: char| of.is_ascii_digit()) {
        return None;
    }
    match word.to_ascii_uppercase().as_str() {
        "" => {}
        "USD" | "US" => dressed.say(Obstacle::Unit("\"USD\"".into())),
        // The letter marks an exponent or a hexadecimal number, and is not a unit.
        "E" | "X" => return None,
        "K" | "M" | "B" => {
            dressed.say(Obstacle::Magnitude(word));
            dressed.body = String::new();
        }
        _ => dressed.currency = Some(quoted(&word).to_string()),
    }
    // A blank beside a unit is the least useful of several obstacles.
    if dressed.obstacles.len() > 1 {
        dressed.obstacles.retain(|said| *said != Obstacle::Blanks);
    }
    Some(dressed)
}

impl Dressed {
    fn say(&mut self, what: Obstacle) {
        if !self.obstacles.contains(&what) {
            self.obstacles.push(what);
        }
    }

    /// Removes a character that is not a letter. `None`: no number has this character.
    fn take(&mut self, character: char, is_last: bool) -> Option<()> {
        match character {
            '0'..='9' | '.' | ',' => self.body.push(character),
            '-' if self.body.is_empty() => self.negative = true,
            '-' if is_last => {
                self.negative = true;
                self.say(Obstacle::MinusBehind);
            }
            minus if is_other_minus(minus) => {
                self.negative = true;
                self.say(Obstacle::OtherMinus);
            }
            '\u{ff10}'..='\u{ff19}' | '\u{ff0e}' | '\u{ff0c}' => {
                let ascii = u32::from(character).checked_sub(0xfee0)?;
                self.body.push(char::from_u32(ascii)?);
                self.say(Obstacle::FullWidth);
            }
            '$' => self.say(Obstacle::Unit("\"$\"".into())),
            blank if BLANKS.contains(&blank) => self.say(Obstacle::Blanks),
            sign if SIGNS.contains(&sign) => self.currency = Some(format!("\"{sign}\"")),
            _ => return None,
        }
        Some(())
    }
}

/// Tells whether a character is another sign that looks like a minus.
fn is_other_minus(character: char) -> bool {
    matches!(
        character,
        '\u{2212}' | '\u{2010}'..='\u{2015}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Tells whether a text is a number below zero, also with other marks: with a minus at either end,
/// or in parentheses.
pub(super) fn is_negative(text: &str) -> bool {
    let is_minus = |character: char| character == '-' || is_other_minus(character);
    let has_sign = text.starts_with(is_minus)
        || text.ends_with(is_minus)
        || (text.starts_with('(') && text.ends_with(')'))
        || undress(text).is_some_and(|dressed| dressed.negative);
    let is_digit = |character: char| matches!(character, '1'..='9' | '\u{ff11}'..='\u{ff19}');
    let has_letter = text.contains(|character: char| character.is_alphabetic());
    let is_number = !has_letter || undress(text).is_some() || is_digit_behind_sign(text);
    has_sign && is_number && text.contains(is_digit)
}

/// Tells whether a digit follows a text's first character.
fn is_digit_behind_sign(text: &str) -> bool {
    text.chars()
        .nth(1)
        .is_some_and(|character| character.is_ascii_digit())
}

/// Returns the text of a number without its sign.
pub(super) fn without_sign(text: &str) -> String {
    let is_sign =
        |character: &char| matches!(character, '-' | '(' | ')') || is_other_minus(*character);
    text.chars()
        .filter(|character| !is_sign(character))
        .collect()
}

/// Decides which separators mark thousands and which decimals. `None`: not a number; `Some(None)`:
/// both readings are possible.
fn separated(dressed: &mut Dressed) -> Option<Option<String>> {
    let body = dressed.body.clone();
    if body.is_empty() {
        return Some(None);
    }
    let (commas, points) = (body.matches(',').count(), body.matches('.').count());
    let last = body.rfind([',', '.']);
    let of_last = last.and_then(|at| body.get(at..)?.chars().next());
    let whole = last.and_then(|at| body.get(..at)).unwrap_or_default();
    let behind = body.len() - whole.len() - usize::from(last.is_some());
    let (thousands, decimals) = (Obstacle::Thousands, Obstacle::Decimals);
    let without = |separator: char| body.replace(separator, "");
    let (what, number) = match (commas, points, of_last) {
        (0, 0 | 1, _) => return Some(Some(body)),
        (1, 0, _) if behind == 3 => {
            let sign = if dressed.negative { "-" } else { "" };
            let short = format!("{sign}{}", without(','));
            let decimal = format!("{sign}{}", body.replace(',', "."));
            dressed.obstacles.push(Obstacle::Either(short, decimal));
            return Some(None);
        }
        (1, 0, _) => (decimals, body.replace(',', ".")),
        (_, 0, _) if is_grouped(&body, ',') => (thousands, without(',')),
        (0, _, _) if is_grouped(&body, '.') => (thousands, without('.')),
        (_, 1, Some('.')) if is_grouped(whole, ',') => (thousands, without(',')),
        (1, _, Some(',')) if is_grouped(whole, '.') => (decimals, without('.').replace(',', ".")),
        _ => return None,
    };
    dressed.obstacles.push(what);
    Some(Some(number))
}

/// Tells whether a text is digits in groups of three.
fn is_grouped(text: &str, separator: char) -> bool {
    let mut groups = text.split(separator);
    let first = groups.next().map_or(0, str::len);
    (1..=3).contains(&first) && groups.all(|group| group.len() == 3)
}

/// Tells whether a spreadsheet cut a long id to a number of a few digits with an exponent.
pub(super) fn is_rounded_id(id: &str) -> bool {
    let Some((mantissa, exponent)) = id.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix('+');
    whole.len() == 1 && digits(whole) && digits(rest) && exponent.is_some_and(digits)
}

/// Digits that a spreadsheet stores of a number. It writes zeros in place of further digits.
const SPREADSHEET_DIGITS: usize = 15;

/// Tells whether a spreadsheet may have put zeros in place of an id's last digits.
pub(super) fn may_be_rounded_id(id: &str) -> bool {
    let behind = id.get(SPREADSHEET_DIGITS..).unwrap_or_default();
    id.bytes().all(|byte| byte.is_ascii_digit())
        && !behind.is_empty()
        && behind.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str, counts: Counts) -> (Option<Hint>, String) {
        let fault = with_obstacles(Fault::new("x"), text, counts);
        (fault.hint, fault.write.unwrap_or_default())
    }

    fn unit(shown: &str) -> Obstacle {
        Obstacle::Unit(format!("\"{shown}\""))
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        use Obstacle::{
            Blanks, Decimals, Either, FullWidth, Magnitude, MinusBehind, OtherMinus, Parentheses,
            Thousands,
        };
        let (dollar, usd) = (|| unit("$"), || unit("USD"));
        let either = |short: &str, decimal: &str| Either(short.into(), decimal.into());
        for (text, obstacles, write) in [
            ("$71.40", vec![dollar()], "71.40"),
            ("($2.50)", vec![Parentheses, dollar()], "-2.50"),
            ("(2.50)", vec![Parentheses], "-2.50"),
            ("3.25 USD", vec![usd()], "3.25"),
            ("USD 3.25", vec![usd()], "3.25"),
            ("US$3.25", vec![dollar(), usd()], "3.25"),
            ("2,345.67", vec![Thousands], "2345.67"),
            ("$12,345,678", vec![dollar(), Thousands], "12345678"),
            ("2.345,67", vec![Decimals], "2345.67"),
            ("2.345.678", vec![Thousands], "2345678"),
            ("0,25", vec![Decimals], "0.25"),
            ("2 345.67", vec![Blanks], "2345.67"),
            ("2'345.67", vec![Blanks], "2345.67"),
            ("2\u{a0}345,67", vec![Blanks, Decimals], "2345.67"),
            ("\u{2212}5", vec![OtherMinus], "-5"),
            ("5.25-", vec![MinusBehind], "-5.25"),
            ("１２.５", vec![FullWidth], "12.5"),
            ("2,345", vec![either("2345", "2.345")], ""),
            ("-2,345", vec![either("-2345", "-2.345")], ""),
            ("1.5K", vec![Magnitude("K".into())], ""),
        ] {
            let expected = (Some(Hint::Number(obstacles)), write.to_owned());
            assert_eq!(hint(text, Counts::Dollars), expected, "{text}");
        }
        for (text, counts, expected) in [
            ("€5", Counts::Dollars, Hint::Currency("\"€\"".into())),
            (
                "0.01 BNB",
                Counts::Dollars,
                Hint::Currency("\"BNB\"".into()),
            ),
            ("0.01 ETH", Counts::Units, Hint::Number(vec![unit("ETH")])),
            ("#####", Counts::Units, Hint::Spreadsheet),
        ] {
            assert_eq!(hint(text, counts).0, Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_in_any_dress_gets_no_hint() {
        for text in [
            "", "market", "n/a", "NaN", "1_000", "0x10", "\"1\"", "5%", "1e2000", "-", "()",
            "1..2", "1,2,3",
        ] {
            assert_eq!(hint(text, Counts::Dollars), Default::default(), "{text}");
        }
    }

    #[test]
    fn ids_that_a_spreadsheet_cut_are_told() {
        for id in ["2.71828E+18", "1E+19", "9,0071E+15", "2.7e+18"] {
            assert!(is_rounded_id(id), "{id}");
        }
        for id in [
            "2718281828459045235",
            "A-1E+5",
            "12E+5",
            "E+5",
            "1E5",
            "1.E+",
            "x",
        ] {
            assert!(!is_rounded_id(id), "{id}");
        }
        assert!(may_be_rounded_id("271828182845904000"));
        assert!(!may_be_rounded_id("271828182845904"));
        assert!(!may_be_rounded_id("271828182845904523"));
    }

    #[test]
    fn numbers_below_zero_are_told_in_any_dress() {
        for text in [
            "-1",
            "-1,000",
            "1-",
            "(2.50)",
            "($2)",
            "$-5",
            "\u{2212}5",
            "-1.5K",
            "-1e30",
            "-１",
        ] {
            assert!(is_negative(text), "{text}");
        }
        for text in ["1", "-0.0", "", "-", "A1", "1-2", "(1)x", "2025-01-02"] {
            assert!(!is_negative(text), "{text}");
        }
        for (text, unsigned) in [("-1,000", "1,000"), ("(2.5)", "2.5"), ("5\u{2212}", "5")] {
            assert_eq!(without_sign(text), unsigned);
        }
    }
}
