//! Trades that need rates, or move more than one asset.
//!
//! A second way gives the same legs. No dollar is lost between pools. No order of rows or rates
//! matters.

use std::cell::Cell;
use std::collections::BTreeMap;

use fifo_pnl::engine::{
    AssetRules, ExpectedLegs, Fee, Intake, Invariant, Leg, MORE_COLUMNS, MoreText, Pending,
    PendingTrade, Pool, PoolLedger, Rate, RateBook, RateRules, RateSource, Side, Size, Timestamp,
    Trade, TradeText, Trades, Usd, add_sizes, enter, legs_of, match_pool, sub_sizes,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{decimal, for_all, line, whole_worth};

const CASES: u32 = 400;
const START_MICROS: i64 = 1_741_000_000_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
const SYMBOLS: [&str; 7] = [
    "BTC-USD", "BTC-EUR", "ETH-BTC", "BTC-USDC", "ETH-USDT", "EUR-USD", "SOL-ETH",
];
const FEE_ASSETS: [&str; 7] = ["BTC", "ETH", "SOL", "BNB", "EUR", "USD", "USDC"];
/// Assets of rates in dollars; the last one has rates only now and then.
const RATED: [&str; 5] = ["BTC", "ETH", "EUR", "BNB", "SOL"];

/// A row of a ledger.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    symbol: &'static str,
    side: &'static str,
    size: String,
    price: String,
    micros: i64,
    fee_usd: Option<String>,
    /// In the order of [`MORE_COLUMNS`].
    more: [Option<String>; MORE_COLUMNS.len()],
}

/// Numbers of few and of many digits; some products have more digits than a size may have.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1_u128..5_000, 0_usize..4).prop_map(|(units, decimals)| decimal(units, decimals)),
        4 => (1_u128..10_u128.pow(11), 6_usize..9).prop_map(|(u, d)| decimal(u, d)),
        1 => (1_u128..10_u128.pow(16), 10_usize..17).prop_map(|(u, d)| decimal(u, d)),
        1 => Just("0.000000000000000000000001".to_owned()),
    ]
}

/// The columns of a fee: in dollars, in an asset, or none.
type FeeCells = (Option<String>, [Option<String>; 3]);

fn fee() -> impl Strategy<Value = FeeCells> {
    let amount = prop_oneof![
        6 => (0_u128..3_000).prop_map(|units| decimal(units, 4)),
        1 => number(),
    ];
    let stated = prop::option::weighted(0.2, (0_u128..900).prop_map(|units| decimal(units, 2)));
    let signed = (amount, stated, prop::bool::weighted(0.2));
    let asset = 0..FEE_ASSETS.len();
    let kind = prop_oneof![1 => Just(0), 2 => Just(1), 6 => Just(2)];
    (signed, asset, kind).prop_map(|((amount, stated, rebate), asset, kind)| {
        let sign = |amount: String| if rebate { format!("-{amount}") } else { amount };
        let amount = sign(amount);
        match (kind, FEE_ASSETS[asset]) {
            (0, _) => (None, [None, None, None]),
            (1, _) => (Some(amount), [None, None, None]),
            (_, "USD") => (None, [Some(amount), Some("USD".into()), None]),
            (_, asset) => (None, [Some(amount), Some(asset.into()), stated.map(sign)]),
        }
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let values = (
        prop::option::weighted(0.2, prop_oneof![9 => number(), 1 => Just("0".to_owned())]),
        prop::option::weighted(0.1, number()),
        prop::option::weighted(0.05, prop::sample::select(vec!["1", "100"])),
    );
    let price = prop_oneof![12 => number(), 1 => Just("0".to_owned())];
    let numbers = (number(), price, 0_i64..40);
    let row = (0..SYMBOLS.len(), any::<bool>(), numbers, fee(), values);
    let row = row.prop_map(|(symbol, is_buy, (size, price, hour), fee, values)| {
        let (fee_usd, [amount, currency, fee_value]) = fee;
        let (quote_value, usd_value, contract) = values;
        let mut more = [const { None }; MORE_COLUMNS.len()];
        more[3..8].clone_from_slice(&[quote_value, usd_value, amount, currency, fee_value]);
        more[8] = contract.map(str::to_owned);
        Row {
            id: String::new(),
            symbol: SYMBOLS[symbol],
            side: if is_buy { "buy" } else { "sell" },
            size,
            price,
            micros: START_MICROS + hour * HOUR_MICROS,
            fee_usd,
            more,
        }
    });
    prop::collection::vec(row, 1..25).prop_map(|mut rows| {
        for (place, row) in (0..).zip(&mut rows) {
            row.id = format!("t{place}");
        }
        rows
    })
}

/// Rates of some hours, with up to 28 digits; now and then an asset has none.
fn rates() -> impl Strategy<Value = Vec<Rate>> {
    let one = (
        0..RATED.len(),
        -20_i64..40,
        1_u128..10_u128.pow(9),
        0_usize..28,
    );
    let one = one.prop_map(|(asset, hour, units, decimals)| Rate {
        asset: RATED[asset].parse().unwrap(),
        currency: "USD".parse().unwrap(),
        at: Timestamp::try_from_micros(START_MICROS + hour * HOUR_MICROS).unwrap(),
        value: decimal(units, decimals.min(12)).parse().unwrap(),
        source: RateSource::Plain,
        import_id: 1,
        import_line: 1,
    });
    prop::collection::vec(one, 20..60).prop_map(|mut rates| {
        // Two values for one instant would be a conflict.
        rates.sort_by(|left, right| (&left.asset, left.at).cmp(&(&right.asset, right.at)));
        rates.dedup_by(|left, right| (&left.asset, left.at) == (&right.asset, right.at));
        rates
    })
}

fn book(rates: Vec<Rate>) -> RateBook {
    RateBook::try_new(RateRules::default(), rates).unwrap()
}

type Pools = BTreeMap<Pool, PoolLedger>;

fn take(rows: &[Row], rules: &AssetRules) -> (Pools, Pending) {
    let mut intake = Intake::new(rules, |_| true);
    for row in rows {
        let more = MoreText(std::array::from_fn(|at| row.more[at].as_deref()));
        let more = (!more.is_empty()).then_some(&more);
        let place = intake.place("main", row.symbol, more).unwrap();
        intake.push_text(
            place,
            &TradeText {
                order_id: &row.id,
                side: row.side,
                size: &row.size,
                price: &row.price,
                fee: row.fee_usd.as_deref(),
                order_time_micros: Some(row.micros),
                trade_seq: None,
                more,
            },
        );
    }
    intake.end().into_parts()
}

/// Takes rows in and enters what waits. Returns the pools and the trades that waited.
fn entered(rows: &[Row], rules: &AssetRules, book: &RateBook) -> (Pools, Vec<PendingTrade>) {
    let (mut pools, pending) = take(rows, rules);
    let rows = pending.iter().collect();
    enter(pending, rules, book, &|_| true, &mut pools);
    (pools, rows)
}

fn expected(pending: &[PendingTrade], rules: &AssetRules, book: &RateBook) -> ExpectedLegs {
    ExpectedLegs::of(pending.iter().cloned(), rules, book, &|_| true)
}

#[test]
fn a_second_way_gives_the_same_legs() {
    let rules = AssetRules::default();
    let [quotes, withheld, fees, rebates, refused, converted] = [const { Cell::new(0_u32) }; 6];
    let count = |counter: &Cell<u32>, is: bool| counter.set(counter.get() + u32::from(is));
    for_all(CASES, (rows(), rates()), |(rows, rates)| {
        let book = book(rates);
        let (pools, pending) = entered(&rows, &rules, &book);
        let unlike = expected(&pending, &rules, &book).check(&pools);
        prop_assert!(unlike.is_empty(), "{unlike:#?}");
        for pending in &pending {
            let Ok(legs) = legs_of(pending, &rules, &book) else {
                count(&refused, true);
                continue;
            };
            let size = legs.entries[0].1.size;
            let is = |leg| legs.entries.iter().any(|(_, entry)| entry.entry.leg == leg);
            let is_rebate = |entry: &Trade| (entry.entry.leg, entry.side) == (Leg::Fee, Side::Buy);
            count(&quotes, is(Leg::Quote));
            count(&withheld, size != pending.trade.size);
            count(&fees, is(Leg::Fee));
            count(
                &rebates,
                legs.entries.iter().any(|(_, entry)| is_rebate(entry)),
            );
            count(&converted, !legs.rates.is_empty());
        }
        Ok(())
    });
    let counts = [quotes, withheld, fees, rebates, refused, converted].map(Cell::into_inner);
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

/// A pool as text: the rows of its matching, its open lots, and the rows that reject it.
fn told(pool: &Pool, ledger: &PoolLedger) -> Result<Vec<String>, TestCaseError> {
    let mut rejecting: Vec<String> = ledger.invalid.iter().map(|row| row.to_string()).collect();
    rejecting.sort();
    rejecting.push(ledger.ledger_hash.to_string());
    let matching = match_pool(pool.clone(), ledger.trades.to_vec().unwrap());
    let matching = matching.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(matching.self_check(), Ok(()));
    let rows = matching.rows().unwrap();
    let lots = matching.open_lots_with_buys().map(Result::unwrap);
    let lots = lots.map(|(buy, lot)| {
        let (id, leg) = (buy.order_id, buy.leg);
        format!("{id} {leg} {} {}", lot.remaining_size, lot.remaining_cost)
    });
    let rows = rows.iter().map(line).chain(lots);
    Ok(rejecting.into_iter().chain(rows).collect())
}

#[test]
fn the_order_of_rows_and_of_rates_does_not_matter() {
    let rules = AssetRules::default();
    let both = (rows(), rates()).prop_flat_map(|(rows, rates)| {
        let shuffled = (
            Just(rows.clone()).prop_shuffle(),
            Just(rates.clone()).prop_shuffle(),
        );
        (Just((rows, rates)), shuffled)
    });
    for_all(CASES / 2, both, |(one, other)| {
        let of = |(rows, rates): (Vec<Row>, Vec<Rate>)| {
            let (pools, _) = entered(&rows, &rules, &book(rates));
            let told = pools.iter().map(|(pool, ledger)| told(pool, ledger));
            let told: Result<Vec<_>, _> = told.collect();
            told.map(|told| (pools.keys().cloned().collect::<Vec<_>>(), told))
        };
        prop_assert_eq!(of(one)?, of(other)?);
        Ok(())
    });
}

fn fee_of(entry: &Trade) -> Usd {
    let fee = entry.fee.unwrap_or(Fee::ZERO);
    let (_, fee) = whole_worth(&Trade {
        fee: Some(fee),
        ..entry.clone()
    });
    fee
}

/// All slices of an entry and what is left of it: sizes, and amounts of the side that it is on.
pub(super) fn check_slices(pool: &Pool, ledger: &PoolLedger) -> Result<(), TestCaseError> {
    let trades = ledger.trades.to_vec().unwrap();
    let matching = match_pool(pool.clone(), trades.clone()).unwrap();
    let rows = matching.rows().unwrap();
    for entry in &trades {
        let key = (entry.order_id.as_str(), entry.entry.leg);
        let (mut size, mut cost, mut proceeds) = (Size::ZERO, Usd::ZERO, Usd::ZERO);
        for row in &rows {
            let is_sell = (row.sell_order_id, row.sell_leg) == key && entry.side == Side::Sell;
            let is_buy = row.buy_order_id == Some(key.0) && row.buy_leg == key.1;
            if is_sell || (is_buy && entry.side == Side::Buy) {
                size = add_sizes(size, row.allocated_size).unwrap();
                proceeds = proceeds.checked_add(row.proceeds_usd).unwrap();
                let of_row = row.cost_basis_usd.unwrap_or(Usd::ZERO);
                cost = cost.checked_add(of_row).unwrap();
            }
        }
        for (buy, lot) in matching.open_lots_with_buys().map(Result::unwrap) {
            if (buy.order_id, buy.leg) == key {
                size = add_sizes(size, lot.remaining_size).unwrap();
                cost = cost.checked_add(lot.remaining_cost).unwrap();
            }
        }
        prop_assert_eq!(size, entry.size);
        let value = entry.gross_of_first(entry.size).unwrap();
        prop_assert!(entry.entry.value.is_none_or(|stated| stated == value));
        match entry.side {
            Side::Sell => prop_assert_eq!(proceeds, value),
            Side::Buy => prop_assert_eq!(cost, value.checked_add(fee_of(entry)).unwrap()),
        }
    }
    Ok(())
}

/// Tells whether the given asset has the value of the received one. A withheld fee lies between. No
/// value is below zero.
fn check_trade(pending: &PendingTrade, entries: &[(fifo_pnl::engine::Asset, Trade)]) -> bool {
    let main = |side| {
        let mut legs = entries.iter().map(|(_, entry)| entry);
        legs.find(|entry| entry.entry.leg != Leg::Fee && entry.side == side)
    };
    let value = |entry: &Trade| entry.entry.value.unwrap();
    let fee_leg = entries
        .iter()
        .find(|(_, entry)| entry.entry.leg == Leg::Fee);
    let withheld = pending
        .trade
        .more
        .as_ref()
        .and_then(|more| more.fee.as_ref());
    let withheld = withheld.filter(|_| fee_leg.is_none());
    let is_conserved = match (main(Side::Sell), main(Side::Buy)) {
        (Some(given), Some(received)) => {
            let is_withheld = withheld.is_some_and(|fee| {
                let received = entries.iter().find(|(_, entry)| entry == received);
                received.is_some_and(|(asset, _)| *asset == fee.currency) && fee.amount > Fee::ZERO
            });
            let fee = if is_withheld {
                fee_of(given)
            } else {
                Usd::ZERO
            };
            received.fee == Some(Fee::ZERO)
                && value(given) == value(received).checked_add(fee).unwrap()
        }
        _ => true,
    };
    // A fee that leaves as a leg is borne by the main leg, to the last digit.
    let bears = main(Side::Sell).or(main(Side::Buy)).unwrap();
    let is_borne = fee_leg.is_none_or(|(_, leg)| {
        let fee = fee_of(bears);
        let expected = match leg.side {
            Side::Sell => value(leg),
            Side::Buy => Usd::ZERO.checked_sub(value(leg)).unwrap(),
        };
        fee == expected
    });
    // No lot costs less than nothing, and no sale brings less.
    let mut values = entries.iter().map(|(_, entry)| value(entry));
    is_conserved && is_borne && values.all(|value| value >= Usd::ZERO)
}

#[test]
fn no_dollar_is_lost_between_pools() {
    let rules = AssetRules::default();
    for_all(CASES / 2, (rows(), rates()), |(rows, rates)| {
        let book = book(rates);
        let (pools, pending) = entered(&rows, &rules, &book);
        for (pool, ledger) in &pools {
            check_slices(pool, ledger)?;
        }
        for pending in &pending {
            if let Ok(legs) = legs_of(pending, &rules, &book) {
                prop_assert!(check_trade(pending, &legs.entries), "{pending:?} {legs:?}");
            }
        }
        Ok(())
    });
}

/// Changes one entry of a pool in one way. `None`: removes it.
fn changed(entry: &Trade, way: usize) -> Option<Trade> {
    let mut entry = entry.clone();
    let smallest: Usd = "0.000000000001".parse().unwrap();
    let value = entry.entry.value.unwrap();
    match way {
        0 => entry.entry.value = Some(value.checked_add(smallest).unwrap()),
        1 => entry.entry.value = Some(value.checked_sub(smallest).unwrap()),
        2 => {
            let fee = entry.fee.map_or("0.01", |_| "0.000000000007");
            entry.fee = Some(fee.parse().unwrap());
        }
        3 => entry.fee = entry.fee.is_none().then_some(Fee::ZERO),
        4 => {
            let other = add_sizes(entry.size, "0.1".parse().unwrap()).unwrap();
            let half = sub_sizes(other, "0.05".parse().unwrap());
            entry.size = half.unwrap_or(other);
        }
        5 => {
            entry.side = if entry.side == Side::Buy {
                Side::Sell
            } else {
                Side::Buy
            }
        }
        6 => {
            let leg = if entry.entry.leg == Leg::Quote {
                Leg::Fee
            } else {
                Leg::Quote
            };
            entry.entry.leg = leg;
        }
        7 => {
            let later = entry.order_time.as_micros() + 1;
            entry.order_time = Timestamp::try_from_micros(later).unwrap();
        }
        8 => entry.trade_seq = Some(entry.trade_seq.map_or(1, |sequence| sequence + 1)),
        9 => entry.entry.symbol = Some("BTC-GBP".parse().unwrap()),
        10 => entry.order_id = format!("{}x", entry.order_id).parse().unwrap(),
        _ => return None,
    }
    Some(entry)
}

const WAYS: usize = 12;

#[test]
fn the_judge_finds_every_changed_leg() {
    let rules = AssetRules::default();
    let inputs = (rows(), rates(), any::<prop::sample::Index>(), 0..WAYS);
    let (found, all) = (Cell::new([0_u32; WAYS]), Cell::new(0_u32));
    for_all(CASES * 2, inputs, |(rows, rates, index, way)| {
        let book = book(rates);
        let (mut pools, pending) = entered(&rows, &rules, &book);
        let places = |(pool, ledger): (&Pool, &PoolLedger)| {
            let trades = (0..).zip(ledger.trades.iter());
            let with_value = trades.filter(|(_, trade)| trade.value.is_some());
            let places: Vec<(Pool, usize)> =
                with_value.map(|(place, _)| (pool.clone(), place)).collect();
            places
        };
        let places: Vec<(Pool, usize)> = pools.iter().flat_map(places).collect();
        if places.is_empty() {
            return Ok(());
        }
        let (pool, place) = index.get(&places);
        let ledger = pools.get_mut(pool).unwrap();
        let mut trades = ledger.trades.to_vec().unwrap();
        let order_id = trades[*place].order_id.clone();
        match changed(&trades[*place], way) {
            Some(entry) => trades[*place] = entry,
            None => {
                trades.remove(*place);
            }
        }
        let Ok(trades) = Trades::try_of(&trades) else {
            return Ok(());
        };
        ledger.trades = trades;
        let unlike = expected(&pending, &rules, &book).check(&pools);
        let of_pool = unlike.get(pool).cloned().unwrap_or_default();
        let names = |id: &str| id.starts_with(order_id.as_str());
        prop_assert!(
            of_pool
                .iter()
                .any(|it| it.invariant == Invariant::I17 && names(&it.order_id)),
            "way {way}: {unlike:?}"
        );
        prop_assert_eq!(unlike.len(), 1);
        let mut counts = found.get();
        counts[way] += 1;
        found.set(counts);
        all.set(all.get() + 1);
        Ok(())
    });
    let counts = found.into_inner();
    assert!(
        counts.iter().all(|count| *count > 10),
        "{counts:?} of {all:?}"
    );
}
