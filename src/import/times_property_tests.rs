//! Times of every form, right and wrong, compared with rules written down a second time.

use crate::import::ImportOptions;
use proptest::prelude::*;

use super::*;

/// 9999-12-30T22:00:00Z, the last instant that is taken.
const LAST_US: i128 = 253_402_207_200_000_000;

/// A time in pieces, as likely wrong as right.
#[derive(Debug, Clone)]
struct Pieces {
    date: (u32, u32, u32),
    between: &'static str,
    clock: (u32, u32, u32),
    fraction: String,
    offset: String,
}

impl Pieces {
    fn text(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        format!(
            "{year:04}-{month:02}-{day:02}{}{hour:02}:{minute:02}:{second:02}{}{}",
            self.between, self.fraction, self.offset
        )
    }

    /// Microseconds since 1970, if the pieces are a time that the specification takes.
    fn micros(&self) -> Option<i128> {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let is_time = (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
        if !is_time || !["T", "t", " "].contains(&self.between) {
            return None;
        }
        let before =
            (0..year).map(|y| 365 + i128::from(y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
        let months = [
            31,
            28 + i128::from(is_leap),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        let of_months = months.iter().take(month as usize - 1).sum::<i128>();
        // Year 0 begins 719,528 days before 1970.
        let days = before.sum::<i128>() + of_months + i128::from(day) - 1 - 719_528;
        let seconds = days * 86_400 + i128::from(hour * 3_600 + minute * 60 + second);
        let micros =
            seconds * 1_000_000 + self.fraction_us()? - self.offset_minutes()? * 60_000_000;
        let first = -62_135_596_800_000_000;
        (first..=LAST_US).contains(&micros).then_some(micros)
    }

    fn fraction_us(&self) -> Option<i128> {
        if self.fraction.is_empty() {
            return Some(0);
        }
        let digits = self.fraction.strip_prefix('.')?;
        let is_fine = digits.chars().skip(6).any(|digit| digit != '0');
        if digits.is_empty() || is_fine || !digits.chars().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        format!("{digits:0<6}")[..6].parse().ok()
    }

    fn offset_minutes(&self) -> Option<i128> {
        if matches!(self.offset.as_str(), "Z" | "z") {
            return Some(0);
        }
        let sign = match self.offset.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let rest = &self.offset[1..];
        let (hours, minutes) = match rest.len() {
            2 => (rest, "00"),
            4 => rest.split_at(2),
            5 => rest.split_once(':').filter(|(hours, _)| hours.len() == 2)?,
            _ => return None,
        };
        let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
        (hours < 24 && minutes < 60)
            .then(|| sign * i128::from(hours) * 60 + sign * i128::from(minutes))
    }
}

fn pieces() -> impl Strategy<Value = Pieces> {
    let year = prop_oneof![0..3_u32, 1900..2100_u32, 9997..=9999_u32];
    let month = prop_oneof![8 => 1..=12_u32, 1 => Just(0), 1 => Just(13)];
    let day = prop_oneof![8 => 1..=28_u32, 2 => 28..=32_u32, 1 => Just(0)];
    let between =
        prop_oneof![6 => Just("T"), 1 => Just("t"), 2 => Just(" "), 1 => Just("_"), 1 => Just("")];
    let sixty = || prop_oneof![8 => 0..60_u32, 1 => Just(59), 1 => Just(60), 1 => Just(61)];
    let hour = prop_oneof![8 => 0..24_u32, 1 => Just(23), 1 => Just(24), 1 => Just(25)];
    let fraction = prop_oneof![
        4 => Just(String::new()),
        3 => "\\.[0-9]{1,6}",
        2 => "\\.[0-9]{6}0{1,6}",
        1 => "\\.[0-9]{7,12}",
        1 => "[.,][0-9]{0,3}",
    ];
    let offset = prop_oneof![
        3 => Just("Z".to_owned()),
        1 => Just("z".to_owned()),
        3 => "[+-][01][0-9]:[0-5][0-9]",
        2 => "[+-]2[0-9]:[0-5][0-9]",
        2 => "[+-][0-2][0-9]([0-6][0-9])?",
        1 => "[+-][0-2][0-9]:[0-9]{1,2}(:[0-9]{2})?",
        1 => "[+-]?[0-9]{1,5}",
        1 => "( |UTC|Z |Zz|\\[UTC\\])",
    ];
    let date = (year, month, day);
    (date, between, (hour, sixty(), sixty()), fraction, offset).prop_map(
        |(date, between, clock, fraction, offset)| Pieces {
            date,
            between,
            clock,
            fraction,
            offset,
        },
    )
}

fn options() -> ImportOptions {
    ImportOptions {
        now: Timestamp::try_from_micros(LAST_US as i64).unwrap(),
        ..crate::import::test_options::options()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(8949),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_time_is_read_exactly_or_refused(pieces in pieces()) {
        let text = pieces.text();
        let read = read_order_time(&text, options().timezone.as_ref(), options().now);
        let micros = read.ok().map(|time| i128::from(time.as_micros()));
        prop_assert_eq!(micros, pieces.micros(), "{}", text);
        // Other readers of times (acquired, --since, stored texts) take the same ones.
        let plain = text.parse::<Timestamp>().ok().map(|time| i128::from(time.as_micros()));
        prop_assert_eq!(plain, pieces.micros(), "{}", text);
    }
}
