//! The mark before decimals in files whose cells have no commas between them.
//!
//! Such files often have a decimal comma. Most numbers can be read in one way only: `0,5`,
//! `1.234,5`, `12345.5`. A number like `1,234` can be read in two. The other numbers of its column
//! decide, then those of the file, then a person. If none does, its row is rejected.

use std::sync::Arc;

use csv::StringRecord;

use super::rejected::{Hint, Obstacle};

/// The mark before decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalMark {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
}

/// The marks that numbers show: some can only have a decimal point, or only a decimal comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct SeenMarks {
    point: bool,
    comma: bool,
}

impl SeenMarks {
    fn add(&mut self, other: Self) {
        self.point |= other.point;
        self.comma |= other.comma;
    }

    fn only(self) -> Option<DecimalMark> {
        match (self.point, self.comma) {
            (true, false) => Some(DecimalMark::Point),
            (false, true) => Some(DecimalMark::Comma),
            _ => None,
        }
    }
}

/// The mark before decimals in a file, as a person says it or its numbers show it.
#[derive(Debug, Clone, Default)]
pub struct Decimals {
    said: Option<DecimalMark>,
    /// The marks of each column, by its place.
    columns: Arc<Vec<(usize, SeenMarks)>>,
}

impl Decimals {
    /// Takes the mark that a person says.
    pub fn said_by_person(mark: DecimalMark) -> Self {
        Self {
            said: Some(mark),
            ..Self::default()
        }
    }

    /// Begins to look at the columns at these places.
    pub(super) fn of(mut places: Vec<usize>) -> Self {
        places.sort_unstable();
        places.dedup();
        let columns = places
            .into_iter()
            .map(|place| (place, SeenMarks::default()));
        Self {
            said: None,
            columns: Arc::new(columns.collect()),
        }
    }

    /// Looks at the numbers of a row.
    pub(super) fn look_at(&mut self, cells: &StringRecord) {
        for (place, seen) in Arc::make_mut(&mut self.columns) {
            match number_in(cells.get(*place).unwrap_or_default()).map(NumberText::readings) {
                Some(Readings::Point) => seen.point = true,
                Some(Readings::Comma) => seen.comma = true,
                _ => {}
            }
        }
    }

    /// Adds what another part of the file shows.
    pub fn add(&mut self, other: &Self) {
        if self.columns.is_empty() {
            self.columns = Arc::clone(&other.columns);
            return;
        }
        let columns = Arc::make_mut(&mut self.columns).iter_mut();
        for ((_, seen), (_, more)) in columns.zip(other.columns.iter()) {
            seen.add(*more);
        }
    }

    /// Adds the mark that a person said to the marks that numbers show.
    #[must_use]
    pub fn with(&self, seen: Self) -> Self {
        Self {
            said: self.said,
            ..seen
        }
    }

    /// Tells whether a person said the mark.
    pub(super) fn is_said(&self) -> bool {
        self.said.is_some()
    }

    /// Says that the file has decimal commas.
    pub(super) fn said(&self) -> Option<&'static str> {
        let has_comma = self.columns.iter().any(|(_, seen)| seen.comma);
        let is_comma = has_comma || self.said == Some(DecimalMark::Comma);
        is_comma.then_some("decimal commas")
    }
}

/// Writes the numbers of rows without marks of thousands, with a point before the decimals.
#[derive(Debug)]
pub(super) struct Numbers {
    /// The mark of ambiguous numbers, by the places of columns.
    columns: Vec<(usize, Option<DecimalMark>)>,
}

/// A number that can be read in two ways.
#[derive(Debug, Clone)]
pub(super) struct OpenNumber {
    pub place: usize,
    pub text: String,
    pub hint: Hint,
}

impl Numbers {
    pub(super) fn new(decimals: &Decimals, places: Vec<usize>) -> Self {
        let mut all = SeenMarks::default();
        decimals.columns.iter().for_each(|(_, seen)| all.add(*seen));
        let mark = |place: usize| {
            let mut columns = decimals.columns.iter();
            let of_column = columns.find(|(other, _)| *other == place);
            let of_column = of_column.map(|(_, seen)| *seen).unwrap_or_default();
            match (decimals.said, of_column == SeenMarks::default()) {
                (Some(said), _) => Some(said),
                (None, true) => all.only(),
                (None, false) => of_column.only(),
            }
        };
        let columns = places.into_iter().map(|place| (place, mark(place)));
        Self {
            columns: columns.collect(),
        }
    }

    /// Writes the numbers of a row plainly. Returns one that can be read in two ways.
    pub(super) fn write_plain(&self, cells: &mut StringRecord) -> Option<OpenNumber> {
        let (mut written, mut open) = (None, None);
        for (place, mark) in &self.columns {
            let cell = cells.get(*place).unwrap_or_default();
            let Some(number) = number_in(cell) else {
                continue;
            };
            let mark = match (number.readings(), mark) {
                (Readings::Plain, _) => continue,
                (Readings::Point, _) => DecimalMark::Point,
                (Readings::Comma, _) => DecimalMark::Comma,
                (Readings::Both, Some(mark)) => *mark,
                (Readings::Both, None) => {
                    open = open.or_else(|| Some(number.open(*place, cell)));
                    continue;
                }
            };
            let text = number.plain(mark);
            if text != cell {
                let row = written.get_or_insert_with(|| {
                    let cells = cells.iter().map(str::to_owned);
                    cells.collect::<Vec<String>>()
                });
                if let Some(cell) = row.get_mut(*place) {
                    *cell = text;
                }
            }
        }
        if let Some(row) = written {
            *cells = row.into();
        }
        open
    }
}

/// A number in a cell, and what stands around it.
#[derive(Debug, Clone, Copy)]
struct NumberText<'c> {
    before: &'c str,
    /// Digits, points and commas.
    body: &'c str,
    after: &'c str,
}

/// The ways in which a number can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readings {
    /// No mark in it, or marks that no number has.
    Plain,
    Point,
    Comma,
    Both,
}

/// Finds the run of digits and marks in a cell. `None`: the cell has no such run, or two.
fn number_in(cell: &str) -> Option<NumberText<'_>> {
    let is_body = |of: char| of.is_ascii_digit() || matches!(of, '.' | ',');
    let start = cell.find(|of: char| of.is_ascii_digit())?;
    let head = cell.get(..start)?;
    let start = head.trim_end_matches(['.', ',']).len();
    let (before, rest) = cell.split_at_checked(start)?;
    let end = rest.find(|of: char| !is_body(of)).unwrap_or(rest.len());
    let (body, after) = rest.split_at_checked(end)?;
    let has_more = after.contains(['.', ',']);
    (!has_more).then_some(NumberText {
        before,
        body,
        after,
    })
}

impl NumberText<'_> {
    fn readings(self) -> Readings {
        let body = self.body;
        let (points, commas) = (body.matches('.').count(), body.matches(',').count());
        let Some(last) = body.rfind(['.', ',']) else {
            return Readings::Plain;
        };
        let (whole, decimals) = body.split_at(last);
        let is_comma = decimals.starts_with(',');
        let of_mark = match is_comma {
            true => Readings::Comma,
            false => Readings::Point,
        };
        let of_other = match is_comma {
            true => Readings::Point,
            false => Readings::Comma,
        };
        match (points, commas) {
            (1, 0) | (0, 1) => {
                let is_group = is_first_group(whole) && decimals.len() == 4;
                if is_group { Readings::Both } else { of_mark }
            }
            (0, _) if is_grouped(body, ',') => of_other,
            (_, 0) if is_grouped(body, '.') => of_other,
            (_, 1) if is_comma && is_grouped(whole, '.') => of_mark,
            (1, _) if !is_comma && is_grouped(whole, ',') => of_mark,
            _ => Readings::Plain,
        }
    }

    /// Writes the number without marks of thousands, with a point before the decimals.
    fn plain(self, mark: DecimalMark) -> String {
        let body = match mark {
            DecimalMark::Point => self.body.replace(',', ""),
            DecimalMark::Comma => self.body.replace('.', "").replace(',', "."),
        };
        format!("{}{body}{}", self.before, self.after)
    }

    fn open(self, place: usize, cell: &str) -> OpenNumber {
        let readings = [DecimalMark::Point, DecimalMark::Comma].map(|mark| self.plain(mark));
        let [point, comma] = readings;
        let either = match self.body.contains(',') {
            true => Obstacle::Either(point, comma),
            false => Obstacle::EitherPoint(comma, point),
        };
        OpenNumber {
            place,
            text: cell.to_owned(),
            hint: Hint::OpenNumber(Box::new(either)),
        }
    }
}

/// Tells whether digits can stand before a mark of thousands.
fn is_first_group(whole: &str) -> bool {
    (1..=3).contains(&whole.len()) && !whole.starts_with('0')
}

/// Tells whether a text is digits in groups of three.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut groups = text.split(mark);
    let is_first = groups.next().is_some_and(is_first_group);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    is_first && groups.all(|group| group.len() == 3 && is_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_the_ways_that_they_can_be() {
        use Readings::{Both, Comma, Plain, Point};
        for (text, readings) in [
            ("12", Plain),
            ("0,5", Comma),
            ("0,125", Comma),
            ("-,5", Comma),
            ("1234,567", Comma),
            ("1.234,5 €", Comma),
            ("1.234.567", Comma),
            ("0.5", Point),
            ("0.125", Point),
            ("1,234.5", Point),
            ("$-1,234,567", Point),
            ("5.5E-7", Point),
            ("1,234", Both),
            ("1.234BTC", Both),
            ("1,2,3", Plain),
            ("1.2.3,4", Plain),
        ] {
            assert_eq!(number_in(text).unwrap().readings(), readings, "{text}");
        }
        for text in ["", "--", "x", "1,5 + 2,5"] {
            assert!(number_in(text).is_none(), "{text}");
        }
    }

    /// Reads rows of two columns of numbers.
    fn rows(said: Option<DecimalMark>, rows: &[[&str; 2]]) -> Vec<String> {
        let records: Vec<StringRecord> = rows.iter().map(|row| row.to_vec().into()).collect();
        let mut seen = Decimals::of(vec![0, 1]);
        records.iter().for_each(|row| seen.look_at(row));
        let said = Decimals {
            said,
            ..Decimals::default()
        };
        let numbers = Numbers::new(&said.with(seen), vec![0, 1]);
        let write = |mut row: StringRecord| match numbers.write_plain(&mut row) {
            Some(open) => format!("open {}", open.text),
            None => row.iter().collect::<Vec<_>>().join(" "),
        };
        records.into_iter().map(write).collect()
    }

    #[test]
    fn other_numbers_decide_what_a_number_means() {
        // The column decides, also against the other column.
        assert_eq!(
            rows(None, &[["1,234", "2"], ["0,5", "3"]]),
            ["1.234 2", "0.5 3"]
        );
        assert_eq!(
            rows(None, &[["1,234", "1,234"], ["0,5", "1,234.5"]]),
            ["1.234 1234", "0.5 1234.5"]
        );
        // Then the file does.
        assert_eq!(rows(None, &[["1.234", "7,25"]]), ["1234 7.25"]);
        assert_eq!(rows(None, &[["1,234", "7.25"]]), ["1234 7.25"]);
        // Nobody does, or both do.
        assert_eq!(rows(None, &[["1,234", "2"]]), ["open 1,234"]);
        assert_eq!(rows(None, &[["1.234", "2"]]), ["open 1.234"]);
        let both = [["1,234", "2"], ["0,5", "2"], ["0.5", "2"]];
        assert_eq!(rows(None, &both), ["open 1,234", "0.5 2", "0.5 2"]);
        // A person does.
        let said = Some(DecimalMark::Comma);
        assert_eq!(rows(said, &[["1,234", "1.234"]]), ["1.234 1234"]);
        let said = Some(DecimalMark::Point);
        assert_eq!(rows(said, &[["1,234", "1.234"]]), ["1234 1.234"]);
    }

    #[test]
    fn parts_of_a_file_are_added_up() {
        let part = |text: &str| {
            let mut part = Decimals::of(vec![0]);
            part.look_at(&vec![text].into());
            part
        };
        let mut all = Decimals::default();
        all.add(&part("1,234"));
        assert_eq!(all.said(), None);
        all.add(&part("0,5"));
        assert_eq!(all.said(), Some("decimal commas"));
    }
}
