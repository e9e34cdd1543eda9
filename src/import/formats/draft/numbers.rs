//! Reads the marks of numbers off the first rows of a file: currency signs, parentheses, marks
//! between thousands, decimal commas, minus signs, units.

use std::collections::BTreeSet;

use super::super::numbers::{PARENTHESES, THOUSANDS};

/// Signs of currencies beside a number.
const SIGNS: [&str; 7] = ["US$", "$", "€", "£", "¥", "₿", "Fr."];

/// Signs that stand for one currency.
const CURRENCIES: [(&str, &str); 3] = [("US$", "USD"), ("€", "EUR"), ("£", "GBP")];

/// The minus signs of spreadsheets and web pages.
const OTHER_MINUS: [char; 2] = ['\u{2212}', '\u{2013}'];

/// The numbers of one column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnNumbers {
    /// Some have a unit: `0.5BTC`.
    pub have_units: bool,
    /// Some are above zero.
    pub are_positive: bool,
    /// Some are below zero.
    pub are_negative: bool,
}

/// The marks of all numbers of a file.
#[derive(Debug, Default)]
pub(super) struct NumberMarks {
    signs: BTreeSet<String>,
    thousands: BTreeSet<String>,
    /// Numbers with a decimal point, and with a decimal comma: one of each.
    point: Option<String>,
    comma: Option<String>,
    /// A number whose only mark may be either: `1,234`.
    open: Option<String>,
    /// A number with another minus than a hyphen.
    minus: Option<String>,
}

/// The lines of a draft about numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NumberLines {
    /// Lines that belong to the format itself.
    pub head: String,
    /// Questions to a person.
    pub open: String,
}

impl NumberMarks {
    /// Looks at the cells of a column.
    pub fn look_at(&mut self, cells: &[&str]) -> ColumnNumbers {
        let mut column = ColumnNumbers::default();
        for cell in cells {
            if let Some(number) = WrittenNumber::of(cell) {
                self.add(&number, cell);
                column.have_units |= number.unit.is_some_and(|unit| unit.chars().count() > 1);
                let is_zero = !number.digits.contains(|of: char| matches!(of, '1'..='9'));
                column.are_negative |= number.is_negative && !is_zero;
                column.are_positive |= !number.is_negative && !is_zero;
            }
        }
        column
    }

    fn add(&mut self, number: &WrittenNumber<'_>, cell: &str) {
        self.signs
            .extend(number.signs.iter().map(|&of| of.to_owned()));
        // One letter is no coin: Robinhood writes `8S`.
        let letter = number.unit.filter(|unit| unit.chars().count() == 1);
        self.signs.extend(letter.map(str::to_owned));
        if number.has_other_minus {
            self.minus.get_or_insert_with(|| cell.to_owned());
        }
        let is_mark = |of: &char| !of.is_ascii_digit();
        let marks: Vec<char> = number.digits.chars().filter(is_mark).collect();
        let other = marks.iter().filter(|of| !matches!(of, '.' | ','));
        self.thousands.extend(other.map(ToString::to_string));
        let Some(at) = number.digits.rfind(['.', ',']) else {
            return;
        };
        let (whole, decimals) = number.digits.split_at(at);
        let is_comma = decimals.starts_with(',');
        let (same, before) = match is_comma {
            true => (',', '.'),
            false => ('.', ','),
        };
        let is_first_group = !whole.starts_with('0') && matches!(whole.len(), 1..=3);
        if whole.contains(same) {
            self.thousands.insert(same.to_string());
        } else if !whole.contains(before) && is_first_group && decimals.len() == 4 {
            self.open.get_or_insert_with(|| cell.to_owned());
        } else {
            if whole.contains(before) {
                self.thousands.insert(before.to_string());
            }
            let place = if is_comma {
                &mut self.comma
            } else {
                &mut self.point
            };
            place.get_or_insert_with(|| cell.to_owned());
        }
    }

    /// Returns the currency of the only sign. Many currencies have the sign of the dollar.
    pub fn currency(&self) -> Option<&'static str> {
        let mut found = CURRENCIES
            .iter()
            .filter(|(sign, _)| self.signs.contains(*sign));
        match (found.next(), found.next()) {
            (Some((_, code)), None) => Some(code),
            _ => None,
        }
    }

    /// Returns the lines of the table. `are_found`: the import finds decimal commas without them,
    /// as the cells have no commas between them.
    pub fn lines(mut self, are_found: bool) -> NumberLines {
        let mut lines = NumberLines::default();
        if let Some(minus) = &self.minus {
            lines.open += &format!(
                "# open: the minus of {minus:?} is another sign than a hyphen: the import refuses \
                 it. Replace it in the file\n"
            );
        }
        if let (Some(point), Some(comma)) = (&self.point, &self.comma) {
            lines.open += &format!(
                "# open: {point:?} has a decimal point and {comma:?} a decimal comma: which mark \
                 has the file?\n"
            );
        }
        let is_comma = self.comma.is_some() && self.point.is_none();
        match (self.open.take(), self.point.is_some() || is_comma) {
            (Some(_), true) => {
                let thousands = if is_comma { "." } else { "," };
                self.thousands.insert(thousands.to_owned());
            }
            (Some(open), false) => {
                lines.open += &format!(
                    "# open: is {open:?} more than a thousand? Then add marks = [\",\"] below \
                     exchange if the mark is a comma, or decimal = \",\" and marks = [\".\"] if it \
                     is a point\n"
                );
            }
            (None, _) => {}
        }
        let is_plain = |mark: &String| matches!(mark.as_str(), "." | ",");
        let has_own = !are_found || !self.thousands.iter().all(is_plain);
        if is_comma && has_own {
            lines.head += "decimal = \",\"\n";
        }
        let decimal = if is_comma { "," } else { "." };
        let thousands = self.thousands.into_iter();
        let thousands = thousands.filter(|mark| has_own && mark != decimal);
        let marks: Vec<String> = self.signs.into_iter().chain(thousands).collect();
        if !marks.is_empty() {
            lines.head += &format!("marks = {marks:?}\n");
        }
        lines
    }
}

/// A number, and what stands around its digits.
#[derive(Debug)]
struct WrittenNumber<'c> {
    is_negative: bool,
    has_other_minus: bool,
    /// Signs of currencies, and parentheses.
    signs: Vec<&'c str>,
    /// Digits, decimal mark, and marks between thousands.
    digits: &'c str,
    unit: Option<&'c str>,
}

impl<'c> WrittenNumber<'c> {
    /// Reads a cell. `None`: it is no number.
    fn of(cell: &'c str) -> Option<Self> {
        let mut number = Self {
            is_negative: false,
            has_other_minus: false,
            signs: Vec::new(),
            digits: "",
            unit: None,
        };
        let mut rest = cell.trim();
        let inner = rest.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
        if let Some(inner) = inner {
            (number.is_negative, rest) = (true, inner.trim());
            number.signs.push(PARENTHESES);
        }
        loop {
            let minus = rest.strip_prefix(OTHER_MINUS);
            number.has_other_minus |= minus.is_some();
            if let Some(behind) = minus.or_else(|| rest.strip_prefix('-')) {
                (number.is_negative, rest) = (true, behind.trim_start());
                continue;
            }
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            if let Some(sign) = sign {
                number.signs.push(sign);
                rest = rest.get(sign.len()..)?.trim_start();
                continue;
            }
            let Some(sign) = SIGNS.iter().find(|sign| rest.ends_with(**sign)) else {
                break;
            };
            number.signs.push(sign);
            rest = rest.get(..rest.len() - sign.len())?.trim_end();
        }
        if let Some(letter) = rest.find(char::is_alphabetic) {
            let (digits, unit) = rest.split_at_checked(letter)?;
            let is_code = unit.chars().all(|of| of.is_ascii_alphanumeric());
            number.unit = Some(unit).filter(|_| is_code);
            number.unit?;
            rest = digits.trim_end();
        }
        number.digits = rest;
        let is_mark = |of: char| THOUSANDS.iter().any(|mark| mark.starts_with(of));
        let is_number = rest.starts_with(|of: char| of.is_ascii_digit())
            && rest.ends_with(|of: char| of.is_ascii_digit())
            && rest.chars().all(|of| of.is_ascii_digit() || is_mark(of));
        is_number.then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(cells: &[&str], are_found: bool) -> (String, String) {
        let mut marks = NumberMarks::default();
        marks.look_at(cells);
        let lines = marks.lines(are_found);
        (lines.head, lines.open)
    }

    #[test]
    fn marks_of_numbers_are_lines_of_the_table() {
        for (cells, are_found, head) in [
            (&["12", "1234.5", "-3"][..], false, ""),
            (
                &["$1,234.50", "($5.00)"],
                false,
                "marks = [\"$\", \"()\", \",\"]\n",
            ),
            (
                &["1.234,50 €", "0,5"],
                false,
                "decimal = \",\"\nmarks = [\"€\", \".\"]\n",
            ),
            (&["1.234,50 €", "0,5"], true, "marks = [\"€\"]\n"),
            (&["1 234,50"], true, "decimal = \",\"\nmarks = [\" \"]\n"),
            (&["1'234.50"], false, "marks = [\"'\"]\n"),
            (&["1,234", "0.5"], false, "marks = [\",\"]\n"),
            (&["8S", "1,234,567"], false, "marks = [\"S\", \",\"]\n"),
            (&["0.5BTC", "10 EUR", "n/a", "2025-01-02", ""], false, ""),
        ] {
            let (found, open) = lines(cells, are_found);
            assert_eq!((found.as_str(), open.as_str()), (head, ""), "{cells:?}");
        }
    }

    #[test]
    fn what_numbers_leave_open_is_asked() {
        for (cells, question) in [
            (&["1,234"][..], "# open: is \"1,234\" more than a thousand?"),
            (
                &["1,5", "1.5"],
                "# open: \"1.5\" has a decimal point and \"1,5\" a decimal comma",
            ),
            (
                &["\u{2212}1.5"],
                "# open: the minus of \"\u{2212}1.5\" is another sign",
            ),
        ] {
            let (head, open) = lines(cells, false);
            assert!(
                head.is_empty() && open.starts_with(question),
                "{head}{open}"
            );
        }
    }

    #[test]
    fn columns_say_units_and_signs() {
        let of = |cells: &[&str]| NumberMarks::default().look_at(cells);
        assert!(of(&["0.5BTC", "1"]).have_units && !of(&["8S", "x"]).have_units);
        let signed = of(&["-1", "($2)", "0", "-0.00"]);
        assert!(signed.are_negative && !signed.are_positive);
    }
}
