//! The file being written: rows, decimals and times as text, without allocating for each row.

use std::io::{self, Write};

use crate::random::Random;

const HEADER: &[u8] = b"account,order_id,symbol,side,size,price,order_time,total_fees_usd,\
                        trade_seq,status,source\n";

/// 2024-01-02T00:00:00Z in microseconds.
pub(crate) const START_MICROS: i64 = 1_704_153_600_000_000;
/// 2024-01-02 to 2025-10-30.
pub(crate) const SPAN_MICROS: i64 = 667 * DAY_MICROS;
/// One day in microseconds.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// One row in so many has an unknown fee.
const UNKNOWN_FEE_EVERY: u64 = 811;

/// A decimal number: `units` divided by ten to the power of `decimals`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    pub(crate) units: i128,
    pub(crate) decimals: u32,
}

/// The side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// One execution, as an exchange would list it.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) account: &'a str,
    pub(crate) order: [u8; 36],
    /// Number of the fill in its order; `None` for an order of one row.
    pub(crate) fill: Option<u64>,
    pub(crate) symbol: &'a str,
    pub(crate) side: Side,
    pub(crate) size: Decimal,
    pub(crate) price: Decimal,
    pub(crate) micros: i64,
    pub(crate) fee: Option<Decimal>,
    pub(crate) trade_seq: Option<u64>,
    pub(crate) status: &'a str,
    pub(crate) source: &'a str,
}

/// The file being written: it knows how many rows there are and what time it is.
pub(crate) struct Ledger<W> {
    out: W,
    line: Vec<u8>,
    rows: u64,
    rows_max: u64,
    last_micros: i64,
    /// The start of the day of the last row and its date, since most rows share it.
    day: (i64, [u8; 10]),
}

impl<W: Write> Ledger<W> {
    /// Begins a ledger of `rows_max` rows with its header.
    ///
    /// Errors: those of `out`, here and in all that writes.
    pub(crate) fn try_new(rows_max: u64, mut out: W) -> io::Result<Self> {
        out.write_all(HEADER)?;
        let day = (i64::MIN, *b"0000-00-00");
        let line = Vec::with_capacity(256);
        Ok(Self {
            out,
            line,
            rows: 0,
            rows_max,
            last_micros: START_MICROS,
            day,
        })
    }

    /// Tells whether all rows are written.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.rows_max
    }

    /// Returns the number of rows written.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Tells whether the next row's fee is one of those that nobody knows.
    pub(crate) fn is_fee_unknown(&self) -> bool {
        self.rows % UNKNOWN_FEE_EVERY == UNKNOWN_FEE_EVERY / 2
    }

    /// Writes the buffered rest.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Returns a time for the next order, never before the last row.
    ///
    /// It depends on the share of rows written, so every ledger spans the same months.
    pub(crate) fn next_micros(&mut self, random: &mut Random) -> i64 {
        let share = i128::from(SPAN_MICROS) * i128::from(self.rows) / i128::from(self.rows_max);
        let step = SPAN_MICROS.unsigned_abs() / self.rows_max;
        let base = START_MICROS + i64::try_from(share).unwrap_or(SPAN_MICROS);
        self.last_micros = self.last_micros.max(base + random.offset(step.max(1)));
        self.last_micros
    }

    /// Writes one row, unless the ledger is full.
    pub(crate) fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        if self.is_full() {
            return Ok(());
        }
        self.rows += 1;
        self.last_micros = self.last_micros.max(row.micros);
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        push_field(&mut line, row.account.as_bytes());
        line.extend_from_slice(&row.order);
        if let Some(fill) = row.fill {
            line.extend_from_slice(b"-FILL-");
            push_digits(&mut line, fill, 1);
        }
        line.push(b',');
        push_field(&mut line, row.symbol.as_bytes());
        let side: &[u8] = if row.side == Side::Buy {
            b"buy"
        } else {
            b"sell"
        };
        push_field(&mut line, side);
        push_decimal(&mut line, row.size);
        line.push(b',');
        push_decimal(&mut line, row.price);
        line.push(b',');
        self.push_time(&mut line, row.micros);
        line.push(b',');
        if let Some(fee) = row.fee {
            push_decimal(&mut line, fee);
        }
        line.push(b',');
        if let Some(trade_seq) = row.trade_seq {
            push_digits(&mut line, trade_seq, 1);
        }
        line.push(b',');
        push_field(&mut line, row.status.as_bytes());
        line.extend_from_slice(row.source.as_bytes());
        line.push(b'\n');
        let written = self.out.write_all(&line);
        self.line = line;
        written
    }

    /// Appends an instant in RFC 3339, with as many digits of a second as it needs.
    fn push_time(&mut self, line: &mut Vec<u8>, micros: i64) {
        let (day, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
        if self.day.0 != day {
            self.day = (day, date_of(day));
        }
        line.extend_from_slice(&self.day.1);
        let (seconds, fraction) = (rest.unsigned_abs() / 1_000_000, rest % 1_000_000);
        let parts = [
            (b'T', seconds / 3_600),
            (b':', seconds / 60 % 60),
            (b':', seconds % 60),
        ];
        for (mark, part) in parts {
            line.push(mark);
            push_digits(line, part, 2);
        }
        if fraction != 0 {
            line.push(b'.');
            push_digits(line, fraction.unsigned_abs(), 6);
            while line.last() == Some(&b'0') {
                line.pop();
            }
        }
        line.push(b'Z');
    }
}

/// Returns the date of a day counted from 1970-01-01, as `2025-01-31`.
///
/// Source: the usual conversion over eras of 400 years that begin in March.
fn date_of(day: i64) -> [u8; 10] {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = Vec::with_capacity(10);
    push_digits(&mut text, year.unsigned_abs(), 4);
    text.push(b'-');
    push_digits(&mut text, month.unsigned_abs(), 2);
    text.push(b'-');
    push_digits(&mut text, day_of_month.unsigned_abs(), 2);
    text.try_into().unwrap_or(*b"0000-00-00")
}

fn push_field(line: &mut Vec<u8>, field: &[u8]) {
    line.extend_from_slice(field);
    line.push(b',');
}

/// Appends a number with at least `width` digits.
fn push_digits(line: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while number > 0 || digits.len() - start < width {
        start -= 1;
        digits[start] = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
    line.extend_from_slice(&digits[start..]);
}

/// Appends a decimal without exponent and without trailing zeros.
fn push_decimal(line: &mut Vec<u8>, value: Decimal) {
    if value.units < 0 {
        line.push(b'-');
    }
    let units = value.units.unsigned_abs();
    let one = 10_u128.pow(value.decimals);
    // Both parts fit: `one` is at most 10^18, and no number here has 19 digits before the point.
    push_digits(line, u64::try_from(units / one).unwrap_or(u64::MAX), 1);
    let fraction = u64::try_from(units % one).unwrap_or(u64::MAX);
    if fraction != 0 {
        line.push(b'.');
        push_digits(line, fraction, value.decimals as usize);
        while line.last() == Some(&b'0') {
            line.pop();
        }
    }
}
