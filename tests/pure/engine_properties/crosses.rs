//! Trades in pounds, whose rates are a cross of two, or come from a file of their own.
//!
//! The rate is judged in whole numbers, the value by what its slices add up to.

use std::cell::Cell;
use std::collections::BTreeMap;

use fifo_pnl::engine::{
    AssetRules, ExpectedLegs, Intake, MORE_COLUMNS, MoreText, OtherFee, PendingTrade, Pool,
    PoolLedger, Rate, RateBook, RateRules, RateSource, RateUsed, Timestamp, TradeText, enter,
    legs_of,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::legs::check_slices;
use super::{agree, decimal, for_all};

const CASES: u32 = 300;
const START_MICROS: i64 = 1_741_000_000_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// Decimals of every rate in a file. Then a quotient of two is that of their units.
const RATE_DECIMALS: usize = 4;
const RATE_DIGITS: usize = 18;

/// The rates of one instant, in units of [`RATE_DECIMALS`].
#[derive(Debug, Clone, Copy)]
struct Fixing {
    hour: i64,
    /// One euro in dollars, and in pounds.
    euro: [Option<i128>; 2],
    /// One pound in dollars, by a plain file.
    pound: Option<i128>,
}

/// A trade for pounds: side, size, price, hour, and a fee in pounds or in ether.
type Row = (bool, String, String, i64, Option<(String, bool)>);

fn fixings() -> impl Strategy<Value = Vec<Fixing>> {
    let some = |chance| prop::option::weighted(chance, 1..200_000_i128);
    let one = (-8_i64..16, some(0.7), some(0.7), some(0.1));
    let one = one.prop_map(|(hour, usd, gbp, pound)| Fixing {
        hour,
        euro: [usd, gbp],
        pound,
    });
    prop::collection::vec(one, 2..12).prop_map(|mut all| {
        // Two values for one instant would be a conflict.
        all.sort_by_key(|fixing| fixing.hour);
        all.dedup_by_key(|fixing| fixing.hour);
        all
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = |bound: u128| (1..bound, 0..7_usize).prop_map(|(u, d)| decimal(u, d));
    let fee = prop::option::weighted(0.6, (number(900), any::<bool>()));
    let row = (
        any::<bool>(),
        number(5_000_000),
        number(9_000_000),
        0_i64..16,
        fee,
    );
    prop::collection::vec(row, 1..20)
}

fn at(hour: i64) -> Timestamp {
    Timestamp::try_from_micros(START_MICROS + hour * HOUR_MICROS).unwrap()
}

fn book(fixings: &[Fixing]) -> RateBook {
    let rate = |of: &str, currency: &str, fixing: &Fixing, units: i128, source| Rate {
        asset: of.parse().unwrap(),
        currency: currency.parse().unwrap(),
        at: at(fixing.hour),
        value: decimal(units as u128, RATE_DECIMALS).parse().unwrap(),
        source,
        import_id: 1,
        import_line: 1,
    };
    let mut rates = Vec::new();
    for fixing in fixings {
        let euro = ["USD", "GBP"].into_iter().zip(fixing.euro);
        let euro = euro.filter_map(|(code, units)| units.map(|units| (code, units)));
        rates.extend(euro.map(|(code, units)| rate("EUR", code, fixing, units, RateSource::Ecb)));
        let pound = fixing.pound.into_iter();
        rates.extend(pound.map(|units| rate("GBP", "USD", fixing, units, RateSource::Plain)));
        rates.push(rate("ETH", "USD", fixing, 30_000_000, RateSource::Plain));
    }
    RateBook::try_new(RateRules::default(), rates).unwrap()
}

fn entered(
    rows: &[Row],
    rules: &AssetRules,
    book: &RateBook,
) -> (BTreeMap<Pool, PoolLedger>, Vec<PendingTrade>) {
    let mut intake = Intake::new(rules, |_| true);
    for (nth, (is_buy, size, price, hour, fee)) in rows.iter().enumerate() {
        let mut more = [None; MORE_COLUMNS.len()];
        if let Some((amount, is_money)) = fee {
            more[5] = Some(amount.as_str());
            more[6] = Some(if *is_money { "GBP" } else { "ETH" });
        }
        let more = Some(MoreText(more)).filter(|more| !more.is_empty());
        let place = intake.place("main", "BTC-GBP", more.as_ref()).unwrap();
        intake.push_text(
            place,
            &TradeText {
                order_id: &format!("t{nth}"),
                side: if *is_buy { "buy" } else { "sell" },
                size,
                price,
                fee: None,
                order_time_micros: Some(at(*hour).as_micros()),
                trade_seq: None,
                more: more.as_ref(),
            },
        );
    }
    let (mut pools, pending) = intake.end().into_parts();
    let rows = pending.iter().collect();
    enter(pending, rules, book, &|_| true, &mut pools);
    (pools, rows)
}

/// The newest rate of the pound at an hour, as a fraction. At one instant the rate of a file comes
/// before the cross, whose two rates are of one instant.
fn expected(fixings: &[Fixing], hour: i64) -> Option<(i64, i128, i128)> {
    let before = fixings.iter().rev().filter(|fixing| fixing.hour <= hour);
    let rate = |fixing: &Fixing| match (fixing.pound, fixing.euro) {
        (Some(pound), _) => Some((fixing.hour, pound, 10_i128.pow(RATE_DECIMALS as u32))),
        (None, [Some(usd), Some(gbp)]) => Some((fixing.hour, usd, gbp)),
        _ => None,
    };
    before.filter_map(rate).next()
}

/// Asserts that a rate is a quotient at 18 significant digits, half to even.
fn check_rate(rate: &str, (above, below): (i128, i128)) -> Result<(), TestCaseError> {
    let decimals = rate
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let digits = rate.replace('.', "");
    prop_assert!(
        digits.trim_start_matches('0').len() <= RATE_DIGITS,
        "{}",
        rate
    );
    let mut units: i128 = digits.parse().unwrap();
    // The last of the 18 digits, if the text leaves out zeros after it.
    let mut scale = decimals as u32;
    while units < 10_i128.pow(RATE_DIGITS as u32 - 1) {
        (units, scale) = (units * 10, scale + 1);
    }
    let twice_error = 2 * (units * below - above * 10_i128.pow(scale));
    prop_assert!(
        twice_error.abs() <= below,
        "{} is {}/{}",
        rate,
        above,
        below
    );
    prop_assert!(twice_error.abs() < below || units % 2 == 0, "{}", rate);
    Ok(())
}

fn check_used(used: &RateUsed, fixings: &[Fixing]) -> Result<bool, TestCaseError> {
    let hour = (used.traded_at.as_micros() - START_MICROS) / HOUR_MICROS;
    let Some((fixed, above, below)) = expected(fixings, hour) else {
        return Err(TestCaseError::fail(format!("no rate counts: {used:?}")));
    };
    prop_assert_eq!(used.rate.at, at(fixed));
    check_rate(&used.rate.value.to_string(), (above, below))?;
    Ok(used.rate.steps.len() == 2)
}

#[test]
fn pounds_by_way_of_the_euro_lose_no_dollar() {
    let rules = AssetRules::default();
    let [crosses, direct, lacking, slices] = [const { Cell::new(0_u32) }; 4];
    let count = |counter: &Cell<u32>, is: bool| counter.set(counter.get() + u32::from(is));
    for_all(CASES, (rows(), fixings()), |(rows, fixings)| {
        let book = book(&fixings);
        let (pools, pending) = entered(&rows, &rules, &book);
        prop_assert_eq!(pending.len(), rows.len());
        let unlike =
            ExpectedLegs::of(pending.iter().cloned(), &rules, &book, &|_| true).check(&pools);
        prop_assert!(unlike.is_empty(), "{:#?}", unlike);
        for (row, pending) in rows.iter().zip(&pending) {
            let known = expected(&fixings, row.3);
            let Ok(legs) = legs_of(pending, &rules, &book) else {
                let fee = pending
                    .trade
                    .more
                    .as_ref()
                    .and_then(|more| more.fee.clone());
                let is_ether = |fee: &OtherFee| fee.currency.as_str() == "ETH";
                let has_ether = fixings.iter().any(|fixing| fixing.hour <= row.3);
                let needs_ether = fee.as_ref().is_some_and(is_ether) && !has_ether;
                prop_assert!(known.is_none() || needs_ether, "{:?}", pending);
                count(&lacking, known.is_none());
                continue;
            };
            let pounds = legs
                .rates
                .iter()
                .filter(|used| used.asset.as_str() == "GBP");
            for used in pounds {
                let is_cross = check_used(used, &fixings)?;
                count(&crosses, is_cross);
                count(&direct, !is_cross);
            }
        }
        for (pool, ledger) in &pools {
            check_slices(pool, ledger)?;
            let matching = agree(&ledger.trades.to_vec().unwrap())?;
            count(&slices, matching.totals.allocations > 1);
        }
        Ok(())
    });
    let counts = [crosses, direct, lacking, slices].map(Cell::into_inner);
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}
