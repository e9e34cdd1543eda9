//! A rate by a second way: from the numbers of its files alone.
//!
//! It shares no code with `money.rs`. Source: docs/SPEC-matching.md, "Rates".

use super::Exact;
use crate::engine::ids::Asset;
use crate::engine::policy::{FACT_DECIMALS_MAX, RATE_DIGITS};
use crate::engine::rates::{FoundRate, RateStep, RateValue};

/// A fraction.
pub(super) struct Ratio {
    pub(super) numerator: Exact,
    pub(super) denominator: Exact,
}

/// Computes a rate from the numbers of its files: 18 digits, at most 28 decimals, half to even.
pub(super) fn rate_of(found: &FoundRate, asset: &Asset) -> Option<Ratio> {
    let number = |value: RateValue| {
        let value = value.as_decimal();
        (Exact::of_mantissa(value), Exact::power(value.scale()))
    };
    // The steps lead from the asset to the dollar. The second one of a cross is of the asset.
    let mut steps: Vec<&RateStep> = found.steps.iter().collect();
    steps.sort_by_key(|step| step.asset != *asset && step.currency != *asset);
    let (mut numerator, mut denominator) = (Exact::of_short(1), Exact::of_short(1));
    let mut unit = asset;
    for step in steps {
        let (number, power) = number(step.value);
        let is_direct = step.asset == *unit;
        let (above, below) = if is_direct {
            (number, power)
        } else {
            (power, number)
        };
        (numerator, denominator) = (numerator.times(&above), denominator.times(&below));
        unit = if is_direct {
            &step.currency
        } else {
            &step.asset
        };
    }
    let digits = |number: &Exact| i64::try_from(number.text(0).len()).unwrap_or(i64::MAX);
    let most = Exact::power(RATE_DIGITS);
    let magnitude = digits(&numerator).saturating_sub(digits(&denominator));
    let longest = i64::from(RATE_DIGITS).saturating_sub(magnitude);
    let longest = longest.min(FACT_DECIMALS_MAX.into());
    // With one of the two, the rounded rate has no more digits than it may have.
    [longest, longest.saturating_sub(1)]
        .into_iter()
        .find_map(|decimals| {
            let up = Exact::power(u32::try_from(decimals.max(0)).unwrap_or(0));
            let down = Exact::power(u32::try_from(decimals.min(0).unsigned_abs()).unwrap_or(0));
            let units = numerator
                .times(&up)
                .divided_half_even(&denominator.times(&down));
            (units <= most).then(|| Ratio {
                numerator: units.times(&down),
                denominator: up,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rates::{RateOrigin, RateSource};
    use crate::engine::time::Timestamp;

    fn step(asset: &str, currency: &str, value: &str) -> RateStep {
        RateStep {
            asset: asset.parse().unwrap(),
            currency: currency.parse().unwrap(),
            value: value.parse().unwrap(),
            origin: RateOrigin::Line {
                import_id: 1,
                line: 2,
            },
        }
    }

    /// The value of one unit at the rate that the steps make, at 28 decimals.
    fn rate(steps: Vec<RateStep>) -> String {
        let found = FoundRate {
            // The second way computes from the steps alone.
            value: "12345".parse().unwrap(),
            at: Timestamp::try_from_micros(0).unwrap(),
            source: RateSource::Ecb,
            steps,
        };
        let rate = rate_of(&found, &"GBP".parse().unwrap()).unwrap();
        let one = Exact::power(28).times(&rate.numerator);
        one.divided_half_even(&rate.denominator).size_text()
    }

    /// Expected values: long division by hand, or a decimal library of 60 digits.
    #[test]
    fn a_rate_is_computed_from_the_numbers_of_its_files() {
        let direct = |value: &str| rate(vec![step("GBP", "USD", value)]);
        let inverse = |value: &str| rate(vec![step("USD", "GBP", value)]);
        let cross = |above: &str, below: &str| {
            rate(vec![step("EUR", "USD", above), step("EUR", "GBP", below)])
        };
        assert_eq!(direct("1.25"), "1.25");
        assert_eq!(direct("1.000000000000000005"), "1");
        assert_eq!(direct("1.000000000000000015"), "1.00000000000000002");
        assert_eq!(direct("9.999999999999999999"), "10");
        assert_eq!(direct("1234567890123456785000"), "1234567890123456780000");
        assert_eq!(inverse("147.21"), "0.00679301677875144352");
        assert_eq!(inverse("3"), "0.333333333333333333");
        assert_eq!(inverse("0.3"), "3.33333333333333333");
        assert_eq!(cross("1.0857", "0.8328"), "1.30367435158501441");
        let by_euro = rate(vec![
            step("GBP", "EUR", "1.2"),
            step("EUR", "USD", "1.0857"),
        ]);
        assert_eq!(by_euro, "1.30284");
        let turned = rate(vec![step("EUR", "GBP", "0.84"), step("USD", "EUR", "0.92")]);
        assert_eq!(turned, "1.29399585921325052");
        assert_eq!(cross("2", "3"), "0.666666666666666667");
        assert_eq!(cross("200000000000000000000", "3"), "66666666666666666700");
        assert_eq!(
            inverse("3000000000000000"),
            "0.0000000000000003333333333333"
        );
    }
}
