//! How long a slice was held: short-term or long-term, by calendar dates.

use jiff::civil::Date;

/// Whether a gain is short-term or long-term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// Held one year or less.
    Short,
    /// Held more than one year.
    Long,
}

impl Term {
    /// Returns the word that files show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}

/// Returns the term of a lot acquired and sold on these dates.
///
/// The holding period begins on the day after the purchase. It is long if the sale is on or after
/// the same day one calendar year later. For a 29 February, that is 1 March. A count of 365 days
/// would be wrong around leap years. Source: Rev. Rul. 66-7; Publication 550, "Holding Period".
///
/// ```
/// use fifo_pnl::tax::{Term, term_of};
/// let sold_on_the_anniversary = term_of("2012-09-19".parse()?, "2013-09-19".parse()?);
/// assert_eq!(sold_on_the_anniversary, Term::Short);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn term_of(acquired: Date, sold: Date) -> Term {
    // A purchase on the last day that a calendar can name is never held longer than a year.
    let long_from = acquired.tomorrow().ok().and_then(|first| {
        let year = first.year().checked_add(1)?;
        let same_day = Date::new(year, first.month(), first.day());
        same_day.or_else(|_| Date::new(year, 3, 1)).ok()
    });
    match long_from {
        Some(from) if sold >= from => Term::Long,
        _ => Term::Short,
    }
}

/// Returns the calendar days from the purchase to the sale.
pub fn days_held(acquired: Date, sold: Date) -> i32 {
    (sold - acquired).get_days()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn published_boundary_cases() {
        let cases = [
            ("2012-09-19", "2013-09-19", Term::Short),
            ("2012-09-19", "2013-09-20", Term::Long),
            ("2007-02-28", "2008-02-29", Term::Short),
            ("2007-02-28", "2008-03-01", Term::Long),
            ("2015-02-28", "2016-02-29", Term::Short),
            ("2015-02-28", "2016-03-01", Term::Long),
            ("2016-02-28", "2017-02-28", Term::Short),
            ("2016-02-28", "2017-03-01", Term::Long),
            ("2016-02-29", "2017-02-28", Term::Short),
            ("2016-02-29", "2017-03-01", Term::Long),
            ("2023-12-31", "2024-12-31", Term::Short),
            ("2023-12-31", "2025-01-01", Term::Long),
            ("2025-05-01", "2025-05-01", Term::Short),
            ("9999-12-31", "9999-12-31", Term::Short),
        ];
        for (acquired, sold, expected) in cases {
            let term = term_of(date(acquired), date(sold));
            assert_eq!(term, expected, "{acquired} to {sold}");
        }
    }

    #[test]
    fn counting_365_days_would_be_wrong() {
        // 366 days in a leap year, and still short.
        let (acquired, sold) = (date("2015-03-01"), date("2016-03-01"));
        assert_eq!(days_held(acquired, sold), 366);
        assert_eq!(term_of(acquired, sold), Term::Short);
        assert_eq!(days_held(sold, sold), 0);
    }
}
