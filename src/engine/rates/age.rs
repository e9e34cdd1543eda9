//! How old a rate may be.
//!
//! A rate of a national currency is at most 7 days old, by date in the zone of its source. A rate
//! of any other asset is at most 24 hours old.

use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;

use super::RateSource;
use crate::engine::class::AssetClass;
use crate::engine::policy::{ASSET_RATE_MICROS_MAX, CURRENCY_RATE_DAYS_MAX};
use crate::engine::time::Timestamp;

/// Rule of the clocks in Frankfurt since 1996. The euro is from 1999.
const FRANKFURT: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
/// Rule of the clocks in New York since 2007.
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
/// The same from 1987 to 2006.
const NEW_YORK_BEFORE: &str = "EST5EDT,M4.1.0,M10.5.0";
/// The first year of the later rule.
const NEW_YORK_SINCE: i16 = 2007;

/// The zones in which sources date their rates.
///
/// The rules stand here, not in the system's database of zones: the same rates give the same bytes
/// on every machine.
#[derive(Debug, Clone)]
pub(super) struct SourceZones {
    frankfurt: TimeZone,
    new_york: TimeZone,
    new_york_before: TimeZone,
}

impl Default for SourceZones {
    fn default() -> Self {
        // A test reads each rule.
        let zone = |rule| TimeZone::posix(rule).unwrap_or(TimeZone::UTC);
        Self {
            frankfurt: zone(FRANKFURT),
            new_york: zone(NEW_YORK),
            new_york_before: zone(NEW_YORK_BEFORE),
        }
    }
}

impl SourceZones {
    /// Tells whether a rate is not too old for a trade, which is not earlier than the rate.
    pub(super) fn is_fresh(
        &self,
        class: AssetClass,
        source: RateSource,
        (rate_at, at): (Timestamp, Timestamp),
    ) -> bool {
        match class {
            AssetClass::Crypto | AssetClass::Security | AssetClass::Future => {
                let age = at.as_micros().checked_sub(rate_at.as_micros());
                age.is_some_and(|age| age <= ASSET_RATE_MICROS_MAX)
            }
            AssetClass::Fx => {
                let days = self.day(source, at).zip(self.day(source, rate_at));
                let days = days.and_then(|(day, of_rate)| day.checked_sub(of_rate));
                days.is_some_and(|days| days <= CURRENCY_RATE_DAYS_MAX)
            }
        }
    }

    /// Returns the number of the day in the zone of a source, counted from 1970.
    fn day(&self, source: RateSource, at: Timestamp) -> Option<i64> {
        let at = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
        let local = match source {
            RateSource::Ecb => self.frankfurt.to_datetime(at),
            RateSource::H10 => {
                let local = self.new_york.to_datetime(at);
                match local.year() < NEW_YORK_SINCE {
                    true => self.new_york_before.to_datetime(at),
                    false => local,
                }
            }
            _ => TimeZone::UTC.to_datetime(at),
        };
        let since = local.date().duration_since(jiff::civil::date(1970, 1, 1));
        since.as_hours().checked_div(24)
    }
}

/// Returns the instant of publication of a source that dates its rates in a zone of its own.
///
/// The ECB: 16:00 in Frankfurt. Release H.10: noon in New York. `None`: any other source, or a day
/// out of range.
pub fn published_at(source: RateSource, day: Date) -> Option<Timestamp> {
    let zones = SourceZones::default();
    let (zone, time): (_, Time) = match source {
        RateSource::Ecb => (zones.frankfurt, time(16, 0, 0, 0)),
        RateSource::H10 if day.year() < NEW_YORK_SINCE => {
            (zones.new_york_before, time(12, 0, 0, 0))
        }
        RateSource::H10 => (zones.new_york, time(12, 0, 0, 0)),
        _ => return None,
    };
    let instant = zone.to_timestamp(day.to_datetime(time)).ok()?;
    Timestamp::try_from(instant).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_a_day_have_the_hour_of_their_publication() {
        for (source, day, expected) in [
            (RateSource::Ecb, "2025-03-28", "2025-03-28T15:00:00Z"),
            (RateSource::Ecb, "2025-03-31", "2025-03-31T14:00:00Z"),
            (RateSource::H10, "2025-03-07", "2025-03-07T17:00:00Z"),
            (RateSource::H10, "2025-03-10", "2025-03-10T16:00:00Z"),
            (RateSource::H10, "2006-03-21", "2006-03-21T17:00:00Z"),
        ] {
            let at = published_at(source, day.parse().unwrap());
            assert_eq!(at, Some(expected.parse().unwrap()), "{source} {day}");
        }
        assert_eq!(
            published_at(RateSource::Yahoo, jiff::civil::date(2025, 3, 7)),
            None
        );
    }

    /// The rules in this file give the instants of the database of zones.
    #[cfg(feature = "job")]
    #[test]
    fn the_rules_of_clocks_are_those_of_the_zones() {
        let zones = [
            (RateSource::Ecb, 1999, "Europe/Berlin"),
            (RateSource::H10, 1987, "America/New_York"),
        ];
        for (source, since, name) in zones {
            let zone = TimeZone::get(name).unwrap();
            let mut day = jiff::civil::date(since, 1, 4);
            while day.year() < 2037 {
                let at = published_at(source, day).unwrap();
                let local = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap();
                let local = zone.to_datetime(local);
                let hour = if source == RateSource::Ecb { 16 } else { 12 };
                assert_eq!((local.date(), local.hour()), (day, hour), "{name}");
                day = day.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn every_rule_of_clocks_is_read() {
        let zones = SourceZones::default();
        let day = |source, text: &str| zones.day(source, text.parse().unwrap()).unwrap();
        // Number of days of dates: `date -d DAY +%s` divided by 86,400.
        for (source, at, expected) in [
            (RateSource::Ecb, "2025-01-31T22:59:59Z", 20_119),
            (RateSource::Ecb, "2025-01-31T23:00:00Z", 20_120),
            (RateSource::Ecb, "2025-07-31T21:59:59Z", 20_300),
            (RateSource::Ecb, "2025-07-31T22:00:00Z", 20_301),
            (RateSource::H10, "2025-02-01T04:59:59Z", 20_119),
            (RateSource::H10, "2025-02-01T05:00:00Z", 20_120),
            (RateSource::H10, "2025-08-01T03:59:59Z", 20_300),
            (RateSource::H10, "2025-08-01T04:00:00Z", 20_301),
            // In March the clocks of New York changed from 2007 only.
            (RateSource::H10, "2006-03-21T04:30:00Z", 13_227),
            (RateSource::H10, "2007-03-21T04:30:00Z", 13_593),
            (RateSource::Plain, "2025-02-01T00:00:00Z", 20_120),
            (RateSource::Plain, "1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(day(source, at), expected, "{source} {at}");
        }
    }
}
