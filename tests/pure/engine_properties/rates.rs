//! The look-up of rates against one that goes over all of them, for any order of rates.

use fifo_pnl::engine::{
    Account, Asset, AssetClass, FoundRate, OrderId, OwnRate, Rate, RateBook, RateOrigin, RateRules,
    RateSource, RateStep, Side, Timestamp, WantedRate,
};
use proptest::prelude::*;

use super::for_all;

const CASES: u32 = 400;
const ASSETS: [&str; 4] = ["USD", "EUR", "GBP", "ETH"];
/// The sources of rates that were known at an instant.
const SOURCES: [RateSource; 7] = [
    RateSource::CoinGecko,
    RateSource::Ecb,
    RateSource::H10,
    RateSource::Kraken,
    RateSource::Own,
    RateSource::Plain,
    RateSource::Yahoo,
];
/// Instants stand some hours apart, so that rates of all ages occur, and equal instants.
const STEP_MICROS: i64 = 6 * 3_600 * 1_000_000;
const START_MICROS: i64 = 1_741_000_000_000_000;

fn at(step: i64) -> Timestamp {
    Timestamp::try_from_micros(START_MICROS + step * STEP_MICROS).unwrap()
}

fn asset(place: usize) -> Asset {
    ASSETS[place].parse().unwrap()
}

/// Rates whose value follows from their place in time, so that no two of one source differ.
fn rates() -> impl Strategy<Value = Vec<Rate>> {
    let one = (0..4_usize, 0..4_usize, 0..60_i64, 0..7_usize, 1..4_i64);
    let one = one.prop_filter_map("two assets", |(of, currency, step, source, import_id)| {
        (of != currency).then(|| Rate {
            asset: asset(of),
            currency: asset(currency),
            at: at(step),
            value: format!("{}.{}", 1 + of * 7 + source, 1 + step)
                .parse()
                .unwrap(),
            source: SOURCES[source],
            import_id,
            import_line: 1,
        })
    });
    proptest::collection::vec(one, 0..60)
}

/// Questions, and rules of several kinds.
fn rules() -> impl Strategy<Value = RateRules> {
    let sources = proptest::collection::vec(0..7_usize, 0..3);
    let pegs = proptest::sample::subsequence(vec![2_usize, 3], 0..3);
    (sources, any::<bool>(), pegs).prop_map(|(sources, own_trades, pegs)| RateRules {
        sources: sources.into_iter().map(|at| SOURCES[at]).collect(),
        own_trades,
        pegs: pegs.into_iter().map(asset).collect(),
    })
}

fn is_fresh(class: AssetClass, source: RateSource, (rate_at, at): (Timestamp, Timestamp)) -> bool {
    match class {
        AssetClass::Crypto | AssetClass::Security | AssetClass::Future => {
            at.as_micros() - rate_at.as_micros() <= 86_400_000_000
        }
        AssetClass::Fx => {
            let zone = match source {
                RateSource::Ecb => "Europe/Berlin",
                RateSource::H10 => "America/New_York",
                _ => "UTC",
            };
            let day = |at: Timestamp| {
                let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap();
                at.in_tz(zone).unwrap().date()
            };
            let days = day(at).since(day(rate_at)).unwrap().get_days();
            days <= 7
        }
    }
}

/// A rate in euros and one of the euro. Each is the nearest of its own, by its own age.
fn by_way_of_the_euro(
    rules: &RateRules,
    rates: &[Rate],
    wanted: &WantedRate<'_>,
) -> Option<(RateSource, Timestamp, usize, usize)> {
    let euro: Asset = "EUR".parse().unwrap();
    let nearest = |of: &Asset, currency: &Asset, class: AssetClass| {
        let found = rates.iter().filter_map(|rate| {
            let pair = (&rate.asset, &rate.currency);
            let form = usize::from(pair == (currency, of));
            let is_near =
                rate.at <= wanted.at && is_fresh(class, rate.source, (rate.at, wanted.at));
            let counts = of == &euro || rate.source != RateSource::Ecb;
            (is_near && counts && (form == 1 || pair == (of, currency))).then_some((
                rate.source,
                rate.at,
                form,
            ))
        });
        found.min_by_key(|(source, at, form)| {
            let rank = rules.sources.iter().position(|listed| listed == source);
            let age = wanted.at.as_micros() - at.as_micros();
            (rank.unwrap_or(usize::MAX), age, *form, source.as_str())
        })
    };
    let (source, at, _) = nearest(wanted.asset, &euro, wanted.class)?;
    let (_, euro_at, _) = nearest(&euro, wanted.currency, AssetClass::Fx)?;
    Some((source, at.min(euro_at), 4, 2))
}

/// Returns the source, the instant and the number of steps of the rate that should be found.
fn by_going_over_all(
    rules: &RateRules,
    rates: &[Rate],
    own: &[OwnRate],
    wanted: &WantedRate<'_>,
) -> Option<(RateSource, Timestamp, usize)> {
    let mut all = Vec::new();
    for rate in rates {
        let pair = (&rate.asset, &rate.currency);
        if pair == (wanted.asset, wanted.currency) {
            all.push((rate.source, rate.at, 0, 1));
        } else if pair == (wanted.currency, wanted.asset) {
            all.push((rate.source, rate.at, 1, 1));
        }
        let base: Asset = "EUR".parse().unwrap();
        let is_cross = rate.source == RateSource::Ecb && pair == (&base, wanted.asset);
        let other = |other: &&Rate| {
            other.source == rate.source
                && other.at == rate.at
                && (&other.asset, &other.currency) == (&base, wanted.currency)
        };
        if is_cross && rates.iter().any(|rate| other(&rate)) {
            all.push((rate.source, rate.at, 2, 2));
        }
    }
    for rate in own.iter().filter(|_| rules.own_trades) {
        let (account, order_id) = wanted.own.unwrap();
        let is_usd = wanted.currency.as_str() == "USD";
        let is_other = (&rate.account, &rate.asset) == (account, wanted.asset);
        if is_usd && is_other && rate.order_id != *order_id {
            all.push((RateSource::Own, rate.at, 3, 1));
        }
    }
    all.retain(|(source, at, ..)| {
        *at <= wanted.at && is_fresh(wanted.class, *source, (*at, wanted.at))
    });
    all.sort_by_key(|(source, at, form, _)| {
        let mut listed = rules.sources.iter();
        let rank = listed.position(|listed| listed == source);
        let age = wanted.at.as_micros() - at.as_micros();
        (rank.unwrap_or(usize::MAX), age, *form, source.as_str())
    });
    if all.is_empty() {
        all.extend(by_way_of_the_euro(rules, rates, wanted));
    }
    let is_pegged = wanted.currency.as_str() == "USD" && rules.pegs.contains(wanted.asset);
    all.first()
        .map(|(source, at, _, steps)| (*source, *at, *steps))
        .or(is_pegged.then_some((RateSource::Peg, wanted.at, 1)))
}

fn without_places(found: Option<FoundRate>) -> Option<FoundRate> {
    found.map(|mut found| {
        let line = RateOrigin::Line {
            import_id: 0,
            line: 0,
        };
        for RateStep { origin, .. } in &mut found.steps {
            if matches!(origin, RateOrigin::Line { .. }) {
                *origin = line.clone();
            }
        }
        found
    })
}

#[test]
fn a_look_up_finds_what_going_over_all_rates_finds_in_any_order() {
    let own = proptest::collection::vec((0..2_usize, 1..4_usize, 0..60_i64, 0..9_u32), 0..10);
    let wanted = (1..4_usize, 0..4_usize, 0..70_i64, any::<bool>(), 0..9_u32);
    let inputs = (rules(), rates().prop_shuffle(), own, wanted);
    for_all(CASES, inputs, |(rules, rates, own, wanted)| {
        let accounts: [Account; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let id = |number: u32| -> OrderId { number.to_string().parse().unwrap() };
        let own: Vec<OwnRate> = own
            .iter()
            .map(|(account, of, step, number)| OwnRate {
                account: accounts[*account].clone(),
                order_id: id(*number),
                asset: asset(*of),
                at: at(*step),
                side: Side::Buy,
                trade_seq: None,
                shorts: false,
                value: format!("{}", 100 + number).parse().unwrap(),
            })
            .collect();
        let (of, currency, step, is_currency, number) = wanted;
        let wanted = WantedRate {
            asset: &asset(of),
            currency: &asset(currency),
            at: at(step),
            class: match is_currency {
                true => AssetClass::Fx,
                false => AssetClass::Crypto,
            },
            own: Some((&accounts[0], &id(number))),
        };
        prop_assume!(wanted.asset != wanted.currency);
        let expected = by_going_over_all(&rules, &rates, &own, &wanted);
        let look_up = |rates: Vec<Rate>, own: Vec<OwnRate>| {
            let mut book = RateBook::try_new(rules.clone(), rates).unwrap();
            book.add_own(own);
            book.look_up(&wanted)
        };
        let found = look_up(rates.clone(), own.clone());
        let of = |found: &FoundRate| (found.source, found.at, found.steps.len());
        prop_assert_eq!(found.as_ref().map(of), expected);
        // Another order, also of the imports.
        let mut turned = rates;
        turned.reverse();
        turned
            .iter_mut()
            .for_each(|rate| rate.import_id = 9 - rate.import_id);
        let again = look_up(turned, own.into_iter().rev().collect());
        prop_assert_eq!(without_places(again), without_places(found));
        Ok(())
    });
}
