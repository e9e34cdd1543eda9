//! PostgreSQL's binary COPY format: rows into it, rows out of it, NUMERIC by hand.
//!
//! A number goes from the server's base-10000 digits into an integer and back without text: as text
//! the server alone would need twice the time. Source: PostgreSQL 15 manual, "COPY", and
//! `numeric_send` of its source. A number that does not fit the quick way (NaN, more than 36
//! digits) becomes text, for the reader that names the fault.

use crate::engine::{Fact, Size, Timestamp};

/// Begins a binary COPY: signature, no flags, no extension.
pub(super) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Ends a binary COPY.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Microseconds from 1970 to 2000, where the server's time begins.
const EPOCH_2000: i64 = 946_684_800_000_000;

const NUMERIC_NEGATIVE: u16 = 0x4000;

/// Most groups of four digits of 39 digits, with the point at any place.
const GROUPS_MAX: usize = 12;

/// Appends a NULL.
pub(super) fn push_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

/// Appends a value's bytes with their length.
pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a BIGINT.
pub(super) fn push_i64(out: &mut Vec<u8>, value: i64) {
    push_bytes(out, &value.to_be_bytes());
}

/// Appends a TIMESTAMPTZ.
pub(super) fn push_time(out: &mut Vec<u8>, time: Timestamp) {
    push_i64(out, time.as_micros() - EPOCH_2000);
}

/// Appends a NUMERIC of `units` x 10^-`scale`, without superfluous zeros.
pub(super) fn push_numeric(out: &mut Vec<u8>, units: i128, scale: u8) {
    let (mut rest, mut scale) = (units.unsigned_abs(), scale);
    while scale >= 4 && rest.is_multiple_of(10_000) {
        rest /= 10_000;
        scale -= 4;
    }
    while scale > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        scale -= 1;
    }
    if rest == 0 {
        return push_bytes(out, &[0; 8]);
    }
    let mut groups = [0_u16; GROUPS_MAX];
    let mut count = 0;
    let mut put = |group: u16| {
        groups[count] = group;
        count += 1;
    };
    // The last group has as many decimals as are left over, then zeros.
    let over = u32::from(scale % 4);
    if over > 0 {
        let power = 10_u128.pow(over);
        put(((rest % power) * 10_u128.pow(4 - over)) as u16);
        rest /= power;
    }
    // A machine word is divided at a tenth of the cost.
    let mut word = loop {
        match u64::try_from(rest) {
            Ok(word) => break word,
            Err(_) => {
                put((rest % 10_000) as u16);
                rest /= 10_000;
            }
        }
    };
    while word > 0 {
        put((word % 10_000) as u16);
        word /= 10_000;
    }
    let first = groups[..count].iter().position(|group| *group != 0);
    let kept = &groups[first.unwrap_or(0)..count];
    let weight = count as i16 - i16::from(scale.div_ceil(4)) - 1;
    let sign = if units < 0 { NUMERIC_NEGATIVE } else { 0 };
    let length = 8 + 2 * kept.len() as i32;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&(kept.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&i16::from(scale).to_be_bytes());
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Appends a NUMERIC of a fact.
pub(super) fn push_decimal(out: &mut Vec<u8>, value: rust_decimal::Decimal) {
    let scale = u8::try_from(value.scale()).unwrap_or(u8::MAX);
    push_numeric(out, value.mantissa(), scale);
}

/// Appends a size, which may have more digits than an integer holds.
pub(super) fn push_size(out: &mut Vec<u8>, size: Size) {
    match size.to_units() {
        Some((units, scale)) => push_numeric(out, units, scale),
        None => push_numeric_text(out, &size.to_string()),
    }
}

/// Appends a NUMERIC of canonical text without a sign.
fn push_numeric_text(out: &mut Vec<u8>, text: &str) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let padded = format!(
        "{whole:0>whole_digits$}{fraction:0<fraction_digits$}",
        whole_digits = whole.len().next_multiple_of(4),
        fraction_digits = fraction.len().next_multiple_of(4),
    );
    let groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|four| {
            four.iter()
                .fold(0, |group, digit| group * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let weight = whole.len().div_ceil(4) as i16 - 1;
    push_bytes(out, &{
        let mut bytes = Vec::with_capacity(8 + 2 * groups.len());
        for head in [groups.len() as i16, weight, 0, fraction.len() as i16] {
            bytes.extend_from_slice(&head.to_be_bytes());
        }
        groups
            .iter()
            .for_each(|group| bytes.extend_from_slice(&group.to_be_bytes()));
        bytes
    });
}

/// Reads a NUMERIC of a fact. `None`: not finite, beyond a fact's limits, or too long for this way.
pub(super) fn fact(bytes: &[u8]) -> Option<Fact> {
    let (units, decimals) = number(bytes)?;
    Fact::try_new(units, decimals).ok()
}

/// Reads a NUMERIC as units at a scale. `None`: not finite, or it does not fit.
pub(super) fn units_at(bytes: &[u8], scale: u8) -> Option<i128> {
    let (units, decimals) = number(bytes)?;
    match scale.checked_sub(decimals) {
        Some(missing) => units.checked_mul(10_i128.checked_pow(missing.into())?),
        None => {
            let power = 10_i128.checked_pow(u32::from(decimals - scale))?;
            (units % power == 0).then_some(units / power)
        }
    }
}

/// Reads a NUMERIC as an integer and its decimals. `None`: not finite, or more than 36 digits.
fn number(bytes: &[u8]) -> Option<(i128, u8)> {
    let (head, digits) = bytes.split_at_checked(8)?;
    let head = |at: usize| Some(i16::from_be_bytes([*head.get(at)?, *head.get(at + 1)?]));
    let (count, weight, sign) = (head(0)?, head(2)?, head(4)? as u16);
    if sign & !NUMERIC_NEGATIVE != 0 || count > 9 {
        return None;
    }
    let mut units = 0_i128;
    if count <= 4 {
        let mut word = 0_u64;
        for group in digits.chunks_exact(2) {
            word = word * 10_000 + u64::from(u16::from_be_bytes([group[0], group[1]]));
        }
        units += i128::from(word);
    } else {
        for group in digits.chunks_exact(2) {
            units = units * 10_000 + i128::from(u16::from_be_bytes([group[0], group[1]]));
        }
    }
    if sign == NUMERIC_NEGATIVE {
        units = -units;
    }
    let decimals = 4 * (i32::from(count) - 1 - i32::from(weight));
    if units == 0 {
        return Some((0, 0));
    }
    if decimals < 0 {
        let power = 10_i128.checked_pow(decimals.unsigned_abs())?;
        return Some((units.checked_mul(power)?, 0));
    }
    Some((units, u8::try_from(decimals).ok()?))
}

/// Returns a NUMERIC as the server would write it, for a message about its fault.
pub(super) fn numeric_text(bytes: &[u8]) -> String {
    let word = |at: usize| {
        let pair = bytes.get(at..at + 2).unwrap_or(&[0, 0]);
        i16::from_be_bytes([pair[0], pair[1]])
    };
    match word(4) as u16 {
        0xc000 => return "NaN".into(),
        0xd000 => return "Infinity".into(),
        0xf000 => return "-Infinity".into(),
        _ => {}
    }
    let (count, weight) = (i32::from(word(0)), i32::from(word(2)));
    // Each group has four digits.
    let digits = |place: i32| {
        let nth = usize::try_from(weight - place).ok();
        let group = match nth.filter(|nth| *nth < count as usize) {
            Some(nth) => word(8 + 2 * nth) as u16,
            None => 0,
        };
        [1_000, 100, 10, 1].map(|unit| char::from(b'0' + (group / unit % 10) as u8))
    };
    let whole: String = (0..=weight.max(0)).rev().flat_map(digits).collect();
    let fraction: String = (weight - count + 1..0).rev().flat_map(digits).collect();
    let mut text = String::new();
    if word(4) as u16 == NUMERIC_NEGATIVE {
        text.push('-');
    }
    let whole = whole.trim_start_matches('0');
    text.push_str(if whole.is_empty() { "0" } else { whole });
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Reads a TIMESTAMPTZ as microseconds since 1970. `None`: infinite, or not eight bytes.
pub(super) fn micros(bytes: &[u8]) -> Option<i64> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    if micros == i64::MAX || micros == i64::MIN {
        return None;
    }
    micros.checked_add(EPOCH_2000)
}

/// Reads a TIMESTAMPTZ like [`micros`]; infinity is `i64::MAX`, -infinity `i64::MIN`.
pub(super) fn micros_or_infinity(bytes: &[u8]) -> Option<i64> {
    match integer(bytes)? {
        infinite @ (i64::MIN | i64::MAX) => Some(infinite),
        _ => micros(bytes),
    }
}

/// Returns the SQL of a time in microseconds, with infinities as in [`micros_or_infinity`].
pub(super) fn sql_micros_or_infinity(time: &str) -> String {
    format!(
        "CASE {time} WHEN 'infinity' THEN {} WHEN '-infinity' THEN ({})::bigint \
         ELSE (extract(epoch FROM {time}) * 1000000)::bigint END",
        i64::MAX,
        "-9223372036854775807 - 1"
    )
}

/// Reads a BIGINT or an xid8.
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// Result of reading the next row of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextRow<'a, const N: usize> {
    /// The columns of a row (`None` is NULL), and the number of its bytes.
    Row([Option<&'a [u8]>; N], usize),
    /// The bytes end in the middle of the row.
    Incomplete,
    /// No more rows.
    End,
    /// The bytes break the format.
    Broken,
}

/// Splits off the first row of `N` columns.
pub(super) fn row<const N: usize>(bytes: &[u8]) -> NextRow<'_, N> {
    let Some((head, mut rest)) = bytes.split_first_chunk::<2>() else {
        return NextRow::Incomplete;
    };
    match i16::from_be_bytes(*head) {
        -1 => return NextRow::End,
        count if usize::try_from(count) == Ok(N) => {}
        _ => return NextRow::Broken,
    }
    let mut columns = [None; N];
    for column in &mut columns {
        let Some((length, after)) = rest.split_first_chunk::<4>() else {
            return NextRow::Incomplete;
        };
        rest = after;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            continue;
        };
        let Some((value, after)) = rest.split_at_checked(length) else {
            return NextRow::Incomplete;
        };
        (*column, rest) = (Some(value), after);
    }
    NextRow::Row(columns, bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(units: i128, scale: u8) -> Vec<u8> {
        let mut out = Vec::new();
        push_numeric(&mut out, units, scale);
        let (length, bytes) = out.split_first_chunk::<4>().unwrap();
        assert_eq!(i32::from_be_bytes(*length) as usize, bytes.len());
        bytes.to_vec()
    }

    #[test]
    fn numbers_are_what_the_server_sends() {
        // The bytes are those that `SELECT numeric_send(...)` of a server printed.
        let cases: [(i128, u8, &[u8]); 6] = [
            (0, 0, &[0, 0, 0, 0, 0, 0, 0, 0]),
            (1, 0, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
            (-15, 1, &[0, 2, 0, 0, 0x40, 0, 0, 1, 0, 1, 0x13, 0x88]),
            (10_000, 0, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 1]),
            (1, 8, &[0, 1, 0xff, 0xfe, 0, 0, 0, 8, 0, 1]),
            (
                12_345_678_901,
                5,
                &[
                    0, 4, 0, 1, 0, 0, 0, 5, 0, 12, 0x0d, 0x80, 0x1e, 0xd2, 0x03, 0xe8,
                ],
            ),
        ];
        for (units, scale, expected) in cases {
            assert_eq!(numeric(units, scale), expected, "{units} e-{scale}");
        }
    }

    #[test]
    fn numbers_read_back() {
        let units = [
            1,
            7,
            10,
            9_999,
            10_000,
            10_001,
            123_456_789,
            10_i128.pow(27),
            10_i128.pow(28) - 1,
        ];
        for units in units.into_iter().flat_map(|units| [units, -units]) {
            for scale in 0..=28 {
                let bytes = numeric(units, scale);
                let expected = Fact::try_new(units, scale).unwrap();
                assert_eq!(fact(&bytes), Some(expected), "{units} e-{scale}");
                let text = numeric_text(&bytes);
                let fee: crate::engine::Fee = text.parse().unwrap();
                assert_eq!(fee, expected.to_fee(), "{text}");
            }
        }
    }

    #[test]
    fn long_sizes_are_written_like_short_ones() {
        for text in [
            "1",
            "12.5",
            "10000",
            "0.0001",
            "0.00001",
            "9999.9999",
            "123456789.000000001",
        ] {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            push_size(&mut short, text.parse().unwrap());
            push_numeric_text(&mut long, text);
            let read = |bytes: &[u8]| fact(&bytes[4..]);
            assert_eq!(read(&short), read(&long), "{text}");
            assert_eq!(numeric_text(&long[4..]), text);
        }
    }

    #[test]
    fn what_is_no_number_has_a_name() {
        for (sign, name) in [(0xc0, "NaN"), (0xd0, "Infinity"), (0xf0, "-Infinity")] {
            let bytes = [0, 0, 0, 0, sign, 0, 0, 0];
            assert_eq!((fact(&bytes), numeric_text(&bytes).as_str()), (None, name));
        }
        assert_eq!(fact(&[0, 1]), None);
        assert_eq!(micros(&i64::MAX.to_be_bytes()), None);
        assert_eq!(micros(&0_i64.to_be_bytes()), Some(EPOCH_2000));
    }

    #[test]
    fn rows_are_cut_where_they_end() {
        let mut bytes = 2_i16.to_be_bytes().to_vec();
        push_bytes(&mut bytes, b"ab");
        push_null(&mut bytes);
        let whole = bytes.len();
        bytes.extend_from_slice(&TRAILER);
        assert_eq!(row::<2>(&bytes), NextRow::Row([Some(b"ab"), None], whole));
        assert_eq!(row::<2>(&bytes[whole..]), NextRow::End);
        assert_eq!(row::<3>(&bytes), NextRow::Broken);
        for cut in 0..whole {
            assert_eq!(row::<2>(&bytes[..cut]), NextRow::Incomplete, "{cut}");
        }
    }
}
