//! Reads the form of times, the words for sides and the ids of a file off its first rows.

use jiff::civil::{Date, DateTime};

use super::super::template::fold;
use crate::import::times::is_time;

/// Forms of a day, those of one reading first.
const DAYS: [&str; 11] = [
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%Y-%m-%d",
    "%Y%m%d",
    "%b %d, %Y",
    "%d %b %Y",
    "%d-%b-%Y",
];

/// Forms of a time of day after its day.
const HOURS: [&str; 8] = [
    " %H:%M:%S",
    " %H:%M:%S%.f",
    " %H:%M",
    ", %H:%M:%S",
    ", %H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    ";%H:%M:%S",
];

/// Most kinds of rows. A column with more of them says something else.
const KINDS_MAX: usize = 12;

/// Words of sources, and ours.
const SIDES: [(&str, &[&str]); 2] = [
    (
        "buy",
        &[
            "b", "bought", "bot", "kauf", "achat", "compra", "acquisto", "purchase",
        ],
    ),
    (
        "sell",
        &[
            "s", "sold", "sld", "verkauf", "vente", "venta", "vendita", "sale",
        ],
    ),
];

/// The form of the times of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TimeForms {
    /// The reader of our own format takes them, or the file has no row.
    Ours,
    /// Patterns that fit all of them. Several: days and months can be read in two ways.
    Patterns(Vec<String>),
    /// Patterns that fit days without a time of day.
    Days(Vec<String>),
    /// No known pattern fits this one.
    Unknown(String),
}

/// Finds the forms that fit all times.
pub(super) fn time_forms(times: &[String]) -> TimeForms {
    let Some(strange) = times.iter().find(|text| !is_time(text)) else {
        return TimeForms::Ours;
    };
    let fits = |pattern: &str, is_day: bool, text: &str| match is_day {
        true => Date::strptime(pattern, text).is_ok_and(|day| day.year() > 1970),
        false => DateTime::strptime(pattern, text).is_ok_and(|time| time.year() > 1970),
    };
    for hours in HOURS {
        let patterns = DAYS.iter().map(|day| format!("{day}{hours}"));
        let fitting: Vec<String> = patterns
            .filter(|pattern| times.iter().all(|text| fits(pattern, false, text)))
            .collect();
        if !fitting.is_empty() {
            return TimeForms::Patterns(fitting);
        }
    }
    let days = DAYS.iter().map(|day| (*day).to_owned());
    let fitting: Vec<String> = days
        .filter(|day| times.iter().all(|text| fits(day, true, text)))
        .collect();
    match fitting.is_empty() {
        true => TimeForms::Unknown(strange.clone()),
        false => TimeForms::Days(fitting),
    }
}

/// The texts of a column that says what a row is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RowTexts {
    /// Texts that are sides in words of the source, each with our word.
    pub words: Vec<(String, &'static str)>,
    /// All texts that are sides.
    pub sides: Vec<String>,
    /// Other texts.
    pub others: Vec<String>,
}

/// Sorts the texts of a column into sides and others. `None`: it has no side, or too many different
/// texts.
pub(super) fn row_texts<'t>(texts: impl Iterator<Item = &'t str>) -> Option<RowTexts> {
    let mut kinds = RowTexts::default();
    for text in texts.filter(|text| !text.is_empty()) {
        if kinds
            .sides
            .iter()
            .chain(&kinds.others)
            .any(|known| known == text)
        {
            continue;
        }
        match side(text) {
            Some((ours, is_ours)) => {
                kinds.sides.push(text.to_owned());
                if !is_ours {
                    kinds.words.push((text.to_owned(), ours));
                }
            }
            None => kinds.others.push(text.to_owned()),
        }
        if kinds.sides.len() + kinds.others.len() > KINDS_MAX {
            return None;
        }
    }
    (!kinds.sides.is_empty()).then_some(kinds)
}

/// Returns the side that a text names, and whether it is our word.
fn side(text: &str) -> Option<(&'static str, bool)> {
    let text = fold(text);
    let mut sides = SIDES.iter();
    sides.find_map(|(ours, theirs)| {
        let is_ours = text == *ours;
        (is_ours || theirs.contains(&text.as_str())).then_some((*ours, is_ours))
    })
}

/// Returns whether each row has another text, and at least two rows have one.
pub(super) fn all_differ(texts: &[&str]) -> bool {
    let mut sorted: Vec<&str> = texts.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    texts.len() > 1 && sorted.len() == texts.len() && !texts.contains(&"")
}
