//! Looks over stored rates for what a person should see: gaps, jumps, odd values.
//!
//! A finding is no fault: a rate that looks odd may be right. Nothing is changed.

use std::collections::BTreeMap;

use crate::engine::policy::{ASSET_RATE_MICROS_MAX, CURRENCY_RATE_DAYS_MAX};
use crate::engine::{
    Asset, AssetClass, AssetRules, CodeKind, Rate, RateBook, RateOrigin, RateRules, RateSource,
    RateValue, WantedRate,
};

/// A jump from one rate of a currency to the next, in percent of the smaller one.
pub const CURRENCY_JUMP_PERCENT: u32 = 10;
/// A jump from one rate of another asset to the next: twice as much.
pub const ASSET_JUMP_PERCENT: u32 = 100;
/// A distance of a dollar coin from one dollar.
pub const PAR_PERCENT: u32 = 1;
/// A distance between two sources: of a currency on one day, of another asset at one instant.
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
    /// Two sources differ at one instant, or within a day.
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
/// A plain file has rates of single days, so its gaps are no findings. Two sources are compared
/// with each other in any form: one may have the euro in yen, the other one the yen in dollars.
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
    findings.extend(two_names(rates, rules));
    findings.extend(two_sources(rates, rules));
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

/// Finds rates that another source, in the day before, gives otherwise. Prices of a coin move in a
/// day, so at two instants they differ only if one is more than twice the other.
fn two_sources(rates: &[Rate], rules: &AssetRules) -> Vec<RateFinding> {
    let mut of_sources: BTreeMap<RateSource, Vec<Rate>> = BTreeMap::new();
    for rate in rates {
        let name = |asset: &Asset| rules.asset_named(asset.as_str());
        of_sources.entry(rate.source).or_default().push(Rate {
            asset: name(&rate.asset),
            currency: name(&rate.currency),
            ..rate.clone()
        });
    }
    let mut books = Vec::new();
    for (source, rates) in &of_sources {
        // A source with two rates for one instant is a finding of its own.
        if let Ok(book) = RateBook::try_new(RateRules::default(), rates.clone()) {
            books.push((*source, book));
        }
    }
    let mut findings = Vec::new();
    for rate in of_sources.values().flatten() {
        let others = books.iter().filter(|(source, _)| *source != rate.source);
        findings.extend(others.filter_map(|(_, book)| unlike(rate, book, rules)));
    }
    findings
}

/// Compares a rate with that of another source. `None`: they are alike, or the other source has
/// none in the day before.
fn unlike(rate: &Rate, book: &RateBook, rules: &AssetRules) -> Option<RateFinding> {
    let is_currency = is_currency(rate, rules);
    let other = book.look_up(&WantedRate {
        asset: &rate.asset,
        currency: &rate.currency,
        at: rate.at,
        class: match is_currency {
            true => AssetClass::Fx,
            false => AssetClass::Crypto,
        },
        own: None,
    })?;
    let micros = rate.at.as_micros().saturating_sub(other.at.as_micros());
    let percent = match micros {
        // Each of the two finds the other one: once is enough.
        0 if rate.source < other.source => return None,
        0 => SOURCES_PERCENT,
        1..=MICROS_OF_DAY if is_currency => SOURCES_PERCENT,
        1..=MICROS_OF_DAY => ASSET_JUMP_PERCENT,
        _ => return None,
    };
    other.value.differs_from(rate.value, percent).then(|| {
        let place = other.steps.first().map(|step| &step.origin);
        let (import_id, import_line) = match place {
            Some(RateOrigin::Line { import_id, line }) => (*import_id, *line),
            _ => (0, 0),
        };
        RateFinding {
            kind: RateFindingKind::Sources,
            other: Some(Rate {
                asset: rate.asset.clone(),
                currency: rate.currency.clone(),
                at: other.at,
                value: other.value,
                source: other.source,
                import_id,
                import_line,
            }),
            rate: rate.clone(),
        }
    })
}

/// Finds rates of one pair, instant and source that differ, under two names.
fn two_names(rates: &[Rate], rules: &AssetRules) -> Vec<RateFinding> {
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
        if left != right || other.value == rate.value {
            continue;
        }
        findings.push(RateFinding {
            kind: RateFindingKind::Names,
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

    /// The ECB has the euro in dollars and in yen: one yen is 1.0857 / 159.8 dollars.
    #[test]
    fn sources_are_compared_over_a_day_and_in_any_form() {
        let ecb = [
            "ecb EUR USD 07T15:00:00 1.0857",
            "ecb EUR JPY 07T15:00:00 159.8",
        ];
        let beside = |other: &str| found(&[&ecb[..], &[other]].concat());
        let nothing = Vec::<String>::new();
        assert_eq!(beside("h10 EUR USD 07T17:00:00 1.0861"), nothing);
        assert_eq!(beside("h10 EUR USD 07T17:00:00 2.0861"), ["Sources 2.0861"]);
        // A plain day is midnight, so the rate of the ECB is the later one.
        assert_eq!(beside("plain EUR USD 07T00:00:00 1.2"), ["Sources 1.0857"]);
        // One yen is not 150 dollars.
        assert_eq!(beside("plain JPY USD 08T00:00:00 150"), ["Sources 150"]);
        assert_eq!(beside("plain JPY USD 08T00:00:00 0.0068"), nothing);
        assert_eq!(beside("plain USD JPY 08T00:00:00 147.1"), nothing);
        // More than a day apart, a currency may have moved.
        assert_eq!(beside("plain EUR USD 08T15:00:00.000001 1.2"), nothing);
        let coin = |value: &str| {
            let other = format!("kraken BTC USD 07T12:00:00 {value}");
            found(&["coingecko BTC USD 07T00:00:00 90000", &other])
        };
        assert_eq!(coin("60000"), nothing);
        assert_eq!(coin("900"), ["Sources 900"]);
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
