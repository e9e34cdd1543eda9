//! How old a rate may be.
//!
//! A rate of a national currency is at most 7 days old, by date in the zone of its source. A rate
//! of any other asset is at most 24 hours old.

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

#[cfg(test)]
mod tests {
    use super::*;

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
