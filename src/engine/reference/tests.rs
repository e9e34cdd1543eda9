use super::*;
use crate::engine::trade::TradeText;

fn trade(id: &str, side: &str, size: &str, price: &str, fee: Option<&str>, at: i64) -> Trade {
    Trade::try_from_text(&TradeText {
        order_id: id,
        side,
        size,
        price,
        fee,
        order_time_micros: Some(at),
        trade_seq: None,
        more: None,
    })
    .unwrap()
}

/// The figures are worked out by hand, not copied from a run.
#[test]
fn a_sell_over_two_lots_leaves_a_rest_and_an_open_lot() {
    let trades = [
        trade("s2", "sell", "2", "5", None, 9),
        trade("b1", "buy", "1", "2", Some("0.10"), 1),
        trade("s1", "sell", "3", "4", Some("0.1"), 3),
        trade("b2", "buy", "4", "3", None, 2),
        trade("s0", "sell", "1", "7", Some("0"), 0),
    ];
    let matching = match_pool(&trades).unwrap();
    let pool = Pool::new("a".parse().unwrap(), "X".parse().unwrap());
    let lines: Vec<String> = matching
        .allocations
        .iter()
        .map(|allocation| {
            let mut line = Vec::new();
            let row = allocation.row(&pool, &trades, &[]).unwrap();
            row.write_line(&mut line);
            String::from_utf8(line).unwrap()
        })
        .collect();
    let time = |micros: u8| format!("1970-01-01T00:00:00.00000{micros}Z");
    let (t0, t1, t2, t3, t9) = (time(0), time(1), time(2), time(3), time(9));
    let third = "0.033333333333333333";
    assert_eq!(
        lines,
        [
            format!("a,X,s0,,1,,7,,0,,7,7,,,{t0},unmatched,X,,,,,\n"),
            format!(
                "a,X,s1,b1,1,2,4,0.1,{third},2.1,4,3.966666666667,1.866666666667,{t1},{t3},,X,,\
                 ,,,\n"
            ),
            format!(
                "a,X,s1,b2,2,3,4,,{third},6,8,7.933333333333,1.933333333333,{t2},{t3},\
                 buy_fee_unknown,X,,,,,\n"
            ),
            format!(
                "a,X,s2,b2,2,3,5,,,6,10,10,4,{t2},{t9},buy_fee_unknown;sell_fee_unknown,X,,,,,\n"
            ),
        ]
    );
    assert_eq!(matching.open_lots, []);
    assert_eq!(matching.order, [4, 1, 3, 2, 0]);
}

#[test]
fn what_is_left_costs_what_was_not_used() {
    let trades = [
        trade("b1", "buy", "3", "1", Some("0.1"), 1),
        trade("b2", "buy", "1", "2", Some("-0.5"), 3),
        trade("s1", "sell", "1", "4", None, 2),
    ];
    let open = match_pool(&trades).unwrap().open_lots;
    let lot = |buy, size: &str, cost: &str| ReferenceLot {
        buy,
        remaining_size: size.parse().unwrap(),
        remaining_cost_usd: cost.parse().unwrap(),
        changed: None,
    };
    assert_eq!(open, [lot(0, "2", "2.066666666667"), lot(1, "1", "1.5")]);
}
