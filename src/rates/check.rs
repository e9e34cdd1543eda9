//! Looks over stored rates for what a person should see: gaps, jumps, odd values.
//!
//! A finding is no fault: a rate that looks odd may be right. Nothing is changed.

use crate::engine::policy::{ASSET_RATE_MICROS_MAX, CURRENCY_RATE_DAYS_MAX};
use crate::engine::{Asset, AssetRules, CodeKind, Rate, RateSource, RateValue};

/// A jump from one rate of a currency to the next, in percent of the smaller one.
pub const CURRENCY_JUMP_PERCENT: u32 = 10;
/// A jump from one rate of another asset to the next: twice as much.
pub const ASSET_JUMP_PERCENT: u32 = 100;
/// A distance of a dollar coin from one dollar.
pub const PAR_PERCENT: u32 = 1;
/// A distance between two sources at one instant.
pub const SOURCES_PERCENT: u32 = 2;

const MICROS_OF_DAY: i64 = 86_400_000_000;
const DOLLAR: &str = "USD";

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateFindingKind {
    /// Two rates of a series lie further apart than a rate may be old.
    Gap,
    /// A rate is far from the one before.
    Jump,
    /// A dollar coin is not worth a dollar.
    OffPar,
    /// Two sources differ at one instant.
    Sources,
    /// One asset has two names, and their rates differ.
    Names,
}

/// Something that a person should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateFinding {
    /// Its kind.
    pub kind: RateFindingKind,
    /// The rate before or beside, if there is one.
    pub other: Option<Rate>,
    /// The rate.
    pub rate: Rate,
}

/// Checks rates as files spell them. Order: by name, source and time.
///
/// A plain file has rates of single days, so its gaps are no findings.
pub fn check_rates(rates: &[Rate], rules: &AssetRules) -> Vec<RateFinding> {
    let mut findings = Vec::new();
    for pair in rates.windows(2) {
        if let [before, rate] = pair
            && series_of(before, rules) == series_of(rate, rules)
            && before.at != rate.at
        {
            let is_currency = is_currency(rate, rules);
            let percent = match is_currency {
                true => CURRENCY_JUMP_PERCENT,
                false => ASSET_JUMP_PERCENT,
            };
            let kind = match () {
                () if is_gap(before, rate, is_currency) => RateFindingKind::Gap,
                () if before.value.differs_from(rate.value, percent) => RateFindingKind::Jump,
                () => continue,
            };
            findings.push(RateFinding {
                kind,
                other: Some(before.clone()),
                rate: rate.clone(),
            });
        }
    }
    findings.extend(off_par(rates, rules));
    findings.extend(beside_each_other(rates, rules));
    findings
}

fn series_of(rate: &Rate, rules: &AssetRules) -> (Asset, Asset, RateSource) {
    let name = |asset: &Asset| rules.asset_named(asset.as_str());
    (name(&rate.asset), name(&rate.currency), rate.source)
}

/// Tells whether a rate is of two currencies, which keep for days.
///
/// Central banks publish rates of currencies only, also of those that the euro replaced.
fn is_currency(rate: &Rate, rules: &AssetRules) -> bool {
    matches!(rate.source, RateSource::Ecb | RateSource::H10)
        || rules.is_currency(&rate.asset) && rules.is_currency(&rate.currency)
}

fn is_gap(before: &Rate, rate: &Rate, is_currency: bool) -> bool {
    let micros_max = match is_currency {
        true => (CURRENCY_RATE_DAYS_MAX + 1) * MICROS_OF_DAY,
        false => ASSET_RATE_MICROS_MAX,
    };
    let micros = rate.at.as_micros().saturating_sub(before.at.as_micros());
    rate.source != RateSource::Plain && micros > micros_max
}

fn off_par<'r>(rates: &'r [Rate], rules: &'r AssetRules) -> impl Iterator<Item = RateFinding> + 'r {
    let is_off = move |rate: &&Rate| {
        let kind = rules.kind_of(rate.asset.as_str());
        let is_coin = kind == Some(CodeKind::DollarCoin) && rate.currency.as_str() == DOLLAR;
        is_coin && rate.value.differs_from(RateValue::PAR, PAR_PERCENT)
    };
    rates.iter().filter(is_off).map(|rate| RateFinding {
        kind: RateFindingKind::OffPar,
        other: None,
        rate: rate.clone(),
    })
}

/// Finds rates of one pair and instant that differ: of two sources, or under two names.
fn beside_each_other(rates: &[Rate], rules: &AssetRules) -> Vec<RateFinding> {
    let key = |rate: &Rate| {
        let name = |asset: &Asset| rules.asset_named(asset.as_str());
        (
            name(&rate.asset),
            name(&rate.currency),
            rate.at,
            rate.source,
        )
    };
    let mut sorted: Vec<_> = rates.iter().map(|rate| (key(rate), rate)).collect();
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut findings = Vec::new();
    for pair in sorted.windows(2) {
        let [(left, other), (right, rate)] = pair else {
            continue;
        };
        if (&left.0, &left.1, left.2) != (&right.0, &right.1, right.2) {
            continue;
        }
        let kind = match other.source == rate.source {
            true if other.value != rate.value => RateFindingKind::Names,
            false if other.value.differs_from(rate.value, SOURCES_PERCENT) => {
                RateFindingKind::Sources
            }
            _ => continue,
        };
        findings.push(RateFinding {
            kind,
            other: Some((*other).clone()),
            rate: (*rate).clone(),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        let parts: Vec<&str> = text.split(' ').collect();
        Rate {
            asset: parts[1].parse().unwrap(),
            currency: parts[2].parse().unwrap(),
            at: format!("2025-03-{}Z", parts[3]).parse().unwrap(),
            value: parts[4].parse().unwrap(),
            source: parts[0].parse().unwrap(),
            import_id: 1,
            import_line: 2,
        }
    }

    /// Returns the kind and the value of each finding.
    fn found(rates: &[&str]) -> Vec<String> {
        let rates: Vec<Rate> = rates.iter().map(|text| rate(text)).collect();
        let findings = check_rates(&rates, &AssetRules::default());
        let shown = findings.iter();
        shown
            .map(|finding| format!("{:?} {}", finding.kind, finding.rate.value))
            .collect()
    }

    #[test]
    fn a_gap_is_longer_than_a_rate_counts() {
        // A currency keeps for 7 days by date, so eight days apart there is no gap.
        let week = [
            "ecb EUR USD 03T15:00:00 1.08",
            "ecb EUR USD 11T15:00:00 1.09",
        ];
        assert_eq!(found(&week), Vec::<String>::new());
        let more = [
            "ecb EUR USD 03T15:00:00 1.08",
            "ecb EUR USD 11T15:00:00.000001 1.09",
        ];
        assert_eq!(found(&more), ["Gap 1.09"]);
        let past = [
            "ecb EUR EEK 07T15:00:00 15.6466",
            "ecb EUR EEK 10T15:00:00 15.6466",
        ];
        assert_eq!(found(&past), Vec::<String>::new());
        let day = [
            "kraken BTC USD 03T00:00:00 90000",
            "kraken BTC USD 04T00:00:00 91000",
        ];
        assert_eq!(found(&day), Vec::<String>::new());
        let more = [
            "kraken BTC USD 03T00:00:00 90000",
            "kraken BTC USD 04T00:00:00.000001 91000",
        ];
        assert_eq!(found(&more), ["Gap 91000"]);
        let plain = [
            "plain BTC USD 03T00:00:00 90000",
            "plain BTC USD 05T00:00:00 91000",
        ];
        assert_eq!(found(&plain), Vec::<String>::new());
    }

    #[test]
    fn a_jump_depends_on_the_kind_of_asset() {
        let of = |first: &str, second: &str, value: &str| {
            let first = format!("kraken {first} USD 03T00:00:00 {second}");
            let name = first.split(' ').nth(1).unwrap();
            found(&[&first, &format!("kraken {name} USD 03T01:00:00 {value}")])
        };
        assert_eq!(of("EUR", "1", "1.1"), Vec::<String>::new());
        assert_eq!(of("EUR", "1", "1.1000001"), ["Jump 1.1000001"]);
        assert_eq!(of("EUR", "1.1000001", "1"), ["Jump 1"]);
        assert_eq!(of("BTC", "1", "2"), Vec::<String>::new());
        assert_eq!(of("BTC", "1", "2.0000001"), ["Jump 2.0000001"]);
        assert_eq!(of("BTC", "2.0000001", "1"), ["Jump 1"]);
    }

    #[test]
    fn a_dollar_coin_is_worth_a_dollar() {
        assert_eq!(
            found(&["kraken USDC USD 03T00:00:00 0.991"]),
            Vec::<String>::new()
        );
        assert_eq!(
            found(&["kraken USDC USD 03T00:00:00 1.01"]),
            Vec::<String>::new()
        );
        assert_eq!(
            found(&["kraken USDC USD 03T00:00:00 0.98"]),
            ["OffPar 0.98"]
        );
        assert_eq!(
            found(&["kraken USDT USD 03T00:00:00 1.0101"]),
            ["OffPar 1.0101"]
        );
        assert_eq!(
            found(&["kraken BTC USD 03T00:00:00 0.98"]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn sources_and_names_that_differ_are_found() {
        let sources = [
            "coingecko BTC USD 03T00:00:00 100",
            "kraken BTC USD 03T00:00:00 103",
        ];
        assert_eq!(found(&sources), ["Sources 103"]);
        let near = [
            "coingecko BTC USD 03T00:00:00 100",
            "kraken BTC USD 03T00:00:00 102",
        ];
        assert_eq!(found(&near), Vec::<String>::new());
        let names = [
            "plain BTC USD 03T00:00:00 100",
            "plain XBT USD 03T00:00:00 101",
        ];
        assert_eq!(found(&names), ["Names 101"]);
    }
}
