use std::sync::Arc;

use super::*;
use crate::engine::canonical::write_trade_line;
use crate::engine::facts::{MORE_COLUMNS, MoreFacts, MoreText};
use crate::engine::ids::Pool;
use crate::engine::leg::Entry;
use crate::engine::number::Usd;
use crate::engine::time::Timestamp;

fn trade(id: &str, side: Side, size: &str, price: &str, fee: Option<&str>) -> Trade {
    Trade {
        order_id: id.parse().unwrap(),
        side,
        size: size.parse().unwrap(),
        price: price.parse().unwrap(),
        fee: fee.map(|fee| fee.parse().unwrap()),
        order_time: Timestamp::EPOCH,
        trade_seq: None,
        more: None,
        entry: Entry::default(),
    }
}

/// A sell, then a buy, at one instant by their sequence. In a pool that may not go short, the side
/// comes first.
#[test]
fn the_last_trade_is_that_of_the_order_of_the_pool() {
    for (shorts, last) in [(true, "b"), (false, "s")] {
        let pool = Pool::new(Default::default(), "X".parse().unwrap());
        let mut ledger = crate::engine::PoolLedger::new(pool);
        ledger.shorts = shorts;
        for (id, side, seq) in [("s", Side::Sell, 1), ("b", Side::Buy, 2)] {
            let one = Trade {
                trade_seq: Some(seq),
                ..trade(id, side, "1", "1", None)
            };
            ledger.push(&TradeRef::try_of(&one).unwrap()).unwrap();
        }
        assert_eq!(ledger.last_trade().unwrap().order_id.as_str(), last);
    }
}

#[test]
fn trades_come_back_as_they_went_in() {
    let large = "9999999999999999999999999999";
    let mut trades = vec![
        trade("a", Side::Buy, "0.5", "30000", Some("-0.01")),
        trade(
            "b",
            Side::Sell,
            large,
            "0.0000000000000000000000000001",
            None,
        ),
        trade(
            &"x".repeat(255),
            Side::Sell,
            "1",
            "0",
            Some(&format!("-{large}")),
        ),
        trade(
            "c",
            Side::Buy,
            "123456.789012345678901234",
            "3456.78",
            Some("0"),
        ),
    ];
    trades[0].trade_seq = Some(i64::MIN);
    trades[3].trade_seq = Some(0);
    // More symbols than the packed form has bits for, and all legs.
    for nth in 0..40_u32 {
        let mut more = trade(&format!("m{nth}"), Side::Buy, "1", "2", Some("0.5"));
        more.entry.symbol = Some(format!("S{}", nth % 20).parse().unwrap());
        if nth % 3 == 0 {
            more.entry.leg = Leg::Fee;
            more.entry.value = Some(Usd::from_units(i128::from(nth) - 7));
        }
        trades.push(more);
    }
    let packed = Trades::try_of(&trades).unwrap();
    assert_eq!(packed.len(), 44);
    assert_eq!(packed.to_vec().unwrap(), trades);
    assert_eq!(packed.last().unwrap().order_id, "m39");
}

#[test]
fn legs_with_values_come_back_as_they_went_in() {
    let word = i128::from(i64::MAX);
    let values = [0, 1, -1, word, word + 1, -word - 2].map(Usd::from_units);
    let fees = [
        None,
        Some("0"),
        Some("0.25"),
        Some("-9999999999999999999.5"),
    ];
    let mut trades = Vec::new();
    for leg in [Leg::Base, Leg::Quote, Leg::Fee] {
        for (symbol, value) in (0..).zip(values.iter().cycle().take(20)) {
            for fee in fees {
                let id = format!("{leg}-{symbol}-{}", trades.len());
                let mut trade = trade(&id, Side::Sell, "0.5", "0", fee);
                trade.entry = Entry {
                    symbol: Some(format!("S{symbol}").parse().unwrap()),
                    leg,
                    value: Some(*value),
                    moved: None,
                };
                trades.push(trade);
            }
        }
    }
    let mut packed = Trades::try_of(&trades).unwrap();
    assert_eq!(packed.to_vec().unwrap(), trades);
    // Values of 64 bits take no room of their own, unless a fee and a large symbol number do.
    let is_beyond = |trade: &Trade| {
        let value = trade.entry.value.map_or(0, Usd::units);
        let number = trade.entry.symbol.as_ref().unwrap().as_str()[1..]
            .parse::<u32>()
            .unwrap()
            + 1;
        let fee = trade.fee.map(|fee| fee.to_string()).unwrap_or_default();
        i64::try_from(value).is_err()
            || fee.starts_with("-9")
            || (number >= 8 && fee.starts_with("0.2"))
    };
    let beyond = trades.iter().filter(|trade| is_beyond(trade)).count();
    assert_eq!(packed.beyond.len(), beyond);
    packed.sort(false);
    trades.sort_by(Trade::cmp_in_pool);
    assert_eq!(packed.to_vec().unwrap(), trades);
}

/// Makes trades with all kinds of facts, the later the earlier in the list.
fn trades_with_facts() -> Vec<Trade> {
    let large = "-9999999999999999999999999999";
    let cells: [[(&str, &str); 4]; 6] = [
        [
            ("fee_amount", "0.0012"),
            ("fee_currency", "BNB"),
            ("", ""),
            ("", ""),
        ],
        [
            ("fee_amount", large),
            ("fee_currency", "BNB"),
            ("", ""),
            ("", ""),
        ],
        [
            ("fee_amount", "1"),
            ("fee_currency", "KFEE"),
            ("fee_usd_value", "0.01"),
            ("", ""),
        ],
        [
            ("fee_amount", "-2.5"),
            ("fee_currency", "SHIB"),
            ("", ""),
            ("", ""),
        ],
        [
            ("base_asset", "BTC"),
            ("quote_currency", "EUR"),
            ("quote_value", "7"),
            ("", ""),
        ],
        [
            ("fee_amount", "3"),
            ("fee_currency", "BNB"),
            ("asset_class", "crypto"),
            ("contract_size", "10"),
        ],
    ];
    let mut trades = Vec::new();
    for (nth, cells) in cells.iter().cycle().take(24).enumerate() {
        let text = |column: &&'static str| {
            let found = cells.iter().find(|(name, _)| name == column);
            found.map(|(_, text)| *text)
        };
        let text = MoreText(MORE_COLUMNS.each_ref().map(text));
        let (facts, _) = MoreFacts::try_of(&text, false).unwrap();
        let mut trade = trade(&format!("t{nth}"), Side::Buy, "1", "2", None);
        trade.order_time = Timestamp::try_from_micros(100 - nth as i64).unwrap();
        trade.more = (nth % 5 != 4).then(|| Arc::new(facts.unwrap()));
        trades.push(trade);
    }
    trades
}

#[test]
fn facts_come_back_as_they_went_in_after_sorting() {
    let mut trades = trades_with_facts();
    let mut packed = Trades::try_of(&trades).unwrap();
    assert_eq!(packed.to_vec().unwrap(), trades);
    packed.sort(false);
    trades.reverse();
    assert_eq!(packed.to_vec().unwrap(), trades);
    let owned = (0..trades.len()).map(|nth| packed.owned(nth).unwrap());
    assert!(owned.eq(trades.iter().cloned()));
    // A list of the packed trades keeps the facts, and the line of each is the same.
    let mut again = Trades::new();
    packed.iter().for_each(|trade| again.push(&trade).unwrap());
    assert_eq!(again, packed);
    let pool = Pool::new("main".parse().unwrap(), "BTC".parse().unwrap());
    for (packed, trade) in again.iter().zip(&trades) {
        let (mut line, mut expected) = (Vec::new(), Vec::new());
        write_trade_line(&pool, &packed, &mut line);
        write_trade_line(&pool, &TradeRef::try_of(trade).unwrap(), &mut expected);
        assert_eq!(line, expected);
    }
}

#[test]
fn sorting_is_the_order_of_single_trades() {
    let mut trades = Vec::new();
    for (nth, id) in ["b", "a", "10", "9", "9~2", "c", "B"]
        .into_iter()
        .enumerate()
    {
        for (side, seq) in [
            (Side::Sell, None),
            (Side::Buy, Some(nth as i64)),
            (Side::Buy, None),
        ] {
            trades.push(Trade {
                trade_seq: seq,
                ..trade(id, side, "1", "1", None)
            });
        }
    }
    let mut packed = Trades::try_of(&trades).unwrap();
    packed.sort(false);
    trades.sort_by(Trade::cmp_in_pool);
    assert_eq!(packed.to_vec().unwrap(), trades);
    let pairs: Vec<_> = packed.iter().collect();
    assert!(
        pairs
            .windows(2)
            .all(|pair| pair[0].place() < pair[1].place())
    );
}

#[test]
fn an_id_twice_is_found_whatever_its_length() {
    for length in [1, 7, 8, 9, 36] {
        let id = |last: char| format!("{}{last}", "i".repeat(length - 1));
        let buy = |id: &str| trade(id, Side::Buy, "1", "1", None);
        let one = Trades::try_of(&[buy(&id('a')), buy(&id('b'))]).unwrap();
        assert_eq!(one.repeated_id(), None);
        let two = Trades::try_of(&[buy(&id('a')), buy(&id('b')), buy(&id('a'))]).unwrap();
        assert_eq!(two.repeated_id(), Some(id('a').as_str()));
    }
}

#[test]
fn a_row_that_is_no_trade_is_an_error_and_not_left_out() {
    let trades = ["a", "b"].map(|id| trade(id, Side::Buy, "1", "2", None));
    let mut packed = Trades::try_of(&trades).unwrap();
    packed.rows[1].size = -1;
    let error = packed.to_vec().unwrap_err();
    assert_eq!(error.to_string(), "order \"b\": size is negative");
}
