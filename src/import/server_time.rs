//! The clock of a server as a time zone: offsets from UTC, each from an instant on.
//!
//! The zone has the form of a file of the IANA database (TZif, RFC 9636). So one reader reads all
//! local times, and refuses times in a gap or a fold.

use jiff::tz::{Offset, TimeZone};

use crate::engine::Timestamp;

/// The name of such a zone.
pub(super) const NAME: &str = "the clock of the account's server";

/// Bytes of the header of a block.
const HEADER_BYTES: usize = 44;

/// The abbreviation of all offsets.
const LABEL: &[u8; 4] = b"UTC\0";

/// Returns the zone of a server's clock. `offsets`: instants and seconds ahead of UTC, in order.
/// Before the first instant, the offset is unstated. `None`: no offset, or too many
/// for a zone.
pub fn zone_of_server(offsets: &[(Timestamp, i64)]) -> Option<TimeZone> {
    let (first, others) = offsets.split_first()?;
    let seconds = |of: &(Timestamp, i64)| i32::try_from(of.1).ok();
    let (mut types, changes) = match first.0 {
        Timestamp::MIN => (vec![seconds(first)?], others),
        // Clocks differ by minutes, so a second less is no offset of a clock.
        _ => (vec![seconds(first)?.checked_sub(1)?], offsets),
    };
    types.extend(changes.iter().map(seconds).collect::<Option<Vec<_>>>()?);
    let count = u8::try_from(types.len()).ok()?;
    // The block of old readers is empty: one offset, no change.
    let mut bytes = header(1, 0);
    push_types(&mut bytes, &[0]);
    bytes.extend(header(u32::from(count), u32::from(count - 1)));
    for (at, _) in changes {
        bytes.extend(at.as_micros().div_euclid(1_000_000).to_be_bytes());
    }
    bytes.extend(1..count);
    push_types(&mut bytes, &types);
    // The rule for times after the last change: empty, so the last offset goes on.
    bytes.extend(b"\n\n");
    TimeZone::tzif(NAME, &bytes).ok()
}

/// Tells whether an offset stands for the time before a clock's first stored offset.
pub(super) fn is_unstated(offset: Offset) -> bool {
    offset.seconds().rem_euclid(60) == 59
}

fn header(types: u32, changes: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend(b"TZif2");
    bytes.extend([0; 15]);
    for count in [0, 0, 0, changes, types, LABEL.len() as u32] {
        bytes.extend(count.to_be_bytes());
    }
    bytes
}

fn push_types(bytes: &mut Vec<u8>, types: &[i32]) {
    for seconds in types {
        bytes.extend(seconds.to_be_bytes());
        bytes.extend([0, 0]);
    }
    bytes.extend(LABEL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::rejected::Hint;
    use crate::import::times::read_order_time;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn local_times_are_read_by_the_offset_of_their_day() {
        // Three hours in summer, two in winter: the clocks go back on 26 October at 01:00 UTC.
        let offsets = [
            (Timestamp::MIN, 7_200),
            (at("2025-03-30T01:00:00Z"), 10_800),
            (at("2025-10-26T01:00:00Z"), 7_200),
        ];
        let zone = zone_of_server(&offsets).unwrap();
        let now = at("2026-01-01T00:00:00Z");
        let read =
            |text: &str| read_order_time(text, Some(&zone), now).map(|time| time.to_string());
        for (local, utc) in [
            ("2025-01-15 12:00:00", "2025-01-15T10:00:00.000000Z"),
            ("2025-07-15 12:00:00", "2025-07-15T09:00:00.000000Z"),
            ("2025-12-15 12:00:00", "2025-12-15T10:00:00.000000Z"),
        ] {
            assert_eq!(read(local).unwrap(), utc, "{local}");
        }
        // 03:30 came twice.
        assert!(read("2025-10-26 03:30:00").is_err());
        // 03:30 never came.
        assert!(read("2025-03-30 03:30:00").is_err());
        assert!(zone_of_server(&[]).is_none());
        let only = zone_of_server(&[(at("2025-01-01T00:00:00Z"), -18_000)]).unwrap();
        let read = |text: &str| read_order_time(text, Some(&only), now);
        let late = read("2025-06-01 00:00:00").unwrap();
        assert_eq!(late.to_string(), "2025-06-01T05:00:00.000000Z");
        let early = read("2024-06-01 00:00:00").unwrap_err();
        assert_eq!(early.hint, Some(Hint::EarlierClock));
    }
}
